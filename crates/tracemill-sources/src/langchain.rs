//! Messages of `LangChain`, as its tracers serialise them: `{"lc": 1, "type": "constructor", "id": […, "HumanMessage"],
//! "kwargs": {…}}`; as `message_to_dict` has them, `{"type": "human", "data": {…}}`; and as they are dumped,
//! `{"type": "human", "content": …}`.
//!
//! Evidence: `messages/`, `load/` and `tracers/` of langchain-core 1.8.4, and recorded runs.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, JsonView, Message, Outcome, Part, RawJson, Reasoning,
    Role, Text, TextPart, ToolCall,
};

use crate::walk;

/// The types of messages, and the classes of the same.
const TYPES: [(&str, &str, Role<'static>); 6] = [
    ("human", "HumanMessage", Role::User),
    ("ai", "AIMessage", Role::Assistant),
    ("system", "SystemMessage", Role::System),
    ("tool", "ToolMessage", Role::Tool),
    ("function", "FunctionMessage", Role::Tool),
    ("chat", "ChatMessage", Role::User),
];

/// Whether a value is a message of `LangChain`, or a prompt made of them.
pub(crate) fn is_one(value: JsonView<'_>) -> bool {
    if value.kind() != Kind::Object {
        return false;
    }
    if value.get("lc").is_some() {
        return true;
    }
    let kind = walk::text(value, "/type");
    let known = kind.is_some_and(|kind| role_of(&kind.decode()).is_some());
    known && value.get("role").is_none() && (value.get("data").is_some() || value.get("content").is_some())
}

/// The messages of a serialised prompt (`ChatPromptValue`), if the value is one.
pub(crate) fn prompt(value: JsonView<'_>) -> Option<RawJson<'static>> {
    let class = class(value)?;
    match class.as_str() {
        "ChatPromptValue" | "ChatPromptValueConcrete" => value.pointer("/kwargs/messages"),
        "StringPromptValue" => value.pointer("/kwargs/text"),
        _ => None,
    }
    .map(JsonView::into_owned)
}

/// The name of the class that a value was made from.
fn class(value: JsonView<'_>) -> Option<String> {
    let path = value.get("id")?;
    let last = path.elements().last()?;
    Some(last.as_text()?.decode().into_owned())
}

fn role_of(name: &str) -> Option<Role<'static>> {
    let name = name.strip_suffix("Chunk").unwrap_or(name);
    let found = TYPES
        .iter()
        .find(|(kind, class, _)| *kind == name || *class == name);
    found.map(|(_, _, role)| role.clone())
}

/// Reads one message.
pub(crate) fn message(value: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    let (name, fields) = if value.get("lc").is_some() {
        let name = class(value).ok_or_else(|| missing("a serialised message needs an `id`"))?;
        let fields = value
            .get("kwargs")
            .ok_or_else(|| missing("a serialised message needs `kwargs`"))?;
        (name, fields)
    } else {
        let name = walk::text(value, "/type").ok_or_else(|| missing("a message needs a `type`"))?;
        let fields = value.get("data").unwrap_or(value);
        (name.decode().into_owned(), fields)
    };
    let role = role_of(&name).ok_or_else(|| {
        let message = format!("`{name}` is no message of LangChain that is known");
        DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
    })?;
    let own = walk::text(fields, "/role");
    read(own.map_or(role, |own| Role::named(own.into_owned())), fields)
}

/// What a message may have that says nothing, beside what is empty.
fn says_nothing(value: JsonView<'_>) -> bool {
    matches!(value.as_str(), "null" | "{}" | "[]" | "false")
}

/// What a message has itself.
const TAKEN: [&str; 9] = [
    "type",
    "role",
    "name",
    "content",
    "tool_calls",
    "invalid_tool_calls",
    "tool_call_id",
    "status",
    "additional_kwargs",
];

fn read(role: Role<'static>, fields: JsonView<'_>) -> Result<Message<'static>, DecodeError> {
    let mut message = Message::new(role);
    message
        .set_name(walk::text(fields, "/name").map(Text::into_owned))
        .set_tool_call_id(walk::text(fields, "/tool_call_id").map(Text::into_owned));
    if walk::says(fields, "/status", "error") {
        message.set_is_error(true);
    }
    let calls = calls(fields)?;
    let held = !calls.is_empty();
    for call in calls {
        message.push_tool_call(call);
    }
    let mut thoughts = Vec::new();
    if let Some(content) = fields.get("content") {
        content_of(content, held, &mut message, &mut thoughts).map_err(|error| error.in_key("content"))?;
    }
    crate::blocks::think(&mut message, &thoughts);
    if message.reasoning().is_none() {
        let plain = walk::text(fields, "/additional_kwargs/reasoning_content").map(Text::into_owned);
        message.set_reasoning(plain.filter(|text| !text.is_empty()).map(Reasoning::Text));
    }
    for (key, value) in fields.members() {
        if !TAKEN.contains(&key.body()) && !says_nothing(value) {
            let key = Text::new(format!("langchain.{}", key.decode()));
            message.extra_mut().insert(key, value.into_owned());
        }
    }
    let more = fields.get("additional_kwargs");
    for (key, value) in more.into_iter().flat_map(JsonView::members) {
        let taken = ["tool_calls", "function_call", "reasoning_content"].contains(&key.body());
        if !taken && !says_nothing(value) {
            let key = Text::new(format!("langchain.additional_kwargs.{}", key.decode()));
            message.extra_mut().insert(key, value.into_owned());
        }
    }
    Ok(message)
}

/// The calls: as the provider gave them if they are there, since their arguments are text; else as they were parsed, those
/// whose arguments are no JSON included.
fn calls(fields: JsonView<'_>) -> Result<Vec<ToolCall<'static>>, DecodeError> {
    let list = |pointer: &str| fields.pointer(pointer);
    let count = |list: Option<JsonView<'_>>| list.into_iter().flat_map(JsonView::elements).count();
    let (parsed, invalid) = (list("/tool_calls"), list("/invalid_tool_calls"));
    let given = list("/additional_kwargs/tool_calls");
    let held = count(parsed) + count(invalid);
    if count(given) > 0 && (held == 0 || held == count(given)) {
        let read = |call: JsonView<'_>| ToolCall::read(&mut call.cursor()).map(ToolCall::into_owned);
        return given.into_iter().flat_map(JsonView::elements).map(read).collect();
    }
    let mut calls = Vec::new();
    for call in parsed.into_iter().chain(invalid).flat_map(JsonView::elements) {
        calls.push(parsed_call(call, &["type", "name", "args", "id", "error"])?);
    }
    // The older form, one call without an id.
    let legacy = fields.pointer("/additional_kwargs/function_call");
    if let Some(legacy) = legacy.filter(|call| calls.is_empty() && call.kind() == Kind::Object) {
        calls.push(ToolCall::read(&mut legacy.cursor())?.into_owned());
    }
    Ok(calls)
}

/// A call with `args`, or with the `input` of Anthropic's.
fn parsed_call(call: JsonView<'_>, taken: &[&str]) -> Result<ToolCall<'static>, DecodeError> {
    let name = walk::text(call, "/name").ok_or_else(|| missing("a tool call needs a `name`"))?;
    let arguments = call.get("args").or_else(|| call.get("input"));
    let arguments = match arguments.map(JsonView::into_text) {
        None => Arguments::Missing,
        Some(Ok(text)) => Arguments::Text(text.into_owned()),
        Some(Err(value)) if value.is_null() => Arguments::Missing,
        Some(Err(value)) => Arguments::Value(value.into_owned()),
    };
    let mut made = ToolCall::new(name, arguments).with_id(walk::text(call, "/id"));
    let rest = call.members().filter(|(key, _)| !taken.contains(&key.body()));
    for (key, value) in rest {
        let key = Text::new(format!("langchain.{}", key.decode()));
        made.extra_mut().insert(key, value.into_owned());
    }
    Ok(made.into_owned())
}

/// Text or parts. Parts that are calls are left out where the message has its calls in a list of their own, as
/// `LangChain` keeps both.
fn content_of(
    content: JsonView<'_>,
    held: bool,
    message: &mut Message<'static>,
    thoughts: &mut Vec<RawJson<'static>>,
) -> Result<(), DecodeError> {
    if content.kind() != Kind::Array {
        message.set_content(Content::read(&mut content.cursor())?.into_owned());
        return Ok(());
    }
    let mut parts = Vec::new();
    for (index, part) in content.elements().enumerate() {
        let kind = walk::text(part, "/type");
        match kind.as_ref().map(Text::body) {
            None if part.kind() == Kind::String => {
                parts.push(Part::Text(TextPart::new(
                    part.as_text().unwrap_or_default().into_owned(),
                )));
            }
            Some("tool_use" | "tool_call" | "function_call") if held => {}
            Some("tool_use" | "tool_call") => {
                let call = parsed_call(part, &["type", "name", "args", "input", "id"]);
                message.push_tool_call(call.map_err(|error| error.in_index(index))?.into_owned());
            }
            Some("thinking" | "redacted_thinking" | "reasoning") => thoughts.push(part.into_owned()),
            _ => {
                let part = Part::read(&mut part.cursor()).map_err(|error| error.in_index(index))?;
                parts.push(part.into_owned());
            }
        }
    }
    let silent = parts.is_empty() && (!thoughts.is_empty() || !message.tool_calls().is_empty());
    if !silent {
        message.set_content(Content::Parts(parts));
    }
    Ok(())
}

/// What the provider said of the end of an answer.
pub(crate) fn outcome(message: &Message<'_>) -> Option<Outcome> {
    let data = message.extra().get("langchain.response_metadata")?;
    let reason = ["/finish_reason", "/stop_reason"]
        .iter()
        .find_map(|pointer| walk::text(data.view(), pointer))
        .map(Text::into_owned)?;
    super::shapes::outcome(&reason.decode())
}

/// The model that gave an answer.
pub(crate) fn model(message: &Message<'_>) -> Option<Text<'static>> {
    let data = message.extra().get("langchain.response_metadata")?;
    ["/model_name", "/model"]
        .iter()
        .find_map(|pointer| walk::text(data.view(), pointer))
        .map(Text::into_owned)
}

fn missing(message: &str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::MissingField, 0, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, DecodeError> {
        let value = RawJson::parse(json)?;
        assert!(is_one(value.view()), "{json}");
        let mut trace = tracemill_model::Trace::new();
        trace.push_message(message(value.view())?);
        let mut out = Vec::new();
        trace.write_json(&mut out);
        let text = String::from_utf8(out).unwrap();
        Ok(text[r#"{"messages":["#.len()..text.len() - 2].to_owned())
    }

    #[test]
    fn the_three_forms_of_a_message_are_one() {
        let expected = r#"{"role":"user","content":"hi"}"#;
        for json in [
            r#"{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"hi","type":"human","additional_kwargs":{},"example":false}}"#,
            r#"{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessageChunk"],"kwargs":{"content":"hi"}}"#,
            r#"{"type":"human","data":{"content":"hi","type":"human","name":null}}"#,
            r#"{"type":"human","content":"hi"}"#,
        ] {
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn calls_keep_the_text_of_their_arguments() {
        let json = r#"{"type":"ai","content":"","additional_kwargs":{"tool_calls":[{"id":"a","type":"function",
            "function":{"name":"f","arguments":"{\"x\": 1.0}"}}]},"tool_calls":[{"name":"f","args":{"x":1.0},"id":"a","type":"tool_call"}]}"#;
        assert_eq!(
            read(json).unwrap(),
            r#"{"role":"assistant","content":"","tool_calls":[{"id":"a","name":"f","arguments":"{\"x\": 1.0}"}]}"#
        );
        let json = r#"{"type":"ai","content":[{"type":"text","text":"so"},{"type":"tool_use","id":"a","name":"f","input":{}}],
            "tool_calls":[{"name":"f","args":{},"id":"a"}],"invalid_tool_calls":[{"name":"g","args":"{x","id":"b","error":"no JSON"}]}"#;
        assert_eq!(
            read(json).unwrap(),
            r#"{"role":"assistant","content":[{"type":"text","text":"so"}],"tool_calls":[{"id":"a","name":"f","arguments":{}},{"id":"b","name":"g","arguments":"{x"}]}"#
        );
    }

    #[test]
    fn reasoning_is_apart_from_what_is_said() {
        let json = r#"{"type":"ai","content":[{"type":"thinking","thinking":"hm","signature":"s"},"so"]}"#;
        assert_eq!(
            read(json).unwrap(),
            r#"{"role":"assistant","content":[{"type":"text","text":"so"}],"reasoning":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"}]}"#
        );
        let json = r#"{"type":"ai","content":"so","additional_kwargs":{"reasoning_content":"hm"}}"#;
        assert_eq!(
            read(json).unwrap(),
            r#"{"role":"assistant","content":"so","reasoning":"hm"}"#
        );
    }

    #[test]
    fn results_of_tools_may_be_errors() {
        let json =
            r#"{"type":"tool","data":{"content":"no","tool_call_id":"a","name":"f","status":"error"}}"#;
        assert_eq!(
            read(json).unwrap(),
            r#"{"role":"tool","tool_call_id":"a","name":"f","content":"no","is_error":true}"#
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let json = r#"{"lc":1,"type":"not_implemented","id":["app","Thing"],"repr":"Thing()"}"#;
        assert!(message(RawJson::parse(json).unwrap().view()).is_err());
        let json = r#"{"lc":1,"type":"constructor","id":["app","Thing"],"kwargs":{"content":"hi"}}"#;
        assert!(message(RawJson::parse(json).unwrap().view()).is_err());
    }
}
