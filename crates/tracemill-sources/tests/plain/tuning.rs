//! Tuning lines of Anthropic, Gemini and Bedrock.

use serde_json::{Value, json};

use super::{Turn, Turns, list, message, text, turn};

/// The messages of a record, after the instructions beside them.
pub(crate) fn instructed(record: &Value, turns: Turns) -> Turns {
    let says = !record["system"].is_object() && !text(&record["system"]).is_empty();
    let first = turns.first().map(|first| first.role.as_str());
    let system = (says && first != Some("system")).then(|| turn("system", &record["system"]));
    system.into_iter().chain(turns).collect()
}

/// Lines of Anthropic; logs are none.
pub(crate) fn anthropic(record: &Value) -> Option<Vec<Turns>> {
    let lines = list(&record["messages"]);
    if lines.is_empty() {
        return None;
    }
    let mut turns = Turns::new();
    for line in lines {
        let blocks = list(&line["content"]);
        let results = blocks.iter().filter(|block| block["type"] == "tool_result");
        turns.extend(results.map(|result| turn("tool", &result["content"])));
        let mut said = message(line);
        let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
        said.calls
            .extend(calls.map(|call| (word(&call["name"]), call["input"].clone())));
        let only_results = !blocks.is_empty() && blocks.iter().all(|block| block["type"] == "tool_result");
        turns.extend((!only_results).then_some(said));
    }
    Some(vec![instructed(record, turns)])
}

/// Lines of Gemini; logs are none.
pub(crate) fn gemini(record: &Value) -> Option<Vec<Turns>> {
    if let Some(asked) = record["text_input"].as_str() {
        return Some(vec![vec![
            turn("user", &json!(asked)),
            turn("assistant", &record["output"]),
        ]]);
    }
    if record["request"].is_object() {
        return None;
    }
    let mut turns = Turns::new();
    for key in ["systemInstruction", "system_instruction"] {
        match &record[key] {
            Value::Null => {}
            Value::String(words) => turns.push(turn("system", &json!(words))),
            content => turns.extend(contents("system", content)),
        }
    }
    for content in list(&record["contents"]) {
        match content.as_str() {
            Some(words) => turns.push(turn("user", &json!(words))),
            None => turns.extend(contents(&word(&content["role"]), content)),
        }
    }
    let answers = list(&record["completions"]);
    if answers.is_empty() {
        return Some(vec![turns]);
    }
    let answered = |answer: &Value| {
        let answer = contents("model", &answer["completion"]);
        turns.iter().cloned().chain(answer).collect()
    };
    Some(answers.iter().map(answered).collect())
}

fn contents(role: &str, content: &Value) -> Turns {
    let mut turns = Turns::new();
    let mut said = turn(if role == "model" { "assistant" } else { role }, &Value::Null);
    let parts = list(&content["parts"]);
    for part in parts {
        let result = &part["functionResponse"];
        if result.is_object() {
            let output = result["response"]["output"].as_str();
            turns.push(turn(
                "tool",
                &output.map_or(result["response"].clone(), Value::from),
            ));
        }
        let call = &part["functionCall"];
        said.calls.extend(
            call.is_object()
                .then(|| (word(&call["name"]), call["args"].clone())),
        );
        said.text.push_str(part["text"].as_str().unwrap_or_default());
    }
    let only_results = !turns.is_empty() && turns.len() == parts.len();
    turns.extend((!only_results).then_some(said));
    turns
}

/// Lines in the words of Converse.
pub(crate) fn converse(record: &Value) -> Vec<Turns> {
    let mut turns = Turns::new();
    if !record["system"].is_null() {
        turns.extend(blocks("system", &record["system"]));
    }
    for line in list(&record["messages"]) {
        if line["candidates"].is_array() {
            let answers = list(&line["candidates"]).iter();
            let answered = |answer: &Value| {
                let answer = blocks(&word(&line["role"]), &answer["content"]);
                turns.iter().cloned().chain(answer).collect()
            };
            return answers.map(answered).collect();
        }
        turns.extend(blocks(&word(&line["role"]), &line["content"]));
    }
    vec![turns]
}

fn blocks(role: &str, content: &Value) -> Turns {
    if content.is_string() {
        return vec![turn(role, content)];
    }
    let (mut results, mut turns) = (Turns::new(), vec![turn(role, &Value::Null)]);
    for block in list(content) {
        let last = turns.len() - 1;
        let said: &mut Turn = &mut turns[last];
        let result = &block["toolResult"];
        if result.is_object() {
            let given = list(&result["content"]);
            let words: String = given.iter().filter_map(|block| block["text"].as_str()).collect();
            let object = given
                .first()
                .filter(|only| given.len() == 1 && only["json"].is_object());
            let content = object.map_or(Value::from(words), |only| only["json"].clone());
            results.push(turn("tool", &content));
        } else if block["toolUse"].is_object() {
            let call = &block["toolUse"];
            said.calls.push((word(&call["name"]), call["input"].clone()));
        } else if block["reasoningContent"].is_object() && !(said.text.is_empty() && said.calls.is_empty()) {
            turns.push(turn(role, &Value::Null));
        } else {
            said.text.push_str(block["text"].as_str().unwrap_or_default());
        }
    }
    let only_results = !results.is_empty() && results.len() == list(content).len();
    results.extend(turns.into_iter().filter(|_| !only_results));
    results
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
