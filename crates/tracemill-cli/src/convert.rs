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
    let turns = format!("{:?}", args.turns).to_lowercase();
    job::run("convert", &builder.build()?, &args.job, vec![("turns", turns)])
}
