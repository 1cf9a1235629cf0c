//! What a model was asked.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Message, RawJson, Role, Text, Tool};

use super::list::messages;
use super::{message, present, tools, unknown, unwrapped};
use crate::exchange::Prompt;
use crate::gemini_contents::{self, Contents, either};
use crate::{langchain, responses_items, walk};

/// A prompt, in whatever shape it was recorded.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) messages: Vec<Message<'static>>,
    pub(crate) tools: Option<Vec<Tool<'static>>>,
    pub(crate) model: Option<Text<'static>>,
}

impl Asked {
    /// The keys of a request that are read.
    pub(crate) const TAKEN: [&'static str; 14] = [
        "messages",
        "system",
        "tools",
        "functions",
        "contents",
        "systemInstruction",
        "system_instruction",
        "input",
        "instructions",
        "prompt",
        "prompts",
        "args",
        "kwargs",
        "model",
    ];
}

/// Reads a prompt: a request, messages, or text that a user says.
pub(crate) fn asked(value: JsonView<'_>) -> Result<Asked, DecodeError> {
    let value = unwrapped(value);
    match value.kind() {
        Kind::Object => object(value.view()),
        Kind::Array | Kind::String => said(value.view(), "messages").map_err(|error| error_at(&error)),
        _ => Err(unknown(value.view())),
    }
}

/// The same error without the key that was put before it for the sake of objects.
fn error_at(error: &DecodeError) -> DecodeError {
    DecodeError::new(error.kind(), 0, error.message())
}

/// A prompt of nothing but messages, which stand under `key`.
fn said(list: JsonView<'_>, key: &str) -> Result<Asked, DecodeError> {
    Ok(Asked {
        messages: messages(list, Role::User).map_err(|error| error.in_key(key))?,
        ..Asked::default()
    })
}

fn object(value: JsonView<'_>) -> Result<Asked, DecodeError> {
    if let Some(prompt) = langchain::prompt(value) {
        return said(prompt.view(), "kwargs");
    }
    let mut asked = if langchain::is_one(value) {
        let mut asked = Asked::default();
        asked.messages.push(langchain::message(value)?);
        asked
    } else if let Some(list) = present(value, "messages") {
        said(list, "messages")?
    } else if let Some(contents) = present(value, "contents") {
        return gemini(value, contents);
    } else if let Some(input) = present(value, "input") {
        responses(value, input)?
    } else if let Some(prompt) = present(value, "prompt") {
        said(prompt, "prompt")?
    } else if let Some(prompts) = present(value, "prompts") {
        said(prompts, "prompts")?
    } else if value.get("role").is_some() {
        said(RawJson::list([value]).view(), "messages")?
    } else {
        return arguments(value);
    };
    if let Some(system) = present(value, "system") {
        let system = message(Role::System, system).map_err(|error| error.in_key("system"))?;
        asked.messages.insert(0, system);
    }
    for key in ["tools", "functions"] {
        if let Some(list) = present(value, key).filter(|_| asked.tools.is_none()) {
            asked.tools = tools(list).map_err(|error| error.in_key(key))?;
        }
    }
    asked.model = walk::text(value, "/model").map(Text::into_owned);
    Ok(asked)
}

/// A request of the Responses API.
fn responses(value: JsonView<'_>, input: JsonView<'_>) -> Result<Asked, DecodeError> {
    let mut asked = said(input, "input")?;
    if let Some(instructions) = present(value, "instructions") {
        let before = messages(instructions, Role::System).map_err(|error| error.in_key("instructions"))?;
        asked.messages.splice(0..0, before);
    }
    if let Some(list) = present(value, "tools").filter(|list| list.kind() == Kind::Array) {
        let mut hosted = Vec::new();
        let tools = responses_items::tools(list, &mut hosted).map_err(|error| error.in_key("tools"))?;
        asked.tools = (!tools.is_empty()).then(|| tools.into_iter().map(Tool::into_owned).collect());
    }
    Ok(asked)
}

/// A request of the Gemini API; its SDK for Python has what is not said by anybody under `config`.
fn gemini(value: JsonView<'_>, contents: JsonView<'_>) -> Result<Asked, DecodeError> {
    let config = value.get("config");
    let places = [Some(value), config];
    let mut read = Contents::default();
    let mut prompt = Prompt::default();
    for place in places.into_iter().flatten() {
        if let Some(system) = either(place, "systemInstruction", "system_instruction") {
            if system.kind() == Kind::String {
                read.messages.push(message(Role::System, system)?);
            } else {
                read.content(Role::System, system)?;
            }
        }
        if let Some(tools) = present(place, "tools") {
            gemini_contents::tools(tools, &mut prompt);
        }
    }
    if contents.kind() == Kind::String {
        read.messages.push(message(Role::User, contents)?);
    } else if contents.kind() == Kind::Object {
        read.content(Role::User, contents)?;
    } else {
        read.list(contents).map_err(|error| error.in_key("contents"))?;
    }
    Ok(Asked {
        messages: walk::owned(read.messages),
        tools: prompt
            .tools
            .filter(|tools| !tools.is_empty())
            .map(|tools| tools.into_iter().map(Tool::into_owned).collect()),
        model: walk::text(value, "/model").map(Text::into_owned),
    })
}

/// The arguments of a function that was recorded: one by position, or else those by name.
fn arguments(value: JsonView<'_>) -> Result<Asked, DecodeError> {
    let args = value.get("args").filter(|args| args.kind() == Kind::Array);
    let Some(args) = args else {
        return Err(unknown(value));
    };
    let named = present(value, "kwargs").filter(|named| named.members().next().is_some());
    let mut positional = args.elements();
    match (positional.next(), positional.next(), named) {
        (Some(only), None, None) => asked(only).map_err(|error| error.in_key("args")),
        (None, None, Some(named)) if named.kind() == Kind::Object && named.get("args").is_none() => {
            object(named).map_err(|error| error.in_key("kwargs"))
        }
        _ => {
            let message = "which of several arguments is the prompt is not known";
            Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key("args"))
        }
    }
}
