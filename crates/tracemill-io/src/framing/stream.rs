//! The bytes of one open input, without a byte order mark.

use crate::error::{Error, ErrorKind};
use crate::input::{Input, InputStream};
use std::io::{self, Read};

const BYTE_ORDER_MARK: [u8; 3] = *b"\xEF\xBB\xBF";

pub(crate) struct Stream {
    input: Input,
    reader: InputStream,
    /// The first bytes, read to look for a byte order mark and not yet given out.
    head: io::Take<io::Cursor<[u8; 3]>>,
    start: u64,
}

impl Stream {
    pub(crate) fn open(input: &Input) -> Result<Self, Error> {
        let mut reader = input.open()?;
        let mut head = [0; 3];
        let mut read = 0;
        while read < head.len() {
            match retrying(&mut reader, &mut head[read..]).map_err(|source| input.read_error(source))? {
                0 => break,
                some => read += some,
            }
        }
        refuse_foreign(&head[..read], input.name())?;
        let has_mark = read == head.len() && head == BYTE_ORDER_MARK;
        let (left, start) = if has_mark { (0, 3) } else { (read as u64, 0) };
        Ok(Stream {
            input: input.clone(),
            reader,
            head: io::Cursor::new(head).take(left),
            start,
        })
    }

    /// The offset of the first byte that comes: 3 after a byte order mark.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn name(&self) -> &str {
        self.input.name()
    }

    /// Reads some bytes; 0 is the end.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let read = match self.head.limit() {
            0 => retrying(&mut self.reader, buf),
            _ => self.head.read(buf),
        };
        read.map_err(|source| self.input.read_error(source))
    }
}

/// Recognises what is wrong as a whole, rather than let every line of it be wrong.
fn refuse_foreign(head: &[u8], name: &str) -> Result<(), Error> {
    let (kind, message) = match head {
        [0x1f, 0x8b, ..] => (
            ErrorKind::Unsupported,
            "is gzip data; decompress it, or let its name end in `.gz`",
        ),
        [0x28, 0xb5, 0x2f, ..] => (
            ErrorKind::Unsupported,
            "is zstd data; decompress it, or let its name end in `.zst`",
        ),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => (ErrorKind::Utf8, "is UTF-16 text; convert it to UTF-8"),
        _ => return Ok(()),
    };
    Err(Error::new(kind, message).in_file(name))
}

fn retrying(reader: &mut InputStream, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
