//! Assessments: feedback is a score, an expectation is not.
//!
//! Evidence: `entities/assessment.py` of mlflow-skinny 3.17.2.

use std::collections::BTreeSet;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, JsonWriter, Limits, RawJson, Score, ScoreValue, Text};

use crate::parts::read_score;
use crate::record::raw;
use crate::spans::id;
use crate::walk;

/// What was said of a trace.
#[derive(Debug, Default)]
pub(super) struct Assessments {
    /// Each with the span it is about, or nothing if it is about the whole.
    pub(super) scores: Vec<(String, Score<'static>)>,
    pub(super) overridden: u64,
    pub(super) others: u64,
    /// Those that are no scores.
    left: Vec<RawJson<'static>>,
}

impl Assessments {
    pub(super) fn read(info: JsonView<'_>) -> Result<Self, DecodeError> {
        let mut read = Assessments::default();
        let Some(list) = walk::present(info, "/assessments") else {
            return Ok(read);
        };
        let in_info = |error: DecodeError| error.in_key("assessments").in_key("info");
        walk::expect(list, Kind::Array).map_err(in_info)?;
        let overridden: BTreeSet<String> = list
            .elements()
            .filter_map(|one| Some(walk::text(one, "/overrides")?.decode().into_owned()))
            .collect();
        for (index, one) in list.elements().enumerate() {
            read.one(one, &overridden)
                .map_err(|error| in_info(error.in_index(index)))?;
        }
        Ok(read)
    }

    fn one(&mut self, one: JsonView<'_>, overridden: &BTreeSet<String>) -> Result<(), DecodeError> {
        walk::expect(one, Kind::Object)?;
        let own = walk::text(one, "/assessment_id");
        let gone = own.is_some_and(|id| overridden.contains(&*id.decode()));
        let invalid = one
            .get("valid")
            .is_some_and(|valid| valid.as_bool() == Some(false));
        let Some(feedback) = walk::present(one, "/feedback").filter(|_| !gone && !invalid) else {
            if gone || invalid {
                self.overridden += 1;
            } else {
                self.others += 1;
            }
            self.left.push(one.into_owned());
            return Ok(());
        };
        let name = walk::text(one, "/assessment_name")
            .ok_or_else(|| walk::missing("assessment_name"))?
            .into_owned();
        let about = one
            .get("span_id")
            .and_then(|span| id(span, 8))
            .unwrap_or_default();
        for (part, value) in values(feedback)? {
            let name = match part {
                Some(part) => Text::new(format!("{}/{part}", name.decode())),
                None => name.clone(),
            };
            let mut score = Score::new(Some(name), value);
            describe(&mut score, one, feedback);
            self.scores.push((about.clone(), score));
        }
        Ok(())
    }

    /// What is kept of the information of a trace.
    pub(super) fn kept(&self, info: JsonView<'_>) -> Option<RawJson<'static>> {
        let limits = Limits::default().with_depth(Limits::MAX_DEPTH);
        let write = |w: &mut JsonWriter<'_>| {
            w.begin_object();
            for (key, value) in info.members() {
                if !["trace_id", "request_id", "assessments"].contains(&key.body()) {
                    w.text_key(&key).raw(value);
                }
            }
            if !self.left.is_empty() {
                w.key("assessments")
                    .raw(&RawJson::list(self.left.iter().map(RawJson::view)));
            }
            w.end_object();
        };
        raw(limits, write).ok()
    }
}

/// The judgements of feedback: one, or one for each part of its value.
fn values(feedback: JsonView<'_>) -> Result<Vec<(Option<String>, ScoreValue<'static>)>, DecodeError> {
    let value = walk::present(feedback, "/value");
    let Some(value) = value else {
        let why = ["/error/error_message", "/error/error_code"]
            .iter()
            .find_map(|pointer| walk::text(feedback, pointer));
        let why = why.map_or_else(|| Text::from("no value"), Text::into_owned);
        return Ok(vec![(None, ScoreValue::Missing(why))]);
    };
    let parts: Vec<_> = match value.kind() {
        Kind::Object => value
            .members()
            .map(|(key, part)| (Some(key.decode().into_owned()), part))
            .collect(),
        Kind::Array => value
            .elements()
            .enumerate()
            .map(|(index, part)| (Some(index.to_string()), part))
            .collect(),
        _ => vec![(None, value)],
    };
    let read = |(part, value): (Option<String>, JsonView<'_>)| {
        let value = match value.kind() {
            // A value deeper inside is kept as its text.
            Kind::Object | Kind::Array => ScoreValue::Label(Text::new(value.as_str().to_owned())),
            _ => read_score(&mut value.cursor()).map_err(|error| error.in_key("value").in_key("feedback"))?,
        };
        Ok((part, Score::new(None, value).into_owned().value().clone()))
    };
    parts.into_iter().map(read).collect()
}

fn describe(score: &mut Score<'static>, one: JsonView<'_>, feedback: JsonView<'_>) {
    const HELD: [&str; 4] = ["assessment_name", "trace_id", "span_id", "feedback"];
    if let Some(error) = walk::present(feedback, "/error") {
        score.extra_mut().insert(Text::from("error"), error.into_owned());
    }
    for (key, value) in one.members() {
        let name = key.decode();
        if HELD.contains(&&*name) || value.is_null() {
            continue;
        }
        let name = if ["name", "value", "missing", "error"].contains(&&*name) {
            format!("mlflow.{name}")
        } else {
            name.into_owned()
        };
        score.extra_mut().insert(Text::new(name), value.into_owned());
    }
}
