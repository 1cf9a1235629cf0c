//! What screening finds, and what it does not, from files.

use std::sync::LazyLock;

use proptest::prelude::*;
use tracemill_curate::{Found, Screen, Screening};
use tracemill_model::Trace;

const FOUND: &str = include_str!("screen/found.txt");
const CLEAN: &str = include_str!("screen/clean.txt");

/// Made once: without optimisation that takes a while.
static ALL: LazyLock<Screening> = LazyLock::new(|| Screening::new(Screen::ALL));

/// Lines without comments, put together.
fn lines(file: &str) -> impl Iterator<Item = String> {
    file.lines().filter(|line| !line.starts_with('#')).map(expand)
}

/// Writes `{N}` and `{N^}` out.
fn expand(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}').unwrap_or(0);
        let inside = rest.get(open + 1..close).unwrap_or_default();
        let (count, letters) = match inside.strip_suffix('^') {
            Some(count) => (count, "1B2C3D4E5F6G7H8I"),
            None => (inside, "a1B2c3D4e5F6"),
        };
        let Ok(count) = count.parse::<usize>() else {
            out.push_str(&rest[..=open]);
            rest = &rest[open + 1..];
            continue;
        };
        out.push_str(&rest[..open]);
        out.extend(letters.chars().cycle().take(count));
        rest = &rest[close + 1..];
    }
    out + rest
}

#[test]
fn what_is_marked_is_found_and_nothing_else() {
    let screening = &*ALL;
    for line in lines(FOUND) {
        let (codes, marked) = line.split_once('\t').expect("codes and a text");
        let wanted: Vec<&str> = marked
            .split('⟦')
            .skip(1)
            .map(|part| part.split('⟧').next().unwrap())
            .collect();
        let text = marked.replace(['⟦', '⟧'], "");
        let found = screening.all(&text);
        let said: Vec<&str> = found.iter().map(|one| &text[one.range()]).collect();
        assert_eq!(said, wanted, "{marked}");
        let mut own: Vec<&str> = found.iter().map(Found::code).collect();
        // A word that two services forbid is one finding, under the code of either.
        own.dedup();
        assert!(
            codes.split(' ').any(|code| own.contains(&code)),
            "{marked}: {own:?}"
        );
        for one in &found {
            assert!(
                codes.split(' ').any(|code| code == one.code()),
                "{marked}: {own:?}"
            );
            // Each is found as well by whoever looks for it alone.
            assert!(one.screen().find(&text).is_some(), "{marked}");
        }
    }
}

#[test]
fn what_only_looks_like_something_is_not_found() {
    let screening = &*ALL;
    for line in lines(CLEAN) {
        let found = screening.all(&line);
        let said: Vec<_> = found.iter().map(|one| (one.code(), &line[one.range()])).collect();
        assert!(said.is_empty(), "{line}: {said:?}");
    }
}

/// A trace that says `text`, spelt as in JSON, everywhere it can; arguments once as a value, once as text.
fn everywhere(text: &str) -> String {
    let twice = text.replace('\\', r"\\").replace('"', r#"\""#);
    format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{text}","cache":1}},{{"type":"other","said":"{text}"}}]}},{{"role":"assistant","content":"{text}","reasoning":"{text}","tool_calls":[{{"name":"f","arguments":{{"q":"{text}"}}}},{{"name":"f","arguments":"{{\"q\": \"{twice}\"}}"}}]}}]}}"#
    )
}

#[test]
fn every_text_of_a_trace_is_screened_and_replaced_text_is_clean() {
    let screening = &*ALL;
    for line in lines(FOUND) {
        let (_, marked) = line.split_once('\t').expect("codes and a text");
        if marked.contains("in JSON in JSON") {
            continue;
        }
        let json = everywhere(&marked.replace(['⟦', '⟧'], ""));
        let trace = Trace::from_json(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        let mut found = Vec::new();
        screening.screen(&trace, |one| found.push(one));
        let mut places: Vec<String> = found.iter().map(|one| one.pointer().to_string()).collect();
        places.dedup();
        assert_eq!(
            places,
            [
                "/messages/0/content/0/text",
                "/messages/0/content/1",
                "/messages/1/content",
                "/messages/1/reasoning",
                "/messages/1/tool_calls/0/arguments",
                "/messages/1/tool_calls/1/arguments",
            ],
            "{marked}"
        );
        let mut replaced = trace.clone();
        let mut noted = Vec::new();
        screening.replace(&mut replaced, |one| noted.push(one)).unwrap();
        assert_eq!(noted, found, "{marked}");
        assert!(!screening.is_in(&replaced), "{marked}");
        let mut out = Vec::new();
        replaced.write_json(&mut out);
        let again = String::from_utf8(out).unwrap();
        assert_eq!(Trace::from_json(&again).unwrap(), replaced, "{again}");
        assert!(again.contains(r#""cache":1"#));
    }
}

#[test]
fn what_stays_a_number_and_what_cannot_be_replaced() {
    let screening = Screening::new(Screen::USUAL);
    let with = |arguments: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"name":"pay","arguments":{arguments}}}]}}]}}"#
        )
    };
    let replaced = |json: &str| {
        let mut trace = Trace::from_json(json).unwrap().into_owned();
        screening.replace(&mut trace, |_| {}).map(|()| {
            let mut out = Vec::new();
            trace.write_json(&mut out);
            String::from_utf8(out).unwrap()
        })
    };
    for (arguments, wanted) in [
        (r#"{"card":4111111111111111}"#, r#"{"card":1111111111111111}"#),
        (
            r#""{\"card\": 4111111111111111}""#,
            r#""{\"card\": 1111111111111111}""#,
        ),
        (r#""pay with 4111111111111111""#, r#""pay with 1111111111111111""#),
    ] {
        assert_eq!(replaced(&with(arguments)).unwrap(), with(wanted));
    }
    let unfit = replaced(&with(r#"{"a@b.io":1,"c@d.io":2}"#)).unwrap_err();
    assert_eq!(unfit.finding().code(), "email");
    assert_eq!(
        unfit.finding().pointer().to_string(),
        "/messages/0/tool_calls/0/arguments"
    );
    assert!(replaced(&with(r#""{\"a@b.io\":1,\"c@d.io\":2}""#)).is_err());
}

/// Pieces that make and break findings.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<|",
        "im_end",
        "|>",
        "<|im_end|>",
        "[INST]",
        "[",
        "User:",
        "a@b.io",
        "@",
        ".",
        "\\n",
        "\\\\",
        "\\\"",
        "é",
        " ",
        "-",
        "4111 1111 1111 1111",
        "415-555-2671",
        "+",
        "1",
        "ghp_",
        "sk-",
        "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "Human:",
        "aws_secret_access_key=",
        "\\u0001",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn findings_are_in_order_apart_and_on_characters(text in pieces()) {
        let screening = &*ALL;
        let mut upto = 0;
        for one in screening.all(&text) {
            prop_assert!(one.range().start >= upto && !one.range().is_empty());
            prop_assert!(text.get(one.range()).is_some());
            upto = one.range().end;
        }
    }

    #[test]
    fn replacing_leaves_json_and_says_the_same_twice(text in pieces()) {
        let json = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let Ok(mut trace) = Trace::from_json(&json) else { return Ok(()) };
        let screening = &*ALL;
        screening.replace(&mut trace, |_| {}).unwrap();
        let mut out = Vec::new();
        trace.write_json(&mut out);
        let written = String::from_utf8(out).unwrap();
        prop_assert_eq!(&Trace::from_json(&written).unwrap(), &trace);
    }
}
