//! Tokens: counted for filters and for the account, and how traces that have too many are cut.

use std::sync::Arc;

use tracemill_curate::{TokenCounts, Tokenizer};
use tracemill_formats::{Loss, Losses};
use tracemill_model::Trace;

/// The setting.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) tokenizer: Arc<dyn Tokenizer>,
    /// What is longer is cut.
    pub(crate) limit: Option<u64>,
}

/// What a limit leaves of a trace.
pub(crate) enum Kept<'a> {
    /// Everything.
    Whole,
    /// Its beginning, up to a turn of the assistant.
    Beginning(Box<Trace<'a>>),
    /// Nothing: there is no such turn within it.
    Nothing,
}

impl Tokens {
    pub(crate) fn of(&self, trace: &Trace<'_>) -> TokenCounts {
        TokenCounts::of(trace, &*self.tokenizer)
    }

    /// Cuts a trace that is too long; notes every message that is cut off as lost.
    pub(crate) fn cut<'a>(&self, trace: &Trace<'a>, counts: &TokenCounts, losses: &mut Losses) -> Kept<'a> {
        let messages = trace.messages();
        let within = self
            .limit
            .map_or(Some(messages.len()), |limit| counts.within(limit, messages));
        match within {
            None => Kept::Nothing,
            Some(all) if all == messages.len() => Kept::Whole,
            Some(kept) => {
                for index in kept..messages.len() {
                    losses.note(Loss::Truncated, index);
                }
                let mut trace = trace.clone();
                trace.messages_mut().truncate(kept);
                Kept::Beginning(Box::new(trace))
            }
        }
    }
}
