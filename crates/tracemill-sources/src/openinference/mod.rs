//! `openinference`: spans with the attributes of `OpenInference`, as Phoenix and Arize have them.

mod messages;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, JsonView, RawJson, Text, Tool};

use crate::detect::Evidence;
use crate::genai;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::spans::calls::{
    Answer, Call, EARLIER_CALLS_NOTE, NO_CONTENT, OTHER_SPANS, REPEATED_SPANS, Terms, UNANSWERED_NOTE,
    UNANSWERED_SKIP, agent_of, attributes_but, make_traces,
};
use crate::spans::{self, NO_SPANS, OTHER_LOGS, Span, Tree};

use messages::Flat;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "openinference",
    summary: "spans with the attributes of OpenInference (Phoenix, Arize), as OTLP/JSON or one a line",
    suffixes: JSON,
    reads: "OTLP/JSON, spans as SDKs print them, and those that Phoenix gives out. A trace is put together from all the \
            spans of its trace id, in whichever files they are. What was said is in `llm.input_messages.N.message.…` and \
            `llm.output_messages.N.message.…`, in the order of the numbers, some of which may be missing; `contents` go \
            before `content`; tools are in `llm.tools.N.tool.json_schema`. The last `LLM` span of an agent holds the \
            conversation; an earlier one that it begins with is counted as `earlier-calls`, one that it does not makes a \
            trace of its own. `AGENT` spans inside of another are sub-agents: traces of their own, with a `parent`. Several \
            output messages are the candidates of a chat completion, one trace each; those of a response of the Responses \
            API are one answer. `llm.finish_reason` is the outcome, and a span that failed is `errored`. The trace keeps \
            `trace_id`, `span_id`, the name of the `agent`, the other `attributes` of the span, and the `resource`. \
            `input.value` and `output.value` are kept and not read: a span that has nothing else holds no messages. \
            Annotations name spans, and are joined with `--scores`.",
    skips: &[
        Skip::new(NO_SPANS, "the record holds no spans"),
        Skip::new(NO_CONTENT, "no span holds messages"),
        UNANSWERED_SKIP,
    ],
    notes: &[
        Note::new(OTHER_LOGS, "log records, which these conventions do not use"),
        Note::new(
            OTHER_SPANS,
            "spans that hold no messages: tools, agents, retrieval, and everything else",
        ),
        EARLIER_CALLS_NOTE,
        UNANSWERED_NOTE,
        Note::new(
            REPEATED_SPANS,
            "spans that were exported more than once: the first is kept",
        ),
    ],
    options: &[],
    make: |_| Box::new(OpenInference),
};

const KIND: &str = "openinference.span.kind";
const INPUT: &str = "llm.input_messages.";
const OUTPUT: &str = "llm.output_messages.";
const TOOLS: &str = "llm.tools.";

/// Spans with the attributes of `OpenInference`.
#[derive(Clone, Copy, Debug)]
struct OpenInference;

impl Source for OpenInference {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        spans::framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let key = spans::envelope(head)?;
        let key = key.trim_start_matches('/').replace('/', ".");
        let known = head.mentions("\"openinference.span.kind\"") || head.mentions("\"llm.input_messages.");
        known.then(|| Evidence::new(format!("key `{key}`, attributes `llm.…` and `{KIND}`")))
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
        let mut calls = Vec::new();
        for at in 0..tree.spans().len() {
            calls.extend(read(&tree, at)?);
        }
        if let Some(made) = make_traces(&tree, &TERMS, calls, context.limits(), batch)? {
            made.traces.into_iter().for_each(|(_, trace)| batch.push(trace));
        }
        Ok(())
    }
}

const TERMS: Terms = Terms {
    is_agent,
    agent_name: "agent.name",
    kept: "attributes",
    keep: |span, w| attributes_but(span, is_content, w),
};

fn is_content(key: &str) -> bool {
    [INPUT, OUTPUT, TOOLS]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

fn is_agent(span: &Span<'_>) -> bool {
    span.text(KIND).as_deref() == Some("AGENT")
}

/// The model call that a span is; none if it holds no messages.
fn read(tree: &Tree<'_>, at: usize) -> Result<Option<Call>, DecodeError> {
    let span = &tree.spans()[at];
    // Chains and agents may repeat the messages of the calls inside of them.
    let is_call = span.text(KIND).is_none_or(|kind| kind == "LLM");
    let Some(attributes) = span.attributes().filter(|_| is_call) else {
        return Ok(None);
    };
    let (input, output) = (Flat::under(attributes, INPUT), Flat::under(attributes, OUTPUT));
    if input.is_empty() && output.is_empty() {
        return Ok(None);
    }
    let whole = whole_answer(span);
    let (mut input, mut output) = (input.messages()?, output.messages()?);
    if whole {
        messages::fold(&mut input);
        messages::fold(&mut output);
    }
    let reason = span.text("llm.finish_reason");
    let outcome = reason.as_deref().and_then(genai::outcome);
    let several = output.len() > 1 && !is_candidates(span, output.len());
    let output = if several {
        // Several messages that are no candidates: the last is the answer, those before it led there.
        let last = output.pop();
        input.append(&mut output);
        last.into_iter().collect()
    } else {
        output
    };
    let answer = |message| Answer { message, outcome };
    Ok(Some(Call {
        at: Some(at),
        log: 0,
        agent: agent_of(tree, at, is_agent),
        input,
        output: output.into_iter().map(answer).collect(),
        tools: tools(attributes)?,
        model: span.text("llm.model_name").map(Text::from),
        response: None,
    }))
}

/// Whether the span is a call of the Responses API, whose answer is a list of items.
fn whole_answer(span: &Span<'_>) -> bool {
    answer_value(span).is_some_and(|value| value.get("output").is_some() && value.get("choices").is_none())
}

/// Whether the answer is one with as many choices.
fn is_candidates(span: &Span<'_>, count: usize) -> bool {
    let value = answer_value(span);
    value.is_some_and(|value| {
        value
            .get("choices")
            .is_some_and(|choices| choices.elements().count() == count)
    })
}

fn answer_value(span: &Span<'_>) -> Option<RawJson<'static>> {
    let value = span.attribute("output.value")?;
    let text = value.as_text()?;
    EmbeddedJson::new().read(&text).map(RawJson::into_owned).ok()
}

/// The definitions of tools, each in a text of its own.
fn tools(attributes: JsonView<'_>) -> Result<Option<Vec<Tool<'static>>>, DecodeError> {
    let mut tools = Vec::new();
    for (number, fields) in Flat::under(attributes, TOOLS).entries() {
        for (key, value) in fields {
            let Some(text) = value.as_text().filter(|_| key == "tool.json_schema") else {
                continue;
            };
            let mut embedded = EmbeddedJson::new();
            let read = embedded.read(&text).and_then(|schema| {
                let tool = Tool::read(&mut schema.cursor())?;
                Ok(tool.into_owned())
            });
            let place = format!("{TOOLS}{number}.tool.json_schema");
            let failed = |error: DecodeError| {
                let message = format!("the text is no definition of a tool: {}", error.message());
                DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key(&place)
            };
            tools.push(read.map_err(failed)?);
        }
    }
    Ok((!tools.is_empty()).then_some(tools))
}
