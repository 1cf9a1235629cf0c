//! The input and output of [tracemill](https://crates.io/crates/tracemill): from files to records with positions, in
//! parallel and in order, to files that appear whole or not at all.
//!
//! # What it is
//!
//! - [`Input`]: a file, standard input or bytes in memory, decompressed by suffix (`.gz`, `.zst`); [`expand`] finds the
//!   inputs in folders, and an [`Archive`] has its files as inputs.
//! - [`BlockReader`]: divides inputs into records, by lines, by the elements of one JSON array, or one record a file
//!   ([`Framing`](tracemill_model::Framing)), and fills [`Block`]s with them. Each [`Record`] knows its place. Memory is
//!   bounded by the block size and the longest record, whatever the size of the input.
//! - [`headers`]: the values outside the array that its records need.
//! - [`run`]: the pipeline. Blocks are worked on in parallel on a rayon pool and drained in their order: the result
//!   depends neither on the number of threads nor on the size of the blocks.
//! - *Index, decide, gather*, for what must see all records before it writes one: a [`GroupIndex`] keeps a few bytes of
//!   each record and finds those that belong together, on disk beyond a [`MemoryBudget`]; a [`Gatherer`] reads the
//!   records that are wanted, and a [`Spool`] holds those that cannot be read again where they are.
//! - [`Output`] and [`OutputFolder`]: written under a temporary name, synced, renamed.
//! - [`Error`]: one type, with a kind, a file and a position. What is wrong with one record is a [`RecordError`] and
//!   concerns that record alone.
//!
//! # What it is not
//!
//! It does not know what a record means: it finds where a JSON value ends, not whether it is valid. It prints nothing,
//! and reads no option and no variable of the environment.
//!
//! # Example
//!
//! Lines and elements in, their lengths out, with all cores, in order:
//!
//! ```
//! use tracemill_io::{
//!     Block, BlockReader, Cancel, Digest, Error, Input, Output, Overwrite, Target, Threads, run,
//! };
//! use tracemill_model::{Elements, Framing};
//!
//! let mut reader = BlockReader::new([
//!     (Input::bytes("a.jsonl", *b"{\"n\": 1}\n{}\n"), Framing::Lines),
//!     (Input::bytes("b.json", *b"{\"runs\": [[1, 2, 3], null]}"), Framing::Elements(Elements::at("/runs"))),
//! ]);
//! let mut output = Output::create(&Target::Memory, Overwrite::Refuse, Digest::None)?;
//!
//! /// What comes of one block: used again for another one, so that nothing is allocated.
//! #[derive(Default)]
//! struct Lengths {
//!     text: String,
//!     failure: Option<Error>,
//! }
//!
//! run(
//!     Threads::default(),
//!     &Cancel::default(),
//!     |block: &mut Block| reader.fill(block),
//!     |block, lengths: &mut Lengths| {
//!         lengths.text.clear();
//!         for record in block.records() {
//!             match record.text() {
//!                 Ok(text) => lengths.text += &format!("{} {}\n", record.locator(), text.len()),
//!                 Err(error) => lengths.failure = Some(error.at(&record.locator())),
//!             }
//!         }
//!     },
//!     |lengths| {
//!         output.append(lengths.text.as_bytes())?;
//!         lengths.failure.take().map_or(Ok(()), Err)
//!     },
//! )?;
//!
//! let lengths = output.commit()?.into_contents().unwrap_or_default();
//! assert_eq!(lengths, b"a.jsonl:1 8\na.jsonl:2 2\nb.json: runs[0] 9\nb.json: runs[1] 4\n");
//! # Ok::<(), Error>(())
//! ```
//!
//! # Features
//!
//! `gzip` and `zstd`, both on by default. An input or output whose suffix asks for one that is off is refused with an
//! error that names it.

#![forbid(unsafe_code)]

mod archive;
mod block;
mod budget;
mod compression;
mod error;
mod framing;
mod gather;
mod groups;
mod input;
mod json;
mod limit;
mod output;
mod pipeline;
mod positional;
mod reader;
mod spool;

pub use archive::Archive;
pub use block::{Block, Record, RecordError, Records};
pub use budget::{MemoryBudget, TemporaryFiles};
pub use error::{Error, ErrorKind};
pub use framing::headers;
pub use gather::{Extent, Gathered, Gatherer};
pub use groups::{GroupIndex, Groups, IndexEntry};
pub use input::{Input, InputStream, Meter, expand};
pub use limit::{BlockSize, RecordLimit};
pub use output::{Digest, Output, OutputFolder, Overwrite, Target, Written};
pub use pipeline::{Cancel, Threads, run};
pub use reader::{BlockReader, Fill};
pub use spool::Spool;
