//! One completion and what was thought of it.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Fields, Message, Score, ScoreValue, Text, Trace};

use super::Inner;
use crate::parts::{insert, read_response, read_score};

/// One completion and what was thought of it.
#[derive(Debug)]
pub(super) struct Completion<'a> {
    messages: Vec<Message<'a>>,
    model: Option<Text<'a>>,
    scores: Vec<Score<'a>>,
    rest: Fields<'a>,
}

/// The rating of details, which is beside the overall one.
const FINE: &str = "fine-grained_score";

impl<'a> Completion<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>, keys: &Inner) -> Result<Self, DecodeError> {
        if cursor.peek()? != Kind::Object {
            let mut completion = Completion::new();
            read_response(cursor, &mut completion.messages)?;
            return Ok(completion);
        }
        // Whether there is a response decides. It may come last, so looking for it first would be reading twice.
        match cursor.attempt(|cursor| Completion::read_object(cursor, keys)) {
            Err(error) if cursor.has_ahead(&keys.response) => Err(error),
            Err(_) => Completion::read_message(cursor, keys),
            read => read,
        }
    }

    /// Reads a completion without a response, which must be a message.
    fn read_message(cursor: &mut Cursor<'a>, keys: &Inner) -> Result<Self, DecodeError> {
        if !cursor.has_ahead("role") {
            let missing = missing_response(cursor, keys);
            cursor.skip()?;
            return Err(missing);
        }
        let mut completion = Completion::new();
        completion.messages.push(Message::read(cursor)?);
        Ok(completion)
    }

    fn new() -> Self {
        Completion {
            messages: Vec::new(),
            model: None,
            scores: Vec::new(),
            rest: Fields::new(),
        }
    }

    fn read_object(cursor: &mut Cursor<'a>, keys: &Inner) -> Result<Self, DecodeError> {
        let mut completion = Completion::new();
        let mut has_response = false;
        cursor.object(|cursor, key| {
            has_response |= key.body() == keys.response;
            completion.read_field(cursor, key, keys)
        })?;
        if has_response {
            Ok(completion)
        } else {
            Err(missing_response(cursor, keys))
        }
    }

    fn read_field(
        &mut self,
        cursor: &mut Cursor<'a>,
        key: &Text<'a>,
        keys: &Inner,
    ) -> Result<(), DecodeError> {
        let name = &*key.decode();
        if name == keys.response {
            read_response(cursor, &mut self.messages)?;
        } else if name == keys.score || name == FINE {
            self.scores
                .push(Score::new(Some(key.clone()), read_score(cursor)?));
        } else if name == "model" && matches!(cursor.peek()?, Kind::String | Kind::Null) {
            self.model = cursor.optional_text()?;
        } else if name == "annotations" && cursor.peek()? == Kind::Object {
            cursor.object(|cursor, aspect| {
                self.scores.push(annotation(cursor, aspect)?);
                Ok(())
            })?;
        } else {
            self.rest.read(cursor, key)?;
        }
        Ok(())
    }

    /// Whether the completion does not say which model made it.
    pub(super) fn is_anonymous(&self) -> bool {
        self.model.is_none()
    }

    /// Adds the completion to the trace of its prompt.
    pub(super) fn add_to(self, trace: &mut Trace<'a>) {
        trace.messages_mut().extend(self.messages);
        if self.model.is_some() {
            trace.set_model(self.model);
        }
        for score in self.scores {
            trace.push_score(score);
        }
        if !self.rest.is_empty() {
            insert(trace, "completion", self.rest.to_raw());
        }
    }
}

fn missing_response(cursor: &Cursor<'_>, keys: &Inner) -> DecodeError {
    let message = format!(
        "a completion needs `{}`: name another key with `field.response`",
        keys.response
    );
    cursor.error(DecodeErrorKind::MissingField, message)
}

/// What was thought of one aspect: a bare rating, or an object with a `Rating`.
fn annotation<'a>(cursor: &mut Cursor<'a>, aspect: &Text<'a>) -> Result<Score<'a>, DecodeError> {
    let name = Some(aspect.clone());
    match cursor.peek()? {
        Kind::Object => {}
        Kind::Array => {
            let mut score = Score::new(name, ScoreValue::Missing(Text::new("a list, not a rating")));
            score.extra_mut().insert(Text::new("annotation"), cursor.raw()?);
            return Ok(score);
        }
        _ => return Ok(Score::new(name, read_score(cursor)?)),
    }
    let (mut value, mut rest) = (None, Fields::new());
    cursor.object(|cursor, key| {
        if key.body() == "Rating" && matches!(cursor.peek()?, Kind::Null | Kind::String | Kind::Number) {
            value = Some(read_score(cursor)?);
            return Ok(());
        }
        rest.read(cursor, key)
    })?;
    let value = value.unwrap_or_else(|| ScoreValue::Missing(Text::new("no `Rating`")));
    let mut score = Score::new(name, value);
    if !rest.is_empty() {
        score.extra_mut().insert(Text::new("annotation"), rest.to_raw());
    }
    Ok(score)
}
