//! Spans of traces, in whatever envelope they come, as pieces of one shape.
//!
//! Read are OTLP/JSON requests (`resourceSpans`, `resourceLogs`) and their elements, in the mapping of the protocol (hex
//! ids, integer enums) and in the generic one of protobuf (base64 ids, enums by name); spans as the SDKs print them
//! (`context`, flat `attributes`); and those of Phoenix. A piece is
//! `{"trace":…,"span":…,"parent":…,"name":…,"start":…,"failed":…,"attributes":{…},"events":[…],"resource":{…}}`, or, of a
//! log record, one with an `event` and no `name`.

pub(crate) mod calls;
mod otlp;
mod span;
mod tree;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Elements, Framing, JsonView};

use crate::head::Head;
use crate::pieces::Pieces;
use crate::source::Context;

pub(crate) use span::{Facts, Span};
pub(crate) use tree::Tree;

/// How files of spans divide into records.
pub(crate) fn framings() -> Vec<Framing> {
    vec![
        Framing::Lines,
        Framing::Elements(Elements::at("")),
        Framing::Elements(Elements::at("/resourceSpans")),
        Framing::Elements(Elements::at("/resourceLogs")),
        Framing::Document,
    ]
}

/// The key that makes the beginning of a file one of spans.
pub(crate) fn envelope(head: &Head) -> Option<&'static str> {
    let keys = ["/resourceSpans", "/resourceLogs", "/scopeSpans", "/scopeLogs"];
    let otlp = keys.into_iter().find(|key| head.kind(key) == Some(Kind::Array));
    let own = || {
        let attributes = head.kind("/attributes") == Some(Kind::Object);
        let id = ["/context/span_id", "/context/spanId"]
            .into_iter()
            .find(|key| head.has(key));
        id.filter(|_| attributes)
    };
    otlp.or_else(own)
}

/// The codes of records and parts that are passed over.
pub(crate) const NO_SPANS: &str = "no-spans";
pub(crate) const OTHER_LOGS: &str = "other-logs";

/// Divides a record into its spans.
pub(crate) fn divide<'a>(
    context: &Context,
    record: &'a str,
    pieces: &mut Pieces<'a>,
) -> Result<(), DecodeError> {
    let mut cursor = Cursor::with_limits(record, context.limits());
    let raw = cursor.raw()?;
    cursor.finish()?;
    if raw.kind() != Kind::Object {
        return Err(error(DecodeErrorKind::WrongType, "expected spans in an object"));
    }
    if raw.get("context").is_some() {
        span::divide(raw.view(), pieces)?;
    } else if otlp::is_request(raw.view()) {
        otlp::divide(raw.view(), pieces)?;
    } else {
        let message = "expected `resourceSpans`, `resourceLogs`, or a span with its `context`";
        return Err(error(DecodeErrorKind::MissingField, message));
    }
    if pieces.list().is_empty() {
        pieces.skip(NO_SPANS);
    }
    Ok(())
}

/// An error in what a span holds, which a trace of many has to name.
pub(crate) fn named(noun: &str, id: &str, error: &DecodeError) -> DecodeError {
    let path = error.path();
    let colon = if path.is_empty() { "" } else { ": " };
    let message = format!("{noun} `{id}`: {path}{colon}{}", error.message());
    DecodeError::new(error.kind(), 0, message)
}

fn error(kind: DecodeErrorKind, message: impl Into<String>) -> DecodeError {
    DecodeError::new(kind, 0, message)
}

/// An id in lower-case hexadecimal digits. `bytes` of it may be recorded so, with `0x` before, or in base64.
pub(crate) fn id(value: JsonView<'_>, bytes: usize) -> Option<String> {
    let text = value.as_text()?;
    let text = text.decode();
    let hex = text.strip_prefix("0x").unwrap_or(&text);
    if hex.is_empty() {
        return None;
    }
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (hex.len() == 2 * bytes || text.starts_with("0x")) {
        return Some(hex.to_ascii_lowercase());
    }
    let decoded = base64(hex).filter(|decoded| decoded.len() == bytes);
    Some(match decoded {
        Some(decoded) => decoded.iter().fold(String::new(), |mut hex, byte| {
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            hex.extend([digit(byte >> 4), digit(byte & 15)]);
            hex
        }),
        // Not as the conventions have it, and still an id.
        None => hex.to_owned(),
    })
}

/// The bytes behind base64 in either alphabet; `None` if it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes().map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    });
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(digit?);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    #[test]
    fn ids_are_one_whatever_their_spelling() {
        let id = |text: &str, bytes| id(RawJson::parse(text).unwrap().view(), bytes);
        for text in [
            r#""fbcc3598c8205f6198350176a07b16be""#,
            r#""FBCC3598C8205F6198350176A07B16BE""#,
            r#""0xfbcc3598c8205f6198350176a07b16be""#,
            r#""+8w1mMggX2GYNQF2oHsWvg==""#,
            r#""-8w1mMggX2GYNQF2oHsWvg""#,
        ] {
            assert_eq!(
                id(text, 16).as_deref(),
                Some("fbcc3598c8205f6198350176a07b16be"),
                "{text}"
            );
        }
        assert_eq!(id(r#""5kTDY7jYWsc=""#, 8).as_deref(), Some("e644c363b8d85ac7"));
        assert_eq!(id(r#""0x1""#, 16).as_deref(), Some("1"));
        assert_eq!(id(r#""run 7""#, 16).as_deref(), Some("run 7"));
        assert_eq!(id("\"\"", 16), None);
        assert_eq!(id("7", 16), None);
    }
}
