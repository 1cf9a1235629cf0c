//! `--tools`, `--model`, `--system`, `--default-system` and `--group-by` do the same whatever the source is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracemill::io::{Input, expand};
use tracemill::model::Tool;
use tracemill::model::json::Cursor;
use tracemill::{Ledger, Mill, MillBuilder, OnError, SystemPrompt, WhenEmpty};

/// The golden inputs that need nothing said of them, by source.
fn cases() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracemill-sources/tests/golden");
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut cases = Vec::new();
    for source in folders(&root) {
        for case in folders(&source) {
            if !case.join("options.txt").exists() && !case.join("prompts.json").exists() {
                cases.push((name(&source), case));
            }
        }
    }
    cases
}

fn inputs(case: &Path) -> Vec<Input> {
    let is_input = |name: &str| name.starts_with("input");
    let mut paths: Vec<_> = std::fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| is_input(path.file_name().unwrap().to_str().unwrap()));
    expand(&paths, |_| true).unwrap()
}

/// The traces that come out, and the account.
fn read(source: &str, case: &Path, set: impl Fn(&mut MillBuilder)) -> (Vec<Value>, Ledger) {
    let mut builder = Mill::builder();
    builder.format("tracemill").unwrap().source_named(source).unwrap();
    builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
    set(&mut builder);
    let encoded = builder.build().unwrap().collect(inputs(case));
    let encoded = encoded.unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    assert!(encoded.ledger.balances(), "{}", case.display());
    let text = String::from_utf8(encoded.bytes).unwrap();
    let traces = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (traces, encoded.ledger)
}

fn is_system(message: &Value) -> bool {
    message["role"] == "system" || message["role"] == "developer"
}

/// Compares every case with and without an option: `expect` changes a trace as the option should, and says whether it did.
fn compare(set: impl Fn(&mut MillBuilder), code: &str, expect: impl Fn(&mut Value) -> bool) {
    let (mut seen, mut changed) = (BTreeSet::new(), BTreeSet::new());
    for (source, case) in cases() {
        let (plain, _) = read(&source, &case, |_| {});
        let (with, ledger) = read(&source, &case, &set);
        assert_eq!(plain.len(), with.len(), "{}", case.display());
        let mut count = 0;
        for (mut plain, with) in plain.into_iter().zip(with) {
            count += u64::from(expect(&mut plain));
            assert_eq!(plain, with, "{}", case.display());
            seen.insert(source.clone());
        }
        assert_eq!(ledger.adjusted.get(code), count, "{}", case.display());
        if count > 0 {
            changed.insert(source);
        }
    }
    // Every source gives traces, and many of them some that the option is for.
    for info in tracemill::sources::sources() {
        // One whose prompts are elsewhere has no case without options.
        assert!(
            seen.contains(info.name()) || !info.options().is_empty(),
            "{}",
            info.name()
        );
    }
    assert!(changed.len() > 15, "{code}: only {changed:?}");
}

#[test]
fn tools_are_given_to_traces_without_any() {
    let tools = r#"[{"name":"now","parameters":{"type":"object"}}]"#;
    let list = Tool::read_list(&mut Cursor::new(tools)).unwrap();
    let list: Vec<_> = list.into_iter().map(Tool::into_owned).collect();
    let given: Value = serde_json::from_str(tools).unwrap();
    compare(
        |builder| {
            builder.tools(list.clone());
        },
        "tools",
        |trace| {
            let is_missing = trace.get("tools").is_none();
            if is_missing {
                trace["tools"] = given.clone();
            }
            is_missing
        },
    );
}

#[test]
fn a_model_is_given_to_traces_without_one() {
    compare(
        |builder| {
            builder.model("given");
        },
        "model",
        |trace| {
            let is_missing = trace.get("model").is_none();
            if is_missing {
                trace["model"] = json!("given");
            }
            is_missing
        },
    );
}

#[test]
fn a_system_prompt_takes_the_place_of_all_others() {
    compare(
        |builder| {
            builder.system(SystemPrompt::Replace("Be kind.".to_owned()));
        },
        "system",
        |trace| {
            let messages = trace["messages"].as_array_mut().unwrap();
            messages.retain(|message| !is_system(message));
            messages.insert(0, json!({"role": "system", "content": "Be kind."}));
            true
        },
    );
}

#[test]
fn a_default_system_prompt_is_for_traces_without_one() {
    compare(
        |builder| {
            builder.system(SystemPrompt::Default("Be kind.".to_owned()));
        },
        "default-system",
        |trace| {
            let messages = trace["messages"].as_array_mut().unwrap();
            let is_missing = !messages.iter().any(is_system);
            if is_missing {
                messages.insert(0, json!({"role": "system", "content": "Be kind."}));
            }
            is_missing
        },
    );
}

#[test]
fn traces_are_grouped_by_any_field() {
    for pointer in ["/id", "/messages/0/content", "/outcome"] {
        compare(
            |builder| {
                builder.group_by(pointer.parse().unwrap());
            },
            "group-by",
            |trace| {
                let Some(key) = trace.pointer(pointer).filter(|key| !key.is_null()).cloned() else {
                    return false;
                };
                trace["group"] = json!({"key": key, "kind": "task"});
                true
            },
        );
    }
}
