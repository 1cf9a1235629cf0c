//! `tau2-bench`: simulations of customer-service agents whose users may call tools too.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, Elements, Framing, Group, GroupKind, JsonView, Key, Limits, Message, Outcome, RawJson, Role,
    Score, ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{insert, said};
use crate::record::raw;
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "tau2-bench",
    summary: "results of tau2-bench: simulations of tasks, each with its reward",
    suffixes: JSON,
    reads: "The object that a run writes: each of its `simulations` is a trace, and so is a file that holds one. `id` is \
            that of the simulation, the group is the domain and the task, `model` that of the agent. No file has the \
            system message: one with the policy of the domain goes first, marked `rebuilt_from`. Users may call tools: \
            their calls and results are not part of what the agent sees and are kept under `user_side`, each with the \
            number of the message that follows it. The scores are `reward` and one for each part of its breakdown \
            (`reward/DB`). `termination_reason` is the outcome; the reward 0 that an error of the harness leaves behind \
            judges nothing and is missing. Everything else of the simulation is kept, and what the run says of itself under \
            `run`. The definitions of the tasks are not read.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "the simulation failed before anything was said: it has no messages",
    )],
    notes: &[
        Note::new(
            REBUILT,
            "system messages made of the policy of the domain, because no file has them",
        ),
        Note::new(
            USER_SIDE,
            "calls and results of the tools of users: kept beside the conversation",
        ),
    ],
    options: &[],
    make: |_| Box::new(Tau2Bench),
};

const NO_CONVERSATION: &str = "no-conversation";
const REBUILT: &str = "rebuilt-system";
const USER_SIDE: &str = "user-side-tools";

/// What every simulation needs of its run.
const HEADERS: [&str; 9] = [
    "/info/environment_info/policy",
    "/info/environment_info/tool_defs",
    "/info/environment_info/domain_name",
    "/info/agent_info/llm",
    "/info/agent_info",
    "/info/user_info",
    "/info/git_commit",
    "/info/seed",
    "/timestamp",
];
const POLICY: usize = 0;
const TOOLS: usize = 1;
const DOMAIN: usize = 2;
const MODEL: usize = 3;
/// Those that the trace keeps, and under which names.
const KEPT: [(usize, &str); 5] = [
    (4, "agent_info"),
    (5, "user_info"),
    (6, "git_commit"),
    (7, "seed"),
    (8, "timestamp"),
];

/// Results of tau2-bench.
#[derive(Clone, Copy, Debug)]
struct Tau2Bench;

impl Source for Tau2Bench {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        let simulations = HEADERS
            .iter()
            .fold(Elements::at("/simulations"), |elements, pointer| {
                elements.with_header(*pointer)
            });
        vec![Framing::Elements(simulations), Framing::Lines, Framing::Document]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/info/agent_info", "/info/environment_info"];
        let run = keys.iter().all(|key| head.has(key)) && (head.has("/tasks") || head.has("/simulations"));
        run.then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let simulation = walk::record(context, record, batch)?;
        let conversation = conversation(simulation, context, batch)?;
        if conversation.messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        let mut trace = Trace::new();
        *trace.messages_mut() = conversation.messages;
        trace.set_tools(walk::tools(
            header(context, TOOLS).map(|tools| batch.keep(tools.into_owned())),
        )?);
        trace.set_model(
            header(context, MODEL)
                .and_then(|model| model.into_text().ok())
                .map(Text::into_owned),
        );
        judge(simulation, &mut trace)?;
        identify(simulation, context, &mut trace)?;
        walk::keep_rest(&mut trace, simulation, INFO.name, &TAKEN);
        if let Some(aside) = conversation.aside {
            insert(&mut trace, "user_side", aside);
        }
        if let Some(run) = run(context)? {
            insert(&mut trace, "run", run);
        }
        batch.push(trace);
        Ok(())
    }
}

/// What of a simulation becomes something of the trace.
const TAKEN: [&str; 4] = ["id", "task_id", "trial", "messages"];

/// What the agent saw, and what it did not.
struct Conversation<'a> {
    messages: Vec<Message<'a>>,
    aside: Option<RawJson<'a>>,
}

fn conversation<'v>(
    simulation: JsonView<'v>,
    context: &Context,
    batch: &mut Batch<'v>,
) -> Result<Conversation<'v>, DecodeError> {
    let list = walk::member(simulation, "messages", Kind::Array)?;
    let mut aside = Vec::new();
    let policy = header(context, POLICY);
    let policy = policy
        .as_ref()
        .and_then(tracemill_model::RawJson::as_text)
        .filter(|policy| !policy.is_empty());
    let before = usize::from(policy.is_some());
    let mut messages = walk::messages(list, context.limits(), |turn, conversation| {
        let is_users = is_users(turn);
        if is_users {
            aside.push((before + conversation.messages.len(), turn.into_owned()));
        }
        match read(turn, is_users)? {
            Some(message) => conversation.push(message),
            None => Ok(()),
        }
    })
    .map_err(|error| error.in_key("messages"))?;
    if let Some(policy) = policy.filter(|_| !messages.is_empty()) {
        let mut system = said(Role::System, policy.into_owned());
        system
            .extra_mut()
            .insert(Text::from("rebuilt_from"), Text::from("policy").into());
        messages.insert(0, system);
        batch.note(REBUILT, 1);
    }
    batch.note(USER_SIDE, aside.len() as u64);
    Ok(Conversation {
        messages,
        aside: apart(&aside)?,
    })
}

/// Whether a turn is a call of the user, or the result of one.
fn is_users(turn: JsonView<'_>) -> bool {
    let calls = || walk::present(turn, "/tool_calls").is_some_and(|calls| calls.elements().next().is_some());
    match walk::text(turn, "/role").as_ref().map_or("", Text::body) {
        "tool" => walk::says(turn, "/requestor", "user"),
        "user" => calls(),
        _ => false,
    }
}

/// One turn; none if it is only of the user's own tools.
fn read(turn: JsonView<'_>, is_users: bool) -> Result<Option<Message<'_>>, DecodeError> {
    let role = walk::text(turn, "/role").unwrap_or_default();
    match (role.body(), is_users) {
        ("tool", true) => Ok(None),
        ("tool", false) => tool(turn).map(Some),
        ("user", true) => {
            let message = walk::spoken(Role::User, walk::present(turn, "/content"))
                .map_err(|error| error.in_key("content"))?;
            Ok(Some(message).filter(|message| !message.content().is_empty()))
        }
        _ => walk::message(turn).map(Some),
    }
}

/// The result of a call: its `id` is that of the call.
fn tool(turn: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut message =
        walk::spoken(Role::Tool, turn.get("content")).map_err(|error| error.in_key("content"))?;
    message.set_tool_call_id(walk::text(turn, "/id"));
    message.set_is_error(turn.get("error").and_then(tracemill_model::JsonView::as_bool));
    walk::keep_in_message(&mut message, turn, &["role", "content", "id", "error"]);
    Ok(message)
}

fn apart<'v>(aside: &[(usize, RawJson<'v>)]) -> Result<Option<RawJson<'v>>, DecodeError> {
    if aside.is_empty() {
        return Ok(None);
    }
    let list = raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_array();
        for (before, turn) in aside {
            w.begin_object()
                .key("before")
                .number(*before as u64)
                .key("turn")
                .raw(turn)
                .end_object();
        }
        w.end_array();
    })?;
    Ok(Some(list))
}

/// The scores and the outcome.
fn judge<'v>(simulation: JsonView<'v>, trace: &mut Trace<'v>) -> Result<(), DecodeError> {
    let reason = walk::text(simulation, "/termination_reason");
    let outcome = match reason.as_ref().map_or("", Text::body) {
        "user_stop" | "agent_stop" => Some(Outcome::Completed),
        "max_steps" | "timeout" | "too_many_errors" | "context_window_exceeded" => Some(Outcome::Truncated),
        "agent_error" | "user_error" | "infrastructure_error" | "unexpected_error" => Some(Outcome::Errored),
        "" => None,
        _ => Some(Outcome::Unknown),
    };
    trace.set_outcome(outcome);
    let in_reward = |error: DecodeError| error.in_key("reward").in_key("reward_info");
    let reward = simulation.pointer("/reward_info/reward");
    let value = match &reward {
        None => ScoreValue::Missing(Text::from("no `reward_info`")),
        Some(reward) => ScoreValue::read(&mut reward.cursor()).map_err(in_reward)?,
    };
    let failed = outcome == Some(Outcome::Errored);
    let judges_nothing = failed && reward.and_then(JsonView::as_f64) == Some(0.0);
    let value = if judges_nothing {
        ScoreValue::Missing(Text::from("the simulation failed"))
    } else {
        value
    };
    trace.push_score(Score::new(Some(Text::from("reward")), value).into_owned());
    let breakdown = simulation.pointer("/reward_info/reward_breakdown");
    for (name, value) in breakdown
        .into_iter()
        .flat_map(JsonView::members)
        .filter(|_| !judges_nothing)
    {
        let value = ScoreValue::read(&mut value.cursor()).map_err(|error| {
            error
                .in_key(name.body())
                .in_key("reward_breakdown")
                .in_key("reward_info")
        })?;
        let name = Text::new(format!("reward/{}", name.decode()));
        trace.push_score(Score::new(Some(name), value).into_owned());
    }
    Ok(())
}

/// Its identity, and the task it competes in.
fn identify<'v>(
    simulation: JsonView<'v>,
    context: &Context,
    trace: &mut Trace<'v>,
) -> Result<(), DecodeError> {
    let key = |value: JsonView<'_>| match value.kind() {
        Kind::String | Kind::Number => Some(Key::new(value.into_owned())),
        _ => None,
    };
    trace.set_id(simulation.get("id").and_then(key));
    if let Some(trial) = walk::present(simulation, "/trial") {
        trace.set_trial(trial.cursor().unsigned().map_err(|error| error.in_key("trial"))?);
    }
    if let Some(task) = walk::present(simulation, "/task_id") {
        let domain = header(context, DOMAIN).filter(|domain| !domain.is_null());
        let key = raw(context.limits(), |w| {
            w.begin_array();
            if let Some(domain) = &domain {
                w.raw(domain);
            }
            w.raw(task).end_array();
        })?;
        trace.set_group(Group::new(Key::new(key), GroupKind::Task));
    }
    Ok(())
}

/// What the run says of itself.
fn run<'v>(context: &Context) -> Result<Option<RawJson<'v>>, DecodeError> {
    let kept: Vec<_> = KEPT
        .iter()
        .filter_map(|(index, name)| Some((*name, header(context, *index)?)))
        .collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let run = raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_object();
        for (name, value) in &kept {
            w.key(name).raw(value);
        }
        w.end_object();
    })?;
    Ok(Some(run))
}

/// A header value.
fn header(context: &Context, index: usize) -> Option<RawJson<'_>> {
    Cursor::with_limits(context.header(index)?, context.limits())
        .raw()
        .ok()
}
