//! Tuning files are input too: what the formats write is known by its content, read, and written again as it was.

use std::fs;
use std::path::{Path, PathBuf};

use tracemill::io::Input;
use tracemill::pairs::PairOptions;
use tracemill::{AllowedLosses, Mill, Pairing, WhenEmpty};

/// The formats, with the source that each must be known as where its first record shows it, and how many records of the
/// golden files there are at least.
const FORMATS: [(&str, &[&str]); 6] = [
    ("anthropic", &["anthropic", "tracemill"]),
    ("bedrock-claude", &["anthropic", "tracemill"]),
    ("bedrock-converse", &["bedrock-converse"]),
    ("bedrock-converse+llama", &["bedrock-converse"]),
    ("gemini", &["gemini"]),
    ("gemini+legacy", &["gemini"]),
];

/// Names of ractogateway, with the format whose records they have.
const RACTO: [(&str, &str); 4] = [
    ("racto-openai", "openai"),
    ("racto-generic", "openai"),
    ("racto-anthropic", "anthropic"),
    ("racto-gemini", "gemini"),
];

/// The golden records of a format, by case.
fn golden(format: &str) -> Vec<(PathBuf, String)> {
    golden_in("golden", format)
}

fn golden_in(folder: &str, format: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tracemill-formats/tests")
        .join(folder);
    let mut cases: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|case| case.unwrap().path().join(format!("{format}.jsonl")))
        .filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?)))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{format} has golden files");
    cases
}

#[test]
fn pairs_of_tuning_formats_that_lose_nothing_are_written_again_byte_by_byte() {
    for (format, source) in [("nova-dpo", "bedrock-converse"), ("gemini-preference", "gemini")] {
        let mut builder = Mill::builder();
        let pairing = Pairing::new(PairOptions::default());
        builder.format(format).unwrap().pairing(pairing);
        builder
            .allow_losses(AllowedLosses::all())
            .when_empty(WhenEmpty::Allow);
        let mill = builder.build().unwrap();
        let mut whole = 0;
        // Line by line: equal pairs are one group.
        for (path, text) in golden_in("golden-preference", format) {
            for line in text.lines() {
                let encoded = mill.collect([Input::bytes("a.jsonl", line.to_owned())]);
                let encoded = encoded.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!(encoded.ledger.inputs[0].source, source, "{}", path.display());
                // An answer that is empty makes no pair, unless somebody wants it to.
                if encoded.ledger.losses.is_empty() && !encoded.bytes.is_empty() {
                    let written = String::from_utf8(encoded.bytes).unwrap();
                    assert_eq!(written.trim_end(), line, "{}", path.display());
                    whole += 1;
                }
            }
        }
        assert!(whole > 10, "{format}: {whole}");
    }
}

/// What a file becomes in the same format, the source it was known as, and the losses.
fn again(format: &str, name: &Path, text: &str) -> (String, String, String) {
    let mut builder = Mill::builder();
    builder.format(format).unwrap();
    builder
        .allow_losses(AllowedLosses::all())
        .when_empty(WhenEmpty::Allow);
    let input = Input::bytes(name.display().to_string(), text.to_owned());
    let encoded = builder.build().unwrap().collect([input]);
    let encoded = encoded.unwrap_or_else(|error| panic!("{format}: {}: {error}", name.display()));
    let source = encoded.ledger.inputs[0].source.clone();
    let losses = format!("{:?}", encoded.ledger.losses);
    (String::from_utf8(encoded.bytes).unwrap(), source, losses)
}

/// Instructions that are empty say nothing, and are not written again.
fn without_nothing(line: &str) -> String {
    line.replace(r#"{"system":"","#, "{")
}

fn compare(format: &str, written_as: &str, sources: &[&str]) -> usize {
    let mut known = 0;
    for (path, text) in golden(written_as) {
        let (found, source, losses) = again(format, &path, &text);
        let case = path.display();
        assert!(sources.contains(&&*source), "{format}: {case}: read as {source}");
        known += usize::from(source == sources[0]);
        let lines = found.lines().zip(text.lines());
        for (found, line) in lines {
            assert_eq!(found, without_nothing(line), "{format}: {case}: losses {losses}");
        }
        assert_eq!(found.lines().count(), text.lines().count(), "{format}: {case}");
    }
    known
}

#[test]
fn what_tuning_formats_write_is_read_and_written_again_byte_by_byte() {
    for (format, sources) in FORMATS {
        assert!(
            compare(format, format, sources) > 0,
            "{format}: nothing known as {}",
            sources[0]
        );
    }
}

#[test]
fn what_the_names_of_ractogateway_write_is_read_and_written_again_byte_by_byte() {
    for (name, format) in RACTO {
        let sources: &[&str] = match format {
            "anthropic" => &["anthropic", "tracemill"],
            "gemini" => &["gemini"],
            _ => &["tracemill"],
        };
        assert!(compare(name, format, sources) > 0, "{name}");
    }
}

#[test]
fn a_line_that_another_one_begins_with_is_an_example_too() {
    let (hi, bye) = (
        r#"{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."}"#,
        r#"{"role":"user","content":"Bye"},{"role":"assistant","content":"Goodbye."}"#,
    );
    let line = |turns: &str| format!("{{\"system\":\"Be brief.\",\"messages\":[{turns}]}}\n");
    let lines = line(hi) + &line(&format!("{hi},{bye}"));
    let (written, source, _) = again("bedrock-claude", Path::new("a.jsonl"), &lines);
    assert_eq!((&*written, &*source), (&*lines, "anthropic"));

    let line = |turns: &str| format!("{{\"messages\":[{turns}],\"functions\":[{{\"name\":\"now\"}}]}}\n");
    let lines = line(hi) + &line(&format!("{hi},{bye}"));
    let (written, source, _) = again("openai", Path::new("a.jsonl"), &lines);
    assert_eq!((written.lines().count(), &*source), (2, "openai-chat"));
}
