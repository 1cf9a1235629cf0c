//! Message lists as chat templates read them, and trainers that hand them to one.
//!
//! `content` is always text, results carry the name of their function, ids stay as recorded; what readers do differently
//! is a [`Style`].

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{CallRef, Conversation, JsonWriter, Message, Role, Text, ToolCall};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::chat::{RESPONSE_TOOL, Response};
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{arguments, ids, text};

/// Writes the messages of one record.
pub(crate) struct Turns<'r> {
    pub(crate) style: &'r Style,
    pub(crate) reasoning: Placement,
    pub(crate) messages: &'r [Message<'r>],
    pub(crate) trained: Trained<'r>,
    pub(crate) thread: Thread<'r>,
    pub(crate) embedded: &'r mut EmbeddedJson,
    pub(crate) losses: &'r mut Losses,
}

/// What the readers of these lists do differently.
#[derive(Debug)]
pub(crate) struct Style {
    /// The key of an assistant message for reasoning.
    pub(crate) reasoning: &'static str,
    /// The form of arguments.
    pub(crate) arguments: ArgumentForm,
    /// How several calls of one turn are written.
    pub(crate) calls: Calls,
    /// The key that says whether an assistant message is trained on, where there is one.
    pub(crate) train: Option<&'static str>,
}

/// The form of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentForm {
    Object,
    Text,
}

/// How several calls of one turn are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// In one list.
    Together,
    /// Each in a turn of its own, with its result behind it.
    Apart,
}

/// What most templates read.
pub(crate) const STYLE: Style = Style {
    reasoning: "reasoning_content",
    arguments: ArgumentForm::Object,
    calls: Calls::Together,
    train: None,
};

impl<'r> Turns<'r> {
    /// The index of the completion; notes what comes after it.
    pub(crate) fn last_target(&mut self, conversation: &Conversation<'_>) -> Result<usize, EncodeError> {
        let count = self.messages.len();
        let mut targets = (0..count).filter(|&index| conversation.is_target(index));
        let target = targets.next_back().unwrap_or_default();
        if (0..target).all(|index| self.is_nameless_result(index)) {
            let text = "nothing comes before the completion, and TRL needs a prompt";
            return Err(EncodeError::at(0, EncodeErrorKind::Order, text));
        }
        for index in target + 1..count {
            self.losses.note(Loss::TrailingTurns, index);
        }
        Ok(target)
    }

    pub(crate) fn list(&mut self, range: Range<usize>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        w.begin_array();
        self.elements(range, w)?;
        w.end_array();
        Ok(())
    }

    /// The elements of a list of messages.
    pub(crate) fn elements(
        &mut self,
        range: Range<usize>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        for index in range.clone() {
            let message = &self.messages[index];
            account::fields(message, index, Carried::default(), self.losses);
            match message.role() {
                Role::System => self.speaker("system", index, message, w),
                Role::Developer => {
                    self.losses.note(Loss::DeveloperRole, index);
                    self.speaker("system", index, message, w);
                }
                Role::User => self.speaker("user", index, message, w),
                Role::Assistant if self.is_split(index) => self.split(index, message, &range, w)?,
                Role::Assistant => self.assistant(index, message, w)?,
                Role::Tool if self.is_moved(index, &range) => {}
                Role::Tool => self.result(index, message, w),
                _ => {
                    self.losses.note(Loss::OtherRole, index);
                    self.speaker("user", index, message, w);
                }
            }
        }
        Ok(())
    }

    fn speaker(&mut self, role: &'static str, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        account::not_assistant(message, index, self.reasoning, self.losses);
        w.begin_object();
        w.key("role").str(role);
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        self.content(index, message, None, w);
        w.end_object();
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        self.note_flag(index, message);
        w.begin_object();
        self.said(index, message, w)?;
        if !message.tool_calls().is_empty() {
            w.key("tool_calls").begin_array();
            for call in message.tool_calls() {
                self.call(index, call, w);
            }
            w.end_array();
        }
        self.mark(index, message, w);
        w.end_object();
        Ok(())
    }

    /// The role, the text and the reasoning of an assistant turn.
    fn said(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        w.key("role").str("assistant");
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        let inline = thoughts.filter(|_| self.reasoning == Placement::Inline);
        self.content(index, message, inline, w);
        if let Some(field) = thoughts.filter(|_| self.reasoning == Placement::Field) {
            w.key(self.style.reasoning).text(field);
        }
        Ok(())
    }

    /// Whether the turn at `index` becomes several.
    fn is_split(&self, index: usize) -> bool {
        self.style.calls == Calls::Apart && self.messages[index].tool_calls().len() > 1
    }

    /// Whether the result at `index` was written behind its call already.
    fn is_moved(&self, index: usize, range: &Range<usize>) -> bool {
        let call = self.thread.answered(index);
        call.is_some_and(|call| range.contains(&call.message) && self.is_split(call.message))
    }

    /// Writes the calls of a turn one by one, each with its result behind it.
    fn split(
        &mut self,
        index: usize,
        message: &Message<'_>,
        range: &Range<usize>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        self.note_flag(index, message);
        self.losses.note(Loss::ParallelCalls, index);
        for (place, call) in message.tool_calls().iter().enumerate() {
            w.begin_object();
            if place == 0 {
                self.said(index, message, w)?;
            } else {
                w.key("role").str("assistant");
                w.key("content").str("");
            }
            w.key("tool_calls").begin_array();
            self.call(index, call, w);
            w.end_array();
            self.mark(index, message, w);
            w.end_object();
            let at = CallRef {
                message: index,
                call: place,
            };
            let result = (index + 1..range.end).find(|&result| self.thread.answered(result) == Some(at));
            if let Some(result) = result {
                self.result(result, &self.messages[result], w);
            }
        }
        Ok(())
    }

    /// Writes the answer of a task as one call of the tool that takes it.
    pub(crate) fn response(
        &mut self,
        index: usize,
        response: &Response<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let message = &self.messages[index];
        account::fields(message, index, Carried::default(), self.losses);
        self.note_flag(index, message);
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        w.begin_object();
        w.key("role").str("assistant");
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        let mut s = w.key("content").begin_string();
        if let Some(inline) = thoughts.filter(|_| self.reasoning == Placement::Inline) {
            reasoning::think(inline, &mut s);
        }
        s.end();
        if let Some(field) = thoughts.filter(|_| self.reasoning == Placement::Field) {
            w.key(self.style.reasoning).text(field);
        }
        w.key("tool_calls").begin_array();
        w.begin_object();
        w.key("id")
            .str(std::str::from_utf8(&ids::unused(self.messages)?).unwrap_or_default());
        w.key("type").str("function");
        w.key("function").begin_object();
        w.key("name").str(RESPONSE_TOOL);
        w.key("arguments");
        match self.style.arguments {
            ArgumentForm::Object => {
                w.raw(response.value());
            }
            ArgumentForm::Text => w.begin_string().json(response.value()).end(),
        }
        w.end_object();
        w.end_object();
        w.end_array();
        self.mark(index, message, w);
        w.end_object();
        Ok(())
    }

    fn result(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        let Some(name) = self.result_name(index) else {
            self.losses.note(Loss::OrphanResult, index);
            return;
        };
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::error_mark(message, index, self.losses);
        w.begin_object();
        w.key("role").str("tool");
        if let Some(id) = message.tool_call_id() {
            w.key("tool_call_id").text(id);
        }
        w.key("name").text(name);
        self.content(index, message, None, w);
        w.end_object();
    }

    /// The name of the function whose result stands at `index`: as recorded, or that of its call.
    fn result_name(&self, index: usize) -> Option<&'r Text<'r>> {
        let message = &self.messages[index];
        let call = self.thread.answered(index).map(|call| self.thread.call(call));
        message.name().or(call.map(ToolCall::name))
    }

    /// Whether the message at `index` is a result that is left out.
    fn is_nameless_result(&self, index: usize) -> bool {
        *self.messages[index].role() == Role::Tool && self.result_name(index).is_none()
    }

    fn call(&mut self, index: usize, call: &ToolCall<'_>, w: &mut JsonWriter<'_>) {
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, index);
        }
        w.begin_object();
        if let Some(id) = call.id() {
            w.key("id").text(id);
        }
        w.key("type").str("function");
        w.key("function").begin_object();
        w.key("name").text(call.name());
        w.key("arguments");
        match self.style.arguments {
            ArgumentForm::Object => {
                arguments::object(call.arguments(), index, self.embedded, w, self.losses);
            }
            ArgumentForm::Text => arguments::text(call.arguments(), w),
        }
        w.end_object();
        w.end_object();
    }

    fn content(
        &mut self,
        index: usize,
        message: &Message<'_>,
        thoughts: Option<&Text<'_>>,
        w: &mut JsonWriter<'_>,
    ) {
        let mut s = w.key("content").begin_string();
        if let Some(thoughts) = thoughts {
            reasoning::think(thoughts, &mut s);
        }
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
    }

    /// The mark of an assistant turn that is not to be learnt, or is marked so.
    fn mark(&self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        let (Some(key), Trained::Every(conversation)) = (self.style.train, self.trained) else {
            return;
        };
        if !conversation.is_target(index) {
            w.key(key).boolean(false);
        } else if message.train() == Some(true) {
            w.key(key).boolean(true);
        }
    }

    /// Notes that a turn will be trained on, or will not be, against its mark.
    fn note_flag(&mut self, index: usize, message: &Message<'_>) {
        if self.style.train.is_none()
            && self
                .trained
                .is_against(index, message, self.thread.last_assistant())
        {
            self.losses.note(Loss::TrainFlags, index);
        }
    }
}
