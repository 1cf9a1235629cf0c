//! Finding the bytes inside a string that matter: quotes, backslashes and control characters.

/// As many bytes are looked at together, in an ordinary register.
pub(super) const LANE: usize = 8;
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

/// A mask of the highest bit of each byte that is a quote or a backslash.
#[inline]
pub(super) fn quote_or_backslash(lane: u64) -> u64 {
    // The sum reaches the highest bit of a byte unless its lower seven bits are zero.
    let differs = |byte: u64| {
        let difference = lane ^ (LOW * byte);
        ((difference & !HIGH) + !HIGH) | difference
    };
    !(differs(0x22) & differs(0x5c)) & HIGH
}

/// Whether all of `text`, which has four to sixteen bytes, is ASCII that needs no escape: names of roles and types are.
#[inline]
pub(super) fn is_short_word(text: &[u8]) -> bool {
    let (front, back) = match text.len() {
        4..LANE => {
            let half = |half: Option<&[u8; 4]>| half.map_or(0, |half| u64::from(u32::from_le_bytes(*half)));
            (
                half(text.first_chunk()) | half(text.last_chunk()) << 32,
                LOW * 0x61,
            )
        }
        LANE..=16 => {
            let half = |half: Option<&[u8; LANE]>| half.map_or(0, |half| u64::from_le_bytes(*half));
            (half(text.first_chunk()), half(text.last_chunk()))
        }
        _ => return false,
    };
    (special_mask(front) | special_mask(back) | (front | back) & HIGH) == 0
}

/// The index of the first byte in a mask.
#[inline]
pub(super) fn first(mask: u64) -> usize {
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
    fn quotes_and_backslashes_are_marked_among_any_neighbours() {
        for byte in 0..=255u8 {
            for neighbour in 0..=255u8 {
                let lane = [neighbour, byte, neighbour, b'"', byte, byte, b'\\', neighbour];
                let marks = quote_or_backslash(u64::from_le_bytes(lane)).to_le_bytes();
                let wanted = lane.map(|byte| if matches!(byte, b'"' | b'\\') { 0x80 } else { 0 });
                assert_eq!(marks, wanted, "{lane:x?}");
            }
        }
    }

    #[test]
    fn short_words_are_told_by_every_byte() {
        for byte in 0..=255u8 {
            for length in 0..20 {
                for at in 0..length {
                    let mut word = vec![b'a'; length];
                    word[at] = byte;
                    let plain = byte.is_ascii() && !is_special(byte);
                    assert_eq!(
                        is_short_word(&word),
                        plain && (4..=16).contains(&length),
                        "{word:x?}"
                    );
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
}
