//! Why a record could not be read.

use std::fmt;

/// Why a record could not be read, and where in it.
///
/// Knows a column and a path inside the record; never a line or a file, which only the I/O crate knows.
///
/// ```
/// use tracemill_model::{DecodeErrorKind, Trace};
/// let error = Trace::from_json(r#"{"messages":[{"role":"user","content":7}]}"#).unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::WrongType);
/// assert_eq!(error.path(), "messages[0].content");
/// assert_eq!(error.column(), 39);
/// ```
#[derive(Debug)]
pub struct DecodeError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: DecodeErrorKind,
    message: String,
    offset: usize,
    /// Innermost step first: steps are added while the error travels outwards.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    fn append_to(&self, path: &mut String) {
        match self {
            Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
            Step::Key(key) if !is_plain(key) => path.extend(["[\"", key, "\"]"]),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
        }
    }
}

/// Whether a key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "_-$@".contains(c);
    !key.is_empty() && key.chars().all(plain)
}

/// The beginning of something that came out of a record, fit for one line of a message.
pub(crate) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == LENGTH => {
                out.push('…');
                break;
            }
            '\u{2028}' | '\u{2029}' => out.extend(character.escape_unicode()),
            _ if character.is_control() => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}

/// What sort of thing was wrong with a record; the code of each is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Not JSON.
    Syntax,
    /// JSON that ends too early.
    Truncated,
    /// Not UTF-8.
    Utf8,
    /// A value of another type than the field takes.
    WrongType,
    /// A value of the right type that the field does not take.
    WrongValue,
    /// One key twice in one object.
    DuplicateKey,
    /// Half of a surrogate pair, which no string can hold.
    LoneSurrogate,
    /// Nested deeper than the limit.
    TooDeep,
    /// A number that is infinite, not a number, or too large for a score.
    NotFinite,
    /// A field that must be there is not.
    MissingField,
    /// More of something than the limit allows.
    OverLimit,
}

impl DecodeErrorKind {
    /// Every kind, in the order of the ledger.
    pub const ALL: [DecodeErrorKind; 11] = [
        DecodeErrorKind::Syntax,
        DecodeErrorKind::Truncated,
        DecodeErrorKind::Utf8,
        DecodeErrorKind::WrongType,
        DecodeErrorKind::WrongValue,
        DecodeErrorKind::DuplicateKey,
        DecodeErrorKind::LoneSurrogate,
        DecodeErrorKind::TooDeep,
        DecodeErrorKind::NotFinite,
        DecodeErrorKind::MissingField,
        DecodeErrorKind::OverLimit,
    ];

    /// The stable code under which the ledger and the reject file name this kind.
    pub fn code(self) -> &'static str {
        match self {
            DecodeErrorKind::Syntax => "syntax",
            DecodeErrorKind::Truncated => "truncated",
            DecodeErrorKind::Utf8 => "utf-8",
            DecodeErrorKind::WrongType => "wrong-type",
            DecodeErrorKind::WrongValue => "wrong-value",
            DecodeErrorKind::DuplicateKey => "duplicate-key",
            DecodeErrorKind::LoneSurrogate => "lone-surrogate",
            DecodeErrorKind::TooDeep => "too-deep",
            DecodeErrorKind::NotFinite => "not-finite",
            DecodeErrorKind::MissingField => "missing-field",
            DecodeErrorKind::OverLimit => "over-limit",
        }
    }
}

impl DecodeError {
    /// An error at a byte offset of the record. Readers usually call [`Cursor::error`](crate::json::Cursor::error).
    #[cold]
    pub fn new(kind: DecodeErrorKind, offset: usize, message: impl Into<String>) -> Self {
        DecodeError(Box::new(Inner {
            kind,
            message: message.into(),
            offset,
            path: Vec::new(),
        }))
    }

    /// The error for an object that begins at `offset` and lacks what it needs.
    #[cold]
    pub(crate) fn missing(offset: usize, message: &str) -> Self {
        DecodeError::new(DecodeErrorKind::MissingField, offset, message)
    }

    /// What sort of thing was wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// The column in the record, in bytes from 1.
    pub fn column(&self) -> usize {
        self.0.offset + 1
    }

    /// What was wrong, without its place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The path inside the record, such as `messages[3].content`; empty at the top.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            step.append_to(&mut path);
        }
        path
    }

    /// Says that the error happened under `key` (the inside of its JSON token) of the surrounding object.
    #[cold]
    #[must_use]
    pub fn in_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(excerpt(key)));
        self
    }

    /// Says that the error happened in element `index` of the surrounding array.
    #[cold]
    #[must_use]
    pub fn in_index(mut self, index: usize) -> Self {
        self.0.path.push(Step::Index(index));
        self
    }

    /// Says that the error happened in JSON that was itself inside a string at byte `offset` of the record.
    #[cold]
    #[must_use]
    pub fn in_string_at(mut self, offset: usize) -> Self {
        self.0.message = format!(
            "in the JSON text of this string, column {}: {}",
            self.column(),
            self.0.message
        );
        self.0.offset = offset;
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if path.is_empty() {
            write!(f, "column {}: {}", self.column(), self.0.message)
        } else {
            write!(f, "column {}: {path}: {}", self.column(), self.0.message)
        }
    }
}

impl std::error::Error for DecodeError {}
