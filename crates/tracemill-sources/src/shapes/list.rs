//! Lists of messages, whichever API has them.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Limits, Message, Role, Text};

use super::{aisdk, message, refuse_rendered, unknown, unwrapped};
use crate::gemini_contents::Contents;
use crate::responses_items::Items;
use crate::{blocks, genai, langchain, walk};

/// Whose messages a list holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
    GenAi,
    LangChain,
    AiSdk,
}

/// What tells an item of the Responses API from a message.
fn is_item(element: JsonView<'_>) -> bool {
    let kind = walk::text(element, "/type");
    kind.is_some_and(|kind| {
        let kind = kind.body();
        kind == "reasoning" || kind.ends_with("_call") || kind.ends_with("_call_output")
    })
}

/// Whose message this is, if it can be only theirs.
fn mark(element: JsonView<'_>) -> Option<Shape> {
    if langchain::is_one(element) {
        return Some(Shape::LangChain);
    }
    if is_item(element) {
        return Some(Shape::Responses);
    }
    if let Some(parts) = element.get("parts") {
        let typed = parts.elements().any(|part| part.get("type").is_some());
        return Some(if typed { Shape::GenAi } else { Shape::Gemini });
    }
    let content = element.get("content")?;
    content.elements().find_map(|part| {
        let kind = walk::text(part, "/type")?;
        match kind.body() {
            "tool_use" | "tool_result" | "thinking" | "redacted_thinking" => Some(Shape::Anthropic),
            "input_text" | "output_text" => Some(Shape::Responses),
            "tool-call" | "tool-result" | "reasoning" => Some(Shape::AiSdk),
            _ => None,
        }
    })
}

/// Whose messages a list holds; `None` if these are no messages.
pub(super) fn shape(list: JsonView<'_>) -> Option<Shape> {
    let spoken = |element: JsonView<'_>| element.get("role").is_some() || mark(element).is_some();
    if list.kind() != Kind::Array || !list.elements().all(spoken) {
        return None;
    }
    Some(
        list.elements()
            .find_map(|element| mark(element))
            .unwrap_or(Shape::OpenAi),
    )
}

/// Reads a list of messages, or text that `speaker` says. A list of one list is that list.
pub(super) fn messages(
    value: JsonView<'_>,
    speaker: Role<'static>,
) -> Result<Vec<Message<'static>>, DecodeError> {
    let value = unwrapped(value);
    if let Some(text) = value.as_text() {
        refuse_rendered(&text)?;
        return Ok(vec![message(speaker, value.view())?]);
    }
    let mut elements = value.elements();
    if let (Some(only), None) = (elements.next(), elements.next())
        && matches!(only.kind(), Kind::Array | Kind::String)
        && value.kind() == Kind::Array
    {
        return messages(only, speaker);
    }
    let several = value
        .elements()
        .next()
        .is_some_and(|first| first.kind() == Kind::Array);
    if several {
        let message = "several prompts in one call: which of the answers belongs to which is not known";
        return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message));
    }
    let shape = shape(value.view()).ok_or_else(|| unknown(value.view()))?;
    read(value.view(), shape, speaker)
}

/// Reads a list of messages of this shape.
pub(super) fn read(
    list: JsonView<'_>,
    shape: Shape,
    speaker: Role<'static>,
) -> Result<Vec<Message<'static>>, DecodeError> {
    match shape {
        Shape::GenAi => genai::messages(list).map(walk::owned),
        Shape::Gemini => {
            let mut contents = Contents::default();
            contents.list(list)?;
            Ok(walk::owned(contents.messages))
        }
        Shape::Responses => {
            let mut items = Items::new(Limits::default().with_messages(usize::MAX));
            items.list(list, speaker)?;
            items.finish().map(walk::owned)
        }
        Shape::OpenAi | Shape::Anthropic | Shape::LangChain | Shape::AiSdk => {
            let mut messages = Vec::new();
            for (index, element) in list.elements().enumerate() {
                one(element, shape, &mut messages).map_err(|error| error.in_index(index))?;
            }
            name_results(&mut messages);
            Ok(messages)
        }
    }
}

fn one(element: JsonView<'_>, shape: Shape, messages: &mut Vec<Message<'static>>) -> Result<(), DecodeError> {
    // Frameworks mix their own messages with plain ones.
    if langchain::is_one(element) {
        messages.push(langchain::message(element)?);
        return Ok(());
    }
    match shape {
        Shape::Anthropic => {
            let mut read = Vec::new();
            blocks::read_message(&mut element.cursor(), &mut read)?;
            messages.extend(read.into_iter().map(Message::into_owned));
            Ok(())
        }
        Shape::AiSdk => aisdk::message(element, messages),
        _ => {
            messages.push(walk::message(element)?.into_owned());
            Ok(())
        }
    }
}

/// The tracer of `LangChain.js` writes the name of a tool where the role of its result should be, and leaves out the id.
fn name_results(messages: &mut [Message<'static>]) {
    let mut open: Vec<(Text<'static>, Option<Text<'static>>)> = Vec::new();
    for message in messages {
        for call in message.tool_calls() {
            open.push((call.name().clone(), call.id().cloned()));
        }
        let Role::Other(name) = message.role() else {
            continue;
        };
        let Some(at) = open.iter().position(|(open, _)| open == name) else {
            continue;
        };
        let (name, id) = open.remove(at);
        message.set_role(Role::Tool).set_name(name);
        if message.tool_call_id().is_none() {
            message.set_tool_call_id(id);
        }
    }
}
