//! Traces that are put together from several records.

use std::borrow::Cow;
use std::fmt;

use tracemill_model::{DecodeError, digest};

/// What one record gives to the traces that it belongs to; filled by [`Source::pieces`](crate::Source::pieces).
///
/// A piece is one JSON text: the record, a part of it, or something composed, such as a span with its resource.
///
/// ```
/// use tracemill_sources::{PieceKey, Pieces};
/// let mut pieces = Pieces::new();
/// pieces.push(b"session-1", r#"{"n":1}"#);
/// pieces.push_to_input(r#"{"n":2}"#.to_owned());
/// assert_eq!(pieces.list()[0].text(), r#"{"n":1}"#);
/// assert_eq!(pieces.list()[1].key(), PieceKey::Input);
/// ```
#[derive(Debug, Default)]
pub struct Pieces<'a> {
    list: Vec<Piece<'a>>,
    skipped: Option<&'static str>,
    notes: Vec<(&'static str, u64)>,
}

/// A part of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    key: PieceKey,
    text: Cow<'a, str>,
}

/// Which trace a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PieceKey {
    /// The one of its input: all such pieces of an input belong together.
    Input,
    /// The one with the key that has this digest, in whichever input its pieces stand.
    Digest(u128),
}

impl<'a> Pieces<'a> {
    /// Nothing yet.
    pub fn new() -> Self {
        Pieces::default()
    }

    /// Nothing again: the list serves the next record.
    pub fn clear(&mut self) {
        self.list.clear();
        self.skipped = None;
        self.notes.clear();
    }

    /// Adds a piece of the trace that `key` stands for, such as the id of a session. Pieces with the same key belong
    /// together, also when they stand in several inputs of the same source.
    pub fn push(&mut self, key: &[u8], text: impl Into<Cow<'a, str>>) {
        self.list.push(Piece {
            key: PieceKey::Digest(digest(key)),
            text: text.into(),
        });
    }

    /// Adds a piece of the one trace that its input holds: for files that say nowhere, or not in every record, which
    /// trace they are.
    pub fn push_to_input(&mut self, text: impl Into<Cow<'a, str>>) {
        self.list.push(Piece {
            key: PieceKey::Input,
            text: text.into(),
        });
    }

    /// Says that the record holds nothing of any trace, under a stable code that the source's page documents.
    pub fn skip(&mut self, code: &'static str) {
        self.skipped = Some(code);
    }

    /// Counts something inside of the record under a stable code that the source's page documents.
    pub fn note(&mut self, code: &'static str, count: u64) {
        note(&mut self.notes, code, count);
    }

    /// The pieces, in order.
    pub fn list(&self) -> &[Piece<'a>] {
        &self.list
    }

    /// Why the record holds nothing, if it says so.
    pub fn skipped(&self) -> Option<&'static str> {
        self.skipped
    }

    /// What was counted inside of the record, by code, in order of first appearance.
    pub fn notes(&self) -> &[(&'static str, u64)] {
        &self.notes
    }
}

impl Piece<'_> {
    /// Which trace it belongs to.
    pub fn key(&self) -> PieceKey {
        self.key
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is a part of the record, which then need not be kept a second time.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }
}

/// Adds to the count of a code.
pub(crate) fn note(notes: &mut Vec<(&'static str, u64)>, code: &'static str, count: u64) {
    if count == 0 {
        return;
    }
    match notes.iter_mut().find(|(known, _)| *known == code) {
        Some((_, total)) => *total += count,
        None => notes.push((code, count)),
    }
}

/// Why the pieces of a trace make none, and which of them is to blame.
///
/// ```
/// use tracemill_model::{DecodeError, DecodeErrorKind};
/// use tracemill_sources::PieceError;
/// let error = PieceError::new(2, DecodeError::new(DecodeErrorKind::WrongValue, 0, "no such role"));
/// assert_eq!((error.piece(), error.error().message()), (2, "no such role"));
/// ```
#[derive(Debug)]
pub struct PieceError {
    piece: usize,
    error: DecodeError,
}

impl PieceError {
    /// The error in the piece of this index.
    pub fn new(piece: usize, error: DecodeError) -> Self {
        PieceError { piece, error }
    }

    /// The index of the piece.
    pub fn piece(&self) -> usize {
        self.piece
    }

    /// What is wrong with it.
    pub fn error(&self) -> &DecodeError {
        &self.error
    }
}

/// An error that concerns the trace as a whole stands at its first piece.
impl From<DecodeError> for PieceError {
    fn from(error: DecodeError) -> Self {
        PieceError::new(0, error)
    }
}

impl fmt::Display for PieceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for PieceError {}
