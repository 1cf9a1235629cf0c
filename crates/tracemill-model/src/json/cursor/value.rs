//! Whole values: checked and passed over, or kept in their canonical spelling.

use std::borrow::Cow;

use super::{Cursor, Kind, Result, Token};
use crate::json::{RawJson, canonical};

impl<'a> Cursor<'a> {
    /// Reads any value and keeps it raw: order of keys and text of numbers stay, white space goes.
    ///
    /// # Errors
    /// If the value is malformed, nested too deep, or has a key twice in one object.
    pub fn raw(&mut self) -> Result<RawJson<'a>> {
        self.space();
        let start = self.at;
        let mut compact = Compact {
            copied: start,
            out: String::new(),
        };
        self.value(&mut compact)?;
        Ok(RawJson::from_canonical(compact.finish(self.text, start, self.at)))
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
            copied: start,
            out: std::mem::take(out),
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
        self.value(&mut Nothing)
    }

    fn value(&mut self, keep: &mut impl Keep) -> Result<()> {
        match self.peek()? {
            Kind::String => {
                let token = self.string()?;
                self.keep_string(keep, token);
                Ok(())
            }
            Kind::Number => self.skip_number(),
            Kind::Object => self.object_value(keep),
            Kind::Array => self.array_value(keep),
            Kind::Null => self.literal("null"),
            Kind::Bool if self.byte() == Some(b't') => self.literal("true"),
            Kind::Bool => self.literal("false"),
        }
    }

    fn array_value(&mut self, keep: &mut impl Keep) -> Result<()> {
        self.descend()?;
        self.gap(keep);
        if self.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            self.gap(keep);
            if let Err(error) = self.value(keep) {
                return Err(error.in_index(index));
            }
            self.gap(keep);
            if !self.another(b']')? {
                break;
            }
        }
        Ok(())
    }

    fn object_value(&mut self, keep: &mut impl Keep) -> Result<()> {
        self.descend()?;
        self.gap(keep);
        if self.closes(b'}') {
            return Ok(());
        }
        let first = self.keys.len();
        loop {
            self.gap(keep);
            let key = self.key()?;
            self.keep_string(keep, key);
            self.gap(keep);
            self.colon()?;
            self.gap(keep);
            if let Err(error) = self.value(keep) {
                return Err(error.in_key(key.into_text().body()));
            }
            self.gap(keep);
            if !self.another(b'}')? {
                return self.close_keys(first);
            }
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

    /// Notes the string behind whose closing quote the cursor is.
    #[inline]
    fn keep_string(&self, keep: &mut impl Keep, token: Token<'_>) {
        if !token.canonical {
            keep.respell(self.text, self.at - 1 - token.body.len(), token.body);
        }
    }
}

/// What becomes of a value while it is checked.
trait Keep {
    /// The bytes between two offsets are not part of the canonical form.
    fn leave_out(&mut self, text: &str, from: usize, to: usize);

    /// The body of a string, which begins at `from`, is not canonical.
    fn respell(&mut self, text: &str, from: usize, body: &str);
}

/// The value is only passed over.
struct Nothing;

impl Keep for Nothing {
    #[inline]
    fn leave_out(&mut self, _: &str, _: usize, _: usize) {}

    #[inline]
    fn respell(&mut self, _: &str, _: usize, _: &str) {}
}

/// The canonical form of the value, made in the same pass; nothing is copied while the value is canonical as it is.
struct Compact {
    /// What stands before this offset is in `out`, or left out.
    copied: usize,
    out: String,
}

impl Keep for Compact {
    fn leave_out(&mut self, text: &str, from: usize, to: usize) {
        self.out.push_str(&text[self.copied..from]);
        self.copied = to;
    }

    fn respell(&mut self, text: &str, from: usize, body: &str) {
        self.out.push_str(&text[self.copied..from]);
        canonical::respell_into(body, &mut self.out);
        self.copied = from + body.len();
    }
}

impl Compact {
    fn finish(mut self, text: &str, start: usize, end: usize) -> Cow<'_, str> {
        if self.copied == start {
            return Cow::Borrowed(&text[start..end]);
        }
        self.out.push_str(&text[self.copied..end]);
        Cow::Owned(self.out)
    }
}
