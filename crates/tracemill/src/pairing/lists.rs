//! Examples of whole prompt classes: ranked lists, and labels that compare.

use tracemill_model::{Example, Labelled, Ranked, Side, Span, Trace};
use tracemill_pairs::{GroupPairs, ScoreValue, SkipReason, UnusedReason};

use super::account::Paired;
use super::groups::{GroupWork, GroupsDone, Members};
use super::{GroupExamples, LabelBy};
use crate::error::Error;
use crate::policy::OnError;
use crate::work::Bad;

/// The candidates of a prompt class, best first: positions in the group, and scores.
pub(crate) type List = Vec<(usize, ScoreValue)>;

/// The classes in which one candidate is better than another.
pub(crate) fn of(selected: GroupPairs<'_>) -> Vec<List> {
    let lists = selected.classes().map(|class| class.candidates().collect());
    lists.filter(|list: &List| differ(list)).collect()
}

fn differ(list: &[(usize, ScoreValue)]) -> bool {
    list.first().map(|&(_, score)| score) != list.last().map(|&(_, score)| score)
}

/// A candidate that becomes part of a record.
#[derive(Clone, Copy)]
struct Kept<'t> {
    member: usize,
    score: ScoreValue,
    prompt: Span<'t>,
    completion: Span<'t>,
    /// Whether it answered another prompt than the best.
    prompt_differs: bool,
}

impl<'t> Kept<'t> {
    fn side(&self) -> Side<'t> {
        Side {
            completion: self.completion,
            score: Some(self.score.get()),
        }
    }
}

impl GroupWork<'_> {
    /// Makes the records of some classes.
    pub(crate) fn lists(
        &self,
        lists: &[List],
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        for list in lists {
            let kept = self.distinct(list, members, paired, done)?;
            let scores: List = kept.iter().map(|kept| (kept.member, kept.score)).collect();
            if differ(&scores) {
                match self.pairing.examples {
                    GroupExamples::Labelled(by) => self.label(by, &kept, members, paired, done)?,
                    _ => self.rank(&kept, members, paired, done)?,
                }
                continue;
            }
            let reason = if kept.len() > 1 {
                UnusedReason::Tie
            } else {
                UnusedReason::IdenticalCompletion
            };
            paired.unused(kept.iter().map(|kept| kept.member), reason);
        }
        // What pairing took and no record stands for had a side that says what a better candidate says.
        let told = paired.listed.pairs + paired.refused;
        let untold = paired.counts.selected().saturating_sub(told);
        paired.leave_out(SkipReason::IdenticalCompletion, untold);
        Ok(())
    }

    /// The candidates of a list without those that say what a better one says.
    fn distinct<'t>(
        &self,
        list: &[(usize, ScoreValue)],
        members: &Members<'t>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<Vec<Kept<'t>>, Error> {
        let mut kept: Vec<Kept<'_>> = Vec::with_capacity(list.len());
        for &(member, score) in list {
            let Some(trace) = members.trace(member) else {
                return Err(self.changed(&members.places[member]));
            };
            match self.compare(member, trace, &kept, done) {
                Ok((prompt, completion, prompt_differs)) => kept.push(Kept {
                    member,
                    score,
                    prompt,
                    completion,
                    prompt_differs,
                }),
                Err(reason) => paired.unused([member], reason),
            }
        }
        Ok(kept)
    }

    /// The prompt and the completion of a candidate, if it can stand beside those that are kept.
    fn compare<'t>(
        &self,
        member: usize,
        trace: &'t Trace<'t>,
        kept: &[Kept<'t>],
        done: &mut GroupsDone,
    ) -> Result<(Span<'t>, Span<'t>, bool), UnusedReason> {
        let mode = self.pairing.prompt;
        let buffers = &mut done.buffers;
        let completion = buffers.facts[member].completion();
        let same = |other: &&Kept<'_>| buffers.facts[other.member].completion() == completion;
        for other in kept.iter().filter(same) {
            if mode.same_completion(other.completion.trace(), trace, &mut buffers.prompts) {
                return Err(UnusedReason::IdenticalCompletion);
            }
        }
        let Some(best) = kept.first() else {
            let split = mode
                .split(trace.messages())
                .ok_or(UnusedReason::EmptyCompletion)?;
            let spans = [split.prompt(), split.completion()].map(|range| Span::new(trace, range));
            return Ok((spans[0], spans[1], false));
        };
        match mode.pair(best.completion.trace(), trace, &mut buffers.prompts) {
            Ok(pair) => Ok((best.prompt, pair.rejected(), pair.prompts_differ())),
            Err(SkipReason::IdenticalCompletion) => Err(UnusedReason::IdenticalCompletion),
            Err(SkipReason::EmptyCompletion) => Err(UnusedReason::EmptyCompletion),
            Err(_) => Err(UnusedReason::PromptMismatch),
        }
    }

    /// Makes one record of a list.
    fn rank(
        &self,
        kept: &[Kept<'_>],
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let scores: List = kept.iter().map(|kept| (kept.member, kept.score)).collect();
        let example = Example::Ranked(Ranked {
            prompt: kept[0].prompt,
            completions: kept.iter().map(Kept::side).collect(),
        });
        let differs = kept.iter().any(|kept| kept.prompt_differs);
        let written = self.one(&example, differs, kept[0].member, members, done)?;
        match written {
            Written::Yes => {
                paired.listed.records += 1;
                paired.listed.pairs += better(&scores);
                paired
                    .listed
                    .members
                    .extend(kept.iter().map(|kept| kept.member as u32));
            }
            Written::Refused => paired.refused += better(&scores),
        }
        Ok(())
    }

    /// Makes a record of each candidate of a list.
    fn label(
        &self,
        by: LabelBy,
        kept: &[Kept<'_>],
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let scores: List = kept.iter().map(|kept| (kept.member, kept.score)).collect();
        // How many are bad and good, of those that have a label and of those that were written.
        let (mut labelled, mut made) = ([0; 2], [0; 2]);
        for kept in kept {
            let Some(label) = by.label(kept.score, &scores) else {
                paired.unused([kept.member], UnusedReason::Tie);
                continue;
            };
            labelled[usize::from(label)] += 1;
            // Each is a record with the prompt that it answered itself.
            let trace = kept.completion.trace();
            let example = Example::Labelled(Labelled {
                prompt: Span::new(trace, 0..kept.completion.start()),
                completion: kept.side(),
                label,
            });
            if let Written::Yes = self.one(&example, false, kept.member, members, done)? {
                made[usize::from(label)] += 1;
                paired.listed.records += 1;
                paired.listed.members.push(kept.member as u32);
            }
        }
        let told = |[bad, good]: [u64; 2]| bad * good;
        paired.listed.pairs += told(made);
        paired.refused += told(labelled) - told(made);
        paired.leave_out(SkipReason::NotSelected, better(&scores) - told(labelled));
        Ok(())
    }

    /// Appends one record.
    fn one(
        &self,
        example: &Example<'_>,
        prompts_differ: bool,
        member: usize,
        members: &Members<'_>,
        done: &mut GroupsDone,
    ) -> Result<Written, Error> {
        let start = done.bytes.len();
        let scratch = &mut done.buffers.encoding;
        match self.append(example, prompts_differ, scratch, &mut done.bytes) {
            Ok(()) => {
                done.tally.add(&scratch.losses);
                done.columns |= scratch.columns;
                Ok(Written::Yes)
            }
            Err(bad) => {
                done.bytes.truncate(start);
                self.reject_one(&bad, member, members, &mut done.rejects)?;
                Ok(Written::Refused)
            }
        }
    }

    fn reject_one(
        &self,
        bad: &Bad,
        member: usize,
        members: &Members<'_>,
        rejects: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.config.on_error == OnError::Fail {
            return Err(bad.fail(&self.locate(members, member)));
        }
        self.note_reject(&members.places[member], None, bad, rejects);
        Ok(())
    }
}

/// Whether a record was written, or the format refused it.
enum Written {
    Yes,
    Refused,
}

/// How many pairs of different scores a list holds.
fn better(list: &[(usize, ScoreValue)]) -> u64 {
    let all = list.len() as u64;
    let alike = list
        .chunk_by(|a, b| a.1 == b.1)
        .map(|run| pairs(run.len() as u64));
    pairs(all) - alike.sum::<u64>()
}

fn pairs(candidates: u64) -> u64 {
    candidates * candidates.saturating_sub(1) / 2
}

/// Scores that differ by no more than this part of the larger one count as equal to a mean, which is a sum of floats.
const EXACT: f64 = 1e-12;

impl LabelBy {
    /// The label of a score beside the others of its class; none for what is neither better nor worse than the mean.
    fn label(self, score: ScoreValue, class: &[(usize, ScoreValue)]) -> Option<bool> {
        match self {
            LabelBy::Best => Some(class.first().is_some_and(|&(_, best)| best == score)),
            LabelBy::Mean => {
                let mean = mean(class);
                let largest = class
                    .iter()
                    .fold(0.0, |largest: f64, (_, score)| largest.max(score.get().abs()));
                let is_mean = (score.get() - mean).abs() <= largest * EXACT;
                (!is_mean).then(|| score.get() > mean)
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no group has so many candidates that a float cannot count them"
)]
fn mean(class: &[(usize, ScoreValue)]) -> f64 {
    // Divided first, so that no sum is too large for a float.
    let count = class.len() as f64;
    class.iter().map(|(_, score)| score.get() / count).sum()
}

impl Paired {
    /// Notes candidates that make no record.
    fn unused(&mut self, members: impl IntoIterator<Item = usize>, reason: UnusedReason) {
        let members = members.into_iter().map(|member| (member as u32, reason));
        self.listed.unused.extend(members);
    }

    /// Takes back pairs that no record stands for.
    fn leave_out(&mut self, reason: SkipReason, pairs: u64) {
        self.counts.withdraw(reason, pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scores: &[f64]) -> List {
        let scores = scores.iter().enumerate();
        scores
            .map(|(index, &score)| (index, ScoreValue::new(score).unwrap()))
            .collect()
    }

    #[test]
    fn pairs_of_different_scores_are_counted() {
        let cases: [(&[f64], u64); 5] = [
            (&[], 0),
            (&[1.0], 0),
            (&[1.0, 1.0], 0),
            (&[2.0, 1.0, 1.0], 2),
            (&[3.0, 2.0, 1.0], 3),
        ];
        for (scores, expected) in cases {
            assert_eq!(better(&list(scores)), expected, "{scores:?}");
        }
    }

    #[test]
    fn the_mean_itself_is_neither_good_nor_bad() {
        let class = list(&[0.3, 0.2, 0.1]);
        let labels = |by: LabelBy| {
            class
                .iter()
                .map(|&(_, score)| by.label(score, &class))
                .collect::<Vec<_>>()
        };
        assert_eq!(labels(LabelBy::Mean), [Some(true), None, Some(false)]);
        assert_eq!(labels(LabelBy::Best), [Some(true), Some(false), Some(false)]);
    }
}
