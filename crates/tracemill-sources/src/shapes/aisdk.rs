//! Messages of the AI SDK of Vercel: calls and results are parts with dashes in their types.
//!
//! Evidence: the types of `@ai-sdk/provider-utils` 4.0.66 (`ToolCallPart`, `ToolResultPart`, `ReasoningPart`), and a recorded
//! trace; `args` and `result` are what earlier versions called `input` and `output`.

use tracemill_model::{
    Arguments, Content, DecodeError, JsonView, Message, Part, Reasoning, Role, Text, ToolCall,
};

use super::{genai, unwrapped};
use crate::walk;

/// Whether a list is one of calls, as the SDK records an answer that makes them.
pub(super) fn is_calls(list: JsonView<'_>) -> bool {
    let mut elements = list.elements().peekable();
    elements.peek().is_some() && elements.all(|element| element.get("toolCallId").is_some())
}

/// The message that makes these calls.
pub(super) fn calls(list: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    let mut message = Message::new(Role::Assistant);
    for (index, element) in list.elements().enumerate() {
        message.push_tool_call(call(element).map_err(|error| error.in_index(index))?);
    }
    Ok(message)
}

/// Reads a message; each result becomes a message of its own.
pub(super) fn message(
    element: JsonView<'_>,
    messages: &mut Vec<Message<'static>>,
) -> Result<(), DecodeError> {
    let role = walk::text(element, "/role").ok_or_else(|| walk::missing("role"))?;
    let mut message = Message::new(Role::named(role));
    let content = element.get("content");
    let Some(list) = content.filter(|content| content.elements().next().is_some()) else {
        messages.push(walk::message(element)?.into_owned());
        return Ok(());
    };
    let (mut parts, mut thoughts, mut results) = (Vec::new(), Vec::new(), 0);
    for (index, part) in list.elements().enumerate() {
        let kind = walk::text(part, "/type");
        let in_part = |error: DecodeError| error.in_index(index).in_key("content");
        match kind.as_ref().map(Text::body) {
            Some("tool-call") => drop(message.push_tool_call(call(part).map_err(in_part)?)),
            Some("tool-result") => {
                messages.push(result(part).map_err(in_part)?);
                results += 1;
            }
            Some("reasoning") => {
                thoughts.extend(walk::text(part, "/text").map(|text| text.decode().into_owned()));
            }
            _ => parts.push(Part::read(&mut part.cursor()).map_err(in_part)?.into_owned()),
        }
    }
    let silent = parts.is_empty() && thoughts.is_empty() && message.tool_calls().is_empty();
    if results > 0 && silent {
        return Ok(());
    }
    if !parts.is_empty() {
        message.set_content(Content::Parts(parts));
    }
    if !thoughts.is_empty() {
        message.set_reasoning(Reasoning::Text(Text::new(thoughts.join("\n"))));
    }
    walk::keep_in_message(&mut message, element, &["role", "content"]);
    messages.push(message.into_owned());
    Ok(())
}

/// What a call has itself.
const TAKEN: [&str; 5] = ["type", "toolCallId", "toolName", "input", "args"];

fn call(part: JsonView<'_>) -> Result<ToolCall<'static>, DecodeError> {
    let name = walk::text(part, "/toolName").ok_or_else(|| walk::missing("toolName"))?;
    let arguments = part.get("input").or_else(|| part.get("args"));
    let arguments = match arguments.map(JsonView::into_text) {
        None => Arguments::Missing,
        Some(Ok(text)) => Arguments::Text(text.into_owned()),
        Some(Err(value)) if value.is_null() => Arguments::Missing,
        Some(Err(value)) => Arguments::Value(value.into_owned()),
    };
    let mut call = ToolCall::new(name, arguments).with_id(walk::text(part, "/toolCallId"));
    for (key, value) in part.members().filter(|(key, _)| !TAKEN.contains(&key.body())) {
        let key = Text::new(format!("ai.{}", key.decode()));
        call.extra_mut().insert(key, value.into_owned());
    }
    Ok(call.into_owned())
}

/// What a tool gave: text, or a value that says what it is.
fn result(part: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    let mut message = Message::new(Role::Tool);
    message
        .set_tool_call_id(walk::text(part, "/toolCallId"))
        .set_name(walk::text(part, "/toolName"));
    let given = part.get("output").or_else(|| part.get("result"));
    let Some(given) = given.map(|given| unwrapped(given)) else {
        return Ok(message.into_owned());
    };
    let kind = walk::text(given.view(), "/type");
    let kind = kind.as_ref().map_or("", Text::body);
    let value = given
        .get("value")
        .filter(|_| ["text", "json", "error-text", "error-json", "content"].contains(&kind));
    if kind.starts_with("error-") {
        message.set_is_error(true);
    }
    message.set_content(genai::content(value.unwrap_or(given.view()))?);
    Ok(message.into_owned())
}
