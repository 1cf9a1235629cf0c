//! The one error of the facade.

use std::fmt;

use crate::ledger::Ledger;

/// Why a run failed, or could not be set up.
///
/// Opaque: callers branch on [`kind`](Error::kind); people read the message, which names the place, the cause and the
/// remedy.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    code: Option<&'static str>,
    ledger: Option<Ledger>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Whose business an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input cannot be read, or its kind is not known.
    Input,
    /// A record is malformed, or the format refuses it.
    Record,
    /// The setting is wrong.
    Config,
    /// Something that this build or format does not do.
    Unsupported,
    /// A limit was passed.
    Limit,
    /// There was nothing to write.
    Empty,
    /// An output cannot be written.
    Output,
    /// The reader of the output went away: no failure for a filter.
    ClosedPipe,
    /// The run was asked to stop.
    Cancelled,
    /// A defect in tracemill.
    Internal,
}

impl Error {
    /// An error with its message.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            ledger: None,
            source: None,
        }))
    }

    /// An error of the setting.
    #[cold]
    pub fn config(message: impl fmt::Display) -> Self {
        Error::new(ErrorKind::Config, message.to_string())
    }

    /// Whose business it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code of a rejected record or a refused loss.
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// The account up to the failure, if the run had begun.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger.as_ref()
    }

    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(crate) fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.0.ledger = Some(ledger);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
