//! Choosing traces for training: filters, duplicates, splits and samples.
//!
//! Between reading and writing, people decide what to train on. This crate holds those decisions as pure functions: it
//! reads no files, starts no thread, and gives the same answer on every machine and for every order of work.
//!
//! # What it is
//!
//! * [`Condition`] and [`NamedFilter`]: whether one trace stays. [`Condition`] is a small syntax, `messages>=4` or
//!   `/metadata/lang=en`; [`NamedFilter`] takes Kiln's names.
//! * [`Identity`]: when two traces are the same, as a digest of 128 bits.
//! * [`Shares`], [`SplitBy`]: on which side of a split a trace falls, so that no group and no prompt is on both.
//! * [`Choosing`]: all decisions over many traces at once, from a [`Candidate`] each.
//! * [`Statistics`]: what many traces are like.
//! * [`Tokenizer`], [`TokenCounts`]: how many tokens a trace is, and how much of it a limit leaves.
//! * [`Screen`], [`Screening`]: secrets, addresses, numbers and special tokens inside of texts, found and replaced.
//!
//! # What it is not
//!
//! It reads nothing and knows no score selection: whoever calls says which score counts.
//!
//! # Features
//!
//! * `openai-encodings`: `OpenAiEncoding`, the encodings of OpenAI's models; brings tiktoken-rs.
//! * `tokenizer-json`: `LocalTokenizer`, the `tokenizer.json` of any model; brings tokenizers, which is large.
//!
//! # An example
//!
//! ```
//! use tracemill_curate::{Candidate, Choosing, Condition, Identity, Measured, Scratch, Shares, SplitBy};
//! use tracemill_model::Trace;
//!
//! let line = |question: &str, lang: &str| format!(
//!     r#"{{"messages":[{{"role":"user","content":"{question}"}},{{"role":"assistant","content":"4"}}],"metadata":{{"lang":"{lang}"}}}}"#
//! );
//! let lines = [line("2+2?", "en"), line("2+2?", "en"), line("deux?", "fr")];
//! let english: Condition = "/metadata/lang=en".parse()?;
//! let mut choosing = Choosing::new();
//! choosing.dedup(tracemill_curate::Keep::First);
//! choosing.split("train=0.8,test=0.2".parse::<Shares>()?, SplitBy::Hash);
//!
//! let mut scratch = Scratch::new();
//! let mut candidates = Vec::new();
//! for line in &lines {
//!     let trace = Trace::from_json(line)?;
//!     if english.accepts(&trace, Measured::default()) {
//!         let mut candidate = Candidate::of(&trace, None, &mut scratch);
//!         candidate.identity = Identity::Exact.of(&trace, &mut scratch);
//!         candidates.push(candidate);
//!     }
//! }
//! let chosen = choosing.choose(&candidates)?;
//! assert_eq!(chosen.order().len(), 1);
//! assert_eq!(chosen.dropped().collect::<Vec<_>>(), [("duplicate", 1), ("on-two-sides", 0)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod choose;
mod condition;
mod error;
mod identity;
mod named;
mod random;
mod screen;
mod script;
mod split;
mod statistics;
mod text;
mod tokens;

pub use choose::{Candidate, Choosing, Chosen, Keep, Order};
pub use condition::{Condition, Measured};
pub use error::CurateError;
pub use identity::{Identity, Scratch, group_of, opening_of, prompt_of, tools_of};
pub use named::NamedFilter;
pub use random::keyed_hash;
pub use screen::{Finding, Found, Screen, Screening, Unfit};

pub use split::{Shares, SplitBy};
pub use statistics::{Added, Bucket, Distribution, Names, ScoreStatistics, Statistics};
#[cfg(feature = "tokenizer-json")]
pub use tokens::LocalTokenizer;
#[cfg(feature = "openai-encodings")]
pub use tokens::OpenAiEncoding;
pub use tokens::{Marks, TokenCounts, Tokenizer};
