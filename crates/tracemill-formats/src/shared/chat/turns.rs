//! The messages of a chat line, one by one.

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{CallRef, Content, Conversation, JsonWriter, Message, Role, ToolCall};

use super::answer::{self, Answer};
use super::content::{Form, Thought};
use super::{
    Beside, ChatLines, Developer, Dialect, End, Functions, Ids, Names, Refusals, Results, Silence, System,
    Thoughts, TrainedBy,
};
use crate::encoder::{EncodeError, EncodeErrorKind, Scratch};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::ids::{CallIds, NineIds};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::{arguments, text};

/// Writes the messages of one record.
pub(crate) struct Turns<'r> {
    pub(super) dialect: &'static Dialect,
    pub(super) reasoning: Placement,
    pub(super) form: Form,
    answer: Option<(Answer, usize)>,
    conversation: Conversation<'r>,
    thread: Thread<'r>,
    ids: &'r CallIds,
    nine: &'r NineIds,
    embedded: &'r mut EmbeddedJson,
    schema: &'r mut EmbeddedJson,
    pub(super) losses: &'r mut Losses,
    /// How many images were written.
    pub(super) images: usize,
    /// Whose the message is that was written last.
    last: Option<Side>,
    /// How many calls wait for their result.
    open: usize,
    /// How many messages were written.
    written: usize,
}

/// Whose message it is, as far as the format tells them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

impl Side {
    fn role(self) -> &'static str {
        match self {
            Side::System => "system",
            Side::Developer => "developer",
            Side::User => "user",
            Side::Assistant => "assistant",
            Side::Tool => "tool",
        }
    }
}

impl<'r> Turns<'r> {
    pub(crate) fn new(
        encoder: &ChatLines,
        conversation: Conversation<'r>,
        scratch: &'r mut Scratch,
    ) -> Result<Self, EncodeError> {
        let messages = conversation.messages();
        scratch.links.compute(messages);
        scratch.ids.compute(messages)?;
        if encoder.dialect.ids == Ids::Nine {
            scratch.nine.compute(messages)?;
        }
        let thread = Thread::new(messages, &scratch.links);
        let last = thread.last_assistant();
        Ok(Turns {
            dialect: encoder.dialect,
            reasoning: encoder.reasoning,
            form: Form::of(encoder.dialect, messages),
            answer: last
                .filter(|_| encoder.answer != Answer::AsIs)
                .map(|last| (encoder.answer, last)),
            conversation,
            thread,
            ids: &scratch.ids,
            nine: &scratch.nine,
            embedded: &mut scratch.embedded,
            schema: &mut scratch.schema,
            losses: &mut scratch.losses,
            images: 0,
            last: None,
            open: 0,
            written: 0,
        })
    }

    /// Writes the messages of a range as elements of the list that is open.
    pub(crate) fn list(&mut self, range: Range<usize>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        for index in range {
            if self.is_behind_end(index) {
                self.losses.note(Loss::TrailingTurns, index);
            } else {
                self.message(index, &self.conversation.messages()[index], w)?;
            }
        }
        Ok(())
    }

    fn wrote(&mut self, side: Side) {
        self.last = Some(side);
        self.written += 1;
    }

    /// Refuses an assistant message that stands alone, where the consumer does.
    pub(crate) fn check_alone(&self) -> Result<(), EncodeError> {
        if self.dialect.results == Results::Behind && self.written == 1 {
            let text = format!(
                "an assistant message stands alone, which {} refuses",
                self.dialect.consumer
            );
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        }
        Ok(())
    }

    fn is_behind_end(&self, index: usize) -> bool {
        let ends = self.dialect.end == End::Nothing || self.answer.is_some();
        ends && self.thread.last_assistant().is_some_and(|last| index > last)
    }

    fn message(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        match message.role() {
            Role::System => self.system(Side::System, index, message, w),
            Role::Developer if self.dialect.developer == Developer::Kept => {
                self.speaker(Side::Developer, index, message, w)
            }
            Role::Developer => {
                self.losses.note(Loss::DeveloperRole, index);
                self.system(Side::System, index, message, w)
            }
            Role::User => self.speaker(Side::User, index, message, w),
            Role::Assistant => self.assistant(index, message, w),
            Role::Tool => self.result(index, message, w),
            _ => {
                self.losses.note(Loss::OtherRole, index);
                self.speaker(Side::User, index, message, w)
            }
        }
    }

    /// Writes a system message, as the user's where the consumer takes none.
    fn system(
        &mut self,
        side: Side,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let fits = match self.dialect.system {
            System::AsDeveloper => {
                self.losses.note(Loss::SystemMessage, index);
                return self.speaker(Side::Developer, index, message, w);
            }
            System::Anywhere => true,
            System::First => matches!(self.last, None | Some(Side::System)),
            System::BeforeAnswers => !matches!(self.last, Some(Side::Assistant | Side::Tool)),
        };
        if fits {
            return self.speaker(side, index, message, w);
        }
        self.losses.note(Loss::SystemMessage, index);
        self.speaker(Side::User, index, message, w)
    }

    fn speaker(
        &mut self,
        side: Side,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, self.carried(), self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        w.begin_object();
        w.key("role").str(side.role());
        self.name(index, message, w);
        w.key("content");
        self.content(side, index, message.content(), Thought::None, w)?;
        w.end_object();
        self.wrote(side);
        Ok(())
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, self.carried(), self.losses);
        self.thread.note_dangling(index, self.losses);
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        self.check_answered(index)?;
        w.begin_object();
        w.key("role").str("assistant");
        self.name(index, message, w);
        match self.answer {
            Some((answer, at)) if at == index => self.final_answer(answer, index, message, w)?,
            _ => self.turn(index, message, w)?,
        }
        if let Some(weight) = self.weight(index, message) {
            w.key("weight").number(weight);
        }
        w.end_object();
        self.wrote(Side::Assistant);
        Ok(())
    }

    /// Writes what an assistant says and calls.
    fn turn(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let calls = self.thread.kept_calls(index).count();
        let thought = self.thought(index, message, w)?;
        self.assistant_content(index, message, thought, calls, w)?;
        let refusal = message.extra().get("refusal");
        if let Some(refusal) =
            refusal.filter(|it| self.dialect.refusals == Refusals::Kept && it.as_text().is_some())
        {
            w.key("refusal").raw(refusal);
        }
        if calls > 0 {
            w.key("tool_calls").begin_array();
            for call in self.thread.kept_calls(index) {
                self.call(call, w)?;
            }
            w.end_array();
        }
        self.open = calls;
        Ok(())
    }

    /// The reasoning that goes into the content; that which has a key of its own is written here.
    fn thought<'m>(
        &mut self,
        index: usize,
        message: &'m Message<'m>,
        w: &mut JsonWriter<'_>,
    ) -> Result<Thought<'m>, EncodeError> {
        let words = self.reasoning.words(message, index, self.losses)?;
        Ok(match (words, self.reasoning, self.dialect.thoughts) {
            (Some(words), Placement::Inline, _) => Thought::Inline(words),
            (Some(words), Placement::Field, Thoughts::Key(key)) => {
                w.key(key).text(words);
                Thought::None
            }
            (Some(words), Placement::Field, Thoughts::Part) if !words.is_empty() => Thought::Part(words),
            _ => Thought::None,
        })
    }

    /// The field `content` of an assistant turn, which may be missing beside calls.
    fn assistant_content(
        &mut self,
        index: usize,
        message: &Message<'_>,
        thought: Thought<'_>,
        calls: usize,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let content = message.content();
        let silent = text::is_empty(content) && thought.is_none();
        if self.dialect.beside == Beside::Lost {
            if calls > 0 {
                if !silent {
                    self.losses.note(Loss::TextBesideCall, index);
                }
                text::note_parts(content, index, self.losses);
                return Ok(());
            }
            if silent {
                let text = format!(
                    "an assistant turn says nothing, which {} refuses",
                    self.dialect.consumer
                );
                return Err(EncodeError::at(index, EncodeErrorKind::Content, text));
            }
        }
        if silent && calls > 0 {
            match (self.dialect.silence, content) {
                (Silence::Recorded, Content::Missing) => return Ok(()),
                (Silence::Absent, content) if content.as_text().is_none() => {
                    text::note_parts(content, index, self.losses);
                    return Ok(());
                }
                _ => {}
            }
        }
        w.key("content");
        let is_null = matches!(content, Content::Missing | Content::Null);
        if is_null && thought.is_none() && self.dialect.silence == Silence::Recorded {
            w.null();
            return Ok(());
        }
        self.content(Side::Assistant, index, content, thought, w)
    }

    /// Writes the last answer, which is to be an object, as a JSON text or as a call.
    fn final_answer(
        &mut self,
        answer: Answer,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let thought = self.thought(index, message, w)?;
        let trace = self.conversation.trace();
        let response = answer::Response::read(trace, message, index, self.embedded, self.schema)?;
        let refusal = message.extra().get("refusal");
        if self.dialect.refusals == Refusals::Kept && refusal.is_some_and(|it| it.as_text().is_some()) {
            self.losses.note(Loss::OtherPart, index);
        }
        if answer == Answer::JsonSchema {
            w.key("content");
            let mut s = w.begin_string();
            if let Thought::Inline(words) = thought {
                crate::shared::reasoning::think(words, &mut s);
            }
            s.json(response.value()).end();
            return Ok(());
        }
        w.key("content");
        match thought {
            Thought::Inline(words) => {
                let mut s = w.begin_string();
                crate::shared::reasoning::think(words, &mut s);
                s.end();
            }
            _ => {
                w.null();
            }
        }
        let next = self.ids.next(self.conversation.messages())?;
        w.key("tool_calls").begin_array();
        w.begin_object();
        w.key("id").begin_string().push("call_").number(next).end();
        w.key("type").str("function");
        w.key("function").begin_object();
        w.key("name").str(answer::RESPONSE_TOOL);
        w.key("arguments").begin_string().json(response.value()).end();
        w.end_object();
        w.end_object();
        w.end_array();
        Ok(())
    }

    fn result(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, self.carried(), self.losses);
        let Some(call) = self.thread.answered(index) else {
            self.losses.note(Loss::OrphanResult, index);
            return Ok(());
        };
        if self.dialect.results == Results::Behind {
            if !matches!(self.last, Some(Side::Assistant | Side::Tool)) {
                let text = format!(
                    "a result stands behind a message of another than the assistant, which {} refuses",
                    self.dialect.consumer
                );
                return Err(EncodeError::at(index, EncodeErrorKind::Order, text));
            }
            self.open = self.open.saturating_sub(1);
        }
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::error_mark(message, index, self.losses);
        account::name(message, index, Some(self.thread.call(call)), self.losses);
        w.begin_object();
        w.key("role").str("tool");
        w.key("tool_call_id");
        self.call_id(call, w);
        w.key("content");
        self.content(Side::Tool, index, message.content(), Thought::None, w)?;
        w.end_object();
        self.wrote(Side::Tool);
        Ok(())
    }

    /// Refuses an assistant turn before which calls wait for their result.
    fn check_answered(&self, index: usize) -> Result<(), EncodeError> {
        if self.dialect.results == Results::Behind && self.open > 0 {
            let text = format!(
                "a call is answered only after another assistant turn, which {} refuses",
                self.dialect.consumer
            );
            return Err(EncodeError::at(index, EncodeErrorKind::Result, text));
        }
        Ok(())
    }

    fn call(&mut self, at: CallRef, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let call = self.thread.call(at);
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, at.message);
        }
        if self.dialect.functions == Functions::Mistral {
            let error = |kind, text| EncodeError::at(at.message, kind, text);
            super::check_name(call.name(), self.dialect.consumer, error)?;
        }
        w.begin_object();
        w.key("id");
        self.call_id(at, w);
        w.key("type").str("function");
        w.key("function").begin_object();
        w.key("name").text(call.name());
        w.key("arguments");
        arguments::text(call.arguments(), w);
        w.end_object();
        w.end_object();
        Ok(())
    }

    /// The id of a call, recorded or made: the same for the call and its result.
    fn call_id(&self, at: CallRef, w: &mut JsonWriter<'_>) {
        match (self.dialect.ids, self.thread.call(at).id()) {
            (Ids::Nine, _) => self.nine.write(at, w),
            (Ids::Recorded, Some(id)) => {
                w.text(id);
            }
            (Ids::Recorded, None) => {
                w.begin_string().push("call_").number(self.ids.number(at)).end();
            }
        }
    }

    fn name(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        match message.name() {
            Some(name) if self.dialect.names == Names::Kept => {
                w.key("name").text(name);
            }
            _ => account::name(message, index, None::<&ToolCall<'_>>, self.losses),
        }
    }

    /// 0 for a turn that is not to be learnt, 1 for one that is marked so.
    fn weight(&mut self, index: usize, message: &Message<'_>) -> Option<u64> {
        let is_target = self.conversation.is_target(index);
        let marked = message.train() == Some(true);
        match self.dialect.trained {
            TrainedBy::Nothing => return None,
            TrainedBy::Weight => {}
            TrainedBy::LastBesideTools => {
                let tools = self.conversation.trace().tools();
                let last = self.thread.last_assistant() == Some(index);
                let against = if last { !is_target } else { is_target && marked };
                if against && tools.is_some_and(|tools| !tools.is_empty()) {
                    self.losses.note(Loss::TrainFlags, index);
                }
            }
        }
        if !is_target {
            Some(0)
        } else if marked {
            Some(1)
        } else {
            None
        }
    }

    /// `refusal` has a place on assistant messages, `detail` beside the address of an image.
    fn carried(&self) -> Carried {
        Carried {
            message: match self.dialect.refusals {
                Refusals::Kept => &["refusal"],
                Refusals::Lost => &[],
            },
            image: match self.form {
                Form::Text => &[],
                Form::TextOrParts | Form::Parts => &["detail"],
            },
        }
    }
}
