//! Tool definitions: what the model was told it may call.

use crate::call::raw_object;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// One tool that the model was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tool<'a> {
    /// A function with a name and a schema.
    Function(Function<'a>),
    /// A tool of another kind (hosted search, …), as it was recorded.
    Other(RawJson<'a>),
}

/// The definition of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function<'a> {
    name: Text<'a>,
    description: Option<Text<'a>>,
    parameters: Option<RawJson<'a>>,
    extra: Fields<'a>,
}

impl<'a> Function<'a> {
    /// A function called `name`.
    pub fn new(name: Text<'a>) -> Self {
        Function {
            name,
            ..Function::default()
        }
    }

    /// The name that calls use.
    pub fn name(&self) -> &Text<'a> {
        &self.name
    }

    /// What it does, in words.
    pub fn description(&self) -> Option<&Text<'a>> {
        self.description.as_ref()
    }

    /// The schema of its arguments.
    pub fn parameters(&self) -> Option<&RawJson<'a>> {
        self.parameters.as_ref()
    }

    /// Fields of the definition that the trace does not name, such as `strict`.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<Option<Text<'a>>>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets the schema of the arguments.
    #[must_use]
    pub fn with_parameters(mut self, parameters: impl Into<Option<RawJson<'a>>>) -> Self {
        self.parameters = parameters.into();
        self
    }

    /// Reads the members of a definition out of fields; what the trace does not name stays in `extra`.
    fn from_fields(cursor: &Cursor<'_>, mut fields: Fields<'a>) -> Result<Self, DecodeError> {
        let name = text_field(cursor, &mut fields, "name")?
            .ok_or_else(|| cursor.error(DecodeErrorKind::MissingField, "a tool definition needs a `name`"))?;
        let description = text_field(cursor, &mut fields, "description")?;
        let parameters = fields
            .remove("parameters")
            .filter(|parameters| !parameters.is_null());
        Ok(Function {
            name,
            description,
            parameters,
            extra: fields,
        })
    }

    fn into_owned(self) -> Function<'static> {
        Function {
            name: self.name.into_owned(),
            description: self.description.map(Text::into_owned),
            parameters: self.parameters.map(RawJson::into_owned),
            extra: self.extra.into_owned(),
        }
    }

    /// Writes the members of the definition into the object that is open: the inside of `function` in the `OpenAI`
    /// form, the whole in the canonical one.
    pub fn write_members(&self, w: &mut JsonWriter<'_>) {
        w.key("name").text(&self.name);
        if let Some(description) = &self.description {
            w.key("description").text(description);
        }
        if let Some(parameters) = &self.parameters {
            w.key("parameters").raw(parameters);
        }
        self.extra.write(w);
    }
}

fn text_field<'a>(
    cursor: &Cursor<'_>,
    fields: &mut Fields<'a>,
    key: &str,
) -> Result<Option<Text<'a>>, DecodeError> {
    match fields
        .remove(key)
        .filter(|value| !value.is_null())
        .map(RawJson::into_text)
    {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(other)) => {
            let message = format!("`{key}` of a tool must be a string, not {}", other.kind().noun());
            Err(cursor.error(DecodeErrorKind::WrongType, message))
        }
    }
}

impl<'a> Tool<'a> {
    /// Reads a list of definitions: canonical, nested as the `OpenAI` API has them, or either as JSON text.
    ///
    /// # Errors
    /// If it is no list (or text of one), or a function has no name.
    pub fn read_list(cursor: &mut Cursor<'a>) -> Result<Vec<Tool<'a>>, DecodeError> {
        if cursor.peek()? == Kind::String {
            return Tool::read_text(cursor);
        }
        let mut tools = Vec::new();
        cursor.array(|cursor, _| {
            tools.push(Tool::read(cursor)?);
            Ok(())
        })?;
        Ok(tools)
    }

    fn read_text(cursor: &mut Cursor<'a>) -> Result<Vec<Tool<'a>>, DecodeError> {
        let offset = cursor.offset();
        let text = cursor.text()?;
        if text.is_blank() {
            return Ok(Vec::new());
        }
        let decoded = text.decode();
        let mut inner = Cursor::with_limits(&decoded, *cursor.limits());
        let tools = Tool::read_list(&mut inner).and_then(|tools| inner.finish().map(|()| tools));
        let tools = tools.map_err(|error| error.in_string_at(offset))?;
        Ok(tools.into_iter().map(Tool::into_owned).collect())
    }

    /// Reads one definition.
    ///
    /// # Errors
    /// If it is no object, or a function without a name.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        if cursor.peek()? != Kind::Object {
            return Err(cursor.expected("a tool definition"));
        }
        let mut kind = None;
        let mut nested = None;
        let mut fields = Fields::new();
        cursor.object(|cursor, key| match key.body() {
            "type" if kind.is_none() => {
                kind = Some(cursor.raw()?);
                Ok(())
            }
            "function" if nested.is_none() && cursor.peek()? == Kind::Object => {
                nested = Some(Fields::read_object(cursor)?);
                Ok(())
            }
            _ => fields.read(cursor, key),
        })?;
        let is_function = kind
            .as_ref()
            .is_none_or(|kind| kind.is_null() || kind.as_str() == "\"function\"");
        if !is_function {
            return Ok(Tool::Other(other_tool(kind, nested, fields)));
        }
        let Some(mut inner) = nested else {
            return Function::from_fields(cursor, fields).map(Tool::Function);
        };
        for (key, value) in fields {
            // What stands beside `function` joins what stands inside, under its own name.
            let key = if inner.get(&key.decode()).is_some() {
                Text::new(format!("outer.{key}"))
            } else {
                key
            };
            inner.insert(key, value);
        }
        Function::from_fields(cursor, inner).map(Tool::Function)
    }

    /// The definition if it is a function.
    pub fn as_function(&self) -> Option<&Function<'a>> {
        match self {
            Tool::Function(function) => Some(function),
            Tool::Other(_) => None,
        }
    }

    /// The same definition, independent of the record it was read from.
    pub fn into_owned(self) -> Tool<'static> {
        match self {
            Tool::Function(function) => Tool::Function(function.into_owned()),
            Tool::Other(raw) => Tool::Other(raw.into_owned()),
        }
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        match self {
            Tool::Function(function) => {
                w.begin_object();
                function.write_members(w);
                w.end_object();
            }
            Tool::Other(raw) => {
                w.raw(raw);
            }
        }
    }
}

/// A tool of another kind, put together again: its type first.
fn other_tool<'a>(kind: Option<RawJson<'a>>, nested: Option<Fields<'a>>, fields: Fields<'a>) -> RawJson<'a> {
    let mut all = Fields::new();
    if let Some(kind) = kind {
        all.insert(Text::new("type"), kind);
    }
    if let Some(nested) = nested {
        all.insert(Text::new("function"), raw_object(&nested));
    }
    for (key, value) in fields {
        all.insert(key, value);
    }
    raw_object(&all)
}
