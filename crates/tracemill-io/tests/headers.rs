//! Values outside the array of records.

use proptest::prelude::*;
use serde_json::Value;
use tracemill_io::{Error, ErrorKind, Input, RecordLimit, headers};
use tracemill_model::Elements;

fn find(document: &str, array: &str, wanted: &[&str]) -> Result<Vec<Option<String>>, Error> {
    let elements = wanted.iter().fold(Elements::at(array), |elements, pointer| {
        elements.with_header(*pointer)
    });
    headers(&Input::bytes("x", document), &elements, RecordLimit::new(1 << 10))
}

fn values(document: &str, array: &str, wanted: &[&str]) -> Vec<Option<String>> {
    find(document, array, wanted).expect("a good document")
}

#[test]
fn headers_stand_before_and_after_the_array() {
    let document = r#"{"a": {"b": [1, {"c": "x]"}]}, "runs": [{"a": 1}, "]"], "z": null}"#;
    let found = values(
        document,
        "/runs",
        &["/z", "/a/b/1/c", "/a/b", "/a", "/nothing", "/a/b/7", "/z/deeper"],
    );
    let expected = [
        Some("null"),
        Some("\"x]\""),
        Some("[1, {\"c\": \"x]\"}]"),
        Some("{\"b\": [1, {\"c\": \"x]\"}]}"),
        None,
        None,
        None,
    ];
    assert_eq!(found, expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn a_header_may_stand_in_the_array_itself() {
    let found = values(
        r#"{"runs": [{"seed": 1}, {"seed": 2}]}"#,
        "/runs",
        &["/runs/1/seed"],
    );
    assert_eq!(found, [Some("2".to_owned())]);
}

#[test]
fn without_headers_nothing_is_read() {
    let input = Input::path("no/such/file");
    let found = headers(&input, &Elements::at("/a"), RecordLimit::default());
    assert_eq!(found.expect("nothing to look for"), []);
    assert_eq!(values("", "/a", &["/b"]), [None]);
}

#[test]
fn what_cannot_be_is_told() {
    let failed = |document: &str, array: &str, wanted: &str| {
        let error = find(document, array, &[wanted]).expect_err("it must fail");
        (error.kind(), error.to_string())
    };
    let contains = "x: the header `/a` contains the records".to_owned();
    assert_eq!(failed("{}", "/a/b", "/a"), (ErrorKind::Unsupported, contains));
    let (kind, message) = failed("{\"a\": [1, 2", "/a", "/b");
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(message.contains("cut short"), "{message}");
    let long = format!("{{\"b\": \"{}\"}}", "x".repeat(2000));
    assert_eq!(failed(&long, "/a", "/b").0, ErrorKind::RecordTooLong);
    let pipe = Input::reader("-", &b"{}"[..]);
    let elements = Elements::at("/a").with_header("/b");
    let error = headers(&pipe, &elements, RecordLimit::default()).expect_err("it has one reading");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// A header longer than the limit is an error, an array longer than it is not.
#[test]
fn the_array_is_not_stored() {
    let document = format!("{{\"runs\": [{}0], \"seed\": 7}}", "\"record\", ".repeat(1000));
    assert_eq!(values(&document, "/runs", &["/seed"]), [Some("7".to_owned())]);
}

proptest! {
    #[test]
    fn headers_are_what_serde_finds(
        members in prop::collection::btree_map("[a-c/~\"\\\\]{0,2}", "[\\[\\]{}\", \\\\]{0,70}", 0..6),
        key in "[a-c/~\"\\\\]{0,2}",
    ) {
        let document = serde_json::to_string_pretty(&members).expect("it is JSON");
        let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let found = values(&document, "/runs", &[&pointer]).remove(0);
        let found = found.map(|text| serde_json::from_str::<Value>(&text).expect("it is JSON"));
        let whole: Value = serde_json::from_str(&document).expect("it is JSON");
        prop_assert_eq!(found.as_ref(), whole.pointer(&pointer));
    }
}
