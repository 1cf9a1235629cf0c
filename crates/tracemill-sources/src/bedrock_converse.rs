//! `bedrock-converse`: lines that Nova and Llama models are tuned with on Amazon Bedrock, in the words of Converse.
//!
//! Shapes: the service model of botocore 1.44.5 (`bedrock-runtime`), and the validators of aws-samples/amazon-nova-samples and
//! amazon-bedrock-samples (2026-08), which say that `schemaVersion` may be missing and that other keys may stand beside.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, Fields, Framing, Function, JsonView, Limits, Media, MediaKind,
    MediaSource, Message, Part, RawJson, Reasoning, Role, Score, ScoreValue, Text, TextPart, Tool, ToolCall,
    Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{hash_group, keep};
use crate::record::deepest;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::tracemill::claimed;
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "bedrock-converse",
    summary: "tuning lines for Nova and Llama on Bedrock: `bedrock-conversation-2024`, messages as Converse has them",
    suffixes: JSON,
    reads: "One trace a line. `system` is a message before all others. Of a message of one text the text is the content, else its \
            blocks are parts; `toolUse` blocks are calls, and every `toolResult` is a tool message, before the rest of the \
            message it stands in: `text` is its content, `json` an object, and `status` says whether it is an error. \
            `reasoningContent` is reasoning, and kept beside it where it is more than words; behind text or calls it begins another message. Images, documents and videos are media, by \
            address or as data, if there is no more to say of them; other blocks stay parts as they are. Tools are those of \
            `toolConfig`, and the rest of it is kept. A message with `candidates` ends the conversation of a trace for each, in a \
            group of their own, with the score `preference` 1 for what is `preferred` and 0 for what is not. Everything else is kept.",
    skips: &[],
    notes: &[],
    options: &[],
    make: |_| Box::new(Converse),
};

/// Lines in the words of Converse.
#[derive(Clone, Copy, Debug)]
struct Converse;

impl Source for Converse {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        evidence(head)
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let row = walk::record(context, record, batch)?;
        let mut trace = Trace::new();
        let mut said = Said::new(context.limits());
        let [system, list, config] = row.pick(["system", "messages", "toolConfig"]);
        if let Some(system) = walk::given(system) {
            said.push(instructions(system).map_err(|error| error.in_key("system"))?)?;
        }
        let list = walk::required(list, "messages", Kind::Array)?;
        let candidates = read_turns(list, &mut said).map_err(|error| error.in_key("messages"))?;
        *trace.messages_mut() = said.messages;
        let mut taken = vec!["system", "messages", "toolConfig"];
        taken.extend(is_known(row).then_some(VERSION));
        if let Some(config) = walk::given(config) {
            read_tools(config, &mut trace).map_err(|error| error.in_key("toolConfig"))?;
        }
        walk::identify(row, &mut trace, &mut taken);
        walk::keep_rest(&mut trace, row, INFO.name, &taken);
        match candidates {
            None => batch.push(trace),
            Some(candidates) => compare(&trace, row, candidates, batch)?,
        }
        Ok(())
    }
}

const VERSION: &str = "schemaVersion";

/// What speaks for such lines. Also asked by `tracemill`, as records have `messages`.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    if head.kind("/messages") != Some(Kind::Array) || claimed(head).is_some() {
        return None;
    }
    let version = head.text("/schemaVersion");
    if version.is_some_and(|version| version.starts_with("bedrock-conversation")) {
        return Some(Evidence::keys(&["/schemaVersion", "/messages"]));
    }
    let block = "/messages/0/content/0";
    let is_bare = head.kind(block) == Some(Kind::Object) && !head.has(&format!("{block}/type"));
    let keys = [
        (format!("{block}/text"), Kind::String),
        (format!("{block}/image"), Kind::Object),
        (format!("{block}/video"), Kind::Object),
        (format!("{block}/document"), Kind::Object),
    ];
    let found = keys.iter().find(|(key, kind)| head.kind(key) == Some(*kind));
    found.filter(|_| is_bare).map(|(key, _)| Evidence::keys(&[key]))
}

/// Whether the version says no more than the shape does.
fn is_known(row: JsonView<'_>) -> bool {
    walk::says(row, "/schemaVersion", "bedrock-conversation-2024")
}

fn instructions(system: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut read = Blocks::default();
    match system.as_text() {
        Some(words) => read.parts.push(Part::Text(TextPart::new(words))),
        None => read.list(system)?,
    }
    let mut message = Message::new(Role::System);
    message.set_content(joined(read.parts));
    Ok(message)
}

/// Reads the messages up to one that has candidates; gives those.
fn read_turns<'v>(list: JsonView<'v>, said: &mut Said<'v>) -> Result<Option<JsonView<'v>>, DecodeError> {
    let mut candidates = None;
    for (index, turn) in list.elements().enumerate() {
        if candidates.is_some() {
            return Err(walk::wrong("a message follows the candidates, which are the end").in_index(index));
        }
        walk::expect(turn, Kind::Object).map_err(|error| error.in_index(index))?;
        let [role, content, list] = turn.pick(["role", "content", CANDIDATES]);
        if list.is_some_and(|list| list.kind() == Kind::Array) {
            candidates = Some(turn);
        } else {
            let role = walk::text_of(role, "role").map_err(|error| error.in_index(index))?;
            let message = Message::new(Role::named(role));
            read_turn(turn, message, content, said).map_err(|error| error.in_index(index))?;
        }
    }
    Ok(candidates)
}

const CANDIDATES: &str = "candidates";

/// Reads one message: results become messages of their own, before what else it says.
fn read_turn<'v>(
    turn: JsonView<'v>,
    mut message: Message<'v>,
    content: Option<JsonView<'v>>,
    said: &mut Said<'v>,
) -> Result<(), DecodeError> {
    let mut read = Blocks::default();
    match content {
        Some(content) if content.kind() == Kind::Array => {
            for (index, block) in content.elements().enumerate() {
                let at = |error: DecodeError| error.in_index(index).in_key("content");
                if read.says_something() && block.get("reasoningContent").is_some() {
                    // Thinking again is another step: two of the assistant's messages became one turn.
                    let step = Message::new(message.role().clone());
                    std::mem::take(&mut read).deliver(step, said)?;
                }
                read.block(block).map_err(at)?;
            }
        }
        Some(content) => {
            let content = Content::read(&mut content.cursor()).map_err(|error| error.in_key("content"))?;
            message.set_content(content);
        }
        None => {}
    }
    walk::keep_in_message(&mut message, turn, &["role", "content"]);
    read.deliver(message, said)
}

/// The blocks of one message, sorted.
#[derive(Default)]
struct Blocks<'a> {
    parts: Vec<Part<'a>>,
    thoughts: Vec<RawJson<'a>>,
    calls: Vec<ToolCall<'a>>,
    results: Vec<Message<'a>>,
}

impl<'a> Blocks<'a> {
    fn list(&mut self, list: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(list, Kind::Array)?;
        for (index, block) in list.elements().enumerate() {
            self.block(block).map_err(|error| error.in_index(index))?;
        }
        Ok(())
    }

    fn block(&mut self, block: JsonView<'a>) -> Result<(), DecodeError> {
        walk::expect(block, Kind::Object)?;
        let mut members = block.members();
        let kind = match (members.next(), members.next()) {
            (Some((kind, value)), None) => Some((kind, value)),
            // Text may have something beside it; what else there is has one key.
            _ => None,
        };
        match kind.as_ref().map(|(kind, value)| (kind.body(), value)) {
            Some(("text", words)) if let Some(words) = words.as_text() => {
                self.parts.push(Part::Text(TextPart::new(words)));
            }
            Some(("toolUse", call)) => self
                .calls
                .push(read_call(*call).map_err(|error| error.in_key("toolUse"))?),
            Some(("toolResult", result)) => {
                self.results
                    .push(read_result(*result).map_err(|error| error.in_key("toolResult"))?);
            }
            Some(("reasoningContent", thought)) => self.thoughts.push(thought.raw()),
            _ => self.parts.push(part(block)),
        }
        Ok(())
    }

    fn says_something(&self) -> bool {
        !self.parts.is_empty() || !self.calls.is_empty()
    }

    fn deliver(self, mut message: Message<'a>, said: &mut Said<'a>) -> Result<(), DecodeError> {
        let is_silent = self.parts.is_empty()
            && self.calls.is_empty()
            && self.thoughts.is_empty()
            && message.content().is_empty()
            && message.extra().is_empty();
        let only_results = !self.results.is_empty() && is_silent;
        for result in self.results {
            said.push(result)?;
        }
        if only_results {
            return Ok(());
        }
        if !self.parts.is_empty() {
            message.set_content(joined(self.parts));
        }
        for call in self.calls {
            message.push_tool_call(call);
        }
        think(&mut message, &self.thoughts);
        said.push(message)
    }
}

/// Text alone is text.
fn joined(mut parts: Vec<Part<'_>>) -> Content<'_> {
    match parts.as_slice() {
        [Part::Text(only)] if only.extra().is_empty() => Content::Text(only.text().clone()),
        _ => Content::Parts(std::mem::take(&mut parts)),
    }
}

/// What a block says: text, a medium, or something that stays as it came.
fn part(block: JsonView<'_>) -> Part<'_> {
    if let Some(words) = walk::text(block, "/text") {
        let mut made = TextPart::new(words);
        for (key, value) in block.members().filter(|(key, _)| key.body() != "text") {
            made.extra_mut().insert(key, value.raw());
        }
        return Part::Text(made);
    }
    match media(block) {
        Some(media) => Part::Media(media),
        None => Part::Other(block.raw()),
    }
}

/// A medium, if its source and its type are all that is known of it.
fn media(block: JsonView<'_>) -> Option<Media<'_>> {
    let (key, kind) = [
        ("image", MediaKind::Image),
        ("document", MediaKind::File),
        ("video", MediaKind::Video),
    ]
    .into_iter()
    .find(|(key, _)| block.get(key).is_some())?;
    let inner = block.get(key)?;
    let format = walk::text(inner, "/format")?;
    let media_type = match (kind, format.body()) {
        (MediaKind::File, "pdf") => "application/pdf".to_owned(),
        (MediaKind::File, _) => return None,
        (kind, format) => format!("{}/{format}", kind.name()),
    };
    let source = inner.get("source")?;
    let (made, known) = match (
        walk::text(source, "/s3Location/uri"),
        walk::text(source, "/bytes"),
    ) {
        (Some(uri), None) => (
            MediaSource::Url(uri),
            source.pointer("/s3Location")?.members().count() == 1,
        ),
        (None, Some(bytes)) => (MediaSource::Data(bytes), true),
        _ => return None,
    };
    let plain = |(name, _): (Text<'_>, JsonView<'_>)| matches!(name.body(), "format" | "source" | "name");
    if !known || source.members().count() != 1 || block.members().count() != 1 || !inner.members().all(plain)
    {
        return None;
    }
    let name = walk::text(inner, "/name");
    Some(
        Media::new(kind, made)
            .with_media_type(Some(Text::new(media_type)))
            .with_name(name),
    )
}

fn read_call(call: JsonView<'_>) -> Result<ToolCall<'_>, DecodeError> {
    let name = walk::member(call, "name", Kind::String)?;
    let name = name.as_text().unwrap_or_default();
    let arguments = match call.get("input") {
        Some(input) if !input.is_null() => Arguments::Value(input.raw()),
        _ => Arguments::Missing,
    };
    let mut made = ToolCall::new(name, arguments).with_id(walk::text(call, "/toolUseId"));
    for (key, value) in call.members() {
        if !["name", "input", "toolUseId"].contains(&key.body()) {
            made.extra_mut().insert(key, value.raw());
        }
    }
    Ok(made)
}

fn read_result(result: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    let mut message = Message::new(Role::Tool);
    message.set_tool_call_id(walk::text(result, "/toolUseId"));
    if let Some(content) = walk::present(result, "/content") {
        walk::expect(content, Kind::Array).map_err(|error| error.in_key("content"))?;
        message.set_content(given(content));
    }
    let status = walk::text(result, "/status");
    let is_error = match status.as_ref().map(Text::body) {
        Some("error") => Some(true),
        Some("success") => Some(false),
        _ => None,
    };
    message.set_is_error(is_error);
    let mut taken = vec!["toolUseId", "content"];
    taken.extend(is_error.map(|_| "status"));
    walk::keep_in_message(&mut message, result, &taken);
    Ok(message)
}

/// What a tool gave back: an object alone is itself.
fn given(content: JsonView<'_>) -> Content<'_> {
    let mut blocks = content.elements();
    if let (Some(only), None) = (blocks.next(), blocks.next())
        && only.members().count() == 1
        && let Some(object) = only.get("json").filter(|json| json.kind() == Kind::Object)
    {
        return Content::Other(object.raw());
    }
    joined(content.elements().map(|block| part(block)).collect())
}

/// Reasoning is the words; what is more than words is kept beside them, or is the reasoning where there are none.
fn think<'v>(message: &mut Message<'v>, thoughts: &[RawJson<'v>]) {
    if thoughts.is_empty() {
        return;
    }
    let words: Vec<_> = thoughts
        .iter()
        .filter_map(|thought| walk::text(thought.view(), "/reasoningText/text"))
        .map(|words| words.decode().into_owned())
        .collect();
    if words.is_empty() {
        message.set_reasoning(Reasoning::Opaque(RawJson::list(
            thoughts.iter().map(RawJson::view),
        )));
        return;
    }
    message.set_reasoning(Reasoning::Text(Text::new(words.join("\n\n"))));
    let bare = |thought: JsonView<'_>| {
        let text = thought.get("reasoningText");
        thought.members().count() == 1 && text.is_some_and(|text| text.members().count() == 1)
    };
    if thoughts.len() > 1 || !bare(thoughts[0].view()) {
        message.extra_mut().insert(
            Text::new("reasoningContent"),
            RawJson::list(thoughts.iter().map(RawJson::view)),
        );
    }
}

/// Reads the definitions; what is none, such as a point up to which a prompt is cached, is kept with the rest of the
/// configuration.
fn read_tools<'v>(config: JsonView<'v>, trace: &mut Trace<'v>) -> Result<(), DecodeError> {
    let mut rest = Fields::new();
    if let Some(list) = walk::present(config, "/tools") {
        walk::expect(list, Kind::Array).map_err(|error| error.in_key("tools"))?;
        let (mut tools, mut others) = (Vec::new(), Vec::new());
        for tool in list.elements() {
            match definition(tool) {
                Some(function) => tools.push(Tool::Function(function)),
                None => others.push(tool),
            }
        }
        trace.set_tools(Some(tools));
        if !others.is_empty() {
            rest.insert(Text::new("tools"), RawJson::list(others));
        }
    }
    for (key, value) in config.members().filter(|(key, _)| key.body() != "tools") {
        rest.insert(key, value.raw());
    }
    keep(trace, "toolConfig", &rest, deepest())
}

fn definition(tool: JsonView<'_>) -> Option<Function<'_>> {
    let spec = tool.get("toolSpec").filter(|_| tool.members().count() == 1)?;
    let description = walk::text(spec, "/description");
    let schema = spec.pointer("/inputSchema/json");
    let mut taken = vec!["name"];
    taken.extend(description.as_ref().map(|_| "description"));
    taken.extend(schema.as_ref().map(|_| "inputSchema"));
    let mut function = Function::new(walk::text(spec, "/name")?)
        .with_description(description)
        .with_parameters(schema.map(JsonView::raw));
    for (key, value) in spec.members().filter(|(key, _)| !taken.contains(&key.body())) {
        function.extra_mut().insert(key, value.raw());
    }
    Some(function)
}

/// Hands over a trace for each of the candidates.
fn compare<'v>(
    base: &Trace<'v>,
    row: JsonView<'v>,
    turn: JsonView<'v>,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    let group = hash_group(row.as_str().as_bytes());
    let role = walk::text(turn, "/role").map_or(Role::Assistant, Role::named);
    let candidates = turn.get(CANDIDATES);
    if candidates
        .into_iter()
        .flat_map(JsonView::elements)
        .next()
        .is_none()
    {
        return Err(walk::wrong("there is no candidate")
            .in_key(CANDIDATES)
            .in_key("messages"));
    }
    for (trial, candidate) in candidates.into_iter().flat_map(JsonView::elements).enumerate() {
        let at = |error: DecodeError| error.in_index(trial).in_key(CANDIDATES).in_key("messages");
        let content = walk::member(candidate, "content", Kind::Array).map_err(at)?;
        let mut read = Blocks::default();
        read.list(content).map_err(|error| at(error.in_key("content")))?;
        let mut message = Message::new(role.clone());
        let label = walk::text(candidate, "/preferenceLabel");
        let preferred = match label.as_ref().map(Text::body) {
            Some("preferred") => Some(1),
            Some("non-preferred") => Some(0),
            _ => None,
        };
        let mut taken = vec!["content"];
        taken.extend(preferred.map(|_| "preferenceLabel"));
        walk::keep_in_message(&mut message, candidate, &taken);
        walk::keep_in_message(&mut message, turn, &["role", CANDIDATES]);
        let mut said = Said::new(Limits::default().with_messages(usize::MAX));
        read.deliver(message, &mut said)?;
        let mut trace = base.clone();
        trace.messages_mut().extend(said.messages);
        trace.set_group(group.clone()).set_trial(trial as u64);
        if let Some(value) = preferred {
            let value = ScoreValue::Number(RawJson::from(value));
            trace.push_score(Score::new(Some(Text::new("preference")), value));
        }
        batch.push(trace);
    }
    Ok(())
}
