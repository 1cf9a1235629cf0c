//! Differences of scores as people write them: 0.9 − 0.2 is 0.7, not 0.7000000000000001.

use std::fmt::{self, Write};

/// `a - b` in the decimals that both are written in, where floats hold those exactly enough; else as floats.
pub(crate) fn difference(a: f64, b: f64) -> f64 {
    in_decimals(a, b).unwrap_or((a - b).clamp(f64::MIN, f64::MAX))
}

/// The float error of a difference lies far below the last decimal place, so rounding to that place is exact.
fn in_decimals(a: f64, b: f64) -> Option<f64> {
    const MOST_PLACES: usize = 15;
    // A digit of the difference is worth its place only below 2^53 units of that place.
    const MOST_UNITS: f64 = 9e15;
    let places = places(a)?.max(places(b)?);
    let units = 10_f64.powi(i32::try_from(places).ok()?);
    if places > MOST_PLACES || a.abs().max(b.abs()) * units > MOST_UNITS {
        return None;
    }
    let mut text = Stack::default();
    write!(text, "{:.*}", places, a - b).ok()?;
    let rounded: f64 = text.as_str().parse().ok()?;
    // No minus before a zero.
    Some(rounded + 0.0)
}

/// How many digits stand behind the point in the shortest form of a number.
fn places(value: f64) -> Option<usize> {
    let mut text = Stack::default();
    write!(text, "{value:e}").ok()?;
    let (digits, exponent) = text.as_str().split_once('e')?;
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let places = i32::try_from(fraction).ok()? - exponent.parse::<i32>().ok()?;
    Some(usize::try_from(places).unwrap_or(0))
}

/// Room for the digits of one number, on the stack.
struct Stack {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Stack {
    fn default() -> Self {
        Stack {
            bytes: [0; 64],
            len: 0,
        }
    }
}

impl Stack {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
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
mod tests {
    use super::difference;

    #[test]
    fn differences_are_decimal() {
        for (a, b, expected) in [
            ("0.9", "0.2", "0.7"),
            ("0.3", "0.2", "0.1"),
            ("1", "0", "1"),
            ("-1", "-3.25", "2.25"),
            ("0.1", "0.1", "0"),
            ("1e-7", "0", "1e-7"),
            ("100.01", "99.99", "0.02"),
            ("1e300", "1", "1e300"),
            ("0.123456789012345", "0.1", "0.023456789012345"),
        ] {
            let [a, b, expected] = [a, b, expected].map(|text| text.parse::<f64>().unwrap());
            assert_eq!(difference(a, b).to_bits(), expected.to_bits(), "{a} - {b}");
        }
        let far = difference(f64::MAX, f64::MIN);
        assert_eq!(far.to_bits(), f64::MAX.to_bits());
    }

    #[test]
    fn every_difference_of_short_decimals_is_one() {
        for places in 0..6 {
            for a in (-2000..2000).step_by(7) {
                for b in (-2000..2000).step_by(311) {
                    let decimal = |digits: i32| format!("{digits}e-{places}").parse::<f64>().unwrap();
                    let expected = decimal(a - b) + 0.0;
                    assert_eq!(difference(decimal(a), decimal(b)).to_bits(), expected.to_bits());
                }
            }
        }
    }
}
