//! Pairs for ms-swift: two whole conversations in its own roles.
//!
//! Read by ms-swift 4.6.0 (`dataset/preprocessor/core.py`, `docs/source_en/Customization/Custom-dataset.md`).
//! `messages` is the better conversation and `rejected_messages` the worse one, with the same prompt in the same bytes.
//! Calls are turns of their own, `tool_call` with the JSON text of one call, and results are `tool_response`; several
//! calls stand in a row and their results behind them in the same order. All other fields of a message are removed, so
//! reasoning stands inline, which is its own place here: `auto` writes it so. Preference training learns what stands
//! behind the last user message, so a completion with a user turn in it is the loss `long-completion`. Other columns are
//! removed: identity and scores stand under `metadata`.

use std::ops::Range;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Conversation, Example, JsonView, JsonWriter, Message, Preference, Role, Shape, Span};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account::{self, Carried};
use crate::shared::blocks::is_system;
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::{arguments, plain, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "ms-swift-preference",
    summary: "pairs for ms-swift: `messages` and `rejected_messages` with `tool_call` and `tool_response` turns",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
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
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
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
        Loss::LongCompletion,
        Loss::PromptDiffers,
    ],
    rules: &[ROLES, CONTENT, ORDER, COLUMNS, CALLS, TOOLS, JOINED, LAST_ROUND],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"tool_call","content":"{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\"}}"}],"rejected_messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"assistant","content":"Sunny."}],"tools":"[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}]","rejected_tools":"[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}]"}"#,
    make,
};

const CORE: &str = "ms-swift 4.6.0, dataset/preprocessor/core.py";
const TEMPLATE: &str = "ms-swift 4.6.0, template/base.py";
const DOCS: &str = "ms-swift 2026-08, docs/source_en/Customization/Custom-dataset.md";

pub(crate) const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant, `tool_call` and `tool_response`; keys other than role, content and loss are \
     removed",
    CORE,
);
pub(crate) const CONTENT: Rule = Rule::new("content", "`content` is never `null`", CORE);
const COLUMNS: Rule = Rule::new(
    "columns",
    "`messages` and `rejected_messages`; with tools also `rejected_tools`",
    DOCS,
);
pub(crate) const ORDER: Rule = Rule::new(
    "order",
    "one system message stands first and no other anywhere, a `tool_response` is not the first turn, and the turn \
     behind one is not `user`: the template refuses the record",
    TEMPLATE,
);
pub(crate) const JOINED: Rule = Rule::told(
    "joined",
    "user turns in a row are joined with nothing between",
    TEMPLATE,
);
pub(crate) const CALLS: Rule = Rule::new(
    "calls",
    "the content of a `tool_call` is JSON text of `name` and `arguments`; arguments that are `null`, or text that is no \
     JSON, are refused",
    "ms-swift 4.6.0, agent_template/base.py",
);
pub(crate) const TOOLS: Rule = Rule::new("tools", "`tools` is JSON text", DOCS);
const LAST_ROUND: Rule = Rule::told(
    "last-round",
    "what stands behind the last user message is trained on",
    "ms-swift, arguments/rlhf_args.py",
);

const MESSAGE_ROLES: &[&str] = &["system", "user", "assistant", "tool_call", "tool_response"];

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    let lists = ["messages", "rejected_messages"];
    for key in lists.into_iter().filter(|key| record.get(key).is_none()) {
        findings.note(&COLUMNS, format!("`{key}` is missing"));
    }
    if record.get("tools").is_some() && record.get("rejected_tools").is_none() {
        findings.note(&COLUMNS, "`rejected_tools` is missing beside `tools`");
    }
    for key in lists {
        findings.member_if_any(record, key, |findings, list| {
            check_messages(list, findings, |_, _| {});
        });
    }
    for key in ["tools", "rejected_tools"] {
        findings.member_if_any(record, key, |findings, tools| check_tools(tools, findings));
    }
}

/// Checks that definitions are JSON text.
pub(crate) fn check_tools(tools: JsonView<'_>, findings: &mut Findings) {
    match tools.as_text() {
        Some(text) => findings.embedded(&text, &TOOLS, |_, _| {}),
        None => findings.note(
            &TOOLS,
            format!("this is {}, and has to be JSON text", tools.kind().noun()),
        ),
    }
}

/// Checks messages in the roles of ms-swift and their order, each with `more`.
pub(crate) fn check_messages(
    list: JsonView<'_>,
    findings: &mut Findings,
    more: impl Fn(&mut Findings, JsonView<'_>),
) {
    let mut before = String::from("system");
    findings.each(list, |findings, index, message| {
        let role = check_message(message, findings);
        more(findings, message);
        let is_wrong = match role.as_str() {
            "system" => index > 0,
            "tool_response" => before == "system",
            "user" => before == "tool_response",
            _ => false,
        };
        if is_wrong {
            let text = format!("a turn of `{role}` stands behind one of `{before}`");
            findings.note_at("role", &ORDER, text);
        }
        before = role;
    });
}

/// Checks a message in the roles of ms-swift, and gives its role.
fn check_message(message: JsonView<'_>, findings: &mut Findings) -> String {
    if !findings.is(message, Kind::Object) {
        return String::new();
    }
    findings.only_keys(message, &["role", "content", "loss", "loss_scale"], &ROLES);
    let role = message.get("role");
    let role = role
        .and_then(JsonView::as_text)
        .map(|role| role.decode().into_owned());
    let role = role.unwrap_or_default();
    if !MESSAGE_ROLES.contains(&role.as_str()) {
        findings.note(
            &ROLES,
            format!("the role `{role}` is none of {}", MESSAGE_ROLES.join(", ")),
        );
    }
    findings.member(message, "content", |findings, content| {
        if content.is_null() {
            return findings.note(&CONTENT, "`content` is null");
        }
        let Some(text) = findings.text(content) else {
            return;
        };
        if role == "tool_call" {
            findings.embedded(&text, &CALLS, |findings, call| check_call(call, findings));
        }
    });
    role
}

fn check_call(call: JsonView<'_>, findings: &mut Findings) {
    let arguments = call.get("arguments");
    let Some(arguments) = arguments.filter(|_| call.get("name").is_some()) else {
        return findings.note(&CALLS, "the call lacks `name` or `arguments`");
    };
    if arguments.is_null() {
        findings.note(&CALLS, "the arguments are null");
    } else if let Some(text) = arguments.as_text() {
        findings.embedded(&text, &CALLS, |_, _| {});
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(MsSwift {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct MsSwift {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for MsSwift {
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
        let pair = pair::preference(example)?;
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        self.conversations(pair, scratch, &mut w)?;
        tools(pair, scratch, &mut w);
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

/// Writes the definitions as JSON text, for each side.
fn tools(pair: &Preference<'_>, scratch: &mut Scratch, w: &mut JsonWriter<'_>) {
    let Scratch { losses, json, .. } = scratch;
    json.clear();
    tools::nested(pair.prompt.trace(), &mut JsonWriter::new(json), losses);
    if !json.is_empty() {
        w.key("tools").begin_string().written(json).end();
        w.key("rejected_tools").begin_string().written(json).end();
    }
}

impl MsSwift {
    fn conversations(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        w.key("messages").begin_array();
        let start = w.position();
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        self.passage(prompt, Part::Prompt, scratch, w)?;
        let prompt = start..w.position();
        pair::check_left(prompt.clone())?;
        let chosen = self.completion(pair.chosen.completion, scratch, w)?;
        w.end_array();
        w.key("rejected_messages").begin_array().repeat(prompt);
        let rejected = self.completion(pair.rejected.completion, scratch, w);
        let rejected = rejected.map_err(|error| error.of(REJECTED))?;
        w.end_array();
        pair::check_distinct(w, chosen, rejected)
    }

    fn completion(
        &self,
        span: Span<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<Range<usize>, EncodeError> {
        let is_asked = |message: &Message<'_>| matches!(message.role(), Role::User | Role::Other(_));
        if let Some(asked) = span.messages().iter().position(is_asked) {
            scratch.losses.note(Loss::LongCompletion, span.start() + asked);
        }
        let start = w.position();
        self.passage(Passage::completion(span), Part::Completion, scratch, w)?;
        Ok(start..w.position())
    }

    fn passage(
        &self,
        passage: Passage<'_>,
        part: Part<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = passage.messages();
        let Scratch {
            losses,
            links,
            embedded,
            json,
            ..
        } = scratch;
        links.compute(messages);
        let mut turns = Turns {
            reasoning: self.reasoning,
            part,
            messages,
            thread: Thread::new(messages, links),
            embedded,
            json,
            losses,
            before: None,
        };
        turns.write(passage.range(), w)
    }
}

/// Whether a passage is trained on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'r> {
    Prompt,
    Completion,
    /// As the marks of a whole conversation say, which are written as `loss`.
    Marked(Conversation<'r>),
}

/// Writes the messages of a passage.
pub(crate) struct Turns<'r> {
    pub(crate) reasoning: Placement,
    pub(crate) part: Part<'r>,
    pub(crate) messages: &'r [Message<'r>],
    pub(crate) thread: Thread<'r>,
    pub(crate) embedded: &'r mut EmbeddedJson,
    pub(crate) json: &'r mut Vec<u8>,
    pub(crate) losses: &'r mut Losses,
    /// Whether the turn of the assistant that was written last is trained on, if one was.
    pub(crate) before: Option<bool>,
}

impl Turns<'_> {
    pub(crate) fn write(&mut self, range: Range<usize>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        self.system(&range, w);
        let mut index = range.start;
        // Where the last result ends, if nothing was written since.
        let mut result = None;
        while index < range.end {
            let message = &self.messages[index];
            account::fields(message, index, Carried::default(), self.losses);
            if *message.role() != Role::Assistant {
                self.before = None;
            }
            match message.role() {
                Role::System | Role::Developer => {}
                Role::Assistant => self.assistant(index, message, w)?,
                Role::Tool => {
                    let is_result = |index: &usize| *self.messages[*index].role() == Role::Tool;
                    let results = index..index + (index..range.end).take_while(is_result).count();
                    let start = w.position();
                    self.results(&results, &range, w)?;
                    if w.position() > start {
                        result = Some(w.position());
                    }
                    index = results.end;
                    continue;
                }
                _ if result == Some(w.position()) => {
                    let text = "a user turn follows a tool result with no assistant turn between, which the templates of \
                                ms-swift refuse";
                    return Err(EncodeError::at(index, EncodeErrorKind::Order, text));
                }
                _ => {
                    let role = plain::role(message, index, self.losses);
                    account::not_assistant(message, index, self.reasoning, self.losses);
                    account::name(message, index, None, self.losses);
                    self.turn(role, index, w);
                }
            }
            index += 1;
        }
        Ok(())
    }

    /// Writes what the system messages say as one in front: the templates take no other. A completion has no front, so there
    /// they are left out.
    fn system(&mut self, range: &Range<usize>, w: &mut JsonWriter<'_>) {
        let messages = self.messages;
        let mut systems = range.clone().filter(|&index| is_system(&messages[index]));
        let Some(first) = systems.next() else { return };
        if matches!(self.part, Part::Completion) {
            range
                .clone()
                .filter(|&index| is_system(&messages[index]))
                .for_each(|index| self.losses.note(Loss::SystemMessage, index));
            return;
        }
        w.begin_object();
        w.key("role").str("system");
        let mut s = w.key("content").begin_string();
        let mut leading = true;
        for (index, message) in messages.iter().enumerate().take(range.end).skip(range.start) {
            leading &= is_system(message);
            if !is_system(message) {
                continue;
            }
            if !leading {
                self.losses.note(Loss::SystemMessage, index);
            }
            if index > first {
                self.losses.note(Loss::MergedTurns, index);
                s.push("\n\n");
            }
            plain::role(message, index, self.losses);
            account::not_assistant(message, index, self.reasoning, self.losses);
            account::name(message, index, None, self.losses);
            text::append(message.content(), index, &mut s, self.losses);
        }
        s.end();
        w.end_object();
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::name(message, index, None, self.losses);
        self.thread.note_dangling(index, self.losses);
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        let loss = self.loss(index, message);
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        let calls = self.thread.kept_calls(index).next().is_some();
        if thoughts.is_some() || !calls || !text::is_empty(message.content()) {
            w.begin_object();
            w.key("role").str("assistant");
            let mut s = w.key("content").begin_string();
            if let Some(thoughts) = thoughts {
                reasoning::think(thoughts, &mut s);
            }
            text::append(message.content(), index, &mut s, self.losses);
            s.end();
            write_loss(loss, w);
            w.end_object();
        } else {
            text::note_parts(message.content(), index, self.losses);
        }
        for at in self.thread.kept_calls(index) {
            let call = self.thread.call(at);
            if call.kind().is_some() {
                self.losses.note(Loss::CallKind, index);
            }
            self.json.clear();
            let mut json = JsonWriter::new(self.json);
            json.begin_object();
            json.key("name").text(call.name());
            json.key("arguments");
            arguments::object(call.arguments(), index, self.embedded, &mut json, self.losses);
            json.end_object();
            w.begin_object();
            w.key("role").str("tool_call");
            w.key("content").begin_string().written(self.json).end();
            write_loss(loss, w);
            w.end_object();
        }
        Ok(())
    }

    /// Whether an assistant turn has a mark, and which. Turns in a row are joined, and the first mark counts.
    fn loss(&mut self, index: usize, message: &Message<'_>) -> Option<bool> {
        let conversation = match self.part {
            Part::Prompt => return None,
            Part::Completion => {
                if !message.is_target() {
                    self.losses.note(Loss::TrainFlags, index);
                }
                return None;
            }
            Part::Marked(conversation) => conversation,
        };
        let is_target = conversation.is_target(index);
        if self.before.is_some_and(|before| before != is_target) {
            self.losses.note(Loss::TrainFlags, index);
        }
        self.before = Some(is_target);
        (!is_target || message.train() == Some(true)).then_some(is_target)
    }

    /// Writes results that stand in a row, in the order of their calls: that is how they are matched.
    fn results(
        &mut self,
        results: &Range<usize>,
        passage: &Range<usize>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        for index in results.clone().skip(1) {
            account::fields(&self.messages[index], index, Carried::default(), self.losses);
        }
        for index in results
            .clone()
            .filter(|&index| self.thread.answered(index).is_none())
        {
            self.losses.note(Loss::OrphanResult, index);
        }
        let thread = self.thread;
        let answered = |index: usize| thread.answered(index);
        let mut next = results.clone().filter_map(answered).min();
        while let Some(call) = next {
            let result = results.clone().find(|&index| answered(index) == Some(call));
            next = results
                .clone()
                .filter_map(answered)
                .filter(|other| *other > call)
                .min();
            if let Some(index) = result {
                if call.message < passage.start {
                    let text = "a result in the completion answers a call of the prompt, where another side may lack it";
                    return Err(EncodeError::at(index, EncodeErrorKind::Result, text));
                }
                let message = &self.messages[index];
                account::not_assistant(message, index, self.reasoning, self.losses);
                account::error_mark(message, index, self.losses);
                account::name(message, index, Some(self.thread.call(call)), self.losses);
                self.turn("tool_response", index, w);
            }
        }
        Ok(())
    }

    fn turn(&mut self, role: &'static str, index: usize, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("role").str(role);
        let mut s = w.key("content").begin_string();
        text::append(self.messages[index].content(), index, &mut s, self.losses);
        s.end();
        w.end_object();
    }
}

fn write_loss(loss: Option<bool>, w: &mut JsonWriter<'_>) {
    if let Some(loss) = loss {
        w.key("loss").boolean(loss);
    }
}
