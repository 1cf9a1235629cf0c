//! The tokens between strings: white space, brackets, words and numbers.

use super::keys::{self, Level};
use super::{Cursor, Result};
use crate::error::{DecodeError, DecodeErrorKind, excerpt};
use crate::json::Text;

const TWICE: &str = "this key stands here twice";

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space.
    #[inline]
    pub(super) fn space(&mut self) {
        // Nearly always there is none, and one comparison tells.
        while let Some(byte) = self.byte()
            && byte <= b' '
            && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        {
            self.at += 1;
        }
    }

    /// Consumes white space and an opening bracket.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8, noun: &str) -> Result<()> {
        self.space();
        if self.byte() != Some(bracket) {
            return Err(self.expected(noun));
        }
        self.descend()
    }

    /// Consumes an opening bracket and counts it.
    #[inline]
    pub(super) fn descend(&mut self) -> Result<()> {
        if self.depth >= self.limits.depth() {
            return Err(self.too_deep());
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> DecodeError {
        let message = format!("nested deeper than {} levels", self.limits.depth());
        self.error(DecodeErrorKind::TooDeep, message)
    }

    /// Consumes the closing bracket if it is next.
    #[inline]
    pub(super) fn closes(&mut self, bracket: u8) -> bool {
        let closes = self.byte() == Some(bracket);
        if closes {
            self.at += 1;
            self.depth -= 1;
        }
        closes
    }

    /// After a member: consumes a comma (true) or the closing bracket (false).
    #[inline]
    pub(super) fn another(&mut self, bracket: u8) -> Result<bool> {
        if self.byte() == Some(b',') {
            self.at += 1;
            return Ok(true);
        }
        if self.closes(bracket) {
            return Ok(false);
        }
        Err(self.unexpected(if bracket == b'}' {
            "`,` or `}`"
        } else {
            "`,` or `]`"
        }))
    }

    /// Reads the key of a member and notes it among those of its object.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Text<'a>> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        let start = self.at + 1;
        let key = self.string()?;
        self.buffers.keys.push(start, keys::head(key.body()));
        Ok(key)
    }

    #[inline]
    pub(super) fn colon(&mut self) -> Result<()> {
        if self.byte() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    /// Ends the object that began with `level`: none of its keys may stand there twice.
    #[inline]
    pub(super) fn close_keys(&mut self, level: Level) -> Result<()> {
        match self.buffers.keys.close(self.text, level) {
            None => Ok(()),
            Some(second) => {
                let error = DecodeError::new(DecodeErrorKind::DuplicateKey, second - 1, TWICE);
                Err(error.in_key(keys::reread(self.text, second).body()))
            }
        }
    }

    /// The error for the key that was read last, if what it names is there already.
    #[cold]
    pub(crate) fn duplicate_key(&self) -> DecodeError {
        self.error_at_key(DecodeErrorKind::DuplicateKey, TWICE)
    }

    /// An error at the key that was read last.
    #[cold]
    pub(crate) fn error_at_key(&self, kind: DecodeErrorKind, message: &str) -> DecodeError {
        let at = self.buffers.keys.last().map_or(self.at, |inside| inside - 1);
        DecodeError::new(kind, at, message)
    }

    pub(super) fn literal(&mut self, word: &str) -> Result<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Consumes a number.
    pub(super) fn skip_number(&mut self) -> Result<()> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            Some(b'I') => {
                self.at = start;
                return Err(self.unexpected("a number"));
            }
            _ => return Err(self.unexpected("a digit")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<()> {
        let start = self.at;
        self.digits();
        if self.at == start {
            Err(self.unexpected("a digit"))
        } else {
            Ok(())
        }
    }

    /// The error for a byte that cannot stand here.
    #[cold]
    pub(super) fn unexpected(&self, wanted: &str) -> DecodeError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(found) = rest.chars().next() else {
            let message = format!("expected {wanted}, but the record ends here");
            return self.error(DecodeErrorKind::Truncated, message);
        };
        for word in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(word) {
                let message = format!("`{word}` is not JSON; write null where there is no number");
                return self.error(DecodeErrorKind::NotFinite, message);
            }
        }
        let cut = ["null", "true", "false"]
            .iter()
            .any(|word| word.starts_with(rest));
        if cut {
            let message = format!("expected {wanted}, but the record ends after `{rest}`");
            return self.error(DecodeErrorKind::Truncated, message);
        }
        let message = format!(
            "expected {wanted}, found `{}`",
            excerpt(found.encode_utf8(&mut [0; 4]))
        );
        self.error(DecodeErrorKind::Syntax, message)
    }
}
