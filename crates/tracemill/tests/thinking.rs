//! `--thinking` beside the recorded output of Kiln.

use serde_json::Value;
use tracemill::model::Trace;
use tracemill::{Mill, OnError, Thinking, WhenEmpty};

/// Roles, texts and the names of calls: Kiln writes empty text where a turn says nothing.
fn said(messages: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = |message: &Value| {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        calls.map(|call| text(&call["function"]["name"])).collect()
    };
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| (text(&message["role"]), text(&message["content"]), calls(message)))
        .collect()
}

#[test]
fn the_messages_are_those_that_kiln_makes() {
    let lines = include_str!("data/kiln-thinking.jsonl").lines();
    let (mut same, mut refused) = (0, 0);
    for line in lines {
        let case: Value = serde_json::from_str(line).unwrap();
        let instructions = case["instructions"].as_str().map(str::to_owned);
        let strategy = case["strategy"].as_str().unwrap().parse().unwrap();
        let mut builder = Mill::builder();
        builder.format("openai").unwrap();
        builder.thinking(Thinking::new(strategy, instructions).unwrap());
        builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
        let trace = case["trace"].to_string();
        let encoded = builder
            .build()
            .unwrap()
            .encode(&[Trace::from_json(&trace).unwrap()])
            .unwrap();
        if encoded.ledger.examples == 0 {
            // White space alone is no reasoning here; Kiln trains on it where it becomes a turn.
            let last = case["trace"]["messages"].as_array().unwrap().last().unwrap();
            let blank = last["reasoning"]
                .as_str()
                .is_some_and(|text| text.trim().is_empty());
            assert!(case["kiln"].is_string() || blank, "{line}");
            assert_eq!(encoded.ledger.traces.rejected.get("no-reasoning"), 1, "{line}");
            refused += 1;
            continue;
        }
        let record: Value = serde_json::from_slice(&encoded.bytes).unwrap();
        assert_eq!(said(&record["messages"]), said(&case["kiln"]), "{line}");
        same += 1;
    }
    assert_eq!((same, refused), (24, 24));
}
