//! From inputs to blocks.

use crate::block::Block;
use crate::error::{Error, ErrorKind};
use crate::framing::{DocumentReader, ElementsReader, LinesReader, Progress, Stream};
use crate::input::Input;
use crate::limit::{BlockSize, RecordLimit};
use std::fmt;
use std::sync::Arc;
use std::vec;
use tracemill_model::Framing;

/// What a call to fill a block came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fill {
    /// It holds something to work on.
    Block,
    /// It is empty: there is nothing more.
    End,
}

/// Goes over inputs one after the other and fills blocks with their records; small inputs share a block.
///
/// Memory is bounded by the block size and the longest record. What concerns a whole input (it cannot be opened, its
/// compressed data is damaged, its document is cut short) is an [`Error`] that comes after all the records before it.
///
/// ```
/// use tracemill_io::{Block, BlockReader, Fill, Input};
/// use tracemill_model::{Elements, Framing};
///
/// let mut reader = BlockReader::new([
///     (Input::bytes("a.jsonl", *b"{\"n\":1}\n{\"n\":2}\n"), Framing::Lines),
///     (Input::bytes("b.json", *b"{\"runs\": [{\"n\":3}, {\"n\":4}"), Framing::Elements(Elements::at("/runs"))),
/// ]);
/// let mut block = Block::default();
/// assert_eq!(reader.fill(&mut block)?, Fill::Block);
/// let places: Vec<String> = block.records().map(|record| record.locator().to_string()).collect();
/// assert_eq!(places, ["a.jsonl:1", "a.jsonl:2", "b.json: runs[0]", "b.json: runs[1]"]);
///
/// let error = reader.fill(&mut block).unwrap_err();
/// assert!(error.to_string().starts_with("b.json:1: the document ends"));
/// assert_eq!(reader.fill(&mut block)?, Fill::End);
/// # Ok::<(), tracemill_io::Error>(())
/// ```
pub struct BlockReader {
    inputs: vec::IntoIter<(Input, Framing)>,
    /// How many inputs were begun.
    begun: usize,
    current: Option<Current>,
    failure: Option<Error>,
    size: BlockSize,
    limit: RecordLimit,
    /// The scanning buffer of documents, kept from one input to the next.
    buffer: Vec<u8>,
}

/// The input that is being read.
struct Current {
    ordinal: usize,
    name: Arc<str>,
    pointer: Option<Arc<str>>,
    records: Records,
}

enum Records {
    Lines(LinesReader),
    Elements(Box<ElementsReader>),
    Document(DocumentReader),
}

impl BlockReader {
    /// A reader of these inputs, in this order, with the default block size and record limit.
    pub fn new(inputs: impl IntoIterator<Item = (Input, Framing)>) -> Self {
        let inputs: Vec<_> = inputs.into_iter().collect();
        BlockReader {
            inputs: inputs.into_iter(),
            begun: 0,
            current: None,
            failure: None,
            size: BlockSize::default(),
            limit: RecordLimit::default(),
            buffer: Vec::new(),
        }
    }

    /// Sets how much goes into one block. It changes no record.
    #[must_use]
    pub fn with_block_size(mut self, size: BlockSize) -> Self {
        self.size = size;
        self
    }

    /// Sets how long a record may be.
    #[must_use]
    pub fn with_record_limit(mut self, limit: RecordLimit) -> Self {
        self.limit = limit;
        self
    }

    /// Fills `block` with the next records, in place of what it held.
    ///
    /// # Errors
    ///
    /// When an input cannot be opened or read, or is not built as its framing says. All records before the failure were
    /// given out before; the next call goes on with the next input.
    pub fn fill(&mut self, block: &mut Block) -> Result<Fill, Error> {
        block.reset(self.size.bytes(), self.limit);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        while block.weight() < self.size.bytes() {
            match self.add_to(block) {
                Ok(Some(Progress::Ended)) => {}
                Ok(Some(Progress::Full) | None) => break,
                Err(failure) if block.has_items() => {
                    self.failure = Some(failure);
                    break;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(if block.has_items() { Fill::Block } else { Fill::End })
    }

    /// Adds from the current input or the next one; `None` if there is none.
    fn add_to(&mut self, block: &mut Block) -> Result<Option<Progress>, Error> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => match self.inputs.next() {
                Some((input, framing)) => self.open(&input, &framing)?,
                None => return Ok(None),
            },
        };
        block.begin_input(current.ordinal, &current.name, current.pointer.as_ref());
        let (size, limit) = (self.size.bytes(), self.limit);
        let progress = match &mut current.records {
            Records::Lines(lines) => lines.fill(block, size, limit),
            Records::Elements(elements) => elements.fill(block, size, limit),
            Records::Document(document) => document.fill(block, size, limit),
        };
        match progress {
            Ok(Progress::Full) => self.current = Some(current),
            Ok(Progress::Ended) | Err(_) => {
                if let Records::Elements(elements) = current.records {
                    self.buffer = elements.into_buffer();
                }
            }
        }
        progress.map(Some)
    }

    fn open(&mut self, input: &Input, framing: &Framing) -> Result<Current, Error> {
        let ordinal = self.begun;
        self.begun += 1;
        let stream = Stream::open(input)?;
        let mut pointer = None;
        let records = match framing {
            Framing::Lines => Records::Lines(LinesReader::new(stream)),
            Framing::Elements(elements) => {
                pointer = Some(elements.pointer().into());
                let buffer = std::mem::take(&mut self.buffer);
                Records::Elements(Box::new(ElementsReader::new(stream, elements, buffer)?))
            }
            Framing::Document => Records::Document(DocumentReader::new(stream)),
            other => {
                let message = format!("the framing `{other}` is not known to this version");
                return Err(Error::new(ErrorKind::Unsupported, message).in_file(input.name()));
            }
        };
        Ok(Current {
            ordinal,
            name: Arc::clone(input.shared_name()),
            pointer,
            records,
        })
    }
}

impl fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockReader")
            .field("inputs_begun", &self.begun)
            .field("size", &self.size)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
