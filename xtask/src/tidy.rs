//! `cargo xtask tidy`: the invariants of `docs/architecture.md` that no compiler checks.
//!
//! What is allowed where is data, in `rules.rs`. A finding is one line, `path:line: message`.

mod code;
mod dependencies;
mod files;
mod goldens;
mod links;
mod manifests;
mod mask;
mod paths;
mod rules;

use std::fmt;
use std::path::Path;

use crate::Result;
use crate::args::Args;
use crate::workspace::Workspace;

/// Something that breaks a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Finding {
            path: path.display().to_string(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

pub(crate) fn run(workspace: &Workspace, args: Args) -> Result {
    args.finish()?;
    check(workspace)
}

/// Prints what breaks a rule, and fails if anything does.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let mut findings = Vec::new();
    findings.extend(dependencies::check(workspace)?);
    findings.extend(manifests::check(workspace)?);
    findings.extend(code::check(workspace)?);
    findings.extend(links::check(workspace)?);
    findings.extend(goldens::check(workspace)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err("1 finding".into()),
        count => Err(format!("{count} findings").into()),
    }
}

/// The number of the line that holds the byte at `offset`, counted from one.
fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}
