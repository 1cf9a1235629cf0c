//! What every source is: records in, traces out.

use std::fmt;
use std::sync::Arc;

use tracemill_model::json::{Cursor, CursorBuffers, IndexedJson};
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, JsonView, Limits, Trace, digest};

use crate::detect::Evidence;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces, note};
use crate::texts::Texts;

/// One dialect of input.
///
/// A source is immutable and shared by all threads. It *declares* how its files divide into records and reads one
/// record at a time, or puts traces together from the [pieces](Source::assembles) that records hold; it does no I/O. Own dialects implement this trait and go to the mill directly: there is no
/// registration.
///
/// ```
/// use tracemill_model::{DecodeError, Framing, Message, Role, Text, Trace};
/// use tracemill_sources::{Batch, Context, Evidence, Head, Source, Texts};
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
/// let texts = Texts::new();
/// let mut batch = Batch::new(&texts);
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
    /// What was pushed before an error is to be ignored. Sources that [assemble](Source::assembles) are not asked.
    ///
    /// # Errors
    /// If the record is malformed; with column and path.
    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let _ = (context, record, batch);
        Err(unasked("this source puts traces together from several records"))
    }

    /// Whether its traces are put together from several records, such as the lines of a session or the spans of a run.
    ///
    /// Such a source implements [`pieces`](Source::pieces) and [`assemble`](Source::assemble) in place of
    /// [`decode`](Source::decode). Whoever drives it keeps the pieces, on disk if there are many, and hands over those
    /// with the same key together.
    ///
    /// ```
    /// use tracemill_model::json::Cursor;
    /// use tracemill_model::{DecodeError, Framing, RawJson, Trace};
    /// use tracemill_sources::{Batch, Context, Evidence, Head, PieceError, Pieces, Source, Texts};
    ///
    /// /// Lines such as `{"run":"a","message":{…}}`, those of several runs mixed.
    /// #[derive(Debug)]
    /// struct Chatter;
    ///
    /// impl Source for Chatter {
    ///     fn name(&self) -> &str {
    ///         "chatter"
    ///     }
    ///
    ///     fn framings(&self) -> Vec<Framing> {
    ///         vec![Framing::Lines]
    ///     }
    ///
    ///     fn detect(&self, head: &Head) -> Option<Evidence> {
    ///         (head.has("/run") && head.has("/message")).then(|| Evidence::keys(&["/run", "/message"]))
    ///     }
    ///
    ///     fn assembles(&self) -> bool {
    ///         true
    ///     }
    ///
    ///     fn pieces<'a>(&self, _: &Context, record: &'a str, pieces: &mut Pieces<'a>) -> Result<(), DecodeError> {
    ///         let line = RawJson::parse(record)?;
    ///         match line.get("run") {
    ///             Some(run) => pieces.push(run.as_str().as_bytes(), record),
    ///             None => pieces.skip("no-run"),
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn assemble<'a>(
    ///         &self,
    ///         _: &Context,
    ///         pieces: &[&'a str],
    ///         batch: &mut Batch<'a>,
    ///     ) -> Result<(), PieceError> {
    ///         let mut trace = Trace::new();
    ///         for (index, piece) in pieces.iter().enumerate() {
    ///             let read = Cursor::new(piece).object(|cursor, key| match key.body() {
    ///                 "message" => tracemill_model::Message::read(cursor).map(|message| {
    ///                     trace.push_message(message);
    ///                 }),
    ///                 _ => cursor.skip(),
    ///             });
    ///             read.map_err(|error| PieceError::new(index, error))?;
    ///         }
    ///         batch.push(trace);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let lines = [
    ///     r#"{"run":"a","message":{"role":"user","content":"2+2?"}}"#,
    ///     r#"{"run":"a","message":{"role":"assistant","content":"4"}}"#,
    /// ];
    /// let mut pieces = Pieces::new();
    /// for line in lines {
    ///     Chatter.pieces(&Context::default(), line, &mut pieces)?;
    /// }
    /// assert_eq!(pieces.list()[0].key(), pieces.list()[1].key());
    ///
    /// let texts = Texts::new();
    /// let mut batch = Batch::new(&texts);
    /// Chatter.assemble(&Context::default(), &lines, &mut batch)?;
    /// assert_eq!(batch.traces()[0].messages().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn assembles(&self) -> bool {
        false
    }

    /// Divides one record into pieces of traces, or says why it holds none.
    ///
    /// What can be checked in the record alone is checked here, where errors have a column and a path; pieces are
    /// whole JSON texts.
    ///
    /// # Errors
    /// If the record is malformed.
    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let _ = (context, record, pieces);
        Err(unasked("this source reads every record on its own"))
    }

    /// Puts together the traces of one key from its pieces, which come in input order; or says why there are none.
    ///
    /// The context is that of the input in which the first piece stands.
    ///
    /// # Errors
    /// If the pieces make no trace; the error says which of them is to blame.
    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let _ = (context, pieces, batch);
        Err(unasked("this source reads every record on its own").into())
    }

    /// Whether a trace stays true when a piece of it is missing, because a record could not be read.
    ///
    /// A session whose line is lost has a hole, and is rejected. Spans of which each holds the whole conversation
    /// can do without one: what is left is shorter, and true.
    fn survives_gaps(&self) -> bool {
        false
    }

    /// Whether its logs repeat the conversation so far in every record, so that only the last record of each
    /// conversation is wanted. [`ChainIndex`](crate::ChainIndex) finds it.
    fn repeats_history(&self) -> bool {
        false
    }

    /// Whether its records may name an earlier one whose conversation they go on with, and do not repeat. Whoever drives it asks
    /// for their [`reference`](Source::reference)s first, and has the records ready for [`decode_after`](Source::decode_after).
    fn refers_back(&self) -> bool {
        false
    }

    /// Whether a record may name an earlier one; where none of an input does, nobody asks for references. To be told at a
    /// glance: a record that names none may be taken for one that does.
    fn may_refer(&self, record: &str) -> bool {
        let _ = record;
        true
    }

    /// What a record is called, and the one it goes on with; `None` if it is malformed.
    fn reference(&self, context: &Context, record: &str) -> Option<Reference> {
        let _ = (context, record);
        None
    }

    /// Reads one record, and before it those whose conversation it goes on with.
    ///
    /// # Errors
    /// As [`decode`](Source::decode), and if an earlier record cannot be read.
    fn decode_after<'a>(
        &self,
        context: &Context,
        earlier: &dyn Earlier,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let _ = earlier;
        self.decode(context, record, batch)
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

#[cold]
fn unasked(message: &str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
}

/// The records that others may go on with.
pub trait Earlier {
    /// The records of the conversation that ends with the one of this name, oldest first. Some of the oldest may be missing, or
    /// all: the oldest that is there says so itself.
    ///
    /// # Errors
    /// If there are more than the limits allow, or they cannot be read.
    fn until(&self, name: &str, limits: Limits) -> Result<Vec<String>, DecodeError>;
}

/// What a record is called, and which one it goes on with; as digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    id: Option<u128>,
    previous: Option<u128>,
}

impl Reference {
    /// A reference from names, of which any may be missing.
    pub fn new(id: Option<&str>, previous: Option<&str>) -> Self {
        let named = |name: &str| digest(name.as_bytes());
        Reference {
            id: id.map(named),
            previous: previous.map(named),
        }
    }

    /// The digest of the record's own name.
    pub fn id(&self) -> Option<u128> {
        self.id
    }

    /// The digest of the name of the record that this one goes on with.
    pub fn previous(&self) -> Option<u128> {
        self.previous
    }
}

/// What every record of one file needs besides itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    limits: Limits,
    /// Shared: a file may divide into many inputs.
    headers: Arc<[Option<String>]>,
    path: String,
    pairs: Pairs,
}

/// What becomes of the traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pairs {
    #[default]
    No,
    Yes,
}

impl Context {
    /// A context with these limits and no headers.
    pub fn new(limits: Limits) -> Self {
        Context {
            limits,
            ..Context::default()
        }
    }

    /// Sets the JSON texts of the header values that the framing asked for, in its order.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<Option<String>>) -> Self {
        self.headers = headers.into();
        self
    }

    /// Sets the name of the input: its path, as it was given.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Says that pairs are made of the traces, so that answers which are nothing but worse than others are wanted too.
    #[must_use]
    pub fn for_pairs(mut self) -> Self {
        self.pairs = Pairs::Yes;
        self
    }

    /// Whether pairs are made of the traces.
    pub fn makes_pairs(&self) -> bool {
        self.pairs == Pairs::Yes
    }

    /// The name of the input, for sources whose folders say what their files do not; empty if it is not known.
    pub fn path(&self) -> &str {
        &self.path
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
#[derive(Debug)]
pub struct Batch<'a> {
    /// Where what is spelled anew can go.
    texts: &'a Texts,
    traces: Vec<Trace<'a>>,
    /// The number of those that earlier records hold.
    earlier: usize,
    /// The pieces that traces stand for, where they are not the first; by the number of the trace.
    pieces: Vec<(usize, usize)>,
    skipped: Option<&'static str>,
    notes: Vec<(&'static str, u64)>,
    step: Step,
    buffers: CursorBuffers,
}

/// What a record is in a file whose records may repeat the conversation so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    OfALog,
    Alone,
}

impl<'a> Batch<'a> {
    /// Nothing yet; records that must be spelled anew are kept among the texts.
    pub fn new(texts: &'a Texts) -> Self {
        Batch::reusing(texts, CursorBuffers::default())
    }

    /// Nothing yet, with the buffers that another batch left behind.
    pub fn reusing(texts: &'a Texts, buffers: CursorBuffers) -> Self {
        Batch {
            texts,
            traces: Vec::new(),
            earlier: 0,
            pieces: Vec::new(),
            skipped: None,
            notes: Vec::new(),
            step: Step::OfALog,
            buffers,
        }
    }

    /// Where what is spelled anew can go: another batch may go on from there.
    pub fn texts(&mut self) -> &'a Texts {
        self.texts = self.texts.free();
        self.texts
    }

    /// The value where traces can borrow from it.
    pub(crate) fn keep(&mut self, value: impl Into<IndexedJson<'a>>) -> JsonView<'a> {
        Texts::keep(&mut self.texts, value.into())
    }

    /// Nothing again: the batch serves the next record.
    pub fn clear(&mut self) {
        for trace in self.traces.drain(..) {
            self.buffers.reclaim(trace);
        }
        self.earlier = 0;
        self.pieces.clear();
        self.skipped = None;
        self.notes.clear();
        self.step = Step::OfALog;
    }

    /// The buffers, for another batch.
    pub fn into_buffers(mut self) -> CursorBuffers {
        self.clear();
        self.buffers
    }

    /// Nothing for the next record, keeping what this one and those before it hold: [`all`](Batch::all) has them
    /// together. Gives the number of the traces so far.
    pub fn go_on(&mut self) -> usize {
        let traces = std::mem::take(&mut self.traces);
        self.clear();
        self.earlier = traces.len();
        self.traces = traces;
        self.earlier
    }

    /// Reads the whole of a record; what was read before it left buffers behind that serve again.
    ///
    /// # Errors
    /// If `read` fails, or leaves something over.
    pub fn read<T>(
        &mut self,
        record: &'a str,
        limits: Limits,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut cursor = Cursor::reusing(record, limits, std::mem::take(&mut self.buffers));
        let value = read(&mut cursor).and_then(|value| cursor.finish().map(|()| value));
        self.buffers = cursor.into_buffers();
        value
    }

    /// Says that the record is no step of a log: that another one begins with its conversation does not make it
    /// superfluous. Examples to train on are such records.
    pub fn stand_alone(&mut self) {
        self.step = Step::Alone;
    }

    /// Whether the record is no step of a log.
    pub fn stands_alone(&self) -> bool {
        self.step == Step::Alone
    }

    /// Adds a trace.
    pub fn push(&mut self, trace: Trace<'a>) {
        // Nearly every record holds one.
        if self.traces.capacity() == 0 {
            self.traces.reserve_exact(1);
        }
        self.traces.push(trace);
    }

    /// Adds a trace that was put together, and says which piece messages should name when they speak of it.
    pub fn push_from(&mut self, piece: usize, trace: Trace<'a>) {
        self.pieces.push((self.traces().len(), piece));
        self.traces.push(trace);
    }

    /// The piece that messages name when they speak of the trace with this number: the first, unless something else was
    /// said.
    pub fn piece_of(&self, trace: usize) -> usize {
        let found = self.pieces.binary_search_by_key(&trace, |(number, _)| *number);
        found.map_or(0, |at| self.pieces[at].1)
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
        note(&mut self.notes, code, count);
    }

    /// What was counted inside of the record, by code, in order of first appearance.
    pub fn notes(&self) -> &[(&'static str, u64)] {
        &self.notes
    }

    /// The traces of the record, in order.
    pub fn traces(&self) -> &[Trace<'a>] {
        &self.traces[self.earlier..]
    }

    /// The same traces, to change.
    pub fn traces_mut(&mut self) -> &mut [Trace<'a>] {
        &mut self.traces[self.earlier..]
    }

    /// The traces of this record and of those before it that were [kept](Batch::go_on).
    pub fn all(&self) -> &[Trace<'a>] {
        &self.traces
    }

    /// Why the record holds no trace, if it says so.
    pub fn skipped(&self) -> Option<&'static str> {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_earlier_records_and_speaks_of_the_last() {
        let texts = Texts::new();
        let mut batch = Batch::new(&texts);
        let trace = |trial| {
            let mut trace = Trace::new();
            trace.set_trial(trial);
            trace
        };
        let trials = |traces: &[Trace<'_>]| traces.iter().filter_map(Trace::trial).collect::<Vec<_>>();
        assert_eq!(batch.go_on(), 0);
        batch.push(trace(1));
        batch.note("noted", 1);
        assert_eq!(batch.go_on(), 1);
        batch.push(trace(2));
        batch.push_from(7, trace(3));
        assert_eq!(
            (trials(batch.traces()), trials(batch.all())),
            (vec![2, 3], vec![1, 2, 3])
        );
        assert_eq!((batch.piece_of(0), batch.piece_of(1)), (0, 7));
        assert_eq!((batch.traces_mut().len(), batch.notes()), (2, [].as_slice()));
        batch.clear();
        assert!(batch.all().is_empty() && batch.traces().is_empty());
    }

    #[test]
    fn a_record_that_fails_leaves_nothing_in_the_buffers() {
        let texts = Texts::new();
        let mut batch = Batch::new(&texts);
        let limits = Limits::default();
        for broken in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":"\q"#, "[1] 2"] {
            assert!(batch.read(broken, limits, Cursor::raw).is_err(), "{broken}");
            let whole = r#"{"a":{"b":["c"]}}"#;
            let read = batch.read(whole, limits, Cursor::raw);
            assert_eq!(read.unwrap().as_str(), whole);
        }
    }
}
