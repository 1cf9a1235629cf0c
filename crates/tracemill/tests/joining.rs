//! Responses that go on with earlier ones of the same log.

use tracemill::io::Input;
use tracemill::{Chains, Encoded, ErrorKind, Mill, OnError};

/// An exchange: `id` goes on with `previous`, and says `asked` and `answered`.
fn exchange(id: &str, previous: Option<&str>, asked: &str, answered: &str) -> String {
    let previous = previous.map_or("null".to_owned(), |previous| format!("\"{previous}\""));
    format!(
        r#"{{"request":{{"model":"m","instructions":"Be brief.","input":{asked},"previous_response_id":{previous}}},"response":{{"id":"{id}","object":"response","status":"completed","output":{answered}}}}}"#
    )
}

fn said(text: &str) -> String {
    format!(
        r#"[{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}]"#
    )
}

/// Three exchanges that go on with each other, a call in the middle.
fn chain() -> [String; 3] {
    let call = r#"[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"A lookup."}]},{"type":"function_call","call_id":"c1","name":"get_weather","arguments":"{}"}]"#;
    let result = r#"[{"type":"function_call_output","call_id":"c1","output":"4 C"}]"#;
    [
        exchange("r1", None, "\"Hi\"", &said("Hello.")),
        exchange(
            "r2",
            Some("r1"),
            r#"[{"role":"user","content":"Weather?"}]"#,
            call,
        ),
        exchange("r3", Some("r2"), result, &said("4 C.")),
    ]
}

fn collect(inputs: impl IntoIterator<Item = Input>, chains: Chains) -> Result<Encoded, tracemill::Error> {
    let mut builder = Mill::builder();
    builder.format("tracemill")?.chains(chains);
    builder.build()?.collect(inputs)
}

fn lines(lines: &[&String]) -> Input {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Input::bytes("log.jsonl", text)
}

fn text(encoded: &Encoded) -> &str {
    std::str::from_utf8(&encoded.bytes).unwrap()
}

/// The roles of each trace, and its outcome.
fn shapes(encoded: &Encoded) -> Vec<(String, String)> {
    let shape = |line: &str| {
        let trace: serde_json::Value = serde_json::from_str(line).unwrap();
        let messages = trace["messages"].as_array().unwrap().iter();
        let roles: Vec<_> = messages
            .map(|message| message["role"].as_str().unwrap())
            .collect();
        (roles.join(" "), trace["outcome"].as_str().unwrap().to_owned())
    };
    text(encoded).lines().map(shape).collect()
}

const WHOLE: &str = "system user assistant user assistant tool assistant";

fn shape(roles: &str, outcome: &str) -> (String, String) {
    (roles.to_owned(), outcome.to_owned())
}

#[test]
fn the_last_of_a_chain_holds_all_of_it() {
    let [first, second, third] = chain();
    for order in [
        [&first, &second, &third],
        [&third, &first, &second],
        [&second, &third, &first],
    ] {
        let encoded = collect([lines(&order)], Chains::Last).unwrap();
        assert_eq!(shapes(&encoded), [shape(WHOLE, "completed")]);
        assert_eq!(encoded.ledger.records.superseded, 2);
        assert!(encoded.ledger.notes.is_empty() && encoded.ledger.balances());
        let said = text(&encoded);
        for words in [
            "Be brief.",
            "Hello.",
            "Weather?",
            "A lookup.",
            "get_weather",
            "4 C.",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(said.matches("Be brief.").count(), 1);
    }
}

#[test]
fn every_one_of_a_chain_holds_what_is_before_it() {
    let [first, second, third] = chain();
    let encoded = collect([lines(&[&first, &second, &third])], Chains::All).unwrap();
    let expected = [
        "system user assistant",
        "system user assistant user assistant",
        WHOLE,
    ];
    assert_eq!(shapes(&encoded), expected.map(|roles| shape(roles, "completed")));
    assert_eq!(encoded.ledger.records.superseded, 0);
}

#[test]
fn a_chain_may_go_through_inputs_of_any_kind() {
    let [first, second, third] = chain();
    let inputs = || {
        [
            Input::reader("pipe", std::io::Cursor::new(third.clone())),
            Input::bytes("one.json", first.clone()),
            Input::bytes("list.json", format!("[\n{second}\n]")),
        ]
    };
    let encoded = collect(inputs(), Chains::Last).unwrap();
    assert_eq!(shapes(&encoded), [shape(WHOLE, "completed")]);
}

#[test]
fn branches_are_kept_and_their_stem_is_not() {
    let [first, second, _] = chain();
    let other = exchange("r4", Some("r1"), "\"Bye\"", &said("Goodbye."));
    let encoded = collect([lines(&[&first, &second, &other])], Chains::Last).unwrap();
    let roles = "system user assistant user assistant";
    assert_eq!(
        shapes(&encoded),
        [shape(roles, "completed"), shape(roles, "completed")]
    );
    assert_eq!(encoded.ledger.records.superseded, 1);
}

#[test]
fn a_chain_without_its_beginning_is_truncated_and_counted() {
    let [_, second, third] = chain();
    let encoded = collect([lines(&[&second, &third])], Chains::All).unwrap();
    let expected = ["system user assistant", "system user assistant tool assistant"];
    assert_eq!(shapes(&encoded), expected.map(|roles| shape(roles, "truncated")));
    assert_eq!(encoded.ledger.notes.get("prompt-not-whole"), 2);
    // What is in front is the same, so the shorter one is contained in the longer.
    let encoded = collect([lines(&[&second, &third])], Chains::Last).unwrap();
    assert_eq!(shapes(&encoded), [shape(expected[1], "truncated")]);
}

#[test]
fn what_only_an_earlier_exchange_says_is_not_lost() {
    // The API does not carry instructions over: the later conversation is one without them.
    let [first, second, _] = chain();
    let second = second.replace("\"instructions\":\"Be brief.\",", "");
    let encoded = collect([lines(&[&first, &second])], Chains::Last).unwrap();
    let expected = ["system user assistant", "user assistant user assistant"];
    assert_eq!(shapes(&encoded), expected.map(|roles| shape(roles, "completed")));
}

#[test]
fn circles_and_wrong_records_are_refused_at_their_place() {
    let circle = [
        exchange("a", Some("b"), "\"Hi\"", &said("Hello.")),
        exchange("b", Some("a"), "\"Hi\"", &said("Hello.")),
    ];
    let error = collect([lines(&[&circle[0], &circle[1]])], Chains::All).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(
        error.to_string().starts_with("log.jsonl:1: ") && error.to_string().contains("circle"),
        "{error}"
    );

    let [_, second, _] = chain();
    let wrong = exchange("r1", None, "[7]", &said("Hello."));
    let mut builder = Mill::builder();
    builder.format("tracemill").unwrap().on_error(OnError::Skip);
    builder.when_empty(tracemill::WhenEmpty::Allow);
    let encoded = builder
        .build()
        .unwrap()
        .collect([lines(&[&wrong, &second])])
        .unwrap();
    assert_eq!(encoded.ledger.records.rejected.get("wrong-type"), 2);
    assert!(encoded.ledger.balances());
}

#[test]
fn duplicates_are_found_among_whole_conversations_with_any_number_of_threads() {
    let [first, second, third] = chain();
    let again = third.replace("\"r3\"", "\"r5\"");
    for threads in [1_usize, 3] {
        let mut builder = Mill::builder();
        builder
            .format("tracemill")
            .unwrap()
            .threads(tracemill::io::Threads::exactly(threads.try_into().unwrap()));
        let mut choosing = tracemill::curate::Choosing::new();
        choosing.dedup(tracemill::curate::Keep::First);
        builder.curation(tracemill::Curation::new().with_choosing(choosing));
        let encoded = builder.build().unwrap();
        let encoded = encoded
            .collect([lines(&[&first, &second, &third, &again])])
            .unwrap();
        assert_eq!(shapes(&encoded), [shape(WHOLE, "completed")]);
    }
}

#[test]
fn recorded_responses_are_whole() {
    let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") else {
        return;
    };
    let path = std::path::Path::new(&corpora).join("provider-logs/openai-responses.jsonl");
    let encoded = collect([Input::path(&path)], Chains::All).unwrap();
    assert_eq!(encoded.ledger.notes.get("prompt-not-whole"), 0);
    // Each of these has in front what the record that it names was asked, and what was answered.
    let mut joined = 0;
    let log = std::fs::read_to_string(&path).unwrap();
    let records: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (record, trace) in records.iter().zip(text(&encoded).lines()) {
        let Some(previous) = record["request"]["previous_response_id"].as_str() else {
            continue;
        };
        let earlier = records
            .iter()
            .find(|record| record["response"]["id"] == previous)
            .unwrap();
        let answered = earlier["response"]["output"].as_array().unwrap();
        let calls = answered.iter().filter_map(|item| item["call_id"].as_str());
        assert!(calls.clone().count() > 0);
        for id in calls {
            assert_eq!(
                trace.matches(&format!("\"{id}\"")).count(),
                2,
                "its call and its result"
            );
        }
        joined += 1;
    }
    assert_eq!(joined, 3);
}
