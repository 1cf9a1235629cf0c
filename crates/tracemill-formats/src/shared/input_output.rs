//! Pairs as OpenAI has them, and those who followed: `input`, `preferred_output`, `non_preferred_output`.
//!
//! One encoder for all of them; what a consumer does differently is a [`Dialect`]. Each output is exactly one assistant
//! message. Arguments are a JSON string. A call-only turn has no `content`, or empty text, never `null`.

use tracemill_model::{
    CallRef, Content, Example, JsonWriter, Media, MediaKind, MediaSource, Message, Part as ContentPart,
    Preference, Role, Shape, Span, Text,
};

use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::options::MetadataMode;
use crate::shared::account::{self, Carried};
use crate::shared::ids::CallIds;
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::{self, Placement};
use crate::shared::thread::Thread;
use crate::shared::{arguments, plain, text, tools};

/// What the consumers of one shape do differently.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The name of the format.
    pub(crate) name: &'static str,
    /// Which forms content has.
    pub(crate) content: ContentForm,
    /// What stands for the text of a turn that only calls.
    pub(crate) silence: Silence,
    /// What of the use of tools has a place in the prompt.
    pub(crate) history: History,
    /// What the prompt may end with.
    pub(crate) last: Last,
    /// Checks the functions that are defined.
    pub(crate) check_tools: fn(&tracemill_model::Trace<'_>) -> Result<(), EncodeError>,
}

/// Which forms content has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentForm {
    /// Text or text parts, message by message.
    TextOrParts,
    /// Text.
    Text,
    /// Text; or parts in all messages of the record if one of them holds an image.
    TextUnlessImages,
}

/// What stands for the text of a turn that only calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing: the field is left out.
    Absent,
    /// `""`
    Empty,
}

/// What of the use of tools has a place in the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// Calls and their results, and names.
    Tools,
    /// Roles and texts alone.
    Texts,
}

/// What the prompt may end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Any,
    NotAssistant,
}

/// Together takes as many.
const MAX_IMAGES: usize = 10;

/// An encoder of one dialect.
#[derive(Debug)]
pub(crate) struct InputOutput {
    pub(crate) dialect: &'static Dialect,
    pub(crate) reasoning: Placement,
}

impl Encoder for InputOutput {
    fn name(&self) -> &str {
        self.dialect.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Preference
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let pair = pair::preference(example)?;
        let carried = &["parallel_tool_calls"];
        pair::account(pair, MetadataMode::Omit, carried, &mut scratch.losses);
        (self.dialect.check_tools)(pair.prompt.trace())?;
        let form = self.form(pair)?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("input").begin_object();
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        w.key("messages");
        self.prompt(prompt, form, scratch, &mut w)?;
        tools::nested_list(pair.prompt.trace(), &mut w, &mut scratch.losses);
        parallel_tool_calls(pair, &mut scratch.losses, &mut w);
        w.end_object();
        self.outputs(pair, form, scratch, &mut w)?;
        w.end_object();
        Ok(())
    }
}

/// The form of all contents of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    TextOrParts,
    Text,
    Parts,
}

impl InputOutput {
    fn form(&self, pair: &Preference<'_>) -> Result<Form, EncodeError> {
        match self.dialect.content {
            ContentForm::TextOrParts => Ok(Form::TextOrParts),
            ContentForm::Text => Ok(Form::Text),
            ContentForm::TextUnlessImages => match count_images(pair.prompt) {
                0 => Ok(Form::Text),
                1..=MAX_IMAGES => Ok(Form::Parts),
                _ => {
                    let text =
                        format!("more than {MAX_IMAGES} images in one record, which the consumer refuses");
                    Err(EncodeError::new(EncodeErrorKind::Limit, text))
                }
            },
        }
    }

    fn prompt(
        &self,
        passage: Passage<'_>,
        form: Form,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let mut turns = Turns::new(self, passage, form, Part::Prompt, scratch)?;
        let mut last = None;
        w.begin_array();
        for index in passage.range() {
            let before = w.position();
            turns.message(index, w)?;
            if w.position() > before {
                last = Some(passage.messages()[index].role());
            }
        }
        w.end_array();
        match (last, self.dialect.last) {
            (None, _) => pair::check_left(0..0),
            (Some(Role::Assistant), Last::NotAssistant) => {
                let text = "the prompt ends with an assistant turn, which the consumer refuses";
                Err(EncodeError::new(EncodeErrorKind::Order, text))
            }
            _ => Ok(()),
        }
    }

    fn outputs(
        &self,
        pair: &Preference<'_>,
        form: Form,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let [chosen, rejected] = [&pair.chosen, &pair.rejected]
            .map(|side| Passage::completion(side.completion).first(&mut scratch.losses));
        pair::check_answers(pair, chosen, rejected)?;
        let mut output = |key, passage: Passage<'_>, w: &mut JsonWriter<'_>| {
            let mut turns = Turns::new(self, passage, form, Part::Output, scratch)?;
            w.key(key).begin_array();
            let start = w.position();
            for index in passage.range() {
                turns.message(index, w)?;
            }
            let written = start..w.position();
            w.end_array();
            Ok::<_, EncodeError>(written)
        };
        let chosen = output("preferred_output", chosen, w)?;
        let rejected = output("non_preferred_output", rejected, w);
        pair::check_distinct(w, chosen, rejected.map_err(|error| error.of(REJECTED))?)
    }
}

fn parallel_tool_calls(pair: &Preference<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    if let Some(parallel) = pair.prompt.trace().extra().get("parallel_tool_calls") {
        match parallel.as_bool() {
            Some(parallel) => {
                w.key("parallel_tool_calls").boolean(parallel);
            }
            None => losses.omit(Omission::Fields),
        }
    }
}

/// Whether a passage is what was asked or what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Prompt,
    Output,
}

/// Writes the messages of a passage.
struct Turns<'r> {
    dialect: &'static Dialect,
    reasoning: Placement,
    form: Form,
    part: Part,
    messages: &'r [Message<'r>],
    thread: Thread<'r>,
    ids: &'r CallIds,
    losses: &'r mut Losses,
}

impl<'r> Turns<'r> {
    fn new(
        encoder: &InputOutput,
        passage: Passage<'r>,
        form: Form,
        part: Part,
        scratch: &'r mut Scratch,
    ) -> Result<Self, EncodeError> {
        let messages = passage.messages();
        scratch.links.compute(messages);
        scratch.ids.compute(messages)?;
        Ok(Turns {
            dialect: encoder.dialect,
            reasoning: encoder.reasoning,
            form,
            part,
            messages,
            thread: Thread::new(messages, &scratch.links),
            ids: &scratch.ids,
            losses: &mut scratch.losses,
        })
    }

    fn message(&mut self, index: usize, w: &mut JsonWriter<'_>) -> Result<(), EncodeError> {
        let message = &self.messages[index];
        match message.role() {
            Role::Assistant => self.assistant(index, message, w),
            Role::Tool => {
                self.result(index, message, w);
                Ok(())
            }
            _ => {
                self.speaker(index, message, w);
                Ok(())
            }
        }
    }

    fn speaker(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        account::fields(message, index, self.carried(), self.losses);
        account::not_assistant(message, index, self.reasoning, self.losses);
        w.begin_object();
        w.key("role").str(plain::role(message, index, self.losses));
        self.name(message, index, w);
        w.key("content");
        self.content(index, message, None, w);
        w.end_object();
    }

    fn assistant(
        &mut self,
        index: usize,
        message: &Message<'_>,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        account::fields(message, index, self.carried(), self.losses);
        if self.part == Part::Output && !message.is_target() {
            self.losses.note(Loss::TrainFlags, index);
        }
        let calls = self.kept_calls(index);
        let silent = text::is_empty(message.content());
        if calls == 0 && !message.tool_calls().is_empty() && silent {
            account::reasoning(message, index, self.reasoning, self.losses);
            text::note_parts(message.content(), index, self.losses);
            return Ok(());
        }
        if calls == 0 && self.part == Part::Output {
            plain::check_says(message, index)?;
        }
        let thoughts = self.reasoning.words(message, index, self.losses)?;
        w.begin_object();
        w.key("role").str("assistant");
        self.name(message, index, w);
        let inline = thoughts.filter(|_| self.reasoning == Placement::Inline);
        if let Some(field) = thoughts.filter(|_| self.reasoning == Placement::Field) {
            w.key("reasoning").text(field);
        }
        let absent =
            calls > 0 && self.dialect.silence == Silence::Absent && message.content().as_text().is_none();
        if absent && silent && inline.is_none() {
            text::note_parts(message.content(), index, self.losses);
        } else {
            w.key("content");
            self.content(index, message, inline, w);
        }
        if calls > 0 {
            w.key("tool_calls").begin_array();
            for call in self.thread.kept_calls(index) {
                self.call(call, w);
            }
            w.end_array();
        }
        w.end_object();
        Ok(())
    }

    /// How many calls of a turn have a place; notes those that have none.
    fn kept_calls(&mut self, index: usize) -> usize {
        let has_place = self.part == Part::Output || self.dialect.history == History::Tools;
        if has_place {
            self.thread.note_dangling(index, self.losses);
            return self.thread.kept_calls(index).count();
        }
        for _ in self.messages[index].tool_calls() {
            self.losses.note(Loss::ToolCalls, index);
        }
        0
    }

    fn result(&mut self, index: usize, message: &Message<'_>, w: &mut JsonWriter<'_>) {
        account::fields(message, index, self.carried(), self.losses);
        if self.dialect.history == History::Texts {
            self.losses.note(Loss::ToolResults, index);
            return;
        }
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
        self.content(index, message, None, w);
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

    fn name(&mut self, message: &Message<'_>, index: usize, w: &mut JsonWriter<'_>) {
        match message.name() {
            Some(name) if self.dialect.history == History::Tools => {
                w.key("name").text(name);
            }
            _ => account::name(message, index, None, self.losses),
        }
    }

    /// `detail` stands beside the address of an image, where there are images.
    fn carried(&self) -> Carried {
        Carried {
            message: &[],
            image: if self.form == Form::Parts {
                &["detail"]
            } else {
                &[]
            },
        }
    }

    fn content(
        &mut self,
        index: usize,
        message: &Message<'_>,
        thoughts: Option<&Text<'_>>,
        w: &mut JsonWriter<'_>,
    ) {
        let content = message.content();
        let has_text = content.parts().iter().any(|part| part.as_text().is_some());
        if self.form == Form::Parts || (self.form == Form::TextOrParts && has_text) {
            self.parts(index, message, thoughts, w);
            return;
        }
        let mut s = w.begin_string();
        if let Some(thoughts) = thoughts {
            reasoning::think(thoughts, &mut s);
        }
        text::append(content, index, &mut s, self.losses);
        s.end();
    }

    fn parts(
        &mut self,
        index: usize,
        message: &Message<'_>,
        thoughts: Option<&Text<'_>>,
        w: &mut JsonWriter<'_>,
    ) {
        let content = message.content();
        let is_list = matches!(content, Content::Parts(_));
        w.begin_array();
        if thoughts.is_some() || !is_list {
            w.begin_object();
            w.key("type").str("text");
            let mut s = w.key("text").begin_string();
            if let Some(thoughts) = thoughts {
                reasoning::think(thoughts, &mut s);
            }
            if !is_list {
                text::append(content, index, &mut s, self.losses);
            }
            s.end();
            w.end_object();
        }
        for part in content.parts() {
            match part {
                ContentPart::Text(part) => {
                    w.begin_object();
                    w.key("type").str("text");
                    w.key("text").text(part.text());
                    w.end_object();
                }
                ContentPart::Media(media) if self.form == Form::Parts && holds(message, media) => {
                    image(media, w);
                }
                part => account::part(part, index, self.losses),
            }
        }
        w.end_array();
    }
}

fn count_images(prompt: Span<'_>) -> usize {
    let media = |message: &Message<'_>, part: &ContentPart<'_>| match part {
        ContentPart::Media(media) => holds(message, media),
        _ => false,
    };
    let messages = prompt.messages().iter();
    messages
        .map(|message| {
            let parts = message.content().parts().iter();
            parts.filter(|part| media(message, part)).count()
        })
        .sum()
}

/// Whether an image is one that Together takes: the bytes themselves, of a known type, in a message of the user.
fn holds(message: &Message<'_>, media: &Media<'_>) -> bool {
    const TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];
    let is_known = match media.source() {
        MediaSource::Url(url) => {
            let rest = url.body().strip_prefix("data:");
            let media_type = rest.and_then(|rest| rest.split_once(";base64,"));
            media_type.is_some_and(|(media_type, _)| TYPES.contains(&media_type))
        }
        MediaSource::Data(_) => media.media_type().is_some_and(|it| TYPES.contains(&it.body())),
        _ => false,
    };
    let of_user = matches!(message.role(), Role::User | Role::Other(_));
    of_user && media.kind() == MediaKind::Image && is_known
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
    let detail = media.extra().get("detail");
    if let Some(detail) = detail.filter(|detail| detail.as_text().is_some()) {
        w.key("detail").raw(detail);
    }
    w.end_object();
    w.end_object();
}
