//! An input that can be read only once, with a beginning that can be looked at first.

use super::{Input, InputStream};
use crate::error::{Error, ErrorKind};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

/// A reader that is handed out once; what [`Once::head`] took from it comes again.
pub(super) struct Once(Mutex<State>);

enum State {
    Fresh(Box<dyn Read + Send>),
    Peeked(Replay),
    Taken,
}

impl Once {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Once(Mutex::new(State::Fresh(reader)))
    }

    /// Puts another reader around the one that is not read yet.
    pub(super) fn wrap(&self, around: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match std::mem::replace(&mut *state, State::Taken) {
            State::Fresh(reader) => State::Fresh(around(reader)),
            other => other,
        };
    }

    pub(super) fn head(&self, limit: usize, input: &Input) -> Result<Vec<u8>, Error> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replay = take(&mut state, input)?;
        replay.peek(limit);
        let head = replay.peeked[..limit.min(replay.peeked.len())].to_vec();
        *state = State::Peeked(replay);
        Ok(head)
    }

    pub(super) fn open(&self, input: &Input) -> Result<InputStream, Error> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let replay = take(&mut state, input)?;
        Ok(InputStream {
            reader: Box::new(replay),
        })
    }
}

fn take(state: &mut State, input: &Input) -> Result<Replay, Error> {
    match std::mem::replace(state, State::Taken) {
        State::Fresh(raw) => {
            let stream = input.decode(raw, input.meter.clone())?;
            Ok(Replay {
                peeked: Vec::new(),
                next: 0,
                failure: None,
                stream,
            })
        }
        State::Peeked(replay) => Ok(replay),
        State::Taken => {
            let message = "can be read only once; save it to a file and name that";
            Err(Error::new(ErrorKind::Unsupported, message).in_file(input.name()))
        }
    }
}

/// Gives the peeked bytes, then the failure that ended the peek if there was one, then the rest of the stream.
struct Replay {
    peeked: Vec<u8>,
    next: usize,
    failure: Option<io::Error>,
    stream: InputStream,
}

impl Replay {
    fn peek(&mut self, limit: usize) {
        let missing = limit.saturating_sub(self.peeked.len()) as u64;
        if missing == 0 || self.failure.is_some() {
            return;
        }
        // Bytes that arrive before a failure stay in `peeked`.
        self.failure = self
            .stream
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.peeked)
            .err();
    }
}

impl Read for Replay {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.next < self.peeked.len() {
            let read = (&self.peeked[self.next..]).read(buf)?;
            self.next += read;
            return Ok(read);
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.stream.read(buf),
        }
    }
}
