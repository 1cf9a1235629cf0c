use std::collections::BTreeMap;

use super::distribution::Bucket;

/// How the values of one score are distributed.
///
/// Values are kept to four digits, and counted; count, least and greatest are exact, and the sum is as exact as floats are.
#[derive(Clone, Debug, Default)]
pub struct ScoreStatistics {
    /// By an integer that orders as the numbers do.
    counts: BTreeMap<i64, u64>,
    count: u64,
    missing: u64,
    sum: f64,
    range: Option<(f64, f64)>,
}

impl ScoreStatistics {
    /// Adds a value, or that there was none.
    pub fn add(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            self.missing += 1;
            return;
        };
        *self.counts.entry(ordered(rounded(value))).or_default() += 1;
        self.count += 1;
        self.sum += value;
        self.widen(value, value);
    }

    fn widen(&mut self, low: f64, high: f64) {
        let (min, max) = self.range.unwrap_or((low, high));
        self.range = Some((min.min(low), max.max(high)));
    }

    pub(super) fn merge(&mut self, other: &ScoreStatistics) {
        for (&value, &count) in &other.counts {
            *self.counts.entry(value).or_default() += count;
        }
        self.count += other.count;
        self.missing += other.missing;
        self.sum += other.sum;
        if let Some((min, max)) = other.range {
            self.widen(min, max);
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How often it was named and missing.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The least and the greatest; none of nothing.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.range
    }

    /// The mean to nine digits, which do not depend on the order of the values; none of nothing.
    #[expect(clippy::cast_precision_loss, reason = "a mean is shown with a few digits")]
    pub fn mean(&self) -> Option<f64> {
        let mean = self.sum / self.count as f64;
        (self.count > 0).then(|| format!("{mean:.8e}").parse().unwrap_or(mean))
    }

    /// The distribution in so many buckets of one width; every value in a bucket of its own where there are no more.
    #[expect(clippy::cast_precision_loss, reason = "there are few buckets")]
    pub fn buckets(&self, most: usize) -> Vec<Bucket> {
        let Some((min, max)) = self.range else {
            return Vec::new();
        };
        let values = self.counts.iter().map(|(&value, &count)| (number(value), count));
        if self.counts.len() <= most {
            return values
                .map(|(value, count)| Bucket::new(value, value, count))
                .collect();
        }
        let width = (max - min) / most as f64;
        let from = |index: usize| min + width * index as f64;
        let mut buckets: Vec<_> = (0..most)
            .map(|index| Bucket::new(from(index), from(index + 1), 0))
            .collect();
        for (value, count) in values {
            let beyond = buckets.iter().position(|bucket| value < bucket.to);
            buckets[beyond.unwrap_or(most - 1)].count += count;
        }
        buckets
    }
}

/// A value to four digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// An integer for each float, in the same order; both zeros are one.
fn ordered(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

fn number(ordered: i64) -> f64 {
    let bits = ordered ^ ((ordered >> 63).cast_unsigned() >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_order_as_their_floats_do() {
        let values = [f64::MIN, -1.5, -0.5, 0.0, 1e-300, 0.25, 3.0, f64::MAX];
        assert!(values.windows(2).all(|two| ordered(two[0]) < ordered(two[1])));
        assert!(
            values
                .iter()
                .all(|&value| number(ordered(value)).to_bits() == value.to_bits())
        );
        assert_eq!(ordered(-0.0), ordered(0.0));
    }

    #[test]
    fn few_values_stand_alone_and_many_share_buckets() {
        let mut scores = ScoreStatistics::default();
        for value in [1.0, 0.0, 1.0] {
            scores.add(Some(value));
        }
        scores.add(None);
        assert_eq!(
            (scores.count(), scores.missing(), scores.range()),
            (3, 1, Some((0.0, 1.0)))
        );
        assert_eq!(scores.mean(), Some(0.666_666_667));
        assert_eq!(
            scores.buckets(10),
            [Bucket::new(0.0, 0.0, 1), Bucket::new(1.0, 1.0, 2)]
        );
        let mut many = ScoreStatistics::default();
        (0..100).for_each(|value| many.add(Some(f64::from(value) / 99.0)));
        let buckets = many.buckets(10);
        assert_eq!(
            buckets.iter().map(|bucket| bucket.count).collect::<Vec<_>>(),
            [10; 10]
        );
    }
}
