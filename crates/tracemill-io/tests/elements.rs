//! The framing by the elements of an array, against `serde_json`.

mod common;

use common::{Event, NO_LIMIT, Seen, failure, read, read_one, texts};
use proptest::prelude::*;
use serde_json::Value;
use tracemill_io::Input;
use tracemill_model::{Elements, Framing};

fn at(pointer: &str) -> Framing {
    Framing::Elements(Elements::at(pointer))
}

/// Strings of what could confuse a scanner.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("]}".to_owned()),
        Just("[{".to_owned()),
        Just(",:".to_owned()),
        Just("\n\u{1}\u{e9}".to_owned()),
        "[a-z ]{0,20}",
        "[a-z]{60,70}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// A document with an array of records at a pointer, written compactly or not.
fn document() -> impl Strategy<Value = (Vec<Value>, String, String)> {
    let around = prop::sample::select(vec![
        ("", "RECORDS"),
        ("/a", r#"{"x": V, "a": RECORDS, "y": [V, "]"]}"#),
        (
            "/a/1/b~1c~0",
            r#"{"a": [V, {"z": V, "b/c~": RECORDS, "w": V}, V], "aa": V}"#,
        ),
        ("/", r#"{"": RECORDS}"#),
        ("/\u{e9}", r#"{"é": RECORDS, "e": V}"#),
    ]);
    (
        prop::collection::vec(value(), 0..6),
        value(),
        around,
        any::<bool>(),
    )
        .prop_map(|(records, other, (pointer, template), pretty)| {
            let write = if pretty {
                serde_json::to_string_pretty
            } else {
                serde_json::to_string
            };
            let records_text = write(&Value::from(records.clone())).expect("it is JSON");
            let other = write(&other).expect("it is JSON");
            // Placeholders of letters that no generated text has.
            let document = template.replace('V', &other).replace("RECORDS", &records_text);
            (records, pointer.to_owned(), document)
        })
}

/// Records must be what `serde_json` finds, byte for byte where they claim to stand.
fn agree(events: &[Event], records: &[Value], document: &str) {
    assert_eq!(events.len(), records.len(), "{events:?}");
    for (at, (event, record)) in events.iter().zip(records).enumerate() {
        let Event::Record(Seen {
            text: Ok(text),
            line,
            byte,
            place,
            ..
        }) = event
        else {
            panic!("{event:?}")
        };
        let byte = *byte as usize;
        assert_eq!(&serde_json::from_str::<Value>(text).expect("it is JSON"), record);
        assert_eq!(&document[byte..byte + text.len()], text);
        assert_eq!(*line as usize, 1 + document[..byte].matches('\n').count());
        assert!(place.ends_with(&format!("[{at}]")), "{place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn elements_are_what_serde_finds((records, pointer, document) in document(), block in 1..300_usize) {
        let input = Input::bytes("x", document.as_bytes());
        agree(&read(vec![(input, at(&pointer))], block, NO_LIMIT), &records, &document);
    }

    #[test]
    fn reading_in_pieces_changes_nothing((records, pointer, document) in document(), piece in 1..70_usize) {
        let input = Input::reader("x", Pieces { left: document.clone().into_bytes(), piece });
        agree(&read(vec![(input, at(&pointer))], 100, NO_LIMIT), &records, &document);
    }

    /// A limit makes errors of exactly the records beyond it.
    #[test]
    fn a_limit_concerns_long_records_only((records, pointer, document) in document(), limit in 1..100_usize) {
        let unlimited = read_one(document.as_bytes(), at(&pointer));
        let limited = read(vec![(Input::bytes("x", document.as_bytes()), at(&pointer))], 50, limit);
        prop_assert_eq!(limited.len(), records.len());
        for (limited, unlimited) in limited.iter().zip(&unlimited) {
            let (Event::Record(limited), Event::Record(unlimited)) = (limited, unlimited) else { panic!("a failure") };
            let text = unlimited.text.as_deref().expect("it has no limit");
            if text.len() <= limit {
                prop_assert_eq!(limited, unlimited);
            } else {
                let error = limited.text.as_deref().expect_err("it is too long");
                prop_assert!(error.starts_with(&format!("the record has {} bytes", text.len())), "{}", error);
                prop_assert_eq!((limited.line, limited.byte), (unlimited.line, unlimited.byte));
            }
        }
    }

    /// Whatever is thrown at it, it ends without a panic; what is JSON is read.
    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(prop::sample::select(b"[]{}\",:\\ \na1\xff".to_vec()), 0..60),
        pointer in prop::sample::select(vec!["/a", "/0", "/a/1", "/1/0"]),
    ) {
        read_one(&bytes, at(pointer));
        let events = read_one(&bytes, at(""));
        if let Ok(Value::Array(records)) = serde_json::from_slice(&bytes) {
            agree(&events, &records, std::str::from_utf8(&bytes).expect("serde took it"));
        }
    }
}

proptest! {
    // Every case is as many readings as the document has bytes.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_cut_document_gives_the_records_before_the_cut((_, pointer, document) in document()) {
        prop_assume!(document.len() < 800);
        cut_everywhere(&document, &pointer);
    }
}

/// Cuts a document at every byte: all complete elements come, then the failure.
fn cut_everywhere(document: &str, pointer: &str) {
    let all = read_one(document.as_bytes(), at(pointer));
    for end in 0..document.len() {
        let mut events = read_one(&document.as_bytes()[..end], at(pointer));
        let cut = document[..].as_bytes()[..end].trim_ascii();
        if cut.is_empty() {
            assert_eq!(events, []);
            continue;
        }
        match events.pop() {
            Some(Event::Failure(failure)) => assert!(failure.contains("cut short"), "{failure}"),
            other => panic!("no failure but {other:?} for {:?}", String::from_utf8_lossy(cut)),
        }
        assert!(events.len() <= all.len());
        for (event, whole) in events.iter().zip(&all) {
            let (Event::Record(event), Event::Record(whole)) = (event, whole) else {
                panic!("{event:?}")
            };
            assert_eq!(
                (event.line, event.byte, &event.place),
                (whole.line, whole.byte, &whole.place)
            );
            let (text, whole) = (event.text.as_deref(), whole.text.as_deref());
            // A number or literal that the cut shortened cannot be told from a whole one before what follows it.
            assert!(text == whole || text.is_ok_and(|text| whole.is_ok_and(|whole| whole.starts_with(text))));
        }
    }
}

/// Gives a few bytes at a time.
struct Pieces {
    left: Vec<u8>,
    piece: usize,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = self.piece.min(buf.len()).min(self.left.len());
        buf[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

#[test]
fn an_empty_file_or_array_holds_no_record() {
    for bytes in [&b""[..], b" \n", b"\xEF\xBB\xBF", b"[]", b" [ \n ] "] {
        assert_eq!(read_one(bytes, at("")), []);
    }
    assert_eq!(read_one(b"{\"runs\":[]}", at("/runs")), []);
}

#[test]
fn elements_of_any_kind_are_records() {
    let document = b"\xEF\xBB\xBF[1, -2.5e3 ,\n\"a]\\\"\", null,true,[ ],{\"a\":[{}]}]";
    let expected = ["1", "-2.5e3", "\"a]\\\"\"", "null", "true", "[ ]", "{\"a\":[{}]}"];
    assert_eq!(texts(&read_one(document, at(""))), expected);
}

#[test]
fn keys_are_found_however_they_are_written() {
    let document = br#"{"ru\u006es": {"no": 1}, "x": [2], "r\"uns": {"a\/b": [3, 4]}}"#;
    assert_eq!(texts(&read_one(document, at("/r\"uns/a~1b"))), ["3", "4"]);
    assert_eq!(texts(&read_one(b"[[1],[2, 3]]", at("/1"))), ["2", "3"]);
    assert_eq!(texts(&read_one(br#"{"ru\u006es": [5]}"#, at("/runs"))), ["5"]);
}

/// What is wrong, where, after how many records.
#[track_caller]
fn fails(document: &str, pointer: &str, records: usize, expected: &str) {
    let events = read_one(document.as_bytes(), at(pointer));
    assert_eq!(failure(&events), expected);
    assert_eq!(events.len(), records + 1, "{events:?}");
}

#[test]
fn documents_that_are_cut_short_are_explained() {
    fails(
        "[1,\n2,\n{\"a\":",
        "",
        2,
        "x:3: the document ends inside a value that begins on line 3; was the file cut short? (at byte 12)",
    );
    fails(
        "[1, \"a",
        "",
        1,
        "x:1: the document ends inside a string that begins on line 1; was the file cut short? (at byte 6)",
    );
    fails(
        "[1",
        "",
        1,
        "x:1: the document ends where `,` or `]` must follow; was the file cut short? (at byte 2)",
    );
    fails(
        "[1,",
        "",
        1,
        "x:1: the document ends where a value must follow; was the file cut short? (at byte 3)",
    );
}

#[test]
fn broken_documents_are_explained() {
    fails(
        "[1 2]",
        "",
        1,
        "x:1: found `2` where `,` or `]` must follow (at byte 3)",
    );
    fails(
        "[1,]",
        "",
        1,
        "x:1: found `]` where a value must follow (at byte 3)",
    );
    fails(
        "[,1]",
        "",
        0,
        "x:1: found `,` where a value must follow (at byte 1)",
    );
    fails(
        "[1}",
        "",
        1,
        "x:1: found `}` where `,` or `]` must follow (at byte 2)",
    );
    fails(
        "[1, {\"a\": [}]",
        "",
        1,
        "x:1: `}` stands where a `[` is open (at byte 11)",
    );
    fails("[{]", "", 0, "x:1: `]` stands where a `{` is open (at byte 2)");
    fails(
        "[1]\n[2]",
        "",
        1,
        "x:2: something follows the end of the document; is the file JSON Lines? (at byte 4)",
    );
    fails(
        "\u{e9}",
        "",
        0,
        "x:1: found byte 0xc3 where a value must follow (at byte 0)",
    );
    fails(
        "{\"a\":[1] \"b\":2}",
        "/a",
        1,
        "x:1: found `\"` where `,` or `}` must follow (at byte 9)",
    );
    fails(
        "{\"a\":[1],\"b\":2",
        "/a",
        1,
        "x:1: the document ends where `,` or `}` must follow; was the file cut short? (at byte 14)",
    );
    fails(
        "{\"a\":[1],\"a\":[2]}",
        "/a",
        1,
        "x:1: the key `a` comes twice (at byte 13)",
    );
    fails(
        "{\"a\" [1]}",
        "/a",
        0,
        "x:1: found `[` where `:` must follow (at byte 5)",
    );
    fails(
        "{a:[1]}",
        "/a",
        0,
        "x:1: found `a` where a key or `}` must follow (at byte 1)",
    );
    fails(
        "{\"b\":1,}",
        "/a",
        0,
        "x:1: found `}` where a key must follow (at byte 7)",
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    fails(
        "{\"b\":1,\"c\":2}",
        "/a",
        0,
        "x:1: there is no `/a`: the document has `b`, `c` (at byte 13)",
    );
    fails(
        "{\"a\":{}}",
        "/a/b",
        0,
        "x:1: there is no `/a/b`: `/a` is an empty object (at byte 7)",
    );
    fails(
        "[1,2]",
        "/a",
        0,
        "x:1: there is no `/a`: the document is an array of 2 (at byte 5)",
    );
    fails(
        "{\"a\":3}",
        "/a/b",
        0,
        "x:1: there is no `/a/b`: `/a` is a number or literal (at byte 5)",
    );
    fails(
        "{\"a\":3}",
        "/a",
        0,
        "x:1: `/a` is a number or literal, not an array (at byte 5)",
    );
    fails(
        "{\"a\":3}",
        "",
        0,
        "x:1: the document is an object, not an array (at byte 0)",
    );
    fails(
        "[]",
        "a",
        0,
        "x: `a` is not a JSON pointer; it must begin with `/`",
    );
    let many: Vec<String> = (0..20).map(|n| format!("\"k{n}\":0,")).collect();
    let events = read_one(format!("{{{}\"z\":0}}", many.concat()).as_bytes(), at("/a"));
    assert!(failure(&events).contains("`k11`, … (at"), "{}", failure(&events));
}

#[test]
fn hostile_nesting_ends_in_an_error() {
    let deep = "[".repeat(3 << 20);
    let events = read(
        vec![(Input::bytes("x", deep.as_bytes()), at(""))],
        256 << 10,
        1 << 10,
    );
    assert!(
        failure(&events).contains("nested too deep"),
        "{}",
        failure(&events)
    );
}

/// Time must grow with the size of the document, not with its square: these would take minutes.
#[test]
fn many_elements_and_one_huge_one_are_read_at_the_same_pace() {
    let small = format!("[{}]", vec!["{}"; 200_000].join(","));
    assert_eq!(read_one(small.as_bytes(), at("")).len(), 200_000);
    let huge = format!("[[{}]]", vec!["\"\\\\\""; 200_000].join(","));
    assert_eq!(
        texts(&read_one(huge.as_bytes(), at(""))),
        [&huge[1..huge.len() - 1]]
    );
}
