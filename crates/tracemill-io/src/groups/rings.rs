//! Entries in memory, those of a group in a ring.

use std::hint::black_box;

use super::store::Store;
use super::{KEY, Key, key_of};

/// Entries in the order in which they came, and their groups in the order in which these began.
///
/// An entry holds the number of the next one of its group, the last entry of a group that of the first. So the groups
/// are there at any time, and an entry takes four bytes besides its own: keys are kept once for each group.
#[derive(Debug)]
pub(super) struct Rings {
    entries: Store,
    /// For each entry the number of the next one. Apart from the entries, because the last one of a group is linked
    /// when the next one comes: of the entries themselves none is in the cache by then.
    links: Store,
    /// The key, then the number of the last entry.
    groups: Store,
    /// Groups by key: open addressing, at most three quarters full.
    table: Vec<u32>,
    size: usize,
}

/// The bytes of the number of an entry.
const LINK: usize = size_of::<u32>();

/// No group.
const FREE: u32 = u32::MAX;

/// As numbers have 32 bits, and one stands for none.
const MAX_ENTRIES: usize = FREE as usize - 1;

/// What a group takes at most: its place in `groups`, 8/3 places in a table that has just doubled, and one in the list
/// by which groups are sorted.
const GROUP: usize = KEY + LINK + 3 * LINK + LINK;

impl Rings {
    /// Room for entries of this size, about so many bytes of them.
    pub(super) fn new(size: usize, bytes: usize) -> Self {
        Rings {
            entries: Store::new(size, bytes / (LINK + size)),
            links: Store::new(LINK, bytes / (LINK + size)),
            groups: Store::new(KEY + LINK, bytes / (KEY + LINK)),
            table: Vec::new(),
            size,
        }
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether another entry might take more than so many bytes of memory.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        let used = (self.entries.len() + 1) * (LINK + self.size) + (self.groups.len() + 1) * GROUP;
        used > bytes || self.len() >= MAX_ENTRIES
    }

    /// The bytes of a new entry, to be filled in whole.
    pub(super) fn push(&mut self, key: Key) -> &mut [u8] {
        if (self.groups.len() + 1) * 4 > self.table.len() * 3 {
            self.grow();
        }
        let entry = self.entries.len() as u32;
        let slot = self.slot(key);
        let next = if self.table[slot] == FREE {
            self.table[slot] = self.groups.len() as u32;
            let (new, last) = self.groups.push().split_at_mut(KEY);
            new.copy_from_slice(&key);
            last.copy_from_slice(&entry.to_le_bytes());
            entry
        } else {
            let group = self.groups.get_mut(self.table[slot] as usize);
            let last = replace(&mut group[KEY..], entry);
            replace(self.links.get_mut(last as usize), entry)
        };
        self.links.push().copy_from_slice(&next.to_le_bytes());
        self.entries.push()
    }

    /// Reads what pushing entries with these keys is going to read.
    ///
    /// A push waits for memory three times, each time to know where to look next. Here the processor waits once for many:
    /// nothing depends on what is read.
    pub(super) fn touch(&self, keys: impl Iterator<Item = Key> + Clone) {
        if self.table.is_empty() {
            return;
        }
        let mask = self.table.len() - 1;
        let groups = keys.map(|key| self.table[spread(key) & mask]);
        black_box(groups.clone().fold(0, |all, group| all ^ group));
        let known = groups.filter(|&group| group != FREE);
        let lasts = known.map(|group| number(&self.groups.get(group as usize)[KEY..]));
        black_box(lasts.clone().fold(0, |all, last| all ^ last));
        black_box(lasts.fold(0, |all, last| all ^ number(self.links.get(last as usize))));
    }

    pub(super) fn key(&self, group: usize) -> Key {
        key_of(self.groups.get(group))
    }

    /// The entries of a group in the order in which they came, each with its number.
    pub(super) fn members(&self, group: usize) -> impl Iterator<Item = (u32, &[u8])> {
        let last = number(&self.groups.get(group)[KEY..]);
        let after = |entry: u32| number(self.links.get(entry as usize));
        let first = after(last);
        let all = std::iter::successors(Some(first), move |&entry| (entry != last).then(|| after(entry)));
        all.map(|entry| (entry, self.entries.get(entry as usize)))
    }

    /// The groups in the order of their keys.
    pub(super) fn by_key(&self) -> Vec<u32> {
        let mut groups: Vec<u32> = (0..self.groups.len() as u32).collect();
        groups.sort_unstable_by_key(|&group| self.key(group as usize));
        groups
    }

    /// Keeps the entries and their groups alone: nothing can be added any more.
    pub(super) fn close(&mut self) {
        self.table = Vec::new();
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.links.clear();
        self.groups.clear();
        self.table.fill(FREE);
    }

    /// The slot that holds the group with this key, or the free one where it belongs.
    fn slot(&self, key: Key) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = spread(key) & mask;
        loop {
            let group = self.table[slot];
            if group == FREE || self.key(group as usize) == key {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let doubled = (self.table.len() * 2).max(16);
        // Freed first: the groups themselves know what was in it.
        self.table = Vec::new();
        self.table = vec![FREE; doubled];
        for group in 0..self.groups.len() {
            let slot = self.slot(self.key(group));
            self.table[slot] = group as u32;
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(FREE, u32::from_le_bytes)
}

/// Puts another number in the place of the one that `bytes` begin with.
fn replace(bytes: &mut [u8], by: u32) -> u32 {
    let old = number(bytes);
    bytes[..LINK].copy_from_slice(&by.to_le_bytes());
    old
}

/// Keys are digests, mostly; but small numbers should not end up side by side either.
fn spread(key: Key) -> usize {
    let key = u128::from_be_bytes(key);
    let folded = (key >> 64) as u64 ^ key as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}
