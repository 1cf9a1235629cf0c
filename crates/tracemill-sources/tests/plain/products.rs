//! Runs of products: what is recorded of one model call.

use serde_json::Value;

use super::{Turn, Turns, list, message, messages, text};

/// A run of a language model, alone or in a body that posts and patches it; others are not plain cases.
pub(super) fn langsmith(record: &Value) -> Option<Vec<Turns>> {
    let mut run = record.clone();
    if let (Some([posted]), Some([patched])) = (
        record["post"].as_array().map(Vec::as_slice),
        record["patch"].as_array().map(Vec::as_slice),
    ) {
        run = posted.clone();
        run["outputs"] = patched["outputs"].clone();
    }
    if run["run_type"] != "llm" {
        return None;
    }
    let asked = &run["inputs"]["messages"];
    let asked = if asked[0].is_array() { &asked[0] } else { asked };
    let plain = list(asked)
        .iter()
        .all(|message| message["role"].is_string() || message["kwargs"].is_object());
    let blocks = list(asked).iter().any(|message| message["content"].is_array());
    if !asked.is_array() || !plain || blocks {
        return None;
    }
    let asked: Turns = list(asked).iter().map(either).collect();
    let outputs = &run["outputs"];
    let answers: Turns = if outputs["choices"].is_array() {
        list(&outputs["choices"])
            .iter()
            .map(|choice| message(&choice["message"]))
            .collect()
    } else {
        list(&outputs["generations"][0])
            .iter()
            .map(|generation| either(&generation["message"]))
            .collect()
    };
    let whole = |answer| asked.clone().into_iter().chain([answer]).collect();
    (!answers.is_empty()).then(|| answers.into_iter().map(whole).collect())
}

/// A message of the API, or one of `LangChain`.
fn either(value: &Value) -> Turn {
    let Some(kwargs) = value.get("kwargs") else {
        return messages(&Value::Array(vec![value.clone()])).remove(0);
    };
    let class = value["id"]
        .as_array()
        .and_then(|path| path.last()?.as_str())
        .expect("a class");
    let role = match class {
        "HumanMessage" => "user",
        "AIMessage" => "assistant",
        "SystemMessage" => "system",
        "ToolMessage" => "tool",
        other => panic!("{other} is no message"),
    };
    let call = |call: &Value| {
        (
            call["name"].as_str().expect("a name").to_owned(),
            call["args"].clone(),
        )
    };
    Turn {
        role: role.to_owned(),
        text: text(&kwargs["content"]),
        calls: list(&kwargs["tool_calls"]).iter().map(call).collect(),
    }
}

/// JSON in a string, once or twice.
fn unwrapped(value: &Value) -> Value {
    let mut value = value.clone();
    for _ in 0..2 {
        let Some(inner) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) else {
            break;
        };
        value = inner;
    }
    value
}

/// The one generation of a trace with plain messages; what frameworks have in other shapes is no plain case.
pub(super) fn langfuse(record: &Value) -> Option<Vec<Turns>> {
    // Somebody replaced the answer.
    if !list(&record["trace"]["corrections"]).is_empty() {
        return None;
    }
    let observations = list(&record["observations"]);
    let [generation] = observations else { return None };
    one_call(
        generation["type"] == "GENERATION",
        &unwrapped(&generation["input"]),
        &unwrapped(&generation["output"]),
    )
}

/// The one model call of a trace.
pub(super) fn mlflow(record: &Value) -> Option<Vec<Turns>> {
    let kind = |span: &&Value| {
        let kind = unwrapped(&span["attributes"]["mlflow.spanType"]);
        kind == "CHAT_MODEL" || kind == "LLM"
    };
    let calls: Vec<_> = list(&record["data"]["spans"]).iter().filter(kind).collect();
    let [span] = calls.as_slice() else { return None };
    let attribute = |key: &str| unwrapped(&span["attributes"][key]);
    one_call(
        true,
        &attribute("mlflow.spanInputs"),
        &attribute("mlflow.spanOutputs"),
    )
}

fn one_call(is_call: bool, input: &Value, output: &Value) -> Option<Vec<Turns>> {
    let asked = if input["messages"].is_array() {
        &input["messages"]
    } else {
        input
    };
    let plain = |message: &Value| message["role"].is_string() && message["content"].is_string();
    if !is_call || !list(asked).iter().all(plain) {
        return None;
    }
    let mut turns = match asked {
        Value::String(text) if !text.starts_with(['[', 's']) => vec![super::turn("user", asked)],
        Value::Array(_) => messages(asked),
        _ => return None,
    };
    let answer = ["/choices/0/message", "/message", ""]
        .iter()
        .find_map(|pointer| output.pointer(pointer))?;
    turns.push(match answer {
        Value::String(_) => super::turn("assistant", answer),
        Value::Object(fields) if fields.contains_key("role") => message(answer),
        _ => return None,
    });
    Some(vec![turns])
}
