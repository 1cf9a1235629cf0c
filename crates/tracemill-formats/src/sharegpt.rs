//! ShareGPT conversations with tool calls, in the strict order of LLaMA-Factory.
//!
//! Read by LLaMA-Factory 0.9.5 with `formatting: sharegpt` (`data/converter.py`, `data/formatter.py`). It drops a
//! record that breaks its order with a warning that nobody reads, and ends the whole run on text that is not JSON where
//! JSON belongs; so the order is enforced here: `human` or `observation` in odd places, `gpt` or `function_call` in even
//! ones, an even number of turns.
//!
//! One turn is one kind of thing, so what stands beside it must be moved or lost, each under its code. Consecutive
//! turns of one side become one: texts joined with a blank line, calls in one list, reasoning in one block. Results of
//! parallel calls are one observation: a JSON list of their texts, in the order of the calls. Text beside a call is
//! left out. Calls in the middle that nothing answers, and results that answer nothing, are left out. The first system
//! message is the column `system`; later ones are moved there. What no loss can mend is refused: a user turn between a
//! call and its result, or between a result and the next assistant turn.
//!
//! Reasoning stands where LLaMA-Factory looks for it, inline at the head of the turn; that is its own place, so
//! `auto` writes it there. Every `gpt` and `function_call` turn is trained on.
//!
//! With `+v1` the record is that of LLaMA-Factory's newer reader: `messages` of typed blocks, which hold reasoning, several
//! calls beside text, images by address, and a weight for each message.

mod blocks;
mod turns;

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use self::blocks::Blocks;
pub(crate) use self::turns::{Side, Turns, kept};
use crate::capability::{Capability, Feature, Holds};
use crate::check::{Conversations, Findings, Parity};
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, dataset_info, metadata};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "sharegpt",
    summary: "ShareGPT `conversations` for LLaMA-Factory: function_call and observation turns in strict order",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        V1,
        "`messages` of typed blocks with `loss_weight`, for the data reader v1 of LLaMA-Factory",
    )],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::Reasoning,
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
    ],
    rules: &[
        ORDER,
        EVEN,
        OBSERVATION,
        FUNCTION_CALL,
        ARGUMENTS,
        TOOLS,
        blocks::BLOCKS,
        blocks::ROLES,
        blocks::LOSS_WEIGHT,
        blocks::MEDIA,
    ],
    file_rules: &[],
    check,
    example: r#"{"conversations":[{"from":"human","value":"Weather in Oslo and Lyon?"},{"from":"function_call","value":"[{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\"}},{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Lyon\"}}]"},{"from":"observation","value":"[\"4 C\",\"17 C\"]"},{"from":"gpt","value":"Oslo 4 C, Lyon 17 C."}],"system":"You are a travel desk.","tools":"[{\"name\":\"get_weather\",\"description\":\"Current weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}]"}"#,
    make,
};

const V1: &str = "v1";
const CONVERTER: &str = "LLaMA-Factory 0.9.5, data/converter.py";
const FORMATTER: &str = "LLaMA-Factory 0.9.5, data/formatter.py";

const ORDER: Rule = Rule::new(
    "order",
    "odd places hold `human` or `observation`, even ones `gpt` or `function_call`; else the record is dropped",
    CONVERTER,
);
const EVEN: Rule = Rule::new("even", "the number of turns is even", CONVERTER);
const OBSERVATION: Rule = Rule::told(
    "observation",
    "results of parallel calls are joined into one `observation`",
    CONVERTER,
);
const FUNCTION_CALL: Rule = Rule::new(
    "function-call",
    "`function_call` is the JSON text of one call or of a list, with `name` and `arguments`, after \
     `<think>…</think>` if there is reasoning; text that is no JSON ends the run, and of text with \
     `<tool_call>…</tool_call>` anywhere only what stands inside is read",
    FORMATTER,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments inside are an object; text would be encoded once more",
    FORMATTER,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "`tools` is the JSON text of a list of functions, or is absent; blank text ends the run, and the tool \
     format `default` needs `parameters.properties`",
    FORMATTER,
);

const TURNS: Conversations = Conversations {
    order: ORDER,
    parity: EVEN,
    turns: Parity::Even,
    function_call: FUNCTION_CALL,
    arguments: ARGUMENTS,
    tools: TOOLS,
};

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if spec.has(V1) {
        blocks::check(record, findings);
    } else if findings.is(record, Kind::Object) {
        TURNS.check(record, findings);
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    if spec.has(V1) {
        return Ok(Box::new(Blocks {
            reasoning: Placement::with_field(options.reasoning()),
            metadata: options.metadata(),
        }));
    }
    Ok(Box::new(ShareGpt {
        reasoning: Placement::without_field(options.reasoning(), Placement::Inline, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct ShareGpt {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for ShareGpt {
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
            columns,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let thread = Thread::new(messages, links);
        let mut turns = Turns {
            reasoning: self.reasoning,
            messages,
            trained: Trained::Every(conversation),
            thread,
            kept: kept(&thread, messages)?,
            embedded,
            json,
            losses,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        turns.note(0);
        w.key("conversations").begin_array();
        turns.write(messages.len(), &mut w)?;
        w.end_array();
        *columns |= turns.system(&mut w) | turns.tools(conversation.trace(), &mut w);
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        vec![dataset_info::sharegpt(
            file_name,
            dataset_info::Stage::Sft,
            columns,
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::EncodeErrorKind;
    use crate::shared::testing::encode;

    const CALL: &str = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","name":"f"}]}"#;
    const RESULT: &str = r#"{"role":"tool","tool_call_id":"c","content":"r"}"#;
    const USER: &str = r#"{"role":"user","content":"u"}"#;
    const ASSISTANT: &str = r#"{"role":"assistant","content":"a"}"#;

    fn refusal(messages: &[&str]) -> (EncodeErrorKind, Option<usize>) {
        let line = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        let error = encode("sharegpt", &line).unwrap_err();
        (error.kind(), error.message_index())
    }

    #[test]
    fn orders_that_no_loss_can_mend_are_refused_with_their_place() {
        let late = refusal(&[USER, CALL, USER, RESULT, ASSISTANT]);
        assert_eq!(late, (EncodeErrorKind::Result, Some(1)));
        let interrupted = refusal(&[USER, CALL, RESULT, USER, ASSISTANT]);
        assert_eq!(interrupted, (EncodeErrorKind::Order, Some(3)));
        assert_eq!(refusal(&[ASSISTANT]), (EncodeErrorKind::Order, None));
        assert_eq!(refusal(&[ASSISTANT, USER]), (EncodeErrorKind::NoTarget, None));
    }

    #[test]
    fn a_merged_turn_has_one_block_of_reasoning_before_its_calls() {
        let line = r#"{"messages":[{"role":"user","content":"u"},
            {"role":"assistant","content":"said","reasoning":"one"},
            {"role":"assistant","content":null,"reasoning":"two","tool_calls":[{"id":"c","name":"f"}]}]}"#;
        let (record, losses) = encode("sharegpt", line).unwrap();
        let value = r#""value":"<think>\none\n\ntwo\n</think>\n\n{\"name\":\"f\",\"arguments\":{}}""#;
        assert!(record.contains(value), "{record}");
        assert_eq!(losses, [(Loss::TextBesideCall, 1), (Loss::MergedTurns, 2)]);
    }

    #[test]
    fn a_turn_between_two_user_turns_that_is_left_out_lets_them_merge() {
        let line = format!(r#"{{"messages":[{USER},{CALL},{USER},{ASSISTANT}]}}"#);
        let (record, losses) = encode("sharegpt", &line).unwrap();
        assert!(record.contains(r#"{"from":"human","value":"u\n\nu"},{"from":"gpt","value":"a"}"#));
        assert_eq!(losses, [(Loss::MergedTurns, 2), (Loss::UnansweredCall, 1)]);
    }
    #[test]
    fn the_mark_of_a_call_is_hidden_in_arguments_and_refused_in_reasoning() {
        let line = |reasoning: &str, argument: &str| {
            format!(
                r#"{{"messages":[{USER},{{"role":"assistant","reasoning":"{reasoning}","content":null,"tool_calls":[
                {{"id":"c","name":"f","arguments":{{"a":"{argument}"}}}}]}},{RESULT},{ASSISTANT}]}}"#
            )
        };
        let (record, losses) = encode("sharegpt", &line("so", "<tool_call> <tool_calls>")).unwrap();
        let value = r#"{\"a\":\"\\u003ctool_call> <tool_calls>\"}"#;
        assert!(record.contains(value), "{record}");
        assert_eq!(losses, []);
        let error = encode("sharegpt", &line("a <tool_call>", "b")).unwrap_err();
        assert_eq!(
            (error.kind(), error.message_index()),
            (EncodeErrorKind::Forbidden, Some(1))
        );
    }
}
