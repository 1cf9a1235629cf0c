//! From two traces to the example that an encoder takes.

use tracemill_model::{Preference, Side, Span, Trace};

use super::common::PromptScratch;
use super::digests::Digest;
use super::mode::PromptMode;
use super::said::link;
use super::split::Split;
use crate::group::ScoredPair;
use crate::reason::SkipReason;

/// A prompt with a chosen and a rejected completion: ranges of two traces, nothing copied.
#[derive(Clone, Copy, Debug)]
pub struct TracePair<'e> {
    pub(super) chosen: &'e Trace<'e>,
    pub(super) rejected: &'e Trace<'e>,
    pub(super) splits: [Split; 2],
    pub(super) prompts_differ: bool,
}

impl PromptMode {
    /// Makes the pair of two traces that were taken for one.
    ///
    /// Everything that digests had vouched for is compared here, so that no collision makes a pair. For many pairs of
    /// one group, [`sides`](PromptMode::sides) looks at each trace once.
    ///
    /// # Errors
    ///
    /// Why the two are no pair, to be [withdrawn](crate::PairCounts::withdraw) from the account:
    /// [`SkipReason::EmptyCompletion`] when one has nothing that could be trained on,
    /// [`SkipReason::PromptMismatch`] when they share no prompt, [`SkipReason::IdenticalCompletion`] when their
    /// completions are the same.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::{PromptMode, PromptScratch, SkipReason};
    ///
    /// let trace = |answer: &str| format!(r#"{{"messages":[{{"role":"user","content":"2+2?"}},
    ///     {{"role":"assistant","content":"{answer}"}},{{"role":"user","content":"bye"}}]}}"#);
    /// let texts = [trace("4"), trace("5"), trace("")];
    /// let traces = [Trace::from_json(&texts[0])?, Trace::from_json(&texts[1])?, Trace::from_json(&texts[2])?];
    /// let mut scratch = PromptScratch::new();
    ///
    /// let pair = PromptMode::Exact.pair(&traces[0], &traces[1], &mut scratch).map_err(SkipReason::code)?;
    /// assert_eq!(pair.prompt().messages().len(), 1);
    /// assert_eq!(pair.rejected().messages().len(), 1);
    /// let same = PromptMode::Exact.pair(&traces[0], &traces[0], &mut scratch);
    /// assert_eq!(same.err(), Some(SkipReason::IdenticalCompletion));
    /// let empty = PromptMode::Exact.pair(&traces[0], &traces[2], &mut scratch);
    /// assert_eq!(empty.err(), Some(SkipReason::EmptyCompletion));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pair<'e>(
        self,
        chosen: &'e Trace<'e>,
        rejected: &'e Trace<'e>,
        scratch: &mut PromptScratch,
    ) -> Result<TracePair<'e>, SkipReason> {
        let mut buffer = std::mem::take(&mut scratch.sides);
        let pair = self
            .sides(&[Some(chosen), Some(rejected)], &mut buffer)
            .pair(0, 1, scratch);
        scratch.sides = buffer;
        pair
    }
}

impl<'e> TracePair<'e> {
    /// The prompt, as the chosen side has it.
    pub fn prompt(&self) -> Span<'e> {
        Span::new(self.chosen, self.splits[0].prompt())
    }

    /// The chosen completion.
    pub fn chosen(&self) -> Span<'e> {
        Span::new(self.chosen, self.splits[0].completion())
    }

    /// The rejected completion.
    pub fn rejected(&self) -> Span<'e> {
        Span::new(self.rejected, self.splits[1].completion())
    }

    /// Whether the rejected side saw another prompt or other tools, which only [`PromptMode::Task`] lets pass: the
    /// loss `prompt-differs`.
    pub fn prompts_differ(&self) -> bool {
        self.prompts_differ
    }

    /// The example that encoders take, with the scores by which the two were paired.
    pub fn preference(&self, scored: &ScoredPair) -> Preference<'e> {
        Preference {
            prompt: self.prompt(),
            chosen: Side {
                completion: self.chosen(),
                score: Some(scored.chosen_score().get()),
            },
            rejected: Side {
                completion: self.rejected(),
                score: Some(scored.rejected_score().get()),
            },
        }
    }

    /// A digest of what the pair says: tools, prompt, chosen and rejected completion, but neither scores nor
    /// metadata. By it [`SeenPairs`](crate::SeenPairs) finds duplicates.
    pub fn digest(&self, scratch: &mut PromptScratch) -> u128 {
        let links = &mut scratch.links[0];
        let [in_chosen, in_rejected] = self.splits;
        let mut digest = Digest::new(&mut scratch.embedded[0]);
        let messages = self.chosen.messages();
        link(messages, links);
        digest.tools(self.chosen.tools().unwrap_or_default());
        digest.messages(messages, in_chosen.prompt(), links);
        digest.mark(b'C');
        digest.messages(messages, in_chosen.learnt(messages), links);
        digest.mark(b'R');
        let messages = self.rejected.messages();
        link(messages, links);
        digest.messages(messages, in_rejected.learnt(messages), links);
        digest.finish()
    }
}
