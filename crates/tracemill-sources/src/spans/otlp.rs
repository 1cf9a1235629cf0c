//! OTLP/JSON: requests, and their elements.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, JsonWriter, RawJson};

use super::{OTHER_LOGS, error, id};
use crate::pieces::Pieces;

/// The lists that hold spans or logs, outermost first; the generic mapping of protobuf also writes snake case.
const REQUESTS: [(&str, &str, &str); 4] = [
    ("resourceSpans", "scopeSpans", "spans"),
    ("resource_spans", "scope_spans", "spans"),
    ("resourceLogs", "scopeLogs", "logRecords"),
    ("resource_logs", "scope_logs", "log_records"),
];

/// The events of logs that matter here.
const EVENTS: [&str; 2] = [
    "gen_ai.client.inference.operation.details",
    "gen_ai.evaluation.result",
];

pub(super) fn is_request(raw: JsonView<'_>) -> bool {
    REQUESTS
        .iter()
        .any(|(outer, inner, _)| raw.get(outer).is_some() || raw.get(inner).is_some())
}

/// Divides a request, or one of its elements.
pub(super) fn divide(raw: JsonView<'_>, pieces: &mut Pieces<'_>) -> Result<(), DecodeError> {
    for (outer, inner, last) in REQUESTS {
        if let Some(list) = raw.get(outer) {
            each(list, outer, |resource| {
                divide_resource(resource, inner, last, pieces)
            })?;
        }
        if raw.get(inner).is_some() {
            divide_resource(raw, inner, last, pieces)?;
        }
    }
    Ok(())
}

fn divide_resource(
    resource: JsonView<'_>,
    inner: &str,
    last: &str,
    pieces: &mut Pieces<'_>,
) -> Result<(), DecodeError> {
    let attributes = resource.pointer("/resource/attributes");
    let Some(scopes) = resource.get(inner) else {
        return Ok(());
    };
    each(scopes, inner, |scope| {
        let Some(items) = scope.get(last) else {
            return Ok(());
        };
        each(items, last, |item| {
            if last == "spans" {
                divide_span(item, attributes, pieces)
            } else {
                divide_log(item, attributes, pieces);
                Ok(())
            }
        })
    })
}

fn each(
    list: JsonView<'_>,
    key: &str,
    mut item: impl FnMut(JsonView<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    if !matches!(list.kind(), Kind::Array | Kind::Null) {
        return Err(error(DecodeErrorKind::WrongType, "expected an array").in_key(key));
    }
    for (index, element) in list.elements().enumerate() {
        item(element).map_err(|error| error.in_index(index).in_key(key))?;
    }
    Ok(())
}

/// A member in either spelling.
fn member<'r>(raw: JsonView<'r>, camel: &str, snake: &str) -> Option<JsonView<'r>> {
    raw.get(camel)
        .or_else(|| raw.get(snake))
        .filter(|value| !value.is_null())
}

fn divide_span(
    span: JsonView<'_>,
    resource: Option<JsonView<'_>>,
    pieces: &mut Pieces<'_>,
) -> Result<(), DecodeError> {
    let missing = |key| error(DecodeErrorKind::MissingField, format!("a span needs a `{key}`"));
    let trace = member(span, "traceId", "trace_id").and_then(|value| id(value, 16));
    let trace = trace.ok_or_else(|| missing("traceId"))?;
    let own = member(span, "spanId", "span_id").and_then(|value| id(value, 8));
    let own = own.ok_or_else(|| missing("spanId"))?;
    let parent = member(span, "parentSpanId", "parent_span_id").and_then(|value| id(value, 8));
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_object();
    w.key("trace").str(&trace);
    w.key("span").str(&own);
    if let Some(parent) = parent {
        w.key("parent").str(&parent);
    }
    if let Some(name) = span.get("name") {
        w.key("name").raw(name);
    }
    if let Some(start) = member(span, "startTimeUnixNano", "start_time_unix_nano") {
        w.key("start").raw(start);
    }
    // The status is 2 or its name; 1 is a span that somebody called fine.
    let code = span.pointer("/status/code");
    if code.is_some_and(|code| matches!(code.as_str(), "2" | "\"2\"" | "\"STATUS_CODE_ERROR\"")) {
        w.key("failed").boolean(true);
    }
    w.key("attributes");
    attributes(span.get("attributes"), &mut w);
    w.key("events").begin_array();
    for event in span.get("events").into_iter().flat_map(JsonView::elements) {
        w.begin_object();
        if let Some(name) = event.get("name") {
            w.key("name").raw(name);
        }
        w.key("attributes");
        attributes(event.get("attributes"), &mut w);
        w.end_object();
    }
    w.end_array();
    if resource.is_some() {
        w.key("resource");
        attributes(resource, &mut w);
    }
    w.end_object();
    pieces.push(trace.as_bytes(), String::from_utf8(out).unwrap_or_default());
    Ok(())
}

fn divide_log(log: JsonView<'_>, resource: Option<JsonView<'_>>, pieces: &mut Pieces<'_>) {
    let event = member(log, "eventName", "event_name").or_else(|| event_attribute(log));
    let known = event.and_then(JsonView::as_text);
    let trace = member(log, "traceId", "trace_id").and_then(|value| id(value, 16));
    let (Some(event), Some(trace)) = (known.filter(|name| EVENTS.contains(&name.body())), trace) else {
        pieces.note(OTHER_LOGS, 1);
        return;
    };
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_object();
    w.key("trace").str(&trace);
    if let Some(span) = member(log, "spanId", "span_id").and_then(|value| id(value, 8)) {
        w.key("span").str(&span);
    }
    w.key("event").text(&event);
    let times = [
        ("timeUnixNano", "time_unix_nano"),
        ("observedTimeUnixNano", "observed_time_unix_nano"),
    ];
    if let Some(time) = times.iter().find_map(|(camel, snake)| member(log, camel, snake)) {
        w.key("start").raw(time);
    }
    w.key("attributes");
    attributes(log.get("attributes"), &mut w);
    if resource.is_some() {
        w.key("resource");
        attributes(resource, &mut w);
    }
    w.end_object();
    pieces.push(trace.as_bytes(), String::from_utf8(out).unwrap_or_default());
}

/// The name of an event where it is an attribute, as in versions before 1.7 of the protocol.
fn event_attribute(log: JsonView<'_>) -> Option<JsonView<'_>> {
    let list = log.get("attributes")?;
    list.elements().find_map(|pair| {
        let key = pair.get("key")?;
        (key.as_text()?.body() == "event.name").then(|| pair.pointer("/value/stringValue"))?
    })
}

/// Writes a list of `{"key", "value"}` as an object; of two with the same key the first counts.
fn attributes(list: Option<JsonView<'_>>, w: &mut JsonWriter<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    w.begin_object();
    for pair in list.into_iter().flat_map(JsonView::elements) {
        let Some(key) = pair.get("key").and_then(tracemill_model::JsonView::as_text) else {
            continue;
        };
        if seen.insert(key.body().to_owned()) {
            w.text_key(&key);
            any_value(pair.get("value"), w);
        }
    }
    w.end_object();
}

/// Writes an `AnyValue` as plain JSON.
fn any_value(value: Option<JsonView<'_>>, w: &mut JsonWriter<'_>) {
    let first = value.and_then(|value| value.members().next());
    let Some((kind, inner)) = first else {
        w.null();
        return;
    };
    match kind.body() {
        "intValue" | "int_value" => drop(w.raw(&number(&inner.raw()))),
        "arrayValue" | "array_value" => {
            w.begin_array();
            for element in inner.get("values").into_iter().flat_map(JsonView::elements) {
                any_value(Some(element), w);
            }
            w.end_array();
        }
        "kvlistValue" | "kvlist_value" => attributes(inner.get("values"), w),
        _ => drop(w.raw(inner)),
    }
}

/// A number that is written as text because it may have 64 bits.
fn number<'r>(value: &'r RawJson<'_>) -> RawJson<'r> {
    let integer = value.as_text().and_then(|text| text.decode().parse::<i64>().ok());
    let number =
        integer.and_then(|integer| RawJson::parse(&integer.to_string()).map(RawJson::into_owned).ok());
    number.unwrap_or_else(|| value.borrowed())
}
