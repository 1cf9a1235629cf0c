//! Reading records again, in any order, from any thread.

use crate::block::RecordError;
use crate::error::{Error, ErrorKind};
use crate::input::{Input, Stored};
use crate::positional::{PositionalFile, copy};
use crate::spool::Spool;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// The bytes of a record: which input of a [`Gatherer`], where, and how many.
///
/// What an index keeps of a [`Record`](crate::Record): the byte of its locator, and the length of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// The number that the gatherer gave the input.
    pub input: usize,
    /// The offset of the first byte.
    pub byte: u64,
    /// The number of bytes.
    pub len: usize,
}

/// Reads ranges of plain files, bytes in memory and [spools](Spool), from many threads at once.
///
/// A file is opened when something is first read from it, and stays open; of very many files only the first stay so.
/// What is called `.gz` or `.zst`, standard input, devices and pipes cannot be read in another order: they are spooled.
///
/// ```
/// use tracemill_io::{Block, BlockReader, Extent, Gathered, Gatherer, Input};
/// use tracemill_model::Framing;
///
/// let input = Input::bytes("a.jsonl", *b"{\"n\":1}\r\n\n{\"n\":22}\n");
/// let mut gatherer = Gatherer::new();
/// let number = gatherer.add(&input)?;
///
/// let mut reader = BlockReader::new([(input, Framing::Lines)]);
/// let mut block = Block::default();
/// reader.fill(&mut block)?;
/// let extents: Vec<Extent> = block
///     .records()
///     .map(|record| Extent { input: number, byte: record.locator().byte(), len: record.bytes().len() })
///     .collect();
///
/// let mut gathered = Gathered::default();
/// gatherer.gather(&[extents[1], extents[0]], &mut gathered)?;
/// assert_eq!(gathered.get(0), b"{\"n\":22}");
/// assert_eq!(gathered.get(1), b"{\"n\":1}");
/// # Ok::<(), tracemill_io::Error>(())
/// ```
#[derive(Default)]
pub struct Gatherer {
    sources: Vec<Source>,
    /// How many files are open to stay.
    open: AtomicUsize,
}

/// How many files stay open: well below what systems allow a process (256 at the least).
const MAX_OPEN: usize = 64;

/// Neighbours no further apart than this are read in one go: a system call costs about as much as copying so much.
const MAX_GAP: u64 = 8 << 10;

enum Source {
    File {
        input: Input,
        path: Arc<Path>,
        stamp: Stamp,
        file: OnceLock<PositionalFile>,
    },
    Bytes {
        input: Input,
        bytes: Arc<[u8]>,
    },
    Spool {
        name: String,
        file: Arc<PositionalFile>,
        /// Where the input begins in the file.
        start: u64,
    },
}

impl Gatherer {
    /// A gatherer without inputs.
    pub fn new() -> Self {
        Gatherer::default()
    }

    /// Whether records of this input can be read in any order where they are.
    pub fn can_read(input: &Input) -> bool {
        input.stored().is_ok() && input.is_rereadable()
    }

    /// Adds an input, and gives its number; they are counted from 0.
    ///
    /// Add a file before it is read for the first time: from then on a change of it is noticed.
    ///
    /// # Errors
    ///
    /// When it is not there, or is of a kind that cannot be read in any order.
    pub fn add(&mut self, input: &Input) -> Result<usize, Error> {
        let source = match input.stored()? {
            Stored::Bytes(bytes) => Source::Bytes {
                input: input.clone(),
                bytes,
            },
            Stored::Spool(file, start) => Source::Spool {
                name: input.name().to_owned(),
                file,
                start,
            },
            Stored::Path(path) => {
                let metadata = fs::metadata(&path).map_err(|source| input.read_error(source))?;
                if !metadata.is_file() {
                    let message = "cannot be read by byte ranges, as it is no plain file; save it to a file and name that";
                    return Err(Error::new(ErrorKind::Unsupported, message).in_file(input.name()));
                }
                Source::File {
                    input: input.clone(),
                    path,
                    stamp: Stamp::of(&metadata),
                    file: OnceLock::new(),
                }
            }
        };
        Ok(self.push(source))
    }

    /// Adds a spool to which nothing more is to be written, and gives its number.
    ///
    /// # Errors
    ///
    /// When the last of it cannot be written.
    pub fn add_spool(&mut self, spool: Spool) -> Result<usize, Error> {
        let (name, file) = spool.finish()?;
        let file = Arc::new(file);
        Ok(self.push(Source::Spool { name, file, start: 0 }))
    }

    fn push(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// Reads one record, in place of what `into` held.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the file has changed since it was added.
    pub fn read(&self, extent: Extent, into: &mut Vec<u8>) -> Result<(), Error> {
        into.clear();
        into.resize(extent.len, 0);
        self.source(extent.input)?.read(extent.byte, into, &self.open)
    }

    /// Reads several records, in place of what `into` held: neighbours in one go.
    ///
    /// # Errors
    ///
    /// As [`read`](Gatherer::read).
    pub fn gather(&self, extents: &[Extent], into: &mut Gathered) -> Result<(), Error> {
        into.plan(extents);
        for run in &into.runs {
            let bytes = &mut into.buffer[run.start..run.start + run.extent.len];
            self.source(run.extent.input)?
                .read(run.extent.byte, bytes, &self.open)?;
        }
        Ok(())
    }

    fn source(&self, number: usize) -> Result<&Source, Error> {
        self.sources
            .get(number)
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("input {number} was not added")))
    }
}

impl Source {
    fn read(&self, byte: u64, into: &mut [u8], open: &AtomicUsize) -> Result<(), Error> {
        match self {
            Source::Spool { name, file, start } => file
                .read_exact_at(into, start + byte)
                .map_err(|source| Error::reading(name, source)),
            Source::Bytes { input, bytes } => copy(bytes, byte, into).map_err(|e| failed(input, e)),
            Source::File {
                input,
                path,
                stamp,
                file,
            } => {
                let read = match file.get() {
                    Some(file) => file.read_exact_at(into, byte),
                    None => stamp.open(path).and_then(|opened| {
                        opened.read_exact_at(into, byte)?;
                        // Another thread may have been faster: then this one is closed again.
                        if open.load(Ordering::Relaxed) < MAX_OPEN && file.set(opened).is_ok() {
                            open.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(())
                    }),
                };
                read.map_err(|source| failed(input, source))
            }
        }
    }
}

/// A range that was read before and is not there now means that somebody wrote to the file.
fn failed(input: &Input, source: io::Error) -> Error {
    if source.kind() != io::ErrorKind::UnexpectedEof {
        return input.read_error(source);
    }
    let message = "changed while it was read; run again when nothing writes to it";
    Error::new(ErrorKind::Read, message).in_file(input.name())
}

/// What shows that a file is still the one it was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            len: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    /// Opens the file if it has not changed; a change looks like a file that is too short.
    fn open(&self, path: &Path) -> io::Result<PositionalFile> {
        let file = File::open(path)?;
        if Stamp::of(&file.metadata()?) != *self {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(PositionalFile::new(file))
    }
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |source: &Source| match source {
            Source::File { input, .. } | Source::Bytes { input, .. } => input.name().to_owned(),
            Source::Spool { name, .. } => name.clone(),
        };
        f.debug_struct("Gatherer")
            .field("inputs", &self.sources.iter().map(name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Records that were read together, in the order in which they were asked for; used again for the next ones.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Longer than what is in use, so that reading into it needs no clearing first.
    buffer: Vec<u8>,
    /// Where each record begins in the buffer, and its length.
    records: Vec<(usize, usize)>,
    runs: Vec<Run>,
    order: Vec<u32>,
}

/// Neighbours that are read in one go.
#[derive(Clone, Copy, Debug)]
struct Run {
    extent: Extent,
    /// Where it goes in the buffer.
    start: usize,
}

/// A buffer that is larger than this is given back when so much is not needed any more.
const KEPT: usize = 4 << 20;

impl Gathered {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The bytes of the record that was asked for at this position; nothing beyond the last.
    pub fn get(&self, index: usize) -> &[u8] {
        match self.records.get(index) {
            Some(&(start, len)) => &self.buffer[start..start + len],
            None => &[],
        }
    }

    /// The text of the record that was asked for at this position.
    ///
    /// # Errors
    ///
    /// When it is not UTF-8.
    pub fn text(&self, index: usize) -> Result<&str, RecordError> {
        simdutf8::compat::from_utf8(self.get(index)).map_err(|error| RecordError::Utf8 {
            offset: error.valid_up_to() as u64,
        })
    }

    /// Finds the runs, and makes room for them.
    fn plan(&mut self, extents: &[Extent]) {
        self.runs.clear();
        self.records.clear();
        self.records.resize(extents.len(), (0, 0));
        self.order.clear();
        self.order.extend(0..extents.len() as u32);
        self.order.sort_unstable_by_key(|&index| extents[index as usize]);
        let mut used = 0;
        for &index in &self.order {
            let extent = extents[index as usize];
            let joined = self.runs.last_mut().and_then(|run| run.take(&extent));
            let start = joined.unwrap_or_else(|| {
                self.runs.push(Run { extent, start: used });
                used
            });
            self.records[index as usize] = (start, extent.len);
            used = used.max(start + extent.len);
        }
        if self.buffer.len() > KEPT && used < self.buffer.len() / 4 {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < used {
            self.buffer.resize(used, 0);
        }
    }
}

impl Run {
    /// Takes another record in if it begins inside or not far behind; gives where it goes in the buffer.
    fn take(&mut self, next: &Extent) -> Option<usize> {
        let run = &mut self.extent;
        let distance = next.byte.checked_sub(run.byte)?;
        if run.input != next.input || distance > (run.len as u64).saturating_add(MAX_GAP) {
            return None;
        }
        let distance = usize::try_from(distance).ok()?;
        run.len = run.len.max(distance.checked_add(next.len)?);
        Some(self.start + distance)
    }
}
