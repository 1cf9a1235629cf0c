//! ZIP archives: the files in them, each an input of its own.
//!
//! Only what finding and reading files needs: the directory at the end of the archive (APPNOTE 6.3.10, with ZIP64), and
//! the methods that are met in logs: stored (0), deflate (8) and Zstandard (93). The decoders are those of `.gz` and `.zst`.

mod directory;

use crate::error::{Error, ErrorKind};
use crate::input::{Input, Stored};
use crate::positional::{PositionalFile, copy};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// An archive whose files are inputs.
///
/// ```
/// use tracemill_io::{Archive, Input};
/// assert!(Archive::begins_with(b"PK\x03\x04\x14\0"));
/// // An archive of nothing is its end alone.
/// let empty = Input::bytes("log.eval", [b"PK\x05\x06".as_slice(), &[0; 18]].concat());
/// assert_eq!(Archive::open(&empty)?.names().count(), 0);
/// # Ok::<(), tracemill_io::Error>(())
/// ```
#[derive(Debug)]
pub struct Archive {
    name: String,
    bytes: Bytes,
    members: Vec<Member>,
}

/// A file in an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    name: String,
    method: u16,
    encrypted: bool,
    crc: u32,
    compressed: u64,
    size: u64,
    /// Where its local header is.
    header: u64,
}

/// The bytes of an archive, which many readers share.
#[derive(Clone, Debug)]
enum Bytes {
    File(Arc<PositionalFile>, u64),
    Memory(Arc<[u8]>),
}

/// A file in an archive, with the archive.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    bytes: Bytes,
    member: Arc<Member>,
}

impl Archive {
    /// Whether the beginning of a file is that of a ZIP archive.
    pub fn begins_with(head: &[u8]) -> bool {
        head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
    }

    /// Reads the directory of an archive. Of files with the same name the last one counts.
    ///
    /// # Errors
    ///
    /// When it cannot be read by byte ranges ([`Input::seekable`] helps), or is damaged.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let (bytes, len) = match input.stored()? {
            Stored::Bytes(bytes) => {
                let len = bytes.len() as u64;
                (Bytes::Memory(bytes), len)
            }
            Stored::Spool(file, start) => (Bytes::File(file, start), input.byte_len().unwrap_or(0)),
            Stored::Path(path) => {
                let file = File::open(&path).map_err(|source| input.read_error(source))?;
                let file = Arc::new(PositionalFile::new(file));
                (Bytes::File(file, 0), input.byte_len().unwrap_or(0))
            }
        };
        let failed = |source| damaged(input.name(), &source);
        let mut members = directory::read(&bytes, len).map_err(failed)?;
        // A file that was written again stands behind the older one.
        let mut seen = std::collections::BTreeSet::new();
        members.reverse();
        members.retain(|member| !member.name.ends_with('/') && seen.insert(member.name.clone()));
        members.reverse();
        Ok(Archive {
            name: input.name().to_owned(),
            bytes,
            members,
        })
    }

    /// The names of the files, in the order of the directory.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// The file with this name as an input, called by the names of the archive and its own.
    pub fn file(&self, name: &str) -> Option<Input> {
        let member = self.members.iter().find(|member| member.name == name)?;
        let packed = Packed {
            bytes: self.bytes.clone(),
            member: Arc::new(member.clone()),
        };
        Some(Input::packed(format!("{}/{name}", self.name), packed))
    }
}

impl Packed {
    /// The length as it is stored.
    pub(crate) fn compressed(&self) -> u64 {
        self.member.compressed
    }

    /// Opens it for reading.
    pub(crate) fn open(&self, name: &str) -> Result<Box<dyn Read + Send>, Error> {
        let refuse = |message: &str| Err(Error::new(ErrorKind::Unsupported, message).in_file(name));
        if self.member.encrypted {
            return refuse("is encrypted; unpack it first");
        }
        let failed = |source| damaged(name, &source);
        let start = directory::data_start(&self.bytes, &self.member).map_err(failed)?;
        let raw = Range {
            bytes: self.bytes.clone(),
            next: start,
            end: start.saturating_add(self.member.compressed),
        };
        let raw = BufReader::with_capacity(64 << 10, raw);
        let reader: Box<dyn Read + Send> = match self.member.method {
            0 => Box::new(raw),
            #[cfg(feature = "gzip")]
            8 => Box::new(flate2::bufread::DeflateDecoder::new(raw)),
            #[cfg(feature = "zstd")]
            93 => Box::new(zstd::Decoder::with_buffer(raw).map_err(|source| damaged(name, &source))?),
            #[cfg(not(feature = "gzip"))]
            8 => return refuse("is packed with deflate, which needs the cargo feature `gzip`"),
            #[cfg(not(feature = "zstd"))]
            93 => return refuse("is packed with Zstandard, which needs the cargo feature `zstd`"),
            other => {
                let message = format!("is packed with method {other}, which is not read; unpack it first");
                return refuse(&message);
            }
        };
        Ok(Box::new(Checked {
            reader,
            left: self.member.size,
            #[cfg(feature = "gzip")]
            crc: flate2::Crc::new(),
            expected: self.member.crc,
        }))
    }
}

fn damaged(name: &str, source: &io::Error) -> Error {
    let message = format!("damaged archive: {source}");
    Error::new(ErrorKind::Decompress, message).in_file(name)
}

impl Bytes {
    fn read_exact_at(&self, into: &mut [u8], byte: u64) -> io::Result<()> {
        match self {
            Bytes::File(file, start) => file.read_exact_at(into, start.saturating_add(byte)),
            Bytes::Memory(bytes) => copy(bytes, byte, into),
        }
    }
}

/// Some of the bytes.
struct Range {
    bytes: Bytes,
    next: u64,
    end: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (buffer.len() as u64).min(self.end.saturating_sub(self.next)) as usize;
        self.bytes.read_exact_at(&mut buffer[..count], self.next)?;
        self.next += count as u64;
        Ok(count)
    }
}

/// Sees to it that a file has the length and the sum that the directory says.
struct Checked {
    reader: Box<dyn Read + Send>,
    left: u64,
    #[cfg(feature = "gzip")]
    crc: flate2::Crc,
    #[cfg_attr(
        not(feature = "gzip"),
        expect(dead_code, reason = "the sum comes with the decoder")
    )]
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let count = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| invalid("the packed file is longer than the archive says"))?;
        #[cfg(feature = "gzip")]
        self.crc.update(&buffer[..count]);
        let ends = count == 0 && !buffer.is_empty();
        if ends && self.left > 0 {
            return Err(invalid("the packed file is shorter than the archive says"));
        }
        #[cfg(feature = "gzip")]
        if ends && self.crc.sum() != self.expected {
            return Err(invalid("the checksum of the packed file is wrong"));
        }
        Ok(count)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Range")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
