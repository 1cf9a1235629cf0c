//! `tracemill check`.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use tracemill::io::{Cancel, Threads};
use tracemill::model::JsonWriter;
use tracemill::{Checking, Error, ErrorKind, Found};

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::job;
use crate::progress::Bar;

/// Something was found.
const FOUND: u8 = 1;
/// A file could not be read.
const UNREADABLE: u8 = 2;

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let inputs = tracemill::io::expand(&args.files, |name| name.contains(".json")).map_err(Error::from);
    let cancel = Cancel::default();
    job::stop_on_signals(&cancel)?;
    let bar = Bar::start(args.run.progress, args.run.quiet);
    let checking = Checking::new(args.format.clone())
        .with_threads(args.run.threads.map_or(Threads::default(), Threads::exactly))
        .with_record_limit(args.max_record)
        .with_progress(bar.progress())
        .with_cancel(&cancel);
    let mut out = BufWriter::new(std::io::stdout());
    let mut broken = None;
    let result = inputs.and_then(|inputs| {
        checking.run(inputs, |found| {
            write(found, args.json, &mut out).map_err(|error| {
                broken = Some(error);
                Error::new(ErrorKind::ClosedPipe, "standard output cannot be written")
            })
        })
    });
    bar.finish();
    if let Some(error) = broken {
        return Err(Failure::print(error));
    }
    out.flush().map_err(Failure::print)?;
    let checked = match result {
        Ok(checked) => checked,
        Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
        Err(error) => return Ok(Failure::Run(error).report_as(UNREADABLE)),
    };
    if !args.run.quiet {
        let found = checked.findings.total();
        let by_code = if found == 0 {
            String::new()
        } else {
            format!(": {}", checked.findings)
        };
        anstream::eprintln!(
            "{} records as `{}`, {found} findings{by_code}",
            checked.records,
            args.format
        );
    }
    Ok(ExitCode::from(if checked.findings.is_empty() {
        0
    } else {
        FOUND
    }))
}

/// Writes a finding on one line, for people or for programs.
fn write(found: &Found, json: bool, out: &mut impl Write) -> std::io::Result<()> {
    if json {
        let mut line = Vec::new();
        let mut w = JsonWriter::new(&mut line);
        w.begin_object();
        w.key("path").str(found.path());
        if let Some(number) = found.line() {
            w.key("line").number(number);
        }
        w.key("code").str(found.code());
        w.key("pointer").str(found.pointer());
        w.key("message").str(found.message());
        w.end_object();
        line.push(b'\n');
        return out.write_all(&line);
    }
    match found.pointer() {
        "" => writeln!(out, "{}: {}: {}", found.place(), found.code(), found.message()),
        pointer => writeln!(
            out,
            "{}: {}: {} ({pointer})",
            found.place(),
            found.code(),
            found.message()
        ),
    }
}
