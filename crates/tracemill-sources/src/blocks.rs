//! Messages of Anthropic: text, thinking, calls and results are blocks of one list.
//!
//! Evidence: the type definitions of anthropic 2.11.0 for Python, and recorded requests and responses.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, Fields, JsonView, Media, MediaKind, MediaSource,
    Message, Part, RawJson, Reasoning, Role, Text, ToolCall,
};

/// The content of one message, sorted.
#[derive(Debug, Default)]
pub(crate) struct Blocks<'a> {
    content: Content<'a>,
    thoughts: Vec<RawJson<'a>>,
    calls: Vec<ToolCall<'a>>,
    results: Vec<Message<'a>>,
}

impl<'a> Blocks<'a> {
    /// Reads a string, `null` or a list of blocks.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut blocks = Blocks::default();
        if cursor.peek()? != Kind::Array {
            blocks.content = Content::read(cursor)?;
            return Ok(blocks);
        }
        let mut parts = Vec::new();
        cursor.array(|cursor, _| blocks.read_block(cursor, &mut parts))?;
        let nothing_else = blocks.thoughts.is_empty() && blocks.calls.is_empty() && blocks.results.is_empty();
        if nothing_else || !parts.is_empty() {
            blocks.content = Content::Parts(parts);
        }
        Ok(blocks)
    }

    fn read_block(&mut self, cursor: &mut Cursor<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), DecodeError> {
        let kind = match cursor.peek()? {
            Kind::Object => cursor.type_ahead(),
            _ => None,
        };
        let kind = kind.as_ref().and_then(RawJson::as_text);
        match kind.as_ref().map(Text::body) {
            Some("tool_use") => self.calls.push(call(cursor)?),
            Some("tool_result") => self.results.push(result(cursor)?),
            Some("thinking" | "redacted_thinking") => self.thoughts.push(cursor.raw()?),
            _ => parts.push(part(cursor)?),
        }
        Ok(())
    }

    /// Hands over the messages: the results, each its own, before what else is said.
    pub(crate) fn deliver(self, role: Role<'a>, messages: &mut Vec<Message<'a>>) {
        let only_results = !self.results.is_empty()
            && self.content == Content::Missing
            && self.calls.is_empty()
            && self.thoughts.is_empty();
        messages.extend(self.results);
        if only_results {
            return;
        }
        let mut message = Message::new(role);
        message.set_content(self.content);
        for call in self.calls {
            message.push_tool_call(call);
        }
        think(&mut message, &self.thoughts);
        messages.push(message);
    }
}

/// Reads one message of a request; a user message with results is several.
pub(crate) fn read_message<'a>(
    cursor: &mut Cursor<'a>,
    messages: &mut Vec<Message<'a>>,
) -> Result<(), DecodeError> {
    let rest = read_said(cursor, messages)?;
    if let Some(last) = messages.last_mut() {
        for (key, value) in rest.iter() {
            let key = Text::new(format!("anthropic.{}", key.decode()));
            last.extra_mut().insert(key, value.clone());
        }
    }
    Ok(())
}

/// Reads the role and the content of one message; gives the fields beside them.
pub(crate) fn read_said<'a>(
    cursor: &mut Cursor<'a>,
    messages: &mut Vec<Message<'a>>,
) -> Result<Fields<'a>, DecodeError> {
    let (mut role, mut blocks, mut rest) = (None, None, Fields::new());
    cursor.object(|cursor, key| {
        match key.body() {
            "role" if role.is_none() => role = Some(Role::named(cursor.text()?)),
            "content" if blocks.is_none() => blocks = Some(Blocks::read(cursor)?),
            "role" | "content" => {
                return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the message has this twice"));
            }
            _ => rest.read(cursor, key)?,
        }
        Ok(())
    })?;
    let missing = || cursor.error(DecodeErrorKind::MissingField, "a message needs a `role`");
    let role = role.ok_or_else(missing)?;
    blocks.unwrap_or_default().deliver(role, messages);
    Ok(rest)
}

/// Reads a block that says something: text, an image or a document; any other is kept as it came.
fn part<'a>(cursor: &mut Cursor<'a>) -> Result<Part<'a>, DecodeError> {
    let kind = match cursor.peek()? {
        Kind::Object => cursor.type_ahead(),
        _ => None,
    };
    let kind = match kind.as_ref().map(RawJson::as_str) {
        Some("\"image\"") => MediaKind::Image,
        Some("\"document\"") => MediaKind::File,
        _ => return Part::read(cursor),
    };
    let block = cursor.raw()?;
    match media(kind, block.view()) {
        Some(media) => Ok(Part::Media(media)),
        None => Ok(Part::read(&mut block.cursor())?.into_owned()),
    }
}

/// A block whose bytes stand under `source`; none if there is more to say of them than a medium can.
fn media(kind: MediaKind, block: JsonView<'_>) -> Option<Media<'static>> {
    const PDF: &str = "application/pdf";
    let source = block.get("source")?;
    let text = |key| source.get(key)?.as_text().map(Text::into_owned);
    let (key, made) = match text("type")?.body() {
        "base64" => ("data", MediaSource::Data(text("data")?)),
        "url" => ("url", MediaSource::Url(text("url")?)),
        "file" => ("file_id", MediaSource::Id(text("file_id")?)),
        _ => return None,
    };
    let is_known = |name: &str| name == "type" || name == "media_type" || name == key;
    if !source.members().all(|(name, _)| is_known(name.body())) {
        return None;
    }
    // The API takes documents by address if they are PDF, and has no place to say so.
    let by_address = (kind == MediaKind::File && key == "url").then(|| Text::new(PDF));
    let mut media = Media::new(kind, made).with_media_type(text("media_type").or(by_address));
    for (name, value) in block.members() {
        match name.body() {
            "type" | "source" => {}
            "url" | "data" | "id" | "media_type" | "name" | "file" => return None,
            _ => media.extra_mut().insert(name.into_owned(), value.into_owned()),
        }
    }
    Some(media)
}

/// Reads what a tool gave back.
fn given<'a>(cursor: &mut Cursor<'a>) -> Result<Content<'a>, DecodeError> {
    if cursor.peek()? != Kind::Array {
        return Content::read(cursor);
    }
    let mut parts = Vec::new();
    cursor.array(|cursor, _| {
        parts.push(part(cursor)?);
        Ok(())
    })?;
    Ok(Content::Parts(parts))
}

fn call<'a>(cursor: &mut Cursor<'a>) -> Result<ToolCall<'a>, DecodeError> {
    let (mut id, mut name, mut arguments, mut rest) = (None, None, Arguments::Missing, Fields::new());
    cursor.object(|cursor, key| {
        match key.body() {
            "type" => cursor.skip()?,
            "id" => id = cursor.optional_text()?,
            "name" => name = Some(cursor.text()?),
            "input" => {
                arguments = match cursor.peek()? {
                    Kind::String => Arguments::Text(cursor.text()?),
                    Kind::Null => cursor.skip().map(|()| Arguments::Missing)?,
                    _ => Arguments::Value(cursor.raw()?),
                }
            }
            _ => rest.read(cursor, key)?,
        }
        Ok(())
    })?;
    let missing = || cursor.error(DecodeErrorKind::MissingField, "a `tool_use` block needs a `name`");
    let mut call = ToolCall::new(name.ok_or_else(missing)?, arguments).with_id(id);
    *call.extra_mut() = rest;
    Ok(call)
}

fn result<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    let mut message = Message::new(Role::Tool);
    cursor.object(|cursor, key| {
        match key.body() {
            "type" => cursor.skip()?,
            "tool_use_id" => drop(message.set_tool_call_id(cursor.optional_text()?)),
            "content" => drop(message.set_content(given(cursor)?)),
            "is_error" if cursor.null()? => {}
            "is_error" => drop(message.set_is_error(cursor.boolean()?)),
            _ => message.extra_mut().read(cursor, key)?,
        }
        Ok(())
    })?;
    Ok(message)
}

/// Reasoning is the words. Blocks that hold more than words, such as a signature, are kept as they are beside them; where
/// there are no words the blocks are the reasoning.
pub(crate) fn think(message: &mut Message<'_>, thoughts: &[RawJson<'_>]) {
    if thoughts.is_empty() {
        return;
    }
    let words: Vec<_> = thoughts
        .iter()
        .filter_map(|block| {
            let words = block.get("thinking").or_else(|| block.get("reasoning"))?;
            Some(words.as_text()?.decode().into_owned())
        })
        .filter(|words| !words.is_empty())
        .collect();
    let bare = thoughts.len() == 1 && thoughts[0].members().count() == 2;
    if words.is_empty() {
        message.set_reasoning(Reasoning::Opaque(RawJson::list(
            thoughts.iter().map(RawJson::view),
        )));
        return;
    }
    message.set_reasoning(Reasoning::Text(Text::new(words.join("\n\n"))));
    if !bare {
        message.extra_mut().insert(
            Text::new("thinking_blocks"),
            RawJson::list(thoughts.iter().map(RawJson::view)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> String {
        let mut trace = tracemill_model::Trace::new();
        read_message(&mut Cursor::new(json), trace.messages_mut()).unwrap();
        let mut out = Vec::new();
        trace.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn results_of_one_message_are_tool_messages_in_order_before_its_text() {
        let json = r#"{"role":"user","content":[{"type":"text","text":"and?"},{"type":"tool_result","tool_use_id":"b",
            "content":"1","is_error":true},{"type":"tool_result","tool_use_id":"a","content":[]}]}"#;
        let expected = concat!(
            r#"{"messages":[{"role":"tool","tool_call_id":"b","content":"1","is_error":true},"#,
            r#"{"role":"tool","tool_call_id":"a","content":[]},"#,
            r#"{"role":"user","content":[{"type":"text","text":"and?"}]}]}"#
        );
        assert_eq!(read(json), expected);
    }

    #[test]
    fn words_are_reasoning_and_signed_blocks_are_kept_beside_them() {
        let json = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"so","signature":"x"},
            {"type":"tool_use","id":"a","name":"f","input":{"q":1.0},"caller":{}}]}"#;
        let expected = concat!(
            r#"{"messages":[{"role":"assistant","reasoning":"so","#,
            r#""tool_calls":[{"id":"a","name":"f","arguments":{"q":1.0},"caller":{}}],"#,
            r#""thinking_blocks":[{"type":"thinking","thinking":"so","signature":"x"}]}]}"#
        );
        assert_eq!(read(json), expected);
    }

    #[test]
    fn redacted_thinking_is_opaque() {
        let json = r#"{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"}]}"#;
        assert!(read(json).contains(r#""reasoning":[{"type":"redacted_thinking","data":"x"}]"#));
    }
}
