//! Message lists as Hugging Face trainers and chat templates read them.
//!
//! Read by TRL 1.16.0 (`trainer/sft_trainer.py`, `data_utils.py`) as *language modeling* or, with
//! `+prompt-completion`, as *prompt-completion* data; by axolotl 0.19.0 (`prompt_strategies/chat_template.py`), and by
//! everything that hands `messages` to a chat template of transformers. How templates behave was seen by rendering
//! those that TRL 1.16.0 ships.
//!
//! Arguments are a JSON *object*: text that is one is written as such, because nearly every template breaks on text or
//! encodes it twice. `content` is always text, `""` where nothing is said, because several templates fail on `null`
//! and on parts. Results carry the `name` of the function, which the gpt-oss template needs; one that has no name and
//! answers no call is the loss `orphan-result`. Ids stay as recorded.
//!
//! What is trained on: `messages` trains everything unless the trainer masks it, so turns that are not to be learnt
//! are the loss `train-flags`. With `+prompt-completion` the completion is the last turn that is to be learnt (of a
//! whole trace: its last assistant turn), and only that is trained on; turns after it are the loss `trailing-turns`.

use std::ops::Range;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Conversation, Example, JsonWriter, Message, RawJson, Role, Shape, Text, ToolCall};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::account::Carried;
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, arguments, lists, metadata, text, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ASKED, check_asked};

pub(crate) const FORMAT: Format = Format {
    name: "hf",
    summary: "Hugging Face `messages` for TRL, axolotl and chat templates: arguments as objects, `reasoning_content`",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        PROMPT_COMPLETION,
        "writes `prompt` and `completion`, so that the last turn to be learnt is the only one trained on",
    )],
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
        Loss::OrphanResult,
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
        ARGUMENTS,
        CONTENT,
        RESULT_NAME,
        ROLES,
        COLUMNS,
        PROMPT,
        SCHEMAS,
        ASKED,
    ],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"assistant","content":"","reasoning_content":"Need a lookup.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":{"city":"Oslo"}}}]},{"role":"tool","tool_call_id":"call_1","name":"get_weather","content":"4 C"},{"role":"assistant","content":"4 C."}],"tools":[{"type":"function","function":{"name":"get_weather","description":"Current weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}"#,
    make,
};

const TEMPLATES: &str = "chat templates as shipped in trl 1.16.0, rendered";
const TRL: &str = "trl 1.16.0, data_utils.py and docs/source/dataset_formats.md";
const PROMPT_COMPLETION: &str = "prompt-completion";

const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are an object: text raises in the templates of Qwen 3.5, GLM 4 and Nemotron 3, and \
     is encoded twice by those of Llama 3.1, Qwen 2.5 and gpt-oss",
    TEMPLATES,
);
const CONTENT: Rule = Rule::new(
    "content",
    "`content` is text and never `null`: templates of Qwen 3 VL, gpt-oss and LFM 2.5 fail on `null`, those of \
     Llama 3 and GLM 4 print it",
    TEMPLATES,
);
const RESULT_NAME: Rule = Rule::new(
    "result-name",
    "a result carries the name of its function, which the template of gpt-oss needs",
    TEMPLATES,
);
const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and tool; developer works where a template knows it",
    TRL,
);
const COLUMNS: Rule = Rule::new(
    "columns",
    "a record has either `messages` or `prompt` and `completion`; all parts are lists of messages",
    TRL,
);
const PROMPT: Rule = Rule::new(
    "prompt",
    "`prompt` holds a message: the kind of a data set is told by its first one",
    TRL,
);
const SCHEMAS: Rule = Rule::told(
    "schemas",
    "arguments and schemas of differing shape survive `load_dataset` from datasets 4.8.4 on; 4.0.0 fills them \
     up with nulls, which templates print",
    "datasets 4.0.0, 4.8.4 and 5.2.0, packaged_modules/json/json.py",
);

/// What chat templates demand of messages.
const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "developer", "user", "assistant", "tool"]),
    Demand::TextContent(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Object),
    Demand::ResultName(RESULT_NAME),
]);

fn check(_: &FormatSpec, record: &RawJson<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    let has = |key| record.get(key).is_some();
    if has("messages") == (has("prompt") && has("completion")) {
        findings.note(
            &COLUMNS,
            "either `messages` stands here, or `prompt` and `completion` do",
        );
    }
    for key in ["messages", "completion"] {
        findings.member_if_any(record, key, |findings, list| CHAT.check(list, findings));
    }
    findings.member_if_any(record, "prompt", |findings, list| {
        if list.kind() == Kind::Array && list.elements().next().is_none() {
            findings.note(&PROMPT, "the prompt is empty");
        } else {
            CHAT.check(list, findings);
        }
    });
    check_asked(record, findings);
    findings.member_if_any(record, "tools", |findings, tools| {
        if tools.kind() != Kind::String {
            check::tools(tools, None, findings);
        }
    });
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(HuggingFace {
        columns: if spec.has(PROMPT_COMPLETION) {
            Columns::PromptCompletion
        } else {
            Columns::Messages
        },
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct HuggingFace {
    columns: Columns,
    reasoning: Placement,
    metadata: MetadataMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    Messages,
    PromptCompletion,
}

impl Encoder for HuggingFace {
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
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let mut turns = Turns {
            reasoning: self.reasoning,
            messages,
            trained: match self.columns {
                Columns::Messages => Trained::Every(conversation),
                Columns::PromptCompletion => Trained::Last(conversation),
            },
            thread: Thread::new(messages, links),
            embedded,
            losses,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        match self.columns {
            Columns::Messages => {
                w.key("messages");
                turns.list(0..messages.len(), &mut w)?;
            }
            Columns::PromptCompletion => {
                let target = turns.last_target(&conversation)?;
                lists::check_asked(&messages[..target])?;
                w.key("prompt");
                turns.list(0..target, &mut w)?;
                w.key("completion");
                turns.list(target..target + 1, &mut w)?;
            }
        }
        tools::nested_list(conversation.trace(), &mut w, losses);
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

/// Writes the messages of one record.
pub(crate) struct Turns<'r> {
    pub(crate) reasoning: Placement,
    pub(crate) messages: &'r [Message<'r>],
    pub(crate) trained: Trained<'r>,
    pub(crate) thread: Thread<'r>,
    pub(crate) embedded: &'r mut EmbeddedJson,
    pub(crate) losses: &'r mut Losses,
}

impl<'r> Turns<'r> {
    /// The index of the completion; notes what comes after it.
    fn last_target(&mut self, conversation: &Conversation<'_>) -> Result<usize, EncodeError> {
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

    fn list(&mut self, range: Range<usize>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
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
        for index in range {
            let message = &self.messages[index];
            account::fields(message, index, Carried::default(), self.losses);
            match message.role() {
                Role::System => self.speaker("system", index, message, w),
                Role::Developer => {
                    self.losses.note(Loss::DeveloperRole, index);
                    self.speaker("system", index, message, w);
                }
                Role::User => self.speaker("user", index, message, w),
                Role::Assistant => self.assistant(index, message, w)?,
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
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        w.begin_object();
        w.key("role").str("assistant");
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        let inline = thoughts.filter(|_| self.reasoning == Placement::Inline);
        self.content(index, message, inline, w);
        if let Some(field) = thoughts.filter(|_| self.reasoning == Placement::Field) {
            w.key("reasoning_content").text(field);
        }
        if !message.tool_calls().is_empty() {
            w.key("tool_calls").begin_array();
            for call in message.tool_calls() {
                self.call(index, call, w);
            }
            w.end_array();
        }
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
        arguments::object(call.arguments(), index, self.embedded, w, self.losses);
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

    /// Notes that a turn will be trained on, or will not be, against its mark.
    fn note_flag(&mut self, index: usize, message: &Message<'_>) {
        if self
            .trained
            .is_against(index, message, self.thread.last_assistant())
        {
            self.losses.note(Loss::TrainFlags, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{encode, encode_each};

    const TWO_TURNS: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
        {"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;

    #[test]
    fn a_list_of_messages_cannot_say_which_turn_is_learnt() {
        assert_eq!(encode("hf", TWO_TURNS).unwrap().1, []);
        let records = encode_each("hf", TWO_TURNS);
        assert_eq!(records[0].1, []);
        assert_eq!(records[1].1, [(Loss::TrainFlags, 1)]);
    }

    #[test]
    fn a_completion_says_which_turn_is_learnt() {
        let records = encode_each("hf+prompt-completion", TWO_TURNS);
        assert_eq!(records[1].1, []);
        assert!(
            records[1]
                .0
                .ends_with(r#""completion":[{"role":"assistant","content":"d"}]}"#)
        );
    }

    #[test]
    fn a_completion_needs_a_prompt() {
        let line = r#"{"messages":[{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;
        let error = encode("hf+prompt-completion", line).unwrap_err();
        assert_eq!(
            (error.kind(), error.message_index()),
            (EncodeErrorKind::Order, Some(0))
        );
        assert!(encode("hf", line).is_ok());
    }

    #[test]
    fn arguments_become_objects_in_their_order_and_numbers_stay() {
        let line = r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[
            {"id":"c","name":"f","arguments":"{\"z\": 1.50, \"a\": 1e400, \"n\": 9007199254740993}"}]}]}"#;
        let (record, losses) = encode("hf", line).unwrap();
        assert!(
            record.contains(r#""arguments":{"z":1.50,"a":1e400,"n":9007199254740993}"#),
            "{record}"
        );
        assert_eq!(losses, []);
    }
}
