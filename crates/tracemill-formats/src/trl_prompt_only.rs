//! Prompts for TRL's online trainers.
//!
//! Read by TRL 1.16.0 (GRPO, RLOO, online DPO) as *prompt-only* data: `prompt` is what stands before the first turn that is
//! to be learnt; what follows is left out, because the model writes it anew. Messages are those of `hf`, and so are
//! definitions; with `+text` the prompt is one text, that of a single user message. Other columns reach the reward function:
//! identity and scores stand under `metadata` if asked for.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape, Span};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::hf;
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::pair::Passage;
use crate::shared::reasoning::Placement;
use crate::shared::{self, account, lists, metadata, plain, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ASKED, check_asked};

pub(crate) const FORMAT: Format = Format {
    name: "trl-prompt-only",
    summary: "prompts for TRL's online trainers: `prompt` as messages or as text",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        TEXT,
        "the prompt is one text, that of a single user message",
    )],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Tools,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::Reasoning,
        Feature::Metadata,
        Feature::MultiTurn,
    ]),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
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
        hf::ARGUMENTS,
        hf::RESULT_NAME,
        COLUMN,
        ASKED,
        TEXT_PROMPT,
        TOOLS,
        hf::SCHEMAS,
    ],
    file_rules: &[],
    check,
    example: r#"{"prompt":[{"role":"system","content":"Answer with a number."},{"role":"user","content":"7*6?"}]}"#,
    make,
};

const TEXT: &str = "text";
const TRL: &str = "trl 1.16.0, data_utils.py and docs/source/dataset_formats.md";

const COLUMN: Rule = Rule::new("prompt", "`prompt` holds a message", TRL);
const TEXT_PROMPT: Rule = Rule::new("text", "with `+text`: `prompt` is text", TRL);
const TOOLS: Rule = Rule::new("tools", "`tools` is a list of definitions, or its JSON text", TRL);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "prompt", |findings, prompt| {
        if spec.has(TEXT) {
            if prompt.kind() != Kind::String {
                findings.note(&TEXT_PROMPT, format!("the prompt is {}", prompt.kind().noun()));
            }
        } else if prompt.kind() == Kind::Array && prompt.elements().next().is_none() {
            findings.note(&COLUMN, "the prompt is empty");
        } else {
            hf::CHAT.check(prompt, findings);
            hf::OBJECTS.more(prompt, findings);
        }
    });
    check_asked(record, findings);
    findings.member_if_any(record, "tools", |findings, tools| {
        hf::check_tools(tools, &TOOLS, findings);
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    let text = spec.has(TEXT);
    Ok(Box::new(Prompts {
        form: if text { Form::Text } else { Form::Messages },
        reasoning: if text {
            Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?
        } else {
            Placement::with_field(options.reasoning())
        },
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Prompts {
    form: Form,
    reasoning: Placement,
    metadata: MetadataMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Messages,
    Text,
}

impl Encoder for Prompts {
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
        let conversation = shared::any_conversation(example)?;
        let trace = conversation.trace();
        account::trace(trace, self.metadata, &[], &mut scratch.losses);
        let end = shared::prompt_end(&conversation, &mut scratch.losses)?;
        lists::check_asked(&conversation.messages()[..end])?;
        let rest = Span::new(trace, end..conversation.messages().len());
        let prompt = Passage::prompt(Span::new(trace, 0..end), rest);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("prompt");
        match self.form {
            Form::Messages => {
                lists::prompt(prompt, self.reasoning, scratch, &mut w)?;
                tools::nested_list(trace, &mut w, &mut scratch.losses);
            }
            Form::Text => {
                let remedy = "write messages, without `+text`";
                plain::lone_prompt(prompt, self.reasoning, remedy, &mut scratch.losses, &mut w)?;
                tools::note_lost(trace, &mut scratch.losses);
            }
        }
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
