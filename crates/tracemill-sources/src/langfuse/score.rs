//! Scores, by the type of their data.

use tracemill_model::{DecodeError, JsonView, Score, ScoreValue, Text};

use crate::parts::read_score;
use crate::walk;

/// Whether a record is a score.
pub(super) fn is_score(record: JsonView<'_>) -> bool {
    record.get("dataType").is_some() && record.get("name").is_some()
}

/// What the trace has elsewhere.
const HELD: [&str; 3] = ["name", "traceId", "observationId"];

/// Reads a score.
pub(super) fn read(record: JsonView<'_>) -> Result<Score<'static>, DecodeError> {
    let name = walk::text(record, "/name").ok_or_else(|| walk::missing("name"))?;
    let kind = walk::text(record, "/dataType");
    let kind = kind.as_ref().map_or("", Text::body);
    let label = ["/stringValue", "/longStringValue"]
        .iter()
        .find_map(|pointer| walk::text(record, pointer).filter(|text| !text.is_empty()));
    let number = walk::present(record, "/value");
    let truth = number.and_then(JsonView::as_f64);
    let value = match (kind, truth, label) {
        ("BOOLEAN", Some(number), _) => ScoreValue::Bool(number != 0.0),
        ("CATEGORICAL" | "TEXT", _, Some(label)) => ScoreValue::Label(label),
        // The number of a category means nothing without its configuration.
        ("CATEGORICAL" | "TEXT", _, None) => ScoreValue::Missing(Text::from("no value")),
        _ => match &number {
            Some(value) => {
                let read = read_score(&mut value.cursor()).map_err(|error| error.in_key("value"))?;
                Score::new(None, read).into_owned().value().clone()
            }
            None => ScoreValue::Missing(Text::from("no value")),
        },
    };
    let mut score = Score::new(Some(name), value);
    for (key, value) in record.members() {
        let name = key.decode();
        let nothing = value.is_null() || matches!(value.as_str(), "\"\"" | "{}" | "\"{}\"");
        if nothing || HELD.contains(&&*name) || (name == "value" && kind == "NUMERIC") {
            continue;
        }
        let name = if ["value", "missing"].contains(&&*name) {
            format!("langfuse.{name}")
        } else {
            name.into_owned()
        };
        score.extra_mut().insert(Text::new(name), value.into_owned());
    }
    Ok(score.into_owned())
}
