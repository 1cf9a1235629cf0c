//! One span, or one event that a log holds of it.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, JsonWriter, RawJson};

use super::{error, id};
use crate::pieces::Pieces;

/// A span as SDKs print it (`context.trace_id`, `parent_id`, flat `attributes`), or as Phoenix gives it out.
pub(super) fn divide(span: JsonView<'_>, pieces: &mut Pieces<'_>) -> Result<(), DecodeError> {
    let missing = |key| {
        error(
            DecodeErrorKind::MissingField,
            format!("a span needs a `context.{key}`"),
        )
    };
    let ids = |snake: &str, camel: &str, bytes| {
        let value = span.pointer(snake).or_else(|| span.pointer(camel));
        value.and_then(|value| id(value, bytes))
    };
    let trace = ids("/context/trace_id", "/context/traceId", 16).ok_or_else(|| missing("trace_id"))?;
    let own = ids("/context/span_id", "/context/spanId", 8).ok_or_else(|| missing("span_id"))?;
    let parent = ids("/parent_id", "/parentId", 8);
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
    if let Some(start) = span.get("start_time") {
        w.key("start").raw(start);
    }
    let status = span
        .pointer("/status/status_code")
        .or_else(|| span.get("status_code"));
    if status.is_some_and(|status| status.as_str() == "\"ERROR\"") {
        w.key("failed").boolean(true);
    }
    let object = |value: Option<JsonView<'_>>, key: &str| match value {
        None => Ok(RawJson::parse("{}")?.into_owned()),
        Some(value) if value.is_null() => Ok(RawJson::parse("{}")?.into_owned()),
        Some(value) if value.kind() == Kind::Object => Ok(value.into_owned()),
        Some(_) => Err(error(DecodeErrorKind::WrongType, "expected an object").in_key(key)),
    };
    w.key("attributes")
        .raw(&object(span.get("attributes"), "attributes")?);
    w.key("events").begin_array();
    for event in span.get("events").into_iter().flat_map(JsonView::elements) {
        w.raw(event);
    }
    w.end_array();
    if let Some(resource) = span.pointer("/resource/attributes") {
        w.key("resource").raw(resource);
    }
    w.end_object();
    pieces.push(trace.as_bytes(), String::from_utf8(out).unwrap_or_default());
    Ok(())
}

/// A piece, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Span<'a> {
    raw: RawJson<'a>,
    body: Body,
    pub(crate) trace: String,
    /// Empty for an event that says of no span.
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    /// The name of the event, if it is one of a log.
    pub(crate) event: Option<String>,
    pub(crate) failed: bool,
    /// When it began, in the unit of its file.
    start: Option<u128>,
    moment: String,
}

/// Where the attributes of a span are.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// In a piece of the common shape.
    Piece,
    /// The whole is one object of them.
    Whole,
}

/// What a record that is no piece of the common shape says of its span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) failed: bool,
    /// When it began, as text that sorts.
    pub(crate) moment: String,
}

impl<'a> Span<'a> {
    /// A span whose attributes are the members of an object.
    pub(crate) fn of(raw: RawJson<'a>, facts: Facts) -> Self {
        Span {
            raw,
            body: Body::Whole,
            trace: facts.trace,
            id: facts.id,
            parent: facts.parent,
            event: None,
            failed: facts.failed,
            start: facts.moment.parse().ok(),
            moment: facts.moment,
        }
    }

    pub(crate) fn read(piece: &'a str) -> Result<Self, DecodeError> {
        let mut cursor = tracemill_model::json::Cursor::with_limits(
            piece,
            tracemill_model::Limits::default().with_depth(tracemill_model::Limits::MAX_DEPTH),
        );
        let raw = cursor.raw()?;
        let text = |key: &str| raw.get(key)?.as_text().map(|text| text.decode().into_owned());
        let moment = raw
            .get("start")
            .map_or(String::new(), |start| match start.as_text() {
                Some(text) => text.decode().into_owned(),
                None => start.as_str().to_owned(),
            });
        Ok(Span {
            trace: text("trace").unwrap_or_default(),
            id: text("span").unwrap_or_default(),
            parent: text("parent"),
            event: text("event"),
            failed: raw.get("failed").is_some(),
            start: moment.parse().ok(),
            moment,
            body: Body::Piece,
            raw,
        })
    }

    /// What orders spans: when they began, as a number or as text that sorts.
    pub(crate) fn order(&self) -> (Option<u128>, &str) {
        (self.start, &self.moment)
    }

    /// The attributes, as an object.
    pub(crate) fn attributes(&self) -> Option<JsonView<'_>> {
        match self.body {
            Body::Piece => self.raw.get("attributes"),
            Body::Whole => Some(self.raw.view()),
        }
    }

    /// An attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<RawJson<'static>> {
        let attributes = self.attributes()?;
        attributes
            .get(key)
            .map(JsonView::into_owned)
            .filter(|value| !value.is_null())
    }

    /// An attribute that is text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let value = self.attribute(key)?;
        let text = value.as_text()?;
        Some(text.decode().into_owned())
    }

    /// The events that happened in it: their names and attributes.
    pub(crate) fn events(&self) -> Vec<(String, RawJson<'static>)> {
        let events = self.raw.get("events");
        let read = |event: JsonView<'_>| {
            let name = event.get("name")?.as_text()?.decode().into_owned();
            Some((name, event.get("attributes")?.into_owned()))
        };
        events
            .into_iter()
            .flat_map(JsonView::elements)
            .filter_map(read)
            .collect()
    }

    /// What the process said of itself.
    pub(crate) fn resource(&self) -> Option<JsonView<'_>> {
        match self.body {
            Body::Piece => self.raw.get("resource"),
            Body::Whole => None,
        }
    }
}
