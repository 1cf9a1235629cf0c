//! Finding stops on any machine.

use super::{BLOCK, Separating, State};

/// Puts the stops of each block into its mask.
pub(super) fn find(blocks: &[[u8; BLOCK]], state: &mut State, masks: &mut [u64]) {
    for (mask, block) in masks.iter_mut().zip(blocks) {
        let escaped = state.escaped(bits(block, |byte| byte == b'\\'));
        // Flipping one bit puts the quote just above the control characters, so that one comparison finds both.
        let ends = bits(block, |byte| byte ^ 2 <= b' ');
        *mask = (ends & !escaped) | odd(block, escaped);
        if !block.is_ascii() {
            state.separators |= state.separator(&separating(block));
        }
        state.last = block[BLOCK - 1];
    }
}

#[cold]
fn separating(block: &[u8; BLOCK]) -> Separating {
    Separating {
        c2: bits(block, |byte| byte == 0xc2),
        x85: bits(block, |byte| byte == 0x85),
        x80: bits(block, |byte| byte == 0x80),
        a8_a9: bits(block, |byte| byte & 0xfe == 0xa8),
    }
}

/// One bit for each byte for which `is` holds, the lowest for the first.
///
/// It is written so that compilers compare sixteen or more bytes in one instruction: each match becomes one bit of its
/// byte, and a multiplication gathers the bits of eight bytes into one.
#[inline]
fn bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    const GATHER: u64 = 0x0101_0101_0101_0101;
    let mut marks = [0; BLOCK];
    for (at, (mark, &byte)) in marks.iter_mut().zip(block).enumerate() {
        *mark = if is(byte) { 1 << (at % 8) } else { 0 };
    }
    let mut bits = 0;
    for (at, &marks) in marks.as_chunks::<8>().0.iter().enumerate() {
        bits |= (u64::from_le_bytes(marks).wrapping_mul(GATHER) >> 56) << (8 * at);
    }
    bits
}

/// Those of the escaped bytes that are not escaped in this way in the canonical form.
#[inline]
fn odd(block: &[u8; BLOCK], mut escaped: u64) -> u64 {
    let mut odd = 0;
    while escaped != 0 {
        let at = escaped.trailing_zeros() as usize;
        odd |= u64::from(!SHORT[usize::from(block[at % BLOCK])]) << at;
        escaped &= escaped - 1;
    }
    odd
}

/// Which bytes the canonical form escapes with two bytes. (A table is faster here than comparisons.)
const SHORT: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = br#""\nrtbf"#;
    while let [byte, others @ ..] = rest {
        table[*byte as usize] = true;
        rest = others;
    }
    table
};
