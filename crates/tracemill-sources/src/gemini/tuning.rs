//! Lines that Gemini models are tuned with: a request without its response.
//!
//! Shapes: the guides "Prepare supervised fine-tuning data for Gemini models" and "Prepare preference tuning data" of Vertex
//! AI, and `TuningExample` and `GeminiPreferenceExample` of google-genai 3.4.0. ractogateway 0.2.1 writes `contents`, and
//! for one question with one answer `text_input` and `output`.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, RawJson, Role, Score, ScoreValue, Text, Trace};

use super::Gemini;
use crate::detect::Evidence;
use crate::exchange::{self, Dialect};
use crate::gemini_contents::Contents;
use crate::head::Head;
use crate::parts::{hash_group, insert, said};
use crate::source::{Batch, Context};
use crate::walk;

/// What speaks for such lines.
pub(super) fn evidence(head: &Head) -> Option<Evidence> {
    let keys = ["/text_input", "/output"];
    if keys.iter().all(|key| head.kind(key) == Some(Kind::String)) {
        return Some(Evidence::keys(&keys));
    }
    let is_listed =
        head.kind("/contents") == Some(Kind::Array) && head.kind("/contents/0/parts") == Some(Kind::Array);
    (is_listed && !head.has("/messages")).then(|| Evidence::keys(&["/contents", "/contents/0/parts"]))
}

/// Reads one line.
pub(super) fn decode<'v>(
    row: JsonView<'v>,
    context: &Context,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    batch.stand_alone();
    if row.get("text_input").is_some() {
        batch.push(pair(row)?);
        return Ok(());
    }
    walk::member(row, "contents", Kind::Array)?;
    let prompt = Gemini::prompt(row)?;
    exchange::check_count(&prompt, context.limits())?;
    let mut trace = Trace::new();
    for message in prompt.messages {
        trace.push_message(message);
    }
    trace.set_tools(prompt.tools);
    if !prompt.hosted.is_empty() {
        insert(
            &mut trace,
            "hosted_tools",
            RawJson::list(prompt.hosted.iter().map(RawJson::view)),
        );
    }
    let completions = row.get(COMPLETIONS).filter(|list| list.kind() == Kind::Array);
    let mut taken = Gemini::ASKED.to_vec();
    taken.extend(completions.is_some().then_some(COMPLETIONS));
    walk::identify(row, &mut trace, &mut taken);
    walk::keep_rest(&mut trace, row, super::INFO.name, &taken);
    if let Some(completions) = completions {
        return compare(&trace, row, completions, batch);
    }
    batch.push(trace);
    Ok(())
}

const COMPLETIONS: &str = "completions";

/// One question and its answer, as the Gemini API took them.
fn pair(row: JsonView<'_>) -> Result<Trace<'_>, DecodeError> {
    let mut trace = Trace::new();
    for (key, role) in [("text_input", Role::User), ("output", Role::Assistant)] {
        let text = walk::member(row, key, Kind::String)?;
        let text = text.as_text().unwrap_or_default();
        trace.push_message(said(role, text));
    }
    let mut taken = vec!["text_input", "output"];
    walk::identify(row, &mut trace, &mut taken);
    walk::keep_rest(&mut trace, row, super::INFO.name, &taken);
    Ok(trace)
}

/// Reads the answers that somebody preferred one to another: a trace each, in a group of their own.
fn compare<'v>(
    base: &Trace<'v>,
    row: JsonView<'v>,
    completions: JsonView<'v>,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    if completions.elements().next().is_none() {
        return Err(walk::wrong("there is no completion").in_key(COMPLETIONS));
    }
    let group = hash_group(row.as_str().as_bytes());
    for (trial, answer) in completions.elements().enumerate() {
        let mut trace = base.clone();
        let read = answered(answer, &mut trace);
        read.map_err(|error| error.in_index(trial).in_key(COMPLETIONS))?;
        trace.set_group(group.clone()).set_trial(trial as u64);
        batch.push(trace);
    }
    Ok(())
}

fn answered<'v>(answer: JsonView<'v>, trace: &mut Trace<'v>) -> Result<(), DecodeError> {
    let content = walk::member(answer, "completion", Kind::Object)?;
    let mut read = Contents::default();
    read.content(Role::Assistant, content)
        .map_err(|error| error.in_key("completion"))?;
    for message in read.messages {
        trace.push_message(message);
    }
    if let Some(score) = answer.get("score") {
        let value = ScoreValue::read(&mut score.cursor()).map_err(|error| error.in_key("score"))?;
        trace.push_score(Score::new(Some(Text::new("preference")), value).into_owned());
    }
    walk::keep_rest(trace, answer, super::INFO.name, &["completion", "score"]);
    Ok(())
}
