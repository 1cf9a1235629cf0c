//! The second step: the pieces of each key gathered, and put together.

use tracemill_io::{Fill, Gathered, Gatherer, Groups, Spool};
use tracemill_model::JsonWriter;
use tracemill_sources::{Batch, PieceError, Texts};

use super::entry::{Entry, Origin};
use super::origin::{locate, pointer};
use super::{INCOMPLETE, TOO_LONG};
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::Ledger;
use crate::mill::{Config, Mill};
use crate::policy::OnError;
use crate::run::Open;
use crate::work::{Bad, Rejects};

/// How many bytes of pieces one task gathers, about.
const TASK: usize = 256 * 1024;

/// What comes of putting all traces together.
#[derive(Debug)]
pub(crate) struct Assembled {
    /// The traces as canonical lines.
    pub(crate) spool: Spool,
    /// How many bytes of them stand for each input.
    pub(crate) lengths: Vec<u64>,
    /// The place of each of them, by input.
    pub(crate) origins: Vec<Vec<Origin>>,
}

/// What all workers of the step share.
#[derive(Debug)]
pub(crate) struct Step<'s> {
    pub(crate) config: &'s Config,
    pub(crate) planned: &'s [Planned],
    pub(crate) gatherer: &'s Gatherer,
    pub(crate) spooled: usize,
    pub(crate) gaps: &'s [Option<String>],
    pub(crate) rejects: Rejects,
}

/// Some keys, one behind the other.
#[derive(Debug, Default)]
struct Task {
    entries: Vec<Entry>,
    /// Where the pieces of each key end in `entries`.
    ends: Vec<usize>,
}

/// What came of some keys.
#[derive(Debug, Default)]
struct Part {
    lines: Vec<u8>,
    /// The input in which each line stands, the place that it came from, and its length.
    origins: Vec<(u32, Origin, u64)>,
    rejects: Vec<u8>,
    ledger: Ledger,
    failure: Option<Error>,
    gathered: Gathered,
}

impl Mill {
    pub(super) fn gather_all(
        &self,
        step: &Step<'_>,
        mut groups: Groups<Entry>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
        assembled: &mut Assembled,
    ) -> Result<(), Error> {
        let mut members = Vec::new();
        let read = |task: &mut Task| -> Result<Fill, Error> {
            task.entries.clear();
            task.ends.clear();
            let mut weight = 0;
            while weight < TASK && groups.next_group(&mut members)? {
                weight += members.iter().map(|entry| entry.length as usize).sum::<usize>();
                task.entries.append(&mut members);
                task.ends.push(task.entries.len());
            }
            Ok(if task.ends.is_empty() {
                Fill::End
            } else {
                Fill::Block
            })
        };
        let cancel = open.watch.cancel;
        let take = |part: &mut Part| -> Result<(), Error> {
            ledger.merge(&part.ledger);
            assembled.spool.append(&part.lines)?;
            for &(home, origin, length) in &part.origins {
                let input = home as usize;
                assembled.lengths[input] += length;
                assembled.origins[input].push(origin);
            }
            open.write(&[], &part.rejects)?;
            part.failure.take().map_or(Ok(()), Err)
        };
        tracemill_io::run(
            self.config.threads,
            cancel,
            read,
            |task, part| step.groups(task, part),
            take,
        )
    }
}

impl Step<'_> {
    fn groups(&self, task: &Task, part: &mut Part) {
        part.lines.clear();
        part.origins.clear();
        part.rejects.clear();
        part.ledger = Ledger::default();
        part.failure = None;
        let mut start = 0;
        for &end in &task.ends {
            if let Err(error) = self.group(&task.entries[start..end], part) {
                part.failure = Some(error);
                return;
            }
            start = end;
        }
    }

    fn group(&self, entries: &[Entry], part: &mut Part) -> Result<(), Error> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        if let Some(bad) = self.hole(entries).or_else(|| self.too_long(entries)) {
            return self.reject(first, &bad, "", part);
        }
        let extents: Vec<_> = entries.iter().map(|entry| entry.extent(self.spooled)).collect();
        let mut gathered = std::mem::take(&mut part.gathered);
        self.gatherer.gather(&extents, &mut gathered)?;
        let result = self.assemble(entries, &gathered, part);
        part.gathered = gathered;
        result
    }

    fn assemble(&self, entries: &[Entry], gathered: &Gathered, part: &mut Part) -> Result<(), Error> {
        let texts: Vec<&str> = (0..entries.len())
            .map(|index| gathered.text(index))
            .collect::<Result<_, _>>()
            .map_err(|_| self.changed(&entries[0]))?;
        let planned = &self.planned[entries[0].origin.input as usize];
        let kept = Texts::new();
        let mut batch = Batch::new(&kept);
        if let Err(error) = planned.source.assemble(&planned.context, &texts, &mut batch) {
            let piece = error.piece().min(entries.len() - 1);
            return self.reject(&entries[piece], &bad(&error), texts[piece], part);
        }
        for &(code, count) in batch.notes() {
            part.ledger.notes.add_many(code, count);
        }
        if let Some(code) = batch.skipped() {
            part.ledger.traces.read += 1;
            part.ledger.traces.unused.add(code);
            return Ok(());
        }
        // The traces of a key stand together, in the input of its first piece.
        let home = entries[0].origin.input;
        for (number, trace) in batch.traces().iter().enumerate() {
            let start = part.lines.len();
            trace.write_json(&mut part.lines);
            part.lines.push(b'\n');
            let length = (part.lines.len() - start) as u64;
            let piece = batch.piece_of(number).min(entries.len() - 1);
            part.origins.push((home, entries[piece].origin, length));
        }
        Ok(())
    }

    /// Why a trace cannot be whole: a record of one of its inputs could not be read.
    fn hole(&self, entries: &[Entry]) -> Option<Bad> {
        let source = &self.planned[entries[0].origin.input as usize].source;
        if source.survives_gaps() {
            return None;
        }
        let gap = entries
            .iter()
            .find_map(|entry| self.gaps[entry.origin.input as usize].as_ref())?;
        let message = format!("the trace may have a hole: the record at {gap} was rejected");
        Some(Bad::new(INCOMPLETE, message))
    }

    fn too_long(&self, entries: &[Entry]) -> Option<Bad> {
        let limit = self.config.record_limit;
        let size: u64 = entries.iter().map(|entry| u64::from(entry.length)).sum();
        (size > limit.bytes() as u64).then(|| {
            let message = format!(
                "the {} pieces of the trace have {size} bytes, the limit is {limit}; raise it with `--max-record`",
                entries.len()
            );
            Bad::new(TOO_LONG, message)
        })
    }

    /// Fails the run, or notes the trace and lets it go on.
    fn reject(&self, entry: &Entry, bad: &Bad, text: &str, part: &mut Part) -> Result<(), Error> {
        let planned = &self.planned[entry.origin.input as usize];
        let locator = locate(planned.input.name(), pointer(&planned.framing), &entry.origin);
        if self.config.on_error == OnError::Fail {
            return Err(bad.fail(&locator));
        }
        part.ledger.traces.read += 1;
        part.ledger.traces.rejected.add(bad.code);
        if self.rejects == Rejects::Keep {
            let mut w = JsonWriter::new(&mut part.rejects);
            w.begin_object();
            w.key("path").str(locator.path());
            w.key("line").number(locator.line_number());
            w.key("byte").number(locator.byte());
            w.key("code").str(bad.code);
            w.key("error").str(&bad.message);
            if !text.is_empty() {
                w.key("piece").str(text);
            }
            w.end_object();
            part.rejects.push(b'\n');
        }
        Ok(())
    }

    fn changed(&self, entry: &Entry) -> Error {
        let name = self.planned[entry.origin.input as usize].input.name();
        Error::new(ErrorKind::Input, format!("{name}: has changed while it was read"))
    }
}

fn bad(error: &PieceError) -> Bad {
    Bad::new(error.error().kind().code(), error.to_string())
}
