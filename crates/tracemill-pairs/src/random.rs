//! Seeded randomness that is the same on every platform and in every version.
//!
//! Everything derives from the finaliser of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom
//! number generators", 2014): 64-bit integer arithmetic only. The constants are part of what the crate promises:
//! changing one changes every seeded output.

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn finalise(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Absorbs one word into a keyed hash.
fn absorb(state: u64, word: u64) -> u64 {
    finalise((state ^ word).wrapping_add(STEP))
}

/// The keyed hash of a pair, by which [`Sampler`](crate::Sampler) chooses.
///
/// With `mix(x)` for the finaliser of `SplitMix64` applied to `x + 0x9e3779b97f4a7c15`, it is
/// `mix(mix(mix(seed) ^ group) ^ (chosen << 32 | rejected))`, on any platform and in any version.
///
/// ```
/// assert_eq!(tracemill_pairs::pair_hash(0, 0, 0, 1), 0x2f32_a784_96c6_7c60);
/// ```
pub fn pair_hash(seed: u64, group: u64, chosen: u32, rejected: u32) -> u64 {
    let pair = u64::from(chosen) << 32 | u64::from(rejected);
    absorb(absorb(absorb(0, seed), group), pair)
}

/// The seed that a class of a group hands to its strategy.
///
/// A class is named by the rank of its best candidate, which no reordering of the input changes.
pub(crate) fn class_seed(seed: u64, group: u64, best: u32) -> u64 {
    absorb(absorb(absorb(0, seed), group), u64::from(best))
}

/// The generator `SplitMix64`.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    state: u64,
}

impl Stream {
    pub(crate) fn new(seed: u64) -> Stream {
        Stream { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        finalise(self.state)
    }

    /// A number below `bound`, all equally likely: the high half of a product, drawn again in the few cases that
    /// would favour small numbers (Lemire, "Fast random integer generation in an interval", 2019).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next()) * u128::from(bound);
        if (product as u64) < bound {
            let unfair = bound.wrapping_neg() % bound;
            while (product as u64) < unfair {
                product = u128::from(self.next()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// Draws `count` different numbers below `bound` into `drawn`, in ascending order.
    ///
    /// Takes as many draws as it misses until none is missing. For `count` up to half of `bound` each round
    /// halves what is missing, on average or better.
    pub(crate) fn distinct(&mut self, bound: u64, count: u64, drawn: &mut Vec<u64>) {
        drawn.clear();
        let count = count.min(bound);
        loop {
            let missing = count - drawn.len() as u64;
            if missing == 0 {
                return;
            }
            for _ in 0..missing {
                let number = self.below(bound);
                drawn.push(number);
            }
            drawn.sort_unstable();
            drawn.dedup();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, pair_hash};

    #[test]
    fn the_stream_is_splitmix64() {
        let mut stream = Stream::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| stream.next()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn pair_hashes_do_not_change() {
        // Computed by an implementation of the documented formula in another language.
        assert_eq!(pair_hash(0, 0, 0, 1), 0x2f32_a784_96c6_7c60);
        assert_eq!(pair_hash(42, 7, 3, 2), 0x0ad6_78b1_3794_8b71);
        assert_eq!(
            pair_hash(u64::MAX, u64::MAX, u32::MAX, u32::MAX),
            0x595b_17f4_87c0_e71b
        );
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut stream = Stream::new(3);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_500..10_500).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn distinct_numbers_are_distinct_and_reach_every_value() {
        let mut drawn = Vec::new();
        let mut seen = [0_u32; 9];
        for seed in 0..2_000 {
            Stream::new(seed).distinct(9, 4, &mut drawn);
            assert_eq!(drawn.len(), 4);
            assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            for &number in &drawn {
                seen[number as usize] += 1;
            }
        }
        assert!(seen.iter().all(|count| (780..1_000).contains(count)), "{seen:?}");
    }
}
