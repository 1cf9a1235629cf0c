//! Files that a `dataset_info.json` describes, read as LLaMA-Factory 0.9.5 does (`data/converter.py`), except that nothing is
//! dropped: speakers that the tags do not name keep their names, and what no column is for stays.

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, Fields, Framing, JsonView, Message, RawJson, Role, Score, ScoreValue, Text, Trace,
};

use super::INFO;
use crate::alpaca::read_history;
use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{hash_group, insert, joined_key, prompt_group, said, step};
use crate::record::{deepest, object};
use crate::registry::json_framings;
use crate::source::{Batch, Context, Source};
use crate::turns::read_turn;
use crate::walk::{self, Said};

/// How the records of one data set are read.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) form: Form,
    pub(super) ranks: bool,
    pub(super) columns: Columns,
    pub(super) tags: Tags,
}

/// What records are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Columns of texts.
    Alpaca,
    /// A list of turns, calls as JSON in the text.
    ShareGpt,
    /// A list of messages, calls as the `OpenAI` API has them.
    OpenAi,
}

/// The names of columns; what has none is not there.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) prompt: Option<String>,
    pub(super) query: Option<String>,
    pub(super) response: Option<String>,
    pub(super) history: Option<String>,
    pub(super) messages: Option<String>,
    pub(super) system: Option<String>,
    pub(super) tools: Option<String>,
    pub(super) chosen: Option<String>,
    pub(super) rejected: Option<String>,
    pub(super) label: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        let usual = |name: &str| Some(name.to_owned());
        Columns {
            prompt: usual("instruction"),
            query: usual("input"),
            response: usual("output"),
            history: None,
            messages: usual("conversations"),
            system: None,
            tools: None,
            chosen: None,
            rejected: None,
            label: None,
        }
    }
}

/// The names of the fields of turns, and of speakers.
#[derive(Clone, Debug)]
pub(super) struct Tags {
    pub(super) role: Option<String>,
    pub(super) content: Option<String>,
    pub(super) user: Option<String>,
    pub(super) assistant: Option<String>,
    pub(super) observation: Option<String>,
    pub(super) function: Option<String>,
    pub(super) system: Option<String>,
}

impl Default for Tags {
    fn default() -> Self {
        let usual = |name: &str| Some(name.to_owned());
        Tags {
            role: usual("from"),
            content: usual("value"),
            user: usual("human"),
            assistant: usual("gpt"),
            observation: usual("observation"),
            function: usual("function_call"),
            system: usual("system"),
        }
    }
}

impl Source for Table {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    /// Nothing in the file says so, only its description.
    fn detect(&self, _: &Head) -> Option<Evidence> {
        None
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let whole = walk::record(context, record, batch)?;
        let mut row = Row {
            table: self,
            whole,
            context,
            taken: Vec::new(),
        };
        let mut messages = match self.form {
            Form::Alpaca => row.texts()?,
            Form::ShareGpt | Form::OpenAi => row.turns()?,
        };
        if self.ranks
            && let Some(sides) = row.sides()?
        {
            return row.deliver_pair(&messages, sides, batch);
        }
        messages.extend(row.answer()?);
        row.deliver(messages, batch)
    }
}

/// A record, and which of its members were taken.
struct Row<'t, 'r> {
    table: &'t Table,
    whole: JsonView<'r>,
    context: &'t Context,
    taken: Vec<&'t str>,
}

impl<'t, 'r> Row<'t, 'r> {
    /// The value in a column, if the column has a name and the record a value.
    fn value(&self, column: Option<&'t String>) -> Option<(&'t str, JsonView<'r>)> {
        let name = column?.as_str();
        Some((name, self.whole.get(name).filter(|value| !value.is_null())?))
    }

    /// The text in a column; `None` if there is none.
    fn text(&mut self, column: Option<&'t String>) -> Result<Option<Text<'r>>, DecodeError> {
        let Some((name, value)) = self.value(column) else {
            return Ok(None);
        };
        walk::expect(value, Kind::String).map_err(|error| error.in_key(name))?;
        self.taken.push(name);
        Ok(value.as_text())
    }

    /// What stands before the answer in columns of texts.
    fn texts(&mut self) -> Result<Vec<Message<'r>>, DecodeError> {
        let columns = &self.table.columns;
        let mut conversation = Said::new(self.context.limits());
        if let Some(system) = self
            .text(columns.system.as_ref())?
            .filter(|system| !system.is_empty())
        {
            conversation.push(said(Role::System, system))?;
        }
        if let Some((name, history)) = self.value(columns.history.as_ref()) {
            read_history(history, &mut conversation).map_err(|error| error.in_key(name))?;
            self.taken.push(name);
        }
        let prompt = columns.prompt.as_deref().unwrap_or("prompt");
        let asked = self
            .text(columns.prompt.as_ref())?
            .ok_or_else(|| walk::missing(prompt))?;
        let before = self.taken.len();
        let query = self.text(columns.query.as_ref())?.unwrap_or_default();
        let asked = if asked.is_empty() {
            query
        } else {
            // The query is kept beside, so that the two can be told apart.
            self.taken.truncate(before);
            let parts = [asked, query];
            let parts: Vec<_> = parts
                .iter()
                .filter(|part| !part.is_empty())
                .map(Text::decode)
                .collect();
            Text::new(parts.join("\n"))
        };
        conversation.push(said(Role::User, asked))?;
        Ok(conversation.messages)
    }

    /// The list of turns, after the instructions beside it.
    fn turns(&mut self) -> Result<Vec<Message<'r>>, DecodeError> {
        let columns = &self.table.columns;
        let name = columns.messages.as_deref().unwrap_or("messages");
        let list = walk::member(self.whole, name, Kind::Array)?;
        self.taken.push(name);
        let mut conversation = Said::new(self.context.limits());
        let first = list.elements().next().map(|first| self.turn(first)).transpose();
        let first = first.map_err(|error| error.in_index(0).in_key(name))?;
        if first.is_none_or(|first| *first.role() != Role::System)
            && let Some(system) = self
                .text(columns.system.as_ref())?
                .filter(|system| !system.is_empty())
        {
            conversation.push(said(Role::System, system))?;
        }
        for (index, turn) in list.elements().enumerate() {
            let turn = self
                .turn(turn)
                .map_err(|error| error.in_index(index).in_key(name))?;
            conversation.push(turn).map_err(|error| error.in_key(name))?;
        }
        Ok(conversation.messages)
    }

    /// One turn, in the words that `sharegpt` or a message has for it.
    fn turn(&self, turn: JsonView<'r>) -> Result<Message<'r>, DecodeError> {
        walk::expect(turn, Kind::Object)?;
        let tags = &self.table.tags;
        let role_tag = tags.role.as_deref().unwrap_or("from");
        let content_tag = tags.content.as_deref().unwrap_or("value");
        let role = walk::member(turn, role_tag, Kind::String)?;
        let role = role.as_text().unwrap_or_default().decode().into_owned();
        let (keys, names) = match self.table.form {
            Form::OpenAi => (
                ["role", "content"],
                ["user", "assistant", "tool", "assistant", "system"],
            ),
            _ => (
                ["from", "value"],
                ["human", "gpt", "observation", "function_call", "system"],
            ),
        };
        let tagged = [
            &tags.user,
            &tags.assistant,
            &tags.observation,
            &tags.function,
            &tags.system,
        ];
        let known = tagged
            .iter()
            .position(|tag| tag.as_deref() == Some(role.as_str()));
        let mut fields = Fields::new();
        let speaker = known.map_or(Text::new(role), |at| Text::new(names[at].to_owned()));
        fields.insert(Text::new(keys[0]), speaker.into());
        for (key, value) in turn.members() {
            let name = key.decode();
            let key = match &*name {
                name if name == role_tag => continue,
                name if name == content_tag => keys[1].to_owned(),
                name @ ("from" | "value" | "role" | "content") => format!("{}.{name}", INFO.name),
                name => name.to_owned(),
            };
            fields.insert(Text::new(key), value.raw());
        }
        let turn = object(&fields, deepest())?;
        // What is wrong is in the turn as it was made here: its columns mean nothing.
        let read = read_turn(&mut turn.cursor()).map(Message::into_owned);
        read.map_err(|error| DecodeError::new(error.kind(), 0, error.message()))
    }

    /// The answer in a column of its own, if there is one.
    fn answer(&mut self) -> Result<Option<Message<'r>>, DecodeError> {
        if self.table.form != Form::Alpaca {
            return Ok(None);
        }
        let answer = self.text(self.table.columns.response.as_ref())?;
        Ok(answer.map(|answer| said(Role::Assistant, answer)))
    }

    /// The chosen and the rejected answer, if the record has both.
    fn sides(&mut self) -> Result<Option<[Message<'r>; 2]>, DecodeError> {
        let columns = &self.table.columns;
        let both = (
            self.value(columns.chosen.as_ref()),
            self.value(columns.rejected.as_ref()),
        );
        let (Some(chosen), Some(rejected)) = both else {
            return Ok(None);
        };
        let read = |&(name, value): &(&'t str, JsonView<'r>)| {
            let side = match (self.table.form, value.as_text()) {
                (Form::Alpaca, Some(text)) => Ok(said(Role::Assistant, text)),
                (Form::Alpaca, None) => Err(walk::wrong("an answer is text")),
                _ => self.turn(value),
            };
            side.map_err(|error| error.in_key(name))
        };
        let sides = [read(&chosen)?, read(&rejected)?];
        self.taken.extend([chosen.0, rejected.0]);
        Ok(Some(sides))
    }

    /// The trace without its messages.
    fn base(&mut self) -> Result<Trace<'r>, DecodeError> {
        let mut trace = Trace::new();
        if let Some((name, tools)) = self.value(self.table.columns.tools.as_ref()) {
            trace.set_tools(walk::tools(Some(tools)).map_err(|error| error.in_key(name))?);
            self.taken.push(name);
        }
        walk::identify(self.whole, &mut trace, &mut self.taken);
        // What would make a record of another kind of the trace goes by another name.
        for key in ["system", "chosen", "rejected", "label", "kto_tag"] {
            if let Some(value) = self.whole.get(key).filter(|_| !self.taken.contains(&key)) {
                insert(&mut trace, format!("{}.{key}", INFO.name), value.raw());
                self.taken.push(key);
            }
        }
        walk::keep_rest(&mut trace, self.whole, INFO.name, &self.taken);
        Ok(trace)
    }

    fn deliver_pair(
        &mut self,
        prompt: &[Message<'r>],
        sides: [Message<'r>; 2],
        batch: &mut Batch<'r>,
    ) -> Result<(), DecodeError> {
        let base = self.base()?;
        let group = hash_group(self.whole.as_str().as_bytes());
        let id = base.id().map(|id| step(id.as_json().view()));
        for ((trial, name), side) in (0..).zip(["chosen", "rejected"]).zip(sides) {
            let mut trace = base.clone();
            if let Some(id) = &id {
                trace.set_id(joined_key(&[id.clone(), name.to_owned()]));
            }
            trace.messages_mut().extend(prompt.iter().cloned());
            trace.push_message(side);
            trace.set_group(group.clone()).set_trial(trial);
            let value = ScoreValue::Number(RawJson::from(1 - trial));
            trace.push_score(Score::new(Some(Text::new("preference")), value));
            batch.push(trace);
        }
        Ok(())
    }

    fn deliver(&mut self, messages: Vec<Message<'r>>, batch: &mut Batch<'r>) -> Result<(), DecodeError> {
        let label = self.value(self.table.columns.label.as_ref());
        let label = label.and_then(|(name, label)| Some((name, label.as_bool()?)));
        self.taken.extend(label.map(|(name, _)| name));
        let mut trace = self.base()?;
        if let Some((_, label)) = label {
            let is_answer = |message: &Message<'_>| *message.role() == Role::Assistant;
            let prompt = messages.iter().rposition(is_answer).unwrap_or(messages.len());
            trace.set_group(prompt_group(&messages[..prompt], trace.tools()));
            trace.push_score(Score::new(Some(Text::new("label")), ScoreValue::Bool(label)));
        }
        *trace.messages_mut() = messages;
        batch.push(trace);
        Ok(())
    }
}
