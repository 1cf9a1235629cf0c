//! `openhands`: the output of an evaluation with `OpenHands`, whose history is a list of events.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, DecodeError, Framing, Group, GroupKind, JsonView, Limits, Message, Outcome, RawJson, Role, Text,
    Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::insert;
use crate::record::raw;
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "openhands",
    summary: "output of evaluations with OpenHands (`output.jsonl`): one instance a line, with its events",
    suffixes: JSON,
    reads: "The conversation is put together from the events of `history`, a list of them or of pairs of an action and its observation. The \
            `system` action is the system message and holds the tools. What the model said is the \
            `model_response` beside an action, once for each response, with all of its calls; observations that name a \
            call are its results, and `error` observations that name none are user messages, as the agent shows them. \
            Messages keep the `event` they came from (id and time), the `usage` of the response and the `extras` of the \
            observation; the rest of these events is not kept. `recall`, `agent_state_changed` and null observations are \
            noise of the harness. Actions without a recorded response, as older agents have them, cannot be told from \
            what the harness did: they are kept under `events`. `id` and group are `instance_id`, the model is that of \
            `metadata`. A top-level `error` is errored, or truncated if an iteration limit was met; the conversation stays. \
            Everything else is kept.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "the history has no messages: the run failed before anything was said",
    )],
    notes: &[
        Note::new(NOISE, "events of the harness that say nothing to the model"),
        Note::new(
            UNREAD,
            "events without a recorded response: kept beside the conversation",
        ),
    ],
    options: &[],
    make: |_| Box::new(OpenHands),
};

const NO_CONVERSATION: &str = "no-conversation";
const NOISE: &str = "harness-events";
const UNREAD: &str = "unread-events";

/// Output of evaluations with `OpenHands`.
#[derive(Clone, Copy, Debug)]
struct OpenHands;

impl Source for OpenHands {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/instance_id", "/metadata/agent_class"];
        let found = keys.iter().all(|key| head.has(key)) && !head.has("/messages");
        found.then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let run = walk::record(context, record, batch)?;
        let mut events = Events::new(context.limits());
        if let Some(history) = walk::present(run, "/history") {
            walk::expect(history, Kind::Array).map_err(|error| error.in_key("history"))?;
            for (index, entry) in history.elements().enumerate() {
                events
                    .read_entry(entry)
                    .map_err(|error| error.in_index(index).in_key("history"))?;
            }
        }
        if events.said.messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        batch.note(NOISE, events.noise);
        batch.note(UNREAD, events.unread.len() as u64);
        let mut trace = Trace::new();
        trace.set_outcome(outcome(run, events.is_finished));
        *trace.messages_mut() = events.said.messages;
        trace.set_tools(walk::tools(events.tools)?);
        trace.set_model(walk::text(run, "/metadata/llm_config/model"));
        if let Some(instance) = walk::text(run, "/instance_id") {
            trace.set_id(walk::key(&instance.decode()));
            trace.set_group(Group::new(walk::key(&instance.decode()), GroupKind::Task));
        }
        walk::keep_rest(&mut trace, run, INFO.name, &["history", "instance_id"]);
        if !events.unread.is_empty() {
            insert(&mut trace, "events", list(&events.unread)?);
        }
        batch.push(trace);
        Ok(())
    }
}

fn list<'v>(values: &[RawJson<'v>]) -> Result<RawJson<'v>, DecodeError> {
    raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_array();
        for value in values {
            w.raw(value);
        }
        w.end_array();
    })
}

/// How the run ended. That a limit was met stands only in the words of the error.
fn outcome(run: JsonView<'_>, is_finished: bool) -> Option<Outcome> {
    match walk::present(run, "/error") {
        Some(error) => {
            let text = error
                .as_text()
                .map(|text| text.decode().into_owned())
                .unwrap_or_default();
            let limit = text.contains("maximum iteration") || text.contains("maximum budget");
            Some(if limit {
                Outcome::Truncated
            } else {
                Outcome::Errored
            })
        }
        None if is_finished => Some(Outcome::Completed),
        None => None,
    }
}

/// What the events come to.
struct Events<'a> {
    said: Said<'a>,
    tools: Option<JsonView<'a>>,
    /// The ids of the responses that were taken.
    responses: Vec<Text<'a>>,
    unread: Vec<RawJson<'a>>,
    noise: u64,
    is_finished: bool,
}

impl<'a> Events<'a> {
    fn new(limits: Limits) -> Self {
        Events {
            said: Said::new(limits),
            tools: None,
            responses: Vec::new(),
            unread: Vec::new(),
            noise: 0,
            is_finished: false,
        }
    }

    /// An event, or a pair of an action and its observation.
    fn read_entry(&mut self, entry: JsonView<'a>) -> Result<(), DecodeError> {
        if entry.kind() == Kind::Array {
            for (index, event) in entry.elements().enumerate() {
                self.read(event).map_err(|error| error.in_index(index))?;
            }
            return Ok(());
        }
        walk::expect(entry, Kind::Object)?;
        self.read(entry)
    }

    fn read(&mut self, event: JsonView<'a>) -> Result<(), DecodeError> {
        if event.get("action").is_some() {
            self.read_action(event)
        } else {
            self.read_observation(event)
        }
    }

    fn read_action(&mut self, event: JsonView<'a>) -> Result<(), DecodeError> {
        let action = walk::text(event, "/action").unwrap_or_default();
        let source = walk::text(event, "/source").unwrap_or_default();
        self.is_finished |= action == *"finish";
        let response = event
            .pointer("/tool_call_metadata/model_response")
            .filter(|response| !response.is_null());
        match (action.body(), source.body(), response) {
            (_, _, Some(response)) => self.read_response(event, response),
            ("system", _, None) => {
                self.tools = walk::present(event, "/args/tools");
                self.say(event, Role::System, event.pointer("/args/content"))
            }
            ("message", "user", None) => self.say(event, Role::User, event.pointer("/args/content")),
            ("message", "agent", None) => self.say(event, Role::Assistant, event.pointer("/args/content")),
            ("recall" | "change_agent_state" | "null", _, None) => {
                self.noise += 1;
                Ok(())
            }
            _ => {
                self.unread.push(event.raw());
                Ok(())
            }
        }
    }

    /// The message of a response, unless another action of the same response brought it.
    fn read_response(&mut self, event: JsonView<'a>, response: JsonView<'a>) -> Result<(), DecodeError> {
        let inside = |error: DecodeError| error.in_key("model_response").in_key("tool_call_metadata");
        let id = walk::text(response, "/id");
        if let Some(id) = id {
            if self.responses.contains(&id) {
                return Ok(());
            }
            self.responses.push(id);
        }
        let choice = response
            .pointer("/choices/0/message")
            .ok_or_else(|| walk::missing("choices[0].message"))
            .map_err(inside)?;
        let mut message = walk::message(choice).map_err(inside)?;
        mark(&mut message, event)?;
        for (pointer, key) in [("/id", "response_id"), ("/usage", "usage")] {
            if let Some(value) = walk::present(response, pointer) {
                message.extra_mut().insert(Text::from(key), value.raw());
            }
        }
        self.said.push(message)
    }

    fn read_observation(&mut self, event: JsonView<'a>) -> Result<(), DecodeError> {
        let kind = walk::text(event, "/observation").unwrap_or_default();
        let call = walk::text(event, "/tool_call_metadata/tool_call_id");
        let role = match (kind.body(), &call) {
            (_, Some(_)) => Role::Tool,
            ("error", None) => Role::User,
            ("recall" | "agent_state_changed" | "null" | "", None) => {
                self.noise += 1;
                return Ok(());
            }
            _ => {
                self.unread.push(event.raw());
                return Ok(());
            }
        };
        let mut message =
            walk::spoken(role, event.get("content")).map_err(|error| error.in_key("content"))?;
        message.set_tool_call_id(call);
        if *message.role() == Role::Tool {
            message.set_name(walk::text(event, "/tool_call_metadata/function_name"));
            message.set_is_error((kind == *"error").then_some(true));
        }
        mark(&mut message, event)?;
        message.extra_mut().insert(Text::from("observation"), kind.into());
        if let Some(extras) = event.get("extras") {
            message.extra_mut().insert(Text::from("extras"), extras.raw());
        }
        self.said.push(message)
    }

    fn say(
        &mut self,
        event: JsonView<'a>,
        role: Role<'a>,
        content: Option<JsonView<'a>>,
    ) -> Result<(), DecodeError> {
        let mut message =
            walk::spoken(role, content).map_err(|error| error.in_key("content").in_key("args"))?;
        if *message.content() == Content::Missing {
            return Err(walk::missing("content").in_key("args"));
        }
        mark(&mut message, event)?;
        self.said.push(message)
    }
}

/// Says which event a message came from.
fn mark<'v>(message: &mut Message<'v>, event: JsonView<'v>) -> Result<(), DecodeError> {
    let (id, time) = (event.get("id"), event.get("timestamp"));
    if id.is_none() && time.is_none() {
        return Ok(());
    }
    let origin = raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_object();
        for (key, value) in [("id", id), ("timestamp", time)] {
            if let Some(value) = value {
                w.key(key).raw(value);
            }
        }
        w.end_object();
    })?;
    message.extra_mut().insert(Text::from("event"), origin);
    Ok(())
}
