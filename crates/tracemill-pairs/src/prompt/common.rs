//! Whether two traces say the same, and how far.

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{Arguments, Links, Message, ToolCall, Trace};

use super::mode::PromptMode;
use super::said::{answered, link, pieces, value_of};
use super::sides::PairSides;
use super::split::{Split, is_user, turn_begins};

/// The buffers of prompt identity, reused from trace to trace: once they have grown, nothing is allocated.
///
/// One for each thread.
#[derive(Debug, Default)]
pub struct PromptScratch {
    pub(super) links: [Links; 2],
    pub(super) embedded: [EmbeddedJson; 2],
    /// Of two traces that make a pair by themselves.
    pub(super) sides: PairSides,
}

impl PromptScratch {
    /// Empty buffers.
    pub fn new() -> PromptScratch {
        PromptScratch::default()
    }
}

impl PromptMode {
    /// Whether two traces have the same prompt: the true comparison behind equal digests.
    ///
    /// With [`PromptMode::CommonPrefix`], whether they share any prompt; with [`PromptMode::Task`], whether the
    /// prompts that the group takes for the same are the same. A trace without a completion shares none.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::{PromptMode, PromptScratch};
    ///
    /// let a = Trace::from_json(r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]}"#)?;
    /// let b = Trace::from_json(r#"{"messages":[{"role":"user","content":[{"type":"text","text":"2+2?"}]},
    ///     {"role":"assistant","content":"5"}],"tools":[]}"#)?;
    /// let mut scratch = PromptScratch::new();
    /// assert!(PromptMode::Exact.same_prompt(&a, &b, &mut scratch));
    /// assert!(!PromptMode::Exact.same_completion(&a, &b, &mut scratch));
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn same_prompt(self, a: &Trace<'_>, b: &Trace<'_>, scratch: &mut PromptScratch) -> bool {
        let mut both = Both::linking([a, b], scratch);
        let splits = both.splits(self);
        splits.is_some_and(|splits| both.same_prompt(splits))
    }

    /// Whether two traces have the same completion: the true comparison for
    /// [`Group::with_comparison`](crate::Group::with_comparison).
    ///
    /// Completions are compared up to their last assistant message. With [`PromptMode::CommonPrefix`] they are
    /// those behind the prompt that the two share; if they share none, their completions are not the same.
    pub fn same_completion(self, a: &Trace<'_>, b: &Trace<'_>, scratch: &mut PromptScratch) -> bool {
        let mut both = Both::linking([a, b], scratch);
        let splits = both.splits(self);
        splits.is_some_and(|splits| both.same_completion(splits))
    }
}

/// Two traces to compare.
pub(super) struct Both<'b, 'e> {
    traces: [&'b Trace<'e>; 2],
    links: [&'b Links; 2],
    embedded: &'b mut [EmbeddedJson; 2],
}

impl<'b, 'e> Both<'b, 'e> {
    /// Two traces whose results are matched with their calls already.
    pub(super) fn new(
        traces: [&'b Trace<'e>; 2],
        links: [&'b Links; 2],
        embedded: &'b mut [EmbeddedJson; 2],
    ) -> Self {
        Both {
            traces,
            links,
            embedded,
        }
    }

    fn linking(traces: [&'b Trace<'e>; 2], scratch: &'b mut PromptScratch) -> Self {
        let PromptScratch { links, embedded, .. } = scratch;
        for (trace, links) in traces.iter().zip(&mut *links) {
            link(trace.messages(), links);
        }
        Both::new(traces, links.each_ref(), embedded)
    }

    fn messages(&self) -> [&'b [Message<'e>]; 2] {
        self.traces.map(Trace::messages)
    }

    /// Where both are split; `None` if one has no completion, or if they were to share a prompt and do not.
    pub(super) fn splits(&mut self, mode: PromptMode) -> Option<[Split; 2]> {
        let [a, b] = self.messages();
        let PromptMode::CommonPrefix(completion) = mode else {
            return Some([mode.split(a)?, mode.split(b)?]);
        };
        let at = self.shared_prompt()?;
        Some([Split::at(a, at, completion), Split::at(b, at, completion)])
    }

    /// The longest common beginning that holds a user message and behind which both go on with an assistant turn.
    pub(super) fn shared_prompt(&mut self) -> Option<usize> {
        if !self.same_tools() {
            return None;
        }
        let [a, b] = self.messages();
        let shorter = a.len().min(b.len());
        let common = (0..shorter)
            .find(|&index| !self.same_message([index; 2]))
            .unwrap_or(shorter);
        let user = a[..common].iter().position(is_user)?;
        (user + 1..=common).rfind(|&at| turn_begins(a, at) && turn_begins(b, at))
    }

    pub(super) fn same_prompt(&mut self, splits: [Split; 2]) -> bool {
        self.same_tools() && self.same_messages(splits.map(Split::prompt))
    }

    pub(super) fn same_completion(&mut self, splits: [Split; 2]) -> bool {
        let [a, b] = self.messages();
        let [in_a, in_b] = splits;
        self.same_messages([in_a.learnt(a), in_b.learnt(b)])
    }

    fn same_tools(&self) -> bool {
        let [a, b] = self.traces.map(|trace| trace.tools().unwrap_or_default());
        a == b
    }

    pub(super) fn same_messages(&mut self, [in_a, in_b]: [Range<usize>; 2]) -> bool {
        in_a.len() == in_b.len() && in_a.zip(in_b).all(|(a, b)| self.same_message([a, b]))
    }

    fn same_message(&mut self, [in_a, in_b]: [usize; 2]) -> bool {
        let [a, b] = self.messages();
        let links = self.links;
        let (first, second) = (&a[in_a], &b[in_b]);
        first.role() == second.role()
            && first.name() == second.name()
            && pieces(first.content()).eq(pieces(second.content()))
            && answered(a, in_a, links[0]) == answered(b, in_b, links[1])
            && self.same_calls([first.tool_calls(), second.tool_calls()])
    }

    fn same_calls(&mut self, [a, b]: [&[ToolCall<'_>]; 2]) -> bool {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|(a, b)| a.name() == b.name() && self.same_arguments([a.arguments(), b.arguments()]))
    }

    fn same_arguments(&mut self, [a, b]: [&Arguments<'_>; 2]) -> bool {
        // Nearly always both are texts of one writer, and equal without being looked into.
        if a == b {
            return true;
        }
        let [first, second] = &mut *self.embedded;
        match (value_of(a, first), value_of(b, second)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        }
    }
}
