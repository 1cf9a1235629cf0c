//! The pairs that strategies take, and their order.

use std::cmp::Ordering;

use crate::decimal::{self, Decimal};
use crate::random::Stream;
use crate::ranking::{Entry, Ranking};

/// How many pairs of one group are held at a time: 256 MiB of keys.
pub(crate) const MAX_CHOICES: usize = 1 << 24;

/// Where a [`PairStrategy`](crate::PairStrategy) pushes the pairs it takes.
#[derive(Debug)]
pub struct Choices<'a> {
    pub(crate) sink: &'a mut Sink,
    pub(crate) ranking: Ranking<'a>,
}

impl Choices<'_> {
    /// Takes the pair of these two ranks.
    ///
    /// What cannot be taken is refused or passed over, as [`PairStrategy`](crate::PairStrategy) says; it never
    /// makes a pair.
    pub fn push(&mut self, chosen: usize, rejected: usize) {
        let ranking = self.ranking;
        if ranking.allowed(chosen).contains(&rejected) {
            self.sink.push(ranking.members[chosen], ranking.members[rejected]);
            return;
        }
        // What is strictly better and yet not allowed was counted when the thresholds were applied.
        let (better, worse) = (ranking.score(chosen), ranking.score(rejected));
        if worse.is_none() || better <= worse {
            self.sink.refused += 1;
        }
    }

    /// Whether more pairs were pushed than a group may give, so that pushing more is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.sink.overflowed
    }

    /// Takes up to `count` of the allowed pairs at random.
    pub(crate) fn draw(&mut self, ranking: &Ranking<'_>, count: u64) {
        let population = ranking.allowed_pairs();
        let count = count.min(population);
        if count > MAX_CHOICES as u64 {
            self.sink.overflowed = true;
            return;
        }
        let mut drawn = std::mem::take(&mut self.sink.drawn);
        let mut stream = Stream::new(ranking.seed());
        // Beyond half, drawing what is left out takes fewer draws.
        let inverted = count > population / 2;
        stream.distinct(
            population,
            if inverted { population - count } else { count },
            &mut drawn,
        );
        let mut numbers = drawn.iter().copied().peekable();
        let mut first = 0;
        for chosen in 0..ranking.len() {
            let allowed = ranking.allowed(chosen);
            let next = first + allowed.len() as u64;
            if inverted {
                for (number, rejected) in (first..next).zip(allowed) {
                    if numbers.next_if_eq(&number).is_none() {
                        self.push(chosen, rejected);
                    }
                }
            } else {
                while let Some(number) = numbers.next_if(|&number| number < next) {
                    self.push(chosen, allowed.start + (number - first) as usize);
                }
            }
            first = next;
        }
        self.sink.drawn = drawn;
    }
}

/// The pairs taken so far in a group, as sort keys.
///
/// The low half of a key is the pair, chosen rank above rejected rank, by which repeats are found. The high half
/// is its weight, which is given when an order is needed: the larger the difference, the smaller the weight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink {
    pub(crate) keys: Vec<u128>,
    /// How many keys at the front are checked for identical completions.
    pub(crate) settled: usize,
    /// How many keys at the front have a weight.
    weighed: usize,
    pub(crate) refused: u64,
    pub(crate) overflowed: bool,
    scale: Option<Scale>,
    grid: Vec<i64>,
    drawn: Vec<u64>,
}

/// What weights mean in a group.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// The difference in units of a power of ten that all scores are multiples of: the keys order themselves.
    Grid,
    /// The difference as a float; differences within `slack` of each other are compared as decimals.
    Float { slack: f64 },
}

impl Sink {
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.settled = 0;
        self.weighed = 0;
        self.refused = 0;
        self.overflowed = false;
        self.scale = None;
    }

    fn push(&mut self, chosen: u32, rejected: u32) {
        if self.keys.len() < MAX_CHOICES {
            self.keys.push(u128::from(chosen) << 32 | u128::from(rejected));
        } else {
            self.overflowed = true;
        }
    }

    /// Forgets all but the first `len` pairs, which are settled.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.keys.truncate(len);
        self.settled = self.keys.len();
        self.weighed = self.weighed.min(self.settled);
    }

    /// Removes what was pushed twice since the last settling, and counts it as refused.
    pub(crate) fn refuse_repeats(&mut self) {
        let fresh = &mut self.keys[self.settled..];
        fresh.sort_unstable();
        let mut kept = self.settled;
        for at in self.settled..self.keys.len() {
            if kept == self.settled || self.keys[kept - 1] != self.keys[at] {
                self.keys[kept] = self.keys[at];
                kept += 1;
            }
        }
        self.refused += (self.keys.len() - kept) as u64;
        self.keys.truncate(kept);
    }

    /// Moves the `limit` pairs that come first in order to the front of more than that many.
    pub(crate) fn part_at(&mut self, limit: usize, entries: &[Entry]) {
        match self.weigh(entries) {
            Scale::Grid => _ = self.keys.select_nth_unstable(limit),
            Scale::Float { slack } => {
                _ = self
                    .keys
                    .select_nth_unstable_by(limit, |a, b| compare(*a, *b, slack, entries));
            }
        }
    }

    /// Puts the pairs in order: largest difference first, then by rank.
    pub(crate) fn sort(&mut self, entries: &[Entry]) {
        if self.keys.len() < 2 {
            return;
        }
        match self.weigh(entries) {
            Scale::Grid => self.keys.sort_unstable(),
            Scale::Float { slack } => self.keys.sort_unstable_by(|a, b| compare(*a, *b, slack, entries)),
        }
    }

    /// Gives their weights to the keys that have none.
    fn weigh(&mut self, entries: &[Entry]) -> Scale {
        let scale = self.scale.unwrap_or_else(|| self.choose_scale(entries));
        self.scale = Some(scale);
        for key in &mut self.keys[self.weighed..] {
            let (chosen, rejected) = ranks(*key);
            let weight = match scale {
                Scale::Grid => (self.grid[chosen] - self.grid[rejected]).cast_unsigned(),
                // The bits of positive floats order as the floats do.
                Scale::Float { .. } => {
                    (entries[chosen].score.get() - entries[rejected].score.get()).to_bits()
                }
            };
            *key = u128::from(!weight) << 64 | u128::from(*key as u64);
        }
        self.weighed = self.keys.len();
        scale
    }

    fn choose_scale(&mut self, entries: &[Entry]) -> Scale {
        // Laying a grid over many candidates does not pay for the order of a few pairs.
        if entries.len() / 4 <= self.keys.len() && self.lay_grid(entries).is_some() {
            return Scale::Grid;
        }
        let ends = [entries.first(), entries.last()];
        let largest = ends
            .into_iter()
            .flatten()
            .map(|entry| entry.score.get().abs())
            .fold(0.0, f64::max);
        Scale::Float {
            slack: decimal::slack(largest),
        }
    }

    /// Writes all scores as multiples of the smallest power of ten among them; `None` when they have too many
    /// digits for that to be quick.
    fn lay_grid(&mut self, entries: &[Entry]) -> Option<()> {
        let mut decimals = entries.iter().map(|entry| Decimal::quick(entry.score.get()));
        let finest = decimals
            .clone()
            .try_fold(0, |finest, decimal| Some(decimal?.exponent.min(finest)))?;
        self.grid.clear();
        decimals.try_for_each(|decimal| {
            let Decimal { mantissa, exponent } = decimal?;
            let scaled = mantissa.checked_mul(10_i64.pow(exponent.abs_diff(finest)))?;
            self.grid.push(scaled);
            // A difference of two must fit, too.
            (scaled.unsigned_abs() < 1 << 62).then_some(())
        })
    }
}

/// The ranks of chosen and rejected in the group.
pub(crate) fn ranks(key: u128) -> (usize, usize) {
    let pair = key as u64;
    ((pair >> 32) as usize, (pair & u64::from(u32::MAX)) as usize)
}

/// Orders two keys whose weights are float differences.
fn compare(a: u128, b: u128, slack: f64, entries: &[Entry]) -> Ordering {
    let difference = |key: u128| f64::from_bits(!((key >> 64) as u64));
    let gap = difference(b) - difference(a);
    if gap.is_finite() && gap.abs() > slack {
        return gap.total_cmp(&0.0);
    }
    let score = |rank: usize| entries[rank].score.get();
    let ((chosen_a, rejected_a), (chosen_b, rejected_b)) = (ranks(a), ranks(b));
    let exact = decimal::compare_exactly(
        score(chosen_b),
        score(rejected_b),
        score(chosen_a),
        score(rejected_a),
    );
    exact.then_with(|| (a as u64).cmp(&(b as u64)))
}
