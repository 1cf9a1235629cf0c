//! ChatML: turns between `<|im_start|>` and `<|im_end|>`, as one text or in pieces.
//!
//! ```text
//! <|im_start|>user
//! Capital of Peru?<|im_end|>
//! <|im_start|>assistant
//! Lima.<|im_end|>
//! ```
//!
//! `text` and `prompt`/`completion` are read by TRL 1.16.0 (`trainer/sft_trainer.py`), `segments` by axolotl 0.19.0 with
//! `type: input_output` (`prompt_strategies/input_output.py`). The last line end is left out of `text` and `completion`:
//! TRL appends the token that ends a text to all that does not end with it. In `segments` it belongs to its turn. No
//! token that begins a text is written, because trainers add it.
//!
//! ChatML itself has turns and nothing else: definitions and calls have no place (`hermes` has one for them), results are
//! turns of `tool`. A message that holds one of the marks between turns is refused, because it would be read as one.
//!
//! What is trained on: all of `text`, so turns that are not to be learnt are the loss `train-flags` there; of
//! `prompt`/`completion` the last turn that is to be learnt; of `segments` exactly what is to be learnt.

use tracemill_model::{Example, JsonView, JsonWriter, Links, Message, Role, Shape};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{COLUMNS, Ends, Findings, LEARNT};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account;
use crate::shared::reasoning::{self, Placement};
use crate::shared::rendered::{
    Delivery, Piece, Plan, Script, WITH_PROMPT_COMPLETION, WITH_SEGMENTS, find_mark,
};
use crate::shared::thread::Thread;
use crate::shared::{self, metadata, plain, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "chatml",
    summary: "ChatML as rendered text: `<|im_start|>` and `<|im_end|>` around every turn",
    shapes: &[Shape::Conversation],
    extensions: &[WITH_PROMPT_COMPLETION, WITH_SEGMENTS],
    capability: Capability::NONE
        .holding(&[Feature::System, Feature::Metadata, Feature::MultiTurn])
        .with(Feature::Results, Holds::Partly)
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolCalls,
        Loss::TrailingTurns,
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
    ],
    rules: &[COLUMNS, LEARNT, FRAMING, MARKS, ROLES, ENDS.rule, START],
    file_rules: &[],
    check,
    example: r#"{"text":"<|im_start|>user\nCapital of Peru?<|im_end|>\n<|im_start|>assistant\nLima.<|im_end|>"}"#,
    make,
};

const TEMPLATE: &str = "trl 1.16.0, chat_templates/qwen2_5.jinja, rendered";

/// What a model reads as the mark of a turn, wherever it stands.
pub(crate) const TOKENS: &[&str] = &[IM_START, IM_END, "<|endoftext|>"];
pub(crate) const IM_START: &str = "<|im_start|>";
pub(crate) const IM_END: &str = "<|im_end|>";

pub(crate) const FRAMING: Rule = Rule::new(
    "framing",
    "the text is a sequence of turns: `<|im_start|>`, a role, a line end, the content, `<|im_end|>`, a line end",
    TEMPLATE,
);
pub(crate) const MARKS: Rule = Rule::new(
    "marks",
    "no content holds `<|im_start|>`, `<|im_end|>` or `<|endoftext|>`, which tokenizers read as marks wherever they stand",
    TEMPLATE,
);
pub(crate) const ENDS: Ends = Ends {
    rule: Rule::new(
        "end",
        "`text` and `completion` end with `<|im_end|>`: TRL appends the token that ends a text to any other",
        "trl 1.16.0, trainer/sft_trainer.py",
    ),
    tokens: &[IM_END],
};
pub(crate) const START: Rule = Rule::told(
    "start",
    "no token that begins a text stands first: trainers have the tokenizer add it",
    "trl 1.16.0, trainer/sft_trainer.py",
);
const ROLES: Rule = Rule::new("roles", "roles are system, user, assistant and tool", TEMPLATE);

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    let Some(text) = ENDS.text(spec, record, findings) else {
        return;
    };
    let mut any = false;
    each_turn(&text, findings, |findings, role, _| {
        any |= role == "assistant";
        if !["system", "user", "assistant", "tool"].contains(&role) {
            findings.note(&ROLES, format!("a turn has the role `{role}`"));
        }
    });
    if !any {
        findings.note(&LEARNT, "there is no turn of the assistant");
    }
}

/// Divides a text into its turns, and notes where it cannot be.
pub(crate) fn each_turn(
    text: &str,
    findings: &mut Findings,
    mut check: impl FnMut(&mut Findings, &str, &str),
) {
    let mut rest = text;
    let mut number = 1;
    while let Some((role, content, after)) = first_turn(rest) {
        if let Some(mark) = find_mark(content.as_bytes(), TOKENS) {
            findings.note(&MARKS, format!("turn {number} holds `{mark}`"));
        }
        check(findings, role, content);
        if after.is_empty() {
            return;
        }
        rest = after;
        number += 1;
    }
    findings.note(&FRAMING, format!("turn {number} does not begin or does not end"));
}

/// The role and the content of the turn that a text begins with, and what comes behind it.
fn first_turn(text: &str) -> Option<(&str, &str, &str)> {
    let (role, rest) = text.strip_prefix(IM_START)?.split_once('\n')?;
    let (content, after) = rest.split_once(IM_END)?;
    Some((role, content, after.strip_prefix('\n').unwrap_or(after)))
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(ChatMl {
        delivery: Delivery::of(spec)?,
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct ChatMl {
    delivery: Delivery,
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for ChatMl {
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
        let Scratch { losses, links, .. } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        tools::note_lost(conversation.trace(), losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let plan = Plan::new(conversation, self.delivery, losses);
        self.turns(&plan, conversation.messages(), links, losses, &mut w)?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

impl ChatMl {
    fn turns(
        &self,
        plan: &Plan<'_>,
        messages: &[Message<'_>],
        links: &mut Links,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let thread = Thread::linked(messages, links);
        let mut turns = Turns::begin(self.delivery, w);
        for index in plan.written() {
            let message = &messages[index];
            let is_assistant = *message.role() == Role::Assistant;
            if is_assistant {
                plain::note_assistant(message, index, losses);
            } else {
                plain::note_other(message, index, self.reasoning, &thread, losses);
            }
            if is_assistant && plain::is_call_alone(message) {
                account::reasoning(message, index, self.reasoning, losses);
                text::note_parts(message.content(), index, losses);
                continue;
            }
            let piece = if is_assistant {
                plan.note_flag(index, message, thread.last_assistant(), losses);
                plan.piece(index)
            } else {
                Piece::Heard
            };
            let start = turns.open(plain::role(message, index, losses), piece);
            let mut s = turns.script.piece(piece);
            if is_assistant && let Some(thoughts) = self.reasoning.words(message, index, losses)? {
                reasoning::think(thoughts, &mut s);
            }
            text::append(message.content(), index, &mut s, losses);
            s.end();
            turns.script.check(start, index, TOKENS)?;
            turns.close(piece);
        }
        turns.script.end()
    }
}

/// The turns of ChatML, as they are written.
pub(crate) struct Turns<'s, 'b> {
    pub(crate) script: Script<'s, 'b>,
    delivery: Delivery,
}

impl<'s, 'b> Turns<'s, 'b> {
    pub(crate) fn begin(delivery: Delivery, w: &'s mut JsonWriter<'b>) -> Self {
        Turns {
            script: Script::begin(delivery, w),
            delivery,
        }
    }

    /// Writes the head of a turn of which `piece` follows; gives the place where it begins.
    pub(crate) fn open(&mut self, role: &'static str, piece: Piece) -> usize {
        let is_behind_another = self.script.has_begun() && self.delivery != Delivery::Segments;
        let mut s = self.script.piece(Piece::Heard);
        s.push(if is_behind_another {
            "\n<|im_start|>"
        } else {
            IM_START
        });
        s.push(role).push("\n").end();
        self.script.piece(piece).end();
        self.script.position()
    }

    /// Writes the end of a turn.
    pub(crate) fn close(&mut self, piece: Piece) {
        let mut s = self.script.piece(piece);
        s.push(IM_END);
        // The line end belongs to the turn; in the other columns it would stand last, where TRL wants the token.
        if self.delivery == Delivery::Segments {
            s.push("\n");
        }
        s.end();
    }
}
