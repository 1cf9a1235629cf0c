//! What is said comes through: plain code reads the same records, and finds the same roles, texts, calls and arguments.
//!
//! The samples are the golden inputs; where `TRACEMILL_CORPORA` names a folder of recorded files, those too.

mod common;
mod plain;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Case, cases};
use serde_json::Value;
use tracemill_sources::{
    Batch, Context, Detection, Head, Piece, PieceKey, Pieces, SourceOptions, Texts, detect,
};

/// How many records of each source were compared.
type Compared = BTreeMap<&'static str, usize>;

/// Compares every record of a file that both readers can read, and what is put together of all of them.
fn compare(case: &Case, compared: &mut Compared) {
    if plain::sessions::SOURCES.contains(&case.source.name()) {
        compare_sessions(case, compared);
        return;
    }
    for (path, input) in &case.files {
        let reader = case.reader_of(path, input);
        let whole = serde_json::from_slice(input).unwrap_or_default();
        for (number, record) in case.records_of(input).1.iter().enumerate() {
            let (Some(got), Ok(value)) = (read(&reader, record), serde_json::from_str(record)) else {
                continue;
            };
            let Some(expected) = plain::conversations(case.source.name(), &value, &whole) else {
                continue;
            };
            // Most sources skip what says nothing.
            let says = |turns: &Vec<plain::Turn>| !turns.is_empty();
            let got: Vec<_> = got.into_iter().filter(says).collect();
            let expected: Vec<_> = expected.into_iter().filter(says).collect();
            assert_eq!(
                got.len(),
                expected.len(),
                "{}: {path}: record {number}",
                case.name()
            );
            for (got, expected) in got.iter().zip(&expected) {
                for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
                    assert_eq!(
                        got,
                        expected,
                        "{}: {path}: record {number}, message {place}",
                        case.name()
                    );
                }
                // An answer made of a reference stands in no message of the question.
                let made = usize::from(case.source.name() == "bfcl" && got.len() == expected.len() + 1);
                assert_eq!(
                    got.len() - made,
                    expected.len(),
                    "{}: {path}: record {number}",
                    case.name()
                );
            }
            *compared.entry(case.source.name()).or_default() += 1;
        }
    }
}

/// Compares the conversations that are put together from all the files of a case.
fn compare_sessions(case: &Case, compared: &mut Compared) {
    let (mut groups, mut values) = (Vec::<((usize, PieceKey), Vec<String>)>::new(), Vec::new());
    for (number, (path, input)) in case.files.iter().enumerate() {
        let reader = case.reader_of(path, input);
        for record in case.records_of(input).1 {
            let mut pieces = Pieces::new();
            if reader
                .source
                .pieces(&reader.context, &record, &mut pieces)
                .is_err()
            {
                continue;
            }
            values.extend(serde_json::from_str::<Value>(&record));
            for piece in pieces.list() {
                let file = if piece.key() == PieceKey::Input { number } else { 0 };
                let key = (file, piece.key());
                let at = groups.iter().position(|(known, _)| *known == key);
                let at = at.unwrap_or_else(|| {
                    groups.push((key, Vec::new()));
                    groups.len() - 1
                });
                groups[at].1.push(piece.text().to_owned());
            }
        }
    }
    let expected = plain::sessions::conversations(case.source.name(), &values);
    let (source, context) = (case.make(), Context::default());
    let mut got = Vec::new();
    for (_, texts) in &groups {
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let kept = Texts::new();
        let mut batch = Batch::new(&kept);
        let assembled = source.assemble(&context, &texts, &mut batch);
        assembled.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        got.extend(batch.traces().iter().map(conversation));
    }
    let says = |turns: &Vec<plain::Turn>| !turns.is_empty();
    let expected: Vec<_> = expected.into_iter().filter(says).collect();
    assert_eq!(got.len(), expected.len(), "{}", case.name());
    for (number, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(got, expected, "{}: trace {number}", case.name());
    }
    *compared.entry(case.source.name()).or_default() += got.len();
}

/// The conversations of a record as the source reads it alone; nothing if it is rejected.
fn read(reader: &common::Reader, record: &str) -> Option<Vec<Vec<plain::Turn>>> {
    let kept = Texts::new();
    let mut batch = Batch::new(&kept);
    let mut pieces = Pieces::new();
    let texts: Vec<_>;
    if reader.source.assembles() {
        reader.source.pieces(&reader.context, record, &mut pieces).ok()?;
        texts = pieces.list().iter().map(Piece::text).collect();
        reader.source.assemble(&reader.context, &texts, &mut batch).ok()?;
    } else {
        reader.source.decode(&reader.context, record, &mut batch).ok()?;
    }
    Some(batch.traces().iter().map(conversation).collect())
}

/// What a trace says.
fn conversation(trace: &tracemill_model::Trace<'_>) -> Vec<plain::Turn> {
    let mut line = Vec::new();
    trace.write_json(&mut line);
    let written: Value = serde_json::from_slice(&line).expect("canonical lines are JSON");
    let messages = written["messages"].as_array().expect("a list");
    messages.iter().map(canonical).collect()
}

/// A message of the canonical form, read by nothing that the plain readers use: a mistake there must not hide itself.
fn canonical(message: &Value) -> plain::Turn {
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            texts
                .map(|part| part["text"].as_str().expect("a text part has text"))
                .collect()
        }
        Value::Null => String::new(),
        Value::Object(_) => message["content"].to_string(),
        other => panic!("content is text, parts, an object or nothing, not {other}"),
    };
    let calls = message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
    let call = |call: &Value| {
        let name = call["name"].as_str().expect("a call has a name");
        (name.to_owned(), call["arguments"].clone())
    };
    plain::Turn {
        role: message["role"].as_str().expect("a message has a role").to_owned(),
        text,
        calls: calls.iter().map(call).collect(),
    }
}

#[test]
fn golden_inputs_say_the_same_to_plain_code() {
    let mut compared = Compared::new();
    for case in cases() {
        compare(&case, &mut compared);
    }
    let missing: Vec<_> = plain::SOURCES
        .iter()
        .filter(|source| !compared.contains_key(*source))
        .collect();
    assert!(missing.is_empty(), "nothing of {missing:?} was compared");
}

#[test]
fn recorded_files_say_the_same_to_plain_code() {
    let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") else {
        return;
    };
    let mut compared = Compared::new();
    let mut folders = vec![Path::new(&corpora).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.unwrap().path())
        {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let input = fs::read(&entry).expect("it is readable");
            let cut = &input[..input.len().min(Head::LENGTH)];
            let head = Head::new(cut, cut.len() == input.len());
            let Detection::One { info, .. } = detect(&head) else {
                continue;
            };
            if !plain::SOURCES.contains(&info.name()) || std::str::from_utf8(&input).is_err() {
                continue;
            }
            let case = Case {
                source: info,
                folder: entry.clone(),
                files: vec![(entry.display().to_string(), input.clone())],
                input,
                options: SourceOptions::new(),
            };
            compare(&case, &mut compared);
        }
    }
    assert!(
        !compared.is_empty(),
        "no file in {} was compared",
        Path::new(&corpora).display()
    );
}
