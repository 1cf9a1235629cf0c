//! The parser against `serde_json`: the same texts are accepted, and mean the same.

use proptest::prelude::*;
use serde_json::Value;
use tracemill_model::json::{Cursor, CursorBuffers, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Limits, RawJson};

use crate::strategies::{dice, edited, edits, tree};
use crate::tree::Tree;

/// What is true of any text, whoever wrote it: agreement with `serde_json` up to the documented differences.
fn agrees(text: &str) -> Result<(), TestCaseError> {
    let ours = RawJson::parse(text);
    let skipped = skip(text);
    prop_assert_eq!(
        ours.as_ref().map(|_| ()).map_err(ToString::to_string),
        skipped.map_err(|error| error.to_string()),
        "skip and raw disagree"
    );
    let theirs = serde_json::from_str::<Tree>(text);
    match (ours, theirs) {
        (Ok(raw), Ok(tree)) => {
            prop_assert!(!tree.has_duplicate(), "a duplicate key was accepted");
            let again = serde_json::from_str::<Tree>(raw.as_str()).unwrap();
            prop_assert_eq!(&again, &tree, "the canonical form means something else");
            let reparsed = RawJson::parse(raw.as_str()).unwrap();
            prop_assert_eq!(
                reparsed.as_str(),
                raw.as_str(),
                "the canonical form is not a fixed point"
            );
        }
        (Err(error), Ok(tree)) => {
            prop_assert_eq!(error.kind(), DecodeErrorKind::DuplicateKey, "refused: {}", error);
            prop_assert!(tree.has_duplicate(), "no key stands twice: {}", error);
        }
        // `serde_json` must turn numbers into doubles; the text of one that is too large is fine here.
        (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

fn skip(text: &str) -> Result<(), tracemill_model::DecodeError> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.finish()
}

/// Whether two views of one value lead to the same, whichever way one goes.
fn same_inside(indexed: JsonView<'_>, searched: JsonView<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!(indexed, searched);
    prop_assert_eq!(indexed.elements().count(), searched.elements().count());
    for (index, (a, b)) in indexed.elements().zip(searched.elements()).enumerate() {
        same_inside(a, b)?;
        prop_assert_eq!(
            indexed
                .pointer(&format!("/{index}"))
                .filter(|_| indexed.kind() == Kind::Array),
            Some(b)
        );
    }
    let keys: Vec<_> = searched
        .members()
        .map(|(key, _)| key.decode().into_owned())
        .collect();
    prop_assert_eq!(indexed.members().count(), keys.len());
    for (number, ((a, b), key)) in indexed.members().zip(searched.members()).zip(&keys).enumerate() {
        prop_assert_eq!(&a.0, &b.0);
        same_inside(a.1, b.1)?;
        let others = [&*keys[keys.len() - 1 - number], "absent", key];
        prop_assert_eq!(indexed.pick(others), searched.pick(others));
        prop_assert_eq!(indexed.get(key), Some(b.1));
        let step = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        prop_assert_eq!(indexed.pointer(&step), Some(b.1));
    }
    Ok(())
}

/// Reads a value twice, token by token: a member is kept raw, passed over, or read, and now and then looked at ahead.
fn read_again(known: &mut Cursor<'_>, plain: &mut Cursor<'_>) -> Result<(), DecodeError> {
    match known.peek()? {
        Kind::Array => {
            let mut read = Vec::new();
            known.array(|known, index| {
                let value = if index % 2 == 0 {
                    Some(known.raw()?)
                } else {
                    known.skip().map(|()| None)?
                };
                read.push((value.map(RawJson::into_owned), known.offset()));
                Ok(())
            })?;
            plain.array(|plain, index| {
                let raw = plain.raw()?;
                let (value, behind) = &read[index];
                assert!(value.as_ref().is_none_or(|value| *value == raw));
                assert_eq!(plain.offset(), *behind);
                Ok(())
            })?;
        }
        Kind::Object => {
            let mut read = Vec::new();
            known.object(|known, key| {
                let ahead = known.type_ahead().map(RawJson::into_owned);
                let value = match read.len() % 3 {
                    0 if known.peek()? == Kind::String => Some(known.text()?.to_string()),
                    1 => known.skip().map(|()| None)?,
                    _ => Some(known.raw()?.to_string()),
                };
                read.push((key.clone().into_owned(), ahead, value, known.offset()));
                Ok(())
            })?;
            let mut read = read.into_iter();
            plain.object(|plain, key| {
                let (known_key, ahead, value, behind) = read.next().expect("as many members");
                assert_eq!(known_key, *key);
                assert_eq!(ahead, plain.type_ahead().map(RawJson::into_owned));
                let raw = plain.raw()?;
                let text = raw.view().as_text().map(|text| text.to_string());
                assert!(value.is_none_or(|value| value == raw.to_string() || Some(value) == text));
                assert_eq!(plain.offset(), behind);
                Ok(())
            })?;
            assert!(read.next().is_none());
            return known.finish();
        }
        _ => assert_eq!(known.raw()?, plain.raw()?),
    }
    known.finish()
}

proptest! {
    #[test]
    fn an_index_leads_where_searching_does(tree in tree(), mut dice in dice()) {
        let spelled = tree.spelled(&mut dice);
        let mut cursor = Cursor::new(&spelled);
        let indexed = cursor.indexed().unwrap();
        cursor.finish().unwrap();
        let searched = RawJson::parse(&spelled).unwrap();
        same_inside(indexed.view(), searched.view())?;
        same_inside(indexed.into_owned().view(), searched.view())?;
    }

    #[test]
    fn what_was_indexed_is_read_again_as_what_was_not(tree in tree(), mut dice in dice()) {
        let spelled = tree.spelled(&mut dice);
        let indexed = Cursor::new(&spelled).indexed().unwrap();
        let searched = RawJson::parse(&spelled).unwrap();
        read_again(&mut indexed.view().cursor(), &mut searched.view().cursor()).unwrap();
        // Parts have places of their own.
        for (a, b) in indexed.view().elements().zip(searched.view().elements()) {
            read_again(&mut a.cursor(), &mut b.cursor()).unwrap();
        }
    }

    #[test]
    fn buffers_serve_again_for_values_of_any_size(trees in proptest::collection::vec(tree(), 1..6), mut dice in dice()) {
        let mut buffers = CursorBuffers::default();
        for tree in trees {
            let spelled = tree.spelled(&mut dice);
            let mut cursor = Cursor::reusing(&spelled, Limits::default(), buffers);
            let (json, index) = cursor.indexed().unwrap().into_parts();
            buffers = cursor.into_buffers();
            prop_assert_eq!(json.as_str(), tree.canonical());
            same_inside(index.of(json.view()), RawJson::parse(&spelled).unwrap().view())?;
            buffers.reclaim_indexed(json.into_view().err(), Some(index));
        }
    }

    #[test]
    fn any_spelling_of_a_value_has_the_canonical_form_of_the_value(tree in tree(), mut dice in dice()) {
        let spelled = tree.spelled(&mut dice);
        let raw = RawJson::parse(&spelled).unwrap();
        prop_assert_eq!(raw.as_str(), tree.canonical());
        prop_assert_eq!(
            serde_json::from_str::<Value>(raw.as_str()).unwrap(),
            serde_json::from_str::<Value>(&spelled).unwrap()
        );
    }

    #[test]
    fn damaged_values_are_accepted_and_refused_as_by_serde_json(
        tree in tree(), mut dice in dice(), edits in edits()
    ) {
        let damaged = edited(&tree.spelled(&mut dice), &edits);
        if let Ok(text) = std::str::from_utf8(&damaged) {
            agrees(text)?;
        }
    }

    #[test]
    fn short_texts_of_telling_bytes_are_accepted_and_refused_as_by_serde_json(
        text in r#"[\[\]{}",:\\/u0dD89.eE+\-tfn \n]{0,12}"#
    ) {
        agrees(&text)?;
        agrees(&format!("[{text}]"))?;
        agrees(&format!("\"{text}\""))?;
    }

    #[test]
    fn walking_a_value_visits_what_it_holds(tree in tree(), mut dice in dice()) {
        let spelled = tree.spelled(&mut dice);
        visits(RawJson::parse(&spelled).unwrap().view(), &tree)?;
    }
}

fn visits(raw: JsonView<'_>, tree: &Tree) -> Result<(), TestCaseError> {
    let members: Vec<_> = raw.members().collect();
    let elements: Vec<_> = raw.elements().collect();
    match tree {
        Tree::List(items) => {
            prop_assert_eq!(elements.len(), items.len());
            for (index, (element, item)) in elements.iter().zip(items).enumerate() {
                visits(*element, item)?;
                let found = raw.pointer(&format!("/{index}"));
                prop_assert_eq!(found.as_ref(), Some(element));
            }
        }
        Tree::Map(entries) => {
            prop_assert_eq!(members.len(), entries.len());
            for ((key, value), (name, item)) in members.iter().zip(entries) {
                prop_assert_eq!(key.decode(), name.as_str());
                let found = raw.get(name);
                prop_assert_eq!(found.as_ref(), Some(value));
                let escaped = name.replace('~', "~0").replace('/', "~1");
                let found = raw.pointer(&format!("/{escaped}"));
                prop_assert_eq!(found.as_ref(), Some(value));
                visits(*value, item)?;
            }
        }
        Tree::Bare(token) => prop_assert_eq!(raw.as_str(), token),
        Tree::Text(text) => prop_assert_eq!(raw.as_text().unwrap().to_string(), text.as_str()),
    }
    if !matches!(tree, Tree::List(_)) {
        prop_assert!(elements.is_empty());
    }
    if !matches!(tree, Tree::Map(_)) {
        prop_assert!(members.is_empty());
    }
    Ok(())
}

/// Texts that parsers are known to get wrong, both ways.
const TRICKY: &[&str] = &[
    "",
    " ",
    "\u{feff}1",
    "1",
    " 1 ",
    "01",
    "-01",
    "00",
    "-",
    "--1",
    "+1",
    ".5",
    "-.5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "1E-",
    "1e5.5",
    "1.0.0",
    "0x10",
    "1_000",
    "0e0",
    "-0e-0",
    "1e999",
    "-1e999",
    "1e-999",
    "9007199254740993",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "-NaN",
    "nul",
    "nulll",
    "null",
    "tru",
    "truee",
    "True",
    "TRUE",
    "false",
    "fals",
    "f",
    "n",
    "t",
    "undefined",
    "None",
    "'a'",
    "\"",
    "\"a",
    "\"a\"b",
    "\"\\",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\x\"",
    "\"\\u\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\u00e9\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\uDC00\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\\uD800\\uD800\"",
    "\"\\uD800x\"",
    "\"\\uD800\\n\"",
    "\"\\uDC00\\uD800\"",
    "\"\\uD83D\\u\"",
    "\"\\uD83D\\uDE\"",
    "\"\\U0041\"",
    "\"\\u+123\"",
    "\"\\u 123\"",
    "\"\n\"",
    "\"\t\"",
    "\"\0\"",
    "\"\u{1f}\"",
    "\"\u{7f}\"",
    "\"\u{80}\"",
    "\"\u{2028}\u{2029}\u{85}\"",
    "\"\\u2028\\u2029\\u0085\"",
    "\"\\/\"",
    "\"\u{10ffff}\"",
    "\"\\u0000\"",
    "\"\\é\"",
    "[",
    "]",
    "[]",
    "[ ]",
    "[,]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[1]]",
    "[[1]",
    "[1}",
    "[\"a\":1]",
    "[1;2]",
    "{",
    "}",
    "{}",
    "{ }",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{a:1}",
    "{1:1}",
    "{null:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"\":1,\"\":2}",
    "{\"a\":{\"b\":1,\"b\":1}}",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1}x",
    "1 2",
    "[1] [2]",
    "// c\n1",
    "[1/*c*/]",
    "\u{c}1",
    "\u{a0}1",
    "\u{b}1",
    "\r\n1\r\n",
    "{\"\\ud800\":1}",
    "{\"a\\nb\":1,\"a\\u000ab\":2}",
    "{\"/\":1,\"\\/\":2}",
];

#[test]
fn tricky_texts_are_accepted_and_refused_as_by_serde_json() {
    for text in TRICKY {
        let wrapped = [
            (*text).to_owned(),
            format!("[{text}]"),
            format!("{{\"k\":{text}}}"),
            format!("[0,{text} ,0]"),
        ];
        for text in wrapped {
            agrees(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        }
    }
}

#[test]
fn tricky_texts_are_refused_wherever_they_are_cut() {
    for text in TRICKY.iter().filter(|text| RawJson::parse(text).is_ok()) {
        for (cut, _) in text.char_indices() {
            agrees(&text[..cut]).unwrap_or_else(|error| panic!("{:?}: {error}", &text[..cut]));
        }
    }
}

#[test]
fn nesting_is_counted_in_open_brackets() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for make in [&nested as &dyn Fn(usize) -> String, &objects] {
        assert!(RawJson::parse(&make(128)).is_ok());
        let error = RawJson::parse(&make(129)).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
        assert_eq!(error.message(), "nested deeper than 128 levels");
        // Far beyond the limit nothing worse happens than at the limit.
        assert_eq!(
            RawJson::parse(&make(1_000_000)).unwrap_err().kind(),
            DecodeErrorKind::TooDeep
        );
    }
}

#[test]
fn siblings_do_not_count_as_nesting() {
    let wide = format!("[{}1]", "[[]],{\"a\":{}},".repeat(1000));
    assert!(RawJson::parse(&wide).is_ok());
    let mut cursor = Cursor::with_limits(&wide, Limits::default().with_depth(3));
    cursor.raw().unwrap();
    cursor.finish().unwrap();
}

#[test]
fn a_limit_above_the_greatest_is_cut_to_it_and_holds() {
    let depth = usize::from(Limits::MAX_DEPTH);
    let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limits = Limits::default().with_depth(u16::MAX);
    let mut cursor = Cursor::with_limits(&text, limits);
    let raw = cursor.raw().unwrap();
    // What was accepted once can be walked again, whatever the default limit is.
    let mut again = raw.cursor();
    assert_eq!(again.raw().unwrap(), raw);
    let deeper = format!("[{text}]");
    let error = Cursor::with_limits(&deeper, limits).raw().unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
}

#[test]
fn duplicates_are_found_among_many_keys_and_behind_escapes() {
    // Short keys, keys that begin alike for more than is compared at first, and some that are not canonical as they are.
    for prefix in ["", "prompt_tokens_", "separated\u{2028}by_"] {
        for count in [2usize, 15, 16, 17, 40] {
            for (first, second) in [(0, count - 1), (0, 1), (count - 2, count - 1)] {
                for escaped in [false, true] {
                    let keys: Vec<_> = (0..count)
                        .map(|i| match i {
                            _ if i == second && escaped => format!("\"{prefix}\\u006b{first}\":{i}"),
                            _ if i == second => format!("\"{prefix}k{first}\":{i}"),
                            _ => format!("\"{prefix}k{i}\":{i}"),
                        })
                        .collect();
                    let text = format!("{{{}}}", keys.join(","));
                    let error = RawJson::parse(&text).unwrap_err();
                    assert_eq!(error.kind(), DecodeErrorKind::DuplicateKey, "{text}");
                    let at = keys[..second].iter().map(|key| key.len() + 1).sum::<usize>() + 2;
                    assert_eq!(error.column(), at, "{text}");
                    let once = format!(
                        "{{{}}}",
                        [&keys[..second], &keys[second + 1..]].concat().join(",")
                    );
                    assert!(RawJson::parse(&once).is_ok(), "{once}");
                }
            }
        }
    }
}

#[test]
fn keys_of_one_object_are_not_mistaken_for_those_of_another() {
    let text = r#"{"a":{"a":{"a":1},"b":2},"b":[{"a":1},{"a":1}],"c":{}}"#;
    assert_eq!(RawJson::parse(text).unwrap().as_str(), text);
}

#[test]
fn pointers_follow_rfc_6901() {
    let raw = RawJson::parse(r#"{"":{"":1},"a/b":2,"m~n":3,"list":[10,[20]],"~1":4}"#).unwrap();
    let at = |pointer: &str| raw.pointer(pointer).map(|value| value.to_string());
    assert_eq!(at("").as_deref(), Some(raw.as_str()));
    assert_eq!(at("/").as_deref(), Some(r#"{"":1}"#));
    assert_eq!(at("//").as_deref(), Some("1"));
    assert_eq!(at("/a~1b").as_deref(), Some("2"));
    assert_eq!(at("/m~0n").as_deref(), Some("3"));
    assert_eq!(at("/~01").as_deref(), Some("4"));
    assert_eq!(at("/list/1/0").as_deref(), Some("20"));
    for missing in [
        "list",
        "x",
        "/x",
        "/list/2",
        "/list/-",
        "/list/01",
        "/list/+1",
        "/list/0/0",
        "/list/",
    ] {
        assert_eq!(at(missing), None, "{missing}");
    }
}
