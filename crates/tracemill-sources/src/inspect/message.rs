//! Messages as Inspect has them: calls with the function as plain text, reasoning among the parts.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, JsonView, Limits, Message, Part, Reasoning, Role, Text,
    ToolCall,
};

use crate::genai;
use crate::record::raw;

pub(super) fn read_list(list: JsonView<'_>, limits: Limits) -> Result<Vec<Message<'static>>, DecodeError> {
    if list.kind() != Kind::Array {
        return Err(wrong("a list of messages", list));
    }
    let mut messages = Vec::new();
    for (index, raw) in list.elements().enumerate() {
        if index >= limits.messages() {
            let message = format!("more than {} messages in one trace", limits.messages());
            return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
        }
        messages.push(read(raw).map_err(|error| error.in_index(index))?);
    }
    Ok(messages)
}

fn read(raw: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    if raw.kind() != Kind::Object {
        return Err(wrong("a message", raw));
    }
    let missing = || DecodeError::new(DecodeErrorKind::MissingField, 0, "a message needs a `role`");
    let role = raw.get("role").ok_or_else(missing)?;
    let role = role
        .as_text()
        .ok_or_else(|| wrong("a string", role).in_key("role"))?;
    let mut message = Message::new(Role::named(role.into_owned()));
    for (key, value) in raw.members() {
        read_field(&mut message, &key, value).map_err(|error| error.in_key(key.body()))?;
    }
    Ok(message)
}

fn read_field(
    message: &mut Message<'static>,
    key: &Text<'_>,
    value: JsonView<'_>,
) -> Result<(), DecodeError> {
    let text = || value.as_text().map(Text::into_owned);
    match key.body() {
        "role" => {}
        "content" => read_content(message, value)?,
        "tool_calls" => {
            for (index, raw) in value.elements().enumerate() {
                message.push_tool_call(call(raw).map_err(|error| error.in_index(index))?);
            }
        }
        "tool_call_id" => drop(message.set_tool_call_id(text())),
        "function" => drop(message.set_name(text())),
        "error" => {
            if !value.is_null() {
                message.set_is_error(true);
            }
            message
                .extra_mut()
                .insert(Text::from("error"), value.into_owned());
        }
        "source" => {
            // What the sample put into the mouth of the assistant is an example, not an answer.
            if *message.role() == Role::Assistant && value.as_str() == "\"input\"" {
                message.set_train(false);
            }
            message
                .extra_mut()
                .insert(Text::from("source"), value.into_owned());
        }
        "name" | "reasoning" | "reasoning_content" | "is_error" | "train" | "weight" | "function_call" => {
            let name = Text::new(format!("inspect.{}", key.decode()));
            message.extra_mut().insert(name, value.into_owned());
        }
        _ => message
            .extra_mut()
            .insert(key.clone().into_owned(), value.into_owned()),
    }
    Ok(())
}

/// The content, less the parts that are reasoning.
fn read_content(message: &mut Message<'static>, value: JsonView<'_>) -> Result<(), DecodeError> {
    let is_reasoning = |part: JsonView<'_>| {
        part.get("type")
            .is_some_and(|kind| kind.as_str() == "\"reasoning\"")
    };
    if value.kind() != Kind::Array || !value.elements().any(&is_reasoning) {
        message.set_content(genai::content(value)?.into_owned());
        return Ok(());
    }
    let (mut parts, mut thoughts) = (Vec::new(), Vec::new());
    for part in value.elements() {
        if is_reasoning(part) {
            thoughts.push(part);
        } else {
            parts.push(Part::read(&mut part.cursor())?.into_owned());
        }
    }
    message.set_content(Content::Parts(parts));
    message.set_reasoning(Some(reasoning(&thoughts)?));
    Ok(())
}

/// In words, if there is nothing but words; what is signed, redacted or summed up stays as it is.
fn reasoning(parts: &[JsonView<'_>]) -> Result<Reasoning<'static>, DecodeError> {
    let plain = |part: JsonView<'_>| {
        let bare = part.members().all(|(key, value)| match key.body() {
            "type" | "reasoning" => true,
            "redacted" => value.as_str() == "false",
            _ => value.is_null(),
        });
        let text = part.get("reasoning").filter(|_| bare)?;
        Some(text.as_text()?.decode().into_owned())
    };
    let words: Option<Vec<String>> = parts.iter().copied().map(plain).collect();
    if let Some(words) = words {
        return Ok(Reasoning::Text(Text::new(words.join("\n"))));
    }
    let list = raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_array();
        for part in parts {
            w.raw(*part);
        }
        w.end_array();
    })?;
    Ok(Reasoning::Opaque(list))
}

fn call(raw: JsonView<'_>) -> Result<ToolCall<'static>, DecodeError> {
    let missing = || DecodeError::new(DecodeErrorKind::MissingField, 0, "a tool call needs a `function`");
    let name = raw.get("function").ok_or_else(missing)?;
    let name = name
        .as_text()
        .ok_or_else(|| wrong("a string", name).in_key("function"))?;
    let arguments = match raw.get("arguments").map(JsonView::into_text) {
        None => Arguments::Missing,
        Some(Ok(text)) => Arguments::Text(text.into_owned()),
        Some(Err(value)) if value.is_null() => Arguments::Missing,
        Some(Err(value)) => Arguments::Value(value.into_owned()),
    };
    let text = |key: &str| {
        raw.get(key)
            .and_then(tracemill_model::JsonView::as_text)
            .map(Text::into_owned)
    };
    let mut call = ToolCall::new(name.into_owned(), arguments).with_id(text("id"));
    if let Some(kind) = text("type").filter(|kind| kind.body() != "function") {
        call = call.with_kind(kind);
    }
    for (key, value) in raw.members() {
        match key.body() {
            "id" | "function" | "arguments" | "type" => {}
            "name" | "custom" => {
                let name = Text::new(format!("inspect.{}", key.decode()));
                call.extra_mut().insert(name, value.into_owned());
            }
            _ => call.extra_mut().insert(key.into_owned(), value.into_owned()),
        }
    }
    Ok(call)
}

fn wrong(wanted: &str, found: JsonView<'_>) -> DecodeError {
    let message = format!("expected {wanted}, found {}", found.kind().noun());
    DecodeError::new(DecodeErrorKind::WrongType, 0, message)
}
