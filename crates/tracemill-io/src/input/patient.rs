//! A reader that can be given up on while it waits.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::pipeline::Cancel;

/// How long a cancelled run may go on waiting.
const LOOK: Duration = Duration::from_millis(50);
const PIECE: usize = 64 * 1024;

/// Reads on a thread of its own, so that the reading side can stop waiting. That costs one more copy; the thread is
/// left behind in its system call if the run is cancelled, and ends with the process.
pub(super) struct Patient {
    source: Source,
    cancel: Cancel,
    piece: Vec<u8>,
    next: usize,
}

enum Source {
    Fresh(Option<Box<dyn Read + Send>>),
    Running(Receiver<io::Result<Vec<u8>>>),
}

/// What a reading that was given up fails with.
#[derive(Debug)]
pub(crate) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was cancelled")
    }
}

impl std::error::Error for GivenUp {}

impl Patient {
    pub(super) fn new(reader: Box<dyn Read + Send>, cancel: &Cancel) -> Self {
        Patient {
            source: Source::Fresh(Some(reader)),
            cancel: cancel.clone(),
            piece: Vec::new(),
            next: 0,
        }
    }

    /// The pieces that the thread reads; it starts with the first look.
    fn pieces(&mut self) -> io::Result<&Receiver<io::Result<Vec<u8>>>> {
        if let Source::Fresh(reader) = &mut self.source {
            let (pieces, receiver) = sync_channel(2);
            if let Some(reader) = reader.take() {
                std::thread::Builder::new()
                    .name("tracemill-input".to_owned())
                    .spawn(move || feed(reader, &pieces))?;
            }
            self.source = Source::Running(receiver);
        }
        match &self.source {
            Source::Running(receiver) => Ok(receiver),
            Source::Fresh(_) => Err(io::Error::other("the input was not started")),
        }
    }

    /// The next piece; empty at the end.
    fn wait(&mut self) -> io::Result<Vec<u8>> {
        let cancel = self.cancel.clone();
        let pieces = self.pieces()?;
        loop {
            match pieces.recv_timeout(LOOK) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                    return Err(io::Error::other(GivenUp));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn feed(mut reader: Box<dyn Read + Send>, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = read.is_err();
        let piece = read.map(|read| {
            piece.truncate(read);
            piece
        });
        if pieces.send(piece).is_err() || last {
            return;
        }
    }
}

impl Read for Patient {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.next >= self.piece.len() {
            self.piece = self.wait()?;
            self.next = 0;
        }
        let read = (&self.piece[self.next..]).read(buf)?;
        self.next += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives some bytes, then nothing for ever.
    struct Silent(bool);

    impl Read for Silent {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                std::thread::park_timeout(Duration::from_secs(60));
            }
            buf[..2].copy_from_slice(b"ab");
            Ok(2)
        }
    }

    #[test]
    fn a_cancelled_reading_stops_waiting() {
        let cancel = Cancel::default();
        let mut patient = Patient::new(Box::new(Silent(false)), &cancel);
        let mut buf = [0; 8];
        assert_eq!(patient.read(&mut buf).unwrap(), 2);
        cancel.cancel();
        let error = patient.read(&mut buf).unwrap_err();
        assert!(
            error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<GivenUp>),
            "{error}"
        );
    }

    #[test]
    fn what_is_read_is_what_was_there() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let mut patient = Patient::new(Box::new(io::Cursor::new(bytes.clone())), &Cancel::default());
        let mut read = Vec::new();
        patient.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert_eq!(patient.read(&mut [0; 4]).unwrap(), 0);
    }
}
