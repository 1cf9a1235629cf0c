//! What the beginning of a file shows.

use tracemill_model::json::Kind;
use tracemill_sources::{Detection, Head, HeadShape, detect, framing_for, source};

#[track_caller]
fn check(bytes: &[u8], complete: bool, shape: HeadShape, keys: &[&str]) {
    let head = Head::new(bytes, complete);
    assert_eq!(head.shape(), shape);
    assert_eq!(head.record_keys().collect::<Vec<_>>(), keys);
}

#[test]
fn shapes() {
    use HeadShape::{Array, Document, Empty, Lines, NotJson};
    check(b"", true, Empty, &[]);
    check(b"\xef\xbb\xbf \r\n", true, Empty, &[]);
    check(b"{\"a\":1}", true, Lines, &["a"]);
    check(b"\xef\xbb\xbf{\"a\":1}\r\n{\"b\":1}", true, Lines, &["a"]);
    check(b"\n\n{\"a\":1}\nbroken", true, Lines, &["a"]);
    check(b"[1,2]\n[3]\n", true, Lines, &[]);
    check(b"{\n\"a\":1,\"b\":{}}", true, Document, &["a", "b"]);
    check(b"{\n\"a\":1,\"b\":[", false, Document, &["a", "b"]);
    check(b"[]", true, Array, &[]);
    check(b"[\n  {\"a\": 1}, {\"b\": 1}\n]\n", true, Array, &["a"]);
    check(b"[{\"a\"", false, Array, &[]);
    check(b"# notes\n", true, NotJson, &[]);
    check(b"[section]\nkey = 1\n", true, NotJson, &[]);
    check(b"{%- if x %}\n", true, NotJson, &[]);
    check(b"text,label\nhi,1\n", true, NotJson, &[]);
    check(b"text\nhi\n", true, NotJson, &[]);
    check(b"1,2\n", true, NotJson, &[]);
    check(b"\xff\xfe{\0}\0", true, NotJson, &[]);
}

#[test]
fn a_first_line_that_goes_on_is_taken_for_a_line() {
    check(
        br#"{"messages":[{"role":"user""#,
        false,
        HeadShape::Lines,
        &["messages"],
    );
    // A line that was cut in the file keeps what it shows.
    check(
        b"{\"a\":1,\"b\":\"cu\n{\"c\":1}\n",
        true,
        HeadShape::Lines,
        &["a", "b"],
    );
}

#[test]
fn what_is_wrong_in_a_value_does_not_hide_its_keys() {
    let bytes =
        b"{\"a\":NaN,\"b\":\"\\ud800\",\"c\":\"\xff\",\"d\":[Infinity,{\"x\":1}],\"e\":\"\\u0041\"}\n";
    let head = Head::new(bytes, true);
    assert_eq!(head.record_keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert_eq!(head.kind("/a"), Some(Kind::Number));
    assert_eq!(head.text("/b"), Some("\\ud800"));
    assert_eq!(head.text("/c"), Some("\u{fffd}"));
    assert_eq!(head.text("/e"), Some("A"));
}

#[test]
fn pointers_follow_first_elements_and_are_escaped() {
    let head = Head::new(br#"{"a/b":{"c~d":[{"e":1},{"f":1}]},"":2}"#, true);
    assert!(head.has("/a~1b/c~0d/0/e"));
    assert!(!head.has("/a~1b/c~0d/1/f") && !head.has("/a~1b/c~0d/0/f"));
    assert!(head.has("/") && head.kind("") == Some(Kind::Object));
}

#[test]
fn an_object_that_holds_its_records_is_its_own_record() {
    let head = Head::new(b"{\n\"info\":{},\n\"simulations\":[{\"task_id\":\"0\"", false);
    assert!(head.has("/simulations/0/task_id"));
    assert!(!head.is_whole_record());
}

#[test]
fn a_line_may_be_read_as_a_document_only_if_it_is_alone() {
    let document = |bytes: &[u8], complete| {
        let head = Head::new(bytes, complete);
        framing_for(&Documents, &head).is_some()
    };
    assert!(document(b"{\"messages\":[]}\n", true));
    assert!(document(b"{\"messages\":[", false));
    assert!(!document(b"{\"messages\":[]}\n{}", true));
    assert!(!document(b"{\"messages\":[]}\n", false));
}

#[derive(Debug)]
struct Documents;

impl tracemill_sources::Source for Documents {
    fn name(&self) -> &'static str {
        "documents"
    }

    fn framings(&self) -> Vec<tracemill_model::Framing> {
        vec![tracemill_model::Framing::Document]
    }

    fn detect(&self, _: &Head) -> Option<tracemill_sources::Evidence> {
        None
    }

    fn decode<'a>(
        &self,
        _: &tracemill_sources::Context,
        _: &'a str,
        batch: &mut tracemill_sources::Batch<'a>,
    ) -> Result<(), tracemill_model::DecodeError> {
        batch.skip("never");
        Ok(())
    }
}

#[track_caller]
fn seen(bytes: &[u8]) -> String {
    match detect(&Head::new(bytes, true)) {
        Detection::None { seen } => seen.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_source_claims_is_described() {
    assert_eq!(seen(b"hello\n"), "no JSON");
    assert_eq!(seen(b"[]"), "an array without elements");
    assert_eq!(seen(b"[7]"), "an array whose first element is a number");
    assert_eq!(seen(b"{\n\"a\":1}"), "an object that has the key `a`");
    assert_eq!(seen(b"{}\n"), "JSON Lines whose first record has no keys");
    assert_eq!(
        seen(b"\x1f\x8b\x08\0"),
        "no JSON; it is compressed with gzip: its name must end in `.gz`"
    );
    let many: Vec<_> = (0..15).map(|n| format!("\"k{n}\":0")).collect();
    assert!(seen(format!("{{{}}}", many.join(",")).as_bytes()).ends_with("`k11` and 3 more"));
}

#[test]
fn a_file_that_reads_as_two_things_names_both() {
    let head = Head::new(br#"{"messages":[],"traj":[],"reward":1}"#, true);
    match detect(&head) {
        Detection::Several(found) => {
            let found: Vec<_> = found
                .iter()
                .map(|(info, why)| format!("{} ({why})", info.name()))
                .collect();
            assert_eq!(
                found,
                ["tracemill (key `messages`)", "tau-bench (keys `traj`, `reward`)"]
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_with_messages_are_either_traces_or_logs() {
    let plain = ["[1]", "{}", r#"{"usage":{}}"#, r#"{"choices":[{"index":0}]}"#];
    let log = [
        "null",
        "\"text\"",
        r#"{"choices":[{"message":{}}]}"#,
        r#"{"choices":[]}"#,
        r#"{"error":{}}"#,
    ];
    let expect = |response: &str, name: &str| {
        let record = format!(r#"{{"messages":[],"response":{response}}}"#);
        match detect(&Head::new(record.as_bytes(), true)) {
            Detection::One { info, .. } => assert_eq!(info.name(), name, "{record}"),
            other => panic!("{record}: {other:?}"),
        }
    };
    for response in plain {
        expect(response, "tracemill");
    }
    for response in log {
        expect(response, "openai-chat");
    }
}

#[test]
fn logs_of_other_programs_are_not_claimed_by_the_wrong_source() {
    let anthropic = br#"{"request":{"messages":[]},"response":{"type":"error","error":{}}}"#;
    match detect(&Head::new(anthropic, true)) {
        Detection::One { info, .. } => assert_eq!(info.name(), "anthropic"),
        other => panic!("{other:?}"),
    }
    let gemini_cli = br#"{"messages":[{"id":"m","type":"user","content":"hi"}]}"#;
    assert!(seen(gemini_cli).contains("`messages`"));
    let responses = br#"{"request":{"input":[]},"response":{"output":[],"error":null,"object":"response"}}"#;
    match detect(&Head::new(responses, true)) {
        Detection::One { info, .. } => assert_eq!(info.name(), "openai-responses"),
        other => panic!("{other:?}"),
    }
    let embeddings = br#"{"request":{"input":"hi"},"response":{"object":"list","data":[]}}"#;
    assert!(seen(embeddings).contains("`request`"));
}

#[test]
fn names_are_found_and_unknown_ones_are_not() {
    for info in tracemill_sources::sources() {
        assert_eq!(source(info.name()), Some(info));
        assert_eq!(info.make().name(), info.name());
        assert!(!info.summary().is_empty() && !info.reads().is_empty());
    }
    assert_eq!(source("nothing"), None);
}
