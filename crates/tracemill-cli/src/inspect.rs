//! `tracemill inspect`: what is in some files, as a page in the terminal, as JSON, or as an HTML page.

mod json;
mod page;
mod terminal;

use std::process::ExitCode;

use tracemill::curate::Choosing;
use tracemill::formats::{EncodeOptions, FormatSpec};
use tracemill::io::{Cancel, Digest, Overwrite, Threads};
use tracemill::model::Shape;
use tracemill::{Curation, Inspecting, Ledger, Mill};

use crate::args::{InspectArgs, TrialArg};
use crate::failure::Failure;
use crate::job;
use crate::list::print;
use crate::progress::Bar;
use crate::tokens;

/// As many traces can be read in the HTML page.
const SAMPLES: usize = 200;
/// What the HTML page tries unless it is told. These cost about what all else does, all formats eight times.
const COMMON: [&str; 5] = ["openai", "hf", "sharegpt", "anthropic", "gemini"];

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
    if let Some(tokenizer) = tokens::tokenizer(&args.tokens)? {
        builder.tokenizer(tokenizer);
    }
    if let Some(shares) = &args.split {
        let mut choosing = Choosing::new();
        choosing
            .split(shares.clone(), args.split_by.unwrap_or_default())
            .seed(args.seed);
        builder.curation(Curation::new().with_choosing(choosing));
    }
    let cancel = Cancel::default();
    job::stop_on_signals(&cancel)?;
    let bar = Bar::start(args.run.progress, args.run.quiet);
    let samples = if page.is_some() { SAMPLES } else { 0 };
    let inspected = Inspecting::new(builder)
        .with_samples(samples)
        .with_formats(formats(args))
        .with_progress(bar.progress())
        .with_cancel(&cancel)
        .run(job::inputs(&args.input)?);
    bar.finish();
    let inspected = inspected?;
    let cost = cost(args, inspected.ledger());
    if let Some(mut output) = page {
        output
            .append(page::html(&inspected, cost).as_bytes())
            .map_err(tracemill::Error::from)?;
        output.commit().map_err(tracemill::Error::from)?;
        if !args.json {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let text = if args.json {
        json::text(&inspected, cost)
    } else {
        terminal::text(&inspected, cost)
    };
    print(text.as_bytes())
}

/// The formats that are tried, each once.
fn formats(args: &InspectArgs) -> Vec<FormatSpec> {
    let common = COMMON
        .iter()
        .filter(|_| args.to.is_empty() && args.html.is_some());
    let mut formats: Vec<_> = common.filter_map(|name| name.parse().ok()).collect();
    let mut add = |format: FormatSpec| {
        if !formats.contains(&format) {
            formats.push(format);
        }
    };
    for arg in &args.to {
        match arg {
            TrialArg::One(format) => add(format.clone()),
            TrialArg::All => all().for_each(&mut add),
        }
    }
    formats
}

/// The formats that conversations can be written in with no more than their name.
fn all() -> impl Iterator<Item = FormatSpec> {
    tracemill::formats::formats()
        .iter()
        .filter(|format| format.shapes().contains(&Shape::Conversation))
        .map(FormatSpec::of)
        .filter(|spec| spec.encoder(&EncodeOptions::default()).is_ok())
}

/// What training would cost: tokens × epochs × price of a million.
#[expect(clippy::cast_precision_loss, reason = "a cost is shown with two decimals")]
fn cost(args: &InspectArgs, ledger: &Ledger) -> Option<Cost> {
    let tokens = ledger.tokens.as_ref()?.sum() * u64::from(args.epochs);
    args.price.map(|price| Cost {
        epochs: args.epochs,
        tokens,
        sum: tokens as f64 / 1e6 * price,
    })
}

/// An estimate, in the currency of the price.
#[derive(Clone, Copy, Debug)]
struct Cost {
    epochs: u32,
    /// Those that are trained on, of all epochs.
    tokens: u64,
    sum: f64,
}
