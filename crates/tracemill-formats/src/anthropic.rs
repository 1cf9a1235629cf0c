//! Messages of the Anthropic API: a system text, and turns of blocks.
//!
//! Anthropic has no tuning format of its own beyond [`bedrock-claude`](crate::formats); trainers such as ms-swift read the
//! shape of its API, which is written here after the types of anthropic 2.11.0 (`MessageParam`, `ToolParam`). Calls are
//! `tool_use` blocks with an object as `input`; results are `tool_result` blocks in the user turn behind them. System
//! messages become the text `system`. Images and documents are blocks of user turns, by address or as data. Reasoning has
//! no place: a `thinking` block needs a signature that only the API gives. Ids are unique in a record: if one stands
//! twice, all are numbered anew.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, Example, JsonView, JsonWriter, Media, MediaKind, MediaSource, Part, Shape, Text, ToolCall, Trace,
};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{Findings, MISSING};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::blocks::{Blocks, Given, Id, ResultOrder, Side, Spelling};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::{self, account, text, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "anthropic",
    summary: "messages of the Anthropic API: `system`, `tool_use` and `tool_result` blocks, `input_schema`",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Images, Holds::Partly)
        .with(Feature::Files, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
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
        Loss::Images,
        Loss::Audio,
        Loss::Video,
        Loss::Files,
        Loss::OtherPart,
        Loss::JoinedParts,
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[ROLES, CONTENT, BLOCKS, INPUT, RESULTS, SYSTEM, TOOLS],
    file_rules: &[],
    check,
    example: r#"{"system":"You are a travel desk.","messages":[{"role":"user","content":[{"type":"text","text":"Weather in Oslo?"}]},{"role":"assistant","content":[{"type":"text","text":"Let me look."},{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"4 C"}]},{"role":"assistant","content":[{"type":"text","text":"4 C."}]}],"tools":[{"name":"get_weather","description":"Current weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#,
    make,
};

const TYPES: &str = "anthropic 2.11.0, types/message_param.py and its blocks";

const ROLES: Rule = Rule::new("roles", "roles are user and assistant", TYPES);
const CONTENT: Rule = Rule::new(
    "content",
    "`content` is text or a list of blocks, never `null`",
    TYPES,
);
const BLOCKS: Rule = Rule::new(
    "blocks",
    "a block is one of text, image, document, thinking, redacted_thinking, tool_use and tool_result, with the fields of its type",
    TYPES,
);
const INPUT: Rule = Rule::new("input", "`input` of a `tool_use` is an object", TYPES);
const RESULTS: Rule = Rule::new(
    "results",
    "a `tool_result` names a `tool_use` of the assistant message before it, each once",
    "anthropic 2.11.0, types/tool_result_block_param.py; Messages API",
);
const SYSTEM: Rule = Rule::new("system", "`system` is text or a list of text blocks", TYPES);
const TOOLS: Rule = Rule::new(
    "tools",
    "a tool has `name` and an object `input_schema`",
    "anthropic 2.11.0, types/tool_param.py",
);

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "a reader of Anthropic's shape", options)?;
    let reasoning = Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?;
    Ok(Box::new(Anthropic { reasoning }))
}

#[derive(Debug)]
struct Anthropic {
    reasoning: Placement,
}

impl Encoder for Anthropic {
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
        let trace = conversation.trace();
        account::trace(trace, MetadataMode::Omit, &[], &mut scratch.losses);
        let messages = conversation.messages();
        scratch.links.compute(messages);
        scratch.ids.compute_unique(messages)?;
        let mut blocks = Blocks {
            conversation,
            thread: Thread::new(messages, &scratch.links),
            ids: &scratch.ids,
            reasoning: self.reasoning,
            embedded: &mut scratch.embedded,
            losses: &mut scratch.losses,
        };
        let range = blocks.strict("the Anthropic API")?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        if blocks.has_instructions() {
            let mut s = w.key("system").begin_string();
            blocks.instruction_text(&mut s);
            s.end();
        }
        w.key("messages").begin_array();
        blocks.turns::<TypedBlocks>(range, &mut w)?;
        w.end_array();
        definitions(trace, &mut scratch.losses, &mut w);
        w.end_object();
        Ok(())
    }
}

/// The spelling of messages and blocks.
struct TypedBlocks;

impl Spelling for TypedBlocks {
    const RESULTS: ResultOrder = ResultOrder::Recorded;

    fn open(side: Side, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("role").str(match side {
            Side::User => "user",
            Side::Model => "assistant",
        });
        w.key("content").begin_array();
    }

    fn open_text(w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str("text");
        w.key("text");
    }

    fn thoughts(_: &Text<'_>, _: &mut JsonWriter<'_>) {}

    fn media(media: &Media<'_>, w: &mut JsonWriter<'_>) -> bool {
        let kind = match (media.kind(), media.media_type().map(Text::body)) {
            (MediaKind::Image, _) => "image",
            (MediaKind::File, Some("application/pdf")) => "document",
            _ => return false,
        };
        let is_held = match media.source() {
            MediaSource::Url(url) => url.body().starts_with("http"),
            MediaSource::Data(_) => media.media_type().is_some(),
            _ => false,
        };
        if is_held {
            w.begin_object();
            w.key("type").str(kind);
            w.key("source").begin_object();
            source(media, w);
            w.end_object();
            w.end_object();
        }
        is_held
    }

    fn open_call(call: &ToolCall<'_>, id: Id<'_>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str("tool_use");
        id.write(w.key("id"));
        w.key("name").text(call.name());
        w.key("input");
    }

    fn close_call(w: &mut JsonWriter<'_>) {
        w.end_object();
    }

    fn result(result: &Given<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str("tool_result");
        result.id.write(w.key("tool_use_id"));
        w.key("content");
        result_content(result, losses, w);
        if result.message.is_error() == Some(true) {
            w.key("is_error").boolean(true);
        }
        w.end_object();
    }
}

fn source(media: &Media<'_>, w: &mut JsonWriter<'_>) {
    match (media.source(), media.media_type()) {
        (MediaSource::Data(data), Some(kind)) => {
            w.key("type").str("base64");
            w.key("media_type").text(kind);
            w.key("data").text(data);
        }
        (MediaSource::Url(url), _) => {
            w.key("type").str("url");
            w.key("url").text(url);
        }
        _ => {}
    }
}

/// Writes a result as text, or as blocks if it was recorded in parts.
fn result_content(result: &Given<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let Content::Parts(parts) = result.message.content() else {
        let mut s = w.begin_string();
        text::append(result.message.content(), result.index, &mut s, losses);
        s.end();
        return;
    };
    w.begin_array();
    for part in parts {
        match part {
            Part::Text(text) => {
                TypedBlocks::open_text(w);
                w.text(text.text());
                w.end_object();
            }
            Part::Media(media) if media.kind() == MediaKind::Image && TypedBlocks::media(media, w) => {}
            part => account::part(part, result.index, losses),
        }
    }
    w.end_array();
}

fn definitions(trace: &Trace<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let Some(functions) = tools::functions(trace, losses) else {
        return;
    };
    w.key("tools").begin_array();
    for function in functions {
        w.begin_object();
        w.key("name").text(function.name());
        if let Some(description) = function.description() {
            w.key("description").text(description);
        }
        w.key("input_schema");
        match function.parameters() {
            Some(parameters) => w.raw(parameters),
            // The type wants a schema; one without properties says that there are no arguments.
            None => w.begin_object().key("type").str("object").end_object(),
        };
        if !function.extra().is_empty() {
            losses.omit(Omission::Fields);
        }
        w.end_object();
    }
    w.end_array();
}

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member_if_any(record, "system", |findings, system| match system.kind() {
        Kind::String => {}
        Kind::Array if system.elements().all(|block| block.get("text").is_some()) => {}
        _ => findings.note(&SYSTEM, "`system` is neither text nor a list of text blocks"),
    });
    let mut open: Vec<String> = Vec::new();
    findings.member(record, "messages", |findings, list| {
        findings.each(list, |findings, _, message| {
            if findings.is(message, Kind::Object) {
                check_message(message, &mut open, findings);
            }
        });
        if list.kind() == Kind::Array && list.elements().next().is_none() {
            findings.note(&MISSING, "there is no message");
        }
    });
    findings.member_if_any(record, "tools", |findings, tools| {
        findings.each(tools, |findings, _, tool| {
            let is = |key, kind| tool.get(key).is_some_and(|value| value.kind() == kind);
            if !is("name", Kind::String) || !is("input_schema", Kind::Object) {
                findings.note(&TOOLS, "the tool lacks `name` or an object `input_schema`");
            }
        });
    });
}

fn check_message(message: JsonView<'_>, open: &mut Vec<String>, findings: &mut Findings) {
    let role = message
        .get("role")
        .map(|role| role.to_string())
        .unwrap_or_default();
    if !["\"user\"", "\"assistant\""].contains(&role.as_str()) {
        findings.note_at("role", &ROLES, format!("the role is {role}"));
    }
    let mut calls = Vec::new();
    match message.get("content") {
        Some(content) if content.kind() == Kind::String => {}
        Some(content) if content.kind() == Kind::Array => {
            findings.member(message, "content", |findings, blocks| {
                findings.each(blocks, |findings, _, block| {
                    check_block(block, open, &mut calls, findings);
                });
            });
        }
        _ => findings.note(&CONTENT, "`content` is neither text nor a list of blocks"),
    }
    *open = calls;
}

fn check_block(
    block: JsonView<'_>,
    open: &mut Vec<String>,
    calls: &mut Vec<String>,
    findings: &mut Findings,
) {
    let text = |key| {
        let value = block.get(key);
        value
            .and_then(JsonView::as_text)
            .map(|text| text.decode().into_owned())
    };
    let needs: &[&str] = match text("type").as_deref() {
        Some("text") => &["text"],
        Some("image" | "document") => &["source"],
        Some("thinking") => &["thinking", "signature"],
        Some("redacted_thinking") => &["data"],
        Some("tool_use") => &["id", "name"],
        Some("tool_result") => &["tool_use_id"],
        _ => return findings.note(&BLOCKS, "the block has no `type` that is known"),
    };
    for key in needs.iter().filter(|key| block.get(key).is_none()) {
        findings.note(&BLOCKS, format!("the block has no `{key}`"));
    }
    match text("type").as_deref() {
        Some("tool_use") => {
            if block
                .get("input")
                .is_none_or(|input| input.kind() != Kind::Object)
            {
                findings.note(&INPUT, "`input` is no object");
            }
            calls.extend(text("id"));
        }
        Some("tool_result") => {
            let id = text("tool_use_id").unwrap_or_default();
            match open.iter().position(|call| *call == id) {
                Some(at) => {
                    open.remove(at);
                }
                None => findings.note(&RESULTS, format!("no call `{id}` waits for a result")),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::shared::testing::encode;

    #[test]
    fn ids_that_stand_twice_are_numbered_anew_on_both_sides() {
        let line = r#"{"messages":[{"role":"user","content":"?"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"a","name":"f","arguments":{}}]},{"role":"tool","tool_call_id":"a","content":"1"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"a","name":"f","arguments":{}}]},{"role":"tool","tool_call_id":"a","content":"2"},
            {"role":"assistant","content":"done"}]}"#;
        let (record, losses) = encode("anthropic", line).unwrap();
        assert!(losses.is_empty());
        for id in ["call_0", "call_1"] {
            assert!(
                record.contains(&format!(r#""id":"{id}""#))
                    && record.contains(&format!(r#""tool_use_id":"{id}""#))
            );
        }
        assert!(!record.contains(r#""a""#));
    }
}
