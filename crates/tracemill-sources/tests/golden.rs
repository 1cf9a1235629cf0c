//! Golden files: an input, its canonical traces, and an account of how it was read. `UPDATE_GOLDEN=1` rewrites them.

mod assembled;
mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Case, cases, decode};
use tracemill_sources::{
    Batch, ChainIndex, ChainKeys, Detection, Head, SourceOptions, Texts, detect_with, source,
};

/// What a case gives: the canonical lines and the account.
struct Outcome {
    traces: String,
    account: String,
}

fn read(case: &Case) -> Outcome {
    if case.make().assembles() {
        return assembled::read(case);
    }
    let (framing, records) = case.records();
    let (source, reader) = (case.make(), case.reader());
    let mut traces = Vec::new();
    let found = detected_with(&case.head(), &case.options);
    let mut account = format!("detected: {found}\nframing: {framing}\n");
    let mut chains = ChainIndex::new();
    for (number, record) in records.iter().enumerate() {
        let texts = Texts::new();
        let batch = reader.decode(record, &texts);
        let _ = match &batch {
            Err(error) => writeln!(account, "record {number}: {}: {error}", error.kind().code()),
            Ok(batch) => match (batch.skipped(), batch.traces().len()) {
                (Some(code), 0) => writeln!(account, "record {number}: skipped: {code}"),
                (None, 1) => writeln!(account, "record {number}: 1 trace"),
                (None, count) => writeln!(account, "record {number}: {count} traces"),
                (Some(code), _) => panic!("{}: skipped as {code}, and traces", case.name()),
            },
        };
        let batch = batch.unwrap_or_else(|_| Batch::new(&texts));
        for (code, count) in batch.notes() {
            let _ = writeln!(account, "  noted: {code}: {count}");
        }
        chains.add(match batch.traces() {
            _ if batch.stands_alone() => None,
            [] => None,
            [trace] => Some(ChainKeys::of(trace)),
            [first, ..] => Some(ChainKeys::of_several(first)),
        });
        for trace in batch.traces() {
            trace.write_json(&mut traces);
            traces.push(b'\n');
        }
    }
    if source.repeats_history() {
        let superseded = chains.finish();
        let numbers: Vec<_> = (0..records.len() as u64)
            .filter(|&record| superseded.contains(record))
            .map(|record| record.to_string())
            .collect();
        let numbers = if numbers.is_empty() {
            "none".to_owned()
        } else {
            numbers.join(" ")
        };
        let _ = writeln!(account, "superseded: {numbers}");
    }
    Outcome {
        traces: String::from_utf8(traces).expect("canonical lines are UTF-8"),
        account,
    }
}

fn detected(head: &Head) -> String {
    detected_with(head, &SourceOptions::new())
}

fn detected_with(head: &Head, options: &SourceOptions) -> String {
    match detect_with(head, options) {
        Detection::One { info, evidence } => format!("{} ({evidence})", info.name()),
        Detection::Several(found) => format!("several: {found:?}"),
        Detection::None { seen } => format!("nothing ({seen})"),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_case_gives_its_golden_files() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let outcome = read(&case);
        let files = [
            ("traces.jsonl", &outcome.traces),
            ("account.txt", &outcome.account),
        ];
        for (file, text) in files {
            let path = case.folder.join(file);
            if update {
                fs::write(&path, text).expect("goldens are writable");
            } else if let Err(difference) = compare(&path, text) {
                wrong.push(format!("{}/{file}: {difference}", case.name()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE_GOLDEN=1 rewrites them; read the difference",
        wrong.join("\n")
    );
}

fn compare(path: &Path, got: &str) -> Result<(), String> {
    let golden = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = golden.lines().map(Some).chain(std::iter::repeat(None));
    let differs = lines
        .zip(got.lines().map(Some).chain(std::iter::repeat(None)))
        .take(golden.lines().count().max(got.lines().count()))
        .enumerate()
        .find(|(_, (golden, got))| golden != got);
    match differs {
        None if golden == got => Ok(()),
        None => Err("other line ends".to_owned()),
        Some((line, (golden, got))) => Err(format!("line {}:\n  have {golden:?}\n  got  {got:?}", line + 1)),
    }
}

#[test]
fn what_was_written_is_read_again_as_it_is() {
    let tracemill = source("tracemill").expect("it is registered");
    for case in cases() {
        let written = read(&case).traces;
        let mut again = Vec::new();
        // What is read as a source that would not be detected may be detected as another one again.
        let known = detected_with(&case.head(), &case.options).starts_with(case.source.name());
        for line in written.lines() {
            let name = case.name();
            let found = detected(&Head::new(line.as_bytes(), true));
            assert!(!known || found == "tracemill (key `messages`)", "{name}: {found}");
            let source = tracemill.make();
            let texts = Texts::new();
            let batch = decode(&*source, line, &texts).unwrap_or_else(|error| panic!("{name}: {error}"));
            for trace in batch.traces() {
                trace.write_json(&mut again);
                again.push(b'\n');
            }
        }
        assert_eq!(
            String::from_utf8(again).as_deref(),
            Ok(&*written),
            "{}",
            case.name()
        );
    }
}

#[test]
fn canonical_lines_come_out_as_they_went_in() {
    let all = cases();
    let case = all
        .iter()
        .find(|case| case.name() == "tracemill/canonical")
        .expect("it is there");
    assert_eq!(read(case).traces.as_bytes(), case.input);
}

#[test]
fn every_code_under_which_records_are_skipped_has_a_case() {
    for info in tracemill_sources::sources() {
        let accounts: String = cases()
            .iter()
            .filter(|case| case.source == info)
            .map(|case| read(case).account)
            .collect();
        for skip in info.skips() {
            let line = format!(": skipped: {}\n", skip.code);
            assert!(
                accounts.contains(&line),
                "{}: no case of `{}`",
                info.name(),
                skip.code
            );
        }
    }
}

#[test]
fn every_code_that_is_counted_inside_of_records_has_a_case() {
    for info in tracemill_sources::sources() {
        let accounts: String = cases()
            .iter()
            .filter(|case| case.source == info)
            .map(|case| read(case).account)
            .collect();
        let lines = accounts.lines().filter_map(|line| line.strip_prefix("  noted: "));
        let codes: BTreeSet<_> = lines.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        // That a group goes on in a further record shows only where groups are made.
        let continued = info.make().continued_group();
        let inside = info.notes().iter().map(|note| note.code);
        let documented = inside.filter(|code| Some(*code) != continued).collect();
        assert_eq!(codes, documented, "{}", info.name());
    }
}

#[test]
fn every_option_has_a_case() {
    for info in tracemill_sources::sources() {
        for option in info.options() {
            let with = |case: &Case| match option.name {
                "steps-key" => case.options.steps_key().is_some(),
                "step" => !case.options.steps().is_empty(),
                "prompts" => case.options.prompts().is_some(),
                "dataset" => case.options.dataset().is_some(),
                "part" => case.options.part().is_some(),
                name => name
                    .strip_prefix("field.")
                    .is_some_and(|field| case.options.field(field).is_some()),
            };
            let found = cases().iter().any(|case| case.source == info && with(case));
            assert!(found, "{}: no case of `{}`", info.name(), option.name);
        }
    }
}
