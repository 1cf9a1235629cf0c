//! Model calls: what was said to the model, and what it answered.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Message, RawJson, Role, Text, Tool};

use super::is_agent;
use crate::genai;
use crate::spans::calls::{Answer, Call, agent_of};
use crate::spans::{Span, Tree};

const SYSTEM: &str = "gen_ai.system_instructions";
const INPUT: &str = "gen_ai.input.messages";
const OUTPUT: &str = "gen_ai.output.messages";
const TOOLS: &str = "gen_ai.tool.definitions";

/// The attributes that hold what was said.
pub(super) const CONTENT: [&str; 4] = [SYSTEM, INPUT, OUTPUT, TOOLS];

/// The event of a span, or of a log, that holds what was said.
const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// The model calls of a trace, in the order of their spans; agents that repeat the messages of their calls are none.
pub(super) fn find(tree: &Tree<'_>) -> Result<Vec<Call>, DecodeError> {
    let mut chats = Vec::new();
    for (at, span) in tree.spans().iter().enumerate() {
        let called =
            !is_agent(span) && span.text("gen_ai.operation.name").as_deref() != Some("invoke_workflow");
        if let Some(held) = content(tree, span).filter(|_| called) {
            let agent = agent_of(tree, at, is_agent);
            chats.push(read(span, held.view(), Some(at), 0, agent)?);
        }
    }
    for (log, event) in tree.logs().iter().enumerate() {
        let own = event.event.as_deref() == Some(DETAILS) && tree.position(&event.id).is_none();
        if let Some(held) = event.attributes().filter(|held| own && has_content(*held)) {
            chats.push(read(event, held, None, log, None)?);
        }
    }
    if !chats.is_empty() {
        return Ok(chats);
    }
    // Some agents record the conversation on their own span alone.
    for (at, span) in tree.spans().iter().enumerate() {
        if let Some(held) = content(tree, span) {
            let agent = agent_of(tree, at, is_agent);
            chats.push(read(span, held.view(), Some(at), 0, agent)?);
        }
    }
    Ok(chats)
}

/// The attributes that hold the messages of a span: its own, those of its event, or those of a log.
fn content(tree: &Tree<'_>, span: &Span<'_>) -> Option<RawJson<'static>> {
    let own = span.attributes().map(JsonView::into_owned);
    let events = span.events().into_iter().filter(|(name, _)| name == DETAILS);
    let logs = tree.logs().iter();
    let logs = logs.filter(|log| log.event.as_deref() == Some(DETAILS) && log.id == span.id);
    own.into_iter()
        .chain(events.map(|(_, attributes)| attributes))
        .chain(logs.filter_map(|log| log.attributes().map(JsonView::into_owned)))
        .find(|held| has_content(held.view()))
}

fn has_content(attributes: JsonView<'_>) -> bool {
    [INPUT, OUTPUT].iter().any(|key| attributes.get(key).is_some())
}

fn read(
    span: &Span<'_>,
    held: JsonView<'_>,
    at: Option<usize>,
    log: usize,
    agent: Option<usize>,
) -> Result<Call, DecodeError> {
    let mut chat = Call {
        at,
        log,
        agent,
        input: Vec::new(),
        output: Vec::new(),
        tools: None,
        model: None,
        response: span.text("gen_ai.response.id"),
    };
    let model = ["gen_ai.response.model", "gen_ai.request.model"]
        .into_iter()
        .find_map(|key| span.text(key));
    chat.model = model.map(Text::from);
    let value = |key: &'static str| attribute(held, key).map_err(|error| error.in_key(key));
    if let Some(system) = value(SYSTEM)? {
        chat.input.push(
            genai::said_by(Role::System, system.view())
                .map_err(|error| error.in_key(SYSTEM))?
                .into_owned(),
        );
    }
    if let Some(input) = value(INPUT)? {
        chat.input.extend(crate::walk::owned(
            genai::messages(input.view()).map_err(|error| error.in_key(INPUT))?,
        ));
    }
    if let Some(output) = value(OUTPUT)? {
        let messages = genai::messages(output.view()).map_err(|error| error.in_key(OUTPUT))?;
        let messages = crate::walk::owned(messages);
        chat.output = messages.into_iter().map(answer).collect();
    }
    if let Some(tools) = value(TOOLS)? {
        let tools = genai::lower_types(tools.view());
        let tools = Tool::read_list(&mut tools.cursor()).map_err(|error| error.in_key(TOOLS))?;
        chat.tools = Some(tools.into_iter().map(Tool::into_owned).collect());
    }
    Ok(chat)
}

/// The reason why a candidate ended is a property of the run.
fn answer(mut message: Message<'static>) -> Answer {
    let reason = message.extra().get("finish_reason").and_then(RawJson::as_text);
    let outcome = reason.and_then(|reason| genai::outcome(&reason.decode()));
    if outcome.is_some() {
        message.extra_mut().remove("finish_reason");
    }
    Answer { message, outcome }
}

/// The value of an attribute, which spans hold as JSON text and logs nested.
fn attribute(attributes: JsonView<'_>, key: &str) -> Result<Option<RawJson<'static>>, DecodeError> {
    let Some(value) = attributes.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    if value.kind() != Kind::String {
        return Ok(Some(value.into_owned()));
    }
    let text = value.as_text().unwrap_or_default();
    let parsed = EmbeddedJson::new().read(&text).map(RawJson::into_owned);
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        // Instructions may be plain text.
        Err(_) if key == SYSTEM => Ok(Some(value.into_owned())),
        Err(error) => {
            let message = format!(
                "the text is no JSON: {}; was it cut short by the exporter?",
                error.message()
            );
            Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message))
        }
    }
}
