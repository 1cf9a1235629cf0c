//! What products record of a model call: whatever the framework handed over. The shape is found by its keys.
//!
//! Read are requests and responses of the APIs of OpenAI (chat and responses), Anthropic and Gemini; lists of their messages;
//! messages made of parts, as `OpenTelemetry` has them; those of `LangChain`; those of the AI SDK of Vercel; arguments of
//! functions (`{"args": […], "kwargs": {…}}`); and text. Any of them may be JSON in a string, once or twice.

mod aisdk;
mod answered;
mod asked;
mod list;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Message, Outcome, RawJson, Role, Text, Tool};

use crate::spans::calls::{Answer, Call};
use crate::{gemini_contents, genai};

use answered::{Answered, answered};
use asked::{Asked, asked};

/// The keys of a request that are read.
pub(crate) const OF_REQUESTS: &[&str] = &Asked::TAKEN;
/// The keys of a response that are read.
pub(crate) const OF_RESPONSES: &[&str] = &Answered::TAKEN;

/// The model call of a span, out of what was recorded of its input and its output; none if neither says anything.
///
/// # Errors
/// If one of them is in no shape that is known; the path begins with the key under which it was recorded.
pub(crate) fn call(
    at: usize,
    agent: Option<usize>,
    input: (&str, Option<JsonView<'_>>),
    output: (&str, Option<JsonView<'_>>),
) -> Result<Option<Call>, DecodeError> {
    let says = |value: &JsonView<'_>| !matches!(value.as_str(), "null" | "{}" | "[]" | "\"\"");
    let (prompt, answer) = (input.1.filter(says), output.1.filter(says));
    if prompt.is_none() && answer.is_none() {
        return Ok(None);
    }
    let asked = prompt.map(asked).transpose();
    let mut asked = asked.map_err(|error| error.in_key(input.0))?.unwrap_or_default();
    let answered = answer.map(answered).transpose();
    let mut answered = answered
        .map_err(|error| error.in_key(output.0))?
        .unwrap_or_default();
    if let Some(answer) = &answer {
        strip(*answer, &mut answered.answers);
    }
    // Some record the whole conversation as the output.
    let whole = !answered.before.is_empty() && answered.before.starts_with(&asked.messages);
    if whole {
        asked.messages.clear();
    }
    let begins = |role: Role<'_>| asked.messages.first().is_some_and(|first| *first.role() == role);
    let unsaid = !begins(Role::System) && !begins(Role::Developer);
    let system = answered.system.filter(|_| unsaid);
    let said = system.into_iter().chain(asked.messages).chain(answered.before);
    Ok(Some(Call {
        at: Some(at),
        log: 0,
        agent,
        input: said.collect(),
        output: answered.answers,
        tools: asked.tools.or(answered.tools),
        model: answered.model.or(asked.model),
        response: None,
    }))
}

/// Where the message is the response itself, what the response says of itself is kept with the rest of it.
fn strip(response: JsonView<'_>, answers: &mut [Answer]) {
    let response = unwrapped(response);
    if response.get("role").is_none() {
        return;
    }
    for (key, _) in response
        .members()
        .filter(|(key, _)| !OF_RESPONSES.contains(&key.body()))
    {
        for answer in &mut *answers {
            answer.message.extra_mut().remove(&key.decode());
        }
    }
}

/// What a provider says of the end of an answer, whichever it is.
pub(crate) fn outcome(reason: &str) -> Option<Outcome> {
    let known = genai::outcome(reason).or_else(|| gemini_contents::outcome(reason));
    known.or(match reason {
        "tool-calls" | "function_call" => Some(Outcome::Completed),
        "content-filter" => Some(Outcome::Errored),
        _ => None,
    })
}

/// The value behind JSON in a string, which may be so twice; other text stays text.
pub(crate) fn unwrapped(value: JsonView<'_>) -> RawJson<'static> {
    let mut value = value.into_owned();
    for _ in 0..2 {
        let Some(text) = value.as_text() else { break };
        let first = text.body().trim_start_matches([' ', '\\', 'n', 't', 'r']);
        if !first.starts_with(['{', '[', '"']) {
            break;
        }
        match EmbeddedJson::new().read(&text).map(RawJson::into_owned) {
            Ok(inner) if matches!(inner.kind(), Kind::Object | Kind::Array | Kind::String) => value = inner,
            _ => break,
        }
    }
    value
}

/// What is left of a recorded value without the keys that were read; nothing if nothing is left, or it was no object.
pub(crate) fn rest(value: JsonView<'_>, taken: &[&str]) -> Option<RawJson<'static>> {
    let value = unwrapped(value);
    let left = value
        .members()
        .filter(|(key, value)| !taken.contains(&key.body()) && !value.is_null());
    let mut out = String::new();
    for (key, value) in left {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(RawJson::from(key).as_str());
        out.push(':');
        out.push_str(value.as_str());
    }
    if out.is_empty() {
        return None;
    }
    out.push('}');
    RawJson::parse(&out).map(RawJson::into_owned).ok()
}

/// Whether a member is there and says something.
fn present<'v>(value: JsonView<'v>, key: &str) -> Option<JsonView<'v>> {
    value.get(key).filter(|value| !value.is_null())
}

/// A message of nothing but content.
fn message(role: Role<'static>, content: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    crate::walk::spoken(role, Some(content)).map(Message::into_owned)
}

/// Definitions of tools: those of OpenAI in either form, of Anthropic, or of the AI SDK; what the provider runs itself is no
/// definition.
pub(crate) fn tools(list: JsonView<'_>) -> Result<Option<Vec<Tool<'static>>>, DecodeError> {
    if list.kind() != Kind::Array {
        return Ok(None);
    }
    let mut tools = Vec::new();
    for (index, tool) in list.elements().enumerate() {
        // Some keep each definition in a text of its own.
        let tool = unwrapped(tool);
        let schema = ["input_schema", "inputSchema"]
            .into_iter()
            .find(|key| tool.get(key).is_some());
        let read = match schema {
            Some(schema) => Ok(crate::anthropic::definition(tool, schema)),
            None => Tool::read(&mut tool.cursor()).map(Tool::into_owned),
        };
        tools.push(read.map_err(|error| error.in_index(index))?);
    }
    Ok((!tools.is_empty()).then_some(tools))
}

/// The error for what is in no shape that is known.
fn unknown(value: JsonView<'_>) -> DecodeError {
    const SHOWN: usize = 8;
    let what = match value.kind() {
        Kind::Object => {
            let keys: Vec<_> = value
                .members()
                .map(|(key, _)| format!("`{}`", key.decode()))
                .collect();
            let more = if keys.len() > SHOWN { ", …" } else { "" };
            format!(
                "an object with the keys {}{more}",
                keys[..keys.len().min(SHOWN)].join(", ")
            )
        }
        Kind::Array => match value.elements().next() {
            Some(first) => format!("a list that begins with {}", first.kind().noun()),
            None => "an empty list".to_owned(),
        },
        kind => kind.noun().to_owned(),
    };
    let message = format!("{what} is in no shape that is known: messages were expected");
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
}

/// Text that somebody made of a conversation or of a value of another language, and that nobody can take apart again.
fn refuse_rendered(text: &Text<'_>) -> Result<(), DecodeError> {
    let decoded = text.decode();
    let said = decoded.trim_start();
    let python = ["{'", "[{'", "['"].iter().any(|start| said.starts_with(start));
    let turns = said.starts_with("system: ") && said.contains("\nuser: ");
    if !python && !turns {
        return Ok(());
    }
    let what = if python {
        "a value of Python printed as text"
    } else {
        "a conversation printed as text (`system: …`, `user: …`)"
    };
    let message = format!("{what} cannot be read: record the messages themselves");
    Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message))
}
