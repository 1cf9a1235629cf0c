//! Lines that models are tuned with: `{"system": …, "messages": […], "tools": […]}`, in the words of a request.
//!
//! Anthropic has no tuning format but that of Claude 3 Haiku on Bedrock (aws-samples/amazon-bedrock-samples,
//! `claude-haiku/DataValidation`, 2026-08), whose contents are text. Trainers and ractogateway 0.2.1 write blocks as well, and
//! some write fields of the `OpenAI` API beside them: those are read as what they are there.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, Fields, Message, RawJson, Text, Tool, Trace};

use super::within;
use crate::blocks;
use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{insert, instruction, instructs};
use crate::record::raw;
use crate::tracemill::claimed;

/// What speaks for such lines. Also asked by `tracemill`, as records have `messages`.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    if head.kind("/messages") != Some(Kind::Array) || claimed(head).is_some() {
        return None;
    }
    if head.has("/tools/0/input_schema") {
        return Some(Evidence::keys(&["/messages", "/tools/0/input_schema"]));
    }
    // What follows is also met in canonical traces, beside calls in their words.
    if head.mentions("\"tool_calls\"") {
        return None;
    }
    if has_system(head) && matches!(head.text("/messages/0/role"), Some("user" | "assistant")) {
        return Some(Evidence::keys(&["/system", "/messages"]));
    }
    let plain = head.record_keys().all(|key| KEYS.contains(&key));
    let found = BLOCKS
        .iter()
        .find(|(spellings, _)| spellings.iter().any(|block| head.mentions(block)));
    found
        .filter(|_| plain)
        .map(|(_, evidence)| Evidence::new(*evidence))
}

/// All that a line has where nothing but its blocks tells what it is.
const KEYS: [&str; 3] = ["system", "messages", "tools"];

/// Blocks that the API of `OpenAI` does not have, as programs lay out JSON.
const BLOCKS: [([&str; 2], &str); 3] = [
    (
        ["\"type\":\"tool_use\"", "\"type\": \"tool_use\""],
        "key `messages`, blocks of the type `tool_use`",
    ),
    (
        ["\"type\":\"tool_result\"", "\"type\": \"tool_result\""],
        "key `messages`, blocks of the type `tool_result`",
    ),
    (
        ["\"source\":{\"type\":\"", "\"source\": {\"type\": \""],
        "key `messages`, blocks with a `source`",
    ),
];

/// Whether there are instructions beside the messages; those of Converse have no type.
fn has_system(head: &Head) -> bool {
    match head.kind("/system") {
        Some(Kind::String) => head.text("/system") != Some(""),
        Some(Kind::Array) => head.has("/system/0/type"),
        _ => false,
    }
}

/// What stands in a record itself, and not in its request.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) system: Option<RawJson<'a>>,
    pub(super) messages: Option<Vec<Message<'a>>>,
    pub(super) tools: Option<Vec<Tool<'a>>>,
}

impl<'a> Line<'a> {
    /// Reads the field `key`, which is one of [`KEYS`] and no `null`.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>, key: &str) -> Result<(), DecodeError> {
        match key {
            "system" => self.system = Some(cursor.raw()?),
            "messages" => {
                let limit = cursor.limits().messages();
                let messages = self.messages.insert(Vec::new());
                cursor.array(|cursor, _| {
                    read_message(cursor, messages)?;
                    within(cursor, messages.len(), limit)
                })?;
            }
            _ if cursor.peek()? == Kind::Array => {
                let tools = self.tools.insert(Vec::new());
                cursor.array(|cursor, _| {
                    tools.push(definition(cursor)?);
                    Ok(())
                })?;
            }
            // Definitions as JSON text.
            _ => self.tools = Some(Tool::read_list(cursor)?),
        }
        Ok(())
    }

    /// Puts the line into the trace of its other fields.
    pub(super) fn into_trace(self, mut trace: Trace<'a>) -> Result<Trace<'a>, DecodeError> {
        let mut messages = self
            .messages
            .ok_or_else(|| super::missing("a record needs a `request` or `messages`"))?;
        match self.system {
            Some(system) if instructs(&messages, system.view()) => {
                let system = instruction(system).map_err(|error| error.in_key("system"))?;
                messages.insert(0, system);
            }
            Some(system) => insert(&mut trace, "system", system),
            None => {}
        }
        *trace.messages_mut() = messages;
        trace.set_tools(self.tools);
        Ok(trace)
    }
}

/// Reads one definition, in the words of Anthropic or in those of the `OpenAI` API.
fn definition<'a>(cursor: &mut Cursor<'a>) -> Result<Tool<'a>, DecodeError> {
    let raw = cursor.raw()?;
    if raw.get("input_schema").is_some() {
        return Ok(super::definition(raw, "input_schema"));
    }
    Tool::read(&mut raw.cursor()).map(Tool::into_owned)
}

/// Reads one message. Fields that a message has in the words of a trace, such as `weight`, are read as those.
fn read_message<'a>(cursor: &mut Cursor<'a>, messages: &mut Vec<Message<'a>>) -> Result<(), DecodeError> {
    let rest = blocks::read_said(cursor, messages)?;
    match messages.last_mut() {
        Some(last) if !rest.is_empty() => add_fields(last, &rest, cursor),
        _ => Ok(()),
    }
}

fn add_fields<'a>(
    message: &mut Message<'a>,
    fields: &Fields<'a>,
    cursor: &Cursor<'a>,
) -> Result<(), DecodeError> {
    let own = raw(*cursor.limits(), |w| {
        w.begin_object();
        w.key("role").text(&message.role().name());
        fields.write(w);
        w.end_object();
    })?;
    let read = Message::read(&mut own.cursor())?.into_owned();
    for call in read.tool_calls() {
        message.push_tool_call(call.clone());
    }
    message.set_name(read.name().cloned()).set_train(read.train());
    if message.tool_call_id().is_none() {
        message.set_tool_call_id(read.tool_call_id().cloned());
    }
    if message.is_error().is_none() {
        message.set_is_error(read.is_error());
    }
    if message.reasoning().is_none() {
        message.set_reasoning(read.reasoning().cloned());
    }
    for (key, value) in read.extra().iter() {
        let mut key = key.decode().into_owned();
        while message.extra().get(&key).is_some() {
            key.push('_');
        }
        message.extra_mut().insert(Text::new(key), value.clone());
    }
    Ok(())
}
