//! Text rendered by a chat template of the user's own, as transformers renders it.
//!
//! The template is a file in the manner of Hugging Face (`chat_template.jinja`), set up as in transformers 5.24.0
//! (`utils/chat_template_utils.py`): blocks are trimmed, `tojson` is that of Python, `raise_exception` refuses the record,
//! values print as in Python, and strings have the methods of Python. `strftime_now` answers with the day that the user
//! names, and fails without one. `bos_token` is empty, because trainers have the tokenizer add it; a template that asks for
//! `eos_token` has to be told.
//!
//! Messages are those of `hf`; reasoning stands under the key that the template reads. Templates drop calls, results,
//! reasoning and text without an error; each record is therefore rendered a second time with other words, and what does not
//! come out is a loss. A message that holds one of the tokens that the template writes (`<|…|>`) is refused.
//!
//! Delivery is that of `chatml`, but that a last line end stays. The prompt of `+prompt-completion` is what the template
//! makes of the messages before the completion, with its generation prompt; `+segments` needs the marks
//! `{% generation %}`, or a template that renders the messages before a turn in the same way once that turn is there.
//! Both refuse a record where that is not so.

#[cfg(feature = "template")]
mod drops;
#[cfg(feature = "template")]
mod environment;
#[cfg(feature = "template")]
mod python;
#[cfg(feature = "template")]
mod render;
#[cfg(feature = "template")]
mod value;

use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{COLUMNS, Ends, Findings, LEARNT};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::registry::{Extension, Format, Rule};
use crate::shared::rendered::{WITH_PROMPT_COMPLETION, WITH_SEGMENTS};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "text-template",
    summary: "text rendered by a chat template of your own (`--template`), as transformers renders it",
    shapes: &[Shape::Conversation],
    extensions: &[
        Extension::off(
            ARGUMENTS_TEXT,
            "gives the template arguments as JSON text, for DeepSeek V3",
        ),
        Extension::off(
            ONE_CALL,
            "gives the template one call in a turn, for Llama 3 and gpt-oss",
        ),
        WITH_PROMPT_COMPLETION,
        WITH_SEGMENTS,
    ],
    capability: Capability::NONE
        .holding(&[Feature::Metadata, Feature::MultiTurn])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Tools, Holds::Partly)
        .with(Feature::Calls, Holds::Partly)
        .with(Feature::ParallelCalls, Holds::Partly)
        .with(Feature::Results, Holds::Partly)
        .with(Feature::TextBesideCall, Holds::Partly)
        .with(Feature::Reasoning, Holds::Partly)
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ToolResults,
        Loss::ParallelCalls,
        Loss::TextBesideCall,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
        Loss::SystemMessage,
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
        Loss::MessageText,
    ],
    rules: &[COLUMNS, LEARNT, END],
    file_rules: &[],
    check,
    example: r#"{"text":"<|im_start|>user\nCapital of Peru?<|im_end|>\n<|im_start|>assistant\nLima.<|im_end|>\n"}"#,
    make,
};

const ARGUMENTS_TEXT: &str = "arguments-text";
const ONE_CALL: &str = "one-call";

const END: Rule = Rule::told(
    "end",
    "TRL appends the token that ends a text to one that does not end with it",
    "trl 1.16.0, trainer/sft_trainer.py",
);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    // What ends a text, only the template knows.
    const ANY: Ends = Ends {
        rule: END,
        tokens: &[""],
    };
    if ANY
        .text(spec, record, findings)
        .is_some_and(|text| text.is_empty())
    {
        findings.note(&LEARNT, "there is no text");
    }
}

#[cfg(feature = "template")]
fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(render::Rendered::new(spec, options)?))
}

#[cfg(not(feature = "template"))]
fn make(_: &FormatSpec, _: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Err(SpecError::Conflict {
        format: FORMAT.name,
        reason: "this program was built without templates; build it with the feature `template`".to_owned(),
    })
}
