//! `llamafactory`: records of LLaMA-Factory whose messages are lists of typed parts, and the data sets that its
//! `dataset_info.json` describes.

mod info;
mod table;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    Content, DecodeError, Framing, JsonView, Limits, Message, Part, RawJson, Reasoning, Role, Score,
    ScoreValue, Text, TextPart, ToolCall, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::hash_group;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub use info::{Dataset, DatasetError, DatasetInfo};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "llamafactory",
    summary: "LLaMA-Factory v1 data: messages whose content is parts with `type` and `value`",
    suffixes: JSON,
    reads: "`messages` are a trace; `chosen_messages` and `rejected_messages` are two, in a group of their own, with the score \
            `preference` 1 and 0. Parts of the type `reasoning` are the reasoning of their message, those of the type \
            `tool_call` its calls, and text that stands alone is the content; other parts stay parts. A `loss_weight` of 0 or 1 says whether a message is \
            trained on; another one is kept. `tools` are definitions or JSON text of them. Everything else is kept. A `dataset_info.json` as the \
            input stands for the files that it describes: `--dataset NAME,…` says which. They are read as LLaMA-Factory 0.9.5 reads them, by \
            their `formatting` (`alpaca`, `sharegpt`, `openai`), `columns`, `tags` and `ranking`: a pair is two traces as above, a `kto_tag` the \
            score `label`. Speakers without a tag keep their names, and columns without a use are kept; `num_samples` and `split` \
            are not heeded.",
    skips: &[],
    notes: &[],
    options: &[],
    make: |_| Box::new(LlamaFactory),
};

/// Records of LLaMA-Factory.
#[derive(Clone, Copy, Debug)]
struct LlamaFactory;

impl Source for LlamaFactory {
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
        let row = walk::record(context, record, batch)?;
        if row.get("chosen_messages").is_some() || row.get("rejected_messages").is_some() {
            return compare(row, context, batch);
        }
        batch.push(trace(row, "messages", context)?);
        Ok(())
    }
}

/// What speaks for it. Also asked by `tracemill`, as records have `messages`.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    let sides = ["/chosen_messages", "/rejected_messages"];
    if sides.iter().all(|key| head.has(key)) {
        return Some(Evidence::keys(&sides));
    }
    let keys = ["/messages/0/content/0/type", "/messages/0/content/0/value"];
    keys.iter()
        .all(|key| head.has(key))
        .then(|| Evidence::keys(&keys))
}

const TAKEN: [&str; 4] = ["messages", "chosen_messages", "rejected_messages", "tools"];

fn trace<'v>(row: JsonView<'v>, key: &str, context: &Context) -> Result<Trace<'v>, DecodeError> {
    let list = walk::member(row, key, Kind::Array)?;
    let mut trace = Trace::new();
    let messages = walk::messages(list, context.limits(), |turn, said| {
        said.push(read(turn, context.limits())?)
    });
    *trace.messages_mut() = messages.map_err(|error| error.in_key(key))?;
    trace.set_tools(walk::tools(row.get("tools")).map_err(|error| error.in_key("tools"))?);
    walk::keep_rest(&mut trace, row, INFO.name, &TAKEN);
    Ok(trace)
}

fn compare<'v>(row: JsonView<'v>, context: &Context, batch: &mut Batch<'v>) -> Result<(), DecodeError> {
    let group = hash_group(row.as_str().as_bytes());
    for (trial, key) in ["chosen_messages", "rejected_messages"].into_iter().enumerate() {
        let mut trace = trace(row, key, context)?;
        trace.set_group(group.clone());
        trace.set_trial(trial as u64);
        let value = ScoreValue::Number(RawJson::from(1 - trial as u64));
        trace.push_score(Score::new(Some(Text::from("preference")), value));
        batch.push(trace);
    }
    Ok(())
}

/// One message. Its parts are sorted by what they are.
fn read(turn: JsonView<'_>, limits: Limits) -> Result<Message<'_>, DecodeError> {
    walk::expect(turn, Kind::Object)?;
    let [role, content, weight] = turn.pick(["role", "content", "loss_weight"]);
    let mut message = Message::new(Role::named(walk::text_of(role, "role")?));
    if let Some(content) = content {
        say(&mut message, content, limits).map_err(|error| error.in_key("content"))?;
    }
    let train = trained(weight.and_then(JsonView::as_f64));
    message.set_train(train);
    let all = ["role", "content", "loss_weight"];
    let taken = if train.is_some() { &all[..] } else { &all[..2] };
    walk::keep_in_message(&mut message, turn, taken);
    Ok(message)
}

/// Whether a weight says that a message is trained on, or is not.
fn trained(weight: Option<f64>) -> Option<bool> {
    let known = [(0.0, false), (1.0, true)];
    let found = known.iter().find(|(known, _)| weight == Some(*known));
    found.map(|(_, train)| *train)
}

fn say<'v>(message: &mut Message<'v>, content: JsonView<'v>, limits: Limits) -> Result<(), DecodeError> {
    if content.kind() != Kind::Array {
        message.set_content(Content::read(&mut content.cursor())?);
        return Ok(());
    }
    let mut parts = Vec::new();
    for (index, part) in content.elements().enumerate() {
        sort(part, message, &mut parts, limits).map_err(|error| error.in_index(index))?;
    }
    message.set_content(joined(parts, message));
    Ok(())
}

/// Text alone is text; no parts beside calls are nothing.
fn joined<'v>(parts: Vec<Part<'v>>, message: &Message<'v>) -> Content<'v> {
    match parts.as_slice() {
        [] if !message.tool_calls().is_empty() => Content::Null,
        [Part::Text(part)] if part.extra().is_empty() => Content::Text(part.text().clone()),
        _ => Content::Parts(parts),
    }
}

fn sort<'v>(
    part: JsonView<'v>,
    message: &mut Message<'v>,
    parts: &mut Vec<Part<'v>>,
    limits: Limits,
) -> Result<(), DecodeError> {
    let (mut kind, mut value, mut bare) = (None, None, true);
    for (key, member) in part.members() {
        match key.body() {
            "type" => kind = member.as_text(),
            "value" => value = member.as_text(),
            _ => bare = false,
        }
    }
    match (kind.as_ref().map_or("", Text::body), value.filter(|_| bare)) {
        ("text", Some(words)) => parts.push(Part::Text(TextPart::new(words))),
        ("reasoning", Some(thought)) if message.reasoning().is_none() => {
            message.set_reasoning(Reasoning::Text(thought));
        }
        ("tool_call", Some(call)) => {
            let call = read_call(&call, limits).map_err(|error| error.in_key("value"))?;
            message.push_tool_call(call);
        }
        _ => parts.push(Part::read(&mut part.cursor())?),
    }
    Ok(())
}

/// A call out of its JSON text.
fn read_call<'v>(text: &Text<'v>, limits: Limits) -> Result<ToolCall<'v>, DecodeError> {
    let mut embedded = EmbeddedJson::new();
    let call = embedded.read(text)?;
    let mut cursor = tracemill_model::json::Cursor::with_limits(call.as_str(), limits);
    ToolCall::read(&mut cursor).map(ToolCall::into_owned)
}
