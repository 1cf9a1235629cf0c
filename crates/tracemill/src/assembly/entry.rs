//! What the index keeps of a piece.

use tracemill_io::{Extent, IndexEntry};

/// Where a piece is kept, and where its record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The offset of the text where it is kept.
    pub(crate) byte: u64,
    /// Its length.
    pub(crate) length: u32,
    /// The number that the gatherer gave to what keeps it.
    pub(crate) keeper: u32,
    pub(crate) origin: Origin,
}

/// Where the record of a piece stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) input: u32,
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) index: u64,
}

/// The keeper of pieces that were copied to the temporary file; its number is known only when all are there.
pub(crate) const SPOOL: u32 = u32::MAX;

impl Entry {
    /// The bytes of the text, for a gatherer whose temporary file has the number `spooled`.
    pub(crate) fn extent(&self, spooled: usize) -> Extent {
        let input = if self.keeper == SPOOL {
            spooled
        } else {
            self.keeper as usize
        };
        Extent {
            input,
            byte: self.byte,
            len: self.length as usize,
        }
    }
}

impl IndexEntry for Entry {
    const SIZE: usize = 44;

    fn write_to(&self, bytes: &mut [u8]) {
        let fields = [self.byte, self.origin.line, self.origin.byte, self.origin.index];
        for (slot, field) in bytes.chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        let small = [self.length, self.keeper, self.origin.input];
        for (slot, field) in bytes[32..].chunks_exact_mut(4).zip(small) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
    }

    fn read_from(bytes: &[u8]) -> Self {
        let long = |at: usize| {
            let field = bytes.get(at * 8..).and_then(<[u8]>::first_chunk);
            field.copied().map_or(0, u64::from_le_bytes)
        };
        let short = |at: usize| {
            let field = bytes.get(32 + at * 4..).and_then(<[u8]>::first_chunk);
            field.copied().map_or(0, u32::from_le_bytes)
        };
        Entry {
            byte: long(0),
            length: short(0),
            keeper: short(1),
            origin: Origin {
                input: short(2),
                line: long(1),
                byte: long(2),
                index: long(3),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let entry = Entry {
            byte: u64::MAX - 1,
            length: 7,
            keeper: SPOOL,
            origin: Origin {
                input: 3,
                line: 1 << 40,
                byte: 5,
                index: 9,
            },
        };
        let mut bytes = [0xff; Entry::SIZE];
        entry.write_to(&mut bytes);
        assert_eq!(Entry::read_from(&bytes), entry);
        assert_eq!(entry.extent(4).input, 4);
    }
}
