//! Which records of a log another record continues.

use super::digests::ChainKeys;

/// Collects the keys of all records and finds those that another record continues.
///
/// A record is superseded if its whole conversation is a beginning of that of a later record, or of an earlier one
/// whose last but one assistant turn is this record's answer (files named `10.json` come before `9.json`). Equal
/// records are superseded together or not at all; neither supersedes the other.
///
/// Takes at most 48 bytes a record, whatever the length of the conversations. The result depends on the records and
/// their order alone.
///
/// ```
/// use tracemill_model::Trace;
/// use tracemill_sources::{ChainIndex, ChainKeys};
/// let hi = r#"{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}"#;
/// let bye = r#"{"role":"user","content":"bye"},{"role":"assistant","content":"bye"}"#;
/// let records = [format!(r#"{{"messages":[{hi}]}}"#), format!(r#"{{"messages":[{hi},{bye}]}}"#)];
///
/// let mut index = ChainIndex::new();
/// for record in &records {
///     index.add(Some(ChainKeys::of(&Trace::from_json(record)?)));
/// }
/// let superseded = index.finish();
/// assert!(superseded.contains(0) && !superseded.contains(1));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChainIndex {
    records: Records,
    /// Conversations by digest, open addressing: 1 + the number of the first record that has the conversation.
    table: Vec<u32>,
    distinct: usize,
    /// By the number of the first record that has the conversation.
    continued: Bits,
}

/// The records that another record continues.
#[derive(Clone, Debug, Default)]
pub struct Superseded {
    bits: Bits,
    count: u64,
}

/// No digest: a text with this one is not to be expected.
const NONE: u128 = 0;

impl ChainIndex {
    /// An index of no records.
    pub fn new() -> Self {
        ChainIndex::default()
    }

    /// Adds the next record; `None` if it takes no part (it is bad, or holds no trace).
    pub fn add(&mut self, keys: Option<ChainKeys>) {
        let keys = keys.unwrap_or_default();
        for beginning in &keys.earlier {
            self.mark(*beginning);
        }
        let whole = keys.whole.unwrap_or(NONE);
        let parent = keys.earlier.last().copied().unwrap_or(NONE);
        let number = self.records.len();
        self.records.push([whole, parent]);
        // Behind four billion records nothing is superseded any more: the numbers are kept small for memory's sake.
        if let (true, Ok(entry)) = (whole != NONE, u32::try_from(number + 1)) {
            self.insert(whole, entry);
        }
    }

    /// Finds the records that another one continues.
    pub fn finish(mut self) -> Superseded {
        for number in 0..self.records.len() {
            let [_, parent] = self.records.get(number);
            self.mark(parent);
        }
        let mut superseded = Superseded::default();
        for number in 0..self.records.len() {
            let [whole, _] = self.records.get(number);
            if self.find(whole).is_some_and(|first| self.continued.has(first)) {
                superseded.bits.set(number);
                superseded.count += 1;
            }
        }
        superseded
    }

    /// Notes that the records with this conversation are continued.
    fn mark(&mut self, conversation: u128) {
        if let Some(first) = self.find(conversation) {
            self.continued.set(first);
        }
    }

    /// The first record with this conversation.
    fn find(&self, conversation: u128) -> Option<usize> {
        if conversation == NONE || self.table.is_empty() {
            return None;
        }
        match self.table[self.slot(conversation)] {
            0 => None,
            entry => Some(entry as usize - 1),
        }
    }

    fn insert(&mut self, conversation: u128, entry: u32) {
        if (self.distinct + 1) * 10 > self.table.len() * 7 {
            self.grow();
        }
        let slot = self.slot(conversation);
        if self.table[slot] == 0 {
            self.table[slot] = entry;
            self.distinct += 1;
        }
    }

    /// Where the conversation is, or would go. The table always has free slots.
    fn slot(&self, conversation: u128) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = conversation as usize & mask;
        loop {
            match self.table[slot] {
                0 => return slot,
                entry if self.records.get(entry as usize - 1)[0] == conversation => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let length = (self.table.len() * 2).max(1024);
        let old = std::mem::replace(&mut self.table, vec![0; length]);
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let [whole, _] = self.records.get(entry as usize - 1);
            let slot = self.slot(whole);
            self.table[slot] = entry;
        }
    }
}

impl Superseded {
    /// Whether another record continues the record of this number, counted from 0 in the order they were added.
    pub fn contains(&self, record: u64) -> bool {
        usize::try_from(record).is_ok_and(|record| self.bits.has(record))
    }

    /// The number of records that another one continues.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// For each record its whole conversation and the longest beginning that ends with an assistant turn.
///
/// In pieces, so that growing neither copies nor reserves twice what is there.
#[derive(Clone, Debug, Default)]
struct Records(Vec<Vec<[u128; 2]>>);

impl Records {
    const PIECE: usize = 4096;

    fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1) * Records::PIECE;
        full + self.0.last().map_or(0, Vec::len)
    }

    fn push(&mut self, record: [u128; 2]) {
        match self.0.last_mut() {
            Some(piece) if piece.len() < Records::PIECE => piece.push(record),
            _ => {
                let mut piece = Vec::with_capacity(Records::PIECE);
                piece.push(record);
                self.0.push(piece);
            }
        }
    }

    fn get(&self, number: usize) -> [u128; 2] {
        self.0[number / Records::PIECE][number % Records::PIECE]
    }
}

/// One bit a record.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, number: usize) {
        let word = number / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    fn has(&self, number: usize) -> bool {
        self.0
            .get(number / 64)
            .is_some_and(|word| word & 1 << (number % 64) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemill_model::digest;

    /// Keys of a conversation of `turns` answers, the turns of which have these names.
    fn keys(turns: &[u128]) -> ChainKeys {
        let beginnings: Vec<_> = (1..=turns.len())
            .map(|end| {
                let bytes: Vec<u8> = turns[..end].iter().flat_map(|turn| turn.to_le_bytes()).collect();
                digest(&bytes)
            })
            .collect();
        let (whole, earlier) = beginnings.split_last().unwrap();
        ChainKeys {
            whole: Some(*whole),
            earlier: earlier.to_vec(),
        }
    }

    fn superseded(records: &[Option<ChainKeys>]) -> Vec<u64> {
        let mut index = ChainIndex::new();
        for keys in records {
            index.add(keys.clone());
        }
        let superseded = index.finish();
        let found: Vec<_> = (0..records.len() as u64 + 70)
            .filter(|&n| superseded.contains(n))
            .collect();
        assert_eq!(superseded.count(), found.len() as u64);
        found
    }

    #[test]
    fn all_but_the_last_of_a_chain_are_superseded() {
        let chain: Vec<_> = (1..=6).map(|n| Some(keys(&[1, 2, 3, 4, 5, 6][..n]))).collect();
        assert_eq!(superseded(&chain), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_order_of_a_complete_chain_does_not_matter() {
        let chain: Vec<_> = [1, 6, 2, 5, 4, 3]
            .iter()
            .map(|&n| Some(keys(&[1, 2, 3, 4, 5, 6][..n])))
            .collect();
        assert_eq!(superseded(&chain), [0, 2, 3, 4, 5]);
    }

    #[test]
    fn a_gap_in_a_chain_that_is_in_order_does_not_matter() {
        assert_eq!(superseded(&[Some(keys(&[1])), None, Some(keys(&[1, 2, 3]))]), [0]);
    }

    #[test]
    fn branches_are_kept_and_their_stem_is_not() {
        let records = [&[1][..], &[1, 2], &[1, 3], &[4]].map(|turns| Some(keys(turns)));
        assert_eq!(superseded(&records), [0]);
    }

    #[test]
    fn equal_records_share_their_fate() {
        let records = [&[1][..], &[1], &[2], &[2], &[1, 5], &[1]].map(|turns| Some(keys(turns)));
        assert_eq!(superseded(&records), [0, 1, 5]);
    }

    #[test]
    fn a_record_with_several_answers_supersedes_and_is_not_superseded() {
        let several = |turns: &[u128]| ChainKeys {
            whole: None,
            ..keys(turns)
        };
        let records = [Some(keys(&[1])), Some(several(&[1, 2])), Some(keys(&[1, 2, 3]))];
        assert_eq!(superseded(&records), [0]);
    }

    #[test]
    fn the_index_takes_less_than_48_bytes_a_record() {
        // In between, and just after the table has doubled.
        for count in [60_000, 92_000] {
            let mut index = ChainIndex::new();
            let conversation = |n: u128| digest(&n.to_le_bytes());
            for n in 0..count as u128 {
                index.add(Some(ChainKeys {
                    whole: Some(conversation(n)),
                    earlier: vec![conversation(n.saturating_sub(1))],
                }));
            }
            let records: usize = index
                .records
                .0
                .iter()
                .map(|piece| piece.capacity() * size_of::<[u128; 2]>())
                .sum();
            let bytes = records + index.table.capacity() * 4 + index.continued.0.capacity() * 8;
            let each = bytes / count;
            assert!(each < 48, "{each} bytes a record at {count} records");
        }
    }
}
