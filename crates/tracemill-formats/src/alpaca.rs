//! Instructions with their outputs, in the manner of Alpaca.
//!
//! Read by LLaMA-Factory 0.9.5 with `formatting: alpaca` (`data/converter.py`). The last exchange is `instruction` and
//! `output`, those before it are `history`, whose answers are trained on too; `input` is joined with the instruction and
//! stays empty. System messages are the column `system`. Calls, results and definitions have no place: use `sharegpt`
//! for those. Reasoning stands inline, where LLaMA-Factory looks for it.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::exchanges::{Exchanges, Run};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, dataset_info, metadata};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "alpaca",
    summary: "`instruction`, `input`, `output` for LLaMA-Factory and others: plain text, with `history`",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[Feature::Reasoning, Feature::Metadata, Feature::MultiTurn])
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
    rules: &[OUTPUT, INSTRUCTION, SYSTEM, HISTORY, TRAINED],
    file_rules: &[],
    check,
    example: r#"{"instruction":"Capital of Chile?","input":"","output":"Santiago.","system":"Be brief.","history":[["Capital of Peru?","Lima."]]}"#,
    make,
};

const CONVERTER: &str = "LLaMA-Factory 0.9.5, data/converter.py";

const OUTPUT: Rule = Rule::new(
    "output",
    "`output` is text; else the record is dropped",
    CONVERTER,
);
const INSTRUCTION: Rule = Rule::new(
    "instruction",
    "`instruction` and `input` are text, joined with a line break",
    CONVERTER,
);
const SYSTEM: Rule = Rule::new("system", "`system` is text", CONVERTER);
const HISTORY: Rule = Rule::new(
    "history",
    "`history` is a list of pairs of texts: what was said, and the answer",
    CONVERTER,
);
const TRAINED: Rule = Rule::told(
    "trained",
    "the answers of the history are trained on too",
    CONVERTER,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    let text = |findings: &mut Findings, value: JsonView<'_>, rule: &Rule| {
        if value.kind() != Kind::String {
            findings.note(
                rule,
                format!("this is {}, and has to be text", value.kind().noun()),
            );
        }
    };
    findings.member(record, "instruction", |findings, value| {
        text(findings, value, &INSTRUCTION);
    });
    findings.member_if_any(record, "input", |findings, value| {
        text(findings, value, &INSTRUCTION);
    });
    findings.member(record, "output", |findings, value| text(findings, value, &OUTPUT));
    findings.member_if_any(record, "system", |findings, value| text(findings, value, &SYSTEM));
    findings.member_if_any(record, "history", |findings, history| {
        findings.each(history, |findings, _, pair| {
            let is_pair =
                pair.elements().count() == 2 && pair.elements().all(|side| side.kind() == Kind::String);
            if pair.kind() != Kind::Array || !is_pair {
                findings.note(&HISTORY, "this is no pair of texts");
            }
        });
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Alpaca {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Alpaca {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for Alpaca {
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
            columns,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let thread = Thread::new(messages, links);
        let trained = Trained::Every(conversation);
        let mut turns = Exchanges::new(self.reasoning, messages, trained, thread, losses)?;
        turns.note(conversation.trace());
        let mut w = JsonWriter::new(out);
        w.begin_object();
        if let Some((asked, answered)) = last_exchange(&turns) {
            w.key("instruction");
            turns.text(&asked, &mut w)?;
            w.key("input").str("");
            w.key("output");
            turns.text(&answered, &mut w)?;
            if turns.write_system(&mut w) {
                *columns |= Columns::SYSTEM;
            }
            if history(&mut turns, &asked, &mut w)? {
                *columns |= Columns::HISTORY;
            }
        }
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        vec![dataset_info::alpaca(file_name, columns)]
    }
}

/// The exchange that begins at or after `from`.
fn exchange(turns: &Exchanges<'_>, from: usize) -> Option<(Run, Run)> {
    let asked = turns.run(from)?;
    let answered = turns.run(asked.range.end)?;
    Some((asked, answered))
}

fn last_exchange(turns: &Exchanges<'_>) -> Option<(Run, Run)> {
    let mut last = exchange(turns, 0)?;
    while let Some(next) = exchange(turns, last.1.range.end) {
        last = next;
    }
    Some(last)
}

/// Writes the exchanges before the last.
fn history(turns: &mut Exchanges<'_>, last: &Run, w: &mut JsonWriter<'_>) -> Result<bool, EncodeError> {
    let mut any = false;
    let mut from = 0;
    while let Some((asked, answered)) = exchange(turns, from) {
        if asked.range.start >= last.range.start {
            break;
        }
        if !any {
            w.key("history").begin_array();
            any = true;
        }
        w.begin_array();
        turns.text(&asked, w)?;
        turns.text(&answered, w)?;
        w.end_array();
        from = answered.range.end;
    }
    if any {
        w.end_array();
    }
    Ok(any)
}
