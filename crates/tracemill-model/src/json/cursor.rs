//! The pull parser under every reader.

mod grammar;
mod keys;
mod known;
mod spare;
mod string;
mod value;

use self::keys::{Keys, Level};
use self::known::Known;
use self::spare::{Spare, Whole};
use self::string::Separators;
use super::index::Node;
use super::stops::Stops;
use super::{RawJson, Text};
use crate::error::{DecodeError, DecodeErrorKind, excerpt};
use crate::limits::Limits;

/// A place in a JSON text, moving forward: the pull parser under every reader.
///
/// Checks the whole grammar as it goes, refuses keys that stand twice in one object, lone surrogates and nesting
/// beyond the limit, and hands out tokens that borrow from the text.
///
/// ```
/// use tracemill_model::json::Cursor;
/// let mut cursor = Cursor::new(r#"{"name":"find","arguments":{"q": 1.0}}"#);
/// let (mut name, mut arguments) = (None, None);
/// cursor.object(|cursor, key| {
///     match key.body() {
///         "name" => name = Some(cursor.text()?),
///         _ => arguments = Some(cursor.raw()?),
///     }
///     Ok(())
/// })?;
/// cursor.finish()?;
/// assert_eq!(name.unwrap(), *"find");
/// assert_eq!(arguments.unwrap().as_str(), r#"{"q":1.0}"#);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u16,
    limits: Limits,
    separators: Separators,
    known: Known<'a>,
    buffers: CursorBuffers,
}

/// What a cursor keeps notes in: whoever reads many records hands them from one cursor to the next, and saves what making
/// them costs.
#[derive(Debug, Default)]
pub struct CursorBuffers {
    keys: Keys,
    stops: Stops,
    spare: Spare,
    whole: Whole,
}

/// The type of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Kind> {
        Some(match byte {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Bool,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            _ => return None,
        })
    }

    /// The name with its article, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Cursor<'a> {
    /// A cursor at the start of `text`, with the default limits.
    pub fn new(text: &'a str) -> Self {
        Cursor::with_limits(text, Limits::default())
    }

    /// A cursor at the start of `text`.
    pub fn with_limits(text: &'a str, limits: Limits) -> Self {
        Cursor::reusing(text, limits, CursorBuffers::default())
    }

    /// A cursor at the start of `text` that works in the buffers of an earlier one.
    ///
    /// ```
    /// use tracemill_model::{Limits, json::{Cursor, CursorBuffers}};
    /// let mut buffers = CursorBuffers::default();
    /// for record in [r#"{"n":1}"#, r#"{"n":[2,3]}"#] {
    ///     let mut cursor = Cursor::reusing(record, Limits::default(), buffers);
    ///     assert_eq!(cursor.raw()?.as_str(), record);
    ///     buffers = cursor.into_buffers();
    /// }
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn reusing(text: &'a str, limits: Limits, buffers: CursorBuffers) -> Self {
        Cursor {
            text,
            at: 0,
            depth: 0,
            limits,
            separators: Separators::default(),
            known: Known::default(),
            buffers,
        }
    }

    /// A cursor over a canonical value that was checked, and of which these places are known; as deep as can be asked for.
    pub(super) fn over(text: &'a str, nodes: &'a [Node]) -> Self {
        let mut cursor = Cursor::with_limits(text, Limits::default().with_depth(Limits::MAX_DEPTH));
        cursor.known = Known::of(nodes);
        if !nodes.is_empty() {
            cursor.buffers.keys.trust();
        }
        cursor
    }

    /// The buffers, for the next cursor.
    pub fn into_buffers(mut self) -> CursorBuffers {
        self.buffers.keys.clear();
        self.buffers.stops.clear();
        self.buffers
    }

    /// The limits this cursor enforces.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The byte offset of the cursor.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The type of the next value.
    ///
    /// # Errors
    /// If no value begins here.
    pub fn peek(&mut self) -> Result<Kind> {
        self.space();
        self.byte()
            .and_then(Kind::of)
            .ok_or_else(|| self.unexpected("a value"))
    }

    /// An error at the place of the cursor.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind, message: impl Into<String>) -> DecodeError {
        DecodeError::new(kind, self.at, message)
    }

    /// The error for a next value of another type than `wanted` (a noun with its article).
    #[cold]
    pub fn expected(&mut self, wanted: &str) -> DecodeError {
        match self.peek() {
            Ok(found) => self.error(
                DecodeErrorKind::WrongType,
                format!("expected {wanted}, found {}", found.noun()),
            ),
            Err(error) => error,
        }
    }

    /// Requires that nothing but white space is left.
    ///
    /// # Errors
    /// If something is.
    pub fn finish(&mut self) -> Result<()> {
        self.space();
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(self.error(
                DecodeErrorKind::Syntax,
                "expected the end of the record, found more",
            )),
        }
    }

    /// Reads an object, calling `field` with each key; `field` must read the value.
    ///
    /// # Errors
    /// If the next value is no object, is malformed or nested too deep, has a key twice, or `field` fails; the path
    /// names the key.
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &Text<'a>) -> Result<()>) -> Result<()> {
        self.open(b'{', "an object")?;
        self.space();
        if self.closes(b'}') {
            return Ok(());
        }
        let level = self.buffers.keys.open();
        loop {
            self.space();
            let key = self.key()?;
            self.space();
            self.colon()?;
            if let Err(error) = field(self, &key) {
                return Err(error.in_key(key.body()));
            }
            self.space();
            if !self.another(b'}')? {
                return self.close_keys(level);
            }
        }
    }

    /// Reads an array, calling `element` with each index; `element` must read the value.
    ///
    /// # Errors
    /// If the next value is no array, is malformed or nested too deep, or `element` fails; the path names the index.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.open(b'[', "an array")?;
        self.space();
        if self.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            if let Err(error) = element(self, index) {
                return Err(error.in_index(index));
            }
            self.space();
            if !self.another(b']')? {
                break;
            }
        }
        Ok(())
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If the next value is no string, or holds a lone surrogate or a raw control character.
    pub fn text(&mut self) -> Result<Text<'a>> {
        self.space();
        if self.byte() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        self.string()
    }

    /// Reads a string or `null`; `null` is `None`.
    ///
    /// # Errors
    /// As [`text`](Cursor::text).
    pub fn optional_text(&mut self) -> Result<Option<Text<'a>>> {
        if self.null()? {
            return Ok(None);
        }
        match self.peek()? {
            Kind::String => self.text().map(Some),
            _ => Err(self.expected("a string or null")),
        }
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// If the next value is neither.
    pub fn boolean(&mut self) -> Result<bool> {
        if self.peek()? != Kind::Bool {
            return Err(self.expected("true or false"));
        }
        let value = self.byte() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a number and gives its text.
    ///
    /// # Errors
    /// If the next value is no number.
    pub fn number(&mut self) -> Result<&'a str> {
        if self.peek()? != Kind::Number {
            return Err(self.expected("a number"));
        }
        let start = self.at;
        self.skip_number()?;
        Ok(&self.text[start..self.at])
    }

    /// Reads an integer that is not negative.
    ///
    /// # Errors
    /// If the next value is no such number, or does not fit 64 bits.
    pub fn unsigned(&mut self) -> Result<u64> {
        let start = self.start();
        let token = self.number()?;
        token.parse().map_err(|_| {
            let found = excerpt(token);
            let message = format!("expected an integer from 0 to 2^64 - 1, found `{found}`");
            DecodeError::new(DecodeErrorKind::WrongValue, start, message)
        })
    }

    /// Consumes `null` if it is next, and says whether it did.
    ///
    /// # Errors
    /// If a word begins like `null` and is another.
    pub fn null(&mut self) -> Result<bool> {
        self.space();
        if self.byte() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null").map(|()| true)
    }

    /// The offset of the next value: where an error about the whole of it belongs.
    pub(crate) fn start(&mut self) -> usize {
        self.space();
        self.at
    }

    /// The `type` of the object that is next, if it has one; the cursor stays where it is.
    ///
    /// Costs nothing worth mention when `type` comes first, as it nearly always does. What is malformed is left for
    /// the reading that follows to report.
    pub fn type_ahead(&mut self) -> Option<RawJson<'a>> {
        let mark = self.mark();
        let found = self.find("type").and_then(|()| self.raw().ok());
        self.rewind(mark);
        found
    }

    /// Whether the next value is an object with this key; the cursor stays where it is.
    ///
    /// Costs nothing worth mention when the key comes first. What is malformed is left for the reading that follows to
    /// report.
    ///
    /// ```
    /// use tracemill_model::json::Cursor;
    /// let mut cursor = Cursor::new(r#"{"from": "human", "value": "hi"}"#);
    /// assert!(cursor.has_ahead("from") && cursor.has_ahead("value") && !cursor.has_ahead("role"));
    /// assert_eq!(cursor.offset(), 0);
    /// ```
    pub fn has_ahead(&mut self, key: &str) -> bool {
        let mark = self.mark();
        let found = self.find(key);
        self.rewind(mark);
        found.is_some()
    }

    /// Whether the next value is a list that begins with an object with this key; the cursor stays where it is.
    pub fn first_has_ahead(&mut self, key: &str) -> bool {
        let mark = self.mark();
        let found = self.open(b'[', "an array").is_ok() && self.has_ahead(key);
        self.rewind(mark);
        found
    }

    /// Goes to the value of a key of the object that is next.
    fn find(&mut self, wanted: &str) -> Option<()> {
        self.open(b'{', "an object").ok()?;
        loop {
            self.space();
            let key = self.key().ok()?;
            self.space();
            self.colon().ok()?;
            if key.body() == wanted {
                return Some(());
            }
            self.skip().ok()?;
            self.space();
            if !self.another(b'}').ok()? {
                return None;
            }
        }
    }

    /// The place of the cursor, to go back to.
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            depth: self.depth,
            keys: self.buffers.keys.level(),
            separators: self.separators,
        }
    }

    /// Goes back to a place further up in the same or a surrounding value, one that is still open.
    ///
    /// ```
    /// use tracemill_model::json::Cursor;
    /// let mut cursor = Cursor::new(r#"{"a":[1,"x"]}"#);
    /// let mark = cursor.mark();
    /// assert!(cursor.text().is_err());
    /// cursor.rewind(mark);
    /// assert_eq!(cursor.raw()?.as_str(), r#"{"a":[1,"x"]}"#);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.depth = mark.depth;
        self.buffers.keys.rewind(mark.keys);
        self.separators = mark.separators;
    }
}

/// A place that a cursor can go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    depth: u16,
    keys: Level,
    separators: Separators,
}
