//! `mlflow`: traces of `MLflow`, with their spans and assessments.

mod assessment;
mod span;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, JsonView, Outcome, RawJson, Text};

use crate::detect::Evidence;
use crate::head::Head;
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::shapes;
use crate::source::{Batch, Context, Source};
use crate::spans::calls::{
    EARLIER_CALLS_NOTE, Made, NO_CONTENT, OTHER_SPANS, REPEATED_SPANS, Terms, UNANSWERED_NOTE,
    UNANSWERED_SKIP, WRAPPERS, WRAPPERS_NOTE, drop_wrappers, make_traces,
};
use crate::spans::{self, Tree};
use crate::walk;

use assessment::Assessments;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "mlflow",
    summary: "traces of MLflow with their spans and assessments, as `Trace.to_json` writes them",
    suffixes: JSON,
    reads: "`{info, data}`, one trace a record, and rows of a table of traces with that as text under `trace`. Spans of the types \
            `CHAT_MODEL` and `LLM` are the model calls; the last of an agent holds the conversation, an earlier one that it \
            begins with is counted as `earlier-calls`, and one that it does not makes a trace of its own, `TRACE/SPAN`; \
            `AGENT` spans inside of others are sub-agents, with a `parent`. Attributes are JSON in strings and decoded once; \
            `mlflow.spanInputs` and `mlflow.spanOutputs` are read in the shape they are in: requests, responses and messages \
            of OpenAI, Anthropic and Gemini, of LangChain, or text. What is in no known shape is an error that names the span. \
            Tools are in the request or in `mlflow.chat.tools`. Spans as versions before 3 wrote them are read too. A span with an error, \
            and the whole if its state is `ERROR`, is `errored`; a trace in progress is `truncated`. Feedback is a score of the \
            span it names (the last conversation inside of it), or of the whole; values with several parts are as many \
            scores. What is not `valid`, or what another assessment overrides, is no score. The trace keeps `trace_id`, \
            `span_id`, the rest of the span under `span`, and `info`, with expectations and all other assessments that are no scores.",
    skips: &[
        Skip::new(
            NO_CONTENT,
            "no span of the type `CHAT_MODEL` or `LLM` has inputs or outputs",
        ),
        UNANSWERED_SKIP,
    ],
    notes: &[
        Note::new(
            OTHER_SPANS,
            "spans that are no model calls: agents, tools, retrieval",
        ),
        EARLIER_CALLS_NOTE,
        UNANSWERED_NOTE,
        WRAPPERS_NOTE,
        Note::new(
            REPEATED_SPANS,
            "spans that are there more than once: the first is kept",
        ),
        Note::new(
            OVERRIDDEN,
            "assessments that are not valid, or that a later one overrides",
        ),
        Note::new(
            NO_SCORES,
            "assessments that are no judgements: expectations and issues",
        ),
        Note::new(
            UNMATCHED_SCORES,
            "feedback of a span that is not there, or that no conversation is inside of",
        ),
    ],
    options: &[],
    make: |_| Box::new(MlFlow),
};

const OVERRIDDEN: &str = "overridden-scores";
const NO_SCORES: &str = "other-assessments";
const UNMATCHED_SCORES: &str = "unmatched-scores";

/// Traces of `MLflow`.
#[derive(Clone, Copy, Debug)]
struct MlFlow;

impl Source for MlFlow {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        const KEYS: [&[&str]; 4] = [
            &["/info/trace_id", "/data/spans"],
            &["/info/request_id", "/data/spans"],
            &["/info/trace_id", "/info/trace_location"],
            &["/trace_id", "/trace", "/trace_metadata"],
        ];
        let found = KEYS.iter().find(|keys| keys.iter().all(|key| head.has(key)));
        // Traces that came out of it have messages.
        found
            .filter(|_| !head.has("/messages"))
            .map(|keys| Evidence::keys(keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let whole = walk::object(context, record)?;
        let row = whole.view().get("trace");
        let row = row.filter(|trace| trace.kind() == Kind::String);
        let row = row.map(shapes::unwrapped);
        let whole = row.as_ref().map_or(whole.view(), RawJson::view);
        let info = walk::member(whole, "info", Kind::Object)?;
        let spans = whole
            .pointer("/data/spans")
            .ok_or_else(|| walk::missing("data.spans"))?;
        walk::expect(spans, Kind::Array).map_err(|error| error.in_key("spans").in_key("data"))?;
        let trace = ["/trace_id", "/request_id"]
            .iter()
            .find_map(|pointer| walk::text(info, pointer));
        let trace = trace.ok_or_else(|| walk::missing("info.trace_id"))?;
        let trace = trace.decode();
        let mut list = Vec::new();
        for (index, raw) in spans.elements().enumerate() {
            let read = span::read(raw, &trace);
            list.push(read.map_err(|error| error.in_index(index).in_key("spans").in_key("data"))?);
        }
        let tree = Tree::of(list, Vec::new());
        let mut calls = Vec::new();
        for (at, span) in tree.spans().iter().enumerate() {
            let call = span::call(&tree, at).map_err(|error| spans::named("span", &span.id, &error))?;
            calls.extend(call);
        }
        batch.note(WRAPPERS, drop_wrappers(&tree, &mut calls));
        let Some(mut made) = make_traces(&tree, &TERMS, calls, context.limits(), batch)? else {
            return Ok(());
        };
        let assessments = Assessments::read(info)?;
        describe(info, &assessments, &mut made);
        judge(&tree, &mut made, assessments, batch);
        made.traces.into_iter().for_each(|(_, trace)| batch.push(trace));
        Ok(())
    }
}

const TERMS: Terms = Terms {
    is_agent: span::is_agent,
    agent_name: "name",
    kept: "span",
    keep: span::keep,
};

/// Gives the trace of the whole what was said of it.
fn describe(info: JsonView<'_>, assessments: &Assessments, made: &mut Made) {
    let Some(main) = made.main else { return };
    let state = ["/state", "/status"]
        .iter()
        .find_map(|pointer| walk::text(info, pointer));
    let outcome = match state.as_ref().map_or("", Text::body) {
        "ERROR" => Some(Outcome::Errored),
        "IN_PROGRESS" => Some(Outcome::Truncated),
        _ => None,
    };
    let kept = assessments.kept(info);
    for trace in made.of_call(main) {
        let outcome = outcome.or(trace.outcome());
        trace.set_outcome(outcome);
        if let Some(kept) = &kept {
            trace.extra_mut().insert(Text::from("info"), kept.clone());
        }
    }
}

/// Gives each score to the traces that it is about.
fn judge(tree: &Tree<'_>, made: &mut Made, assessments: Assessments, batch: &mut Batch<'_>) {
    batch.note(OVERRIDDEN, assessments.overridden);
    batch.note(NO_SCORES, assessments.others);
    let mut unmatched = 0;
    for (about, score) in assessments.scores {
        let whole = made.main.filter(|_| about.is_empty());
        match whole.or_else(|| made.judged(tree, &about)) {
            Some(call) => made.of_call(call).for_each(|trace| {
                trace.push_score(score.clone());
            }),
            None => unmatched += 1,
        }
    }
    batch.note(UNMATCHED_SCORES, unmatched);
}
