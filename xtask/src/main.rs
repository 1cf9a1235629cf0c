//! The automation of this repository, in Rust, so that it needs nothing that the build does not need.
//!
//! `cargo xtask` lists the commands; each is one module. Paths in messages are relative to the repository.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers talks to its user"
)]

mod args;
mod bench;
mod ci;
mod conformance;
mod corpora;
mod corpus;
mod docs;
mod golden;
mod program;
mod release;
mod tidy;
mod workspace;

use std::process::ExitCode;

use args::Args;
use workspace::Workspace;

/// Any failure of a command: its message is for the person who ran it.
type Error = Box<dyn std::error::Error>;
type Result<T = ()> = std::result::Result<T, Error>;

/// One word after `cargo xtask`.
struct Command {
    name: &'static str,
    options: &'static str,
    summary: &'static str,
    run: fn(&Workspace, Args) -> Result,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        options: "",
        summary: "everything that continuous integration runs, in its order, up to the first failure",
        run: ci::run,
    },
    Command {
        name: "tidy",
        options: "",
        summary: "the rules that no compiler checks: arrows between crates, manifests, goldens, links",
        run: tidy::run,
    },
    Command {
        name: "golden",
        options: "",
        summary: "write the golden files anew, and list those that changed",
        run: golden::run,
    },
    Command {
        name: "corpus",
        options: "[--kind chat|chat-array|candidates|grouped] [--size 200MB] [--seed 1] [--out FILE]",
        summary: "write a seeded workload",
        run: corpus::run,
    },
    Command {
        name: "corpora",
        options: "--path DIR",
        summary: "read the recorded files in a folder of corpora, and write the table of docs/corpora.md anew",
        run: corpora::run,
    },
    Command {
        name: "bench",
        options: "[--only criterion|program] [--filter TEXT] [--runs 5] [--size 200MB,1GB]",
        summary: "criterion's benchmarks, then the whole program: CPU time and peak memory of each job",
        run: bench::run,
    },
    Command {
        name: "docs",
        options: "[--check]",
        summary: "write the generated blocks of docs/*.md anew, or fail if one is stale",
        run: docs::run,
    },
    Command {
        name: "conformance",
        options: "[--group light|legacy|frames|trl] [--heavy] [--write]",
        summary: "what the real consumers say of the golden files, against the verdicts that are committed",
        run: conformance::run,
    },
    Command {
        name: "release check",
        options: "[--allow-dirty]",
        summary: "notes, versions, licences, and every crate built from its own archive",
        run: release::check,
    },
    Command {
        name: "release publish",
        options: "[--execute]",
        summary: "publish every crate; only a rehearsal without --execute",
        run: release::publish,
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = find_command(&words) else {
        return usage(&words);
    };
    let outcome = Workspace::load().and_then(|workspace| (command.run)(&workspace, Args::new(rest)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {}: {error}", command.name);
            ExitCode::FAILURE
        }
    }
}

/// The command that the first words name, and the words after it.
fn find_command(words: &[String]) -> Option<(&'static Command, &[String])> {
    COMMANDS.iter().find_map(|command| {
        let length = command.name.split(' ').count();
        let matches = words.iter().take(length).eq(command.name.split(' '));
        matches.then(|| (command, &words[length..]))
    })
}

/// Prints the commands; a word that is none of them is wrong usage.
fn usage(words: &[String]) -> ExitCode {
    let unknown = words
        .first()
        .filter(|word| !["help", "--help", "-h"].contains(&word.as_str()));
    if let Some(word) = unknown {
        eprintln!("cargo xtask: no command is called `{word}`\n");
    }
    println!("Usage: cargo xtask <command> [options]\n");
    for command in COMMANDS {
        println!("  {:<16} {}", command.name, command.summary);
        if !command.options.is_empty() {
            println!("  {:<16} {}", "", command.options);
        }
    }
    if unknown.is_some() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn commands_are_found_by_one_or_two_words() {
        let line = words("release check --allow-dirty");
        let (command, rest) = find_command(&line).unwrap();
        assert_eq!((command.name, rest), ("release check", &line[2..]));
        assert!(find_command(&words("release")).is_none());
        assert!(find_command(&words("cleanup")).is_none());
        assert!(find_command(&[]).is_none());
    }

    #[test]
    fn no_command_hides_another() {
        for command in COMMANDS {
            assert_eq!(find_command(&words(command.name)).unwrap().0.name, command.name);
        }
    }
}
