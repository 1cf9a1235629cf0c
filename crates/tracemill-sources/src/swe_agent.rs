//! `swe-agent`: trajectories of SWE-agent, with function calls or with actions as text.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    DecodeError, Framing, Group, GroupKind, JsonView, Message, Outcome, RawJson, Role, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::registry::{Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "swe-agent",
    summary: "trajectories of SWE-agent (`.traj`), with function calls or with actions as text",
    suffixes: &[".traj", ".jsonl", ".ndjson", ".json"],
    reads: "One document a run, or one run a line. The conversation is `history`; `trajectory` says the same again, step by \
            step, and is passed over. Observations are tool messages where calls have ids, else user messages. Messages \
            with `is_demo`, or of the type `demonstration`, are marked not to be trained on. `thought`, `action`, `agent` \
            and whatever else a message has are kept. `id` is `instance_id`, else the name of the `.traj` file, and the \
            group is the same. Whether the patch resolved the issue is not in the file: join the report of SWE-bench with \
            `--scores`. `info.exit_status` is the outcome: `submitted` is completed, a limit that was met is truncated, \
            even if something was submitted then, and an error is errored. The model is that of `replay_config`. \
            `info`, `environment`, `replay_config` and everything else is kept.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "the run has no `history`, or an empty one",
    )],
    notes: &[Note::new(
        STEPS,
        "steps of `trajectory`, which repeat what stands in `history`",
    )],
    options: &[],
    make: |_| Box::new(SweAgent),
};

const NO_CONVERSATION: &str = "no-conversation";
const STEPS: &str = "repeated-steps";

/// Trajectories of SWE-agent.
#[derive(Clone, Copy, Debug)]
struct SweAgent;

impl Source for SweAgent {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        if head.has("/messages") {
            return None;
        }
        let candidates: [&[&str]; 3] = [
            &["/history/0/role", "/history/0/agent"],
            &["/history/0/role", "/trajectory"],
            &["/trajectory/0/action", "/trajectory/0/observation"],
        ];
        let keys = candidates
            .into_iter()
            .find(|keys| keys.iter().all(|key| head.has(key)))?;
        Some(Evidence::keys(keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let run = walk::record(context, record, batch)?;
        let steps = run.get("trajectory").map_or(0, |steps| steps.elements().count());
        let Some(history) = walk::present(run, "/history") else {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        };
        walk::expect(history, Kind::Array).map_err(|error| error.in_key("history"))?;
        let messages = walk::messages(history, context.limits(), |turn, said| said.push(read(turn)?))
            .map_err(|error| error.in_key("history"))?;
        if messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        batch.note(STEPS, steps as u64);
        let mut trace = Trace::new();
        *trace.messages_mut() = messages;
        let status = run.pointer("/info/exit_status");
        trace.set_outcome(status.map(outcome));
        trace.set_model(model(run));
        let instance = walk::text(run, "/instance_id").map(|id| id.decode().into_owned());
        let instance = instance.or_else(|| walk::stem(context.path(), &[".traj"]).map(str::to_owned));
        if let Some(instance) = instance {
            trace.set_id(walk::key(&instance));
            trace.set_group(Group::new(walk::key(&instance), GroupKind::Task));
        }
        walk::keep_rest(
            &mut trace,
            run,
            INFO.name,
            &["history", "trajectory", "instance_id"],
        );
        batch.push(trace);
        Ok(())
    }
}

/// One message of the history.
fn read(turn: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut message = walk::message(turn)?;
    if *message.role() == Role::Tool && message.tool_call_id().is_none() {
        let ids = message.extra_mut().remove("tool_call_ids");
        let mut all = ids.iter().flat_map(RawJson::elements);
        match (all.next(), all.next()) {
            (Some(id), None) if id.kind() == Kind::String => {
                message.set_tool_call_id(id.as_text().map(Text::into_owned));
            }
            _ => {
                if let Some(ids) = ids {
                    message.extra_mut().insert(Text::from("tool_call_ids"), ids);
                }
            }
        }
    }
    let [is_demo, kind] = turn.pick(["is_demo", "message_type"]);
    let is_demo = is_demo.and_then(JsonView::as_bool) == Some(true)
        || kind.is_some_and(|kind| kind.as_str() == "\"demonstration\"");
    if is_demo {
        message.set_train(false);
    }
    Ok(message)
}

/// How a run ended. An error with a patch at hand is written as `submitted (exit_cost)`.
fn outcome(status: JsonView<'_>) -> Outcome {
    let Some(status) = status.as_text() else {
        return Outcome::Unknown;
    };
    let status = status.decode();
    let inner = status
        .strip_prefix("submitted (")
        .and_then(|status| status.strip_suffix(')'))
        .unwrap_or(&status);
    match inner {
        "submitted" => Outcome::Completed,
        "exit_cost" | "exit_context" | "exit_total_execution_time" | "exit_command_timeout" => {
            Outcome::Truncated
        }
        "exit_error" | "exit_api" | "exit_environment_error" | "exit_format" => Outcome::Errored,
        _ => Outcome::Unknown,
    }
}

/// The model that the configuration names, which is an object or text of one.
fn model(run: JsonView<'_>) -> Option<Text<'_>> {
    const NAME: &str = "/agent/model/name";
    let config = run.get("replay_config")?;
    match config.as_text() {
        Some(text) => walk::text(EmbeddedJson::new().read(&text).ok()?.view(), NAME).map(Text::into_owned),
        None => walk::text(config, NAME),
    }
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    #[test]
    fn a_status_is_an_outcome() {
        for (status, expected) in [
            ("\"submitted\"", Outcome::Completed),
            ("\"submitted (exit_cost)\"", Outcome::Truncated),
            ("\"exit_context\"", Outcome::Truncated),
            ("\"submitted (exit_error)\"", Outcome::Errored),
            ("\"early_exit\"", Outcome::Unknown),
            ("null", Outcome::Unknown),
        ] {
            assert_eq!(
                outcome(RawJson::parse(status).unwrap().view()),
                expected,
                "{status}"
            );
        }
    }
}
