//! A small pseudo-random generator, and the distributions that the workloads need.

/// Separates the streams of numbers that one seed gives.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Chat = 1,
    Prompt = 2,
    Response = 3,
    Order = 4,
}

/// Sebastiano Vigna's `SplitMix64`: one multiplication chain a number, seeded by any 64 bits.
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The numbers of one item of one stream.
    pub(super) fn new(seed: u64, stream: Stream, item: u64) -> Self {
        let stream = mix(seed ^ (stream as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        Random {
            state: mix(stream ^ item.wrapping_mul(0xa076_1d64_78bd_642f)),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`; the bias of the multiplication is under `bound` / 2^64.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A length with a log-normal distribution of the given median, and a standard deviation of the logarithm of
    /// 1.097, which puts one length in a hundred above 12.4 times the median.
    pub(super) fn length(&mut self, median: Median, longest: usize) -> usize {
        let exponent = i64::from(median.0) + self.normal() * 1620 / 1024;
        (power_of_two(exponent) as usize).clamp(2, longest)
    }

    /// A nearly normal number with mean 0 and a standard deviation of 65,536: the sum of twelve uniform ones.
    fn normal(&mut self) -> i64 {
        let mut sum = 0;
        for _ in 0..3 {
            let bits = self.next();
            sum += (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        }
        sum.cast_signed() - 6 * 65_536
    }
}

/// A median length, as its base-2 logarithm in 16-bit fixed point.
#[derive(Clone, Copy)]
pub(super) struct Median(u32);

impl Median {
    /// 20 characters: a search term, an argument.
    pub(super) const TERM: Median = Median(283_242);
    /// 100 characters: a short script.
    pub(super) const SCRIPT: Median = Median(435_412);
    /// 290 characters: a message, a response.
    pub(super) const MESSAGE: Median = Median(536_079);
    /// 780 characters: the prompt of a candidate.
    pub(super) const PROMPT: Median = Median(629_626);
}

/// Two to the power of a 16-bit fixed-point exponent, within 0.2%.
fn power_of_two(exponent: i64) -> u64 {
    let exponent = exponent.clamp(0, 40 << 16).cast_unsigned();
    let (whole, fraction) = (exponent >> 16, exponent & 0xffff);
    let mantissa = 65_536 + ((fraction * (43_024 + ((22_512 * fraction) >> 16))) >> 16);
    (mantissa << whole) >> 16
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_within_a_two_hundredth() {
        for exponent in (10 << 16..20 << 16).step_by(997) {
            let exact = (f64::from(exponent) / 65_536.0).exp2();
            let found = u32::try_from(power_of_two(i64::from(exponent))).unwrap();
            let error = (f64::from(found) - exact).abs() / exact;
            assert!(error < 0.005, "2^({exponent}/65536) is off by {error}");
        }
    }

    #[test]
    fn medians_are_what_they_say() {
        for (median, expected) in [
            (Median::TERM, 20.0),
            (Median::SCRIPT, 100.0),
            (Median::MESSAGE, 290.0),
            (Median::PROMPT, 780.0),
        ] {
            let found = (f64::from(median.0) / 65_536.0).exp2();
            assert!((found - expected).abs() < 0.5, "{found} instead of {expected}");
        }
    }

    #[test]
    fn half_of_the_lengths_are_below_the_median() {
        let mut random = Random::new(1, Stream::Chat, 0);
        let below = (0..10_000)
            .filter(|_| random.length(Median::MESSAGE, 20_000) < 290)
            .count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }

    #[test]
    fn numbers_are_below_their_bound_and_reach_all_of_it() {
        let mut random = Random::new(1, Stream::Order, 0);
        let mut seen = [0; 7];
        for _ in 0..700 {
            seen[random.below(7)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 60), "{seen:?}");
    }

    #[test]
    fn streams_and_items_differ() {
        let first = |stream, item| Random::new(9, stream, item).next();
        assert_ne!(first(Stream::Chat, 0), first(Stream::Prompt, 0));
        assert_ne!(first(Stream::Chat, 0), first(Stream::Chat, 1));
    }
}
