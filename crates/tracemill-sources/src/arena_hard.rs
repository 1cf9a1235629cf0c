//! `arena-hard`: questions of Arena-Hard, and what models answered.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, DecodeError, Framing, Group, GroupKind, JsonView, Message, Role, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::said;
use crate::registry::{JSON, Note, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "arena-hard",
    summary: "Arena-Hard: questions, and the answers of models to them",
    suffixes: JSON,
    reads: "An answer is a trace: its `messages` begin with the question, so that no side file is needed. What the \
            assistant said is `content.answer`; what else stands in `content` is kept with the message. `id` is `ans_id`, \
            the group is the question (`uid`), so that the answers of several models compete, and `model` is the model. A \
            question is a trace without an answer, with `uid` as its `id`. Everything else is kept.",
    skips: &[],
    notes: &[Note::new(NO_ANSWER, "questions, which have no answer")],
    options: &[],
    make: |_| Box::new(ArenaHard),
};

const NO_ANSWER: &str = "no-answer";

/// Questions and answers of Arena-Hard.
#[derive(Clone, Copy, Debug)]
struct ArenaHard;

impl Source for ArenaHard {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        evidence(head).or_else(|| {
            let keys = ["/uid", "/category", "/prompt"];
            let found = keys.iter().all(|key| head.kind(key) == Some(Kind::String));
            let others = ["/messages", "/completion", "/completions", "/chosen", "/response"];
            (found && !others.iter().any(|key| head.has(key))).then(|| Evidence::keys(&keys))
        })
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let row = walk::record(context, record, batch)?;
        let mut trace = Trace::new();
        let uid = walk::text(row, "/uid").ok_or_else(|| walk::missing("uid"))?;
        trace.set_group(Group::new(walk::key(&uid.decode()), GroupKind::Prompt));
        if row.get("messages").is_none() {
            let prompt = walk::member(row, "prompt", Kind::String)?;
            trace.push_message(said(Role::User, prompt.as_text().unwrap_or_default()));
            trace.set_id(walk::key(&uid.decode()));
            walk::keep_rest(&mut trace, row, INFO.name, &["uid", "prompt"]);
            batch.note(NO_ANSWER, 1);
        } else {
            let list = walk::member(row, "messages", Kind::Array)?;
            let messages = walk::messages(list, context.limits(), |turn, said| said.push(read(turn)?));
            *trace.messages_mut() = messages.map_err(|error| error.in_key("messages"))?;
            trace.set_id(walk::text(row, "/ans_id").map(|id| walk::key(&id.decode())));
            trace.set_model(walk::text(row, "/model"));
            let model = if trace.model().is_some() { "model" } else { "uid" };
            walk::keep_rest(&mut trace, row, INFO.name, &["uid", "ans_id", "messages", model]);
        }
        batch.push(trace);
        Ok(())
    }
}

/// What speaks for answers. Also asked by `tracemill`, as they have `messages`.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    let keys = ["/uid", "/ans_id", "/messages"];
    keys.iter()
        .all(|key| head.has(key))
        .then(|| Evidence::keys(&keys))
}

/// A message; the content of an answer is an object that holds it.
fn read(turn: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut message = walk::message(turn)?;
    let Content::Other(_) = message.content() else {
        return Ok(message);
    };
    let Some(content) = turn.get("content") else {
        return Ok(message);
    };
    let Some(answer) = walk::text(content, "/answer") else {
        return Ok(message);
    };
    message.set_content(answer);
    for (key, value) in content.members().filter(|(key, _)| key.body() != "answer") {
        let key = Text::new(format!("content.{}", key.decode()));
        message.extra_mut().insert(key, value.raw());
    }
    Ok(message)
}
