//! Conversations for supervised tuning with NeMo-Aligner, which NeMo Customizer grew from.
//!
//! NVIDIA/NeMo-Aligner, `docs/user-guide/sft.rst` and `nemo_aligner/data/nlp/builders.py` (chat data): `system`, which is
//! always there and may be empty, `conversations` of turns from `User` and `Assistant`, and `mask`, the speaker whose turns
//! are not trained on. There is no place for calls, results and definitions. Reasoning has none either, unless it is asked
//! for inline. NeMo Customizer also takes `messages`: that is `openai`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::exchanges::{Exchanges, Side};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "nemo-sft",
    summary: "`system` and `conversations` of User and Assistant turns for NeMo-Aligner: plain text alone",
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
    rules: &[SYSTEM, ROLES, ORDER, MASK],
    file_rules: &[],
    check,
    example: r#"{"system":"Be brief.","conversations":[{"from":"User","value":"Capital of Peru?"},{"from":"Assistant","value":"Lima."}],"mask":"User"}"#,
    make,
};

const GUIDE: &str = "NVIDIA/NeMo-Aligner, docs/user-guide/sft.rst";

const SYSTEM: Rule = Rule::new("system", "`system` is a text, which may be empty", GUIDE);
const ROLES: Rule = Rule::new("roles", "turns are from `User` or `Assistant`", GUIDE);
const ORDER: Rule = Rule::new("order", "turns alternate, `User` first", GUIDE);
const MASK: Rule = Rule::new(
    "mask",
    "`mask` names the speaker whose turns are not trained on: `User`",
    GUIDE,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    if record
        .get("system")
        .is_none_or(|system| system.kind() != Kind::String)
    {
        findings.note(&SYSTEM, "`system` is missing or no text");
    }
    if record.get("mask").is_none_or(|mask| mask.as_str() != "\"User\"") {
        findings.note(&MASK, "`mask` is missing or another");
    }
    findings.member(record, "conversations", |findings, turns| {
        findings.each(turns, check_turn);
    });
}

fn check_turn(findings: &mut Findings, index: usize, turn: JsonView<'_>) {
    if !findings.is(turn, Kind::Object) {
        return;
    }
    findings.member(turn, "value", |findings, value| {
        findings.text(value);
    });
    findings.member(turn, "from", |findings, from| {
        let sides = ["\"User\"", "\"Assistant\""];
        if !sides.contains(&from.as_str()) {
            findings.note(&ROLES, format!("a turn is from {from}"));
        } else if from.as_str() != sides[index % 2] {
            findings.note(&ORDER, format!("turn {} is from {from}", index + 1));
        }
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "NeMo-Aligner", options)?;
    Ok(Box::new(NemoSft {
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}

#[derive(Debug)]
struct NemoSft {
    reasoning: Placement,
}

impl Encoder for NemoSft {
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
        let Scratch { losses, links, .. } = scratch;
        account::trace(conversation.trace(), MetadataMode::Omit, &[], losses);
        links.compute(messages);
        let thread = Thread::new(messages, links);
        let trained = Trained::Every(conversation);
        let mut turns = Exchanges::new(self.reasoning, messages, trained, thread, losses)?;
        turns.note(conversation.trace());
        let mut w = JsonWriter::new(out);
        w.begin_object();
        if !turns.write_system(&mut w) {
            w.key("system").str("");
        }
        w.key("conversations").begin_array();
        let mut from = 0;
        while let Some(run) = turns.run(from) {
            w.begin_object();
            w.key("from").str(match run.side {
                Side::Human => "User",
                Side::Assistant => "Assistant",
            });
            w.key("value");
            turns.text(&run, &mut w)?;
            w.end_object();
            from = run.range.end;
        }
        w.end_array();
        w.key("mask").str("User");
        w.end_object();
        Ok(())
    }
}
