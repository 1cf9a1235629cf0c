//! Pairs for axolotl: the messages of the prompt, and one message for each answer.
//!
//! Read by axolotl 0.19.0 with `type: chat_template.default` (`prompt_strategies/dpo/chat_template.py`), which copies role
//! and content and drops everything else without a word: calls, tool definitions, reasoning and names are losses here.
//! Of a list of messages it takes the last alone, so an answer is one message. For pairs with tools use `trl-preference`.
//! Identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonWriter, Preference, RawJson, Shape, Span};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::Placement;
use crate::shared::{plain, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "axolotl-preference",
    summary: "pairs for axolotl's `chat_template.default`: `messages`, `chosen` and `rejected`, text alone",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Results,
        Feature::Metadata,
        Feature::MultiTurn,
    ]),
    losses: PLAIN_LOSSES,
    rules: &[ANSWERS, ROLE_AND_CONTENT],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Capital of Peru?"}],"chosen":{"role":"assistant","content":"Lima."},"rejected":{"role":"assistant","content":"Cusco."}}"#,
    make,
};

/// What pairs of plain messages may lose.
pub(crate) const PLAIN_LOSSES: &[Loss] = &[
    Loss::Reasoning,
    Loss::OpaqueReasoning,
    Loss::Tools,
    Loss::ToolCalls,
    Loss::DeveloperRole,
    Loss::OtherRole,
    Loss::SpeakerName,
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
];

const AXOLOTL: &str = "axolotl 0.19.0, prompt_strategies/dpo/chat_template.py";

const ANSWERS: Rule = Rule::new(
    "answers",
    "`chosen` and `rejected` are one message each, or the last of a list is taken",
    AXOLOTL,
);
const ROLE_AND_CONTENT: Rule = Rule::new(
    "role-and-content",
    "only role and content are read: `tool_calls`, `tools` and reasoning are dropped in silence",
    AXOLOTL,
);

fn check(_: &FormatSpec, record: &RawJson<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        findings.each(list, |findings, _, message| check_message(message, findings));
    });
    for key in ["chosen", "rejected"] {
        findings.member(record, key, |findings, answer| match answer.kind() {
            Kind::String => {}
            Kind::Object => check_message(answer, findings),
            Kind::Array if answer.elements().count() == 1 => {
                findings.each(answer, |findings, _, message| check_message(message, findings));
            }
            Kind::Array => findings.note(
                &ANSWERS,
                "the answer is a list, and its last message alone is taken",
            ),
            kind => findings.note(&ANSWERS, format!("the answer is {}", kind.noun())),
        });
    }
    findings.member_if_any(record, "tools", |findings, _| {
        findings.note(&ROLE_AND_CONTENT, "`tools` is dropped in silence");
    });
}

fn check_message(message: &RawJson<'_>, findings: &mut Findings) {
    if findings.is(message, Kind::Object) {
        findings.member(message, "role", |findings, role| {
            findings.text(role);
        });
        findings.member(message, "content", |findings, content| {
            findings.text(content);
        });
        findings.only_keys(message, &["role", "content"], &ROLE_AND_CONTENT);
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Axolotl {
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Axolotl {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for Axolotl {
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
        let pair = pair::preference(example)?;
        let Scratch { losses, links, .. } = scratch;
        pair::account(pair, self.metadata, &[], losses);
        tools::note_lost(pair.prompt.trace(), losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages");
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        plain::list(prompt, self.reasoning, links, losses, &mut w)?;
        self.answers(pair, losses, &mut w)?;
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

impl Axolotl {
    fn answers(
        &self,
        pair: &Preference<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let mut answer = |key, span: Span<'_>, w: &mut JsonWriter<'_>| {
            w.key(key);
            let start = w.position();
            w.begin_object();
            w.key("role").str("assistant");
            w.key("content");
            plain::answer(Passage::completion(span), self.reasoning, losses, w)?;
            w.end_object();
            Ok::<_, EncodeError>(start..w.position())
        };
        let chosen = answer("chosen", pair.chosen.completion, w)?;
        let rejected = answer("rejected", pair.rejected.completion, w);
        pair::check_distinct(w, chosen, rejected.map_err(|error| error.of(REJECTED))?)
    }
}
