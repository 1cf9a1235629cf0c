//! Every case under `tests/golden` against every registered format.
//!
//! A case is a folder: `input.jsonl`, perhaps `options.txt` (lines such as `turns each`), and for every format, and
//! for every extension of it, two files. `<spec>.txt` is the account: what was written of each line, under which
//! losses, and what was left out or refused. `<spec>.jsonl` holds the records, with every loss allowed, as the consumer
//! would get them; it is missing when every record was refused.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tracemill-formats --test golden` rewrites them; read the difference.

mod goldens;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use goldens::{assert_is_record, encode_one};
use tracemill_formats::{EncodeError, EncodeOptions, Encoder, FormatSpec, Scratch};
use tracemill_model::{Conversation, Example, Shape, Trace, Turns};

struct Case {
    folder: PathBuf,
    input: String,
    turns: Turns,
    options: EncodeOptions,
}

#[test]
fn golden_files_are_what_the_formats_write() {
    goldens::compare(
        cases()
            .iter()
            .map(|case| (case.folder.as_path(), expected_files(case))),
    );
}

#[test]
fn no_cut_of_an_input_panics() {
    // A template takes its time, and its extensions differ in what is done with the text.
    let mut encoders = encoders();
    let mut templates = 0;
    encoders.retain(|encoder| {
        templates += usize::from(encoder.name() == "text-template");
        encoder.name() != "text-template" || templates == 1
    });
    for case in cases() {
        for line in case.input.lines() {
            for end in (0..line.len()).filter(|&end| line.is_char_boundary(end)) {
                assert!(Trace::from_json(&line[..end]).is_err(), "{}", &line[..end]);
            }
            for trace in cut_traces(line) {
                for encoder in &encoders {
                    encode_all(encoder.as_ref(), &trace);
                }
            }
        }
    }
}

#[test]
fn the_canonical_form_makes_the_same_records() {
    for case in cases() {
        for encoder in encoders() {
            for line in case.input.lines() {
                let trace = Trace::from_json(line).unwrap();
                let mut canonical = Vec::new();
                trace.write_json(&mut canonical);
                let canonical = String::from_utf8(canonical).unwrap();
                let again = Trace::from_json(&canonical).unwrap();
                let name = encoder.name();
                assert_eq!(
                    outcome(encoder.as_ref(), &trace),
                    outcome(encoder.as_ref(), &again),
                    "{name}: {line}"
                );
            }
        }
    }
}

/// The record and its account, or why there is none.
fn outcome(encoder: &dyn Encoder, trace: &Trace<'_>) -> Result<(String, String), EncodeError> {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let example = Example::Conversation(Conversation::whole(trace));
    encoder.encode(&example, &mut scratch, &mut out)?;
    let losses: Vec<_> = scratch.losses.iter().collect();
    let omitted: Vec<_> = scratch.losses.omitted().collect();
    Ok((String::from_utf8(out).unwrap(), format!("{losses:?} {omitted:?}")))
}

/// The trace with its messages cut off at every place, from behind and from before.
fn cut_traces(line: &str) -> Vec<Trace<'_>> {
    let Ok(whole) = Trace::from_json(line) else {
        return Vec::new();
    };
    let count = whole.messages().len();
    let cut = |range: std::ops::Range<usize>| {
        let mut trace = whole.clone();
        *trace.messages_mut() = whole.messages()[range].to_vec();
        trace
    };
    (0..=count)
        .map(|end| cut(0..end))
        .chain((1..=count).map(|start| cut(start..count)))
        .collect()
}

fn encode_all(encoder: &dyn Encoder, trace: &Trace<'_>) {
    let mut scratch = Scratch::new();
    for turns in [Turns::Whole, Turns::Each, Turns::Last] {
        for conversation in turns.of(trace) {
            let mut out = Vec::new();
            scratch.clear();
            let example = Example::Conversation(conversation);
            if encoder.encode(&example, &mut scratch, &mut out).is_ok() {
                assert_is_record(&out);
            }
        }
    }
}

fn encoders() -> Vec<Box<dyn Encoder>> {
    let options = goldens::defaults();
    specs()
        .iter()
        .map(|spec| spec.encoder(&options).unwrap())
        .collect()
}

/// Every format that takes conversations, with each of its extensions.
fn specs() -> Vec<FormatSpec> {
    goldens::specs(|format| format.shapes().contains(&Shape::Conversation))
}

fn cases() -> Vec<Case> {
    goldens::folders("tests/golden")
        .into_iter()
        .map(read_case)
        .collect()
}

fn read_case(folder: PathBuf) -> Case {
    let input = fs::read_to_string(folder.join("input.jsonl")).unwrap();
    let mut case = Case {
        folder,
        input,
        turns: Turns::Whole,
        options: goldens::defaults(),
    };
    for (name, value) in goldens::options(&case.folder) {
        match (name.as_str(), value.as_str()) {
            ("turns", "each") => case.turns = Turns::Each,
            ("turns", "last") => case.turns = Turns::Last,
            _ => case.options = goldens::option(case.options, &name, &value),
        }
    }
    case
}

fn expected_files(case: &Case) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for spec in specs() {
        let mut records = String::new();
        let account = match spec.encoder(&case.options) {
            Ok(encoder) => encode_case(case, &spec, encoder.as_ref(), &mut records),
            Err(error) => format!("{error}\n"),
        };
        files.insert(format!("{spec}.txt"), account);
        if !records.is_empty() {
            files.insert(format!("{spec}.jsonl"), records);
        }
    }
    files
}

/// Encodes every line; gives the account.
fn encode_case(case: &Case, spec: &FormatSpec, encoder: &dyn Encoder, records: &mut String) -> String {
    let mut account = String::new();
    let mut scratch = Scratch::new();
    for (line, record) in case.input.lines().enumerate() {
        let trace = Trace::from_json(record).unwrap();
        for (turn, conversation) in case.turns.of(&trace).enumerate() {
            write!(account, "line {}", line + 1).unwrap();
            if case.turns == Turns::Each {
                write!(account, ", turn {}", turn + 1).unwrap();
            }
            account.push_str(": ");
            let example = Example::Conversation(conversation);
            encode_one(spec, encoder, &example, &mut scratch, records, &mut account);
        }
    }
    account
}
