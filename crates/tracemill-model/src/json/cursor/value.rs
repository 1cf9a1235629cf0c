//! Whole values: checked and passed over, or kept in their canonical spelling.

use std::borrow::Cow;

use super::spare::{Whole, room};
use super::{Cursor, Result};
use crate::json::index::{IndexedJson, Node};
use crate::json::{RawJson, Text};

impl<'a> Cursor<'a> {
    /// Reads any value and keeps it raw: order of keys and text of numbers stay, white space goes.
    ///
    /// # Errors
    /// If the value is malformed, nested too deep, or has a key twice in one object.
    pub fn raw(&mut self) -> Result<RawJson<'a>> {
        self.space();
        let start = self.at;
        if let Some(token) = self.known_token(start) {
            self.at += token.len();
            return Ok(RawJson::from_canonical(token));
        }
        let mut compact = Compact::from(start);
        self.value(&mut compact)?;
        Ok(RawJson::from_canonical(compact.finish(self.text, start, self.at)))
    }

    /// Reads any value as [`raw`](Cursor::raw) does, and notes where the values inside of it stand.
    ///
    /// # Errors
    /// As [`raw`](Cursor::raw).
    pub fn indexed(&mut self) -> Result<IndexedJson<'a>> {
        self.space();
        let start = self.at;
        let Whole { text: out, nodes } = self.buffers.whole.take(self.text.len() - start);
        let mut indexed = Indexed {
            compact: Compact {
                out,
                ..Compact::from(start)
            },
            nodes,
        };
        self.value(&mut indexed)?;
        let (text, unused) = indexed.compact.finish_in(self.text, start, self.at);
        self.buffers.whole.keep_text(unused);
        Ok(IndexedJson::new(RawJson::from_canonical(text), indexed.nodes))
    }

    /// Reads any value as [`raw`](Cursor::raw) does, into a buffer that is used again; what is canonical as it is does not
    /// go there but is borrowed.
    pub(in crate::json) fn raw_in<'b>(&mut self, out: &'b mut String) -> Result<RawJson<'b>>
    where
        'a: 'b,
    {
        self.space();
        let start = self.at;
        out.clear();
        let mut compact = Compact {
            out: std::mem::take(out),
            ..Compact::from(start)
        };
        let read = self.value(&mut compact);
        let canonical = compact.copied == start;
        if !canonical && read.is_ok() {
            compact.out.push_str(&self.text[compact.copied..self.at]);
        }
        *out = compact.out;
        read?;
        let text: &'b str = if canonical {
            &self.text[start..self.at]
        } else {
            out
        };
        Ok(RawJson::from_canonical(text))
    }

    /// Checks the next value and passes over it.
    ///
    /// # Errors
    /// As [`raw`](Cursor::raw).
    pub fn skip(&mut self) -> Result<()> {
        self.space();
        if let Some(token) = self.known_token(self.at) {
            self.at += token.len();
            return Ok(());
        }
        self.value(&mut Nothing)
    }

    /// The key or value that begins at `at`, if its end is known.
    #[inline]
    pub(super) fn known_token(&mut self, at: usize) -> Option<&'a str> {
        let end = self.known.end(at)?;
        // Places of another text may lead anywhere.
        self.text.get(at..end).filter(|token| !token.is_empty())
    }

    fn value(&mut self, keep: &mut impl Keep) -> Result<()> {
        let place = keep.place(self.at);
        match self.byte() {
            Some(b'"') => {
                let start = self.at + 1;
                let text = self.string()?;
                self.keep_string(keep, start, &text);
            }
            Some(b'{') => {
                let open = keep.open(place);
                self.object_value(keep)?;
                keep.close(open, self.at);
                return Ok(());
            }
            Some(b'[') => {
                let open = keep.open(place);
                self.array_value(keep)?;
                keep.close(open, self.at);
                return Ok(());
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number()?,
            Some(b'n') => self.literal("null")?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            _ => return Err(self.unexpected("a value")),
        }
        keep.token(place, self.at);
        Ok(())
    }

    fn array_value(&mut self, keep: &mut impl Keep) -> Result<()> {
        self.descend()?;
        self.gap(keep);
        if self.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            if let Err(error) = self.value(keep) {
                return Err(error.in_index(index));
            }
            self.gap(keep);
            if !self.another(b']')? {
                break;
            }
            self.gap(keep);
        }
        Ok(())
    }

    fn object_value(&mut self, keep: &mut impl Keep) -> Result<()> {
        self.descend()?;
        self.gap(keep);
        if self.closes(b'}') {
            return Ok(());
        }
        let level = self.buffers.keys.open();
        loop {
            let (start, place) = (self.at + 1, keep.place(self.at));
            let key = self.key()?;
            self.keep_string(keep, start, &key);
            keep.token(place, self.at);
            self.gap(keep);
            self.colon()?;
            self.gap(keep);
            if let Err(error) = self.value(keep) {
                return Err(error.in_key(key.body()));
            }
            self.gap(keep);
            if !self.another(b'}')? {
                return self.close_keys(level);
            }
            self.gap(keep);
        }
    }

    /// Passes over white space, which is not kept.
    #[inline]
    fn gap(&mut self, keep: &mut impl Keep) {
        let start = self.at;
        self.space();
        if self.at > start {
            keep.leave_out(self.text, start, self.at);
        }
    }

    /// Notes the string whose inside begins at `start` and behind which the cursor is.
    #[inline]
    fn keep_string(&self, keep: &mut impl Keep, start: usize, text: &Text<'_>) {
        if !text.is_borrowed() {
            keep.respell(self.text, start, self.at - 1, text);
        }
    }
}

/// What becomes of a value while it is checked: by itself nothing, it is only passed over.
trait Keep {
    /// What stands for an offset.
    type Place: Default;
    /// What stands for an array or object that is open.
    type Open: Default;

    /// The place where a key or value begins.
    #[inline]
    fn place(&self, _: usize) -> Self::Place {
        Self::Place::default()
    }

    /// A key, or a value with nothing inside of it, began at a place and ends here.
    #[inline]
    fn token(&mut self, _: Self::Place, _: usize) {}

    /// An array or object begins.
    #[inline]
    fn open(&mut self, _: Self::Place) -> Self::Open {
        Self::Open::default()
    }

    /// It ends.
    #[inline]
    fn close(&mut self, _: Self::Open, _: usize) {}

    /// The bytes between two offsets are not part of the canonical form.
    #[inline]
    fn leave_out(&mut self, _: &str, _: usize, _: usize) {}

    /// The bytes between two offsets, the inside of a string, are spelled otherwise in the canonical form.
    #[inline]
    fn respell(&mut self, _: &str, _: usize, _: usize, _: &Text<'_>) {}
}

/// The value is only passed over.
struct Nothing;

impl Keep for Nothing {
    type Place = ();
    type Open = ();
}

/// The canonical form of the value, made in the same pass; nothing is copied while the value is canonical as it is.
struct Compact {
    /// What stands before this offset is in `out`, or left out.
    copied: usize,
    out: String,
}

impl Keep for Compact {
    type Place = ();
    type Open = ();

    fn leave_out(&mut self, text: &str, from: usize, to: usize) {
        if self.out.is_empty() {
            self.out
                .reserve(room(text.len() - self.copied, from - self.copied));
        }
        self.out.push_str(&text[self.copied..from]);
        self.copied = to;
    }

    fn respell(&mut self, text: &str, from: usize, to: usize, spelling: &Text<'_>) {
        self.leave_out(text, from, to);
        self.out.push_str(spelling.body());
    }
}

impl Compact {
    fn from(start: usize) -> Self {
        Compact {
            copied: start,
            out: String::new(),
        }
    }

    fn finish(self, text: &str, start: usize, end: usize) -> Cow<'_, str> {
        self.finish_in(text, start, end).0
    }

    /// The canonical form, and the buffer if it did not go there.
    fn finish_in(mut self, text: &str, start: usize, end: usize) -> (Cow<'_, str>, String) {
        if self.copied == start {
            return (Cow::Borrowed(&text[start..end]), self.out);
        }
        self.out.push_str(&text[self.copied..end]);
        (Cow::Owned(self.out), String::new())
    }
}

/// The canonical form, and where its tokens stand.
struct Indexed {
    compact: Compact,
    nodes: Vec<Node>,
}

impl Keep for Indexed {
    /// The offset in the canonical form.
    type Place = usize;
    /// The number of the node.
    type Open = usize;

    #[inline]
    fn place(&self, at: usize) -> usize {
        self.compact.out.len() + (at - self.compact.copied)
    }

    #[inline]
    fn token(&mut self, start: usize, at: usize) {
        let end = self.place(at);
        self.nodes.push(Node::new(start, end));
    }

    #[inline]
    fn open(&mut self, start: usize) -> usize {
        let open = self.nodes.len();
        self.nodes.push(Node::new(start, start));
        open
    }

    #[inline]
    fn close(&mut self, open: usize, at: usize) {
        let (end, behind) = (self.place(at), self.nodes.len());
        self.nodes[open].close(end, behind - open);
    }

    fn leave_out(&mut self, text: &str, from: usize, to: usize) {
        self.compact.leave_out(text, from, to);
    }

    fn respell(&mut self, text: &str, from: usize, to: usize, spelling: &Text<'_>) {
        self.compact.respell(text, from, to, spelling);
    }
}
