//! Scored agent traces in, fine-tuning datasets out: one dependency, one import path, one composed call.
//!
//! tracemill reads what people already have (evaluation runs, agent logs, candidate responses with scores) into one
//! [trace model](model), and writes what trainers and providers accept. Nothing is lost silently: every record and
//! every trace is accounted for in the [`Ledger`], and training content that a format cannot hold is a loss with a
//! stable code, refused unless allowed by name. The same input and options give the same bytes, whatever the number of
//! threads; memory is bounded; an output appears whole or not at all.
//!
//! This crate is the facade. It re-exports the crates that do the work under short names ([`model`], [`sources`],
//! [`pairs`], [`formats`], [`io`]), each of which also stands alone, and adds the composed call, [`Mill`], with its
//! policy and its ledger. It has no private powers: everything here uses the public interfaces of the others. Their
//! major versions move with this one.
//!
//! # From files to a file
//!
//! ```
//! use tracemill::{Encoded, Mill, OnError, io::Input};
//!
//! let runs = concat!(
//!     r#"{"messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Lima."}],"score":1}"#,
//!     "\n",
//!     r#"{"messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Cusco."}],"score":0}"#,
//!     "\n",
//!     "{\"messages\": [oops\n",
//! );
//! let mut builder = Mill::builder();
//! builder.format("sharegpt")?.min_score(0.5).on_error(OnError::Skip);
//! let Encoded { bytes, ledger, .. } = builder.build()?.collect([Input::bytes("runs.jsonl", runs)])?;
//!
//! assert_eq!((ledger.records.read, ledger.records.decoded), (3, 2));
//! assert_eq!(ledger.records.rejected.get("syntax"), 1);
//! assert_eq!(ledger.traces.filtered.get("min-score"), 1);
//! assert_eq!(ledger.examples, 1);
//! assert!(ledger.balances());
//! assert!(String::from_utf8(bytes)?.contains("Lima."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Traces that are in memory already are encoded with [`Mill::encode`], in parallel; own dialects and formats implement
//! [`sources::Source`] and [`formats::Encoder`] and go to the [`MillBuilder`] directly.
#![forbid(unsafe_code)]

pub use tracemill_curate as curate;
pub use tracemill_formats as formats;
pub use tracemill_io as io;
pub use tracemill_model as model;
pub use tracemill_pairs as pairs;
pub use tracemill_sources as sources;

pub mod build;

mod adjust;
mod assembly;
mod checking;
mod curating;
mod datasets;

mod error;
mod inputs;
mod inspecting;
mod joining;
mod ledger;
mod memory;
mod mill;
mod pairing;
mod policy;
mod run;
mod scores;
mod screening;
mod select;
mod thinking;
mod tokens;
mod work;

pub use adjust::{GroupBy, SystemPrompt};
pub use checking::{Checked, Checking, Found};

pub use curating::{Curation, Strata, ToolSets};
pub use error::{Error, ErrorKind};
pub use inspecting::{FormatFit, Inspected, Inspecting, Side};
pub use ledger::{
    Counts, GroupCounts, InputEntry, Ledger, OutputEntry, PairTotals, RecordCounts, TraceCounts,
};
pub use memory::Encoded;
pub use mill::{Mill, MillBuilder, WhenEmpty};
pub use pairing::{Duplicates, GroupExamples, GroupOrder, LabelBy, Pairing};
pub use policy::{AllowedLosses, Chains, OnError};
pub use run::{Progress, Run};
pub use scores::JoinedScores;
pub use screening::{LocatedFinding, ScreenAction, Screened};
pub use thinking::{Thinking, ThinkingStrategy};

/// One run of one agent; from the model, because everything is about it.
pub use tracemill_model::Trace;
/// How many examples one trace makes; from the model, because builders take it.
pub use tracemill_model::Turns;
