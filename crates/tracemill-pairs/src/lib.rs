//! Which candidates of a group become preference pairs (under construction).
#![forbid(unsafe_code)]

mod decimal;
mod error;
mod score;
mod selection;

pub use error::PairError;
pub use score::ScoreValue;
pub use selection::{MissingScore, ScoreSelection};
