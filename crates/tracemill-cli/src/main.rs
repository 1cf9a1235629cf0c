//! The `tracemill` program: arguments, progress, messages, exit status. Everything else is in the crates below.
#![forbid(unsafe_code)]

mod args;
mod check;
mod choose;
mod convert;
mod failure;
mod inspect;
mod job;
mod list;
mod losses;
mod names;
mod pairs;
mod progress;
mod show;
mod summary;
mod tokens;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Convert(args) => convert::run(&args),
        Command::Pairs(args) => pairs::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Formats(args) => list::formats(&args),
        Command::Losses(args) => losses::losses(&args),
        Command::Sources(args) => list::sources(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man => manual(),
    };
    result.unwrap_or_else(|failure| failure.report())
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, failure::Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tracemill", &mut script);
    list::print(&script)
}

fn manual() -> Result<ExitCode, failure::Failure> {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    for command in
        std::iter::once(&root).chain(root.get_subcommands().filter(|command| !command.is_hide_set()))
    {
        clap_mangen::Man::new(command.clone())
            .render(&mut page)
            .map_err(failure::Failure::print)?;
    }
    list::print(&page)
}
