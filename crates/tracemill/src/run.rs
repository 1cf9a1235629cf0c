//! One run: inputs to output, in blocks, in order, with the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracemill_io::{
    BlockReader, Cancel, Digest, Fill, Input, Meter, Output, OutputFolder, Overwrite, Target,
};
use tracemill_sources::{ChainIndex, ChainKeys, Superseded};

use crate::error::{Error, ErrorKind};
use crate::inputs::{self, Planned};
use crate::joining;
use crate::ledger::{InputEntry, Ledger, OutputEntry};
use crate::memory::Encoded;
use crate::mill::{Config, Mill, WhenEmpty};
use crate::pairing::GroupOrder;
use crate::policy::Chains;
use crate::work::{Done, Numbered, Rejects, Work};

/// What a run reads and writes, beside the settings of its mill.
#[derive(Debug)]
pub struct Run {
    inputs: Vec<Input>,
    output: Output,
    /// The other sides of a split, and where all of them are.
    others: Vec<Output>,
    sides: Sides,
    rejects: Option<Output>,
    progress: Progress,
    cancel: Cancel,
}

/// Where the sides of a split go.
#[derive(Debug)]
enum Sides {
    /// Nothing is split.
    None,
    /// To the files of a folder.
    Folder(OutputFolder),
    /// To memory.
    Memory,
}

impl Run {
    /// A run from inputs, in order, to one output.
    pub fn new(inputs: impl IntoIterator<Item = Input>, output: Output) -> Self {
        Run {
            inputs: inputs.into_iter().collect(),
            output,
            others: Vec::new(),
            sides: Sides::None,
            rejects: None,
            progress: Progress::new(),
            cancel: Cancel::default(),
        }
    }

    /// A run from inputs, in order, to one file of a folder for each side of a split: `train.jsonl` and so on, as Hugging Face
    /// `datasets` loads them.
    ///
    /// # Errors
    /// If a file cannot be made.
    pub fn into_folder(
        inputs: impl IntoIterator<Item = Input>,
        folder: OutputFolder,
        shares: &tracemill_curate::Shares,
        digest: Digest,
    ) -> Result<Self, Error> {
        let open = |name: &str| folder.output(format!("{name}.jsonl"), digest);
        let mut outputs = shares.names().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut run = Run::new(inputs, outputs.remove(0));
        run.others = outputs;
        run.sides = Sides::Folder(folder);
        Ok(run)
    }

    /// A run from inputs, in order, to memory: to one place there for each side of a split, if there is one.
    pub(crate) fn into_memory(
        inputs: impl IntoIterator<Item = Input>,
        shares: Option<&tracemill_curate::Shares>,
    ) -> Result<Self, Error> {
        let open = || Output::create(&Target::Memory, Overwrite::Refuse, Digest::None);
        let mut run = Run::new(inputs, open()?);
        if let Some(shares) = shares {
            run.others = (1..shares.count()).map(|_| open()).collect::<Result<_, _>>()?;
            run.sides = Sides::Memory;
        }
        Ok(run)
    }

    /// Keeps rejected records, each with its place, code and reason, as JSON Lines.
    #[must_use]
    pub fn with_rejects(mut self, rejects: Output) -> Self {
        self.rejects = Some(rejects);
        self
    }

    /// Lets another thread watch.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Lets another thread stop the run; nothing is then left behind.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }
}

/// How far a run is; cheap to clone, and to watch from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    meter: Meter,
    records: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        Progress::default()
    }

    /// Bytes read so far, before decompression.
    pub fn bytes(&self) -> u64 {
        self.meter.bytes()
    }

    /// Bytes to read in all, before decompression; 0 as long as nobody knows.
    pub fn total_bytes(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Records finished so far.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn count(&self, records: u64) {
        self.records.store(records, Ordering::Relaxed);
    }

    pub(crate) fn expect_bytes<'i>(&self, inputs: impl IntoIterator<Item = &'i Input>) {
        let total: Option<u64> = inputs.into_iter().map(Input::byte_len).sum();
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    /// Says what there is to read: what is put together once, everything else in each pass.
    fn expect(&self, inputs: &[Planned], passes: u64) {
        let bytes = |planned: &Planned| {
            let passes = if planned.source.assembles() { 1 } else { passes };
            Some(planned.input.byte_len()? * passes)
        };
        let total: Option<u64> = inputs.iter().map(bytes).sum();
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }
}

impl Mill {
    /// Converts inputs to one output.
    ///
    /// # Errors
    /// If an input cannot be read, a record is bad and [`OnError::Fail`](crate::OnError) is set, nothing is left to
    /// write, or the output cannot be written. The error holds the [ledger](Error::ledger) up to there; nothing appears
    /// under the name of the output.
    pub fn run(&self, inputs: impl IntoIterator<Item = Input>, output: Output) -> Result<Ledger, Error> {
        self.execute(Run::new(inputs, output))
    }

    /// Converts as [`run`](Mill::run) does, with a reject file, or watched, or stoppable.
    ///
    /// # Errors
    /// As [`run`](Mill::run).
    pub fn execute(&self, run: Run) -> Result<Ledger, Error> {
        let mut ledger = Ledger::default();
        match self.execute_into(run, &mut ledger) {
            Ok(_) => Ok(ledger),
            Err(error) => Err(error.with_ledger(ledger)),
        }
    }

    /// Converts into memory.
    ///
    /// # Errors
    /// As [`run`](Mill::run).
    pub fn collect(&self, inputs: impl IntoIterator<Item = Input>) -> Result<Encoded, Error> {
        let (ledger, contents) = self.execute_in_memory(Run::into_memory(inputs, None)?)?;
        Ok(Encoded {
            bytes: contents.into_iter().next().unwrap_or_default(),
            ledger,
        })
    }

    /// Runs; gives the account and what was written into memory, output by output.
    pub(crate) fn execute_in_memory(&self, run: Run) -> Result<(Ledger, Vec<Vec<u8>>), Error> {
        let mut ledger = Ledger::default();
        match self.execute_into(run, &mut ledger) {
            Ok(contents) => Ok((ledger, contents)),
            Err(error) => Err(error.with_ledger(ledger)),
        }
    }

    /// Runs, keeping the account in `ledger` also on failure; gives what was written into memory, output by output.
    fn execute_into(&self, run: Run, ledger: &mut Ledger) -> Result<Vec<Vec<u8>>, Error> {
        let config = &*self.config;
        let sides = config.curation.sides();
        let is_split = !matches!(run.sides, Sides::None);
        if is_split != (sides > 0) || run.others.len() != sides.saturating_sub(1) {
            return Err(Error::config(
                "a split is written to a folder that has a file for each side, and nothing else is",
            ));
        }
        let (planned, empty) = inputs::plan(run.inputs, config, &run.cancel)?;
        let chains = config.chains == Chains::Last && planned.iter().any(|p| p.source.repeats_history());
        let planned = self.readable_again(planned, chains)?;
        let several = [
            chains,
            joining::is_needed(&planned),
            config.readings() == Readings::Several,
        ];
        let passes = 1 + several.into_iter().map(u64::from).sum::<u64>();
        run.progress.expect(&planned, passes);
        let numbering = if chains {
            Numbering::Needed
        } else {
            Numbering::None
        };
        let watch = Watch {
            progress: &run.progress,
            cancel: &run.cancel,
            numbering,
        };
        let rejects = if run.rejects.is_some() {
            Rejects::Keep
        } else {
            Rejects::Count
        };
        let counts = vec![0; planned.len()];
        let mut open = Open {
            output: run.output,
            examples: vec![0; run.others.len() + 1],
            sides: vec![Vec::new(); run.others.len() + 1],
            others: run.others,
            rejects: run.rejects,
            counts,
            watch,
        };
        let planned = match self.assemble(&planned, rejects, &mut open, ledger) {
            Ok(Some(assembled)) => self.replace(planned, assembled)?,
            Ok(None) => planned,
            Err(error) => {
                ledger.inputs = entries(&planned, &empty, &open.counts);
                return Err(error);
            }
        };
        let planned = self.join(planned, watch)?;
        let superseded = if chains {
            Some(self.find_superseded(&planned, watch)?)
        } else {
            None
        };
        let work = Work {
            config,
            inputs: &planned,
            superseded: superseded.as_ref(),
            rejects,
        };
        let result = match &config.pairing {
            Some(pairing) => self.pair(pairing, &planned, &work, &mut open, ledger),
            None if config.curation.is_global() => self.curate(&planned, &work, &mut open, ledger),
            None => self.convert(&planned, &work, &mut open, ledger),
        };
        ledger.inputs = entries(&planned, &empty, &open.counts);
        let joined = std::mem::take(&mut ledger.joined);
        config.adjustments.settle(&joined, &mut ledger.adjusted);
        let failure = match result {
            Err(error) if error.kind() != ErrorKind::Empty => return Err(error),
            Err(nothing) => Some(nothing),
            Ok(()) if ledger.examples == 0 && config.empty == WhenEmpty::Fail => Some(nothing_left(ledger)),
            Ok(()) => None,
        };
        if let Some(nothing) = failure {
            // What was rejected explains why nothing is left: it is kept.
            commit(open.rejects, ledger.rejected(), ledger)?;
            return Err(nothing);
        }
        let written = if is_split {
            open.examples[0]
        } else {
            ledger.examples
        };
        let mut contents = Vec::new();
        contents.extend(commit(Some(open.output), written, ledger)?);
        for (output, &examples) in open.others.into_iter().zip(&open.examples[1..]) {
            contents.extend(commit(Some(output), examples, ledger)?);
        }
        if let Sides::Folder(folder) = run.sides {
            folder.commit()?;
            ledger.sides = sides;
        }
        commit(open.rejects, ledger.rejected(), ledger)?;
        Ok(contents)
    }

    /// One pass: each trace to its examples.
    fn convert(
        &self,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let watch = open.watch;
        self.blocks(
            planned,
            watch,
            |numbered, done| work.block(numbered, done),
            |done: &mut Done| {
                open.take_over(done, ledger)?;
                done.failure.take().map_or(Ok(()), Err)
            },
        )
    }

    /// Copies inputs that a second reading, or one by byte ranges, could not find again.
    fn readable_again(&self, planned: Vec<Planned>, chains: bool) -> Result<Vec<Planned>, Error> {
        let copy = |planned: Planned| {
            let input = match (self.config.readings(), chains) {
                // Its pieces are kept, not its records.
                _ if planned.source.assembles() => planned.input,
                (Readings::ByRanges, _) => planned.input.seekable()?,
                (Readings::Several, _) | (Readings::One, true) => planned.input.spooled()?,
                (Readings::One, false) => planned.input,
            };
            Ok(Planned { input, ..planned })
        };
        planned.into_iter().map(copy).collect()
    }

    /// Reads the inputs in blocks, works them in parallel and takes the results in order.
    pub(crate) fn blocks<'p, O: Default + Send>(
        &self,
        planned: impl IntoIterator<Item = &'p Planned>,
        watch: Watch<'_>,
        work: impl Fn(&Numbered, &mut O) + Sync,
        take: impl FnMut(&mut O) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let Watch {
            progress,
            cancel,
            numbering,
        } = watch;
        let input = |planned: &Planned| match &planned.origins {
            None => planned.input.clone().metered(&progress.meter),
            Some(_) => planned.input.clone(),
        };
        let inputs = planned
            .into_iter()
            .map(|planned| (input(planned), planned.framing.clone()));
        let mut reader = BlockReader::new(inputs).with_record_limit(self.config.record_limit);
        let mut next = 0;
        let read = |numbered: &mut Numbered| -> Result<Fill, Error> {
            let fill = reader.fill(&mut numbered.block)?;
            numbered.first = next;
            if numbering == Numbering::Needed {
                next += numbered.block.records().count() as u64;
            }
            Ok(fill)
        };
        tracemill_io::run(
            self.config.threads,
            cancel,
            read,
            |numbered, out| work(numbered, out),
            take,
        )
    }

    /// The first of two passes: which records another one continues.
    fn find_superseded(&self, planned: &[Planned], watch: Watch<'_>) -> Result<Superseded, Error> {
        let mut index = ChainIndex::new();
        let work = |numbered: &Numbered, keys: &mut Vec<Option<ChainKeys>>| {
            keys.clear();
            keys.extend(
                numbered
                    .block
                    .records()
                    .map(|record| chain_keys(&record, planned)),
            );
        };
        self.blocks(planned, watch, work, |keys: &mut Vec<Option<ChainKeys>>| {
            for keys in keys.drain(..) {
                index.add(keys);
            }
            Ok(())
        })?;
        Ok(index.finish())
    }
}

/// How a run reads its inputs, chains apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readings {
    One,
    Several,
    /// Once, and then where something is needed again.
    ByRanges,
}

impl Config {
    fn readings(&self) -> Readings {
        match &self.pairing {
            Some(pairing) if pairing.order == GroupOrder::Any => Readings::ByRanges,
            Some(pairing) if pairing.sample.is_some() => Readings::Several,
            None if self.curation.is_global() => Readings::ByRanges,
            _ => Readings::One,
        }
    }
}

/// What a pass over the inputs reports to, obeys, and keeps count of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch<'r> {
    progress: &'r Progress,
    pub(crate) cancel: &'r Cancel,
    numbering: Numbering,
}

/// Whether records have to be counted while they are read, which costs a look at every line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbering {
    Needed,
    None,
}

/// A run under way: its outputs, and how many records each input gave.
#[derive(Debug)]
pub(crate) struct Open<'r> {
    output: Output,
    others: Vec<Output>,
    /// How many examples went to each side.
    examples: Vec<u64>,
    /// For each side, what is appended next.
    sides: Vec<Vec<u8>>,
    rejects: Option<Output>,
    counts: Vec<u64>,
    pub(crate) watch: Watch<'r>,
}

/// Records of one side of a split that stand together in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) side: usize,
    /// Where they end; they begin where those of the piece before end.
    pub(crate) end: usize,
    pub(crate) examples: u64,
}

impl Open<'_> {
    /// Takes over what came of a block.
    pub(crate) fn take_over(&mut self, done: &mut Done, ledger: &mut Ledger) -> Result<(), Error> {
        ledger.merge(&done.ledger);
        for &(input, records) in &done.per_input {
            self.counts[input] += records;
        }
        self.watch
            .progress
            .records
            .store(ledger.records.read, Ordering::Relaxed);
        self.write(&done.bytes, &done.rejects)
    }

    /// Appends records piece by piece, each to its side of a split.
    pub(crate) fn write_pieces(&mut self, bytes: &[u8], pieces: &[Piece]) -> Result<(), Error> {
        if let [only] = &mut self.examples[..] {
            // Nothing to sort: copying all of it once more would cost pairs a tenth of their time.
            *only += pieces.iter().map(|piece| piece.examples).sum::<u64>();
            return Ok(self.output.append(bytes)?);
        }
        let mut start = 0;
        for piece in pieces {
            self.examples[piece.side] += piece.examples;
            self.sides[piece.side].extend_from_slice(&bytes[start..piece.end]);
            start = piece.end;
        }
        let outputs = std::iter::once(&mut self.output).chain(&mut self.others);
        for (output, side) in outputs.zip(&mut self.sides) {
            output.append(side)?;
            side.clear();
        }
        Ok(())
    }

    /// Appends records, and lines of the reject file.
    pub(crate) fn write(&mut self, bytes: &[u8], rejects: &[u8]) -> Result<(), Error> {
        self.output.append(bytes)?;
        if let Some(output) = &mut self.rejects {
            output.append(rejects)?;
        }
        Ok(())
    }
}

/// The keys of a record; none if it is bad (the second pass will say so) or its source has no chains.
fn chain_keys(record: &tracemill_io::Record<'_>, planned: &[Planned]) -> Option<ChainKeys> {
    let planned = &planned[record.input()];
    if !planned.source.repeats_history() {
        return None;
    }
    let texts = tracemill_sources::Texts::new();
    let mut batch = tracemill_sources::Batch::new(&texts);
    planned
        .source
        .decode(&planned.context, record.text().ok()?, &mut batch)
        .ok()?;
    match batch.traces() {
        _ if batch.stands_alone() => None,
        [] => None,
        [only] => Some(ChainKeys::of(only)),
        [first, ..] => Some(ChainKeys::of_several(first)),
    }
}

fn entries(planned: &[Planned], empty: &[Input], counts: &[u64]) -> Vec<InputEntry> {
    let mut read: Vec<InputEntry> = Vec::new();
    for (planned, &records) in planned.iter().zip(counts) {
        match read.last_mut().filter(|_| planned.continues) {
            Some(entry) => entry.records += records,
            None => read.push(InputEntry {
                records,
                ..planned.entry.clone()
            }),
        }
    }
    let empty = empty.iter().map(|input| InputEntry {
        path: input.name().to_owned(),
        source: String::new(),
        evidence: None,
        records: 0,
        bytes: input.byte_len().unwrap_or(0),
    });
    read.extend(empty);
    read
}

/// Makes an output appear under its name, and notes it; gives its bytes if it was memory.
fn commit(output: Option<Output>, records: u64, ledger: &mut Ledger) -> Result<Option<Vec<u8>>, Error> {
    let Some(output) = output else { return Ok(None) };
    let written = output.commit()?;
    ledger.outputs.push(OutputEntry {
        path: written.name().to_owned(),
        records,
        bytes: written.bytes(),
        sha256: written.sha256().map(ToOwned::to_owned),
    });
    Ok(written.into_contents())
}

/// The error that says what became of everything.
pub(crate) fn nothing_left(ledger: &Ledger) -> Error {
    let mut causes = Vec::new();
    let mut cause = |what: &str, counts: &crate::ledger::Counts| {
        if !counts.is_empty() {
            causes.push(format!("{what}: {counts}"));
        }
    };
    cause("records skipped", &ledger.records.skipped);
    cause("records rejected", &ledger.records.rejected);
    cause("traces filtered", &ledger.traces.filtered);
    cause("traces rejected", &ledger.traces.rejected);
    cause("traces unused", &ledger.traces.unused);
    let causes = if causes.is_empty() {
        String::new()
    } else {
        format!(" ({})", causes.join("; "))
    };
    let message = format!(
        "nothing is left to write: {} records, {} traces, 0 examples{causes}; `--allow-empty` accepts that",
        ledger.records.read, ledger.traces.read
    );
    Error::new(ErrorKind::Empty, message)
}
