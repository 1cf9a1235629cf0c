//! Observations: what was said in them.

use tracemill_model::{DecodeError, JsonView, JsonWriter, RawJson, Role, Text};

use crate::shapes;
use crate::spans::calls::{Call, agent_of};
use crate::spans::{Facts, Span, Tree};
use crate::walk;

/// Whether a record is an observation.
pub(super) fn is_one(record: JsonView<'_>) -> bool {
    record.get("type").is_some() && record.get("startTime").is_some()
}

/// An observation as a span.
pub(super) fn span(record: JsonView<'_>) -> Result<Span<'static>, DecodeError> {
    let owned = |pointer: &str| walk::text(record, pointer).map(|text| text.decode().into_owned());
    let facts = Facts {
        trace: owned("/traceId").ok_or_else(|| walk::missing("traceId"))?,
        id: owned("/id").ok_or_else(|| walk::missing("id"))?,
        parent: owned("/parentObservationId"),
        failed: walk::says(record, "/level", "ERROR"),
        moment: owned("/startTime").unwrap_or_default(),
    };
    Ok(Span::of(record.into_owned(), facts))
}

pub(super) fn is_agent(span: &Span<'_>) -> bool {
    span.text("type").as_deref() == Some("AGENT")
}

/// The model call that an observation is; none if it is something else, or holds nothing.
pub(super) fn call(tree: &Tree<'_>, at: usize) -> Result<Option<Call>, DecodeError> {
    let span = &tree.spans()[at];
    if span.text("type").as_deref() != Some("GENERATION") {
        return Ok(None);
    }
    read(tree, at)
}

fn read(tree: &Tree<'_>, at: usize) -> Result<Option<Call>, DecodeError> {
    let span = &tree.spans()[at];
    let (input, output) = (span.attribute("input"), span.attribute("output"));
    let agent = agent_of(tree, at, is_agent);
    let Some(mut call) = shapes::call(
        at,
        agent,
        ("input", input.as_ref().map(RawJson::view)),
        ("output", output.as_ref().map(RawJson::view)),
    )?
    else {
        return Ok(None);
    };
    if call.tools.is_none() {
        // The exporter of the AI SDK puts them there, each in a text of its own.
        let metadata = span
            .attribute("metadata")
            .map(|metadata| shapes::unwrapped(metadata.view()));
        let tools = metadata.as_ref().and_then(|metadata| metadata.get("tools"));
        if let Some(tools) = tools {
            call.tools = shapes::tools(tools).map_err(|error| error.in_key("tools").in_key("metadata"))?;
        }
    }
    call.model = call.model.or_else(|| span.text("model").map(Text::from));
    Ok(Some(call))
}

/// Takes the conversation that an agent recorded in place of its calls, where these hold only what was new: then results are
/// there without the calls that they answer. The number of the calls that this concerns.
pub(super) fn prefer_agents(tree: &Tree<'_>, calls: &mut Vec<Call>) -> u64 {
    let mut dropped = 0;
    for at in (0..tree.spans().len()).filter(|&at| is_agent(&tree.spans()[at])) {
        let partial = calls
            .iter()
            .any(|call| call.agent == Some(at) && begins_with_result(call));
        if !partial {
            continue;
        }
        // What the agent recorded may be anything; only a conversation with an answer is better than nothing.
        let Ok(Some(whole)) = read(tree, at) else { continue };
        if whole.output.is_empty() {
            continue;
        }
        let before = calls.len();
        let place = calls
            .iter()
            .position(|call| call.agent == Some(at))
            .unwrap_or(before);
        calls.retain(|call| call.agent != Some(at));
        dropped += (before - calls.len()) as u64;
        calls.insert(place.min(calls.len()), whole);
    }
    dropped
}

fn begins_with_result(call: &Call) -> bool {
    let mut spoken = call
        .input
        .iter()
        .filter(|message| *message.role() != Role::System);
    spoken.next().is_some_and(|first| *first.role() == Role::Tool)
}

/// Writes an observation without what was said in it.
pub(super) fn keep(span: &Span<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    for (key, value) in span.attributes().into_iter().flat_map(JsonView::members) {
        let left = match key.body() {
            "input" => shapes::rest(value, shapes::OF_REQUESTS),
            "output" => shapes::rest(value, shapes::OF_RESPONSES),
            "id" | "traceId" => None,
            _ if matches!(value.as_str(), "null" | "{}" | "[]") => None,
            _ => Some(value.into_owned()),
        };
        if let Some(left) = left {
            w.text_key(&key).raw(&left);
        }
    }
    w.end_object();
}
