//! Where records come from: files, standard input, bytes in memory.

mod expand;
mod once;
mod patient;

pub use expand::expand;
pub(crate) use patient::GivenUp;

use crate::archive::Packed;
use crate::budget::TemporaryFiles;
use crate::compression::{self, Compression};
use crate::error::{Error, ErrorKind};
use crate::pipeline::Cancel;
use crate::positional::{PositionalFile, PositionalReader};
use crate::spool::Spool;
use once::Once;
use patient::Patient;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One input: a file, standard input, any other reader, or bytes in memory.
///
/// What is called `.gz` or `.zst` is decompressed. Cloning is cheap; clones of standard input share its one reading.
///
/// ```
/// use std::io::Read;
/// use tracemill_io::Input;
///
/// let input = Input::bytes("two.jsonl", *b"{\"a\":1}\n{\"a\":2}\n");
/// assert_eq!(input.head(7)?, b"{\"a\":1}");
/// let mut text = String::new();
/// input.open()?.read_to_string(&mut text)?;
/// assert_eq!(text.lines().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Input {
    name: Arc<str>,
    content: Content,
    meter: Option<Meter>,
}

#[derive(Clone)]
enum Content {
    Path(Arc<Path>),
    Bytes(Arc<[u8]>),
    Once(Arc<Once>),
    /// A file in an archive.
    Packed(Packed),
    /// A temporary copy, decompressed.
    Spool {
        file: Arc<PositionalFile>,
        start: u64,
        len: u64,
    },
}

/// Bytes that can be read by ranges.
pub(crate) enum Stored {
    Path(Arc<Path>),
    Bytes(Arc<[u8]>),
    /// A temporary copy, from this byte of the file on.
    Spool(Arc<PositionalFile>, u64),
}

impl Input {
    /// The file at `path`. It is not looked at before it is opened.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path: PathBuf = path.into();
        Input::new(path.display().to_string(), Content::Path(path.into()))
    }

    /// Standard input, called `-`. It can be opened once.
    pub fn stdin() -> Self {
        Input::reader("-", io::stdin())
    }

    /// Any reader, under the name that messages give it. It can be opened once.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Input::new(name.into(), Content::Once(Arc::new(Once::new(Box::new(reader)))))
    }

    /// Bytes in memory, under the name that messages give them.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Vec<u8> = bytes.into();
        Input::new(name.into(), Content::Bytes(bytes.into()))
    }

    /// A part of a temporary file, under the name that messages give it.
    pub(crate) fn spool(name: String, file: &Arc<PositionalFile>, start: u64, len: u64) -> Self {
        let file = Arc::clone(file);
        Input::new(name, Content::Spool { file, start, len })
    }

    /// A file in an archive, under the name that messages give it.
    pub(crate) fn packed(name: String, packed: Packed) -> Self {
        Input::new(name, Content::Packed(packed))
    }

    fn new(name: String, content: Content) -> Self {
        Input {
            name: name.into(),
            content,
            meter: None,
        }
    }

    /// Counts in `meter` what is read from now on; several inputs may share one.
    #[must_use]
    pub fn metered(mut self, meter: &Meter) -> Self {
        self.meter = Some(meter.clone());
        self
    }

    /// The same input for an extra reading, which no progress counts.
    pub(crate) fn unmetered(&self) -> Self {
        Input {
            meter: None,
            ..self.clone()
        }
    }

    /// The name in messages: the path as it was given, `-` for standard input.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The path of a file; `None` for anything else.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.content {
            Content::Path(path) => Some(path),
            _ => None,
        }
    }

    /// The size in bytes as it is stored (of the compressed file, if it is compressed), where that is known.
    ///
    /// Devices and pipes have none.
    pub fn byte_len(&self) -> Option<u64> {
        match &self.content {
            Content::Path(path) => fs::metadata(path)
                .ok()
                .filter(fs::Metadata::is_file)
                .map(|metadata| metadata.len()),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Spool { len, .. } => Some(*len),
            Content::Packed(packed) => Some(packed.compressed()),
            Content::Once(_) => None,
        }
    }

    /// Whether it can be opened a second time and holds the same again: a regular file, or bytes in memory.
    pub fn is_rereadable(&self) -> bool {
        self.byte_len().is_some()
    }

    /// Lets a cancelled run stop waiting for this input.
    ///
    /// Standard input, and any other reader, may say nothing for ever; such an input is read on a thread of its own
    /// from now on, and a reading that waits ends when `cancel` is asked for.
    #[must_use]
    pub fn with_cancel(self, cancel: &Cancel) -> Self {
        if let Content::Once(once) = &self.content {
            once.wrap(|reader| Box::new(Patient::new(reader, cancel)));
        }
        self
    }

    /// The same input, readable as often as wanted: one that is read once is copied to a temporary file first, which is
    /// gone with the last clone of what this gives.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the temporary file cannot be written.
    pub fn spooled(self) -> Result<Self, Error> {
        self.spooled_in(&TemporaryFiles::new())
    }

    /// [`spooled`](Input::spooled), with a choice of where the temporary file is made.
    ///
    /// # Errors
    ///
    /// As [`spooled`](Input::spooled).
    pub fn spooled_in(self, files: &TemporaryFiles) -> Result<Self, Error> {
        if self.is_rereadable() {
            Ok(self)
        } else {
            self.copied(files)
        }
    }

    /// The same input, readable by byte ranges: one that is compressed or read once is copied, decompressed, to a
    /// temporary file first, which is gone with the last clone of what this gives.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the temporary file cannot be written.
    pub fn seekable(self) -> Result<Self, Error> {
        self.seekable_in(&TemporaryFiles::new())
    }

    /// [`seekable`](Input::seekable), with a choice of where the temporary file is made.
    ///
    /// # Errors
    ///
    /// As [`seekable`](Input::seekable).
    pub fn seekable_in(self, files: &TemporaryFiles) -> Result<Self, Error> {
        let packed = matches!(self.content, Content::Packed(_));
        if self.is_rereadable() && !self.is_compressed() && !packed {
            Ok(self)
        } else {
            self.copied(files)
        }
    }

    fn copied(self, files: &TemporaryFiles) -> Result<Self, Error> {
        let mut stream = self.open()?;
        let mut spool = Spool::create(files)?;
        let mut piece = vec![0; 256 * 1024];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => _ = spool.append(&piece[..read])?,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.read_error(source)),
            }
        }
        let len = spool.byte_len();
        let (_, file) = spool.finish()?;
        Ok(Input {
            content: Content::Spool {
                file: Arc::new(file),
                start: 0,
                len,
            },
            ..self
        })
    }

    /// Where its bytes are, as records' offsets count them.
    pub(crate) fn stored(&self) -> Result<Stored, Error> {
        match &self.content {
            Content::Path(path) if !self.is_compressed() => Ok(Stored::Path(Arc::clone(path))),
            Content::Spool { file, start, .. } => Ok(Stored::Spool(Arc::clone(file), *start)),
            Content::Bytes(bytes) if !self.is_compressed() => Ok(Stored::Bytes(Arc::clone(bytes))),
            _ => {
                let message = "cannot be read by byte ranges; save it uncompressed to a file and name that";
                Err(Error::new(ErrorKind::Unsupported, message).in_file(&self.name))
            }
        }
    }

    /// Whether its name announces a compression.
    pub fn is_compressed(&self) -> bool {
        self.compression().is_some()
    }

    /// The first `limit` bytes after decompression, or all if there are fewer.
    ///
    /// What a pipe or standard input gave is kept and comes again when it is opened. A failure to read after some bytes
    /// is left to the reading of the whole, which knows the place.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read, or when standard input was opened before.
    pub fn head(&self, limit: usize) -> Result<Vec<u8>, Error> {
        if let Content::Once(once) = &self.content {
            return once.head(limit, self);
        }
        let mut head = Vec::new();
        let read = self
            .stream(None)?
            .reader
            .take(limit as u64)
            .read_to_end(&mut head);
        match read {
            Err(source) if head.is_empty() => Err(self.read_error(source)),
            _ => Ok(head),
        }
    }

    /// Whether nothing but blanks follows its first line: a document without line breaks, as machines write them.
    ///
    /// Reads the first line, however long it is, and no more than a little of what follows.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn is_one_line(&self) -> Result<bool, Error> {
        let mut reader = self.stream(None)?;
        let mut piece = vec![0; 256 * 1024];
        let mut ended = false;
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(read) => read,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.read_error(source)),
            };
            let mut rest = &piece[..read];
            if !ended && let Some(end) = memchr::memchr(b'\n', rest) {
                ended = true;
                rest = &rest[end..];
            }
            if ended && rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(false);
            }
        }
    }

    /// Opens it for reading from the start, decompressing by suffix.
    ///
    /// # Errors
    ///
    /// When the file is not there or may not be read, when the compression is not part of this build, or when it is
    /// standard input (or another reader) that was opened before.
    pub fn open(&self) -> Result<InputStream, Error> {
        self.stream(self.meter.clone())
    }

    fn stream(&self, meter: Option<Meter>) -> Result<InputStream, Error> {
        let raw: Box<dyn Read + Send> = match &self.content {
            Content::Path(path) => {
                let file = File::open(path).map_err(|source| Error::reading(&self.name, source))?;
                Box::new(file)
            }
            Content::Bytes(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
            Content::Spool { file, start, len } => {
                Box::new(PositionalReader::new(Arc::clone(file), *start).take(*len))
            }
            Content::Packed(packed) => packed.open(&self.name)?,
            Content::Once(once) => return once.open(self),
        };
        self.decode(raw, meter)
    }

    fn decode(&self, raw: Box<dyn Read + Send>, meter: Option<Meter>) -> Result<InputStream, Error> {
        let raw = match meter {
            Some(meter) => Box::new(Metered { raw, meter }),
            None => raw,
        };
        let reader = compression::decoder(self.compression(), raw, &self.name)?;
        Ok(InputStream { reader })
    }

    fn compression(&self) -> Option<Compression> {
        if let Content::Spool { .. } | Content::Packed(_) = self.content {
            return None;
        }
        Compression::of(Path::new(&*self.name))
    }

    /// Adds the name to what failed while a stream of this input was read.
    pub(crate) fn read_error(&self, source: io::Error) -> Error {
        if let Content::Packed(_) = self.content {
            let message = format!("damaged archive: {source}");
            return Error::new(ErrorKind::Decompress, message).in_file(&self.name);
        }
        compression::read_error(self.compression(), &self.name, source)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.content {
            Content::Path(_) => "path",
            Content::Bytes(_) => "bytes",
            Content::Once(_) => "reader",
            Content::Spool { .. } => "spool",
            Content::Packed(_) => "packed",
        };
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("kind", &kind)
            .finish_non_exhaustive()
    }
}

/// An open [`Input`]: its bytes after decompression.
pub struct InputStream {
    reader: Box<dyn Read + Send>,
}

impl Read for InputStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf)
    }
}

impl fmt::Debug for InputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputStream").finish_non_exhaustive()
    }
}

/// Counts the bytes read, before decompression; for showing progress from another thread.
///
/// ```
/// use tracemill_io::{Input, Meter};
/// let meter = Meter::default();
/// let input = Input::bytes("a", *b"12345").metered(&meter);
/// std::io::copy(&mut input.open()?, &mut std::io::sink())?;
/// assert_eq!(meter.bytes(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// How many bytes were read until now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

struct Metered {
    raw: Box<dyn Read + Send>,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(buf)?;
        self.meter.add(read);
        Ok(read)
    }
}
