//! One case: what was asked, what happened, and how it was judged.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Group, GroupKind, Key, Limits, Message, Outcome, RawJson,
    Role, Score, ScoreValue, Text, Trace,
};

use super::turn::Turn;
use super::{FINAL_DIFFERS, NO_PROMPT, OTHER_CALL, PLACED_USERS, Run};
use crate::parts::{answer, insert, joined_key, keep, refuse_messages, said, step};
use crate::prompts::{CasePrompt, Prompts, read_system, read_users};
use crate::record::{object, raw};
use crate::source::Batch;

/// One case, taken apart.
#[derive(Debug, Default)]
pub(super) struct Case<'a> {
    id: Option<Text<'a>>,
    system: Option<Text<'a>>,
    users: Vec<Text<'a>>,
    invocation: Option<Invocation<'a>>,
    scores: Vec<Score<'a>>,
    verdict: Option<ScoreValue<'a>>,
    /// What the case says beyond what the crate writes.
    own: Trace<'a>,
}

/// What happened.
#[derive(Debug, Default)]
struct Invocation<'a> {
    turns: Vec<Turn<'a>>,
    final_response: Option<Text<'a>>,
    rest: Fields<'a>,
}

impl<'a> Case<'a> {
    /// Reads a case out of a record that was checked for duplicate keys.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut case = Case::default();
        cursor.object(|cursor, key| case.read_field(cursor, key))?;
        let missing = |key| {
            let message = format!("a case needs its `{key}`");
            cursor.error(DecodeErrorKind::MissingField, message)
        };
        if case.id.is_none() {
            return Err(missing("case_id"));
        }
        if case.invocation.is_none() {
            return Err(missing("invocation"));
        }
        Ok(case)
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "case_id" => self.id = Some(cursor.text()?),
            "system_prompt" => self.system = read_system(cursor)?,
            "user_messages" => self.users = read_users(cursor)?,
            "invocation" => self.invocation = Some(Invocation::read(cursor)?),
            "metric_results" => cursor.array(|cursor, _| {
                self.scores.push(read_metric(cursor)?);
                Ok(())
            })?,
            "verdict" => self.verdict = Some(read_verdict(cursor)?),
            _ => self.own.read_field(cursor, key)?,
        }
        Ok(())
    }

    /// Hands over the trace.
    pub(super) fn deliver(
        mut self,
        run: &Run<'a>,
        prompts: Option<&Prompts>,
        limits: Limits,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let id = self.id.take().unwrap_or_default();
        let mut invocation = self.invocation.take().unwrap_or_default();
        self.ask(run, &id, prompts);
        batch.note(
            NO_PROMPT,
            u64::from(self.system.is_none() && self.users.is_empty()),
        );
        batch.note(PLACED_USERS, self.users.len().saturating_sub(1) as u64);

        let mut trace = std::mem::take(&mut self.own);
        refuse_messages(&trace, "an invocation")?;
        identify(&mut trace, &id, run, limits)?;
        trace.set_outcome(trace.outcome().or(invocation.outcome()));
        if trace.model().is_none() {
            trace.set_model(invocation.model());
        }
        for score in self.scores {
            trace.push_score(score);
        }
        if let Some(verdict) = self.verdict {
            trace.push_score(Score::new(Some(Text::new("verdict")), verdict));
        }
        keep(&mut trace, "invocation", &invocation.rest, limits)?;
        if let Some(system) = self.system {
            trace.push_message(said(Role::System, system));
        }
        let turns = std::mem::take(&mut invocation.turns);
        batch.note(OTHER_CALL, turns.iter().map(Turn::other_calls).sum());
        tell(&mut trace, self.users, turns);
        if let Some(text) = invocation.final_response
            && !end_with(&mut trace, &text)
        {
            batch.note(FINAL_DIFFERS, 1);
            insert(&mut trace, "final_response", text.into());
        }
        if trace.messages().len() > limits.messages() {
            let message = format!("more than {} messages in one trace", limits.messages());
            return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
        }
        batch.push(trace);
        Ok(())
    }

    /// Takes what was asked from elsewhere if the case does not say it.
    fn ask(&mut self, run: &Run<'a>, id: &Text<'a>, prompts: Option<&Prompts>) {
        if self.system.is_some() || !self.users.is_empty() {
            return;
        }
        let set = run.set.as_ref().map(Text::decode);
        if let Some(CasePrompt { system, users }) =
            prompts.and_then(|prompts| prompts.of(set.as_deref(), &id.decode()))
        {
            self.system.clone_from(system);
            self.users.clone_from(users);
        }
    }
}

/// Says which case of which run the trace is.
fn identify<'a>(
    trace: &mut Trace<'a>,
    id: &Text<'a>,
    run: &Run<'a>,
    limits: Limits,
) -> Result<(), DecodeError> {
    let mut path = vec![id.to_string()];
    path.extend(run.timestamp.as_ref().map(RawJson::view).map(step));
    let key = match &run.set {
        None => id.clone().into(),
        Some(set) => raw(limits, |w| {
            w.begin_array().text(set).text(id).end_array();
        })?,
    };
    if trace.id().is_none() {
        trace.set_id(joined_key(&path));
    }
    if trace.group().is_none() {
        trace.set_group(Group::new(Key::new(key), GroupKind::Task));
    }
    Ok(())
}

/// Tells what happened: users first, or before the turns that follow a final answer.
fn tell<'a>(trace: &mut Trace<'a>, users: Vec<Text<'a>>, turns: Vec<Turn<'a>>) {
    let after_an_answer = |pair: &[Turn<'_>]| pair[0].is_final();
    let places = turns.windows(2).filter(|pair| after_an_answer(pair)).count();
    let first = users.len().saturating_sub(places).max(1).min(users.len());
    let mut users = users.into_iter().map(|text| said(Role::User, text));
    trace.messages_mut().extend(users.by_ref().take(first));
    let mut answered = false;
    for turn in turns {
        if answered {
            trace.messages_mut().extend(users.next());
        }
        answered = turn.is_final();
        trace.messages_mut().extend(turn.into_messages());
    }
}

/// Brings in what the invocation says that the agent said last; false if the last answer says something else.
fn end_with<'a>(trace: &mut Trace<'a>, text: &Text<'a>) -> bool {
    if text.is_empty() {
        return true;
    }
    // Results follow the turn whose text the collector took.
    let spoken = trace
        .messages()
        .iter()
        .rposition(|message| *message.role() != Role::Tool);
    let last = spoken.map(|index| (&trace.messages()[index], index + 1 == trace.messages().len()));
    match last {
        Some((message, _)) if *message.role() == Role::Assistant && whole_text(message) == text.decode() => {
            true
        }
        Some((message, true)) if *message.role() == Role::Assistant && message.tool_calls().is_empty() => {
            let is_silent = message.content().is_empty();
            if is_silent && let Some(message) = trace.messages_mut().last_mut() {
                message.set_content(text.clone());
            }
            is_silent
        }
        _ => {
            trace.push_message(answer(Content::Text(text.clone())));
            true
        }
    }
}

/// The text of a message, as the crate puts it together.
fn whole_text(message: &Message<'_>) -> String {
    let mut whole = String::new();
    if let Some(text) = message.content().as_text() {
        text.decode_into(&mut whole);
    }
    for part in message.content().parts() {
        if let Some(text) = part.as_text() {
            text.decode_into(&mut whole);
        }
    }
    whole
}

impl<'a> Invocation<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut invocation = Invocation::default();
        cursor.object(|cursor, key| {
            match key.body() {
                "turns" => cursor.array(|cursor, _| {
                    invocation.turns.push(Turn::read(cursor)?);
                    Ok(())
                })?,
                "final_response" => invocation.final_response = cursor.optional_text()?,
                _ => invocation.rest.read(cursor, key)?,
            }
            Ok(())
        })?;
        invocation.turns.sort_by_key(Turn::index);
        Ok(invocation)
    }

    fn outcome(&self) -> Option<Outcome> {
        match self.rest.get("stop_reason")?.as_text()?.body() {
            "stop" | "transfer" => Some(Outcome::Completed),
            "length" | "tool_use" | "aborted" => Some(Outcome::Truncated),
            "error" => Some(Outcome::Errored),
            _ => None,
        }
    }

    /// The model, unless nobody noted it.
    fn model(&self) -> Option<Text<'static>> {
        let model = self.rest.get("model")?.get("model_id")?;
        let model = model.as_text()?.into_owned();
        (!model.is_empty() && model != *"unknown").then_some(model)
    }
}

/// Reads the verdict: passed or not.
fn read_verdict<'a>(cursor: &mut Cursor<'a>) -> Result<ScoreValue<'a>, DecodeError> {
    Ok(match ScoreValue::read(cursor)? {
        ScoreValue::Label(label) if label == *"pass" => ScoreValue::Bool(true),
        ScoreValue::Label(label) if label == *"fail" => ScoreValue::Bool(false),
        value => value,
    })
}

/// Reads `{"evaluator_name", "score": {"value", "threshold"}, "details"}`.
fn read_metric<'a>(cursor: &mut Cursor<'a>) -> Result<Score<'a>, DecodeError> {
    let (mut name, mut value, mut threshold, mut rest) = (None, None, None, Fields::new());
    let limits = *cursor.limits();
    cursor.object(|cursor, key| {
        match key.body() {
            "evaluator_name" => name = Some(cursor.text()?),
            "score" if cursor.peek()? == Kind::Object => cursor.object(|cursor, key| {
                match key.body() {
                    "value" => value = Some(ScoreValue::read(cursor)?),
                    "threshold" => threshold = Some(cursor.raw()?),
                    _ => rest.read(cursor, key)?,
                }
                Ok(())
            })?,
            "score" => value = Some(ScoreValue::read(cursor)?),
            _ => rest.read(cursor, key)?,
        }
        Ok(())
    })?;
    let Some(name) = name else {
        let message = "a metric needs its `evaluator_name`";
        return Err(cursor.error(DecodeErrorKind::MissingField, message));
    };
    let value = value.unwrap_or_else(|| ScoreValue::Missing(Text::new("no `value`")));
    let mut score = Score::new(Some(name), value);
    let details: Option<RawJson<'a>> = rest.remove("details");
    let fields = [("threshold", threshold), ("details", details)];
    for (key, value) in fields {
        if let Some(value) = value {
            score.extra_mut().insert(Text::new(key), value);
        }
    }
    if !rest.is_empty() {
        let rest = object(&rest, limits)?;
        score.extra_mut().insert(Text::new("metric"), rest);
    }
    Ok(score)
}
