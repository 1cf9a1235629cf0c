//! `sharegpt`: conversations as lists of turns `{"from", "value"}`.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, Message, Role, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{insert, refuse_messages, said};
use crate::preference;
use crate::record::Once;
use crate::registry::{JSON, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::turns::read_turns;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "sharegpt",
    summary: "ShareGPT data: `conversations` of turns with `from` and `value`",
    suffixes: JSON,
    reads: "The turns are `conversations`, or `conversation`. `human` is the user, `gpt` the assistant, `observation` the \
            answer of a tool, and a `function_call` an assistant message whose calls are read out of its JSON, one or a list, \
            perhaps after `<think>`; other speakers keep their names. Turns with `role` and `content` are read as messages. \
            `system` beside the turns goes before them, unless it is empty; `tools` are definitions or JSON text of them. \
            Other fields of turns are those of a message (`weight`) or kept, and so are those of the record. Records with \
            `chosen` and `rejected`, or with a label, are read by `preference`.",
    skips: &[Skip::new(NO_CONVERSATION, "the list of turns is empty")],
    notes: &[],
    options: &[],
    make: |_| Box::new(ShareGpt),
};

const NO_CONVERSATION: &str = "no-conversation";

/// The keys under which the turns may stand.
const TURNS: [&str; 2] = ["/conversations", "/conversation"];

/// `ShareGPT` data.
#[derive(Clone, Copy, Debug)]
struct ShareGpt;

impl Source for ShareGpt {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let turns = TURNS
            .into_iter()
            .find(|key| head.kind(key) == Some(Kind::Array))?;
        let is_turn = |field: &str| head.has(&format!("{turns}/0/{field}"));
        let other = head.has("/messages") || preference::evidence(head).is_some();
        if other || !(is_turn("from") || is_turn("role")) {
            return None;
        }
        let field = if is_turn("from") { "from" } else { "role" };
        Some(Evidence::keys(&[turns, &format!("{turns}/0/{field}")]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let row = batch.read(record, context.limits(), Row::read)?;
        match row.into_trace()? {
            Some(trace) => batch.push(trace),
            None => batch.skip(NO_CONVERSATION),
        }
        Ok(())
    }
}

/// One record, taken apart.
#[derive(Debug, Default)]
struct Row<'a> {
    trace: Trace<'a>,
    turns: Option<Vec<Message<'a>>>,
    system: Option<Text<'a>>,
}

/// The keys that a record has once.
const KEYS: [&str; 12] = [
    "conversations",
    "conversation",
    "system",
    "tools",
    "id",
    "metadata",
    "group",
    "trial",
    "model",
    "outcome",
    "score",
    "scores",
];

impl<'a> Row<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut row = Row::default();
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            match key.body() {
                "conversations" | "conversation" if cursor.peek()? == Kind::Array => {
                    if row.turns.is_some() {
                        let message = "the record has its turns in `conversations` and in `conversation`";
                        return Err(cursor.error(DecodeErrorKind::WrongValue, message));
                    }
                    row.turns = Some(read_turns(cursor)?);
                    Ok(())
                }
                "system" if cursor.peek()? == Kind::String => {
                    row.system = Some(cursor.text()?);
                    Ok(())
                }
                _ => row.trace.read_field(cursor, key),
            }
        })?;
        if row.turns.is_some() {
            Ok(row)
        } else {
            Err(cursor.error(DecodeErrorKind::MissingField, "the record needs `conversations`"))
        }
    }

    fn into_trace(self) -> Result<Option<Trace<'a>>, DecodeError> {
        let Row {
            mut trace,
            turns,
            system,
        } = self;
        refuse_messages(&trace, "`conversations`")?;
        let mut turns = turns.unwrap_or_default();
        if turns.is_empty() {
            return Ok(None);
        }
        if let Some(system) = system {
            let has_system = turns.first().is_some_and(|first| *first.role() == Role::System);
            if system.is_empty() || has_system {
                insert(&mut trace, "system", system.into());
            } else {
                turns.insert(0, said(Role::System, system));
            }
        }
        *trace.messages_mut() = turns;
        Ok(Some(trace))
    }
}
