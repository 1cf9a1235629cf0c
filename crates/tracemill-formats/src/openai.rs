//! The chat lines of OpenAI's supervised fine-tuning.
//!
//! Read by OpenAI and Azure OpenAI; the common dialect of most hosted trainers. From `openapi.yaml` 2.3.0 of
//! openai/openai-openapi at 2025-05-20 (`FineTuneChatRequestInput`) and the "Supervised fine-tuning" and "Vision
//! fine-tuning" guides; types as in openai 3.52.0 (`types/chat/*_param.py`).
//!
//! Arguments are a JSON *string*: recorded text goes out byte for byte, also when it is no JSON. Content keeps its
//! states where the consumer knows them: `null` and parts stay, a missing `content` stays missing on an assistant turn
//! with calls. Calls without an id get one, and so do their results; recorded ids stay, even when they repeat.
//! Marks of what is trained on are `weight` 0 or 1; when one turn of several is to be learnt, every earlier assistant
//! turn has weight 0. Turns after the last assistant turn stay: whether OpenAI refuses them is not known.
//!
//! With `+azure` the limits are those of Azure OpenAI, whose page wants an assistant message last.
//!
//! For tasks whose answers are objects, `+json-schema` writes the last answer as the JSON text of one object on one line,
//! with numbers as written, and `+toolcall-response` as a call of the tool `task_response`, which is declared from the
//! schema of the answer: the field `output_schema` of the trace or of its metadata. Where there is none the tool takes
//! any object, which is counted as `output-schema`. An answer that is no object, lacks a member that the schema requires
//! or has one of another type is refused. Both are Kiln's (`adapters/fine_tune/dataset_formatter.py`, 2026-08), whose
//! files never declare the tool.

use tracemill_model::json::Kind;
use tracemill_model::{JsonView, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, FileRule, Findings, Form};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::chat::{
    Answer, Beside, ChatLines, ContentForm, Developer, Dialect, End, Functions, Ids, Images, Names, Parallel,
    RESPONSE_TOOL, Refusals, Results, Silence, System, Thoughts, TrainedBy, any_image,
};
use crate::shared::reasoning::Placement;
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "openai",
    summary: "chat fine-tuning of OpenAI and Azure OpenAI: `messages` with arguments as text, `weight`, images",
    shapes: &[Shape::Conversation],
    extensions: &[
        Extension::off(
            AZURE,
            "the limits of Azure OpenAI: 64 images, an assistant message last",
        ),
        Extension::off(
            JSON_SCHEMA,
            "the last answer is an object, as JSON text on one line",
        ),
        Extension::off(
            TOOLCALL_RESPONSE,
            "the last answer is an object, as a call of the tool `task_response`",
        ),
    ],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
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
        Loss::TrailingTurns,
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
        ROLES, CONTENT, ARGUMENTS, RESULTS, WEIGHT, TOOL_NAME, IMAGES, MEDIA, NO_NULL, TARGET, LAST, ANSWER,
    ],
    file_rules: &[
        FileRule::AtLeast(AT_LEAST, 10),
        FileRule::Bytes(BYTES, 512_000_000),
    ],
    check,
    example: r#"{"messages":[{"role":"system","content":"You are a travel desk."},{"role":"user","content":"Weather in Oslo and Lyon?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}},{"id":"call_2","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Lyon\"}"}}],"weight":1},{"role":"tool","tool_call_id":"call_1","content":"4 C"},{"role":"tool","tool_call_id":"call_2","content":"17 C"},{"role":"assistant","content":"Oslo 4 C, Lyon 17 C.","weight":1}],"tools":[{"type":"function","function":{"name":"get_weather","description":"Current weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],"parallel_tool_calls":true}"#,
    make,
};

const SPEC: &str = "openai/openai-openapi 2.3.0 (2025-05-20), FineTuneChatRequestInput";

const AZURE: &str = "azure";
const JSON_SCHEMA: &str = "json-schema";
const TOOLCALL_RESPONSE: &str = "toolcall-response";

/// "Vision fine-tuning" guides of OpenAI and of Azure OpenAI.
const MAX_IMAGES: usize = 10;
const MAX_IMAGES_AZURE: usize = 64;

/// Content and calls as they were recorded.
const OPENAI: Dialect = Dialect {
    name: FORMAT.name,
    consumer: "OpenAI",
    content: ContentForm::TextOrParts,
    silence: Silence::Recorded,
    beside: Beside::Kept,
    images: Images {
        most: MAX_IMAGES,
        holds: any_image,
    },
    thoughts: Thoughts::Nowhere,
    names: Names::Kept,
    refusals: Refusals::Kept,
    developer: Developer::AsSystem,
    system: System::Anywhere,
    ids: Ids::Recorded,
    end: End::Anything,
    results: Results::Anywhere,
    functions: Functions::Named,
    parallel: Parallel::Kept,
    trained: TrainedBy::Weight,
};

const AZURE_OPENAI: Dialect = Dialect {
    consumer: "Azure OpenAI",
    images: Images {
        most: MAX_IMAGES_AZURE,
        holds: any_image,
    },
    end: End::Nothing,
    ..OPENAI
};

const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and tool; developer is not in the list for supervised tuning",
    SPEC,
);
const CONTENT: Rule = Rule::new(
    "content",
    "every message has `content`, except that an assistant turn with calls may lack it; `null` stands on \
     assistant turns alone",
    SPEC,
);
const ARGUMENTS: Rule = Rule::new("arguments", "the arguments of a call are a JSON string", SPEC);
const RESULTS: Rule = Rule::new(
    "results",
    "a tool message has a `tool_call_id` that names an earlier call, one message for each call",
    SPEC,
);
const WEIGHT: Rule = Rule::new(
    "weight",
    "`weight` is the integer 0 or 1, on assistant messages alone",
    SPEC,
);
const TOOL_NAME: Rule = Rule::new(
    "tool-name",
    "the name of a function has 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`",
    SPEC,
);
const IMAGES: Rule = Rule::new(
    "images",
    "images stand in user messages, at most 10 in one record, by address or as data",
    "\"Vision fine-tuning\" guide of OpenAI (Azure OpenAI: 64)",
);
const MEDIA: Rule = Rule::new("media", "sound and files are not supported for fine-tuning", SPEC);
const NO_NULL: Rule = Rule::new(
    "no-null",
    "`tool_calls` is left out, never `null`",
    "openai 3.52.0, types/chat/chat_completion_assistant_message_param.py",
);
const TARGET: Rule = Rule::new("target", "at least one assistant message is trained on", SPEC);

const LAST: Rule = Rule::new(
    "last",
    "with `+azure`: the last message is the assistant's",
    "\"Fine-tuning\" pages of Azure OpenAI",
);
const ANSWER: Rule = Rule::new(
    "answer",
    "with `+json-schema`: the last answer is the JSON text of an object; with `+toolcall-response`: it is one call of \
     `task_response` with the text of an object",
    "Kiln 2026-08, adapters/fine_tune/dataset_formatter.py",
);

const AT_LEAST: Rule = Rule::new(
    "at-least",
    "a file has at least 10 records",
    "\"Supervised fine-tuning\" guide of OpenAI",
);
const BYTES: Rule = Rule::new(
    "bytes",
    "a file has at most 512 MB",
    "openai/openai-openapi 2.3.0 (2025-05-20), /files",
);

/// What OpenAI demands of messages.
const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
    Demand::Content(CONTENT),
    Demand::NullOnAssistant(CONTENT),
    Demand::Parts(MEDIA, &["text", "image_url", "refusal"]),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::NoNullCalls(NO_NULL),
    Demand::Results(RESULTS),
    Demand::Weight(WEIGHT),
    Demand::Target(TARGET),
]);

const LIMITS: Chat = Chat(&[Demand::Images(IMAGES, MAX_IMAGES)]);
const LIMITS_OF_AZURE: Chat = Chat(&[
    Demand::Images(IMAGES, MAX_IMAGES_AZURE),
    Demand::Last(LAST, &["assistant"]),
]);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        CHAT.check(list, findings);
        let limits = if spec.has(AZURE) { LIMITS_OF_AZURE } else { LIMITS };
        limits.more(list, findings);
        if spec.has(JSON_SCHEMA) {
            check::json_answer(list, &ANSWER, findings);
        }
        if spec.has(TOOLCALL_RESPONSE) {
            check::called_answer(list, RESPONSE_TOOL, Form::ObjectText, &ANSWER, findings);
        }
    });
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, Some(&TOOL_NAME), findings);
    });
    findings.member_if_any(record, "parallel_tool_calls", |findings, parallel| {
        findings.is(parallel, Kind::Bool);
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    let name = FORMAT.name;
    if options.metadata() == MetadataMode::Include {
        let reason = "whether OpenAI accepts `metadata` beside `messages` is not known, so it is not written; convert \
                      to `tracemill` as well to keep identity and scores";
        return Err(SpecError::Conflict {
            format: name,
            reason: reason.to_owned(),
        });
    }
    let answer = match (spec.has(JSON_SCHEMA), spec.has(TOOLCALL_RESPONSE)) {
        (false, false) => Answer::AsIs,
        (true, false) => Answer::JsonSchema,
        (false, true) => Answer::ToolCall,
        (true, true) => {
            let reason = format!("`{JSON_SCHEMA}` and `{TOOLCALL_RESPONSE}` exclude each other");
            return Err(SpecError::Conflict { format: name, reason });
        }
    };
    Ok(Box::new(ChatLines {
        dialect: if spec.has(AZURE) { &AZURE_OPENAI } else { &OPENAI },
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, name)?,
        answer,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::EncodeErrorKind;
    use crate::options::ReasoningMode;
    use crate::shared::testing::{conflict, encode, encode_each};

    #[test]
    fn recorded_argument_text_goes_out_byte_for_byte() {
        let text = r#""{ \"a\":1.0,\t\"b\":\"\\u00e9\\/\" } and more""#;
        let line = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","name":"f","arguments":{text}}}]}}]}}"#
        );
        let (record, losses) = encode("openai", &line).unwrap();
        assert!(record.contains(&format!(r#""arguments":{text}"#)), "{record}");
        assert_eq!(losses, []);
    }

    #[test]
    fn one_turn_alone_is_learnt_by_weights() {
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
            {"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;
        let records = encode_each("openai", line);
        assert!(!records[0].0.contains("weight"), "{}", records[0].0);
        assert!(
            records[1].0.contains(r#""content":"b","weight":0}"#),
            "{}",
            records[1].0
        );
        assert!(records[1].0.ends_with(r#""content":"d"}]}"#), "{}", records[1].0);
    }

    #[test]
    fn what_has_no_place_is_refused_when_the_encoder_is_made() {
        let metadata = EncodeOptions::default().with_metadata(MetadataMode::Include);
        assert!(
            conflict("openai", &metadata)
                .to_string()
                .contains("convert to `tracemill` as well")
        );
        let field = EncodeOptions::default().with_reasoning(ReasoningMode::Field);
        assert!(
            conflict("openai", &field)
                .to_string()
                .contains("use `inline` or `drop`")
        );
    }

    #[test]
    fn tool_names_that_openai_refuses_are_refused() {
        let named = |name: &str| {
            let line = format!(
                r#"{{"messages":[{{"role":"assistant","content":"x"}}],"tools":[{{"name":"{name}"}}]}}"#
            );
            encode("openai", &line).map(|_| ()).map_err(|error| error.kind())
        };
        assert_eq!(named("get-weather_2"), Ok(()));
        assert_eq!(named(&"n".repeat(64)), Ok(()));
        for bad in ["", "a b", "geo.lookup", "né", &"n".repeat(65)] {
            assert_eq!(named(bad), Err(EncodeErrorKind::Forbidden), "{bad}");
        }
    }
}
