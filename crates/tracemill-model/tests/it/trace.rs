//! Traces: reading what was written gives the same bytes, and nothing that was read is lost.

use proptest::prelude::*;
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, Limits, MediaKind, MediaSource, Part, RawJson,
    Reasoning, Role, Score, ScoreValue, Tool, Trace,
};

use crate::strategies::dice;
use crate::traces::{marks, shaped_record, trace};
use crate::tree::{LINE_ENDS, Tree};

/// The canonical form.
pub(crate) fn written(trace: &Trace<'_>) -> String {
    let mut out = Vec::new();
    trace.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

/// The canonical form of a record.
pub(crate) fn canonical(record: &str) -> Result<String, DecodeError> {
    Trace::from_json(record).map(|trace| written(&trace))
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same_trace(trace in trace()) {
        let line = written(&trace);
        prop_assert!(!line.contains(LINE_ENDS));
        let again = Trace::from_json(&line).unwrap();
        prop_assert_eq!(&again, &trace);
        prop_assert_eq!(written(&again), line);
    }

    #[test]
    fn white_space_and_spelling_make_no_difference(trace in trace(), mut dice in dice()) {
        let line = written(&trace);
        let tree: Tree = serde_json::from_str(&line).unwrap();
        // Numbers went through `serde_json` and came out in its spelling.
        let plain = tree.canonical();
        prop_assert_eq!(canonical(&tree.spelled(&mut dice)).unwrap(), canonical(&plain).unwrap());
    }

    #[test]
    fn an_owned_trace_is_the_same_trace(trace in trace()) {
        let line = written(&trace);
        let owned = Trace::from_json(&line).unwrap().into_owned();
        prop_assert_eq!(&owned, &trace);
        prop_assert_eq!(written(&owned), line);
    }

    #[test]
    fn a_record_is_refused_or_kept_whole(record in shaped_record(), mut dice in dice()) {
        let spelled = record.spelled(&mut dice);
        match Trace::from_json(&spelled) {
            Ok(trace) => {
                prop_assert!(!record.has_duplicate(), "a duplicate key was accepted");
                let line = written(&trace);
                let mut kept = Vec::new();
                marks(&record, &mut kept);
                for mark in kept {
                    prop_assert!(line.contains(&mark), "{} is lost: {}", mark, line);
                }
                let again = Trace::from_json(&line)
                    .map_err(|error| TestCaseError::fail(format!("{error}: {line}")))?;
                prop_assert_eq!(written(&again), line.as_str());
                prop_assert_eq!(again, trace);
            }
            Err(error) => {
                prop_assert!(error.column() <= spelled.len() + 1);
                let says = |words| error.message().contains(words);
                let explained = match error.kind() {
                    DecodeErrorKind::Syntax | DecodeErrorKind::Truncated => false,
                    DecodeErrorKind::DuplicateKey => record.has_duplicate() || says("two different values"),
                    _ => true,
                };
                prop_assert!(explained || says("in the JSON text"), "{}", error);
            }
        }
    }
}

/// The canonical form of one value of a record; `(none)` if it has none.
fn canonical_at(record: &str, pointer: &str) -> String {
    let line = canonical(record).unwrap_or_else(|error| panic!("{record}: {error}"));
    let line = RawJson::parse(&line).unwrap();
    line.pointer(pointer)
        .map_or_else(|| "(none)".to_owned(), |value| value.to_string())
}

/// The canonical form of the members of a message, beside its role.
fn message(members: &str) -> String {
    let record = format!(r#"{{"messages":[{{"role":"assistant",{members}}}]}}"#);
    let message = canonical_at(&record, "/messages/0");
    let message = message.strip_prefix(r#"{"role":"assistant","#).unwrap();
    message.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn the_states_of_content_are_kept_apart() {
    for (members, wanted) in [
        ("", Content::Missing),
        (r#","content":null"#, Content::Null),
        (r#","content":"""#, Content::Text("".into())),
        (r#","content":[]"#, Content::Parts(Vec::new())),
        (r#","content":{}"#, Content::Other(RawJson::parse("{}").unwrap())),
    ] {
        let line = format!(r#"{{"messages":[{{"role":"user"{members}}}]}}"#);
        let trace = Trace::from_json(&line).unwrap();
        assert_eq!(*trace.messages()[0].content(), wanted);
        assert_eq!(written(&trace), line);
    }
}

#[test]
fn arguments_stay_what_they_were() {
    let line = r#"{"messages":[{"role":"assistant","tool_calls":[{"name":"a"},{"name":"b","arguments":"{\"q\": 1.0}"},{"name":"c","arguments":"not json"},{"name":"d","arguments":{"q":1.0}},{"name":"e","arguments":[1]},{"name":"f","arguments":""}]}]}"#;
    let trace = Trace::from_json(line).unwrap();
    let kinds: Vec<_> = trace.messages()[0]
        .tool_calls()
        .iter()
        .map(|call| match call.arguments() {
            Arguments::Missing => "missing",
            Arguments::Text(_) => "text",
            Arguments::Value(_) => "value",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["missing", "text", "text", "value", "value", "text"]);
    assert_eq!(written(&trace), line);
}

#[test]
fn two_keys_for_reasoning_are_one_or_kept_apart_in_either_order() {
    let one = r#""reasoning":"a""#;
    assert_eq!(message(r#""reasoning_content":"a""#), one);
    assert_eq!(message(r#""reasoning":"a","reasoning_content":"a""#), one);
    assert_eq!(message(r#""reasoning_content":"a","reasoning":"a""#), one);
    assert_eq!(message(r#""reasoning":null,"reasoning_content":"a""#), one);
    let both = r#""reasoning":"a","reasoning_content":"b""#;
    assert_eq!(message(both), both);
    assert_eq!(message(r#""reasoning_content":"b","reasoning":"a""#), both);
    let opaque = r#""reasoning":{"signature":"s"},"reasoning_content":"b""#;
    assert_eq!(
        message(r#""reasoning_content":"b","reasoning":{"signature":"s"}"#),
        opaque
    );
}

#[test]
fn weight_is_a_mark_unless_it_says_more() {
    assert_eq!(message(r#""weight":0"#), r#""train":false"#);
    assert_eq!(message(r#""weight":1.0"#), r#""train":true"#);
    assert_eq!(
        message(r#""weight":null,"train":null,"content":"""#),
        r#""content":"""#
    );
    assert_eq!(message(r#""weight":0.5"#), r#""weight":0.5"#);
    assert_eq!(message(r#""weight":0,"train":null"#), r#""train":false"#);
    assert_eq!(message(r#""weight":0,"train":false"#), r#""train":false"#);
    // `train` is the trace's own word; a weight that contradicts it is kept, not believed.
    let contradiction = r#""train":true,"weight":0"#;
    assert_eq!(message(contradiction), contradiction);
    assert_eq!(message(r#""weight":0,"train":true"#), contradiction);
}

#[test]
fn calls_of_every_api_are_calls() {
    let nested = r#""tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    assert_eq!(
        message(nested),
        r#""tool_calls":[{"id":"c","name":"f","arguments":"{}"}]"#
    );
    let custom = r#""tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":"x"}}]"#;
    assert_eq!(
        message(custom),
        r#""tool_calls":[{"id":"c","type":"custom","name":"f","arguments":"x"}]"#
    );
    let legacy = r#""content":null,"function_call":{"name":"f","arguments":"{}"}"#;
    assert_eq!(
        message(legacy),
        r#""content":null,"tool_calls":[{"name":"f","arguments":"{}"}]"#
    );
    let none = r#""content":"x","tool_calls":null,"function_call":null"#;
    assert_eq!(message(none), r#""content":"x""#);
    let policy = r#""content":"x","function_call":"auto""#;
    assert_eq!(message(policy), policy);
}

#[test]
fn unknown_fields_are_kept_on_every_level_in_order() {
    let call = r#""tool_calls":[{"z":1,"function":{"y":2,"name":"f","x":3,"arguments":"{}"},"a":4,"id":"c","type":"function"}]"#;
    assert_eq!(
        message(call),
        r#""tool_calls":[{"id":"c","name":"f","arguments":"{}","z":1,"function":{"y":2,"x":3},"a":4}]"#
    );
    let kept = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","z":1,"a":2}],"z":1,"a":2}],"scores":[{"value":1,"z":1,"a":2}],"z":{"b":1,"a":2},"a":2}"#;
    assert_eq!(canonical(kept).unwrap(), kept);
}

/// The canonical form of a part.
fn part(part: &str) -> String {
    let record = format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
    canonical_at(&record, "/messages/0/content/0")
}

#[test]
fn media_of_the_openai_api_are_media() {
    for (foreign, canonical) in [
        (
            r#"{"type":"image_url","image_url":"u"}"#,
            r#"{"type":"image","url":"u"}"#,
        ),
        (
            r#"{"type":"image_url","image_url":{"url":"u"}}"#,
            r#"{"type":"image","url":"u"}"#,
        ),
        (
            r#"{"x":1,"image_url":{"detail":"low","url":"u"},"type":"image_url"}"#,
            r#"{"type":"image","url":"u","detail":"low","x":1}"#,
        ),
        (
            r#"{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}"#,
            r#"{"type":"audio","data":"AA==","media_type":"audio/wav"}"#,
        ),
        (
            r#"{"type":"file","file":{"file_id":"f1","filename":"a.pdf"}}"#,
            r#"{"type":"file","id":"f1","name":"a.pdf"}"#,
        ),
        (
            r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:x"}}"#,
            r#"{"type":"file","data":"data:x","name":"a.pdf"}"#,
        ),
    ] {
        assert_eq!(part(foreign), canonical, "{foreign}");
        assert_eq!(part(canonical), canonical);
    }
}

/// What the canonical form has no place for stays as it came: moving it would lose a part of it.
#[test]
fn parts_of_other_shapes_stay_as_they_came() {
    for other in [
        r#"{"type":"image"}"#,
        r#"{"type":"image_url"}"#,
        r#"{"type":"image_url","image_url":7}"#,
        r#"{"type":"image_url","image_url":{"url":7}}"#,
        r#"{"type":"image_url","image_url":{"url":"u","detail":"low"},"detail":"high"}"#,
        r#"{"type":"image_url","image_url":{"url":"u","type":"inner"}}"#,
        r#"{"type":"image_url","image_url":{"url":"u","media_type":"image/png"}}"#,
        r#"{"type":"image_url","image_url":{"url":"u"},"id":"i"}"#,
        r#"{"type":"input_audio","input_audio":{"data":"AA=="}}"#,
        r#"{"type":"input_audio","input_audio":{"data":"AA==","format":7}}"#,
        r#"{"type":"file","file":{}}"#,
        r#"{"type":"file","file":{"file_id":"f","file_data":"d"}}"#,
        r#"{"type":"file","file":{"file_id":"f","url":"u"}}"#,
        r#"{"type":"file","file":"f"}"#,
        r#"{"type":"refusal","refusal":"no"}"#,
        r#"{"refusal":"no","text":7,"type":"refusal"}"#,
        r#"{"type":7,"text":"x"}"#,
        r#"{"text":"x"}"#,
        "{}",
        r#""bare""#,
        "7",
        "null",
        "[1,2]",
    ] {
        let line = format!(r#"{{"messages":[{{"role":"user","content":[{other}]}}]}}"#);
        let trace = Trace::from_json(&line).unwrap();
        let Content::Parts(parts) = trace.messages()[0].content() else {
            panic!("{line}");
        };
        assert!(
            matches!(&parts[0], Part::Other(raw) if raw.as_str() == other),
            "{other}: {parts:?}"
        );
        assert_eq!(written(&trace), line);
    }
}

#[test]
fn a_medium_says_what_it_is_and_where() {
    let line = r#"{"messages":[{"role":"user","content":[{"type":"video","url":"u","media_type":"video/mp4","name":"n","fps":2},{"type":"file","id":"i"}]}]}"#;
    let trace = Trace::from_json(line).unwrap();
    let [Part::Media(video), Part::Media(file)] = trace.messages()[0].content().parts() else {
        panic!("{trace:?}");
    };
    assert_eq!(video.kind(), MediaKind::Video);
    assert_eq!(video.source(), &MediaSource::Url("u".into()));
    assert_eq!(video.media_type().unwrap(), "video/mp4");
    assert_eq!(video.name().unwrap(), "n");
    assert_eq!(video.extra().get("fps").unwrap().as_str(), "2");
    assert_eq!(file.source(), &MediaSource::Id("i".into()));
    assert_eq!(written(&trace), line);
}

/// The canonical form of a list of tools.
fn tools(tools: &str) -> String {
    canonical_at(&format!(r#"{{"messages":[],"tools":{tools}}}"#), "/tools")
}

#[test]
fn tool_definitions_of_every_shape_are_tool_definitions() {
    let canonical = r#"[{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}]"#;
    for form in [
        canonical,
        r#"[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}]"#,
        r#"[{"function":{"description":"d","strict":true,"parameters":{ "type" : "object"},"name":"f"},"type":"function"}]"#,
        r#"[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}]"#,
        r#"[{"type":null,"name":"f","description":"d","parameters":{"type":"object"},"strict":true}]"#,
        r#""[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":true}]""#,
        // The same field beside and inside `function` is one, if it says the same.
        r#"[{"type":"function","name":"f","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}]"#,
    ] {
        assert_eq!(tools(form), canonical, "{form}");
    }
    assert_eq!(tools(r#""""#), "[]");
    assert_eq!(tools(r#"" \n""#), "[]");
    assert_eq!(
        tools(r#"[{"name":"f","description":null,"parameters":null}]"#),
        r#"[{"name":"f"}]"#
    );
    assert_eq!(
        tools(r#"[{"type":"function","cache":1,"function":{"name":"f","strict":true},"note":2}]"#),
        r#"[{"name":"f","cache":1,"strict":true,"note":2}]"#
    );
}

#[test]
fn a_tool_of_another_kind_stays_as_it_came() {
    for other in [
        r#"{"type":"web_search","filters":{"a":1}}"#,
        r#"{"filters":{"a":1},"type":"web_search","name":7}"#,
        r#"{"function":{"b":1,"name":"f"},"type":"hosted","a":2}"#,
        r#"{"type":7}"#,
    ] {
        let line = format!(r#"{{"messages":[],"tools":[{other}]}}"#);
        let trace = Trace::from_json(&line).unwrap();
        assert!(matches!(&trace.tools().unwrap()[0], Tool::Other(raw) if raw.as_str() == other));
        assert_eq!(written(&trace), line);
    }
}

#[test]
fn no_tools_and_no_word_of_tools_differ() {
    for (line, tools) in [
        (r#"{"messages":[]}"#, None),
        (r#"{"messages":[],"tools":[]}"#, Some(0)),
        (r#"{"messages":[],"tools":null}"#, None),
    ] {
        let trace = Trace::from_json(line).unwrap();
        assert_eq!(trace.tools().map(<[_]>::len), tools);
    }
}

#[test]
fn scores_of_every_shape_are_scores() {
    let scores = |members: &str| canonical_at(&format!(r#"{{"messages":[],{members}}}"#), "/scores");
    assert_eq!(scores(r#""score":0.90"#), r#"[{"value":0.90}]"#);
    assert_eq!(scores(r#""score":true"#), r#"[{"value":true}]"#);
    assert_eq!(scores(r#""score":null"#), r#"[{"missing":"null"}]"#);
    assert_eq!(
        scores(r#""scores":{"a":1,"b":"good"}"#),
        r#"[{"name":"a","value":1},{"name":"b","value":"good"}]"#
    );
    assert_eq!(scores(r#""scores":[]"#), "(none)");
    assert_eq!(scores(r#""scores":null"#), "(none)");
    assert_eq!(
        scores(r#""scores":[{"value":null,"missing":"not judged","name":null}]"#),
        r#"[{"missing":"not judged"}]"#
    );
    assert_eq!(
        scores(r#""scores":[{"missing":null,"value":-0.0}]"#),
        r#"[{"value":-0.0}]"#
    );
    // Several judges of the same thing.
    let twice = r#"[{"name":"a","value":1},{"name":"a","value":2}]"#;
    assert_eq!(scores(&format!(r#""scores":{twice}"#)), twice);
    // The unnamed and the named, in the order of the record.
    assert_eq!(
        scores(r#""score":1,"scores":[{"name":"a","value":2}]"#),
        r#"[{"value":1},{"name":"a","value":2}]"#
    );
}

#[test]
fn a_score_has_a_number_or_none() {
    let line = r#"{"messages":[],"scores":[{"value":0.1},{"value":true},{"value":false},{"value":"good"},{"missing":"late"},{"value":1e-400}]}"#;
    let trace = Trace::from_json(line).unwrap();
    let numbers: Vec<_> = trace.scores().iter().map(Score::number).collect();
    assert_eq!(numbers, [Some(0.1), Some(1.0), Some(0.0), None, None, Some(0.0)]);
    assert!(matches!(trace.scores()[4].value(), ScoreValue::Missing(why) if *why == *"late"));
    assert_eq!(written(&trace), line);
}

proptest! {
    #[test]
    fn a_score_made_of_a_number_is_read_as_that_number(number: f64) {
        match ScoreValue::from_f64(number) {
            None => prop_assert!(!number.is_finite()),
            Some(value) => {
                let mut trace = Trace::new();
                trace.push_score(Score::new(None, value));
                let line = written(&trace);
                let again = Trace::from_json(&line).unwrap();
                prop_assert_eq!(again.scores()[0].number(), Some(number));
            }
        }
    }
}

#[test]
fn a_bare_group_is_a_key() {
    assert_eq!(
        canonical(r#"{"messages":[],"group":7}"#).unwrap(),
        r#"{"group":{"key":7},"messages":[]}"#
    );
    assert_eq!(
        canonical(r#"{"messages":[],"group":null}"#).unwrap(),
        r#"{"messages":[]}"#
    );
    let typed = r#"{"group":{"key":"7","kind":"turn","seed":1},"messages":[]}"#;
    assert_eq!(canonical(typed).unwrap(), typed);
}

#[test]
fn roles_outside_the_usual_five_keep_their_name() {
    for (name, role) in [
        ("system", Role::System),
        ("developer", Role::Developer),
        ("user", Role::User),
        ("assistant", Role::Assistant),
        ("tool", Role::Tool),
        ("critic \\n", Role::Other("critic \n".into())),
        ("", Role::Other("".into())),
        ("Assistant", Role::Other("Assistant".into())),
    ] {
        let line = format!(r#"{{"messages":[{{"role":"{name}"}}]}}"#);
        let trace = Trace::from_json(&line).unwrap();
        assert_eq!(*trace.messages()[0].role(), role);
        assert_eq!(written(&trace), line);
    }
    let older = canonical(r#"{"messages":[{"role":"function","name":"f","content":"x"}]}"#).unwrap();
    assert_eq!(
        older,
        r#"{"messages":[{"role":"tool","name":"f","content":"x"}]}"#
    );
}

#[test]
fn reasoning_may_be_opaque() {
    let line = r#"{"messages":[{"role":"assistant","reasoning":[{"encrypted":"…"}]}]}"#;
    let trace = Trace::from_json(line).unwrap();
    assert!(matches!(
        trace.messages()[0].reasoning(),
        Some(Reasoning::Opaque(_))
    ));
    assert_eq!(written(&trace), line);
}

#[test]
fn a_key_that_is_spelled_with_escapes_is_the_same_key() {
    let line = canonical(r#"{"\u006dessages":[{"\u0072ole":"us\u0065r","content":"a\u0062"}]}"#).unwrap();
    assert_eq!(line, r#"{"messages":[{"role":"user","content":"ab"}]}"#);
}

#[test]
fn limits_hold() {
    let messages = |count: usize| {
        format!(
            "{{\"messages\":[{}]}}",
            vec![r#"{"role":"user"}"#; count].join(",")
        )
    };
    let limits = Limits::default().with_messages(3);
    assert!(Trace::from_json_with(&messages(3), limits).is_ok());
    let error = Trace::from_json_with(&messages(4), limits).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::OverLimit);
    assert_eq!(error.path(), "messages[3]");

    // The record, `messages`, the message, its content: four brackets before the first of these.
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"messages":[{{"role":"user","content":{{"x":{open}{close}}}}}]}}"#)
    };
    assert!(Trace::from_json(&deep(124)).is_ok());
    assert_eq!(
        Trace::from_json(&deep(125)).unwrap_err().kind(),
        DecodeErrorKind::TooDeep
    );
}

/// Fields by the hundred thousand must not take time in their square.
#[test]
fn a_record_of_very_many_fields_is_read_in_reasonable_time() {
    let fields: Vec<_> = (0..200_000)
        .map(|number| format!("\"k{number}\":{number}"))
        .collect();
    let line = format!(r#"{{"messages":[],{}}}"#, fields.join(","));
    assert_eq!(canonical(&line).unwrap(), line);
    let twice = format!(r#"{{"messages":[],{},"k7":0}}"#, fields.join(","));
    let error = Trace::from_json(&twice).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::DuplicateKey);
    assert_eq!(error.path(), "k7");
}
