//! One turn of a conversation.

use crate::call::ToolCall;
use crate::content::Content;
use crate::error::DecodeError;
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role<'a> {
    /// The instructions of the application.
    System,
    /// The instructions of the application, as newer `OpenAI` models call them.
    Developer,
    /// The person, or what stands in for one.
    User,
    /// The model.
    Assistant,
    /// A tool, answering a call.
    Tool,
    /// A speaker outside the usual five, by the name in the record.
    Other(Text<'a>),
}

impl<'a> Role<'a> {
    /// The role of this name; `function`, the older name of a tool's answer, is [`Tool`](Role::Tool).
    pub fn named(name: Text<'a>) -> Self {
        match name.body() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" | "function" => Role::Tool,
            _ => Role::Other(name),
        }
    }

    /// The name in the canonical form.
    pub fn name(&self) -> Text<'_> {
        Text::from_canonical(match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
            Role::Other(name) => name.body(),
        })
    }

    /// The same role, independent of the record it was read from.
    pub fn into_owned(self) -> Role<'static> {
        match self {
            Role::System => Role::System,
            Role::Developer => Role::Developer,
            Role::User => Role::User,
            Role::Assistant => Role::Assistant,
            Role::Tool => Role::Tool,
            Role::Other(name) => Role::Other(name.into_owned()),
        }
    }
}

/// What the model thought before it spoke.
///
/// ```
/// use tracemill_model::{Reasoning, Trace};
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"assistant","content":"4","reasoning_content":"2+2 is 4."},
///         {"role":"assistant","content":"4","reasoning":[{"encrypted":"gAAA"}]}]}"#,
/// )?;
/// let words = trace.messages()[0].reasoning().and_then(Reasoning::as_text);
/// assert_eq!(words.unwrap(), "2+2 is 4.");
/// assert!(matches!(trace.messages()[1].reasoning(), Some(Reasoning::Opaque(_))));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reasoning<'a> {
    /// In words.
    Text(Text<'a>),
    /// Encrypted or otherwise not for reading; kept as it came.
    Opaque(RawJson<'a>),
}

impl<'a> Reasoning<'a> {
    /// The words, if it has any.
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match self {
            Reasoning::Text(text) => Some(text),
            Reasoning::Opaque(_) => None,
        }
    }

    /// Reads a string as words and anything else as opaque; `null` is none.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(match cursor.peek()? {
            Kind::Null => {
                cursor.skip()?;
                None
            }
            Kind::String => Some(Reasoning::Text(cursor.text()?)),
            _ => Some(Reasoning::Opaque(cursor.raw()?)),
        })
    }

    fn into_raw(self) -> RawJson<'a> {
        match self {
            Reasoning::Text(text) => text.into(),
            Reasoning::Opaque(raw) => raw,
        }
    }

    fn into_owned(self) -> Reasoning<'static> {
        match self {
            Reasoning::Text(text) => Reasoning::Text(text.into_owned()),
            Reasoning::Opaque(raw) => Reasoning::Opaque(raw.into_owned()),
        }
    }
}

/// One turn of a conversation.
///
/// ```
/// use tracemill_model::{Message, Role, Text};
/// let mut message = Message::new(Role::Assistant);
/// message.set_content(Text::new("Lima."));
/// assert_eq!(message.content().as_text().unwrap(), "Lima.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    role: Role<'a>,
    name: Option<Text<'a>>,
    content: Content<'a>,
    reasoning: Option<Reasoning<'a>>,
    tool_calls: Vec<ToolCall<'a>>,
    tool_call_id: Option<Text<'a>>,
    is_error: Option<bool>,
    train: Option<bool>,
    extra: Fields<'a>,
}

impl<'a> Message<'a> {
    /// A message that says nothing yet.
    pub fn new(role: Role<'a>) -> Self {
        Message {
            role,
            name: None,
            content: Content::Missing,
            reasoning: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            is_error: None,
            train: None,
            extra: Fields::new(),
        }
    }

    /// Who speaks.
    pub fn role(&self) -> &Role<'a> {
        &self.role
    }

    /// The name of the speaker, or of the tool that answers.
    pub fn name(&self) -> Option<&Text<'a>> {
        self.name.as_ref()
    }

    /// What is said.
    pub fn content(&self) -> &Content<'a> {
        &self.content
    }

    /// What was thought before.
    pub fn reasoning(&self) -> Option<&Reasoning<'a>> {
        self.reasoning.as_ref()
    }

    /// Takes the text out that was made for this message, if its content is one.
    pub(crate) fn take_owned_text(&mut self) -> Option<String> {
        match std::mem::take(&mut self.content) {
            Content::Text(text) => text.into_owned_body(),
            _ => None,
        }
    }

    /// The calls the assistant made, in order.
    pub fn tool_calls(&self) -> &[ToolCall<'a>] {
        &self.tool_calls
    }

    /// The same calls, to change.
    pub fn tool_calls_mut(&mut self) -> &mut Vec<ToolCall<'a>> {
        &mut self.tool_calls
    }

    /// The id of the call that a tool message answers, as recorded. Match by [`Links`](crate::Links), not by id alone.
    pub fn tool_call_id(&self) -> Option<&Text<'a>> {
        self.tool_call_id.as_ref()
    }

    /// Whether the tool reported an error, if the record says so.
    pub fn is_error(&self) -> Option<bool> {
        self.is_error
    }

    /// Whether the message is to be trained on, if the record says so.
    pub fn train(&self) -> Option<bool> {
        self.train
    }

    /// Fields of the message that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// Whether the model is to learn this message: an assistant turn that is not marked otherwise.
    pub fn is_target(&self) -> bool {
        self.role == Role::Assistant && self.train != Some(false)
    }

    /// Sets the role.
    pub fn set_role(&mut self, role: Role<'a>) -> &mut Self {
        self.role = role;
        self
    }

    /// Sets the name of the speaker.
    pub fn set_name(&mut self, name: impl Into<Option<Text<'a>>>) -> &mut Self {
        self.name = name.into();
        self
    }

    /// Sets what is said.
    pub fn set_content(&mut self, content: impl Into<Content<'a>>) -> &mut Self {
        self.content = content.into();
        self
    }

    /// Sets what was thought.
    pub fn set_reasoning(&mut self, reasoning: impl Into<Option<Reasoning<'a>>>) -> &mut Self {
        self.reasoning = reasoning.into();
        self
    }

    /// Adds a call.
    pub fn push_tool_call(&mut self, call: ToolCall<'a>) -> &mut Self {
        self.tool_calls.push(call);
        self
    }

    /// Sets the id of the call that this message answers.
    pub fn set_tool_call_id(&mut self, id: impl Into<Option<Text<'a>>>) -> &mut Self {
        self.tool_call_id = id.into();
        self
    }

    /// Says whether the tool reported an error.
    pub fn set_is_error(&mut self, is_error: impl Into<Option<bool>>) -> &mut Self {
        self.is_error = is_error.into();
        self
    }

    /// Says whether the message is to be trained on.
    pub fn set_train(&mut self, train: impl Into<Option<bool>>) -> &mut Self {
        self.train = train.into();
        self
    }

    /// The same message, independent of the record it was read from.
    pub fn into_owned(self) -> Message<'static> {
        Message {
            role: self.role.into_owned(),
            name: self.name.map(Text::into_owned),
            content: self.content.into_owned(),
            reasoning: self.reasoning.map(Reasoning::into_owned),
            tool_calls: self.tool_calls.into_iter().map(ToolCall::into_owned).collect(),
            tool_call_id: self.tool_call_id.map(Text::into_owned),
            is_error: self.is_error,
            train: self.train,
            extra: self.extra.into_owned(),
        }
    }

    /// Reads a message in the canonical form or in that of the `OpenAI` API and its relatives.
    ///
    /// `reasoning_content` is read as `reasoning`, `weight` 0 and 1 as `train`, `function_call` as a call without an
    /// id. A known field that is `null` is absent (content alone tells the two apart).
    ///
    /// # Errors
    /// If it has no role, or a known field has the wrong type.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut message = Message::new(Role::User);
        message.read_fields(cursor)?;
        Ok(message)
    }

    /// Reads a message to the end of a list: in place, because a message is large.
    pub(crate) fn read_onto(list: &mut Vec<Self>, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        list.push(Message::new(Role::User));
        match list.last_mut() {
            Some(message) => message.read_fields(cursor),
            None => Ok(()),
        }
    }

    fn read_fields(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let start = cursor.start();
        let mut has_role = false;
        cursor.object(|cursor, key| {
            has_role |= key.body() == "role";
            self.read_field(cursor, key)
        })?;
        if has_role {
            Ok(())
        } else {
            Err(DecodeError::missing(start, "a message needs a `role`"))
        }
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "role" => self.role = Role::named(cursor.text()?),
            "content" => self.content = Content::read(cursor)?,
            "tool_calls" => self.read_calls(cursor)?,
            "tool_call_id" => self.tool_call_id = cursor.optional_text()?,
            "name" => self.name = cursor.optional_text()?,
            "reasoning" => self.read_reasoning(cursor)?,
            "reasoning_content" => self.read_reasoning_content(cursor, key)?,
            "is_error" => self.is_error = optional_bool(cursor)?,
            "train" => self.read_train(cursor)?,
            "weight" => self.read_weight(cursor, key)?,
            "function_call" if cursor.peek()? == Kind::Object => {
                self.tool_calls.push(ToolCall::read(cursor)?);
            }
            "function_call" if cursor.null()? => {}
            _ => self.extra.read(cursor, key)?,
        }
        Ok(())
    }

    fn read_calls(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        if cursor.null()? {
            return Ok(());
        }
        cursor.array(|cursor, _| {
            self.tool_calls.push(ToolCall::read(cursor)?);
            Ok(())
        })
    }

    /// Servers disagree on the key and some write both: the same thing twice is one, two things are kept apart.
    fn read_reasoning(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let Some(reasoning) = Reasoning::read(cursor)? else {
            return Ok(());
        };
        match self.reasoning.replace(reasoning) {
            Some(other) if self.reasoning.as_ref() != Some(&other) => {
                let key = Text::from_canonical("reasoning_content");
                self.extra.insert(key, other.into_raw());
            }
            _ => {}
        }
        Ok(())
    }

    fn read_reasoning_content(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match (&self.reasoning, Reasoning::read(cursor)?) {
            (None, reasoning) => self.reasoning = reasoning,
            (Some(first), Some(second)) if *first != second => {
                self.extra.insert(key.clone(), second.into_raw());
            }
            _ => {}
        }
        Ok(())
    }

    /// `train` is the word of the trace: a `weight` that came before and contradicts it is kept, not believed.
    fn read_train(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let Some(train) = optional_bool(cursor)? else {
            return Ok(());
        };
        if let Some(weight) = self.train.replace(train).filter(|&weight| weight != train) {
            let key = Text::from_canonical("weight");
            self.extra.insert(key, u64::from(weight).into());
        }
        Ok(())
    }

    fn read_weight(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        if cursor.null()? {
            return Ok(());
        }
        let weight = cursor.raw()?;
        let train = match weight.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        };
        if train.is_some() && self.train.is_none_or(|known| Some(known) == train) {
            self.train = train;
        } else {
            self.extra.insert(key.clone(), weight);
        }
        Ok(())
    }

    /// The message in canonical form.
    ///
    /// ```
    /// use tracemill_model::{Message, Role, Text};
    /// let mut message = Message::new(Role::User);
    /// message.set_content(Text::new("hi"));
    /// assert_eq!(message.to_json().as_str(), r#"{"role":"user","content":"hi"}"#);
    /// ```
    pub fn to_json(&self) -> RawJson<'static> {
        RawJson::written(|w| self.write(self.train(), w))
    }

    /// Writes the canonical form, with another mark of what is trained on.
    pub(crate) fn write(&self, train: Option<bool>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("role").text(&self.role.name());
        if let Some(name) = self.name.as_ref().filter(|_| self.role != Role::Tool) {
            w.key("name").text(name);
        }
        if let Some(id) = &self.tool_call_id {
            w.key("tool_call_id").text(id);
        }
        if let Some(name) = self.name.as_ref().filter(|_| self.role == Role::Tool) {
            w.key("name").text(name);
        }
        self.content.write(w);
        match &self.reasoning {
            Some(Reasoning::Text(text)) => {
                w.key("reasoning").text(text);
            }
            Some(Reasoning::Opaque(raw)) => {
                w.key("reasoning").raw(raw);
            }
            None => {}
        }
        if !self.tool_calls.is_empty() {
            w.key("tool_calls").begin_array();
            for call in &self.tool_calls {
                call.write(w);
            }
            w.end_array();
        }
        if let Some(is_error) = self.is_error {
            w.key("is_error").boolean(is_error);
        }
        if let Some(train) = train {
            w.key("train").boolean(train);
        }
        self.extra.write(w);
        w.end_object();
    }
}

fn optional_bool(cursor: &mut Cursor<'_>) -> Result<Option<bool>, DecodeError> {
    if cursor.null()? {
        Ok(None)
    } else {
        cursor.boolean().map(Some)
    }
}
