//! What a training-data record *is*: traces of LLM agents, parsed without copying, and the JSON tokens they are
//! made of.
//!
//! This crate is the bottom of [tracemill](https://docs.rs/tracemill), which turns scored agent traces into
//! fine-tuning datasets. It does no I/O, starts no thread, prints nothing and keeps no global state. It does *not*
//! know other dialects than its own canonical one (and the `messages` shape of the `OpenAI` API, of which that is a
//! superset): those are for `tracemill-sources`; and it writes no training format: those are for
//! `tracemill-formats`.
//!
//! # The main types
//!
//! A [`Trace`] is one run of one agent on one input: [`Message`]s with [`Content`], [`ToolCall`]s and
//! [`Reasoning`]; [`Tool`] definitions; named [`Score`]s; identity ([`Key`], [`Group`]); metadata; and, verbatim and
//! in order, every field it does not name ([`Fields`]). [`Links`] says which result answers which call.
//!
//! Strings are [`Text`]: canonical JSON tokens that are copied from input to output and decoded only when somebody
//! looks inside. Other values are [`RawJson`], which keeps key order and number text. [`JsonWriter`] composes
//! records from both. [`json::Cursor`] is the parser under all of it.
//!
//! An [`Example`] is what an encoder takes: references to traces and ranges of messages. [`Framing`] and [`Locator`]
//! say how a file divides into records and where a record stands.
//!
//! # Example
//!
//! ```
//! use tracemill_model::{Arguments, Links, Trace};
//!
//! let line = r#"{"messages":[
//!     {"role":"user","content":"Weather in Oslo?"},
//!     {"role":"assistant","content":null,"tool_calls":[
//!         {"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\": \"Oslo\"}"}}]},
//!     {"role":"tool","tool_call_id":"c1","content":"4 C"},
//!     {"role":"assistant","content":"4 C in Oslo."}],
//!   "score":0.9,"run":"r7"}"#;
//! let trace = Trace::from_json(line)?;
//!
//! // Arguments came as text and stay text, white space and all.
//! let call = &trace.messages()[1].tool_calls()[0];
//! assert_eq!(call.arguments(), &Arguments::Text(r#"{"city": "Oslo"}"#.into()));
//!
//! let mut links = Links::new();
//! links.compute(trace.messages());
//! assert_eq!(links.call_of(2).map(|call| call.message), Some(1));
//!
//! // Reading what was written gives the same bytes.
//! let mut canonical = Vec::new();
//! trace.write_json(&mut canonical);
//! let text = String::from_utf8(canonical)?;
//! let mut again = Vec::new();
//! Trace::from_json(&text)?.write_json(&mut again);
//! assert_eq!(again, text.as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

mod call;
mod content;
mod digest;
mod error;
mod example;
mod fields;
mod framing;
mod group;
pub mod json;
mod limits;
mod links;
mod media;
mod message;
mod score;
mod tool;
mod trace;

pub use call::{Arguments, ToolCall};
pub use content::{Content, Part, TextPart};
pub use digest::{Digester, RunDigester, digest};
pub use error::{DecodeError, DecodeErrorKind};
pub use example::{
    Conversation, Example, Labelled, Preference, Ranked, Shape, Side, Span, Target, Turns, first_assistant,
};
pub use fields::Fields;
pub use framing::{Elements, Framing, Locator, Members};
pub use group::{Group, GroupKind, Key};
pub use json::{JsonString, JsonView, JsonWriter, RawJson, Text};
pub use limits::Limits;
pub use links::{CallRef, Links};
pub use media::{Media, MediaKind, MediaSource};
pub use message::{Message, Reasoning, Role};
pub use score::{Score, ScoreValue};
pub use tool::{Function, Tool};
pub use trace::{Outcome, Trace};
