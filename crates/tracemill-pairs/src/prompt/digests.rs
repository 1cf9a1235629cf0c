//! Digests of what traces say: equal whenever the [comparison](super::common) says that they say the same.

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{Arguments, Content, Links, Media, Message, RunDigester, Tool, ToolCall};

use super::said::{Piece, answered, pieces, source, value_of};

/// Takes what is said as fields, tagged by a letter each: different things never make the same list of fields.
pub(super) struct Digest<'d> {
    digester: RunDigester,
    embedded: &'d mut EmbeddedJson,
}

impl<'d> Digest<'d> {
    pub(super) fn new(embedded: &'d mut EmbeddedJson) -> Self {
        Digest {
            digester: RunDigester::new(),
            embedded,
        }
    }

    pub(super) fn finish(&self) -> u128 {
        self.digester.finish()
    }

    fn field(&mut self, letter: u8, value: &str) {
        self.digester.field(letter, value.as_bytes());
    }

    /// Separates what comes before from what comes behind.
    pub(super) fn mark(&mut self, letter: u8) {
        self.field(letter, "");
    }

    pub(super) fn tools(&mut self, tools: &[Tool<'_>]) {
        for tool in tools {
            match tool {
                Tool::Function(function) => {
                    self.field(b'F', function.name().body());
                    if let Some(description) = function.description() {
                        self.field(b'D', description.body());
                    }
                    if let Some(parameters) = function.parameters() {
                        self.field(b'P', parameters.as_str());
                    }
                    for (key, value) in function.extra().iter() {
                        self.field(b'K', key.body());
                        self.field(b'V', value.as_str());
                    }
                }
                Tool::Other(raw) => self.field(b'O', raw.as_str()),
                _ => {}
            }
        }
    }

    /// Adds some messages of a conversation.
    pub(super) fn messages(&mut self, messages: &[Message<'_>], range: Range<usize>, links: &Links) {
        for index in range {
            self.message(&messages[index]);
            if let Some((back, call)) = answered(messages, index, links) {
                self.digester.field(b'b', &(back as u64).to_le_bytes());
                self.digester.field(b'l', &(call as u64).to_le_bytes());
            }
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        self.field(b'r', message.role().name().body());
        if let Some(name) = message.name() {
            self.field(b'n', name.body());
        }
        self.content(message.content());
        for call in message.tool_calls() {
            self.call(call);
        }
    }

    fn content(&mut self, content: &Content<'_>) {
        for piece in pieces(content) {
            match piece {
                Piece::Text(text) => self.field(b't', text.body()),
                Piece::Media(media) => self.media(media),
                Piece::Part(raw) => self.field(b'p', raw.as_str()),
                Piece::Object(raw) => self.field(b'o', raw.as_str()),
            }
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        let (letter, place) = source(media);
        self.field(b'm', media.kind().name());
        self.field(letter, place);
        if let Some(media_type) = media.media_type() {
            self.field(b'y', media_type.body());
        }
        if let Some(name) = media.name() {
            self.field(b'f', name.body());
        }
    }

    fn call(&mut self, call: &ToolCall<'_>) {
        self.field(b'c', call.name().body());
        let Digest { digester, embedded } = self;
        match (value_of(call.arguments(), embedded), call.arguments()) {
            (Some(value), _) => {
                digester.field(b'a', value.as_str().as_bytes());
            }
            (None, Arguments::Text(text)) => self.field(b'x', text.body()),
            (None, _) => {}
        }
    }
}
