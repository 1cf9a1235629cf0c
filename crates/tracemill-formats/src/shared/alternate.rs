//! Texts in strict alternation, for consumers that know nothing but what user and assistant say.

use std::ops::Range;

use tracemill_model::{Content, Conversation, JsonString, JsonWriter, Media, Message, Part, Role};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::blocks::is_system;
use crate::shared::plain;
use crate::shared::reasoning::{self, Placement};
use crate::shared::text;

/// Takes what user and assistant say, turn by turn. Calls and results are lost, and so are turns that hold nothing else.
pub(crate) struct Alternate<'r> {
    pub(crate) conversation: Conversation<'r>,
    pub(crate) reasoning: Placement,
    pub(crate) losses: &'r mut Losses,
}

impl<'r> Alternate<'r> {
    /// The messages from the first user turn to the last of the assistant that says something; notes the others.
    pub(crate) fn range(&mut self, consumer: &str) -> Result<Range<usize>, EncodeError> {
        let messages = self.conversation.messages();
        let Some(start) = messages.iter().position(is_user) else {
            let text = format!("there is no user turn, and {consumer} wants one first");
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        };
        let last = messages
            .iter()
            .rposition(|message| says(message) && *message.role() == Role::Assistant);
        let Some(last) = last.filter(|&last| last > start) else {
            let text =
                format!("no assistant turn says something behind a user turn, and {consumer} wants one last");
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        };
        let outside = |index: &usize| !is_system(&messages[*index]);
        (0..start)
            .filter(outside)
            .for_each(|index| self.losses.note(Loss::LeadingTurns, index));
        (last + 1..messages.len())
            .filter(outside)
            .for_each(|index| self.losses.note(Loss::TrailingTurns, index));
        Ok(start..last + 1)
    }

    /// Appends what the system messages say; one that stands in the middle is moved, and noted.
    pub(crate) fn instructions(&mut self, s: &mut JsonString<'_, '_>) {
        let messages = self.conversation.messages();
        let mut leading = true;
        let mut first = true;
        for (index, message) in messages.iter().enumerate() {
            leading &= is_system(message);
            if !is_system(message) {
                continue;
            }
            if !leading {
                self.losses.note(Loss::SystemMessage, index);
            }
            if !first {
                self.losses.note(Loss::MergedTurns, index);
                s.push("\n\n");
            }
            first = false;
            plain::role(message, index, self.losses);
            self.heard(message, index);
            text::append(message.content(), index, s, self.losses);
        }
    }

    /// Calls `write` with each turn: whose it is, and the messages from its first to its last, of which
    /// [`say`](Alternate::say) takes those that belong.
    pub(crate) fn each(
        &mut self,
        range: Range<usize>,
        mut write: impl FnMut(&mut Self, Role<'static>, Range<usize>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let mut at = range.start;
        while at < range.end {
            let Some(side) = side(&messages[at]) else {
                self.skip(at);
                at += 1;
                continue;
            };
            let other = |index: &usize| self::side(&messages[*index]).is_some_and(|found| found != side);
            let end = (at..range.end).find(other).unwrap_or(range.end);
            let role = if side == Side::Assistant {
                Role::Assistant
            } else {
                Role::User
            };
            write(self, role, at..end)?;
            at = end;
        }
        Ok(())
    }

    /// Appends what the messages of one turn say, joined with a blank line.
    pub(crate) fn say(&mut self, run: Range<usize>, s: &mut JsonString<'_, '_>) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let mut first = true;
        for index in run {
            let message = &messages[index];
            if side(message).is_none() {
                self.skip(index);
                continue;
            }
            if !first {
                self.losses.note(Loss::MergedTurns, index);
                s.push("\n\n");
            }
            first = false;
            if *message.role() == Role::Assistant {
                self.said(message, index, s)?;
            } else {
                plain::role(message, index, self.losses);
                self.heard(message, index);
                text::append(message.content(), index, s, self.losses);
            }
        }
        Ok(())
    }

    /// Writes what the messages of one turn say as blocks of text, one for each text of the user; `media` writes a medium of
    /// the user if it has a place, and says whether it did.
    pub(crate) fn blocks(
        &mut self,
        run: Range<usize>,
        media: impl Fn(&Media<'_>, &mut JsonWriter<'_>) -> bool,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let mut first = true;
        for index in run {
            let message = &messages[index];
            let Some(side) = side(message) else {
                self.skip(index);
                continue;
            };
            if !first {
                self.losses.note(Loss::MergedTurns, index);
            }
            first = false;
            if side == Side::Assistant {
                self.said_blocks(message, index, w)?;
            } else {
                plain::role(message, index, self.losses);
                self.heard(message, index);
                self.parts(message.content(), index, &media, w);
            }
        }
        Ok(())
    }

    /// Writes what an assistant turn says, text by text; reasoning stands at the head of one text.
    fn said_blocks(
        &mut self,
        message: &'r Message<'r>,
        index: usize,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        if self.reasoning == Placement::Inline && message.reasoning().is_some() {
            let mut s = w.begin_object().key("text").begin_string();
            self.said(message, index, &mut s)?;
            s.end();
            w.end_object();
            return Ok(());
        }
        plain::note_assistant(message, index, self.losses);
        if !self.conversation.is_target(index) {
            self.losses.note(Loss::TrainFlags, index);
        }
        self.reasoning.words(message, index, self.losses)?;
        self.parts(message.content(), index, |_, _| false, w);
        Ok(())
    }

    fn parts(
        &mut self,
        content: &Content<'_>,
        index: usize,
        media: impl Fn(&Media<'_>, &mut JsonWriter<'_>) -> bool,
        w: &mut JsonWriter<'_>,
    ) {
        let start = w.position();
        for part in content.parts() {
            match part {
                Part::Text(part) => {
                    w.begin_object().key("text").text(part.text()).end_object();
                }
                Part::Media(medium) if media(medium, w) => {}
                part => account::part(part, index, self.losses),
            }
        }
        if w.position() == start {
            // A turn without a block is none.
            let mut s = w.begin_object().key("text").begin_string();
            if content.parts().is_empty() {
                text::append(content, index, &mut s, self.losses);
            }
            s.end();
            w.end_object();
        }
    }

    fn said(
        &mut self,
        message: &'r Message<'r>,
        index: usize,
        s: &mut JsonString<'_, '_>,
    ) -> Result<(), EncodeError> {
        plain::note_assistant(message, index, self.losses);
        if !self.conversation.is_target(index) {
            self.losses.note(Loss::TrainFlags, index);
        }
        if let Some(thoughts) = self.reasoning.words(message, index, self.losses)? {
            reasoning::think(thoughts, s);
        }
        text::append(message.content(), index, s, self.losses);
        Ok(())
    }

    /// Notes a message of which nothing is written. System messages were noted with the others.
    fn skip(&mut self, index: usize) {
        let message = &self.conversation.messages()[index];
        match message.role() {
            Role::System | Role::Developer => {}
            Role::Tool => {
                account::fields(message, index, Carried::default(), self.losses);
                self.losses.note(Loss::ToolResults, index);
            }
            _ => {
                plain::note_assistant(message, index, self.losses);
                if !self.conversation.is_target(index) {
                    self.losses.note(Loss::TrainFlags, index);
                }
                account::reasoning(message, index, self.reasoning, self.losses);
                text::note_parts(message.content(), index, self.losses);
            }
        }
    }

    fn heard(&mut self, message: &Message<'_>, index: usize) {
        account::fields(message, index, Carried::default(), self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::name(message, index, None, self.losses);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    User,
    Assistant,
}

/// Whose turn a message belongs to; none if nothing of it is written.
fn side(message: &Message<'_>) -> Option<Side> {
    match message.role() {
        Role::System | Role::Developer | Role::Tool => None,
        Role::Assistant => says(message).then_some(Side::Assistant),
        _ => Some(Side::User),
    }
}

fn is_user(message: &Message<'_>) -> bool {
    side(message) == Some(Side::User)
}

/// Whether something is left of an assistant message without its calls.
fn says(message: &Message<'_>) -> bool {
    !plain::is_call_alone(message)
}
