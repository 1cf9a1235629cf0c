//! Which source a file is for, and why.

use std::fmt;

use tracemill_model::Framing;
use tracemill_model::json::Kind;

use crate::head::{Head, HeadShape};
use crate::options::SourceOptions;
use crate::registry::{SourceInfo, sources};
use crate::source::Source;

/// What decided that a file is in some dialect.
///
/// ```
/// use tracemill_sources::Evidence;
/// let evidence = Evidence::keys(&["/messages", "/response/choices"]);
/// assert_eq!(evidence.to_string(), "keys `messages`, `response.choices`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence(String);

impl Evidence {
    /// Evidence in words, such as ``version `1.0` ``.
    pub fn new(text: impl Into<String>) -> Self {
        Evidence(text.into())
    }

    /// The keys at these JSON pointers.
    pub fn keys(pointers: &[&str]) -> Self {
        let names = pointers
            .iter()
            .map(|pointer| pointer.trim_start_matches('/').replace('/', "."));
        Evidence(keys(names))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which registered sources the beginning of a file fits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Detection {
    /// Exactly one.
    One {
        /// The source.
        info: &'static SourceInfo,
        /// What decided.
        evidence: Evidence,
    },
    /// More than one, each with what speaks for it: somebody has to choose.
    Several(Vec<(&'static SourceInfo, Evidence)>),
    /// None.
    None {
        /// What there is instead.
        seen: Seen,
    },
}

/// What the beginning of a file shows to somebody who has to name its source.
///
/// Displays as one clause, hints included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    shape: HeadShape,
    record: Option<Kind>,
    keys: Vec<String>,
    hints: Vec<&'static str>,
}

impl Seen {
    fn of(head: &Head) -> Self {
        Seen {
            shape: head.shape(),
            record: head.kind(""),
            keys: head.record_keys().map(str::to_owned).collect(),
            hints: head.magic().into_iter().collect(),
        }
    }

    /// How the file is laid out.
    pub fn shape(&self) -> HeadShape {
        self.shape
    }

    /// The keys of the first record, in order.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// What may help.
    pub fn hints(&self) -> &[&'static str] {
        &self.hints
    }
}

/// How many keys a message names: enough to recognise a file, few enough to read.
const KEYS_SHOWN: usize = 12;

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shape.noun())?;
        let records = match self.shape {
            HeadShape::Array => " whose first element",
            HeadShape::Lines => " whose first record",
            _ => " that",
        };
        match self.record {
            None if self.shape == HeadShape::Array => f.write_str(" without elements")?,
            None => {}
            Some(Kind::Object) if self.keys.is_empty() => write!(f, "{records} has no keys")?,
            Some(Kind::Object) => {
                let shown = self.keys.iter().take(KEYS_SHOWN);
                write!(f, "{records} has the {}", keys(shown))?;
                let more = self.keys.len().saturating_sub(KEYS_SHOWN);
                if more > 0 {
                    write!(f, " and {more} more")?;
                }
            }
            Some(kind) => write!(f, "{records} is {}", kind.noun())?,
        }
        self.hints.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

/// Asks every registered source about the beginning of a file.
///
/// ```
/// use tracemill_sources::{Detection, Head, detect};
///
/// let head = Head::new(b"{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n", true);
/// match detect(&head) {
///     Detection::One { info, evidence } => {
///         assert_eq!(info.name(), "tracemill");
///         assert_eq!(evidence.to_string(), "key `messages`");
///     }
///     other => panic!("{other:?}"),
/// }
///
/// let head = Head::new(b"{\"text\":\"hi\",\"label\":1}\n", true);
/// match detect(&head) {
///     Detection::None { seen } => assert_eq!(
///         seen.to_string(),
///         "JSON Lines whose first record has the keys `text`, `label`"
///     ),
///     other => panic!("{other:?}"),
/// }
/// ```
pub fn detect(head: &Head) -> Detection {
    detect_with(head, &SourceOptions::new())
}

/// Asks every registered source that takes these options about the beginning of a file.
///
/// ```
/// use tracemill_sources::{Detection, Head, SourceOptions, detect_with};
///
/// let line = br#"{"task":1,"draft":0,"question":"2+2?","answer":"4","score":1}"#;
/// let options = SourceOptions::new()
///     .with_field("example", "task")
///     .with_field("prompt", "question")
///     .with_field("response", "answer");
/// match detect_with(&Head::new(line, true), &options) {
///     Detection::One { info, .. } => assert_eq!(info.name(), "candidates"),
///     other => panic!("{other:?}"),
/// }
/// ```
pub fn detect_with(head: &Head, options: &SourceOptions) -> Detection {
    let mut found: Vec<_> = sources()
        .iter()
        .filter_map(|info| Some((info, info.make_with(options).ok()?.detect(head)?)))
        .collect();
    match found.pop() {
        None => Detection::None { seen: Seen::of(head) },
        Some((info, evidence)) if found.is_empty() => Detection::One { info, evidence },
        Some(last) => {
            found.push(last);
            Detection::Several(found)
        }
    }
}

/// The first of the framings of a source that fits the beginning of a file.
///
/// `None` if none does; an empty file fits a source that reads lines.
///
/// ```
/// use tracemill_model::Framing;
/// use tracemill_sources::{Head, framing_for, source};
///
/// let tracemill = source("tracemill").unwrap().make();
/// let framing = |bytes: &[u8]| framing_for(&*tracemill, &Head::new(bytes, true)).map(|framing| framing.to_string());
/// assert_eq!(framing(b"{\"messages\":[]}\n{\"messages\":[]}\n").as_deref(), Some("lines"));
/// assert_eq!(framing(b"[{\"messages\":[]}]").as_deref(), Some("elements"));
/// assert_eq!(framing(b"{\n  \"messages\": []\n}\n").as_deref(), Some("document"));
/// assert_eq!(framing(b"messages:\n"), None);
/// ```
pub fn framing_for(source: &dyn Source, head: &Head) -> Option<Framing> {
    let framings = source.framings();
    let seen = framings.iter().find(|framing| is_seen(framing, head));
    let found = seen.or_else(|| framings.iter().find(|framing| fits(framing, head)));
    found.cloned()
}

/// Whether the array of the records is there to be seen: then it goes before one that may be further on.
fn is_seen(framing: &Framing, head: &Head) -> bool {
    match framing {
        Framing::Elements(elements) if !elements.pointer().is_empty() => {
            one_object(head)
                && head.shape() == HeadShape::Document
                && head.kind(elements.pointer()) == Some(Kind::Array)
        }
        _ => false,
    }
}

fn fits(framing: &Framing, head: &Head) -> bool {
    match framing {
        Framing::Lines => matches!(head.shape(), HeadShape::Lines | HeadShape::Empty),
        Framing::Elements(elements) if elements.pointer().is_empty() => head.shape() == HeadShape::Array,
        Framing::Elements(elements) => one_object(head) && may_hold(head, elements.pointer()),
        Framing::Document => one_object(head) || head.shape() == HeadShape::Array,
        // Whether there are records in it or not: an archive that a source knows is one of its own.
        Framing::Members(_) => head.shape() == HeadShape::Archive,
        _ => false,
    }
}

fn one_object(head: &Head) -> bool {
    head.is_single() && head.kind("") == Some(Kind::Object) && head.shape() != HeadShape::Array
}

/// Whether there is an array at the pointer, or room for it behind the beginning.
fn may_hold(head: &Head, pointer: &str) -> bool {
    match head.kind(pointer) {
        Some(kind) => kind == Kind::Array,
        None => !head.is_whole_record(),
    }
}

/// The word and the names, in backticks.
fn keys(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let noun = if names.len() == 1 { "key" } else { "keys" };
    format!("{noun} {}", names.join(", "))
}
