//! The two accounts of pairing: possible pairs, and candidates.

use std::ops::AddAssign;

use crate::reason::{Fate, SkipReason, UnusedReason};

/// The account of possible pairs: `possible = selected + Σ skipped`, always.
///
/// A group of `n` candidates has `n (n - 1) / 2` possible pairs, whatever their scores and prompts. Accounts of
/// several groups are added with `+=`.
///
/// ```
/// use tracemill_pairs::{Candidate, Group, PairOptions, PairScratch, ScoreValue, SkipReason};
///
/// let candidates = [0.5, 0.5, 0.1].map(|score| Candidate::new(ScoreValue::new(score).ok()));
/// let mut scratch = PairScratch::new();
/// let counts = PairOptions::default().pair_group(Group::new(&candidates), &mut scratch)?.counts();
/// assert_eq!((counts.possible(), counts.selected(), counts.skipped(SkipReason::Tie)), (3, 2, 1));
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairCounts {
    selected: u64,
    skipped: [u64; SkipReason::ALL.len()],
}

impl PairCounts {
    /// How many pairs the candidates could have made.
    pub fn possible(&self) -> u64 {
        self.selected + self.skipped.iter().sum::<u64>()
    }

    /// How many pairs came out.
    pub fn selected(&self) -> u64 {
        self.selected
    }

    /// How many pairs did not come out for this reason.
    pub fn skipped(&self, reason: SkipReason) -> u64 {
        self.skipped[reason as usize]
    }

    /// Turns selected pairs into skipped ones, for what is decided after the group: duplicates and samples.
    ///
    /// At most as many as are selected are turned, so that the account stays balanced.
    ///
    /// ```
    /// use tracemill_pairs::{PairCounts, SkipReason};
    /// let mut counts = PairCounts::default();
    /// counts.withdraw(SkipReason::Duplicate, 1);
    /// assert_eq!(counts.possible(), 0);
    /// ```
    pub fn withdraw(&mut self, reason: SkipReason, pairs: u64) {
        let pairs = pairs.min(self.selected);
        self.selected -= pairs;
        self.skipped[reason as usize] += pairs;
    }

    pub(crate) fn select(&mut self, pairs: u64) {
        self.selected += pairs;
    }

    pub(crate) fn skip(&mut self, reason: SkipReason, pairs: u64) {
        self.skipped[reason as usize] += pairs;
    }
}

impl AddAssign for PairCounts {
    fn add_assign(&mut self, other: PairCounts) {
        self.selected += other.selected;
        for (sum, more) in self.skipped.iter_mut().zip(other.skipped) {
            *sum += more;
        }
    }
}

/// The account of candidates: `candidates = used + Σ unused`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CandidateCounts {
    used: u64,
    unused: [u64; UnusedReason::ALL.len()],
}

impl CandidateCounts {
    /// How many candidates there were.
    pub fn candidates(&self) -> u64 {
        self.used + self.unused.iter().sum::<u64>()
    }

    /// How many candidates are in at least one selected pair.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many candidates are in no selected pair for this reason.
    pub fn unused(&self, reason: UnusedReason) -> u64 {
        self.unused[reason as usize]
    }

    /// Turns used candidates into unused ones, when what is decided after the group took their last pair.
    ///
    /// At most as many as are used are turned, so that the account stays balanced.
    pub fn withdraw(&mut self, reason: UnusedReason, candidates: u64) {
        let candidates = candidates.min(self.used);
        self.used -= candidates;
        self.unused[reason as usize] += candidates;
    }

    pub(crate) fn record(&mut self, fate: Fate) {
        match fate {
            Fate::Used => self.used += 1,
            Fate::Unused(reason) => self.unused[reason as usize] += 1,
        }
    }
}

impl AddAssign for CandidateCounts {
    fn add_assign(&mut self, other: CandidateCounts) {
        self.used += other.used;
        for (sum, more) in self.unused.iter_mut().zip(other.unused) {
            *sum += more;
        }
    }
}
