//! ShareGPT conversations with tool calls, in the strict order of LLaMA-Factory.
//!
//! Read by LLaMA-Factory 0.9.5 with `formatting: sharegpt` (`data/converter.py`, `data/formatter.py`). It drops a
//! record that breaks its order with a warning that nobody reads, and ends the whole run on text that is not JSON where
//! JSON belongs; so the order is enforced here: `human` or `observation` in odd places, `gpt` or `function_call` in even
//! ones, an even number of turns.
//!
//! One turn is one kind of thing, so what stands beside it must be moved or lost, each under its code. Consecutive
//! turns of one side become one: texts joined with a blank line, calls in one list, reasoning in one block. Results of
//! parallel calls are one observation: a JSON list of their texts, in the order of the calls. Text beside a call is
//! left out. Calls in the middle that nothing answers, and results that answer nothing, are left out. The first system
//! message is the column `system`; later ones are moved there. What no loss can mend is refused: a user turn between a
//! call and its result, or between a result and the next assistant turn.
//!
//! Reasoning stands where LLaMA-Factory looks for it, inline at the head of the turn; that is its own place, so
//! `auto` writes it there. Every `gpt` and `function_call` turn is trained on.
//!
//! With `+v1` the record is that of LLaMA-Factory's newer reader: `messages` of typed blocks, which hold reasoning, several
//! calls beside text, images by address, and a weight for each message.

mod blocks;

use std::ops::Range;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    CallRef, Example, JsonString, JsonView, JsonWriter, Message, Reasoning, Role, Shape, Trace,
};

use self::blocks::Blocks;
use crate::capability::{Capability, Feature, Holds};
use crate::check::{Conversations, Findings, Parity};
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::account::Carried;
use crate::shared::reasoning::Placement;
use crate::shared::rendered::find_mark;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, arguments, dataset_info, metadata, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "sharegpt",
    summary: "ShareGPT `conversations` for LLaMA-Factory: function_call and observation turns in strict order",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        V1,
        "`messages` of typed blocks with `loss_weight`, for the data reader v1 of LLaMA-Factory",
    )],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::Reasoning,
            Feature::Metadata,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::TextBesideCall,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
        Loss::LeadingTurns,
        Loss::MergedTurns,
        Loss::SystemMessage,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
        Loss::OrphanResult,
        Loss::UnansweredCall,
        Loss::ErrorMark,
        Loss::Images,
        Loss::Audio,
        Loss::Video,
        Loss::Files,
        Loss::OtherPart,
        Loss::JoinedParts,
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[
        ORDER,
        EVEN,
        OBSERVATION,
        FUNCTION_CALL,
        ARGUMENTS,
        TOOLS,
        blocks::BLOCKS,
        blocks::ROLES,
        blocks::LOSS_WEIGHT,
        blocks::MEDIA,
    ],
    file_rules: &[],
    check,
    example: r#"{"conversations":[{"from":"human","value":"Weather in Oslo and Lyon?"},{"from":"function_call","value":"[{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\"}},{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Lyon\"}}]"},{"from":"observation","value":"[\"4 C\",\"17 C\"]"},{"from":"gpt","value":"Oslo 4 C, Lyon 17 C."}],"system":"You are a travel desk.","tools":"[{\"name\":\"get_weather\",\"description\":\"Current weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}]"}"#,
    make,
};

const V1: &str = "v1";
const CONVERTER: &str = "LLaMA-Factory 0.9.5, data/converter.py";
const FORMATTER: &str = "LLaMA-Factory 0.9.5, data/formatter.py";

const ORDER: Rule = Rule::new(
    "order",
    "odd places hold `human` or `observation`, even ones `gpt` or `function_call`; else the record is dropped",
    CONVERTER,
);
const EVEN: Rule = Rule::new("even", "the number of turns is even", CONVERTER);
const OBSERVATION: Rule = Rule::told(
    "observation",
    "results of parallel calls are joined into one `observation`",
    CONVERTER,
);
const FUNCTION_CALL: Rule = Rule::new(
    "function-call",
    "`function_call` is the JSON text of one call or of a list, with `name` and `arguments`, after \
     `<think>…</think>` if there is reasoning; text that is no JSON ends the run, and of text with \
     `<tool_call>…</tool_call>` anywhere only what stands inside is read",
    FORMATTER,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments inside are an object; text would be encoded once more",
    FORMATTER,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "`tools` is the JSON text of a list of functions, or is absent; blank text ends the run, and the tool \
     format `default` needs `parameters.properties`",
    FORMATTER,
);

const TURNS: Conversations = Conversations {
    order: ORDER,
    parity: EVEN,
    turns: Parity::Even,
    function_call: FUNCTION_CALL,
    arguments: ARGUMENTS,
    tools: TOOLS,
};

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if spec.has(V1) {
        blocks::check(record, findings);
    } else if findings.is(record, Kind::Object) {
        TURNS.check(record, findings);
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    if spec.has(V1) {
        return Ok(Box::new(Blocks {
            reasoning: Placement::with_field(options.reasoning()),
            metadata: options.metadata(),
        }));
    }
    Ok(Box::new(ShareGpt {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct ShareGpt {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for ShareGpt {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        FORMAT.shapes.contains(&shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let conversation = shared::conversation(example)?;
        let messages = conversation.messages();
        let Scratch {
            losses,
            links,
            embedded,
            json,
            columns,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let thread = Thread::new(messages, links);
        let mut turns = Turns {
            reasoning: self.reasoning,
            messages,
            trained: Trained::Every(conversation),
            thread,
            kept: kept(&thread, messages)?,
            embedded,
            json,
            losses,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        turns.note(0);
        w.key("conversations").begin_array();
        turns.write(messages.len(), &mut w)?;
        w.end_array();
        *columns |= turns.system(&mut w) | turns.tools(conversation.trace(), &mut w);
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        vec![dataset_info::sharegpt(
            file_name,
            dataset_info::Stage::Sft,
            columns,
        )]
    }
}

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
        let Some(functions) = tools::functions(trace, self.losses) else {
            return Columns::NONE;
        };
        self.json.clear();
        let mut list = JsonWriter::new(self.json);
        list.begin_array();
        for function in functions {
            list.begin_object();
            function.write_members(&mut list);
            list.end_object();
        }
        list.end_array();
        w.key("tools").begin_string().written(self.json).end();
        Columns::TOOLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::encode;

    const CALL: &str = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","name":"f"}]}"#;
    const RESULT: &str = r#"{"role":"tool","tool_call_id":"c","content":"r"}"#;
    const USER: &str = r#"{"role":"user","content":"u"}"#;
    const ASSISTANT: &str = r#"{"role":"assistant","content":"a"}"#;

    fn refusal(messages: &[&str]) -> (EncodeErrorKind, Option<usize>) {
        let line = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        let error = encode("sharegpt", &line).unwrap_err();
        (error.kind(), error.message_index())
    }

    #[test]
    fn orders_that_no_loss_can_mend_are_refused_with_their_place() {
        let late = refusal(&[USER, CALL, USER, RESULT, ASSISTANT]);
        assert_eq!(late, (EncodeErrorKind::Result, Some(1)));
        let interrupted = refusal(&[USER, CALL, RESULT, USER, ASSISTANT]);
        assert_eq!(interrupted, (EncodeErrorKind::Order, Some(3)));
        assert_eq!(refusal(&[ASSISTANT]), (EncodeErrorKind::Order, None));
        assert_eq!(refusal(&[ASSISTANT, USER]), (EncodeErrorKind::NoTarget, None));
    }

    #[test]
    fn a_merged_turn_has_one_block_of_reasoning_before_its_calls() {
        let line = r#"{"messages":[{"role":"user","content":"u"},
            {"role":"assistant","content":"said","reasoning":"one"},
            {"role":"assistant","content":null,"reasoning":"two","tool_calls":[{"id":"c","name":"f"}]}]}"#;
        let (record, losses) = encode("sharegpt", line).unwrap();
        let value = r#""value":"<think>\none\n\ntwo\n</think>\n\n{\"name\":\"f\",\"arguments\":{}}""#;
        assert!(record.contains(value), "{record}");
        assert_eq!(losses, [(Loss::TextBesideCall, 1), (Loss::MergedTurns, 2)]);
    }

    #[test]
    fn a_turn_between_two_user_turns_that_is_left_out_lets_them_merge() {
        let line = format!(r#"{{"messages":[{USER},{CALL},{USER},{ASSISTANT}]}}"#);
        let (record, losses) = encode("sharegpt", &line).unwrap();
        assert!(record.contains(r#"{"from":"human","value":"u\n\nu"},{"from":"gpt","value":"a"}"#));
        assert_eq!(losses, [(Loss::MergedTurns, 2), (Loss::UnansweredCall, 1)]);
    }
    #[test]
    fn the_mark_of_a_call_is_hidden_in_arguments_and_refused_in_reasoning() {
        let line = |reasoning: &str, argument: &str| {
            format!(
                r#"{{"messages":[{USER},{{"role":"assistant","reasoning":"{reasoning}","content":null,"tool_calls":[
                {{"id":"c","name":"f","arguments":{{"a":"{argument}"}}}}]}},{RESULT},{ASSISTANT}]}}"#
            )
        };
        let (record, losses) = encode("sharegpt", &line("so", "<tool_call> <tool_calls>")).unwrap();
        let value = r#"{\"a\":\"\\u003ctool_call> <tool_calls>\"}"#;
        assert!(record.contains(value), "{record}");
        assert_eq!(losses, []);
        let error = encode("sharegpt", &line("a <tool_call>", "b")).unwrap_err();
        assert_eq!(
            (error.kind(), error.message_index()),
            (EncodeErrorKind::Forbidden, Some(1))
        );
    }
}
