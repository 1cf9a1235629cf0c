//! The `tracemill` program, asked about itself: it is the only list of formats.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use xshell::cmd;

use crate::Result;
use crate::workspace::Workspace;

/// The exit status for wrong usage, which is also that of a command that does not exist yet.
const WRONG_USAGE: i32 = 2;

/// The program as built from this workspace.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// Builds the program as the tests build it, so that little or nothing is compiled twice.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        let shell = workspace.shell();
        cmd!(
            shell,
            "cargo build --quiet --workspace --all-features --bin tracemill --locked"
        )
        .quiet()
        .run()?;
        Ok(Program {
            path: binary(workspace, "debug"),
        })
    }

    /// Builds the program as users get it.
    pub(crate) fn build_release(workspace: &Workspace) -> Result<Self> {
        let shell = workspace.shell();
        cmd!(shell, "cargo build --release --package tracemill-cli --locked").run()?;
        Ok(Program {
            path: binary(workspace, "release"),
        })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What the program prints for `args`; nothing if it does not know them yet.
    pub(crate) fn output(&self, args: &[&str]) -> Result<Option<String>> {
        let output = Command::new(&self.path)
            .args(args)
            .stdin(Stdio::null())
            .output()?;
        let unknown = output.status.code() == Some(WRONG_USAGE);
        if unknown || (output.status.success() && output.stdout.is_empty()) {
            return Ok(None);
        }
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`tracemill {}` failed: {}", args.join(" "), message.trim()).into());
        }
        Ok(Some(String::from_utf8(output.stdout)?))
    }

    /// The names of the registered formats.
    pub(crate) fn formats(&self) -> Result<Option<Vec<String>>> {
        self.output(&["formats", "--json"])?
            .as_deref()
            .map(parse_names)
            .transpose()
    }
}

fn binary(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace
        .target()
        .join(profile)
        .join(format!("tracemill{}", std::env::consts::EXE_SUFFIX))
}

/// The `name` of every member of a JSON array.
fn parse_names(json: &str) -> Result<Vec<String>> {
    let formats: Vec<Value> = serde_json::from_str(json)
        .map_err(|error| format!("`tracemill formats --json` is no JSON array: {error}"))?;
    let name = |format: &Value| format["name"].as_str().map(str::to_owned);
    let names: Option<Vec<String>> = formats.iter().map(name).collect();
    names.ok_or_else(|| "`tracemill formats --json` has a format without a `name`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_order() {
        let json = r#"[{"name":"openai","kinds":[]},{"name":"hf"}]"#;
        assert_eq!(parse_names(json).unwrap(), ["openai", "hf"]);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(parse_names(r#"{"openai":{}}"#).is_err());
        assert!(parse_names(r#"[{"title":"openai"}]"#).is_err());
    }
}
