//! One reader per dialect of agent log or evaluation run: records in, traces out.
#![forbid(unsafe_code)]

mod chain;
mod detect;
mod head;
mod openai_chat;
mod record;
mod registry;
mod source;
mod tau_bench;
mod tracemill;

pub use chain::{ChainIndex, ChainKeys, Superseded};
pub use detect::{Detection, Evidence, Seen, detect, framing_for};
pub use head::{Head, HeadShape};
pub use registry::{Skip, SourceInfo, source, sources};
pub use source::{Batch, Context, Source};
