//! A hash of 128 bits that is the same on every machine and in every version.

/// `MurmurHash3`, the variant for 64-bit machines with 128 bits, seed 0 (Austin Appleby, public domain): 16 bytes a
/// step, so it costs little beside parsing, and 128 bits, so that two of a billion texts agree by chance with a
/// probability below 10⁻²⁰. It is no defence against somebody who *looks* for two texts that agree.
pub(crate) fn digest(bytes: &[u8]) -> u128 {
    let [high, low] = murmur3(bytes, 0);
    u128::from(high) << 64 | u128::from(low)
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn murmur3(bytes: &[u8], seed: u32) -> [u64; 2] {
    let (mut h1, mut h2) = (u64::from(seed), u64::from(seed));
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let [k1, k2] = halves(block);
        h1 ^= scramble(k1, C1, 31, C2);
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= scramble(k2, C2, 33, C1);
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut block = [0; 16];
    block[..tail.len()].copy_from_slice(tail);
    // A half of zeroes scrambles to zero, so the short tail needs no cases.
    let [k1, k2] = halves(&block);
    h1 ^= scramble(k1, C1, 31, C2);
    h2 ^= scramble(k2, C2, 33, C1);

    let length = bytes.len() as u64;
    (h1, h2) = (h1 ^ length, h2 ^ length);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2) = (finish(h1), finish(h2));
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    [h1, h2]
}

fn halves(block: &[u8; 16]) -> [u64; 2] {
    let whole = u128::from_le_bytes(*block);
    [whole as u64, (whole >> 64) as u64]
}

fn scramble(half: u64, before: u64, turn: u32, after: u64) -> u64 {
    half.wrapping_mul(before).rotate_left(turn).wrapping_mul(after)
}

fn finish(mut half: u64) -> u64 {
    half ^= half >> 33;
    half = half.wrapping_mul(0xff51_afd7_ed55_8ccd);
    half ^= half >> 33;
    half = half.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    half ^ half >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_have_their_known_digests() {
        assert_eq!(digest(b""), 0);
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(
            format!("{:032x}", digest(fox)),
            "e34bbc7bbc071b6c7a433ca9c49a9347"
        );
    }

    /// The check of the reference implementation: a hash of the hashes of 256 keys under 256 seeds.
    #[test]
    fn the_verification_value_is_that_of_the_reference() {
        let keys: Vec<u8> = (0..=255).collect();
        let mut hashes = Vec::new();
        for length in 0..256 {
            for half in murmur3(&keys[..length], 256 - length as u32) {
                hashes.extend_from_slice(&half.to_le_bytes());
            }
        }
        assert_eq!(murmur3(&hashes, 0)[0] as u32, 0x6384_ba69);
    }
}
