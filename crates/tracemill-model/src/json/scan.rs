//! Finding the bytes inside a string that matter: quotes, backslashes and control characters.

/// As many bytes are looked at together, in an ordinary register.
const LANE: usize = 8;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// The offset of the first special byte; the length of the text if there is none.
    pub(super) at: usize,
    /// Whether only ASCII was passed. `false` may also be due to the bytes just behind the stop.
    pub(super) ascii: bool,
}

/// Finds the first special byte at or after `at`: a quote, a backslash or a control character.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> Stop {
    let mut seen = 0;
    while let Some(lane) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let lane = u64::from_le_bytes(*lane);
        seen |= lane;
        let mask = special_mask(lane);
        if mask != 0 {
            return Stop {
                at: at + (mask.trailing_zeros() / u8::BITS) as usize,
                ascii: seen & HIGH == 0,
            };
        }
        at += LANE;
    }
    tail(bytes, at, seen & HIGH == 0)
}

/// The scan of the last bytes, which fill no lane.
fn tail(bytes: &[u8], from: usize, ascii: bool) -> Stop {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|&byte| is_special(byte));
    let length = length.unwrap_or(rest.len());
    Stop {
        at: (from + length).min(bytes.len()),
        ascii: ascii && rest[..length].is_ascii(),
    }
}

/// A mask whose lowest set bit lies in the first special byte. (Higher ones may be wrong: borrows travel upwards.)
#[inline]
fn special_mask(lane: u64) -> u64 {
    let zeros = |x: u64| x.wrapping_sub(LOW) & !x;
    let quote = zeros(lane ^ (LOW * u64::from(b'"')));
    let backslash = zeros(lane ^ (LOW * u64::from(b'\\')));
    let control = lane.wrapping_sub(LOW * 0x20) & !lane;
    (quote | backslash | control) & HIGH
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], at: usize) {
        let wanted = (at..bytes.len()).find(|&i| is_special(bytes[i]));
        let wanted = wanted.unwrap_or(bytes.len());
        let stop = special(bytes, at);
        assert_eq!(stop.at, wanted, "{bytes:x?} from {at}");
        let passed = bytes.get(at..wanted).unwrap_or_default();
        assert!(passed.is_ascii() || !stop.ascii, "{bytes:x?} from {at}");
    }

    #[test]
    fn every_byte_at_every_offset_is_found_like_a_plain_loop_finds_it() {
        for byte in 0..=255u8 {
            for offset in 0..40 {
                let mut bytes = vec![b'a'; 40];
                bytes[offset] = byte;
                for at in 0..=41 {
                    check(&bytes, at);
                }
            }
        }
    }

    /// Each of a pair of neighbours, in every order: what one byte borrows must not hide or invent the other.
    #[test]
    fn neighbours_do_not_disturb_each_other() {
        for first in 0..=255u8 {
            for second in [
                0, 0x1f, b' ', b'!', b'"', b'#', b'[', b'\\', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff,
            ] {
                for offset in 0..9 {
                    let mut bytes = vec![b'~'; 20];
                    (bytes[offset], bytes[offset + 1]) = (first, second);
                    check(&bytes, 0);
                    (bytes[offset], bytes[offset + 1]) = (second, first);
                    check(&bytes, 0);
                }
            }
        }
    }
}
