//! Hashes of 128 bits that are the same on every machine.

mod run;

pub use run::RunDigester;

/// A digest of some bytes: `MurmurHash3`, the variant for 64-bit machines with 128 bits, seed 0 (Austin Appleby, public
/// domain).
///
/// 16 bytes a step, so it costs little beside parsing, and 128 bits, so that two of a billion texts agree by chance
/// with a probability below 10⁻²⁰. It is no defence against somebody who *looks* for two texts that agree. It is part of
/// what this crate promises: the digest of some bytes changes with no platform and no version.
///
/// ```
/// assert_eq!(tracemill_model::digest(b"hello"), 0xcbd8_a7b3_41bd_9b02_5b1e_906a_48ae_1d19);
/// ```
pub fn digest(bytes: &[u8]) -> u128 {
    murmur3(bytes, 0)
}

/// A digest of a list of fields, each a tag and some bytes, taken where they lie.
///
/// Different lists are different inputs: where one field ends and the next begins counts, and so does an empty field.
/// It goes the steps of [`digest`], four of them side by side where a field is long; what is said there of chance and
/// promise holds here. The digest of one field is not that of its bytes.
///
/// ```
/// use tracemill_model::Digester;
/// let digest = |fields: &[(u8, &str)]| {
///     let mut digester = Digester::new();
///     fields.iter().for_each(|(tag, text)| digester.field(*tag, text.as_bytes()));
///     digester.finish()
/// };
/// assert_eq!(digest(&[(b't', "a"), (b't', "b")]), digest(&[(b't', "a"), (b't', "b")]));
/// assert_ne!(digest(&[(b't', "a"), (b't', "b")]), digest(&[(b't', "ab")]));
/// assert_ne!(digest(&[(b't', "a")]), digest(&[(b'u', "a")]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Digester {
    halves: Halves,
    fields: u64,
}

/// The two halves of a digest, and of a block.
type Halves = [u64; 2];

/// The bytes of a step.
const BLOCK: usize = 16;

/// How a digest takes blocks.
trait Mix {
    /// How many blocks a field needs to be taken by several chains: below that, joining them costs more than it saves.
    const LONG: usize;

    fn step(halves: Halves, block: Halves) -> Halves;

    /// The steps of a long field: each waits for the one before, so several chains of them are done at a time, and then
    /// joined. They begin differently, so that equal blocks in two chains are not equal halves.
    fn lanes(halves: Halves, blocks: &[[u8; BLOCK]]) -> Halves;
}

/// A digest with one more field.
#[inline]
fn with_field<M: Mix>(mut so_far: Halves, tag: u8, bytes: &[u8]) -> Halves {
    let (blocks, rest) = bytes.as_chunks();
    so_far = if blocks.len() < M::LONG {
        steps::<M>(so_far, blocks)
    } else {
        M::lanes(so_far, blocks)
    };
    if !rest.is_empty() {
        so_far = M::step(so_far, last(bytes, rest));
    }
    // The length tells a last step that overlaps the one before from one that does not.
    M::step(so_far, [bytes.len() as u64, u64::from(tag)])
}

#[inline]
fn steps<M: Mix>(so_far: Halves, blocks: &[[u8; BLOCK]]) -> Halves {
    blocks
        .iter()
        .fold(so_far, |so_far, block| M::step(so_far, halves(block)))
}

impl Digester {
    /// The digest of no fields, so far.
    pub fn new() -> Self {
        Digester::default()
    }

    /// Adds a field.
    pub fn field(&mut self, tag: u8, bytes: &[u8]) {
        self.halves = with_field::<Murmur>(self.halves, tag, bytes);
        self.fields += 1;
    }

    /// The digest of all fields that were added.
    pub fn finish(&self) -> u128 {
        finish(self.halves, self.fields)
    }
}

/// The bytes behind the last full block, in a way that needs no copy of unknown length: read with bytes before them,
/// or with some of them twice.
fn last(bytes: &[u8], rest: &[u8]) -> Halves {
    if let Some(block) = bytes.last_chunk() {
        return halves(block);
    }
    if let (Some(&first), Some(&last)) = (rest.first_chunk(), rest.last_chunk()) {
        return [u64::from_le_bytes(first), u64::from_le_bytes(last)];
    }
    if let (Some(&first), Some(&last)) = (rest.first_chunk(), rest.last_chunk()) {
        return [first, last].map(|part| u64::from(u32::from_le_bytes(part)));
    }
    let all = rest.iter().fold(0, |all, &byte| all << 8 | u64::from(byte));
    [all, 0]
}

fn murmur3(bytes: &[u8], seed: u32) -> u128 {
    let (blocks, rest) = bytes.as_chunks();
    let [mut h1, mut h2] = steps::<Murmur>([u64::from(seed); 2], blocks);
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    // A half of zeroes scrambles to zero, so the short tail needs no cases.
    let [k1, k2] = halves(&block);
    h1 ^= scramble(k1, C1, 31, C2);
    h2 ^= scramble(k2, C2, 33, C1);
    finish([h1, h2], bytes.len() as u64)
}

/// The steps of `MurmurHash3`.
struct Murmur;

impl Mix for Murmur {
    const LONG: usize = 16;

    #[inline]
    fn step([mut h1, mut h2]: Halves, [k1, k2]: Halves) -> Halves {
        h1 ^= scramble(k1, C1, 31, C2);
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= scramble(k2, C2, 33, C1);
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
        [h1, h2]
    }

    /// Four chains, by the number of the block.
    fn lanes(so_far: Halves, blocks: &[[u8; BLOCK]]) -> Halves {
        let mut lanes = [so_far, [1, 2], [3, 4], [5, 6]];
        let (rows, rest) = blocks.as_chunks::<4>();
        for row in rows {
            for (lane, block) in lanes.iter_mut().zip(row) {
                *lane = Self::step(*lane, halves(block));
            }
        }
        let [first, others @ ..] = lanes;
        steps::<Self>(others.into_iter().fold(first, Self::step), rest)
    }
}

fn finish([mut h1, mut h2]: Halves, length: u64) -> u128 {
    (h1, h2) = (h1 ^ length, h2 ^ length);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2) = (avalanche(h1), avalanche(h2));
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    u128::from(h1) << 64 | u128::from(h2)
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn halves(block: &[u8; BLOCK]) -> Halves {
    let whole = u128::from_le_bytes(*block);
    [whole as u64, (whole >> 64) as u64]
}

fn scramble(half: u64, before: u64, turn: u32, after: u64) -> u64 {
    half.wrapping_mul(before).rotate_left(turn).wrapping_mul(after)
}

fn avalanche(mut half: u64) -> u64 {
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
        assert_eq!(digest(fox), 0xe34b_bc7b_bc07_1b6c_7a43_3ca9_c49a_9347);
    }

    /// The check of the reference implementation: a hash of the hashes of 256 keys under 256 seeds.
    #[test]
    fn the_verification_value_is_that_of_the_reference() {
        let keys: Vec<u8> = (0..=255).collect();
        let mut hashes = Vec::new();
        for length in 0..256 {
            let hash = murmur3(&keys[..length], 256 - length as u32);
            for half in [(hash >> 64) as u64, hash as u64] {
                hashes.extend_from_slice(&half.to_le_bytes());
            }
        }
        assert_eq!((murmur3(&hashes, 0) >> 64) as u32, 0x6384_ba69);
    }

    #[test]
    fn every_byte_of_a_field_counts_at_every_length() {
        let mut seen = std::collections::BTreeSet::new();
        let mut add = |bytes: &[u8]| {
            let mut digester = Digester::new();
            digester.field(b't', bytes);
            seen.insert(digester.finish())
        };
        for length in (0..70).chain(250..262).chain([320]) {
            let mut bytes = vec![0; length];
            assert!(add(&bytes), "{length}");
            for at in 0..length {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert!(add(&bytes), "bit {bit} of byte {at} of {length}");
                    bytes[at] ^= 1 << bit;
                }
            }
        }
    }

    #[test]
    fn digests_of_fields_do_not_change() {
        let mut digester = Digester::new();
        assert_eq!(digester.finish(), 0);
        for text in [
            "",
            "abc",
            "abcdefg",
            "abcdefghijk",
            "abcdefghijklmnop",
            "abcdefghijklmnopqrs",
        ] {
            digester.field(b't', text.as_bytes());
        }
        // Computed by an implementation in another language.
        assert_eq!(digester.finish(), 0x0119_f5aa_a7d4_865f_30c6_cf68_7e97_ff6f);
        let mut digester = Digester::new();
        let bytes: Vec<u8> = (0..=250).chain(0..=250).collect();
        for length in [255, 256, 300, 331] {
            digester.field(b't', &bytes[..length]);
        }
        assert_eq!(digester.finish(), 0x7fb6_2caa_3216_e8a1_5fb2_27cd_3e92_ab43);
    }
}
