//! The last answer of a task whose answers are objects.
//!
//! Where such tasks come from, the schema of the answer stands beside the messages as `output_schema`, or in the
//! metadata, as an object or as the JSON text of one.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Content, JsonView, JsonWriter, Message, RawJson, Text, Trace};

use crate::encoder::{EncodeError, EncodeErrorKind, Scratch};
use crate::loss::{Losses, Omission};
use crate::shared::tools;

/// How the last answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As any other turn.
    AsIs,
    /// As the JSON text of an object, on one line.
    JsonSchema,
    /// As a call of a tool that is made for it.
    ToolCall,
}

/// The name of the tool that takes the answer.
pub(crate) const RESPONSE_TOOL: &str = "task_response";

/// The field of a trace, or of its metadata, that holds the schema of the answer.
pub(crate) const OUTPUT_SCHEMA: &str = "output_schema";

/// The last answer, read as an object.
#[derive(Debug)]
pub(crate) struct Response<'r>(RawJson<'r>);

impl<'r> Response<'r> {
    /// Reads the answer of the message at `index`.
    ///
    /// # Errors
    /// If it calls a tool, is no object, or lacks what its schema asks for.
    pub(crate) fn read(
        trace: &Trace<'_>,
        message: &'r Message<'r>,
        index: usize,
        embedded: &'r mut EmbeddedJson,
        schema: &mut EmbeddedJson,
    ) -> Result<Self, EncodeError> {
        let refuse = |text: String| EncodeError::at(index, EncodeErrorKind::Content, text);
        if !message.tool_calls().is_empty() {
            return Err(refuse(
                "the last turn calls tools, and has to be an answer".to_owned(),
            ));
        }
        let value = match message.content() {
            Content::Other(value) => value.borrowed(),
            content => {
                let text = lone_text(content).ok_or_else(|| {
                    refuse("the last answer is no text, and has to be a JSON object".to_owned())
                })?;
                embedded
                    .read(text)
                    .map_err(|error| refuse(format!("the last answer is no JSON: {error}")))?
            }
        };
        if value.kind() != Kind::Object {
            let text = format!(
                "the last answer is {}, and has to be a JSON object",
                value.kind().noun()
            );
            return Err(refuse(text));
        }
        if let Some(schema) = schema_of(trace, schema) {
            fits(schema.view(), value.view()).map_err(refuse)?;
        }
        Ok(Response(value))
    }

    /// The answer: an object.
    pub(crate) fn value(&self) -> &RawJson<'r> {
        &self.0
    }
}

fn lone_text<'c>(content: &'c Content<'c>) -> Option<&'c Text<'c>> {
    match content {
        Content::Parts(parts) => match &parts[..] {
            [part] => part.as_text(),
            _ => None,
        },
        content => content.as_text(),
    }
}

/// The schema of the answer, if the trace knows it.
fn schema_of<'s>(trace: &'s Trace<'_>, embedded: &'s mut EmbeddedJson) -> Option<RawJson<'s>> {
    let schema = match trace.extra().get(OUTPUT_SCHEMA) {
        Some(schema) => schema.borrowed(),
        None => trace.metadata()?.get(OUTPUT_SCHEMA)?.raw(),
    };
    let schema = match schema.as_text() {
        Some(text) => embedded.read(&text).ok()?,
        None => schema,
    };
    (schema.kind() == Kind::Object).then_some(schema)
}

/// What of a schema tells a wrong answer most often: members that must be there, and the types of those that are.
fn fits(schema: JsonView<'_>, answer: JsonView<'_>) -> Result<(), String> {
    let required = schema.get("required");
    for name in required.into_iter().flat_map(JsonView::elements) {
        let Some(name) = name.as_text() else { continue };
        if answer.get(&name.decode()).is_none() {
            return Err(format!(
                "the last answer lacks `{name}`, which its schema requires"
            ));
        }
    }
    let properties = schema.get("properties");
    for (name, property) in properties.into_iter().flat_map(JsonView::members) {
        let Some((kind, value)) = property.get("type").zip(answer.get(&name.decode())) else {
            continue;
        };
        let is_list = kind.kind() == Kind::Array;
        let fits = if is_list {
            kind.elements().any(|kind| is_of(value, kind))
        } else {
            is_of(value, kind)
        };
        if !fits {
            let found = value.kind().noun();
            return Err(format!(
                "`{name}` of the last answer is {found}, and its schema wants {kind}"
            ));
        }
    }
    Ok(())
}

/// Whether a value is of a type of JSON Schema; types that it does not name pass.
fn is_of(value: JsonView<'_>, kind: JsonView<'_>) -> bool {
    let found = value.kind();
    match kind.as_str() {
        "\"object\"" => found == Kind::Object,
        "\"array\"" => found == Kind::Array,
        "\"string\"" => found == Kind::String,
        "\"boolean\"" => found == Kind::Bool,
        "\"null\"" => found == Kind::Null,
        "\"number\"" => found == Kind::Number,
        "\"integer\"" => found == Kind::Number && value.as_f64().is_none_or(|number| number.fract() == 0.0),
        _ => true,
    }
}

/// Writes the field `tools` with the tool that takes the answer behind the others.
///
/// # Errors
/// If the trace has a tool of that name.
pub(crate) fn tools(
    trace: &Trace<'_>,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    w.key("tools");
    list(trace, &mut scratch.schema, &mut scratch.losses, w)
}

/// Writes the list alone.
pub(crate) fn list(
    trace: &Trace<'_>,
    schema: &mut EmbeddedJson,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    w.begin_array();
    for function in tools::functions(trace, losses).into_iter().flatten() {
        if *function.name() == RESPONSE_TOOL {
            let text = format!(
                "the trace has a tool `{RESPONSE_TOOL}`, which is the name of the one for the answer"
            );
            return Err(EncodeError::new(EncodeErrorKind::Forbidden, text));
        }
        tools::nested_function(function, w);
    }
    w.begin_object();
    w.key("type").str("function");
    w.key("function").begin_object();
    w.key("name").str(RESPONSE_TOOL);
    w.key("parameters");
    if let Some(schema) = schema_of(trace, schema) {
        w.raw(&schema);
    } else {
        losses.omit(Omission::OutputSchema);
        w.begin_object();
        w.key("type").str("object");
        w.end_object();
    }
    w.end_object();
    w.end_object();
    w.end_array();
    Ok(())
}
