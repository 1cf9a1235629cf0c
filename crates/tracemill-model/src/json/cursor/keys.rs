//! Finding a key that stands twice in one object.

use super::Cursor;
use crate::json::{Text, canonical, scan};

/// The keys of the objects that are open, those of the innermost last.
#[derive(Debug, Default)]
pub(super) struct Keys {
    list: Vec<Key>,
    filter: Filter,
    /// Where the inside of the last key begins, if the keys were compared before and are not noted.
    trusted: Option<usize>,
}

/// Whether a key of the innermost object may stand there twice: only then they are compared. Nearly every object is done
/// without.
#[derive(Clone, Copy, Debug, Default)]
struct Filter {
    /// One of 64 bits for each key, chosen by its beginning.
    seen: u64,
    /// The bits that were chosen twice.
    twice: u64,
}

impl Filter {
    #[inline]
    fn bit(head: u64) -> u64 {
        /// Spreads the beginning over the highest bits: 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        1 << (head.wrapping_mul(SPREAD) >> 58)
    }

    #[inline]
    fn add(&mut self, head: u64) {
        let bit = Filter::bit(head);
        self.twice |= self.seen & bit;
        self.seen |= bit;
    }
}

/// The keys as they were when an object began, or where a cursor may go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    first: usize,
    outer: Filter,
}

/// A key by its beginning and its place.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// The first eight bytes of the canonical spelling, with zeros behind a shorter key: nearly always enough to tell
    /// two keys apart.
    head: u64,
    /// The offset of the inside of the token.
    start: usize,
}

impl Key {
    /// Whether the head says all: no key holds a zero byte, so that one in the last place is the end of a short key.
    fn is_whole(self) -> bool {
        self.head >> 56 == 0
    }

    fn same(self, other: Key, text: &str) -> bool {
        self.head == other.head && (self.is_whole() || reread(text, self.start) == reread(text, other.start))
    }
}

impl Keys {
    /// Forgets everything, keeping the buffer.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.filter = Filter::default();
        self.trusted = None;
    }

    /// Says that the keys of all objects were compared before.
    pub(super) fn trust(&mut self) {
        self.trusted = Some(0);
    }

    /// How it is now, to go back to.
    #[inline]
    pub(super) fn level(&self) -> Level {
        Level {
            first: self.list.len(),
            outer: self.filter,
        }
    }

    /// Begins an object.
    #[inline]
    pub(super) fn open(&mut self) -> Level {
        let level = self.level();
        self.filter = Filter::default();
        level
    }

    /// Goes back to how it was.
    #[inline]
    pub(super) fn rewind(&mut self, level: Level) {
        self.list.truncate(level.first);
        self.filter = level.outer;
    }

    /// Notes a key by its [`head`], and where its inside begins.
    #[inline]
    pub(super) fn push(&mut self, start: usize, head: u64) {
        // Asked here, where nearly nobody comes by, so that it costs nothing elsewhere.
        if self.list.capacity() == 0 {
            if let Some(last) = &mut self.trusted {
                *last = start;
                return;
            }
            self.list.reserve(32);
        }
        self.list.push(Key { head, start });
        self.filter.add(head);
    }

    /// Where the inside of the last key begins.
    pub(super) fn last(&self) -> Option<usize> {
        self.trusted.or(self.list.last().map(|key| key.start))
    }

    /// Ends the object that began with `level`; gives where the first key begins that its object has already.
    #[inline]
    pub(super) fn close(&mut self, text: &str, level: Level) -> Option<usize> {
        let second = if self.filter.twice == 0 {
            None
        } else {
            second(text, &self.list[level.first..], self.filter.twice)
        };
        self.rewind(level);
        second
    }
}

/// Where the first key begins that stands there already.
#[inline(never)]
fn second(text: &str, keys: &[Key], twice: u64) -> Option<usize> {
    /// Up to here comparing those that share a bit with each is faster than sorting.
    const FEW: usize = 64;
    if keys.len() <= FEW {
        among_few(text, keys, twice)
    } else {
        among_many(text, keys)
    }
}

/// The first eight bytes; zeros behind a shorter key.
#[inline]
pub(super) fn head(key: &str) -> u64 {
    let key = key.as_bytes();
    if let Some(head) = key.first_chunk() {
        return u64::from_le_bytes(*head);
    }
    // Two halves that may overlap, where both say the same.
    if let (Some(front), Some(back)) = (key.first_chunk(), key.last_chunk()) {
        let (front, back) = (u32::from_le_bytes(*front), u32::from_le_bytes(*back));
        return u64::from(front) | u64::from(back) << (8 * (key.len() - 4));
    }
    key.iter()
        .rev()
        .fold(0, |head, &byte| head << 8 | u64::from(byte))
}

fn among_few(text: &str, keys: &[Key], twice: u64) -> Option<usize> {
    let mut suspects = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| twice & Filter::bit(key.head) != 0);
    let is_second = |(index, key): (usize, &Key)| {
        let same = |other: &Key| key.head == other.head && key.same(*other, text);
        keys[..index].iter().any(same).then_some(key.start)
    };
    suspects.find_map(is_second)
}

#[cold]
fn among_many(text: &str, keys: &[Key]) -> Option<usize> {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable_by_key(|key| (key.head, key.start));
    let alike = sorted.chunk_by(|a, b| a.head == b.head);
    alike.filter_map(|keys| among_alike(text, keys)).min()
}

/// The same for keys of one head.
fn among_alike(text: &str, keys: &[Key]) -> Option<usize> {
    if keys.len() == 1 || keys[0].is_whole() {
        return keys.get(1).map(|key| key.start);
    }
    let mut sorted: Vec<_> = keys
        .iter()
        .map(|key| (reread(text, key.start), key.start))
        .collect();
    sorted.sort_unstable_by(|a, b| a.0.body().cmp(b.0.body()).then(a.1.cmp(&b.1)));
    let twice = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    twice.map(|pair| pair[1].1).min()
}

/// The key whose inside begins at `start`, which was read before.
#[cold]
pub(super) fn reread(text: &str, start: usize) -> Text<'_> {
    // Nearly no key has an escape, and then it is spelled as it is: looking for its end is less than setting out to parse.
    let end = scan::special(text.as_bytes(), start);
    if text.as_bytes().get(end) == Some(&b'"')
        && let Some(key) = text.get(start..end)
        && canonical::next_separator(key, 0) == key.len()
    {
        return Text::from_canonical(key);
    }
    let mut cursor = Cursor::new(text);
    cursor.at = start - 1;
    cursor.string().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn the_head_is_the_first_eight_bytes() {
        for length in 0..12 {
            let key = &"abcdefghijkl"[..length];
            let mut bytes = [0; 8];
            let some = length.min(8);
            bytes[..some].copy_from_slice(&key.as_bytes()[..some]);
            assert_eq!(head(key), u64::from_le_bytes(bytes), "{length}");
        }
    }
}
