//! Finding a key that stands twice in one object.

use super::Cursor;
use crate::json::Text;

/// The keys of the objects that are open, those of the innermost last.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

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
    fn same(self, other: Key, text: &str) -> bool {
        // No key holds a zero byte, so that one in the last place is the end of a short key.
        self.head == other.head
            && (self.head >> 56 == 0 || reread(text, self.start) == reread(text, other.start))
    }
}

impl Keys {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Notes a key by its [`head`], and where its inside begins.
    #[inline]
    pub(super) fn push(&mut self, start: usize, head: u64) {
        if self.0.capacity() == 0 {
            self.0.reserve(32);
        }
        self.0.push(Key { head, start });
    }

    /// Where the inside of the last key begins.
    pub(super) fn last(&self) -> Option<usize> {
        self.0.last().map(|key| key.start)
    }

    /// Ends the object whose keys begin at `first`; gives where the first key begins that its object has already.
    #[inline]
    pub(super) fn close(&mut self, text: &str, first: usize) -> Option<usize> {
        /// Up to here comparing each with each is faster than sorting.
        const FEW: usize = 16;
        let keys = &self.0[first..];
        let second = if keys.len() <= FEW {
            among_few(text, keys)
        } else {
            among_many(text, keys)
        };
        self.0.truncate(first);
        second
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

#[inline]
fn among_few(text: &str, keys: &[Key]) -> Option<usize> {
    let twice = |(index, key): (usize, &Key)| {
        let same = |other: &Key| key.head == other.head && key.same(*other, text);
        keys[..index].iter().any(same).then_some(key.start)
    };
    keys.iter().enumerate().find_map(twice)
}

#[cold]
fn among_many(text: &str, keys: &[Key]) -> Option<usize> {
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
