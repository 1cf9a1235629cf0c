//! The items of OpenAI's reinforcement fine-tuning.
//!
//! Read by OpenAI and Azure OpenAI: `openapi.yaml` 2.3.0 of openai/openai-openapi at 2025-05-20
//! (`FineTuneReinforcementRequestInput`) and Azure's "Reinforcement fine-tuning" page. `messages` are a prompt: what stands
//! before the first turn that is to be learnt; what follows is left out, because the model writes it anew. The last
//! message is the user's; the developer's stand for those of the system (`system-message`). Every other key can be read by graders as `item.<key>`: unnamed fields of the trace, such as a
//! `reference_answer`, go along as they are, and identity and scores as `metadata` if asked for.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Role, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::chat::{
    self, Answer, Beside, ChatLines, ContentForm, Developer, Dialect, End, Functions, Ids, Images, Names,
    Parallel, Refusals, Results, Silence, System, Thoughts, TrainedBy, Turns, any_image,
};
use crate::shared::reasoning::Placement;
use crate::shared::{self, account, metadata};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "openai-rft",
    summary: "prompts for OpenAI's reinforcement fine-tuning, with every other field for the grader",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Metadata,
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
        Loss::TrailingTurns,
        Loss::SystemMessage,
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
    rules: &[ROLES, LAST, CONTENT, ARGUMENTS, RESULTS, TOOL_NAME, GRADER],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"developer","content":"Answer with a number."},{"role":"user","content":"7*6?"}],"reference_answer":{"value":42}}"#,
    make,
};

const SPEC: &str = "openai/openai-openapi 2.3.0 (2025-05-20), FineTuneReinforcementRequestInput";

const ROLES: Rule = Rule::new("roles", "roles are developer, user, assistant and tool", SPEC);
const LAST: Rule = Rule::new(
    "last",
    "the last message is the user's",
    "\"Reinforcement fine-tuning\" page of Azure OpenAI",
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
    "a tool message has a `tool_call_id` that names an earlier call",
    SPEC,
);
const TOOL_NAME: Rule = Rule::new(
    "tool-name",
    "the name of a function has 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`",
    SPEC,
);
const GRADER: Rule = Rule::told(
    "grader",
    "`messages` and `tools` are reserved; a grader reads every other key as `item.<key>`",
    SPEC,
);

const DIALECT: Dialect = Dialect {
    name: FORMAT.name,
    consumer: "OpenAI",
    content: ContentForm::TextOrParts,
    silence: Silence::Recorded,
    beside: Beside::Kept,
    images: Images {
        most: 10,
        holds: any_image,
    },
    thoughts: Thoughts::Nowhere,
    names: Names::Kept,
    refusals: Refusals::Kept,
    developer: Developer::Kept,
    system: System::AsDeveloper,
    ids: Ids::Recorded,
    end: End::Anything,
    results: Results::Anywhere,
    functions: Functions::Named,
    parallel: Parallel::Lost,
    trained: TrainedBy::Nothing,
};

const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["developer", "user", "assistant", "tool"]),
    Demand::Last(LAST, &["user"]),
    Demand::Content(CONTENT),
    Demand::NullOnAssistant(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::Results(RESULTS),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| CHAT.check(list, findings));
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, Some(&TOOL_NAME), findings);
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Items {
        lines: ChatLines {
            dialect: &DIALECT,
            reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
            answer: Answer::AsIs,
        },
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Items {
    lines: ChatLines,
    metadata: MetadataMode,
}

impl Encoder for Items {
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
        account::trace(trace, self.metadata, account::ALL, &mut scratch.losses);
        let end = shared::prompt_end(&conversation, &mut scratch.losses)?;
        let last = conversation.messages()[end - 1].role();
        if !matches!(last, Role::User | Role::Other(_)) {
            let text = "the prompt does not end with a message of the user, which OpenAI asks for";
            return Err(EncodeError::at(end - 1, EncodeErrorKind::Order, text));
        }
        let mut turns = Turns::new(&self.lines, conversation, scratch)?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages").begin_array();
        turns.list(0..end, &mut w)?;
        w.end_array();
        chat::write_tools(&DIALECT, Answer::AsIs, trace, scratch, &mut w)?;
        for (key, value) in trace.extra().iter() {
            w.text_key(key).raw(value);
        }
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::shared::testing::encode;

    #[test]
    fn fields_go_to_the_grader_and_the_answer_stays_behind() {
        let line = r#"{"messages":[{"role":"user","content":"7*6?"},{"role":"assistant","content":"42"}],
            "reference_answer":{"value":42.0},"score":1}"#;
        let (record, losses) = encode("openai-rft", line).unwrap();
        assert_eq!(
            record,
            r#"{"messages":[{"role":"user","content":"7*6?"}],"reference_answer":{"value":42.0}}"#
        );
        assert_eq!(losses, []);
    }
}
