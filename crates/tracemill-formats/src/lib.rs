//! One encoder per fine-tuning dataset format: traces in, training records out, every loss accounted for.
#![forbid(unsafe_code)]

mod capability;
mod encoder;
mod hf;
mod loss;
mod openai;
mod options;
mod registry;
mod shared;
mod sharegpt;
mod spec;
mod tracemill;

pub use capability::{Capability, Feature, Holds};
pub use encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
pub use loss::{Loss, Losses, Omission};
pub use options::{EncodeOptions, MetadataMode, ReasoningMode};
pub use registry::{Extension, Format, Rule, format, formats};
pub use spec::{FormatSpec, SpecError};
