//! What is refused, and in which words.
//!
//! Each `errors/<topic>.txt` holds records, and under each the code and the text of its error, indented; lines with
//! `#` are comments. `UPDATE_GOLDEN` rewrites the errors.

use std::fs;

use tracemill_model::Trace;

use crate::golden::{check, files};

#[test]
fn refused_records_are_refused_in_these_words() {
    for path in files("errors", ".txt") {
        let mut found = String::new();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if line.starts_with("    ") {
                continue;
            }
            found.push_str(line);
            found.push('\n');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let outcome = match Trace::from_json(line) {
                Ok(_) => "accepted".to_owned(),
                Err(error) => format!("{}: {error}", error.kind().code()),
            };
            assert_ne!(outcome, "accepted", "{}: {line}", path.display());
            found.extend(["    ", &outcome, "\n"]);
        }
        check(&path, &found);
    }
}

/// Messages go to terminals and into one-line reports, whatever the record holds.
#[test]
fn errors_are_one_short_line_without_control_characters() {
    let long = "x".repeat(100_000);
    for record in [
        format!(r#"{{"messages":[{{"role":"user","{long}":01}}]}}"#),
        format!(r#"{{"messages":[],"outcome":"{long}"}}"#),
        format!(r#"{{"messages":[],"trial":{}}}"#, "1".repeat(100_000)),
        format!(r#"{{"messages":[],"score":{}}}"#, "1".repeat(100_000)),
        format!(r#"{{"messages":[],"group":{{"key":1,"kind":"{long}"}}}}"#),
        r#"{"messages":[],"outcome":"a\u001b[31m\nb\u2028"}"#.to_owned(),
        r#"{"messages":[],"a\u001b[31m\n\u0085":01}"#.to_owned(),
        "{\"messages\":[],\u{1b}}".to_owned(),
        "{\"messages\":[],\u{2028}}".to_owned(),
    ] {
        let error = Trace::from_json(&record).unwrap_err().to_string();
        assert!(error.len() < 300, "{} bytes: {}…", error.len(), &error[..200]);
        assert!(
            !error.contains(|c: char| c.is_control() || c == '\u{2028}'),
            "{error:?}"
        );
    }
}
