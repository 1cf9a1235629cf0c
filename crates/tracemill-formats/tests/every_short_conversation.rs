//! Every conversation of a few messages, whole and cut into prompt and completion, through every format: what is not noted as lost is in the record, and the
//! record keeps the order and the links that its consumer wants.

#[path = "goldens/pairs.rs"]
mod pairs;

/// Left out here: what its template drops is found in a test of its own.
const TEMPLATE: &str = "text-template";

use serde_json::Value;
use tracemill_formats::{EncodeOptions, Encoder, Findings, FormatSpec, Loss, Scratch, formats};
use tracemill_model::{Conversation, Example, RawJson, Shape, Trace, Turns};

/// Messages whose order matters. `#` becomes the place of the message, so that every text is found again.
const ORDER: &[&str] = &[
    r#"{"role":"system","content":"text#"}"#,
    r#"{"role":"user","content":"text#"}"#,
    r#"{"role":"assistant","content":"text#"}"#,
    r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","name":"name#","arguments":{"x":"args#"}}]}"#,
    r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","name":"name#","arguments":"{\"x\":\"args#\"}"},{"id":"b","name":"other#","arguments":{}}]}"#,
    r#"{"role":"tool","tool_call_id":"a","content":"text#"}"#,
    r#"{"role":"tool","tool_call_id":"b","content":"text#"}"#,
];

/// Messages that hold what formats may lack.
const FEATURES: &[&str] = &[
    r#"{"role":"user","content":"text#"}"#,
    r#"{"role":"assistant","content":"text#"}"#,
    r#"{"role":"developer","content":"text#","name":"name#"}"#,
    r#"{"role":"critic","content":"text#"}"#,
    r#"{"role":"user","content":[{"type":"text","text":"text#"},{"type":"text","text":"more#"}]}"#,
    r#"{"role":"user","content":[{"type":"image","url":"http://url#"},{"type":"video","url":"http://film#"}]}"#,
    r#"{"role":"user","content":{"x":"text#"}}"#,
    r#"{"role":"assistant","content":"text#","reasoning":"thought#"}"#,
    r#"{"role":"assistant","content":"text#","reasoning":{"opaque":"thought#"}}"#,
    r#"{"role":"assistant","content":"text#","train":false}"#,
    r#"{"role":"assistant","name":"name#","refusal":"refused#"}"#,
    r#"{"role":"assistant","content":"text#","tool_calls":[{"name":"name#","arguments":"{args#"},{"type":"custom","custom":{"name":"custom#","input":"[1]"}}]}"#,
    r#"{"role":"assistant","reasoning":"thought#","tool_calls":[{"id":"call_0","name":"name#"},{"name":"later#","arguments":"[1]"}]}"#,
    r#"{"role":"tool","content":"text#","is_error":true}"#,
    r#"{"role":"tool","tool_call_id":"call_0","name":"name#","content":[{"type":"text","text":"text#"}]}"#,
    r#"{"role":"user","content":"","tool_calls":[{"name":"name#"}],"reasoning":"thought#"}"#,
];

#[test]
fn orders_are_kept_or_refused() {
    for_each(ORDER, 4, 4);
}

#[test]
fn features_are_written_or_noted() {
    // A prompt and an answer of one message each have room for every feature.
    for_each(FEATURES, 3, 2);
}

/// Encodes every sequence of up to `longest` messages, and every cut of one of up to `longest_cut`.
fn for_each(alphabet: &[&str], longest: u32, longest_cut: u32) {
    let (encoders, others) = (encoders(), pairs::encoders());
    let mut scratch = Scratch::new();
    for length in 1..=longest {
        for number in 0..alphabet.len().pow(length) {
            let line = conversation(alphabet, length, number);
            let trace = Trace::from_json(&line).unwrap();
            if length <= longest_cut {
                pairs::check(&trace, &others, &mut scratch);
            }
            for turns in [Turns::Whole, Turns::Each, Turns::Last] {
                for conversation in turns.of(&trace) {
                    for encoder in &encoders {
                        check(encoder.as_ref(), conversation, &mut scratch);
                    }
                }
            }
        }
    }
}

fn conversation(alphabet: &[&str], length: u32, mut number: usize) -> String {
    let mut messages = Vec::new();
    for place in 0..length {
        let message = alphabet[number % alphabet.len()];
        number /= alphabet.len();
        messages.push(message.replace('#', &format!("-{place}-")));
    }
    format!("{{\"messages\":[{}]}}", messages.join(","))
}

fn encoders() -> Vec<Box<dyn Encoder>> {
    let options = EncodeOptions::default();
    let mut encoders: Vec<_> = formats()
        .iter()
        .filter(|format| format.shapes().contains(&Shape::Conversation) && format.name() != TEMPLATE)
        .map(|format| FormatSpec::of(format).encoder(&options).unwrap())
        .collect();
    // `verl` alone takes no trace without a right answer.
    for spec in ["hf+prompt-completion", "verl+answer"] {
        let spec: FormatSpec = spec.parse().unwrap();
        encoders.push(spec.encoder(&options).unwrap());
    }
    encoders
}

fn check(encoder: &dyn Encoder, conversation: Conversation<'_>, scratch: &mut Scratch) {
    let example = Example::Conversation(conversation);
    let mut out = b"before".to_vec();
    scratch.clear();
    if encoder.encode(&example, scratch, &mut out).is_err() {
        return;
    }
    let record = std::str::from_utf8(&out).unwrap().strip_prefix("before").unwrap();
    let value: Value = serde_json::from_str(record).unwrap_or_else(|error| panic!("{error}: {record}"));
    if scratch.losses.is_empty() {
        let completion_is_made_anew = ["openai-rft", "trl-prompt-only", "verl"].contains(&encoder.name());
        let words = if completion_is_made_anew {
            prompt_words(&conversation)
        } else {
            words(&conversation)
        };
        for word in words {
            assert!(
                record.contains(&word),
                "`{}` lost `{word}` silently: {record}",
                encoder.name()
            );
        }
    }
    match encoder.name() {
        "openai" | "together" | "fireworks" | "mistral" => check_openai(&value),
        "openai-rft" => assert_ends_with_user(&value),
        "alpaca" | "fastchat" | "ms-swift" => {}
        "nemo-sft" => {
            for (index, turn) in value["conversations"].as_array().unwrap().iter().enumerate() {
                assert_eq!(turn["from"], ["User", "Assistant"][index % 2], "{record}");
            }
        }
        "verl" => {
            assert!(!value["prompt"].as_array().unwrap().is_empty(), "{record}");
            assert!(value["reward_model"]["ground_truth"].is_string(), "{record}");
        }
        "hf" | "axolotl" | "trl-prompt-completion" | "trl-prompt-only" => {
            check_hf(&value, scratch.losses.is_empty());
        }
        "sharegpt" => check_sharegpt(&value),
        "tracemill" => check_canonical(record),
        "hermes" | "llama3" | "harmony" if scratch.losses.count(Loss::UnparsableArguments) > 0 => {}
        "hermes" | "llama3" | "harmony" if scratch.losses.count(Loss::NonObjectArguments) > 0 => {}
        _ => check_by_rules(encoder.name(), record),
    }
}

/// The marked words of a conversation: `text-0-`, `args-1-`, ….
fn words(conversation: &Conversation<'_>) -> Vec<String> {
    let mut json = Vec::new();
    conversation.write_json(&mut json);
    let json = String::from_utf8(json).unwrap();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    json.split(|c| !is_word(c))
        .filter(|word| word.ends_with('-'))
        .map(str::to_owned)
        .collect()
}

/// The marked words before the first turn that is to be learnt.
fn prompt_words(conversation: &Conversation<'_>) -> Vec<String> {
    let count = conversation.messages().len();
    let end = (0..count).find(|&index| conversation.is_target(index));
    let mut prompt = Trace::new();
    for message in &conversation.messages()[..end.unwrap_or(count)] {
        prompt.push_message(message.clone());
    }
    words(&Conversation::whole(&prompt))
}

fn assert_ends_with_user(record: &Value) {
    let messages = record["messages"].as_array().unwrap();
    assert_eq!(messages.last().unwrap()["role"], "user", "{record}");
}

fn check_openai(record: &Value) {
    let messages = record["messages"].as_array().unwrap();
    let last = messages
        .iter()
        .rposition(|message| message["role"] == "assistant")
        .unwrap();
    let mut open: Vec<&Value> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        match message["role"].as_str().unwrap() {
            "assistant" => {
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    assert!(call["function"]["arguments"].is_string(), "{record}");
                    open.extend((index != last).then_some(&call["id"]));
                    assert!(call["id"].is_string(), "{record}");
                }
                assert!(
                    message.get("content").is_some() || message.get("tool_calls").is_some(),
                    "{record}"
                );
            }
            "tool" if index < last => {
                let answered = open.iter().position(|id| **id == message["tool_call_id"]);
                open.remove(answered.unwrap_or_else(|| panic!("an orphan: {record}")));
            }
            _ => assert!(!message["content"].is_null(), "{record}"),
        }
    }
    let after = &messages[last..];
    let late = after.iter().filter(|message| message["role"] == "tool");
    for message in late {
        open.retain(|id| **id != message["tool_call_id"]);
    }
    assert!(open.is_empty(), "unanswered {open:?}: {record}");
}

fn check_hf(record: &Value, lossless: bool) {
    let lists = ["messages", "prompt", "completion"].map(|key| record[key].as_array());
    for message in lists.into_iter().flatten().flatten() {
        assert!(message["content"].is_string(), "{record}");
        assert!(
            message["role"] != "tool" || message["name"].is_string(),
            "{record}"
        );
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            assert!(!lossless || call["function"]["arguments"].is_object(), "{record}");
        }
    }
    assert!(
        record["prompt"]
            .as_array()
            .is_none_or(|prompt| !prompt.is_empty()),
        "{record}"
    );
}

/// What `converter.py` of LLaMA-Factory checks, and that calls are JSON with as many results behind them.
fn check_sharegpt(record: &Value) {
    let turns = record["conversations"].as_array().unwrap();
    assert!(!turns.is_empty() && turns.len().is_multiple_of(2), "{record}");
    let mut calls = 0;
    for (index, turn) in turns.iter().enumerate() {
        let (from, value) = (turn["from"].as_str().unwrap(), turn["value"].as_str().unwrap());
        let allowed = [["human", "observation"], ["gpt", "function_call"]][index % 2];
        assert!(allowed.contains(&from), "{record}");
        match from {
            "function_call" => {
                let json = value.rsplit("</think>\n\n").next().unwrap();
                let json: Value =
                    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {record}"));
                calls = json.as_array().map_or(1, Vec::len);
            }
            "observation" if calls > 1 => {
                let results: Vec<String> = serde_json::from_str(value).unwrap();
                assert_eq!(results.len(), calls, "{record}");
            }
            "observation" => assert_eq!(calls, 1, "{record}"),
            _ => calls = 0,
        }
    }
}

/// What the format says of its own records.
fn check_by_rules(format: &str, record: &str) {
    let spec: FormatSpec = format.parse().unwrap();
    let mut findings = Findings::new();
    spec.check(RawJson::parse(record).unwrap().view(), &mut findings);
    assert!(findings.is_empty(), "{findings:?}: {record}");
}

fn check_canonical(record: &str) {
    let mut again = Vec::new();
    Trace::from_json(record).unwrap().write_json(&mut again);
    assert_eq!(again, record.as_bytes());
}
