//! Plain turns of two sides that take turns: what someone says, and what the assistant says.
//!
//! Calls, results and definitions have no place, and turns that only call are left out; consecutive turns of one side
//! become one, with a blank line between their texts.

use std::ops::Range;

use tracemill_model::{JsonString, JsonWriter, Message, Role, Trace};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{plain, text, tools};

/// The turns of one record.
pub(crate) struct Exchanges<'r> {
    pub(crate) reasoning: Placement,
    pub(crate) messages: &'r [Message<'r>],
    pub(crate) trained: Trained<'r>,
    pub(crate) thread: Thread<'r>,
    pub(crate) losses: &'r mut Losses,
    /// From the first turn of the user to the last of the assistant.
    kept: Range<usize>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Human,
    Assistant,
}

/// Messages that become one turn.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) side: Side,
    pub(crate) range: Range<usize>,
}

impl<'r> Exchanges<'r> {
    /// The turns of `messages`.
    ///
    /// # Errors
    /// If no turn of the user has an answer.
    pub(crate) fn new(
        reasoning: Placement,
        messages: &'r [Message<'r>],
        trained: Trained<'r>,
        thread: Thread<'r>,
        losses: &'r mut Losses,
    ) -> Result<Self, EncodeError> {
        let is_side = |side| move |message: &Message<'_>| side_of(message) == Some(side);
        let start = messages.iter().position(is_side(Side::Human));
        let end = messages.iter().rposition(is_side(Side::Assistant));
        let (Some(start), Some(end)) = (start, end) else {
            let text = "no text of the assistant answers one of a user, and this format holds nothing else";
            return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
        };
        if end < start {
            let text = "no assistant turn follows a user turn";
            return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
        }
        Ok(Exchanges {
            reasoning,
            messages,
            trained,
            thread,
            losses,
            kept: start..end + 1,
        })
    }

    /// The turn that begins at or after `from`; that of the first message if `from` is 0.
    pub(crate) fn run(&self, from: usize) -> Option<Run> {
        let from = from.max(self.kept.start);
        let sides = |from: usize| {
            (from..self.kept.end).filter_map(|index| Some((index, side_of(&self.messages[index])?)))
        };
        let (start, side) = sides(from).next()?;
        let end = sides(start).find(|(_, other)| *other != side);
        let end = end.map_or(self.kept.end, |(index, _)| index);
        Some(Run {
            side,
            range: start..end,
        })
    }

    /// Notes what the record leaves out, message by message.
    pub(crate) fn note(&mut self, trace: &Trace<'_>) {
        tools::note_lost(trace, self.losses);
        let messages = self.messages;
        for (index, message) in messages.iter().enumerate() {
            if index >= self.kept.end {
                self.losses.note(Loss::TrailingTurns, index);
                continue;
            }
            let is_system = matches!(message.role(), Role::System | Role::Developer);
            if index < self.kept.start && !is_system {
                self.losses.note(Loss::LeadingTurns, index);
                continue;
            }
            self.note_message(index, message);
        }
    }

    fn note_message(&mut self, index: usize, message: &Message<'_>) {
        match message.role() {
            Role::Assistant => {
                plain::note_assistant(message, index, self.losses);
                if side_of(message).is_none() {
                    account::reasoning(message, index, self.reasoning, self.losses);
                    text::note_parts(message.content(), index, self.losses);
                } else if self
                    .trained
                    .is_against(index, message, self.thread.last_assistant())
                {
                    self.losses.note(Loss::TrainFlags, index);
                }
            }
            Role::Tool => {
                account::fields(message, index, Carried::default(), self.losses);
                self.losses.note(Loss::ToolResults, index);
            }
            _ => {
                account::fields(message, index, Carried::default(), self.losses);
                account::name(message, index, None, self.losses);
                account::not_assistant(message, index, self.reasoning, self.losses);
                if !matches!(message.role(), Role::System) {
                    plain::role(message, index, self.losses);
                }
            }
        }
    }

    /// Appends the texts of a turn, after its reasoning.
    pub(crate) fn texts(&mut self, run: &Run, s: &mut JsonString<'_, '_>) -> Result<(), EncodeError> {
        self.thoughts(run, s)?;
        let mut first = true;
        for index in run.range.clone() {
            let message = &self.messages[index];
            if side_of(message) != Some(run.side) {
                continue;
            }
            if index > run.range.start {
                self.losses.note(Loss::MergedTurns, index);
            }
            let silent = text::is_empty(message.content());
            if !first && !silent {
                s.push("\n\n");
            }
            text::append(message.content(), index, s, self.losses);
            first &= silent;
        }
        Ok(())
    }

    /// Appends the reasoning of a turn of the assistant in one block.
    fn thoughts(&mut self, run: &Run, s: &mut JsonString<'_, '_>) -> Result<(), EncodeError> {
        let mut any = false;
        for index in run.range.clone() {
            let message = &self.messages[index];
            if run.side == Side::Human || side_of(message) != Some(run.side) {
                continue;
            }
            if let Some(words) = self.reasoning.words(message, index, self.losses)? {
                s.push(if any { "\n\n" } else { "<think>\n" }).text(words);
                any = true;
            }
        }
        if any {
            s.push("\n</think>\n\n");
        }
        Ok(())
    }

    /// Writes a turn as a string.
    pub(crate) fn text(&mut self, run: &Run, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let mut s = w.begin_string();
        self.texts(run, &mut s)?;
        s.end();
        Ok(())
    }

    /// The system messages that stand before the end.
    pub(crate) fn system(&self) -> impl Iterator<Item = usize> + use<'r> {
        let messages = self.messages;
        (0..self.kept.end).filter(|&index| matches!(messages[index].role(), Role::System | Role::Developer))
    }

    /// Notes that the system messages have no place.
    pub(crate) fn lose_system(&mut self) {
        for index in self.system() {
            self.losses.note(Loss::SystemMessage, index);
        }
    }

    /// Writes what the system messages say, with a blank line between; nothing if they say nothing.
    pub(crate) fn write_system(&mut self, w: &mut JsonWriter<'_>) -> bool {
        let messages = self.messages;
        let says = |index: &usize| !text::is_empty(messages[*index].content());
        for index in self.system().filter(|index| *index > 0) {
            self.losses.note(Loss::SystemMessage, index);
        }
        if !self.system().any(|index| says(&index)) {
            return false;
        }
        let mut s = w.key("system").begin_string();
        let mut first = true;
        for index in self.system().filter(says) {
            if !first {
                s.push("\n\n");
            }
            text::append(messages[index].content(), index, &mut s, self.losses);
            first = false;
        }
        s.end();
        true
    }
}

/// Whose turn a message is; nothing if it has no place.
fn side_of(message: &Message<'_>) -> Option<Side> {
    match message.role() {
        Role::System | Role::Developer | Role::Tool => None,
        Role::Assistant => (!plain::is_call_alone(message)).then_some(Side::Assistant),
        _ => Some(Side::Human),
    }
}
