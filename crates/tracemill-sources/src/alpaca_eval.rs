//! `alpaca-eval`: outputs of models for `AlpacaEval`, and what its annotators preferred.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, JsonView, Score, ScoreValue, Text, Trace};

use crate::alpaca::exchange;
use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{hash_group, prompt_group};
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "alpaca-eval",
    summary: "AlpacaEval: the outputs of a model, or annotations that compare two of them",
    suffixes: JSON,
    reads: "Of an annotation each side (`output_1` with `generator_1`, `output_2` with `generator_2`) is a trace; the two \
            are a group of their own. `preference` goes from 1, the first is better, to 2, the second is better: the score \
            `preference` of the second is that less 1, that of the first is 2 less it, and a comparison without one has \
            missing scores. The number itself is kept. A record with one `output` and its `generator` is one trace, \
            grouped by a hash of the instruction. Everything else is kept.",
    skips: &[],
    notes: &[],
    options: &[],
    make: |_| Box::new(AlpacaEval),
};

/// Outputs and annotations of `AlpacaEval`.
#[derive(Clone, Copy, Debug)]
struct AlpacaEval;

const COMPARED: [&str; 3] = ["/instruction", "/output_1", "/output_2"];
const SINGLE: [&str; 3] = ["/instruction", "/output", "/generator"];

impl Source for AlpacaEval {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = [COMPARED, SINGLE]
            .into_iter()
            .find(|keys| keys.iter().all(|key| head.has(key)))?;
        (!head.has("/messages")).then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let row = walk::record(context, record, batch)?;
        let instruction = string(row, "instruction")?;
        if row.get("output_1").is_some() {
            return compare(row, &instruction, batch);
        }
        let mut trace = Trace::new();
        trace
            .messages_mut()
            .extend(exchange(instruction, string(row, "output")?));
        trace.set_group(prompt_group(&trace.messages()[..1], None));
        trace.set_model(walk::text(row, "/generator"));
        walk::keep_rest(
            &mut trace,
            row,
            INFO.name,
            &["instruction", "output", "generator"],
        );
        batch.push(trace);
        Ok(())
    }
}

fn string<'v>(row: JsonView<'v>, key: &str) -> Result<Text<'v>, DecodeError> {
    let value = walk::member(row, key, Kind::String)?;
    Ok(value.as_text().unwrap_or_default())
}

/// The sides of a comparison: the keys of output and model.
const SIDES: [(&str, &str); 2] = [("output_1", "/generator_1"), ("output_2", "/generator_2")];
const TAKEN: [&str; 5] = [
    "instruction",
    "output_1",
    "output_2",
    "generator_1",
    "generator_2",
];

fn compare<'v>(row: JsonView<'v>, instruction: &Text<'v>, batch: &mut Batch<'v>) -> Result<(), DecodeError> {
    let (one, two) = (string(row, "output_1")?, string(row, "output_2")?);
    let both = [instruction, &one, &two].map(Text::body).join("\"");
    let group = hash_group(both.as_bytes());
    let preference = walk::present(row, "/preference");
    if let Some(preference) = &preference {
        let known = preference
            .as_f64()
            .is_some_and(|value| (1.0..=2.0).contains(&value));
        if !known {
            return Err(walk::wrong("a preference goes from 1 to 2").in_key("preference"));
        }
    }
    for (side, (output, (_, model))) in [one, two].into_iter().zip(SIDES).enumerate() {
        let mut trace = Trace::new();
        trace.messages_mut().extend(exchange(instruction.clone(), output));
        trace.set_group(group.clone());
        trace.set_trial(side as u64);
        trace.set_model(walk::text(row, model));
        let value = preference
            .and_then(JsonView::as_f64)
            .and_then(|value| share(value, side));
        let value = value.unwrap_or_else(|| ScoreValue::Missing(Text::from("not judged")));
        trace.push_score(Score::new(Some(Text::from("preference")), value));
        walk::keep_rest(&mut trace, row, INFO.name, &TAKEN);
        batch.push(trace);
    }
    Ok(())
}

/// The share of a side. Fifteen digits are what the difference of two doubles of this size is good for.
fn share<'v>(preference: f64, side: usize) -> Option<ScoreValue<'v>> {
    let exact = if side == 0 {
        2.0 - preference
    } else {
        preference - 1.0
    };
    ScoreValue::from_f64((exact * 1e15).round() / 1e15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_preference_are_short_decimals() {
        let share = |preference, side| match share(preference, side) {
            Some(ScoreValue::Number(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            (share(1.1, 0), share(1.1, 1)),
            ("0.9".to_owned(), "0.1".to_owned())
        );
        assert_eq!(
            (share(2.0, 0), share(2.0, 1)),
            ("0.0".to_owned(), "1.0".to_owned())
        );
        assert_eq!(share(1.5, 0), share(1.5, 1));
    }
}
