//! Reading records a second time, by their place.

use crate::error::Error;
use crate::input::{Input, Stored};
use std::fs::File;
use std::io;
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
    File(File),
    Bytes(Arc<[u8]>),
}

impl Ranges {
    pub(crate) fn open(input: &Input) -> Result<Self, Error> {
        let name = Arc::clone(input.shared_name());
        let content = match input.stored()? {
            Stored::Path(path) => {
                Content::File(File::open(path).map_err(|source| Error::reading(&name, source))?)
            }
            Stored::Bytes(bytes) => Content::Bytes(bytes),
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
            Content::File(file) => read_at(file, byte, &mut into[start..]),
            Content::Bytes(bytes) => copy(bytes, byte, &mut into[start..]),
        };
        read.map_err(|source| Error::reading(&self.name, source))
    }
}

#[cfg(unix)]
fn read_at(file: &File, byte: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, byte)
}

/// Without positioned reads each range opens the position anew; a clone shares it, so this is one thread at a time.
#[cfg(not(unix))]
fn read_at(file: &File, byte: u64, into: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut file = file;
    file.seek(SeekFrom::Start(byte))?;
    file.read_exact(into)
}

fn copy(bytes: &[u8], byte: u64, into: &mut [u8]) -> io::Result<()> {
    let start = usize::try_from(byte).ok();
    let range = start.and_then(|start| bytes.get(start..start.checked_add(into.len())?));
    match range {
        Some(range) => {
            into.copy_from_slice(range);
            Ok(())
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
