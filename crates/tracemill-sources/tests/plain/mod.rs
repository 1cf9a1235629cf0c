//! Records read a second time, with a few lines of plain JSON code for each dialect.

mod agents;
mod products;
pub(crate) mod sessions;
mod tuning;

use serde_json::Value;

/// What a message says: who, what, and the calls with their arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) role: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, Value)>,
}

type Turns = Vec<Turn>;

/// The sources that are read here.
pub(crate) const SOURCES: [&str; 31] = [
    "tracemill",
    "openai-chat",
    "openai-responses",
    "anthropic",
    "gemini",
    "bedrock-converse",
    "langsmith",
    "langfuse",
    "mlflow",
    "tau-bench",
    "tau2-bench",
    "swe-agent",
    "mini-swe-agent",
    "openhands",
    "atif",
    "claude-code",
    "codex",
    "gemini-cli",
    "google-adk",
    "toolbench",
    "who-and-when",
    "terminal-bench",
    "bfcl",
    "arena-hard",
    "mt-bench",
    "alpaca",
    "alpaca-eval",
    "sharegpt",
    "llamafactory",
    "prompt-completion",
    "preference",
];

/// The conversations in a record, which stands in the file `whole`; nothing if this is not a plain case.
pub(crate) fn conversations(source: &str, record: &Value, whole: &Value) -> Option<Vec<Turns>> {
    let one = |turns: Turns| Some(vec![turns]);
    match source {
        "openai-chat" => openai_chat(record),
        "openai-responses" => Some(agents::responses(record)),
        "langsmith" => products::langsmith(record),
        "langfuse" => products::langfuse(record),
        "mlflow" => products::mlflow(record),
        "tau-bench" => one(messages(&record["traj"])),
        "tau2-bench" => one(tau2(record, whole)),
        "swe-agent" | "who-and-when" => one(messages(&record["history"])),
        "mini-swe-agent" => one(mini(record)),
        "openhands" => one(openhands(&record["history"])),
        "gemini-cli" => Some(vec![agents::gemini_cli(record)]),
        "google-adk" => Some(vec![agents::google_adk(record)]),
        "atif" => Some(atif(record)),
        "toolbench" => one(messages(
            list(&record["answer_generation"]["train_messages"]).last()?,
        )),
        "terminal-bench" if text(&record["instruction"]).is_empty() => Some(Vec::new()),
        "terminal-bench" => one(vec![turn("user", &record["instruction"])]),
        "bfcl" if record["question"].is_null() => Some(Vec::new()),
        "bfcl" => one(list(&record["question"]).iter().flat_map(messages).collect()),
        "arena-hard" if record["messages"].is_null() => one(vec![turn("user", &record["prompt"])]),
        "anthropic" => tuning::anthropic(record),
        "gemini" => tuning::gemini(record),
        "bedrock-converse" => Some(tuning::converse(record)),
        "tracemill" => one(tuning::instructed(record, messages(&record["messages"]))),
        "arena-hard" => one(messages(&record["messages"])),
        "mt-bench" if record["turns"].is_null() => Some(Vec::new()),
        "mt-bench" => one(list(&record["turns"])
            .iter()
            .map(|asked| turn("user", asked))
            .collect()),
        "alpaca" => one(alpaca(record)),
        "alpaca-eval" => Some(alpaca_eval(record)),
        "sharegpt" => one(with_system(record, turns(&record["conversations"]))),
        "llamafactory" => Some(llamafactory(record)),
        "prompt-completion" => one(either(&record["prompt"], "user", &record["completion"])),
        "preference" => preference(record),
        _ => None,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn role(name: &Value) -> String {
    match name.as_str().unwrap_or_default() {
        "function" => "tool",
        other => other,
    }
    .to_owned()
}

/// What is said; parts of it one after the other.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(part).collect(),
        Value::Object(fields) if fields.contains_key("answer") => text(&content["answer"]),
        Value::Object(_) => content.to_string(),
        _ => String::new(),
    }
}

fn part(part: &Value) -> String {
    let is_text = part["type"] == "text";
    let text = part["text"].as_str().or(part["value"].as_str());
    text.filter(|_| is_text).unwrap_or_default().to_owned()
}

fn turn(role: &str, content: &Value) -> Turn {
    Turn {
        role: role.to_owned(),
        text: text(content),
        calls: Vec::new(),
    }
}

fn call(call: &Value) -> (String, Value) {
    let inner = ["function", "custom"]
        .iter()
        .find_map(|key| call.get(key).filter(|inner| inner.is_object()));
    let inner = inner.unwrap_or(call);
    let name = ["name", "function_name"]
        .iter()
        .find_map(|key| inner[key].as_str());
    let arguments = inner.get("arguments").or(inner.get("input")).cloned();
    (name.unwrap_or_default().to_owned(), arguments.unwrap_or_default())
}

fn message(message: &Value) -> Turn {
    let mut calls: Vec<_> = list(&message["tool_calls"]).iter().map(call).collect();
    calls.extend(
        message["function_call"]
            .as_object()
            .map(|_| call(&message["function_call"])),
    );
    Turn {
        role: role(&message["role"]),
        text: text(&message["content"]),
        calls,
    }
}

fn messages(value: &Value) -> Turns {
    list(value).iter().map(message).collect()
}

fn openai_chat(record: &Value) -> Option<Vec<Turns>> {
    let asked = [&record["messages"], &record["request"]["messages"]]
        .into_iter()
        .find(|list| list.is_array())?;
    let choices = list(&record["response"]["choices"]);
    let answered = |choice: &Value| {
        messages(asked)
            .into_iter()
            .chain([message(&choice["message"])])
            .collect()
    };
    (!choices.is_empty()).then(|| choices.iter().map(answered).collect())
}

fn tau2(record: &Value, whole: &Value) -> Turns {
    let policy = &whole["info"]["environment_info"]["policy"];
    let system = policy
        .as_str()
        .filter(|policy| !policy.is_empty())
        .map(|_| turn("system", policy));
    let of_agent = list(&record["messages"])
        .iter()
        .filter(|message| message["requestor"] != "user");
    let mut turns: Turns = of_agent.map(message).collect();
    // What a user calls is not said to the agent.
    turns.retain(|turn| turn.role != "user" || turn.calls.is_empty() || !turn.text.is_empty());
    turns
        .iter_mut()
        .filter(|turn| turn.role == "user")
        .for_each(|turn| turn.calls.clear());
    if turns.is_empty() {
        return turns;
    }
    system.into_iter().chain(turns).collect()
}

fn mini(record: &Value) -> Turns {
    let mut turns = messages(if record.is_array() {
        record
    } else {
        &record["messages"]
    });
    let is_mark = turns
        .last()
        .is_some_and(|last| last.role == "exit" || last.role == "user" && last.text.is_empty());
    if is_mark && turns.len() > 1 {
        turns.pop();
    }
    turns
}

fn openhands(history: &Value) -> Turns {
    let mut seen = Vec::new();
    let mut turns = Vec::new();
    let events = list(history).iter().flat_map(|entry| match entry {
        Value::Array(pair) => pair.iter().collect(),
        event => vec![event],
    });
    for event in events {
        let response = &event["tool_call_metadata"]["model_response"];
        let is_action = event.get("action").is_some();
        let kind = if is_action {
            &event["action"]
        } else {
            &event["observation"]
        };
        match (
            is_action,
            kind.as_str().unwrap_or_default(),
            event["source"].as_str().unwrap_or_default(),
        ) {
            (true, ..) if response.is_object() && seen.contains(&&response["id"]) => {}
            (true, ..) if response.is_object() => {
                seen.extend(Some(&response["id"]).filter(|id| !id.is_null()));
                turns.push(message(&response["choices"][0]["message"]));
            }
            (true, "system", _) => turns.push(turn("system", &event["args"]["content"])),
            (true, "message", "user") => turns.push(turn("user", &event["args"]["content"])),
            (true, "message", "agent") => turns.push(turn("assistant", &event["args"]["content"])),
            (false, ..) if event["tool_call_metadata"].is_object() => {
                turns.push(turn("tool", &event["content"]));
            }
            (false, "error", _) => turns.push(turn("user", &event["content"])),
            _ => {}
        }
    }
    turns
}

fn atif(record: &Value) -> Vec<Turns> {
    let mut turns = Vec::new();
    for step in list(&record["steps"]) {
        let mut said = message(step);
        let source = step["source"].as_str().unwrap_or_default();
        said.role = String::from(if source == "agent" { "assistant" } else { source });
        said.text = text(&step["message"]);
        let calls = said.calls.len();
        turns.push(said);
        for result in list(&step["observation"]["results"]) {
            let is_matched = calls == 1 || result["source_call_id"].is_string();
            turns.push(turn(if is_matched { "tool" } else { "user" }, &result["content"]));
        }
    }
    let subagents = list(&record["subagent_trajectories"]).iter().flat_map(atif);
    Some(turns)
        .filter(|turns| !turns.is_empty())
        .into_iter()
        .chain(subagents)
        .collect()
}

fn alpaca(record: &Value) -> Turns {
    let input = record["input"].as_str().filter(|input| !input.is_empty());
    let mut asked = turn("user", &record["instruction"]);
    asked.text.extend(input.map(|input| format!("\n{input}")));
    let history = list(&record["history"]).iter();
    let before = history.flat_map(|pair| [turn("user", &pair[0]), turn("assistant", &pair[1])]);
    with_system(
        record,
        before
            .chain([asked, turn("assistant", &record["output"])])
            .collect(),
    )
}

fn alpaca_eval(record: &Value) -> Vec<Turns> {
    let outputs = ["output", "output_1", "output_2"]
        .into_iter()
        .filter(|key| record[key].is_string());
    outputs
        .map(|key| {
            vec![
                turn("user", &record["instruction"]),
                turn("assistant", &record[key]),
            ]
        })
        .collect()
}

fn with_system(record: &Value, turns: Turns) -> Turns {
    let is_first = turns.first().is_some_and(|first| first.role == "system");
    let system = record["system"]
        .as_str()
        .filter(|system| !system.is_empty() && !is_first);
    system
        .map(|_| turn("system", &record["system"]))
        .into_iter()
        .chain(turns)
        .collect()
}

fn from_value(entry: &Value) -> Turn {
    let Some(from) = entry["from"].as_str() else {
        return message(entry);
    };
    let mut said = turn("", &entry["value"]);
    said.role = String::from(match from {
        "human" => "user",
        "gpt" | "function_call" => "assistant",
        "observation" | "function" => "tool",
        other => other,
    });
    if from == "function_call" {
        let json = said.text.rsplit("</think>").next().unwrap_or_default();
        said.calls = match serde_json::from_str(json).expect("calls") {
            Value::Array(calls) => calls.iter().map(call).collect(),
            one => vec![call(&one)],
        };
        said.text.clear();
    }
    said
}

fn turns(value: &Value) -> Turns {
    list(value).iter().map(from_value).collect()
}

fn llamafactory(record: &Value) -> Vec<Turns> {
    let read = |entry: &Value| {
        let mut said = message(entry);
        let calls = list(&entry["content"])
            .iter()
            .filter(|part| part["type"] == "tool_call");
        let parsed =
            calls.map(|part| serde_json::from_str(part["value"].as_str().expect("text")).expect("a call"));
        said.calls.extend(parsed.map(|parsed: Value| call(&parsed)));
        said
    };
    let keys = ["messages", "chosen_messages", "rejected_messages"]
        .into_iter()
        .filter(|key| record[key].is_array());
    keys.map(|key| list(&record[key]).iter().map(read).collect())
        .collect()
}

/// Texts or lists of messages.
fn either(prompt: &Value, asker: &str, completion: &Value) -> Turns {
    let side = |value: &Value, role: &str| match value {
        Value::String(_) => vec![turn(role, value)],
        Value::Object(_) => vec![message(value)],
        list => messages(list),
    };
    side(prompt, asker)
        .into_iter()
        .chain(side(completion, "assistant"))
        .collect()
}

/// `ShareGPT` pairs and judgements only: the others are in `messages` and read alike.
fn preference(record: &Value) -> Option<Vec<Turns>> {
    let key = ["conversations", "messages"]
        .into_iter()
        .find(|key| record[key].is_array())?;
    let asked = || with_system(record, turns(&record[key]));
    if record["chosen"].is_object() && record["rejected"].is_object() {
        let answered = |side| asked().into_iter().chain([from_value(&record[side])]).collect();
        return Some(vec![answered("chosen"), answered("rejected")]);
    }
    record["label"].is_boolean().then(|| vec![asked()])
}
