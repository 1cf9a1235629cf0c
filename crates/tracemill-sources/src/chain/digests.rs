//! A conversation and its beginnings, as digests.

use tracemill_model::{
    Arguments, Content, JsonWriter, MediaSource, Message, Part, RawJson, Reasoning, Role, Text, Tool,
    ToolCall, Trace, digest,
};

/// What tells whether one record continues another: digests of a conversation and of its beginnings.
///
/// The digests are 128 bits of `MurmurHash3` over what was said, the same on every machine. What programs change when
/// they send an answer back does not count: ids, names of assistants and tools, unnamed fields, missing or `null` or empty
/// text, text as one part or several, the spelling of the JSON of arguments. What would be lost with the record does
/// count: tools, roles, names of users, text, media, calls, results, refusals, reasoning, and what is not to be trained
/// on. (An answer whose reasoning is not sent back is therefore not contained in the next record.)
///
/// ```
/// use tracemill_model::Trace;
/// use tracemill_sources::ChainKeys;
/// let first = Trace::from_json(r#"{"messages":[{"role":"user","content":"hi"},
///     {"role":"assistant","content":"hello","refusal":null}]}"#)?;
/// let next = Trace::from_json(r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},
///     {"role":"assistant","content":"hello"},{"role":"user","content":"bye"},{"role":"assistant","content":"bye"}]}"#)?;
/// assert!(ChainKeys::of(&next).continues(&ChainKeys::of(&first)));
/// assert!(!ChainKeys::of(&first).continues(&ChainKeys::of(&next)));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainKeys {
    pub(super) whole: Option<u128>,
    /// The beginnings that end with an assistant turn, without the whole.
    pub(super) earlier: Vec<u128>,
}

impl ChainKeys {
    /// The keys of a record that holds this one trace. No record continues a trace that has scores: they would be lost.
    pub fn of(trace: &Trace<'_>) -> Self {
        let mut keys = ChainKeys::default();
        let mut buffer = Vec::new();
        let mut state = tools_digest(trace.tools().unwrap_or_default(), &mut buffer);
        for (index, message) in trace.messages().iter().enumerate() {
            buffer.clear();
            buffer.extend_from_slice(&state.to_le_bytes());
            Said(&mut buffer).message(message);
            state = digest(&buffer);
            if index + 1 == trace.messages().len() {
                keys.whole = trace.scores().is_empty().then_some(state);
            } else if *message.role() == Role::Assistant {
                keys.earlier.push(state);
            }
        }
        keys
    }

    /// The keys of a record that holds several answers to one prompt, of which `trace` is the first: it may continue
    /// other records, and no record continues it, for at most one of its answers could be sent back.
    pub fn of_several(trace: &Trace<'_>) -> Self {
        ChainKeys {
            whole: None,
            ..ChainKeys::of(trace)
        }
    }

    /// Whether the conversation of `other` is a beginning of this one, and shorter.
    pub fn continues(&self, other: &ChainKeys) -> bool {
        other.whole.is_some_and(|whole| self.earlier.contains(&whole))
    }
}

fn tools_digest(tools: &[Tool<'_>], buffer: &mut Vec<u8>) -> u128 {
    let mut w = JsonWriter::new(buffer);
    w.begin_array();
    for tool in tools {
        tool.write(&mut w);
    }
    w.end_array();
    digest(buffer)
}

/// What a message says, in bytes that differ when it says something else: fields of a letter, UTF-8 and the byte FF,
/// which UTF-8 does not know.
struct Said<'b>(&'b mut Vec<u8>);

const END: u8 = 0xff;

impl Said<'_> {
    fn message(&mut self, message: &Message<'_>) {
        let role = message.role();
        self.field(b'r', role.name().body());
        if let Some(name) = message
            .name()
            .filter(|_| !matches!(role, Role::Assistant | Role::Tool))
        {
            self.field(b'n', name.body());
        }
        self.content(message.content());
        match message.reasoning() {
            Some(Reasoning::Text(text)) if text.is_blank() => {}
            Some(Reasoning::Text(text)) => self.field(b'h', text.body()),
            Some(Reasoning::Opaque(raw)) => self.field(b'o', raw.as_str()),
            _ => {}
        }
        if let Some(refusal) = message.extra().get("refusal").filter(|value| !value.is_null()) {
            self.field(b'f', refusal.as_str());
        }
        for call in message.tool_calls() {
            self.call(call);
        }
        if message.train() == Some(false) {
            self.field(b'w', "0");
        }
    }

    fn content(&mut self, content: &Content<'_>) {
        match content {
            Content::Text(text) if !text.is_empty() => self.field(b't', text.body()),
            Content::Parts(parts) => self.parts(parts),
            Content::Other(raw) => self.field(b'p', raw.as_str()),
            _ => {}
        }
    }

    /// Neighbouring texts are one text.
    fn parts(&mut self, parts: &[Part<'_>]) {
        let mut open = false;
        for part in parts {
            let text = part.as_text().map(Text::body);
            if text == Some("") {
                continue;
            }
            if open && text.is_none() {
                self.0.push(END);
            } else if !open && text.is_some() {
                self.0.push(b't');
            }
            open = text.is_some();
            match (text, part) {
                (Some(text), _) => self.0.extend_from_slice(text.as_bytes()),
                (None, Part::Media(media)) => {
                    self.field(b'm', media.kind().name());
                    match media.source() {
                        MediaSource::Url(text) | MediaSource::Data(text) | MediaSource::Id(text) => {
                            self.field(b's', text.body());
                        }
                        _ => {}
                    }
                }
                (None, Part::Other(raw)) => self.field(b'p', raw.as_str()),
                (None, _) => {}
            }
        }
        if open {
            self.0.push(END);
        }
    }

    /// No arguments, empty text and an empty object are the same to a tool.
    fn call(&mut self, call: &ToolCall<'_>) {
        self.field(b'c', call.name().body());
        match call.arguments() {
            Arguments::Text(text) if !text.is_blank() => {
                let decoded = text.decode();
                match RawJson::parse(&decoded) {
                    Ok(value) => self.field(b'a', value.as_str()),
                    Err(_) => self.field(b'x', text.body()),
                }
            }
            Arguments::Value(value) => self.field(b'a', value.as_str()),
            _ => self.field(b'a', "{}"),
        }
    }

    fn field(&mut self, letter: u8, value: &str) {
        self.0.push(letter);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(END);
    }
}
