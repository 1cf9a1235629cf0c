//! Reading records a second time, by their place.

use crate::error::Error;
use crate::input::{Input, Stored};
use crate::positional::{PositionalFile, copy};
use std::fs::File;
use std::sync::Arc;

/// An input from which byte ranges can be read, in any order and by several threads at once.
///
/// ```
/// use tracemill_io::Input;
/// let ranges = Input::bytes("a.jsonl", *b"first\nsecond\n").ranges()?;
/// let mut record = Vec::new();
/// ranges.read(6, 6, &mut record)?;
/// assert_eq!(record, b"second");
/// # Ok::<(), tracemill_io::Error>(())
/// ```
#[derive(Debug)]
pub struct Ranges {
    name: Arc<str>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(Arc<PositionalFile>),
    Bytes(Arc<[u8]>),
}

impl Ranges {
    pub(crate) fn open(input: &Input) -> Result<Self, Error> {
        let name = Arc::clone(input.shared_name());
        let content = match input.stored()? {
            Stored::Path(path) => {
                let file = File::open(path).map_err(|source| Error::reading(&name, source))?;
                Content::File(Arc::new(PositionalFile::new(file)))
            }
            Stored::Bytes(bytes) => Content::Bytes(bytes),
            Stored::Spool(file) => Content::File(file),
        };
        Ok(Ranges { name, content })
    }

    /// Reads `length` bytes from offset `byte` on, to the end of `into`.
    ///
    /// # Errors
    ///
    /// When the input cannot be read, or has become shorter.
    pub fn read(&self, byte: u64, length: usize, into: &mut Vec<u8>) -> Result<(), Error> {
        let start = into.len();
        into.resize(start + length, 0);
        let read = match &self.content {
            Content::File(file) => file.read_exact_at(&mut into[start..], byte),
            Content::Bytes(bytes) => copy(bytes, byte, &mut into[start..]),
        };
        read.map_err(|source| Error::reading(&self.name, source))
    }
}
