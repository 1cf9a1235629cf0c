//! `tracemill`: the canonical trace, and any record with `messages`.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, JsonView, Trace};

use crate::anthropic;
use crate::arena_hard;
use crate::bedrock_converse;
use crate::detect::Evidence;
use crate::gemini_cli;
use crate::head::Head;
use crate::llamafactory;
use crate::mini_swe_agent;
use crate::openai_chat;
use crate::parts::{instruction, instructs};
use crate::preference;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "tracemill",
    summary: "the canonical trace, and any record with `messages` in the shape of the OpenAI API",
    suffixes: JSON,
    reads: "One trace a record: what `--to tracemill` writes, chat fine-tuning data, and whatever else keeps its \
            conversation under `messages`. A `system` beside them, text or blocks of text, goes before them unless it is empty or they \
            begin with one. Fields that a trace does not name are kept. A record with a `response` \
            beside its `messages` is a log and read by `openai-chat`, one with a `label` that is true or false a judgement \
            and read by `preference`; messages of blocks in the words of Anthropic are read by `anthropic`, and those of Converse \
            by `bedrock-converse`.",
    skips: &[],
    notes: &[],
    options: &[],
    make: |_| Box::new(Tracemill),
};

/// The canonical trace, and any record with `messages`.
#[derive(Clone, Copy, Debug)]
struct Tracemill;

impl Source for Tracemill {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let other = claimed(head)
            .or_else(|| anthropic::evidence(head))
            .or_else(|| bedrock_converse::evidence(head));
        (has_messages(head) && other.is_none()).then(|| Evidence::keys(&["/messages"]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut trace = batch.read(record, context.limits(), Trace::read)?;
        if trace
            .extra()
            .get("response")
            .is_some_and(|response| is_unread(response.view()))
        {
            let message = "a request with its `response` is a log: read it as `openai-chat`";
            return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key("response"));
        }
        let beside = trace.extra().get(SYSTEM);
        if beside.is_some_and(|system| instructs(trace.messages(), system.view())) {
            say_first(&mut trace)?;
        }
        batch.push(trace);
        Ok(())
    }
}

const SYSTEM: &str = "system";

/// Puts the instructions that stand beside the messages before them.
fn say_first(trace: &mut Trace<'_>) -> Result<(), DecodeError> {
    let Some(system) = trace.extra_mut().remove(SYSTEM) else {
        return Ok(());
    };
    let system = instruction(system).map_err(|error| error.in_key(SYSTEM))?;
    trace.messages_mut().insert(0, system);
    Ok(())
}

/// What speaks for a source whose records have `messages` too, of those that know them by other keys.
pub(crate) fn claimed(head: &Head) -> Option<Evidence> {
    openai_chat::evidence(head)
        .or_else(|| preference::evidence(head))
        .or_else(|| mini_swe_agent::evidence(head))
        .or_else(|| arena_hard::evidence(head))
        .or_else(|| gemini_cli::evidence(head))
        .or_else(|| llamafactory::evidence(head))
}

/// Whether there are messages that say who speaks: sessions of some programs have `messages` of another shape.
fn has_messages(head: &Head) -> bool {
    let other = head.has("/messages/0") && !head.has("/messages/0/role") && head.is_whole_record();
    head.kind("/messages") == Some(Kind::Array) && !other
}

/// Whether a response still holds the answer. (Traces of `openai-chat` keep the rest of the response.)
fn is_unread(response: JsonView<'_>) -> bool {
    response.pointer("/choices/0/message").is_some()
}
