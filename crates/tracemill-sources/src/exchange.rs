//! One request to a provider and its response, in a log of `{"request": …, "response": …}`; what is in them is the
//! dialect's business.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, JsonView, Key, Limits, Message, Outcome, RawJson, Text, Tool, Trace,
};

use crate::parts::{hash_group, insert};
use crate::registry::{Note, Skip};
use crate::source::Batch;

/// What a dialect reads out of a request and a response.
pub(crate) trait Dialect {
    /// What the model was asked.
    fn prompt(request: JsonView<'_>) -> Result<Prompt<'_>, DecodeError>;

    /// What it answered; none if the response is an error or a refusal to answer.
    fn answers(response: JsonView<'_>) -> Result<Vec<Answer<'_>>, DecodeError>;

    /// The keys of the request that [`prompt`](Dialect::prompt) takes.
    const ASKED: &'static [&'static str];
    /// The keys of the response that [`answers`](Dialect::answers) takes.
    const ANSWERED: &'static [&'static str];
    /// The keys of the response under which its id and its model stand.
    const NAMES: (&'static str, &'static str);
}

/// What the model was asked.
#[derive(Debug, Default)]
pub(crate) struct Prompt<'a> {
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) tools: Option<Vec<Tool<'a>>>,
    /// Tools that the provider runs, as they were recorded: they are no definitions.
    pub(crate) hosted: Vec<RawJson<'a>>,
    /// What the provider remembers and the record does not tell: the prompt is only the end of what the model saw.
    pub(crate) before: Option<RawJson<'a>>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// None if nothing was said.
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) outcome: Option<Outcome>,
    /// What else the response says of this answer alone.
    pub(crate) rest: Option<RawJson<'a>>,
}

/// The records that logs of exchanges pass over.
pub(crate) const SKIPS: &[Skip] = &[
    Skip::new(
        ERROR_BODY,
        "the provider answered with an error, or with nothing to learn",
    ),
    Skip::new(NO_RESPONSE, "a request is logged without its response"),
];

/// The same where an answer always has something to learn.
pub(crate) const ERROR_SKIPS: &[Skip] = &[
    Skip::new(
        ERROR_BODY,
        "the provider answered with an error, so there is no answer to learn",
    ),
    Skip::new(NO_RESPONSE, "a request is logged without its response"),
];

/// What logs of exchanges count where a prompt is not whole.
pub(crate) const NOTES: &[Note] = &[Note::new(
    NOT_WHOLE,
    "the provider remembers an earlier part of the conversation: the trace is `truncated`",
)];

/// What logs count in which a response may hold several answers.
pub(crate) const SILENT_NOTES: &[Note] = &[Note::new(
    SILENT,
    "answers without content, beside others that have some",
)];

const SILENT: &str = "no-content";

const NOT_WHOLE: &str = "prompt-not-whole";
pub(crate) const ERROR_BODY: &str = "error-body";
pub(crate) const NO_RESPONSE: &str = "no-response";

/// Reads one record: a trace for each answer, in a group by the prompt.
pub(crate) fn decode<'v, D: Dialect>(
    record: &'v str,
    limits: Limits,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    let record = batch.read(record, limits, Cursor::indexed)?;
    let record = batch.keep(record);
    read::<D>(record, limits, batch)
}

/// Reads one record that was checked already.
pub(crate) fn read<'v, D: Dialect>(
    record: JsonView<'v>,
    limits: Limits,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    read_with::<D>(record, D::prompt, limits, batch)
}

/// Reads one record, the prompt in a way of its own.
pub(crate) fn read_with<'v, D: Dialect>(
    record: JsonView<'v>,
    prompt: impl FnOnce(JsonView<'v>) -> Result<Prompt<'v>, DecodeError>,
    limits: Limits,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    let missing = || DecodeError::new(DecodeErrorKind::MissingField, 0, "a record needs a `request`");
    let [request, response, status] = record.pick(["request", "response", "status"]);
    let request = request.ok_or_else(missing)?;
    let status = status.and_then(JsonView::as_f64);
    let response = response.filter(|response| !response.is_null());
    let Some(response) = response else {
        let failed = status.is_some_and(|status| status >= 400.0);
        batch.skip(if failed { ERROR_BODY } else { NO_RESPONSE });
        return Ok(());
    };
    let prompt = prompt(request).map_err(|error| error.in_key("request"))?;
    check_count(&prompt, limits).map_err(|error| error.in_key("request"))?;
    let mut answers = D::answers(response).map_err(|error| error.in_key("response"))?;
    let given = answers.len();
    answers.retain(|answer| !answer.messages.is_empty());
    if answers.is_empty() {
        batch.skip(ERROR_BODY);
        return Ok(());
    }
    batch.note(SILENT, (given - answers.len()) as u64);
    let is_whole = prompt.before.is_none();
    let base = base::<D>(record, request, response, prompt);
    deliver(base, answers, batch);
    if !is_whole {
        batch.note(NOT_WHOLE, 1);
        for trace in batch.traces_mut() {
            let failed = trace.outcome() == Some(Outcome::Errored);
            trace.set_outcome(if failed {
                Outcome::Errored
            } else {
                Outcome::Truncated
            });
        }
    }
    Ok(())
}

/// Refuses a prompt of more messages than are read.
pub(crate) fn check_count(prompt: &Prompt<'_>, limits: Limits) -> Result<(), DecodeError> {
    let (count, most) = (prompt.messages.len(), limits.messages());
    if count <= most {
        return Ok(());
    }
    let message = format!("the prompt has {count} messages, and at most {most} are read");
    Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message))
}

/// Everything that the traces of one record share.
fn base<'v, D: Dialect>(
    record: JsonView<'v>,
    request: JsonView<'v>,
    response: JsonView<'v>,
    prompt: Prompt<'v>,
) -> Trace<'v> {
    let mut trace = Trace::new();
    *trace.messages_mut() = prompt.messages;
    trace.set_tools(prompt.tools);
    let mut canonical = Vec::with_capacity(request.as_str().len());
    trace.write_json(&mut canonical);
    // The same words after something else are another prompt.
    if let Some(before) = &prompt.before {
        canonical.extend_from_slice(before.as_str().as_bytes());
    }
    trace.set_group(hash_group(&canonical));
    if !prompt.hosted.is_empty() {
        let list = RawJson::list(prompt.hosted.iter().map(RawJson::view));
        trace.extra_mut().insert(Text::new("hosted_tools"), list);
    }
    let (id, model) = D::NAMES;
    let named = |name: Option<JsonView<'v>>| name.filter(|name| name.kind() == Kind::String);
    let [own, model] = response.pick([id, model]);
    trace.set_id(named(own).map(|id| Key::new(id.raw())));
    let (asked, answered) = (named(request.get("model")), named(model));
    trace.set_model(answered.or(asked).and_then(JsonView::as_text));
    // A request may name it by an alias, which stays with the request.
    let is_same = answered.is_none() || answered == asked;
    for (key, value) in record.members() {
        if !["request", "response"].contains(&key.body()) {
            trace.extra_mut().insert(key, value.raw());
        }
    }
    keep_rest(&mut trace, "request", request, |name| {
        (name == "model" && is_same) || D::ASKED.contains(&name)
    });
    keep_rest(&mut trace, "response", response, |name| {
        [id, D::NAMES.1].contains(&name) || D::ANSWERED.contains(&name)
    });
    trace
}

/// Keeps the members of a request or a response that were not taken, if there are any.
fn keep_rest(trace: &mut Trace<'_>, key: &'static str, whole: JsonView<'_>, is_taken: impl Fn(&str) -> bool) {
    let mut rest = whole
        .members()
        .filter(|(name, _)| !is_taken(name.body()))
        .peekable();
    if rest.peek().is_some() {
        let rest = RawJson::object(rest);
        trace.extra_mut().insert(Text::new(key), rest);
    }
}

fn deliver<'v>(base: Trace<'v>, answers: Vec<Answer<'v>>, batch: &mut Batch<'v>) {
    let count = answers.len();
    let traces = std::iter::repeat_n(base, count);
    for (trial, (mut trace, answer)) in (0..).zip(traces.zip(answers)) {
        if count > 1 {
            let id = trace.id().map(|id| Text::new(format!("{id}/{trial}")));
            trace.set_id(id.map(|id| Key::new(id.into())));
        }
        trace.set_trial(trial).set_outcome(answer.outcome);
        for message in answer.messages {
            trace.push_message(message);
        }
        if let Some(rest) = answer.rest {
            insert(&mut trace, "candidate", rest);
        }
        batch.push(trace);
    }
}

/// The text under a key, if there is one.
pub(crate) fn text<'v>(value: JsonView<'v>, key: &str) -> Option<Text<'v>> {
    value.get(key)?.as_text()
}

/// An error about a value of a type that does not belong there.
pub(crate) fn wrong(wanted: &str, found: JsonView<'_>) -> DecodeError {
    let message = format!("expected {wanted}, found {}", found.kind().noun());
    DecodeError::new(DecodeErrorKind::WrongType, 0, message)
}
