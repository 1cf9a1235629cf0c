//! `langfuse`: traces of Langfuse, with their observations and scores.

mod correction;
mod observation;
mod score;

use std::collections::BTreeSet;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Elements, Framing, JsonView, Limits, RawJson, Score, Text,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::shapes;
use crate::source::{Batch, Context, Source};
use crate::spans::calls::{
    EARLIER_CALLS_NOTE, Made, NO_CONTENT, OTHER_SPANS, REPEATED_SPANS, Terms, UNANSWERED_NOTE,
    UNANSWERED_SKIP, WRAPPERS, WRAPPERS_NOTE, drop_wrappers, make_traces,
};
use crate::spans::{self, Span, Tree};
use crate::walk;

use correction::Correction;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "langfuse",
    summary: "traces of Langfuse with their observations and scores, as exported or as its API gives them out",
    suffixes: JSON,
    reads: "Exports of a trace (`{trace, observations}`), traces with their `observations` inside, and observations and scores \
            one a record or under `data`. A trace is put together from everything with its id, in whichever files it is. \
            Observations of the type `GENERATION` are the model calls; the last of an agent holds the conversation, an \
            earlier one that it begins with is counted as `earlier-calls`, and one that it does not makes a trace of its \
            own, `TRACE/OBSERVATION`; `AGENT`s inside of others are sub-agents, with a `parent`. `input` and `output`, \
            which are often JSON in a string, are read in the shape they are in: requests, responses and messages of \
            OpenAI, Anthropic and Gemini, messages of parts as OpenTelemetry has them, of LangChain and the AI SDK, \
            arguments of functions, or text. What is in no known shape (a conversation or a value of Python printed as \
            text) is an error that names the observation. Where the calls of an agent hold only what was new, and results without their calls, the conversation is \
            the agent's own, if it has one. Tools are in the request, the response, or \
            the `tools` of the metadata. A call of the level `ERROR` is `errored`. Scores are about the observation they name (the last \
            conversation inside of it), or about the whole: `BOOLEAN` ones are booleans, `CATEGORICAL` and `TEXT` ones labels. \
            A correction replaces the answer, and the trace keeps what it was under `original`, with its scores; for \
            `pairs` both are traces, told apart by the score `preference`. The trace keeps `trace_id`, `span_id` (the observation), the rest of it \
            under `observation`, and that of the trace under `trace`.",
    skips: &[
        Skip::new(
            NO_TRACE,
            "an observation that names no trace, or a score of a session or of the run of a data set",
        ),
        Skip::new(
            NO_OBSERVATIONS,
            "a trace or scores of which no observations are there",
        ),
        Skip::new(NO_RECORDS, "a list without observations and scores"),
        Skip::new(NO_CONTENT, "no generation has input or output"),
        UNANSWERED_SKIP,
    ],
    notes: &[
        Note::new(
            OTHER_SPANS,
            "observations that are no model calls: spans, events, tools",
        ),
        EARLIER_CALLS_NOTE,
        UNANSWERED_NOTE,
        WRAPPERS_NOTE,
        Note::new(
            PARTIAL_CALLS,
            "model calls that hold only what was new, whose agent holds the conversation",
        ),
        Note::new(
            REPEATED_SPANS,
            "observations that are there more than once: the first is kept",
        ),
        Note::new(
            UNMATCHED_SCORES,
            "scores of an observation that is not there, or that no conversation is inside of",
        ),
        Note::new(CORRECTED, "traces whose answer somebody corrected"),
    ],
    options: &[],
    make: |_| Box::new(Langfuse),
};

const NO_TRACE: &str = "no-trace";
const NO_OBSERVATIONS: &str = "no-observations";
const NO_RECORDS: &str = "no-records";
const PARTIAL_CALLS: &str = "partial-calls";
const UNMATCHED_SCORES: &str = "unmatched-scores";
const CORRECTED: &str = "corrected";

/// Traces of Langfuse.
#[derive(Clone, Copy, Debug)]
struct Langfuse;

impl Source for Langfuse {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![
            Framing::Lines,
            Framing::Elements(Elements::at("")),
            Framing::Elements(Elements::at("/data")),
            Framing::Document,
        ]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        const KEYS: [&[&str]; 8] = [
            &["/trace/id", "/observations"],
            &["/trace/projectId"],
            &["/id", "/projectId", "/observations", "/scores"],
            &["/traceId", "/type", "/startTime", "/parentObservationId"],
            &["/traceId", "/dataType", "/source", "/name"],
            &["/sessionId", "/dataType", "/source", "/name"],
            &[
                "/data/0/traceId",
                "/data/0/startTime",
                "/data/0/parentObservationId",
            ],
            &["/data/0/traceId", "/data/0/dataType", "/data/0/source"],
        ];
        let found = KEYS.iter().find(|keys| keys.iter().all(|key| head.has(key)));
        // Traces that came out of it have messages.
        found
            .filter(|_| !head.has("/messages"))
            .map(|keys| Evidence::keys(keys))
    }

    fn assembles(&self) -> bool {
        true
    }

    /// Every generation holds the conversation before it: without an observation a trace is shorter, and true.
    fn survives_gaps(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let whole = walk::object(context, record)?;
        let whole = whole.view();
        let list = whole.get("data").filter(|list| list.kind() == Kind::Array);
        let Some(list) = list.filter(|_| whole.get("id").is_none()) else {
            match trace_of(whole)? {
                Some(trace) => pieces.push(trace.as_bytes(), record),
                None => pieces.skip(NO_TRACE),
            }
            return Ok(());
        };
        let mut nameless = false;
        for (index, item) in list.elements().enumerate() {
            match trace_of(item).map_err(|error| error.in_index(index).in_key("data"))? {
                Some(trace) => pieces.push(trace.as_bytes(), item.as_str().to_owned()),
                None => nameless = true,
            }
        }
        if pieces.list().is_empty() {
            pieces.skip(if nameless { NO_TRACE } else { NO_RECORDS });
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let mut parts = Parts::default();
        for (index, piece) in pieces.iter().enumerate() {
            parts
                .read(index, piece)
                .map_err(|error| PieceError::new(index, error))?;
        }
        if parts.spans.is_empty() {
            batch.skip(NO_OBSERVATIONS);
            return Ok(());
        }
        let places = parts.places;
        let tree = Tree::of(parts.spans, Vec::new());
        let place = |id: &str| {
            places
                .iter()
                .find(|(known, _)| known == id)
                .map_or(0, |(_, piece)| *piece)
        };
        let named = |span: &Span<'_>, error: &DecodeError| {
            PieceError::new(place(&span.id), spans::named("observation", &span.id, error))
        };
        let mut calls = Vec::new();
        for (at, span) in tree.spans().iter().enumerate() {
            let read = observation::call(&tree, at).map_err(|error| named(span, &error))?;
            calls.extend(read);
        }
        batch.note(PARTIAL_CALLS, observation::prefer_agents(&tree, &mut calls));
        batch.note(WRAPPERS, drop_wrappers(&tree, &mut calls));
        let Some(mut made) = make_traces(&tree, &TERMS, calls, context.limits(), batch)? else {
            return Ok(());
        };
        if let Some(about) = &parts.about {
            describe(about, &mut made);
        }
        let unmatched = judge(&tree, &mut made, parts.scores);
        batch.note(UNMATCHED_SCORES, unmatched);
        correction::apply(&tree, made, parts.corrections, context, batch)?;
        Ok(())
    }
}

const TERMS: Terms = Terms {
    is_agent: observation::is_agent,
    agent_name: "name",
    kept: "observation",
    keep: observation::keep,
};

/// The trace that a record belongs to; none if it says of none.
fn trace_of(record: JsonView<'_>) -> Result<Option<String>, DecodeError> {
    walk::expect(record, Kind::Object)?;
    let owned = |pointer: &str| walk::text(record, pointer).map(|id| id.decode().into_owned());
    if let Some(trace) = owned("/trace/id").or_else(|| owned("/traceId")) {
        return Ok(Some(trace));
    }
    if score::is_score(record) || observation::is_one(record) {
        return Ok(None);
    }
    // A trace itself.
    if record.get("observations").is_some() || record.get("timestamp").is_some() {
        return owned("/id").map(Some).ok_or_else(|| walk::missing("id"));
    }
    let message = "expected a trace with its `observations`, an observation or a score with its `traceId`";
    Err(DecodeError::new(DecodeErrorKind::MissingField, 0, message))
}

/// Everything that was recorded of one trace.
#[derive(Debug, Default)]
struct Parts {
    /// What the trace says of itself.
    about: Option<RawJson<'static>>,
    spans: Vec<Span<'static>>,
    /// The piece that each observation stands in, in order.
    places: Vec<(String, usize)>,
    scores: Vec<(String, Score<'static>)>,
    corrections: Vec<Correction>,
    /// The ids of scores that were read: exports repeat them.
    seen: BTreeSet<String>,
}

impl Parts {
    fn read(&mut self, index: usize, piece: &str) -> Result<(), DecodeError> {
        let limits = Limits::default().with_depth(Limits::MAX_DEPTH);
        let record = Cursor::with_limits(piece, limits).raw()?;
        if score::is_score(record.view()) {
            return self.read_score(record.view());
        }
        if observation::is_one(record.view()) {
            return self.read_observation(index, record.view());
        }
        let inner = record.get("trace").filter(|trace| trace.kind() == Kind::Object);
        let about = inner.unwrap_or(record.view());
        let list = record.get("observations");
        for (at, observation) in list.into_iter().flat_map(JsonView::elements).enumerate() {
            // Lists of traces name their observations, and do not hold them.
            if observation.kind() == Kind::Object {
                self.read_observation(index, observation)
                    .map_err(|error| error.in_index(at).in_key("observations"))?;
            }
        }
        for key in ["scores", "corrections"] {
            let list = about.get(key);
            for (at, score) in list.into_iter().flat_map(JsonView::elements).enumerate() {
                if score.kind() == Kind::Object {
                    self.read_score(score)
                        .map_err(|error| error.in_index(at).in_key(key))?;
                }
            }
        }
        if self.about.is_none() {
            const HELD: [&str; 6] = ["id", "observations", "scores", "corrections", "input", "output"];
            self.about = shapes::rest(about, &HELD);
        }
        Ok(())
    }

    fn read_observation(&mut self, index: usize, record: JsonView<'_>) -> Result<(), DecodeError> {
        let span = observation::span(record)?;
        self.places.push((span.id.clone(), index));
        self.spans.push(span);
        Ok(())
    }

    fn read_score(&mut self, record: JsonView<'_>) -> Result<(), DecodeError> {
        if let Some(id) = walk::text(record, "/id")
            && !self.seen.insert(id.decode().into_owned())
        {
            return Ok(());
        }
        let about = walk::text(record, "/observationId").map(|id| id.decode().into_owned());
        let about = about.unwrap_or_default();
        match correction::read(record, &about) {
            Some(correction) => self.corrections.push(correction),
            None => self.scores.push((about, score::read(record)?)),
        }
        Ok(())
    }
}

/// Gives the trace of the whole what was said of it.
fn describe(about: &RawJson<'static>, made: &mut Made) {
    let Some(main) = made.main else { return };
    for trace in made.of_call(main) {
        trace.extra_mut().insert(Text::from("trace"), about.clone());
    }
}

/// Gives each score to the traces that it is about; the number of those that are about none.
fn judge(tree: &Tree<'_>, made: &mut Made, scores: Vec<(String, Score<'static>)>) -> u64 {
    let mut unmatched = 0;
    for (about, score) in scores {
        let whole = made.main.filter(|_| about.is_empty());
        match whole.or_else(|| made.judged(tree, &about)) {
            Some(call) => made.of_call(call).for_each(|trace| {
                trace.push_score(score.clone());
            }),
            None => unmatched += 1,
        }
    }
    unmatched
}
