//! How the program fails: one message, one exit status.

use std::io::{self, ErrorKind as Io};
use std::process::ExitCode;

use tracemill::{Error, ErrorKind};

/// Done, but records were rejected.
pub(crate) const REJECTED: u8 = 3;
const FAILED: u8 = 1;
const USAGE: u8 = 2;
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Why the program ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The run failed.
    Run(Error),
    /// An argument is wrong in a way that only its use shows.
    Usage(String),
    /// The reader of standard output went away.
    ClosedPipe,
    /// Standard output cannot be written.
    Print(io::Error),
}

impl Failure {
    /// What failed printing means.
    pub(crate) fn print(error: io::Error) -> Self {
        if error.kind() == Io::BrokenPipe {
            Failure::ClosedPipe
        } else {
            Failure::Print(error)
        }
    }

    /// Prints the message and gives this exit status instead of its own.
    pub(crate) fn report_as(&self, status: u8) -> ExitCode {
        self.report();
        ExitCode::from(status)
    }

    /// Prints the message and gives the exit status. A closed pipe is no failure of ours and ends quietly.
    pub(crate) fn report(&self) -> ExitCode {
        let (message, status) = match self {
            Failure::Run(error) => match error.kind() {
                ErrorKind::ClosedPipe => return ExitCode::SUCCESS,
                ErrorKind::Cancelled => ("interrupted; no file was written".to_owned(), INTERRUPTED),
                ErrorKind::Config => (error.to_string(), USAGE),
                _ => (error.to_string(), FAILED),
            },
            Failure::Usage(message) => (message.clone(), USAGE),
            Failure::ClosedPipe => return ExitCode::SUCCESS,
            Failure::Print(error) => (format!("cannot write to standard output: {error}"), FAILED),
        };
        let error = anstyle::AnsiColor::Red.on_default().bold();
        anstream::eprintln!("{error}error:{error:#} {message}");
        ExitCode::from(status)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Run(error)
    }
}
