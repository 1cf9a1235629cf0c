//! Records of one size, in memory.

/// Records of one size, kept in pieces: growing copies nothing, and takes no more than is used.
#[derive(Debug)]
pub(super) struct Store {
    /// The bytes of a record.
    record: usize,
    /// A piece has two to the power of this many records: a division for every look would cost more than the look.
    shift: u32,
    pieces: Vec<Box<[u8]>>,
    len: usize,
}

/// Large enough that the list of pieces is small, small enough that the last one wastes little.
const MAX_PIECE: usize = 1024;

impl Store {
    /// An empty store that will hold about so many records.
    pub(super) fn new(record: usize, expected: usize) -> Self {
        Store {
            record,
            shift: expected.clamp(1, MAX_PIECE).next_power_of_two().trailing_zeros(),
            pieces: Vec::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of a new record, to be filled in whole.
    pub(super) fn push(&mut self) -> &mut [u8] {
        let index = self.len;
        self.len += 1;
        if index >> self.shift == self.pieces.len() {
            self.pieces.push(vec![0; self.record << self.shift].into());
        }
        self.get_mut(index)
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        let (piece, start) = self.place(index);
        &self.pieces[piece][start..start + self.record]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut [u8] {
        let (piece, start) = self.place(index);
        &mut self.pieces[piece][start..start + self.record]
    }

    /// In which piece a record is, and where in it.
    #[inline]
    fn place(&self, index: usize) -> (usize, usize) {
        let within = index & ((1 << self.shift) - 1);
        (index >> self.shift, within * self.record)
    }

    /// Forgets the records and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The records in the order of their first `prefix` bytes; equal ones in the order in which they came.
    pub(super) fn sorted(&self, prefix: usize) -> Vec<u32> {
        // Nearly all comparisons are decided by the first eight bytes, which are at hand.
        let head = |index: u32| {
            self.get(index as usize)
                .first_chunk()
                .copied()
                .map_or(0, u64::from_be_bytes)
        };
        let mut order: Vec<(u64, u32)> = (0..self.len as u32).map(|index| (head(index), index)).collect();
        let rest = |index: u32| &self.get(index as usize)[..prefix];
        order.sort_unstable_by(|a, b| {
            let heads = a.0.cmp(&b.0);
            heads.then_with(|| rest(a.1).cmp(rest(b.1))).then(a.1.cmp(&b.1))
        });
        order.into_iter().map(|(_, index)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_sort_stably() {
        for expected in [0, 1, 3, 5000] {
            let mut store = Store::new(12, expected);
            for round in 0..2 {
                for n in 0..3000_u32 {
                    let record = store.push();
                    record[..8].copy_from_slice(&u64::from(n % 7).to_be_bytes());
                    record[8..].copy_from_slice(&(n + round).to_be_bytes());
                }
                assert_eq!(store.len(), 3000);
                assert_eq!(store.get(2999)[8..], (2999 + round).to_be_bytes());
                let mut expected: Vec<u32> = (0..3000).collect();
                expected.sort_by_key(|n| n % 7);
                assert_eq!(store.sorted(8), expected);
                store.clear();
            }
        }
    }
}
