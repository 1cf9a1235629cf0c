//! When two traces are the same.

use std::str::FromStr;

use tracemill_model::{
    Arguments, Content, Digester, GroupKind, JsonWriter, Media, MediaSource, Message, Part, Reasoning, Role,
    Trace, digest,
};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::error::CurateError;

/// When two traces are the same, as far as training goes. Identity, scores, metadata and the ids of calls never count.
///
/// ```
/// use tracemill_curate::{Identity, Scratch};
/// use tracemill_model::Trace;
/// let line = |answer: &str| format!(
///     r#"{{"messages":[{{"role":"user","content":"2+2?"}},{{"role":"assistant","content":"{answer}"}}]}}"#
/// );
/// let (plain, loud) = (line("it is four"), line("It  is FOUR"));
/// let (plain, loud) = (Trace::from_json(&plain)?, Trace::from_json(&loud)?);
/// let mut scratch = Scratch::new();
/// let mut same = |identity: Identity| identity.of(&plain, &mut scratch) == identity.of(&loud, &mut scratch);
/// assert!(!same(Identity::Exact));
/// assert!(same(Identity::Normalized) && same(Identity::Prompt));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Messages and tools are the same, byte for byte in canonical form.
    Exact,
    /// What stands before the last assistant turn is the same, and so are the tools.
    Prompt,
    /// Texts are the same but for case, white space and Unicode's compatible spellings (NFKC); the rest as in `Exact`.
    Normalized,
}

impl Identity {
    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            Identity::Exact => "exact",
            Identity::Prompt => "prompt",
            Identity::Normalized => "normalized",
        }
    }

    /// The digest of what must be the same.
    pub fn of(self, trace: &Trace<'_>, scratch: &mut Scratch) -> u128 {
        match self {
            Identity::Exact => of_messages(trace, trace.messages(), Spelling::Kept, scratch),
            Identity::Prompt => prompt_of(trace, scratch),
            Identity::Normalized => of_messages(trace, trace.messages(), Spelling::Folded, scratch),
        }
    }
}

impl FromStr for Identity {
    type Err = CurateError;

    fn from_str(name: &str) -> Result<Self, CurateError> {
        [Identity::Exact, Identity::Prompt, Identity::Normalized]
            .into_iter()
            .find(|identity| identity.name() == name)
            .ok_or_else(|| CurateError::new("one of exact, prompt, normalized"))
    }
}

/// Buffers for digests, to be used again.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    text: String,
    folded: String,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// The digest of the prompt: tools, and the messages before the last assistant turn; all of them if there is none.
pub fn prompt_of(trace: &Trace<'_>, scratch: &mut Scratch) -> u128 {
    let messages = trace.messages();
    let end = messages
        .iter()
        .rposition(|message| *message.role() == Role::Assistant)
        .unwrap_or(messages.len());
    of_messages(trace, &messages[..end], Spelling::Kept, scratch)
}

/// The digest of the opening: tools, and the messages before the first assistant turn.
///
/// Where several turns of a trace are trained on, or pairs part at any of them, every prompt begins with it.
pub fn opening_of(trace: &Trace<'_>, scratch: &mut Scratch) -> u128 {
    let messages = trace.messages();
    let end = messages
        .iter()
        .position(|message| *message.role() == Role::Assistant)
        .unwrap_or(messages.len());
    of_messages(trace, &messages[..end], Spelling::Kept, scratch)
}

/// The digest of what must not be cut in two: the example of a turn, else the key of the group; `None` without a group.
///
/// A later turn's prompt contains earlier answers of its example, so turns of one example stay together.
pub fn group_of(trace: &Trace<'_>) -> Option<u128> {
    let group = trace.group()?;
    let example = match group.kind() {
        Some(GroupKind::Turn) => group.extra().get("example"),
        _ => None,
    };
    let key = example.unwrap_or(group.key().as_json());
    Some(digest(key.as_str().as_bytes()))
}

/// The digest of the tool definitions; that of none for a trace without.
pub fn tools_of(trace: &Trace<'_>, scratch: &mut Scratch) -> u128 {
    let mut digester = Digester::new();
    tools(trace, &mut digester, &mut scratch.bytes);
    digester.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Kept,
    Folded,
}

fn tools(trace: &Trace<'_>, digester: &mut Digester, bytes: &mut Vec<u8>) {
    for tool in trace.tools().unwrap_or_default() {
        bytes.clear();
        tool.write(&mut JsonWriter::new(bytes));
        let kind = if tool.as_function().is_some() { b'f' } else { b'g' };
        digester.field(kind, bytes);
    }
}

fn of_messages(
    trace: &Trace<'_>,
    messages: &[Message<'_>],
    spelling: Spelling,
    scratch: &mut Scratch,
) -> u128 {
    let mut digester = Digester::new();
    tools(trace, &mut digester, &mut scratch.bytes);
    for message in messages {
        one_message(message, spelling, &mut digester, scratch);
    }
    digester.finish()
}

fn one_message(message: &Message<'_>, spelling: Spelling, digester: &mut Digester, scratch: &mut Scratch) {
    digester.field(b'r', message.role().name().body().as_bytes());
    if let Some(name) = message.name() {
        digester.field(b'n', name.body().as_bytes());
    }
    let mut text = |tag: u8, text: &tracemill_model::Text<'_>, digester: &mut Digester| match spelling {
        Spelling::Kept => digester.field(tag, text.body().as_bytes()),
        Spelling::Folded => {
            scratch.text.clear();
            text.decode_into(&mut scratch.text);
            fold(&scratch.text, &mut scratch.folded);
            digester.field(tag, scratch.folded.as_bytes());
        }
    };
    match message.content() {
        Content::Text(said) => text(b't', said, digester),
        Content::Parts(parts) => {
            for part in parts {
                match part {
                    Part::Text(part) => text(b't', part.text(), digester),
                    Part::Media(media) => one_medium(media, digester),
                    Part::Other(raw) => digester.field(b'p', raw.as_str().as_bytes()),
                    _ => {}
                }
            }
        }
        Content::Other(raw) => digester.field(b'o', raw.as_str().as_bytes()),
        _ => {}
    }
    match message.reasoning() {
        Some(Reasoning::Text(said)) => text(b'e', said, digester),
        Some(Reasoning::Opaque(raw)) => digester.field(b'q', raw.as_str().as_bytes()),
        _ => {}
    }
    for call in message.tool_calls() {
        digester.field(b'c', call.name().body().as_bytes());
        match call.arguments() {
            Arguments::Text(said) => digester.field(b'x', said.body().as_bytes()),
            Arguments::Value(raw) => digester.field(b'a', raw.as_str().as_bytes()),
            _ => {}
        }
    }
    if let Some(train) = message.train() {
        digester.field(b'w', &[u8::from(train)]);
    }
}

fn one_medium(media: &Media<'_>, digester: &mut Digester) {
    digester.field(b'm', media.kind().name().as_bytes());
    match media.source() {
        MediaSource::Url(at) => digester.field(b'u', at.body().as_bytes()),
        MediaSource::Data(bytes) => digester.field(b'd', bytes.body().as_bytes()),
        MediaSource::Id(id) => digester.field(b'i', id.body().as_bytes()),
        _ => {}
    }
    if let Some(media_type) = media.media_type() {
        digester.field(b'y', media_type.body().as_bytes());
    }
}

/// Writes `text` in lower case, in NFKC, with one space for every run of white space and none at the ends.
fn fold(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        collapse(text.chars().map(|c| c.to_ascii_lowercase()), out);
        return;
    }
    let lower = text.to_lowercase();
    if is_nfkc_quick(lower.chars()) == IsNormalized::Yes {
        collapse(lower.chars(), out);
    } else {
        // What NFKC makes may have case again, such as the letters of a compatibility square.
        let composed: String = lower.nfkc().collect();
        collapse(composed.to_lowercase().chars(), out);
    }
}

fn collapse(chars: impl Iterator<Item = char>, out: &mut String) {
    let mut space = false;
    for c in chars {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        fold(text, &mut out);
        out
    }

    #[test]
    fn case_space_and_compatible_spellings_fold() {
        assert_eq!(folded("  A\tb \n C "), "a b c");
        assert_eq!(folded("Ｆｕｌｌ\u{3000}width"), "full width");
        assert_eq!(folded("e\u{301}"), folded("É"));
        assert_eq!(folded("ﬁne"), "fine");
        assert_ne!(folded("a b"), folded("ab"));
    }

    fn identity(identity: Identity, line: &str) -> u128 {
        identity.of(&Trace::from_json(line).unwrap(), &mut Scratch::new())
    }

    #[test]
    fn ids_and_scores_do_not_count_and_words_do() {
        let line = |id: &str, call: &str, city: &str, score: &str| {
            format!(
                r#"{{"id":"{id}","messages":[{{"role":"user","content":"w"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"{call}","name":"f","arguments":{{"c":"{city}"}}}}]}}],"score":{score}}}"#
            )
        };
        let first = identity(Identity::Exact, &line("a", "c1", "Oslo", "1"));
        assert_eq!(first, identity(Identity::Exact, &line("b", "c2", "Oslo", "0")));
        assert_ne!(first, identity(Identity::Exact, &line("a", "c1", "Bern", "1")));
    }

    #[test]
    fn tools_count() {
        let with = |tools: &str| format!(r#"{{"messages":[{{"role":"user","content":"w"}}]{tools}}}"#);
        let (none, some) = (with(""), with(r#","tools":[{"name":"f"}]"#));
        for kind in [Identity::Exact, Identity::Prompt, Identity::Normalized] {
            assert_ne!(identity(kind, &none), identity(kind, &some));
        }
    }

    #[test]
    fn turns_of_one_example_are_one_group() {
        let turn = |turn: u8| {
            format!(r#"{{"messages":[],"group":{{"key":"e1::{turn}","kind":"turn","example":"e1"}}}}"#)
        };
        let of = |line: &str| group_of(&Trace::from_json(line).unwrap());
        assert!(of(&turn(1)).is_some());
        assert_eq!(of(&turn(1)), of(&turn(2)));
        assert_eq!(of(r#"{"messages":[]}"#), None);
    }
}
