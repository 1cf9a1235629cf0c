//! `terminal-bench`: the table of results of Terminal-Bench 1, which holds no conversations.

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, Elements, Framing, Group, GroupKind, JsonView, Outcome, Role, Score, ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::said;
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "terminal-bench",
    summary: "results of Terminal-Bench 1 (`results.json`): instructions and verdicts, without the conversations",
    suffixes: &[".json"],
    reads: "Each of the `results` is a trace of one user message, the `instruction`: the file does not say what the agent \
            did. `id` is `trial_name`, the group is `task_id`. `is_resolved` is the score `resolved`; `null` is missing. \
            `failure_mode` is the outcome: `unset` and `none` are completed, `agent_timeout` is truncated, anything else is \
            errored. Everything else is kept.",
    skips: &[Skip::new(
        NO_INSTRUCTION,
        "the trial has no instruction, so there is nothing to read",
    )],
    notes: &[Note::new(
        NO_ANSWER,
        "trials without what the agent did, which is all of them",
    )],
    options: &[],
    make: |_| Box::new(TerminalBench),
};

const NO_INSTRUCTION: &str = "no-instruction";
const NO_ANSWER: &str = "no-answer";

/// Results of Terminal-Bench.
#[derive(Clone, Copy, Debug)]
struct TerminalBench;

impl Source for TerminalBench {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Elements(Elements::at("/results"))]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/results/0/trial_name", "/results/0/is_resolved"];
        keys.iter()
            .all(|key| head.has(key))
            .then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let trial = walk::record(context, record, batch)?;
        let Some(instruction) = walk::text(trial, "/instruction").filter(|text| !text.is_empty()) else {
            batch.skip(NO_INSTRUCTION);
            return Ok(());
        };
        let mut trace = Trace::new();
        trace.push_message(said(Role::User, instruction));
        if let Some(name) = walk::text(trial, "/trial_name") {
            trace.set_id(walk::key(&name.decode()));
        }
        if let Some(task) = walk::text(trial, "/task_id") {
            trace.set_group(Group::new(walk::key(&task.decode()), GroupKind::Task));
        }
        trace.set_outcome(outcome(trial));
        trace.push_score(Score::new(Some(Text::from("resolved")), resolved(trial)?));
        let taken = ["trial_name", "task_id", "instruction", "is_resolved"];
        walk::keep_rest(&mut trace, trial, INFO.name, &taken);
        batch.note(NO_ANSWER, 1);
        batch.push(trace);
        Ok(())
    }
}

fn outcome(trial: JsonView<'_>) -> Option<Outcome> {
    let mode = walk::text(trial, "/failure_mode")?;
    Some(match mode.body() {
        "unset" | "none" => Outcome::Completed,
        "agent_timeout" => Outcome::Truncated,
        _ => Outcome::Errored,
    })
}

fn resolved(trial: JsonView<'_>) -> Result<ScoreValue<'_>, DecodeError> {
    match trial.get("is_resolved") {
        None => Ok(ScoreValue::Missing(Text::from("no `is_resolved`"))),
        Some(value) if value.is_null() => Ok(ScoreValue::Missing(Text::from("null"))),
        Some(value) => {
            walk::expect(value, Kind::Bool).map_err(|error| error.in_key("is_resolved"))?;
            Ok(ScoreValue::Bool(value.as_str() == "true"))
        }
    }
}
