//! JSON as it came: validated once, copied afterwards.
//!
//! [`Cursor`] reads, [`Text`] and [`RawJson`] hold tokens, [`JsonWriter`] writes. A string is decoded only when
//! somebody must look inside: in agent traces nearly every string holds an escape, so borrowing *decoded* strings
//! almost never works, while borrowing *tokens* always does.

mod canonical;
mod cursor;
mod embedded;
mod escape;
mod index;
mod nested;
mod raw;
mod scan;
mod stops;
mod text;
mod view;
mod writer;

pub use cursor::{Cursor, CursorBuffers, Kind, Mark};
pub use embedded::EmbeddedJson;
pub use index::{IndexedJson, JsonIndex};
pub use raw::RawJson;
pub use text::Text;
pub use view::{Elements, JsonView, Members};
pub use writer::{JsonString, JsonWriter};
