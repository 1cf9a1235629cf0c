//! Pairs for axolotl: the messages of the prompt, and one message for each answer.
//!
//! Read by axolotl 0.19.0 with `type: chat_template.default` (`prompt_strategies/dpo/chat_template.py`), which copies role
//! and content and drops everything else without a word: calls, tool definitions, reasoning and names are losses here.
//! Of a list of messages it takes the last alone, so an answer is one message. It renders an answer behind a dummy question
//! and looks for its text in that, so an answer that stands in the question as well is refused. For pairs with tools use `trl-preference`.
//! Identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Preference, Shape, Span};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
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
    rules: &[ANSWERS, ANSWER_TEXT, ROLES, ROLE_AND_CONTENT],
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
const ANSWER_TEXT: Rule = Rule::new(
    "answer-text",
    "an answer is not empty and does not stand in `user`, `[[dummy_message]]` or `assistant`: its text is looked for \
     behind a dummy question, and all from the first place on is learnt",
    AXOLOTL,
);
const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and tool; another ends the run",
    AXOLOTL,
);
const ROLE_AND_CONTENT: Rule = Rule::new(
    "role-and-content",
    "only role and content are read: `tool_calls`, `tools` and reasoning are dropped in silence",
    AXOLOTL,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        findings.each(list, |findings, _, message| check_message(message, findings));
    });
    for key in ["chosen", "rejected"] {
        findings.member(record, key, |findings, answer| match answer.kind() {
            Kind::String => check_text(answer, findings),
            Kind::Object => check_answer(answer, findings),
            Kind::Array if answer.elements().count() == 1 => {
                findings.each(answer, |findings, _, message| check_answer(message, findings));
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

fn check_answer(answer: JsonView<'_>, findings: &mut Findings) {
    check_message(answer, findings);
    findings.member_if_any(answer, "content", |findings, content| {
        check_text(content, findings);
    });
}

fn check_text(text: JsonView<'_>, findings: &mut Findings) {
    if text.as_text().is_some_and(|text| is_found_before(text.body())) {
        findings.note(
            &ANSWER_TEXT,
            "the answer stands in the question as well, or is empty",
        );
    }
}

/// Whether a text would be found in the question that is put before an answer, or in the roles beside it.
fn is_found_before(text: &str) -> bool {
    ["user", "[[dummy_message]]", "assistant"]
        .iter()
        .any(|before| before.contains(text))
}

fn check_message(message: JsonView<'_>, findings: &mut Findings) {
    if findings.is(message, Kind::Object) {
        findings.member(message, "role", |findings, role| {
            let role = findings.text(role);
            if role.is_some_and(|role| !["system", "user", "assistant", "tool"].contains(&role.body())) {
                findings.note(&ROLES, "no role of that name");
            }
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

/// Refuses an answer, the string that was written of it, which axolotl would not find behind its question.
fn check_written(string: &[u8], span: Span<'_>) -> Result<(), EncodeError> {
    let text = str::from_utf8(string).unwrap_or_default().trim_matches('"');
    if !is_found_before(text) {
        return Ok(());
    }
    let text = "the answer is empty or stands in the dummy question that axolotl puts before it, and would be learnt \
                together with that";
    Err(EncodeError::at(span.start(), EncodeErrorKind::Forbidden, text))
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
            let text = w.position();
            plain::answer(Passage::completion(span), self.reasoning, losses, w)?;
            check_written(w.written(text..w.position()), span)?;
            w.end_object();
            Ok::<_, EncodeError>(start..w.position())
        };
        let chosen = answer("chosen", pair.chosen.completion, w)?;
        let rejected = answer("rejected", pair.rejected.completion, w);
        pair::check_distinct(w, chosen, rejected.map_err(|error| error.of(REJECTED))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_the_question_holds_are_told_apart() {
        for (text, is_found) in [
            ("", true),
            ("s", true),
            ("dummy", true),
            ("Lima.", false),
            ("users", false),
            ("S", false),
        ] {
            assert_eq!(is_found_before(text), is_found, "{text}");
        }
    }
}
