//! One step of a run, and the candidate that it may be.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Group, GroupKind, Key, Limits, Message, RawJson, Score,
    ScoreValue, Text, Trace,
};

use super::{Item, NO_DATA, NO_PROMPT, NO_SCORE, NO_TURN_ID, OBJECT_OUTPUT};
use crate::parts::{Span, answer, joined_key, keep, ordinal, read_content, read_prompt, read_score, step};
use crate::record::{object, raw};
use crate::source::Batch;

/// What a step is, before anybody reads it: a run has many steps and few candidates.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    step: Span<'a>,
    event: Text<'a>,
    name: Option<Text<'a>>,
}

impl<'a> Outline<'a> {
    pub(super) fn read(record: &'a str, cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let step = Span::skip(record, cursor)?;
        if step.kind() != Kind::Object {
            return Err(step.expected("a step"));
        }
        let (mut event, mut name) = (None, None);
        step.read(|cursor| {
            cursor.object(|cursor, key| match key.body() {
                "payload" => cursor.object(|cursor, key| {
                    match key.body() {
                        "event_type" => event = Some(cursor.text()?),
                        "name" => name = cursor.optional_text()?,
                        _ => cursor.skip()?,
                    }
                    Ok(())
                }),
                _ => cursor.skip(),
            })
        })?;
        let message = "a step needs a `payload` with an `event_type`";
        let event = event.ok_or_else(|| step.error(DecodeErrorKind::MissingField, message))?;
        Ok(Outline { step, event, name })
    }

    /// Whether the step is a candidate.
    pub(super) fn is_candidate(&self) -> bool {
        self.event == *"TTC_END"
    }

    /// The name of the step, if it has one.
    pub(super) fn name(&self) -> Option<&Text<'a>> {
        self.name.as_ref()
    }
}

/// Hands over the candidate that a step is, or counts why it is none; says which.
pub(super) fn candidate<'a>(
    outline: &Outline<'a>,
    item: &Item<'a>,
    limits: Limits,
    batch: &mut Batch<'a>,
) -> Result<bool, DecodeError> {
    let step = outline.step.read(Step::read)?;
    let Some(data) = step.data else {
        batch.note(NO_DATA, 1);
        return Ok(false);
    };
    let Some(turn) = data.turn.clone() else {
        batch.note(NO_TURN_ID, 1);
        return Ok(false);
    };
    let Some(score) = data.score.clone() else {
        batch.note(NO_SCORE, 1);
        return Ok(false);
    };
    batch.note(NO_PROMPT, u64::from(data.prompt.is_empty()));
    batch.note(OBJECT_OUTPUT, u64::from(matches!(data.output, Content::Other(_))));

    let mut trace = Trace::new();
    identify(&mut trace, item, &turn, data.trial, limits)?;
    for message in data.prompt {
        trace.push_message(message);
    }
    trace.push_message(answer(data.output));
    trace.push_score(Score::new(None, score));
    trace.set_metadata(step.metadata);
    keep(&mut trace, "step", &step.rest, limits)?;
    keep(&mut trace, "data", &data.rest, limits)?;
    keep(&mut trace, "item", &item.rest, limits)?;
    batch.push(trace);
    Ok(true)
}

/// Says which candidate of which turn of which item the trace is.
fn identify<'a>(
    trace: &mut Trace<'a>,
    item: &Item<'a>,
    turn: &RawJson<'a>,
    trial: Option<u64>,
    limits: Limits,
) -> Result<(), DecodeError> {
    let mut path = vec![step(item.id.view()), step(turn.view())];
    path.extend(trial.map(|trial| trial.to_string()));
    let key = raw(limits, |w| {
        w.begin_array().raw(&item.id).raw(turn).end_array();
    })?;
    let mut group = Group::new(Key::new(key), GroupKind::Turn);
    group.extra_mut().insert(Text::new("example"), item.id.clone());
    trace.set_id(joined_key(&path)).set_group(group).set_trial(trial);
    Ok(())
}

/// A step that is a candidate.
#[derive(Debug, Default)]
struct Step<'a> {
    data: Option<Data<'a>>,
    metadata: Option<RawJson<'a>>,
    rest: Fields<'a>,
}

impl<'a> Step<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut step = Step::default();
        let mut payload = Fields::new();
        let limits = *cursor.limits();
        cursor.object(|cursor, key| match key.body() {
            "payload" => step.read_payload(cursor, &mut payload),
            _ => step.rest.read(cursor, key),
        })?;
        let payload = object(&payload, limits)?;
        step.rest.insert(Text::new("payload"), payload);
        Ok(step)
    }

    fn read_payload(&mut self, cursor: &mut Cursor<'a>, rest: &mut Fields<'a>) -> Result<(), DecodeError> {
        cursor.object(|cursor, key| {
            match key.body() {
                "data" if cursor.null()? => {}
                "data" => self.data = Some(Data::read(cursor)?),
                "metadata" => self.metadata = Some(cursor.raw()?).filter(|metadata| !metadata.is_null()),
                _ => rest.read(cursor, key)?,
            }
            Ok(())
        })
    }
}

/// What a candidate was asked and answered, and how good that is.
#[derive(Debug, Default)]
struct Data<'a> {
    turn: Option<RawJson<'a>>,
    trial: Option<u64>,
    score: Option<ScoreValue<'a>>,
    prompt: Vec<Message<'a>>,
    output: Content<'a>,
    rest: Fields<'a>,
}

impl<'a> Data<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut data = Data {
            output: Content::Null,
            ..Data::default()
        };
        cursor.object(|cursor, key| data.read_field(cursor, key))?;
        Ok(data)
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            // Nothing was said, or a field that every event has and this one does not use.
            "turn_id" | "score" | "chunk" | "payload" if cursor.null()? => {}
            "turn_id" => self.turn = Some(cursor.raw()?),
            "score" => self.score = Some(read_score(cursor)?),
            "input" => self.prompt = read_prompt(cursor)?,
            "output" => self.output = read_content(cursor)?,
            "candidate_index" => {
                let index = cursor.raw()?;
                self.trial = ordinal(index.view());
                if self.trial.is_none() && !index.is_null() {
                    self.rest.insert(key.clone(), index);
                }
            }
            _ => return self.rest.read(cursor, key),
        }
        Ok(())
    }
}
