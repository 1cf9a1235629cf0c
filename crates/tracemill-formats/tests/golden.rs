//! Every case under `tests/golden` against every registered format.
//!
//! A case is a folder: `input.jsonl`, perhaps `options.txt` (lines such as `turns each`), and for every format, and
//! for every extension of it, two files. `<spec>.txt` is the account: what was written of each line, under which
//! losses, and what was left out or refused. `<spec>.jsonl` holds the records, with every loss allowed, as the consumer
//! would get them; it is missing when every record was refused.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tracemill-formats --test golden` rewrites them; read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tracemill_formats::{EncodeOptions, Encoder, FormatSpec, MetadataMode, Omission, Scratch, formats};
use tracemill_model::{Conversation, Example, Trace, Turns};

struct Case {
    folder: PathBuf,
    input: String,
    turns: Turns,
    options: EncodeOptions,
}

#[test]
fn golden_files_are_what_the_formats_write() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let expected = expected_files(&case);
        let found = found_files(&case);
        if update {
            rewrite(&case, &expected, &found);
            continue;
        }
        for name in expected.keys().chain(found.keys()) {
            if expected.get(name) != found.get(name) {
                wrong.push(case.folder.join(name).display().to_string());
            }
        }
    }
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "these differ from what is written now, are missing, or have no format; look at the difference after \
         UPDATE_GOLDEN=1:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_cut_of_an_input_panics() {
    let encoders = encoders();
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
    let options = EncodeOptions::default();
    specs()
        .iter()
        .map(|spec| spec.encoder(&options).unwrap())
        .collect()
}

/// Every format as it is, and with each of its extensions switched.
fn specs() -> Vec<FormatSpec> {
    let mut specs = Vec::new();
    for format in formats() {
        specs.push(FormatSpec::of(format));
        for extension in format.extensions() {
            let sign = if extension.default { '-' } else { '+' };
            let spec = format!("{}{sign}{}", format.name(), extension.name);
            specs.push(spec.parse().unwrap());
        }
    }
    specs
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut folders: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders.into_iter().map(read_case).collect()
}

fn read_case(folder: PathBuf) -> Case {
    let input = fs::read_to_string(folder.join("input.jsonl")).unwrap();
    let mut case = Case {
        folder,
        input,
        turns: Turns::Whole,
        options: EncodeOptions::default(),
    };
    let options = fs::read_to_string(case.folder.join("options.txt")).unwrap_or_default();
    for option in options.lines() {
        match option.split_once(' ').unwrap() {
            ("turns", "each") => case.turns = Turns::Each,
            ("turns", "last") => case.turns = Turns::Last,
            ("reasoning", mode) => case.options = case.options.with_reasoning(mode.parse().unwrap()),
            ("metadata", "include") => case.options = case.options.with_metadata(MetadataMode::Include),
            _ => panic!("{}: unknown option `{option}`", case.folder.display()),
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
            encode_one(spec, encoder, conversation, &mut scratch, records, &mut account);
        }
    }
    account
}

fn encode_one(
    spec: &FormatSpec,
    encoder: &dyn Encoder,
    conversation: Conversation<'_>,
    scratch: &mut Scratch,
    records: &mut String,
    account: &mut String,
) {
    let mut out = Vec::new();
    scratch.clear();
    let example = Example::Conversation(conversation);
    if let Err(error) = encoder.encode(&example, scratch, &mut out) {
        writeln!(account, "refused: {}: {error}", error.kind().code()).unwrap();
        return;
    }
    assert_is_record(&out);
    records.push_str(std::str::from_utf8(&out).unwrap());
    records.push('\n');
    writeln!(account, "record {}", records.lines().count()).unwrap();
    for (loss, count, first) in scratch.losses.iter() {
        assert!(
            spec.format().losses().contains(&loss),
            "`{spec}` does not declare {loss:?}"
        );
        writeln!(
            account,
            "  loss: {} {count}x, first in message {first}",
            loss.code()
        )
        .unwrap();
    }
    let omitted: Vec<_> = scratch.losses.omitted().map(Omission::code).collect();
    if !omitted.is_empty() {
        writeln!(account, "  left out: {}", omitted.join(", ")).unwrap();
    }
}

/// One object on one line, for readers that split at any line end Unicode knows.
fn assert_is_record(out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    let value: serde_json::Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value.is_object(), "{text}");
    let ends_line = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    assert!(!text.contains(ends_line), "{text:?}");
}

fn found_files(case: &Case) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&case.folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "input.jsonl" && name != "options.txt" {
            let text = fs::read_to_string(case.folder.join(&name)).unwrap();
            files.insert(name, text);
        }
    }
    files
}

fn rewrite(case: &Case, expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        fs::remove_file(case.folder.join(name)).unwrap();
    }
    for (name, text) in expected {
        fs::write(case.folder.join(name), text).unwrap();
    }
}
