//! What the model answered.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Fields, JsonView, Limits, Message, Outcome, RawJson, Text,
};

use crate::record::raw;

/// What a log holds for an answer.
#[derive(Debug)]
pub(super) enum Response<'a> {
    /// The record does not speak of it.
    Missing,
    /// `null`
    Null,
    /// The provider answered with an error.
    Error,
    /// Something else; an error unless the status explains it.
    Unreadable(DecodeError),
    /// At least one choice.
    Answer(Answer<'a>),
}

/// A response with choices.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) choices: Vec<Choice<'a>>,
    /// The other fields, and `choices` in its place.
    pub(super) rest: Fields<'a>,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) trial: u64,
    pub(super) outcome: Option<Outcome>,
    pub(super) message: Message<'a>,
    rest: Fields<'a>,
}

impl<'a> Response<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        match cursor.peek()? {
            Kind::Null => cursor.skip().map(|()| Response::Null),
            Kind::Object => Response::read_object(cursor),
            kind => {
                let message = format!(
                    "expected a response, found {}: a streamed one has to be put together where it is logged; if \
                     `messages` is the whole conversation, read it as `tracemill`",
                    kind.noun()
                );
                let error = cursor.error(DecodeErrorKind::WrongType, message);
                cursor.skip()?;
                Ok(Response::Unreadable(error.in_key("response")))
            }
        }
    }

    fn read_object(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut answer = Answer {
            choices: Vec::new(),
            rest: Fields::new(),
        };
        cursor.object(|cursor, key| answer.read_field(cursor, key))?;
        if !answer.choices.is_empty() {
            return Ok(Response::Answer(answer));
        }
        if answer.rest.get("error").is_some_and(|error| !error.is_null()) {
            return Ok(Response::Error);
        }
        let error = cursor.error(DecodeErrorKind::MissingField, "a response needs `choices`");
        Ok(Response::Unreadable(error.in_key("response")))
    }
}

impl<'a> Answer<'a> {
    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        if key.body() != "choices" || cursor.peek()? == Kind::Null {
            return self.rest.read(cursor, key);
        }
        if self.rest.get("choices").is_some() {
            return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"));
        }
        self.rest.insert(key.clone(), RawJson::from(false));
        cursor.array(|cursor, index| {
            self.choices.push(Choice::read(cursor, index)?);
            Ok(())
        })
    }
}

impl<'a> Choice<'a> {
    fn read(cursor: &mut Cursor<'a>, index: usize) -> Result<Self, DecodeError> {
        let (mut message, mut rest) = (None, Fields::new());
        cursor.object(|cursor, key| match key.body() {
            "message" if message.is_none() && cursor.peek()? == Kind::Object => {
                message = Some(Message::read(cursor)?);
                Ok(())
            }
            "message" if message.is_some() => {
                Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"))
            }
            _ => rest.read(cursor, key),
        })?;
        let Some(message) = message else {
            let remedy = if rest.get("delta").is_some() {
                "a choice needs a `message`, and this is a chunk of a stream: chunks have to be put together where \
                 they are logged"
            } else {
                "a choice needs a `message`"
            };
            return Err(cursor.error(DecodeErrorKind::MissingField, remedy));
        };
        Ok(Choice {
            trial: number(&rest, "index").unwrap_or(index as u64),
            outcome: rest.get("finish_reason").map(RawJson::view).and_then(outcome),
            message,
            rest,
        })
    }

    /// What is left of the list of choices: this one, without its message.
    pub(super) fn rest(&self, limits: Limits) -> Result<RawJson<'static>, DecodeError> {
        raw(limits, |w| {
            w.begin_array().begin_object();
            self.rest.write(w);
            w.end_object().end_array();
        })
    }
}

fn number(fields: &Fields<'_>, key: &str) -> Option<u64> {
    fields.get(key)?.as_str().parse().ok()
}

fn outcome(finish_reason: JsonView<'_>) -> Option<Outcome> {
    match finish_reason.as_text()?.body() {
        "stop" | "tool_calls" | "function_call" => Some(Outcome::Completed),
        "length" => Some(Outcome::Truncated),
        "content_filter" => Some(Outcome::Errored),
        _ => None,
    }
}
