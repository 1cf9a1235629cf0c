//! What the checks find: in records that break a rule, in what the encoders write, and in what formats show as example.
//!
//! `tests/check/<spec>/<code>.jsonl` holds records each of which breaks the rule of that code; `<code>.txt` is all that is
//! found in them. `UPDATE_GOLDEN=1 cargo test -p tracemill-formats --test check` rewrites it; read the difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tracemill_formats::{FileFacts, FileRule, Findings, Format, FormatSpec, common_rules, formats};
use tracemill_model::RawJson;

#[test]
fn every_rule_has_records_that_break_it_and_are_found() {
    let mut wrong = Vec::new();
    for format in formats() {
        let specs = specs(format);
        for rule in format.rules().iter().filter(|rule| rule.breakable) {
            let mut found = false;
            // A rule of an extension is broken under its name alone.
            for spec in &specs {
                let folder = root("tests/check").join(spec.to_string());
                let path = folder.join(format!("{}.jsonl", rule.code));
                if let Ok(records) = fs::read_to_string(&path) {
                    compare(&path, rule.code, spec, &records, &mut wrong);
                    found = true;
                }
            }
            if !found {
                wrong.push(format!("nothing breaks `{}` of `{}`", rule.code, format.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A format as it is, and with each of its extensions switched.
fn specs(format: &'static Format) -> Vec<FormatSpec> {
    let switched = format.extensions().iter().map(|extension| {
        let sign = if extension.default { '-' } else { '+' };
        format!("{}{sign}{}", format.name(), extension.name)
            .parse()
            .unwrap()
    });
    std::iter::once(FormatSpec::of(format)).chain(switched).collect()
}

/// Compares what is found in every record with what was found before.
fn compare(path: &Path, code: &str, spec: &FormatSpec, records: &str, wrong: &mut Vec<String>) {
    let mut account = String::new();
    let mut findings = Findings::new();
    for (line, record) in (1..).zip(records.lines()) {
        findings.clear();
        spec.check(RawJson::parse(record).unwrap().view(), &mut findings);
        if findings.iter().all(|finding| finding.code() != code) {
            wrong.push(format!("{}:{line} does not break `{code}`", path.display()));
        }
        for finding in findings.iter() {
            let (code, pointer) = (finding.code(), finding.pointer());
            writeln!(account, "line {line}: {code}: {pointer}: {}", finding.message()).unwrap();
        }
    }
    let path = path.with_extension("txt");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, account).unwrap();
    } else if fs::read_to_string(&path).unwrap_or_default() != account {
        wrong.push(format!("{} is not what is found:\n{account}", path.display()));
    }
}

#[test]
fn what_is_found_is_a_rule_of_the_format() {
    let common: BTreeSet<_> = common_rules().iter().map(|rule| rule.code).collect();
    for format in formats() {
        let rules: BTreeSet<_> = format.rules().iter().map(|rule| rule.code).collect();
        let specs = specs(format);
        let folders = specs
            .iter()
            .map(|spec| root("tests/check").join(spec.to_string()));
        for path in folders.flat_map(|folder| files(&folder, "txt")) {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let code = line.split(": ").nth(1).unwrap();
                assert!(
                    rules.contains(code) || common.contains(code),
                    "{}: {line}",
                    path.display()
                );
            }
        }
    }
}

/// A record that lost arguments to the format breaks the rule on arguments; nothing else that is written may break any.
#[test]
fn what_the_encoders_write_passes_their_own_check() {
    let mut wrong = Vec::new();
    for kind in ["tests/golden", "tests/golden-preference"] {
        for case in fs::read_dir(root(kind)).unwrap() {
            for path in files(&case.unwrap().path(), "jsonl") {
                let stem = path.file_stem().unwrap().to_str().unwrap();
                if let Ok(spec) = stem.parse::<FormatSpec>() {
                    check_written(&path, &spec, &mut wrong);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_written(path: &Path, spec: &FormatSpec, wrong: &mut Vec<String>) {
    let account = fs::read_to_string(path.with_extension("txt")).unwrap();
    let lost_arguments = account.contains("unparsable-arguments") || account.contains("non-object-arguments");
    let mut findings = Findings::new();
    for (line, record) in (1..).zip(fs::read_to_string(path).unwrap().lines()) {
        findings.clear();
        spec.check(RawJson::parse(record).unwrap().view(), &mut findings);
        for finding in findings.iter() {
            let excused =
                lost_arguments && ["arguments", "function-call", "calls", "type"].contains(&finding.code());
            if !excused {
                wrong.push(format!("{}:{line}: {finding:?}", path.display()));
            }
        }
    }
}

#[test]
fn examples_pass() {
    for format in formats() {
        let mut findings = Findings::new();
        FormatSpec::of(format).check(RawJson::parse(format.example()).unwrap().view(), &mut findings);
        assert!(findings.is_empty(), "{format:?}: {findings:?}");
    }
}

#[test]
fn values_of_wrong_types_are_found_and_nothing_panics() {
    for format in formats() {
        let spec = FormatSpec::of(format);
        for record in ["null", "[]", "7", "\"x\"", "[null]", "[[[]]]"] {
            let mut findings = Findings::new();
            spec.check(RawJson::parse(record).unwrap().view(), &mut findings);
            let list = format.name() == "nat-trajectory" && record == "[]";
            assert!(list || !findings.is_empty(), "{format:?} takes {record}");
        }
        for record in changed(format.example()) {
            spec.check(RawJson::parse(&record).unwrap().view(), &mut Findings::new());
        }
    }
}

/// The record with every value, one at a time, replaced by values of other types.
fn changed(example: &str) -> Vec<String> {
    let whole: serde_json::Value = serde_json::from_str(example).unwrap();
    let mut pointers = Vec::new();
    collect(&whole, String::new(), &mut pointers);
    let mut records = Vec::new();
    for pointer in pointers {
        for other in [
            serde_json::json!(null),
            serde_json::json!(1.5),
            serde_json::json!("}{"),
            serde_json::json!([{}]),
        ] {
            let mut record = whole.clone();
            *record.pointer_mut(&pointer).unwrap() = other;
            records.push(record.to_string());
        }
    }
    records
}

fn collect(value: &serde_json::Value, at: String, pointers: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            members
                .iter()
                .for_each(|(key, value)| collect(value, format!("{at}/{key}"), pointers));
        }
        serde_json::Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(index, value)| collect(value, format!("{at}/{index}"), pointers));
        }
        _ => {}
    }
    pointers.push(at);
}

#[test]
fn file_rules_are_complete() {
    for spec in formats().iter().flat_map(specs) {
        let rules = spec.file_rules();
        let mut facts = FileFacts::default();
        let record = RawJson::parse(spec.format().example()).unwrap();
        facts.add(rules, record.view(), u64::MAX / 2);
        for (index, rule) in rules.iter().enumerate() {
            assert!(!rule.rule().code.is_empty() && !rule.rule().seen_in.is_empty());
            let broken = rule.broken(index, &facts).is_some();
            let wanted = matches!(rule, FileRule::AtLeast(..) | FileRule::Bytes(..));
            assert_eq!(broken, wanted, "{spec}: {rule:?}");
        }
    }
}

#[test]
fn files_for_llama_have_rules_of_their_own() {
    let broken = |spec: &str, records: u64| -> Vec<_> {
        let rules = spec.parse::<FormatSpec>().unwrap().file_rules();
        let mut facts = FileFacts::default();
        (0..records).for_each(|_| facts.add(rules, RawJson::parse("{}").unwrap().view(), 3));
        let rules = rules.iter().enumerate();
        rules
            .filter_map(|(index, rule)| rule.broken(index, &facts))
            .collect()
    };
    assert_eq!(broken("bedrock-converse", 7).len(), 1);
    assert!(broken("bedrock-converse", 20_000).is_empty());
    assert!(broken("bedrock-converse+llama", 1).is_empty());
    assert_eq!(
        broken("bedrock-converse+llama", 10_001),
        ["the file has 10001 readable records, and at most 10000 are taken"]
    );
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}
