//! The members of one array inside one JSON document.

use super::{Progress, Stream};
use crate::block::{Block, Content, Place};
use crate::error::Error;
use crate::json::{Cursor, Discard, Found, Kind, Nth, Pointer, Sink, key_is};
use crate::limit::RecordLimit;
use tracemill_model::Elements;

/// Walks to the array, gives out its elements one by one, then walks to the end of the document: a document that is
/// broken after its array is broken too.
pub(crate) struct ElementsReader {
    cursor: Cursor,
    pointer: Pointer,
    state: State,
    /// The objects and arrays around the array, outermost first, each with the member the array is in.
    around: Vec<Level>,
    next: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Object,
    Array,
}

impl ElementsReader {
    pub(crate) fn new(stream: Stream, elements: &Elements, buffer: Vec<u8>) -> Result<Self, Error> {
        let pointer = Pointer::parse(elements.pointer()).map_err(|error| error.in_file(stream.name()))?;
        let cursor = Cursor::new(stream, buffer);
        Ok(ElementsReader {
            cursor,
            pointer,
            state: State::Before,
            around: Vec::new(),
            next: 0,
        })
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.cursor.into_buffer()
    }

    /// Adds elements until the block is full.
    pub(crate) fn fill(
        &mut self,
        block: &mut Block,
        size: usize,
        limit: RecordLimit,
    ) -> Result<Progress, Error> {
        if self.state == State::Before {
            if self.cursor.token()?.is_none() {
                return Ok(Progress::Ended); // an empty file holds no records
            }
            self.walk_to_array()?;
            self.state = State::Inside;
        }
        while self.state == State::Inside {
            if block.weight() >= size {
                return Ok(Progress::Full);
            }
            if self.cursor.element(self.position())? {
                self.read_element(block, limit)?;
                self.next += 1;
            } else {
                self.state = State::After;
            }
        }
        self.walk_to_end()?;
        Ok(Progress::Ended)
    }

    fn position(&self) -> Nth {
        if self.next == 0 { Nth::First } else { Nth::Later }
    }

    fn read_element(&mut self, block: &mut Block, limit: RecordLimit) -> Result<(), Error> {
        let place = Place {
            line: self.cursor.line(),
            byte: self.cursor.byte(),
            index: self.next,
        };
        let start = block.used();
        let mut sink = Into {
            block,
            start,
            limit: limit.bytes(),
            size: 0,
        };
        let read = self.cursor.value(&mut sink);
        let size = sink.size;
        if read.is_err() || size > limit.bytes() as u64 {
            block.truncate(start);
        }
        read?;
        let content = if size > limit.bytes() as u64 {
            Content::TooLong(size)
        } else {
            Content::One
        };
        block.push(start, block.used(), place, content);
        Ok(())
    }

    fn walk_to_array(&mut self) -> Result<(), Error> {
        for depth in 0..self.pointer.tokens().len() {
            let level = match self.cursor.kind()? {
                Kind::Object => Level::Object,
                _ => Level::Array,
            };
            match self.cursor.find(&self.pointer.tokens()[depth])? {
                Found::Here => self.around.push(level),
                Found::Missing(instead) => {
                    let (wanted, above) = (self.pointer.described(), self.pointer.above(depth));
                    return Err(self
                        .cursor
                        .malformed(&format!("there is no {wanted}: {above} {instead}")));
                }
            }
        }
        match self.cursor.kind()? {
            Kind::Array => {
                self.cursor.enter();
                Ok(())
            }
            other => {
                let message = format!("{} is {}, not an array", self.pointer.described(), other.name());
                Err(self.cursor.malformed(&message))
            }
        }
    }

    fn walk_to_end(&mut self) -> Result<(), Error> {
        while let Some(level) = self.around.pop() {
            match level {
                Level::Object => self.leave_object()?,
                Level::Array => {
                    while self.cursor.element(Nth::Later)? {
                        self.cursor.value(&mut Discard)?;
                    }
                }
            }
        }
        self.cursor.finish()
    }

    /// Goes to the end of an object. The key that led to the array must not come again: its records would be lost.
    fn leave_object(&mut self) -> Result<(), Error> {
        let depth = self.around.len();
        while self.cursor.member(Nth::Later)? {
            if key_is(self.cursor.key(), &self.pointer.tokens()[depth]) {
                let message = format!("the key `{}` comes twice", self.pointer.tokens()[depth]);
                return Err(self.cursor.malformed(&message));
            }
            self.cursor.value(&mut Discard)?;
        }
        Ok(())
    }
}

/// Keeps an element in the block, up to the limit.
struct Into<'a> {
    block: &'a mut Block,
    start: usize,
    limit: usize,
    size: u64,
}

impl Sink for Into<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.size <= self.limit as u64 {
            self.block.append(bytes);
        } else {
            self.block.truncate(self.start);
        }
    }
}
