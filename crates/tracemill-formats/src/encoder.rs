//! What every encoder is: a fixed configuration that appends one record to a buffer.

use std::fmt;

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{Example, Links, Shape};

use crate::companion::{Columns, Companion};
use crate::loss::{Loss, Losses};
use crate::shared::ids::{CallIds, NineIds};
use crate::shared::passages::Passages;

/// One training format, configured.
///
/// An encoder is immutable and shared by all threads; what it needs for one record it keeps in [`Scratch`]. Own formats
/// implement this trait and go to the mill directly: there is no registration.
pub trait Encoder: fmt::Debug + Send + Sync {
    /// The name of the format, as messages show it.
    fn name(&self) -> &str;

    /// Whether the format takes examples of this shape. Asked once, when a run is set up.
    fn accepts(&self, shape: Shape) -> bool;

    /// Appends exactly one record, without a line end, to `out`, and notes in `scratch` what could not be held.
    ///
    /// The caller clears `scratch` before, and truncates `out` when it refuses the record.
    ///
    /// # Errors
    /// If the format cannot hold the example at all, whatever may be lost. `out` may then end in half a record.
    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// The files that its consumer needs beside the records, which stand in `file_name`; most need none.
    ///
    /// `columns` is the union of [`Scratch::columns`] over all records that were written.
    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        let _ = (file_name, columns);
        Vec::new()
    }
}

/// Buffers that live as long as a thread's work, so that encoding allocates nothing in the long run.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What the record could not hold.
    pub losses: Losses,
    /// Which result answers which call.
    pub links: Links,
    /// For looking into texts that should be JSON.
    pub embedded: EmbeddedJson,
    /// JSON that becomes part of a string.
    pub json: Vec<u8>,
    /// Which of the columns that not every record has the record has.
    pub columns: Columns,
    /// Ids for calls that have none.
    pub(crate) ids: CallIds,
    /// Ids of nine letters and digits.
    pub(crate) nine: NineIds,
    /// For looking into an answer that should be an object.
    pub(crate) answer: EmbeddedJson,
    /// For looking into a schema that is given as text.
    pub(crate) schema: EmbeddedJson,
    /// Messages in another order than they stand in.
    pub(crate) order: Vec<usize>,
    /// Text that becomes part of a string.
    pub(crate) words: String,
    /// Pairs of a ranking, with their differences.
    pub(crate) pairs: Vec<(f64, usize, usize)>,
    /// What was encoded of traces that are held.
    pub(crate) passages: Passages,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Scratch::default()
    }

    /// Forgets the last record, keeping the buffers.
    pub fn clear(&mut self) {
        self.losses.clear();
        self.columns = Columns::NONE;
    }

    /// Says that the traces of all examples that follow stay where they are and as they are, until
    /// [`release_traces`](Scratch::release_traces).
    ///
    /// What is encoded of one may then be copied when another example has it too: eight candidates make 28 pairs. The
    /// records are the same without, and one encoder must serve all of them.
    pub fn hold_traces(&mut self) {
        self.passages.hold();
    }

    /// Says that the traces may go: nothing is copied any more.
    pub fn release_traces(&mut self) {
        self.passages.release();
    }

    /// Notes a loss in the message at `index`.
    pub fn lose(&mut self, loss: Loss, index: usize) {
        self.losses.note(loss, index);
    }
}

/// Why a format cannot hold an example, whatever may be lost.
///
/// Knows the index of a message; never a record, a line or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    kind: EncodeErrorKind,
    message: Option<usize>,
    /// Whose message it is, where an example is made of several traces.
    whose: Option<&'static str>,
    text: String,
}

/// What sort of thing makes an example impossible in a format; the code of each is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The example is of a shape that the format does not take.
    Shape,
    /// There is no message at all.
    NoMessages,
    /// There is no assistant turn to learn.
    NoTarget,
    /// The order of the turns is one that the consumer refuses and no loss can mend.
    Order,
    /// A result and the calls before it do not fit together.
    Result,
    /// Content of a kind that the format cannot write.
    Content,
    /// Arguments of a kind that the format cannot write.
    Arguments,
    /// More of something than the consumer takes.
    Limit,
    /// Text that the consumer refuses.
    Forbidden,
    /// Both completions of a pair come out the same.
    Identical,
}

impl EncodeErrorKind {
    /// Every kind, in the order of the ledger.
    pub const ALL: [EncodeErrorKind; 10] = [
        EncodeErrorKind::Shape,
        EncodeErrorKind::NoMessages,
        EncodeErrorKind::NoTarget,
        EncodeErrorKind::Order,
        EncodeErrorKind::Result,
        EncodeErrorKind::Content,
        EncodeErrorKind::Arguments,
        EncodeErrorKind::Limit,
        EncodeErrorKind::Forbidden,
        EncodeErrorKind::Identical,
    ];

    /// The stable code under which the ledger and the reject file name this kind.
    pub fn code(self) -> &'static str {
        match self {
            EncodeErrorKind::Shape => "shape",
            EncodeErrorKind::NoMessages => "no-messages",
            EncodeErrorKind::NoTarget => "no-target",
            EncodeErrorKind::Order => "order",
            EncodeErrorKind::Result => "result",
            EncodeErrorKind::Content => "content",
            EncodeErrorKind::Arguments => "arguments",
            EncodeErrorKind::Limit => "limit",
            EncodeErrorKind::Forbidden => "forbidden",
            EncodeErrorKind::Identical => "identical-completion",
        }
    }
}

impl EncodeError {
    /// An error about the example as a whole.
    #[cold]
    pub fn new(kind: EncodeErrorKind, text: impl Into<String>) -> Self {
        EncodeError {
            kind,
            message: None,
            whose: None,
            text: text.into(),
        }
    }

    /// An error about the message at `index`.
    #[cold]
    pub fn at(index: usize, kind: EncodeErrorKind, text: impl Into<String>) -> Self {
        EncodeError {
            kind,
            message: Some(index),
            whose: None,
            text: text.into(),
        }
    }

    /// The same error, met in another trace than the first of the example.
    pub(crate) fn of(mut self, whose: &'static str) -> Self {
        self.whose = Some(whose);
        self
    }

    /// What sort of thing it was.
    pub fn kind(&self) -> EncodeErrorKind {
        self.kind
    }

    /// The index of the message, from 0.
    pub fn message_index(&self) -> Option<usize> {
        self.message
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message, self.whose) {
            (Some(index), None) => write!(f, "message {index}: {}", self.text),
            (Some(index), Some(whose)) => write!(f, "message {index} of the {whose} trace: {}", self.text),
            (None, None) => f.write_str(&self.text),
            (None, Some(whose)) => write!(f, "the {whose} trace: {}", self.text),
        }
    }
}

impl std::error::Error for EncodeError {}
