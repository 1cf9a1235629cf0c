//! Exact decimal arithmetic on the shortest decimals of floats.
//!
//! People write `0.3 - 0.2 >= 0.1` and mean the decimals. A float carries at most 17 significant digits, so a
//! mantissa of 64 bits holds any of them, and the sign of a sum of four needs no more than 128 bits, however far
//! apart the exponents lie (see [`sign_of_sum`]). Nothing here allocates.

use std::cmp::Ordering;
use std::fmt::{self, Write};

/// Powers of ten that a float holds exactly and that are used as divisors.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// How many decimal places the quick conversion tries. Scores are mostly rewards, ratings and rounded means;
/// each further place costs a division for the scores that have none of these shapes.
const QUICK_PLACES: usize = 6;

/// A decimal of at most 15 digits names at most one float, so below this bound "it reads back as the same float"
/// proves that it is the shortest one.
const QUICK_BOUND: f64 = 1e15;

/// `mantissa × 10^exponent`, with at most 17 digits in the mantissa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i64,
    pub(crate) exponent: i32,
}

impl Decimal {
    /// The shortest decimal that reads back as `value`, which must be finite.
    pub(crate) fn shortest(value: f64) -> Decimal {
        Decimal::quick(value).unwrap_or_else(|| Decimal::from_digits(value))
    }

    /// The shortest decimal of a value with few decimal places; `None` says nothing about the value.
    #[expect(
        clippy::float_cmp,
        reason = "whether the decimal reads back as the same float is the question"
    )]
    pub(crate) fn quick(value: f64) -> Option<Decimal> {
        let magnitude = value.abs();
        for (places, power) in (0..).zip(&POWERS[..=QUICK_PLACES]) {
            let scaled = magnitude * power;
            if scaled >= QUICK_BOUND {
                return None;
            }
            // A cast truncates; `f64::round` is a library call on the x86-64 baseline.
            let rounded = (scaled + 0.5) as i64;
            if exact(rounded) / power == magnitude {
                let mantissa = if value < 0.0 { -rounded } else { rounded };
                return Some(Decimal {
                    mantissa,
                    exponent: -places,
                });
            }
        }
        None
    }

    /// The shortest decimal by way of the standard library's digits.
    fn from_digits(value: f64) -> Decimal {
        let mut text = Stack::new();
        text.append(format_args!("{value:e}"));
        let (digits, exponent) = text.as_str().split_once('e').unwrap_or((text.as_str(), "0"));
        let mut mantissa = 0_i64;
        let mut places = 0_i32;
        let mut in_fraction = false;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + i64::from(byte - b'0');
                    places += i32::from(in_fraction);
                }
                b'.' => in_fraction = true,
                _ => {}
            }
        }
        let mantissa = if value < 0.0 { -mantissa } else { mantissa };
        Decimal {
            mantissa,
            exponent: exponent.parse::<i32>().unwrap_or(0) - places,
        }
    }

    pub(crate) fn negated(self) -> Decimal {
        Decimal {
            mantissa: -self.mantissa,
            exponent: self.exponent,
        }
    }
}

/// The sign of the exact sum of four decimals, as their order against zero.
///
/// Terms are taken from the largest exponent down. What has been summed so far is multiplied up to the next
/// exponent; but as soon as it outweighs everything that can still come, its sign is the answer. The remaining
/// terms, three at most, weigh less than 3 × 10^17 in units of the next exponent, so what is multiplied stays
/// below 3 × 10^17 × 10^18.
pub(crate) fn sign_of_sum(mut terms: [Decimal; 4]) -> Ordering {
    const OUTWEIGHS: u128 = 300_000_000_000_000_000;
    const FURTHEST: u32 = 18;
    terms.sort_unstable_by_key(|term| std::cmp::Reverse(term.exponent));
    let mut sum = 0_i128;
    let mut exponent = terms[0].exponent;
    for term in terms {
        let drop = exponent.abs_diff(term.exponent);
        if sum != 0 && drop > 0 {
            if drop > FURTHEST || sum.unsigned_abs() >= OUTWEIGHS {
                break;
            }
            sum *= 10_i128.pow(drop);
        }
        exponent = term.exponent;
        sum += i128::from(term.mantissa);
    }
    sum.cmp(&0)
}

/// How `a - b` compares with `c - d`, decided by floats where their rounding cannot matter.
///
/// `slack` is [`slack`] of the largest magnitude among the four.
pub(crate) fn compare_differences(a: f64, b: f64, c: f64, d: f64, slack: f64) -> Ordering {
    let gap = (a - b) - (c - d);
    if gap.is_finite() && gap.abs() > slack {
        return gap.total_cmp(&0.0);
    }
    compare_exactly(a, b, c, d)
}

/// How `a - b` compares with `c - d`, in decimals.
pub(crate) fn compare_exactly(a: f64, b: f64, c: f64, d: f64) -> Ordering {
    sign_of_sum([
        Decimal::shortest(a),
        Decimal::shortest(b).negated(),
        Decimal::shortest(c).negated(),
        Decimal::shortest(d),
    ])
}

/// How far two float differences of values up to `largest` must lie apart to decide their order.
///
/// Each value is within half a unit in the last place of its decimal and each subtraction rounds once: together
/// less than `largest × 2^-50` for two differences. The factor is four times that, and the constant covers
/// subnormal values, whose units do not shrink.
pub(crate) fn slack(largest: f64) -> f64 {
    largest * f64::EPSILON * 16.0 + 1e-300
}

/// The float nearest to the exact difference of two decimals.
pub(crate) fn difference(a: f64, b: f64) -> f64 {
    const FURTHEST: u32 = 19;
    let (x, y) = (Decimal::shortest(a), Decimal::shortest(b));
    let apart = x.exponent.abs_diff(y.exponent);
    if apart > FURTHEST {
        return sum_of_unlike(x, y.negated()).clamp(f64::MIN, f64::MAX);
    }
    let scale = 10_i128.pow(apart);
    let (x_scaled, y_scaled) = if x.exponent > y.exponent {
        (i128::from(x.mantissa) * scale, i128::from(y.mantissa))
    } else {
        (i128::from(x.mantissa), i128::from(y.mantissa) * scale)
    };
    nearest(x_scaled - y_scaled, x.exponent.min(y.exponent)).clamp(f64::MIN, f64::MAX)
}

/// The float nearest to the sum of two decimals whose last digits lie too far apart to write both as one number.
///
/// The coarse one gets as many zeros as there is room for, and the fine one is cut there. If anything of it was cut off, one
/// digit more says on which side: that matters only where the rest lies half way between two floats.
#[cold]
fn sum_of_unlike(a: Decimal, b: Decimal) -> f64 {
    const ROOM: i128 = 10_i128.pow(35);
    let (coarse, fine) = if a.exponent > b.exponent { (a, b) } else { (b, a) };
    if coarse.mantissa == 0 {
        return nearest(i128::from(fine.mantissa), fine.exponent);
    }
    let (mut sum, mut exponent) = (i128::from(coarse.mantissa), coarse.exponent);
    while sum.abs() < ROOM && exponent > fine.exponent {
        sum *= 10;
        exponent -= 1;
    }
    let unit = 10_i128.checked_pow(exponent.abs_diff(fine.exponent));
    let fine = i128::from(fine.mantissa);
    let (whole, cut) = unit.map_or((0, fine), |unit| (fine / unit, fine % unit));
    nearest((sum + whole) * 10 + cut.signum(), exponent - 1)
}

/// The float nearest to `mantissa × 10^exponent`.
pub(crate) fn nearest(mantissa: i128, exponent: i32) -> f64 {
    const EXACT: i128 = 1 << 53;
    if let (Ok(small), Ok(places)) = (i64::try_from(mantissa), usize::try_from(-exponent))
        && mantissa.abs() <= EXACT
        && let Some(power) = POWERS.get(places)
    {
        // Both are exact, so the division is the only rounding.
        return exact(small) / power;
    }
    let mut text = Stack::new();
    text.append(format_args!("{mantissa}e{exponent}"));
    text.as_str().parse().unwrap_or(0.0)
}

/// The float nearest to `sum × 10^exponent / count`, whatever the order in which the sum was made.
pub(crate) fn nearest_quotient(sum: i128, exponent: i32, count: u32) -> f64 {
    const DIGITS: u32 = 20;
    let (mut scaled, mut shift) = (sum, 0);
    while shift < DIGITS
        && let Some(next) = scaled.checked_mul(10)
    {
        scaled = next;
        shift += 1;
    }
    let exponent = exponent - shift.cast_signed();
    let (quotient, rest) = (scaled / i128::from(count), scaled % i128::from(count));
    if rest == 0 {
        return nearest(quotient, exponent);
    }
    // One more digit says on which side of the quotient the value lies.
    let mut text = Stack::new();
    text.append(format_args!("{quotient}1e{}", exponent - 1));
    text.as_str().parse().unwrap_or(0.0)
}

/// Exact sum of decimals, as long as it fits 128 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExactSum {
    pub(crate) sum: i128,
    pub(crate) exponent: i32,
}

impl ExactSum {
    pub(crate) const ZERO: ExactSum = ExactSum { sum: 0, exponent: 0 };

    /// Adds a decimal; `None` when the exponents lie too far apart.
    pub(crate) fn plus(self, term: Decimal) -> Option<ExactSum> {
        let exponent = self.exponent.min(term.exponent);
        let sum = lift(self.sum, self.exponent.abs_diff(exponent))?;
        let addend = lift(i128::from(term.mantissa), term.exponent.abs_diff(exponent))?;
        Some(ExactSum {
            sum: sum.checked_add(addend)?,
            exponent,
        })
    }
}

fn lift(value: i128, places: u32) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10_i128.checked_pow(places)?)
}

#[expect(clippy::cast_precision_loss, reason = "callers hold the magnitude to 2^53")]
fn exact(value: i64) -> f64 {
    value as f64
}

/// Room for the digits of one number, on the stack.
struct Stack {
    bytes: [u8; 64],
    len: usize,
}

impl Stack {
    fn new() -> Stack {
        Stack {
            bytes: [0; 64],
            len: 0,
        }
    }

    /// Appends a number. The longest, 128 bits and an exponent, takes 47 bytes.
    fn append(&mut self, number: fmt::Arguments<'_>) {
        let written = self.write_fmt(number);
        debug_assert!(written.is_ok(), "a number fits");
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl Write for Stack {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::{
        Decimal, compare_differences, compare_exactly, difference, nearest, nearest_quotient, slack,
    };

    /// A sum of decimals as digits, for comparison: written out in full, however long.
    #[derive(Default)]
    struct Digits(Vec<u8>);

    /// The position of the last digit: below that of any float.
    const LAST: i32 = -400;

    impl Digits {
        fn add(&mut self, magnitude: f64) {
            let text = format!("{magnitude:e}");
            let (digits, exponent) = text.split_once('e').unwrap();
            let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            let first = exponent.parse::<i32>().unwrap() - i32::try_from(fraction).unwrap() - LAST;
            let mut carry = 0;
            let mut addend = digits
                .bytes()
                .rev()
                .filter(u8::is_ascii_digit)
                .map(|digit| digit - b'0');
            self.0.resize(self.0.len().max(800), 0);
            for place in &mut self.0[usize::try_from(first).unwrap()..] {
                let sum = *place + addend.next().unwrap_or(0) + carry;
                (*place, carry) = (sum % 10, sum / 10);
            }
        }
    }

    /// Whether `a - b` meets `c - d`, by long addition of digits.
    fn oracle(a: f64, b: f64, c: f64, d: f64) -> Ordering {
        let (mut left, mut right) = (Digits::default(), Digits::default());
        for (value, positive) in [(a, true), (b, false), (c, false), (d, true)] {
            let side = if (value > 0.0) == positive {
                &mut left
            } else {
                &mut right
            };
            side.add(value.abs());
        }
        left.0.resize(800, 0);
        right.0.resize(800, 0);
        left.0.iter().rev().cmp(right.0.iter().rev())
    }

    fn float() -> impl Strategy<Value = f64> {
        use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        prop_oneof![
            NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
            -1.0..1.0,
            (-1_000_i32..1_000).prop_map(f64::from),
            (-100_000_i64..100_000, -9_i32..3).prop_map(|(m, e)| format!("{m}e{e}").parse().unwrap()),
            (-99_999_999_999_999_999_i64..99_999_999_999_999_999, -40_i32..20).prop_map(|(m, e)| format!(
                "{m}e{e}"
            )
            .parse()
            .unwrap()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn comparison_is_long_addition((a, b, c, d) in (float(), float(), float(), float())) {
            let expected = oracle(a, b, c, d);
            prop_assert_eq!(compare_exactly(a, b, c, d), expected);
            let largest = [a, b, c, d].into_iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            prop_assert_eq!(compare_differences(a, b, c, d, slack(largest)), expected);
        }

        /// Decimals that meet at the boundary exactly, or miss it by one in the last digit.
        #[test]
        fn the_boundary_is_exact(
            base in -10_000_i64..10_000,
            step in 0_i64..10_000,
            other in -10_000_i64..10_000,
            miss in -1_i64..2,
            places in 0_u32..9,
        ) {
            let decimal = |digits: i64| -> f64 { format!("{digits}e-{places}").parse().unwrap() };
            let (a, b, c, d) = (decimal(base + step), decimal(base), decimal(other + step + miss), decimal(other));
            let largest = [a, b, c, d].into_iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            prop_assert_eq!(compare_differences(a, b, c, d, slack(largest)), 0.cmp(&miss));
        }

        /// Neighbouring floats: where rounding matters most.
        #[test]
        fn neighbours_are_told_apart(a in float(), b in float(), ulps in -2_i64..3) {
            let near = |value: f64| f64::from_bits(value.to_bits().wrapping_add_signed(ulps));
            let (c, d) = (near(a), near(b));
            prop_assume!(c.is_finite() && d.is_finite());
            let largest = [a, b, c, d].into_iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            prop_assert_eq!(compare_differences(a, b, c, d, slack(largest)), oracle(a, b, c, d));
        }

        #[test]
        fn shortest_reads_back_and_is_what_is_displayed(value in float()) {
            let value = value + 0.0; // scores have no negative zero
            let Decimal { mantissa, exponent } = Decimal::shortest(value);
            let text = format!("{mantissa}e{exponent}");
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            prop_assert!(mantissa.abs() < 100_000_000_000_000_000);
            let shown: String = format!("{value:e}").chars().take_while(|c| *c != 'e').filter(|c| *c != '.').collect();
            let digits = mantissa.to_string();
            prop_assert_eq!(shown.trim_end_matches('0'), digits.trim_end_matches('0'));
        }

        #[test]
        fn difference_is_the_float_of_the_decimal(a in -10_000_i64..10_000, b in -10_000_i64..10_000, places in 0_u32..20) {
            let decimal = |digits: i64| -> f64 { format!("{digits}e-{places}").parse().unwrap() };
            prop_assert_eq!(difference(decimal(a), decimal(b)), decimal(a - b));
        }

        #[test]
        fn difference_is_never_far_from_that_of_the_floats((a, b) in (float(), float())) {
            let floats = (a - b).clamp(f64::MIN, f64::MAX);
            let off = difference(a, b) - floats;
            prop_assert!(off.abs() <= slack(a.abs().max(b.abs())), "{off}");
        }

        #[test]
        fn quotients_are_the_nearest(sum in -1_000_000_i128..1_000_000, shift in 0_i32..6, count in 1_u32..1_000) {
            // Both are exact as floats, so that one division rounds correctly.
            let scaled = sum * 10_i128.pow(shift.cast_unsigned());
            let expected = i32::try_from(sum).map(f64::from).unwrap() / f64::from(count);
            prop_assert_eq!(nearest_quotient(scaled, -shift, count), expected);
        }
    }

    #[test]
    fn what_is_far_smaller_tips_the_balance() {
        // Half way between two floats: whatever is added, however little, decides.
        let middle = 3.896_902_735_663_648e18;
        for little in [1.0, 0.1, 0.341_480_485_450_044_56, 1e-5, 1e-300] {
            assert_eq!(
                difference(middle, -little).to_bits(),
                (middle + 512.0).to_bits(),
                "{little}"
            );
            assert_eq!(difference(middle, little).to_bits(), middle.to_bits(), "{little}");
        }
        assert_eq!(difference(1.0, 1e-25).to_bits(), 1.0_f64.to_bits());
        assert_eq!(difference(1e20, 1e-5).to_bits(), 1e20_f64.to_bits());
        assert_eq!(difference(0.0, 1e-300).to_bits(), (-1e-300_f64).to_bits());
        assert_eq!(difference(1e-300, 0.0).to_bits(), 1e-300_f64.to_bits());
    }

    #[test]
    fn nearest_rounds_once() {
        assert_eq!(nearest(2, -1).to_bits(), 0.2_f64.to_bits());
        assert_eq!(nearest(i128::MAX, -400).to_bits(), 0.0_f64.to_bits());
        assert_eq!(
            nearest(-12_345_678_901_234_567_890, -19).to_bits(),
            (-1.234_567_890_123_456_8_f64).to_bits()
        );
    }
}
