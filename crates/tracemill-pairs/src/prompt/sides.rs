//! The traces of a group of which many pairs are made.

use std::ops::Range;

use tracemill_model::{Links, Trace};

use super::common::{Both, PromptScratch};
use super::facts::CandidateFacts;
use super::mode::PromptMode;
use super::pair::TracePair;
use super::said::link;
use super::split::Split;
use crate::candidate::CompletionFact;
use crate::reason::SkipReason;

/// What is known of the traces of a group that pairs are made of; a buffer, filled anew by [`PromptMode::sides`].
#[derive(Debug, Default)]
pub struct PairSides {
    list: Vec<Side>,
}

/// What is known of one trace.
#[derive(Debug, Default)]
struct Side {
    /// Where it is split by itself; `None` if it has no completion, or is missing.
    split: Option<Split>,
    /// Whether its completion says anything that could be learnt, and in which messages.
    says_something: bool,
    learnt: Range<usize>,
    /// What is known of what it says there.
    completion: CompletionFact,
    links: Links,
    /// A trace with the same prompt, towards the one that stands for all of them: that is the one that names itself.
    prompt: usize,
}

/// The traces of a group as sides of pairs: each is looked at once, and each prompt compared once with those it equals,
/// however many pairs are made.
#[derive(Debug)]
pub struct TraceSides<'s, 'e> {
    mode: PromptMode,
    traces: &'s [Option<&'e Trace<'e>>],
    sides: &'s mut [Side],
}

impl PromptMode {
    /// Looks at the traces of a group, of which pairs will be made; those that no pair needs may be missing.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::{PairSides, PromptMode, PromptScratch, SkipReason};
    ///
    /// let texts = ["4", "5", "4"].map(|answer| format!(
    ///     r#"{{"messages":[{{"role":"user","content":"2+2?"}},{{"role":"assistant","content":"{answer}"}}]}}"#,
    /// ));
    /// let traces = [Trace::from_json(&texts[0])?, Trace::from_json(&texts[1])?, Trace::from_json(&texts[2])?];
    /// let group = traces.each_ref().map(Some);
    /// let (mut buffer, mut scratch) = (PairSides::default(), PromptScratch::new());
    /// let mut sides = PromptMode::Exact.sides(&group, &mut buffer);
    /// assert!(sides.pair(0, 1, &mut scratch).is_ok());
    /// assert_eq!(sides.pair(0, 2, &mut scratch).err(), Some(SkipReason::IdenticalCompletion));
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn sides<'s, 'e>(
        self,
        traces: &'s [Option<&'e Trace<'e>>],
        buffer: &'s mut PairSides,
    ) -> TraceSides<'s, 'e> {
        let list = &mut buffer.list;
        if list.len() < traces.len() {
            list.resize_with(traces.len(), Side::default);
        }
        let sides = &mut list[..traces.len()];
        for (number, (side, trace)) in sides.iter_mut().zip(traces).enumerate() {
            side.look(self, number, *trace);
        }
        TraceSides {
            mode: self,
            traces,
            sides,
        }
    }
}

impl Side {
    fn look(&mut self, mode: PromptMode, number: usize, trace: Option<&Trace<'_>>) {
        self.prompt = number;
        self.completion = CompletionFact::Compared;
        self.split = trace.and_then(|trace| mode.split(trace.messages()));
        let (Some(trace), Some(split)) = (trace, self.split) else {
            return;
        };
        self.says_something = split.says_something(trace.messages());
        self.learnt = split.learnt(trace.messages());
        link(trace.messages(), &mut self.links);
    }
}

impl<'e> TraceSides<'_, 'e> {
    /// Takes over what is known of these traces: completions that have different digests are not compared again.
    #[must_use]
    pub fn with_facts(self, facts: &[CandidateFacts]) -> Self {
        for (side, facts) in self.sides.iter_mut().zip(facts) {
            side.completion = facts.completion();
        }
        self
    }

    /// Makes the pair of two traces that were taken for one, by their positions.
    ///
    /// # Errors
    ///
    /// Why the two are no pair, as [`PromptMode::pair`] says; a trace that is missing says nothing.
    pub fn pair(
        &mut self,
        chosen: usize,
        rejected: usize,
        scratch: &mut PromptScratch,
    ) -> Result<TracePair<'e>, SkipReason> {
        let pair = [chosen, rejected];
        let [(a, in_a), (b, in_b)] = [self.side(chosen)?, self.side(rejected)?];
        let (splits, learnt, prompts_differ) = match self.mode {
            PromptMode::CommonPrefix(completion) => {
                let shared = self.both(pair, [a, b], scratch).shared_prompt();
                let at = shared.ok_or(SkipReason::PromptMismatch)?;
                let splits = [a, b].map(|trace| Split::at(trace.messages(), at, completion));
                if !splits[0].says_something(a.messages()) || !splits[1].says_something(b.messages()) {
                    return Err(SkipReason::EmptyCompletion);
                }
                let learnt = [splits[0].learnt(a.messages()), splits[1].learnt(b.messages())];
                (splits, learnt, false)
            }
            PromptMode::Exact | PromptMode::Task => {
                if pair.iter().any(|&side| !self.sides[side].says_something) {
                    return Err(SkipReason::EmptyCompletion);
                }
                let splits = [in_a, in_b];
                let differ = !self.same_prompt(pair, [a, b], splits, scratch);
                if differ && self.mode == PromptMode::Exact {
                    return Err(SkipReason::PromptMismatch);
                }
                let learnt = pair.map(|side| self.sides[side].learnt.clone());
                (splits, learnt, differ)
            }
        };
        if !self.differ(pair) && self.both(pair, [a, b], scratch).same_messages(learnt) {
            return Err(SkipReason::IdenticalCompletion);
        }
        Ok(TracePair {
            chosen: a,
            rejected: b,
            splits,
            prompts_differ,
        })
    }

    /// A trace, and where it is split by itself.
    fn side(&self, side: usize) -> Result<(&'e Trace<'e>, Split), SkipReason> {
        let trace = self.traces.get(side).copied().flatten();
        let split = self.sides.get(side).and_then(|side| side.split);
        trace.zip(split).ok_or(SkipReason::EmptyCompletion)
    }

    /// Whether two completions are known to differ.
    fn differ(&self, pair: [usize; 2]) -> bool {
        let completions = pair.map(|side| self.sides[side].completion);
        matches!(completions, [CompletionFact::Digest(first), CompletionFact::Digest(second)] if first != second)
    }

    fn both<'b>(
        &'b self,
        [first, second]: [usize; 2],
        traces: [&'e Trace<'e>; 2],
        scratch: &'b mut PromptScratch,
    ) -> Both<'b, 'e> {
        let links = [&self.sides[first].links, &self.sides[second].links];
        Both::new(traces, links, &mut scratch.embedded)
    }

    /// Whether two traces have the same prompt: known already, or compared and noted.
    fn same_prompt(
        &mut self,
        pair: [usize; 2],
        traces: [&'e Trace<'e>; 2],
        splits: [Split; 2],
        scratch: &mut PromptScratch,
    ) -> bool {
        let [first, second] = pair.map(|side| self.prompt_of(side));
        let same = first == second || self.both(pair, traces, scratch).same_prompt(splits);
        if same {
            self.sides[second].prompt = first;
        }
        same
    }

    /// The trace that stands for all that are known to have the same prompt as this one; the way there becomes shorter.
    fn prompt_of(&mut self, mut side: usize) -> usize {
        while self.sides[side].prompt != side {
            let next = self.sides[side].prompt;
            self.sides[side].prompt = self.sides[next].prompt;
            side = next;
        }
        side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Completion;

    /// What one side says: the prompt, then the answer.
    const TRACES: [&str; 8] = [
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":"b"}]}"#,
        r#"{"messages":[{"role":"user","content":"other"},{"role":"assistant","content":"a"}]}"#,
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":""}]}"#,
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"tools":[]}"#,
        r#"{"messages":[{"role":"user","content":"other"},{"role":"assistant","content":"d"}]}"#,
        r#"{"messages":[{"role":"user","content":"q"}]}"#,
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","name":"f"}]},
            {"role":"tool","tool_call_id":"1","content":"r"},{"role":"assistant","content":"b"}]}"#,
    ];

    fn told(pair: Result<TracePair<'_>, SkipReason>) -> Result<([Split; 2], bool), SkipReason> {
        pair.map(|pair| (pair.splits, pair.prompts_differ()))
    }

    #[test]
    fn a_group_makes_the_pairs_that_its_traces_make_two_by_two() {
        let traces = TRACES.map(|line| Trace::from_json(line).unwrap());
        let group: Vec<_> = traces.iter().map(Some).collect();
        let all: Vec<_> = (0..8).flat_map(|a| (0..8).map(move |b| (a, b))).collect();
        let modes = [
            PromptMode::Exact,
            PromptMode::Task,
            PromptMode::CommonPrefix(Completion::Turn),
            PromptMode::CommonPrefix(Completion::Rest),
        ];
        let (mut buffer, mut other) = (PairSides::default(), PairSides::default());
        let scratch = &mut PromptScratch::new();
        // In several orders, as what was compared before decides what is compared.
        for (mode, step) in modes
            .into_iter()
            .flat_map(|mode| [1, 3, 5, 63].map(|step| (mode, step)))
        {
            let facts = traces.each_ref().map(|trace| mode.facts(trace, None, scratch));
            let mut sides = mode.sides(&group, &mut buffer);
            let mut knowing = mode.sides(&group, &mut other).with_facts(&facts);
            let (mut made, mut refused) = (0, 0);
            for number in 0..all.len() {
                let (a, b) = all[number * step % all.len()];
                let alone = told(mode.pair(&traces[a], &traces[b], scratch));
                assert_eq!(told(sides.pair(a, b, scratch)), alone, "{mode} {a} {b}");
                assert_eq!(
                    told(knowing.pair(a, b, scratch)),
                    alone,
                    "{mode} {a} {b}, with facts"
                );
                *if alone.is_ok() { &mut made } else { &mut refused } += 1;
            }
            assert!(
                made >= 6 && refused >= 8,
                "{mode}: {made} made, {refused} refused"
            );
        }
    }

    #[test]
    fn what_is_missing_makes_no_pair() {
        let trace = Trace::from_json(TRACES[0]).unwrap();
        let mut buffer = PairSides::default();
        let scratch = &mut PromptScratch::new();
        let group = [Some(&trace), None];
        let mut sides = PromptMode::Exact.sides(&group, &mut buffer);
        for (chosen, rejected) in [(0, 1), (1, 0), (0, 2)] {
            let pair = sides.pair(chosen, rejected, scratch);
            assert_eq!(pair.err(), Some(SkipReason::EmptyCompletion));
        }
    }
}
