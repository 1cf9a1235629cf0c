//! Finding a key that stands twice in one object.

use std::borrow::Cow;

use super::Token;
use crate::json::canonical;

/// The keys of the objects that are open, those of the innermost last.
#[derive(Debug, Default)]
pub(in crate::json) struct Keys(Vec<Key>);

/// Where the inside of a key begins and ends, and whether it is canonical.
#[derive(Clone, Copy, Debug)]
struct Key {
    start: usize,
    end: usize,
    canonical: bool,
}

impl Key {
    fn body(self, text: &str) -> &str {
        &text[self.start..self.end]
    }

    fn canonical(self, text: &str) -> Cow<'_, str> {
        if self.canonical {
            Cow::Borrowed(self.body(text))
        } else {
            Cow::Owned(canonical::respell(self.body(text)))
        }
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

    /// Notes a key whose inside begins at `start`.
    #[inline]
    pub(super) fn push(&mut self, start: usize, key: Token<'_>) {
        self.0.push(Key {
            start,
            end: start + key.body.len(),
            canonical: key.canonical,
        });
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
        let second = if keys.len() <= FEW && keys.iter().all(|key| key.canonical) {
            among_few(text, keys)
        } else {
            among_many(text, keys)
        };
        self.0.truncate(first);
        second
    }
}

#[inline]
fn among_few(text: &str, keys: &[Key]) -> Option<usize> {
    let text = text.as_bytes();
    keys.iter().enumerate().find_map(|(index, key)| {
        let length = key.end - key.start;
        let same = |other: &Key| {
            other.end - other.start == length && text[other.start..other.end] == text[key.start..key.end]
        };
        keys[..index].iter().any(same).then_some(key.start)
    })
}

#[cold]
fn among_many(text: &str, keys: &[Key]) -> Option<usize> {
    let mut sorted: Vec<_> = keys.iter().map(|key| (key.canonical(text), key.start)).collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    twice.map(|pair| pair[1].1).min()
}
