//! Messages made of contents and parts, as the Gemini API has them: `{"role": "model", "parts": [{"text": "…"}]}`.
//!
//! Types as in google-genai 3.4.0; keys in camelCase, as the API has them, or in `snake_case`, as its SDK for Python prints
//! them. Calls have no ids: they get `call_0`, `call_1`, … in the order of the conversation, and results take those of the
//! calls of their name, in order.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, Fields, Function, JsonView, Media, MediaKind, MediaSource, Message,
    Outcome, Part, RawJson, Reasoning, Role, Text, TextPart, Tool, ToolCall,
};

use crate::exchange::{Prompt, text, wrong};
use crate::genai::lower_types;
use crate::walk;

/// Reads one conversation, content by content.
#[derive(Default)]
pub(crate) struct Contents<'a> {
    pub(crate) messages: Vec<Message<'a>>,
    /// How many calls were met.
    calls: usize,
    /// Calls that wait for a result: name and id.
    open: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Contents<'a> {
    /// Reads a list of contents.
    pub(crate) fn list(&mut self, list: JsonView<'a>) -> Result<(), DecodeError> {
        if list.kind() != Kind::Array {
            return Err(wrong("a list of contents", list));
        }
        for (index, content) in list.elements().enumerate() {
            // The SDK for Python takes what a user says for a content.
            if let Some(words) = content.as_text() {
                self.messages.push(crate::parts::said(Role::User, words));
                continue;
            }
            if content.kind() != Kind::Object {
                return Err(wrong("a content", content).in_index(index));
            }
            self.content(None, content)
                .map_err(|error| error.in_index(index))?;
        }
        Ok(())
    }

    /// Reads one content, of this speaker or of whom it names: results become messages of their own, before what else it says.
    pub(crate) fn content(
        &mut self,
        speaker: impl Into<Option<Role<'a>>>,
        content: JsonView<'a>,
    ) -> Result<(), DecodeError> {
        let mut message = Message::new(Role::User);
        let (mut named, mut list) = (None, None);
        for (key, value) in content.members() {
            match key.body() {
                "role" => named = value.as_text(),
                "parts" => list = Some(value),
                _ => message.extra_mut().insert(key, value.raw()),
            }
        }
        message.set_role(speaker.into().unwrap_or_else(|| role(named)));
        if let Some(words) = list.and_then(only_words) {
            message.set_content(words);
            self.messages.push(message);
            return Ok(());
        }
        let mut parts = Vec::new();
        let mut thoughts = Vec::new();
        let mut results = 0;
        for part in list.into_iter().flat_map(JsonView::elements) {
            let [words, thought, call, snake_call, result, snake_result] = part.pick([
                "text",
                "thought",
                "functionCall",
                "function_call",
                "functionResponse",
                "function_response",
            ]);
            let words = words.and_then(JsonView::as_text);
            if let Some(call) = given(call, snake_call) {
                message.push_tool_call(self.call(part, call));
            } else if let Some(result) = given(result, snake_result) {
                let result = self.result(part, result)?;
                self.messages.push(result);
                results += 1;
            } else if thought.is_some_and(|thought| thought.as_bool() == Some(true)) {
                thoughts.push((part, words));
            } else {
                parts.push(said(part, words));
            }
        }
        let only_results =
            results > 0 && parts.is_empty() && thoughts.is_empty() && message.tool_calls().is_empty();
        if only_results && let Some(last) = self.messages.last_mut() {
            // There is no message of its own that could keep what stands beside the parts.
            for (key, value) in message.extra().iter() {
                walk::put(last.extra_mut(), key.clone(), value.clone());
            }
            return Ok(());
        }
        think(&mut message, &thoughts);
        message.set_content(match parts.as_slice() {
            [] if !message.tool_calls().is_empty() || list.is_none() => Content::Missing,
            [Part::Text(part)] if part.extra().is_empty() => Content::Text(part.text().clone()),
            _ => Content::Parts(parts),
        });
        self.messages.push(message);
        Ok(())
    }

    fn call(&mut self, part: JsonView<'a>, call: JsonView<'a>) -> ToolCall<'a> {
        let [name, id, args] = call.pick(["name", "id", "args"]);
        let name = name.and_then(JsonView::as_text).unwrap_or_default();
        let id = id.and_then(JsonView::as_text);
        let id = id.unwrap_or_else(|| Text::new(format!("call_{}", self.calls)));
        self.calls += 1;
        self.open.push((name.clone(), id.clone()));
        let arguments = match args {
            Some(args) if !args.is_null() => Arguments::Value(args.raw()),
            _ => Arguments::Missing,
        };
        let mut made = ToolCall::new(name, arguments).with_id(Some(id));
        let signature = either(part, "thoughtSignature", "thought_signature");
        if let Some(signature) = signature {
            made.extra_mut()
                .insert(Text::new("thoughtSignature"), signature.raw());
        }
        let beside = [
            "functionCall",
            "function_call",
            "thoughtSignature",
            "thought_signature",
        ];
        keep(made.extra_mut(), part, &beside, &walk::OF_CALLS);
        keep(made.extra_mut(), call, &["name", "id", "args"], &walk::OF_CALLS);
        made
    }

    fn result(&mut self, part: JsonView<'a>, result: JsonView<'a>) -> Result<Message<'a>, DecodeError> {
        let [name, id, response] = result.pick(["name", "id", "response"]);
        let name = name.and_then(JsonView::as_text).unwrap_or_default();
        let mut message = Message::new(Role::Tool);
        let own = id.and_then(JsonView::as_text);
        let waits = self.open.iter().position(|(open, id)| match &own {
            Some(own) => id == own,
            None => *open == name,
        });
        let id = own.or_else(|| waits.map(|at| self.open[at].1.clone()));
        if let Some(at) = waits {
            self.open.remove(at);
        }
        message.set_tool_call_id(id);
        message.set_name(Some(name));
        if let Some(response) = response {
            message.set_content(answered(response)?);
            message.set_is_error(response.get("error").is_some().then_some(true));
        }
        let beside = ["functionResponse", "function_response"];
        keep(message.extra_mut(), part, &beside, &walk::OF_MESSAGES);
        let taken = ["name", "id", "response"];
        keep(message.extra_mut(), result, &taken, &walk::OF_MESSAGES);
        Ok(message)
    }
}

/// Who speaks where a content names somebody, or nobody.
fn role(named: Option<Text<'_>>) -> Role<'_> {
    match named.as_ref().map_or("user", Text::body) {
        "model" => Role::Assistant,
        "user" | "function" => Role::User,
        _ => named.map_or(Role::User, Role::named),
    }
}

/// The words of a list of one part that says nothing else, as nearly all do.
fn only_words(list: JsonView<'_>) -> Option<Text<'_>> {
    let mut parts = list.elements();
    let (part, None) = (parts.next()?, parts.next()) else {
        return None;
    };
    let mut members = part.members();
    match (members.next()?, members.next()) {
        ((key, words), None) if key.body() == "text" => words.as_text(),
        _ => None,
    }
}

/// Keeps the members that were not taken. The SDK for Python writes `null` for what is not there.
fn keep<'v>(fields: &mut Fields<'v>, object: JsonView<'v>, taken: &[&str], own: &[&str]) {
    let is_more = |(key, value): &(Text<'_>, JsonView<'_>)| !value.is_null() && !taken.contains(&key.body());
    walk::keep_members(fields, object.members().filter(is_more), "source.", own);
}

/// Reasoning is the words. Parts that hold more than words, such as a signature, are kept as they are beside them.
fn think<'v>(message: &mut Message<'v>, thoughts: &[(JsonView<'v>, Option<Text<'v>>)]) {
    if thoughts.is_empty() {
        return;
    }
    let words: Vec<_> = thoughts.iter().filter_map(|(_, words)| words.as_ref()).collect();
    let words: Vec<_> = words.into_iter().map(Text::decode).collect();
    message.set_reasoning(Reasoning::Text(Text::new(words.join("\n"))));
    let is_more = |(part, _): &(JsonView<'_>, Option<Text<'_>>)| {
        let mut members = part.members();
        members.any(|(key, value)| !["text", "thought"].contains(&key.body()) && !value.is_null())
    };
    if thoughts.iter().any(is_more) {
        let parts = RawJson::list(thoughts.iter().map(|(part, _)| *part));
        message.extra_mut().insert(Text::new("thought_parts"), parts);
    }
}

/// What a function gave: `{"output": "…"}` and `{"error": "…"}` are texts, anything else stays an object.
fn answered(response: JsonView<'_>) -> Result<Content<'_>, DecodeError> {
    let mut members = response.members();
    if let (Some((key, value)), None) = (members.next(), members.next())
        && matches!(key.body(), "output" | "error")
        && let Some(text) = value.as_text()
    {
        return Ok(Content::Text(text));
    }
    Content::read(&mut response.cursor())
}

/// A part that says something; one that nobody knows stays as it was recorded.
fn said<'v>(part: JsonView<'v>, words: Option<Text<'v>>) -> Part<'v> {
    if let Some(words) = words {
        let mut made = TextPart::new(words);
        for (key, value) in part
            .members()
            .filter(|(key, value)| key.body() != "text" && !value.is_null())
        {
            made.extra_mut().insert(key, value.raw());
        }
        return Part::Text(made);
    }
    let data = either(part, "inlineData", "inline_data");
    let file = either(part, "fileData", "file_data");
    // A name is more than a medium can hold.
    let is_bare = |value: &JsonView<'_>| value.members().filter(|(_, value)| !value.is_null()).count() == 2;
    let (data, file) = (data.filter(is_bare), file.filter(is_bare));
    let typed = |value| text(value, "mimeType").or_else(|| text(value, "mime_type"));
    let found = match (&data, &file) {
        (Some(data), None) => text(*data, "data").map(|bytes| (MediaSource::Data(bytes), typed(*data))),
        (None, Some(file)) => text(*file, "fileUri")
            .or_else(|| text(*file, "file_uri"))
            .map(|uri| (MediaSource::Url(uri), typed(*file))),
        _ => None,
    };
    match found {
        Some((source, Some(media_type)))
            if part.members().filter(|(_, value)| !value.is_null()).count() == 1 =>
        {
            let kind = match media_type.body().split('/').next() {
                Some("image") => MediaKind::Image,
                Some("audio") => MediaKind::Audio,
                Some("video") => MediaKind::Video,
                _ => MediaKind::File,
            };
            Part::Media(Media::new(kind, source).with_media_type(Some(media_type)))
        }
        _ => Part::Other(part.raw()),
    }
}

/// The member under one of two spellings.
pub(crate) fn either<'v>(value: JsonView<'v>, camel: &str, snake: &str) -> Option<JsonView<'v>> {
    let [camel, snake] = value.pick([camel, snake]);
    given(camel, snake)
}

/// The same of members that were found.
fn given<'v>(camel: Option<JsonView<'v>>, snake: Option<JsonView<'v>>) -> Option<JsonView<'v>> {
    walk::given(camel.or(snake))
}

/// Reads tool definitions, and apart from them what the provider runs itself; types in upper case, as the API prints them,
/// become those of JSON Schema.
pub(crate) fn tools<'v>(list: JsonView<'v>, prompt: &mut Prompt<'v>) {
    let mut tools = Vec::new();
    for tool in list.elements() {
        let declarations = either(tool, "functionDeclarations", "function_declarations");
        let beside = |(key, value): &(Text<'_>, JsonView<'_>)| {
            !["functionDeclarations", "function_declarations"].contains(&key.body()) && !value.is_null()
        };
        let mut hosted = tool.members().filter(beside).peekable();
        if declarations.is_none() {
            prompt.hosted.push(tool.raw());
        } else if hosted.peek().is_some() {
            prompt.hosted.push(RawJson::object(hosted));
        }
        for declaration in declarations.into_iter().flat_map(JsonView::elements) {
            match function(declaration) {
                Some(function) => tools.push(Tool::Function(function)),
                None => prompt.hosted.push(declaration.raw()),
            }
        }
    }
    prompt.tools = Some(tools);
}

fn function(declaration: JsonView<'_>) -> Option<Function<'_>> {
    let [name, description, plain, json, snake_json] = declaration.pick([
        "name",
        "description",
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
    ]);
    let name = name.and_then(JsonView::as_text)?;
    let json = given(json, snake_json);
    let plain = walk::given(plain);
    let schema = match (json, plain) {
        (Some(schema), _) => Some(schema.raw()),
        (None, Some(schema)) => Some(lower_types(schema)),
        (None, None) => None,
    };
    let mut function = Function::new(name)
        .with_description(description.and_then(JsonView::as_text))
        .with_parameters(schema);
    let taken = [
        "name",
        "description",
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
    ];
    for (key, value) in declaration
        .members()
        .filter(|(key, _)| !taken.contains(&key.body()))
    {
        function.extra_mut().insert(key, value.raw());
    }
    Some(function)
}

/// What a `finishReason` says of the run.
pub(crate) fn outcome(finish_reason: &str) -> Option<Outcome> {
    match finish_reason {
        "STOP" => Some(Outcome::Completed),
        "MAX_TOKENS" => Some(Outcome::Truncated),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MALFORMED_FUNCTION_CALL" => {
            Some(Outcome::Errored)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_calls_results_and_thoughts_is_kept() {
        let json = r#"[{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"T"},{"functionCall":{"name":"f","args":{},"other":2},
            "thoughtSignature":"S","mark":3,"text":null}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"},
            "willContinue":true},"beside":4}],"note":5}]"#;
        let list = RawJson::parse(json).unwrap();
        let mut read = Contents::default();
        read.list(list.view()).unwrap();
        let messages: Vec<_> = read
            .messages
            .iter()
            .map(|message| message.to_json().to_string())
            .collect();
        assert_eq!(
            messages,
            [
                concat!(
                    r#"{"role":"assistant","reasoning":"hm","tool_calls":[{"id":"call_0","name":"f","arguments":{},"#,
                    r#""thoughtSignature":"S","mark":3,"other":2}],"#,
                    r#""thought_parts":[{"text":"hm","thought":true,"thoughtSignature":"T"}]}"#
                ),
                concat!(
                    r#"{"role":"tool","tool_call_id":"call_0","name":"f","content":"x","#,
                    r#""beside":4,"willContinue":true,"note":5}"#
                ),
            ]
        );
    }
}
