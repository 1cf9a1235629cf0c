//! What one run of a program uses.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;

/// Starts the program and asks the system afterwards; Python is there on every machine that we measure on.
const SCRIPT: &str = include_str!("measure.py");

/// One measured run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// User and system seconds of all threads.
    pub(super) cpu: f64,
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// The most memory in use, in bytes.
    pub(super) peak: u64,
    /// Whether `peak` is the program's own, and not only an upper bound.
    pub(super) peak_is_seen: bool,
}

/// Runs a program with its output thrown away.
pub(super) fn measure(program: &Path, arguments: &[String]) -> Result<Sample> {
    let mut python = Command::new("python3");
    python
        .args(["-S", "-E", "-c", SCRIPT])
        .arg(program)
        .args(arguments);
    let output = python
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if !output.status.success() {
        return Err("python3 could not measure the program".into());
    }
    parse(&String::from_utf8(output.stdout)?)
}

fn parse(json: &str) -> Result<Sample> {
    let report: Value = serde_json::from_str(json)?;
    if report["status"] != 0 {
        return Err(format!("the program ended with status {}", report["status"]).into());
    }
    let read = || {
        Some(Sample {
            cpu: report["cpu"].as_f64()?,
            wall: report["wall"].as_f64()?,
            peak: report["peak"].as_u64()?,
            peak_is_seen: report["peak_is_seen"].as_bool()?,
        })
    };
    read().ok_or_else(|| format!("the measuring script reported {json}").into())
}

/// Runs a program and counts what it writes to its standard output.
pub(super) fn output_bytes(program: &Path, arguments: &[String]) -> Result<u64> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = child.stdout.take().ok_or("the program has no output")?;
    let bytes = io::copy(&mut stdout, &mut io::sink())?;
    drop(stdout);
    let status = child.wait()?;
    if status.success() {
        Ok(bytes)
    } else {
        Err(format!("`{}`: {status}", arguments.join(" ")).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let report = r#"{"status": 0, "cpu": 0.25, "wall": 0.5, "peak": 12000, "peak_is_seen": false}"#;
        let sample = Sample {
            cpu: 0.25,
            wall: 0.5,
            peak: 12_000,
            peak_is_seen: false,
        };
        assert_eq!(parse(report).unwrap(), sample);
        assert!(parse(&report.replace("\"status\": 0", "\"status\": 1")).is_err());
        assert!(parse(&report.replace("wall", "walls")).is_err());
        assert!(parse("").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_script_measures_a_program() {
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done";
        let arguments = ["-c", script].map(str::to_owned);
        let sample = measure(Path::new("/bin/sh"), &arguments).unwrap();
        assert!(
            sample.cpu > 0.0 && sample.wall > 0.0 && sample.peak > 100_000,
            "{sample:?}"
        );
        assert_eq!(output_bytes(Path::new("/bin/sh"), &arguments).unwrap(), 5);
        assert!(measure(Path::new("/bin/sh"), &["-c", "exit 3"].map(str::to_owned)).is_err());
        assert!(output_bytes(Path::new("/bin/sh"), &["-c", "exit 3"].map(str::to_owned)).is_err());
    }
}
