//! Pairs for NeMo Customizer and NeMo-Aligner: a prompt and two texts.
//!
//! The prompt is a list of `{"role","content"}`, as the adapter of NeMo Agent Toolkit 1.9.0 sends it; or text, as the
//! DPO guide of NeMo-Aligner has it: with `+string` for a prompt that is one user message, with `+last-message` the last
//! message alone, whose history is then a loss. Both answers are one text: calls, tool definitions and reasoning have no
//! place. NeMo-Aligner expects text that is already templated. Whether other columns are accepted is not known.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Preference, Role, Shape};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{plain, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "nemo-dpo",
    summary: "pairs for NeMo Customizer: `prompt`, `chosen_response` and `rejected_response`, text alone",
    shapes: &[Shape::Preference],
    extensions: &[
        Extension::off(
            LAST_MESSAGE,
            "the prompt is the text of its last message; those before it are the loss `prompt-history`",
        ),
        Extension::off(STRING, "the prompt is text: for prompts of one user message"),
    ],
    capability: Capability::NONE.holding(&[Feature::System, Feature::Results, Feature::MultiTurn]),
    losses: &[
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
        Loss::PromptHistory,
        Loss::PromptDiffers,
    ],
    rules: &[COLUMNS, ANSWERS, PROMPT],
    file_rules: &[],
    check,
    example: r#"{"prompt":[{"role":"user","content":"Capital of Peru?"}],"chosen_response":"Lima.","rejected_response":"Cusco."}"#,
    make,
};

const ALIGNER: &str = "NeMo-Aligner, docs/user-guide/dpo.rst";
const NAT: &str = "NeMo Agent Toolkit 1.9.0, DPOItem and the NeMo Customizer adapter";
const STRING: &str = "string";
const LAST_MESSAGE: &str = "last-message";
const KEYS: [&str; 2] = ["chosen_response", "rejected_response"];

const COLUMNS: Rule = Rule::new(
    "columns",
    "`prompt`, `chosen_response` and `rejected_response`",
    ALIGNER,
);
const ANSWERS: Rule = Rule::new("answers", "both answers are text", NAT);
const PROMPT: Rule = Rule::new(
    "prompt",
    "`prompt` is text, or a list of `role` and `content`",
    NAT,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    for key in ["prompt", "chosen_response", "rejected_response"] {
        if record.get(key).is_none() {
            findings.note(&COLUMNS, format!("`{key}` is missing"));
        }
    }
    check_item(record, [&PROMPT, &ANSWERS], findings);
}

/// Checks the prompt and the two answers of an item.
pub(crate) fn check_item(item: JsonView<'_>, [prompt, answers]: [&Rule; 2], findings: &mut Findings) {
    findings.member_if_any(item, "prompt", |findings, value| match value.kind() {
        Kind::String => {}
        Kind::Array => findings.each(value, |findings, _, message| {
            let is_text = |key| message.get(key).is_some_and(|value| value.kind() == Kind::String);
            if !is_text("role") || !is_text("content") {
                findings.note(
                    prompt,
                    "a message of the prompt has `role` and `content`, both text",
                );
            }
        }),
        kind => findings.note(prompt, format!("the prompt is {}", kind.noun())),
    });
    for key in KEYS {
        findings.member_if_any(item, key, |findings, answer| {
            if answer.kind() != Kind::String {
                findings.note(
                    answers,
                    format!("the answer is {}, and has to be text", answer.kind().noun()),
                );
            }
        });
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "NeMo Customizer", options)?;
    Ok(Box::new(NemoDpo {
        // The last message is a string in any case.
        prompt: if spec.has(LAST_MESSAGE) {
            Prompt::LastMessage
        } else if spec.has(STRING) {
            Prompt::String
        } else {
            Prompt::Messages
        },
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}

#[derive(Debug)]
struct NemoDpo {
    prompt: Prompt,
    reasoning: Placement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    Messages,
    String,
    LastMessage,
}

impl Encoder for NemoDpo {
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
        pair::account(pair, MetadataMode::Omit, &[], &mut scratch.losses);
        tools::note_lost(pair.prompt.trace(), &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("prompt");
        self.prompt(pair, scratch, &mut w)?;
        plain::answers(pair, KEYS, self.reasoning, &mut scratch.losses, &mut w)?;
        w.end_object();
        Ok(())
    }
}

impl NemoDpo {
    fn prompt(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let Scratch { losses, links, .. } = scratch;
        let passage = Passage::prompt(pair.prompt, pair.chosen.completion);
        match self.prompt {
            Prompt::Messages => plain::list(passage, self.reasoning, links, losses, w),
            Prompt::String => {
                let remedy = "use `nemo-dpo` without `string`, or `nemo-dpo+last-message`";
                plain::lone_prompt(passage, self.reasoning, remedy, losses, w)
            }
            Prompt::LastMessage => {
                let range = passage.range();
                for index in range.start..range.end - 1 {
                    losses.note(Loss::PromptHistory, index);
                }
                let last = range.end - 1;
                let message = &passage.messages()[last];
                if *message.role() == Role::Assistant {
                    let text = "the last message of the prompt is an assistant turn, which asks nothing";
                    return Err(EncodeError::at(last, EncodeErrorKind::Order, text));
                }
                plain::last(passage, self.reasoning, links, losses, w);
                Ok(())
            }
        }
    }
}
