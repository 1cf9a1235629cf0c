//! A digest for one run: quicker than those that are promised for ever.

use super::{BLOCK, Halves, Mix, halves, steps, with_field};

/// A digest of a list of fields that is not kept beyond a run: it costs half of what [`Digester`](super::Digester) costs.
///
/// Different lists are different inputs, as there, and it is the same on every machine; but it may be another one in another
/// version. Two halves take the same blocks of 16 bytes, each by a multiplication of its own whose 128 bits are folded into 64
/// (as `wyhash` does, Wang Yi, public domain). It is no defence against somebody who looks for two texts that agree.
///
/// ```
/// use tracemill_model::RunDigester;
/// let digest = |fields: &[(u8, &str)]| {
///     let mut digester = RunDigester::new();
///     fields.iter().for_each(|(tag, text)| digester.field(*tag, text.as_bytes()));
///     digester.finish()
/// };
/// assert_eq!(digest(&[(b't', "a"), (b't', "b")]), digest(&[(b't', "a"), (b't', "b")]));
/// assert_ne!(digest(&[(b't', "a"), (b't', "b")]), digest(&[(b't', "ab")]));
/// ```
#[derive(Clone, Debug)]
pub struct RunDigester {
    halves: Halves,
    fields: u64,
}

/// Odd numbers whose bits are half of them ones, in no order.
const SALT: [u64; 4] = [
    0x2d35_8dcc_aa6c_78a5,
    0x8bb8_4b93_962e_acc9,
    0x4b33_a62e_d433_d4a3,
    0x4d5a_2da5_1de1_aa47,
];

impl RunDigester {
    /// The digest of no fields, so far.
    pub fn new() -> Self {
        RunDigester {
            halves: [SALT[3], SALT[2]],
            fields: 0,
        }
    }

    /// Adds a field.
    pub fn field(&mut self, tag: u8, bytes: &[u8]) {
        self.halves = with_field::<Folded>(self.halves, tag, bytes);
        self.fields += 1;
    }

    /// The digest of all fields that were added.
    pub fn finish(&self) -> u128 {
        // Twice, so that the last field goes through as many steps as the others.
        let end = [self.fields, SALT[2]];
        let [low, high] = Folded::step(Folded::step(self.halves, end), end);
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Default for RunDigester {
    fn default() -> Self {
        RunDigester::new()
    }
}

/// Steps of folded multiplications.
struct Folded;

impl Mix for Folded {
    const LONG: usize = 8;

    #[inline]
    fn step([h1, h2]: Halves, [k1, k2]: Halves) -> Halves {
        [fold(k1 ^ SALT[0], k2 ^ h1), fold(k1 ^ h2, k2 ^ SALT[1])]
    }

    /// Two chains, by turns.
    fn lanes(so_far: Halves, blocks: &[[u8; BLOCK]]) -> Halves {
        let (rows, rest) = blocks.as_chunks::<2>();
        let (mut even, mut odd) = (so_far, [SALT[2], SALT[3]]);
        for [first, second] in rows {
            even = Self::step(even, halves(first));
            odd = Self::step(odd, halves(second));
        }
        steps::<Self>(Self::step(even, odd), rest)
    }
}

/// The product, its upper half over its lower one.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn digest(fields: &[(u8, &[u8])]) -> u128 {
        let mut digester = RunDigester::new();
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
