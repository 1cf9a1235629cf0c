//! The end of the line: bytes are counted, digested and handed to the system.

use super::Digest;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use tempfile::NamedTempFile;

pub(super) struct Sink {
    pub(super) raw: Raw,
    pub(super) bytes: u64,
    pub(super) hash: Option<Sha256>,
}

pub(super) enum Raw {
    Temporary(NamedTempFile),
    File(File),
    Memory(Vec<u8>),
    /// Where standard output cannot be had as a file.
    #[cfg(not(any(unix, windows)))]
    Stdout(io::Stdout),
}

impl Raw {
    /// A handle of its own: the one of the standard library looks for line ends.
    #[cfg(unix)]
    pub(super) fn stdout() -> io::Result<Self> {
        use std::os::fd::AsFd;
        io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map(|owned| Raw::File(owned.into()))
    }

    /// A handle of its own: the one of the standard library looks for line ends.
    #[cfg(windows)]
    pub(super) fn stdout() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        io::stdout()
            .as_handle()
            .try_clone_to_owned()
            .map(|owned| Raw::File(owned.into()))
    }

    #[cfg(not(any(unix, windows)))]
    pub(super) fn stdout() -> io::Result<Self> {
        Ok(Raw::Stdout(io::stdout()))
    }
}

impl Sink {
    pub(super) fn new(raw: Raw, digest: Digest) -> Self {
        let hash = match digest {
            Digest::None => None,
            Digest::Sha256 => Some(Sha256::new()),
        };
        Sink { raw, bytes: 0, hash }
    }
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = match &mut self.raw {
            Raw::Temporary(file) => file.as_file_mut().write(buf),
            Raw::File(file) => file.write(buf),
            Raw::Memory(bytes) => bytes.write(buf),
            #[cfg(not(any(unix, windows)))]
            Raw::Stdout(stdout) => stdout.write(buf),
        }?;
        self.bytes += written as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&buf[..written]);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.raw {
            #[cfg(not(any(unix, windows)))]
            Raw::Stdout(stdout) => stdout.flush(),
            _ => Ok(()), // nothing is held back
        }
    }
}

pub(super) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
