//! Pairs for preference tuning of Amazon Nova 1.0: the shape of Converse, and two candidates at the end.
//!
//! After the validator of aws-samples/amazon-nova-samples (`nova_ft_dataset_validator.py`, 2026-08). User and assistant
//! alternate, from the user to the user, and behind them stands the turn with the candidates. Candidates are text; so is
//! all else here: calls, results, definitions and media are losses. Nova 2.0 does not take such files.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Message, Preference, Role, Shape};

use crate::bedrock_converse::{FORBIDDEN, check_words, refuse_forbidden};
use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account::{self, Carried};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::{self, Placement};
use crate::shared::{plain, text, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "nova-dpo",
    summary: "pairs for preference tuning of Amazon Nova 1.0: Converse messages that end with two `candidates`, text alone",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[Feature::MultiTurn])
        .with(Feature::System, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolCalls,
        Loss::ToolResults,
        Loss::LeadingTurns,
        Loss::MergedTurns,
        Loss::SystemMessage,
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
    rules: &[ORDER, TEXT, CANDIDATES, LABELS, FORBIDDEN],
    file_rules: &[],
    check,
    example: r#"{"system":[{"text":"Be brief."}],"messages":[{"role":"user","content":[{"text":"Capital of Peru?"}]},{"role":"assistant","candidates":[{"content":[{"text":"Lima."}],"preferenceLabel":"preferred"},{"content":[{"text":"Cusco."}],"preferenceLabel":"non-preferred"}]}]}"#,
    make,
};

const VALIDATOR: &str = "aws-samples/amazon-nova-samples 2026-08, nova_ft_dataset_validator.py";

const ORDER: Rule = Rule::new(
    "order",
    "user and assistant alternate, from the user to the assistant with the candidates",
    VALIDATOR,
);
const TEXT: Rule = Rule::new("text", "a block of a candidate is text", VALIDATOR);
const CANDIDATES: Rule = Rule::new(
    "candidates",
    "the last message, and no other, has `candidates`, two at least",
    VALIDATOR,
);
const LABELS: Rule = Rule::new(
    "labels",
    "`preferenceLabel` is `preferred` or `non-preferred`, and both appear",
    VALIDATOR,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, messages| {
        let last = messages.elements().count().saturating_sub(1);
        findings.each(messages, |findings, index, message| {
            check_message(findings, index, message, index == last);
        });
    });
    check_words(record, findings);
}

fn check_message(findings: &mut Findings, index: usize, message: JsonView<'_>, is_last: bool) {
    let wanted = if index.is_multiple_of(2) {
        "\"user\""
    } else {
        "\"assistant\""
    };
    if message.get("role").is_none_or(|role| role.as_str() != wanted) || (is_last && index.is_multiple_of(2))
    {
        findings.note(&ORDER, format!("message {} is of another role", index + 1));
    }
    let candidates = message.get("candidates");
    let count = candidates.as_ref().map_or(0, |list| list.elements().count());
    if is_last != (count >= 2) {
        findings.note(&CANDIDATES, format!("the message has {count} candidates"));
    }
    let Some(candidates) = candidates else {
        return;
    };
    let mut labels = Vec::new();
    findings.each(candidates, |findings, _, candidate| {
        labels.extend(
            candidate
                .get("preferenceLabel")
                .map(|label| label.as_str().to_owned()),
        );
        findings.member(candidate, "content", |findings, content| {
            findings.each(content, |findings, _, block| {
                if block.get("text").is_none_or(|text| text.kind() != Kind::String) {
                    findings.note(&TEXT, "the block holds no text");
                }
            });
        });
    });
    let has = |label: &str| labels.iter().any(|found| found == label);
    if labels.len() != count || !has("\"preferred\"") || !has("\"non-preferred\"") {
        findings.note(&LABELS, "a label is missing, or both sides have the same");
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Bedrock", options)?;
    Ok(Box::new(NovaDpo {
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}

#[derive(Debug)]
struct NovaDpo {
    reasoning: Placement,
}

impl Encoder for NovaDpo {
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
        let losses = &mut scratch.losses;
        pair::account(pair, MetadataMode::Omit, &[], losses);
        tools::note_lost(pair.prompt.trace(), losses);
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        let mut w = JsonWriter::new(out);
        let start = w.position();
        w.begin_object();
        self.system(prompt, losses, &mut w);
        w.key("messages").begin_array();
        self.turns(prompt, losses, &mut w)?;
        self.candidates(pair, losses, &mut w)?;
        w.end_array();
        w.end_object();
        refuse_forbidden(w.written(start..w.position()))
    }
}

fn is_system(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

impl NovaDpo {
    /// What the system messages say, a block each; one that stands in the middle is moved, and noted.
    fn system(&self, prompt: Passage<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        let messages = prompt.messages();
        if !prompt.range().any(|index| is_system(&messages[index])) {
            return;
        }
        w.key("system").begin_array();
        let mut leading = true;
        for index in prompt.range() {
            let message = &messages[index];
            leading &= is_system(message);
            if is_system(message) {
                if !leading {
                    losses.note(Loss::SystemMessage, index);
                }
                plain::role(message, index, losses);
                self.heard(message, index, losses, w);
            }
        }
        w.end_array();
    }

    /// The turns of the prompt: messages of one side in a row are blocks of one turn.
    fn turns(
        &self,
        prompt: Passage<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = prompt.messages();
        let mut open = None;
        for index in prompt.range().filter(|&index| !is_system(&messages[index])) {
            let message = &messages[index];
            let role = match message.role() {
                Role::Tool => {
                    account::fields(message, index, Carried::default(), losses);
                    losses.note(Loss::ToolResults, index);
                    continue;
                }
                Role::Assistant if plain::is_call_alone(message) => {
                    plain::note_assistant(message, index, losses);
                    account::reasoning(message, index, self.reasoning, losses);
                    text::note_parts(message.content(), index, losses);
                    continue;
                }
                Role::Assistant => "assistant",
                _ => "user",
            };
            if open.is_none() && role == "assistant" {
                losses.note(Loss::LeadingTurns, index);
                continue;
            }
            if open == Some(role) {
                losses.note(Loss::MergedTurns, index);
            } else {
                if open.is_some() {
                    w.end_array().end_object();
                }
                w.begin_object().key("role").str(role);
                w.key("content").begin_array();
                open = Some(role);
            }
            if role == "assistant" {
                self.said(message, index, losses, w)?;
            } else {
                plain::role(message, index, losses);
                self.heard(message, index, losses, w);
            }
        }
        if open != Some("user") {
            let text = "what is left of the prompt does not end with a user turn, which Bedrock asks for";
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        }
        w.end_array().end_object();
        Ok(())
    }

    fn candidates(
        &self,
        pair: &Preference<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        w.begin_object().key("role").str("assistant");
        w.key("candidates").begin_array();
        let mut side = |label, passage: Passage<'_>, w: &mut JsonWriter<'_>| {
            w.begin_object();
            w.key("content").begin_array();
            let start = w.position();
            if let Some((index, message)) = passage.first(losses).head() {
                plain::check_says(message, index)?;
                if !message.is_target() {
                    losses.note(Loss::TrainFlags, index);
                }
                self.said(message, index, losses, w)?;
            }
            let written = start..w.position();
            w.end_array().key("preferenceLabel").str(label);
            w.end_object();
            Ok::<_, EncodeError>(written)
        };
        let chosen = side("preferred", Passage::completion(pair.chosen.completion), w)?;
        let rejected = side("non-preferred", Passage::completion(pair.rejected.completion), w);
        pair::check_distinct(w, chosen, rejected.map_err(|error| error.of(REJECTED))?)?;
        w.end_array().end_object();
        Ok(())
    }

    fn said(
        &self,
        message: &Message<'_>,
        index: usize,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        plain::note_assistant(message, index, losses);
        w.begin_object();
        let mut s = w.key("text").begin_string();
        if let Some(thoughts) = self.reasoning.words(message, index, losses)? {
            reasoning::think(thoughts, &mut s);
        }
        text::append(message.content(), index, &mut s, losses);
        s.end();
        w.end_object();
        Ok(())
    }

    fn heard(&self, message: &Message<'_>, index: usize, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        account::fields(message, index, Carried::default(), losses);
        account::not_assistant(message, index, self.reasoning, losses);
        account::name(message, index, None, losses);
        w.begin_object();
        let mut s = w.key("text").begin_string();
        text::append(message.content(), index, &mut s, losses);
        s.end();
        w.end_object();
    }
}
