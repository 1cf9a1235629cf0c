//! `tracemill convert`.

use std::process::ExitCode;

use tracemill::Turns;

use crate::args::{ConvertArgs, TurnsArg};
use crate::failure::Failure;
use crate::job;

pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode, Failure> {
    let mut builder = job::builder(&args.job)?;
    builder.turns(match args.turns {
        TurnsArg::Whole => Turns::Whole,
        TurnsArg::Each => Turns::Each,
        TurnsArg::Last => Turns::Last,
    });
    if let Some(threshold) = args.label_threshold {
        builder.label(threshold);
    }
    let turns = format!("{:?}", args.turns).to_lowercase();
    let mut own = vec![("turns", turns)];
    own.extend(
        args.label_threshold
            .map(|threshold| ("label-threshold", threshold.to_string())),
    );
    job::run("convert", &builder.build()?, &args.job, own)
}
