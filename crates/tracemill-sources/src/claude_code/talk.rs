//! The messages of a conversation, out of its lines.

use std::collections::BTreeSet;

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, DecodeErrorKind, Fields, JsonView, Limits, Message, Outcome, RawJson, Role, Text, Trace,
};

use super::line::{Line, Speaker};
use super::tree::Branch;
use crate::blocks::Blocks;
use crate::record::{deepest, raw};

/// What a session says once.
const OF_SESSION: [&str; 4] = ["cwd", "version", "gitBranch", "userType"];

/// What a line may say that a message would take for its own.
const OF_MESSAGES: [&str; 12] = [
    "name",
    "content",
    "reasoning",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "is_error",
    "train",
    "weight",
    "loss_weight",
    "function_call",
    "refusal",
];

/// One conversation as it is read.
pub(super) struct Talk {
    messages: Vec<Message<'static>>,
    session: Fields<'static>,
    model: Option<Text<'static>>,
    /// The messages of the assistant that were read.
    said: BTreeSet<String>,
    /// Why the assistant stopped, if it spoke last.
    stopped: Option<Text<'static>>,
    limits: Limits,
    pub(super) meta: u64,
    pub(super) commands: u64,
    pub(super) events: u64,
}

impl Talk {
    pub(super) fn new(limits: Limits) -> Self {
        Talk {
            messages: Vec::new(),
            session: Fields::new(),
            model: None,
            said: BTreeSet::new(),
            stopped: None,
            limits,
            meta: 0,
            commands: 0,
            events: 0,
        }
    }

    /// Reads the next line of the branch.
    pub(super) fn read(&mut self, lines: &[Line<'_>], branch: &Branch, at: usize) -> Result<(), DecodeError> {
        let line = &lines[at];
        let count = if !line.is_turn() {
            &mut self.events
        } else if line.is_meta {
            &mut self.meta
        } else if line.is_command() {
            &mut self.commands
        } else if line.speaker == Speaker::User {
            return self.say(&[line], Role::User);
        } else {
            return self.answer(lines, branch, at);
        };
        *count += 1;
        Ok(())
    }

    /// Reads the lines of one message of the assistant, and the results that stand beside the branch.
    fn answer(&mut self, lines: &[Line<'_>], branch: &Branch, at: usize) -> Result<(), DecodeError> {
        let mut of: &[usize] = &[at];
        if let Some(id) = &lines[at].message_id {
            if !self.said.insert(id.decode().into_owned()) {
                return Ok(());
            }
            of = branch.message(id);
        }
        let of: Vec<&Line<'_>> = of.iter().map(|&at| &lines[at]).collect();
        self.say(&of, Role::Assistant)?;
        for call in of.iter().flat_map(|line| line.calls()) {
            if let Some(at) = branch.result(&call) {
                self.say(&[&lines[at]], Role::User)?;
            }
        }
        Ok(())
    }

    /// Adds what the lines of one message say; results are messages before it.
    fn say(&mut self, lines: &[&Line<'_>], role: Role<'static>) -> Result<(), DecodeError> {
        let is_answer = role == Role::Assistant;
        let mut made = Vec::new();
        match lines {
            [line] => match &line.content {
                Some(content) => deliver(content.view(), role, &mut made)?,
                None => made.push(Message::new(role)),
            },
            several => deliver(together(several)?.view(), role, &mut made)?,
        }
        if let Some(last) = made.last_mut() {
            self.describe(last, lines)?;
        }
        self.messages.append(&mut made);
        let last = lines.last().and_then(|line| line.rest.get("stop_reason"));
        let reason = last.and_then(RawJson::as_text).filter(|_| is_answer);
        self.stopped = reason.map(Text::into_owned);
        if self.messages.len() <= self.limits.messages() {
            return Ok(());
        }
        let message = format!("more than {} messages in one trace", self.limits.messages());
        Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message))
    }

    /// Keeps what the lines say beside the content: that of the last one, which has the final counts, and what the others
    /// say otherwise.
    fn describe(&mut self, message: &mut Message<'static>, lines: &[&Line<'_>]) -> Result<(), DecodeError> {
        let Some((last, earlier)) = lines.split_last() else {
            return Ok(());
        };
        let own = Self::details(last);
        let differ = |line: &&&Line<'_>| {
            let mut fields = Fields::new();
            for (key, value) in Self::details(line).iter() {
                if own.get(&key.decode()) != Some(value) {
                    fields.insert(key.clone(), value.clone());
                }
            }
            fields
        };
        let earlier: Vec<_> = earlier.iter().map(|line| differ(&line)).collect();
        for key in OF_SESSION {
            let known = self.session.get(key).is_some();
            if let Some(value) = own.get(key).filter(|_| !known) {
                self.session.insert(Text::new(key), value.clone());
            }
        }
        if self.model.is_none() {
            self.model = own.get("model").and_then(RawJson::as_text).map(Text::into_owned);
        }
        for (key, value) in own.iter() {
            let name = key.decode();
            let is_known =
                self.session.get(&name) == Some(value) || name == "model" && value.as_text() == self.model;
            if OF_MESSAGES.contains(&&*name) {
                let name = Text::new(format!("source.{name}"));
                message.extra_mut().insert(name, value.clone());
            } else if !is_known {
                message.extra_mut().insert(key.clone(), value.clone());
            }
        }
        if earlier.iter().any(|fields| !fields.is_empty()) {
            let others = raw(deepest(), |w| {
                w.begin_array();
                for fields in &earlier {
                    w.begin_object();
                    fields.write(w);
                    w.end_object();
                }
                w.end_array();
            })?;
            message.extra_mut().insert(Text::new("earlier_lines"), others);
        }
        Ok(())
    }

    fn details(line: &Line<'_>) -> Fields<'static> {
        let mut fields = Fields::new();
        let named = [("uuid", &line.uuid), ("id", &line.message_id)];
        for (key, value) in named {
            if let Some(value) = value {
                fields.insert(Text::new(key), value.borrowed().into_owned().into());
            }
        }
        for (key, value) in line.rest.iter() {
            if fields.get(&key.decode()).is_none() {
                fields.insert(key.clone().into_owned(), value.clone().into_owned());
            }
        }
        fields
    }

    /// Hands the messages over, with what the session says once and how it ended.
    pub(super) fn finish(self, trace: &mut Trace<'static>) {
        *trace.messages_mut() = self.messages;
        trace.set_model(self.model);
        *trace.extra_mut() = self.session;
        trace.set_outcome(match self.stopped.as_ref().map(Text::body) {
            Some("end_turn" | "stop_sequence") => Some(Outcome::Completed),
            Some("max_tokens") => Some(Outcome::Truncated),
            _ => None,
        });
    }
}

fn deliver(
    content: JsonView<'_>,
    role: Role<'_>,
    made: &mut Vec<Message<'static>>,
) -> Result<(), DecodeError> {
    let inside = |error: DecodeError| error.in_key("content").in_key("message");
    let mut cursor = content.cursor();
    let mut messages = Vec::new();
    let blocks = Blocks::read(&mut cursor).map_err(inside)?;
    blocks.deliver(role, &mut messages);
    made.extend(messages.into_iter().map(Message::into_owned));
    Ok(())
}

/// The blocks of several lines in one list.
fn together(lines: &[&Line<'_>]) -> Result<RawJson<'static>, DecodeError> {
    raw(deepest(), |w| {
        w.begin_array();
        for content in lines.iter().filter_map(|line| line.content.as_ref()) {
            match content.kind() {
                Kind::Null => {}
                Kind::Array => {
                    for block in content.elements() {
                        w.raw(block);
                    }
                }
                Kind::String => {
                    w.begin_object();
                    w.key("type").str("text").key("text").raw(content);
                    w.end_object();
                }
                _ => {
                    w.raw(content);
                }
            }
        }
        w.end_array();
    })
}
