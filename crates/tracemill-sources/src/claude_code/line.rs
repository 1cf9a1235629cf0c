//! One line of a session.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Fields, JsonView, Limits, RawJson, Text};

/// Who a line is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    Assistant,
    /// The program.
    Other,
}

/// One event.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) piece: usize,
    pub(super) speaker: Speaker,
    pub(super) uuid: Option<Text<'a>>,
    pub(super) parent: Option<Text<'a>>,
    pub(super) agent: Option<Text<'a>>,
    pub(super) is_sidechain: bool,
    pub(super) is_meta: bool,
    /// The content of the message, and its id.
    pub(super) content: Option<RawJson<'a>>,
    pub(super) message_id: Option<Text<'a>>,
    /// What else the line and its message say.
    pub(super) rest: Fields<'a>,
}

impl<'a> Line<'a> {
    pub(super) fn read(piece: usize, text: &'a str, limits: Limits) -> Result<Self, DecodeError> {
        let mut line = Line {
            piece,
            speaker: Speaker::Other,
            uuid: None,
            parent: None,
            agent: None,
            is_sidechain: false,
            is_meta: false,
            content: None,
            message_id: None,
            rest: Fields::new(),
        };
        let mut has_message = false;
        let mut cursor = Cursor::with_limits(text, limits);
        cursor.object(|cursor, key| {
            match key.body() {
                "type" if cursor.peek()? == Kind::String => {
                    line.speaker = match cursor.text()?.body() {
                        "user" => Speaker::User,
                        "assistant" => Speaker::Assistant,
                        _ => Speaker::Other,
                    }
                }
                "uuid" if line.uuid.is_none() => line.uuid = cursor.optional_text()?,
                "parentUuid" if line.parent.is_none() => line.parent = cursor.optional_text()?,
                "sessionId" => cursor.skip()?,
                "isSidechain" => line.is_sidechain = flag(cursor)?,
                "isMeta" => line.is_meta = flag(cursor)?,
                "message" if !has_message => {
                    has_message = true;
                    line.read_message(cursor)?;
                }
                "agentId" => {
                    let agent = cursor.raw()?;
                    line.agent = agent.clone().into_text().ok();
                    line.rest.insert(key.clone(), agent);
                }
                _ => line.rest.read(cursor, key)?,
            }
            Ok(())
        })?;
        cursor.finish()?;
        if line.is_turn() && !has_message {
            let message = "a line of the user or the assistant needs a `message`";
            return Err(DecodeError::new(DecodeErrorKind::MissingField, 0, message));
        }
        Ok(line)
    }

    /// Whether it is of the user or the assistant.
    pub(super) fn is_turn(&self) -> bool {
        self.speaker != Speaker::Other
    }

    /// Reads a message, or the text that stands in its place.
    fn read_message(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        if cursor.peek()? != Kind::Object {
            self.content = Some(cursor.raw()?);
            return Ok(());
        }
        cursor.object(|cursor, key| {
            match key.body() {
                "content" if self.content.is_none() => self.content = Some(cursor.raw()?),
                "role" | "type" => cursor.skip()?,
                "id" if cursor.peek()? == Kind::String => self.message_id = Some(cursor.text()?),
                _ => self.rest.read(cursor, key)?,
            }
            Ok(())
        })
    }

    /// The ids of the calls that a line answers, if it does nothing else.
    pub(super) fn results(&self) -> Vec<Text<'_>> {
        self.blocks("tool_result", "tool_use_id")
    }

    /// The ids of the calls that a line makes.
    pub(super) fn calls(&self) -> Vec<Text<'_>> {
        self.blocks("tool_use", "id")
    }

    fn blocks(&self, kind: &str, id: &str) -> Vec<Text<'_>> {
        let Some(content) = self
            .content
            .as_ref()
            .filter(|content| content.kind() == Kind::Array)
        else {
            return Vec::new();
        };
        let mut ids = Vec::new();
        content
            .cursor()
            .array(|cursor, _| {
                let block = cursor.raw()?;
                let is_kind = block
                    .get("type")
                    .is_some_and(|found| found.as_text().is_some_and(|text| *text.body() == *kind));
                if is_kind {
                    ids.extend(block.get(id).and_then(|id| id.as_text().map(Text::into_owned)));
                }
                Ok(())
            })
            .unwrap_or_default();
        ids
    }

    /// The tag in which the program puts its own commands and what they print.
    pub(super) fn is_command(&self) -> bool {
        /// Tags as in sessions of versions 1.0 to 2.0.
        const TAGS: [&str; 4] = [
            "<command-name>",
            "<command-message>",
            "<local-command-stdout>",
            "<local-command-stderr>",
        ];
        let first = |content: JsonView<'_>| {
            let text = match content.kind() {
                Kind::Array => content
                    .elements()
                    .next()?
                    .get("text")?
                    .as_text()?
                    .decode()
                    .into_owned(),
                _ => content.as_text()?.decode().into_owned(),
            };
            Some(TAGS.iter().any(|tag| text.trim_start().starts_with(tag)))
        };
        self.speaker == Speaker::User
            && self.content.as_ref().map(RawJson::view).and_then(first) == Some(true)
    }
}

/// A flag; anything but `true` is not set.
fn flag(cursor: &mut Cursor<'_>) -> Result<bool, DecodeError> {
    Ok(cursor.raw()?.as_bool() == Some(true))
}
