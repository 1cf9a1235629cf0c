//! Cases of sources that put traces together from several records.

use std::fmt::Write as _;

use tracemill_sources::{Batch, Head, PieceKey, Pieces, Texts};

use crate::common::{Case, Reader};
use crate::{Outcome, detected_with};

/// The pieces of one trace, and the places they came from.
struct Group {
    key: (usize, PieceKey),
    reader: usize,
    records: Vec<String>,
    texts: Vec<String>,
}

/// What a case gives: its files one after the other, then trace by trace.
pub(crate) fn read(case: &Case) -> Outcome {
    let mut account = String::new();
    let mut readers = Vec::new();
    let mut groups = Vec::new();
    for (number, (path, input)) in case.files.iter().enumerate() {
        let (framing, records) = case.records_of(input);
        let found = detected_with(&Head::new(input, true), &case.options);
        let several = case.files.len() > 1;
        let name = if several {
            format!("{path}: ")
        } else {
            String::new()
        };
        let _ = writeln!(account, "{name}detected: {found}\n{name}framing: {framing}");
        readers.push(case.reader_of(path, input));
        for (index, record) in records.iter().enumerate() {
            let place = if several {
                format!("{path}#{index}")
            } else {
                index.to_string()
            };
            divide(
                number,
                &place,
                &readers[number],
                record,
                &mut groups,
                &mut account,
            );
        }
    }
    let mut traces = Vec::new();
    for group in &groups {
        assemble(&readers[group.reader], group, &mut traces, &mut account);
    }
    Outcome {
        traces: String::from_utf8(traces).expect("canonical lines are UTF-8"),
        account,
    }
}

fn divide(
    file: usize,
    place: &str,
    reader: &Reader,
    record: &str,
    groups: &mut Vec<Group>,
    account: &mut String,
) {
    let mut pieces = Pieces::new();
    let _ = match reader.source.pieces(&reader.context, record, &mut pieces) {
        Err(error) => writeln!(account, "record {place}: {}: {error}", error.kind().code()),
        Ok(()) => match (pieces.skipped(), pieces.list().len()) {
            (Some(code), 0) => writeln!(account, "record {place}: skipped: {code}"),
            (None, 1) => writeln!(account, "record {place}: 1 piece"),
            (None, count) => writeln!(account, "record {place}: {count} pieces"),
            (Some(code), _) => panic!("record {place}: skipped as {code}, and pieces"),
        },
    };
    for (code, count) in pieces.notes() {
        let _ = writeln!(account, "  noted: {code}: {count}");
    }
    for piece in pieces.list() {
        // Only pieces of an input are apart from those of other inputs.
        let key = match piece.key() {
            PieceKey::Input => (file, PieceKey::Input),
            key => (0, key),
        };
        let at = groups.iter().position(|group: &Group| group.key == key);
        let at = at.unwrap_or_else(|| {
            groups.push(Group {
                key,
                reader: file,
                records: Vec::new(),
                texts: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].texts.push(piece.text().to_owned());
        if groups[at].records.last().is_none_or(|last| last != place) {
            groups[at].records.push(place.to_owned());
        }
    }
}

fn assemble(reader: &Reader, group: &Group, traces: &mut Vec<u8>, account: &mut String) {
    let texts: Vec<_> = group.texts.iter().map(String::as_str).collect();
    let kept = Texts::new();
    let mut batch = Batch::new(&kept);
    let result = reader.source.assemble(&reader.context, &texts, &mut batch);
    let place = format!("together {}", group.records.join(" "));
    let _ = match result {
        Err(error) => writeln!(
            account,
            "{place}: piece {}: {}: {error}",
            error.piece(),
            error.error().kind().code()
        ),
        Ok(()) => match (batch.skipped(), batch.traces().len()) {
            (Some(code), 0) => writeln!(account, "{place}: skipped: {code}"),
            (None, 1) => writeln!(account, "{place}: 1 trace"),
            (None, count) => writeln!(account, "{place}: {count} traces"),
            (Some(code), _) => panic!("{place}: skipped as {code}, and traces"),
        },
    };
    for (code, count) in batch.notes() {
        let _ = writeln!(account, "  noted: {code}: {count}");
    }
    for trace in batch.traces() {
        trace.write_json(traces);
        traces.push(b'\n');
    }
}
