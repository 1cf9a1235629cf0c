//! What may differ between an answer and its repetition in the next request, and what may not.

use tracemill_model::Trace;
use tracemill_sources::ChainKeys;

/// Whether a conversation that begins with `again` contains the record whose answer was `answer`.
#[track_caller]
fn contains(answer: &str, again: &str) -> bool {
    let user = r#"{"role":"user","content":"2+2?"}"#;
    let first = format!(r#"{{"messages":[{user},{answer}]}}"#);
    let next = format!(r#"{{"messages":[{user},{again},{user},{{"role":"assistant","content":"4"}}]}}"#);
    let keys = |record: &str| ChainKeys::of(&Trace::from_json(record).expect("it is a trace"));
    keys(&next).continues(&keys(&first))
}

fn assistant(fields: &str) -> String {
    format!(r#"{{"role":"assistant",{fields}}}"#)
}

#[track_caller]
fn same(answer: &str, again: &str) {
    assert!(
        contains(&assistant(answer), &assistant(again)),
        "{answer} and {again}"
    );
    assert!(
        contains(&assistant(again), &assistant(answer)),
        "{again} and {answer}"
    );
}

#[track_caller]
fn different(answer: &str, again: &str) {
    assert!(
        !contains(&assistant(answer), &assistant(again)),
        "{answer} and {again}"
    );
}

#[test]
fn nothing_said_has_many_forms() {
    let call = r#""tool_calls":[{"id":"c","name":"f","arguments":"{}"}]"#;
    let forms = [r#""content":null,"#, r#""content":"","#, "", r#""content":[],"#];
    for one in forms {
        for other in forms {
            same(&format!("{one}{call}"), &format!("{other}{call}"));
        }
    }
    same(
        &format!(r#"{call},"content":[{{"type":"text","text":""}}]"#),
        call,
    );
}

#[test]
fn text_may_be_in_parts() {
    same(
        r#""content":"ab""#,
        r#""content":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{}}]"#,
    );
    different(r#""content":"ab""#, r#""content":"a b""#);
    let image = r#"{"type":"image_url","image_url":{"url":"data:x"}}"#;
    let text = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
    let content = |parts: &[&str]| format!(r#""content":[{}]"#, parts.join(","));
    let (a, b, ab) = (text("a"), text("b"), text("ab"));
    different(&content(&[&a, image, &b]), &content(&[&ab, image]));
    different(&content(&[&a, image]), &content(&[image, &a]));
    different(&content(&[&a, image]), &content(&[&a]));
}

#[test]
fn ids_names_and_unnamed_fields_may_be_new() {
    same(
        r#""content":"4","refusal":null,"annotations":[],"audio":null"#,
        r#""content":"4","name":"writer""#,
    );
    same(
        r#""tool_calls":[{"id":"a","index":1,"type":"function","function":{"name":"f","arguments":"{\"q\": \"\\u00e9\"}"}}]"#,
        r#""tool_calls":[{"id":"b","name":"f","arguments":{"q":"é"}}]"#,
    );
    same(
        r#""tool_calls":[{"name":"f","arguments":""}]"#,
        r#""tool_calls":[{"name":"f","arguments":"{}"}]"#,
    );
}

#[test]
fn what_would_be_lost_must_be_there() {
    different(r#""content":"4","reasoning":"easy""#, r#""content":"4""#);
    different(r#""content":null,"refusal":"No.""#, r#""content":null"#);
    different(r#""content":"4""#, r#""content":"4","weight":0"#);
    different(
        r#""tool_calls":[{"name":"f","arguments":"{\"a\":1}"}]"#,
        r#""tool_calls":[{"name":"f","arguments":"{\"a\":2}"}]"#,
    );
    different(
        r#""tool_calls":[{"name":"f","arguments":"{\"a\":"}]"#,
        r#""tool_calls":[{"name":"f","arguments":"{}"}]"#,
    );
    different(
        r#""tool_calls":[{"name":"f"},{"name":"g"}]"#,
        r#""tool_calls":[{"name":"f"}]"#,
    );
    different(r#""content":"4","tool_calls":[{"name":"f"}]"#, r#""content":"4""#);
}

#[test]
fn scores_and_tools_keep_a_record() {
    let keys = |record: &str| ChainKeys::of(&Trace::from_json(record).expect("it is a trace"));
    let turn = r#"{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}"#;
    let first = |more: &str| keys(&format!(r#"{{"messages":[{turn}]{more}}}"#));
    let next = |more: &str| keys(&format!(r#"{{"messages":[{turn},{turn}]{more}}}"#));
    assert!(next("").continues(&first("")));
    assert!(next(r#","tools":[]"#).continues(&first("")));
    assert!(!next("").continues(&first(r#","score":1"#)));
    assert!(!next("").continues(&first(r#","tools":[{"name":"f"}]"#)));
    let tools = r#","tools":[{"name":"f","parameters":{"type":"object"}}]"#;
    assert!(next(tools).continues(&first(tools)));
    assert!(!first("").continues(&first("")));
}
