//! A forward-only walk over the tokens of one document.

use super::pointer::{index, key_is, unescape};
use super::string::string_end;
use super::structure::{Step, Structure};
use crate::error::{Error, ErrorKind};
use crate::framing::Stream;

/// How much is read and scanned at once: few system calls, and still in the cache when it is copied to a block.
const BUFFER: usize = 64 << 10;
/// Keys are kept up to this length, to be compared and shown.
const LONGEST_KEY: usize = 4 << 10;
/// How many keys a message lists.
const KEYS_SHOWN: usize = 12;

/// A position in a document that is read piece by piece.
pub(crate) struct Cursor {
    stream: Stream,
    buffer: Vec<u8>,
    position: usize,
    end: usize,
    line: u64,
    byte: u64,
    structure: Structure,
    /// The last key read, as it is written between its quotes.
    key: Vec<u8>,
}

/// Takes the bytes of a value as they go by.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// Passes a value over.
pub(crate) struct Discard;

impl Sink for Discard {
    fn put(&mut self, _: &[u8]) {}
}

/// Keeps up to `limit` bytes of a value; `size` counts them all.
pub(crate) struct Keep<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    pub(crate) limit: usize,
    pub(crate) size: u64,
}

impl Sink for Keep<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        let room = self.limit.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// What kind of value comes next, judged by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Scalar,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::String => "a string",
            Kind::Scalar => "a number or literal",
        }
    }
}

/// What became of the search for one member of an object or array.
pub(crate) enum Found {
    /// The cursor stands at its value.
    Here,
    /// It is not there; this says what is there instead.
    Missing(String),
}

impl Cursor {
    /// Begins at the start of `stream`; `buffer` is used for reading.
    pub(crate) fn new(stream: Stream, mut buffer: Vec<u8>) -> Self {
        buffer.resize(BUFFER, 0);
        let byte = stream.start();
        let (structure, key) = (Structure::default(), Vec::new());
        Cursor {
            stream,
            buffer,
            position: 0,
            end: 0,
            line: 1,
            byte,
            structure,
            key,
        }
    }

    /// Gives the buffer back for the next document.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn byte(&self) -> u64 {
        self.byte
    }

    /// The next byte; `None` at the end of the document.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Error> {
        if self.position == self.end && !self.refill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.position]))
    }

    fn refill(&mut self) -> Result<bool, Error> {
        let read = self.stream.read(&mut self.buffer);
        self.end = read.map_err(|error| error.at(self.line, self.byte))?;
        self.position = 0;
        Ok(self.end > 0)
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.position..self.end]
    }

    /// Goes `count` bytes forward in the buffer.
    pub(crate) fn skip(&mut self, count: usize) {
        let passed = &self.buffer[self.position..self.position + count];
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.byte += count as u64;
        self.position += count;
    }

    fn put(&mut self, count: usize, sink: &mut impl Sink) {
        sink.put(&self.buffer[self.position..self.position + count]);
        self.skip(count);
    }

    /// Goes over white space and gives the byte after it.
    pub(crate) fn token(&mut self) -> Result<Option<u8>, Error> {
        loop {
            let Some(byte) = self.peek()? else { return Ok(None) };
            if !is_space(byte) {
                return Ok(Some(byte));
            }
            let spaces = self.rest().iter().take_while(|&&byte| is_space(byte)).count();
            self.skip(spaces);
        }
    }

    /// The kind of the value that comes next.
    pub(crate) fn kind(&mut self) -> Result<Kind, Error> {
        match self.token()? {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(byte) if is_scalar(byte) => Ok(Kind::Scalar),
            other => Err(self.unexpected(other, "a value")),
        }
    }

    /// Passes one value to `sink`, without the white space around it.
    pub(crate) fn value(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        match self.kind()? {
            Kind::Object | Kind::Array => self.nested(sink),
            Kind::String => self.string(sink),
            Kind::Scalar => self.scalar(sink),
        }
    }

    fn nested(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        let line = self.line;
        self.structure.restart();
        loop {
            if self.position == self.end && !self.refill()? {
                let what = if self.structure.is_in_string() {
                    "a string of a value"
                } else {
                    "a value"
                };
                return Err(self.cut_short(&format!("inside {what} that begins on line {line}")));
            }
            match self.structure.feed(&self.buffer[self.position..self.end]) {
                Step::More => self.put(self.end - self.position, sink),
                Step::End(length) => {
                    self.put(length, sink);
                    return Ok(());
                }
                Step::Mismatch(at) => {
                    self.skip(at);
                    let (close, open) = if self.rest().first() == Some(&b']') {
                        (']', '{')
                    } else {
                        ('}', '[')
                    };
                    return Err(self.malformed(&format!("`{close}` stands where a `{open}` is open")));
                }
                Step::TooDeep(at) => {
                    self.skip(at);
                    return Err(self.malformed("the brackets are nested too deep"));
                }
            }
        }
    }

    fn string(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        let line = self.line;
        self.put(1, sink);
        let mut escaped = false;
        loop {
            if self.position == self.end && !self.refill()? {
                return Err(self.cut_short(&format!("inside a string that begins on line {line}")));
            }
            if let Some(length) = string_end(self.rest(), &mut escaped) {
                self.put(length, sink);
                return Ok(());
            }
            self.put(self.end - self.position, sink);
        }
    }

    fn scalar(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        while let Some(byte) = self.peek()? {
            if !is_scalar(byte) {
                break;
            }
            let length = self.rest().iter().take_while(|&&byte| is_scalar(byte)).count();
            self.put(length, sink);
        }
        Ok(())
    }

    /// Goes into the object or array that comes next.
    pub(crate) fn enter(&mut self) {
        self.skip(1);
    }

    /// Goes to the value of the next member of an object; false, and past the bracket, at its end.
    ///
    /// The key is then in [`Cursor::key`].
    pub(crate) fn member(&mut self, position: Nth) -> Result<bool, Error> {
        let expected = match position {
            Nth::First => "a key or `}`",
            Nth::Later => "`,` or `}`",
        };
        match (self.token()?, position) {
            (Some(b'}'), _) => {
                self.skip(1);
                return Ok(false);
            }
            (Some(b'"'), Nth::First) => {}
            (Some(b','), Nth::Later) => self.skip(1),
            (other, _) => return Err(self.unexpected(other, expected)),
        }
        match self.token()? {
            Some(b'"') => self.read_key()?,
            other => return Err(self.unexpected(other, "a key")),
        }
        match self.token()? {
            Some(b':') => self.skip(1),
            other => return Err(self.unexpected(other, "`:`")),
        }
        self.token()?;
        Ok(true)
    }

    /// Goes to the next element of an array; false, and past the bracket, at its end.
    pub(crate) fn element(&mut self, position: Nth) -> Result<bool, Error> {
        match (self.token()?, position) {
            (Some(b']'), _) => {
                self.skip(1);
                return Ok(false);
            }
            (_, Nth::First) => {}
            (Some(b','), Nth::Later) => self.skip(1),
            (other, Nth::Later) => return Err(self.unexpected(other, "`,` or `]`")),
        }
        self.token()?;
        Ok(true)
    }

    fn read_key(&mut self) -> Result<(), Error> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let mut keep = Keep {
            bytes: &mut key,
            limit: LONGEST_KEY,
            size: 0,
        };
        self.string(&mut keep)?;
        if keep.size <= LONGEST_KEY as u64 {
            key.pop();
        }
        key.remove(0);
        self.key = key;
        Ok(())
    }

    /// The last key, as it is written between its quotes.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Goes to the member of the next value that `token` names.
    pub(crate) fn find(&mut self, token: &str) -> Result<Found, Error> {
        match self.kind()? {
            Kind::Object => self.find_key(token),
            Kind::Array => self.find_index(token),
            other => Ok(Found::Missing(format!("is {}", other.name()))),
        }
    }

    fn find_key(&mut self, token: &str) -> Result<Found, Error> {
        let mut seen = Vec::new();
        let mut position = Nth::First;
        self.enter();
        while self.member(position)? {
            if key_is(&self.key, token) {
                return Ok(Found::Here);
            }
            if seen.len() <= KEYS_SHOWN {
                seen.push(unescape(&self.key));
            }
            self.value(&mut Discard)?;
            position = Nth::Later;
        }
        Ok(Found::Missing(keys_listed(&seen)))
    }

    fn find_index(&mut self, token: &str) -> Result<Found, Error> {
        let wanted = index(token);
        let mut count = 0;
        let mut position = Nth::First;
        self.enter();
        while self.element(position)? {
            if wanted == Some(count) {
                return Ok(Found::Here);
            }
            self.value(&mut Discard)?;
            count += 1;
            position = Nth::Later;
        }
        Ok(Found::Missing(format!("is an array of {count}")))
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if self.token()?.is_none() {
            return Ok(());
        }
        Err(self.malformed("something follows the end of the document; is the file JSON Lines?"))
    }

    /// An error in the structure of the document, at the current place.
    pub(crate) fn malformed(&self, message: &str) -> Error {
        Error::new(ErrorKind::Malformed, format!("{message} (at byte {})", self.byte))
            .in_file(self.stream.name())
            .at(self.line, self.byte)
    }

    fn cut_short(&self, place: &str) -> Error {
        self.malformed(&format!("the document ends {place}; was the file cut short?"))
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> Error {
        match found {
            None => self.cut_short(&format!("where {expected} must follow")),
            Some(byte) => {
                let found = char::from(byte);
                let found = if found.is_ascii_graphic() {
                    format!("`{found}`")
                } else {
                    format!("byte {byte:#04x}")
                };
                self.malformed(&format!("found {found} where {expected} must follow"))
            }
        }
    }
}

/// Whether a member of an object or array is its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nth {
    First,
    Later,
}

fn keys_listed(seen: &[String]) -> String {
    if seen.is_empty() {
        return "is an empty object".to_owned();
    }
    let keys: Vec<String> = seen
        .iter()
        .take(KEYS_SHOWN)
        .map(|key| format!("`{key}`"))
        .collect();
    let more = if seen.len() > KEYS_SHOWN { ", …" } else { "" };
    format!("has {}{more}", keys.join(", "))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What numbers and literals are made of, `NaN` and `-Infinity` included: who decodes the record will say what is wrong.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
