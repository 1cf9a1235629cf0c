//! What every source is: records in, traces out.

use std::fmt;

use tracemill_model::{DecodeError, Framing, Limits, Trace};

use crate::detect::Evidence;
use crate::head::Head;

/// One dialect of input.
///
/// A source is immutable and shared by all threads. It *declares* how its files divide into records and reads one
/// record at a time; it does no I/O. Own dialects implement this trait and go to the mill directly: there is no
/// registration.
///
/// ```
/// use tracemill_model::{DecodeError, Framing, Message, Role, Text, Trace};
/// use tracemill_sources::{Batch, Context, Evidence, Head, Source};
///
/// /// One remark a line, as a JSON string.
/// #[derive(Debug)]
/// struct Remarks;
///
/// impl Source for Remarks {
///     fn name(&self) -> &str {
///         "remarks"
///     }
///
///     fn framings(&self) -> Vec<Framing> {
///         vec![Framing::Lines]
///     }
///
///     fn detect(&self, head: &Head) -> Option<Evidence> {
///         head.text("").map(|_| Evidence::new("the first line is a string"))
///     }
///
///     fn decode<'a>(&self, _: &Context, record: &'a str, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
///         let mut cursor = tracemill_model::json::Cursor::new(record);
///         let mut message = Message::new(Role::Assistant);
///         message.set_content(cursor.text()?);
///         cursor.finish()?;
///         let mut trace = Trace::new();
///         trace.push_message(message);
///         batch.push(trace);
///         Ok(())
///     }
/// }
///
/// assert!(Remarks.detect(&Head::new(b"\"hi\"\n", true)).is_some());
/// let mut batch = Batch::new();
/// Remarks.decode(&Context::default(), "\"hi\"", &mut batch)?;
/// assert_eq!(batch.traces().len(), 1);
/// # Ok::<(), DecodeError>(())
/// ```
pub trait Source: fmt::Debug + Send + Sync {
    /// The name of the dialect, as messages show it.
    fn name(&self) -> &str;

    /// The framings its files come in; the first that fits the beginning of a file is taken.
    fn framings(&self) -> Vec<Framing>;

    /// Whether the beginning of a file looks like this dialect, and what decided.
    fn detect(&self, head: &Head) -> Option<Evidence>;

    /// Reads one record: pushes the traces it holds, or says why it holds none.
    ///
    /// What was pushed before an error is to be ignored.
    ///
    /// # Errors
    /// If the record is malformed; with column and path.
    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError>;

    /// Whether its logs repeat the conversation so far in every record, so that only the last record of each
    /// conversation is wanted. [`ChainIndex`](crate::ChainIndex) finds it.
    fn repeats_history(&self) -> bool {
        false
    }

    /// Whether the several scores of its traces are metrics of one judgement: then their mean counts, unless something
    /// else is asked for.
    fn averages_scores(&self) -> bool {
        false
    }

    /// The code under which it is counted that a further record has candidates of a group that an earlier one began, for
    /// dialects in which a record should hold all of them.
    fn continued_group(&self) -> Option<&'static str> {
        None
    }
}

/// What every record of one file needs besides itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    limits: Limits,
    headers: Vec<Option<String>>,
}

impl Context {
    /// A context with these limits and no headers.
    pub fn new(limits: Limits) -> Self {
        Context {
            limits,
            headers: Vec::new(),
        }
    }

    /// Sets the JSON texts of the header values that the framing asked for, in its order.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<Option<String>>) -> Self {
        self.headers = headers;
        self
    }

    /// What a record may be at the most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The JSON text of header value `index`, if the file has it.
    pub fn header(&self, index: usize) -> Option<&str> {
        self.headers.get(index)?.as_deref()
    }
}

/// What one record holds.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    traces: Vec<Trace<'a>>,
    skipped: Option<&'static str>,
    notes: Vec<(&'static str, u64)>,
}

impl<'a> Batch<'a> {
    /// Nothing yet.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Nothing again: the batch serves the next record.
    pub fn clear(&mut self) {
        self.traces.clear();
        self.skipped = None;
        self.notes.clear();
    }

    /// Adds a trace.
    pub fn push(&mut self, trace: Trace<'a>) {
        self.traces.push(trace);
    }

    /// Says that the record holds no trace, under a stable code that the source's page documents.
    pub fn skip(&mut self, code: &'static str) {
        self.skipped = Some(code);
    }

    /// Counts something inside of the record under a stable code that the source's page documents: parts that are no
    /// trace, or a reading that somebody may want to know of.
    ///
    /// What a record counts goes with the record: if it is rejected, nobody adds this up.
    pub fn note(&mut self, code: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        match self.notes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, total)) => *total += count,
            None => self.notes.push((code, count)),
        }
    }

    /// What was counted inside of the record, by code, in order of first appearance.
    pub fn notes(&self) -> &[(&'static str, u64)] {
        &self.notes
    }

    /// The traces, in order.
    pub fn traces(&self) -> &[Trace<'a>] {
        &self.traces
    }

    /// The traces, to change.
    pub fn traces_mut(&mut self) -> &mut [Trace<'a>] {
        &mut self.traces
    }

    /// Why the record holds no trace, if it says so.
    pub fn skipped(&self) -> Option<&'static str> {
        self.skipped
    }
}
