//! Every registered format has a golden file for every case.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::Result;
use crate::program::{Format, Program};
use crate::workspace::Workspace;

/// The folders of cases, and which formats have a golden in each case of them. One folder a case; in it
/// `input.jsonl`, and files whose names begin with that of a format.
const FOLDERS: [(&str, Kind); 2] = [
    ("crates/tracemill-formats/tests/golden", takes_conversations),
    (
        "crates/tracemill-formats/tests/golden-preference",
        takes_candidates,
    ),
];

type Kind = fn(&Format) -> bool;

fn takes_conversations(format: &Format) -> bool {
    format.shapes.iter().any(|shape| shape == "conversation")
}

fn takes_candidates(format: &Format) -> bool {
    let shapes = ["preference", "labelled", "ranked"];
    format.shapes.iter().any(|shape| shapes.contains(&shape.as_str()))
}

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut folders = Vec::new();
    for (folder, kind) in FOLDERS {
        let cases = cases(workspace.root(), folder)?;
        if cases.is_empty() {
            println!("note: there is no case in {folder} yet");
        }
        folders.push((cases, kind));
    }
    if folders.iter().all(|(cases, _)| cases.is_empty()) {
        return Ok(Vec::new());
    }
    let Some(formats) = Program::build(workspace)?.formats()? else {
        println!("note: `tracemill formats --json` does not exist yet: no golden was looked for");
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    for (cases, kind) in folders {
        let names: Vec<_> = formats
            .iter()
            .filter(|format| kind(format))
            .map(|format| format.name.clone())
            .collect();
        findings.extend(cases.iter().flat_map(|case| missing(case, &names)));
    }
    Ok(findings)
}

struct Case {
    folder: PathBuf,
    /// Names of its files up to the first full stop.
    names: BTreeSet<String>,
}

fn cases(root: &Path, folder: &str) -> Result<Vec<Case>> {
    if !root.join(folder).exists() {
        return Ok(Vec::new());
    }
    let mut cases = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let folder = Path::new(folder).join(entry.file_name());
            cases.push(Case {
                names: names(&entry.path())?,
                folder,
            });
        }
    }
    cases.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(cases)
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.split('.').next().map(str::to_owned));
    }
    Ok(names)
}

/// The formats without a file in a case.
fn missing(case: &Case, formats: &[String]) -> Vec<Finding> {
    let absent = formats.iter().filter(|&format| !case.names.contains(format));
    let message = |format| format!("no golden for the format `{format}`: run `cargo xtask golden`");
    absent
        .map(|format| Finding::new(&case.folder, 1, message(format)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_without_a_file_are_found() {
        let case = Case {
            folder: "golden/plain".into(),
            names: ["input", "openai"].map(str::to_owned).into(),
        };
        let formats = ["openai", "hf"].map(str::to_owned);
        let found: Vec<String> = missing(&case, &formats).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["golden/plain:1: no golden for the format `hf`: run `cargo xtask golden`"]
        );
    }

    #[test]
    fn formats_belong_to_the_folders_of_what_they_take() {
        let format = |shapes: &[&str]| Format {
            name: "x".to_owned(),
            shapes: shapes.iter().map(|&shape| shape.to_owned()).collect(),
        };
        let chat = format(&["conversation"]);
        assert!(takes_conversations(&chat) && !takes_candidates(&chat));
        let pairs = format(&["preference", "ranked"]);
        assert!(takes_candidates(&pairs) && !takes_conversations(&pairs));
    }

    #[test]
    fn cases_are_folders_and_names_end_at_the_first_full_stop() {
        let root = tempfile::tempdir().unwrap();
        let (folder, _) = FOLDERS[0];
        assert!(cases(root.path(), folder).unwrap().is_empty());
        let case = root.path().join(folder).join("plain");
        fs::create_dir_all(&case).unwrap();
        for file in ["input.jsonl", "openai.jsonl", "sharegpt.error.txt"] {
            fs::write(case.join(file), "").unwrap();
        }
        let found = cases(root.path(), folder).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].names.iter().collect::<Vec<_>>(),
            ["input", "openai", "sharegpt"]
        );
    }
}
