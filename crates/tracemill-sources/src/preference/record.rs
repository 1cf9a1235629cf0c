//! One record of preference data, whichever dialect it is in.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Fields, Limits, Message, RawJson, Role, Score, ScoreValue, Text, Trace,
};

use super::{NO_PROMPT, WHOLE};
use crate::parts::{
    Early, Span, hash_group, insert, joined_key, keep, prompt_group, read_prompt, read_response, read_score,
    said, step, wrong_type,
};
use crate::record::Once;
use crate::source::Batch;
use crate::turns::{read_turn, read_turns};

/// One record, taken apart.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Identity, tools and metadata of the record, and fields that nobody names.
    own: Trace<'a>,
    /// How long it is, in bytes.
    length: usize,
    limits: Limits,
    /// What stands before the answers, under each of the keys that may hold it.
    prompt: Option<Messages<'a>>,
    turns: Option<Turns<'a>>,
    /// The request of the `OpenAI` dialect without messages and tools.
    input: Option<Input<'a>>,
    system: Option<Text<'a>>,
    chosen: Option<Vec<Message<'a>>>,
    rejected: Option<Vec<Message<'a>>>,
    completion: Option<Messages<'a>>,
    label: Option<ScoreValue<'a>>,
}

/// What somebody said, or an error that matters only if it has to be read.
type Messages<'a> = Early<'a, Vec<Message<'a>>>;

/// A list of turns and the key under which it stands.
#[derive(Debug)]
struct Turns<'a> {
    key: &'static str,
    list: Messages<'a>,
}

#[derive(Debug, Default)]
struct Input<'a> {
    messages: Vec<Message<'a>>,
    rest: Fields<'a>,
}

/// The keys that a record has once; of two in one line it has one.
const KEYS: [&str; 18] = [
    "prompt",
    "conversations",
    "messages",
    "input",
    "system",
    "completion",
    "chosen",
    "rejected",
    "preferred_output",
    "non_preferred_output",
    "label",
    "kto_tag",
    "id",
    "metadata",
    "tools",
    "group",
    "trial",
    "model",
];

impl<'a> Record<'a> {
    pub(super) fn read(record: &'a str, cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut preference = Record {
            own: Trace::new(),
            length: record.len(),
            limits: *cursor.limits(),
            prompt: None,
            turns: None,
            input: None,
            system: None,
            chosen: None,
            rejected: None,
            completion: None,
            label: None,
        };
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            preference.read_field(record, cursor, key)
        })?;
        Ok(preference)
    }

    fn read_field(
        &mut self,
        record: &'a str,
        cursor: &mut Cursor<'a>,
        key: &Text<'a>,
    ) -> Result<(), DecodeError> {
        match key.body() {
            // Where records of several dialects became one table, the columns of the others are null.
            "prompt"
            | "conversations"
            | "messages"
            | "input"
            | "chosen"
            | "rejected"
            | "preferred_output"
            | "non_preferred_output"
            | "completion"
                if cursor.null()? => {}
            "prompt" => self.prompt = Some(Span::early(record, cursor, read_prompt)?),
            "conversations" => self.read_turns(record, cursor, "conversations")?,
            "messages" => self.read_turns(record, cursor, "messages")?,
            "input" if cursor.peek()? == Kind::Object => self.read_input(cursor)?,
            "system" if matches!(cursor.peek()?, Kind::String | Kind::Null) => {
                self.system = cursor.optional_text()?;
            }
            "chosen" | "preferred_output" => {
                refuse_second(cursor, self.chosen.is_some())?;
                self.chosen = Some(read_side(cursor)?);
            }
            "rejected" | "non_preferred_output" => {
                refuse_second(cursor, self.rejected.is_some())?;
                self.rejected = Some(read_side(cursor)?);
            }
            "completion" => self.completion = Some(Span::early(record, cursor, read_response)?),
            "label" | "kto_tag" => {
                let label = read_score(cursor)?;
                refuse_second(
                    cursor,
                    is_judged(&label) && self.label.as_ref().is_some_and(is_judged),
                )?;
                if self.label.is_none() || is_judged(&label) {
                    self.label = Some(label);
                }
            }
            _ => self.own.read_field(cursor, key)?,
        }
        Ok(())
    }

    fn read_turns(
        &mut self,
        record: &'a str,
        cursor: &mut Cursor<'a>,
        key: &'static str,
    ) -> Result<(), DecodeError> {
        refuse_second(cursor, self.turns.is_some())?;
        if cursor.peek()? != Kind::Array {
            return Err(wrong_type(cursor, "a list of turns"));
        }
        let list = Span::early(record, cursor, read_turns)?;
        self.turns = Some(Turns { key, list });
        Ok(())
    }

    fn read_input(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let mut asked = Trace::new();
        let mut rest = Fields::new();
        let mut once = Once::of(&["messages", "tools"]);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            match key.body() {
                "messages" | "tools" => asked.read_field(cursor, key),
                _ => rest.read(cursor, key),
            }
        })?;
        if asked.tools().is_some() {
            self.own.set_tools(asked.tools().map(<[_]>::to_vec));
        }
        self.input = Some(Input {
            messages: std::mem::take(asked.messages_mut()),
            rest,
        });
        Ok(())
    }

    /// Hands over the traces.
    pub(super) fn deliver(mut self, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        match (self.chosen.take(), self.rejected.take()) {
            (Some(chosen), Some(rejected)) => self.deliver_pair(chosen, rejected, batch),
            (None, None) => self.deliver_labelled(batch),
            (None, Some(_)) => Err(missing("a rejected answer needs a chosen one")),
            (Some(_), None) => Err(missing("a chosen answer needs a rejected one")),
        }
    }

    fn deliver_pair(
        mut self,
        chosen: Vec<Message<'a>>,
        rejected: Vec<Message<'a>>,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        if let Some(label) = self.label.take().filter(is_judged) {
            self.own.push_score(Score::new(Some(Text::new("label")), label));
        }
        if let Some(completion) = self.completion.take() {
            insert(&mut self.own, "completion", completion.span.raw()?);
        }
        if is_whole(&chosen) != is_whole(&rejected) {
            let message = "one of the answers is a whole conversation, the other is not";
            return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message));
        }
        let mut prompt = if is_whole(&chosen) {
            batch.note(WHOLE, u64::from(self.prompt.is_some() || self.turns.is_some()));
            self.keep_prompt()?;
            Vec::new()
        } else {
            let prompt = self.take_prompt()?;
            batch.note(NO_PROMPT, u64::from(prompt.is_empty()));
            prompt
        };
        self.keep_own_place();
        let id = self.own.id().map(|id| step(id.as_json().view()));
        // Each repeats the prompt.
        let mut both = Vec::with_capacity(2 * self.length);
        let mut traces = Vec::new();
        for (trial, (name, answer)) in [("chosen", chosen), ("rejected", rejected)]
            .into_iter()
            .enumerate()
        {
            // The second takes over what the first has a copy of.
            let (mut trace, before) = if trial == 0 {
                (self.own.clone(), prompt.clone())
            } else {
                (std::mem::take(&mut self.own), std::mem::take(&mut prompt))
            };
            *trace.messages_mut() = before;
            trace.messages_mut().extend(answer);
            // Identities do not count.
            Trace::write_said(trace.messages(), trace.tools(), &mut both);
            if let Some(id) = &id {
                trace.set_id(joined_key(&[id.clone(), name.to_owned()]));
            }
            trace.set_trial(trial as u64);
            let value = ScoreValue::Number(RawJson::from(1 - trial as u64));
            trace.push_score(Score::new(Some(Text::new("preference")), value));
            traces.push(trace);
        }
        let group = hash_group(&both);
        for mut trace in traces {
            trace.set_group(group.clone());
            batch.push(trace);
        }
        Ok(())
    }

    /// Keeps a group and a trial of the record's own: those of its two traces are others.
    fn keep_own_place(&mut self) {
        let group = self.own.group().map(|group| group.key().as_json().clone());
        let trial = self.own.trial().map(RawJson::from);
        for (name, value) in [("preference.group", group), ("preference.trial", trial)] {
            if let Some(value) = value {
                insert(&mut self.own, name, value);
            }
        }
    }

    fn deliver_labelled(mut self, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        let Some(label) = self.label.take() else {
            return Err(missing(
                "a preference needs a `chosen` and a `rejected` answer, or a `label`",
            ));
        };
        let completion = self.completion.take();
        let mut messages = self.take_prompt()?;
        let prompt = match completion {
            Some(completion) => {
                let prompt = messages.len();
                messages.extend(completion.read.map_err(|error| error.in_key("completion"))?);
                prompt
            }
            None => messages
                .iter()
                .rposition(|message| *message.role() == Role::Assistant)
                .unwrap_or(messages.len()),
        };
        let mut trace = self.own;
        if trace.group().is_none() {
            trace.set_group(prompt_group(&messages[..prompt], trace.tools()));
        }
        trace.messages_mut().extend(messages);
        trace.push_score(Score::new(Some(Text::new("label")), label));
        batch.push(trace);
        Ok(())
    }

    /// What stands before the answers.
    fn take_prompt(&mut self) -> Result<Vec<Message<'a>>, DecodeError> {
        let mut messages = match (self.input.take(), self.prompt.take(), self.turns.take()) {
            (Some(input), None, None) => {
                keep(&mut self.own, "input", &input.rest, self.limits)?;
                input.messages
            }
            (None, Some(prompt), None) => prompt.read.map_err(|error| error.in_key("prompt"))?,
            (None, None, Some(turns)) => turns.list.read.map_err(|error| error.in_key(turns.key))?,
            (None, None, None) => {
                return Err(missing(
                    "without a `prompt`, `chosen` and `rejected` must be whole conversations, as lists of messages; text \
                     with its roles inside has to be split first",
                ));
            }
            _ => {
                let message = "a preference has one prompt: `prompt`, `conversations`, `messages` or `input`";
                return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message));
            }
        };
        if let Some(system) = self.system.take().filter(|system| !system.is_empty()) {
            messages.insert(0, said(Role::System, system));
        }
        Ok(messages)
    }

    /// Keeps what the answers repeat.
    fn keep_prompt(&mut self) -> Result<(), DecodeError> {
        if let Some(prompt) = self.prompt.take() {
            insert(&mut self.own, "prompt", prompt.span.raw()?);
        }
        if let Some(turns) = self.turns.take() {
            // As a trace has its own, they go by another name.
            let key = if turns.key == "messages" {
                "prompt_messages"
            } else {
                turns.key
            };
            insert(&mut self.own, key, turns.list.span.raw()?);
        }
        if let Some(system) = self.system.take() {
            insert(&mut self.own, "system", system.into());
        }
        Ok(())
    }
}

/// Reads one of two answers: text, a turn, a message, or messages.
fn read_side<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    match cursor.peek()? {
        Kind::Object if cursor.has_ahead("from") => Ok(vec![read_turn(cursor)?]),
        Kind::Array => read_turns(cursor),
        Kind::Object | Kind::String | Kind::Null => read_response(cursor),
        _ => Err(wrong_type(cursor, "an answer")),
    }
}

/// Whether an answer begins where the conversation does.
fn is_whole(answer: &[Message<'_>]) -> bool {
    answer
        .first()
        .is_some_and(|first| matches!(first.role(), Role::System | Role::Developer | Role::User))
}

fn is_judged(label: &ScoreValue<'_>) -> bool {
    !matches!(label, ScoreValue::Missing(_))
}

fn refuse_second(cursor: &Cursor<'_>, seen: bool) -> Result<(), DecodeError> {
    if seen {
        let message = "the record has this under another key too";
        return Err(cursor.error(DecodeErrorKind::WrongValue, message));
    }
    Ok(())
}

fn missing(message: &str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::MissingField, 0, message)
}
