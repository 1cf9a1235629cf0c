//! Holds the generator to what its documentation says about the bytes, with a parser that is not ours.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use benches::corpus::{Corpus, Kind};
use serde_json::Value;

const SIZE: u64 = 8_000_000;

fn text(kind: Kind) -> String {
    String::from_utf8(Corpus::new(kind, SIZE, 1).to_vec()).expect("workloads are UTF-8")
}

fn records(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}

/// The share of `count` in `of`, in thousandths of a percent.
fn share(count: usize, of: usize) -> usize {
    count * 100_000 / of
}

/// Starts of `\u` escapes: a `u` after an odd number of backslashes.
fn unicode_escapes(text: &str) -> usize {
    let mut backslashes = 0;
    let mut found = 0;
    for byte in text.bytes() {
        found += usize::from(byte == b'u' && backslashes % 2 == 1);
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    found
}

fn assert_within(what: &str, value: usize, range: &RangeInclusive<usize>) {
    assert!(range.contains(&value), "{what} is {value}, not within {range:?}");
}

#[test]
fn chat_has_the_bytes_that_were_promised() {
    let text = text(Kind::Chat);
    let count = |wanted: fn(&u8) -> bool| text.bytes().filter(wanted).count();
    assert_within(
        "the mean line",
        text.len() / text.lines().count(),
        &(4_900..=5_400),
    );
    assert_within(
        "the share of backslashes",
        share(count(|&b| b == b'\\'), text.len()),
        &(2_800..=3_000),
    );
    assert_within(
        "the share of bytes outside ASCII",
        share(count(|b| !b.is_ascii()), text.len()),
        &(750..=850),
    );
    assert_within(
        "the share of `\\u` escapes",
        share(unicode_escapes(&text), text.len()),
        &(110..=130),
    );
}

#[test]
fn chat_has_the_lengths_that_were_promised() {
    let records = records(&text(Kind::Chat));
    let counts: Vec<usize> = records.iter().map(|record| messages(record).len()).collect();
    assert_eq!((counts.iter().min(), counts.iter().max()), (Some(&4), Some(&12)));
    let hundredths = counts.iter().sum::<usize>() * 100 / counts.len();
    assert_within(
        "the mean number of messages, times 100,",
        hundredths,
        &(780..=820),
    );

    let contents = records
        .iter()
        .flat_map(messages)
        .filter_map(|message| message["content"].as_str());
    let mut lengths: Vec<usize> = contents.map(|content| content.chars().count()).collect();
    lengths.sort_unstable();
    assert_within("the median length", lengths[lengths.len() / 2], &(280..=300));
    assert_within(
        "the 99th percentile",
        lengths[lengths.len() * 99 / 100],
        &(3_300..=3_900),
    );
    assert_within("the longest", *lengths.last().unwrap(), &(10_000..=20_050));
}

#[test]
fn chat_keeps_the_order_that_strict_trainers_want() {
    let records = records(&text(Kind::Chat));
    let mut parallel = 0;
    for record in &records {
        let offered: Vec<&Value> = members(&record["tools"])
            .map(|tool| &tool["function"]["name"])
            .collect();
        parallel += check_order(messages(record), &offered);
    }
    assert!(
        parallel > records.len() / 10,
        "only {parallel} parallel calls in {} records",
        records.len()
    );
}

/// Checks one conversation and counts its messages with several calls.
fn check_order(messages: &[Value], offered: &[&Value]) -> usize {
    let mut parallel = 0;
    let mut rest = messages.iter().peekable();
    rest.next_if(|message| message["role"] == "system");
    while let Some(user) = rest.next() {
        assert_eq!(user["role"], "user");
        loop {
            let assistant = rest.next().expect("an assistant's text ends every round");
            assert_eq!(assistant["role"], "assistant");
            let calls: Vec<&Value> = members(&assistant["tool_calls"]).collect();
            if calls.is_empty() {
                assert!(
                    assistant["content"]
                        .as_str()
                        .is_some_and(|content| !content.is_empty())
                );
                break;
            }
            assert!(assistant["content"].is_null());
            parallel += usize::from(calls.len() > 1);
            for call in calls {
                check_call(call, offered);
                let result = rest.next().expect("every call is answered");
                assert_eq!(
                    (&result["role"], &result["tool_call_id"]),
                    (&Value::from("tool"), &call["id"])
                );
            }
        }
    }
    parallel
}

fn check_call(call: &Value, offered: &[&Value]) {
    assert_eq!(call["type"], "function");
    assert!(
        offered.contains(&&call["function"]["name"]),
        "{} is not offered",
        call["function"]["name"]
    );
    let arguments = call["function"]["arguments"]
        .as_str()
        .expect("arguments are text");
    let arguments: Value = serde_json::from_str(arguments).expect("the text of arguments is JSON");
    assert!(arguments.is_object());
}

#[test]
fn call_ids_are_unique_in_a_conversation() {
    for record in records(&text(Kind::Chat)) {
        let mut ids: Vec<&Value> = messages(&record)
            .iter()
            .flat_map(calls)
            .map(|call| &call["id"])
            .collect();
        let count = ids.len();
        ids.sort_unstable_by_key(|id| id.as_str());
        ids.dedup();
        assert_eq!(ids.len(), count, "{}", record["id"]);
    }
}

#[test]
fn candidates_come_in_eights_with_one_prompt() {
    let text = text(Kind::Candidates);
    assert_within(
        "the mean line",
        text.len() / text.lines().count(),
        &(2_000..=2_200),
    );
    let mut turns: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for record in records(&text) {
        let key = (record["example_id"].to_string(), record["turn_id"].to_string());
        turns.entry(key).or_default().push(record);
    }
    for (turn, candidates) in turns {
        let mut indices: Vec<_> = candidates
            .iter()
            .map(|candidate| candidate["candidate_index"].as_u64())
            .collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..8).map(Some).collect::<Vec<_>>(), "{turn:?}");
        assert!(
            candidates
                .iter()
                .all(|candidate| candidate["prompt"] == candidates[0]["prompt"]),
            "{turn:?}"
        );
        assert!(
            candidates
                .iter()
                .all(|candidate| candidate["score"].as_f64() <= Some(1.0)),
            "{turn:?}"
        );
    }
}

#[test]
fn grouped_are_the_candidates_in_another_order() {
    let (random, grouped) = (text(Kind::Candidates), text(Kind::Grouped));
    assert_ne!(random, grouped);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&random), sorted(&grouped));

    let turn = |record: &Value| (record["example_id"].clone(), record["turn_id"].clone());
    let turns: Vec<_> = records(&grouped).iter().map(turn).collect();
    assert!(
        turns
            .chunks(8)
            .all(|eight| eight.iter().all(|turn| *turn == eight[0]))
    );
}

fn messages(record: &Value) -> &[Value] {
    record["messages"].as_array().expect("`messages` is an array")
}

fn calls(message: &Value) -> impl Iterator<Item = &Value> {
    members(&message["tool_calls"])
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
