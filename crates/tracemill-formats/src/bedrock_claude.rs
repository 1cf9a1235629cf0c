//! Plain conversations for tuning Claude 3 Haiku on Amazon Bedrock.
//!
//! From the Anthropic cookbook "Finetuning Claude 3 Haiku on Bedrock" and the validator of
//! aws-samples/amazon-bedrock-samples (`claude-haiku/DataValidation`, 2026-08): a system text, and user and assistant in
//! strict alternation, each message one text. There is no place for calls, results, tools, media or reasoning: all are
//! losses. Consecutive turns of one side are joined, under the loss `merged-turns`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Role, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{FileRule, Findings};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::alternate::Alternate;
use crate::shared::reasoning::Placement;
use crate::shared::{self, account, blocks, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "bedrock-claude",
    summary: "tuning of Claude 3 Haiku on Bedrock: `system` and texts in strict alternation, no tools",
    shapes: &[Shape::Conversation],
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
        Loss::TrailingTurns,
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
    ],
    rules: &[KEYS, ORDER, TEXT, FORBIDDEN],
    file_rules: &[FileRule::AtLeast(AT_LEAST, 32), FileRule::AtMost(AT_MOST, 10_000)],
    check,
    example: r#"{"system":"Reply in JSON.","messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"{\"capital\":\"Lima\"}"}]}"#,
    make,
};

const COOKBOOK: &str = "Anthropic cookbook, \"Finetuning Claude 3 Haiku on Bedrock\"";
const VALIDATOR: &str = "aws-samples/amazon-bedrock-samples 2026-08, claude-haiku/DataValidation";

const KEYS: Rule = Rule::new(
    "keys",
    "a record has `messages` and perhaps `system`, a message `role` and `content`, and no other key",
    COOKBOOK,
);
const ORDER: Rule = Rule::new(
    "order",
    "user and assistant alternate, from user to assistant, two messages at least",
    VALIDATOR,
);
const TEXT: Rule = Rule::new("text", "`system` and every `content` is text", VALIDATOR);
const FORBIDDEN: Rule = Rule::new(
    "forbidden",
    "no text holds a line that begins with `Human:` or `Assistant:`",
    VALIDATOR,
);
const AT_LEAST: Rule = Rule::new("at-least", "a file has at least 32 records", COOKBOOK);
const AT_MOST: Rule = Rule::new("at-most", "a file has at most 10,000 records", COOKBOOK);

/// As they stand in JSON: the line end is an escape.
const WORDS: [&str; 2] = [r"\nHuman:", r"\nAssistant:"];

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Bedrock", options)?;
    let reasoning = Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?;
    Ok(Box::new(Claude { reasoning }))
}

#[derive(Debug)]
struct Claude {
    reasoning: Placement,
}

impl Encoder for Claude {
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
        let conversation = shared::conversation(example)?;
        let trace = conversation.trace();
        account::trace(trace, MetadataMode::Omit, &[], &mut scratch.losses);
        tools::note_lost(trace, &mut scratch.losses);
        let messages = conversation.messages();
        let mut turns = Alternate {
            conversation,
            reasoning: self.reasoning,
            losses: &mut scratch.losses,
        };
        let range = turns.range("Bedrock")?;
        let mut w = JsonWriter::new(out);
        let start = w.position();
        w.begin_object();
        if messages.iter().any(blocks::is_system) {
            let mut s = w.key("system").begin_string();
            turns.instructions(&mut s);
            s.end();
        }
        w.key("messages").begin_array();
        turns.each(range, |turns, role, run| {
            w.begin_object();
            w.key("role").str(if role == Role::Assistant {
                "assistant"
            } else {
                "user"
            });
            let mut s = w.key("content").begin_string();
            turns.say(run, &mut s)?;
            s.end();
            w.end_object();
            Ok(())
        })?;
        w.end_array();
        w.end_object();
        let end = w.position();
        check_words(w.written(start..end))
    }
}

fn check_words(record: &[u8]) -> Result<(), EncodeError> {
    match forbidden(record) {
        Some(word) => {
            let text = format!("a text holds `{word}`, which Bedrock refuses for Claude; replace it");
            Err(EncodeError::new(EncodeErrorKind::Forbidden, text))
        }
        None => Ok(()),
    }
}

fn forbidden(json: &[u8]) -> Option<&'static str> {
    let holds = |word: &&str| json.windows(word.len()).any(|window| window == word.as_bytes());
    WORDS.into_iter().find(holds)
}

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.only_keys(record, &["system", "messages"], &KEYS);
    if let Some(word) = forbidden(record.as_str().as_bytes()) {
        findings.note(&FORBIDDEN, format!("a text holds `{word}`"));
    }
    findings.member_if_any(record, "system", |findings, system| {
        if system.kind() != Kind::String {
            findings.note(&TEXT, "`system` is no text");
        }
    });
    findings.member(record, "messages", |findings, list| {
        let mut wanted = "\"user\"";
        findings.each(list, |findings, _, message| {
            findings.only_keys(message, &["role", "content"], &KEYS);
            let role = message
                .get("role")
                .map(|role| role.to_string())
                .unwrap_or_default();
            if role != wanted {
                findings.note_at(
                    "role",
                    &ORDER,
                    format!("the role is {role}, and belongs to {wanted}"),
                );
            }
            wanted = if role == "\"user\"" {
                "\"assistant\""
            } else {
                "\"user\""
            };
            if message
                .get("content")
                .is_none_or(|content| content.kind() != Kind::String)
            {
                findings.note(&TEXT, "`content` is no text");
            }
        });
        if list.elements().count() < 2 || wanted == "\"assistant\"" {
            findings.note(
                &ORDER,
                "a record ends with an assistant turn, and has two messages at least",
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::encode;

    #[test]
    fn lines_that_look_like_turns_are_refused() {
        let line =
            r#"{"messages":[{"role":"user","content":"a\nHuman: b"},{"role":"assistant","content":"c"}]}"#;
        assert_eq!(
            encode("bedrock-claude", line).unwrap_err().kind(),
            EncodeErrorKind::Forbidden
        );
    }

    #[test]
    fn turns_of_one_side_are_joined() {
        let line = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"}]}"#;
        let wanted = r#"{"system":"s","messages":[{"role":"user","content":"a\n\nb"},{"role":"assistant","content":"c"}]}"#;
        assert_eq!(
            encode("bedrock-claude", line).unwrap(),
            (wanted.to_owned(), vec![(Loss::MergedTurns, 2)])
        );
    }
}
