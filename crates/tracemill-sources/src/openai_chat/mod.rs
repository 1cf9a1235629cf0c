//! `openai-chat`: logs of requests and responses of the `OpenAI` chat API, and its fine-tuning lines.
//!
//! There is no official form. Two are met, and both are read: `{"request": {"messages": …}, "response": {…}}`, and
//! the request spread out beside its response, `{"messages": …, "tools": …, "response": {…}}`, as `LiteLLM` hands it to
//! its loggers.

mod log;
mod response;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, Framing};

use crate::detect::Evidence;
use crate::exchange::{ERROR_BODY, ERROR_SKIPS, NO_RESPONSE};
use crate::head::Head;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

use log::Log;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "openai-chat",
    summary: "logs of requests and responses of the OpenAI chat API, as proxies and SDKs write them",
    suffixes: JSON,
    reads: "`{request, response}` or `{messages, tools, response}`, one a record; also fine-tuning lines, with legacy \
            `functions`. One trace per choice: the messages of the request and the message of the choice, grouped \
            by a hash of the request's messages and tools (`MurmurHash3`, 128 bits, of their canonical JSON). \
            `id` is the response's, followed by `/` and the index where there are several choices; `trial` is the \
            index; `model` is the response's, else the request's. An id, a group, a trial, an outcome, scores or \
            metadata of the record itself go first. The `finish_reason`s `stop`, `tool_calls` and `function_call` are \
            `completed`, `length` is `truncated`, and `content_filter`, where the provider cut the answer, is \
            `errored`. The rest of the request and of the response stays in the fields `request` and `response`. \
            The response must be whole: a streamed one has to be put together where it is logged.",
    skips: ERROR_SKIPS,
    notes: &[],
    options: &[],
    make: |_| Box::new(OpenAiChat),
};

/// Logs of the `OpenAI` chat API.
#[derive(Clone, Copy, Debug)]
struct OpenAiChat;

impl Source for OpenAiChat {
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
        let mut cursor = Cursor::with_limits(record, context.limits());
        let log = Log::read(&mut cursor)?;
        cursor.finish()?;
        log.deliver(context.limits(), batch)
    }

    fn repeats_history(&self) -> bool {
        true
    }
}

/// What speaks for a log. Also asked by `tracemill`, whose records have `messages` and are none of these.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    let is_list = |pointer: &&str| head.kind(pointer) == Some(Kind::Array);
    let messages = ["/request/messages", "/messages"].into_iter().find(is_list)?;
    let legacy = messages == "/messages" && is_list(&"/functions") && !head.has("/tools");
    let answer = if head.has("/response") {
        answer(head)?
    } else {
        legacy.then_some("/functions")?
    };
    Some(Evidence::keys(&[messages, answer]))
}

/// What is answered, or that nothing is.
fn answer(head: &Head) -> Option<&'static str> {
    match head.kind("/response")? {
        Kind::Null | Kind::String => Some("/response"),
        // Traces that came out of a log keep the rest of the response, choices without messages: no log any more.
        Kind::Object if head.has("/response/choices") => {
            let taken = head.has("/response/choices/0") && !head.has("/response/choices/0/message");
            (!taken).then_some("/response/choices")
        }
        // Other providers name the type of the body beside the error.
        Kind::Object if head.has("/response/type") => None,
        // The Responses API writes `error` into every response, `null` or not.
        Kind::Object if head.text("/response/object") == Some("response") => None,
        Kind::Object => head.has("/response/error").then_some("/response/error"),
        _ => None,
    }
}
