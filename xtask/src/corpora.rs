//! `cargo xtask corpora`: what becomes of recorded files that are not in the repository, as a table in `docs/corpora.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::args::Args;
use crate::docs::with_block;
use crate::program::Program;
use crate::workspace::Workspace;

const PAGE: &str = "docs/corpora.md";
const BLOCK: &str = "corpora";

pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result {
    let path = args
        .option("--path")?
        .ok_or("`--path` must name the folder of the corpora")?;
    args.finish()?;
    let program = Program::build(workspace)?;
    let scratch = workspace.target().join("corpora");
    fs::create_dir_all(&scratch)?;
    let mut rows = BTreeMap::new();
    for folder in entries(Path::new(&path))?
        .into_iter()
        .filter(|entry| entry.is_dir())
    {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut counts = Counts::default();
        for file in files(&folder)? {
            counts.add(&read(&program, &file, &scratch)?);
        }
        rows.insert(name, counts);
    }
    if rows.is_empty() {
        return Err(format!("there are no folders in `{path}`").into());
    }
    let page = workspace.root().join(PAGE);
    let new = with_block(&fs::read_to_string(&page)?, BLOCK, &table(&rows))?;
    fs::write(&page, new)?;
    println!("wrote `{BLOCK}` in {PAGE}: {} corpora", rows.len());
    Ok(())
}

/// What became of the files of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    files: u64,
    not_read: u64,
    records: u64,
    skipped: u64,
    traces: u64,
    messages: u64,
    calls: u64,
    results: u64,
    scores: u64,
    /// Records and traces that were rejected, by code.
    rejected: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.files += other.files;
        self.not_read += other.not_read;
        self.records += other.records;
        self.skipped += other.skipped;
        self.traces += other.traces;
        self.messages += other.messages;
        self.calls += other.calls;
        self.results += other.results;
        self.scores += other.scores;
        for (code, count) in &other.rejected {
            *self.rejected.entry(code.clone()).or_default() += count;
        }
    }

    /// Counts what a report says of records.
    fn add_report(&mut self, report: &Value) {
        self.records += report["records"]["read"].as_u64().unwrap_or(0);
        // Answers without their question, for one, are read, and no trace comes of them.
        for skipped in [&report["records"]["skipped"], &report["traces"]["unused"]] {
            self.skipped += members(skipped).map(|(_, count)| count).sum::<u64>();
        }
        for rejected in [&report["records"]["rejected"], &report["traces"]["rejected"]] {
            for (code, count) in members(rejected).filter(|(_, count)| *count > 0) {
                *self.rejected.entry(code).or_default() += count;
            }
        }
    }

    /// Counts what a canonical trace holds. Scores are those with a value.
    fn add_trace(&mut self, trace: &Value) {
        self.traces += 1;
        for message in trace["messages"].as_array().into_iter().flatten() {
            self.messages += 1;
            self.calls += message["tool_calls"].as_array().map_or(0, Vec::len) as u64;
            self.results += u64::from(message["role"] == "tool");
        }
        let scores = trace["scores"].as_array().into_iter().flatten();
        self.scores += scores.filter(|score| score.get("value").is_some()).count() as u64;
    }
}

fn members(object: &Value) -> impl Iterator<Item = (String, u64)> {
    let members = object.as_object().into_iter().flatten();
    members.filter_map(|(code, count)| Some((code.clone(), count.as_u64()?)))
}

/// Converts one file to canonical form, and counts.
fn read(program: &Program, file: &Path, scratch: &Path) -> Result<Counts> {
    let (output, report) = (scratch.join("traces.jsonl"), scratch.join("report.json"));
    for old in [&output, &report] {
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    let options = [
        "--to",
        "tracemill",
        "--on-error",
        "skip",
        "--chains",
        "all",
        "--allow-empty",
        "--quiet",
    ];
    let status = Command::new(program.path())
        .arg("convert")
        .arg(file)
        .args(options)
        .arg("--output")
        .arg(&output)
        .arg("--report")
        .arg(&report)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let mut counts = Counts {
        files: 1,
        ..Counts::default()
    };
    // 3 is done, with records that were rejected.
    if !matches!(status.code(), Some(0 | 3)) {
        if status.code().is_none() || status.code() == Some(101) {
            return Err(format!("the program broke down over {}", file.display()).into());
        }
        counts.not_read = 1;
        return Ok(counts);
    }
    counts.add_report(&serde_json::from_str(&fs::read_to_string(&report)?)?);
    for line in fs::read_to_string(&output)?.lines() {
        counts.add_trace(&serde_json::from_str(line)?);
    }
    Ok(counts)
}

/// What stands in a folder, in the order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Every file in a folder and the folders in it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else {
            found.push(entry);
        }
    }
    Ok(found)
}

fn table(rows: &BTreeMap<String, Counts>) -> String {
    let mut table = "| corpus | files | not read | records | skipped | traces | messages | calls | results | scores | rejected |\n\
                     |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for (name, row) in rows {
        let rejected: Vec<_> = row
            .rejected
            .iter()
            .map(|(code, count)| format!("{count} `{code}`"))
            .collect();
        let _ = writeln!(
            table,
            "| `{name}` | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.files,
            row.not_read,
            row.records,
            row.skipped,
            row.traces,
            row.messages,
            row.calls,
            row.results,
            row.scores,
            if rejected.is_empty() {
                "none".to_owned()
            } else {
                rejected.join(", ")
            }
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_score_is_not_counted() {
        let trace = r#"{"messages":[{"role":"assistant","tool_calls":[{"name":"f"},{"name":"g"}]},{"role":"tool"}],
            "scores":[{"name":"a","value":0},{"name":"b","missing":"not judged"}]}"#;
        let mut counts = Counts::default();
        counts.add_trace(&serde_json::from_str(trace).unwrap());
        let expected = Counts {
            traces: 1,
            messages: 2,
            calls: 2,
            results: 1,
            scores: 1,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn codes_of_rejection_are_added_up() {
        let report = r#"{"records":{"read":9,"skipped":{"no-answer":2},"rejected":{"syntax":3,"utf-8":0}},"traces":{"unused":{"no-question":4},"rejected":{"syntax":1}}}"#;
        let mut counts = Counts::default();
        counts.add_report(&serde_json::from_str(report).unwrap());
        assert_eq!((counts.records, counts.skipped), (9, 6));
        let rows = BTreeMap::from([("it".to_owned(), counts)]);
        assert!(table(&rows).ends_with("| `it` | 0 | 0 | 9 | 6 | 0 | 0 | 0 | 0 | 0 | 4 `syntax` |\n"));
    }
}
