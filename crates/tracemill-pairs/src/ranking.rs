//! Candidates in the order of their scores, and which of them may pair with which.

use std::ops::Range;

use crate::candidate::{Candidate, CompletionFact};
use crate::counts::PairCounts;
use crate::options::Thresholds;
use crate::reason::{Fate, SkipReason, UnusedReason};
use crate::score::ScoreValue;

/// A candidate that has a score and a completion, as the ranking holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) score: ScoreValue,
    /// Position in the group as it was given.
    pub(crate) index: u32,
    class: u32,
    trial: Option<u64>,
}

impl Entry {
    /// Best score first, then trials in order, those without one last, then input order.
    fn key(&self) -> (std::cmp::Reverse<ScoreValue>, bool, Option<u64>, u32) {
        (
            std::cmp::Reverse(self.score),
            self.trial.is_none(),
            self.trial,
            self.index,
        )
    }
}

/// The candidates of one prompt class, best first, as a strategy sees them.
///
/// Candidates are named by *rank*: 0 is the best, the last is the worst. Equal scores stand in the order of their
/// trials, then of the input. There is no way from here to the texts: a strategy works on scores.
#[derive(Clone, Copy, Debug)]
pub struct Ranking<'a> {
    pub(crate) entries: &'a [Entry],
    /// The members of the class, by their rank in the whole group.
    pub(crate) members: &'a [u32],
    /// For each rank, the first rank that it may be chosen over.
    pub(crate) reach: &'a [u32],
    pub(crate) seed: u64,
}

impl Ranking<'_> {
    /// How many candidates there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The score at a rank.
    pub fn score(&self, rank: usize) -> Option<ScoreValue> {
        self.entry(rank).map(|entry| entry.score)
    }

    /// The trial at a rank, where it is known.
    pub fn trial(&self, rank: usize) -> Option<u64> {
        self.entry(rank).and_then(|entry| entry.trial)
    }

    /// The ranks that the candidate at `rank` may be chosen over: strictly worse ones that all thresholds allow.
    ///
    /// They reach to the last rank, because whatever a candidate may be chosen over, it may be chosen over
    /// anything worse. Empty for a rank beyond the last.
    pub fn allowed(&self, rank: usize) -> Range<usize> {
        let end = self.len();
        self.reach
            .get(rank)
            .map_or(end..end, |&start| start as usize..end)
    }

    /// A number for reproducible randomness, made of the seed, the group's ordinal and the class.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn entry(&self, rank: usize) -> Option<&Entry> {
        self.members
            .get(rank)
            .and_then(|&member| self.entries.get(member as usize))
    }

    /// How many pairs are allowed.
    pub(crate) fn allowed_pairs(&self) -> u64 {
        self.reach
            .iter()
            .map(|&start| (self.members.len() - start as usize) as u64)
            .sum()
    }
}

/// The ranked candidates of a group and their prompt classes; every buffer is reused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub(crate) entries: Vec<Entry>,
    pub(crate) members: Vec<u32>,
    /// Ends of the classes in `members`.
    pub(crate) class_ends: Vec<u32>,
    pub(crate) reach: Vec<u32>,
}

impl Field {
    /// Ranks the candidates that can pair, and accounts for the pairs and candidates that cannot.
    pub(crate) fn fill(&mut self, candidates: &[Candidate], fates: &mut Vec<Fate>, counts: &mut PairCounts) {
        self.entries.clear();
        let mut unscored = 0;
        for (index, candidate) in (0..).zip(candidates) {
            let Some(score) = candidate.score() else {
                unscored += 1;
                fates.push(Fate::Unused(UnusedReason::NoScore));
                continue;
            };
            if candidate.completion() == CompletionFact::Empty {
                fates.push(Fate::Unused(UnusedReason::EmptyCompletion));
                continue;
            }
            // What holds until the candidate proves to have company.
            fates.push(Fate::Unused(UnusedReason::SingleCandidate));
            self.entries.push(Entry {
                score,
                index,
                class: candidate.prompt_class(),
                trial: candidate.trial(),
            });
        }
        self.entries.sort_unstable_by_key(Entry::key);
        self.divide();

        let (all, scored, ranked) = (candidates.len(), candidates.len() - unscored, self.entries.len());
        let alike = self.classes().map(|class| pairs_among(class.len())).sum::<u64>();
        counts.skip(SkipReason::NoScore, pairs_among(all) - pairs_among(scored));
        counts.skip(
            SkipReason::EmptyCompletion,
            pairs_among(scored) - pairs_among(ranked),
        );
        counts.skip(SkipReason::PromptMismatch, pairs_among(ranked) - alike);
    }

    /// Lists the members of each prompt class together, best first.
    fn divide(&mut self) {
        let entries = &self.entries;
        let ranks = 0..entries.len() as u32;
        self.members.clear();
        self.members.extend(ranks);
        self.class_ends.clear();
        if entries.windows(2).all(|pair| pair[0].class == pair[1].class) {
            self.class_ends
                .extend((!entries.is_empty()).then_some(entries.len() as u32));
            return;
        }
        let class_of = |rank: u32| entries[rank as usize].class;
        self.members.sort_unstable_by_key(|&rank| (class_of(rank), rank));
        let runs = self.members.chunk_by(|&a, &b| class_of(a) == class_of(b));
        let mut end = 0;
        self.class_ends.extend(runs.map(|run| {
            end += run.len() as u32;
            end
        }));
    }

    /// The classes as ranges of `members`.
    pub(crate) fn classes(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.class_ends.iter().map(move |&end| {
            let class = start..end as usize;
            start = end as usize;
            class
        })
    }

    /// One class as strategies see it.
    pub(crate) fn class(&self, class: Range<usize>, seed: u64) -> Ranking<'_> {
        let members = self.members.get(class).unwrap_or_default();
        Ranking {
            entries: &self.entries,
            members,
            reach: &self.reach,
            seed,
        }
    }

    /// Works out which candidates of a class may be chosen over which, and accounts for the pairs that may not.
    ///
    /// Takes time linear in the class: scores are sorted, so what a threshold allows is always a tail.
    pub(crate) fn reach(&mut self, class: Range<usize>, thresholds: &Thresholds, counts: &mut PairCounts) {
        let Field {
            entries,
            members,
            reach,
            ..
        } = self;
        let members = members.get(class).unwrap_or_default();
        let score = |rank: usize| entries[members[rank] as usize].score;
        let len = members.len();
        let rejectable = thresholds.max_rejected.map_or(0, |max| {
            members.partition_point(|&member| entries[member as usize].score > max)
        });
        let (mut worse, mut distant) = (0, 0);
        reach.clear();
        for rank in 0..len {
            let chosen = score(rank);
            while worse < len && score(worse) >= chosen {
                worse += 1;
            }
            counts.skip(SkipReason::Tie, (worse - rank - 1) as u64);
            if thresholds.min_chosen.is_some_and(|min| chosen < min) {
                counts.skip(SkipReason::BelowMinChosenScore, (len - worse) as u64);
                reach.push(len as u32);
                continue;
            }
            let open = worse.max(rejectable);
            counts.skip(SkipReason::AboveMaxRejectedScore, (open - worse) as u64);
            distant = distant.max(open);
            if let Some(min) = thresholds.min_diff {
                while distant < len && !chosen.exceeds(score(distant), min) {
                    distant += 1;
                }
            }
            counts.skip(SkipReason::BelowMinScoreDiff, (distant - open) as u64);
            reach.push(distant as u32);
        }
    }

    /// Gives each member of a class the reason for which it would be unused if the strategy took nothing.
    ///
    /// The pair that comes furthest is the one with the largest difference: over the worst of the class, or
    /// under the best.
    pub(crate) fn judge(&self, class: Range<usize>, thresholds: &Thresholds, fates: &mut [Fate]) {
        let ranking = self.class(class, 0);
        let Some(last) = ranking.len().checked_sub(1) else {
            return;
        };
        for (rank, &member) in ranking.members.iter().enumerate() {
            let reason = if last > 0 {
                let over = verdict(&ranking, rank, last, thresholds);
                let under = verdict(&ranking, 0, rank, thresholds);
                over.max(under)
            } else if self.entries.len() > 1 {
                UnusedReason::PromptMismatch
            } else {
                UnusedReason::SingleCandidate
            };
            fates[self.entries[member as usize].index as usize] = Fate::Unused(reason);
        }
    }
}

/// What becomes of one pair of ranks before the strategy.
fn verdict(ranking: &Ranking<'_>, chosen: usize, rejected: usize, thresholds: &Thresholds) -> UnusedReason {
    let (Some(better), Some(worse)) = (ranking.score(chosen), ranking.score(rejected)) else {
        return UnusedReason::Tie;
    };
    if better <= worse {
        UnusedReason::Tie
    } else if thresholds.min_chosen.is_some_and(|min| better < min) {
        UnusedReason::BelowMinChosenScore
    } else if thresholds.max_rejected.is_some_and(|max| worse > max) {
        UnusedReason::AboveMaxRejectedScore
    } else if !ranking.allowed(chosen).contains(&rejected) {
        UnusedReason::BelowMinScoreDiff
    } else {
        UnusedReason::NotSelected
    }
}

/// How many pairs `n` candidates make.
fn pairs_among(n: usize) -> u64 {
    let n = n as u64;
    n * n.saturating_sub(1) / 2
}
