//! One record of a log: what it says of itself, the request, the response; and the traces they make.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Fields, Group, Key, Limits, RawJson, Text, Tool, Trace};

use super::response::{Answer, Response};
use super::{ERROR_BODY, NO_RESPONSE};
use crate::parts::hash_group;
use crate::record::{Once, object};
use crate::source::Batch;

/// One record, taken apart.
#[derive(Debug)]
pub(super) struct Log<'a> {
    /// Identity, scores and metadata of the record itself, and fields that nobody names.
    own: Trace<'a>,
    request: Request<'a>,
    response: Response<'a>,
    /// The HTTP status says that the request failed.
    refused: bool,
}

/// The keys of a record that may stand there once; those of the request are counted with it.
const KEYS: [&str; 9] = [
    "request", "response", "id", "scores", "metadata", "group", "trial", "outcome", "score",
];

impl<'a> Log<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut log = Log {
            own: Trace::new(),
            request: Request::new(),
            response: Response::Missing,
            refused: false,
        };
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            log.read_field(cursor, key)
        })?;
        Ok(log)
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "messages" | "tools" | "functions" | "model" => self.request.read_field(cursor, key),
            "request" => self.request.read(cursor),
            "response" => {
                self.response = Response::read(cursor)?;
                Ok(())
            }
            "status" => {
                self.own.read_field(cursor, key)?;
                let status = self.own.extra().get("status").and_then(RawJson::as_f64);
                self.refused = status.is_some_and(|status| status >= 400.0);
                Ok(())
            }
            _ => self.own.read_field(cursor, key),
        }
    }

    /// Hands over the traces, or says why there is none.
    pub(super) fn deliver(self, limits: Limits, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        match self.response {
            Response::Answer(answer) => answered(self.own, self.request, answer, limits, batch),
            Response::Missing if !self.request.nested => {
                batch.stand_alone();
                batch.push(line(self.own, self.request, limits)?);
                Ok(())
            }
            Response::Error => {
                batch.skip(ERROR_BODY);
                Ok(())
            }
            _ if self.refused => {
                batch.skip(ERROR_BODY);
                Ok(())
            }
            Response::Missing | Response::Null => {
                batch.skip(NO_RESPONSE);
                Ok(())
            }
            Response::Unreadable(error) => Err(error),
        }
    }
}

/// A fine-tuning line: the answer is among the messages.
fn line<'a>(own: Trace<'a>, mut request: Request<'a>, limits: Limits) -> Result<Trace<'a>, DecodeError> {
    let model = take_text(&mut request.rest, "model");
    let (mut trace, rest) = request.into_prompt()?;
    adopt(&mut trace, own);
    trace.set_model(model);
    keep(&mut trace, "request", &rest, limits)?;
    Ok(trace)
}

/// A request with its response: one trace per choice.
fn answered<'a>(
    own: Trace<'a>,
    mut request: Request<'a>,
    mut answer: Answer<'a>,
    limits: Limits,
    batch: &mut Batch<'a>,
) -> Result<(), DecodeError> {
    let model = take_text(&mut answer.rest, "model").or_else(|| take_text(&mut request.rest, "model"));
    let id = own.id().cloned().or_else(|| take_key(&mut answer.rest, "id"));
    let (mut base, rest) = request.into_prompt()?;
    let group = prompt_group(&base);
    adopt(&mut base, own);
    base.set_model(model);
    if base.group().is_none() {
        base.set_group(group);
    }
    keep(&mut base, "request", &rest, limits)?;

    let several = answer.choices.len() > 1;
    let mut choices = answer.choices.into_iter().peekable();
    while let Some(choice) = choices.next() {
        let mut trace = if choices.peek().is_some() {
            base.clone()
        } else {
            std::mem::take(&mut base)
        };
        let (trial, outcome) = (choice.trial, choice.outcome);
        trace.set_id(id.as_ref().map(|id| {
            if several {
                Key::new(Text::new(format!("{id}/{trial}")).into())
            } else {
                id.clone()
            }
        }));
        trace.set_trial(trace.trial().unwrap_or(trial));
        trace.set_outcome(trace.outcome().or(outcome));
        answer.rest.insert(Text::new("choices"), choice.rest(limits)?);
        keep(&mut trace, "response", &answer.rest, limits)?;
        trace.push_message(choice.message);
        batch.push(trace);
    }
    Ok(())
}

/// The group of all answers to one prompt.
fn prompt_group(prompt: &Trace<'_>) -> Group<'static> {
    let mut canonical = Vec::with_capacity(1024);
    prompt.write_json(&mut canonical);
    hash_group(&canonical)
}

/// What the model was asked.
#[derive(Debug)]
struct Request<'a> {
    /// It stands under `request`, not in the record itself.
    nested: bool,
    once: Once,
    prompt: Trace<'a>,
    tools: Option<Vec<Tool<'a>>>,
    rest: Fields<'a>,
}

impl<'a> Request<'a> {
    fn new() -> Self {
        Request {
            nested: false,
            once: Once::of(&["messages", "tools", "functions"]),
            prompt: Trace::new(),
            tools: None,
            rest: Fields::new(),
        }
    }

    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        self.nested = true;
        cursor.object(|cursor, key| self.read_field(cursor, key))
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        self.once.note(cursor, key)?;
        match key.body() {
            "messages" => self.prompt.read_messages(cursor),
            "tools" | "functions" if cursor.peek()? == Kind::Null => cursor.skip(),
            // A legacy function is the inside of a tool.
            "tools" | "functions" => {
                let tools = Tool::read_list(cursor)?;
                self.tools.get_or_insert_default().extend(tools);
                Ok(())
            }
            _ => self.rest.read(cursor, key),
        }
    }

    /// A trace of nothing but messages and tools, and what else there is.
    fn into_prompt(mut self) -> Result<(Trace<'a>, Fields<'a>), DecodeError> {
        if !self.once.has_seen("messages") {
            let error = DecodeError::new(DecodeErrorKind::MissingField, 0, "a request needs `messages`");
            return Err(if self.nested {
                error.in_key("request")
            } else {
                error
            });
        }
        self.prompt.set_tools(self.tools);
        Ok((self.prompt, self.rest))
    }
}

/// Gives a trace what the record says of itself.
fn adopt<'a>(trace: &mut Trace<'a>, mut own: Trace<'a>) {
    trace
        .set_id(own.id().cloned())
        .set_group(own.group().cloned())
        .set_trial(own.trial())
        .set_outcome(own.outcome())
        .set_metadata(own.metadata().cloned());
    for score in own.scores() {
        trace.push_score(score.clone());
    }
    *trace.extra_mut() = std::mem::take(own.extra_mut());
}

/// Keeps what nobody took, if anything, as a field of the trace.
fn keep(
    trace: &mut Trace<'_>,
    key: &'static str,
    rest: &Fields<'_>,
    limits: Limits,
) -> Result<(), DecodeError> {
    if !rest.is_empty() {
        let rest = object(rest, limits)?;
        trace.extra_mut().insert(Text::new(key), rest);
    }
    Ok(())
}

fn take_text<'a>(fields: &mut Fields<'a>, key: &str) -> Option<Text<'a>> {
    fields.get(key).filter(|value| value.kind() == Kind::String)?;
    fields.remove(key)?.into_text().ok()
}

fn take_key<'a>(fields: &mut Fields<'a>, key: &str) -> Option<Key<'a>> {
    fields
        .get(key)
        .filter(|value| matches!(value.kind(), Kind::String | Kind::Number))?;
    fields.remove(key).map(Key::new)
}
