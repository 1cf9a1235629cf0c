//! Scores: letters, numbers, labels, and values with several parts.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, RawJson, Score, ScoreValue, Text, Trace};

use crate::parts::read_score;

/// What the letters stand for, as `inspect_ai` has them in `value_to_float`.
const GRADES: [(&str, &str); 4] = [("C", "1"), ("I", "0"), ("P", "0.5"), ("N", "0")];

/// Adds what one scorer said.
pub(super) fn push(trace: &mut Trace<'_>, scorer: &Text<'_>, raw: JsonView<'_>) -> Result<(), DecodeError> {
    let value = raw.get("value");
    let said: Vec<(&str, RawJson<'static>)> = ["answer", "explanation", "metadata", "history"]
        .into_iter()
        .filter_map(|key| Some((key, raw.get(key)?.into_owned())))
        .collect();
    let name = scorer.decode();
    let parts: Vec<(String, JsonView<'_>)> = match value {
        Some(value) if value.kind() == Kind::Object => value
            .members()
            .map(|(key, part)| (format!("{name}/{}", key.decode()), part))
            .collect(),
        Some(value) if value.kind() == Kind::Array => value
            .elements()
            .enumerate()
            .map(|(index, part)| (format!("{name}/{index}"), part))
            .collect(),
        Some(value) => vec![(name.clone().into_owned(), value)],
        None => Vec::new(),
    };
    if parts.is_empty() {
        let missing = ScoreValue::Missing(Text::from("no value"));
        trace.push_score(Score::new(Some(Text::new(name.into_owned())), missing));
        return Ok(());
    }
    for (name, part) in parts {
        let mut score = one(name, part)?;
        for (key, value) in &said {
            score
                .extra_mut()
                .insert(Text::from(*key).into_owned(), value.clone());
        }
        trace.push_score(score);
    }
    Ok(())
}

fn one(name: String, value: JsonView<'_>) -> Result<Score<'static>, DecodeError> {
    let name = Some(Text::new(name));
    let letter = value.as_text();
    let grade = letter.and_then(|letter| GRADES.iter().find(|(known, _)| *known == letter.body()));
    if let Some((letter, number)) = grade {
        let number = RawJson::parse(number)?.into_owned();
        let mut score = Score::new(name, ScoreValue::Number(number));
        score
            .extra_mut()
            .insert(Text::from("label"), Text::from(*letter).into());
        return Ok(score);
    }
    let read = match value.kind() {
        // A value deeper inside is kept as its text.
        Kind::Object | Kind::Array => ScoreValue::Label(Text::new(value.as_str().to_owned())),
        _ => read_score(&mut value.cursor())?,
    };
    Ok(Score::new(name, read).into_owned())
}
