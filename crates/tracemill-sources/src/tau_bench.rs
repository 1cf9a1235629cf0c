//! `tau-bench`: trials of customer-service agents with a simulated user, scored by what they did to the database.
//!
//! The user is simulated anew in every trial, so the trials of one task do not share a prompt beyond the system
//! message. Neither the tool definitions nor the model are in the file.

use tracemill_model::json::Cursor;
use tracemill_model::{
    DecodeError, DecodeErrorKind, Elements, Framing, Group, GroupKind, JsonView, Key, Outcome, RawJson,
    Score, ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::record::Once;
use crate::registry::{JSON, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "tau-bench",
    summary: "results of tau-bench: trials of tasks in one array, each with its reward",
    suffixes: JSON,
    reads: "The array that a run writes, or its trials one a line. The messages are `traj`; `id` is the task and the \
            trial (`0/3`), the group is the task, and the score `reward` is what the trial earned. A trial whose \
            `info` holds an `error` or a `traceback` is `errored`, and its reward, which the harness sets to 0 without \
            judging, is missing. Everything else, `info` included, is kept.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "the trial failed before anything was said: its `traj` is empty",
    )],
    notes: &[],
    options: &[],
    make: |_| Box::new(TauBench),
};

const NO_CONVERSATION: &str = "no-conversation";

/// Results of tau-bench.
#[derive(Clone, Copy, Debug)]
struct TauBench;

impl Source for TauBench {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Elements(Elements::at("")), Framing::Lines]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let beside = ["/task_id", "/reward"]
            .into_iter()
            .find(|pointer| head.has(pointer))?;
        head.has("/traj").then(|| Evidence::keys(&["/traj", beside]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let trial = Trial::read(&mut cursor)?;
        cursor.finish()?;
        match trial.into_trace() {
            Some(trace) => batch.push(trace),
            None => batch.skip(NO_CONVERSATION),
        }
        Ok(())
    }
}

/// One trial, taken apart.
#[derive(Debug, Default)]
struct Trial<'a> {
    trace: Trace<'a>,
    task: Option<RawJson<'a>>,
    reward: Option<ScoreValue<'a>>,
}

/// The keys that a trial has once.
const KEYS: [&str; 13] = [
    "traj", "task_id", "trial", "reward", "tools", "id", "score", "scores", "metadata", "model", "group",
    "outcome", "messages",
];

impl<'a> Trial<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut trial = Trial::default();
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            trial.read_field(cursor, key)
        })?;
        if once.has_seen("traj") {
            Ok(trial)
        } else {
            Err(cursor.error(DecodeErrorKind::MissingField, "a trial needs a `traj`"))
        }
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "traj" => self.trace.read_messages(cursor),
            "messages" => {
                let message = "a trial has its conversation in `traj`, not in `messages` too";
                Err(cursor.error(DecodeErrorKind::WrongValue, message))
            }
            "task_id" => {
                self.task = Some(cursor.raw()?).filter(|task| !task.is_null());
                Ok(())
            }
            "reward" => {
                self.reward = Some(ScoreValue::read(cursor)?);
                Ok(())
            }
            _ => self.trace.read_field(cursor, key),
        }
    }

    /// The trace; none if nothing was said.
    fn into_trace(self) -> Option<Trace<'a>> {
        let Trial {
            mut trace,
            task,
            reward,
        } = self;
        if trace.messages().is_empty() {
            return None;
        }
        let failed = trace
            .extra()
            .get("info")
            .map(RawJson::view)
            .is_some_and(is_failure);
        if failed && trace.outcome().is_none() {
            trace.set_outcome(Outcome::Errored);
        }
        trace.push_score(score(reward, failed));
        if let Some(task) = task {
            let task = Key::new(task);
            if trace.id().is_none() {
                let id = match trace.trial() {
                    Some(trial) => format!("{task}/{trial}"),
                    None => task.to_string(),
                };
                trace.set_id(Key::new(Text::new(id).into()));
            }
            if trace.group().is_none() {
                trace.set_group(Group::new(task, GroupKind::Task));
            } else {
                let task = task.as_json().clone();
                trace.extra_mut().insert(Text::new("task_id"), task);
            }
        }
        Some(trace)
    }
}

/// Whether `info` is what the harness writes when a trial raised an exception.
fn is_failure(info: JsonView<'_>) -> bool {
    ["error", "traceback"]
        .iter()
        .any(|key| info.get(key).is_some_and(|value| !value.is_null()))
}

/// The reward as a score. The zero of a failed trial judges nothing: it is kept beside, as what it was.
fn score(reward: Option<ScoreValue<'_>>, failed: bool) -> Score<'_> {
    let name = Some(Text::new("reward"));
    let missing = |reason: &'static str| ScoreValue::Missing(Text::new(reason));
    match reward {
        None => Score::new(name, missing("no `reward`")),
        Some(ScoreValue::Number(zero)) if failed && zero.as_f64() == Some(0.0) => {
            let mut score = Score::new(name, missing("the trial failed"));
            score.extra_mut().insert(Text::new("reward"), zero);
            score
        }
        Some(value) => Score::new(name, value),
    }
}
