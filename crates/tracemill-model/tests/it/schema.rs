//! The JSON Schema of the documentation, held against what is written.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Whether `value` satisfies `schema`: the part of JSON Schema 2020-12 that ours uses, and no more.
fn satisfies(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(rules) = schema else {
        return schema == &json!(true);
    };
    rules.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "title" | "description" | "$defs" => true,
        "$ref" => {
            let pointer = rule.as_str().unwrap().trim_start_matches('#');
            satisfies(root, root.pointer(pointer).expect("a definition"), value)
        }
        "type" => match rule {
            Value::Array(types) => types.iter().any(|name| is_of(name.as_str().unwrap(), value)),
            name => is_of(name.as_str().unwrap(), value),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().unwrap()),
        "required" => match value {
            Value::Object(fields) => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|key| fields.contains_key(key.as_str().unwrap())),
            _ => true,
        },
        "properties" => match value {
            Value::Object(fields) => rule
                .as_object()
                .unwrap()
                .iter()
                .all(|(key, schema)| fields.get(key).is_none_or(|field| satisfies(root, schema, field))),
            _ => true,
        },
        "items" => match value {
            Value::Array(items) => items.iter().all(|item| satisfies(root, rule, item)),
            _ => true,
        },
        "anyOf" => rule
            .as_array()
            .unwrap()
            .iter()
            .any(|schema| satisfies(root, schema, value)),
        other => panic!("the validator does not know `{other}`: teach it, or do without"),
    })
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type is called `{other}`"),
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    let text = fs::read_to_string(workspace().join("docs/trace.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every file of canonical traces that a golden test of the workspace keeps.
fn canonical_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![workspace().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if ["traces.jsonl", "tracemill.jsonl", "canonical.jsonl"].contains(&name.as_str())
                || name.ends_with(".canonical.jsonl")
            {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn everything_canonical_satisfies_the_schema() {
    // Packaged on its own, the crate has no workspace around it.
    if !workspace().join("docs/trace.schema.json").exists() {
        return;
    }
    let schema = schema();
    let mut traces = 0;
    for file in canonical_files() {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(
                satisfies(&schema, &schema, &value),
                "{}:{}: {line}",
                file.display(),
                number + 1
            );
            traces += 1;
        }
    }
    assert!(traces > 100, "only {traces} canonical traces were found");
}

#[test]
fn the_schema_refuses_what_is_no_trace() {
    if !workspace().join("docs/trace.schema.json").exists() {
        return;
    }
    let schema = schema();
    let refused = [
        json!([]),
        json!({}),
        json!({"messages": {}}),
        json!({"messages": [{}]}),
        json!({"messages": [{"role": 1}]}),
        json!({"messages": [{"role": "user", "content": 7}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{}]}]}),
        json!({"messages": [{"role": "assistant", "train": 1}]}),
        json!({"messages": [], "id": true}),
        json!({"messages": [], "group": {"kind": "task"}}),
        json!({"messages": [], "group": {"key": 1, "kind": "tasks"}}),
        json!({"messages": [], "trial": -1}),
        json!({"messages": [], "tools": [{}]}),
        json!({"messages": [], "scores": [{}]}),
        json!({"messages": [], "scores": [{"value": [1]}]}),
        json!({"messages": [], "outcome": "fine"}),
    ];
    for value in refused {
        assert!(!satisfies(&schema, &schema, &value), "{value}");
    }
}
