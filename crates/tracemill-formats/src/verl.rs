//! Prompts for reinforcement learning with verl.
//!
//! Rows of verl-project/verl (2026-08; "Prepare Data" of its documentation, `verl/utils/dataset/rl_dataset.py`,
//! `verl/workers/reward_manager`); SageMaker's RLVR takes the same. `prompt` is what stands before the first turn that is to be
//! learnt, in the messages of `hf`, with arguments as text: in a Parquet struct the keys of one call would appear in all.
//! What follows is left out, because the model writes it anew.
//!
//! verl reads Parquet. The rows here are JSON Lines whose fields have one type each in every row, so that
//! `pandas.read_json(path, lines=True).to_parquet(...)` or `datasets` makes the file.
//!
//! Nothing is made up: `data_source`, `ability` and `reward_model` (or `ground_truth`, or `reference_answer`) are unnamed fields
//! of the trace. What is no text among them is written as its JSON text. A row needs something to compare with; with
//! `+answer` that is the text of the answer that the trace holds. Without a `data_source` the rows say `tracemill`.
//! Definitions have no place in a row (verl takes them from its tool configuration): the loss `tools`.

use tracemill_model::json::Kind;
use tracemill_model::{Conversation, Example, JsonView, JsonWriter, RawJson, Role, Shape, Trace};

use crate::capability::{Capability, Feature};
use crate::check::{Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::reasoning::Placement;
use crate::shared::templates::{ArgumentForm, Calls, Style, Turns};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, lists, metadata, pair, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "verl",
    summary: "rows for reinforcement learning with verl, also SageMaker's RLVR: `prompt`, `data_source`, `reward_model`",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        ANSWER,
        "the ground truth is the answer that the trace holds",
    )],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::Reasoning,
        Feature::Metadata,
        Feature::MultiTurn,
    ]),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::TrailingTurns,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::OrphanResult,
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
    rules: &[
        PROMPT,
        ARGUMENTS,
        CONTENT,
        DATA_SOURCE,
        GROUND_TRUTH,
        EXTRA,
        PARQUET,
    ],
    file_rules: &[],
    check,
    example: r#"{"data_source":"weather","prompt":[{"role":"user","content":"Weather in Oslo?"}],"ability":"tool_use","reward_model":{"style":"rule","ground_truth":"4 C"},"extra_info":{"split":"train"}}"#,
    make,
};

const ANSWER: &str = "answer";
const ROWS: &str = "verl 2026-08, docs/preparation/prepare_data.rst";
const READER: &str = "verl 2026-08, utils/dataset/rl_dataset.py";
const REWARD: &str = "verl 2026-08, workers/reward_manager/naive.py";

const PROMPT: Rule = Rule::new("prompt", "`prompt` is a list that holds a message", READER);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are text: one type in every row of a Parquet file",
    READER,
);
const CONTENT: Rule = Rule::new("content", "`content` is text, never `null`", READER);
const DATA_SOURCE: Rule = Rule::new(
    "data-source",
    "`data_source` is text, by which the reward function is chosen",
    REWARD,
);
const GROUND_TRUTH: Rule = Rule::new(
    "ground-truth",
    "`reward_model` has a `ground_truth`, and both its fields are text",
    REWARD,
);
const EXTRA: Rule = Rule::new("extra-info", "`extra_info` is an object", READER);
const PARQUET: Rule = Rule::told("parquet", "the file is Parquet, made of these rows", ROWS);

const CHAT: Chat = Chat(&[
    Demand::TextContent(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Text),
]);

/// The fields of a trace that have a place in a row.
const CARRIED: &[&str] = &[
    "data_source",
    "ability",
    "reward_model",
    "ground_truth",
    "reference_answer",
];

static STYLE: Style = Style {
    reasoning: "reasoning_content",
    arguments: ArgumentForm::Text,
    calls: Calls::Together,
    train: None,
};

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "prompt", |findings, prompt| {
        if prompt.kind() == Kind::Array && prompt.elements().next().is_none() {
            findings.note(&PROMPT, "the prompt is empty");
        }
        CHAT.check(prompt, findings);
    });
    let is_text = |value: Option<JsonView<'_>>| value.is_some_and(|value| value.kind() == Kind::String);
    if !is_text(record.get("data_source")) {
        findings.note(&DATA_SOURCE, "`data_source` is missing or no text");
    }
    let model = record.get("reward_model");
    let field = |key| is_text(model.as_ref().and_then(|model| model.get(key)));
    if !field("style") || !field("ground_truth") {
        findings.note(&GROUND_TRUTH, "`style` or `ground_truth` is missing or no text");
    }
    findings.member_if_any(record, "extra_info", |findings, extra| {
        if extra.kind() != Kind::Object {
            findings.note(&EXTRA, format!("`extra_info` is {}", extra.kind().noun()));
        }
    });
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every format")]
fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Rows {
        truth: if spec.has(ANSWER) {
            Truth::Answer
        } else {
            Truth::Recorded
        },
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Rows {
    truth: Truth,
    reasoning: Placement,
    metadata: MetadataMode,
}

/// What the answers of the model are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Recorded,
    Answer,
}

impl Encoder for Rows {
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
        let conversation = shared::any_conversation(example)?;
        let trace = conversation.trace();
        account::trace(trace, self.metadata, CARRIED, &mut scratch.losses);
        tools::note_lost(trace, &mut scratch.losses);
        let end = shared::prompt_end(&conversation, &mut scratch.losses)?;
        lists::check_asked(&conversation.messages()[..end])?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("data_source");
        match trace.extra().get("data_source") {
            Some(source) => as_text(source.view(), &mut w),
            None => drop(w.str("tracemill")),
        }
        w.key("prompt").begin_array();
        let start = w.position();
        self.prompt(&conversation, end, scratch, &mut w)?;
        pair::check_left(start..w.position())?;
        w.end_array();
        if let Some(ability) = trace.extra().get("ability") {
            w.key("ability");
            as_text(ability.view(), &mut w);
        }
        w.key("reward_model").begin_object();
        match self.truth {
            Truth::Recorded => recorded(trace, &mut w)?,
            Truth::Answer => answer(&conversation, end, scratch, &mut w)?,
        }
        w.end_object();
        w.key("extra_info").begin_object();
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        w.end_object();
        Ok(())
    }
}

impl Rows {
    fn prompt(
        &self,
        conversation: &Conversation<'_>,
        end: usize,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let Scratch {
            losses,
            links,
            embedded,
            ..
        } = scratch;
        let messages = conversation.messages();
        links.compute(messages);
        let mut turns = Turns {
            style: &STYLE,
            reasoning: self.reasoning,
            messages,
            trained: Trained::From(end),
            thread: Thread::new(messages, links),
            embedded,
            losses,
        };
        turns.elements(0..end, w)
    }
}

/// Writes what the trace says of the right answer.
fn recorded(trace: &Trace<'_>, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
    let extra = trace.extra();
    let model = extra.get("reward_model");
    let style = model.and_then(|model| model.get("style"));
    let truth = model.and_then(|model| model.get("ground_truth"));
    let named = || {
        extra
            .get("ground_truth")
            .or_else(|| extra.get("reference_answer"))
    };
    let truth = truth.or_else(|| named().map(RawJson::view));
    let Some(truth) = truth.filter(|truth| !truth.is_null()) else {
        let text = "the trace has none of `reward_model.ground_truth`, `ground_truth` and `reference_answer`, and verl compares \
                    with that; `verl+answer` takes the answer of the trace";
        return Err(EncodeError::new(EncodeErrorKind::Content, text));
    };
    w.key("style");
    match style {
        Some(style) => as_text(style, w),
        None => drop(w.str("rule")),
    }
    w.key("ground_truth");
    as_text(truth, w);
    Ok(())
}

/// Writes the last answer of the trace as the right one.
fn answer(
    conversation: &Conversation<'_>,
    end: usize,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let messages = conversation.messages().iter().enumerate().skip(end);
    let mut answers = messages.filter(|(_, message)| *message.role() == Role::Assistant);
    let last = answers
        .next_back()
        .filter(|(_, message)| !text::is_empty(message.content()));
    let Some((index, message)) = last else {
        let text = "the trace does not end with an answer in words, with which verl could compare";
        return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
    };
    w.key("style").str("rule");
    let mut s = w.key("ground_truth").begin_string();
    text::append(message.content(), index, &mut s, &mut scratch.losses);
    s.end();
    Ok(())
}

/// A value as text: text as it is, any other as its JSON text.
fn as_text(value: JsonView<'_>, w: &mut JsonWriter<'_>) {
    match value.as_text() {
        Some(text) => drop(w.text(&text)),
        None => w.begin_string().json(&value.raw()).end(),
    }
}

#[cfg(test)]
mod tests {
    use crate::encoder::EncodeErrorKind;
    use crate::shared::testing::encode;

    fn row(fields: &str) -> String {
        let line = format!(
            r#"{{"messages":[{{"role":"user","content":"7*6?"}},{{"role":"assistant","content":"42"}}],{fields}}}"#
        );
        encode("verl", &line).unwrap().0
    }

    #[test]
    fn what_the_trace_says_of_the_right_answer_is_written_as_text() {
        let prompt = r#""prompt":[{"role":"user","content":"7*6?"}]"#;
        assert_eq!(
            row(r#""data_source":"openai/gsm8k","ability":"math","ground_truth":42.0"#),
            format!(
                r#"{{"data_source":"openai/gsm8k",{prompt},"ability":"math","reward_model":{{"style":"rule","ground_truth":"42.0"}},"extra_info":{{}}}}"#
            )
        );
        let whole = row(r#""reward_model":{"style":"model","ground_truth":{"value":42}},"ground_truth":1"#);
        assert!(whole.contains(r#""reward_model":{"style":"model","ground_truth":"{\"value\":42}"}"#));
        assert!(row(r#""reference_answer":"42""#).contains(r#""ground_truth":"42""#));
    }

    #[test]
    fn without_a_right_answer_there_is_no_row() {
        let line = r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"ground_truth":null}"#;
        assert_eq!(encode("verl", line).unwrap_err().kind(), EncodeErrorKind::Content);
    }
}
