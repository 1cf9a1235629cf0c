//! The whole input is one record.

use super::{Progress, Stream};
use crate::block::{Block, Content, Place};
use crate::error::Error;
use crate::limit::RecordLimit;

/// Puts the whole input into the block as one record, without the white space around it.
pub(crate) struct DocumentReader {
    stream: Stream,
}

impl DocumentReader {
    pub(crate) fn new(stream: Stream) -> Self {
        DocumentReader { stream }
    }

    pub(crate) fn fill(
        &mut self,
        block: &mut Block,
        size: usize,
        limit: RecordLimit,
    ) -> Result<Progress, Error> {
        let start = block.used();
        let mut place = Place {
            line: 1,
            byte: self.stream.start(),
            index: 0,
        };
        // Since the first byte that is not blank: all bytes, and those up to the last one that is not blank.
        let (mut length, mut size_of_record) = (0u64, 0u64);
        loop {
            let room = size.max(block.used() - start);
            let from = block.used();
            let read = match self.stream.read(block.spare(room)) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    block.truncate(start);
                    return Err(error.at(place.line, place.byte));
                }
            };
            block.advance(read);
            if length == 0 {
                let blanks = leading_blanks(block.bytes_from(from));
                place.line += memchr::memchr_iter(b'\n', &block.bytes_from(from)[..blanks]).count() as u64;
                place.byte += blanks as u64;
                block.remove(from, blanks);
            }
            let new = block.bytes_from(from);
            if let Some(last) = new.iter().rposition(|byte| !byte.is_ascii_whitespace()) {
                size_of_record = length + last as u64 + 1;
            }
            length += new.len() as u64;
            if length > limit.bytes() as u64 {
                // What follows is blank or makes the record too long: either way it need not be kept.
                let kept = size_of_record.min(limit.bytes() as u64) as usize;
                block.truncate(block.used().min(start + kept));
            }
        }
        if size_of_record > limit.bytes() as u64 {
            block.truncate(start);
            block.push(start, start, place, Content::TooLong(size_of_record));
        } else if size_of_record > 0 {
            block.truncate(start + size_of_record as usize);
            block.push(start, block.used(), place, Content::One);
        }
        Ok(Progress::Ended)
    }
}

fn leading_blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}
