//! One run of one agent on one input.

use crate::error::{DecodeError, DecodeErrorKind, excerpt};
use crate::fields::Fields;
use crate::group::{Group, Key};
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};
use crate::limits::Limits;
use crate::message::Message;
use crate::score::{Score, ScoreValue};
use crate::tool::Tool;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It came to its own end.
    Completed,
    /// A limit cut it short.
    Truncated,
    /// It, or what ran it, failed.
    Errored,
    /// The record says that nobody knows.
    Unknown,
}

impl Outcome {
    const ALL: [Outcome; 4] = [
        Outcome::Completed,
        Outcome::Truncated,
        Outcome::Errored,
        Outcome::Unknown,
    ];

    /// The name in the canonical form.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Truncated => "truncated",
            Outcome::Errored => "errored",
            Outcome::Unknown => "unknown",
        }
    }
}

/// One run of one agent on one input: messages, tool definitions, scores, identity and metadata.
///
/// Holds the record it was read from as tokens; nothing is decoded until somebody looks. What the trace does not name
/// is kept in [`extra`](Trace::extra).
///
/// ```
/// use tracemill_model::Trace;
/// let line = r#"{"id":"a/0","messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"score":1.0}"#;
/// let trace = Trace::from_json(line)?;
/// assert_eq!(trace.messages().len(), 2);
/// assert_eq!(trace.scores()[0].number(), Some(1.0));
/// assert_eq!(trace.id().unwrap().to_string(), "a/0");
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace<'a> {
    id: Option<Key<'a>>,
    group: Option<Group<'a>>,
    trial: Option<u64>,
    messages: Vec<Message<'a>>,
    tools: Option<Vec<Tool<'a>>>,
    scores: Vec<Score<'a>>,
    outcome: Option<Outcome>,
    model: Option<Text<'a>>,
    metadata: Option<RawJson<'a>>,
    extra: Fields<'a>,
}

impl<'a> Trace<'a> {
    /// A trace with nothing in it.
    pub fn new() -> Self {
        Trace::default()
    }

    /// Reads one record in the canonical form, or any record with `messages` in the shape of the `OpenAI` API.
    ///
    /// # Errors
    /// If the record is not JSON, or is no trace; with column and path.
    pub fn from_json(record: &'a str) -> Result<Self, DecodeError> {
        Trace::from_json_with(record, Limits::default())
    }

    /// Reads one record under other limits.
    ///
    /// # Errors
    /// As [`from_json`](Trace::from_json).
    pub fn from_json_with(record: &'a str, limits: Limits) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::with_limits(record, limits);
        let trace = Trace::read(&mut cursor)?;
        cursor.finish()?;
        Ok(trace)
    }

    /// Reads the trace that is the next value of `cursor`.
    ///
    /// # Errors
    /// As [`from_json`](Trace::from_json).
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let start = cursor.start();
        let mut trace = Trace::new();
        let mut has_messages = false;
        cursor.object(|cursor, key| {
            has_messages |= key.body() == "messages";
            trace.read_field(cursor, key)
        })?;
        if has_messages {
            Ok(trace)
        } else {
            Err(DecodeError::missing(start, "a trace needs `messages`"))
        }
    }

    /// Reads the value of one field of a record into the trace; what the trace does not name goes to `extra`.
    ///
    /// For sources whose records are traces with a few keys of their own: they match those first.
    ///
    /// A field that is `null` leaves the trace as it is, unless `null` is a value there, as in a score.
    ///
    /// # Errors
    /// If a known field has the wrong type, or an unknown one is there already.
    pub fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "tools" | "scores" | "metadata" | "group" | "trial" if cursor.null()? => {}
            "messages" => self.read_messages(cursor)?,
            "tools" => self.tools = Some(Tool::read_list(cursor)?),
            "id" => self.id = optional_key(cursor)?,
            "score" => self.scores.push(Score::new(None, ScoreValue::read(cursor)?)),
            "scores" => Score::read_list(cursor, &mut self.scores)?,
            "metadata" => self.metadata = Some(cursor.raw()?),
            "model" => self.model = cursor.optional_text()?,
            "group" => self.group = Some(Group::read(cursor)?),
            "trial" => self.trial = Some(cursor.unsigned()?),
            "outcome" => self.outcome = read_outcome(cursor)?,
            _ => self.extra.read(cursor, key)?,
        }
        Ok(())
    }

    /// Reads a list of messages and adds them.
    ///
    /// # Errors
    /// If it is no list, is longer than the limit, or a message is malformed.
    pub fn read_messages(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        /// Room for most conversations: messages are large, and moving them as the list grows is dear.
        const ROOM: usize = 12;
        let limit = cursor.limits().messages();
        if self.messages.capacity() == 0 && cursor.peek()? == Kind::Array {
            self.messages.reserve(ROOM.min(limit));
        }
        cursor.array(|cursor, _| {
            if self.messages.len() >= limit {
                let message = format!("more than {limit} messages in one trace");
                return Err(cursor.error(DecodeErrorKind::OverLimit, message));
            }
            Message::read_onto(&mut self.messages, cursor)
        })
    }

    /// The identity of the trace.
    pub fn id(&self) -> Option<&Key<'a>> {
        self.id.as_ref()
    }

    /// The traces it competes with.
    pub fn group(&self) -> Option<&Group<'a>> {
        self.group.as_ref()
    }

    /// Which try at the task it was.
    pub fn trial(&self) -> Option<u64> {
        self.trial
    }

    /// The conversation.
    pub fn messages(&self) -> &[Message<'a>] {
        &self.messages
    }

    /// The conversation, to change.
    pub fn messages_mut(&mut self) -> &mut Vec<Message<'a>> {
        &mut self.messages
    }

    /// What the model was told it may call; `None` if the record does not say.
    pub fn tools(&self) -> Option<&[Tool<'a>]> {
        self.tools.as_deref()
    }

    /// The judgements, in order.
    pub fn scores(&self) -> &[Score<'a>] {
        &self.scores
    }

    /// How the run ended, if the record says so.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The model that spoke.
    pub fn model(&self) -> Option<&Text<'a>> {
        self.model.as_ref()
    }

    /// Whatever the record holds under `metadata`.
    pub fn metadata(&self) -> Option<&RawJson<'a>> {
        self.metadata.as_ref()
    }

    /// Fields of the record that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// Sets the identity.
    pub fn set_id(&mut self, id: impl Into<Option<Key<'a>>>) -> &mut Self {
        self.id = id.into();
        self
    }

    /// Sets the traces it competes with.
    pub fn set_group(&mut self, group: impl Into<Option<Group<'a>>>) -> &mut Self {
        self.group = group.into();
        self
    }

    /// Sets which try at the task it was.
    pub fn set_trial(&mut self, trial: impl Into<Option<u64>>) -> &mut Self {
        self.trial = trial.into();
        self
    }

    /// Adds a message.
    pub fn push_message(&mut self, message: Message<'a>) -> &mut Self {
        self.messages.push(message);
        self
    }

    /// Sets what the model was told it may call.
    pub fn set_tools(&mut self, tools: impl Into<Option<Vec<Tool<'a>>>>) -> &mut Self {
        self.tools = tools.into();
        self
    }

    /// Adds a judgement.
    pub fn push_score(&mut self, score: Score<'a>) -> &mut Self {
        self.scores.push(score);
        self
    }

    /// Sets how the run ended.
    pub fn set_outcome(&mut self, outcome: impl Into<Option<Outcome>>) -> &mut Self {
        self.outcome = outcome.into();
        self
    }

    /// Sets the model that spoke.
    pub fn set_model(&mut self, model: impl Into<Option<Text<'a>>>) -> &mut Self {
        self.model = model.into();
        self
    }

    /// Sets the metadata.
    pub fn set_metadata(&mut self, metadata: impl Into<Option<RawJson<'a>>>) -> &mut Self {
        self.metadata = metadata.into();
        self
    }

    /// The same trace, independent of the record it was read from.
    pub fn into_owned(self) -> Trace<'static> {
        Trace {
            id: self.id.map(Key::into_owned),
            group: self.group.map(Group::into_owned),
            trial: self.trial,
            messages: self.messages.into_iter().map(Message::into_owned).collect(),
            tools: self
                .tools
                .map(|tools| tools.into_iter().map(Tool::into_owned).collect()),
            scores: self.scores.into_iter().map(Score::into_owned).collect(),
            outcome: self.outcome,
            model: self.model.map(Text::into_owned),
            metadata: self.metadata.map(RawJson::into_owned),
            extra: self.extra.into_owned(),
        }
    }

    /// Appends the canonical form: one line without its line end.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// let canonical = r#"{"id":7,"messages":[{"role":"user","content":null}],"model":"m","note":[1.0]}"#;
    /// let mut out = Vec::new();
    /// Trace::from_json(canonical)?.write_json(&mut out);
    /// assert_eq!(out, canonical.as_bytes());
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let messages = self.messages.iter();
        self.write_with(messages.map(|message| (message, message.train())), out);
    }

    /// Appends the canonical form of a trace that has these messages and tools, and nothing else: what was said, whoever it
    /// was said to.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// let trace = Trace::from_json(r#"{"id":7,"messages":[{"role":"user","content":"hi"}],"model":"m"}"#)?;
    /// let mut out = Vec::new();
    /// Trace::write_said(trace.messages(), trace.tools(), &mut out);
    /// assert_eq!(out, br#"{"messages":[{"role":"user","content":"hi"}]}"#);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn write_said(messages: &[Message<'_>], tools: Option<&[Tool<'_>]>, out: &mut Vec<u8>) {
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let messages = messages.iter().map(|message| (message, message.train()));
        write_said(messages, tools, &mut w);
        w.end_object();
    }

    /// Appends the canonical form with these messages in place of its own, each with its mark of what is trained on.
    pub(crate) fn write_with<'m>(
        &self,
        messages: impl Iterator<Item = (&'m Message<'m>, Option<bool>)>,
        out: &mut Vec<u8>,
    ) {
        let mut w = JsonWriter::new(out);
        w.begin_object();
        if let Some(id) = &self.id {
            w.key("id").raw(id.as_json());
        }
        if let Some(group) = &self.group {
            w.key("group");
            group.write(&mut w);
        }
        if let Some(trial) = self.trial {
            w.key("trial").number(trial);
        }
        write_said(messages, self.tools.as_deref(), &mut w);
        if !self.scores.is_empty() {
            w.key("scores").begin_array();
            for score in &self.scores {
                score.write(&mut w);
            }
            w.end_array();
        }
        if let Some(outcome) = self.outcome {
            w.key("outcome").str(outcome.name());
        }
        if let Some(model) = &self.model {
            w.key("model").text(model);
        }
        if let Some(metadata) = &self.metadata {
            w.key("metadata").raw(metadata);
        }
        self.extra.write(&mut w);
        w.end_object();
    }
}

/// Writes messages, each with its mark of what is trained on, and tools into the object that is open.
fn write_said<'m>(
    messages: impl Iterator<Item = (&'m Message<'m>, Option<bool>)>,
    tools: Option<&[Tool<'_>]>,
    w: &mut JsonWriter<'_>,
) {
    w.key("messages").begin_array();
    for (message, train) in messages {
        message.write(train, w);
    }
    w.end_array();
    if let Some(tools) = tools {
        w.key("tools").begin_array();
        for tool in tools {
            tool.write(w);
        }
        w.end_array();
    }
}

fn optional_key<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Key<'a>>, DecodeError> {
    match cursor.peek()? {
        Kind::Null => cursor.skip().map(|()| None),
        Kind::String | Kind::Number => cursor.raw().map(|key| Some(Key::new(key))),
        _ => Err(cursor.expected("a string or a number")),
    }
}

fn read_outcome(cursor: &mut Cursor<'_>) -> Result<Option<Outcome>, DecodeError> {
    let start = cursor.start();
    let Some(name) = cursor.optional_text()? else {
        return Ok(None);
    };
    let known = Outcome::ALL.into_iter().find(|known| known.name() == name.body());
    if known.is_none() {
        let name = excerpt(name.body());
        let message = format!("an outcome is `completed`, `truncated`, `errored` or `unknown`, not `{name}`");
        return Err(DecodeError::new(DecodeErrorKind::WrongValue, start, message));
    }
    Ok(known)
}
