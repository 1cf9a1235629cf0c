//! Conversations for ms-swift, in its own roles.
//!
//! Read by ms-swift 4.6.0 (`dataset/preprocessor/core.py`, `docs/source_en/Customization/Custom-dataset.md`). Calls are turns
//! of their own, `tool_call` with the JSON text of one call, and results are `tool_response`; several calls stand in a
//! row and their results behind them in the same order. Marks of what is trained on are `loss`, true or false; OpenAI's
//! `weight` would be lost. Assistant turns in a row are joined and the first mark counts, so marks that differ there are
//! the loss `train-flags`. All other fields of a message are removed: reasoning stands inline, which is its own place
//! here. Its templates take one system message, in front: what others say is joined to it under the codes `system-message` and
//! `merged-turns`; a user turn right behind a result they refuse, and so does the encoder. Definitions are JSON text. Other columns are removed: identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::ms_swift_preference::{
    CALLS, CONTENT, JOINED, ORDER, Part, ROLES, TOOLS, Turns, check_messages, check_tools,
};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::{self, account, metadata, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "ms-swift",
    summary: "`messages` for ms-swift with `tool_call` and `tool_response` turns and `loss`",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::Weights,
            Feature::Metadata,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::MergedTurns,
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
        Loss::JoinedParts,
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[ROLES, CONTENT, ORDER, CALLS, TOOLS, LOSS, JOINED],
    file_rules: &[],
    check,
    example: r#"{"messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"tool_call","content":"{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\"}}"},{"role":"tool_response","content":"4 C"},{"role":"assistant","content":"4 C.","loss":true}],"tools":"[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}]"}"#,
    make,
};

const LOSS: Rule = Rule::new(
    "loss",
    "`loss` is true or false, on turns of the assistant; of turns in a row the first counts",
    "ms-swift 2026-08, docs/source_en/Customization/Custom-dataset.md",
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        check_messages(list, findings, |findings, message| {
            findings.member_if_any(message, "loss", |findings, loss| {
                if loss.kind() != Kind::Bool {
                    findings.note(
                        &LOSS,
                        format!("this is {}, not true or false", loss.kind().noun()),
                    );
                }
            });
        });
    });
    findings.member_if_any(record, "tools", |findings, tools| check_tools(tools, findings));
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(MsSwift {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct MsSwift {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for MsSwift {
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
        let messages = conversation.messages();
        let Scratch {
            losses,
            links,
            embedded,
            json,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let mut turns = Turns {
            reasoning: self.reasoning,
            part: Part::Marked(conversation),
            messages,
            thread: Thread::new(messages, links),
            embedded,
            json,
            losses,
            before: None,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages").begin_array();
        turns.write(0..messages.len(), &mut w)?;
        w.end_array();
        json.clear();
        tools::nested(conversation.trace(), &mut JsonWriter::new(json), losses);
        if !json.is_empty() {
            w.key("tools").begin_string().written(json).end();
        }
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
