//! String tokens.

use super::{Cursor, Result, Token};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::json::{canonical, escape, scan};

impl<'a> Cursor<'a> {
    /// Consumes the string whose opening quote is next.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Token<'a>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut ascii = true;
        let mut canonical = true;
        loop {
            let stop = scan::special(bytes, at);
            at = stop.at;
            ascii &= stop.ascii;
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    if let Some(b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') = bytes.get(at + 1) {
                        at += 2;
                    } else {
                        let (length, plain) = self.odd_escape(at)?;
                        canonical &= plain;
                        at += length;
                    }
                }
                _ => return Err(self.ends_badly(at)),
            }
        }
        self.at = at + 1;
        let body = &self.text[start..at];
        Ok(Token {
            body,
            canonical: canonical && (ascii || !canonical::has_separator(body)),
        })
    }

    /// The length of an escape that is none of the short ones of the canonical form, and whether it is canonical all
    /// the same.
    fn odd_escape(&self, at: usize) -> Result<(usize, bool)> {
        match self.text.as_bytes().get(at + 1) {
            Some(b'/') => Ok((2, false)),
            Some(b'u') => self.unicode_escape(at),
            Some(_) => Err(DecodeError::new(
                DecodeErrorKind::Syntax,
                at,
                "no such escape in JSON",
            )),
            None => Err(self.ends_in_string()),
        }
    }

    fn unicode_escape(&self, at: usize) -> Result<(usize, bool)> {
        let digits = self.digits_of(at)?;
        let Some(high) = escape::hex4(digits) else {
            return Err(no_digits(at));
        };
        if !(0xd800..0xe000).contains(&high) {
            return Ok((6, escape::is_canonical(high, digits)));
        }
        let rest = &self.text.as_bytes()[at + 6..];
        if high < 0xdc00 && (rest.is_empty() || rest == b"\\") {
            return Err(self.ends_in_string());
        }
        if !rest.starts_with(b"\\u") {
            return Err(lone_surrogate(high, at));
        }
        let low = escape::hex4(self.digits_of(at + 6)?).ok_or_else(|| no_digits(at + 6))?;
        match escape::pair(high, low) {
            Some(_) => Ok((12, false)),
            None => Err(lone_surrogate(high, at)),
        }
    }

    /// The four bytes behind the `\u` at `at`.
    #[inline]
    fn digits_of(&self, at: usize) -> Result<[u8; 4]> {
        let rest = self.text.as_bytes().get(at + 2..).unwrap_or_default();
        match rest.first_chunk() {
            Some(digits) => Ok(*digits),
            // What is there may be wrong already, which says more than that there is too little of it.
            None if rest.iter().any(|byte| !byte.is_ascii_hexdigit()) => Err(no_digits(at)),
            None => Err(self.ends_in_string()),
        }
    }

    #[cold]
    fn ends_badly(&self, at: usize) -> DecodeError {
        let Some(byte) = self.text.as_bytes().get(at) else {
            return self.ends_in_string();
        };
        let message = format!("the control character U+{byte:04X} must be escaped inside a string");
        DecodeError::new(DecodeErrorKind::Syntax, at, message)
    }

    #[cold]
    fn ends_in_string(&self) -> DecodeError {
        let begin = self.at + 1;
        let message = format!("the record ends inside the string that begins in column {begin}");
        DecodeError::new(DecodeErrorKind::Truncated, self.text.len(), message)
    }
}

#[cold]
fn no_digits(at: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Syntax, at, "`\\u` needs four hexadecimal digits")
}

#[cold]
fn lone_surrogate(unit: u32, at: usize) -> DecodeError {
    let message = format!("`\\u{unit:04x}` is half of a surrogate pair, which no text can hold");
    DecodeError::new(DecodeErrorKind::LoneSurrogate, at, message)
}
