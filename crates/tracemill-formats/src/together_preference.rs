//! Pairs for Together's preference tuning.
//!
//! The keys of OpenAI with the rules of together 2.14.0 (`lib/utils/files.py`), the last client that checks records; later
//! ones leave it to the server. No other key stands beside the three. Each output is exactly one assistant message,
//! and its `content` is absent beside calls, because `null` is refused there. The contents of one record are all text or
//! all parts: parts if the prompt holds an image (the bytes themselves, of a known type), else text. Reasoning has the field
//! `reasoning`.

use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, Findings};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::registry::{Format, Rule};
use crate::shared::input_output::{ContentForm, Dialect, History, InputOutput, Last, Silence};
use crate::shared::reasoning::Placement;
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "together-preference",
    summary: "pairs for Together: the keys of OpenAI, `reasoning`, images as data",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::MultiTurn,
        ])
        .with(Feature::Images, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
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
    rules: &[KEYS, LAST, OUTPUTS, NO_NULL, UNIFORM, IMAGES, ROLES, REASONING],
    file_rules: &[],
    check,
    example: r#"{"input":{"messages":[{"role":"user","content":"15% of 240?"}]},"preferred_output":[{"role":"assistant","reasoning":"0.15*240=36","content":"36."}],"non_preferred_output":[{"role":"assistant","reasoning":"about 30","content":"30."}]}"#,
    make,
};

const CLIENT: &str = "together 2.14.0, lib/utils/files.py";

static DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    content: ContentForm::TextUnlessImages,
    silence: Silence::Absent,
    history: History::Tools,
    last: Last::NotAssistant,
    check_tools: |_| Ok(()),
};

const KEYS: Rule = Rule::new(
    "keys",
    "`input`, `preferred_output`, `non_preferred_output`, and no other key",
    CLIENT,
);
const LAST: Rule = Rule::new("last", "the prompt does not end with an assistant turn", CLIENT);
const OUTPUTS: Rule = Rule::new(
    "outputs",
    "each output is exactly one assistant message, with `content` or `tool_calls`",
    CLIENT,
);
const NO_NULL: Rule = Rule::new(
    "no-null",
    "`content` of an output is text or parts, or is absent; never `null`",
    CLIENT,
);
const UNIFORM: Rule = Rule::new(
    "uniform",
    "the contents of a record are all text or all parts",
    CLIENT,
);
const IMAGES: Rule = Rule::new(
    "images",
    "images stand in user messages as data of the type JPEG, PNG or WEBP, at most 10 in one record",
    CLIENT,
);
const ROLES: Rule = Rule::new("roles", "roles are system, user, assistant and tool", CLIENT);
const REASONING: Rule = Rule::told(
    "reasoning",
    "reasoning stands in `reasoning` or `reasoning_content`",
    "togethercomputer/skills 2026-08, references/data-formats.md",
);

const INPUT_OUTPUT: check::InputOutput = check::InputOutput {
    keys: KEYS,
    input: Chat(&[
        Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
        Demand::Last(LAST, &["system", "user", "tool"]),
        Demand::Images(IMAGES, 10),
        Demand::Uniform(UNIFORM),
    ]),
    output: Chat(&[
        Demand::One(OUTPUTS),
        Demand::Last(OUTPUTS, &["assistant"]),
        Demand::Content(OUTPUTS),
        Demand::NoNullContent(NO_NULL),
    ]),
    names: None,
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    INPUT_OUTPUT.check(record, findings);
    INPUT_OUTPUT.no_other_key(record, findings);
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Together", options)?;
    Ok(Box::new(InputOutput {
        dialect: &DIALECT,
        reasoning: Placement::with_field(options.reasoning()),
    }))
}
