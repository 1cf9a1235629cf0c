//! Whole values: checked and passed over, or kept in their canonical spelling.

use std::borrow::Cow;

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
        let mut indexed = Indexed {
            compact: Compact::from(start),
            nodes: Vec::with_capacity(nodes(self.text.len() - start)),
        };
        self.value(&mut indexed)?;
        let text = indexed.compact.finish(self.text, start, self.at);
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
        self.value(&mut Nothing)
    }

    fn value(&mut self, keep: &mut impl Keep) -> Result<()> {
        let token = keep.begin(self.at);
        match self.byte() {
            Some(b'"') => {
                let start = self.at + 1;
                let text = self.string()?;
                self.keep_string(keep, start, &text);
            }
            Some(b'{') => self.object_value(keep)?,
            Some(b'[') => self.array_value(keep)?,
            Some(b'-' | b'0'..=b'9') => self.skip_number()?,
            Some(b'n') => self.literal("null")?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            _ => return Err(self.unexpected("a value")),
        }
        keep.end(token, self.at);
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
            let (start, token) = (self.at + 1, keep.begin(self.at));
            let key = self.key()?;
            self.keep_string(keep, start, &key);
            keep.end(token, self.at);
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

/// What becomes of a value while it is checked.
trait Keep {
    /// What stands for a token that began.
    type Token;

    /// A key or value begins.
    fn begin(&mut self, at: usize) -> Self::Token;

    /// It ends.
    fn end(&mut self, token: Self::Token, at: usize);

    /// The bytes between two offsets are not part of the canonical form.
    fn leave_out(&mut self, text: &str, from: usize, to: usize);

    /// The bytes between two offsets, the inside of a string, are spelled otherwise in the canonical form.
    fn respell(&mut self, text: &str, from: usize, to: usize, spelling: &Text<'_>);
}

/// The value is only passed over.
struct Nothing;

impl Keep for Nothing {
    type Token = ();

    #[inline]
    fn begin(&mut self, _: usize) {}

    #[inline]
    fn end(&mut self, (): (), _: usize) {}

    #[inline]
    fn leave_out(&mut self, _: &str, _: usize, _: usize) {}

    #[inline]
    fn respell(&mut self, _: &str, _: usize, _: usize, _: &Text<'_>) {}
}

/// The canonical form of the value, made in the same pass; nothing is copied while the value is canonical as it is.
struct Compact {
    /// What stands before this offset is in `out`, or left out.
    copied: usize,
    out: String,
}

impl Keep for Compact {
    type Token = ();

    #[inline]
    fn begin(&mut self, _: usize) {}

    #[inline]
    fn end(&mut self, (): (), _: usize) {}

    fn leave_out(&mut self, text: &str, from: usize, to: usize) {
        if self.out.capacity() == 0 {
            self.out = String::with_capacity(super::room(text.len() - self.copied, from - self.copied));
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

    fn finish(mut self, text: &str, start: usize, end: usize) -> Cow<'_, str> {
        if self.copied == start {
            return Cow::Borrowed(&text[start..end]);
        }
        self.out.push_str(&text[self.copied..end]);
        Cow::Owned(self.out)
    }
}

/// The number of keys and values to make room for in so many bytes: what short tokens come to, up to a thousand, because long
/// records tend to hold long texts.
fn nodes(bytes: usize) -> usize {
    (bytes / 16 + 8).min(1024)
}

/// The canonical form, and where its tokens stand.
struct Indexed {
    compact: Compact,
    nodes: Vec<Node>,
}

impl Indexed {
    /// The offset in the canonical form.
    #[inline]
    fn canonical(&self, at: usize) -> usize {
        self.compact.out.len() + (at - self.compact.copied)
    }
}

impl Keep for Indexed {
    type Token = usize;

    #[inline]
    fn begin(&mut self, at: usize) -> usize {
        let token = self.nodes.len();
        self.nodes.push(Node::begin(self.canonical(at)));
        token
    }

    #[inline]
    fn end(&mut self, token: usize, at: usize) {
        let (end, behind) = (self.canonical(at), self.nodes.len());
        self.nodes[token].finish(end, behind - token);
    }

    fn leave_out(&mut self, text: &str, from: usize, to: usize) {
        self.compact.leave_out(text, from, to);
    }

    fn respell(&mut self, text: &str, from: usize, to: usize, spelling: &Text<'_>) {
        self.compact.respell(text, from, to, spelling);
    }
}
