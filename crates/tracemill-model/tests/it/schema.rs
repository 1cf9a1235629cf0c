//! `docs/trace.schema.json` against the canonical form: what is written satisfies it, what is refused does not.
//!
//! A validator of the few keywords that the schema uses is shorter than the dependencies of a whole one; a keyword
//! it does not know fails the test.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use tracemill_model::DecodeErrorKind;

use crate::golden::{canonical_lines, data};
use crate::trace::{canonical, written};
use crate::traces::trace;

/// The root of the repository; `None` where only this crate is.
fn repository() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("crates").is_dir().then_some(root)
}

fn schema() -> Option<Value> {
    let path = repository()?.join("docs/trace.schema.json");
    let text = fs::read_to_string(path).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Checks a value; the error says where it fails and by which keyword.
fn validate(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                validate(root, root.pointer(pointer).unwrap(), value)?;
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "const" => value == rule,
            "enum" => list(rule).contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "not" => validate(root, rule, value).is_err(),
            "anyOf" => list(rule).iter().any(|rule| validate(root, rule, value).is_ok()),
            "oneOf" => {
                let fits = |rule: &&Value| validate(root, rule, value).is_ok();
                list(rule).iter().filter(fits).count() == 1
            }
            "required" => {
                let has = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                !value.is_object() || list(rule).iter().all(has)
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(key) {
                        validate(root, rule, member).map_err(|error| format!("{key}.{error}"))?;
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, item).map_err(|error| format!("{index}.{error}"))?;
                }
                true
            }
            other => panic!("the validator does not know `{other}`"),
        };
        if !holds {
            return Err(format!("{keyword} {rule}"));
        }
    }
    Ok(())
}

fn list(rule: &Value) -> &Vec<Value> {
    rule.as_array().unwrap()
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}

fn check(schema: &Value, line: &str) -> Result<(), String> {
    validate(schema, schema, &serde_json::from_str(line).unwrap())
}

#[test]
fn canonical_records_satisfy_the_schema() {
    let Some(schema) = schema() else { return };
    for line in canonical_lines() {
        check(&schema, &line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

/// Every file of canonical traces that a golden test of the workspace keeps.
#[test]
fn canonical_goldens_of_every_crate_satisfy_the_schema() {
    let (Some(schema), Some(root)) = (schema(), repository()) else {
        return;
    };
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str());
            if path.is_dir() {
                // What formats are checked with breaks their rules.
                folders.extend((name != Some("check")).then_some(path));
            } else if name.is_some_and(is_canonical) {
                for line in fs::read_to_string(&path).unwrap().lines() {
                    check(&schema, line)
                        .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
                }
            }
        }
    }
}

fn is_canonical(name: &str) -> bool {
    ["traces.jsonl", "tracemill.jsonl", "canonical.jsonl"].contains(&name)
        || name.ends_with(".canonical.jsonl")
}

/// The page that users read shows the canonical form, and names every code that a record can be refused with.
#[test]
fn the_page_shows_a_canonical_record_and_names_every_code() {
    let (Some(schema), Some(root)) = (schema(), repository()) else {
        return;
    };
    let page = fs::read_to_string(root.join("docs/trace-format.md")).unwrap();
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let line: String = example.unwrap().lines().map(str::trim).collect();
    assert_eq!(canonical(&line).unwrap(), line);
    check(&schema, &line).unwrap();
    for kind in DecodeErrorKind::ALL {
        assert!(
            page.contains(&format!("| `{}` |", kind.code())),
            "{}",
            kind.code()
        );
    }
}

/// Every field of the wrong type, as the reader refuses it.
#[test]
fn records_of_wrong_types_do_not_satisfy_the_schema() {
    let Some(schema) = schema() else { return };
    let cases = fs::read_to_string(data().join("errors/types.txt")).unwrap();
    let records = cases.lines().filter(|line| !line.starts_with(['#', ' ']));
    let mut count = 0;
    for record in records {
        assert!(check(&schema, record).is_err(), "{record}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn what_the_canonical_form_does_not_write_does_not_satisfy_the_schema() {
    let Some(schema) = schema() else { return };
    for record in [
        "{}",
        r#"{"messages":[{}]}"#,
        r#"{"messages":[],"id":null}"#,
        r#"{"messages":[],"trial":-1}"#,
        r#"{"messages":[],"trial":0.5}"#,
        r#"{"messages":[],"score":1}"#,
        r#"{"messages":[],"group":"g"}"#,
        r#"{"messages":[],"group":{"kind":"task"}}"#,
        r#"{"messages":[],"group":{"key":null}}"#,
        r#"{"messages":[],"group":{"key":1,"kind":"best"}}"#,
        r#"{"messages":[],"outcome":"success"}"#,
        r#"{"messages":[],"metadata":null}"#,
        r#"{"messages":[],"scores":{"a":1}}"#,
        r#"{"messages":[],"scores":[{"name":"a"}]}"#,
        r#"{"messages":[],"scores":[{"value":1,"missing":"why"}]}"#,
        r#"{"messages":[],"scores":[{"value":null}]}"#,
        r#"{"messages":[],"tools":"[]"}"#,
        r#"{"messages":[],"tools":[{"parameters":{}}]}"#,
        r#"{"messages":[],"tools":[{"name":"f","description":null}]}"#,
        r#"{"messages":[{"role":"function"}]}"#,
        r#"{"messages":[{"role":"user","name":null}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":7,"value":"a"}]}]}"#,
        r#"{"messages":[{"role":"user","train":null}]}"#,
        r#"{"messages":[{"role":"assistant","function_call":{"name":"f"}}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":null}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"type":"function","name":"f"}]}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"name":"f","arguments":null}]}]}"#,
    ] {
        assert!(check(&schema, record).is_err(), "{record}");
    }
}

proptest! {
    #[test]
    fn any_trace_satisfies_the_schema(trace in trace()) {
        if let Some(schema) = schema() {
            let line = written(&trace);
            prop_assert_eq!(check(&schema, &line), Ok(()), "{}", line);
        }
    }
}
