//! Which of 64 bytes are quotes, backslashes or brackets.

/// One bit for each of 64 bytes, the lowest for the first: those for which `is` holds.
///
/// It is written so that compilers compare sixteen or more bytes in one instruction: each match becomes one bit of its
/// byte, and a multiplication gathers the bits of eight bytes into one.
#[inline]
pub(super) fn mask(chunk: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
    const GATHER: u64 = 0x0101_0101_0101_0101;
    let mut marks = [0; 64];
    for (at, (mark, &byte)) in marks.iter_mut().zip(chunk).enumerate() {
        *mark = if is(byte) { 1 << (at % 8) } else { 0 };
    }
    let mut mask = 0;
    for (at, &marks) in marks.as_chunks::<8>().0.iter().enumerate() {
        mask |= (u64::from_le_bytes(marks).wrapping_mul(GATHER) >> 56) << (8 * at);
    }
    mask
}

/// Whether `is` holds for any of 64 bytes; cheaper than their mask.
#[inline]
pub(super) fn some(chunk: &[u8; 64], is: impl Fn(u8) -> bool) -> bool {
    chunk.iter().fold(false, |found, &byte| found | is(byte))
}

/// Whether a byte is `[`, `]`, `{` or `}`. The two kinds differ in one bit.
#[inline]
pub(super) fn is_bracket(byte: u8) -> bool {
    matches!(byte | 0x20, b'{' | b'}')
}

/// Which bytes are escaped by a backslash. `carry` is 1 if the first one is, and becomes 1 if the byte after the last
/// one is.
///
/// A backslash escapes what follows it unless it is escaped itself. Subtracting the starts of the runs from the odd
/// positions lets the borrow run along each run of backslashes and leaves the parity of its length at its end.
#[inline]
pub(super) fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    if backslash == 0 {
        return std::mem::take(carry);
    }
    let escaping = backslash & !*carry;
    let followers = (escaping << 1) | ODD;
    let ends = followers.wrapping_sub(escaping) ^ ODD;
    let escaped = ends ^ (backslash | *carry);
    *carry = (ends & backslash) >> 63;
    escaped
}

/// Bit i is the parity of the bits 0 to i: with quotes, the bytes from each opening quote up to its closing one.
#[inline]
pub(super) fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_in_every_position() {
        for byte in 0..=255 {
            for position in 0..64 {
                let mut chunk = [b' '; 64];
                chunk[position] = byte;
                let (quote, bracket) = (byte == b'"', b"[]{}".contains(&byte));
                assert_eq!(mask(&chunk, |byte| byte == b'"'), u64::from(quote) << position);
                assert_eq!(mask(&chunk, is_bracket), u64::from(bracket) << position);
            }
        }
    }

    proptest! {
        #[test]
        fn mixtures(bytes in proptest::collection::vec(any::<u8>(), 64)) {
            let chunk: [u8; 64] = bytes.try_into().expect("64 bytes");
            let expected = (0..64).map(|i| u64::from(chunk[i] < 0x40) << i).sum::<u64>();
            prop_assert_eq!(mask(&chunk, |byte| byte < 0x40), expected);
        }

        #[test]
        fn escapes(words in proptest::collection::vec(any::<u64>(), 1..5), sparse in any::<bool>()) {
            let mut carry = 0;
            let mut previous_escapes = false;
            for word in words {
                let backslash = if sparse { word & word.rotate_left(7) } else { word | word.rotate_left(9) };
                let found = escaped(backslash, &mut carry);
                let mut expected = 0u64;
                for i in 0..64 {
                    let is_escaped = previous_escapes;
                    expected |= u64::from(is_escaped) << i;
                    previous_escapes = backslash >> i & 1 == 1 && !is_escaped;
                }
                prop_assert_eq!(found, expected);
                prop_assert_eq!(carry == 1, previous_escapes);
            }
        }

        #[test]
        fn parities(bits in any::<u64>()) {
            for i in 0..64 {
                let below = bits & (u64::MAX >> (63 - i));
                prop_assert_eq!(parity(bits) >> i & 1, u64::from(below.count_ones() % 2));
            }
        }
    }
}
