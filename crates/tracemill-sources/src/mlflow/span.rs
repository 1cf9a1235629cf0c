//! Spans: attributes that are JSON in strings, and what was said in them.

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{DecodeError, JsonView, JsonWriter, RawJson, Text};

use crate::shapes;
use crate::spans::calls::{Call, agent_of};
use crate::spans::{Facts, Span, Tree, id};
use crate::walk;

const KIND: &str = "mlflow.spanType";
const INPUTS: &str = "mlflow.spanInputs";
const OUTPUTS: &str = "mlflow.spanOutputs";
const TOOLS: &str = "mlflow.chat.tools";
const MODEL: &str = "mlflow.llm.model";

/// A span as version 3 writes it, with ids in base64, or as earlier ones did (`context`, `parent_id`).
pub(super) fn read(raw: JsonView<'_>, trace: &str) -> Result<Span<'static>, DecodeError> {
    walk::expect(raw, tracemill_model::json::Kind::Object)?;
    let eight = |pointer: &str| raw.pointer(pointer).and_then(|value| id(value, 8));
    let own = eight("/span_id").or_else(|| eight("/context/span_id"));
    let start = raw.get("start_time_unix_nano").or_else(|| raw.get("start_time"));
    let status = ["/status/code", "/status_code"]
        .iter()
        .find_map(|pointer| walk::text(raw, pointer));
    let facts = Facts {
        trace: trace.to_owned(),
        id: own.ok_or_else(|| walk::missing("span_id"))?,
        parent: eight("/parent_span_id").or_else(|| eight("/parent_id")),
        failed: status.is_some_and(|code| ["STATUS_CODE_ERROR", "ERROR"].contains(&code.body())),
        moment: start
            .map(|start| start.as_str().trim_matches('"').to_owned())
            .unwrap_or_default(),
    };
    Ok(Span::of(raw.into_owned(), facts))
}

/// An attribute, decoded; one that is no JSON is text.
fn attribute(span: &Span<'_>, key: &str) -> Option<RawJson<'static>> {
    let attributes = span.attribute("attributes")?;
    Some(decoded(attributes.get(key)?)).filter(|value| !value.is_null())
}

fn decoded(value: JsonView<'_>) -> RawJson<'static> {
    let read = |text: Text<'_>| EmbeddedJson::new().read(&text).map(RawJson::into_owned).ok();
    let inner = value.as_text().and_then(read);
    inner.unwrap_or_else(|| value.into_owned())
}

fn kind(span: &Span<'_>) -> Option<String> {
    let kind = attribute(span, KIND)?;
    Some(kind.as_text()?.decode().into_owned())
}

pub(super) fn is_agent(span: &Span<'_>) -> bool {
    kind(span).as_deref() == Some("AGENT")
}

/// The model call that a span is; none if it is something else, or holds nothing.
pub(super) fn call(tree: &Tree<'_>, at: usize) -> Result<Option<Call>, DecodeError> {
    let span = &tree.spans()[at];
    if !matches!(kind(span).as_deref(), Some("CHAT_MODEL" | "LLM")) {
        return Ok(None);
    }
    let (input, output) = (attribute(span, INPUTS), attribute(span, OUTPUTS));
    let agent = agent_of(tree, at, is_agent);
    let Some(mut call) = shapes::call(
        at,
        agent,
        (INPUTS, input.as_ref().map(RawJson::view)),
        (OUTPUTS, output.as_ref().map(RawJson::view)),
    )?
    else {
        return Ok(None);
    };
    if call.tools.is_none()
        && let Some(tools) = attribute(span, TOOLS)
    {
        call.tools = shapes::tools(tools.view()).map_err(|error| error.in_key(TOOLS))?;
    }
    let named = || attribute(span, MODEL)?.into_text().ok();
    call.model = call.model.or_else(named);
    Ok(Some(call))
}

/// Writes a span without what was said in it; attributes as they were meant.
pub(super) fn keep(span: &Span<'_>, w: &mut JsonWriter<'_>) {
    const HELD: [&str; 4] = ["trace_id", "span_id", "context", "attributes"];
    w.begin_object();
    for (key, value) in span.attributes().into_iter().flat_map(JsonView::members) {
        let nothing = matches!(value.as_str(), "null" | "{}" | "[]");
        if !HELD.contains(&key.body()) && !nothing {
            w.text_key(&key).raw(value);
        }
    }
    w.key("attributes").begin_object();
    let attributes = span.attribute("attributes");
    for (key, value) in attributes.iter().flat_map(RawJson::members) {
        let left = match key.body() {
            INPUTS => shapes::rest(decoded(value).view(), shapes::OF_REQUESTS),
            OUTPUTS => shapes::rest(decoded(value).view(), shapes::OF_RESPONSES),
            TOOLS => None,
            _ => Some(decoded(value)),
        };
        if let Some(left) = left {
            w.text_key(&key).raw(&left);
        }
    }
    w.end_object().end_object();
}
