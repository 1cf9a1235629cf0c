//! One record a line.

use super::{Progress, Stream};
use crate::block::{Block, Content, Place, is_blank};
use crate::error::Error;
use crate::limit::RecordLimit;

/// Puts whole lines into blocks. Blank lines are passed over, and lines beyond the limit judged, where the records of
/// a block are gone over: in the workers.
pub(crate) struct LinesReader {
    stream: Stream,
    /// The beginning of a line whose end did not fit into the last block.
    carried: Vec<u8>,
    /// Where the first byte of `carried`, or the next byte read, stands.
    line: u64,
    byte: u64,
}

/// Where a stretch of reading stopped.
enum Stop {
    /// The block is full.
    Full,
    /// The input has ended.
    Ended,
    /// The last line is longer than the limit and has not ended.
    TooLong,
}

impl LinesReader {
    pub(crate) fn new(stream: Stream) -> Self {
        let byte = stream.start();
        LinesReader {
            stream,
            carried: Vec::new(),
            line: 1,
            byte,
        }
    }

    /// Adds lines until the block holds `size` bytes; more only for a line that alone is larger.
    pub(crate) fn fill(
        &mut self,
        block: &mut Block,
        size: usize,
        limit: RecordLimit,
    ) -> Result<Progress, Error> {
        loop {
            let start = block.used();
            block.append(&self.carried);
            self.carried.clear();
            let mut whole = end_of_lines(block, start, start);
            let stop = self.read_lines(block, size, limit, &mut whole);
            if matches!(stop, Ok(Stop::Ended)) && block.used() > whole {
                block.append(b"\n"); // so that the bytes of two inputs cannot form one line or one character
                whole = block.used();
            }
            self.finish(block, start, whole);
            match stop {
                Ok(Stop::Full) => {
                    self.carried.extend_from_slice(block.bytes_from(whole));
                    block.truncate(whole);
                    return Ok(Progress::Full);
                }
                Ok(Stop::Ended) => return Ok(Progress::Ended),
                Ok(Stop::TooLong) => self.pass_over(block, whole, size)?,
                Err(error) => {
                    // The failure stands where the line begins that it cut off.
                    block.truncate(whole);
                    return Err(error.at(self.line, self.byte));
                }
            }
            if block.weight() >= size {
                return Ok(Progress::Full);
            }
        }
    }

    /// Reads until the block is full; `whole` is where the last complete line ends.
    fn read_lines(
        &mut self,
        block: &mut Block,
        size: usize,
        limit: RecordLimit,
        whole: &mut usize,
    ) -> Result<Stop, Error> {
        let mut target = size;
        // One more for a carriage return, which does not count.
        let longest = limit.bytes().saturating_add(1);
        loop {
            let unfinished = block.used() - *whole;
            if unfinished > longest {
                return Ok(Stop::TooLong);
            }
            if block.used() >= target {
                if *whole > 0 || block.has_items() {
                    return Ok(Stop::Full);
                }
                target = block
                    .used()
                    .saturating_mul(2)
                    .min(longest.saturating_add(1))
                    .max(target);
            }
            let (room, used) = (target - block.used(), block.used());
            let read = self.stream.read(block.spare(room))?;
            if read == 0 {
                return Ok(Stop::Ended);
            }
            block.advance(read);
            *whole = end_of_lines(block, used, *whole);
        }
    }

    /// Declares the complete lines to the block and moves on past them.
    fn finish(&mut self, block: &mut Block, start: usize, whole: usize) {
        if whole == start {
            return;
        }
        let place = Place {
            line: self.line,
            byte: self.byte,
            index: 0,
        };
        block.push(start, whole, place, Content::Lines);
        let lines = &block.bytes_from(start)[..whole - start];
        self.line += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.byte += lines.len() as u64;
    }

    /// Reads to the end of a line that is too long, whose beginning stands in the block from `start` on, keeping none
    /// of it.
    fn pass_over(&mut self, block: &mut Block, start: usize, room: usize) -> Result<(), Error> {
        let place = Place {
            line: self.line,
            byte: self.byte,
            index: 0,
        };
        let mut size = 0;
        let (mut blank, mut last) = (true, 0);
        loop {
            let bytes = block.bytes_from(start);
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            size += part.len() as u64;
            blank = blank && is_blank(part);
            last = part.last().copied().unwrap_or(last);
            if let Some(end) = end {
                self.carried.extend_from_slice(&bytes[end + 1..]);
                self.byte += size + 1;
                self.line += 1;
                break;
            }
            block.truncate(start);
            let read = self.stream.read(block.spare(room));
            let read = read.map_err(|error| error.at(place.line, place.byte))?;
            if read == 0 {
                self.byte += size;
                break;
            }
            block.advance(read);
        }
        block.truncate(start);
        if !blank {
            block.push(
                start,
                start,
                place,
                Content::TooLong(size - u64::from(last == b'\r')),
            );
        }
        Ok(())
    }
}

/// Where the last complete line ends in the bytes from `start` on; `before` if none ends there.
fn end_of_lines(block: &Block, start: usize, before: usize) -> usize {
    memchr::memrchr(b'\n', block.bytes_from(start)).map_or(before, |last| start + last + 1)
}
