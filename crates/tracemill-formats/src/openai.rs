//! The chat lines of OpenAI's supervised fine-tuning.
//!
//! Read by OpenAI and Azure OpenAI; the common dialect of most hosted trainers. From `openapi.yaml` 2.3.0 of
//! openai/openai-openapi at 2025-05-20 (`FineTuneChatRequestInput`) and the "Supervised fine-tuning" and "Vision
//! fine-tuning" guides; types as in openai 3.52.0 (`types/chat/*_param.py`).
//!
//! Arguments are a JSON *string*: recorded text goes out byte for byte, also when it is no JSON. Content keeps its
//! states where the consumer knows them: `null` and parts stay, a missing `content` stays missing on an assistant turn
//! with calls. Calls without an id get one, and so do their results; recorded ids stay, even when they repeat.
//! Marks of what is trained on are `weight` 0 or 1; when one turn of several is to be learnt, every earlier assistant
//! turn has weight 0. Turns after the last assistant turn stay: whether OpenAI refuses them is not known.

use tracemill_model::json::Kind;
use tracemill_model::{
    CallRef, Content, Conversation, Example, Function, JsonWriter, Media, MediaKind, MediaSource, Message,
    Part, RawJson, Role, Shape, Text, Tool, Trace,
};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{self, Chat, Demand, FileRule, Findings, Form};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account::Carried;
use crate::shared::ids::CallIds;
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::{self, account, arguments, text, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "openai",
    summary: "chat fine-tuning of OpenAI and Azure OpenAI: `messages` with arguments as text, `weight`, images",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Weights,
            Feature::MultiTurn,
        ])
        .with(Feature::Images, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
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
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[
        ROLES, CONTENT, ARGUMENTS, RESULTS, WEIGHT, TOOL_NAME, IMAGES, MEDIA, NO_NULL, TARGET,
    ],
    file_rules: &[
        FileRule::AtLeast(AT_LEAST, 10),
        FileRule::Bytes(BYTES, 512_000_000),
    ],
    check,
    example: r#"{"messages":[{"role":"system","content":"You are a travel desk."},{"role":"user","content":"Weather in Oslo and Lyon?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}},{"id":"call_2","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Lyon\"}"}}],"weight":1},{"role":"tool","tool_call_id":"call_1","content":"4 C"},{"role":"tool","tool_call_id":"call_2","content":"17 C"},{"role":"assistant","content":"Oslo 4 C, Lyon 17 C.","weight":1}],"tools":[{"type":"function","function":{"name":"get_weather","description":"Current weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],"parallel_tool_calls":true}"#,
    make,
};

const SPEC: &str = "openai/openai-openapi 2.3.0 (2025-05-20), FineTuneChatRequestInput";

/// `refusal` has a place on assistant messages, `detail` beside the address of an image.
const CARRIED: Carried = Carried {
    message: &["refusal"],
    image: &["detail"],
};

/// "Vision fine-tuning" guide; Azure OpenAI takes 64.
const MAX_IMAGES: usize = 10;

/// `FunctionObject.name`.
const MAX_TOOL_NAME: usize = 64;

const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and tool; developer is not in the list for supervised tuning",
    SPEC,
);
const CONTENT: Rule = Rule::new(
    "content",
    "every message has `content`, except that an assistant turn with calls may lack it; `null` stands on \
     assistant turns alone",
    SPEC,
);
const ARGUMENTS: Rule = Rule::new("arguments", "the arguments of a call are a JSON string", SPEC);
const RESULTS: Rule = Rule::new(
    "results",
    "a tool message has a `tool_call_id` that names an earlier call, one message for each call",
    SPEC,
);
const WEIGHT: Rule = Rule::new(
    "weight",
    "`weight` is the integer 0 or 1, on assistant messages alone",
    SPEC,
);
const TOOL_NAME: Rule = Rule::new(
    "tool-name",
    "the name of a function has 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`",
    SPEC,
);
const IMAGES: Rule = Rule::new(
    "images",
    "images stand in user messages, at most 10 in one record, by address or as data",
    "\"Vision fine-tuning\" guide of OpenAI (Azure OpenAI: 64)",
);
const MEDIA: Rule = Rule::new("media", "sound and files are not supported for fine-tuning", SPEC);
const NO_NULL: Rule = Rule::new(
    "no-null",
    "`tool_calls` is left out, never `null`",
    "openai 3.52.0, types/chat/chat_completion_assistant_message_param.py",
);
const TARGET: Rule = Rule::new("target", "at least one assistant message is trained on", SPEC);

const AT_LEAST: Rule = Rule::new(
    "at-least",
    "a file has at least 10 records",
    "\"Supervised fine-tuning\" guide of OpenAI",
);
const BYTES: Rule = Rule::new(
    "bytes",
    "a file has at most 512 MB",
    "openai/openai-openapi 2.3.0 (2025-05-20), /files",
);

/// What OpenAI demands of messages.
const CHAT: Chat = Chat(&[
    Demand::Roles(ROLES, &["system", "user", "assistant", "tool"]),
    Demand::Content(CONTENT),
    Demand::NullOnAssistant(CONTENT),
    Demand::Parts(MEDIA, &["text", "image_url", "refusal"]),
    Demand::Images(IMAGES, MAX_IMAGES),
    Demand::Arguments(ARGUMENTS, Form::Text),
    Demand::NoNullCalls(NO_NULL),
    Demand::Results(RESULTS),
    Demand::Weight(WEIGHT),
    Demand::Target(TARGET),
]);

fn check(_: &FormatSpec, record: &RawJson<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| CHAT.check(list, findings));
    findings.member_if_any(record, "tools", |findings, tools| {
        check::tools(tools, Some(&TOOL_NAME), findings);
    });
    findings.member_if_any(record, "parallel_tool_calls", |findings, parallel| {
        findings.is(parallel, Kind::Bool);
    });
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    let name = FORMAT.name;
    if options.metadata() == MetadataMode::Include {
        let reason = "whether OpenAI accepts `metadata` beside `messages` is not known, so it is not written; convert \
                      to `tracemill` as well to keep identity and scores";
        return Err(SpecError::Conflict {
            format: name,
            reason: reason.to_owned(),
        });
    }
    let reasoning = Placement::without_field(options.reasoning(), Placement::Lost, name)?;
    Ok(Box::new(OpenAi { reasoning }))
}

#[derive(Debug)]
struct OpenAi {
    reasoning: Placement,
}

impl Encoder for OpenAi {
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
        let messages = conversation.messages();
        let Scratch {
            losses, links, ids, ..
        } = scratch;
        account::trace(trace, MetadataMode::Omit, &["parallel_tool_calls"], losses);
        links.compute(messages);
        ids.compute(messages)?;
        let mut turns = Turns {
            reasoning: self.reasoning,
            conversation,
            thread: Thread::new(messages, links),
            ids,
            losses,
            images: 0,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages").begin_array();
        for (index, message) in messages.iter().enumerate() {
            turns.message(index, message, &mut w)?;
        }
        w.end_array();
        check_tool_names(trace)?;
        tools::nested_list(trace, &mut w, losses);
        if let Some(parallel) = trace.extra().get("parallel_tool_calls") {
            match parallel.as_bool() {
                Some(parallel) => {
                    w.key("parallel_tool_calls").boolean(parallel);
                }
                None => losses.omit(Omission::Fields),
            }
        }
        w.end_object();
        Ok(())
    }
}

/// Writes the messages of one record.
struct Turns<'r> {
    reasoning: Placement,
    conversation: Conversation<'r>,
    thread: Thread<'r>,
    ids: &'r CallIds,
    losses: &'r mut Losses,
    /// How many images were written.
    images: usize,
}

impl Turns<'_> {
    fn message(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        match message.role() {
            Role::System => self.speaker(Side::System, index, message, w),
            Role::Developer => {
                self.losses.note(Loss::DeveloperRole, index);
                self.speaker(Side::System, index, message, w);
            }
            Role::User => self.speaker(Side::User, index, message, w),
            Role::Assistant => self.assistant(index, message, w)?,
            Role::Tool => self.result(index, message, w),
            _ => {
                self.losses.note(Loss::OtherRole, index);
                self.speaker(Side::User, index, message, w);
            }
        }
        if self.images > MAX_IMAGES {
            let text = format!("more than {MAX_IMAGES} images in one record, which OpenAI refuses");
            return Err(EncodeError::at(index, EncodeErrorKind::Limit, text));
        }
        Ok(())
    }

    fn speaker(&mut self, side: Side, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        account::fields(message, index, CARRIED, self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        w.begin_object();
        w.key("role").str(side.role());
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        w.key("content");
        self.content(side, index, message.content(), w);
        w.end_object();
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, CARRIED, self.losses);
        self.thread.note_dangling(index, self.losses);
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        w.begin_object();
        w.key("role").str("assistant");
        if let Some(name) = message.name() {
            w.key("name").text(name);
        }
        self.assistant_content(index, message, thoughts, w);
        if let Some(refusal) = message
            .extra()
            .get("refusal")
            .filter(|refusal| refusal.as_text().is_some())
        {
            w.key("refusal").raw(refusal);
        }
        if self.thread.kept_calls(index).next().is_some() {
            w.key("tool_calls").begin_array();
            for call in self.thread.kept_calls(index) {
                self.call(call, w);
            }
            w.end_array();
        }
        if let Some(weight) = self.weight(index, message) {
            w.key("weight").number(weight);
        }
        w.end_object();
        Ok(())
    }

    fn result(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        account::fields(message, index, CARRIED, self.losses);
        let Some(call) = self.thread.answered(index) else {
            self.losses.note(Loss::OrphanResult, index);
            return;
        };
        account::not_assistant(message, index, self.reasoning, self.losses);
        account::error_mark(message, index, self.losses);
        account::name(message, index, Some(self.thread.call(call)), self.losses);
        w.begin_object();
        w.key("role").str("tool");
        w.key("tool_call_id");
        self.call_id(call, w);
        w.key("content");
        self.content(Side::Tool, index, message.content(), w);
        w.end_object();
    }

    fn call(&mut self, at: CallRef, w: &mut JsonWriter<'_>) {
        let call = self.thread.call(at);
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, at.message);
        }
        w.begin_object();
        w.key("id");
        self.call_id(at, w);
        w.key("type").str("function");
        w.key("function").begin_object();
        w.key("name").text(call.name());
        w.key("arguments");
        arguments::text(call.arguments(), w);
        w.end_object();
        w.end_object();
    }

    /// The recorded id of a call, or a made one: the same for the call and its result.
    fn call_id(&self, at: CallRef, w: &mut JsonWriter<'_>) {
        match self.thread.call(at).id() {
            Some(id) => {
                w.text(id);
            }
            None => w.begin_string().push("call_").number(self.ids.number(at)).end(),
        }
    }

    /// 0 for a turn that is not to be learnt, 1 for one that is marked so.
    fn weight(&self, index: usize, message: &Message<'_>) -> Option<u64> {
        if !self.conversation.is_target(index) {
            Some(0)
        } else if message.train() == Some(true) {
            Some(1)
        } else {
            None
        }
    }

    /// Content where it is required and has no `null`.
    fn content(&mut self, side: Side, index: usize, content: &Content<'_>, w: &mut JsonWriter<'_>) {
        match content {
            Content::Text(text) => {
                w.text(text);
            }
            Content::Parts(parts) if parts.iter().any(|part| holds(side, part)) => {
                w.begin_array();
                self.parts(side, index, parts, w);
                w.end_array();
            }
            other => {
                let mut s = w.begin_string();
                text::append(other, index, &mut s, self.losses);
                s.end();
            }
        }
    }

    /// The field `content` of an assistant turn, which knows `null` and may be missing beside calls.
    fn assistant_content(
        &mut self,
        index: usize,
        message: &Message<'_>,
        thoughts: Option<&Text<'_>>,
        w: &mut JsonWriter<'_>,
    ) {
        let content = message.content();
        let Some(thoughts) = thoughts else {
            match content {
                Content::Missing if self.thread.kept_calls(index).next().is_some() => {}
                Content::Missing | Content::Null => {
                    w.key("content").null();
                }
                content => {
                    w.key("content");
                    self.content(Side::Assistant, index, content, w);
                }
            }
            return;
        };
        w.key("content");
        match content {
            Content::Parts(parts) => {
                w.begin_array();
                w.begin_object();
                w.key("type").str("text");
                let mut s = w.key("text").begin_string();
                reasoning::think(thoughts, &mut s);
                s.end();
                w.end_object();
                self.parts(Side::Assistant, index, parts, w);
                w.end_array();
            }
            content => {
                let mut s = w.begin_string();
                reasoning::think(thoughts, &mut s);
                text::append(content, index, &mut s, self.losses);
                s.end();
            }
        }
    }

    fn parts(&mut self, side: Side, index: usize, parts: &[Part<'_>], w: &mut JsonWriter<'_>) {
        for part in parts {
            match part {
                Part::Text(part) => {
                    w.begin_object();
                    w.key("type").str("text");
                    w.key("text").text(part.text());
                    w.end_object();
                }
                Part::Media(media) if holds(side, part) => {
                    self.images += 1;
                    Turns::image(media, w);
                }
                Part::Other(refusal) if holds(side, part) => {
                    w.raw(refusal);
                }
                part => account::part(part, index, self.losses),
            }
        }
    }

    fn image(media: &Media<'_>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str("image_url");
        w.key("image_url").begin_object();
        let mut s = w.key("url").begin_string();
        match (media.source(), media.media_type()) {
            (MediaSource::Url(url), _) => {
                s.text(url);
            }
            (MediaSource::Data(data), Some(media_type)) => {
                s.push("data:").text(media_type).push(";base64,").text(data);
            }
            // `holds` lets no other through.
            _ => {}
        }
        s.end();
        if let Some(detail) = media
            .extra()
            .get("detail")
            .filter(|detail| detail.as_text().is_some())
        {
            w.key("detail").raw(detail);
        }
        w.end_object();
        w.end_object();
    }
}

/// Whose message it is, as far as the format tells them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    System,
    User,
    Assistant,
    Tool,
}

impl Side {
    fn role(self) -> &'static str {
        match self {
            Side::System => "system",
            Side::User => "user",
            Side::Assistant => "assistant",
            Side::Tool => "tool",
        }
    }
}

/// Whether a part has a place in a message of this side.
fn holds(side: Side, part: &Part<'_>) -> bool {
    match part {
        Part::Text(_) => true,
        Part::Media(media) => {
            let has_address = match media.source() {
                MediaSource::Url(_) => true,
                MediaSource::Data(_) => media.media_type().is_some(),
                _ => false,
            };
            side == Side::User && media.kind() == MediaKind::Image && has_address
        }
        Part::Other(raw) => side == Side::Assistant && is_refusal(raw),
        _ => false,
    }
}

fn is_refusal(raw: &RawJson<'_>) -> bool {
    let is_text = |value: RawJson<'_>| value.as_text().is_some();
    raw.get("type").is_some_and(|kind| kind.as_str() == "\"refusal\"")
        && raw.get("refusal").is_some_and(is_text)
}

pub(crate) fn check_tool_names(trace: &Trace<'_>) -> Result<(), EncodeError> {
    let functions = trace
        .tools()
        .unwrap_or_default()
        .iter()
        .filter_map(Tool::as_function);
    for name in functions.map(Function::name) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.body().len() > MAX_TOOL_NAME || !name.body().bytes().all(allowed) {
            let text = format!(
                "OpenAI refuses the tool name `{name}`: 1 to {MAX_TOOL_NAME} of `A-Z`, `a-z`, `0-9`, `_` and `-`; rename it"
            );
            return Err(EncodeError::new(EncodeErrorKind::Forbidden, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ReasoningMode;
    use crate::shared::testing::{conflict, encode, encode_each};

    #[test]
    fn recorded_argument_text_goes_out_byte_for_byte() {
        let text = r#""{ \"a\":1.0,\t\"b\":\"\\u00e9\\/\" } and more""#;
        let line = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","name":"f","arguments":{text}}}]}}]}}"#
        );
        let (record, losses) = encode("openai", &line).unwrap();
        assert!(record.contains(&format!(r#""arguments":{text}"#)), "{record}");
        assert_eq!(losses, []);
    }

    #[test]
    fn one_turn_alone_is_learnt_by_weights() {
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
            {"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;
        let records = encode_each("openai", line);
        assert!(!records[0].0.contains("weight"), "{}", records[0].0);
        assert!(
            records[1].0.contains(r#""content":"b","weight":0}"#),
            "{}",
            records[1].0
        );
        assert!(records[1].0.ends_with(r#""content":"d"}]}"#), "{}", records[1].0);
    }

    #[test]
    fn what_has_no_place_is_refused_when_the_encoder_is_made() {
        let metadata = EncodeOptions::default().with_metadata(MetadataMode::Include);
        assert!(
            conflict("openai", &metadata)
                .to_string()
                .contains("convert to `tracemill` as well")
        );
        let field = EncodeOptions::default().with_reasoning(ReasoningMode::Field);
        assert!(
            conflict("openai", &field)
                .to_string()
                .contains("use `inline` or `drop`")
        );
    }

    #[test]
    fn tool_names_that_openai_refuses_are_refused() {
        let named = |name: &str| {
            let line = format!(
                r#"{{"messages":[{{"role":"assistant","content":"x"}}],"tools":[{{"name":"{name}"}}]}}"#
            );
            encode("openai", &line).map(|_| ()).map_err(|error| error.kind())
        };
        assert_eq!(named("get-weather_2"), Ok(()));
        assert_eq!(named(&"n".repeat(MAX_TOOL_NAME)), Ok(()));
        for bad in ["", "a b", "geo.lookup", "né", &"n".repeat(MAX_TOOL_NAME + 1)] {
            assert_eq!(named(bad), Err(EncodeErrorKind::Forbidden), "{bad}");
        }
    }
}
