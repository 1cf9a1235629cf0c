//! Pairs that repeat earlier ones.

use std::collections::HashSet;

/// The pairs that came out so far, by digest, to find those that repeat one of them.
///
/// Ask in the order of the output, so that the first of equal pairs is kept whatever the number of threads. A
/// digest has 128 bits and is not verified: what the first pair said may be long gone. That two different pairs
/// among a billion have the same digest by chance has a probability below 10⁻²⁰; a pair that repeats is counted
/// as [`SkipReason::Duplicate`](crate::SkipReason::Duplicate). Takes up to 40 bytes a pair.
///
/// ```
/// use tracemill_pairs::SeenPairs;
///
/// let mut seen = SeenPairs::new();
/// let kept: Vec<_> = [3, 5, 3].into_iter().filter(|&digest| seen.insert(digest)).collect();
/// assert_eq!(kept, [3, 5]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SeenPairs {
    // Asked, never gone over: its order reaches no output.
    digests: HashSet<u128>,
}

impl SeenPairs {
    /// No pairs yet.
    pub fn new() -> SeenPairs {
        SeenPairs::default()
    }

    /// Notes a pair by its [digest](crate::TracePair::digest); whether it is the first of its kind.
    pub fn insert(&mut self, digest: u128) -> bool {
        self.digests.insert(digest)
    }
}
