//! The messages of typed blocks that LLaMA-Factory's reader v1 takes.
//!
//! From hiyouga/LLaMA-Factory `src/llamafactory/v1/` (2026-08). A block is `{"type","value"}` with a text as its value; a call
//! is the JSON text of `name` and `arguments`. There are no ids: results stand behind their calls in the same order.

use std::ops::Range;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    CallRef, Content, Conversation, Example, JsonView, JsonWriter, Media, MediaKind, MediaSource, Message,
    Part, Role, Shape,
};

use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::MetadataMode;
use crate::registry::Rule;
use crate::shared::account::{self, Carried};
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::{self, arguments, metadata, plain, text, tools};

const V1: &str = "hiyouga/LLaMA-Factory 2026-08, src/llamafactory/v1";

pub(super) const BLOCKS: Rule = Rule::new(
    "blocks",
    "with `+v1`: `content` is a list of blocks with a `type` of text, reasoning, tool_call, image_url, video_url or \
     audio_url and a text as `value`",
    V1,
);
pub(super) const ROLES: Rule = Rule::new(
    "roles",
    "with `+v1`: roles are system, user, assistant and tool; a message of another is passed over in silence",
    "LLaMA-Factory 0.9.5, v1/plugins/model_plugins/templates",
);
pub(super) const MEDIA: Rule = Rule::told(
    "media",
    "with `+v1`: no template of 0.9.5 knows what to do with media yet, and the run ends at the first",
    "LLaMA-Factory 0.9.5, v1/plugins/model_plugins/templates",
);
pub(super) const LOSS_WEIGHT: Rule = Rule::new("loss-weight", "with `+v1`: `loss_weight` is a number", V1);

const TYPES: [&str; 6] = [
    "text",
    "reasoning",
    "tool_call",
    "image_url",
    "video_url",
    "audio_url",
];

pub(super) fn check(record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "messages", |findings, list| {
        findings.each(list, |findings, _, message| {
            if !findings.is(message, Kind::Object) {
                return;
            }
            findings.member(message, "role", check_role);
            findings.member(message, "content", |findings, content| {
                if content.kind() != Kind::Array {
                    return findings.note(&BLOCKS, format!("`content` is {}", content.kind().noun()));
                }
                findings.each(content, |findings, _, block| check_block(block, findings));
            });
            findings.member_if_any(message, "loss_weight", |findings, weight| {
                if weight.kind() != Kind::Number {
                    findings.note(&LOSS_WEIGHT, format!("this is {}", weight.kind().noun()));
                }
            });
        });
    });
    findings.member_if_any(record, "tools", |findings, tools| {
        if tools.kind() != Kind::String {
            findings.note(
                &super::TOOLS,
                format!("`tools` is {}, and should be JSON text", tools.kind().noun()),
            );
        }
    });
}

fn check_role(findings: &mut Findings, role: JsonView<'_>) {
    let Some(role) = findings.text(role) else { return };
    if !["system", "user", "assistant", "tool"].contains(&role.body()) {
        findings.note(&ROLES, format!("the role is `{}`", role.decode()));
    }
}

fn check_block(block: JsonView<'_>, findings: &mut Findings) {
    let kind = block.get("type");
    let kind = kind.and_then(JsonView::as_text);
    if kind.as_ref().is_none_or(|kind| !TYPES.contains(&kind.body())) {
        return findings.note(&BLOCKS, "the block has no type that is known");
    }
    let value = block.get("value");
    let Some(value) = value.and_then(JsonView::as_text) else {
        return findings.note(&BLOCKS, "the value of the block is no text");
    };
    if kind.is_some_and(|kind| kind.body() == "tool_call") {
        findings.embedded(&value, &super::FUNCTION_CALL, |findings, call| {
            if call.get("name").is_none() || call.get("arguments").is_none() {
                findings.note(&super::FUNCTION_CALL, "the call lacks `name` or `arguments`");
            }
        });
    }
}

/// An encoder of messages of typed blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) reasoning: Placement,
    pub(super) metadata: MetadataMode,
}

impl Encoder for Blocks {
    fn name(&self) -> &str {
        super::FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        super::FORMAT.shapes.contains(&shape)
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
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        links.compute(messages);
        let mut turns = Turns {
            reasoning: self.reasoning,
            conversation,
            thread: Thread::new(messages, links),
            embedded,
            json,
            losses,
        };
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages").begin_array();
        turns.write(messages, &mut w)?;
        w.end_array();
        tools::column(conversation.trace(), json, &mut w, losses);
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

struct Turns<'r> {
    reasoning: Placement,
    conversation: Conversation<'r>,
    thread: Thread<'r>,
    embedded: &'r mut EmbeddedJson,
    json: &'r mut Vec<u8>,
    losses: &'r mut Losses,
}

impl Turns<'_> {
    fn write(&mut self, messages: &[Message<'_>], w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let mut index = 0;
        while let Some(message) = messages.get(index) {
            if *message.role() == Role::Tool {
                let results = messages[index..].iter();
                let count = results
                    .take_while(|message| *message.role() == Role::Tool)
                    .count();
                self.results(messages, index..index + count, w);
                index += count;
                continue;
            }
            account::fields(message, index, Carried::default(), self.losses);
            account::name(message, index, None, self.losses);
            if *message.role() == Role::Assistant {
                self.assistant(index, message, w)?;
            } else {
                account::not_assistant(message, index, self.reasoning, self.losses);
                w.begin_object();
                w.key("role").str(plain::role(message, index, self.losses));
                w.key("content").begin_array();
                self.said(index, message, w);
                w.end_array();
                w.key("loss_weight").float(0.0);
                w.end_object();
            }
            index += 1;
        }
        Ok(())
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        self.thread.note_dangling(index, self.losses);
        if self.thread.is_spent(index) {
            account::reasoning(message, index, self.reasoning, self.losses);
            return Ok(());
        }
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        let calls = self.thread.kept_calls(index).next().is_some();
        w.begin_object();
        w.key("role").str("assistant");
        w.key("content").begin_array();
        match (thoughts, self.reasoning) {
            (Some(words), Placement::Inline) => {
                w.begin_object();
                w.key("type").str("text");
                let mut s = w.key("value").begin_string();
                reasoning::think(words, &mut s);
                text::append(message.content(), index, &mut s, self.losses);
                s.end();
                w.end_object();
            }
            (words, _) => {
                if let Some(words) = words {
                    w.begin_object();
                    w.key("type").str("reasoning");
                    w.key("value").text(words);
                    w.end_object();
                }
                if !calls || !message.content().is_empty() {
                    self.said(index, message, w);
                }
            }
        }
        for call in self.thread.kept_calls(index) {
            self.call(call, w);
        }
        w.end_array();
        let weight = if self.conversation.is_target(index) {
            1.0
        } else {
            0.0
        };
        w.key("loss_weight").float(weight);
        w.end_object();
        Ok(())
    }

    fn call(&mut self, at: CallRef, w: &mut JsonWriter<'_>) {
        let call = self.thread.call(at);
        if call.kind().is_some() {
            self.losses.note(Loss::CallKind, at.message);
        }
        self.json.clear();
        let mut json = JsonWriter::new(self.json);
        json.begin_object();
        json.key("name").text(call.name());
        json.key("arguments");
        arguments::object(
            call.arguments(),
            at.message,
            self.embedded,
            &mut json,
            self.losses,
        );
        json.end_object();
        w.begin_object();
        w.key("type").str("tool_call");
        w.key("value").begin_string().written(self.json).end();
        w.end_object();
    }

    /// Writes results that stand in a row, in the order of their calls: that is how they are matched.
    fn results(&mut self, messages: &[Message<'_>], range: Range<usize>, w: &mut JsonWriter<'_>) {
        for index in range.clone() {
            account::fields(&messages[index], index, Carried::default(), self.losses);
            if self.thread.answered(index).is_none() {
                self.losses.note(Loss::OrphanResult, index);
            }
        }
        let thread = self.thread;
        let answered = |index: usize| thread.answered(index);
        let mut next = range.clone().filter_map(answered).min();
        while let Some(call) = next {
            if let Some(index) = range.clone().find(|&index| answered(index) == Some(call)) {
                let message = &messages[index];
                account::not_assistant(message, index, self.reasoning, self.losses);
                account::error_mark(message, index, self.losses);
                account::name(message, index, Some(thread.call(call)), self.losses);
                w.begin_object();
                w.key("role").str("tool");
                w.key("content").begin_array();
                self.said(index, message, w);
                w.end_array();
                w.key("loss_weight").float(0.0);
                w.end_object();
            }
            next = range
                .clone()
                .filter_map(answered)
                .filter(|other| *other > call)
                .min();
        }
    }

    /// Writes what a message says as blocks.
    fn said(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        let Content::Parts(parts) = message.content() else {
            w.begin_object();
            w.key("type").str("text");
            let mut s = w.key("value").begin_string();
            text::append(message.content(), index, &mut s, self.losses);
            s.end();
            w.end_object();
            return;
        };
        for part in parts {
            match part {
                Part::Text(part) => {
                    w.begin_object();
                    w.key("type").str("text");
                    w.key("value").text(part.text());
                    w.end_object();
                }
                Part::Media(media) if is_addressed(message, media) => write_media(media, w),
                part => account::part(part, index, self.losses),
            }
        }
    }
}

fn is_addressed(message: &Message<'_>, media: &Media<'_>) -> bool {
    let of_user = matches!(message.role(), Role::User | Role::Other(_));
    let has_address = match media.source() {
        MediaSource::Url(_) => true,
        MediaSource::Data(_) => media.media_type().is_some(),
        _ => false,
    };
    of_user && has_address && block_type(media).is_some()
}

fn block_type(media: &Media<'_>) -> Option<&'static str> {
    match media.kind() {
        MediaKind::Image => Some("image_url"),
        MediaKind::Video => Some("video_url"),
        MediaKind::Audio => Some("audio_url"),
        _ => None,
    }
}

fn write_media(media: &Media<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("type").str(block_type(media).unwrap_or_default());
    let mut s = w.key("value").begin_string();
    match (media.source(), media.media_type()) {
        (MediaSource::Url(url), _) => {
            s.text(url);
        }
        (MediaSource::Data(data), Some(media_type)) => {
            s.push("data:").text(media_type).push(";base64,").text(data);
        }
        // Those alone have an address.
        _ => {}
    }
    s.end();
    w.end_object();
}
