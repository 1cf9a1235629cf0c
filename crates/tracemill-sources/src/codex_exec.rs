//! `codex-exec`: what `codex exec --json` prints while it works, one event a line.
//!
//! Events and items as in `codex-rs/exec/src/exec_events.rs` of openai/codex, at its first version and at v0.125.0. The stream
//! tells what was done and said, and not what was asked: for that there are the rollouts, which `codex` reads.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Arguments, Content, DecodeError, Fields, Framing, JsonView, Limits, Message, Outcome, Part, RawJson,
    Reasoning, Role, Text, ToolCall, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::insert;
use crate::pieces::{PieceError, Pieces};
use crate::record::{deepest, object};
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "codex-exec",
    summary: "events of `codex exec --json`: what the agent said and did, one a line, without what it was asked",
    suffixes: &[".jsonl", ".ndjson"],
    reads: "A `thread.started` begins a trace, whose `id` it names. An `agent_message` is an assistant message, `reasoning` is that of \
            the next one. A `command_execution` is a call of that name with the `command` as its argument, and its \
            `aggregated_output` the result, which is an error if the status is not `completed` or the `exit_code` not 0; an \
            `mcp_tool_call` is a call of its `tool`. These are the words of the program: the model may have called something else. A call that \
            was begun and never came to an end has no result. Other items stay parts of the assistant message as they are, and \
            `error` items are kept in `errors`. `turn.completed` is `completed`, with its `usage` kept; `turn.failed` and `error` are `errored`, \
            with what they say kept in `errors`. No prompt is in the stream: to train on such runs, read the rollouts of the same sessions.",
    skips: &[
        Skip::new(
            NO_TURN,
            "beginnings of turns, and earlier states of items that are said again when they end",
        ),
        Skip::new(NO_CONVERSATION, "nothing was said or done"),
    ],
    notes: &[
        Note::new(
            NO_PROMPT,
            "traces without what was asked, which the stream does not tell",
        ),
        Note::new(EMPTY, "threads in which nothing was said or done"),
    ],
    options: &[],
    make: |_| Box::new(CodexExec),
};

const NO_TURN: &str = "no-turn";
const NO_CONVERSATION: &str = "no-conversation";
const NO_PROMPT: &str = "no-prompt";
const EMPTY: &str = "empty-thread";

/// Events of `codex exec --json`.
#[derive(Clone, Copy, Debug)]
struct CodexExec;

/// The items that are calls.
const CALLS: [&str; 2] = ["command_execution", "mcp_tool_call"];

impl Source for CodexExec {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let (kind, beside) = match head.text("/type")? {
            "thread.started" => ("/thread_id", head.kind("/thread_id")),
            "item.started" | "item.completed" => ("/item/type", head.kind("/item/type")),
            _ => return None,
        };
        (beside == Some(Kind::String)).then(|| Evidence::keys(&["/type", kind]))
    }

    fn assembles(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let event = walk::object(context, record)?;
        let kind = walk::text(event.view(), "/type").ok_or_else(|| walk::missing("type"))?;
        if kind.body().starts_with("item.") {
            let item = walk::member(event.view(), "item", Kind::Object)?;
            walk::member(item, "type", Kind::String).map_err(|error| error.in_key("item"))?;
        }
        let item = walk::text(event.view(), "/item/type");
        let is_call = item.is_some_and(|item| CALLS.contains(&item.body()));
        match kind.body() {
            "item.started" if is_call => pieces.push_to_input(record),
            "thread.started" | "item.completed" | "turn.completed" | "turn.failed" | "error" => {
                pieces.push_to_input(record);
            }
            _ => pieces.skip(NO_TURN),
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let mut run = Run::new(0, context.limits());
        for (index, piece) in pieces.iter().enumerate() {
            let failed = |error| PieceError::new(index, error);
            let event = batch.keep(Cursor::with_limits(piece, deepest()).raw().map_err(failed)?);
            if walk::says(event, "/type", "thread.started") {
                let next = Run::new(index, context.limits());
                std::mem::replace(&mut run, next).deliver(batch).map_err(failed)?;
            }
            run.read(event).map_err(failed)?;
        }
        run.deliver(batch)?;
        if batch.traces().is_empty() {
            batch.skip(NO_CONVERSATION);
        }
        Ok(())
    }
}

/// One thread as it is read.
struct Run<'a> {
    /// The piece with which it begins.
    start: usize,
    trace: Trace<'a>,
    said: Said<'a>,
    /// What the assistant is saying.
    turn: Option<Message<'a>>,
    thoughts: Vec<String>,
    /// Calls that were begun.
    open: Vec<Text<'a>>,
    usage: Vec<RawJson<'a>>,
    errors: Vec<RawJson<'a>>,
}

impl<'a> Run<'a> {
    fn new(start: usize, limits: Limits) -> Self {
        Run {
            start,
            trace: Trace::new(),
            said: Said::new(limits),
            turn: None,
            thoughts: Vec::new(),
            open: Vec::new(),
            usage: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn read(&mut self, event: JsonView<'a>) -> Result<(), DecodeError> {
        let kind = walk::text(event, "/type").unwrap_or_default();
        let of = |key| event.get(key).map(JsonView::raw);
        match kind.body() {
            "thread.started" => {
                let id = walk::text(event, "/thread_id");
                self.trace.set_id(id.map(|id| walk::key(&id.decode())));
            }
            "turn.completed" => {
                self.usage.extend(of("usage"));
                self.trace.set_outcome(Outcome::Completed);
            }
            "turn.failed" => {
                self.errors.extend(of("error"));
                self.trace.set_outcome(Outcome::Errored);
            }
            "error" => {
                self.errors.extend(of("message"));
                self.trace.set_outcome(Outcome::Errored);
            }
            begun => {
                let item = walk::member(event, "item", Kind::Object)?;
                let read = if begun == "item.started" {
                    self.begin(item)
                } else {
                    self.end(item)
                };
                read.map_err(|error| error.in_key("item"))?;
            }
        }
        Ok(())
    }

    /// A call that is made.
    fn begin(&mut self, item: JsonView<'a>) -> Result<(), DecodeError> {
        let call = call(item)?;
        self.open.extend(call.id().cloned());
        self.turn().push_tool_call(call);
        Ok(())
    }

    /// An item that is done.
    fn end(&mut self, item: JsonView<'a>) -> Result<(), DecodeError> {
        let kind = walk::text(item, "/type").unwrap_or_default();
        let words = walk::text(item, "/text");
        match (kind.body(), words) {
            ("agent_message", Some(words)) => {
                if self
                    .turn
                    .as_ref()
                    .is_some_and(|turn| !turn.tool_calls().is_empty())
                    || self.has_spoken()
                {
                    self.close()?;
                }
                self.turn().set_content(words);
            }
            ("reasoning", Some(words)) => {
                self.close()?;
                self.thoughts.push(words.decode().into_owned());
            }
            ("error", _) => self.errors.push(item.raw()),
            (kind, _) if CALLS.contains(&kind) => {
                let id = walk::text(item, "/id");
                let begun = id.and_then(|id| self.open.iter().position(|open| *open == id));
                if let Some(at) = begun {
                    self.open.remove(at);
                } else {
                    self.begin(item)?;
                    self.open.pop();
                }
                self.close()?;
                self.said.push(result(item)?)?;
            }
            _ => {
                let turn = self.turn();
                let mut parts = match turn.content() {
                    Content::Text(text) => vec![Part::Text(tracemill_model::TextPart::new(text.clone()))],
                    content => content.parts().to_vec(),
                };
                parts.push(Part::Other(item.raw()));
                turn.set_content(Content::Parts(parts));
            }
        }
        Ok(())
    }

    fn has_spoken(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| !turn.content().is_empty())
    }

    fn turn(&mut self) -> &mut Message<'a> {
        self.turn.get_or_insert_with(|| Message::new(Role::Assistant))
    }

    /// Ends what the assistant is saying, if it is saying anything.
    fn close(&mut self) -> Result<(), DecodeError> {
        let Some(mut message) = self.turn.take() else {
            return Ok(());
        };
        if !self.thoughts.is_empty() {
            let thoughts = std::mem::take(&mut self.thoughts);
            message.set_reasoning(Reasoning::Text(Text::new(thoughts.join("\n\n"))));
        }
        self.said.push(message)
    }

    fn deliver(mut self, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        if !self.thoughts.is_empty() {
            self.turn();
        }
        self.close()?;
        if self.said.messages.is_empty() {
            batch.note(
                EMPTY,
                u64::from(self.trace.id().is_some() || !self.errors.is_empty()),
            );
            return Ok(());
        }
        for (key, values) in [("usage", &self.usage), ("errors", &self.errors)] {
            if !values.is_empty() {
                insert(
                    &mut self.trace,
                    key,
                    RawJson::list(values.iter().map(RawJson::view)),
                );
            }
        }
        *self.trace.messages_mut() = self.said.messages;
        batch.note(NO_PROMPT, 1);
        batch.push_from(self.start, self.trace);
        Ok(())
    }
}

/// The call that an item is.
fn call(item: JsonView<'_>) -> Result<ToolCall<'_>, DecodeError> {
    let id = walk::text(item, "/id");
    if walk::says(item, "/type", "mcp_tool_call") {
        let name = walk::member(item, "tool", Kind::String)?;
        let name = name.as_text().unwrap_or_default().into_owned();
        let arguments = match item.get("arguments") {
            Some(arguments) if !arguments.is_null() => Arguments::Value(arguments.into_owned()),
            _ => Arguments::Missing,
        };
        let mut call = ToolCall::new(name, arguments).with_id(id);
        if let Some(server) = item.get("server") {
            call.extra_mut().insert(Text::new("server"), server.into_owned());
        }
        return Ok(call);
    }
    let command = walk::member(item, "command", Kind::String)?;
    let mut arguments = Fields::new();
    arguments.insert(Text::new("command"), command.into_owned());
    let arguments = Arguments::Value(object(&arguments, deepest())?);
    Ok(ToolCall::new(Text::new("command_execution"), arguments).with_id(id))
}

/// What came of a call.
fn result<'a>(item: JsonView<'a>) -> Result<Message<'a>, DecodeError> {
    const OF_CALL: [&str; 6] = ["id", "type", "command", "server", "tool", "arguments"];
    let mut message = Message::new(Role::Tool);
    message.set_tool_call_id(walk::text(item, "/id"));
    let mut taken = OF_CALL.to_vec();
    let places = [
        ("aggregated_output", "/aggregated_output"),
        ("result", "/result/content"),
        ("error", "/error/message"),
    ];
    for (key, pointer) in places {
        let Some(said) = walk::present(item, pointer) else {
            continue;
        };
        if message.content().is_empty() {
            let content = Content::read(&mut said.cursor()).map_err(|error| error.in_key(key))?;
            message.set_content(content.into_owned());
            let is_all = item.get(key).is_none_or(|whole| whole.members().count() < 2);
            taken.extend(is_all.then_some(key));
        }
    }
    let failed = walk::text(item, "/status").is_some_and(|status| status != *"completed");
    let code = item.get("exit_code").and_then(tracemill_model::JsonView::as_f64);
    let is_error = failed || code.is_some_and(|code| code != 0.0) || walk::present(item, "/error").is_some();
    message.set_is_error(is_error.then_some(true));
    let says_nothing = |(_, value): &(Text<'_>, JsonView<'a>)| value.is_null();
    let empty: Vec<_> = item
        .members()
        .filter(says_nothing)
        .map(|(key, _)| key.decode().into_owned())
        .collect();
    taken.extend(empty.iter().map(String::as_str));
    walk::keep_in_message(&mut message, item, &taken);
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Texts;

    #[test]
    fn a_run_has_no_more_messages_than_allowed() {
        let line = r#"{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"hi"}}"#;
        let context = Context::new(Limits::default().with_messages(2));
        let assemble =
            |count| CodexExec.assemble(&context, &vec![line; count], &mut Batch::new(&Texts::new()));
        assert!(assemble(2).is_ok());
        let error = assemble(3).unwrap_err();
        assert_eq!(error.error().kind(), tracemill_model::DecodeErrorKind::OverLimit);
    }
}
