//! Pairing one group: rank, divide, choose, check, order, account.

use std::ops::Range;

use crate::candidate::{Group, SameCompletion};
use crate::choices::{Choices, MAX_CHOICES, Sink, ranks};
use crate::counts::{CandidateCounts, PairCounts};
use crate::error::PairError;
use crate::options::{PairOptions, Selector};
use crate::random::class_seed;
use crate::ranking::{Entry, Field};
use crate::reason::{Fate, SkipReason, UnusedReason};
use crate::score::ScoreValue;
use crate::strategy::{PairStrategy, Strategy};
use crate::twins::{Completions, Twins, Workload};

/// How many pairs are collected before the smallest differences are let go, where a group has a maximum.
const BATCH: usize = 1 << 16;

/// The buffers of pairing, reused from group to group: once they have grown, pairing allocates nothing.
///
/// One for each thread; the options are shared.
#[derive(Clone, Debug, Default)]
pub struct PairScratch {
    field: Field,
    sink: Sink,
    twins: Twins,
    fates: Vec<Fate>,
    counts: PairCounts,
}

impl PairScratch {
    /// Empty buffers.
    pub fn new() -> PairScratch {
        PairScratch::default()
    }

    fn clear(&mut self) {
        self.sink.clear();
        self.twins.clear();
        self.fates.clear();
        self.counts = PairCounts::default();
    }
}

impl PairOptions {
    /// Pairs the candidates of one group.
    ///
    /// Candidates without a score or with an empty completion are set aside, the rest is divided into prompt
    /// classes, and the strategy takes pairs inside each class, out of those that are strict and that all
    /// thresholds allow. Taken pairs with identical completions are dropped and not replaced. What is left
    /// comes out by score difference, largest first, then by rank, up to the maximum.
    ///
    /// Takes time for ranking, and for the pairs that the strategy takes; the rest is counted, not visited.
    ///
    /// # Errors
    ///
    /// [`PairError::TooManyPairs`] when more than 2^24 pairs of the group would have to be kept. A maximum per group
    /// keeps `exhaustive` below that, and its memory in proportion to the maximum.
    ///
    /// ```
    /// use tracemill_pairs::{Candidate, Group, PairOptions, PairScratch, ScoreValue, Strategy};
    ///
    /// let candidates = [0.7, 0.9, 0.5].map(|score| Candidate::new(ScoreValue::new(score).ok()));
    /// let options = PairOptions::builder().strategy(Strategy::BestVsWorst).build()?;
    /// let mut scratch = PairScratch::new();
    /// let paired = options.pair_group(Group::new(&candidates), &mut scratch)?;
    /// let pairs: Vec<_> = paired.pairs().map(|pair| (pair.chosen(), pair.rejected())).collect();
    /// assert_eq!(pairs, [(1, 2)]);
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn pair_group<'s>(
        &self,
        group: Group<'_>,
        scratch: &'s mut PairScratch,
    ) -> Result<GroupPairs<'s>, PairError> {
        let Group {
            ordinal,
            candidates,
            same,
        } = group;
        let too_many = PairError::TooManyPairs {
            candidates: candidates.len(),
            limit: MAX_CHOICES,
        };
        if u32::try_from(candidates.len()).is_err() {
            return Err(too_many);
        }
        // Taken apart and put together, so that it need not live as long as the group.
        let same: Option<&mut SameCompletion<'_>> = match same {
            Some(same) => Some(&mut *same),
            None => None,
        };
        scratch.clear();
        scratch
            .field
            .fill(candidates, &mut scratch.fates, &mut scratch.counts);
        let completions = Completions { candidates, same };
        Work {
            options: self,
            ordinal,
            completions,
            scratch,
        }
        .run()
        .ok_or(too_many)?;
        Ok(GroupPairs { scratch })
    }
}

/// One group being paired.
struct Work<'w> {
    options: &'w PairOptions,
    ordinal: u64,
    completions: Completions<'w>,
    scratch: &'w mut PairScratch,
}

impl Work<'_> {
    /// Pairs all classes; `None` when there are too many pairs.
    fn run(mut self) -> Option<()> {
        let mut start = 0;
        for at in 0..self.scratch.field.class_ends.len() {
            let end = self.scratch.field.class_ends[at] as usize;
            self.pair_class(start..end)?;
            start = end;
        }
        self.finish();
        Some(())
    }

    fn pair_class(&mut self, class: Range<usize>) -> Option<()> {
        let PairScratch {
            field, fates, counts, ..
        } = &mut *self.scratch;
        let thresholds = &self.options.thresholds;
        field.reach(class.clone(), thresholds, counts);
        field.judge(class.clone(), thresholds, fates);
        let allowed = field.class(class.clone(), 0).allowed_pairs();
        let options = self.options;
        let taken = match &options.selector {
            Selector::Named(Strategy::Exhaustive) => self.take_all(class, allowed),
            Selector::Named(strategy) => self.ask(strategy, class),
            Selector::Custom(strategy) => self.ask(&**strategy, class),
        }?;
        self.scratch.counts.skip(SkipReason::NotSelected, allowed - taken);
        Some(())
    }

    /// Lets a strategy choose, and gives the number of pairs it took.
    fn ask(&mut self, strategy: &dyn PairStrategy, class: Range<usize>) -> Option<u64> {
        let PairScratch { field, sink, .. } = &mut *self.scratch;
        let len = class.len();
        let seed = class_seed(self.options.seed, self.ordinal, field.members[class.start]);
        let ranking = field.class(class, seed);
        strategy.choose(&ranking, &mut Choices { sink, ranking });
        if sink.overflowed {
            return None;
        }
        if matches!(self.options.selector, Selector::Custom(_)) {
            sink.refuse_repeats();
        }
        let taken = sink.keys.len() - sink.settled;
        self.settle(workload(taken, len));
        Some(taken as u64)
    }

    /// Takes all allowed pairs, in batches where there is a maximum, so that memory follows the maximum.
    fn take_all(&mut self, class: Range<usize>, allowed: u64) -> Option<u64> {
        let limit = self.options.max_per_group.unwrap_or(usize::MAX);
        let kept = (self.scratch.sink.keys.len() as u64 + allowed).min(limit as u64);
        if kept > MAX_CHOICES as u64 {
            return None;
        }
        let workload = workload(allowed as usize, class.len());
        let batch = limit.max(BATCH);
        for rank in 0..class.len() {
            let PairScratch { field, sink, .. } = &mut *self.scratch;
            let ranking = field.class(class.clone(), 0);
            let chosen = u64::from(ranking.members[rank]) << 32;
            let rejected = &ranking.members[ranking.allowed(rank)];
            sink.keys.extend(
                rejected
                    .iter()
                    .map(|&rejected| u128::from(chosen | u64::from(rejected))),
            );
            if sink.keys.len() - sink.settled >= batch {
                self.settle(workload);
            }
        }
        self.settle(workload);
        Some(allowed)
    }

    /// Drops identical completions from what was taken since the last settling, then what exceeds the maximum.
    fn settle(&mut self, workload: Workload) {
        let PairScratch {
            field,
            sink,
            twins,
            fates,
            counts,
        } = &mut *self.scratch;
        let entries = &field.entries;
        let mut kept = sink.settled;
        for at in sink.settled..sink.keys.len() {
            let key = sink.keys[at];
            if twins.identical(ranks(key), entries, &mut self.completions, workload) {
                raise(key, UnusedReason::IdenticalCompletion, entries, fates);
            } else {
                sink.keys[kept] = key;
                kept += 1;
            }
        }
        counts.skip(SkipReason::IdenticalCompletion, (sink.keys.len() - kept) as u64);
        sink.truncate(kept);
        if let Some(limit) = self.options.max_per_group.filter(|&limit| limit < kept) {
            sink.part_at(limit, entries);
            for &key in &sink.keys[limit..] {
                raise(key, UnusedReason::OverMaxPerGroup, entries, fates);
            }
            counts.skip(SkipReason::OverMaxPerGroup, (kept - limit) as u64);
            sink.truncate(limit);
        }
    }

    fn finish(&mut self) {
        let PairScratch {
            field,
            sink,
            fates,
            counts,
            ..
        } = &mut *self.scratch;
        sink.sort(&field.entries);
        counts.select(sink.keys.len() as u64);
        for &key in &sink.keys {
            for index in indices(key, &field.entries) {
                fates[index as usize] = Fate::Used;
            }
        }
    }
}

fn workload(pairs: usize, candidates: usize) -> Workload {
    if pairs > candidates {
        Workload::Many
    } else {
        Workload::Few
    }
}

/// The positions of chosen and rejected in the group as it was given.
fn indices(key: u128, entries: &[Entry]) -> [u32; 2] {
    let (chosen, rejected) = ranks(key);
    [entries[chosen].index, entries[rejected].index]
}

/// Notes for both sides of a pair how far it came.
fn raise(key: u128, reason: UnusedReason, entries: &[Entry], fates: &mut [Fate]) {
    for index in indices(key, entries) {
        let fate = &mut fates[index as usize];
        *fate = Fate::Unused(reason).max(*fate);
    }
}

/// What came of a group: its pairs and its two accounts, lent by the scratch.
#[derive(Clone, Copy, Debug)]
pub struct GroupPairs<'s> {
    scratch: &'s PairScratch,
}

impl<'s> GroupPairs<'s> {
    /// The selected pairs: largest score difference first, then by rank.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = ScoredPair> + use<'s> {
        let PairScratch { field, sink, .. } = self.scratch;
        sink.keys.iter().map(|&key| {
            let (chosen, rejected) = ranks(key);
            let (chosen, rejected) = (&field.entries[chosen], &field.entries[rejected]);
            ScoredPair {
                chosen: chosen.index,
                rejected: rejected.index,
                chosen_score: chosen.score,
                rejected_score: rejected.score,
            }
        })
    }

    /// The account of possible pairs.
    pub fn counts(&self) -> PairCounts {
        self.scratch.counts
    }

    /// The account of candidates.
    pub fn candidate_counts(&self) -> CandidateCounts {
        let mut counts = CandidateCounts::default();
        self.fates().iter().for_each(|&fate| counts.record(fate));
        counts
    }

    /// What became of each candidate, in the order in which they were given.
    pub fn fates(&self) -> &'s [Fate] {
        &self.scratch.fates
    }

    /// How often a strategy pushed what can be no pair, or the same pair again. Zero for named strategies.
    pub fn refused(&self) -> u64 {
        self.scratch.sink.refused
    }

    /// The prompt classes, by the number of the class: the candidates of each that have a score and a completion, best
    /// first.
    ///
    /// For examples that take a whole group: ranked lists, and labels that compare.
    ///
    /// ```
    /// use tracemill_pairs::{Candidate, Group, PairOptions, PairScratch, ScoreValue};
    ///
    /// let candidates = [0.1, 0.9, 0.5].map(|score| Candidate::new(ScoreValue::new(score).ok()));
    /// let mut scratch = PairScratch::new();
    /// let paired = PairOptions::default().pair_group(Group::new(&candidates), &mut scratch)?;
    /// let ranked: Vec<Vec<_>> = paired
    ///     .classes()
    ///     .map(|class| class.candidates().map(|(index, score)| (index, score.get())).collect())
    ///     .collect();
    /// assert_eq!(ranked, [[(1, 0.9), (2, 0.5), (0, 0.1)]]);
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn classes(&self) -> impl Iterator<Item = RankedClass<'s>> + use<'s> {
        let field = &self.scratch.field;
        field.classes().map(|class| RankedClass {
            entries: &field.entries,
            members: field.members.get(class).unwrap_or_default(),
        })
    }

    /// Whether two candidates with a completion have different scores, whatever their prompts.
    ///
    /// When nothing pairs, this tells groups of equal scores from groups that share no prompt.
    pub fn has_different_scores(&self) -> bool {
        let entries = &self.scratch.field.entries;
        entries.first().map(|entry| entry.score) != entries.last().map(|entry| entry.score)
    }
}

/// The candidates of one prompt class that can pair, best first.
#[derive(Clone, Copy, Debug)]
pub struct RankedClass<'s> {
    entries: &'s [Entry],
    members: &'s [u32],
}

impl<'s> RankedClass<'s> {
    /// The position of each candidate in the group as it was given, and its score. Equal scores stand in the order of
    /// their trials, then of the input.
    pub fn candidates(&self) -> impl ExactSizeIterator<Item = (usize, ScoreValue)> + use<'s> {
        let RankedClass { entries, members } = *self;
        members.iter().map(|&member| {
            let entry = &entries[member as usize];
            (entry.index as usize, entry.score)
        })
    }
}

/// A pair of candidates, the chosen one strictly better.
///
/// ```
/// use tracemill_pairs::{PairOptions, pairs_of};
///
/// let pair = pairs_of(&[0.7, 0.9], &PairOptions::default())?[0];
/// assert_eq!((pair.chosen(), pair.rejected()), (1, 0));
/// assert_eq!((pair.chosen_score().get(), pair.rejected_score().get()), (0.9, 0.7));
/// assert_eq!(pair.difference(), 0.2);
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScoredPair {
    chosen: u32,
    rejected: u32,
    chosen_score: ScoreValue,
    rejected_score: ScoreValue,
}

impl ScoredPair {
    /// The position of the chosen candidate in the group.
    pub fn chosen(&self) -> usize {
        self.chosen as usize
    }

    /// The position of the rejected candidate in the group.
    pub fn rejected(&self) -> usize {
        self.rejected as usize
    }

    /// The score of the chosen candidate.
    pub fn chosen_score(&self) -> ScoreValue {
        self.chosen_score
    }

    /// The score of the rejected candidate.
    pub fn rejected_score(&self) -> ScoreValue {
        self.rejected_score
    }

    /// By how much the chosen candidate is better, as [`ScoreValue::difference`] computes it.
    pub fn difference(&self) -> f64 {
        self.chosen_score.difference(self.rejected_score)
    }
}
