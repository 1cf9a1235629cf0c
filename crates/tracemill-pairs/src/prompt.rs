//! Which part of a trace is prompt and which is completion, and when two traces share a prompt.
//!
//! What a message says is its role, name, content and calls (name and arguments), and which call a result answers;
//! what a trace tells the model besides is its tools. These are compared as decoded values. What does not count:
//! ids, reasoning, unnamed fields, marks of what is trained on. Three spellings of one thing are equal:
//!
//! * Content that is missing, `null`, `""` or an empty list says the same nothing, and an empty text among parts
//!   adds nothing. Text is the same as one part with that text; several texts stay several.
//! * Arguments as JSON text and as a JSON value are equal when the values are, white space aside; the order of
//!   keys and the text of numbers count. Missing arguments, empty text and `{}` are equal. Text that is no JSON
//!   equals the same text only.
//! * No tools and an empty list of tools are equal.
//!
//! Results are matched with calls as [`Links`](tracemill_model::Links) does, and the call is named by its distance.

mod classes;
mod common;
mod digests;
mod facts;
mod mode;
mod pair;
mod said;
mod seen;
mod sides;
mod split;

pub use classes::PromptClasses;
pub use common::PromptScratch;
pub use facts::CandidateFacts;
pub use mode::{Completion, PromptMode};
pub use pair::TracePair;
pub use seen::SeenPairs;
pub use sides::{PairSides, TraceSides};
pub use split::Split;
