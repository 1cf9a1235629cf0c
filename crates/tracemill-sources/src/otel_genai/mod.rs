//! `otel-genai`: spans and events after the `OpenTelemetry` conventions for generative AI.

mod chat;
mod evaluation;

use std::collections::BTreeSet;

use tracemill_model::{DecodeError, Framing, Key, Limits, Outcome, RawJson, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::prompt_group;
use crate::pieces::{PieceError, Pieces};
use crate::record::raw;
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::spans::{self, NO_SPANS, OTHER_LOGS, Span, Tree};

use chat::Chat;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "otel-genai",
    summary: "OpenTelemetry spans and events of generative AI: OTLP/JSON, and spans as SDKs print them",
    suffixes: JSON,
    reads: "OTLP/JSON requests, one a line or one document, in the mapping of the protocol and in the generic one of \
            protobuf, and spans as SDKs print them. A trace is put together from all the spans of its trace id, in \
            whichever files they are. What was said is in `gen_ai.system_instructions`, `gen_ai.input.messages` and \
            `gen_ai.output.messages`, as JSON text or nested, on the span, in its event \
            `gen_ai.client.inference.operation.details`, or in a log record with that event. The last model call \
            of an agent holds the conversation; an earlier one that it begins with is counted as `earlier-calls`, one \
            that it does not makes a trace of its own. Each `invoke_agent` span is an agent: sub-agents are traces of \
            their own, with `parent` naming the span of the agent that called them. Several output messages are several \
            candidates: one trace each, grouped by a hash of the prompt as in `openai-chat`. \
            `gen_ai.evaluation.result` is a score, joined by the span it belongs to or by `gen_ai.response.id`. \
            `finish_reason` is the outcome: `stop` and `tool_call` are `completed`, `length` is `truncated`, \
            `content_filter`, and a span that failed, `errored`. The trace keeps `trace_id`, `span_id`, the name of the \
            `agent`, the other `attributes` of the span, and the `resource`. The events of each message that older \
            versions wrote (`gen_ai.user.message`, …) are not read.",
    skips: &[
        Skip::new(
            NO_SPANS,
            "the record holds no spans, and no events of these conventions",
        ),
        Skip::new(
            NO_CONTENT,
            "no span holds messages: recording them is off unless asked for (`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`)",
        ),
        Skip::new(
            NO_ANSWER,
            "no model call was answered, so there is nothing to learn",
        ),
    ],
    notes: &[
        Note::new(OTHER_LOGS, "log records with other events, or of no trace"),
        Note::new(
            OTHER_SPANS,
            "spans that hold no messages: tools, agents, and everything else",
        ),
        Note::new(
            EARLIER_CALLS,
            "model calls whose conversation a later call continues",
        ),
        Note::new(
            NO_ANSWER,
            "model calls without an answer, beside others that have one",
        ),
        Note::new(
            REPEATED_SPANS,
            "spans that were exported more than once: the first is kept",
        ),
        Note::new(UNMATCHED_SCORES, "evaluations of something that makes no trace"),
    ],
    options: &[],
    make: |_| Box::new(OtelGenai),
};

const NO_CONTENT: &str = "no-content";
const NO_ANSWER: &str = "no-answer";
const OTHER_SPANS: &str = "other-spans";
const EARLIER_CALLS: &str = "earlier-calls";
const REPEATED_SPANS: &str = "repeated-spans";
const UNMATCHED_SCORES: &str = "unmatched-scores";

/// Spans after the conventions for generative AI.
#[derive(Clone, Copy, Debug)]
struct OtelGenai;

impl Source for OtelGenai {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        spans::framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let key = spans::envelope(head)?;
        let key = key.trim_start_matches('/').replace('/', ".");
        head.mentions("\"gen_ai.")
            .then(|| Evidence::new(format!("key `{key}`, attributes `gen_ai.…`")))
    }

    fn assembles(&self) -> bool {
        true
    }

    /// Every model call holds the conversation before it: without a span a trace is shorter, and true.
    fn survives_gaps(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        spans::divide(context, record, pieces)
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let tree = Tree::read(pieces)?;
        batch.note(REPEATED_SPANS, tree.repeated);
        let mut chats = chat::find(&tree)?;
        let over = chats
            .iter()
            .find(|chat| chat.input.len() > context.limits().messages());
        if over.is_some() {
            let message = format!("more than {} messages in one trace", context.limits().messages());
            return Err(DecodeError::new(tracemill_model::DecodeErrorKind::OverLimit, 0, message).into());
        }
        if chats.is_empty() {
            batch.skip(NO_CONTENT);
            return Ok(());
        }
        let speaking: BTreeSet<_> = chats.iter().filter_map(|chat| chat.at).collect();
        batch.note(OTHER_SPANS, (tree.spans().len() - speaking.len()) as u64);
        let answered = chats.iter().filter(|chat| !chat.output.is_empty()).count();
        if answered == 0 {
            batch.skip(NO_ANSWER);
            return Ok(());
        }
        batch.note(NO_ANSWER, (chats.len() - answered) as u64);
        chats.retain(|chat| !chat.output.is_empty());
        let heads = chat::heads(&chats);
        let earlier = heads.iter().enumerate().filter(|(at, head)| at != *head).count();
        batch.note(EARLIER_CALLS, earlier as u64);
        let mut made = make(&tree, &chats, &heads, context.limits())?;
        let unmatched = evaluation::attach(&tree, &chats, &heads, &mut made);
        batch.note(UNMATCHED_SCORES, unmatched);
        for (_, trace) in made {
            batch.push(trace);
        }
        Ok(())
    }
}

/// The traces of the calls that no other continues, each with the index of its call.
fn make(
    tree: &Tree<'_>,
    chats: &[Chat],
    heads: &[usize],
    limits: Limits,
) -> Result<Vec<(usize, Trace<'static>)>, DecodeError> {
    let mut made = Vec::new();
    // The name of the whole goes to the conversation of the outermost agent that ended last.
    let outermost = |chat: &Chat| chat.agent.is_none_or(|agent| parent_agent(tree, agent).is_none());
    let last = (0..chats.len()).rfind(|&at| heads[at] == at && outermost(&chats[at]));
    for (at, chat) in chats.iter().enumerate().filter(|(at, _)| heads[*at] == *at) {
        let own = chat.span(tree);
        let id = if Some(at) == last {
            own.trace.clone()
        } else {
            format!("{}/{}", own.trace, own.id)
        };
        let several = chat.output.len() > 1;
        for (index, answer) in chat.output.iter().enumerate() {
            let mut trace = Trace::new();
            trace.messages_mut().extend(chat.input.iter().cloned());
            trace.set_tools(chat.tools.clone());
            let key = if several {
                format!("{id}/{index}")
            } else {
                id.clone()
            };
            trace.set_id(Key::new(Text::new(key).into()));
            if several {
                trace.set_group(prompt_group(&chat.input, chat.tools.as_deref()));
                trace.set_trial(index as u64);
            }
            trace.push_message(answer.message.clone());
            let failed = own.failed || own.attribute("error.type").is_some();
            trace.set_outcome(if failed {
                Some(Outcome::Errored)
            } else {
                answer.outcome
            });
            trace.set_model(chat.model.clone());
            describe(tree, chat, &mut trace, limits)?;
            made.push((at, trace));
        }
    }
    Ok(made)
}

/// What the trace keeps of its span beside the conversation.
fn describe(
    tree: &Tree<'_>,
    chat: &Chat,
    trace: &mut Trace<'static>,
    limits: Limits,
) -> Result<(), DecodeError> {
    let own = chat.span(tree);
    let text = |text: &str| RawJson::from(Text::new(text.to_owned()));
    let extra = trace.extra_mut();
    let mut put = |key: &'static str, value: RawJson<'static>| extra.insert(Text::from(key), value);
    put("trace_id", text(&own.trace));
    if !own.id.is_empty() {
        put("span_id", text(&own.id));
    }
    let agent = chat.agent.map(|at| &tree.spans()[at]);
    if let Some(name) = agent.and_then(|span| span.text("gen_ai.agent.name")) {
        put("agent", text(&name));
    }
    if let Some(parent) = chat.agent.and_then(|agent| parent_agent(tree, agent)) {
        let parent = &tree.spans()[parent];
        put(
            "parent",
            raw(limits, |w| {
                w.begin_object();
                w.key("trace_id").str(&parent.trace);
                w.key("span_id").str(&parent.id);
                w.end_object();
            })?,
        );
    }
    let attributes = own.attributes();
    let left = raw(limits, |w| {
        w.begin_object();
        for (key, value) in attributes.iter().flat_map(RawJson::members) {
            if !chat::CONTENT.contains(&key.body()) {
                w.text_key(&key).raw(&value);
            }
        }
        w.end_object();
    })?;
    put("attributes", left);
    if let Some(resource) = own.resource() {
        put("resource", resource.into_owned());
    }
    Ok(())
}

/// The agent that called this one.
fn parent_agent(tree: &Tree<'_>, agent: usize) -> Option<usize> {
    if !is_agent(&tree.spans()[agent]) {
        return None;
    }
    let above = tree.position(tree.spans()[agent].parent.as_deref()?)?;
    tree.above(above, is_agent)
}

fn is_agent(span: &Span<'_>) -> bool {
    span.text("gen_ai.operation.name").as_deref() == Some("invoke_agent")
}
