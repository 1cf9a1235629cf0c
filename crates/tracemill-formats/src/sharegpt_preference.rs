//! Pairs for LLaMA-Factory: ShareGPT conversations with a better and a worse answer.
//!
//! Read by LLaMA-Factory 0.9.5 with `formatting: sharegpt` and `ranking: true` (`data/converter.py`). The turns look as in
//! the format `sharegpt`, but their number is odd: the last is `human` or `observation`, and `chosen` and `rejected`
//! hold one answer each, a `gpt` or a `function_call` turn. An answer that goes on after results of its calls is the loss
//! `long-completion`. A file is unusable without its entry in `dataset_info.json`, which is the companion file.
//! Identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Message, Preference, Role, Shape, Span};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{Conversations, Findings, Parity};
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::dataset_info;
use crate::shared::pair::{self, REJECTED};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::sharegpt::{self, Side, Turns};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "sharegpt-preference",
    summary: "pairs for LLaMA-Factory: ShareGPT `conversations`, `chosen` and `rejected` turns",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: CAPABILITY,
    losses: LOSSES,
    rules: &[ORDER, ODD, ANSWERS, FUNCTION_CALL, TOOLS],
    file_rules: &[],
    check,
    example: r#"{"conversations":[{"from":"human","value":"Weather in Oslo?"},{"from":"function_call","value":"{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\"}}"},{"from":"observation","value":"4 C"}],"chosen":{"from":"gpt","value":"4 C in Oslo."},"rejected":{"from":"gpt","value":"Warm."},"system":"Be exact.","tools":"[{\"name\":\"get_weather\",\"description\":\"Current weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}]"}"#,
    make,
};

/// What ShareGPT conversations hold.
pub(crate) const CAPABILITY: Capability = Capability::NONE
    .holding(&[
        Feature::Tools,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::Reasoning,
        Feature::Metadata,
        Feature::MultiTurn,
    ])
    .with(Feature::System, Holds::Partly);

/// What ShareGPT conversations with answers may lose.
pub(crate) const LOSSES: &[Loss] = &[
    Loss::Reasoning,
    Loss::OpaqueReasoning,
    Loss::ToolKind,
    Loss::ToolCalls,
    Loss::CallKind,
    Loss::TextBesideCall,
    Loss::UnparsableArguments,
    Loss::NonObjectArguments,
    Loss::TrailingTurns,
    Loss::LeadingTurns,
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
    Loss::LongCompletion,
    Loss::PromptDiffers,
];

pub(crate) const CONVERTER: &str = "LLaMA-Factory 0.9.5, data/converter.py";
pub(crate) const FORMATTER: &str = "LLaMA-Factory 0.9.5, data/formatter.py";

const ORDER: Rule = Rule::new(
    "order",
    "odd places hold `human` or `observation`, even ones `gpt` or `function_call`; else the record is dropped",
    CONVERTER,
);
const ODD: Rule = Rule::new("odd", "the number of turns is odd", CONVERTER);
const ANSWERS: Rule = Rule::new(
    "answers",
    "`chosen` and `rejected` are one `gpt` or `function_call` turn each; text instead drops the record",
    CONVERTER,
);
const FUNCTION_CALL: Rule = Rule::new(
    "function-call",
    "`function_call` is the JSON text of one call or of a list; text that is no JSON ends the run",
    FORMATTER,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "`tools` is the JSON text of a list of functions, or is absent",
    FORMATTER,
);

const TURNS: Conversations = Conversations {
    order: ORDER,
    parity: ODD,
    turns: Parity::Odd,
    function_call: FUNCTION_CALL,
    arguments: FUNCTION_CALL,
    tools: TOOLS,
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    TURNS.check(record, findings);
    for key in ["chosen", "rejected"] {
        match record.get(key) {
            None => findings.note(&ANSWERS, format!("`{key}` is missing")),
            Some(_) => findings.member(record, key, |findings, answer| {
                TURNS.answer(answer, &ANSWERS, findings);
            }),
        }
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(ShareGptPreference {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct ShareGptPreference {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for ShareGptPreference {
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
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        self.record(pair, scratch, &mut w)?;
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        let stage = dataset_info::Stage::Ranking;
        vec![dataset_info::sharegpt(file_name, stage, columns)]
    }
}

impl ShareGptPreference {
    fn record(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let (chosen, rejected) = (pair.chosen.completion, pair.rejected.completion);
        pair::check_adjacent(pair.prompt, chosen)?;
        let mut turns = self.turns(chosen, scratch)?;
        turns.note(0);
        let mut asked = (turns.kept.start..chosen.start()).rev();
        let last = asked.find_map(|index| turns.side(index));
        if last.is_none_or(|side| side == Side::Assistant) {
            let text =
                "the prompt does not end with a user turn or a tool result, which LLaMA-Factory asks for";
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        }
        w.key("conversations").begin_array();
        turns.write(chosen.start(), w)?;
        w.end_array();
        w.key("chosen");
        let start = w.position();
        answer(&mut turns, chosen, w)?;
        let written = start..w.position();
        w.key("rejected");
        let start = w.position();
        self.rejected(rejected, scratch, w)
            .map_err(|error| error.of(REJECTED))?;
        pair::check_distinct(w, written, start..w.position())?;
        // What the columns could lose was noted with the turns.
        let mut turns = self.turns(chosen, scratch)?;
        let columns = turns.system(w) | turns.tools(chosen.trace(), w);
        scratch.columns |= columns;
        Ok(())
    }

    fn rejected(
        &self,
        span: Span<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let mut turns = self.turns(span, scratch)?;
        turns.note(span.start());
        answer(&mut turns, span, w)
    }

    /// The turns of a trace up to the answer; notes what comes behind it.
    fn turns<'r>(&self, span: Span<'r>, scratch: &'r mut Scratch) -> Result<Turns<'r>, EncodeError> {
        let end = answer_end(span);
        let messages = &span.trace().messages()[..end];
        scratch.links.compute(messages);
        let thread = Thread::new(messages, &scratch.links);
        Ok(Turns {
            reasoning: self.reasoning,
            messages,
            trained: Trained::From(span.start()),
            kept: sharegpt::kept(&thread, messages)?,
            thread,
            embedded: &mut scratch.embedded,
            json: &mut scratch.json,
            losses: &mut scratch.losses,
        })
    }
}

/// Behind the assistant messages with which a completion begins: they become one turn.
fn answer_end(span: Span<'_>) -> usize {
    let is_assistant = |message: &&Message<'_>| *message.role() == Role::Assistant;
    span.start() + span.messages().iter().take_while(is_assistant).count()
}

/// Writes the answer of a completion, one turn.
fn answer(turns: &mut Turns<'_>, span: Span<'_>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
    let end = answer_end(span);
    if span.end() > end {
        turns.losses.note(Loss::LongCompletion, end);
    }
    match turns.run(span.start()) {
        Some(run) if run.side == Side::Assistant => turns.assistant(&run.range, None, w),
        _ => {
            let text = "nothing is left of the answer";
            Err(EncodeError::at(span.start(), EncodeErrorKind::NoTarget, text))
        }
    }
}
