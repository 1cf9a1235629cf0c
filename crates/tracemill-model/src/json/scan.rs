//! Finding the bytes inside a string that matter: quotes, backslashes and control characters.

/// Eight bytes are looked at together, in an ordinary register.
const LANE: usize = 8;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The offset of the first `"`, `\` or control character at or after `at`; the length of `bytes` if there is none.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lane) = bytes.get(at..).and_then(<[u8]>::first_chunk::<LANE>) {
        let mask = special_mask(u64::from_le_bytes(*lane));
        if mask != 0 {
            return at + (mask.trailing_zeros() / u8::BITS) as usize;
        }
        at += LANE;
    }
    while bytes.get(at).is_some_and(|&byte| !is_special(byte)) {
        at += 1;
    }
    at.min(bytes.len())
}

/// A mask whose lowest set bit lies in the first special byte. (Higher ones may be wrong: borrows travel upwards.)
#[inline]
fn special_mask(lane: u64) -> u64 {
    let zero_bytes = |x: u64| x.wrapping_sub(LOW) & !x;
    let quote = zero_bytes(lane ^ (LOW * u64::from(b'"')));
    let backslash = zero_bytes(lane ^ (LOW * u64::from(b'\\')));
    let control = lane.wrapping_sub(LOW * 0x20) & !lane;
    (quote | backslash | control) & HIGH
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &[u8], at: usize) -> usize {
        (at..bytes.len())
            .find(|&i| is_special(bytes[i]))
            .unwrap_or(bytes.len())
    }

    #[test]
    fn every_byte_at_every_offset_is_found_like_the_plain_loop_finds_it() {
        for byte in 0..=255u8 {
            for offset in 0..40 {
                let mut bytes = vec![b'a'; 40];
                bytes[offset] = byte;
                for at in 0..40 {
                    assert_eq!(
                        special(&bytes, at),
                        plain(&bytes, at),
                        "byte {byte:#x} at {offset} from {at}"
                    );
                }
            }
        }
    }
}
