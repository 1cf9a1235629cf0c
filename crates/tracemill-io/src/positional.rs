//! Files that many threads read at once, each at its own place.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// A file of which any part can be read through a shared reference.
#[derive(Debug)]
pub(crate) struct PositionalFile {
    #[cfg(unix)]
    file: File,
    /// Elsewhere reading moves the one position that a file has.
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

#[cfg(unix)]
impl PositionalFile {
    pub(crate) fn new(file: File) -> Self {
        PositionalFile { file }
    }

    /// Fills `buffer` with what stands from `byte` on.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], byte: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, byte)
    }

    /// Reads some of what stands from `byte` on.
    fn read_at(&self, buffer: &mut [u8], byte: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, byte)
    }
}

#[cfg(not(unix))]
impl PositionalFile {
    pub(crate) fn new(file: File) -> Self {
        PositionalFile {
            file: std::sync::Mutex::new(file),
        }
    }

    /// Fills `buffer` with what stands from `byte` on.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], byte: u64) -> io::Result<()> {
        self.seek(byte)?.read_exact(buffer)
    }

    /// Reads some of what stands from `byte` on.
    fn read_at(&self, buffer: &mut [u8], byte: u64) -> io::Result<usize> {
        self.seek(byte)?.read(buffer)
    }

    fn seek(&self, byte: u64) -> io::Result<std::sync::MutexGuard<'_, File>> {
        use std::io::Seek;
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(io::SeekFrom::Start(byte))?;
        Ok(file)
    }
}

/// Reads such a file from some byte on, whoever else reads it.
#[derive(Debug)]
pub(crate) struct PositionalReader {
    file: Arc<PositionalFile>,
    next: u64,
}

impl PositionalReader {
    pub(crate) fn new(file: Arc<PositionalFile>, start: u64) -> Self {
        PositionalReader { file, next: start }
    }
}

impl Read for PositionalReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.next)?;
        self.next += read as u64;
        Ok(read)
    }
}

/// Fills `into` with what stands from `byte` on in bytes that are in memory.
pub(crate) fn copy(bytes: &[u8], byte: u64, into: &mut [u8]) -> io::Result<()> {
    let part = usize::try_from(byte)
        .ok()
        .and_then(|start| bytes.get(start..)?.get(..into.len()));
    into.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}
