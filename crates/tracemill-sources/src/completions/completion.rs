//! One completion and what was thought of it.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Fields, Limits, Message, RawJson, Score, ScoreValue, Text, Trace,
};

use super::Inner;
use crate::parts::{keep, read_response, read_score};
use crate::record::object;

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
        let mut completion = Completion {
            messages: Vec::new(),
            model: None,
            scores: Vec::new(),
            rest: Fields::new(),
        };
        if !cursor.has_ahead(&keys.response) {
            if cursor.peek()? == Kind::Object && !cursor.has_ahead("role") {
                let message = format!(
                    "a completion needs `{}`: name another key with `field.response`",
                    keys.response
                );
                return Err(cursor.error(DecodeErrorKind::MissingField, message));
            }
            completion.messages = read_response(cursor)?;
            return Ok(completion);
        }
        cursor.object(|cursor, key| completion.read_field(cursor, key, keys))?;
        Ok(completion)
    }

    fn read_field(
        &mut self,
        cursor: &mut Cursor<'a>,
        key: &Text<'a>,
        keys: &Inner,
    ) -> Result<(), DecodeError> {
        let name = &*key.decode();
        if name == keys.response {
            self.messages = read_response(cursor)?;
        } else if name == keys.score || name == FINE {
            self.scores
                .push(Score::new(Some(key.clone()), read_score(cursor)?));
        } else if name == "model" && matches!(cursor.peek()?, Kind::String | Kind::Null) {
            self.model = cursor.optional_text()?;
        } else if name == "annotations" && cursor.peek()? == Kind::Object {
            let limits = *cursor.limits();
            cursor.object(|cursor, aspect| {
                self.scores.push(annotation(cursor, aspect, limits)?);
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
    pub(super) fn add_to(self, trace: &mut Trace<'a>, limits: Limits) -> Result<(), DecodeError> {
        trace.messages_mut().extend(self.messages);
        if self.model.is_some() {
            trace.set_model(self.model);
        }
        for score in self.scores {
            trace.push_score(score);
        }
        keep(trace, "completion", &self.rest, limits)
    }
}

/// What was thought of one aspect: a bare rating, or an object with a `Rating`.
fn annotation<'a>(
    cursor: &mut Cursor<'a>,
    aspect: &Text<'a>,
    limits: Limits,
) -> Result<Score<'a>, DecodeError> {
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
        let rest: RawJson<'_> = object(&rest, limits)?;
        score.extra_mut().insert(Text::new("annotation"), rest);
    }
    Ok(score)
}
