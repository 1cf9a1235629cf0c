//! `inspect --split` says what `convert --split` writes, option for option.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/samples/tau-bench-airline.json"
);
const SHARES: &str = "train=0.6,validation=0.2,test=0.2";

/// What the program prints, given the sample on standard input.
fn printed(arguments: &[&str], options: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tracemill"))
        .args(arguments)
        .args(["--split", SHARES])
        .args(options)
        .stdin(Stdio::from(File::open(SAMPLE).unwrap()))
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of each file that a conversion writes.
fn converted(folder: &Path, options: &[&str]) -> Vec<usize> {
    let folder = folder.join("sides");
    let place = folder.to_str().unwrap();
    printed(
        &["convert", "-", "--to", "tracemill", "--force", "-q", "-o", place],
        options,
    );
    let lines = |name| fs::read_to_string(folder.join(name)).unwrap().lines().count();
    ["train.jsonl", "validation.jsonl", "test.jsonl"]
        .map(lines)
        .to_vec()
}

/// The number behind each `"traces":` among the sides.
fn inspected(options: &[&str]) -> Vec<usize> {
    let json = printed(&["inspect", "-", "--json"], options);
    let (_, sides) = json.split_once(r#""sides":["#).expect("the sides are there");
    let numbers = sides.split(r#""traces":"#).skip(1);
    let number = |text: &str| text.split(',').next().unwrap().parse().unwrap();
    numbers.map(number).collect()
}

#[test]
fn the_counts_are_those_of_the_files() {
    let folder = TempDir::new().unwrap();
    let mut different = Vec::new();
    let seeds = ["0", "1", "2", "3"];
    for by in ["hash", "shuffled", "positional"] {
        for seed in seeds {
            let options = ["--split-by", by, "--seed", seed];
            let counts = inspected(&options);
            assert_eq!(counts, converted(folder.path(), &options), "{options:?}");
            different.push(counts);
        }
    }
    assert_eq!(
        inspected(&[]),
        converted(folder.path(), &[]),
        "the defaults are the same"
    );
    different.sort();
    different.dedup();
    assert!(different.len() > 3, "the options matter: {different:?}");
}
