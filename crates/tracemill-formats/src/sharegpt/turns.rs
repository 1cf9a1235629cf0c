//! The turns of a record: what each message becomes, what is joined, and what is lost on the way.

use std::ops::Range;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{CallRef, JsonString, JsonWriter, Message, Reasoning, Role, Trace};

use crate::companion::Columns;
use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::reasoning::Placement;
use crate::shared::rendered::find_mark;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{arguments, text, tools};

/// The messages that become turns: from the first user turn to the last assistant turn.
pub(crate) fn kept(thread: &Thread<'_>, messages: &[Message<'_>]) -> Result<Range<usize>, EncodeError> {
    let is_human = |message: &Message<'_>| matches!(message.role(), Role::User | Role::Other(_));
    let Some(start) = messages.iter().position(is_human) else {
        let text = "there is no user turn, and LLaMA-Factory needs one before the first assistant turn";
        return Err(EncodeError::new(EncodeErrorKind::Order, text));
    };
    let last = thread.last_assistant().filter(|&last| last > start);
    let Some(last) = last else {
        let text = "no assistant turn follows a user turn";
        return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
    };
    Ok(start..last + 1)
}

fn is_system(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

/// What LLaMA-Factory takes for the beginning of a call, wherever it stands in a `function_call`.
const CALL_MARK: &str = "<tool_call>";

/// Spells the mark of a call that stands in arguments another way, which means the same in JSON.
fn hide_marks(json: &mut Vec<u8>) {
    if find_mark(json, &[CALL_MARK]).is_some() {
        let hidden = String::from_utf8_lossy(json).replace(CALL_MARK, r"\u003ctool_call>");
        *json = hidden.into_bytes();
    }
}

/// Writes the turns of one record.
pub(crate) struct Turns<'r> {
    pub(crate) reasoning: Placement,
    pub(crate) messages: &'r [Message<'r>],
    pub(crate) trained: Trained<'r>,
    pub(crate) thread: Thread<'r>,
    pub(crate) kept: Range<usize>,
    pub(crate) embedded: &'r mut EmbeddedJson,
    pub(crate) json: &'r mut Vec<u8>,
    pub(crate) losses: &'r mut Losses,
}

/// What a turn is in the order of LLaMA-Factory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Human,
    Observation,
    Assistant,
}

/// Messages that become one turn; those of no side in between are passed over.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) side: Side,
    pub(crate) range: Range<usize>,
}

impl<'r> Turns<'r> {
    fn messages(&self) -> &'r [Message<'r>] {
        self.messages
    }

    /// What the message at `index` becomes; nothing if it is a system message or left out.
    pub(crate) fn side(&self, index: usize) -> Option<Side> {
        match self.messages()[index].role() {
            Role::System | Role::Developer => None,
            Role::Assistant => (!self.thread.is_spent(index)).then_some(Side::Assistant),
            Role::Tool => self.answered(index).map(|_| Side::Observation),
            _ => Some(Side::Human),
        }
    }

    /// The call that a result answers, unless that was left out with the turns before the first user turn.
    fn answered(&self, index: usize) -> Option<CallRef> {
        self.thread
            .answered(index)
            .filter(|call| self.kept.contains(&call.message))
    }

    /// The indices in `range`, a run of `side`, that belong to it.
    fn of(&self, side: Side, range: &Range<usize>) -> impl Iterator<Item = usize> + use<'_, 'r> {
        let first = range.start;
        range
            .clone()
            .filter(move |&index| self.belongs(index, side, first))
    }

    /// Whether a message belongs to the run of `side` that begins at `first`. A run begins with one that does, and
    /// nearly always holds no other message, so that is asked first.
    #[inline]
    fn belongs(&self, index: usize, side: Side, first: usize) -> bool {
        index == first || self.side(index) == Some(side)
    }

    /// The run of turns of one side that begins at or after `from`.
    pub(crate) fn run(&self, from: usize) -> Option<Run> {
        let sides = |from: usize| (from..self.kept.end).filter_map(|index| Some((index, self.side(index)?)));
        let (start, side) = sides(from).next()?;
        let end = sides(start + 1).find(|(_, other)| *other != side);
        let end = end.map_or(self.kept.end, |(index, _)| index);
        Some(Run {
            side,
            range: start..end,
        })
    }

    /// The calls of a run, in order.
    fn calls(&self, range: &Range<usize>) -> impl Iterator<Item = CallRef> + use<'_, 'r> {
        self.of(Side::Assistant, range)
            .flat_map(|index| self.thread.kept_calls(index))
    }

    /// Notes what the record leaves out, message by message, of those from `from` on.
    pub(crate) fn note(&mut self, from: usize) {
        for (index, message) in self.messages().iter().enumerate().skip(from) {
            if index >= self.kept.end {
                self.losses.note(Loss::TrailingTurns, index);
            } else if is_system(message) {
                self.note_system(index, message);
            } else if index < self.kept.start {
                self.losses.note(Loss::LeadingTurns, index);
            } else {
                self.note_turn(index, message);
            }
        }
    }

    fn note_system(&mut self, index: usize, message: &Message<'_>) {
        account::fields(message, index, Carried::default(), self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::name(message, index, None, self.losses);
        if *message.role() == Role::Developer {
            self.losses.note(Loss::DeveloperRole, index);
        }
        if index > 0 {
            self.losses.note(Loss::SystemMessage, index);
        }
    }

    fn note_turn(&mut self, index: usize, message: &Message<'_>) {
        account::fields(message, index, Carried::default(), self.losses);
        match message.role() {
            Role::Assistant => {
                account::name(message, index, None, self.losses);
                self.thread.note_dangling(index, self.losses);
                if self.thread.is_spent(index) {
                    account::reasoning(message, index, self.reasoning, self.losses);
                } else if self
                    .trained
                    .is_against(index, message, self.thread.last_assistant())
                {
                    self.losses.note(Loss::TrainFlags, index);
                }
            }
            Role::Tool => match self.answered(index) {
                Some(call) => {
                    account::not_assistant(message, index, self.reasoning, self.losses);
                    account::error_mark(message, index, self.losses);
                    account::name(message, index, Some(self.thread.call(call)), self.losses);
                }
                None => self.losses.note(Loss::OrphanResult, index),
            },
            role => {
                if *role != Role::User {
                    self.losses.note(Loss::OtherRole, index);
                }
                account::not_assistant(message, index, self.reasoning, self.losses);
                account::name(message, index, None, self.losses);
            }
        }
    }

    /// Writes the turns that begin before `end`, human first.
    pub(crate) fn write(&mut self, end: usize, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let mut before: Option<Run> = None;
        let mut next = self.run(self.kept.start);
        while let Some(run) = next.filter(|run| run.range.start < end) {
            next = self.run(run.range.end);
            match (run.side, &before) {
                (Side::Human, Some(before)) if before.side == Side::Observation => {
                    let text = "a user turn follows a tool result with no assistant turn between, which \
                                LLaMA-Factory drops";
                    return Err(EncodeError::at(run.range.start, EncodeErrorKind::Order, text));
                }
                (Side::Human, _) => self.human(&run.range, w),
                (Side::Observation, Some(before)) => self.observation(&before.range, &run.range, w),
                (Side::Assistant, _) => self.assistant(&run.range, next.as_ref(), w)?,
                // A result answers a call before it, so it is never first.
                (Side::Observation, None) => {}
            }
            before = Some(run);
        }
        Ok(())
    }

    fn human(&mut self, range: &Range<usize>, w: &mut JsonWriter<'_>) {
        self.note_merged(Side::Human, range);
        w.begin_object();
        w.key("from").str("human");
        let mut s = w.key("value").begin_string();
        self.texts(Side::Human, range, &mut s);
        s.end();
        w.end_object();
    }

    pub(crate) fn assistant(
        &mut self,
        range: &Range<usize>,
        next: Option<&Run>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        if let Some(next) = next {
            self.check_answered(range, next)?;
        }
        self.note_merged(Side::Assistant, range);
        let calls = self.calls(range).count();
        w.begin_object();
        w.key("from")
            .str(if calls == 0 { "gpt" } else { "function_call" });
        let mut s = w.key("value").begin_string();
        self.thoughts(range, &mut s)?;
        if calls == 0 {
            self.texts(Side::Assistant, range, &mut s);
        } else {
            self.check_thoughts(range)?;
            self.note_beside(range);
            self.compose_calls(range, calls);
            hide_marks(self.json);
            s.written(self.json);
        }
        s.end();
        w.end_object();
        Ok(())
    }

    /// Refuses reasoning before calls that would be read as a call.
    fn check_thoughts(&self, range: &Range<usize>) -> Result<(), EncodeError> {
        let holds_mark = |index: &usize| {
            let words = self.messages()[*index].reasoning().and_then(Reasoning::as_text);
            words.is_some_and(|words| find_mark(words.body().as_bytes(), &[CALL_MARK]).is_some())
        };
        match self.of(Side::Assistant, range).find(holds_mark) {
            Some(index) if self.reasoning == Placement::Inline => {
                let text = "the reasoning before a call holds `<tool_call>`, behind which LLaMA-Factory would look \
                            for the call; drop reasoning, or use a format with a field for it";
                Err(EncodeError::at(index, EncodeErrorKind::Forbidden, text))
            }
            _ => Ok(()),
        }
    }

    /// The results of the calls in `calls`: one as its text, several as a list in the order of the calls.
    fn observation(&mut self, calls: &Range<usize>, results: &Range<usize>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("from").str("observation");
        let mut s = w.key("value").begin_string();
        if self.of(Side::Observation, results).count() == 1 {
            self.texts(Side::Observation, results, &mut s);
        } else {
            self.compose_results(calls, results);
            s.written(self.json);
        }
        s.end();
        w.end_object();
    }

    /// Refuses calls whose result does not stand in the turn behind them.
    fn check_answered(&self, range: &Range<usize>, next: &Run) -> Result<(), EncodeError> {
        for call in self.calls(range) {
            if next.side != Side::Observation || self.result_of(call, &next.range).is_none() {
                let text = "a call is answered only after another turn; LLaMA-Factory wants its result directly \
                            behind it";
                return Err(EncodeError::at(call.message, EncodeErrorKind::Result, text));
            }
        }
        Ok(())
    }

    fn result_of(&self, call: CallRef, results: &Range<usize>) -> Option<usize> {
        results.clone().find(|&index| self.answered(index) == Some(call))
    }

    /// Composes the calls of a turn as JSON: an object for one, a list for several.
    fn compose_calls(&mut self, range: &Range<usize>, count: usize) {
        let mut json = std::mem::take(self.json);
        json.clear();
        let mut w = JsonWriter::new(&mut json);
        if count > 1 {
            w.begin_array();
        }
        for index in range.clone() {
            if self.belongs(index, Side::Assistant, range.start) {
                for call in self.thread.kept_calls(index) {
                    self.call(call, &mut w);
                }
            }
        }
        if count > 1 {
            w.end_array();
        }
        *self.json = json;
    }

    fn call(&mut self, at: CallRef, w: &mut JsonWriter<'_>) {
        let call = self.thread.call(at);
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, at.message);
        }
        w.begin_object();
        w.key("name").text(call.name());
        w.key("arguments");
        arguments::object(call.arguments(), at.message, self.embedded, w, self.losses);
        w.end_object();
    }

    /// Composes the results of several calls as a JSON list of texts.
    fn compose_results(&mut self, calls: &Range<usize>, results: &Range<usize>) {
        let mut json = std::mem::take(self.json);
        json.clear();
        let mut w = JsonWriter::new(&mut json);
        w.begin_array();
        for index in calls.clone() {
            for call in self.thread.kept_calls(index) {
                if let Some(result) = self.result_of(call, results) {
                    let mut s = w.begin_string();
                    text::append(self.messages()[result].content(), result, &mut s, self.losses);
                    s.end();
                }
            }
        }
        w.end_array();
        *self.json = json;
    }

    /// Appends the texts of a turn, with a blank line between those that say something.
    fn texts(&mut self, side: Side, range: &Range<usize>, s: &mut JsonString<'_, '_>) {
        let mut first = true;
        for index in range.clone() {
            if !self.belongs(index, side, range.start) {
                continue;
            }
            let content = self.messages()[index].content();
            if !first && !text::is_empty(content) {
                s.push("\n\n");
            }
            text::append(content, index, s, self.losses);
            first &= text::is_empty(content);
        }
    }

    /// Appends the reasoning of a turn in one block.
    fn thoughts(&mut self, range: &Range<usize>, s: &mut JsonString<'_, '_>) -> Result<(), EncodeError> {
        let mut any = false;
        for index in range.clone() {
            if !self.belongs(index, Side::Assistant, range.start) {
                continue;
            }
            if let Some(words) = self
                .reasoning
                .words(&self.messages()[index], index, self.losses)?
            {
                s.push(if any { "\n\n" } else { "<think>\n" }).text(words);
                any = true;
            }
        }
        if any {
            s.push("\n</think>\n\n");
        }
        Ok(())
    }

    /// Notes what is said beside calls.
    fn note_beside(&mut self, range: &Range<usize>) {
        for index in range.clone() {
            if self.belongs(index, Side::Assistant, range.start) {
                let content = self.messages()[index].content();
                if !text::is_empty(content) {
                    self.losses.note(Loss::TextBesideCall, index);
                }
                text::note_parts(content, index, self.losses);
            }
        }
    }

    /// Notes every message of a turn but the first.
    fn note_merged(&mut self, side: Side, range: &Range<usize>) {
        for index in range.clone().skip(1) {
            if self.side(index) == Some(side) {
                self.losses.note(Loss::MergedTurns, index);
            }
        }
    }

    /// The column `system`: what the system messages say, with a blank line between.
    pub(crate) fn system(&mut self, w: &mut JsonWriter<'_>) -> Columns {
        let messages = &self.messages()[..self.kept.end];
        let says = |message: &Message<'_>| is_system(message) && !text::is_empty(message.content());
        if !messages.iter().any(says) {
            return Columns::NONE;
        }
        let mut s = w.key("system").begin_string();
        let mut first = true;
        for (index, message) in messages.iter().enumerate() {
            if says(message) {
                if !first {
                    s.push("\n\n");
                }
                text::append(message.content(), index, &mut s, self.losses);
                first = false;
            }
        }
        s.end();
        Columns::SYSTEM
    }

    /// The column `tools`: a list of functions as JSON text.
    pub(crate) fn tools(&mut self, trace: &Trace<'_>, w: &mut JsonWriter<'_>) -> Columns {
        if tools::column(trace, self.json, w, self.losses) {
            Columns::TOOLS
        } else {
            Columns::NONE
        }
    }
}
