//! Conversations for tuning Nova and Llama models on Amazon Bedrock: the shape of Converse.
//!
//! `bedrock-conversation-2024`, after the validator of aws-samples/amazon-nova-samples (`nova_ft_dataset_validator.py`,
//! 2026-08), the guide "Preparing data for SFT on Amazon Nova 2", and the service model of botocore 1.44.5. User and
//! assistant alternate, from a user turn to an assistant turn; turns beyond are losses. Calls are `toolUse` blocks with an
//! object as `input`; all results of a turn are `toolResult` blocks of the one user turn behind it. Ids are unique in a
//! record: if one stands twice, all are numbered anew. Media stand in user turns by `s3://` address alone.
//!
//! First-party sources disagree on tools: the Bedrock page for Nova 2.0 says that they may fail the job, the Nova 2 guide and
//! the validator take them. They are written; check what your model takes. Reasoning has the block `reasoningContent`,
//! which Nova 2.0 Lite alone reads: `--reasoning drop` leaves it out.
//!
//! The validator for Llama knows blocks of text and images alone: with `+llama` everything else is a loss (`llama.rs`).

mod llama;

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, Conversation, Example, JsonView, JsonWriter, Media, MediaKind, MediaSource, Message, Shape,
    Text, Tool, ToolCall,
};

use self::llama::{LLAMA_BLOCKS, LLAMA_SYSTEM, Llama};
use crate::capability::{Capability, Feature, Holds};
use crate::check::{FileRule, Findings};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::blocks::{Blocks, Given, Id, ResultOrder, Side, Spelling};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::{self, account, text, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "bedrock-converse",
    summary: "tuning of Nova and Llama on Bedrock: `bedrock-conversation-2024`, `toolUse` and `toolResult` blocks",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        LLAMA,
        "for Llama: text and images alone, but also the words that Nova refuses, and at most 10,000 records",
    )
    .with_file_rules(&[FileRule::AtMost(LLAMA_AT_MOST, 10_000)])],
    capability: Capability::NONE
        .holding(&[
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Reasoning,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Images, Holds::Partly)
        .with(Feature::Files, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ToolResults,
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
        BLOCKS,
        SIDES,
        FORBIDDEN,
        MORE,
        INPUT,
        IDS,
        RESULTS,
        TOOLS,
        LLAMA_BLOCKS,
        LLAMA_SYSTEM,
    ],
    file_rules: &[FileRule::AtLeast(AT_LEAST, 8), FileRule::AtMost(AT_MOST, 20_000)],
    check,
    example: r#"{"schemaVersion":"bedrock-conversation-2024","system":[{"text":"You are a travel desk."}],"messages":[{"role":"user","content":[{"text":"Weather in Oslo?"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"A lookup is needed."}}},{"toolUse":{"toolUseId":"t1","name":"get_weather","input":{"city":"Oslo"}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"4 C"}]}}]},{"role":"assistant","content":[{"text":"4 C."}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","description":"Current weather","inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}]}}"#,
    make,
};

const LLAMA: &str = "llama";
const VALIDATOR: &str = "aws-samples/amazon-nova-samples 2026-08, nova_ft_dataset_validator.py";
const MODEL: &str = "botocore 1.44.5, bedrock-runtime service model";

const ORDER: Rule = Rule::new(
    "order",
    "user and assistant alternate, from user to assistant, two messages at least",
    VALIDATOR,
);
const BLOCKS: Rule = Rule::new(
    "blocks",
    "a block is one of text, image, video, document, reasoningContent, toolUse and toolResult",
    MODEL,
);
const SIDES: Rule = Rule::new(
    "sides",
    "media and results stand in user turns, calls and reasoning in assistant turns",
    VALIDATOR,
);
pub(crate) const FORBIDDEN: Rule = Rule::new(
    "forbidden",
    "for Nova: no text holds `System:`, `User:`, `Bot:`, `Assistant:`, `Thought:`, `[EOS]`, `<image>`, `<video>` or `<unk>`, in any case",
    VALIDATOR,
);
const MORE: Rule = Rule::new("more", "an assistant turn has more than reasoning", VALIDATOR);
const INPUT: Rule = Rule::new("input", "`input` of a `toolUse` is an object", VALIDATOR);
const IDS: Rule = Rule::new(
    "ids",
    "a `toolUseId` stands once in a record, and is not empty",
    VALIDATOR,
);
const RESULTS: Rule = Rule::new(
    "results",
    "a `toolResult` names an earlier call, each once",
    VALIDATOR,
);
const TOOLS: Rule = Rule::new(
    "tools",
    "tools have unique names, a description and a schema with `type`; what is called is declared",
    VALIDATOR,
);
const AT_LEAST: Rule = Rule::new(
    "at-least",
    "a file has at least 8 records (2.0 Lite: 200)",
    "Bedrock quotas for Nova",
);
const AT_MOST: Rule = Rule::new(
    "at-most",
    "a file has at most 20,000 records",
    "Bedrock quotas for Nova",
);
const LLAMA_AT_MOST: Rule = Rule::new(
    "at-most",
    "a file has at most 10,000 records",
    "aws-samples/amazon-bedrock-samples 2026-08, meta-llama/dataset_validation",
);

/// Published twice, once with a defect that lets two of them through; all are meant.
const WORDS: [&str; 9] = [
    "system:",
    "user:",
    "bot:",
    "assistant:",
    "thought:",
    "[eos]",
    "<image>",
    "<video>",
    "<unk>",
];

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Bedrock", options)?;
    if spec.has(LLAMA) {
        let reasoning = Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?;
        return Ok(Box::new(Llama { reasoning }));
    }
    Ok(Box::new(Converse {
        reasoning: Placement::with_field(options.reasoning()),
    }))
}

#[derive(Debug)]
struct Converse {
    reasoning: Placement,
}

impl Encoder for Converse {
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
        let range = blocks.strict("Bedrock")?;
        let mut w = JsonWriter::new(out);
        let start = w.position();
        w.begin_object();
        w.key("schemaVersion").str("bedrock-conversation-2024");
        if blocks.has_instructions() {
            w.key("system").begin_array();
            blocks.instructions::<ConverseBlocks>(&mut w);
            w.end_array();
        }
        w.key("messages").begin_array();
        blocks.turns::<ConverseBlocks>(range, &mut w)?;
        w.end_array();
        // Tool definitions are searched for forbidden words too: harmless, and one search for all.
        tool_config(conversation, &mut scratch.losses, &mut w)?;
        w.end_object();
        refuse_forbidden(w.written(start..w.position()))
    }
}

/// Refuses a record with a text that Nova refuses.
pub(crate) fn refuse_forbidden(record: &[u8]) -> Result<(), EncodeError> {
    match forbidden(record) {
        Some(word) => {
            let text = format!("a text holds `{word}`, which Bedrock refuses for Nova; replace it");
            Err(EncodeError::new(EncodeErrorKind::Forbidden, text))
        }
        None => Ok(()),
    }
}

/// Notes the words that Nova refuses.
pub(crate) fn check_words(record: JsonView<'_>, findings: &mut Findings) {
    for key in ["system", "messages"] {
        let part = record.get(key);
        if let Some(word) = part.and_then(|part| forbidden(part.as_str().as_bytes())) {
            findings.note_at(key, &FORBIDDEN, format!("a text holds `{word}`"));
        }
    }
}

/// The first forbidden word in a text. None of them needs an escape in JSON.
///
/// All of them end with a letter and one of three signs, which a pass over the bytes finds: a search word by word took
/// twenty times as long as everything else. Most colons of a record stand behind quotes.
fn forbidden(text: &[u8]) -> Option<&'static str> {
    let pairs = text.windows(2).enumerate();
    let ends =
        pairs.filter(|(_, pair)| matches!(pair[1], b':' | b']' | b'>') && pair[0].is_ascii_alphabetic());
    ends.map(|(at, _)| &text[..at + 2])
        .find_map(|upto| WORDS.into_iter().find(|word| ends_with(upto, word)))
}

fn ends_with(text: &[u8], word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start.is_some_and(|start| text[start..].eq_ignore_ascii_case(word.as_bytes()))
}

/// The spelling of messages and blocks.
struct ConverseBlocks;

impl Spelling for ConverseBlocks {
    const RESULTS: ResultOrder = ResultOrder::OfCalls;

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
        w.key("text");
    }

    fn thoughts(words: &Text<'_>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("reasoningContent").begin_object();
        w.key("reasoningText").begin_object();
        w.key("text").text(words);
        w.end_object();
        w.end_object();
        w.end_object();
    }

    fn media(media: &Media<'_>, w: &mut JsonWriter<'_>) -> bool {
        let (MediaSource::Url(url), Some(media_type)) = (media.source(), media.media_type()) else {
            return false;
        };
        let (kind, format) = match (media.kind(), media_type.body()) {
            (MediaKind::Image, "image/jpeg") => ("image", "jpeg"),
            (MediaKind::Image, "image/png") => ("image", "png"),
            (MediaKind::Image, "image/gif") => ("image", "gif"),
            (MediaKind::Image, "image/webp") => ("image", "webp"),
            (MediaKind::File, "application/pdf") => ("document", "pdf"),
            _ => return false,
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/.:".contains(&byte);
        if !url.body().starts_with("s3://") || !url.body().bytes().all(is_plain) {
            return false;
        }
        w.begin_object();
        w.key(kind).begin_object();
        w.key("format").str(format);
        if kind == "document" {
            w.key("name").str("document");
        }
        w.key("source").begin_object();
        w.key("s3Location").begin_object();
        w.key("uri").text(url);
        w.end_object();
        w.end_object();
        w.end_object();
        w.end_object();
        true
    }

    fn open_call(call: &ToolCall<'_>, id: Id<'_>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("toolUse").begin_object();
        id.write(w.key("toolUseId"));
        w.key("name").text(call.name());
        w.key("input");
    }

    fn close_call(w: &mut JsonWriter<'_>) {
        w.end_object();
        w.end_object();
    }

    fn result(result: &Given<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        account::error_mark(result.message, result.index, losses);
        w.begin_object();
        w.key("toolResult").begin_object();
        result.id.write(w.key("toolUseId"));
        w.key("content").begin_array();
        w.begin_object();
        match result.message.content() {
            Content::Other(object) if object.kind() == Kind::Object => {
                w.key("json").raw(object);
            }
            content => {
                let mut s = w.key("text").begin_string();
                text::append(content, result.index, &mut s, losses);
                s.end();
            }
        }
        w.end_object();
        w.end_array();
        w.end_object();
        w.end_object();
    }
}

/// Refuses tools that the validator refuses: two of one name, and one that is called and not declared.
fn check_names(conversation: Conversation<'_>) -> Result<(), EncodeError> {
    let declared = || {
        let tools = conversation.trace().tools().unwrap_or_default().iter();
        tools.filter_map(|tool| match tool {
            Tool::Function(function) => Some(function.name()),
            _ => None,
        })
    };
    let refuse = |text: String| Err(EncodeError::new(EncodeErrorKind::Content, text));
    for (index, name) in declared().enumerate() {
        if declared().take(index).any(|earlier| earlier == name) {
            return refuse(format!(
                "the tool `{name}` is declared twice, which Bedrock refuses"
            ));
        }
    }
    for call in conversation.messages().iter().flat_map(Message::tool_calls) {
        if !declared().any(|name| name == call.name()) {
            return refuse(format!(
                "the tool `{}` is called and not declared, which Bedrock refuses where there are declared ones",
                call.name()
            ));
        }
    }
    Ok(())
}

fn tool_config(
    conversation: Conversation<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let Some(functions) = tools::functions(conversation.trace(), losses) else {
        return Ok(());
    };
    check_names(conversation)?;
    w.key("toolConfig").begin_object();
    w.key("tools").begin_array();
    for function in functions {
        let description = function
            .description()
            .filter(|description| !description.is_empty());
        let Some(description) = description else {
            let text = format!(
                "the tool `{}` has no description, which Bedrock asks for",
                function.name()
            );
            return Err(EncodeError::new(EncodeErrorKind::Content, text));
        };
        w.begin_object();
        w.key("toolSpec").begin_object();
        w.key("name").text(function.name());
        w.key("description").text(description);
        w.key("inputSchema").begin_object();
        w.key("json");
        match function.parameters() {
            Some(parameters) if parameters.get("type").is_some() => w.raw(parameters),
            Some(_) => {
                let text = format!(
                    "the schema of the tool `{}` has no `type`, which Bedrock asks for",
                    function.name()
                );
                return Err(EncodeError::new(EncodeErrorKind::Content, text));
            }
            None => w.begin_object().key("type").str("object").end_object(),
        };
        w.end_object();
        if !function.extra().is_empty() {
            losses.omit(Omission::Fields);
        }
        w.end_object();
        w.end_object();
    }
    w.end_array();
    w.end_object();
    Ok(())
}

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    if spec.has(LLAMA) {
        llama::check(record, findings);
    } else {
        check_words(record, findings);
    }
    let declared = check_tool_config(record, findings);
    let mut calls: Vec<(String, bool)> = Vec::new();
    findings.member(record, "messages", |findings, list| {
        let mut wanted = "\"user\"";
        findings.each(list, |findings, _, message| {
            let role = message
                .get("role")
                .map(|role| role.to_string())
                .unwrap_or_default();
            if role != wanted {
                findings.note_at(
                    "role",
                    &ORDER,
                    format!("the role is {role}, and belongs to {wanted}"),
                );
            }
            wanted = if role == "\"user\"" {
                "\"assistant\""
            } else {
                "\"user\""
            };
            check_content(message, &role, &mut calls, findings);
        });
        if list.elements().count() < 2 || wanted == "\"assistant\"" {
            findings.note(
                &ORDER,
                "a record ends with an assistant turn, and has two messages at least",
            );
        }
    });
    if let Some(declared) = declared {
        for name in undeclared(record, &declared) {
            findings.note(&TOOLS, format!("`{name}` is called and not declared"));
        }
    }
}

/// The names that are called and not among those that are declared.
fn undeclared(record: JsonView<'_>, declared: &[String]) -> Vec<String> {
    let messages = record.get("messages");
    let blocks = messages
        .into_iter()
        .flat_map(JsonView::elements)
        .flat_map(|message| message.get("content").into_iter().flat_map(JsonView::elements));
    let names = blocks.filter_map(|block| {
        let name = block.pointer("/toolUse/name")?;
        name.as_text().map(|name| name.decode().into_owned())
    });
    names.filter(|name| !declared.contains(name)).collect()
}

fn check_tool_config(record: JsonView<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let config = record.get("toolConfig")?;
    let mut names = Vec::new();
    let tools = config.get("tools");
    if tools
        .as_ref()
        .is_none_or(|tools| tools.elements().next().is_none())
    {
        findings.note_at("toolConfig", &TOOLS, "`tools` is missing or empty");
    }
    for tool in tools.into_iter().flat_map(JsonView::elements) {
        let text = |pointer| {
            let value = tool.pointer(pointer);
            value
                .and_then(JsonView::as_text)
                .map(|text| text.decode().into_owned())
        };
        let name = text("/toolSpec/name").unwrap_or_default();
        let described = text("/toolSpec/description").is_some_and(|description| !description.is_empty());
        if !described || tool.pointer("/toolSpec/inputSchema/json/type").is_none() || names.contains(&name) {
            let text =
                format!("the tool `{name}` lacks a description or the `type` of its schema, or stands twice");
            findings.note_at("toolConfig", &TOOLS, text);
        }
        names.push(name);
    }
    Some(names)
}

fn check_content(
    message: JsonView<'_>,
    role: &str,
    calls: &mut Vec<(String, bool)>,
    findings: &mut Findings,
) {
    const USER: [&str; 5] = ["text", "image", "video", "document", "toolResult"];
    const ASSISTANT: [&str; 3] = ["text", "toolUse", "reasoningContent"];
    let mut more = false;
    findings.member(message, "content", |findings, content| {
        findings.each(content, |findings, _, block| {
            let kind = block
                .members()
                .next()
                .map(|(key, _)| key.decode().into_owned())
                .unwrap_or_default();
            let known = USER.contains(&kind.as_str()) || ASSISTANT.contains(&kind.as_str());
            if !known || block.members().count() != 1 {
                return findings.note(&BLOCKS, format!("`{kind}` is no block, or does not stand alone"));
            }
            let mine: &[&str] = if role == "\"user\"" { &USER } else { &ASSISTANT };
            if !mine.contains(&kind.as_str()) {
                findings.note(&SIDES, format!("`{kind}` does not belong in a turn of {role}"));
            }
            more |= kind != "reasoningContent";
            match kind.as_str() {
                "toolUse" => check_call(block, calls, findings),
                "toolResult" => check_result(block, calls, findings),
                _ => {}
            }
        });
        if role == "\"assistant\"" && !more {
            findings.note(&MORE, "the turn holds nothing but reasoning");
        }
    });
}

fn id_of(block: JsonView<'_>, pointer: &str) -> String {
    let id = block.pointer(pointer);
    id.and_then(JsonView::as_text)
        .map_or_else(String::new, |id| id.decode().into_owned())
}

fn check_call(block: JsonView<'_>, calls: &mut Vec<(String, bool)>, findings: &mut Findings) {
    let id = id_of(block, "/toolUse/toolUseId");
    if id.is_empty() || calls.iter().any(|(known, _)| *known == id) {
        findings.note(&IDS, format!("the id `{id}` is empty or stands twice"));
    }
    if block
        .pointer("/toolUse/input")
        .is_none_or(|input| input.kind() != Kind::Object)
    {
        findings.note(&INPUT, "`input` is no object");
    }
    calls.push((id, false));
}

fn check_result(block: JsonView<'_>, calls: &mut [(String, bool)], findings: &mut Findings) {
    let id = id_of(block, "/toolResult/toolUseId");
    match calls
        .iter_mut()
        .find(|(known, answered)| *known == id && !answered)
    {
        Some((_, answered)) => *answered = true,
        None => findings.note(&RESULTS, format!("no call `{id}` waits for a result")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::encode;

    #[test]
    fn words_that_nova_refuses_are_refused_in_any_case() {
        for word in WORDS {
            let line = format!(
                r#"{{"messages":[{{"role":"user","content":"say {} x"}},{{"role":"assistant","content":"no"}}]}}"#,
                word.to_uppercase()
            );
            let error = encode("bedrock-converse", &line).unwrap_err();
            assert_eq!(error.kind(), EncodeErrorKind::Forbidden, "{word}");
        }
    }

    #[test]
    fn every_forbidden_word_is_found_wherever_it_stands() {
        for word in WORDS {
            for text in [
                word.to_owned(),
                format!("a {} b", word.to_ascii_uppercase()),
                format!(":::{word}"),
            ] {
                assert_eq!(forbidden(text.as_bytes()), Some(word), "{text}");
            }
            assert_eq!(forbidden(&word.as_bytes()[..word.len() - 1]), None, "{word}");
        }
    }

    #[test]
    fn tools_need_a_description() {
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"tools":[{"name":"f"}]}"#;
        assert_eq!(
            encode("bedrock-converse", line).unwrap_err().kind(),
            EncodeErrorKind::Content
        );
    }
}
