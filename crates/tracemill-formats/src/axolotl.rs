//! Message lists for axolotl, with the stanza of its configuration.
//!
//! Read by axolotl 0.19.0 with `type: chat_template` (`prompt_strategies/chat_template.py`). Records are those of `hf`;
//! beside them assistant messages that are not to be learnt have `"train":false`, and those that are marked so
//! `"train":true`, which the stanza names as `message_field_training`. Identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, Shape};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::hf::{self, Definitions, HuggingFace};
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::registry::{Format, Rule};
use crate::shared::chat::Answer;
use crate::shared::dataset_info::quoted;
use crate::shared::reasoning::Placement;
use crate::shared::templates::{STYLE, Style};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "axolotl",
    summary: "messages for axolotl's `chat_template`, with `train` marks and the stanza of its configuration",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Tools,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::Reasoning,
        Feature::Weights,
        Feature::Metadata,
        Feature::MultiTurn,
    ]),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
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
        hf::ROLES,
        hf::CONTENT,
        ARGUMENTS,
        hf::RESULT_NAME,
        TOOLS,
        TRAIN,
        LONG,
    ],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Cusco.","train":false},{"role":"user","content":"Sure?"},{"role":"assistant","content":"No: Lima.","reasoning_content":"I was wrong.","train":true}]}"#,
    make,
};

const AXOLOTL: &str = "axolotl 0.19.0, prompt_strategies/chat_template.py";

const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are an object, or text that holds one, which is parsed",
    AXOLOTL,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "`tools` is a list of definitions, or its JSON text",
    AXOLOTL,
);
const TRAIN: Rule = Rule::new(
    "train",
    "`train`, the field that the stanza names, is true or false",
    AXOLOTL,
);
const LONG: Rule = Rule::told(
    "long",
    "a record longer than `sequence_len` is dropped",
    "axolotl 0.19.0",
);

/// Arguments as axolotl takes them.
const ARGUMENTS_OF_CALLS: crate::check::Chat = crate::check::Chat(&[crate::check::Demand::Arguments(
    ARGUMENTS,
    crate::check::Form::Either,
)]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        hf::CHAT.check(list, findings);
        ARGUMENTS_OF_CALLS.more(list, findings);
        if list.kind() == Kind::Array {
            findings.each(list, |findings, _, message| {
                findings.member_if_any(message, "train", |findings, train| {
                    if train.kind() != Kind::Bool {
                        findings.note(
                            &TRAIN,
                            format!("this is {}, not true or false", train.kind().noun()),
                        );
                    }
                });
            });
        }
    });
    findings.member_if_any(record, "tools", |findings, tools| {
        hf::check_tools(tools, &TOOLS, findings);
    });
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Axolotl(HuggingFace {
        name: FORMAT.name,
        columns: hf::Columns::Messages,
        style: Style {
            train: Some("train"),
            ..STYLE
        },
        tools: Definitions::List,
        answer: Answer::AsIs,
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    })))
}

#[derive(Debug)]
struct Axolotl(HuggingFace);

impl Encoder for Axolotl {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        self.0.accepts(shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.0.encode(example, scratch, out)
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        let tools = if columns.contains(Columns::TOOLS) {
            "    field_tools: tools\n"
        } else {
            ""
        };
        let stanza = format!(
            "datasets:\n  - path: {}\n    ds_type: json\n    type: chat_template\n    field_messages: messages\n{tools}    \
             message_field_training: train\n    roles_to_train: [\"assistant\"]\n    train_on_eos: turn\nchat_template: \
             tokenizer_default\n",
            quoted(file_name)
        );
        vec![Companion::new("axolotl.yaml", stanza)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::encode_each;

    #[test]
    fn one_turn_alone_is_learnt_by_its_mark() {
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
            {"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;
        let records = encode_each("axolotl", line);
        assert!(
            records[1].0.contains(r#""content":"b","train":false}"#),
            "{}",
            records[1].0
        );
        assert!(records[1].0.ends_with(r#""content":"d"}]}"#), "{}", records[1].0);
        assert_eq!(records[1].1, []);
    }

    #[test]
    fn the_stanza_names_columns_that_the_file_has() {
        let spec: FormatSpec = "axolotl".parse().unwrap();
        let encoder = spec.encoder(&EncodeOptions::default()).unwrap();
        let stanza = |columns| encoder.companions("a b.jsonl", columns)[0].contents().to_owned();
        assert!(stanza(Columns::NONE).starts_with("datasets:\n  - path: \"a b.jsonl\"\n    ds_type: json\n"));
        assert!(!stanza(Columns::NONE).contains("field_tools"));
        assert!(stanza(Columns::TOOLS).contains("\n    field_tools: tools\n"));
    }
}
