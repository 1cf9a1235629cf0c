//! `tracemill inspect`: what is in some files, as a page in the terminal, as JSON, or as an HTML page.

mod json;
mod page;
mod terminal;

use std::process::ExitCode;

use tracemill::io::{Cancel, Digest, Overwrite, Threads};
use tracemill::{Inspecting, Mill};

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::job;
use crate::list::print;
use crate::progress::Bar;

/// As many traces can be read in the HTML page.
const SAMPLES: usize = 200;

pub(crate) fn run(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let overwrite = if args.force {
        Overwrite::Allow
    } else {
        Overwrite::Refuse
    };
    // Opened before any work: that it exists already should not be found out after an hour.
    let page = args.html.as_deref();
    let page = page
        .map(|path| job::output(path, overwrite, Digest::None))
        .transpose()?;
    let mut builder = Mill::builder();
    builder
        .threads(args.run.threads.map_or(Threads::default(), Threads::exactly))
        .memory(args.run.memory);
    job::apply_input(&mut builder, &args.input)?;
    job::apply_traces(&mut builder, &args.traces)?;
    let cancel = Cancel::default();
    job::stop_on_signals(&cancel)?;
    let bar = Bar::start(args.run.progress, args.run.quiet);
    let samples = if page.is_some() { SAMPLES } else { 0 };
    let inspected = Inspecting::new(builder)
        .with_samples(samples)
        .with_progress(bar.progress())
        .with_cancel(&cancel)
        .run(job::inputs(&args.input)?);
    bar.finish();
    let inspected = inspected?;
    if let Some(mut output) = page {
        output
            .append(page::html(&inspected).as_bytes())
            .map_err(tracemill::Error::from)?;
        output.commit().map_err(tracemill::Error::from)?;
        if !args.json {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let text = if args.json {
        json::text(&inspected)
    } else {
        terminal::text(&inspected)
    };
    print(text.as_bytes())
}
