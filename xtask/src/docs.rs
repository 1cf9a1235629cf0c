//! `cargo xtask docs`: blocks of the documentation that the program itself writes.
//!
//! A block stands between `<!-- generated: NAME -->` and `<!-- /generated -->`, each on a line of its own.

use std::fs;

use crate::Result;
use crate::args::Args;
use crate::program::Program;
use crate::workspace::Workspace;

/// Where a block stands, and the arguments that make the program print it.
struct Block {
    file: &'static str,
    name: &'static str,
    command: &'static [&'static str],
}

const BLOCKS: &[Block] = &[
    Block {
        file: "docs/formats.md",
        name: "formats",
        command: &["formats", "--markdown"],
    },
    Block {
        file: "docs/losses.md",
        name: "losses",
        command: &["losses", "--markdown"],
    },
    Block {
        file: "docs/sources.md",
        name: "sources",
        command: &["sources", "--markdown"],
    },
];

const START: &str = "<!-- generated: ";
const END: &str = "<!-- /generated -->";

/// What to do with a block that differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Check,
}

pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result {
    let mode = if args.flag("--check") {
        Mode::Check
    } else {
        Mode::Write
    };
    args.finish()?;
    generate(workspace, mode)
}

/// Fails if a block is not what the program prints.
pub(crate) fn check(workspace: &Workspace) -> Result {
    generate(workspace, Mode::Check)
}

fn generate(workspace: &Workspace, mode: Mode) -> Result {
    let program = Program::build(workspace)?;
    let mut stale = Vec::new();
    for block in BLOCKS {
        let path = workspace.root().join(block.file);
        if !path.exists() {
            println!("note: {} does not exist yet", block.file);
            continue;
        }
        let Some(body) = program.output(block.command)? else {
            println!("note: `tracemill {}` does not exist yet", block.command.join(" "));
            continue;
        };
        let old = fs::read_to_string(&path)?;
        let new = with_block(&old, block.name, &body).map_err(|error| format!("{}: {error}", block.file))?;
        if new == old {
            continue;
        }
        match mode {
            Mode::Check => stale.push(format!("`{}` in {}", block.name, block.file)),
            Mode::Write => {
                fs::write(&path, new)?;
                println!("wrote `{}` in {}", block.name, block.file);
            }
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale: {}; run `cargo xtask docs`", stale.join(", ")).into())
}

/// The text with another body in the block called `name`.
pub(crate) fn with_block(text: &str, name: &str, body: &str) -> Result<String> {
    let start = format!("{START}{name} -->\n");
    let (before, rest) = text
        .split_once(&start)
        .ok_or_else(|| format!("there is no block `{name}`"))?;
    let no_end = || format!("the block `{name}` has no end");
    let (old, after) = rest.split_once(END).ok_or_else(no_end)?;
    if old.contains(START) {
        return Err(no_end().into());
    }
    if after.contains(&start) {
        return Err(format!("there are two blocks `{name}`").into());
    }
    Ok(format!("{before}{start}\n{}\n\n{END}{after}", body.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n\n<!-- generated: a -->\nold\n<!-- /generated -->\n\ntext\n\n\
                        <!-- generated: b -->\n<!-- /generated -->\n";

    #[test]
    fn only_the_named_block_changes() {
        let page = with_block(PAGE, "a", "| x |\n").unwrap();
        assert_eq!(
            page,
            "# A\n\n<!-- generated: a -->\n\n| x |\n\n<!-- /generated -->\n\ntext\n\n\
             <!-- generated: b -->\n<!-- /generated -->\n"
        );
        let page = with_block(&page, "b", "| y |").unwrap();
        assert!(page.contains("| x |") && page.ends_with("-->\n\n| y |\n\n<!-- /generated -->\n"));
    }

    #[test]
    fn writing_twice_changes_nothing() {
        let once = with_block(PAGE, "a", "| x |\n").unwrap();
        assert_eq!(with_block(&once, "a", "| x |\n").unwrap(), once);
    }

    #[test]
    fn broken_blocks_are_errors() {
        assert!(with_block(PAGE, "c", "").is_err());
        assert!(with_block("<!-- generated: a -->\nold\n", "a", "").is_err());
        assert!(with_block(&PAGE.replacen(END, "", 1), "a", "").is_err());
        assert!(with_block(&format!("{PAGE}{PAGE}"), "a", "").is_err());
    }
}
