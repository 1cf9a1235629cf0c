//! Corrections: what somebody says the answer should have been.

use tracemill_model::json::Cursor;
use tracemill_model::{
    DecodeError, JsonView, Key, Limits, Message, RawJson, Role, Score, ScoreValue, Text, Trace,
};

use super::{CORRECTED, UNMATCHED_SCORES};
use crate::parts::prompt_group;
use crate::source::{Batch, Context};
use crate::spans::Tree;
use crate::spans::calls::Made;
use crate::walk;

/// The score that tells a correction from what it corrects.
const PREFERENCE: &str = "preference";

/// What an answer should have been.
#[derive(Debug)]
pub(super) struct Correction {
    /// The observation, or empty for the whole.
    about: String,
    text: Text<'static>,
    moment: String,
}

/// Reads a score that is a correction.
pub(super) fn read(score: JsonView<'_>, about: &str) -> Option<Correction> {
    if !walk::says(score, "/dataType", "CORRECTION") {
        return None;
    }
    let text = ["/longStringValue", "/stringValue"]
        .iter()
        .find_map(|pointer| walk::text(score, pointer).filter(|text| !text.is_empty()));
    let moment = ["/updatedAt", "/timestamp"]
        .iter()
        .find_map(|pointer| walk::text(score, pointer));
    Some(Correction {
        about: about.to_owned(),
        text: text.unwrap_or_default().into_owned(),
        moment: moment.map(|text| text.decode().into_owned()).unwrap_or_default(),
    })
}

/// Delivers the traces, corrected by what was said last.
pub(super) fn apply(
    tree: &Tree<'_>,
    made: Made,
    corrections: Vec<Correction>,
    context: &Context,
    batch: &mut Batch<'_>,
) -> Result<(), DecodeError> {
    let mut last: Vec<(usize, Correction)> = Vec::new();
    for correction in corrections {
        let whole = made.main.filter(|_| correction.about.is_empty());
        let call = whole.or_else(|| made.judged(tree, &correction.about));
        let Some(call) = call.filter(|_| !correction.text.is_empty()) else {
            batch.note(UNMATCHED_SCORES, 1);
            continue;
        };
        match last.iter_mut().find(|(known, _)| *known == call) {
            Some((_, known)) if known.moment <= correction.moment => *known = correction,
            Some(_) => {}
            None => last.push((call, correction)),
        }
    }
    for (call, trace) in made.traces {
        // Of several candidates the first is corrected.
        let at = last.iter().position(|(known, _)| *known == call);
        match at.map(|at| last.swap_remove(at)) {
            Some((_, correction)) => correct(trace, correction.text, context, batch)?,
            None => batch.push(trace),
        }
    }
    Ok(())
}

fn correct(
    mut original: Trace<'static>,
    text: Text<'static>,
    context: &Context,
    batch: &mut Batch<'_>,
) -> Result<(), DecodeError> {
    batch.note(CORRECTED, 1);
    if original.group().is_none() {
        let prompt = original
            .messages()
            .split_last()
            .map_or(&[][..], |(_, prompt)| prompt);
        let group = prompt_group(prompt, original.tools());
        original.set_group(group);
    }
    let mut trace = without_scores(&original);
    if let Some(answer) = trace.messages_mut().last_mut() {
        let mut corrected = Message::new(Role::Assistant);
        corrected.set_content(text);
        *answer = corrected;
    }
    if context.makes_pairs() {
        trace.push_score(preference("1")?);
        original.push_score(preference("0")?);
        let id = original.id().map(|id| Text::new(format!("{id}/original")));
        original.set_id(id.map(|id| Key::new(id.into())));
        batch.push(trace);
        batch.push(original);
        return Ok(());
    }
    let kept = answer_of(&original)?;
    trace.extra_mut().insert(Text::from("original"), kept);
    batch.push(trace);
    Ok(())
}

fn preference(value: &str) -> Result<Score<'static>, DecodeError> {
    let value = RawJson::parse(value).map(RawJson::into_owned)?;
    Ok(Score::new(
        Some(Text::from(PREFERENCE)),
        ScoreValue::Number(value),
    ))
}

/// The same trace without what was said of its answer.
fn without_scores(original: &Trace<'static>) -> Trace<'static> {
    let mut trace = Trace::new();
    trace
        .set_id(original.id().cloned())
        .set_group(original.group().cloned())
        .set_trial(original.trial())
        .set_outcome(original.outcome())
        .set_tools(original.tools().map(<[_]>::to_vec))
        .set_model(original.model().cloned());
    trace.messages_mut().extend(original.messages().iter().cloned());
    *trace.extra_mut() = original.extra().clone();
    trace
}

/// The answer of a trace, and what was said of it.
fn answer_of(original: &Trace<'static>) -> Result<RawJson<'static>, DecodeError> {
    let mut kept = Trace::new();
    kept.messages_mut().extend(original.messages().last().cloned());
    for score in original.scores() {
        kept.push_score(score.clone());
    }
    let mut out = Vec::new();
    kept.write_json(&mut out);
    let text = String::from_utf8(out).unwrap_or_default();
    let limits = Limits::default().with_depth(Limits::MAX_DEPTH);
    Cursor::with_limits(&text, limits).raw().map(RawJson::into_owned)
}
