//! Single answers with a verdict for LLaMA-Factory: ShareGPT conversations with `kto_tag`.
//!
//! Read by LLaMA-Factory 0.9.5 with `formatting: sharegpt` and the column `kto_tag` (`data/converter.py`). The turns look as
//! in the format `sharegpt`; the last is the answer, and the only one that is trained on, so a completion of several
//! turns is the loss `long-completion`. A file is unusable without its entry in `dataset_info.json`, which is the companion
//! file. LLaMA-Factory compares each record with its *neighbour* in the batch, so the order of a file matters.
//! Identity and the score stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Labelled, Role, Shape};

use crate::check::{Conversations, Findings, Parity};
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{dataset_info, pair};
use crate::sharegpt::{self, Turns};
use crate::sharegpt_preference::{CAPABILITY, CONVERTER, FORMATTER, LOSSES};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "sharegpt-kto",
    summary: "single answers with a verdict for LLaMA-Factory: ShareGPT `conversations` and `kto_tag`",
    shapes: &[Shape::Labelled],
    extensions: &[],
    capability: CAPABILITY,
    losses: LOSSES,
    rules: &[ORDER, EVEN, TAG, LAST, EMPTY, FUNCTION_CALL, TOOLS],
    file_rules: &[],
    check,
    example: r#"{"conversations":[{"from":"human","value":"Capital of Peru?"},{"from":"gpt","value":"Lima."}],"kto_tag":true}"#,
    make,
};

const ORDER: Rule = Rule::new(
    "order",
    "odd places hold `human` or `observation`, even ones `gpt` or `function_call`; else the record is dropped",
    CONVERTER,
);
const EVEN: Rule = Rule::new("even", "the number of turns is even", CONVERTER);
const TAG: Rule = Rule::new(
    "tag",
    "`kto_tag` is true or false; a number or text drops the record",
    CONVERTER,
);
const LAST: Rule = Rule::told("last", "the last turn alone is trained on", CONVERTER);
const EMPTY: Rule = Rule::new(
    "empty",
    "an answer that is wanted is not empty: an empty one counts as one that is not wanted",
    "LLaMA-Factory 0.9.5, data/processor/feedback.py",
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
    parity: EVEN,
    turns: Parity::Even,
    function_call: FUNCTION_CALL,
    arguments: FUNCTION_CALL,
    tools: TOOLS,
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    TURNS.check(record, findings);
    match record.get("kto_tag") {
        Some(tag) if tag.as_bool() == Some(true) => check_answer(record, findings),
        Some(tag) if tag.as_bool().is_some() => {}
        Some(tag) => findings.note_at("kto_tag", &TAG, format!("`kto_tag` is {}", tag.kind().noun())),
        None => findings.note(&TAG, "`kto_tag` is missing"),
    }
}

fn check_answer(record: JsonView<'_>, findings: &mut Findings) {
    let Some(turns) = record.get("conversations") else {
        return;
    };
    let Some(last) = turns.elements().last() else {
        return;
    };
    let value = last.get("value");
    if value
        .and_then(JsonView::as_text)
        .is_some_and(|value| value.is_empty())
    {
        findings.note(&EMPTY, "the answer that is wanted is empty");
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(ShareGptKto {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct ShareGptKto {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for ShareGptKto {
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
        let labelled = pair::labelled(example)?;
        let trace = labelled.completion.completion.trace();
        pair::account_for(trace, self.metadata, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        self.record(labelled, scratch, &mut w)?;
        if self.metadata == MetadataMode::Include {
            pair::side_metadata(&labelled.completion, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        vec![dataset_info::sharegpt(
            file_name,
            dataset_info::Stage::Kto,
            columns,
        )]
    }
}

impl ShareGptKto {
    fn record(
        &self,
        labelled: &Labelled<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let span = labelled.completion.completion;
        pair::check_adjacent(labelled.prompt, span)?;
        let trace = span.trace();
        let messages = &trace.messages()[..span.end()];
        scratch.links.compute(messages);
        let thread = Thread::new(messages, &scratch.links);
        let kept = sharegpt::kept(&thread, messages)?;
        if kept.start >= span.start() {
            let text = "there is no user turn in the prompt, and LLaMA-Factory needs one";
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        }
        // The answer is the run of assistant messages at the end.
        let is_other = |index: &usize| *messages[*index].role() != Role::Assistant;
        let answer = (span.start()..kept.end)
            .rev()
            .find(is_other)
            .map_or(span.start(), |index| index + 1);
        if answer > span.start() {
            scratch.losses.note(Loss::LongCompletion, span.start());
        }
        let kept_end = kept.end;
        let mut turns = Turns {
            reasoning: self.reasoning,
            messages,
            trained: Trained::From(answer),
            thread,
            kept,
            embedded: &mut scratch.embedded,
            json: &mut scratch.json,
            losses: &mut scratch.losses,
        };
        turns.note(0);
        w.key("conversations").begin_array();
        let start = w.position();
        turns.write(messages.len(), w)?;
        if labelled.label && w.written(start..w.position()).ends_with(br#""value":""}"#) {
            let text =
                "the answer is empty, and LLaMA-Factory takes an empty answer for one that is not wanted";
            return Err(EncodeError::at(kept_end - 1, EncodeErrorKind::Content, text));
        }
        w.end_array();
        w.key("kto_tag").boolean(labelled.label);
        let columns = turns.system(w) | turns.tools(trace, w);
        scratch.columns |= columns;
        Ok(())
    }
}
