//! The one error of this crate: what went wrong, and where.

use crate::input::GivenUp;
use std::fmt;
use std::io;

/// A failed run: an input that cannot be read, an output that cannot be written, a worker that panicked.
///
/// It says which file and, where that is known, which line and byte. A bad *record* is not an `Error` but data
/// ([`RecordError`](crate::RecordError)): the caller decides whether it ends the run.
///
/// ```
/// use tracemill_io::{ErrorKind, Input};
/// let error = Input::path("no/such/file.jsonl").open().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.path(), Some("no/such/file.jsonl"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    path: Option<String>,
    line: Option<u64>,
    byte: Option<u64>,
    /// How the place is written when it is more than a path and a line.
    place: Option<String>,
    message: String,
    source: Option<io::Error>,
}

/// What kind of failure an [`Error`] is: what a program branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder is not there, or a folder holds nothing that was looked for.
    NotFound,
    /// The system refuses access.
    Permission,
    /// Reading failed.
    Read,
    /// A compressed input is damaged or cut short.
    Decompress,
    /// A document is not built as its framing says: cut short, unbalanced, without the array.
    Malformed,
    /// A record is longer than the limit.
    RecordTooLong,
    /// Bytes that are not UTF-8.
    Utf8,
    /// The output is there already.
    Exists,
    /// Writing failed.
    Write,
    /// The disk, or the quota, is full.
    NoSpace,
    /// The reader of the output went away: end quietly.
    ClosedPipe,
    /// The run was cancelled.
    Cancelled,
    /// A worker panicked.
    Panic,
    /// The worker threads could not be started.
    Threads,
    /// This build, or this kind of input, cannot do what was asked.
    Unsupported,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(Inner {
            kind,
            path: None,
            line: None,
            byte: None,
            place: None,
            message,
            source: None,
        }))
    }

    pub(crate) fn in_file(mut self, name: &str) -> Self {
        self.0.path = Some(name.to_owned());
        self
    }

    pub(crate) fn at(mut self, line: u64, byte: u64) -> Self {
        self.0.line = Some(line);
        self.0.byte = Some(byte);
        self
    }

    pub(crate) fn at_place(mut self, place: String) -> Self {
        self.0.place = Some(place);
        self
    }

    pub(crate) fn caused_by(mut self, source: io::Error) -> Self {
        self.0.source = Some(source);
        self
    }

    /// What happened to the file or folder `name` while it was read.
    pub(crate) fn reading(name: &str, source: io::Error) -> Self {
        if source
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<GivenUp>)
        {
            return Error::cancelled();
        }
        let (kind, message) = match source.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, "no such file or folder".to_owned()),
            io::ErrorKind::PermissionDenied => (
                ErrorKind::Permission,
                "cannot be read: permission denied".to_owned(),
            ),
            io::ErrorKind::IsADirectory => (ErrorKind::Read, "is a folder, not a file".to_owned()),
            _ => (ErrorKind::Read, format!("cannot be read: {source}")),
        };
        Error::new(kind, message).in_file(name).caused_by(source)
    }

    /// What happened to the file or folder `name` while it was written.
    pub(crate) fn writing(name: &str, source: io::Error) -> Self {
        use io::ErrorKind as Io;
        let (kind, message) = match source.kind() {
            Io::NotFound => (
                ErrorKind::NotFound,
                "cannot be written: no such file or folder".to_owned(),
            ),
            Io::PermissionDenied => (
                ErrorKind::Permission,
                "cannot be written: permission denied".to_owned(),
            ),
            Io::ReadOnlyFilesystem => (
                ErrorKind::Permission,
                "cannot be written: the file system is read-only".to_owned(),
            ),
            Io::StorageFull => {
                let message = "no space left on the device; make room or write somewhere else";
                (ErrorKind::NoSpace, message.to_owned())
            }
            Io::QuotaExceeded => {
                let message = "the disk quota is used up; make room or write somewhere else";
                (ErrorKind::NoSpace, message.to_owned())
            }
            Io::AlreadyExists => (ErrorKind::Exists, EXISTS.to_owned()),
            Io::BrokenPipe => (ErrorKind::ClosedPipe, "the reader closed the pipe".to_owned()),
            Io::IsADirectory => (ErrorKind::Write, "cannot be written: it is a folder".to_owned()),
            _ => (ErrorKind::Write, format!("cannot be written: {source}")),
        };
        Error::new(kind, message).in_file(name).caused_by(source)
    }

    pub(crate) fn exists(name: &str) -> Self {
        Error::new(ErrorKind::Exists, EXISTS).in_file(name)
    }

    pub(crate) fn cancelled() -> Self {
        Error::new(ErrorKind::Cancelled, "the run was cancelled")
    }

    pub(crate) fn panic(message: &str) -> Self {
        let message = format!("a worker panicked: {message}; this is a bug, please report it");
        Error::new(ErrorKind::Panic, message)
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The input or output it is about, as it was named; `-` is standard input.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The line it is about, from 1.
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// The offset of the byte it is about, from 0, in the decompressed input.
    pub fn byte(&self) -> Option<u64> {
        self.0.byte
    }
}

const EXISTS: &str = "is there already; choose another name or allow overwriting with `--force`";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match (&inner.place, &inner.path, inner.line) {
            (Some(place), ..) => write!(f, "{place}: ")?,
            (None, Some(path), Some(line)) => write!(f, "{path}:{line}: ")?,
            (None, Some(path), None) => write!(f, "{path}: ")?,
            (None, None, _) => {}
        }
        f.write_str(&inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("path", &self.0.path)
            .field("line", &self.0.line)
            .field("byte", &self.0.byte)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
