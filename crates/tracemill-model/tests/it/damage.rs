//! Damaged records: cut, and with bytes changed. Nothing panics, and nothing half is taken for whole.

use proptest::prelude::*;
use tracemill_model::{DecodeErrorKind, RawJson, Trace};

use crate::golden::canonical_lines;
use crate::strategies::{edited, edits};
use crate::trace::written;

#[test]
fn a_record_cut_at_any_byte_is_refused() {
    for line in canonical_lines() {
        for cut in 0..line.len() {
            let Some(cut) = line.get(..cut) else {
                continue; // not UTF-8, which is refused before
            };
            let error = Trace::from_json(cut).expect_err(cut);
            assert_eq!(error.kind(), DecodeErrorKind::Truncated, "{error}: {cut}");
            assert!(error.column() <= cut.len() + 1, "{error}: {cut}");
            assert!(RawJson::parse(cut).is_err(), "{cut}");
        }
    }
}

#[test]
fn a_record_with_any_byte_overwritten_is_refused_or_read() {
    let telling = br#"{}[]",:\/u0d8.eE-tfn "#;
    for line in canonical_lines() {
        for at in 0..line.len() {
            for &byte in telling {
                let mut bytes = line.clone().into_bytes();
                bytes[at] = byte;
                if let Ok(damaged) = std::str::from_utf8(&bytes) {
                    survives(damaged);
                }
            }
        }
    }
}

/// Refuses the record with a column inside it, or reads it and writes something that is read again.
fn survives(record: &str) {
    match Trace::from_json(record) {
        Ok(trace) => {
            let line = written(&trace);
            let again = Trace::from_json(&line).unwrap_or_else(|error| panic!("{error}: {record} -> {line}"));
            assert_eq!(written(&again), line, "{record}");
        }
        Err(error) => assert!(error.column() <= record.len() + 1, "{error}: {record}"),
    }
}

proptest! {
    #[test]
    fn records_with_random_edits_are_refused_or_read(which: prop::sample::Index, edits in edits()) {
        let lines = canonical_lines();
        let damaged = edited(&lines[which.index(lines.len())], &edits);
        if let Ok(damaged) = std::str::from_utf8(&damaged) {
            survives(damaged);
        }
    }
}
