//! Pairs for the direct preference optimization of Fireworks.
//!
//! The keys of OpenAI, as in the guide "Direct Preference Optimization" of Fireworks. It knows the roles system, user and
//! assistant in `input.messages` and content that is text; whether results of tools are accepted there is not known, so
//! calls and results before the answers are losses, and so are names. Definitions have their place in `input.tools`, and an
//! answer may call; its content is then `""`. Whether reasoning is read from answers is not known: it is a loss.

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
    name: "fireworks-dpo",
    summary: "pairs for Fireworks: the keys of OpenAI, no tool results in the prompt",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::TextBesideCall,
            Feature::MultiTurn,
        ])
        .with(Feature::Calls, Holds::Partly)
        .with(Feature::ParallelCalls, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ToolResults,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
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
    rules: &[KEYS, ROLES, OUTPUTS, CONTENT],
    file_rules: &[],
    check,
    example: r#"{"input":{"messages":[{"role":"user","content":"Capital of Peru?"}]},"preferred_output":[{"role":"assistant","content":"Lima."}],"non_preferred_output":[{"role":"assistant","content":"Cusco."}]}"#,
    make,
};

const GUIDE: &str = "guide \"Direct Preference Optimization\" of Fireworks";

static DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    content: ContentForm::Text,
    silence: Silence::Empty,
    history: History::Texts,
    last: Last::Any,
    check_tools: |_| Ok(()),
};

const KEYS: Rule = Rule::new(
    "keys",
    "`input`, `preferred_output` and `non_preferred_output`",
    GUIDE,
);
const ROLES: Rule = Rule::new(
    "roles",
    "the roles of `input.messages` are system, user and assistant",
    GUIDE,
);
const OUTPUTS: Rule = Rule::new("outputs", "each output is an assistant message", GUIDE);
const CONTENT: Rule = Rule::new("content", "`content` is text", GUIDE);

const INPUT_OUTPUT: check::InputOutput = check::InputOutput {
    keys: KEYS,
    input: Chat(&[
        Demand::Roles(ROLES, &["system", "user", "assistant"]),
        Demand::TextContent(CONTENT),
    ]),
    output: Chat(&[
        Demand::One(OUTPUTS),
        Demand::Last(OUTPUTS, &["assistant"]),
        Demand::TextContent(CONTENT),
    ]),
    names: None,
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    INPUT_OUTPUT.check(record, findings);
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Fireworks", options)?;
    Ok(Box::new(InputOutput {
        dialect: &DIALECT,
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}
