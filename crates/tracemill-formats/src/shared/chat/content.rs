//! What a message says: text, or parts.

use tracemill_model::{
    Content, JsonView, JsonWriter, Media, MediaKind, MediaSource, Message, Part, Role, Text,
};

use super::turns::{Side, Turns};
use super::{ContentForm, Dialect, Refusals};
use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::shared::{account, reasoning, text};

/// The form of the contents of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    TextOrParts,
    Text,
    Parts,
}

impl Form {
    /// The form that the contents of `messages` have.
    pub(super) fn of(dialect: &Dialect, messages: &[Message<'_>]) -> Self {
        match dialect.content {
            ContentForm::TextOrParts => Form::TextOrParts,
            ContentForm::TextUnlessImages => {
                let any = messages.iter().any(|message| {
                    let side = Side::of(message.role());
                    let parts = message.content().parts().iter();
                    side == Side::User
                        && parts
                            .filter(|part| part.as_text().is_none())
                            .any(|part| holds(dialect, side, part))
                });
                if any { Form::Parts } else { Form::Text }
            }
        }
    }
}

/// Reasoning that goes into the content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Thought<'t> {
    None,
    /// At the head of the text.
    Inline(&'t Text<'t>),
    /// In a part of its own.
    Part(&'t Text<'t>),
}

impl Thought<'_> {
    pub(super) fn is_none(self) -> bool {
        matches!(self, Thought::None)
    }
}

impl Turns<'_> {
    /// Writes the value of `content`.
    pub(super) fn content(
        &mut self,
        side: Side,
        index: usize,
        content: &Content<'_>,
        thought: Thought<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let is_list = match (self.form, thought) {
            (Form::Parts, _) | (_, Thought::Part(_)) => true,
            (Form::Text, _) => false,
            (Form::TextOrParts, thought) => {
                let held = |part: &Part<'_>| holds(self.dialect, side, part);
                matches!(content, Content::Parts(parts) if !thought.is_none() || parts.iter().any(held))
            }
        };
        if is_list {
            return self.list_of_parts(side, index, content, thought, w);
        }
        let mut s = w.begin_string();
        if let Thought::Inline(words) = thought {
            reasoning::think(words, &mut s);
        }
        text::append(content, index, &mut s, self.losses);
        s.end();
        Ok(())
    }

    fn list_of_parts(
        &mut self,
        side: Side,
        index: usize,
        content: &Content<'_>,
        thought: Thought<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        w.begin_array();
        if let Thought::Part(words) = thought {
            w.begin_object();
            w.key("type").str("thinking");
            w.key("thinking").text(words);
            w.end_object();
        }
        let is_list = matches!(content, Content::Parts(_));
        let inline = matches!(thought, Thought::Inline(_));
        let silent = matches!(thought, Thought::Part(_)) && text::is_empty(content);
        if inline || !(is_list || silent) {
            w.begin_object();
            w.key("type").str("text");
            let mut s = w.key("text").begin_string();
            if let Thought::Inline(words) = thought {
                reasoning::think(words, &mut s);
            }
            if !is_list {
                text::append(content, index, &mut s, self.losses);
            }
            s.end();
            w.end_object();
        }
        for part in content.parts() {
            self.part(side, index, part, w)?;
        }
        w.end_array();
        Ok(())
    }

    fn part(
        &mut self,
        side: Side,
        index: usize,
        part: &Part<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        match part {
            Part::Text(part) => {
                w.begin_object();
                w.key("type").str("text");
                w.key("text").text(part.text());
                w.end_object();
            }
            Part::Media(media) if holds(self.dialect, side, part) => {
                self.images += 1;
                let most = self.dialect.images.most;
                if self.images > most {
                    let consumer = self.dialect.consumer;
                    let text = format!("more than {most} images in one record, which {consumer} refuses");
                    return Err(EncodeError::at(index, EncodeErrorKind::Limit, text));
                }
                image(media, w);
            }
            Part::Other(refusal) if holds(self.dialect, side, part) => {
                w.raw(refusal);
            }
            part => account::part(part, index, self.losses),
        }
        Ok(())
    }
}

/// Whether a part has a place in a message of this side.
pub(super) fn holds(dialect: &Dialect, side: Side, part: &Part<'_>) -> bool {
    match part {
        Part::Text(_) => true,
        Part::Media(media) => {
            side == Side::User && media.kind() == MediaKind::Image && (dialect.images.holds)(media)
        }
        Part::Other(raw) => {
            side == Side::Assistant && dialect.refusals == Refusals::Kept && is_refusal(raw.view())
        }
        _ => false,
    }
}

fn is_refusal(raw: JsonView<'_>) -> bool {
    let is_text = |value: JsonView<'_>| value.as_text().is_some();
    raw.get("type").is_some_and(|kind| kind.as_str() == "\"refusal\"")
        && raw.get("refusal").is_some_and(is_text)
}

/// Writes an image: its address, or the bytes themselves as one.
pub(crate) fn image(media: &Media<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("type").str("image_url");
    w.key("image_url").begin_object();
    let mut s = w.key("url").begin_string();
    match (media.source(), media.media_type()) {
        (MediaSource::Url(url), _) => {
            s.text(url);
        }
        (MediaSource::Data(data), Some(media_type)) => {
            s.push("data:").text(media_type).push(";base64,").text(data);
        }
        // `holds` lets no other through.
        _ => {}
    }
    s.end();
    let detail = media.extra().get("detail");
    if let Some(detail) = detail.filter(|detail| detail.as_text().is_some()) {
        w.key("detail").raw(detail);
    }
    w.end_object();
    w.end_object();
}

impl Side {
    pub(super) fn of(role: &Role<'_>) -> Self {
        match role {
            Role::System | Role::Developer => Side::System,
            Role::Assistant => Side::Assistant,
            Role::Tool => Side::Tool,
            _ => Side::User,
        }
    }
}
