//! Feedback: scores of runs.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, Score, ScoreValue, Text};

use crate::parts::read_score;
use crate::walk;

/// Whether an object is feedback.
pub(super) fn is_feedback(value: JsonView<'_>) -> bool {
    value.get("key").is_some() && value.get("run_id").is_some()
}

/// The trace that it is about: the one it names, or that of the run, if this is the outermost one.
pub(super) fn trace(feedback: JsonView<'_>) -> Result<String, DecodeError> {
    let found = ["/trace_id", "/run_id"]
        .iter()
        .find_map(|pointer| walk::text(feedback, pointer));
    let found = found.ok_or_else(|| walk::missing("run_id"))?;
    Ok(found.decode().into_owned())
}

/// The run that it is about, empty if it is about the whole, and what it says.
pub(super) fn read(feedback: JsonView<'_>) -> Result<(String, Score<'static>), DecodeError> {
    let run = walk::text(feedback, "/run_id").map(|id| id.decode().into_owned());
    let name = walk::text(feedback, "/key").ok_or_else(|| walk::missing("key"))?;
    let (mut read, mut from) = (None, "");
    for key in ["score", "value"] {
        let Some(value) = walk::present(feedback, &format!("/{key}")) else {
            continue;
        };
        let value = match value.kind() {
            // Something with parts is no judgement; it is kept as its text.
            Kind::Object | Kind::Array => ScoreValue::Label(Text::new(value.as_str().to_owned())),
            _ => read_score(&mut value.cursor()).map_err(|error| error.in_key(key))?,
        };
        let value = Score::new(None, value).into_owned();
        (read, from) = (Some(value.value().clone()), key);
        break;
    }
    let value = read.unwrap_or_else(|| ScoreValue::Missing(Text::from("no score")));
    let mut score = Score::new(Some(name), value);
    for (key, value) in feedback.members() {
        let name = key.decode();
        if value.is_null() || ["key", "run_id", "trace_id", from].contains(&&*name) {
            continue;
        }
        let name = if ["name", "value", "missing"].contains(&&*name) {
            format!("langsmith.{name}")
        } else {
            name.into_owned()
        };
        score.extra_mut().insert(Text::new(name), value.into_owned());
    }
    Ok((run.unwrap_or_default(), score.into_owned()))
}
