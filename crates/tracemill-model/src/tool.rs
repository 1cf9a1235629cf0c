//! Tool definitions: what the model was told it may call.

use crate::error::DecodeError;
use crate::fields::{Fields, once, two_values};
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// One tool that the model was told of.
///
/// ```
/// use tracemill_model::{Tool, Trace};
/// let trace = Trace::from_json(
///     r#"{"messages":[],"tools":[
///         {"type":"function","function":{"name":"find","parameters":{"type":"object"},"strict":true}},
///         {"type":"web_search"}]}"#,
/// )?;
/// let tools = trace.tools().unwrap();
/// let find = tools[0].as_function().unwrap();
/// assert_eq!(find.name(), "find");
/// assert_eq!(find.parameters().unwrap().as_str(), r#"{"type":"object"}"#);
/// assert_eq!(find.extra().get("strict").unwrap().as_bool(), Some(true));
/// assert!(matches!(&tools[1], Tool::Other(raw) if raw.as_str() == r#"{"type":"web_search"}"#));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
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

/// Whether this `type` is that of a function.
fn is_function(kind: &RawJson<'_>) -> bool {
    kind.is_null() || kind.as_str() == "\"function\""
}

/// A definition while it is read. Its fields may stand inside `function`, beside it, or on both levels if they agree.
#[derive(Default)]
struct Definition<'a> {
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    parameters: Option<RawJson<'a>>,
    extra: Fields<'a>,
    /// A field inside `function` that would mean something else in the flat form.
    is_odd: bool,
}

impl<'a> Definition<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut definition = Definition::default();
        cursor.object(|cursor, key| match key.body() {
            "type" => cursor.skip(),
            "function" if cursor.peek()? == Kind::Object => {
                cursor.object(|cursor, key| definition.read_inner(cursor, key))
            }
            _ => definition.read_field(cursor, key),
        })?;
        Ok(definition)
    }

    fn into_function(self) -> Option<Function<'a>> {
        Some(Function {
            name: self.name?,
            description: self.description,
            parameters: self.parameters,
            extra: self.extra,
        })
    }

    fn read_inner(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "type" => {
                let kind = cursor.raw()?;
                self.is_odd |= !is_function(&kind);
                Ok(())
            }
            "function" => {
                self.is_odd = true;
                cursor.skip()
            }
            _ => self.read_field(cursor, key),
        }
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "name" => {
                let name = cursor.optional_text()?;
                once(&mut self.name, name, cursor)
            }
            "description" => {
                let description = cursor.optional_text()?;
                once(&mut self.description, description, cursor)
            }
            "parameters" => {
                let parameters = cursor.raw()?;
                once(
                    &mut self.parameters,
                    Some(parameters).filter(|value| !value.is_null()),
                    cursor,
                )
            }
            _ => {
                let value = cursor.raw()?;
                match self.extra.get(&key.decode()) {
                    Some(known) if *known != value => Err(two_values(cursor)),
                    Some(_) => Ok(()),
                    None => {
                        self.extra.insert(key.clone(), value);
                        Ok(())
                    }
                }
            }
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
    /// What stands beside `function` and what stands inside are fields of one definition; the trace keeps them on one
    /// level. A tool whose `type` is not `function` is kept as it came.
    ///
    /// # Errors
    /// If it is no object, or a function without a name, or two levels say different things.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        if cursor.peek()? != Kind::Object {
            return Err(cursor.expected("a tool definition"));
        }
        let start = cursor.start();
        let kind = cursor.type_ahead();
        if !kind.as_ref().is_none_or(is_function) {
            return cursor.raw().map(Tool::Other);
        }
        let mark = cursor.mark();
        let definition = Definition::read(cursor)?;
        if definition.is_odd {
            cursor.rewind(mark);
            return cursor.raw().map(Tool::Other);
        }
        let function = definition.into_function();
        function
            .map(Tool::Function)
            .ok_or_else(|| DecodeError::missing(start, "a tool definition needs a `name`"))
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

    /// Writes the definition as the canonical form has it.
    pub fn write(&self, w: &mut JsonWriter<'_>) {
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
