//! Sessions of agents, and the items that some of them are made of.

use serde_json::Value;

use super::{Turn, Turns, list, text, turn};

/// Items of the Responses API, one turn for each; what the model gave without anybody between is one.
pub(super) fn items(all: &[Value]) -> Turns {
    let mut turns: Turns = Vec::new();
    let mut is_open = false;
    let mut was_own = false;
    for item in all {
        let kind = item["type"].as_str().unwrap_or("message");
        let is_own = kind == "message" && item["role"] == "assistant" && item.get("id").is_none();
        let is_model = kind == "reasoning" || kind.ends_with("_call") || item["role"] == "assistant";
        if !is_model {
            turns.push(match kind {
                "message" => said(item["role"].as_str().unwrap_or_default(), &item["content"]),
                _ if kind.ends_with("_call_output") => said("tool", &item["output"]),
                other => turn(other, item),
            });
        } else if !is_open || is_own && was_own {
            turns.push(turn("assistant", &Value::Null));
        }
        is_open = is_model;
        was_own = is_own;
        let Some(open) = turns.last_mut().filter(|_| is_model) else {
            continue;
        };
        match kind {
            "message" => open.text += &said("assistant", &item["content"]).text,
            "function_call" => open.calls.push(named(item, &item["arguments"])),
            "custom_tool_call" => open.calls.push(named(item, &item["input"])),
            _ => {}
        }
    }
    turns
}

pub(super) fn named(item: &Value, arguments: &Value) -> (String, Value) {
    (
        item["name"].as_str().unwrap_or_default().to_owned(),
        arguments.clone(),
    )
}

fn said(role: &str, content: &Value) -> Turn {
    let mut said = turn(role, &Value::Null);
    said.text = match content {
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        other => text(other),
    };
    said
}

pub(super) fn responses(record: &Value) -> Vec<Turns> {
    let (request, response) = (&record["request"], &record["response"]);
    let side = |value: &Value, role: &str| match value {
        Value::String(_) => vec![turn(role, value)],
        other => items(list(other)),
    };
    let answered = items(list(&response["output"]));
    if answered.is_empty() {
        return Vec::new();
    }
    let asked = side(&request["instructions"], "system")
        .into_iter()
        .chain(side(&request["input"], "user"));
    vec![asked.chain(answered).collect()]
}
