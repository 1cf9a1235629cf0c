//! Logs that repeat the conversation so far in every record, and which of their records a later one contains.
//!
//! The log of an agent loop grows: each request holds the one before, its answer, and what came of it. Training on
//! every record would teach the first turns as often as the conversation is long. [`ChainIndex`] finds the records
//! whose *whole* conversation, answer included, another record continues: leaving them out loses nothing.

mod digests;
mod index;

pub use digests::ChainKeys;
pub use index::{ChainIndex, Superseded};
