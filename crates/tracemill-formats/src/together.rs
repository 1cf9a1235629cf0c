//! The chat lines of Together's supervised tuning.
//!
//! Read by Together: the rules are those of together 2.14.0 (`lib/utils/files.py`), the last client that checks records;
//! later ones leave it to the server. No other key than `tools` stands beside `messages`. The contents of one record are
//! all text or all parts: parts if a message of the user holds an image (the bytes themselves, of a known type), else
//! text. Reasoning has the field `reasoning`, arguments are a JSON string, `weight` is 0 or 1. A turn that only calls has
//! no `content`.

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
    name: "together",
    summary: "chat lines for Together: `messages` and `tools` alone, `reasoning`, `weight`, images as data",
    shapes: &[Shape::Conversation],
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
            Feature::Weights,
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
    ],
    rules: &[
        KEYS, ROLES, CONTENT, ARGUMENTS, RESULTS, WEIGHT, UNIFORM, IMAGES, MEDIA, TARGET, REASONING,
    ],
    file_rules: &[FileRule::Bytes(BYTES, 50_100_000_000)],
    check,
    example: r#"{"messages":[{"role":"user","content":"15% of 240?"},{"role":"assistant","reasoning":"0.15*240=36","content":"36."}]}"#,
    make,
};

const CLIENT: &str = "together 2.14.0, lib/utils/files.py";

const KEYS: Rule = Rule::new("keys", "`messages`, perhaps `tools`, and no other key", CLIENT);
const ROLES: Rule = Rule::new("roles", "roles are system, user, assistant and tool", CLIENT);
const CONTENT: Rule = Rule::new(
    "content",
    "every message has `content`, except that an assistant turn with calls may lack it",
    CLIENT,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are a JSON string",
    "together 2.14.0, lib/utils/files.py; types of openai 3.52.0",
);
const RESULTS: Rule = Rule::new(
    "results",
    "a tool message has a `tool_call_id` that names an earlier call",
    "\"Function calling\" page of Together",
);
const WEIGHT: Rule = Rule::new(
    "weight",
    "`weight` is the integer 0 or 1; `1.0` is refused",
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
const MEDIA: Rule = Rule::new("media", "parts are text and images", CLIENT);
const TARGET: Rule = Rule::new("target", "at least one message is the assistant's", CLIENT);
const REASONING: Rule = Rule::told(
    "reasoning",
    "reasoning stands in `reasoning` or `reasoning_content`",
    "togethercomputer/skills 2026-08, references/data-formats.md",
);
const BYTES: Rule = Rule::new(
    "bytes",
    "a file has at most 50.1 GB",
    "together 3.1.1, lib/constants.py (the page says 100 GB)",
);

const DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    consumer: "Together",
    content: ContentForm::TextUnlessImages,
    silence: Silence::Absent,
    beside: Beside::Kept,
    images: Images {
        most: 10,
        holds: |image| data_of(&["image/jpeg", "image/png", "image/webp"], image),
    },
    thoughts: Thoughts::Key("reasoning"),
    names: Names::Kept,
    refusals: Refusals::Lost,
    developer: Developer::AsSystem,
    system: System::Anywhere,
    ids: Ids::Recorded,
    end: End::Anything,
    results: Results::Anywhere,
    functions: Functions::AnyName,
    parallel: Parallel::Lost,
    trained: TrainedBy::Weight,
};

const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
    Demand::Content(CONTENT),
    Demand::Parts(MEDIA, &["text", "image_url"]),
    Demand::Images(IMAGES, 10),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::Results(RESULTS),
    Demand::Weight(WEIGHT),
    Demand::Uniform(UNIFORM),
    Demand::Target(TARGET),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.only_keys(record, &["messages", "tools"], &KEYS);
    findings.member(record, "messages", |findings, list| CHAT.check(list, findings));
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, None, findings);
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Together", options)?;
    Ok(Box::new(ChatLines {
        dialect: &DIALECT,
        reasoning: Placement::with_field(options.reasoning()),
        answer: Answer::AsIs,
    }))
}
