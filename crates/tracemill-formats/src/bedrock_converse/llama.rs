//! Conversations for tuning Llama on Bedrock: text, and images in user turns.
//!
//! The validator (aws-samples/amazon-bedrock-samples, `meta-llama/dataset_validation`, 2026-08) takes one item in `system`,
//! blocks of text, and those of images in Llama 3.2; calls, results, definitions and reasoning have no place.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Media, MediaKind, Role, Shape};

use super::{ConverseBlocks, FORMAT};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::options::MetadataMode;
use crate::registry::Rule;
use crate::shared::alternate::Alternate;
use crate::shared::blocks::{Side, Spelling, instructs};
use crate::shared::reasoning::Placement;
use crate::shared::{self, account, tools};

const VALIDATOR: &str = "aws-samples/amazon-bedrock-samples 2026-08, meta-llama/dataset_validation";

pub(super) const LLAMA_BLOCKS: Rule = Rule::new(
    "llama-blocks",
    "with `+llama`: blocks are text, and images in user turns; there is no `toolConfig`",
    VALIDATOR,
);
pub(super) const LLAMA_SYSTEM: Rule =
    Rule::new("llama-system", "with `+llama`: `system` has one item", VALIDATOR);

/// An encoder of conversations for Llama.
#[derive(Debug)]
pub(super) struct Llama {
    pub(super) reasoning: Placement,
}

impl Encoder for Llama {
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
        let Scratch { losses, json, .. } = scratch;
        account::trace(conversation.trace(), MetadataMode::Omit, &[], losses);
        tools::note_lost(conversation.trace(), losses);
        let mut turns = Alternate {
            conversation,
            reasoning: self.reasoning,
            losses,
        };
        let range = turns.range("Bedrock")?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("schemaVersion").str("bedrock-conversation-2024");
        if conversation.messages().iter().any(instructs) {
            w.key("system").begin_array().begin_object();
            let mut s = w.key("text").begin_string();
            turns.instructions(&mut s);
            s.end();
            w.end_object().end_array();
        } else {
            // Nobody says anything; what is lost with them is noted all the same.
            json.clear();
            turns.instructions(&mut JsonWriter::new(json).begin_string());
        }
        w.key("messages").begin_array();
        turns.each(range, |turns, role, run| {
            let side = if role == Role::Assistant {
                Side::Model
            } else {
                Side::User
            };
            ConverseBlocks::open(side, &mut w);
            turns.blocks(run, image, &mut w)?;
            w.end_array().end_object();
            Ok(())
        })?;
        w.end_array();
        w.end_object();
        Ok(())
    }
}

/// Writes a medium if it is an image with a place.
fn image(media: &Media<'_>, w: &mut JsonWriter<'_>) -> bool {
    media.kind() == MediaKind::Image && ConverseBlocks::media(media, w)
}

/// Checks what the validator for Llama asks for beside the common rules.
pub(super) fn check(record: JsonView<'_>, findings: &mut Findings) {
    if record.get("toolConfig").is_some() {
        findings.note_at("toolConfig", &LLAMA_BLOCKS, "there are tools");
    }
    findings.member_if_any(record, "system", |findings, system| {
        let count = system.elements().count();
        if count != 1 {
            findings.note(&LLAMA_SYSTEM, format!("there are {count} items"));
        }
    });
    findings.member_if_any(record, "messages", |findings, list| {
        if list.kind() == Kind::Array {
            findings.each(list, |findings, _, message| {
                findings.member_if_any(message, "content", check_blocks);
            });
        }
    });
}

fn check_blocks(findings: &mut Findings, content: JsonView<'_>) {
    if content.kind() != Kind::Array {
        return;
    }
    findings.each(content, |findings, _, block| {
        let other = block
            .members()
            .map(|(key, _)| key.decode().into_owned())
            .find(|key| !["text", "image"].contains(&key.as_str()));
        if let Some(kind) = other {
            findings.note(&LLAMA_BLOCKS, format!("`{kind}` is neither text nor an image"));
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::loss::Loss;
    use crate::shared::testing::encode;

    #[test]
    fn text_and_images_are_left_and_the_rest_is_lost() {
        let line = r#"{"messages":[{"role":"system","content":"One."},{"role":"system","content":"Two."},
            {"role":"user","content":[{"type":"text","text":"See."},
                {"type":"image","media_type":"image/png","url":"s3://bucket/a.png"}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","name":"f"}]},
            {"role":"tool","tool_call_id":"c","content":"4 C"},
            {"role":"assistant","content":"A dot.","reasoning":"Look."}],"tools":[{"name":"f"}]}"#;
        let (record, losses) = encode("bedrock-converse+llama", line).unwrap();
        assert_eq!(
            record.trim_end(),
            concat!(
                r#"{"schemaVersion":"bedrock-conversation-2024","system":[{"text":"One.\n\nTwo."}],"#,
                r#""messages":[{"role":"user","content":[{"text":"See."},"#,
                r#"{"image":{"format":"png","source":{"s3Location":{"uri":"s3://bucket/a.png"}}}}]},"#,
                r#"{"role":"assistant","content":[{"text":"A dot."}]}]}"#
            )
        );
        let codes: Vec<_> = losses.iter().map(|(loss, _)| *loss).collect();
        for loss in [
            Loss::Tools,
            Loss::ToolCalls,
            Loss::ToolResults,
            Loss::Reasoning,
            Loss::MergedTurns,
        ] {
            assert!(codes.contains(&loss), "{loss:?} of {codes:?}");
        }
    }
}
