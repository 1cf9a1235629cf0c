//! Plain conversations in the manner of FastChat and Vicuna.
//!
//! Read by lm-sys/FastChat (`fastchat/train/train.py`), which knows `human` and `gpt` alone, fails on any other role, and
//! asserts that they alternate. There is no place for system messages, calls, results, definitions and marks of what is
//! trained on: all answers are. Reasoning has none either, unless it is asked for inline. FastChat reads one JSON *list*,
//! not lines: `jq -s . train.jsonl` makes one.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::capability::{Capability, Feature};
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
    name: "fastchat",
    summary: "`conversations` of human and gpt turns for FastChat: plain text alone",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE.holding(&[Feature::MultiTurn]),
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
    rules: &[ROLES, ORDER, LIST],
    file_rules: &[],
    check,
    example: r#"{"conversations":[{"from":"human","value":"Capital of Peru?"},{"from":"gpt","value":"Lima."}]}"#,
    make,
};

const TRAIN: &str = "lm-sys/FastChat, fastchat/train/train.py";

const ROLES: Rule = Rule::new(
    "roles",
    "turns are from `human` or `gpt`; another ends the run",
    TRAIN,
);
const ORDER: Rule = Rule::new(
    "order",
    "turns alternate, `human` first; a first turn of another is dropped",
    TRAIN,
);
const LIST: Rule = Rule::told("list", "the file is one JSON list of the records", TRAIN);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "conversations", |findings, turns| {
        findings.each(turns, |findings, index, turn| {
            if !findings.is(turn, Kind::Object) {
                return;
            }
            findings.member(turn, "value", |findings, value| {
                findings.text(value);
            });
            findings.member(turn, "from", |findings, from| {
                let (wanted, other) = if index % 2 == 0 {
                    ("\"human\"", "\"gpt\"")
                } else {
                    ("\"gpt\"", "\"human\"")
                };
                if from.as_str() == other {
                    findings.note(&ORDER, format!("turn {} is from {other}", index + 1));
                } else if from.as_str() != wanted {
                    findings.note(&ROLES, format!("a turn is from {from}"));
                }
            });
        });
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "FastChat", options)?;
    Ok(Box::new(FastChat {
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}

#[derive(Debug)]
struct FastChat {
    reasoning: Placement,
}

impl Encoder for FastChat {
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
        turns.lose_system();
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("conversations").begin_array();
        let mut from = 0;
        while let Some(run) = turns.run(from) {
            w.begin_object();
            w.key("from").str(match run.side {
                Side::Human => "human",
                Side::Assistant => "gpt",
            });
            w.key("value");
            turns.text(&run, &mut w)?;
            w.end_object();
            from = run.range.end;
        }
        w.end_array();
        w.end_object();
        Ok(())
    }
}
