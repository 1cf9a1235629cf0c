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

    /// The registered formats.
    pub(crate) fn formats(&self) -> Result<Option<Vec<Format>>> {
        self.output(&["formats", "--json"])?
            .as_deref()
            .map(parse_formats)
            .transpose()
    }
}

/// A registered format, as far as the automation knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) name: String,
    /// What it takes: `conversation`, `preference`, ….
    pub(crate) shapes: Vec<String>,
}

fn binary(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace
        .target()
        .join(profile)
        .join(format!("tracemill{}", std::env::consts::EXE_SUFFIX))
}

/// The `name` and the `shapes` of every format in a JSON array; other names, which have no shapes, are passed over.
fn parse_formats(json: &str) -> Result<Vec<Format>> {
    let formats: Vec<Value> = serde_json::from_str(json)
        .map_err(|error| format!("`tracemill formats --json` is no JSON array: {error}"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let format = |format: &Value| {
        Some(Format {
            name: text(&format["name"])?,
            shapes: format["shapes"].as_array()?.iter().filter_map(text).collect(),
        })
    };
    let is_other = |format: &&Value| {
        ["writes", "reads", "declined"]
            .iter()
            .any(|key| !format[key].is_null())
    };
    let formats: Option<Vec<Format>> = formats
        .iter()
        .filter(|value| !is_other(value))
        .map(format)
        .collect();
    formats.ok_or_else(|| "`tracemill formats --json` has a format without `name` or `shapes`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_in_order() {
        let json = r#"[{"name":"openai","shapes":["conversation"],"more":1},{"name":"trl-kto","shapes":["labelled"]}]"#;
        let format = |name: &str, shape: &str| Format {
            name: name.to_owned(),
            shapes: vec![shape.to_owned()],
        };
        assert_eq!(
            parse_formats(json).unwrap(),
            [format("openai", "conversation"), format("trl-kto", "labelled")]
        );
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(parse_formats(r#"{"openai":{}}"#).is_err());
        assert!(parse_formats(r#"[{"title":"openai","shapes":[]}]"#).is_err());
        assert!(parse_formats(r#"[{"name":"openai"}]"#).is_err());
    }
}
