//! What pairing needs to know of one trace, small enough to be kept for all of them.

use tracemill_model::Trace;

use super::common::PromptScratch;
use super::digests::Digest;
use super::mode::{Completion, PromptMode};
use super::said::link;
use super::split::Split;
use crate::candidate::CompletionFact;
use crate::score::ScoreValue;

/// What pairing needs to know of one trace: made of the trace by whoever reads it, kept in place of it.
///
/// The digests are 128 bits, the same on every platform; another version may have others. Traces with the same prompt or the
/// same completion always have the same digest of it; that digests are equal is confirmed where pairs are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateFacts {
    score: Option<ScoreValue>,
    trial: Option<u64>,
    prompt: u128,
    completion: CompletionFact,
}

impl CandidateFacts {
    /// Facts put together again from what an index kept of them.
    pub fn new(
        score: Option<ScoreValue>,
        trial: Option<u64>,
        prompt: u128,
        completion: CompletionFact,
    ) -> CandidateFacts {
        CandidateFacts {
            score,
            trial,
            prompt,
            completion,
        }
    }

    /// The score that the caller selected, if the trace was judged.
    pub fn score(&self) -> Option<ScoreValue> {
        self.score
    }

    /// Which try it was, where the trace says so.
    pub fn trial(&self) -> Option<u64> {
        self.trial
    }

    /// The digest that traces share when they can share a prompt; 0 where the prompt does not matter.
    pub fn prompt(&self) -> u128 {
        self.prompt
    }

    /// What is known of the completion.
    pub fn completion(&self) -> CompletionFact {
        self.completion
    }
}

impl PromptMode {
    /// What pairing needs to know of a trace with this score.
    ///
    /// Takes one pass over what is said, and allocates nothing once the scratch has grown (but for arguments that
    /// should be JSON and are not).
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::{CompletionFact, PromptMode, PromptScratch, ScoreSelection};
    ///
    /// let line = r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":""}],"score":0.5}"#;
    /// let trace = Trace::from_json(line)?;
    /// let score = ScoreSelection::Mean.of(&trace).ok();
    /// let facts = PromptMode::Exact.facts(&trace, score, &mut PromptScratch::new());
    /// assert_eq!(facts.score().map(|score| score.get()), Some(0.5));
    /// assert_eq!(facts.completion(), CompletionFact::Empty);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn facts(
        self,
        trace: &Trace<'_>,
        score: Option<ScoreValue>,
        scratch: &mut PromptScratch,
    ) -> CandidateFacts {
        let messages = trace.messages();
        // The turn in which a trace differs from another may be any: it is empty when all of them are.
        let reach = match self {
            PromptMode::CommonPrefix(_) => PromptMode::CommonPrefix(Completion::Rest),
            other => other,
        };
        let split = reach
            .split(messages)
            .filter(|split| split.says_something(messages));
        let (prompt, completion) = match split {
            Some(split) => self.digests(trace, split, scratch),
            None => (0, CompletionFact::Empty),
        };
        CandidateFacts::new(score, trace.trial(), prompt, completion)
    }

    fn digests(self, trace: &Trace<'_>, split: Split, scratch: &mut PromptScratch) -> (u128, CompletionFact) {
        let messages = trace.messages();
        let (links, embedded) = (&mut scratch.links[0], &mut scratch.embedded[0]);
        link(messages, links);
        let prompt = match self {
            PromptMode::Task => 0,
            PromptMode::Exact | PromptMode::CommonPrefix(_) => {
                let mut digest = Digest::new(embedded);
                digest.tools(trace.tools().unwrap_or_default());
                digest.messages(messages, split.prompt(), links);
                digest.finish()
            }
        };
        if self == PromptMode::CommonPrefix(Completion::Turn) {
            return (prompt, CompletionFact::Compared);
        }
        let mut digest = Digest::new(embedded);
        digest.messages(messages, split.learnt(messages), links);
        (prompt, CompletionFact::Digest(digest.finish()))
    }
}
