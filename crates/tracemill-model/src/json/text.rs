use std::borrow::Cow;
use std::fmt::{self, Write};

use super::canonical;
use super::escape::{Piece, pieces};

/// A string, held as the canonical inside of its JSON token.
///
/// Whatever spelling a string arrives in, a `Text` holds one: short escapes (`\"`, `\\`, `\n`, `\r`, `\t`, `\b`,
/// `\f`), lower-case `\u00xx` for the other control characters, U+2028, U+2029 and U+0085 escaped (so that every
/// output line survives readers that split carelessly), and plain UTF-8 for all else. Equal bytes are therefore
/// equal values, and writing a `Text` is one copy. Every `Text` decodes: lone surrogates are refused where a record
/// is read.
///
/// ```
/// use tracemill_model::Text;
/// let text = Text::new("two\nlines");
/// assert_eq!(text.body(), r"two\nlines");
/// assert_eq!(text.decode(), "two\nlines");
/// assert_eq!(text, *"two\nlines");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// A text from ordinary, decoded characters; borrows unless something has to be escaped.
    pub fn new(decoded: impl Into<Cow<'a, str>>) -> Self {
        Text(canonical::escape(decoded.into()))
    }

    /// Wraps a body that is known to be canonical.
    pub(crate) fn from_canonical(body: impl Into<Cow<'a, str>>) -> Self {
        Text(body.into())
    }

    /// Whether the body is part of the record it was read from.
    #[inline]
    pub(crate) fn is_borrowed(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }

    /// Several texts as one, with `between` between them.
    ///
    /// ```
    /// use tracemill_model::Text;
    /// let joined = Text::joined([Text::new("case"), Text::new("1\n"), Text::new("")], "/");
    /// assert_eq!(joined, *"case/1\n/");
    /// ```
    pub fn joined<'t>(texts: impl IntoIterator<Item = Text<'t>>, between: &str) -> Text<'static> {
        let between = Text::new(between);
        // Room for an identity of several steps, which is what most texts are joined for.
        let mut body = String::with_capacity(64);
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                body.push_str(between.body());
            }
            body.push_str(text.body());
        }
        Text(Cow::Owned(body))
    }

    /// The canonical inside of the JSON token, without its quotes.
    pub fn body(&self) -> &str {
        &self.0
    }

    /// The body, if it was made for this text and is no part of a record.
    pub(crate) fn into_owned_body(self) -> Option<String> {
        match self.0 {
            Cow::Owned(body) => Some(body),
            Cow::Borrowed(_) => None,
        }
    }

    /// The body itself.
    pub(crate) fn into_body(self) -> Cow<'a, str> {
        self.0
    }

    /// Whether the string is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the string is empty or holds nothing but white space (as Unicode defines it).
    pub fn is_blank(&self) -> bool {
        pieces(&self.0).all(|piece| match piece {
            Piece::Run(run) => run.trim().is_empty(),
            Piece::Character(character) => character.is_whitespace(),
        })
    }

    /// The characters themselves; borrowed when the body holds no escape.
    pub fn decode(&self) -> Cow<'_, str> {
        if !self.0.contains('\\') {
            return Cow::Borrowed(&self.0);
        }
        let mut decoded = String::with_capacity(self.0.len());
        canonical::decode_into(&self.0, &mut decoded);
        Cow::Owned(decoded)
    }

    /// Appends the characters themselves to `out`: [`decode`](Text::decode) into a buffer that is used again.
    pub fn decode_into(&self, out: &mut String) {
        canonical::decode_into(&self.0, out);
    }

    /// The same text, borrowing from this one.
    pub fn borrowed(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    /// The same text, independent of the record it was read from.
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        canonical::decodes_to(&self.0, other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        canonical::decodes_to(&self.0, other)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Writes the decoded characters.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pieces(&self.0).try_for_each(|piece| match piece {
            Piece::Run(run) => f.write_str(run),
            Piece::Character(character) => f.write_char(character),
        })
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(decoded: &'a str) -> Self {
        Text::new(decoded)
    }
}

impl From<String> for Text<'_> {
    fn from(decoded: String) -> Self {
        Text::new(decoded)
    }
}
