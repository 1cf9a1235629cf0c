//! Records put aside on disk, to be read again in another order.

use crate::budget::TemporaryFiles;
use crate::error::Error;
use crate::input::Input;
use crate::positional::PositionalFile;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::sync::Arc;

/// A temporary file to which records are appended, one behind the other.
///
/// For what cannot be read in another order where it is: compressed files, archives, standard input, and traces put
/// together from several records. When all is in it, a [`Gatherer`](crate::Gatherer) takes it over and reads from it.
/// The file has no name and is gone with the process, in whatever way that ends; see [`TemporaryFiles`].
///
/// ```
/// use tracemill_io::{Extent, Gatherer, Spool, TemporaryFiles};
///
/// let mut spool = Spool::create(&TemporaryFiles::new())?;
/// let first = spool.append(b"{\"n\":1}")?;
/// let second = spool.append(b"{\"n\":2}")?;
/// let mut gatherer = Gatherer::new();
/// let input = gatherer.add_spool(spool)?;
///
/// let mut record = Vec::new();
/// gatherer.read(Extent { input, byte: second, len: 7 }, &mut record)?;
/// assert_eq!(record, b"{\"n\":2}");
/// gatherer.read(Extent { input, byte: first, len: 7 }, &mut record)?;
/// assert_eq!(record, b"{\"n\":1}");
/// # Ok::<(), tracemill_io::Error>(())
/// ```
pub struct Spool {
    file: BufWriter<File>,
    name: String,
    len: u64,
}

/// Large enough that writing is not about system calls.
const BUFFER: usize = 256 << 10;

impl Spool {
    /// An empty spool.
    ///
    /// # Errors
    ///
    /// When no file can be made there.
    pub fn create(files: &TemporaryFiles) -> Result<Self, Error> {
        Ok(Spool {
            file: BufWriter::with_capacity(BUFFER, files.create()?),
            name: files.name(),
            len: 0,
        })
    }

    /// Appends a record, and gives the offset of its first byte.
    ///
    /// # Errors
    ///
    /// When it cannot be written, for example because the disk is full.
    pub fn append(&mut self, record: &[u8]) -> Result<u64, Error> {
        self.file
            .write_all(record)
            .map_err(|source| Error::writing(&self.name, source))?;
        let byte = self.len;
        self.len += record.len() as u64;
        Ok(byte)
    }

    /// The bytes in it.
    pub fn byte_len(&self) -> u64 {
        self.len
    }

    /// Ends writing; gives inputs that hold a part of it each, under the names that messages give them.
    ///
    /// ```
    /// use std::io::Read;
    /// use tracemill_io::{Spool, TemporaryFiles};
    ///
    /// let mut spool = Spool::create(&TemporaryFiles::new())?;
    /// spool.append(b"{}\n[]\n")?;
    /// let inputs = spool.into_inputs([("a", 0..3), ("b", 3..6)])?;
    /// let mut text = String::new();
    /// inputs[1].open()?.read_to_string(&mut text)?;
    /// assert_eq!((inputs[1].name(), text.as_str()), ("b", "[]\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the last of it cannot be written.
    pub fn into_inputs<N: Into<String>>(
        self,
        parts: impl IntoIterator<Item = (N, Range<u64>)>,
    ) -> Result<Vec<Input>, Error> {
        let (_, file) = self.finish()?;
        let file = Arc::new(file);
        let input = |(name, part): (N, Range<u64>)| {
            Input::spool(
                name.into(),
                &file,
                part.start,
                part.end.saturating_sub(part.start),
            )
        };
        Ok(parts.into_iter().map(input).collect())
    }

    /// Ends writing; gives the name for messages and the file.
    pub(crate) fn finish(self) -> Result<(String, PositionalFile), Error> {
        match self.file.into_inner() {
            Ok(file) => Ok((self.name, PositionalFile::new(file))),
            Err(error) => Err(Error::writing(&self.name, error.into_error())),
        }
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("name", &self.name)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
