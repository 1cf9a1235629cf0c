//! `google-adk`: eval sets, their results, and sessions of Google's Agent Development Kit.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Arguments, DecodeError, DecodeErrorKind, Elements, Fields, Framing, Group, GroupKind, JsonView, Limits,
    Message, Role, Score, ScoreValue, Text, ToolCall, Trace,
};

use crate::detect::Evidence;
use crate::gemini_contents::{Contents, either};
use crate::head::Head;
use crate::parts::keep;
use crate::record::{deepest, raw};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::texts::Texts;
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "google-adk",
    summary: "eval sets, eval results and sessions of Google's Agent Development Kit (ADK)",
    suffixes: JSON,
    reads: "Keys in camelCase or snake_case, contents as in `gemini`. A case of an eval set is one trace of all its invocations: \
            what the user says, the calls and responses of `intermediate_data` (or its `invocation_events`), then `intermediate_responses`, \
            whose place among the calls is not recorded, and the `final_response`. Calls without an id get `call_0`, `call_1`, …; \
            most sets record no responses. A case of an eval set result is the \
            trace of its `actual_invocation`s, and its `overall_eval_metric_results` are the scores; one that was not evaluated has no \
            value. `id` is `eval_id` or `session_id`, the group `eval_set_id/eval_id`. A session is one trace of its \
            `events` with content. Old `.test.json` files, a list of `query`, `expected_tool_use` and `reference`, are one \
            trace. Messages keep the `author` and whatever else their event or invocation says; the rest is kept with the trace.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "a case without a conversation, such as a scenario to be simulated",
    )],
    notes: &[Note::new(
        EVENTS,
        "events without content, such as changes of state",
    )],
    options: &[],
    make: |_| Box::new(GoogleAdk),
};

const NO_CONVERSATION: &str = "no-conversation";
const EVENTS: &str = "events-without-content";

/// Files of the Agent Development Kit.
#[derive(Clone, Copy, Debug)]
struct GoogleAdk;

/// The lists of cases, and the key of the id of their set, in both spellings.
const CASES: [(&str, &str); 4] = [
    ("/eval_cases", "/eval_set_id"),
    ("/evalCases", "/evalSetId"),
    ("/eval_case_results", "/eval_set_id"),
    ("/evalCaseResults", "/evalSetId"),
];
/// What else stands beside such a list, and how it is called in a trace.
const BESIDE: [(&str, &str); 6] = [
    ("/eval_set_result_id", "eval_set_result_id"),
    ("/evalSetResultId", "eval_set_result_id"),
    ("/name", "name"),
    ("/description", "description"),
    ("/creation_timestamp", "creation_timestamp"),
    ("/creationTimestamp", "creation_timestamp"),
];

impl Source for GoogleAdk {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        let cases = CASES.iter().map(|(list, set)| {
            let first = Elements::at(*list).with_header(*set);
            let beside = BESIDE.iter().map(|(pointer, _)| *pointer);
            Framing::Elements(beside.fold(first, Elements::with_header))
        });
        cases.chain([Framing::Lines, Framing::Document]).collect()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let sets = CASES.iter().find(|(list, set)| head.has(list) && head.has(set));
        if let Some((list, set)) = sets {
            return Some(Evidence::keys(&[set, list]));
        }
        let known: [&[&str]; 5] = [
            &["/app_name", "/user_id", "/events"],
            &["/appName", "/userId", "/events"],
            &["/query", "/expected_tool_use"],
            &["/eval_id", "/conversation"],
            &["/evalId", "/conversation"],
        ];
        let keys = known.iter().find(|keys| keys.iter().all(|key| head.has(key)))?;
        Some(Evidence::keys(keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let whole = walk::value(context, record)?;
        let whole = batch.keep(whole);
        if whole.kind() == Kind::Array {
            return old_cases(whole, context.limits(), batch);
        }
        walk::expect(whole, Kind::Object)?;
        case(whole, context, batch)
    }
}

/// Reads one case, result or session.
fn case<'v>(case: JsonView<'v>, context: &Context, batch: &mut Batch<'v>) -> Result<(), DecodeError> {
    let mut talk = Talk::new(context.limits(), batch.texts());
    let mut trace = Trace::new();
    let id = either(case, "evalId", "eval_id").and_then(|id| walk::text(id, ""));
    let own = either(case, "evalSetId", "eval_set_id").and_then(|set| walk::text(set, ""));
    let header = |index| Cursor::new(context.header(index)?).raw().ok();
    let set = own.or_else(|| header(0)?.into_text().ok().map(Text::into_owned));
    let taken: &[&str] = if let Some(events) = case.get("events") {
        trace.set_id(walk::text(case, "/id").map(|id| walk::key(&id.decode())));
        each(events, "events", |event| talk.event(event))?;
        &["id", "events"]
    } else if let Some(list) = either(
        case,
        "evalMetricResultPerInvocation",
        "eval_metric_result_per_invocation",
    ) {
        let session = either(case, "sessionId", "session_id").and_then(|id| walk::text(id, ""));
        trace.set_id(session.or_else(|| id.clone()).map(|id| walk::key(&id.decode())));
        each(list, "eval_metric_result_per_invocation", |judged| {
            let actual = either(judged, "actualInvocation", "actual_invocation");
            talk.invocation(actual.ok_or_else(|| walk::missing("actual_invocation"))?)?;
            talk.beside("evaluated", judged, &["actualInvocation", "actual_invocation"])
        })?;
        let overall = either(case, "overallEvalMetricResults", "overall_eval_metric_results");
        if let Some(overall) = &overall {
            each(*overall, "overall_eval_metric_results", |metric| {
                score(metric, &mut trace)
            })?;
        }
        &[
            "evalMetricResultPerInvocation",
            "eval_metric_result_per_invocation",
            "overallEvalMetricResults",
            "overall_eval_metric_results",
        ]
    } else {
        trace.set_id(id.as_ref().map(|id| walk::key(&id.decode())));
        if let Some(conversation) = walk::present(case, "/conversation") {
            each(conversation, "conversation", |invocation| {
                talk.invocation(invocation)
            })?;
        }
        &["conversation", "evalId", "eval_id"]
    };
    batch.note(EVENTS, talk.silent);
    if talk.read.messages.is_empty() {
        batch.skip(NO_CONVERSATION);
        return Ok(());
    }
    *trace.messages_mut() = std::mem::take(&mut talk.read.messages);
    if let Some(id) = id {
        let key = set.map_or_else(
            || id.decode().into_owned(),
            |set| format!("{}/{}", set.decode(), id.decode()),
        );
        trace.set_group(Group::new(walk::key(&key), GroupKind::Task));
    }
    trace.set_model(talk.model);
    walk::keep_rest(&mut trace, case, INFO.name, taken);
    let mut beside = Fields::new();
    for (index, (_, name)) in BESIDE.iter().enumerate() {
        if let Some(value) = header(index + 1).filter(|value| !value.is_null()) {
            beside.insert(Text::new(*name), value.into_owned());
        }
    }
    keep(&mut trace, "eval_set", &beside, context.limits())?;
    batch.push(trace);
    Ok(())
}

/// Reads every element of a list; errors name the element.
fn each<'v>(
    list: JsonView<'v>,
    key: &str,
    mut read: impl FnMut(JsonView<'v>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    walk::expect(list, Kind::Array).map_err(|error| error.in_key(key))?;
    for (index, element) in list.elements().enumerate() {
        read(element).map_err(|error| error.in_index(index).in_key(key))?;
    }
    Ok(())
}

fn score<'v>(metric: JsonView<'v>, trace: &mut Trace<'v>) -> Result<(), DecodeError> {
    let name = either(metric, "metricName", "metric_name").and_then(|name| walk::text(name, ""));
    let given = metric.get("score");
    let value = match &given {
        Some(value) => ScoreValue::read(&mut value.cursor())?,
        None => ScoreValue::Missing(Text::new("no score")),
    };
    let mut score = Score::new(name, value).into_owned();
    for (key, value) in metric.members() {
        if !["metricName", "metric_name", "score"].contains(&key.body()) {
            score.extra_mut().insert(key.into_owned(), value.into_owned());
        }
    }
    trace.push_score(score);
    Ok(())
}

/// A conversation as it is read.
struct Talk<'a> {
    read: Contents<'a>,
    texts: &'a Texts,
    limits: Limits,
    model: Option<Text<'a>>,
    /// Events without content.
    silent: u64,
}

impl<'a> Talk<'a> {
    fn new(limits: Limits, texts: &'a Texts) -> Self {
        Talk {
            read: Contents::default(),
            texts,
            limits,
            model: None,
            silent: 0,
        }
    }

    /// Reads one exchange with the user.
    fn invocation(&mut self, invocation: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(invocation, Kind::Object)?;
        let asked = either(invocation, "userContent", "user_content");
        let asked = asked.ok_or_else(|| walk::missing("user_content"))?;
        self.content(Role::User, asked)
            .map_err(|error| error.in_key("user_content"))?;
        let data = either(invocation, "intermediateData", "intermediate_data");
        let taken = [
            "userContent",
            "user_content",
            "intermediateData",
            "intermediate_data",
            "finalResponse",
            "final_response",
        ];
        self.beside("invocation", invocation, &taken)?;
        if let Some(data) = data {
            self.between(data)
                .map_err(|error| error.in_key("intermediate_data"))?;
        }
        match either(invocation, "finalResponse", "final_response") {
            Some(answer) => self
                .content(Role::Assistant, answer)
                .map_err(|error| error.in_key("final_response")),
            None => Ok(()),
        }
    }

    /// Reads what happened between question and answer.
    fn between(&mut self, data: JsonView<'a>) -> Result<(), DecodeError> {
        if let Some(events) = either(data, "invocationEvents", "invocation_events") {
            return each(events, "invocation_events", |event| self.event(event));
        }
        let uses = either(data, "toolUses", "tool_uses");
        let responses = either(data, "toolResponses", "tool_responses");
        for (list, key, role) in [
            (uses, "functionCall", Role::Assistant),
            (responses, "functionResponse", Role::User),
        ] {
            let Some(list) = list.filter(|list| list.elements().next().is_some()) else {
                continue;
            };
            walk::expect(list, Kind::Array)?;
            let parts = raw(deepest(), |w| {
                w.begin_object();
                w.key("parts").begin_array();
                for element in list.elements() {
                    w.begin_object();
                    w.key(key).raw(element);
                    w.end_object();
                }
                w.end_array();
                w.end_object();
            })?;
            let parts = Texts::keep(&mut self.texts, parts.into());
            self.content(role, parts)?;
        }
        let Some(said) = either(data, "intermediateResponses", "intermediate_responses") else {
            return Ok(());
        };
        each(said, "intermediate_responses", |pair| {
            let mut pair = pair.elements();
            let (author, parts) = (pair.next(), pair.next());
            let parts =
                parts.ok_or_else(|| walk::wrong("an intermediate response is an author and parts"))?;
            let content = raw(deepest(), |w| {
                w.begin_object();
                w.key("parts").raw(parts);
                w.end_object();
            })?;
            let content = Texts::keep(&mut self.texts, content.into());
            self.content(Role::Assistant, content)?;
            if let (Some(message), Some(author)) = (self.read.messages.last_mut(), author) {
                message
                    .extra_mut()
                    .insert(Text::new("author"), author.into_owned());
            }
            Ok(())
        })
    }

    /// Reads one event of a session.
    fn event(&mut self, event: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(event, Kind::Object)?;
        let model = either(event, "modelVersion", "model_version").and_then(|model| walk::text(model, ""));
        if self.model.is_none() {
            self.model = model;
        }
        let Some(content) = walk::present(event, "/content") else {
            self.silent += 1;
            return Ok(());
        };
        let by_user = walk::says(event, "/author", "user");
        let role = if by_user || walk::says(content, "/role", "user") && has_results(content) {
            Role::User
        } else {
            Role::Assistant
        };
        self.content(role, content)
            .map_err(|error| error.in_key("content"))?;
        if let (Some(message), Some(author)) = (self.read.messages.last_mut(), event.get("author")) {
            message
                .extra_mut()
                .insert(Text::new("author"), author.into_owned());
        }
        self.beside("event", event, &["content", "author"])
    }

    fn content(&mut self, role: Role<'a>, content: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(content, Kind::Object)?;
        self.read.content(role, content)?;
        if self.read.messages.len() <= self.limits.messages() {
            return Ok(());
        }
        let message = format!("more than {} messages in one trace", self.limits.messages());
        Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message))
    }

    /// Keeps at the last message what an object says beside it, without what is `null`.
    fn beside(
        &mut self,
        name: &'static str,
        object: JsonView<'a>,
        taken: &[&str],
    ) -> Result<(), DecodeError> {
        let rest = object
            .members()
            .filter(|(key, value)| !taken.contains(&key.body()) && !value.is_null());
        let rest: Vec<_> = rest.collect();
        if rest.is_empty() {
            return Ok(());
        }
        let kept = raw(deepest(), |w| {
            w.begin_object();
            for (key, value) in &rest {
                w.text_key(key).raw(*value);
            }
            w.end_object();
        })?;
        if let Some(message) = self.read.messages.last_mut() {
            message.extra_mut().insert(Text::new(name), kept);
        }
        Ok(())
    }
}

/// Whether a content holds what functions gave.
fn has_results(content: JsonView<'_>) -> bool {
    let parts = content.get("parts");
    let mut parts = parts.into_iter().flat_map(JsonView::elements);
    parts.any(|part| either(part, "functionResponse", "function_response").is_some())
}

/// Reads the older form: a list of questions, each with what is expected.
fn old_cases<'v>(list: JsonView<'v>, limits: Limits, batch: &mut Batch<'v>) -> Result<(), DecodeError> {
    let mut calls = 0;
    let messages = walk::messages(list, limits, |turn, said| {
        walk::expect(turn, Kind::Object)?;
        let query = turn.get("query").ok_or_else(|| walk::missing("query"))?;
        let mut asked = walk::spoken(Role::User, Some(query)).map_err(|error| error.in_key("query"))?;
        let taken = ["query", "expected_tool_use", "reference"];
        walk::keep_in_message(&mut asked, turn, &taken);
        said.push(asked)?;
        let uses = walk::present(turn, "/expected_tool_use");
        let mut made = Message::new(Role::Assistant);
        if let Some(uses) = &uses {
            each(*uses, "expected_tool_use", |used| {
                let name = walk::text(used, "/tool_name").ok_or_else(|| walk::missing("tool_name"))?;
                let input = used.get("tool_input").filter(|input| !input.is_null());
                let arguments =
                    input.map_or(Arguments::Missing, |input| Arguments::Value(input.into_owned()));
                let mut call = ToolCall::new(name, arguments).with_id(Text::new(format!("call_{calls}")));
                calls += 1;
                for (key, value) in used.members() {
                    if !["tool_name", "tool_input"].contains(&key.body()) {
                        call.extra_mut().insert(key.into_owned(), value.into_owned());
                    }
                }
                made.push_tool_call(call);
                Ok(())
            })?;
        }
        if !made.tool_calls().is_empty() {
            said.push(made)?;
        }
        match walk::present(turn, "/reference") {
            Some(answer) => said.push(
                walk::spoken(Role::Assistant, Some(answer)).map_err(|error| error.in_key("reference"))?,
            ),
            None => Ok(()),
        }
    })?;
    if messages.is_empty() {
        batch.skip(NO_CONVERSATION);
        return Ok(());
    }
    let mut trace = Trace::new();
    *trace.messages_mut() = messages;
    batch.push(trace);
    Ok(())
}
