//! A digest for one run: quicker than the one that `tracemill-model` promises for ever.

/// A digest of a list of fields, each a tag and some bytes, taken where they lie.
///
/// Different lists are different inputs: where one field ends and the next begins counts, and so does an empty field. Two
/// halves take the same blocks of 16 bytes, each by a multiplication of its own whose 128 bits are folded into 64 (as
/// `wyhash` does, Wang Yi, public domain). It costs half of what [`tracemill_model::Digester`] costs, whose digests may be
/// kept: these may be other ones in another version. It is no defence against somebody who looks for two texts that agree.
#[derive(Clone, Debug)]
pub(super) struct Digester {
    halves: Halves,
    fields: u64,
}

/// The two halves of a digest, and of a block.
type Halves = [u64; 2];

/// The bytes of a step.
const BLOCK: usize = 16;

/// Odd numbers whose bits are half of them ones, in no order.
const SALT: [u64; 4] = [
    0x2d35_8dcc_aa6c_78a5,
    0x8bb8_4b93_962e_acc9,
    0x4b33_a62e_d433_d4a3,
    0x4d5a_2da5_1de1_aa47,
];

impl Digester {
    /// The digest of no fields, so far.
    pub(super) fn new() -> Self {
        Digester {
            halves: [SALT[3], SALT[2]],
            fields: 0,
        }
    }

    /// Adds a field.
    pub(super) fn field(&mut self, tag: u8, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks();
        self.halves = if blocks.len() < LONG {
            steps(self.halves, blocks)
        } else {
            lanes(self.halves, blocks)
        };
        if !rest.is_empty() {
            self.halves = step(self.halves, last(bytes, rest));
        }
        // The length tells a last step that overlaps the one before from one that does not.
        self.halves = step(self.halves, [bytes.len() as u64, u64::from(tag)]);
        self.fields += 1;
    }

    /// The digest of all fields that were added.
    pub(super) fn finish(&self) -> u128 {
        // Twice, so that the last field goes through as many steps as the others.
        let end = [self.fields, SALT[2]];
        let [low, high] = step(step(self.halves, end), end);
        u128::from(high) << 64 | u128::from(low)
    }
}

fn steps(halves: Halves, blocks: &[[u8; BLOCK]]) -> Halves {
    blocks
        .iter()
        .fold(halves, |halves, block| step(halves, split(block)))
}

/// How many blocks a field needs to be taken by two chains: below that, joining them costs more than it saves.
const LONG: usize = 8;

/// The steps of a long field: each waits for the one before, so two chains of them are done at a time, and then joined.
/// They begin differently, so that equal blocks in both are not equal halves.
fn lanes(halves: Halves, blocks: &[[u8; BLOCK]]) -> Halves {
    let (rows, rest) = blocks.as_chunks::<2>();
    let (mut even, mut odd) = (halves, [SALT[2], SALT[3]]);
    for [first, second] in rows {
        even = step(even, split(first));
        odd = step(odd, split(second));
    }
    steps(step(even, odd), rest)
}

#[inline]
fn step([h1, h2]: Halves, [k1, k2]: Halves) -> Halves {
    [fold(k1 ^ SALT[0], k2 ^ h1), fold(k1 ^ h2, k2 ^ SALT[1])]
}

/// The product, its upper half over its lower one.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

fn split(block: &[u8; BLOCK]) -> Halves {
    let whole = u128::from_le_bytes(*block);
    [whole as u64, (whole >> 64) as u64]
}

/// The bytes behind the last full block, in a way that needs no copy of unknown length: read with bytes before them,
/// or with some of them twice.
fn last(bytes: &[u8], rest: &[u8]) -> Halves {
    if let Some(block) = bytes.last_chunk() {
        return split(block);
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn digest(fields: &[(u8, &[u8])]) -> u128 {
        let mut digester = Digester::new();
        for &(tag, bytes) in fields {
            digester.field(tag, bytes);
        }
        digester.finish()
    }

    /// Both halves of a digest must be new: together they would hide a weak one.
    #[derive(Default)]
    struct Seen([HashSet<u64>; 2]);

    impl Seen {
        fn is_new(&mut self, digest: u128) -> bool {
            let halves = [digest as u64, (digest >> 64) as u64];
            self.0
                .iter_mut()
                .zip(halves)
                .all(|(seen, half)| seen.insert(half))
        }
    }

    #[test]
    fn every_bit_of_a_field_counts_at_every_length() {
        for fill in [0, 0x20, 0xff] {
            let mut seen = Seen::default();
            for length in (0..70).chain(120..150).chain([255, 256, 272, 320]) {
                let mut bytes = vec![fill; length];
                assert!(seen.is_new(digest(&[(b't', &bytes)])), "{length}");
                for at in 0..length {
                    for bit in 0..8 {
                        bytes[at] ^= 1 << bit;
                        let new = seen.is_new(digest(&[(b't', &bytes)]));
                        assert!(new, "bit {bit} of byte {at} of {length}");
                        bytes[at] ^= 1 << bit;
                    }
                }
            }
        }
    }

    #[test]
    fn a_bit_changes_half_of_the_digest() {
        for length in [1, 5, 12, 16, 40, 128, 200] {
            let mut bytes: Vec<u8> = (0..length).map(|at| b'a' + at % 26).collect();
            let before = digest(&[(b't', &bytes)]);
            let mut changed = 0;
            for at in 0..bytes.len() * 8 {
                bytes[at / 8] ^= 1 << (at % 8);
                let bits = (digest(&[(b't', &bytes)]) ^ before).count_ones();
                assert!((24..=104).contains(&bits), "{bits} bits at {at} of {length}");
                changed += bits as usize;
                bytes[at / 8] ^= 1 << (at % 8);
            }
            let mean = changed / (bytes.len() * 8);
            assert!((56..=72).contains(&mean), "{mean} bits of {length} bytes");
        }
    }

    #[test]
    fn blocks_count_where_they_stand() {
        let mut seen = Seen::default();
        let blocks = [[b'a'; 16], [b'b'; 16]];
        // All sequences of two blocks, eleven long: with two chains and what is left over.
        for choice in 0..1_usize << 11 {
            let bytes: Vec<u8> = (0..11).flat_map(|at| blocks[choice >> at & 1]).collect();
            assert!(seen.is_new(digest(&[(b't', &bytes)])), "{choice:b}");
        }
    }

    #[test]
    fn fields_are_told_from_one_another() {
        let lists: [&[(u8, &[u8])]; 9] = [
            &[],
            &[(b't', b"")],
            &[(b't', b""), (b't', b"")],
            &[(b't', b"ab")],
            &[(b'u', b"ab")],
            &[(b't', b"a"), (b't', b"b")],
            &[(b't', b"b"), (b't', b"a")],
            &[(b't', b"ab"), (b't', b"")],
            &[(b't', b""), (b't', b"ab")],
        ];
        let mut seen = Seen::default();
        for fields in lists {
            assert!(seen.is_new(digest(fields)), "{fields:?}");
        }
    }
}
