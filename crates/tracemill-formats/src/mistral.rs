//! The chat lines of Mistral's models, as mistral-common checks them.
//!
//! Read by mistral-common 1.13.1 in its finetuning mode (`protocol/instruct/validator.py`, `messages.py`), tokenizers v3 to
//! v15 run on what stands here, and by mistral-finetune (archived, `finetune/data/tokenize.py`). Models there forbid unknown
//! fields, so names and `parallel_tool_calls` are left out.
//!
//! Ids are nine letters and digits, which every tokenizer takes: recorded ones stay if all of a record are such and
//! differ, else all are made anew, the same in every run. The last message is the assistant's; turns behind it are the
//! loss `trailing-turns`. A system message behind an assistant turn or a result is written as the user's (`system-message`).
//! Results stand behind their calls; what no loss can mend is refused.
//!
//! Reasoning is a part `thinking`, for tokenizers from v11 on. `-v11` writes for v7, which has none; `+v3` for v3, where a
//! turn is text or calls: text beside calls is lost, and an empty turn is refused.

use tracemill_model::json::Kind;
use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::registry::{Extension, Format, Rule};
use crate::shared::chat::{
    Answer, Beside, ChatLines, ContentForm, Developer, Dialect, End, Functions, Ids, Images, Names, Parallel,
    Refusals, Results, Silence, System, Thoughts, TrainedBy, any_image,
};
use crate::shared::ids;
use crate::shared::reasoning::Placement;
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "mistral",
    summary: "chat lines for Mistral's models: ids of nine letters, results behind calls, `thinking` parts",
    shapes: &[Shape::Conversation],
    extensions: &[
        Extension {
            name: V11,
            summary: "reasoning as a part `thinking`, which tokenizers from v11 on take",
            default: true,
            file_rules: None,
        },
        Extension::off(V3, "for tokenizer v3: a turn is text or calls, and never empty"),
    ],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Images, Holds::Partly)
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::TextBesideCall,
        Loss::TrailingTurns,
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
        KEYS,
        ROLES,
        FIRST,
        ORDER,
        LAST,
        ANSWERED,
        RESULTS,
        IDS,
        ARGUMENTS,
        TOOL_NAME,
        PARAMETERS,
        CONTENT,
        PARTS,
        WEIGHT,
        TEXT_OR_CALLS,
        LAST_ONLY,
    ],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"system","content":"You are a travel desk."},{"role":"user","content":"Weather in Oslo?"},{"role":"assistant","content":[{"type":"thinking","thinking":"Need a lookup."}],"tool_calls":[{"id":"Ab3dE6gH9","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"Ab3dE6gH9","content":"4 C"},{"role":"assistant","content":"4 C in Oslo."}],"tools":[{"type":"function","function":{"name":"get_weather","description":"Current weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}"#,
    make,
};

const V3: &str = "v3";
const V11: &str = "v11";

const VALIDATOR: &str = "mistral-common 1.13.1, protocol/instruct/validator.py, finetuning mode";
const MESSAGES: &str = "mistral-common 1.13.1, protocol/instruct/messages.py";

const KEYS: Rule = Rule::new(
    "keys",
    "a message has the keys of its role alone: an assistant or user message has no `name`",
    MESSAGES,
);
const ROLES: Rule = Rule::new("roles", "roles are system, user, assistant and tool", MESSAGES);
const FIRST: Rule = Rule::new(
    "first",
    "a message that stands alone is not the assistant's",
    VALIDATOR,
);
const ORDER: Rule = Rule::new(
    "order",
    "a system message stands behind system and user alone, a result behind an assistant message or a result",
    VALIDATOR,
);
const LAST: Rule = Rule::new("last", "the last message is the assistant's", VALIDATOR);
const ANSWERED: Rule = Rule::new(
    "answered",
    "every call is answered before the next assistant message",
    VALIDATOR,
);
const RESULTS: Rule = Rule::new(
    "results",
    "a result names a call that waits (tokenizers v11 and later; earlier ones count)",
    VALIDATOR,
);
const IDS: Rule = Rule::new(
    "ids",
    "ids are nine letters and digits (tokenizers v3, v7 and v11)",
    VALIDATOR,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are a JSON string; mistral-finetune refuses an object",
    "mistralai/mistral-finetune 2026-06, finetune/data/tokenize.py",
);
const TOOL_NAME: Rule = Rule::new(
    "tool-name",
    "the name of a function has 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`, also in calls",
    VALIDATOR,
);
const PARAMETERS: Rule = Rule::new(
    "parameters",
    "a function has `parameters`, an object, and no keys but name, description, parameters and strict",
    "mistral-common 1.13.1, protocol/instruct/tool_calls.py",
);
const CONTENT: Rule = Rule::new(
    "content",
    "a message of another than the assistant has `content`, which is not `null`",
    MESSAGES,
);
const PARTS: Rule = Rule::new(
    "parts",
    "parts are text, images in user messages, and thinking in assistant messages (tokenizers v11 and later)",
    VALIDATOR,
);
const WEIGHT: Rule = Rule::new(
    "weight",
    "`weight` is 0 or 1, on assistant messages alone",
    VALIDATOR,
);
const TEXT_OR_CALLS: Rule = Rule::new(
    "text-or-calls",
    "with `+v3`: an assistant message has either text or calls",
    VALIDATOR,
);
const LAST_ONLY: Rule = Rule::told(
    "last-only",
    "where there are tools, the last assistant message alone is trained on, whatever the weights say",
    "mistralai/mistral-finetune 2026-06, finetune/data/tokenize.py",
);

const DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    consumer: "Mistral",
    content: ContentForm::TextOrParts,
    silence: Silence::Absent,
    beside: Beside::Kept,
    images: Images {
        most: usize::MAX,
        holds: any_image,
    },
    thoughts: Thoughts::Part,
    names: Names::Lost,
    refusals: Refusals::Lost,
    developer: Developer::AsSystem,
    system: System::BeforeAnswers,
    ids: Ids::Nine,
    end: End::Nothing,
    results: Results::Behind,
    functions: Functions::Mistral,
    parallel: Parallel::Lost,
    trained: TrainedBy::LastBesideTools,
};

const DIALECT_V3: Dialect = Dialect {
    beside: Beside::Lost,
    ..DIALECT
};

const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
    Demand::MessageKeys(
        KEYS,
        &[
            "role",
            "content",
            "tool_calls",
            "prefix",
            "weight",
            "tool_call_id",
            "name",
        ],
    ),
    Demand::Follows(ORDER, follows),
    Demand::Last(LAST, &["assistant"]),
    Demand::Answered(ANSWERED),
    Demand::Results(RESULTS),
    Demand::Ids(IDS, ids::is_nine),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::FunctionNames(TOOL_NAME),
    Demand::NullOnAssistant(CONTENT),
    Demand::Parts(PARTS, &["text", "image_url", "thinking"]),
    Demand::Weight(WEIGHT),
]);

const V3_CHAT: Chat = Chat(&[
    Demand::TextOrCalls(TEXT_OR_CALLS),
    Demand::Parts(PARTS, &["text", "image_url"]),
]);

/// Which role may stand behind which.
fn follows(before: &str, role: &str) -> bool {
    match role {
        "system" => matches!(before, "system" | "user"),
        "tool" => matches!(before, "assistant" | "tool"),
        _ => true,
    }
}

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        CHAT.check(list, findings);
        if spec.has(V3) {
            V3_CHAT.more(list, findings);
        }
        check_alone(list, findings);
        findings.each(list, |findings, _, message| check_message(message, findings));
    });
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, Some(&TOOL_NAME), findings);
        if tools.kind() == Kind::Array {
            findings.each(tools, |findings, _, tool| check_tool(tool, findings));
        }
    });
}

fn check_alone(list: JsonView<'_>, findings: &mut Findings) {
    let mut elements = list.elements();
    if let (Some(only), None) = (elements.next(), elements.next())
        && only
            .get("role")
            .is_some_and(|role| role.as_str() == "\"assistant\"")
    {
        findings.note(&FIRST, "an assistant message stands alone");
    }
}

fn check_message(message: JsonView<'_>, findings: &mut Findings) {
    let role = message.get("role");
    let role = role.map_or("", JsonView::as_str);
    if role != "\"assistant\"" && message.get("content").is_none() {
        findings.note(&CONTENT, "`content` is missing");
    }
    if role != "\"tool\"" && message.get("name").is_some() {
        findings.note_at("name", &KEYS, "`name` has no place here");
    }
}

fn check_tool(tool: JsonView<'_>, findings: &mut Findings) {
    findings.member_if_any(tool, "function", |findings, function| {
        if function.kind() != Kind::Object {
            return;
        }
        if function
            .get("parameters")
            .is_none_or(|it| it.kind() != Kind::Object)
        {
            findings.note(&PARAMETERS, "the function has no `parameters` that are an object");
        }
        findings.only_keys(
            function,
            &["name", "description", "parameters", "strict"],
            &PARAMETERS,
        );
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Mistral", options)?;
    let v3 = spec.has(V3);
    let reasoning = if spec.has(V11) && !v3 {
        Placement::with_field(options.reasoning())
    } else {
        Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?
    };
    Ok(Box::new(ChatLines {
        dialect: if v3 { &DIALECT_V3 } else { &DIALECT },
        reasoning,
        answer: Answer::AsIs,
    }))
}
