use std::collections::BTreeMap;

/// How some numbers of things are distributed.
///
/// Numbers up to a hundred are kept as they are, larger ones to two digits, so that memory is bounded; count, sum, least
/// and greatest are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    counts: BTreeMap<u64, u64>,
    count: u64,
    sum: u64,
    min: Option<u64>,
    max: Option<u64>,
}

/// A part of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Bucket {
    /// The least number that belongs here.
    pub from: f64,
    /// The end: the greatest number in the last bucket, the beginning of the next one in all others.
    pub to: f64,
    /// How many belong here.
    pub count: u64,
}

impl Bucket {
    pub(super) fn new(from: f64, to: f64, count: u64) -> Self {
        Bucket { from, to, count }
    }
}

impl Distribution {
    /// Adds a number.
    pub fn add(&mut self, number: u64) {
        *self.counts.entry(rounded(number)).or_default() += 1;
        self.count += 1;
        self.sum += number;
        self.min = Some(self.min.map_or(number, |min| min.min(number)));
        self.max = Some(self.max.map_or(number, |max| max.max(number)));
    }

    /// Adds what another part of the run counted.
    pub fn merge(&mut self, other: &Distribution) {
        for (&number, &count) in &other.counts {
            *self.counts.entry(number).or_default() += count;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = [self.min, other.min].into_iter().flatten().min();
        self.max = [self.max, other.max].into_iter().flatten().max();
    }

    /// The sum of all.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The least; none of nothing.
    pub fn min(&self) -> Option<u64> {
        self.min
    }

    /// The greatest; none of nothing.
    pub fn max(&self) -> Option<u64> {
        self.max
    }

    /// The mean; none of nothing.
    #[expect(clippy::cast_precision_loss, reason = "a mean is shown with a few digits")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The number that at least half of all reach from below, to two digits.
    pub fn median(&self) -> Option<u64> {
        let mut passed = 0;
        self.counts.iter().find_map(|(&number, &count)| {
            passed += count;
            (passed * 2 >= self.count).then_some(number)
        })
    }

    /// The distribution in buckets that double in width, from the one of the least to that of the greatest.
    #[expect(clippy::cast_precision_loss, reason = "limits of buckets are powers of two")]
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets: BTreeMap<u32, u64> = BTreeMap::new();
        for (&number, &count) in &self.counts {
            *buckets.entry(u64::BITS - number.leading_zeros()).or_default() += count;
        }
        let (Some(&first), Some(&last)) = (buckets.keys().next(), buckets.keys().next_back()) else {
            return Vec::new();
        };
        let from = |bits: u32| {
            if bits == 0 {
                0.0
            } else {
                (1_u64 << (bits - 1)) as f64
            }
        };
        (first..=last)
            .map(|bits| {
                Bucket::new(
                    from(bits),
                    from(bits + 1),
                    buckets.get(&bits).copied().unwrap_or(0),
                )
            })
            .collect()
    }
}

/// A number to two digits.
fn rounded(number: u64) -> u64 {
    let mut step = 1;
    while number / step > 100 {
        step *= 10;
    }
    number / step * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_by_doubling_buckets() {
        let mut numbers = Distribution::default();
        for number in [0, 1, 2, 3, 4, 12_345] {
            numbers.add(number);
        }
        assert_eq!(
            (numbers.min(), numbers.max(), numbers.median()),
            (Some(0), Some(12_345), Some(2))
        );
        let buckets = numbers.buckets();
        assert_eq!(buckets.len(), 15);
        let counts: Vec<_> = buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!((&counts[..4], counts[14]), (&[1, 1, 2, 1][..], 1));
        assert_eq!(buckets[14], Bucket::new(8192.0, 16384.0, 1));
        assert_eq!(Distribution::default().buckets(), []);
    }

    #[test]
    fn parts_of_a_run_add_up() {
        let (mut whole, mut a, mut b) = <(Distribution, Distribution, Distribution)>::default();
        for number in 0..500 {
            whole.add(number * 7);
            if number % 3 == 0 { &mut a } else { &mut b }.add(number * 7);
        }
        a.merge(&b);
        assert_eq!(format!("{whole:?}"), format!("{a:?}"));
        assert_eq!(rounded(12_345), 12_000);
    }
}
