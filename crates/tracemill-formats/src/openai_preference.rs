//! Pairs for OpenAI's direct preference optimization.
//!
//! Read by OpenAI and Azure OpenAI. Keys and the text-only rule are those of the guide "Direct preference optimization"
//! and of `openai-client-base` 0.8.1; `openapi.yaml` 2.3.0 of 2025-05-20 has `preferred_completion` instead, which no
//! consumer was seen to use. Each output is exactly one assistant message, which every source allows; turns behind it are
//! the loss `long-completion`. Arguments are a JSON string. Reasoning and images have no place.

use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::encoder::Encoder;
use crate::loss::Loss;

use crate::options::EncodeOptions;
use crate::registry::{Format, Rule};
use crate::shared::chat;
use crate::shared::input_output::{ContentForm, Dialect, History, InputOutput, Last, Silence};
use crate::shared::reasoning::Placement;
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "openai-preference",
    summary: "pairs for OpenAI and Azure OpenAI: `input`, `preferred_output`, `non_preferred_output`",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Tools,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::MultiTurn,
    ]),
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
        Loss::ObjectContent,
        Loss::TrainFlags,
        Loss::LongCompletion,
        Loss::PromptDiffers,
    ],
    rules: &[KEYS, OUTPUTS, ARGUMENTS, TEXT, TOOL_NAME],
    file_rules: &[],
    check,
    example: r#"{"input":{"messages":[{"role":"system","content":"Use tools for facts."},{"role":"user","content":"Weather in Oslo?"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]},"preferred_output":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]}],"non_preferred_output":[{"role":"assistant","content":"It is sunny, 25 C."}]}"#,
    make,
};

const SPEC: &str = "openai/openai-openapi 2.3.0 (2025-05-20), FineTunePreferenceRequestInput";

static DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    content: ContentForm::TextOrParts,
    silence: Silence::Absent,
    history: History::Tools,
    last: Last::Any,
    check_tools: |trace| chat::check_tool_names(trace, "OpenAI"),
};

const KEYS: Rule = Rule::new(
    "keys",
    "`input`, `preferred_output` and `non_preferred_output`",
    "guide \"Direct preference optimization\" of OpenAI; Azure OpenAI; openai-client-base 0.8.1",
);
const OUTPUTS: Rule = Rule::new(
    "outputs",
    "each output is one assistant message (Azure OpenAI takes several)",
    SPEC,
);
const ARGUMENTS: Rule = Rule::new("arguments", "the arguments of a call are a JSON string", SPEC);
const TEXT: Rule = Rule::new(
    "text",
    "text alone: the guide excludes images, which the specification mentions",
    "guide \"Direct preference optimization\" of OpenAI",
);
const TOOL_NAME: Rule = Rule::new(
    "tool-name",
    "the name of a function has at most 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`",
    SPEC,
);

const INPUT_OUTPUT: check::InputOutput = check::InputOutput {
    keys: KEYS,
    input: Chat(&[
        Demand::Arguments(ARGUMENTS, Form::Text),
        Demand::Parts(TEXT, &["text"]),
    ]),
    output: Chat(&[
        Demand::One(OUTPUTS),
        Demand::Last(OUTPUTS, &["assistant"]),
        Demand::Arguments(ARGUMENTS, Form::Text),
        Demand::Parts(TEXT, &["text"]),
    ]),
    names: Some(TOOL_NAME),
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    INPUT_OUTPUT.check(record, findings);
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "OpenAI", options)?;
    Ok(Box::new(InputOutput {
        dialect: &DIALECT,
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}
