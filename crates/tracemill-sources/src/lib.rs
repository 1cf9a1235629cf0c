//! One reader per dialect of agent log or evaluation run: records in, traces out.
#![forbid(unsafe_code)]

mod head;
mod source;

pub use head::{Evidence, Head};
pub use source::{Batch, Context, Source};
