//! String tokens.

use std::borrow::Cow;

use super::{Cursor, Result};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::json::{Text, canonical, escape};

impl<'a> Cursor<'a> {
    /// Consumes the string whose opening quote is next.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let stops = &self.buffers.stops;
        match stops.near(start) {
            Some(stop) if !stops.separators() && self.text.as_bytes().get(stop) == Some(&b'"') => {
                self.at = stop + 1;
                Ok(Text::from_canonical(&self.text[start..stop]))
            }
            _ => self.long_string(start),
        }
    }

    /// Consumes a string whose first stop is not near, or not a quote.
    #[inline(never)]
    fn long_string(&mut self, start: usize) -> Result<Text<'a>> {
        if let Some(token) = self.known_token(start - 1)
            && let Some(body) = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        {
            self.at = start + body.len() + 1;
            return Ok(Text::from_canonical(body));
        }
        let stop = self.next_stop(start);
        let closed = self.text.as_bytes().get(stop) == Some(&b'"');
        if closed && !self.holds_separator(start, stop) {
            self.at = stop + 1;
            return Ok(Text::from_canonical(&self.text[start..stop]));
        }
        self.odd_string(start, stop)
    }

    #[inline]
    fn next_stop(&mut self, from: usize) -> usize {
        self.buffers.stops.next(self.text.as_bytes(), from)
    }

    /// Whether a character that the canonical form escapes and JSON does not stands in a string, the stops of which
    /// were found.
    #[inline]
    fn holds_separator(&mut self, start: usize, end: usize) -> bool {
        self.buffers.stops.separators() && self.separators.within(self.text, start, end)
    }

    /// Consumes a string that has to be looked at more closely: other escapes, separators, errors.
    /// Its inside begins at `start`, and its first stop is `stop`.
    #[inline(never)]
    fn odd_string(&mut self, start: usize, mut stop: usize) -> Result<Text<'a>> {
        let bytes = self.text.as_bytes();
        let mut respelled = String::new();
        let mut copied = start;
        while bytes.get(stop) != Some(&b'"') {
            let Some(at) = self.escape_before(copied, stop) else {
                return Err(self.ends_badly(stop));
            };
            let escape = self.odd_escape(at)?;
            if !escape.canonical {
                if copied == start {
                    respelled = self.buffers.spare.take(bytes.len() - start, at - start);
                }
                respelled.push_str(&self.text[copied..at]);
                escape::put_character(escape.character, &mut respelled);
                copied = at + escape.length;
            }
            stop = self.next_stop(at + escape.length);
        }
        self.at = stop + 1;
        let rest = &self.text[copied..stop];
        let body = if copied == start {
            Cow::Borrowed(rest)
        } else {
            respelled.push_str(rest);
            Cow::Owned(respelled)
        };
        Ok(Text::from_canonical(if self.holds_separator(start, stop) {
            Cow::Owned(canonical::escape_separators(&body))
        } else {
            body
        }))
    }

    /// The offset of the backslash that escapes the byte at `stop`, in a string of which the part before `start` is
    /// done with; `None` if none does.
    fn escape_before(&self, start: usize, stop: usize) -> Option<usize> {
        let before = &self.text.as_bytes()[start..stop];
        let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
        (backslashes % 2 == 1).then(|| stop - 1)
    }

    /// Reads an escape that is none of the short ones of the canonical form.
    fn odd_escape(&self, at: usize) -> Result<Escape> {
        match self.text.as_bytes().get(at + 1) {
            Some(b'/') => Ok(Escape {
                character: '/',
                length: 2,
                canonical: false,
            }),
            Some(b'u') => self.unicode_escape(at),
            Some(_) => {
                let message = "no such escape in JSON";
                Err(DecodeError::new(DecodeErrorKind::Syntax, at, message))
            }
            None => Err(self.ends_in_string()),
        }
    }

    fn unicode_escape(&self, at: usize) -> Result<Escape> {
        let digits = self.digits_of(at)?;
        let high = escape::hex4(digits).ok_or_else(|| no_digits(at))?;
        if let Some(character) = char::from_u32(high) {
            return Ok(Escape {
                character,
                length: 6,
                canonical: escape::is_canonical(character, digits),
            });
        }
        let rest = &self.text.as_bytes()[at + 6..];
        if high < 0xdc00 && (rest.is_empty() || rest == b"\\") {
            return Err(self.ends_in_string());
        }
        if !rest.starts_with(b"\\u") {
            return Err(lone_surrogate(high, at));
        }
        let low = escape::hex4(self.digits_of(at + 6)?).ok_or_else(|| no_digits(at + 6))?;
        let character = escape::pair(high, low).ok_or_else(|| lone_surrogate(high, at))?;
        Ok(Escape {
            character,
            length: 12,
            canonical: false,
        })
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

/// Where the next character is that the canonical form escapes and JSON does not.
///
/// Looked for when there may be one: one search over the rest of the text is cheaper than one for each string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Separators {
    next: usize,
}

impl Separators {
    /// Whether one of them stands between two offsets, which only ever move forward.
    #[inline]
    fn within(&mut self, text: &str, from: usize, to: usize) -> bool {
        if self.next < from {
            self.next = canonical::next_separator(text, from);
        }
        self.next < to
    }
}

/// An escape as read.
struct Escape {
    character: char,
    /// In bytes.
    length: usize,
    /// Whether the canonical form spells the character in the same way.
    canonical: bool,
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
