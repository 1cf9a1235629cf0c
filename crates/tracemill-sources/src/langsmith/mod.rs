//! `langsmith`: runs of `LangSmith`, and what was said of them.

mod feedback;
mod run;

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, DecodeErrorKind, Elements, Framing, Group, GroupKind, Key, RawJson, Text,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::spans::calls::{
    EARLIER_CALLS_NOTE, Made, NO_CONTENT, OTHER_SPANS, Terms, UNANSWERED_NOTE, UNANSWERED_SKIP, WRAPPERS,
    WRAPPERS_NOTE, drop_wrappers, make_traces,
};
use crate::spans::{self, Tree};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "langsmith",
    summary: "runs of LangSmith, with their feedback: as its API gives them out, or as they are sent to it",
    suffixes: JSON,
    reads: "Runs, one a record or under `runs`, with `child_runs` inside or apart; bodies with which runs are sent (`post` \
            and `patch`, joined by `id`: what the patch says goes first); and feedback, in the same files or others. A trace \
            is put together from the runs of its `trace_id`, in whichever files they are. Runs of the type `llm` are the \
            model calls; the last holds the conversation, an earlier one that it begins with is counted as `earlier-calls`, \
            and one that it does not makes a trace of its own, `TRACE/RUN`. `inputs` and `outputs` are read in the shape \
            they are in: messages of LangChain, requests and responses of OpenAI, Anthropic or Gemini, or text; tools may \
            also be in `extra.invocation_params`. What is in no known shape is an error that names the run. `model` is \
            that of the answer, else `ls_model_name`. A `reference_example_id` is the group, of kind `task`. A run with an \
            `error` is `errored`. Feedback is a score: its `key` is the name, its `score` the value, else its `value`; of a \
            run that is no model call it is about the last conversation inside of it. The trace keeps `trace_id`, `span_id` (the run), the rest of the run \
            under `run`, and that of the outermost one under `root`.",
    skips: &[
        Skip::new(NO_RUNS, "the record holds no runs"),
        Skip::new(NO_RUN, "feedback whose run is in none of the files"),
        Skip::new(NO_CONTENT, "no run of the type `llm` has inputs or outputs"),
        UNANSWERED_SKIP,
    ],
    notes: &[
        Note::new(
            OTHER_SPANS,
            "runs that are no model calls: chains, tools, retrieval",
        ),
        EARLIER_CALLS_NOTE,
        UNANSWERED_NOTE,
        WRAPPERS_NOTE,
        Note::new(
            UNMATCHED_SCORES,
            "feedback of a run that is not there, or that no conversation is inside of",
        ),
    ],
    options: &[],
    make: |_| Box::new(LangSmith),
};

const NO_RUNS: &str = "no-runs";
const NO_RUN: &str = "no-run";
const UNMATCHED_SCORES: &str = "unmatched-scores";

/// Runs and their feedback.
#[derive(Clone, Copy, Debug)]
struct LangSmith;

impl Source for LangSmith {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![
            Framing::Lines,
            Framing::Elements(Elements::at("")),
            Framing::Elements(Elements::at("/runs")),
            Framing::Document,
        ]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        const KEYS: [[&str; 2]; 6] = [
            ["/run_type", "/dotted_order"],
            ["/run_type", "/trace_id"],
            ["/run_type", "/inputs"],
            ["/post/0/run_type", "/patch"],
            ["/patch/0/dotted_order", "/post"],
            ["/runs/0/run_type", "/runs/0/inputs"],
        ];
        let found = KEYS.iter().find(|keys| keys.iter().all(|key| head.has(key)));
        let feedback = ["/run_id", "/key", "/score"];
        let is_feedback = || head.text("/key").is_some() && feedback.iter().all(|key| head.has(key));
        found
            .map(|keys| Evidence::keys(keys))
            .or_else(|| is_feedback().then(|| Evidence::keys(&feedback)))
    }

    fn assembles(&self) -> bool {
        true
    }

    /// Every model call holds the conversation before it: without a run a trace is shorter, and true.
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
        let lists = ["post", "patch", "runs"];
        if lists
            .iter()
            .any(|key| walk::present(whole, &format!("/{key}")).is_some())
            && !run::is_run(whole)
        {
            for key in lists {
                let Some(list) = whole.get(key).filter(|list| !list.is_null()) else {
                    continue;
                };
                walk::expect(list, Kind::Array).map_err(|error| error.in_key(key))?;
                for (index, item) in list.elements().enumerate() {
                    run::divide(item, pieces).map_err(|error| error.in_index(index).in_key(key))?;
                }
            }
        } else if feedback::is_feedback(whole) {
            pieces.push(feedback::trace(whole)?.as_bytes(), record);
        } else if run::is_run(whole)
            && whole
                .get("child_runs")
                .is_none_or(tracemill_model::JsonView::is_null)
        {
            // As it is: nothing need be copied.
            pieces.push(run::trace(whole)?.as_bytes(), record);
        } else if run::is_run(whole) {
            run::divide(whole, pieces)?;
        } else {
            let message = "expected a run with its `run_type`, feedback with its `key`, or runs under `post` and `patch`";
            return Err(DecodeError::new(DecodeErrorKind::MissingField, 0, message));
        }
        if pieces.list().is_empty() {
            pieces.skip(NO_RUNS);
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let runs = run::Runs::read(pieces)?;
        if runs.list.is_empty() {
            batch.skip(NO_RUN);
            return Ok(());
        }
        let (tree, places, feedback) = runs.into_tree();
        let mut calls = Vec::new();
        for (at, span) in tree.spans().iter().enumerate() {
            let call = run::call(span, at).map_err(|error| {
                let piece = places.get(&span.id).copied().unwrap_or_default();
                PieceError::new(piece, spans::named("run", &span.id, &error))
            })?;
            calls.extend(call);
        }
        batch.note(WRAPPERS, drop_wrappers(&tree, &mut calls));
        let Some(mut made) = make_traces(&tree, &TERMS, calls, context.limits(), batch)? else {
            return Ok(());
        };
        describe_main(&tree, &mut made);
        let mut unmatched = 0;
        for (run, score) in feedback {
            match made.judged(&tree, &run).or(made.main.filter(|_| run.is_empty())) {
                Some(call) => made.of_call(call).for_each(|trace| {
                    trace.push_score(score.clone());
                }),
                None => unmatched += 1,
            }
        }
        batch.note(UNMATCHED_SCORES, unmatched);
        made.traces.into_iter().for_each(|(_, trace)| batch.push(trace));
        Ok(())
    }
}

const TERMS: Terms = Terms {
    is_agent: |_| false,
    agent_name: "name",
    kept: "run",
    keep: run::keep,
};

/// What the outermost run says of the whole goes to the trace that has its name.
fn describe_main(tree: &Tree<'_>, made: &mut Made) {
    let Some(main) = made.main else { return };
    let root = tree.spans().iter().find(|span| span.parent.is_none());
    let Some(root) = root.and_then(|span| Some((span, span.attributes()?))) else {
        return;
    };
    let (span, fields) = root;
    let example = walk::text(fields, "/reference_example_id").map(Text::into_owned);
    let is_call = made.calls[main]
        .at
        .is_some_and(|at| tree.spans()[at].id == span.id);
    let kept = (!is_call).then(|| run::root(fields)).flatten();
    for trace in made.of_call(main) {
        if let Some(example) = &example {
            let key = Key::new(RawJson::from(example.clone()));
            trace.set_group(Group::new(key, GroupKind::Task));
        }
        if let Some(kept) = &kept {
            trace.extra_mut().insert(Text::from("root"), kept.clone());
        }
    }
}
