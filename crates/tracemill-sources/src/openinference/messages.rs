//! Messages that are flattened into attributes: `llm.input_messages.0.message.role` and its like.

use std::collections::BTreeMap;

use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, JsonView, Limits, Message, Part, RawJson, Role, Text,
    TextPart, ToolCall,
};

use crate::record::raw;

/// The attributes under one prefix, by their numbers, in the order of the numbers: 10 comes after 9, and some may be
/// missing.
#[derive(Debug, Default)]
pub(super) struct Flat {
    entries: BTreeMap<u64, Vec<(String, RawJson<'static>)>>,
}

impl Flat {
    /// What stands under `prefix`, which ends with a dot.
    pub(super) fn under(attributes: JsonView<'_>, prefix: &str) -> Self {
        let members = attributes.members();
        let read =
            |(key, value): (Text<'_>, JsonView<'_>)| Some((key.decode().into_owned(), value.into_owned()));
        Flat::of(members.filter_map(read), prefix)
    }

    fn of(fields: impl IntoIterator<Item = (String, RawJson<'static>)>, prefix: &str) -> Self {
        let mut flat = Flat::default();
        for (key, value) in fields {
            let numbered = key.strip_prefix(prefix).and_then(|rest| rest.split_once('.'));
            let Some((number, rest)) = numbered else { continue };
            if let Ok(number) = number.parse() {
                flat.entries
                    .entry(number)
                    .or_default()
                    .push((rest.to_owned(), value));
            }
        }
        flat
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The fields of each number.
    pub(super) fn entries(self) -> impl Iterator<Item = (u64, Vec<(String, RawJson<'static>)>)> {
        self.entries.into_iter()
    }

    /// Each number as a message.
    pub(super) fn messages(self) -> Result<Vec<Message<'static>>, DecodeError> {
        self.entries.into_values().map(message).collect()
    }
}

/// The assistant's items of one answer as one message: calls that follow what it said.
pub(super) fn fold(messages: &mut Vec<Message<'static>>) {
    let mut folded: Vec<Message<'static>> = Vec::new();
    for message in messages.drain(..) {
        let joins = *message.role() == Role::Assistant
            && *message.content() == Content::Missing
            && message.extra().is_empty()
            && folded.last().is_some_and(|last| *last.role() == Role::Assistant);
        match folded.last_mut().filter(|_| joins) {
            Some(last) => {
                for call in message.tool_calls() {
                    last.push_tool_call(call.clone());
                }
            }
            None => folded.push(message),
        }
    }
    *messages = folded;
}

const CALLS: &str = "tool_calls.";
const CONTENTS: &str = "contents.";

fn message(fields: Vec<(String, RawJson<'static>)>) -> Result<Message<'static>, DecodeError> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| {
            (
                key.strip_prefix("message.").map_or(key.clone(), str::to_owned),
                value,
            )
        })
        .collect();
    let calls = Flat::of(fields.iter().cloned(), CALLS);
    let contents = Flat::of(fields.iter().cloned(), CONTENTS);
    let text = |wanted: &str| {
        let found = fields.iter().find(|(key, _)| key == wanted);
        found.and_then(|(_, value)| value.as_text()).map(Text::into_owned)
    };
    let role = text("role").ok_or_else(|| {
        DecodeError::new(
            DecodeErrorKind::MissingField,
            0,
            "a message needs a `message.role`",
        )
    })?;
    let mut message = Message::new(Role::named(role));
    message
        .set_name(text("name"))
        .set_tool_call_id(text("tool_call_id"));
    let structured = !contents.is_empty();
    if structured {
        message.set_content(parts(contents)?);
    }
    for (_, fields) in calls.entries() {
        message.push_tool_call(call(&fields)?);
    }
    // The older form of a call, without an id.
    if let Some(name) = text("function_call_name") {
        let arguments = text("function_call_arguments_json").map_or(Arguments::Missing, Arguments::Text);
        message.push_tool_call(ToolCall::new(name, arguments));
    }
    for (key, value) in fields {
        let known = [
            "role",
            "name",
            "tool_call_id",
            "function_call_name",
            "function_call_arguments_json",
        ];
        if known.contains(&key.as_str()) || key.starts_with(CALLS) || key.starts_with(CONTENTS) {
            continue;
        }
        if key == "content" && !structured {
            message.set_content(crate::genai::content(value.view())?.into_owned());
        } else {
            message
                .extra_mut()
                .insert(Text::new(format!("message.{key}")), value);
        }
    }
    Ok(message)
}

fn call(fields: &[(String, RawJson<'static>)]) -> Result<ToolCall<'static>, DecodeError> {
    let text = |wanted: &str| {
        let found = fields.iter().find(|(key, _)| key == wanted);
        found.and_then(|(_, value)| value.as_text()).map(Text::into_owned)
    };
    let name = text("tool_call.function.name").ok_or_else(|| {
        let message = "a tool call needs a `tool_call.function.name`";
        DecodeError::new(DecodeErrorKind::MissingField, 0, message)
    })?;
    let arguments = text("tool_call.function.arguments").map_or(Arguments::Missing, Arguments::Text);
    let mut call = ToolCall::new(name, arguments).with_id(text("tool_call.id"));
    let taken = [
        "tool_call.function.name",
        "tool_call.function.arguments",
        "tool_call.id",
    ];
    for (key, value) in fields.iter().filter(|(key, _)| !taken.contains(&key.as_str())) {
        call.extra_mut().insert(Text::new(key.clone()), value.clone());
    }
    Ok(call)
}

/// Parts; one that is text alone, and the only one, is text.
fn parts(contents: Flat) -> Result<Content<'static>, DecodeError> {
    let mut parts = Vec::new();
    for (_, fields) in contents.entries() {
        parts.push(part(fields)?);
    }
    if let [Part::Text(only)] = parts.as_slice()
        && only.extra().is_empty()
    {
        return Ok(Content::Text(only.text().clone()));
    }
    Ok(Content::Parts(parts))
}

fn part(fields: Vec<(String, RawJson<'static>)>) -> Result<Part<'static>, DecodeError> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| {
            (
                key.strip_prefix("message_content.")
                    .map_or(key.clone(), str::to_owned),
                value,
            )
        })
        .collect();
    let text = |wanted: &str| {
        let found = fields.iter().find(|(key, _)| key == wanted);
        found.and_then(|(_, value)| value.as_text()).map(Text::into_owned)
    };
    let kind = text("type");
    let only = |keys: &[&str]| fields.iter().all(|(key, _)| keys.contains(&key.as_str()));
    if let Some(text) = text("text").filter(|_| only(&["type", "text"])) {
        return Ok(Part::Text(TextPart::new(text)));
    }
    let url = text("image.image.url").filter(|_| only(&["type", "image.image.url"]));
    let made = raw(Limits::default(), |w| {
        w.begin_object();
        if let Some(url) = &url {
            w.key("type").str("image");
            w.key("url").text(url);
        } else {
            if let Some(kind) = &kind {
                w.key("type").text(kind);
            }
            for (key, value) in fields.iter().filter(|(key, _)| key != "type" || kind.is_none()) {
                w.text_key(&Text::new(key.clone())).raw(value);
            }
        }
        w.end_object();
    })?;
    Ok(Part::read(&mut made.cursor())?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_order_and_may_be_missing() {
        let field = |number: u64| {
            format!(r#""m.{number}.message.role":"user","m.{number}.message.content":"{number}""#)
        };
        let numbers = (0..12).rev().filter(|number| *number != 3);
        let attributes = numbers.map(field).collect::<Vec<_>>().join(",");
        let attributes = RawJson::parse(&format!("{{{attributes},\"m.x.message.role\":\"no\"}}"))
            .unwrap()
            .into_owned();
        let messages = Flat::under(attributes.view(), "m.").messages().unwrap();
        let texts: Vec<_> = messages
            .iter()
            .map(|m| m.content().as_text().unwrap().to_string())
            .collect();
        assert_eq!(texts, ["0", "1", "2", "4", "5", "6", "7", "8", "9", "10", "11"]);
    }
}
