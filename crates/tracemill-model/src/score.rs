//! Scores: named, finite, or missing with a reason. Absent is not zero.

use crate::error::{DecodeError, DecodeErrorKind, excerpt};
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// One judgement of a trace.
///
/// ```
/// use tracemill_model::Trace;
/// let trace = Trace::from_json(
///     r#"{"messages":[],"scores":[{"name":"reward","value":1.0},{"name":"style","missing":"not judged"}]}"#,
/// )?;
/// assert_eq!(trace.scores()[0].number(), Some(1.0));
/// assert_eq!(trace.scores()[1].number(), None);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score<'a> {
    name: Option<Text<'a>>,
    value: ScoreValue<'a>,
    extra: Fields<'a>,
}

/// What a judgement says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreValue<'a> {
    /// A finite number, with the text it was written in.
    Number(RawJson<'a>),
    /// A verdict: 1 if it holds, else 0.
    Bool(bool),
    /// A label that no number stands for.
    Label(Text<'a>),
    /// No judgement, and why.
    Missing(Text<'a>),
}

impl<'a> Score<'a> {
    /// A score from its parts; `name` is `None` for the only, unnamed score of a trace.
    pub fn new(name: Option<Text<'a>>, value: ScoreValue<'a>) -> Self {
        Score {
            name,
            value,
            extra: Fields::new(),
        }
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<&Text<'a>> {
        self.name.as_ref()
    }

    /// What the judgement says.
    pub fn value(&self) -> &ScoreValue<'a> {
        &self.value
    }

    /// Fields of the score that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// The judgement as a finite number; `None` for a label and for a missing one.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            ScoreValue::Number(token) => token.as_f64(),
            ScoreValue::Bool(value) => Some(f64::from(u8::from(*value))),
            ScoreValue::Label(_) | ScoreValue::Missing(_) => None,
        }
    }

    /// The same score, independent of the record it was read from.
    pub fn into_owned(self) -> Score<'static> {
        let value = match self.value {
            ScoreValue::Number(token) => ScoreValue::Number(token.into_owned()),
            ScoreValue::Bool(value) => ScoreValue::Bool(value),
            ScoreValue::Label(label) => ScoreValue::Label(label.into_owned()),
            ScoreValue::Missing(reason) => ScoreValue::Missing(reason.into_owned()),
        };
        Score {
            name: self.name.map(Text::into_owned),
            value,
            extra: self.extra.into_owned(),
        }
    }

    /// Reads a list of scores, or a map from name to value.
    pub(crate) fn read_list(cursor: &mut Cursor<'a>, scores: &mut Vec<Score<'a>>) -> Result<(), DecodeError> {
        match cursor.peek()? {
            Kind::Object => cursor.object(|cursor, name| {
                scores.push(Score::new(Some(name.clone()), ScoreValue::read(cursor)?));
                Ok(())
            }),
            Kind::Array => cursor.array(|cursor, _| {
                scores.push(Score::read(cursor)?);
                Ok(())
            }),
            _ => Err(cursor.expected("a list of scores")),
        }
    }

    /// Reads one score; where there is no value, `missing` says why.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let start = cursor.start();
        let (mut name, mut value, mut missing, mut extra) = (None, None, None, Fields::new());
        cursor.object(|cursor, key| {
            match key.body() {
                "name" => name = cursor.optional_text()?,
                "value" => value = Some(ScoreValue::read(cursor)?),
                "missing" => missing = cursor.optional_text()?,
                _ => extra.read(cursor, key)?,
            }
            Ok(())
        })?;
        let value = match (value, missing) {
            (None | Some(ScoreValue::Missing(_)), Some(reason)) => ScoreValue::Missing(reason),
            (Some(value), None) => value,
            (Some(_), Some(_)) => {
                let message = "a score has a `value`, or says why it is `missing`, not both";
                return Err(DecodeError::new(DecodeErrorKind::WrongValue, start, message));
            }
            (None, None) => {
                let message = "a score needs a `value`, or says why in `missing`";
                return Err(DecodeError::missing(start, message));
            }
        };
        Ok(Score { name, value, extra })
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        if let Some(name) = &self.name {
            w.key("name").text(name);
        }
        match &self.value {
            ScoreValue::Number(token) => w.key("value").raw(token),
            ScoreValue::Bool(value) => w.key("value").boolean(*value),
            ScoreValue::Label(label) => w.key("value").text(label),
            ScoreValue::Missing(reason) => w.key("missing").text(reason),
        };
        self.extra.write(w);
        w.end_object();
    }
}

impl<'a> ScoreValue<'a> {
    /// The number as a double has it, in the shortest spelling; `None` if it is infinite or no number.
    ///
    /// ```
    /// use tracemill_model::{Score, ScoreValue};
    /// let value = ScoreValue::from_f64(0.1).unwrap();
    /// assert_eq!(Score::new(Some("reward".into()), value).number(), Some(0.1));
    /// assert_eq!(ScoreValue::from_f64(f64::NAN), None);
    /// ```
    pub fn from_f64(value: f64) -> Option<Self> {
        // The debug form keeps the fraction of a whole number and the exponent of a large one; both are JSON.
        let token = value.is_finite().then(|| format!("{value:?}"))?;
        Some(ScoreValue::Number(RawJson::from_canonical(token)))
    }

    /// Reads a number, a boolean, a label, or `null` for a missing judgement.
    ///
    /// # Errors
    /// If the next value is an array or an object, or a number that is not finite as a double.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(match cursor.peek()? {
            Kind::Bool => ScoreValue::Bool(cursor.boolean()?),
            Kind::String => ScoreValue::Label(cursor.text()?),
            Kind::Null => {
                cursor.skip()?;
                ScoreValue::Missing(Text::new("null"))
            }
            Kind::Number => {
                let start = cursor.start();
                let number = cursor.raw()?;
                if !is_small(number.as_str()) && number.as_f64().is_none() {
                    let found = excerpt(number.as_str());
                    let message = format!("a score must be finite, and {found} is too large for a double");
                    return Err(DecodeError::new(DecodeErrorKind::NotFinite, start, message));
                }
                ScoreValue::Number(number)
            }
            _ => return Err(cursor.expected("a number, a boolean, a label or null")),
        })
    }
}

/// Whether a number is finite as a double for its length alone: 300 digits are, and nothing has to be computed.
fn is_small(number: &str) -> bool {
    number.len() <= 300 && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scores_if_doubles_can_hold_them() {
        let digits = |count| "9".repeat(count);
        for finite in ["1e308".to_owned(), digits(300), digits(308), "-0.0E-9".to_owned()] {
            assert!(ScoreValue::read(&mut Cursor::new(&finite)).is_ok(), "{finite}");
        }
        for infinite in ["1e309".to_owned(), "-1E400".to_owned(), digits(309), digits(400)] {
            let error = ScoreValue::read(&mut Cursor::new(&infinite)).unwrap_err();
            assert_eq!(error.kind(), DecodeErrorKind::NotFinite, "{infinite}");
        }
    }
}
