//! Records as files: canonical ones, and what becomes of the others.
//!
//! `canonical.jsonl` must come out as it went in. Each `accepted/<case>.jsonl` has its canonical form in
//! `accepted/<case>.canonical.jsonl`, rewritten when `UPDATE_GOLDEN` is set.

use std::fs;
use std::path::{Path, PathBuf};

use crate::trace::canonical;

/// The folder of the test data.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The files of a folder under the test data whose names end in `suffix`, in name order.
pub(crate) fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data().join(folder)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(suffix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// The rich records that other tests cut and damage: all that are here in the canonical form.
pub(crate) fn canonical_lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut paths = files("accepted", ".canonical.jsonl");
    paths.push(data().join("canonical.jsonl"));
    for path in paths {
        lines.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
    }
    lines
}

/// Compares with a file, or rewrites it when `UPDATE_GOLDEN` is set.
pub(crate) fn check(path: &Path, found: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, found).unwrap();
        return;
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    let mut lines = wanted.lines();
    for (number, line) in found.lines().enumerate() {
        let wanted = lines.next().unwrap_or("(nothing)");
        assert_eq!(line, wanted, "{}:{} (left: found)", path.display(), number + 1);
    }
    assert_eq!(found, wanted, "{}", path.display());
}

#[test]
fn canonical_records_come_out_as_they_went_in() {
    for line in canonical_lines() {
        assert_eq!(canonical(&line).unwrap(), line);
    }
}

#[test]
fn accepted_records_have_the_canonical_form_beside_them() {
    for path in files("accepted", ".jsonl") {
        let name = path.to_str().unwrap();
        if name.ends_with(".canonical.jsonl") {
            continue;
        }
        let mut found = String::new();
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let line = canonical(line).unwrap_or_else(|error| panic!("{name}:{}: {error}", number + 1));
            found.push_str(&line);
            found.push('\n');
        }
        check(&path.with_extension("canonical.jsonl"), &found);
    }
}
