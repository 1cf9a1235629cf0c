//! What a training-data record is (under construction).
mod framing;
pub use framing::{Elements, Framing, Locator};
