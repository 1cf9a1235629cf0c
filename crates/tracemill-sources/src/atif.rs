//! `atif`: the Agent Trajectory Interchange Format.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, DecodeError, Framing, JsonView, Key, Message, RawJson, Reasoning, Role, Text, ToolCall, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::insert;
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "atif",
    summary: "trajectories in the Agent Trajectory Interchange Format, as Harbor and others write them",
    suffixes: JSON,
    reads: "One trajectory a document or line, `ATIF-v1.0` to `v1.7`. A step of the agent is an assistant message, and \
            each result of its observation a tool message. A result that names no call belongs to the only call of its \
            step; where there is none, or several, it is a user message with `observation`. Steps with \
            `is_copied_context` or an `llm_call_count` of 0 are marked not to be trained on. `reasoning_content` is the \
            reasoning. `subagent_trajectories` are traces of their own, with a `parent`. `id` is `trajectory_id`, else \
            `session_id`; the model and the tools are those of `agent`. The format has no scores: join them with \
            `--scores`. Everything else of steps, calls, results and the trajectory is kept.",
    skips: &[Skip::new(NO_CONVERSATION, "the trajectory has no steps")],
    notes: &[
        Note::new(
            UNMATCHED,
            "results that belong to none or to no single call: user messages",
        ),
        Note::new(
            MISSING,
            "references to trajectories of sub-agents that are not in the file and have no path",
        ),
    ],
    options: &[],
    make: |_| Box::new(Atif),
};

const NO_CONVERSATION: &str = "no-conversation";
const UNMATCHED: &str = "unmatched-results";
const MISSING: &str = "missing-subagents";

/// Trajectories in the interchange format.
#[derive(Clone, Copy, Debug)]
struct Atif;

impl Source for Atif {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let version = head
            .text("/schema_version")
            .filter(|version| version.starts_with("ATIF-"))?;
        let found = head.has("/steps") || head.has("/agent");
        (found && !head.has("/messages"))
            .then(|| Evidence::new(format!("`schema_version` `{version}`, key `steps`")))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let trajectory = walk::record(context, record, batch)?;
        deliver(trajectory, None, context, batch)?;
        if batch.traces().is_empty() {
            batch.skip(NO_CONVERSATION);
        }
        Ok(())
    }
}

/// Hands over the trace of a trajectory, then those of its sub-agents.
fn deliver<'v>(
    trajectory: JsonView<'v>,
    parent: Option<&Key<'v>>,
    context: &Context,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    let steps = walk::member(trajectory, "steps", Kind::Array)?;
    let mut said = Said::new(context.limits());
    let mut references = Vec::new();
    for (index, step) in steps.elements().enumerate() {
        let read = read_step(step, &mut said, &mut references, batch);
        read.map_err(|error| error.in_index(index).in_key("steps"))?;
    }
    batch.note(MISSING, missing_subagents(trajectory, &references));
    let id = ["/trajectory_id", "/session_id"]
        .iter()
        .find_map(|key| walk::text(trajectory, key));
    let id = id.map(|id| walk::key(&id.decode()));
    if !said.messages.is_empty() {
        let mut trace = Trace::new();
        *trace.messages_mut() = said.messages;
        let tools = trajectory.pointer("/agent/tool_definitions");
        trace
            .set_tools(walk::tools(tools).map_err(|error| error.in_key("tool_definitions").in_key("agent"))?);
        trace.set_model(walk::text(trajectory, "/agent/model_name"));
        trace.set_id(id.clone());
        walk::keep_rest(
            &mut trace,
            trajectory,
            INFO.name,
            &["steps", "subagent_trajectories"],
        );
        if let Some(parent) = parent {
            insert(&mut trace, "parent", parent.as_json().clone());
        }
        batch.push(trace);
    }
    let subagents = walk::present(trajectory, "/subagent_trajectories");
    for (index, subagent) in subagents.into_iter().flat_map(JsonView::elements).enumerate() {
        deliver(subagent, id.as_ref(), context, batch)
            .map_err(|error| error.in_index(index).in_key("subagent_trajectories"))?;
    }
    Ok(())
}

/// The fields of a step that become something of the message.
const STEP: [&str; 5] = [
    "source",
    "message",
    "reasoning_content",
    "tool_calls",
    "observation",
];

/// Reads a step, and notes the lists of sub-agents that its results refer to.
fn read_step<'v>(
    step: JsonView<'v>,
    said: &mut Said<'v>,
    references: &mut Vec<JsonView<'v>>,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    walk::expect(step, Kind::Object)?;
    let [source, words, thought, calls, observation, llm_calls, copied] = step.pick([
        "source",
        "message",
        "reasoning_content",
        "tool_calls",
        "observation",
        "llm_call_count",
        "is_copied_context",
    ]);
    let source = walk::text_of(source, "source")?;
    let role = match source.body() {
        "agent" => Role::Assistant,
        _ => Role::named(source),
    };
    let mut message = walk::spoken(role, words).map_err(|error| error.in_key("message"))?;
    if let Some(thought) = walk::given(thought) {
        message.set_reasoning(match thought.as_text() {
            Some(text) => Reasoning::Text(text),
            None => Reasoning::Opaque(thought.raw()),
        });
    }
    for (index, call) in walk::given(calls)
        .into_iter()
        .flat_map(JsonView::elements)
        .enumerate()
    {
        let call = read_call(call).map_err(|error| error.in_index(index).in_key("tool_calls"))?;
        message.push_tool_call(call);
    }
    let no_model = llm_calls.is_some_and(|count| count.as_str() == "0");
    let copied = copied.and_then(JsonView::as_bool) == Some(true);
    if *message.role() == Role::Assistant && (copied || no_model) {
        message.set_train(false);
    }
    walk::keep_in_message(&mut message, step, &STEP);
    let only_call = match message.tool_calls() {
        [call] => call.id().cloned(),
        _ => None,
    };
    let observation = walk::given(observation);
    if let Some(rest) = observation.and_then(observation_rest) {
        message.extra_mut().insert(Text::from("observation"), rest);
    }
    said.push(message)?;
    let results = observation.and_then(|observation| observation.get("results"));
    for (index, result) in results.into_iter().flat_map(JsonView::elements).enumerate() {
        let result = read_result(result, only_call.as_ref(), references, batch);
        said.push(result.map_err(|error| error.in_index(index).in_key("results").in_key("observation"))?)?;
    }
    Ok(())
}

/// What an observation holds beside its results.
fn observation_rest(observation: JsonView<'_>) -> Option<RawJson<'_>> {
    let plain = observation.members().all(|(key, _)| key.body() == "results");
    (!plain).then(|| observation.raw())
}

fn read_call(call: JsonView<'_>) -> Result<ToolCall<'_>, DecodeError> {
    walk::expect(call, Kind::Object)?;
    let [id, name, arguments] = call.pick(["tool_call_id", "function_name", "arguments"]);
    let name = walk::text_of(name, "function_name")?;
    let arguments = match arguments {
        Some(arguments) => Arguments::read(&mut arguments.cursor())?,
        None => Arguments::Missing,
    };
    let mut read = ToolCall::new(name, arguments).with_id(id.and_then(JsonView::as_text));
    for (key, value) in call.members() {
        match key.body() {
            "tool_call_id" | "function_name" | "arguments" => {}
            "id" | "type" | "name" | "function" | "custom" => {
                let key = Text::new(format!("source.{}", key.decode()));
                read.extra_mut().insert(key, value.raw());
            }
            _ => read.extra_mut().insert(key, value.raw()),
        }
    }
    Ok(read)
}

fn read_result<'v>(
    result: JsonView<'v>,
    only_call: Option<&Text<'v>>,
    references: &mut Vec<JsonView<'v>>,
    batch: &mut Batch<'v>,
) -> Result<Message<'v>, DecodeError> {
    walk::expect(result, Kind::Object)?;
    let [call, content, subagents] = result.pick(["source_call_id", "content", "subagent_trajectory_ref"]);
    references.extend(subagents);
    let call = call.and_then(JsonView::as_text).or_else(|| only_call.cloned());
    let role = if call.is_some() { Role::Tool } else { Role::User };
    let mut message = walk::spoken(role, content).map_err(|error| error.in_key("content"))?;
    if call.is_none() {
        batch.note(UNMATCHED, 1);
        message.extra_mut().insert(Text::from("observation"), true.into());
    }
    message.set_tool_call_id(call);
    walk::keep_in_message(&mut message, result, &["source_call_id", "content"]);
    Ok(message)
}

/// How many of the references in these lists lead nowhere. From version 1.7 on they name a trajectory, before that a session.
fn missing_subagents<'v>(trajectory: JsonView<'v>, references: &[JsonView<'v>]) -> u64 {
    if references.is_empty() {
        return 0;
    }
    let subagents = trajectory.get("subagent_trajectories");
    let named = |key: &str, id: &Text<'_>| {
        let mut all = subagents.into_iter().flat_map(JsonView::elements);
        all.any(|subagent| walk::text(subagent, key).is_some_and(|known| known == *id))
    };
    let is_missing = |reference: &JsonView<'v>| {
        let has = |key: &str| walk::text(*reference, key).is_some_and(|id| named(key, &id));
        let found = has("/trajectory_id") || has("/session_id");
        !found && walk::present(*reference, "/trajectory_path").is_none()
    };
    let all = references.iter().flat_map(|list| list.elements());
    all.filter(is_missing).count() as u64
}
