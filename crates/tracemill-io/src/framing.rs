//! The framings: how the bytes of an input become records in a block.

mod document;
mod elements;
mod headers;
mod lines;
mod stream;

pub use headers::headers;

pub(crate) use document::DocumentReader;
pub(crate) use elements::ElementsReader;
pub(crate) use lines::LinesReader;
pub(crate) use stream::Stream;

/// What a framing could do with one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The block is full; the input goes on.
    Full,
    /// The input has ended.
    Ended,
}
