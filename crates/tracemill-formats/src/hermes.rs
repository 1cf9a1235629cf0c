//! Hermes and Qwen: ChatML with tool definitions, calls and results between tags, as one text or in pieces.
//!
//! ```text
//! <|im_start|>system
//! Use tools.
//!
//! # Tools
//! …<tools>
//! {"type": "function", "function": {"name": "get_weather", …}}
//! </tools>…<|im_end|>
//! <|im_start|>user
//! Weather in Oslo?<|im_end|>
//! <|im_start|>assistant
//! <tool_call>
//! {"name": "get_weather", "arguments": {"city": "Oslo"}}
//! </tool_call><|im_end|>
//! <|im_start|>user
//! <tool_response>
//! 4 C
//! </tool_response><|im_end|>
//! <|im_start|>assistant
//! 4 C.<|im_end|>
//! ```
//!
//! The text is what the templates of Qwen 2.5 and Qwen 3 make, as TRL 1.16.0 ships them (`chat_templates/`), white space of
//! JSON included, but for what they invent: the system message that Qwen 2.5 has for want of one, and the empty thoughts
//! that Qwen 3 puts before a last answer without any. And but for what they leave out: reasoning of turns before the last
//! question stays, as `<think>` before its turn. Delivery is that of `chatml`.
//!
//! Results are told by their place alone. So they stand in the order of their calls; calls that nothing answers are left
//! out (`unanswered-call`), and so are results that answer no call (`orphan-result`); a result that comes later than those
//! of the calls beside its own is written, and noted as the same.

use std::ops::Range;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    CallRef, Example, Function, JsonString, JsonView, JsonWriter, Message, Role, Shape, Text, ToolCall, Trace,
};

use crate::capability::{Capability, Feature, Holds};
use crate::chatml::{self, ENDS, FRAMING, MARKS, START, TOKENS, Turns};
use crate::check::{COLUMNS, Findings, LEARNT};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account::{self, Carried};
use crate::shared::dumped::{self, Layout};
use crate::shared::reasoning::{self, Placement};
use crate::shared::rendered::{Delivery, Piece, Plan, WITH_PROMPT_COMPLETION, WITH_SEGMENTS};
use crate::shared::thread::Thread;
use crate::shared::{self, metadata, plain, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "hermes",
    summary: "ChatML with tools as Hermes, Qwen 2.5 and Qwen 3 read them: `<tool_call>` and `<tool_response>`",
    shapes: &[Shape::Conversation],
    extensions: &[WITH_PROMPT_COMPLETION, WITH_SEGMENTS],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::Metadata,
            Feature::MultiTurn,
        ])
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
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
        COLUMNS, LEARNT, FRAMING, MARKS, ROLES, CALLS, ARGUMENTS, RESULTS, TOOLS, ENDS.rule, START,
    ],
    file_rules: &[],
    check,
    example: r#"{"text":"<|im_start|>user\nWeather in Oslo?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n4 C\n</tool_response><|im_end|>\n<|im_start|>assistant\n4 C.<|im_end|>"}"#,
    make,
};

const TEMPLATES: &str = "trl 1.16.0, chat_templates/qwen2_5.jinja and qwen3_instruct_2507.jinja, rendered";

const ROLES: Rule = Rule::new("roles", "roles are system, user and assistant", TEMPLATES);
const CALLS: Rule = Rule::new(
    "calls",
    "a call is one JSON object with `name` and `arguments`, on a line between `<tool_call>` and `</tool_call>`, in a \
     turn of the assistant",
    TEMPLATES,
);
const ARGUMENTS: Rule = Rule::new("arguments", "the arguments of a call are an object", TEMPLATES);
const RESULTS: Rule = Rule::new(
    "results",
    "results stand between `<tool_response>` and `</tool_response>`, and fill a turn of the user",
    TEMPLATES,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "the definitions between `<tools>` and `</tools>` are JSON objects, one a line",
    TEMPLATES,
);

const CALL: &str = "<tool_call>";
const CALL_END: &str = "</tool_call>";
const RESULT: &str = "<tool_response>";
const RESULT_END: &str = "</tool_response>";
/// What a turn of the assistant may not say.
const CALL_MARKS: &[&str] = &[CALL, CALL_END, TOKENS[0], TOKENS[1], TOKENS[2]];
/// What a turn of the user, or a result, may not say.
const RESULT_MARKS: &[&str] = &[RESULT, RESULT_END, TOKENS[0], TOKENS[1], TOKENS[2]];
const TOOLS_HEAD: &str = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are \
                          provided with function signatures within <tools></tools> XML tags:\n<tools>";
const TOOLS_END: &str = "\n</tools>\n\nFor each function call, return a json object with function name and arguments \
                         within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \
                         \"arguments\": <args-json-object>}\n</tool_call>";

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    let Some(text) = ENDS.text(spec, record, findings) else {
        return;
    };
    let mut any = false;
    chatml::each_turn(&text, findings, |findings, role, content| match role {
        "system" => check_tools(content, findings),
        "assistant" => {
            any = true;
            check_calls(content, findings);
        }
        "user" => check_results(content, findings),
        _ => findings.note(&ROLES, format!("a turn has the role `{role}`")),
    });
    if !any {
        findings.note(&LEARNT, "there is no turn of the assistant");
    }
}

fn check_tools(content: &str, findings: &mut Findings) {
    let Some((_, rest)) = content.split_once(TOOLS_HEAD) else {
        return;
    };
    let Some((lines, _)) = rest.split_once("\n</tools>") else {
        findings.note(&TOOLS, "`<tools>` does not end");
        return;
    };
    for line in lines.lines().filter(|line| !line.is_empty()) {
        findings.embedded(&Text::new(line), &TOOLS, |findings, tool| {
            if tool.kind() != Kind::Object {
                findings.note(&TOOLS, "a definition is no object");
            }
        });
    }
}

fn check_calls(content: &str, findings: &mut Findings) {
    let mut rest = content;
    while let Some((before, call)) = rest.split_once(CALL) {
        let Some((call, after)) = call.split_once(CALL_END) else {
            findings.note(&CALLS, format!("`{CALL}` does not end"));
            return;
        };
        if before.contains(CALL_END) {
            break;
        }
        check_call(call, findings);
        rest = after;
    }
    if rest.contains(CALL_END) {
        findings.note(&CALLS, format!("`{CALL_END}` ends nothing"));
    }
}

fn check_call(call: &str, findings: &mut Findings) {
    let line = call.strip_prefix('\n').and_then(|call| call.strip_suffix('\n'));
    let Some(line) = line else {
        findings.note(&CALLS, "the call does not stand on a line of its own");
        return;
    };
    findings.embedded(&Text::new(line), &CALLS, |findings, call| {
        let name = call.get("name");
        if name.is_none_or(|name| name.kind() != Kind::String) {
            findings.note(&CALLS, "the call has no `name`");
        }
        if call
            .get("arguments")
            .is_none_or(|value| value.kind() != Kind::Object)
        {
            findings.note(&ARGUMENTS, "the call has no `arguments` that are an object");
        }
    });
}

fn check_results(content: &str, findings: &mut Findings) {
    if !content.contains(RESULT) && !content.contains(RESULT_END) {
        return;
    }
    let mut rest = Some(content);
    while let Some(results) = rest.filter(|results| !results.is_empty()) {
        let result = results
            .strip_prefix(RESULT)
            .and_then(|rest| rest.strip_prefix('\n'));
        let split = result.and_then(|result| result.split_once(RESULT_END));
        match split {
            Some((result, after)) if !result.contains(RESULT) && result.ends_with('\n') => {
                rest = after.strip_prefix('\n').or(Some(after));
            }
            _ => {
                findings.note(&RESULTS, "the turn holds something else than whole results");
                return;
            }
        }
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Hermes {
        delivery: Delivery::of(spec)?,
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Hermes {
    delivery: Delivery,
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for Hermes {
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
            order,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let plan = Plan::new(conversation, self.delivery, losses);
        let mut text = Rendering {
            plan,
            reasoning: self.reasoning,
            messages,
            thread: Thread::linked(messages, links),
            turns: Turns::begin(self.delivery, &mut w),
            embedded,
            json,
            order,
            losses,
        };
        text.write(conversation.trace())?;
        text.turns.script.end()?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

/// Writes the text of one record.
struct Rendering<'r, 's, 'b> {
    plan: Plan<'r>,
    reasoning: Placement,
    messages: &'r [Message<'r>],
    thread: Thread<'r>,
    turns: Turns<'s, 'b>,
    embedded: &'r mut EmbeddedJson,
    json: &'r mut Vec<u8>,
    order: &'r mut Vec<usize>,
    losses: &'r mut Losses,
}

impl Rendering<'_, '_, '_> {
    fn write(&mut self, trace: &Trace<'_>) -> Result<(), EncodeError> {
        let messages = self.messages;
        let mut from = self.head(trace)?;
        let end = self.plan.written().end;
        while from < end {
            let message = &messages[from];
            match message.role() {
                Role::Tool => {
                    let run = messages[from..end].iter();
                    let count = run.take_while(|message| *message.role() == Role::Tool).count();
                    self.results(from..from + count)?;
                    from += count;
                    continue;
                }
                Role::Assistant => self.assistant(from, message)?,
                _ => self.said(from, message)?,
            }
            from += 1;
        }
        Ok(())
    }

    /// Writes the definitions, behind the system message if that is the first; gives the index of what comes next.
    fn head(&mut self, trace: &Trace<'_>) -> Result<usize, EncodeError> {
        let Some(functions) = tools::functions(trace, self.losses) else {
            return Ok(0);
        };
        let start = self.turns.open("system", Piece::Heard);
        let first = self.messages.first();
        let first = first.filter(|first| matches!(first.role(), Role::System | Role::Developer));
        if let Some(message) = first {
            plain::role(message, 0, self.losses);
            plain::note_other(message, 0, self.reasoning, &self.thread, self.losses);
            let mut s = self.turns.script.piece(Piece::Heard);
            text::append(message.content(), 0, &mut s, self.losses);
            s.push("\n\n").end();
        }
        let mut s = self.turns.script.piece(Piece::Heard);
        s.push(TOOLS_HEAD);
        for function in functions {
            s.push("\n");
            definition(function, self.json, &mut s);
        }
        s.push(TOOLS_END).end();
        self.turns.script.check(start, 0, TOKENS)?;
        self.turns.close(Piece::Heard);
        Ok(usize::from(first.is_some()))
    }

    /// Writes what a system message or a user says.
    fn said(&mut self, index: usize, message: &Message<'_>) -> Result<(), EncodeError> {
        plain::note_other(message, index, self.reasoning, &self.thread, self.losses);
        let role = plain::role(message, index, self.losses);
        let start = self.turns.open(role, Piece::Heard);
        let mut s = self.turns.script.piece(Piece::Heard);
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        let marks = if role == "user" { RESULT_MARKS } else { TOKENS };
        self.turns.script.check(start, index, marks)?;
        self.turns.close(Piece::Heard);
        Ok(())
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
        let start = self.turns.open("assistant", piece);
        let mut s = self.turns.script.piece(piece);
        if let Some(thoughts) = self.reasoning.words(message, index, self.losses)? {
            reasoning::think(thoughts, &mut s);
        }
        text::append(message.content(), index, &mut s, self.losses);
        s.end();
        self.turns.script.check(start, index, CALL_MARKS)?;
        let mut is_first = text::is_empty(message.content());
        for call in self.thread.kept_calls(index) {
            let call = self.thread.call(call);
            let mut s = self.turns.script.piece(piece);
            s.push(if is_first { "" } else { "\n" })
                .push(CALL)
                .push("\n")
                .end();
            self.call(index, call, piece)?;
            self.turns.script.piece(piece).push("\n").push(CALL_END).end();
            is_first = false;
        }
        self.turns.close(piece);
        Ok(())
    }

    fn call(&mut self, index: usize, call: &ToolCall<'_>, piece: Piece) -> Result<(), EncodeError> {
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, index);
        }
        let start = self.turns.script.position();
        let mut s = self.turns.script.piece(piece);
        s.push("{\"name\": ")
            .quoted(call.name())
            .push(", \"arguments\": ");
        dumped::arguments(call.arguments(), index, self.embedded, self.losses, &mut s);
        s.push("}").end();
        self.turns.script.check(start, index, CALL_MARKS)
    }

    /// Writes a run of results in one turn, in the order of their calls.
    fn results(&mut self, run: Range<usize>) -> Result<(), EncodeError> {
        let thread = self.thread;
        self.order.clear();
        for index in run.clone() {
            match thread.answered(index) {
                Some(call) => {
                    self.order.push(index);
                    if self.is_late(call, run.start) {
                        self.losses.note(Loss::OrphanResult, index);
                    }
                }
                None => self.losses.note(Loss::OrphanResult, index),
            }
        }
        if self.order.is_empty() {
            return Ok(());
        }
        self.order.sort_unstable_by_key(|&index| thread.answered(index));
        self.turns.open("user", Piece::Heard);
        for place in 0..self.order.len() {
            let index = self.order[place];
            let message = &self.messages[index];
            plain::note_other(message, index, self.reasoning, &thread, self.losses);
            let mut s = self.turns.script.piece(Piece::Heard);
            s.push(if place == 0 { "" } else { "\n" })
                .push(RESULT)
                .push("\n")
                .end();
            let start = self.turns.script.position();
            let mut s = self.turns.script.piece(Piece::Heard);
            text::append(message.content(), index, &mut s, self.losses);
            s.end();
            self.turns.script.check(start, index, RESULT_MARKS)?;
            self.turns
                .script
                .piece(Piece::Heard)
                .push("\n")
                .push(RESULT_END)
                .end();
        }
        self.turns.close(Piece::Heard);
        Ok(())
    }

    /// Whether a result in the run that begins at `start` comes behind those of the calls beside its own, so that
    /// its place no longer says which of them it answers.
    fn is_late(&self, call: CallRef, start: usize) -> bool {
        let between = &self.messages[call.message + 1..start];
        !between.is_empty() && self.thread.has_several_calls(call.message)
    }
}

/// Appends a definition in the layout of `tojson`.
fn definition(function: &Function<'_>, json: &mut Vec<u8>, s: &mut JsonString<'_, '_>) {
    dumped::composed(json, Layout::Spaced, s, |w| tools::nested_function(function, w));
}
