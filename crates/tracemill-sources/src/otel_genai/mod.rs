//! `otel-genai`: spans and events after the `OpenTelemetry` conventions for generative AI.

mod chat;
mod evaluation;

use tracemill_model::{DecodeError, Framing};

use crate::detect::Evidence;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::spans::calls::{
    EARLIER_CALLS_NOTE, NO_CONTENT, OTHER_SPANS, REPEATED_SPANS, Terms, UNANSWERED_NOTE, UNANSWERED_SKIP,
    attributes_but, make_traces,
};
use crate::spans::{self, NO_SPANS, OTHER_LOGS, Span, Tree};

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
        UNANSWERED_SKIP,
    ],
    notes: &[
        Note::new(OTHER_LOGS, "log records with other events, or of no trace"),
        Note::new(
            OTHER_SPANS,
            "spans that hold no messages: tools, agents, and everything else",
        ),
        EARLIER_CALLS_NOTE,
        UNANSWERED_NOTE,
        Note::new(
            REPEATED_SPANS,
            "spans that were exported more than once: the first is kept",
        ),
        Note::new(UNMATCHED_SCORES, "evaluations of something that makes no trace"),
    ],
    options: &[],
    make: |_| Box::new(OtelGenai),
};

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
        let calls = chat::find(&tree)?;
        let Some(mut made) = make_traces(&tree, &TERMS, calls, context.limits(), batch)? else {
            return Ok(());
        };
        let unmatched = evaluation::attach(&tree, &mut made);
        batch.note(UNMATCHED_SCORES, unmatched);
        made.traces.into_iter().for_each(|(_, trace)| batch.push(trace));
        Ok(())
    }
}

const TERMS: Terms = Terms {
    is_agent,
    agent_name: "gen_ai.agent.name",
    kept: "attributes",
    keep: |span, w| attributes_but(span, |key| chat::CONTENT.contains(&key), w),
};

fn is_agent(span: &Span<'_>) -> bool {
    span.text("gen_ai.operation.name").as_deref() == Some("invoke_agent")
}
