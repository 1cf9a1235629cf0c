//! Prompts with their completions for TRL's SFT trainer.
//!
//! Read by TRL 1.16.0 (`trainer/sft_trainer.py`) as *prompt-completion* data, of which the completion alone is trained on.
//! Records are those of `hf+prompt-completion`. With `+text` both are texts: the prompt that of a single user message,
//! the completion that of its answer.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape, Span};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::hf::{self, Definitions, HuggingFace};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::chat::Answer;
use crate::shared::pair::Passage;
use crate::shared::reasoning::Placement;
use crate::shared::templates::STYLE;
use crate::shared::{self, account, metadata, plain, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ASKED, check_asked};

pub(crate) const FORMAT: Format = Format {
    name: "trl-prompt-completion",
    summary: "`prompt` and `completion` for TRL's SFT trainer, as messages or as text",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        TEXT,
        "both are texts: of a single user message, and of its answer",
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
        PROMPT,
        ASKED,
        KIND,
        TOOLS,
        hf::SCHEMAS,
    ],
    file_rules: &[],
    check,
    example: r#"{"prompt":[{"role":"user","content":"Capital of Peru?"}],"completion":[{"role":"assistant","content":"Lima."}]}"#,
    make,
};

const TEXT: &str = "text";
const TRL: &str = "trl 1.16.0, data_utils.py and docs/source/dataset_formats.md";

const PROMPT: Rule = Rule::new("prompt", "`prompt` holds a message, or is text", TRL);
const KIND: Rule = Rule::new(
    "kind",
    "`prompt` and `completion` are both lists of messages or both text; with `+text` both are text",
    TRL,
);
const TOOLS: Rule = Rule::new("tools", "`tools` is a list of definitions, or its JSON text", TRL);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    let kinds = ["prompt", "completion"].map(|key| record.get(key).map(tracemill_model::JsonView::kind));
    let text = spec.has(TEXT) && kinds.contains(&Some(Kind::Array));
    if kinds[0] != kinds[1] || text {
        findings.note(
            &KIND,
            "`prompt` and `completion` are not of the kind that is wanted",
        );
    }
    for key in ["prompt", "completion"] {
        findings.member(record, key, |findings, side| match side.kind() {
            Kind::String => {}
            Kind::Array if key == "prompt" && side.elements().next().is_none() => {
                findings.note(&PROMPT, "the prompt is empty");
            }
            _ => {
                hf::CHAT.check(side, findings);
                hf::OBJECTS.more(side, findings);
            }
        });
    }
    check_asked(record, findings);
    findings.member_if_any(record, "tools", |findings, tools| {
        hf::check_tools(tools, &TOOLS, findings);
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    if spec.has(TEXT) {
        return Ok(Box::new(Texts {
            reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
            metadata: options.metadata(),
        }));
    }
    Ok(Box::new(HuggingFace {
        name: FORMAT.name,
        columns: hf::Columns::PromptCompletion,
        style: STYLE,
        tools: Definitions::List,
        answer: Answer::AsIs,
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

/// Prompt and completion as texts.
#[derive(Debug)]
struct Texts {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for Texts {
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
        let trace = conversation.trace();
        let count = conversation.messages().len();
        let Scratch { losses, .. } = scratch;
        account::trace(trace, self.metadata, &[], losses);
        tools::note_lost(trace, losses);
        let target = (0..count).rev().find(|&index| conversation.is_target(index));
        let target = target.unwrap_or_default();
        if target == 0 {
            let text = "nothing comes before the completion, and TRL needs a prompt";
            return Err(EncodeError::at(0, EncodeErrorKind::Order, text));
        }
        for index in target + 1..count {
            losses.note(Loss::TrailingTurns, index);
        }
        let completion = Span::new(trace, target..target + 1);
        let prompt = Passage::prompt(Span::new(trace, 0..target), completion);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("prompt");
        let remedy = "write messages, without `+text`";
        plain::lone_prompt(prompt, self.reasoning, remedy, losses, &mut w)?;
        w.key("completion");
        plain::answer(Passage::completion(completion), self.reasoning, losses, &mut w)?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
