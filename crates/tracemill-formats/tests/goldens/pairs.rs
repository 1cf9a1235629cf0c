//! Every cut of a conversation as both sides of a pair, as a verdict and as a ranking.

use serde_json::Value;
use tracemill_formats::{EncodeOptions, Encoder, FormatSpec, Scratch, formats};
use tracemill_model::{Conversation, Example, Labelled, Preference, Ranked, Shape, Side, Span, Trace};

/// Every format that does not take conversations, as it is and with each of its extensions.
pub(crate) fn encoders() -> Vec<Box<dyn Encoder>> {
    let options = EncodeOptions::default();
    let mut encoders = Vec::new();
    for format in formats() {
        if format.shapes().contains(&Shape::Conversation) {
            continue;
        }
        encoders.push(FormatSpec::of(format).encoder(&options).unwrap());
        for extension in format.extensions() {
            let spec: FormatSpec = format!("{}+{}", format.name(), extension.name).parse().unwrap();
            encoders.push(spec.encoder(&options).unwrap());
        }
    }
    encoders
}

/// Cuts `trace` at every place, and sets another answer against what comes behind.
pub(crate) fn check(trace: &Trace<'_>, encoders: &[Box<dyn Encoder>], scratch: &mut Scratch) {
    let other = r#"{"messages":[{"role":"assistant","content":"another answer"}]}"#;
    let other = Trace::from_json(other).unwrap();
    let words = super::words(&Conversation::whole(trace));
    let count = trace.messages().len();
    for cut in 1..count {
        let mut against = trace.clone();
        against.messages_mut().truncate(cut);
        against.messages_mut().extend(other.messages().iter().cloned());
        let side = |trace, end, score| Side {
            completion: Span::new(trace, cut..end),
            score: Some(score),
        };
        let mine = |score| side(trace, count, score);
        let theirs = |score| side(&against, cut + 1, score);
        let examples = [
            Example::Preference(Preference {
                prompt: Span::new(trace, 0..cut),
                chosen: mine(0.9),
                rejected: theirs(0.2),
            }),
            Example::Preference(Preference {
                prompt: Span::new(&against, 0..cut),
                chosen: theirs(0.9),
                rejected: mine(0.2),
            }),
            Example::Labelled(Labelled {
                prompt: Span::new(trace, 0..cut),
                completion: mine(0.9),
                label: true,
            }),
            Example::Ranked(Ranked {
                prompt: Span::new(trace, 0..cut),
                completions: vec![mine(0.9), theirs(0.2)],
            }),
        ];
        for example in &examples {
            for encoder in encoders.iter().filter(|encoder| encoder.accepts(example.shape())) {
                check_record(encoder.as_ref(), example, &words, scratch);
            }
        }
    }
}

fn check_record(encoder: &dyn Encoder, example: &Example<'_>, words: &[String], scratch: &mut Scratch) {
    let mut out = b"before".to_vec();
    scratch.clear();
    if encoder.encode(example, scratch, &mut out).is_err() {
        return;
    }
    let record = std::str::from_utf8(&out).unwrap().strip_prefix("before").unwrap();
    let value: Value = serde_json::from_str(record).unwrap_or_else(|error| panic!("{error}: {record}"));
    if scratch.losses.is_empty() {
        for word in words {
            assert!(
                record.contains(word),
                "`{}` lost `{word}` silently: {record}",
                encoder.name()
            );
        }
    }
    check_shape(encoder.name(), &value);
}

/// What the consumers ask for.
fn check_shape(name: &str, record: &Value) {
    match name {
        "openai-preference" | "together-preference" | "fireworks-dpo" => check_input_output(name, record),
        "sharegpt-preference" => check_turns(record, 1),
        "sharegpt-kto" => {
            check_turns(record, 0);
            assert!(record["kto_tag"].is_boolean(), "{record}");
        }
        "gemini-preference" => {
            let last = record["contents"].as_array().and_then(|contents| contents.last());
            assert_eq!(last.unwrap()["role"], "user", "{record}");
            assert_eq!(record["completions"].as_array().unwrap().len(), 2, "{record}");
        }
        "nova-dpo" => {
            let messages = record["messages"].as_array().unwrap();
            for (index, message) in messages.iter().enumerate() {
                assert_eq!(message["role"], ["user", "assistant"][index % 2], "{record}");
            }
            let candidates = messages.last().unwrap()["candidates"].as_array();
            assert_eq!(candidates.unwrap().len(), 2, "{record}");
        }
        "ms-swift-preference" => check_swift(record),
        "trl-preference" | "trl-kto" | "trl-reward" | "openrlhf" | "nemo-rl" => check_lists(record),
        "axolotl-preference" | "nemo-dpo" | "nat-trajectory" => {}
        other => panic!("no check for `{other}`"),
    }
}

fn check_input_output(name: &str, record: &Value) {
    let asked = record["input"]["messages"].as_array().unwrap();
    assert!(!asked.is_empty(), "{record}");
    assert!(
        name != "together-preference" || asked.last().unwrap()["role"] != "assistant",
        "{record}"
    );
    for key in ["preferred_output", "non_preferred_output"] {
        let output = record[key].as_array().unwrap();
        assert_eq!(output.len(), 1, "{record}");
        let message = &output[0];
        assert_eq!(message["role"], "assistant", "{record}");
        assert!(
            message.get("content").is_none_or(|content| !content.is_null()),
            "{record}"
        );
        assert!(
            message.get("content").is_some() || message.get("tool_calls").is_some(),
            "{record}"
        );
    }
    assert_ne!(
        record["preferred_output"], record["non_preferred_output"],
        "{record}"
    );
}

/// What `converter.py` of LLaMA-Factory checks.
fn check_turns(record: &Value, odd: usize) {
    let turns = record["conversations"].as_array().unwrap();
    assert!(!turns.is_empty() && turns.len() % 2 == odd, "{record}");
    for (index, turn) in turns.iter().enumerate() {
        let allowed = [["human", "observation"], ["gpt", "function_call"]][index % 2];
        assert!(allowed.contains(&turn["from"].as_str().unwrap()), "{record}");
    }
    for key in ["chosen", "rejected"] {
        let answer = record.get(key).map(|answer| answer["from"].as_str().unwrap());
        assert!(
            answer.is_none_or(|from| from == "gpt" || from == "function_call"),
            "{record}"
        );
        assert_eq!(answer.is_some(), odd == 1, "{record}");
    }
}

/// Results follow their calls, as many and in a row.
fn check_swift(record: &Value) {
    for key in ["messages", "rejected_messages"] {
        let mut open = 0;
        for message in record[key].as_array().unwrap() {
            assert!(message["content"].is_string(), "{record}");
            match message["role"].as_str().unwrap() {
                "tool_call" => open += 1,
                "tool_response" => {
                    assert!(open > 0, "{record}");
                    open -= 1;
                }
                _ => {}
            }
        }
    }
}

fn check_lists(record: &Value) {
    let completions = record["completions"].as_array().into_iter().flatten();
    let lists = ["prompt", "chosen", "rejected", "completion", "context"].map(|key| &record[key]);
    for list in lists
        .into_iter()
        .chain(completions.map(|side| &side["completion"]))
    {
        for message in list.as_array().into_iter().flatten() {
            assert!(message["content"].is_string(), "{record}");
            assert!(
                message["role"] != "tool" || message["name"].is_string(),
                "{record}"
            );
        }
        assert!(list.as_array().is_none_or(|list| !list.is_empty()), "{record}");
    }
}
