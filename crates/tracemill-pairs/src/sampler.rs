//! A seeded sample of the pairs of all groups.

use std::collections::BinaryHeap;

use crate::error::PairError;
use crate::random::pair_hash;

/// Keeps the `N` pairs with the smallest [keyed hashes](pair_hash), out of any number.
///
/// Which pairs are kept depends on the seed and on the pairs, never on the order in which they are offered: adding
/// a group at the end of the input leaves the hashes of the others as they were. Memory grows to `N` pairs of 32
/// bytes; an offer takes time logarithmic in `N` while it is among the smallest so far, and one comparison when it
/// is not.
///
/// ```
/// use tracemill_pairs::Sampler;
///
/// let mut sampler = Sampler::new(2, 42)?;
/// for group in 0..5 {
///     sampler.offer(group, 0, 1);
/// }
/// let sample = sampler.finish();
/// assert_eq!((sample.pairs().len(), sample.dropped()), (2, 3));
/// let groups: Vec<u64> = sample.pairs().map(|pair| pair.group()).collect();
/// assert!(groups.is_sorted()); // in the order in which they were offered
/// assert!((0..5).all(|group| sample.keeps(group, 0, 1) == groups.contains(&group)));
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    seed: u64,
    limit: usize,
    offered: u64,
    /// The largest of what is kept is on top.
    heap: BinaryHeap<Entry>,
}

/// Ordered by hash, then by the pair itself, so that a collision of hashes is decided alike in each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    group: u64,
    chosen: u32,
    rejected: u32,
    order: u64,
}

impl Sampler {
    /// A sampler that keeps at most `max_pairs`.
    ///
    /// # Errors
    ///
    /// [`PairError::InvalidSetting`] when `max_pairs` is 0.
    pub fn new(max_pairs: usize, seed: u64) -> Result<Sampler, PairError> {
        if max_pairs == 0 {
            return Err(PairError::InvalidSetting {
                setting: "max-pairs",
                value: max_pairs.to_string(),
                remedy: "keep at least 1 pair, or leave the setting out to keep all",
            });
        }
        Ok(Sampler {
            seed,
            limit: max_pairs,
            offered: 0,
            heap: BinaryHeap::new(),
        })
    }

    /// Offers a pair: the ordinal of its group, and the positions of its sides in the group.
    pub fn offer(&mut self, group: u64, chosen: u32, rejected: u32) {
        let hash = pair_hash(self.seed, group, chosen, rejected);
        let entry = Entry {
            hash,
            group,
            chosen,
            rejected,
            order: self.offered,
        };
        self.offered += 1;
        if self.heap.len() < self.limit {
            self.heap.push(entry);
        } else if let Some(mut largest) = self.heap.peek_mut()
            && entry < *largest
        {
            *largest = entry;
        }
    }

    /// How many pairs were offered.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Ends the sample.
    pub fn finish(self) -> Sample {
        let dropped = self.offered - self.heap.len() as u64;
        let largest = self.heap.peek().copied().filter(|_| dropped > 0);
        let mut entries = self.heap.into_vec();
        entries.sort_unstable_by_key(|entry| entry.order);
        Sample {
            seed: self.seed,
            dropped,
            largest,
            entries,
        }
    }
}

/// What a [`Sampler`] kept.
#[derive(Clone, Debug)]
pub struct Sample {
    seed: u64,
    dropped: u64,
    /// The largest entry that is kept, when any was dropped.
    largest: Option<Entry>,
    entries: Vec<Entry>,
}

impl Sample {
    /// The pairs that are kept, in the order in which they were offered.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = SampledPair> + '_ {
        self.entries.iter().map(|entry| SampledPair {
            group: entry.group,
            chosen: entry.chosen,
            rejected: entry.rejected,
        })
    }

    /// How many of the offered pairs are not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether a pair that was offered is kept: one hash and one comparison, for callers who meet the pairs again.
    pub fn keeps(&self, group: u64, chosen: u32, rejected: u32) -> bool {
        self.largest.is_none_or(|largest| {
            let hash = pair_hash(self.seed, group, chosen, rejected);
            let bound = (largest.hash, largest.group, largest.chosen, largest.rejected);
            (hash, group, chosen, rejected) <= bound
        })
    }
}

/// A pair of a [`Sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampledPair {
    group: u64,
    chosen: u32,
    rejected: u32,
}

impl SampledPair {
    /// The ordinal of the group.
    pub fn group(&self) -> u64 {
        self.group
    }

    /// The position of the chosen candidate in the group.
    pub fn chosen(&self) -> u32 {
        self.chosen
    }

    /// The position of the rejected candidate in the group.
    pub fn rejected(&self) -> u32 {
        self.rejected
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Entry, SampledPair, Sampler};
    use crate::random::pair_hash;

    proptest! {
        #[test]
        fn keeps_the_smallest_hashes_in_the_order_offered(
            pairs in proptest::collection::btree_set((0_u64..20, 0_u32..9, 0_u32..9), 0..200),
            limit in 1_usize..60,
            seed: u64,
            turn in 0_usize..200,
        ) {
            let mut offers: Vec<_> = pairs.into_iter().collect();
            let middle = turn.min(offers.len());
            offers.rotate_left(middle);
            let mut sampler = Sampler::new(limit, seed).unwrap();
            for &(group, chosen, rejected) in &offers {
                sampler.offer(group, chosen, rejected);
            }
            prop_assert_eq!(sampler.offered(), offers.len() as u64);
            let sample = sampler.finish();

            let mut smallest = offers.clone();
            smallest.sort_by_key(|&(group, chosen, rejected)| (pair_hash(seed, group, chosen, rejected), group));
            smallest.truncate(limit);
            let smallest: BTreeSet<_> = smallest.into_iter().collect();
            let expected: Vec<_> = offers.iter().copied().filter(|pair| smallest.contains(pair)).collect();
            let kept: Vec<_> = sample.pairs().map(|p| (p.group(), p.chosen(), p.rejected())).collect();
            prop_assert_eq!(kept, expected);
            prop_assert_eq!(sample.dropped() as usize, offers.len() - smallest.len());
            for pair in offers {
                prop_assert_eq!(sample.keeps(pair.0, pair.1, pair.2), smallest.contains(&pair));
            }
        }
    }

    #[test]
    fn colliding_hashes_are_decided_by_the_pair() {
        let entry = |group, chosen, order| Entry {
            hash: 1,
            group,
            chosen,
            rejected: 0,
            order,
        };
        assert!(entry(1, 9, 9) < entry(2, 0, 0));
        assert!(entry(1, 1, 9) < entry(1, 2, 0));
    }

    #[test]
    fn what_was_kept_does_not_depend_on_what_follows_it_in_other_groups() {
        let kept = |groups: u64| -> BTreeSet<SampledPair> {
            let mut sampler = Sampler::new(10, 5).unwrap();
            (0..groups).for_each(|group| sampler.offer(group, 0, 1));
            sampler.finish().pairs().collect()
        };
        let (few, more) = (kept(50), kept(60));
        assert!(
            more.iter()
                .filter(|pair| pair.group() < 50)
                .all(|pair| few.contains(pair))
        );
    }

    #[test]
    fn a_maximum_of_zero_is_refused() {
        let error = Sampler::new(0, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "`max-pairs` is `0`: keep at least 1 pair, or leave the setting out to keep all"
        );
    }
}
