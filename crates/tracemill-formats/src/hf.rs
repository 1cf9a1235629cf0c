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
//! Templates differ, and so do the extensions: `+thinking` and `+reasoning` put reasoning under that key (gpt-oss and LFM
//! 2.5; Gemma 4), `+arguments-text` writes arguments as text (DeepSeek V3; also the one form that every version of
//! datasets loads unchanged), `+one-call` writes the calls of one turn apart, each with its result behind it, because the
//! templates of Llama 3 raise on two and that of gpt-oss shows the first alone (the loss `parallel-calls`), `+tools-text`
//! writes the definitions as JSON text. `+conversations` is the key that Kiln and others have for `messages`;
//! `+toolcall-response` writes the last answer, which has to be a JSON object, as a call of the tool `task_response` with
//! an id of nine letters and digits, declared as `openai+toolcall-response` does.
//!
//! What is trained on: `messages` trains everything unless the trainer masks it, so turns that are not to be learnt
//! are the loss `train-flags`. With `+prompt-completion` the completion is the last turn that is to be learnt (of a
//! whole trace: its last assistant turn), and only that is trained on; turns after it are the loss `trailing-turns`.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Conversation, Example, JsonView, JsonWriter, Shape, Trace};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::companion;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::chat::{Answer, OUTPUT_SCHEMA, RESPONSE_TOOL, Response, response_tools};
use crate::shared::reasoning::Placement;
use crate::shared::templates::{ArgumentForm, Calls, STYLE, Style, Turns};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, lists, metadata, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ASKED, check_asked};

pub(crate) const FORMAT: Format = Format {
    name: "hf",
    summary: "Hugging Face `messages` for TRL, axolotl and chat templates: arguments as objects, `reasoning_content`",
    shapes: &[Shape::Conversation],
    extensions: &[
        Extension::off(
            ARGUMENTS_TEXT,
            "arguments as JSON text, for DeepSeek V3 and old datasets",
        ),
        Extension::off(CONVERSATIONS, "the key `conversations` instead of `messages`"),
        Extension::off(ONE_CALL, "one call in a turn, for Llama 3 and gpt-oss"),
        Extension::off(
            PROMPT_COMPLETION,
            "writes `prompt` and `completion`, so that the last turn to be learnt is the only one trained on",
        ),
        Extension::off(REASONING, "reasoning under `reasoning`"),
        Extension::off(THINKING, "reasoning under `thinking`, for gpt-oss and LFM 2.5"),
        Extension::off(
            TOOLCALL_RESPONSE,
            "the last answer is an object, as a call of the tool `task_response`",
        ),
        Extension::off(TOOLS_TEXT, "tool definitions as JSON text"),
    ],
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
        Loss::ParallelCalls,
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
        ONE,
        TOOLS,
        ANSWER,
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
const ARGUMENTS_TEXT: &str = "arguments-text";
const CONVERSATIONS: &str = "conversations";
const ONE_CALL: &str = "one-call";
const PROMPT_COMPLETION: &str = "prompt-completion";
const REASONING: &str = "reasoning";
const THINKING: &str = "thinking";
const TOOLCALL_RESPONSE: &str = "toolcall-response";
const TOOLS_TEXT: &str = "tools-text";

pub(crate) const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are an object: text raises in the templates of Qwen 3.5, GLM 4 and Nemotron 3, and \
     is encoded twice by those of Llama 3.1, Qwen 2.5 and gpt-oss",
    TEMPLATES,
);
pub(crate) const CONTENT: Rule = Rule::new(
    "content",
    "`content` is text and never `null`: templates of Qwen 3 VL, gpt-oss and LFM 2.5 fail on `null`, those of \
     Llama 3 and GLM 4 print it",
    TEMPLATES,
);
pub(crate) const RESULT_NAME: Rule = Rule::new(
    "result-name",
    "a result carries the name of its function, which the template of gpt-oss needs",
    TEMPLATES,
);
pub(crate) const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and tool; developer works where a template knows it",
    TRL,
);
const COLUMNS: Rule = Rule::new(
    "columns",
    "a record has either `messages` or `prompt` and `completion`; all parts are lists of messages",
    TRL,
);
pub(crate) const PROMPT: Rule = Rule::new(
    "prompt",
    "`prompt` holds a message: the kind of a data set is told by its first one",
    TRL,
);
pub(crate) const SCHEMAS: Rule = Rule::told(
    "schemas",
    "arguments and schemas of differing shape survive `load_dataset` from datasets 4.8.4 on; 4.0.0 fills them \
     up with nulls, which templates print",
    "datasets 4.0.0, 4.8.4 and 5.2.0, packaged_modules/json/json.py",
);

const ONE: Rule = Rule::new(
    "one-call",
    "with `+one-call`: a turn has one call at the most",
    TEMPLATES,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "`tools` is a list of definitions or its JSON text; with `+tools-text` it is text",
    TRL,
);
const ANSWER: Rule = Rule::new(
    "answer",
    "with `+toolcall-response`: the last message is one call of `task_response` with an object",
    "Kiln 2026-08, adapters/fine_tune/dataset_formatter.py",
);

/// What chat templates demand of messages.
pub(crate) const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "developer", "user", "assistant", "tool"]),
    Demand::TextContent(CONTENT),
    Demand::ResultName(RESULT_NAME),
]);

/// The form of arguments that most of them demand.
pub(crate) const OBJECTS: Chat = Chat(&[Demand::Arguments(ARGUMENTS, Form::Object)]);
const TEXTS: Chat = Chat(&[Demand::Arguments(ARGUMENTS, Form::Text)]);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    let key = if spec.has(CONVERSATIONS) {
        "conversations"
    } else {
        "messages"
    };
    let has = |key| record.get(key).is_some();
    if has(key) == (has("prompt") && has("completion")) {
        let text = format!("either `{key}` stands here, or `prompt` and `completion` do");
        findings.note(&COLUMNS, text);
    }
    for key in [key, "completion"] {
        findings.member_if_any(record, key, |findings, list| {
            check_list(spec, list, findings);
            if spec.has(TOOLCALL_RESPONSE) {
                let form = if spec.has(ARGUMENTS_TEXT) {
                    Form::Text
                } else {
                    Form::Object
                };
                check::called_answer(list, RESPONSE_TOOL, form, &ANSWER, findings);
            }
        });
    }
    findings.member_if_any(record, "prompt", |findings, list| {
        if list.kind() == Kind::Array && list.elements().next().is_none() {
            findings.note(&PROMPT, "the prompt is empty");
        } else {
            check_list(spec, list, findings);
        }
    });
    check_asked(record, findings);
    findings.member_if_any(record, "tools", |findings, tools| {
        if spec.has(TOOLS_TEXT) && tools.kind() != Kind::String {
            findings.note(
                &TOOLS,
                format!("`tools` is {}, not JSON text", tools.kind().noun()),
            );
        }
        check_tools(tools, &TOOLS, findings);
    });
}

fn check_list(spec: &FormatSpec, list: JsonView<'_>, findings: &mut Findings) {
    CHAT.check(list, findings);
    let arguments = if spec.has(ARGUMENTS_TEXT) { TEXTS } else { OBJECTS };
    arguments.more(list, findings);
    if spec.has(ONE_CALL) && list.kind() == Kind::Array {
        findings.each(list, |findings, _, message| {
            let calls = message.get("tool_calls");
            if calls.is_some_and(|calls| calls.elements().count() > 1) {
                findings.note(&ONE, "the turn has several calls");
            }
        });
    }
}

/// Checks definitions, as a list or as the JSON text of one.
pub(crate) fn check_tools(tools: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    match tools.as_text() {
        Some(text) => findings.embedded(&text, rule, |findings, tools| {
            if tools.kind() == Kind::Array {
                check::tools(tools, None, findings);
            } else {
                findings.note(rule, "the text holds no list");
            }
        }),
        None => check::tools(tools, None, findings),
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    let name = FORMAT.name;
    let exclude = |one: &'static str, other: &'static str| {
        let reason = format!("`{one}` and `{other}` exclude each other");
        let both = spec.has(one) && spec.has(other);
        if both {
            Err(SpecError::Conflict { format: name, reason })
        } else {
            Ok(())
        }
    };
    exclude(REASONING, THINKING)?;
    exclude(PROMPT_COMPLETION, CONVERSATIONS)?;
    Ok(Box::new(HuggingFace {
        name,
        columns: if spec.has(PROMPT_COMPLETION) {
            Columns::PromptCompletion
        } else if spec.has(CONVERSATIONS) {
            Columns::Conversations
        } else {
            Columns::Messages
        },
        style: Style {
            reasoning: if spec.has(THINKING) {
                "thinking"
            } else if spec.has(REASONING) {
                "reasoning"
            } else {
                STYLE.reasoning
            },
            arguments: if spec.has(ARGUMENTS_TEXT) {
                ArgumentForm::Text
            } else {
                ArgumentForm::Object
            },
            calls: if spec.has(ONE_CALL) {
                Calls::Apart
            } else {
                Calls::Together
            },
            train: None,
        },
        tools: if spec.has(TOOLS_TEXT) {
            Definitions::Text
        } else {
            Definitions::List
        },
        answer: if spec.has(TOOLCALL_RESPONSE) {
            Answer::ToolCall
        } else {
            Answer::AsIs
        },
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

/// An encoder of message lists for templates.
#[derive(Debug)]
pub(crate) struct HuggingFace {
    pub(crate) name: &'static str,
    pub(crate) columns: Columns,
    pub(crate) style: Style,
    pub(crate) tools: Definitions,
    pub(crate) answer: Answer,
    pub(crate) reasoning: Placement,
    pub(crate) metadata: MetadataMode,
}

/// Where the messages stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    Messages,
    Conversations,
    PromptCompletion,
}

/// The form of tool definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Definitions {
    List,
    Text,
}

impl Encoder for HuggingFace {
    fn name(&self) -> &str {
        self.name
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
        let carried = match self.answer {
            Answer::ToolCall => &[OUTPUT_SCHEMA][..],
            _ => &[],
        };
        account::trace(conversation.trace(), self.metadata, carried, &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        self.messages(conversation, scratch, &mut w)?;
        self.definitions(conversation.trace(), scratch, &mut w)?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

impl HuggingFace {
    fn messages(
        &self,
        conversation: Conversation<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = conversation.messages();
        let Scratch {
            losses,
            links,
            embedded,
            schema,
            answer,
            ..
        } = scratch;
        links.compute(messages);
        let mut turns = Turns {
            style: &self.style,
            reasoning: self.reasoning,
            messages,
            trained: match self.columns {
                Columns::PromptCompletion => Trained::Last(conversation),
                _ => Trained::Every(conversation),
            },
            thread: Thread::new(messages, links),
            embedded,
            losses,
        };
        // The answer that becomes a call: of a completion that, else the last.
        let target = match self.columns {
            Columns::PromptCompletion => Some(turns.last_target(&conversation)?),
            _ if self.answer == Answer::ToolCall => turns.thread.last_assistant(),
            _ => None,
        };
        let response = match target {
            Some(at) if self.answer == Answer::ToolCall => {
                let trace = conversation.trace();
                Some((at, Response::read(trace, &messages[at], at, answer, schema)?))
            }
            _ => None,
        };
        match (self.columns, target) {
            (Columns::PromptCompletion, Some(target)) => {
                lists::check_asked(&messages[..target])?;
                w.key("prompt");
                turns.list(0..target, w)?;
                w.key("completion").begin_array();
                match &response {
                    Some((at, response)) => turns.response(*at, response, w)?,
                    None => turns.elements(target..target + 1, w)?,
                }
                w.end_array();
            }
            (columns, _) => {
                w.key(if columns == Columns::Conversations {
                    "conversations"
                } else {
                    "messages"
                });
                w.begin_array();
                let end = response.as_ref().map_or(messages.len(), |(at, _)| *at);
                turns.elements(0..end, w)?;
                if let Some((at, response)) = &response {
                    turns.response(*at, response, w)?;
                    for index in at + 1..messages.len() {
                        turns.losses.note(Loss::TrailingTurns, index);
                    }
                }
                w.end_array();
            }
        }
        Ok(())
    }

    fn definitions(
        &self,
        trace: &Trace<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let Scratch {
            losses,
            json,
            schema,
            columns,
            ..
        } = scratch;
        let any = trace
            .tools()
            .unwrap_or_default()
            .iter()
            .any(|tool| tool.as_function().is_some());
        if self.answer == Answer::AsIs && !any {
            // Notes the tools that are no functions.
            let _ = tools::functions(trace, losses);
            return Ok(());
        }
        *columns |= companion::Columns::TOOLS;
        w.key("tools");
        match self.tools {
            Definitions::List => self.list_definitions(trace, schema, losses, w),
            Definitions::Text => {
                json.clear();
                self.list_definitions(trace, schema, losses, &mut JsonWriter::new(json))?;
                w.begin_string().written(json).end();
                Ok(())
            }
        }
    }

    fn list_definitions(
        &self,
        trace: &Trace<'_>,
        schema: &mut EmbeddedJson,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        match self.answer {
            Answer::ToolCall => return response_tools(trace, schema, losses, w),
            _ => tools::nested(trace, w, losses),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::EncodeErrorKind;
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
