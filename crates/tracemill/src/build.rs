//! Conversations for people who have no traces: from pairs of strings, from turns, with files.
//!
//! ```
//! use tracemill::build::{Attachment, Turn, conversation, pair, pairs};
//! use tracemill::{Encoded, Mill};
//!
//! let mut traces = pairs([("2+2?", "4"), ("3+3?", "6")], "You are a calculator.");
//! traces.push(pair("2+2=5?", "No."));
//! let png = Attachment::from_bytes(b"\x89PNG\r\n\x1a\nand so on");
//! traces.push(conversation([
//!     Turn::user("What is on it?").with(png),
//!     Turn::assistant("Very little."),
//! ]));
//!
//! let mill = Mill::builder().format("openai")?.build()?;
//! let Encoded { bytes, ledger, .. } = mill.encode(&traces)?;
//! assert_eq!((ledger.examples, ledger.losses.total()), (4, 0));
//! let text = String::from_utf8(bytes)?;
//! let lines: Vec<&str> = text.lines().collect();
//! assert_eq!(
//!     lines[0],
//!     r#"{"messages":[{"role":"system","content":"You are a calculator."},{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]}"#
//! );
//! assert!(lines[3].contains(r#"{"url":"data:image/png;base64,iVBORw0KGgphbmQgc28gb24="}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What each format makes of pictures, documents and other files stands in
//! [a table](https://github.com/tracemill/tracemill/blob/main/docs/attachments.md) that a test holds.

mod attachment;

pub use attachment::Attachment;

use tracemill_model::{Content, Message, Part, Role, Text, TextPart, Trace};

/// One turn of a conversation: who speaks, the files that come with it, and what is said.
///
/// Files stand before the text, in the order in which they were added. A role is one of [`Role`], or any other name.
///
/// ```
/// use tracemill::build::{Turn, conversation};
/// use tracemill::model::Role;
/// // Tuples are turns without files.
/// let trace = conversation([(Role::User, "Hi"), (Role::Assistant, "Hello!")]);
/// assert_eq!(trace, conversation([Turn::user("Hi"), Turn::assistant("Hello!")]));
/// let named = conversation([("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!")]);
/// assert_eq!(*named.messages()[0].role(), Role::System);
/// ```
#[derive(Clone, Debug)]
pub struct Turn {
    role: Role<'static>,
    text: String,
    attachments: Vec<Attachment>,
}

impl Turn {
    /// A turn of any role.
    pub fn new(role: Role<'static>, text: impl Into<String>) -> Self {
        Turn {
            role,
            text: text.into(),
            attachments: Vec::new(),
        }
    }

    /// Instructions of the application.
    pub fn system(text: impl Into<String>) -> Self {
        Turn::new(Role::System, text)
    }

    /// What a person says.
    pub fn user(text: impl Into<String>) -> Self {
        Turn::new(Role::User, text)
    }

    /// What the model is to say.
    pub fn assistant(text: impl Into<String>) -> Self {
        Turn::new(Role::Assistant, text)
    }

    /// The same turn with one more file.
    #[must_use]
    pub fn with(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    fn into_message(self) -> Message<'static> {
        let mut message = Message::new(self.role);
        if self.attachments.is_empty() {
            message.set_content(Text::new(self.text));
            return message;
        }
        let mut parts: Vec<Part<'static>> = self.attachments.into_iter().map(Attachment::into_part).collect();
        // Consumers refuse parts without text.
        if !self.text.is_empty() {
            parts.push(Part::Text(TextPart::new(Text::new(self.text))));
        }
        message.set_content(Content::Parts(parts));
        message
    }
}

impl<T: Into<String>> From<(Role<'static>, T)> for Turn {
    fn from((role, text): (Role<'static>, T)) -> Self {
        Turn::new(role, text)
    }
}

impl<T: Into<String>> From<(&str, T)> for Turn {
    fn from((role, text): (&str, T)) -> Self {
        Turn::new(Role::named(Text::new(role.to_owned())), text)
    }
}

/// A conversation of these turns.
pub fn conversation<T: Into<Turn>>(turns: impl IntoIterator<Item = T>) -> Trace<'static> {
    let mut trace = Trace::new();
    for turn in turns {
        trace.push_message(turn.into().into_message());
    }
    trace
}

/// A conversation of a question and its answer.
pub fn pair(user: impl Into<String>, assistant: impl Into<String>) -> Trace<'static> {
    conversation([Turn::user(user), Turn::assistant(assistant)])
}

/// Conversations of questions and answers with one system prompt; without it where that is empty.
pub fn pairs<U: Into<String>, A: Into<String>>(
    pairs: impl IntoIterator<Item = (U, A)>,
    system: &str,
) -> Vec<Trace<'static>> {
    let start = |system: &str| (!system.is_empty()).then(|| Turn::system(system));
    pairs
        .into_iter()
        .map(|(user, assistant)| {
            let turns = [Turn::user(user), Turn::assistant(assistant)];
            conversation(start(system).into_iter().chain(turns))
        })
        .collect()
}
