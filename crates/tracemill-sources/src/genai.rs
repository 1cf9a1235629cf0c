//! Messages made of parts, as the `OpenTelemetry` conventions for generative AI have them:
//! `{"role": "user", "parts": [{"type": "text", "content": "…"}]}`.
//!
//! Shapes as in the schemas `gen-ai-input-messages.json` and `gen-ai-output-messages.json` of
//! open-telemetry/semantic-conventions-genai. What is recorded otherwise in the field is read too: the result of a call
//! under `result` in place of `response`, and results in messages of the user.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, JsonView, JsonWriter, Limits, Message, Outcome, Part,
    RawJson, Reasoning, Role, Text, TextPart, ToolCall,
};

use crate::record::raw;

/// Reads a list of messages. A message that holds results of calls becomes one message for each of them, and then
/// what is left of it.
pub(crate) fn messages(list: JsonView<'_>) -> Result<Vec<Message<'_>>, DecodeError> {
    if list.kind() != Kind::Array {
        return Err(wrong("a list of messages", list));
    }
    let mut messages = Vec::new();
    for (index, message) in list.elements().enumerate() {
        read_message(message, &mut messages).map_err(|error| error.in_index(index))?;
    }
    Ok(messages)
}

/// Reads parts without a role, such as instructions, as what `role` says.
pub(crate) fn said_by<'v>(role: Role<'v>, parts: JsonView<'v>) -> Result<Message<'v>, DecodeError> {
    let mut spoken = Spoken::default();
    if let Some(text) = parts.as_text() {
        spoken.parts.push(text_part(&text));
    } else {
        for (index, part) in parts.elements().enumerate() {
            spoken.read(part).map_err(|error| error.in_index(index))?;
        }
    }
    let mut message = Message::new(role);
    spoken.finish(&mut message);
    Ok(message)
}

/// What a `finish_reason` says of the run; the schema has `tool_call`, emitters write `tool_calls` too.
pub(crate) fn outcome(finish_reason: &str) -> Option<Outcome> {
    match finish_reason {
        "stop" | "tool_call" | "tool_calls" | "end_turn" | "tool_use" | "stop_sequence" => {
            Some(Outcome::Completed)
        }
        "length" | "max_tokens" => Some(Outcome::Truncated),
        "content_filter" | "error" => Some(Outcome::Errored),
        _ => None,
    }
}

/// The same schemas with the names of types in lower case, as JSON Schema has them; some emitters write those of an
/// enumeration (`OBJECT`).
pub(crate) fn lower_types(schema: JsonView<'_>) -> RawJson<'static> {
    RawJson::written(|w| write_lower(schema, w))
}

fn schema_limits() -> Limits {
    Limits::default().with_depth(Limits::MAX_DEPTH)
}

fn write_lower(value: JsonView<'_>, w: &mut JsonWriter<'_>) {
    const TYPES: [&str; 7] = [
        "OBJECT", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "NULL",
    ];
    match value.kind() {
        Kind::Object => {
            w.begin_object();
            for (key, value) in value.members() {
                w.text_key(&key);
                let name = value
                    .as_text()
                    .filter(|name| key.body() == "type" && TYPES.contains(&name.body()));
                match name {
                    Some(name) => drop(w.str(&name.body().to_ascii_lowercase())),
                    None => write_lower(value, w),
                }
            }
            w.end_object();
        }
        Kind::Array => {
            w.begin_array();
            for element in value.elements() {
                write_lower(element, w);
            }
            w.end_array();
        }
        _ => drop(w.raw(value)),
    }
}

fn read_message<'v>(raw: JsonView<'v>, messages: &mut Vec<Message<'v>>) -> Result<(), DecodeError> {
    if raw.kind() != Kind::Object {
        return Err(wrong("a message", raw));
    }
    let missing = || DecodeError::new(DecodeErrorKind::MissingField, 0, "a message needs a `role`");
    let role = raw.get("role").ok_or_else(missing)?;
    let role = role
        .as_text()
        .ok_or_else(|| wrong("a string", role).in_key("role"))?;
    let mut message = Message::new(Role::named(role));
    let mut spoken = Spoken::default();
    for (key, value) in raw.members() {
        match key.body() {
            "role" => {}
            "name" => drop(message.set_name(value.as_text())),
            "parts" => spoken.read_list(value).map_err(|error| error.in_key("parts"))?,
            // Some emitters have the plain form beside, or in place of, the parts.
            "content" if value.kind() == Kind::String && raw.get("parts").is_none() => {
                spoken.plain = value.as_text();
            }
            "content" | "tool_calls" | "tool_call_id" | "reasoning" | "train" | "weight" | "is_error" => {
                message
                    .extra_mut()
                    .insert(Text::new(format!("genai.{}", key.decode())), value.raw());
            }
            _ => message.extra_mut().insert(key, value.raw()),
        }
    }
    let only_results = !spoken.results.is_empty() && spoken.is_empty();
    messages.append(&mut spoken.results);
    if !only_results {
        spoken.finish(&mut message);
        messages.push(message);
    }
    Ok(())
}

/// What the parts of a message say.
#[derive(Debug, Default)]
struct Spoken<'a> {
    parts: Vec<Part<'a>>,
    plain: Option<Text<'a>>,
    reasoning: Vec<RawJson<'a>>,
    calls: Vec<ToolCall<'a>>,
    results: Vec<Message<'a>>,
    /// Whether the message has a list of parts at all.
    listed: bool,
}

impl<'a> Spoken<'a> {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.plain.is_none() && self.reasoning.is_empty() && self.calls.is_empty()
    }

    fn read_list(&mut self, list: JsonView<'a>) -> Result<(), DecodeError> {
        if list.is_null() {
            return Ok(());
        }
        if list.kind() != Kind::Array {
            return Err(wrong("a list of parts", list));
        }
        self.listed = true;
        for (index, part) in list.elements().enumerate() {
            self.read(part).map_err(|error| error.in_index(index))?;
        }
        Ok(())
    }

    fn read(&mut self, part: JsonView<'a>) -> Result<(), DecodeError> {
        let kind = part.get("type");
        let kind = kind.and_then(JsonView::as_text);
        let text = part.get("content").and_then(tracemill_model::JsonView::as_text);
        match (kind.as_ref().map_or("", Text::body), text) {
            ("text", Some(text)) => {
                let mut written = TextPart::new(text);
                keep(part, &["type", "content"], |key, value| {
                    written.extra_mut().insert(key, value);
                });
                self.parts.push(Part::Text(written));
            }
            ("reasoning" | "thinking", _) => self.reasoning.push(part.raw()),
            ("tool_call", _) => self.calls.push(call(part)?),
            ("tool_call_response", _) => self.results.push(result(part)?),
            _ => self.parts.push(Part::Other(part.raw())),
        }
        Ok(())
    }

    /// Puts what was said into the message.
    fn finish(self, message: &mut Message<'a>) {
        let mut parts = self.parts;
        let only_text = match parts.as_slice() {
            [Part::Text(text)] if text.extra().is_empty() => Some(text.text().clone()),
            _ => None,
        };
        let content = match (self.plain, only_text) {
            (Some(text), _) | (None, Some(text)) => Content::Text(text),
            // The answer that consists of calls says nothing; a message of nothing at all has an empty list.
            _ if parts.is_empty() && (!self.listed || !self.calls.is_empty()) => Content::Missing,
            _ => Content::Parts(std::mem::take(&mut parts)),
        };
        message.set_content(content);
        for call in self.calls {
            message.push_tool_call(call);
        }
        message.set_reasoning(reasoning(&self.reasoning));
    }
}

/// Several thoughts are one, with a line between them; thoughts that are not in words stay as they are.
fn reasoning<'v>(parts: &[RawJson<'v>]) -> Option<Reasoning<'v>> {
    if parts.is_empty() {
        return None;
    }
    let words: Option<Vec<String>> = parts
        .iter()
        .map(|part| {
            let text = part.get("content")?;
            let signed = part
                .members()
                .any(|(key, _)| !matches!(key.body(), "type" | "content"));
            (!signed).then(|| text.as_text().map(|text| text.decode().into_owned()))?
        })
        .collect();
    if let Some(words) = words {
        return Some(Reasoning::Text(Text::new(words.join("\n"))));
    }
    let list = raw(schema_limits(), |w| {
        w.begin_array();
        for part in parts {
            w.raw(part);
        }
        w.end_array();
    });
    list.ok().map(Reasoning::Opaque)
}

fn call(part: JsonView<'_>) -> Result<ToolCall<'_>, DecodeError> {
    let missing = || DecodeError::new(DecodeErrorKind::MissingField, 0, "a tool call needs a `name`");
    let name = part.get("name").ok_or_else(missing)?;
    let name = name
        .as_text()
        .ok_or_else(|| wrong("a string", name).in_key("name"))?;
    let arguments = part.get("arguments");
    let arguments = match arguments.map(JsonView::into_text) {
        None => Arguments::Missing,
        Some(Ok(text)) => Arguments::Text(text),
        Some(Err(value)) if value.is_null() => Arguments::Missing,
        Some(Err(value)) => Arguments::Value(value.raw()),
    };
    let id = part.get("id").and_then(tracemill_model::JsonView::as_text);
    let mut call = ToolCall::new(name, arguments).with_id(id);
    keep(part, &["type", "id", "name", "arguments"], |key, value| {
        call.extra_mut().insert(key, value);
    });
    Ok(call)
}

/// The schema has the result under `response`; the table of the same convention, and emitters, under `result`.
fn result(part: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut message = Message::new(Role::Tool);
    let id = part.get("id").and_then(tracemill_model::JsonView::as_text);
    message.set_tool_call_id(id);
    message.set_name(part.get("name").and_then(tracemill_model::JsonView::as_text));
    let key = ["response", "result"]
        .into_iter()
        .find(|key| part.get(key).is_some());
    if let Some(value) = key.and_then(|key| part.get(key)) {
        message.set_content(content(value)?);
    }
    keep(part, &["type", "id", "name", key.unwrap_or("")], |key, value| {
        message.extra_mut().insert(key, value);
    });
    Ok(message)
}

/// What a tool gave, as it was recorded; a number or a boolean is its text.
pub(crate) fn content(value: JsonView<'_>) -> Result<Content<'_>, DecodeError> {
    Ok(match value.kind() {
        Kind::Number | Kind::Bool => Content::Text(Text::new(value.as_str().to_owned())),
        _ => Content::read(&mut value.cursor())?,
    })
}

/// Hands over the members that nobody took; those that have another meaning in the trace, under another name.
fn keep<'v>(part: JsonView<'v>, taken: &[&str], mut put: impl FnMut(Text<'v>, RawJson<'v>)) {
    const NAMED: [&str; 12] = [
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "name",
        "reasoning",
        "reasoning_content",
        "is_error",
        "train",
        "weight",
        "function",
        "custom",
    ];
    for (key, value) in part.members() {
        if taken.contains(&key.body()) {
            continue;
        }
        let name = if NAMED.contains(&key.body()) || key.body() == "text" || key.body() == "type" {
            Text::new(format!("genai.{}", key.decode()))
        } else {
            key.into_owned()
        };
        put(name, value.raw());
    }
}

fn text_part<'v>(text: &Text<'v>) -> Part<'v> {
    Part::Text(TextPart::new(text.clone()))
}

fn wrong(wanted: &str, found: JsonView<'_>) -> DecodeError {
    let message = format!("expected {wanted}, found {}", found.kind().noun());
    DecodeError::new(DecodeErrorKind::WrongType, 0, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemill_model::Trace;

    fn read(json: &str) -> Result<String, DecodeError> {
        let list = RawJson::parse(json)?;
        let mut trace = Trace::new();
        trace.messages_mut().extend(messages(list.view())?);
        let mut out = Vec::new();
        trace.write_json(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            Trace::from_json(&text).unwrap(),
            trace,
            "what is written is read again: {text}"
        );
        Ok(text[r#"{"messages":"#.len()..text.len() - 1].to_owned())
    }

    #[test]
    fn parts_become_content_calls_reasoning_and_results() {
        let cases = [
            (
                r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
                r#"[{"role":"user","content":"hi"}]"#,
            ),
            (
                r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"tool_call","id":"c","name":"f","arguments":{"a":1.0}}],"finish_reason":"tool_call"}]"#,
                r#"[{"role":"assistant","reasoning":"hm","tool_calls":[{"id":"c","name":"f","arguments":{"a":1.0}}],"finish_reason":"tool_call"}]"#,
            ),
            // `result` is what emitters write, and results come in messages of the user.
            (
                r#"[{"role":"user","parts":[{"type":"tool_call_response","id":"c","result":{"a":1}},{"type":"text","content":"and?"}]}]"#,
                r#"[{"role":"tool","tool_call_id":"c","content":{"a":1}},{"role":"user","content":"and?"}]"#,
            ),
            (
                r#"[{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":4},{"type":"tool_call_response","id":"d","response":"x"}]}]"#,
                r#"[{"role":"tool","tool_call_id":"c","content":"4"},{"role":"tool","tool_call_id":"d","content":"x"}]"#,
            ),
            (
                r#"[{"role":"user","parts":[]}]"#,
                r#"[{"role":"user","content":[]}]"#,
            ),
            (
                r#"[{"role":"user","parts":[{"type":"text","content":"a"},{"type":"blob","mime_type":"image/png","modality":"image","content":"AA"}],"name":"u"}]"#,
                r#"[{"role":"user","name":"u","content":[{"type":"text","text":"a"},{"type":"blob","mime_type":"image/png","modality":"image","content":"AA"}]}]"#,
            ),
            (
                r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm","signature":"s"}]}]"#,
                r#"[{"role":"assistant","content":[],"reasoning":[{"type":"reasoning","content":"hm","signature":"s"}]}]"#,
            ),
            (
                r#"[{"role":"narrator","parts":[{"type":"text","content":"x","mood":1}],"weight":2}]"#,
                r#"[{"role":"narrator","content":[{"type":"text","text":"x","mood":1}],"genai.weight":2}]"#,
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_with_its_place() {
        for (json, path) in [
            (r#"{"role":"user"}"#, ""),
            (r#"[{"parts":[]}]"#, "[0]"),
            (r#"[{"role":"user","parts":{}}]"#, "[0].parts"),
            (
                r#"[{"role":"a","parts":[{"type":"text","content":"x"},{"type":"tool_call"}]}]"#,
                "[0].parts[1]",
            ),
        ] {
            assert_eq!(read(json).unwrap_err().path(), path, "{json}");
        }
    }
}
