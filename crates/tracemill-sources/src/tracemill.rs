//! `tracemill`: the canonical trace, and any record with `messages`.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, Elements, Framing, RawJson, Trace};

use crate::arena_hard;
use crate::detect::Evidence;
use crate::gemini_cli;
use crate::head::Head;
use crate::llamafactory;
use crate::mini_swe_agent;
use crate::openai_chat;
use crate::preference;
use crate::registry::{JSON, SourceInfo};
use crate::source::{Batch, Context, Source};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "tracemill",
    summary: "the canonical trace, and any record with `messages` in the shape of the OpenAI API",
    suffixes: JSON,
    reads: "One trace a record: what `--to tracemill` writes, chat fine-tuning data, and whatever else keeps its \
            conversation under `messages`. Fields that a trace does not name are kept. A record with a `response` \
            beside its `messages` is a log and read by `openai-chat`, one with a `label` that is true or false a judgement \
            and read by `preference`.",
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
        vec![
            Framing::Lines,
            Framing::Elements(Elements::at("")),
            Framing::Document,
        ]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let other = openai_chat::evidence(head)
            .or_else(|| preference::evidence(head))
            .or_else(|| mini_swe_agent::evidence(head))
            .or_else(|| arena_hard::evidence(head))
            .or_else(|| gemini_cli::evidence(head))
            .or_else(|| llamafactory::evidence(head));
        (has_messages(head) && other.is_none()).then(|| Evidence::keys(&["/messages"]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let trace = Trace::from_json_with(record, context.limits())?;
        if trace.extra().get("response").is_some_and(is_unread) {
            let message = "a request with its `response` is a log: read it as `openai-chat`";
            return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key("response"));
        }
        batch.push(trace);
        Ok(())
    }
}

/// Whether there are messages that say who speaks: sessions of some programs have `messages` of another shape.
fn has_messages(head: &Head) -> bool {
    let other = head.has("/messages/0") && !head.has("/messages/0/role") && head.is_whole_record();
    head.kind("/messages") == Some(Kind::Array) && !other
}

/// Whether a response still holds the answer. (Traces of `openai-chat` keep the rest of the response.)
fn is_unread(response: &RawJson<'_>) -> bool {
    response.pointer("/choices/0/message").is_some()
}
