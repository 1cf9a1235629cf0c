//! Tool calls and their arguments.

use crate::error::DecodeError;
use crate::fields::{Fields, once};
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// What the assistant asked a tool to do.
///
/// ```
/// use tracemill_model::{Arguments, ToolCall, Trace};
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[
///         {"id":"c1","type":"function","function":{"name":"find","arguments":"{\"q\": 1.0}"}}]}]}"#,
/// )?;
/// let call = &trace.messages()[0].tool_calls()[0];
/// assert_eq!(call.name(), "find");
/// assert_eq!(call.arguments(), &Arguments::Text(r#"{"q": 1.0}"#.into()));
///
/// let same = ToolCall::new("find".into(), call.arguments().clone()).with_id(Some("c1".into()));
/// assert_eq!(*call, same);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall<'a> {
    id: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    name: Text<'a>,
    arguments: Arguments<'a>,
    extra: Fields<'a>,
}

/// The arguments of a call, as they were recorded.
///
/// Providers record *text that should be JSON*, others a JSON value. Which one it was is kept, and the text is never
/// parsed and written again on the quiet: it may not parse. A value that is itself a string, or `null`, cannot be told
/// from text and from nothing: whoever makes one uses those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arguments<'a> {
    /// There were none.
    #[default]
    Missing,
    /// Text that should be JSON.
    Text(Text<'a>),
    /// A JSON value.
    Value(RawJson<'a>),
}

impl<'a> ToolCall<'a> {
    /// A call of the function `name`.
    pub fn new(name: Text<'a>, arguments: Arguments<'a>) -> Self {
        ToolCall {
            name,
            arguments,
            ..ToolCall::default()
        }
    }

    /// The id, if it has one. Ids may repeat within a trace: see [`Links`](crate::Links).
    pub fn id(&self) -> Option<&Text<'a>> {
        self.id.as_ref()
    }

    /// The type of the call if it is not a function, such as `custom`.
    pub fn kind(&self) -> Option<&Text<'a>> {
        self.kind.as_ref()
    }

    /// The name of the function.
    pub fn name(&self) -> &Text<'a> {
        &self.name
    }

    /// The arguments as recorded.
    pub fn arguments(&self) -> &Arguments<'a> {
        &self.arguments
    }

    /// Fields of the call that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// Sets the arguments.
    pub fn set_arguments(&mut self, arguments: Arguments<'a>) -> &mut Self {
        self.arguments = arguments;
        self
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Option<Text<'a>>>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets the type of a call that is not a function.
    #[must_use]
    pub fn with_kind(mut self, kind: Text<'a>) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The same call, independent of the record it was read from.
    pub fn into_owned(self) -> ToolCall<'static> {
        ToolCall {
            id: self.id.map(Text::into_owned),
            kind: self.kind.map(Text::into_owned),
            name: self.name.into_owned(),
            arguments: self.arguments.into_owned(),
            extra: self.extra.into_owned(),
        }
    }

    /// Reads a call in the canonical form or in the nesting of the `OpenAI` API.
    ///
    /// The type `function` is what a call has anyway and is not kept. Fields beside the name and the arguments that
    /// stand inside `function` or `custom` stay there.
    ///
    /// # Errors
    /// If it has no name, has two names or two arguments, or a known field has the wrong type.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let start = cursor.start();
        let mut call = ToolCall::default();
        let mut essence = Essence::default();
        cursor.object(|cursor, key| {
            match key.body() {
                "id" => call.id = cursor.optional_text()?,
                "type" => call.kind = cursor.optional_text()?.filter(|kind| kind.body() != "function"),
                "name" => essence.read_name(cursor)?,
                "arguments" => essence.read_arguments(cursor)?,
                "function" | "custom" if cursor.peek()? == Kind::Object => {
                    let rest = essence.read_nested(cursor, key)?;
                    if !rest.is_empty() {
                        call.extra.insert(key.clone(), rest.to_raw());
                    }
                }
                _ => call.extra.read(cursor, key)?,
            }
            Ok(())
        })?;
        let name = essence.name;
        call.name = name.ok_or_else(|| DecodeError::missing(start, "a tool call needs a `name`"))?;
        call.arguments = essence.arguments.unwrap_or_default();
        Ok(call)
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        if let Some(id) = &self.id {
            w.key("id").text(id);
        }
        if let Some(kind) = &self.kind {
            w.key("type").text(kind);
        }
        w.key("name").text(&self.name);
        match &self.arguments {
            Arguments::Missing => {}
            Arguments::Text(text) => {
                w.key("arguments").text(text);
            }
            Arguments::Value(value) => {
                w.key("arguments").raw(value);
            }
        }
        self.extra.write(w);
        w.end_object();
    }
}

/// What may stand on either of two levels, or on both if they agree.
#[derive(Default)]
struct Essence<'a> {
    name: Option<Text<'a>>,
    arguments: Option<Arguments<'a>>,
}

impl<'a> Essence<'a> {
    /// Reads the inner object of the `OpenAI` nesting; gives the fields that the trace does not name.
    fn read_nested(&mut self, cursor: &mut Cursor<'a>, outer: &Text<'a>) -> Result<Fields<'a>, DecodeError> {
        let is_custom = outer.body() == "custom";
        let mut rest = Fields::new();
        cursor.object(|cursor, key| match key.body() {
            "name" => self.read_name(cursor),
            "arguments" => self.read_arguments(cursor),
            "input" if is_custom => self.read_arguments(cursor),
            _ => rest.read(cursor, key),
        })?;
        Ok(rest)
    }

    fn read_name(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let name = cursor.text()?;
        once(&mut self.name, Some(name), cursor)
    }

    fn read_arguments(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let arguments = Some(Arguments::read(cursor)?);
        once(
            &mut self.arguments,
            arguments.filter(|found| *found != Arguments::Missing),
            cursor,
        )
    }
}

impl<'a> Arguments<'a> {
    /// Reads a string as text and anything else as a value; `null` is missing.
    ///
    /// # Errors
    /// If the value is malformed.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(match cursor.peek()? {
            Kind::String => Arguments::Text(cursor.text()?),
            Kind::Null => {
                cursor.skip()?;
                Arguments::Missing
            }
            _ => Arguments::Value(cursor.raw()?),
        })
    }

    /// The same arguments, independent of the record they were read from.
    pub fn into_owned(self) -> Arguments<'static> {
        match self {
            Arguments::Missing => Arguments::Missing,
            Arguments::Text(text) => Arguments::Text(text.into_owned()),
            Arguments::Value(value) => Arguments::Value(value.into_owned()),
        }
    }
}
