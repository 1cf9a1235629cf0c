//! JSON inside a text in the layout of Python's `json.dumps`, as chat templates write it.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Arguments, JsonString, JsonView, JsonWriter, Text};

use crate::loss::{Loss, Losses};

/// Where white space stands between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Behind commas and colons.
    Spaced,
    /// Each value on a line of its own, four spaces deeper than what holds it.
    Indented,
}

/// Appends canonical JSON in a layout.
pub(crate) fn append(json: &[u8], layout: Layout, s: &mut JsonString<'_, '_>) {
    let (mut from, mut at, mut depth) = (0, 0, 0);
    while at < json.len() {
        let byte = json[at];
        if byte == b'"' {
            at = string_end(json, at);
            continue;
        }
        at += 1;
        let breaks = match byte {
            b':' => false,
            b',' => true,
            b'{' | b'[' if layout == Layout::Indented => {
                if matches!(json.get(at), Some(b'}' | b']')) {
                    at += 1;
                    continue;
                }
                depth += 1;
                true
            }
            b'}' | b']' if layout == Layout::Indented => {
                depth -= 1;
                s.written(&json[from..at - 1]);
                line(depth, s);
                from = at - 1;
                continue;
            }
            _ => continue,
        };
        s.written(&json[from..at]);
        from = at;
        if breaks && layout == Layout::Indented {
            line(depth, s);
        } else {
            s.push(" ");
        }
    }
    s.written(&json[from..]);
}

fn line(depth: usize, s: &mut JsonString<'_, '_>) {
    s.push("\n");
    for _ in 0..depth {
        s.push("    ");
    }
}

/// The place behind the string that begins at `start`.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

/// Appends arguments as an object. Text is read as JSON; what is no object is appended as it is, and noted.
pub(crate) fn arguments(
    arguments: &Arguments<'_>,
    index: usize,
    embedded: &mut EmbeddedJson,
    losses: &mut Losses,
    s: &mut JsonString<'_, '_>,
) {
    match arguments {
        Arguments::Value(value) => object(value.view(), index, losses, s),
        Arguments::Text(text) => match embedded.read(text) {
            Ok(value) => object(value.view(), index, losses, s),
            Err(_) => unparsable(text, index, losses, s),
        },
        // There were none, and an object without members says so.
        _ => {
            s.push("{}");
        }
    }
}

fn object(value: JsonView<'_>, index: usize, losses: &mut Losses, s: &mut JsonString<'_, '_>) {
    if value.kind() != Kind::Object {
        losses.note(Loss::NonObjectArguments, index);
    }
    append(value.as_str().as_bytes(), Layout::Spaced, s);
}

#[cold]
fn unparsable(text: &Text<'_>, index: usize, losses: &mut Losses, s: &mut JsonString<'_, '_>) {
    losses.note(Loss::UnparsableArguments, index);
    s.quoted(text);
}

/// Appends what `write` writes as JSON; `json` is a buffer for it.
pub(crate) fn composed(
    json: &mut Vec<u8>,
    layout: Layout,
    s: &mut JsonString<'_, '_>,
    write: impl FnOnce(&mut JsonWriter<'_>),
) {
    json.clear();
    write(&mut JsonWriter::new(json));
    append(json, layout, s);
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    fn dumped(json: &str, layout: Layout) -> String {
        let mut out = Vec::new();
        let mut w = JsonWriter::new(&mut out);
        let raw = RawJson::parse(json).unwrap();
        let mut s = w.begin_string();
        append(raw.as_str().as_bytes(), layout, &mut s);
        s.end();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn layouts_are_those_of_python() {
        let json = r#"{"a":1.50,"b":[true,null,"x, y: \"z\" [\\"],"c":{},"d":[],"e":{"f":[[]]}}"#;
        assert_eq!(
            dumped(json, Layout::Spaced),
            r#"{"a": 1.50, "b": [true, null, "x, y: \"z\" [\\"], "c": {}, "d": [], "e": {"f": [[]]}}"#
        );
        let indented = "{\n    \"a\": 1.50,\n    \"b\": [\n        true,\n        null,\n        \"x, y: \\\"z\\\" [\\\\\"\n    ],\n    \"c\": {},\n    \"d\": [],\n    \"e\": {\n        \"f\": [\n            []\n        ]\n    }\n}";
        assert_eq!(dumped(json, Layout::Indented), indented);
        assert_eq!(dumped("7", Layout::Indented), "7");
    }
}
