//! Finding the bytes inside a string that matter: quotes, backslashes and control characters.

/// As many bytes are looked at together, in an ordinary register.
const LANE: usize = 8;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The offset of the first `"`, `\` or control character at or after `at`; the length of `bytes` if there is none.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lane) = lane(bytes, at) {
        let mask = special_mask(lane);
        if mask != 0 {
            return at + first(mask);
        }
        at += LANE;
    }
    tail(bytes, at)
}

/// The scan of the last bytes, which fill no lane.
fn tail(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let found = rest.iter().position(|&byte| is_special(byte));
    found.map_or(bytes.len(), |found| at + found)
}

/// The inside of a string of less than eight bytes, all plain ASCII, as most keys are: its length, and its bytes with
/// zeros behind them. `None` for any other string.
#[inline]
pub(super) fn short(bytes: &[u8], at: usize) -> Option<(usize, u64)> {
    let lane = lane(bytes, at)?;
    let mask = special_mask(lane);
    let index = first(mask);
    let plain = mask != 0 && lane & HIGH == 0 && lane.to_le_bytes()[index] == b'"';
    plain.then(|| (index, lane & ((1 << (index * 8)) - 1)))
}

/// How far the inside of a string is plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// The offset of the first byte that is not.
    pub(super) end: usize,
    /// Whether only ASCII was passed. `false` may also be due to the bytes just behind the end.
    pub(super) ascii: bool,
}

/// Passes over the inside of a string, with the escapes that the canonical form has two bytes for.
///
/// Ends before the closing quote, any other escape, a control character, or with the text.
#[inline]
pub(super) fn body(bytes: &[u8], mut at: usize) -> Plain {
    let mut seen = 0;
    while let Some(lane) = lane(bytes, at) {
        seen |= lane;
        let mask = special_mask(lane);
        if mask == 0 {
            at += LANE;
            continue;
        }
        let index = first(mask);
        at += index;
        if lane.to_le_bytes()[index] != b'\\' || !is_short(bytes.get(at + 1)) {
            let ascii = seen & HIGH == 0;
            return Plain { end: at, ascii };
        }
        at += 2;
    }
    body_tail(bytes, at, seen & HIGH == 0)
}

fn body_tail(bytes: &[u8], from: usize, ascii: bool) -> Plain {
    let mut end = tail(bytes, from);
    while bytes.get(end) == Some(&b'\\') && is_short(bytes.get(end + 1)) {
        end = tail(bytes, end + 2);
    }
    let passed = bytes.get(from..end).unwrap_or_default();
    Plain {
        end,
        ascii: ascii && passed.is_ascii(),
    }
}

/// Whether a backslash and this byte are the canonical escape of some character.
#[inline]
fn is_short(byte: Option<&u8>) -> bool {
    /// A table is an eighth faster here than comparisons.
    const SHORT: [bool; 256] = {
        let mut table = [false; 256];
        let mut rest: &[u8] = b"\"\\nrtbf";
        while let [byte, others @ ..] = rest {
            table[*byte as usize] = true;
            rest = others;
        }
        table
    };
    byte.is_some_and(|&byte| SHORT[usize::from(byte)])
}

#[inline]
fn lane(bytes: &[u8], at: usize) -> Option<u64> {
    let lane = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*lane))
}

/// A mask whose lowest set bit lies in the first special byte. (Higher ones may be wrong: borrows travel upwards.)
#[inline]
fn special_mask(lane: u64) -> u64 {
    // Flipping one bit puts the quote just above the control characters, so that one subtraction finds both.
    let quote_or_control = (lane ^ (LOW * 0x02)).wrapping_sub(LOW * 0x21);
    let backslash = (lane ^ (LOW * 0x5c)).wrapping_sub(LOW);
    (quote_or_control | backslash) & !lane & HIGH
}

/// The index of the first byte in a mask.
#[inline]
fn first(mask: u64) -> usize {
    (mask.trailing_zeros() / u8::BITS) as usize
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], at: usize) {
        let plain = |&&i: &&usize| bytes[i] == b'"' || bytes[i] == b'\\' || bytes[i] < b' ';
        let offsets: Vec<_> = (at..bytes.len()).collect();
        let wanted = offsets.iter().find(plain).copied().unwrap_or(bytes.len());
        assert_eq!(special(bytes, at), wanted, "{bytes:x?} from {at}");
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

    #[test]
    fn the_first_of_several_is_found() {
        for first in 0..40 {
            for second in first..40 {
                let mut bytes = vec![0xff; 40];
                bytes[second] = b'\\';
                bytes[first] = b'"';
                check(&bytes, 0);
            }
        }
    }

    #[test]
    fn a_body_ends_behind_its_short_escapes() {
        for (text, end) in [
            (r#"""#, 0),
            (r#"a\n\t\r\b\f\"\\""#, 15),
            (r#"\\""#, 2),
            (r#"\\\""#, 4),
            (r"\\\\\", 4),
            (r#"a\u0041""#, 1),
            (r#"0123456789abcdef\n\/""#, 18),
            ("ab\n", 2),
            ("", 0),
        ] {
            for padding in 0..40 {
                let padded = format!("{}{text}", "x".repeat(padding));
                let plain = body(padded.as_bytes(), 0);
                assert_eq!(plain.end, padding + end, "{padded}");
                assert!(plain.ascii || !padded.is_ascii(), "{padded}");
                let accented = padded.replacen('x', "é", 1);
                let plain = body(accented.as_bytes(), 0);
                assert_eq!(plain.ascii, padding == 0, "{accented}");
            }
        }
    }
}
