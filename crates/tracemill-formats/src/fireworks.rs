//! The chat lines of Fireworks' supervised tuning.
//!
//! Read by Fireworks: the pages "Supervised Fine Tuning - Text" and "- Vision", and the open training code
//! (`fw-ai/cookbook`, `training/utils/data.py`, 2026-08). Those are OpenAI's lines, with thinking as `reasoning_content`,
//! which Fireworks expands into several sequences to train on, `""` for the text of a turn that only calls, a system
//! message in front alone, and images as data. A system message in the middle is written as the user's, which is the
//! loss `system-message`.

use tracemill_model::json::Kind;
use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, FileRule, Findings, Form};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::registry::{Format, Rule};
use crate::shared::chat::{
    Answer, Beside, ChatLines, ContentForm, Developer, Dialect, End, Functions, Ids, Images, Names, Parallel,
    Refusals, Results, Silence, System, Thoughts, TrainedBy, data_of,
};
use crate::shared::reasoning::Placement;
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "fireworks",
    summary: "chat lines for Fireworks: OpenAI's, with `reasoning_content` and `\"\"` beside calls",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::Weights,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Images, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
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
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[
        ROLES, CONTENT, SYSTEM, ARGUMENTS, RESULTS, WEIGHT, MEDIA, TARGET, THINKING,
    ],
    file_rules: &[
        FileRule::AtLeast(AT_LEAST, 3),
        FileRule::AtMost(AT_MOST, 3_000_000),
    ],
    check,
    example: r#"{"messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"assistant","reasoning_content":"Need a lookup.","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4 C"},{"role":"assistant","content":"4 C.","weight":1}],"tools":[{"type":"function","function":{"name":"get_weather"}}]}"#,
    make,
};

const TEXT_PAGE: &str = "\"Supervised Fine Tuning - Text\" page of Fireworks (2026-08)";
const COOKBOOK: &str = "fw-ai/cookbook 2026-08, training/renderer/message_weights.py";

const ROLES: Rule = Rule::new("roles", "roles are system, user, assistant and tool", TEXT_PAGE);
const CONTENT: Rule = Rule::new(
    "content",
    "every message has `content`, which is never `null`: `\"\"` stands where a turn only calls",
    "Kiln 2026-08, adapters/fine_tune/dataset_formatter.py, on Fireworks",
);
const SYSTEM: Rule = Rule::new(
    "system",
    "a system message stands in front, or nowhere",
    TEXT_PAGE,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are a JSON string",
    TEXT_PAGE,
);
const RESULTS: Rule = Rule::new(
    "results",
    "a tool message has a `tool_call_id` that names an earlier call",
    TEXT_PAGE,
);
const WEIGHT: Rule = Rule::new("weight", "`weight` is the integer 0 or 1", COOKBOOK);
const MEDIA: Rule = Rule::new(
    "media",
    "parts are text and images; an image is data with its type, PNG or JPEG",
    "\"Supervised Fine Tuning - Vision\" page of Fireworks (2026-08)",
);
const TARGET: Rule = Rule::new(
    "target",
    "at least one assistant message is trained on",
    TEXT_PAGE,
);
const THINKING: Rule = Rule::told(
    "thinking",
    "thinking stands in `reasoning_content`, best on every assistant message; a record with it becomes several sequences",
    TEXT_PAGE,
);
const AT_LEAST: Rule = Rule::new("at-least", "a file has at least 3 records", TEXT_PAGE);
const AT_MOST: Rule = Rule::new("at-most", "a file has at most 3,000,000 records", TEXT_PAGE);

const DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    consumer: "Fireworks",
    content: ContentForm::TextOrParts,
    silence: Silence::Empty,
    beside: Beside::Kept,
    images: Images {
        most: usize::MAX,
        holds: |image| data_of(&["image/png", "image/jpeg", "image/jpg"], image),
    },
    thoughts: Thoughts::Key("reasoning_content"),
    names: Names::Kept,
    refusals: Refusals::Lost,
    developer: Developer::AsSystem,
    system: System::First,
    ids: Ids::Recorded,
    end: End::Anything,
    results: Results::Anywhere,
    functions: Functions::AnyName,
    parallel: Parallel::Kept,
    trained: TrainedBy::Weight,
};

const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
    Demand::Content(CONTENT),
    Demand::NoNullContent(CONTENT),
    Demand::Follows(SYSTEM, |before, role| role != "system" || before == "system"),
    Demand::Parts(MEDIA, &["text", "image_url"]),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::Results(RESULTS),
    Demand::Weight(WEIGHT),
    Demand::Target(TARGET),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| CHAT.check(list, findings));
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, None, findings);
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Fireworks", options)?;
    Ok(Box::new(ChatLines {
        dialect: &DIALECT,
        reasoning: Placement::with_field(options.reasoning()),
        answer: Answer::AsIs,
    }))
}
