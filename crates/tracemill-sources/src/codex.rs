//! `codex`: rollouts of the Codex CLI, one line an item or event.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, Framing, JsonView, Limits, Message, Outcome, RawJson, Role, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::insert;
use crate::pieces::{PieceError, Pieces};
use crate::record::deepest;
use crate::registry::{Note, Skip, SourceInfo};
use crate::responses_items::Items;
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "codex",
    summary: "rollouts of the Codex CLI (`~/.codex/sessions/**/rollout-*.jsonl`): items of the Responses API, one a line",
    suffixes: &[".jsonl", ".ndjson"],
    reads: "A file is one session, and its `response_item`s are the conversation, read as in `openai-responses`; reasoning is \
            the summary, the rest is encrypted. What the program puts before the first request \
            (`<environment_context>`, instructions) are user messages, as the model saw them. `id` is that of `session_meta`, the model that of the first \
            `turn_context`; both are kept, and a later `turn_context` that says something else at the next message. \
            Messages keep their `timestamp`. The text of results stays as it is, also where it is JSON; an `exit_code` in it \
            that is not 0 is an error. `compacted` ends a trace (`id/0`, `id/1`, …) and begins the next one: with its \
            `replacement_history`, or else with its text as an assistant message that is not trained on. `task_complete` is \
            `completed` and `turn_aborted` is `truncated`, whichever comes last; the last `token_count`, which counts the \
            whole session, is kept. The output of `codex exec --json` is another format, which `codex-exec` reads.",
    skips: &[
        Skip::new(
            NO_TURN,
            "events, which say again what the items say, and lines of other types",
        ),
        Skip::new(NO_CONVERSATION, "nothing but events and settings"),
    ],
    notes: &[
        Note::new(
            SNAPSHOTS,
            "`ghost_snapshot`s of the files, which the model does not see",
        ),
        Note::new(
            COMPACTIONS,
            "places where the session was compacted, so that it is several traces",
        ),
    ],
    options: &[],
    make: |_| Box::new(Codex),
};

const NO_TURN: &str = "no-turn";
const NO_CONVERSATION: &str = "no-conversation";
const SNAPSHOTS: &str = "snapshots";
const COMPACTIONS: &str = "compactions";

/// Rollouts of the Codex CLI.
#[derive(Clone, Copy, Debug)]
struct Codex;

/// The lines that a trace is made of.
const LINES: [&str; 4] = ["session_meta", "turn_context", "response_item", "compacted"];
/// The events that say more than the items.
const EVENTS: [&str; 3] = ["token_count", "task_complete", "turn_aborted"];

impl Source for Codex {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let kind = head.text("/type")?;
        let known = LINES.contains(&kind) || kind == "event_msg";
        let is_line = known && head.has("/timestamp") && head.kind("/payload") == Some(Kind::Object);
        is_line.then(|| Evidence::keys(&["/timestamp", "/type", "/payload"]))
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
        let line = walk::object(context, record)?;
        let kind = walk::text(line.view(), "/type").ok_or_else(|| walk::missing("type"))?;
        let is_line = LINES.contains(&kind.body());
        if is_line {
            walk::member(line.view(), "payload", Kind::Object)?;
        }
        let event = walk::text(line.view(), "/payload/type");
        let is_event = kind == *"event_msg" && event.is_some_and(|event| EVENTS.contains(&event.body()));
        if is_line || is_event {
            pieces.push_to_input(record);
        } else {
            pieces.skip(NO_TURN);
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let mut session = Session::new(context.limits());
        for (index, piece) in pieces.iter().enumerate() {
            session
                .read(index, piece, batch)
                .map_err(|error| PieceError::new(index, error))?;
        }
        session.deliver(batch)
    }
}

/// A session as it is read.
struct Session<'a> {
    limits: Limits,
    items: Items<'a>,
    /// The piece with which the conversation begins that `items` read.
    start: usize,
    /// Conversations that were compacted.
    before: Vec<(usize, Vec<Message<'a>>)>,
    metas: Vec<RawJson<'a>>,
    /// The first settings, and the last.
    contexts: Option<(RawJson<'a>, RawJson<'a>)>,
    /// Settings that the next message has to name.
    changed: Option<RawJson<'a>>,
    tokens: Option<RawJson<'a>>,
    outcome: Option<Outcome>,
    snapshots: u64,
}

impl<'a> Session<'a> {
    fn new(limits: Limits) -> Self {
        Session {
            limits,
            items: Items::new(limits),
            start: 0,
            before: Vec::new(),
            metas: Vec::new(),
            contexts: None,
            changed: None,
            tokens: None,
            outcome: None,
            snapshots: 0,
        }
    }

    fn read(&mut self, index: usize, piece: &'a str, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        let line = batch.keep(Cursor::with_limits(piece, deepest()).raw()?);
        let payload = line.get("payload").ok_or_else(|| walk::missing("payload"))?;
        let inside = |error: DecodeError| error.in_key("payload");
        let kind = walk::text(line, "/type").unwrap_or_default();
        match kind.body() {
            "session_meta" => self.metas.push(payload.raw()),
            "turn_context" => self.settings(payload.raw()),
            "response_item" if walk::says(payload, "/type", "ghost_snapshot") => self.snapshots += 1,
            "response_item" => {
                self.items.read(payload).map_err(inside)?;
                self.describe(line);
            }
            "compacted" => self.compact(index, payload).map_err(inside)?,
            _ => self.event(payload),
        }
        Ok(())
    }

    fn settings(&mut self, settings: RawJson<'a>) {
        match &mut self.contexts {
            None => self.contexts = Some((settings.clone(), settings)),
            Some((_, last)) if *last == settings => {}
            Some((_, last)) => {
                last.clone_from(&settings);
                self.changed = Some(settings);
            }
        }
    }

    fn event(&mut self, event: JsonView<'a>) {
        let kind = walk::text(event, "/type").unwrap_or_default();
        match kind.body() {
            "token_count" => self.tokens = Some(event.raw()),
            "task_complete" => self.outcome = Some(Outcome::Completed),
            _ => self.outcome = Some(Outcome::Truncated),
        }
    }

    /// Keeps what a line says beside its item at the message that the item went to.
    fn describe(&mut self, line: JsonView<'a>) {
        let Some(message) = self.items.last_mut() else {
            return;
        };
        if *message.role() == Role::Tool && has_failed(message) {
            message.set_is_error(true);
        }
        let time = line
            .get("timestamp")
            .filter(|_| message.extra().get("timestamp").is_none());
        for (key, value) in [
            ("timestamp", time.map(JsonView::raw)),
            ("turn_context", self.changed.take()),
        ] {
            if let Some(value) = value {
                message.extra_mut().insert(Text::new(key), value);
            }
        }
    }

    fn compact(&mut self, index: usize, payload: JsonView<'a>) -> Result<(), DecodeError> {
        let items = std::mem::replace(&mut self.items, Items::new(self.limits));
        self.before.push((self.start, items.finish()?));
        self.start = index;
        if let Some(history) = walk::present(payload, "/replacement_history") {
            let read = self.items.list(history, Role::User);
            return read.map_err(|error| error.in_key("replacement_history"));
        }
        let mut message =
            walk::spoken(Role::Assistant, payload.get("message")).map_err(|error| error.in_key("message"))?;
        message.set_train(false);
        self.items.push(message)
    }

    fn deliver(self, batch: &mut Batch<'a>) -> Result<(), PieceError> {
        batch.note(SNAPSHOTS, self.snapshots);
        batch.note(COMPACTIONS, self.before.len() as u64);
        let mut parts = self.before;
        parts.push((self.start, self.items.finish()?));
        let last = parts.len() - 1;
        let id = self.metas.first().and_then(|meta| walk::text(meta.view(), "/id"));
        let mut is_empty = true;
        for (number, (piece, messages)) in parts.into_iter().enumerate() {
            if messages.is_empty() {
                continue;
            }
            is_empty = false;
            let mut trace = Trace::new();
            *trace.messages_mut() = messages;
            if let Some(id) = &id {
                let id = id.decode();
                let part = format!("{id}/{number}");
                trace.set_id(walk::key(if number == last { &id } else { &part }));
            }
            if let Some((first, _)) = &self.contexts {
                trace.set_model(walk::text(first.view(), "/model").map(Text::into_owned));
            }
            for meta in &self.metas {
                insert(&mut trace, "session_meta", meta.clone());
            }
            let settings = self.contexts.as_ref().map(|(first, _)| first.clone());
            let tokens = self.tokens.clone().filter(|_| number == last);
            for (key, value) in [("turn_context", settings), ("token_count", tokens)] {
                if let Some(value) = value {
                    insert(&mut trace, key, value);
                }
            }
            trace.set_outcome(self.outcome.filter(|_| number == last));
            batch.push_from(piece, trace);
        }
        if is_empty {
            batch.skip(NO_CONVERSATION);
        }
        Ok(())
    }
}

/// Whether the text of a result is the JSON that the shell tool writes, with an exit code that is not 0.
fn has_failed(result: &Message<'_>) -> bool {
    let text = result.content().as_text().map(Text::decode);
    let Some(text) = text.filter(|text| text.starts_with('{')) else {
        return false;
    };
    let code = RawJson::parse(&text)
        .ok()
        .and_then(|output| output.pointer("/metadata/exit_code")?.as_f64());
    code.is_some_and(|code| code != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Texts;

    #[test]
    fn a_session_has_no_more_messages_than_allowed() {
        let line = r#"{"type":"response_item","payload":{"type":"message","role":"user","content":"hi"}}"#;
        let context = Context::new(Limits::default().with_messages(2));
        let assemble = |count| Codex.assemble(&context, &vec![line; count], &mut Batch::new(&Texts::new()));
        assert!(assemble(2).is_ok());
        let error = assemble(3).unwrap_err();
        assert_eq!(error.piece(), 2);
        assert_eq!(error.error().kind(), tracemill_model::DecodeErrorKind::OverLimit);
    }
}
