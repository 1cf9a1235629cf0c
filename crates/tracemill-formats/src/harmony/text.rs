//! How a conversation looks in Harmony.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Arguments, CallRef, Message, Role, Text, ToolCall, Trace};

use super::{CALL, CHANNEL, END, Head, MESSAGE, RETURN_TOKEN, START, SYSTEM_MESSAGE, SYSTEM_TOOLS, TOKENS};
use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses, Omission};
use crate::shared::account::{self, Carried};
use crate::shared::reasoning::{self, Placement};
use crate::shared::rendered::{Delivery, Piece, Plan, Script};
use crate::shared::thread::Thread;
use crate::shared::{plain, text, tools, typescript};

/// How many messages there are up to the last answer that is not the last turn of the assistant.
pub(super) fn earlier_answer(messages: &[Message<'_>]) -> usize {
    let is_turn = |message: &Message<'_>| *message.role() == Role::Assistant;
    let last = messages.iter().rposition(is_turn).unwrap_or_default();
    let is_answer = |message: &Message<'_>| is_turn(message) && message.tool_calls().is_empty();
    let answer = messages[..last].iter().rposition(is_answer);
    answer.map_or(0, |index| index + 1)
}

/// Writes the text of one record.
pub(super) struct Rendering<'r, 's, 'b> {
    pub(super) plan: Plan<'r>,
    pub(super) delivery: Delivery,
    pub(super) reasoning: Placement,
    pub(super) messages: &'r [Message<'r>],
    pub(super) thread: Thread<'r>,
    /// How many messages lie before an earlier answer: their analysis is not seen again.
    pub(super) answered: usize,
    pub(super) script: Script<'s, 'b>,
    pub(super) embedded: &'r mut EmbeddedJson,
    /// The definitions, until they are written.
    pub(super) words: &'r mut String,
    pub(super) losses: &'r mut Losses,
}

/// A turn of the assistant, which may become several messages.
struct Turn<'m> {
    index: usize,
    message: &'m Message<'m>,
    piece: Piece,
    is_begun: bool,
}

impl Rendering<'_, '_, '_> {
    pub(super) fn write(&mut self, trace: &Trace<'_>, head: Head) -> Result<(), EncodeError> {
        let messages = self.messages;
        let has_tools = self.compose_definitions(trace);
        if head == Head::System {
            let mut s = self.script.piece(Piece::Heard);
            s.push(START).push("system").push(MESSAGE).push(SYSTEM_MESSAGE);
            s.push(if has_tools { SYSTEM_TOOLS } else { "" }).push(END).end();
        }
        let is_instruction = |message: &Message<'_>| matches!(message.role(), Role::System | Role::Developer);
        if has_tools && !messages.first().is_some_and(is_instruction) {
            self.instructions(None)?;
        }
        for index in self.plan.written() {
            let message = &messages[index];
            match message.role() {
                Role::Assistant => self.assistant(index, message)?,
                Role::Tool => self.result_in_place(index, message)?,
                Role::System | Role::Developer => self.instructions(Some((index, message)))?,
                _ => self.said(index, message)?,
            }
        }
        Ok(())
    }

    /// Composes the definitions, which stand in the first message of the developer; whether there are any.
    fn compose_definitions(&mut self, trace: &Trace<'_>) -> bool {
        self.words.clear();
        let Some(functions) = tools::functions(trace, self.losses) else {
            return false;
        };
        typescript::namespace(functions, self.losses, self.words);
        true
    }

    fn instructions(&mut self, message: Option<(usize, &Message<'_>)>) -> Result<(), EncodeError> {
        self.script
            .piece(Piece::Heard)
            .push(START)
            .push("developer")
            .end();
        let start = self.enter(Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        if let Some((index, message)) = message {
            plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
            s.push("# Instructions\n\n");
            text::append(message.content(), index, &mut s, self.losses);
            s.push(if self.words.is_empty() { "" } else { "\n\n" });
        }
        s.push(self.words).end();
        self.words.clear();
        let index = message.map_or(0, |(index, _)| index);
        self.leave(start, index, Piece::Heard, END)
    }

    fn said(&mut self, index: usize, message: &Message<'_>) -> Result<(), EncodeError> {
        plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
        let role = plain::role(message, index, self.losses);
        self.script.piece(Piece::Heard).push(START).push(role).end();
        let start = self.enter(Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        self.leave(start, index, Piece::Heard, END)
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
        let mut turn = Turn {
            index,
            message,
            piece: self.plan.piece(index),
            is_begun: false,
        };
        let thoughts = self.thoughts(&turn)?;
        if let Some(thoughts) = thoughts.filter(|_| self.reasoning == Placement::Field) {
            self.channel(&mut turn, "analysis");
            let start = self.enter(turn.piece);
            self.script.piece(turn.piece).text(thoughts).end();
            self.leave(start, index, turn.piece, END)?;
        }
        let inline = thoughts.filter(|_| self.reasoning == Placement::Inline);
        let has_calls = self.thread.kept_calls(index).next().is_some();
        if has_calls && inline.is_none() && text::is_empty(message.content()) {
            text::note_parts(message.content(), index, self.losses);
        } else if has_calls {
            self.text(&mut turn, "commentary", inline, END)?;
        } else {
            let end = self.answer_end(&turn);
            self.text(&mut turn, "final", inline, end)?;
        }
        self.calls(&mut turn)
    }

    /// The reasoning of a turn that is written; notes that of a turn before an earlier answer.
    fn thoughts<'m>(&mut self, turn: &Turn<'m>) -> Result<Option<&'m Text<'m>>, EncodeError> {
        let is_over = self.reasoning == Placement::Field && turn.index < self.answered;
        if !is_over || turn.message.reasoning().is_none() {
            return self.reasoning.words(turn.message, turn.index, self.losses);
        }
        if self.is_trained(turn) {
            self.losses.note(Loss::Reasoning, turn.index);
        } else {
            self.losses.omit(Omission::EarlierReasoning);
        }
        Ok(None)
    }

    fn is_trained(&self, turn: &Turn<'_>) -> bool {
        self.delivery == Delivery::Text || turn.piece == Piece::Learnt
    }

    /// The token that ends an answer.
    fn answer_end(&self, turn: &Turn<'_>) -> &'static str {
        let is_last = turn.index + 1 == self.plan.written().end;
        if is_last && self.is_trained(turn) {
            RETURN_TOKEN
        } else {
            END
        }
    }

    fn text(
        &mut self,
        turn: &mut Turn<'_>,
        channel: &'static str,
        thoughts: Option<&Text<'_>>,
        end: &'static str,
    ) -> Result<(), EncodeError> {
        self.channel(turn, channel);
        let start = self.enter(turn.piece);
        let mut s = self.script.piece(turn.piece);
        if let Some(thoughts) = thoughts {
            reasoning::think(thoughts, &mut s);
        }
        text::append(turn.message.content(), turn.index, &mut s, self.losses);
        s.end();
        self.leave(start, turn.index, turn.piece, end)
    }

    /// Writes calls one after the other, each with its result behind it if there are several.
    fn calls(&mut self, turn: &mut Turn<'_>) -> Result<(), EncodeError> {
        let thread = self.thread;
        let is_split = thread.has_several_calls(turn.index);
        if is_split {
            self.losses.note(Loss::ParallelCalls, turn.index);
        }
        for at in thread.kept_calls(turn.index) {
            self.call(turn, thread.call(at))?;
            let later = turn.index + 1..self.plan.written().end;
            if let Some(result) = thread.result_of(at, later).filter(|_| is_split) {
                self.result(result, at)?;
                turn.is_begun = false;
            }
        }
        Ok(())
    }

    fn call(&mut self, turn: &mut Turn<'_>, call: &ToolCall<'_>) -> Result<(), EncodeError> {
        let index = turn.index;
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, index);
        }
        check_name(call.name(), index)?;
        let arguments = call.arguments();
        let is_json = self.note_arguments(arguments, index);
        self.channel(turn, "commentary");
        let mut s = self.script.piece(turn.piece);
        s.push(" to=functions.").text(call.name());
        s.push(if is_json { " <|constrain|>json" } else { "" }).end();
        let start = self.enter(turn.piece);
        let mut s = self.script.piece(turn.piece);
        match arguments {
            Arguments::Text(text) => s.text(text),
            Arguments::Value(value) => s.json(value),
            _ => s.push("{}"),
        };
        s.end();
        self.leave(start, index, turn.piece, CALL)
    }

    /// Whether arguments are JSON; notes what is no object.
    fn note_arguments(&mut self, arguments: &Arguments<'_>, index: usize) -> bool {
        let kind = match arguments {
            Arguments::Text(text) => {
                let Ok(value) = self.embedded.read(text) else {
                    self.losses.note(Loss::UnparsableArguments, index);
                    return false;
                };
                value.kind()
            }
            Arguments::Value(value) => value.kind(),
            _ => Kind::Object,
        };
        if kind != Kind::Object {
            self.losses.note(Loss::NonObjectArguments, index);
        }
        true
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
        self.result(index, call)
    }

    fn result(&mut self, index: usize, call: CallRef) -> Result<(), EncodeError> {
        let message = &self.messages[index];
        plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
        let name = self.thread.call(call).name();
        check_name(name, index)?;
        let mut s = self.script.piece(Piece::Heard);
        s.push("<|start|>functions.").text(name);
        s.push(" to=assistant<|channel|>commentary").end();
        let start = self.enter(Piece::Heard);
        let mut s = self.script.piece(Piece::Heard);
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        self.leave(start, index, Piece::Heard, END)
    }

    /// Writes the head of a message of the assistant up to its channel. That the turn is the assistant's is what a
    /// model is told, not what it learns; of further messages in the turn it learns that as well.
    fn channel(&mut self, turn: &mut Turn<'_>, channel: &'static str) {
        let piece = if turn.is_begun { turn.piece } else { Piece::Heard };
        self.script.piece(piece).push("<|start|>assistant").end();
        turn.is_begun = true;
        self.script.piece(turn.piece).push(CHANNEL).push(channel).end();
    }

    /// Ends the header of a message; gives the place where its content begins.
    fn enter(&mut self, piece: Piece) -> usize {
        self.script.piece(piece).push(MESSAGE).end();
        self.script.position()
    }

    /// Ends a message whose content began at `start`, unless that holds what would end it before.
    fn leave(
        &mut self,
        start: usize,
        index: usize,
        piece: Piece,
        end: &'static str,
    ) -> Result<(), EncodeError> {
        self.script.check(start, index, TOKENS)?;
        self.script.piece(piece).push(end).end();
        Ok(())
    }
}

/// A header is divided at its spaces and tokens: a name may hold neither.
fn check_name(name: &Text<'_>, index: usize) -> Result<(), EncodeError> {
    let breaks = |c: char| c.is_whitespace() || matches!(c, '<' | '\\');
    if name.is_empty() || name.body().contains(breaks) {
        let text = format!(
            "`{}` cannot stand in a header of Harmony; give the function a name without spaces",
            name.decode()
        );
        return Err(EncodeError::at(index, EncodeErrorKind::Forbidden, text));
    }
    Ok(())
}
