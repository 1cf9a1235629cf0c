//! Seeded randomness that is the same on every platform and in every version.

/// The increment of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(STEP);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The keyed hash by which splits, samples and shuffles decide: `mix(mix(mix(seed) ^ high) ^ low)` over the halves of the
/// key, with the finaliser of `SplitMix64` (Steele, Lea and Flood, 2014). Part of what the crate promises.
///
/// ```
/// use tracemill_curate::keyed_hash;
/// assert_eq!(keyed_hash(7, 1), keyed_hash(7, 1));
/// assert_ne!(keyed_hash(7, 1), keyed_hash(8, 1));
/// ```
pub fn keyed_hash(seed: u64, key: u128) -> u64 {
    mix(mix(mix(seed) ^ (key >> 64) as u64) ^ key as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_do_not_change_and_are_spread() {
        // `mix(0)` is the first output of SplitMix64 from state 0, a published test value.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        let low = (0..10_000_u128)
            .filter(|&key| keyed_hash(3, key) < u64::MAX / 10)
            .count();
        assert!((900..1_100).contains(&low), "{low}");
    }
}
