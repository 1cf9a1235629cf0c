//! How a conversation looks to Llama 3.

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{CallRef, Content, Message, Role, Text, ToolCall, Trace};

use super::{ENVIRONMENT, EOT, HEADER, HEADER_END, Head, TODAY, TOKENS, TOOLS_HEAD};
use crate::encoder::EncodeError;
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::dumped::{self, Layout};
use crate::shared::reasoning::{self, Placement};
use crate::shared::rendered::{Piece, Plan, Script};
use crate::shared::thread::Thread;
use crate::shared::{plain, text, tools};

/// Writes the text of one record.
pub(super) struct Rendering<'r, 's, 'b> {
    pub(super) plan: Plan<'r>,
    pub(super) head: Head,
    pub(super) reasoning: Placement,
    pub(super) messages: &'r [Message<'r>],
    pub(super) thread: Thread<'r>,
    pub(super) script: Script<'s, 'b>,
    pub(super) embedded: &'r mut EmbeddedJson,
    pub(super) json: &'r mut Vec<u8>,
    pub(super) losses: &'r mut Losses,
}

impl Rendering<'_, '_, '_> {
    pub(super) fn write(&mut self, trace: &Trace<'_>) -> Result<(), EncodeError> {
        let messages = self.messages;
        let tools = tools::functions(trace, self.losses).is_some();
        let is_user = |message: &Message<'_>| matches!(message.role(), Role::User | Role::Other(_));
        let asked = messages[self.plan.written()].iter().position(is_user);
        if tools && asked.is_none() {
            self.losses.note(Loss::Tools, 0);
        }
        let from = self.system(tools)?;
        for (index, message) in messages[self.plan.written()].iter().enumerate().skip(from) {
            match message.role() {
                Role::Assistant => self.assistant(index, message)?,
                Role::Tool => self.result_in_place(index, message)?,
                _ => {
                    let definitions = Some(trace).filter(|_| tools && asked == Some(index));
                    self.said(index, message, definitions)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the system turn that has a head; gives the index of what comes next.
    fn system(&mut self, tools: bool) -> Result<usize, EncodeError> {
        if self.head == Head::None {
            return Ok(0);
        }
        let start = self.open("system", Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        s.push(if tools { ENVIRONMENT } else { "" }).push(TODAY).end();
        let first = self.messages.first();
        let first = first.filter(|first| matches!(first.role(), Role::System | Role::Developer));
        if let Some(message) = first {
            plain::role(message, 0, self.losses);
            plain::note_other(message, 0, self.reasoning, &self.thread, self.losses);
            let mut s = self.script.piece(Piece::Heard);
            text::append(message.content(), 0, &mut s, self.losses);
            s.end();
        }
        self.close(start, 0, Piece::Heard)?;
        Ok(usize::from(first.is_some()))
    }

    /// Writes what a system message or a user says, behind the definitions of a trace.
    fn said(
        &mut self,
        index: usize,
        message: &Message<'_>,
        definitions: Option<&Trace<'_>>,
    ) -> Result<(), EncodeError> {
        plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
        let role = plain::role(message, index, self.losses);
        let start = self.open(role, Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        if let Some(trace) = definitions {
            s.push(TOOLS_HEAD);
            let functions = trace.tools().unwrap_or_default().iter();
            for function in functions.filter_map(|tool| tool.as_function()) {
                dumped::composed(self.json, Layout::Indented, &mut s, |w| {
                    tools::nested_function(function, w);
                });
                s.push("\n\n");
            }
        }
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        self.close(start, index, Piece::Heard)
    }

    fn assistant(&mut self, index: usize, message: &Message<'_>) -> Result<(), EncodeError> {
        account::fields(message, index, Carried::default(), self.losses);
        account::name(message, index, None, self.losses);
        self.thread.note_dangling(index, self.losses);
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        self.plan
            .note_flag(index, message, self.thread.last_assistant(), self.losses);
        let piece = self.plan.piece(index);
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        let mut calls = self.thread.kept_calls(index).peekable();
        if calls.peek().is_some() {
            if !text::is_empty(message.content()) {
                self.losses.note(Loss::TextBesideCall, index);
            }
            text::note_parts(message.content(), index, self.losses);
            return self.calls(index, calls, thoughts, piece);
        }
        let start = self.open("assistant", piece);
        let mut s = self.script.piece(piece);
        if let Some(thoughts) = thoughts {
            reasoning::think(thoughts, &mut s);
        }
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        self.close(start, index, piece)
    }

    /// Writes calls in turns of their own, each with its result behind it if there are several.
    fn calls(
        &mut self,
        index: usize,
        calls: impl Iterator<Item = CallRef>,
        mut thoughts: Option<&Text<'_>>,
        piece: Piece,
    ) -> Result<(), EncodeError> {
        let is_split = self.thread.has_several_calls(index);
        if is_split {
            self.losses.note(Loss::ParallelCalls, index);
        }
        for at in calls {
            let start = self.open("assistant", piece);
            let mut s = self.script.piece(piece);
            if let Some(thoughts) = thoughts.take() {
                reasoning::think(thoughts, &mut s);
            }
            s.end();
            self.call(index, self.thread.call(at), piece);
            self.close(start, index, piece)?;
            let later = index + 1..self.plan.written().end;
            if let Some(result) = self.thread.result_of(at, later).filter(|_| is_split) {
                self.result(result, &self.messages[result])?;
            }
        }
        Ok(())
    }

    fn call(&mut self, index: usize, call: &ToolCall<'_>, piece: Piece) {
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, index);
        }
        let mut s = self.script.piece(piece);
        s.push("{\"name\": ")
            .quoted(call.name())
            .push(", \"parameters\": ");
        dumped::arguments(call.arguments(), index, self.embedded, self.losses, &mut s);
        s.push("}").end();
    }

    /// Writes a result where it stands, unless it stands behind its call already.
    fn result_in_place(&mut self, index: usize, message: &Message<'_>) -> Result<(), EncodeError> {
        let Some(call) = self.thread.answered(index) else {
            account::fields(message, index, Carried::default(), self.losses);
            self.losses.note(Loss::OrphanResult, index);
            return Ok(());
        };
        if self.thread.has_several_calls(call.message) {
            return Ok(());
        }
        if call.message + 1 != index {
            self.losses.note(Loss::OrphanResult, index);
        }
        self.result(index, message)
    }

    fn result(&mut self, index: usize, message: &Message<'_>) -> Result<(), EncodeError> {
        plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
        let start = self.open("ipython", Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        match message.content() {
            Content::Text(text) => {
                s.quoted(text);
            }
            Content::Other(value) => {
                self.losses.note(Loss::ObjectContent, index);
                dumped::append(value.as_str().as_bytes(), Layout::Spaced, &mut s);
            }
            parts => dumped::composed(self.json, Layout::Spaced, &mut s, |w| {
                let mut s = w.begin_string();
                text::append(parts, index, &mut s, self.losses);
                s.end();
            }),
        }
        s.end();
        self.close(start, index, Piece::Heard)
    }

    /// Writes the header of a turn of which `piece` follows; gives the place where it begins.
    fn open(&mut self, role: &'static str, piece: Piece) -> usize {
        let mut s = self.script.piece(Piece::Heard);
        s.push(HEADER).push(role).push(HEADER_END).end();
        self.script.piece(piece).end();
        self.script.position()
    }

    /// Writes the end of a turn that began at `start`, unless it holds what would end it before.
    fn close(&mut self, start: usize, index: usize, piece: Piece) -> Result<(), EncodeError> {
        self.script.check(start, index, TOKENS)?;
        self.script.piece(piece).push(EOT).end();
        Ok(())
    }
}
