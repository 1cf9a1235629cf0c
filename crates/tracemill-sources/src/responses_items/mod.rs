//! Items of the Responses API: messages, reasoning, calls and their results are one flat list.
//!
//! What the model gave without anybody answering in between is one turn: `reasoning`, `message` and calls become one
//! assistant message. Types as in openai 3.57.0 for Python (`types/responses/response_input_item.py`), and recorded
//! requests, responses and sessions.

mod content;

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, Fields, JsonView, Limits, Message, Part, RawJson, Role,
    Text, Tool, ToolCall,
};

use crate::walk::{self, OF_CALLS, Said, keep, put};
use content::{OF_MESSAGES, into_parts, said, think};

/// What the provider did by itself in the middle of a turn, other than calls.
const HOSTED: [&str; 6] = [
    "mcp_list_tools",
    "mcp_approval_request",
    "compaction",
    "program",
    "program_output",
    "tool_search_output",
];

/// Reads one conversation, item by item.
pub(crate) struct Items<'a> {
    said: Said<'a>,
    turn: Option<Turn<'a>>,
}

/// What the model gave since somebody else spoke.
struct Turn<'a> {
    message: Message<'a>,
    thoughts: Vec<RawJson<'a>>,
    parts: Vec<Part<'a>>,
    /// Content that is no list of parts, as long as it is alone.
    content: Content<'a>,
    last: Last,
}

/// The last item of a turn.
#[derive(PartialEq)]
enum Last {
    Message,
    Other,
}

impl<'a> Items<'a> {
    pub(crate) fn new(limits: Limits) -> Self {
        Items {
            said: Said::new(limits),
            turn: None,
        }
    }

    /// Reads a text that a user says, or a list of items.
    pub(crate) fn list(&mut self, value: JsonView<'a>, speaker: Role<'a>) -> Result<(), DecodeError> {
        match value.kind() {
            Kind::Null => Ok(()),
            Kind::String => {
                let message = walk::spoken(speaker, Some(value))?;
                self.push(message)
            }
            Kind::Array => {
                for (index, item) in value.elements().enumerate() {
                    self.read(item).map_err(|error| error.in_index(index))?;
                }
                Ok(())
            }
            other => {
                let message = format!("expected text or a list of items, found {}", other.noun());
                Err(DecodeError::new(DecodeErrorKind::WrongType, 0, message))
            }
        }
    }

    /// Reads one item.
    pub(crate) fn read(&mut self, item: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(item, Kind::Object)?;
        let [kind, role, call_id] = item.pick(["type", "role", "call_id"]);
        let kind = kind.and_then(JsonView::as_text);
        let kind = kind.as_ref().map_or("message", Text::body);
        let has_call_id = call_id.is_some_and(|id| id.kind() == Kind::String);
        match kind {
            "message" => self.message(item, role.ok_or_else(|| walk::missing("role"))?),
            "reasoning" => {
                self.turn().thoughts.push(item.raw());
                Ok(())
            }
            _ if kind.ends_with("_call_output") => self.result(item, kind),
            _ if kind.ends_with("_call") && (has_call_id || kind == "function_call") => self.call(item, kind),
            _ if kind.ends_with("_call") || HOSTED.contains(&kind) => {
                self.turn().add(Part::Other(item.raw()));
                Ok(())
            }
            _ => {
                let mut message = Message::new(Role::named(Text::new(kind.to_owned())));
                message.set_content(Content::Other(item.raw()));
                self.push(message)
            }
        }
    }

    /// The message that the last item went to.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Message<'a>> {
        match &mut self.turn {
            Some(turn) => Some(&mut turn.message),
            None => self.said.messages.last_mut(),
        }
    }

    /// Adds a message of somebody else than the model.
    pub(crate) fn push(&mut self, message: Message<'a>) -> Result<(), DecodeError> {
        self.close()?;
        self.said.push(message)
    }

    /// The messages.
    pub(crate) fn finish(mut self) -> Result<Vec<Message<'a>>, DecodeError> {
        self.close()?;
        Ok(self.said.messages)
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        match self.turn.take() {
            Some(turn) => self.said.push(turn.into_message()),
            None => Ok(()),
        }
    }

    fn turn(&mut self) -> &mut Turn<'a> {
        let turn = self.turn.get_or_insert_with(|| Turn {
            message: Message::new(Role::Assistant),
            thoughts: Vec::new(),
            parts: Vec::new(),
            content: Content::Missing,
            last: Last::Other,
        });
        turn.last = Last::Other;
        turn
    }

    fn message(&mut self, item: JsonView<'a>, role: JsonView<'a>) -> Result<(), DecodeError> {
        let role = role
            .as_text()
            .ok_or_else(|| walk::wrong("a `role` is text").in_key("role"))?;
        let role = Role::named(role);
        let mut rest = Fields::new();
        let [content, id] = item.pick(["content", "id"]);
        let content = content.map(|content| said(content, &mut rest)).transpose();
        let content = content
            .map_err(|error| error.in_key("content"))?
            .unwrap_or_default();
        keep(
            &mut rest,
            item,
            &["type", "role", "content"],
            "source.",
            &OF_MESSAGES,
        );
        if role != Role::Assistant {
            let mut message = Message::new(role);
            message.set_content(content);
            *message.extra_mut() = rest;
            return self.push(message);
        }
        // Answers of the provider have ids. Those without, one behind the other, were written by whoever asked.
        let is_own = id.is_none();
        if is_own && self.turn.as_ref().is_some_and(|turn| turn.last == Last::Message) {
            self.close()?;
        }
        let turn = self.turn();
        turn.last = Last::Message;
        turn.say(content);
        for (key, value) in rest.iter() {
            put(turn.message.extra_mut(), key.clone(), value.clone());
        }
        Ok(())
    }

    fn call(&mut self, item: JsonView<'a>, kind: &str) -> Result<(), DecodeError> {
        let kind = kind.trim_end_matches("_call").trim_end_matches("_tool");
        let (name, argument) = match kind {
            "function" => (walk::text(item, "/name"), "arguments"),
            "custom" => (walk::text(item, "/name"), "input"),
            _ => {
                let keys = ["arguments", "input", "action", "operation"];
                let given = keys.into_iter().find(|key| item.get(key).is_some());
                (Some(Text::new(kind.to_owned())), given.unwrap_or("arguments"))
            }
        };
        let name = name.ok_or_else(|| walk::missing("name"))?;
        let arguments = match item.get(argument) {
            Some(value) => Arguments::read(&mut value.cursor())?,
            None => Arguments::Missing,
        };
        let mut call = ToolCall::new(name, arguments).with_id(walk::text(item, "/call_id"));
        if kind != "function" {
            call = call.with_kind(Text::new(kind.to_owned()));
        }
        let named: &[&str] = if ["function", "custom"].contains(&kind) {
            &["type", "call_id", "name", argument]
        } else {
            &["type", "call_id", argument]
        };
        keep(call.extra_mut(), item, named, "item_", &OF_CALLS);
        self.turn().message.push_tool_call(call);
        Ok(())
    }

    fn result(&mut self, item: JsonView<'a>, kind: &str) -> Result<(), DecodeError> {
        let mut message = Message::new(Role::Tool);
        message.set_tool_call_id(walk::text(item, "/call_id"));
        message.set_name(walk::text(item, "/name"));
        let mut rest = Fields::new();
        if let Some(output) = item.get("output") {
            let content = said(output, &mut rest).map_err(|error| error.in_key("output"))?;
            message.set_content(content);
        }
        let taken: &[&str] = if kind == "function_call_output" {
            &["type", "call_id", "name", "output"]
        } else {
            &["call_id", "name", "output"]
        };
        keep(&mut rest, item, taken, "source.", &OF_MESSAGES);
        *message.extra_mut() = rest;
        self.push(message)
    }
}

impl<'a> Turn<'a> {
    fn say(&mut self, content: Content<'a>) {
        if self.content == Content::Missing && self.parts.is_empty() {
            self.content = content;
            return;
        }
        for part in into_parts(content) {
            self.add(part);
        }
    }

    fn add(&mut self, part: Part<'a>) {
        let before = std::mem::take(&mut self.content);
        self.parts.extend(into_parts(before));
        self.parts.push(part);
    }

    fn into_message(mut self) -> Message<'a> {
        self.message.set_content(if self.parts.is_empty() {
            self.content
        } else {
            Content::Parts(self.parts)
        });
        think(&mut self.message, &self.thoughts);
        self.message
    }
}

/// Reads tool definitions, and apart from them what the provider runs itself.
pub(crate) fn tools<'v>(
    list: JsonView<'v>,
    hosted: &mut Vec<RawJson<'v>>,
) -> Result<Vec<Tool<'v>>, DecodeError> {
    walk::expect(list, Kind::Array)?;
    let mut tools = Vec::new();
    for (index, tool) in list.elements().enumerate() {
        let kind = walk::text(tool, "/type");
        match kind.as_ref().map(Text::body) {
            None | Some("function" | "custom") => {
                let tool = Tool::read(&mut tool.cursor()).map_err(|error| error.in_index(index))?;
                tools.push(tool);
            }
            Some(_) => hosted.push(tool.raw()),
        }
    }
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> String {
        let list = RawJson::parse(json).unwrap();
        let mut items = Items::new(Limits::default());
        items.list(list.view(), Role::User).unwrap();
        let mut trace = tracemill_model::Trace::new();
        *trace.messages_mut() = items.finish().unwrap();
        let mut out = Vec::new();
        trace.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_the_model_gave_in_one_go_is_one_message() {
        let json = r#"[{"role":"user","content":"hi"},{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"so"}],
            "encrypted_content":"x"},{"type":"message","id":"m","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"look","annotations":[]}]},{"type":"function_call","id":"f","call_id":"c","name":"ls",
            "arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"a"}]"#;
        let expected = concat!(
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"look","reasoning":"so","#,
            r#""tool_calls":[{"id":"c","name":"ls","arguments":"{}","item_id":"f"}],"annotations":[],"id":"m","status":"completed","#,
            r#""reasoning_items":[{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"so"}],"encrypted_content":"x"}]},"#,
            r#"{"role":"tool","tool_call_id":"c","content":"a"}]}"#
        );
        assert_eq!(read(json), expected);
    }

    #[test]
    fn encrypted_reasoning_is_opaque_and_an_empty_item_is_kept() {
        let sealed = r#"[{"type":"reasoning","summary":[],"content":null,"encrypted_content":"x"}]"#;
        assert!(read(sealed).contains(r#""reasoning":[{"type":"reasoning","summary":[]"#));
        let empty = r#"[{"type":"reasoning","id":"r","summary":[]}]"#;
        assert_eq!(
            read(empty),
            r#"{"messages":[{"role":"assistant","reasoning_items":[{"type":"reasoning","id":"r","summary":[]}]}]}"#
        );
    }

    #[test]
    fn messages_of_the_provider_join_and_those_of_the_client_stand_alone() {
        let own = r#"[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]"#;
        assert_eq!(
            read(own),
            r#"{"messages":[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]}"#
        );
        let given = r#"[{"type":"message","id":"1","role":"assistant","content":"a"},{"type":"web_search_call","id":"w"},
            {"type":"message","id":"2","role":"assistant","content":"b"}]"#;
        assert_eq!(
            read(given),
            concat!(
                r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"web_search_call","id":"w"},"#,
                r#"{"type":"text","text":"b"}],"id":"1","id_":"2"}]}"#
            )
        );
    }

    #[test]
    fn calls_of_other_kinds_are_named_by_them() {
        let json = r#"[{"type":"custom_tool_call","call_id":"a","name":"apply_patch","input":"*** Begin"},
            {"type":"local_shell_call","id":"l","call_id":"b","action":{"type":"exec","command":["ls"]},"status":"completed"},
            {"type":"local_shell_call_output","id":"b","output":"x"},{"type":"custom_tool_call_output","call_id":"a",
            "output":[{"type":"input_text","text":"ok"},{"type":"input_image","image_url":"data:x","detail":"low","file_id":null}]}]"#;
        let expected = concat!(
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom","name":"apply_patch","arguments":"*** Begin"},"#,
            r#"{"id":"b","type":"local_shell","name":"local_shell","arguments":{"type":"exec","command":["ls"]},"item_id":"l","status":"completed"}]},"#,
            r#"{"role":"tool","content":"x","type":"local_shell_call_output","id":"b"},"#,
            r#"{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"ok"},{"type":"image","url":"data:x","detail":"low"}],"#,
            r#""type":"custom_tool_call_output"}]}"#
        );
        assert_eq!(read(json), expected);
    }

    #[test]
    fn items_that_nobody_knows_are_kept() {
        assert_eq!(
            read(r#"[{"type":"item_reference","id":"m"}]"#),
            r#"{"messages":[{"role":"item_reference","content":{"type":"item_reference","id":"m"}}]}"#
        );
    }
}
