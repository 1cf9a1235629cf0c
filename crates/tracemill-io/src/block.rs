//! Blocks of whole records: what travels from the reader to the workers.

use crate::error::{Error, ErrorKind};
use crate::limit::{RecordLimit, Size};
use std::sync::Arc;
use tracemill_model::Locator;

/// A number of whole records, each with its place, in a buffer that is used again and again.
///
/// A [`BlockReader`](crate::BlockReader) fills it; [`Block::records`] goes over what is in it. Both allocate nothing once
/// the buffers have grown to their working size.
///
/// ```
/// use tracemill_io::{Block, BlockReader, Input};
/// use tracemill_model::Framing;
///
/// let input = Input::bytes("a.jsonl", *b"{\"n\":1}\r\n\n\xff\n{\"n\":3}");
/// let mut reader = BlockReader::new([(input, Framing::Lines)]);
/// let mut block = Block::default();
/// reader.fill(&mut block)?;
///
/// let places: Vec<String> = block.records().map(|record| record.locator().to_string()).collect();
/// assert_eq!(places, ["a.jsonl:1", "a.jsonl:3", "a.jsonl:4"]);
/// let texts: Vec<Option<&str>> = block.records().map(|record| record.text().ok()).collect();
/// assert_eq!(texts, [Some("{\"n\":1}"), None, Some("{\"n\":3}")]);
/// # Ok::<(), tracemill_io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Block {
    /// Longer than what is in use, so that reading into it needs no clearing first.
    buffer: Vec<u8>,
    used: usize,
    items: Vec<Item>,
    origins: Vec<Origin>,
    limit: RecordLimit,
}

/// The input that items came from.
#[derive(Debug)]
struct Origin {
    ordinal: usize,
    name: Arc<str>,
    pointer: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    origin: u32,
    start: usize,
    end: usize,
    place: Place,
    content: Content,
}

/// Where in its input an item begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) index: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Whole lines, each with its line feed.
    Lines,
    /// One record.
    One,
    /// A record that was passed over because it is this long.
    TooLong(u64),
}

impl Block {
    /// Empties it for the next use. A buffer that one huge record had blown up is given back.
    pub(crate) fn reset(&mut self, size: usize, limit: RecordLimit) {
        self.used = 0;
        self.items.clear();
        self.origins.clear();
        self.limit = limit;
        if self.buffer.len() > size.saturating_mul(4) {
            self.buffer.truncate(size);
            self.buffer.shrink_to(size);
        }
    }

    pub(crate) fn begin_input(&mut self, ordinal: usize, name: &Arc<str>, pointer: Option<&Arc<str>>) {
        if self.origins.last().is_none_or(|origin| origin.ordinal != ordinal) {
            self.origins.push(Origin {
                ordinal,
                name: Arc::clone(name),
                pointer: pointer.cloned(),
            });
        }
    }

    pub(crate) fn push(&mut self, start: usize, end: usize, place: Place, content: Content) {
        let origin = self.origins.len().saturating_sub(1) as u32;
        self.items.push(Item {
            origin,
            start,
            end,
            place,
            content,
        });
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// What the block weighs: records of two bytes cost more in places than in text.
    pub(crate) fn weight(&self) -> usize {
        self.used.max(self.items.len() * size_of::<Item>())
    }

    pub(crate) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    pub(crate) fn bytes_from(&self, start: usize) -> &[u8] {
        &self.buffer[start..self.used]
    }

    pub(crate) fn truncate(&mut self, used: usize) {
        self.used = used;
    }

    /// Takes `count` bytes out, from `start` on.
    pub(crate) fn remove(&mut self, start: usize, count: usize) {
        self.buffer.copy_within(start + count..self.used, start);
        self.used -= count;
    }

    /// The unused part of the buffer, of exactly `room` bytes.
    pub(crate) fn spare(&mut self, room: usize) -> &mut [u8] {
        let end = self.used + room;
        if self.buffer.len() < end {
            self.buffer.reserve_exact(end - self.buffer.len());
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.used..end]
    }

    /// Takes `read` bytes that were put at the start of [`Block::spare`].
    pub(crate) fn advance(&mut self, read: usize) {
        self.used += read;
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        if self.buffer.len() < end {
            // In steps that grow with it, so that a record of n bytes costs O(n) copies.
            let grown = end.max(self.buffer.len() + self.buffer.len() / 2);
            self.buffer.reserve_exact(grown - self.buffer.len());
            self.buffer.resize(grown, 0);
        }
        self.buffer[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }

    /// The records, in order. The bytes are checked for UTF-8 once for the whole block; only if that fails, record by
    /// record, so that one bad record spoils no other.
    pub fn records(&self) -> Records<'_> {
        Records {
            block: self,
            text: simdutf8::basic::from_utf8(self.bytes_from(0)).ok(),
            next: 0,
            lines: None,
        }
    }

    /// The length in bytes of what is in it.
    pub fn byte_len(&self) -> usize {
        self.used
    }
}

/// Goes over the records of a [`Block`]; made by [`Block::records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    block: &'a Block,
    /// All the bytes as text, if all of them are.
    text: Option<&'a str>,
    next: usize,
    lines: Option<Item>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            if let Some(mut lines) = self.lines.take() {
                let record = self.next_line(&mut lines);
                self.lines = (lines.start < lines.end).then_some(lines);
                if record.is_some() {
                    return record;
                }
                continue;
            }
            let item = *self.block.items.get(self.next)?;
            self.next += 1;
            match item.content {
                Content::Lines => self.lines = Some(item),
                Content::One => return Some(self.record(&item, item.start, item.end)),
                Content::TooLong(size) => {
                    return Some(self.failed(
                        &item,
                        RecordError::TooLong {
                            size,
                            limit: self.block.limit,
                        },
                    ));
                }
            }
        }
    }
}

impl<'a> Records<'a> {
    /// Takes the next line off `lines`; `None` if it is blank.
    fn next_line(&self, lines: &mut Item) -> Option<Record<'a>> {
        let rest = &self.block.buffer[lines.start..lines.end];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, start) = (*lines, lines.start);
        lines.place.line += 1;
        lines.place.byte += length as u64 + 1;
        lines.start += (length + 1).min(rest.len());
        let text = &rest[..length];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if is_blank(text) {
            return None;
        }
        Some(self.record(&line, start, start + text.len()))
    }

    fn record(&self, item: &Item, start: usize, end: usize) -> Record<'a> {
        let limit = self.block.limit;
        if end - start > limit.bytes() {
            return self.failed(
                item,
                RecordError::TooLong {
                    size: (end - start) as u64,
                    limit,
                },
            );
        }
        let bytes = &self.block.buffer[start..end];
        // The whole may be valid by chance where two inputs meet inside a character: then `get` refuses.
        let text = match self.text.and_then(|text| text.get(start..end)) {
            Some(text) => Ok(text),
            None => std::str::from_utf8(bytes).map_err(|error| RecordError::Utf8 {
                offset: error.valid_up_to() as u64,
            }),
        };
        Record {
            text,
            bytes,
            locator: self.locator(item),
            input: self.origin(item).ordinal,
        }
    }

    fn failed(&self, item: &Item, error: RecordError) -> Record<'a> {
        Record {
            text: Err(error),
            bytes: &[],
            locator: self.locator(item),
            input: self.origin(item).ordinal,
        }
    }

    fn origin(&self, item: &Item) -> &'a Origin {
        &self.block.origins[item.origin as usize]
    }

    fn locator(&self, item: &Item) -> Locator<'a> {
        let Place { line, byte, index } = item.place;
        let origin = self.origin(item);
        match &origin.pointer {
            Some(pointer) => Locator::element(&origin.name, pointer, index, line, byte),
            None => Locator::line(&origin.name, line, byte),
        }
    }
}

pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    // The first byte decides for nearly every line.
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// One record of a [`Block`]: its text and its place.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    text: Result<&'a str, RecordError>,
    bytes: &'a [u8],
    locator: Locator<'a>,
    input: usize,
}

impl<'a> Record<'a> {
    /// The record, without line end or surrounding white space of an array.
    ///
    /// # Errors
    ///
    /// When it is longer than the limit, or not UTF-8.
    pub fn text(&self) -> Result<&'a str, RecordError> {
        self.text
    }

    /// The bytes as they are in the input; of a record that is too long, nothing.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where it stands.
    pub fn locator(&self) -> Locator<'a> {
        self.locator
    }

    /// Which input it came from, counted from 0 in the order they were given to the reader.
    pub fn input(&self) -> usize {
        self.input
    }
}

/// Why the bytes of a record cannot be used. It concerns this record alone; reading goes on after it.
///
/// ```
/// use tracemill_io::{RecordError, RecordLimit};
/// let error = RecordError::TooLong { size: 2048, limit: RecordLimit::new(1024) };
/// assert_eq!(error.to_string(), "the record has 2 KiB, the limit is 1 KiB; raise it with `--max-record`");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is longer than the limit.
    #[error("the record has {}, the limit is {limit}; raise it with `--max-record`", Size(*size))]
    TooLong {
        /// Its length in bytes.
        size: u64,
        /// The limit that was set.
        limit: RecordLimit,
    },
    /// It is not UTF-8.
    #[error("the record is not valid UTF-8 at its byte {offset}; convert the file to UTF-8")]
    Utf8 {
        /// The offset of the first wrong byte in the record.
        offset: u64,
    },
}

impl RecordError {
    /// What kind of failure it is when it ends a run.
    pub fn kind(&self) -> ErrorKind {
        match self {
            RecordError::TooLong { .. } => ErrorKind::RecordTooLong,
            RecordError::Utf8 { .. } => ErrorKind::Utf8,
        }
    }

    /// The stable code under which a ledger counts such records.
    pub fn code(&self) -> &'static str {
        match self {
            RecordError::TooLong { .. } => "too-long",
            RecordError::Utf8 { .. } => "utf-8",
        }
    }

    /// The error that ends a run, with the place of the record.
    pub fn at(self, locator: &Locator<'_>) -> Error {
        Error::new(self.kind(), self.to_string())
            .in_file(locator.path())
            .at(locator.line_number(), locator.byte())
            .at_place(locator.to_string())
    }
}
