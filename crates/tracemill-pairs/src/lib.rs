//! Which candidates of a group become preference pairs (under construction).
#![forbid(unsafe_code)]

mod decimal;
mod error;
mod random;
mod sampler;
mod score;
mod selection;

pub use error::PairError;
pub use random::pair_hash;
pub use sampler::{Sample, SampledPair, Sampler};
pub use score::ScoreValue;
pub use selection::{MissingScore, ScoreSelection};
