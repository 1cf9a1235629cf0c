//! What a worker does with one block: decode, adjust, filter, encode, count.

use std::fmt;

use tracemill_curate::{Distribution, TokenCounts};
use tracemill_formats::{EncodeError, Losses, Scratch};
use tracemill_io::{Extent, Gatherer, Record};
use tracemill_model::json::CursorBuffers;
use tracemill_model::{Example, JsonWriter, Labelled, Locator, Side, Span, Trace, Turns};
use tracemill_pairs::PromptMode;
use tracemill_sources::{Batch, Source, Superseded, Texts};

use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::{Config, Examples};
use crate::policy::OnError;
use crate::tokens::Kept;

/// A block of records and the ordinal of its first in the whole run.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    pub(crate) block: tracemill_io::Block,
    pub(crate) first: u64,
}

/// What came of a block. Lives for the whole run; taken over in order, then used again.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The records of the format, one a line.
    pub(crate) bytes: Vec<u8>,
    /// The reject file's lines.
    pub(crate) rejects: Vec<u8>,
    pub(crate) ledger: Ledger,
    /// Records per input: (index, count).
    pub(crate) per_input: Vec<(usize, u64)>,
    /// The first bad record, if it ends the run.
    pub(crate) failure: Option<Error>,
    /// Whether something in the current record could not be replaced.
    pub(crate) unfit: bool,
    /// What a filter counted of the current trace, so that nobody counts it again.
    pub(crate) tokens: Option<TokenCounts>,
    tally: LossTally,
    scratch: Scratch,
    /// What records are read with.
    cursor: CursorBuffers,
}

impl Done {
    /// Forgets the last block, keeping the buffers.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.rejects.clear();
        self.per_input.clear();
        self.ledger = Ledger::default();
        self.failure = None;
    }

    /// Adds the account alone to another one.
    pub(crate) fn settle_into(&mut self, ledger: &mut Ledger) {
        ledger.merge(&self.ledger);
    }

    /// Moves the counts of losses into the ledger.
    pub(crate) fn settle(&mut self) {
        self.tally.drain_into(&mut self.ledger);
    }

    pub(crate) fn count_input(&mut self, input: usize) {
        match self.per_input.last_mut() {
            Some((last, count)) if *last == input => *count += 1,
            _ => self.per_input.push((input, 1)),
        }
    }
}

/// What all workers of a run share.
#[derive(Debug)]
pub(crate) struct Work<'m> {
    pub(crate) config: &'m Config,
    pub(crate) inputs: &'m [Planned],
    pub(crate) superseded: Option<&'m Superseded>,
    pub(crate) rejects: Rejects,
}

/// Whether rejected records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejects {
    Keep,
    Count,
}

/// Why a record, a trace or a pair cannot go on.
pub(crate) struct Bad {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    remedy: Option<String>,
}

impl Bad {
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Bad {
            code,
            message,
            remedy: None,
        }
    }

    /// The same, with what would let it pass.
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What an encoder refuses.
    pub(crate) fn encode(error: &EncodeError) -> Self {
        Bad::new(error.kind().code(), error.to_string())
    }

    /// The error that ends the run.
    pub(crate) fn fail(&self, place: &dyn fmt::Display) -> Error {
        let remedy = self
            .remedy
            .as_ref()
            .map_or(String::new(), |remedy| format!("{remedy}, or "));
        let message = format!(
            "{place}: {}\n  {remedy}go on without such records with `--on-error skip`",
            self.message
        );
        Error::new(ErrorKind::Record, message).with_code(self.code)
    }
}

/// Refuses what was lost and is not allowed; names the first, and the option that would let all of it pass.
pub(crate) fn refuse_losses(config: &Config, losses: &Losses) -> Result<(), Bad> {
    if losses.is_empty() {
        return Ok(());
    }
    let refused: Vec<_> = losses
        .iter()
        .filter(|(loss, ..)| !config.allowed.contains(*loss))
        .collect();
    let Some(&(first, _, message)) = refused.first() else {
        return Ok(());
    };
    let codes: Vec<_> = refused.iter().map(|(loss, ..)| loss.code()).collect();
    Err(Bad {
        code: first.code(),
        message: format!(
            "message {message}: `{}` cannot hold this: {} (loss `{}`)",
            config.encoder.name(),
            first.summary(),
            first.code()
        ),
        remedy: Some(format!("allow it with `--allow-loss {}`", codes.join(","))),
    })
}

impl Work<'_> {
    /// Works a block: each trace to its examples.
    pub(crate) fn block(&self, numbered: &Numbered, done: &mut Done) {
        self.decode_block(numbered, done, |record, _, trace, done| {
            self.trace(self.place(record), trace, done)
        });
    }

    /// Decodes a block and calls `visit` with every trace, and which of its record's it is; stops at the first bad
    /// record if that ends the run.
    pub(crate) fn decode_block(
        &self,
        numbered: &Numbered,
        done: &mut Done,
        mut visit: impl FnMut(&Record<'_>, usize, &Trace<'_>, &mut Done) -> Result<(), Error>,
    ) {
        done.clear();
        for (ordinal, record) in (numbered.first..).zip(numbered.block.records()) {
            self.count(&record, done);
            let texts = Texts::new();
            let mut batch = Batch::reusing(&texts, std::mem::take(&mut done.cursor));
            let visited = self.record(&record, ordinal, &mut batch, done).and_then(|()| {
                let mut traces = batch.traces().iter().enumerate();
                traces.try_for_each(|(which, trace)| visit(&record, which, trace, done))
            });
            done.cursor = batch.into_buffers();
            texts.leave_to(&mut done.cursor);
            if let Err(error) = visited {
                done.failure = Some(error);
                break;
            }
        }
        done.settle();
    }

    /// Counts a record that is read where it stands; those that traces were put together from were counted before.
    fn count(&self, record: &Record<'_>, done: &mut Done) {
        if self.inputs[record.input()].origins.is_none() {
            done.ledger.records.read += 1;
            done.count_input(record.input());
        }
    }

    /// Where a record stands.
    pub(crate) fn place<'r>(&'r self, record: &'r Record<'r>) -> Place<'r> {
        Place::Record(record, self.inputs[record.input()].locate(record))
    }

    /// Decodes a block and gives away what each record holds; stops at the first bad record if that ends the run, or where
    /// `visit` does. All of it may borrow from `texts`.
    pub(crate) fn decode_owned<'b>(
        &'b self,
        numbered: &'b Numbered,
        texts: &'b Texts,
        done: &mut Done,
        mut visit: impl FnMut(Record<'b>, Batch<'b>, &mut Done) -> Result<(), Error>,
    ) -> Result<(), Error> {
        done.clear();
        let mut decode = || {
            let mut free = texts;
            for (ordinal, record) in (numbered.first..).zip(numbered.block.records()) {
                self.count(&record, done);
                let mut batch = Batch::new(free);
                self.record(&record, ordinal, &mut batch, done)?;
                free = batch.texts();
                if !batch.traces().is_empty() {
                    visit(record, batch, done)?;
                }
            }
            Ok(())
        };
        let decoded = decode();
        done.settle();
        decoded
    }

    /// Decodes a record into `batch`, which stays empty if there is nothing to go on with.
    fn record<'b>(
        &'b self,
        record: &Record<'b>,
        ordinal: u64,
        batch: &mut Batch<'b>,
        done: &mut Done,
    ) -> Result<(), Error> {
        batch.clear();
        done.unfit = false;
        if self
            .superseded
            .is_some_and(|superseded| superseded.contains(ordinal))
        {
            done.ledger.records.superseded += 1;
            return Ok(());
        }
        if let Err(bad) = self.decode(record, batch) {
            batch.clear();
            if self.inputs[record.input()].origins.is_none() {
                done.ledger.records.rejected.add(bad.code);
            } else {
                done.ledger.traces.read += 1;
                done.ledger.traces.rejected.add(bad.code);
            }
            return self.reject(self.place(record), &bad, done);
        }
        if let Some(code) = batch.skipped() {
            batch.clear();
            done.ledger.records.skipped.add(code);
            return Ok(());
        }
        if self.inputs[record.input()].origins.is_none() {
            done.ledger.records.decoded += 1;
        }
        for &(code, count) in batch.notes() {
            done.ledger.notes.add_many(code, count);
        }
        for trace in batch.traces_mut() {
            done.ledger.traces.read += 1;
            if !self.config.adjustments.is_empty() {
                let path = self.inputs[record.input()].input.name();
                let ledger = &mut done.ledger;
                self.config
                    .adjustments
                    .apply(trace, path, &mut ledger.adjusted, &mut ledger.joined);
            }
            self.replace(self.place(record), trace, done);
        }
        Ok(())
    }

    fn decode<'b>(&self, record: &Record<'b>, batch: &mut Batch<'b>) -> Result<(), Bad> {
        let text = record
            .text()
            .map_err(|error| Bad::new(error.code(), error.to_string()))?;
        let input = &self.inputs[record.input()];
        let decoded = input.source.decode(&input.context, text, batch);
        decoded.map_err(|error| Bad::new(error.kind().code(), error.to_string()))
    }

    pub(crate) fn trace(&self, place: Place<'_>, trace: &Trace<'_>, done: &mut Done) -> Result<(), Error> {
        if !self.admits(place, trace, done)? {
            return Ok(());
        }
        self.make(place, trace, done)
    }

    /// Appends the examples of a trace that no filter took out.
    pub(crate) fn make(&self, place: Place<'_>, trace: &Trace<'_>, done: &mut Done) -> Result<(), Error> {
        let start = done.bytes.len();
        let tally = done.tally.clone();
        let encoded = match self.config.examples {
            Examples::Conversations(turns) => self.conversations(turns, trace, done),
            Examples::Labelled { threshold } => self.labelled(threshold, place, trace, done)?,
        };
        match encoded {
            Ok(Made::Examples(examples)) => {
                done.ledger.traces.used += 1;
                done.ledger.examples += examples;
            }
            Ok(Made::Nothing(reason)) => done.ledger.traces.unused.add(reason),
            Err(bad) => {
                done.bytes.truncate(start);
                done.tally = tally;
                done.ledger.traces.rejected.add(bad.code);
                return self.reject(place, &bad, done);
            }
        }
        Ok(())
    }

    /// The source of what stands at a place; none for traces in memory.
    pub(crate) fn source(&self, place: Place<'_>) -> Option<&dyn Source> {
        match place {
            Place::Record(record, _) => Some(&*self.inputs.get(record.input())?.source),
            Place::Gathered { extent, .. } => Some(&*self.inputs.get(extent.input)?.source),
            Place::Index(_) => None,
        }
    }

    /// Appends every example of a trace; a refused one takes the others with it.
    fn conversations(&self, turns: Turns, trace: &Trace<'_>, done: &mut Done) -> Result<Made, Bad> {
        let thought;
        let trace = match &self.config.thinking {
            Some(thinking) => {
                thought = thinking.apply(trace)?;
                &thought
            }
            None => trace,
        };
        let Some(tokens) = &self.config.tokens else {
            return self.turns(turns, trace, done, |_| {});
        };
        // Thinking makes other messages than the filter saw.
        let known = done.tokens.take().filter(|_| self.config.thinking.is_none());
        let counts = known.unwrap_or_else(|| tokens.of(trace));
        let mut losses = Losses::default();
        let kept = tokens.cut(trace, &counts, &mut losses);
        let trace = match &kept {
            Kept::Whole => trace,
            Kept::Beginning(beginning) => beginning,
            Kept::Nothing => return Ok(Made::Nothing("over-token-limit")),
        };
        let mut totals = Distribution::default();
        let made = self.turns(turns, trace, done, |messages| totals.add(counts.up_to(messages)))?;
        if let Made::Examples(_) = made {
            done.tally.add(&losses);
            done.ledger.tokens.get_or_insert_default().merge(&totals);
        }
        Ok(made)
    }

    /// Appends every example of a trace as it is; `count` is told how many of its messages each has.
    fn turns(
        &self,
        turns: Turns,
        trace: &Trace<'_>,
        done: &mut Done,
        mut count: impl FnMut(usize),
    ) -> Result<Made, Bad> {
        let mut examples = 0;
        for conversation in turns.of(trace) {
            count(conversation.messages().len());
            self.encode(&Example::Conversation(conversation), done)?;
            examples += 1;
        }
        Ok(if examples == 0 {
            Made::Nothing("no-target")
        } else {
            Made::Examples(examples)
        })
    }

    /// Appends the one labelled example of a trace.
    fn labelled(
        &self,
        threshold: f64,
        place: Place<'_>,
        trace: &Trace<'_>,
        done: &mut Done,
    ) -> Result<Result<Made, Bad>, Error> {
        let Some(split) = PromptMode::Exact.split(trace.messages()) else {
            return Ok(Ok(Made::Nothing("no-target")));
        };
        let Some(score) = self.config.scores.score(trace, self.source(place))? else {
            return Ok(Ok(Made::Nothing("no-score")));
        };
        let example = Example::Labelled(Labelled {
            prompt: Span::new(trace, split.prompt()),
            completion: Side {
                completion: Span::new(trace, split.completion()),
                score: Some(score),
            },
            label: score >= threshold,
        });
        Ok(self.encode(&example, done).map(|()| Made::Examples(1)))
    }

    /// Appends one record, unless the format or the policy refuses it.
    fn encode(&self, example: &Example<'_>, done: &mut Done) -> Result<(), Bad> {
        done.scratch.clear();
        self.config
            .encoder
            .encode(example, &mut done.scratch, &mut done.bytes)
            .map_err(|error| Bad::encode(&error))?;
        refuse_losses(self.config, &done.scratch.losses)?;
        done.tally.add(&done.scratch.losses);
        done.ledger.columns |= done.scratch.columns;
        done.bytes.push(b'\n');
        Ok(())
    }

    /// Fails the run, or notes the record and lets it go on.
    pub(crate) fn reject(&self, place: Place<'_>, bad: &Bad, done: &mut Done) -> Result<(), Error> {
        if self.config.on_error == OnError::Fail {
            return Err(bad.fail(&place));
        }
        match (self.rejects, place) {
            (Rejects::Keep, Place::Record(record, locator)) => {
                write_reject(&locator, record, bad, &mut done.rejects);
            }
            (
                Rejects::Keep,
                Place::Gathered {
                    name, extent, record, ..
                },
            ) => {
                write_gathered(name, extent, record, bad, &mut done.rejects);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a trace made.
enum Made {
    Examples(u64),
    /// Nothing, and why.
    Nothing(&'static str),
}

/// Where a trace came from, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'r> {
    /// A record of an input, and where it stands.
    Record(&'r Record<'r>, Locator<'r>),
    /// A trace in memory, by its index.
    Index(usize),
    /// A record that was read again by its place.
    Gathered {
        name: &'r str,
        gatherer: &'r Gatherer,
        extent: Extent,
        record: &'r [u8],
    },
}

impl<'r> Place<'r> {
    /// The place of a record that is read where it stands.
    pub(crate) fn of(record: &'r Record<'r>) -> Self {
        Place::Record(record, record.locator())
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Record(_, locator) => locator.fmt(f),
            Place::Index(index) => write!(f, "trace {index}"),
            Place::Gathered {
                name,
                gatherer,
                extent,
                ..
            } => write!(f, "{name}:{}", line_of(gatherer, *extent)),
        }
    }
}

/// The line of a record; counted only when somebody has to be told.
fn line_of(gatherer: &Gatherer, of: Extent) -> usize {
    let (mut line, mut at) = (1, 0);
    let mut piece = Vec::new();
    while at < of.byte {
        let len = (of.byte - at).min(1 << 20) as usize;
        let extent = Extent { byte: at, len, ..of };
        if gatherer.read(extent, &mut piece).is_err() {
            break;
        }
        line += piece.split(|&byte| byte == b'\n').count() - 1;
        at += len as u64;
    }
    line
}

/// One line of the reject file, of a record that was read again: its line was not counted.
fn write_gathered(name: &str, extent: Extent, record: &[u8], bad: &Bad, out: &mut Vec<u8>) {
    let mut w = JsonWriter::new(out);
    w.begin_object();
    w.key("path").str(name);
    w.key("byte").number(extent.byte);
    w.key("code").str(bad.code);
    w.key("error").str(&bad.message);
    w.key("record").str(&String::from_utf8_lossy(record));
    w.end_object();
    out.push(b'\n');
}

/// One line of the reject file. A record that is no UTF-8 is kept as hexadecimal digits: nothing is replaced.
fn write_reject(locator: &Locator<'_>, record: &Record<'_>, bad: &Bad, out: &mut Vec<u8>) {
    let mut w = JsonWriter::new(out);
    w.begin_object();
    w.key("path").str(locator.path());
    w.key("line").number(locator.line_number());
    w.key("byte").number(locator.byte());
    w.key("code").str(bad.code);
    w.key("error").str(&bad.message);
    if let Ok(text) = std::str::from_utf8(record.bytes()) {
        w.key("record").str(text);
    } else {
        w.key("record_hex").str(&hexadecimal(record.bytes()));
    }
    w.end_object();
    out.push(b'\n');
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
