//! Everything that can be read, to everything that can be written: written and accepted by the format's own check, or refused
//! with a code, and the ledger adds up.
//!
//! The files are the golden inputs of the sources; where `TRACEMILL_CORPORA` names a folder of recorded files, those too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tracemill::formats::{Format, FormatSpec, formats};
use tracemill::io::Input;
use tracemill::model::Shape;
use tracemill::pairs::{PairOptions, PromptMode};
use tracemill::{
    AllowedLosses, Checking, Encoded, Error, ErrorKind, GroupExamples, LabelBy, Ledger, Mill, MillBuilder,
    OnError, Pairing, WhenEmpty,
};

/// All files in a folder and its folders.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn samples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracemill-sources/tests/golden"),
        &mut found,
    );
    found.retain(|path| !path.ends_with("expected.jsonl"));
    if let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") {
        files(Path::new(&corpora), &mut found);
    }
    found.sort();
    found
}

/// A format and a way to make its examples.
fn jobs() -> Vec<(&'static Format, Shape)> {
    let mut jobs = Vec::new();
    for format in formats() {
        // Templates are the user's.
        if format.name() != "text-template" {
            jobs.extend(format.shapes().iter().map(|shape| (format, *shape)));
        }
    }
    jobs
}

fn builder(format: &Format, shape: Shape) -> MillBuilder {
    let mut builder = Mill::builder();
    builder
        .format(format.name())
        .unwrap()
        .on_error(OnError::Skip)
        .when_empty(WhenEmpty::Allow);
    let pairing = Pairing::new(PairOptions::default()).with_prompt(PromptMode::Task);
    match shape {
        Shape::Preference => builder.pairing(pairing),
        Shape::Ranked => builder.pairing(pairing.with_examples(GroupExamples::Ranked)),
        Shape::Labelled => builder.pairing(pairing.with_examples(GroupExamples::Labelled(LabelBy::Mean))),
        _ => &mut builder,
    };
    builder
}

fn run(builder: &MillBuilder, path: &Path) -> Result<Encoded, Error> {
    builder.build()?.collect([Input::path(path)])
}

fn assert_counted(ledger: &Ledger, what: &str) {
    assert!(ledger.balances(), "{what}: {ledger:?}");
}

/// What the format's own check finds wrong in what was written.
fn findings(format: &Format, bytes: Vec<u8>) -> Vec<String> {
    let spec: FormatSpec = format.name().parse().unwrap();
    let mut findings = Vec::new();
    Checking::new(spec)
        .run([Input::bytes("written.jsonl", bytes)], |found| {
            // Of a file it may be true that it has too few records.
            if found.line().is_some() {
                findings.push(format!("{} {} {}", found.place(), found.code(), found.message()));
            }
            Ok(())
        })
        .unwrap();
    findings
}

#[test]
fn everything_is_written_as_the_check_wants_it_or_refused_with_a_code() {
    let jobs = jobs();
    let (mut written, mut refused, mut accepted_losses) = (0_u64, BTreeSet::new(), BTreeSet::new());
    let (mut wrong, mut writing) = (Vec::new(), BTreeSet::new());
    for path in samples() {
        let mut canonical = Mill::builder();
        canonical
            .format("tracemill")
            .unwrap()
            .on_error(OnError::Skip)
            .when_empty(WhenEmpty::Allow);
        // What is not read, or only with options, says so with an error.
        let Ok(read) = run(&canonical, &path) else {
            continue;
        };
        assert_counted(&read.ledger, &path.display().to_string());
        for (format, shape) in &jobs {
            let what = format!("{} as {}", path.display(), format.name());
            let strict = builder(format, *shape);
            let mut lenient = builder(format, *shape);
            lenient.allow_losses(AllowedLosses::all());
            let mut before = 0;
            for (allows, builder) in [(false, &strict), (true, &lenient)] {
                let encoded = match run(builder, &path) {
                    Ok(encoded) => encoded,
                    // Several scores without one that counts.
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Config, "{what}: {error}");
                        continue;
                    }
                };
                assert_counted(&encoded.ledger, &what);
                // For pairs some sources give what was corrected beside its correction.
                assert!(encoded.ledger.traces.read >= read.ledger.traces.read, "{what}");
                if !allows {
                    assert_eq!(encoded.ledger.losses.total(), 0, "{what}");
                    before = encoded.ledger.examples;
                }
                assert!(encoded.ledger.examples >= before, "{what}");
                refused.extend(encoded.ledger.traces.rejected.iter().map(|(code, _)| code));
                written += encoded.ledger.examples;
                if encoded.ledger.examples > 0 {
                    writing.insert((format.name(), format!("{shape:?}")));
                }
                let findings = findings(format, encoded.bytes);
                if allows {
                    let codes = findings
                        .iter()
                        .map(|finding| (format.name(), finding.split(' ').nth(1).unwrap().to_owned()));
                    accepted_losses.extend(codes);
                } else {
                    wrong.extend(findings.first().map(|finding| format!("{what}: {finding}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(written > 1_000, "{written}");
    assert!(refused.len() > 3, "{refused:?}");
    let is_idle =
        |(format, shape): &&(&Format, Shape)| !writing.contains(&(format.name(), format!("{shape:?}")));
    let idle: Vec<_> = jobs
        .iter()
        .filter(is_idle)
        .map(|(format, shape)| (format.name(), *shape))
        .collect();
    assert!(idle.is_empty(), "nothing was written as {idle:?}");
    // Arguments that do not parse, kept as text by a loss that had to be allowed.
    let about_arguments = |(_, code): &(_, String)| code == "arguments" || code == "calls";
    assert!(accepted_losses.iter().all(about_arguments), "{accepted_losses:?}");
}
