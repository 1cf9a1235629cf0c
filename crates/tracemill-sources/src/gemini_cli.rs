//! `gemini-cli`: chat sessions of the Gemini CLI.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, DecodeError, Framing, JsonView, Limits, Message, RawJson, Reasoning, Role, Text, ToolCall,
    Trace,
};

use crate::detect::Evidence;
use crate::gemini_contents::Contents;
use crate::head::Head;
use crate::parts::insert;
use crate::record::{deepest, raw};
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "gemini-cli",
    summary: "chat sessions of the Gemini CLI (`~/.gemini/tmp/*/chats/session-*.json`)",
    suffixes: JSON,
    reads: "One session a record, or one of its messages alone. `gemini` messages are the assistant's, and hold their calls with the results: \
            each result is a tool message behind them, `{\"output\": …}` and `{\"error\": …}` as text, other objects as \
            they are. A `status` of `error` is an error; a call without a `result` has no tool message. `thoughts` \
            are the reasoning, each its subject in `**` and its description, and are kept as well. `id` is \
            `sessionId`, the model that of the first answer. Messages keep `id`, `timestamp`, `tokens` and whatever else they \
            have, calls their `status`, `resultDisplay` and the rest. Messages of other types are words of the program and \
            stay in `other_messages`. There is no system prompt and no tool definition in these files.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "a session without a message of the user or the model",
    )],
    notes: &[Note::new(
        OTHER,
        "messages of the program itself: kept beside the conversation",
    )],
    options: &[],
    make: |_| Box::new(GeminiCli),
};

const NO_CONVERSATION: &str = "no-conversation";
const OTHER: &str = "other-messages";

/// Chat sessions of the Gemini CLI.
#[derive(Clone, Copy, Debug)]
struct GeminiCli;

/// What speaks for a session. Also asked by `tracemill`, whose records have `messages` too.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    let session = ["/sessionId", "/projectHash", "/messages"];
    if session.iter().all(|key| head.has(key)) && head.kind("/messages") == Some(Kind::Array) {
        return Some(Evidence::keys(&session));
    }
    // One message alone.
    let is_answer = head.text("/type") == Some("gemini") && head.has("/content");
    let told = ["/thoughts", "/tokens", "/toolCalls"]
        .into_iter()
        .find(|key| head.has(key))?;
    is_answer.then(|| Evidence::keys(&["/type", "/content", told]))
}

impl Source for GeminiCli {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        evidence(head)
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let session = walk::record(context, record, batch)?;
        let mut talk = Talk::new(context.limits());
        let messages = session.get("messages");
        match &messages {
            None => talk.read(session)?,
            Some(list) => {
                walk::expect(*list, Kind::Array).map_err(|error| error.in_key("messages"))?;
                for (index, message) in list.elements().enumerate() {
                    talk.read(message)
                        .map_err(|error| error.in_index(index).in_key("messages"))?;
                }
            }
        }
        if talk.said.messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        batch.note(OTHER, talk.others.len() as u64);
        let mut trace = Trace::new();
        *trace.messages_mut() = talk.said.messages;
        trace.set_model(talk.model);
        if messages.is_some() {
            let id = session.get("sessionId").filter(|id| !id.is_null());
            trace.set_id(
                id.and_then(|id| walk::text(id, ""))
                    .map(|id| walk::key(&id.decode())),
            );
            walk::keep_rest(&mut trace, session, INFO.name, &["messages", "sessionId"]);
        }
        if !talk.others.is_empty() {
            let list = raw(deepest(), |w| {
                w.begin_array();
                for message in &talk.others {
                    w.raw(message);
                }
                w.end_array();
            })?;
            insert(&mut trace, "other_messages", list);
        }
        batch.push(trace);
        Ok(())
    }
}

/// A session as it is read.
struct Talk<'a> {
    said: Said<'a>,
    model: Option<Text<'a>>,
    others: Vec<RawJson<'a>>,
}

impl<'a> Talk<'a> {
    fn new(limits: Limits) -> Self {
        Talk {
            said: Said::new(limits),
            model: None,
            others: Vec::new(),
        }
    }

    fn read(&mut self, message: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(message, Kind::Object)?;
        let kind = walk::text(message, "/type").ok_or_else(|| walk::missing("type"))?;
        match kind.body() {
            "user" => {
                let mut made = said(Role::User, message)?;
                walk::keep_in_message(&mut made, message, &["type", "content"]);
                self.said.push(made)
            }
            "gemini" => self.answer(message),
            _ => {
                self.others.push(message.into_owned());
                Ok(())
            }
        }
    }

    fn answer(&mut self, message: JsonView<'a>) -> Result<(), DecodeError> {
        let mut made = said(Role::Assistant, message)?;
        let calls = message.get("toolCalls").filter(|calls| !calls.is_null());
        let mut results = Vec::new();
        if let Some(calls) = &calls {
            let inside = |error: DecodeError| error.in_key("toolCalls");
            walk::expect(*calls, Kind::Array).map_err(inside)?;
            for (index, call) in calls.elements().enumerate() {
                let read = read_call(call, &mut results).map_err(|error| inside(error.in_index(index)))?;
                made.push_tool_call(read);
            }
        }
        let thoughts = message.get("thoughts");
        let words: Vec<_> = thoughts
            .into_iter()
            .flat_map(JsonView::elements)
            .filter_map(|it| thought(it))
            .collect();
        if !words.is_empty() {
            made.set_reasoning(Reasoning::Text(Text::new(words.join("\n\n"))));
        }
        let model = walk::text(message, "/model");
        if self.model.is_none() {
            self.model.clone_from(&model);
        }
        let is_known = model.is_some() && model == self.model;
        let taken: &[&str] = if is_known {
            &["type", "content", "toolCalls", "model"]
        } else {
            &["type", "content", "toolCalls"]
        };
        walk::keep_in_message(&mut made, message, taken);
        self.said.push(made)?;
        results.into_iter().try_for_each(|result| self.said.push(result))
    }
}

/// A message of its content: text, or parts as the API has them.
fn said<'v>(role: Role<'v>, message: JsonView<'v>) -> Result<Message<'v>, DecodeError> {
    let content = message.get("content");
    let parts = content.as_ref().filter(|content| content.kind() == Kind::Array);
    let Some(parts) = parts else {
        return walk::spoken(role, content).map_err(|error| error.in_key("content"));
    };
    let parts = parts_of(*parts)?;
    let mut read = Contents::default();
    read.content(role.clone().into_owned(), parts.view())
        .map_err(|error| error.in_key("content"))?;
    Ok(match read.messages.pop() {
        Some(message) => message.into_owned(),
        None => Message::new(role),
    })
}

fn parts_of(parts: JsonView<'_>) -> Result<RawJson<'_>, DecodeError> {
    raw(deepest(), |w| {
        w.begin_object();
        w.key("parts").raw(parts);
        w.end_object();
    })
}

/// Reads a call; its results go to the messages behind it.
fn read_call<'v>(call: JsonView<'v>, results: &mut Vec<Message<'v>>) -> Result<ToolCall<'v>, DecodeError> {
    walk::expect(call, Kind::Object)?;
    let name = walk::text(call, "/name").ok_or_else(|| walk::missing("name"))?;
    let id = walk::text(call, "/id");
    let arguments = match call.get("args") {
        Some(args) => Arguments::read(&mut args.cursor())?.into_owned(),
        None => Arguments::Missing,
    };
    let failed = walk::says(call, "/status", "error");
    for mut result in read_result(call)? {
        if *result.role() == Role::Tool {
            result.set_tool_call_id(id.clone()).set_name(name.clone());
            if failed {
                result.set_is_error(true);
            }
        }
        results.push(result);
    }
    let mut made = ToolCall::new(name, arguments).with_id(id);
    for (key, value) in call.members() {
        if ["id", "name", "args", "result"].contains(&key.body()) {
            continue;
        }
        let own = ["type", "arguments", "function", "custom"].contains(&key.body());
        let key = if own {
            Text::new(format!("source.{}", key.decode()))
        } else {
            key.into_owned()
        };
        made.extra_mut().insert(key, value.into_owned());
    }
    Ok(made)
}

/// The messages in the result of a call: the parts of an answer, or whatever else there is.
fn read_result(call: JsonView<'_>) -> Result<Vec<Message<'_>>, DecodeError> {
    let Some(result) = call.get("result").filter(|result| !result.is_null()) else {
        return Ok(Vec::new());
    };
    let inside = |error: DecodeError| error.in_key("result");
    if result.kind() != Kind::Array {
        return Ok(vec![walk::spoken(Role::Tool, Some(result)).map_err(inside)?]);
    }
    let parts = parts_of(result)?;
    let mut read = Contents::default();
    if result.elements().next().is_some() {
        read.content(Role::User, parts.view()).map_err(inside)?;
    }
    let answers = read.messages.iter().any(|message| *message.role() == Role::Tool);
    if !answers {
        // Parts without a `functionResponse` around them are the result all the same.
        read.messages.iter_mut().for_each(|message| {
            message.set_role(Role::Tool);
        });
    }
    Ok(walk::owned(read.messages))
}

fn thought(thought: JsonView<'_>) -> Option<String> {
    let part = |key| {
        let text = walk::text(thought, key)?.decode().into_owned();
        (!text.is_empty()).then_some(text)
    };
    match (part("/subject"), part("/description")) {
        (Some(subject), Some(description)) => Some(format!("**{subject}**\n{description}")),
        (Some(subject), None) => Some(format!("**{subject}**")),
        (None, description) => description,
    }
}
