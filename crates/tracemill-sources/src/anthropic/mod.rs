//! `anthropic`: logs of requests and responses of the Messages API of Anthropic, and tuning lines in its words.

mod tuning;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Framing, Function, JsonView, Key, Limits, Message,
    Outcome, RawJson, Role, Text, Tool, Trace,
};

use crate::blocks::{self, Blocks};
use crate::detect::Evidence;
use crate::exchange::{ERROR_BODY, ERROR_SKIPS, NO_RESPONSE};
use crate::head::Head;
use crate::parts::{insert, keep, prompt_group, second_conversation};
use crate::record::Once;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

use tuning::Line;
pub(crate) use tuning::evidence;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "anthropic",
    summary: "logs of the Messages API of Anthropic, and tuning lines in its words: `system`, `messages` of blocks, `tools`",
    suffixes: JSON,
    reads: "`{request, response}`, one a record; one trace each, grouped by a hash of the request's messages and tools. \
            A tool's type `custom` \
            is what it has anyway. `system` is a system message; every `tool_result` is a tool message, before the rest of the user message it \
            stands in; `thinking` is reasoning, and blocks with a signature are kept in `thinking_blocks` as well; \
            `redacted_thinking` is opaque reasoning. Blocks of other types stay parts as they are. Where calls stand between texts, the texts \
            come first. Other fields of a message are kept with `anthropic.` before their names. The `stop_reason`s \
            `end_turn`, `tool_use` and `stop_sequence` are `completed`, `max_tokens` is `truncated`. The rest of the \
            request and of the response stays in the fields `request` and `response`. Also read are lines that models are \
            tuned with, `{system, messages, tools}`, on Bedrock and elsewhere: text or blocks, one trace each, in no group. There, \
            fields of a message that the OpenAI API has (`tool_calls`, `weight`) are read as that, and others kept; an \
            empty `system`, or one beside a system message, is kept too.",
    skips: ERROR_SKIPS,
    notes: &[],
    options: &[],
    make: |_| Box::new(Anthropic),
};

/// Logs of the Messages API.
#[derive(Clone, Copy, Debug)]
struct Anthropic;

impl Source for Anthropic {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        if head.kind("/request/messages") != Some(Kind::Array) {
            return evidence(head);
        }
        let kind = head.text("/response/type")?;
        let known = kind == "message" || kind == "error";
        known.then(|| Evidence::keys(&["/request/messages", "/response/type"]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let log = batch.read(record, context.limits(), Log::read)?;
        log.deliver(context.limits(), batch)
    }

    fn repeats_history(&self) -> bool {
        true
    }
}

/// The keys of a record that may stand there once.
const KEYS: [&str; 12] = [
    "request", "response", "system", "messages", "tools", "id", "scores", "metadata", "group", "trial",
    "outcome", "score",
];

/// One record, taken apart.
#[derive(Debug, Default)]
struct Log<'a> {
    own: Trace<'a>,
    /// What is not in a request: all of it where the record is no log.
    line: Line<'a>,
    has_exchange: bool,
    system: Option<Content<'a>>,
    messages: Option<Vec<Message<'a>>>,
    tools: Option<Vec<Tool<'a>>>,
    request: Fields<'a>,
    answer: Vec<Message<'a>>,
    response: Fields<'a>,
}

impl<'a> Log<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut log = Log::default();
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            match key.body() {
                "request" => cursor.object(|cursor, key| log.read_request(cursor, key)),
                "response" if cursor.null()? => Ok(()),
                "response" => log.read_response(cursor),
                key @ ("system" | "messages" | "tools") if cursor.peek()? != Kind::Null => {
                    log.line.read(cursor, key)
                }
                _ => log.own.read_field(cursor, key),
            }
        })?;
        log.has_exchange = once.has_seen("request") || once.has_seen("response");
        if log.has_exchange && log.line.messages.is_some() {
            return Err(second_conversation("`request`"));
        }
        Ok(log)
    }

    fn read_request(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "messages" if self.messages.is_none() => {
                let limit = cursor.limits().messages();
                let messages = self.messages.insert(Vec::new());
                cursor.array(|cursor, _| {
                    blocks::read_message(cursor, messages)?;
                    within(cursor, messages.len(), limit)
                })
            }
            "system" if self.system.is_none() && cursor.peek()? != Kind::Null => {
                self.system = Some(Content::read(cursor)?);
                Ok(())
            }
            "tools" if self.tools.is_none() && cursor.peek()? == Kind::Array => {
                let tools = self.tools.insert(Vec::new());
                cursor.array(|cursor, _| {
                    tools.push(tool(cursor)?);
                    Ok(())
                })
            }
            "messages" | "system" | "tools" if cursor.peek()? != Kind::Null => {
                Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"))
            }
            _ => self.request.read(cursor, key),
        }
    }

    fn read_response(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let mut content = None;
        cursor.object(|cursor, key| match key.body() {
            "content" if content.is_none() => {
                content = Some(Blocks::read(cursor)?);
                Ok(())
            }
            "content" => Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice")),
            _ => self.response.read(cursor, key),
        })?;
        if let Some(content) = content {
            content.deliver(Role::Assistant, &mut self.answer);
        }
        Ok(())
    }

    fn deliver(mut self, limits: Limits, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        if !self.has_exchange {
            batch.stand_alone();
            batch.push(self.line.into_trace(self.own)?);
            return Ok(());
        }
        let status = self.own.extra().get("status").and_then(RawJson::as_f64);
        let is_error = |kind: JsonView<'_>| kind.as_str() == "\"error\"";
        if self
            .response
            .get("type")
            .is_some_and(|kind| is_error(kind.view()))
            || status.is_some_and(|status| status >= 400.0)
        {
            batch.skip(ERROR_BODY);
            return Ok(());
        }
        if self.answer.is_empty() && self.response.is_empty() {
            batch.skip(NO_RESPONSE);
            return Ok(());
        }
        if self.answer.is_empty() {
            return Err(missing("a response needs `content`").in_key("response"));
        }
        let asked = self
            .messages
            .take()
            .ok_or_else(|| missing("a request needs `messages`").in_key("request"))?;
        let mut messages = Vec::with_capacity(asked.len() + 2);
        if let Some(system) = self.system.take() {
            let mut message = Message::new(Role::System);
            message.set_content(system);
            messages.push(message);
        }
        messages.extend(asked);
        batch.push(self.into_trace(messages, limits)?);
        Ok(())
    }

    fn into_trace(
        mut self,
        mut messages: Vec<Message<'a>>,
        limits: Limits,
    ) -> Result<Trace<'a>, DecodeError> {
        let mut trace = self.own;
        if trace.group().is_none() {
            trace.set_group(prompt_group(&messages, self.tools.as_deref()));
        }
        if trace.id().is_none() {
            trace.set_id(self.response.remove("id").map(Key::new));
        }
        let model = text(&mut self.response, "model").or_else(|| text(&mut self.request, "model"));
        trace.set_model(model);
        let outcome = self
            .response
            .get("stop_reason")
            .map(RawJson::view)
            .and_then(outcome);
        trace.set_outcome(trace.outcome().or(outcome));
        trace.set_tools(self.tools.or(self.line.tools));
        if let Some(system) = self.line.system {
            insert(&mut trace, "system", system);
        }
        messages.extend(self.answer);
        *trace.messages_mut() = messages;
        keep(&mut trace, "request", &self.request, limits)?;
        keep(&mut trace, "response", &self.response, limits)?;
        Ok(trace)
    }
}

fn within(cursor: &Cursor<'_>, count: usize, limit: usize) -> Result<(), DecodeError> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("more than {limit} messages in one trace");
    Err(cursor.error(DecodeErrorKind::OverLimit, message))
}

fn missing(message: &str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::MissingField, 0, message)
}

fn text<'a>(fields: &mut Fields<'a>, key: &str) -> Option<Text<'a>> {
    fields.get(key).filter(|value| value.kind() == Kind::String)?;
    fields.remove(key)?.into_text().ok()
}

/// A tool of the user's has an `input_schema`; those of the provider are kept as they are.
fn tool<'a>(cursor: &mut Cursor<'a>) -> Result<Tool<'a>, DecodeError> {
    let fields = match cursor.peek()? {
        Kind::Object => Fields::read_object(cursor)?,
        _ => cursor.skip().map(|()| Fields::new())?,
    };
    // The type is what tells a definition of the provider from one that lacks its name.
    let has_text = |key: &str| fields.get(key).is_some_and(|value| value.kind() == Kind::String);
    if !has_text("type") && !has_text("name") {
        return Err(cursor.error(DecodeErrorKind::MissingField, "a tool definition needs a `name`"));
    }
    Ok(of_fields(fields, "input_schema"))
}

/// A definition whose parameters stand under `schema`; what has none is kept as it is.
pub(crate) fn definition<'a>(raw: RawJson<'a>, schema: &str) -> Tool<'a> {
    match Fields::read_object(&mut raw.cursor()) {
        Ok(fields) => of_fields(fields, schema).into_owned(),
        Err(_) => Tool::Other(raw),
    }
}

/// The same of the members of a definition.
fn of_fields<'a>(mut fields: Fields<'a>, schema: &str) -> Tool<'a> {
    let is_text = |key: &str| fields.get(key).is_some_and(|value| value.kind() == Kind::String);
    if !is_text("name") || fields.get(schema).is_none() {
        return Tool::Other(fields.to_raw());
    }
    let name = text(&mut fields, "name").unwrap_or_default();
    let description = text(&mut fields, "description");
    let usual = |kind: &RawJson<'_>| matches!(kind.as_str(), "\"custom\"" | "\"function\"");
    if fields.get("type").is_some_and(usual) {
        fields.remove("type");
    }
    let mut function = Function::new(name)
        .with_description(description)
        .with_parameters(fields.remove(schema));
    *function.extra_mut() = fields;
    Tool::Function(function)
}

fn outcome(reason: JsonView<'_>) -> Option<Outcome> {
    match reason.as_text()?.body() {
        "end_turn" | "tool_use" | "stop_sequence" => Some(Outcome::Completed),
        "max_tokens" => Some(Outcome::Truncated),
        _ => None,
    }
}
