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
        is_open = is_model && item["closed"] != true;
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

/// A session of the Gemini CLI, or one message of it.
pub(super) fn gemini_cli(record: &Value) -> Turns {
    let alone = [record.clone()];
    let messages = record["messages"].as_array().map_or(&alone[..], Vec::as_slice);
    let mut turns = Turns::new();
    for message in messages {
        let role = match message["type"].as_str() {
            Some("user") => "user",
            Some("gemini") => "assistant",
            _ => continue,
        };
        let mut spoken = said(role, &message["content"]);
        let calls = list(&message["toolCalls"]);
        spoken.calls = calls.iter().map(|call| named(call, &call["args"])).collect();
        turns.push(spoken);
        for part in calls.iter().flat_map(|call| list(&call["result"])) {
            let given = &part["functionResponse"]["response"];
            let words = ["output", "error"].iter().find_map(|key| {
                given[key]
                    .as_str()
                    .filter(|_| given.as_object().is_some_and(|it| it.len() == 1))
            });
            turns.push(match words {
                Some(words) => turn("tool", &Value::from(words)),
                None if given.is_null() => turn("tool", &part["text"]),
                None => turn("tool", given),
            });
        }
    }
    turns
}

/// A case of an eval set or of its results, a session, or a list of questions of the older form.
pub(super) fn google_adk(record: &Value) -> Turns {
    let mut turns = Turns::new();
    for old in list(record) {
        turns.push(turn("user", &old["query"]));
        let mut called = turn("assistant", &Value::Null);
        let uses = list(&old["expected_tool_use"]);
        let name = |used: &Value| used["tool_name"].as_str().unwrap_or_default().to_owned();
        called.calls = uses
            .iter()
            .map(|used| (name(used), used["tool_input"].clone()))
            .collect();
        turns.extend((!uses.is_empty()).then_some(called));
        turns.push(turn("assistant", &old["reference"]));
    }
    turns.extend(list(&record["events"]).iter().flat_map(event));
    turns.extend(list(&record["conversation"]).iter().flat_map(invocation));
    let judged = list(either(
        record,
        "evalMetricResultPerInvocation",
        "eval_metric_result_per_invocation",
    ));
    turns.extend(
        judged
            .iter()
            .flat_map(|judged| invocation(either(judged, "actualInvocation", "actual_invocation"))),
    );
    turns
}

fn either<'v>(value: &'v Value, camel: &str, snake: &str) -> &'v Value {
    value.get(camel).unwrap_or(&value[snake])
}

fn invocation(value: &Value) -> Turns {
    let data = either(value, "intermediateData", "intermediate_data");
    let mut turns = parts("user", &either(value, "userContent", "user_content")["parts"]);
    turns.extend(
        list(either(data, "invocationEvents", "invocation_events"))
            .iter()
            .flat_map(event),
    );
    let mut called = turn("assistant", &Value::Null);
    let uses = list(either(data, "toolUses", "tool_uses"));
    called.calls = uses.iter().map(|used| named(used, &used["args"])).collect();
    turns.extend((!uses.is_empty()).then_some(called));
    let responses = list(either(data, "toolResponses", "tool_responses"));
    turns.extend(responses.iter().map(|response| given(&response["response"])));
    for pair in list(either(data, "intermediateResponses", "intermediate_responses")) {
        turns.extend(parts("assistant", &pair[1]));
    }
    let answer = either(value, "finalResponse", "final_response");
    turns.extend(if answer.is_null() {
        Turns::new()
    } else {
        parts("assistant", &answer["parts"])
    });
    turns
}

fn event(event: &Value) -> Turns {
    let role = if event["author"] == "user" {
        "user"
    } else {
        "assistant"
    };
    if event["content"].is_null() {
        return Turns::new();
    }
    parts(role, &event["content"]["parts"])
}

fn parts(role: &str, parts: &Value) -> Turns {
    let results = list(parts)
        .iter()
        .map(|part| either(part, "functionResponse", "function_response"));
    let mut turns: Turns = results
        .filter(|it| !it.is_null())
        .map(|it| given(&it["response"]))
        .collect();
    let mut spoken = turn(role, &Value::Null);
    for part in list(parts).iter().filter(|part| part["thought"] != true) {
        spoken.text += part["text"].as_str().unwrap_or_default();
        let call = either(part, "functionCall", "function_call");
        spoken
            .calls
            .extend((!call.is_null()).then(|| named(call, &call["args"])));
    }
    if turns.is_empty() || !spoken.text.is_empty() {
        turns.push(spoken);
    }
    turns
}

fn given(response: &Value) -> Turn {
    let alone = response.as_object().is_some_and(|it| it.len() == 1);
    let words = ["output", "error"]
        .iter()
        .find_map(|key| response[key].as_str().filter(|_| alone));
    words.map_or_else(
        || turn("tool", response),
        |words| turn("tool", &Value::from(words)),
    )
}
