//! Conversations as turns of blocks, in the manner of Gemini, Anthropic and Bedrock: user and model take turns, and what a
//! tool gave back is a block of the user.

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{
    CallRef, Content, Conversation, JsonString, JsonWriter, Media, Message, Part, Role, Text, ToolCall,
};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::ids::CallIds;
use crate::shared::reasoning::{self, Placement};
use crate::shared::text;
use crate::shared::thread::Thread;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    User,
    Model,
}

/// In which order results stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultOrder {
    /// As they were recorded: each names its call.
    Recorded,
    /// As their calls: nothing else tells which is which.
    OfCalls,
}

/// How a format spells turns and blocks.
pub(crate) trait Spelling {
    /// In which order results stand.
    const RESULTS: ResultOrder;

    /// Opens a turn, up to its first block.
    fn open(side: Side, w: &mut JsonWriter<'_>);

    /// Opens a block of text, up to the string.
    fn open_text(w: &mut JsonWriter<'_>);

    /// Writes reasoning as a block of its own; only asked where the format has a place for it.
    fn thoughts(words: &Text<'_>, w: &mut JsonWriter<'_>);

    /// Writes a medium as a block if it has a place in a user turn; says whether it did.
    fn media(media: &Media<'_>, w: &mut JsonWriter<'_>) -> bool;

    /// Opens a call, up to its arguments; `id` is written where the format has ids.
    fn open_call(call: &ToolCall<'_>, id: Id<'_>, w: &mut JsonWriter<'_>);

    /// Closes a call.
    fn close_call(w: &mut JsonWriter<'_>);

    /// Writes a result; notes what has no place.
    fn result(result: &Given<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>);
}

/// The id of a call: as recorded, or by number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id<'r> {
    Recorded(&'r Text<'r>),
    Number(u64),
}

impl Id<'_> {
    /// Writes the id as a string.
    pub(crate) fn write(self, w: &mut JsonWriter<'_>) {
        match self {
            Id::Recorded(id) => {
                w.text(id);
            }
            Id::Number(number) => {
                w.begin_string().push("call_").number(number).end();
            }
        }
    }
}

/// A result with the call that it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'r> {
    pub(crate) index: usize,
    pub(crate) message: &'r Message<'r>,
    pub(crate) call: &'r ToolCall<'r>,
    pub(crate) id: Id<'r>,
}

/// Writes the turns of one record.
pub(crate) struct Blocks<'r> {
    pub(crate) conversation: Conversation<'r>,
    pub(crate) thread: Thread<'r>,
    pub(crate) ids: &'r CallIds,
    pub(crate) reasoning: Placement,
    pub(crate) embedded: &'r mut EmbeddedJson,
    pub(crate) losses: &'r mut Losses,
}

/// What the turn that is open holds so far.
#[derive(Clone, Copy, Debug)]
struct Open {
    side: Side,
    /// The index of the last message that is no result.
    said: Option<usize>,
    /// The messages of the turn of the model before it: the calls that may be answered.
    asked: (usize, usize),
}

/// Whether a message is an instruction to the model.
pub(crate) fn is_system(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

/// Whether a message is an instruction that says something.
pub(crate) fn instructs(message: &Message<'_>) -> bool {
    is_system(message) && !text::is_empty(message.content())
}

impl<'r> Blocks<'r> {
    /// The messages from the first user turn to the last of the assistant, for consumers that want both; notes the
    /// others.
    pub(crate) fn strict(&mut self, consumer: &str) -> Result<Range<usize>, EncodeError> {
        let messages = self.conversation.messages();
        let is_user = |message: &Message<'_>| matches!(message.role(), Role::User | Role::Other(_));
        let Some(start) = messages.iter().position(is_user) else {
            let text = format!("there is no user turn, and {consumer} wants one first");
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        };
        let Some(last) = self.thread.last_assistant().filter(|&last| last > start) else {
            let text = format!("no assistant turn follows a user turn, and {consumer} wants one last");
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        };
        for index in (0..start).filter(|&index| !is_system(&messages[index])) {
            self.losses.note(Loss::LeadingTurns, index);
        }
        for index in (last + 1..messages.len()).filter(|&index| !is_system(&messages[index])) {
            self.losses.note(Loss::TrailingTurns, index);
        }
        Ok(start..last + 1)
    }

    /// Whether a system message says something; notes what the silent ones lose.
    pub(crate) fn has_instructions(&mut self) -> bool {
        let messages = self.conversation.messages();
        let silent =
            |(_, message): &(usize, &Message<'_>)| is_system(message) && text::is_empty(message.content());
        for (index, message) in messages.iter().enumerate().filter(silent) {
            self.instruction(message, index);
            text::note_parts(message.content(), index, self.losses);
        }
        messages.iter().any(instructs)
    }

    /// What the system messages say, as one text.
    pub(crate) fn instruction_text(&mut self, s: &mut JsonString<'_, '_>) {
        let messages = self.conversation.messages();
        let mut first = true;
        let mut leading = true;
        for (index, message) in messages.iter().enumerate() {
            leading &= is_system(message);
            if !instructs(message) {
                continue;
            }
            if !leading {
                self.losses.note(Loss::SystemMessage, index);
            }
            if !first {
                self.losses.note(Loss::MergedTurns, index);
                s.push("\n\n");
            }
            self.instruction(message, index);
            text::append(message.content(), index, s, self.losses);
            first = false;
        }
    }

    fn instruction(&mut self, message: &Message<'_>, index: usize) {
        if *message.role() == Role::Developer {
            self.losses.note(Loss::DeveloperRole, index);
        }
        self.heard(message, index);
    }

    /// What the system messages say, as blocks of text; one that stands in the middle is moved, and noted.
    pub(crate) fn instructions<S: Spelling>(&mut self, w: &mut JsonWriter<'_>) {
        let messages = self.conversation.messages();
        let mut leading = true;
        for (index, message) in messages.iter().enumerate() {
            leading &= is_system(message);
            if !instructs(message) {
                continue;
            }
            if !leading {
                self.losses.note(Loss::SystemMessage, index);
            }
            self.instruction(message, index);
            self.texts::<S>(message.content(), index, None, w);
            text::note_parts(message.content(), index, self.losses);
        }
    }

    /// Writes the turns of `range`, system messages left out.
    pub(crate) fn turns<S: Spelling>(
        &mut self,
        range: Range<usize>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let mut open: Option<Open> = None;
        for index in range.clone() {
            let message = &messages[index];
            match message.role() {
                Role::System | Role::Developer => {}
                Role::Assistant => self.assistant::<S>(index, message, &mut open, w)?,
                Role::Tool => self.tool::<S>(index, range.end, &mut open, w)?,
                _ => self.user::<S>(index, message, &mut open, w)?,
            }
        }
        if open.is_some() {
            w.end_array();
            w.end_object();
        }
        Ok(())
    }

    fn assistant<S: Spelling>(
        &mut self,
        index: usize,
        message: &'r Message<'r>,
        open: &mut Option<Open>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, Carried::default(), self.losses);
        account::name(message, index, None, self.losses);
        self.thread.note_dangling(index, self.losses);
        if !self.conversation.is_target(index) {
            self.losses.note(Loss::TrainFlags, index);
        }
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        let merged = open.is_some_and(|open| open.side == Side::Model);
        if merged {
            self.losses.note(Loss::MergedTurns, index);
        }
        let first = match open {
            Some(open) if merged => open.asked.0,
            _ => index,
        };
        Self::switch::<S>(Side::Model, open, w);
        *open = Some(Open {
            side: Side::Model,
            said: Some(index),
            asked: (first, index),
        });
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        let inline = match thoughts {
            Some(words) if self.reasoning == Placement::Field => {
                S::thoughts(words, w);
                None
            }
            other => other,
        };
        let calls = !message.tool_calls().is_empty();
        if inline.is_some() || !calls || !text::is_empty(message.content()) {
            self.texts::<S>(message.content(), index, inline, w);
        }
        text::note_parts(message.content(), index, self.losses);
        for call in self.thread.kept_calls(index) {
            self.call::<S>(call, w)?;
        }
        Ok(())
    }

    fn call<S: Spelling>(&mut self, at: CallRef, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let call = self.thread.call(at);
        if call.kind().is_some_and(|kind| *kind != "function") {
            self.losses.note(Loss::CallKind, at.message);
        }
        S::open_call(call, self.id(at), w);
        let start = w.position();
        crate::shared::arguments::object(call.arguments(), at.message, self.embedded, w, self.losses);
        if w.written(start..w.position()).first() != Some(&b'{') {
            let text = format!(
                "the arguments of the call of `{}` are no object, and this format has no other",
                call.name()
            );
            return Err(EncodeError::at(at.message, EncodeErrorKind::Arguments, text));
        }
        S::close_call(w);
        Ok(())
    }

    fn user<S: Spelling>(
        &mut self,
        index: usize,
        message: &'r Message<'r>,
        open: &mut Option<Open>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        if *message.role() != Role::User {
            self.losses.note(Loss::OtherRole, index);
        }
        self.heard(message, index);
        let is_turn = open.is_some_and(|open| open.side == Side::Model);
        let asked = Self::switch::<S>(Side::User, open, w);
        if S::RESULTS == ResultOrder::OfCalls && is_turn {
            self.check_nothing_waits(asked)?;
        }
        if let Some(Open {
            said: Some(_),
            side: Side::User,
            ..
        }) = open
        {
            self.losses.note(Loss::MergedTurns, index);
        }
        *open = Some(Open {
            side: Side::User,
            said: Some(index),
            asked,
        });
        let media = message
            .content()
            .parts()
            .iter()
            .any(|part| matches!(part, Part::Media(_)));
        if !media {
            self.texts::<S>(message.content(), index, None, w);
        }
        let start = w.position();
        for part in message.content().parts() {
            match part {
                Part::Text(part) if media => {
                    S::open_text(w);
                    w.text(part.text());
                    w.end_object();
                }
                Part::Text(_) => {}
                Part::Media(medium) if S::media(medium, w) => {}
                part => account::part(part, index, self.losses),
            }
        }
        if media && w.position() == start {
            // Nothing is left of it, and a turn without a block is none.
            S::open_text(w);
            w.str("");
            w.end_object();
        }
        Ok(())
    }

    /// Refuses a user turn where results belong.
    fn check_nothing_waits(&self, asked: (usize, usize)) -> Result<(), EncodeError> {
        let waits = (asked.0..=asked.1).find(|&message| self.thread.kept_calls(message).next().is_some());
        match waits {
            Some(index) => {
                let text =
                    "calls of this turn have no result, and the user speaks, which this format cannot say";
                Err(EncodeError::at(index, EncodeErrorKind::Result, text))
            }
            None => Ok(()),
        }
    }

    /// Writes the results of the turn that begins here, if this is the first of them.
    fn tool<S: Spelling>(
        &mut self,
        index: usize,
        end: usize,
        open: &mut Option<Open>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let message = &messages[index];
        account::fields(message, index, Carried::default(), self.losses);
        if message.reasoning().is_some() || !message.tool_calls().is_empty() {
            account::not_assistant(message, index, self.reasoning, self.losses);
        }
        let Some(answered) = self.thread.answered(index) else {
            self.losses.note(Loss::OrphanResult, index);
            account::name(message, index, None, self.losses);
            return Ok(());
        };
        let asked = Self::switch::<S>(Side::User, open, w);
        if !(asked.0..=asked.1).contains(&answered.message) {
            let text =
                "the result answers a call that is not in the turn before it, which this format cannot say";
            return Err(EncodeError::at(index, EncodeErrorKind::Result, text));
        }
        if let Some(Open {
            said: Some(_),
            side: Side::User,
            ..
        }) = open
        {
            let text = "a user turn stands between a call and its result, which this format cannot say";
            return Err(EncodeError::at(index, EncodeErrorKind::Order, text));
        }
        let is_first = open.is_none_or(|open| open.side == Side::Model);
        *open = Some(Open {
            side: Side::User,
            said: None,
            asked,
        });
        match S::RESULTS {
            ResultOrder::Recorded => self.result::<S>(index, answered, w),
            ResultOrder::OfCalls if is_first => self.results_by_call::<S>(index..end, asked, w)?,
            ResultOrder::OfCalls => {}
        }
        Ok(())
    }

    /// Writes all results of a turn in the order of their calls.
    fn results_by_call<S: Spelling>(
        &mut self,
        range: Range<usize>,
        asked: (usize, usize),
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = self.conversation.messages();
        let turn = range.take_while(|&index| *messages[index].role() != Role::Assistant);
        for message in asked.0..=asked.1 {
            for call in self.thread.kept_calls(message) {
                let result = turn.clone().find(|&index| {
                    *messages[index].role() == Role::Tool && self.thread.answered(index) == Some(call)
                });
                let Some(index) = result else {
                    let text =
                        "some calls of a turn are answered and others are not, which this format cannot say";
                    return Err(EncodeError::at(call.message, EncodeErrorKind::Result, text));
                };
                self.result::<S>(index, call, w);
            }
        }
        Ok(())
    }

    fn result<S: Spelling>(&mut self, index: usize, call: CallRef, w: &mut JsonWriter<'_>) {
        let message = &self.conversation.messages()[index];
        account::name(message, index, Some(self.thread.call(call)), self.losses);
        let given = Given {
            index,
            message,
            call: self.thread.call(call),
            id: self.id(call),
        };
        S::result(&given, self.losses, w);
    }

    /// The id of a call: all of a record are recorded ones, or those that are missing or stand twice are numbers.
    fn id(&self, at: CallRef) -> Id<'r> {
        match self.thread.call(at).id() {
            Some(id) if !self.ids.replaces_recorded() => Id::Recorded(id),
            _ => Id::Number(self.ids.number(at)),
        }
    }

    /// Ends the turn that is open if it is another's, and opens one; gives the turn of the model before a user's.
    fn switch<S: Spelling>(side: Side, open: &mut Option<Open>, w: &mut JsonWriter<'_>) -> (usize, usize) {
        // Nothing was asked before the first turn: an empty range of messages.
        let asked = open.map_or((1, 0), |open| open.asked);
        if open.is_some_and(|open| open.side == side) {
            return asked;
        }
        if open.is_some() {
            w.end_array();
            w.end_object();
        }
        S::open(side, w);
        asked
    }

    /// Writes content as blocks of text, one for each; an empty one if there is none.
    fn texts<S: Spelling>(
        &mut self,
        content: &Content<'_>,
        index: usize,
        thoughts: Option<&Text<'_>>,
        w: &mut JsonWriter<'_>,
    ) {
        let texts = content.parts().iter().filter_map(Part::as_text);
        if thoughts.is_some() || texts.clone().next().is_none() {
            S::open_text(w);
            let mut s = w.begin_string();
            if let Some(thoughts) = thoughts {
                reasoning::think(thoughts, &mut s);
            }
            if content.parts().is_empty() {
                text::append(content, index, &mut s, self.losses);
            }
            s.end();
            w.end_object();
        }
        for text in texts {
            S::open_text(w);
            w.text(text);
            w.end_object();
        }
    }

    fn heard(&mut self, message: &Message<'_>, index: usize) {
        account::fields(message, index, Carried::default(), self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::name(message, index, None, self.losses);
    }
}
