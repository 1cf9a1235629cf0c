//! The second step: decide which candidates of a group pair, and gather those.

use tracemill_formats::{Columns, Losses, Scratch};
use tracemill_io::{Gathered, Gatherer};
use tracemill_model::Trace;
use tracemill_model::json::CursorBuffers;
use tracemill_pairs::{
    Candidate, CandidateFacts, Group, PairScratch, PairSides, PromptClasses, PromptScratch, ScoredPair,
};
use tracemill_sources::{Batch, Texts};

use super::account::{Listed, Paired};
use super::index::{Entry, Place};
use super::lists::{self, List};
use super::{GroupExamples, Pairing};
use crate::error::Error;
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::Config;
use crate::work::Rejects;

/// What all workers of the second step share.
#[derive(Debug)]
pub(crate) struct GroupWork<'m> {
    pub(crate) config: &'m Config,
    pub(crate) pairing: &'m Pairing,
    pub(crate) inputs: &'m [Planned],
    /// Reads records again; none where they are at hand.
    pub(crate) gatherer: Option<&'m Gatherer>,
    pub(crate) rejects: Rejects,
    pub(crate) later: Later,
}

/// Some groups, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Task {
    /// The number of the first, in the order of first appearance.
    pub(crate) first: u64,
    pub(crate) entries: Vec<Entry>,
    /// Where each group ends in `entries`.
    pub(crate) ends: Vec<usize>,
}

/// Whether a pair that was made may still be dropped: then what it lost is kept with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    MayDrop,
    Stays,
}

/// What came of some groups. Lives for the whole run; taken over in order, then used again.
#[derive(Debug, Default)]
pub(crate) struct GroupsDone {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rejects: Vec<u8>,
    pub(crate) paired: Vec<Paired>,
    /// What the pairs that may be dropped lost, in the order of all pieces.
    pub(crate) losses: Vec<Losses>,
    pub(crate) failure: Option<Error>,
    pub(crate) columns: Columns,
    pub(crate) tally: LossTally,
    pub(crate) buffers: Buffers,
}

/// What becomes of a group, by positions in it.
#[derive(Debug)]
pub(crate) enum Choice {
    Pairs(Vec<ScoredPair>),
    Lists(Vec<List>),
}

impl Choice {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Choice::Pairs(pairs) => pairs.is_empty(),
            Choice::Lists(lists) => lists.is_empty(),
        }
    }

    /// Which of so many candidates are needed.
    pub(crate) fn wanted(&self, candidates: usize) -> Vec<bool> {
        let mut wanted = vec![false; candidates];
        match self {
            Choice::Pairs(pairs) => {
                for side in pairs.iter().flat_map(|pair| [pair.chosen(), pair.rejected()]) {
                    wanted[side] = true;
                }
            }
            Choice::Lists(lists) => {
                for &(member, _) in lists.iter().flatten() {
                    wanted[member] = true;
                }
            }
        }
        wanted
    }
}

/// The candidates of a group: where they are, and what they say, as far as it is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'t> {
    pub(crate) places: &'t [Place],
    pub(crate) traces: &'t [Option<&'t Trace<'t>>],
    /// Their lines, where these are known.
    pub(crate) lines: Option<&'t [u64]>,
}

impl<'t> Members<'t> {
    /// The trace of a member that was asked for; none if its record is not what it was.
    pub(crate) fn trace(&self, member: usize) -> Option<&'t Trace<'t>> {
        self.traces.get(member).copied().flatten()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Buffers {
    gathered: Gathered,
    pub(crate) facts: Vec<CandidateFacts>,
    candidates: Vec<Candidate>,
    classes: PromptClasses,
    pairing: PairScratch,
    pub(crate) prompts: PromptScratch,
    pub(crate) sides: PairSides,
    cursor: CursorBuffers,
    pub(crate) encoding: Scratch,
}

impl GroupsDone {
    /// Forgets the last groups, keeping the buffers.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.rejects.clear();
        self.paired.clear();
        self.losses.clear();
        self.failure = None;
    }

    /// Moves the counts of losses into the ledger.
    pub(crate) fn settle(&mut self, ledger: &mut Ledger) {
        self.tally.drain_into(ledger);
        ledger.columns |= std::mem::take(&mut self.columns);
    }
}

impl GroupWork<'_> {
    /// Works some groups; stops at the first pair that ends the run.
    pub(crate) fn groups(&self, task: &Task, done: &mut GroupsDone) {
        done.clear();
        let mut start = 0;
        for (ordinal, &end) in (task.first..).zip(&task.ends) {
            if let Err(error) = self.group(ordinal, &task.entries[start..end], done) {
                done.failure = Some(error);
                return;
            }
            start = end;
        }
    }

    fn group(&self, ordinal: u64, entries: &[Entry], done: &mut GroupsDone) -> Result<(), Error> {
        let (choice, mut paired) = self.choose(ordinal, entries, done)?;
        if !choice.is_empty() {
            self.gather(entries, &choice, &mut paired, done)?;
        }
        paired.end = done.bytes.len();
        done.paired.push(paired);
        Ok(())
    }

    /// Decides by the facts alone what becomes of a group.
    pub(crate) fn choose(
        &self,
        ordinal: u64,
        entries: &[Entry],
        done: &mut GroupsDone,
    ) -> Result<(Choice, Paired), Error> {
        let buffers = &mut done.buffers;
        buffers.facts.clear();
        buffers.facts.extend(entries.iter().map(Entry::facts));
        buffers.classes.fill(&buffers.facts, &mut buffers.candidates);
        let candidates = Group::new(&buffers.candidates).with_ordinal(ordinal);
        let selected = self
            .pairing
            .options
            .pair_group(candidates, &mut buffers.pairing)
            .map_err(Error::config)?;
        let choice = match self.pairing.examples {
            GroupExamples::Pairs => Choice::Pairs(selected.pairs().collect()),
            _ => Choice::Lists(lists::of(selected)),
        };
        let paired = Paired {
            ordinal,
            fates: selected.fates().to_vec(),
            counts: selected.counts(),
            withdrawn: Vec::new(),
            refused: 0,
            different_scores: selected.has_different_scores(),
            pieces: Vec::new(),
            listed: Listed::default(),
            side: entries.first().map_or(0, Entry::side),
            end: done.bytes.len(),
            continued: self.continued(entries),
        };
        Ok((choice, paired))
    }

    /// How many records go on with the group that an earlier one began, if their source counts that.
    fn continued(&self, entries: &[Entry]) -> Option<(&'static str, u64)> {
        let first = entries.first()?.place();
        let code = self.inputs[first.input].source.continued_group()?;
        let further = entries
            .windows(2)
            .filter(|pair| !pair[0].same_record(&pair[1]))
            .count();
        (further > 0).then_some((code, further as u64))
    }

    /// Reads the candidates that were chosen again, and encodes.
    fn gather(
        &self,
        entries: &[Entry],
        choice: &Choice,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let places: Vec<Place> = entries.iter().map(Entry::place).collect();
        let wanted = choice.wanted(places.len());
        let mut extents = Vec::new();
        for (place, _) in places.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            extents.push(place.extent());
        }
        let mut gathered = std::mem::take(&mut done.buffers.gathered);
        if let Some(gatherer) = self.gatherer {
            gatherer.gather(&extents, &mut gathered)?;
        }
        let positions = wanted.iter().scan(0, |next, &wanted| {
            let position = *next;
            *next += usize::from(wanted);
            Some(wanted.then_some(position))
        });
        let mut records = Vec::with_capacity(places.len());
        for (position, place) in positions.zip(&places) {
            let record = position.map(|position| gathered.text(position)).transpose();
            records.push(record.map_err(|_| self.changed(place))?);
        }
        self.decode_and_make(&places, &records, None, choice, paired, done)?;
        done.buffers.gathered = gathered;
        Ok(())
    }

    /// Decodes the records of those candidates that have one here, and encodes what was chosen.
    pub(crate) fn decode_and_make(
        &self,
        places: &[Place],
        records: &[Option<&str>],
        lines: Option<&[u64]>,
        choice: &Choice,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let texts = Texts::new();
        let mut batch = Batch::reusing(&texts, std::mem::take(&mut done.buffers.cursor));
        // Where the traces of each record begin and end among all of them.
        let mut bounds = Vec::with_capacity(places.len());
        for (place, record) in places.iter().zip(records) {
            let start = batch.go_on();
            if let Some(record) = record {
                self.decode(place, record, &mut batch)?;
            }
            bounds.push(start..start + batch.traces().len());
        }
        let traces: Vec<_> = places
            .iter()
            .zip(bounds)
            .map(|(place, bounds)| batch.all().get(bounds)?.get(place.which))
            .collect();
        let members = Members {
            places,
            traces: &traces,
            lines,
        };
        self.make(choice, &members, paired, done)?;
        done.buffers.cursor = batch.into_buffers();
        Ok(())
    }

    fn decode<'r>(&'r self, place: &Place, text: &'r str, batch: &mut Batch<'r>) -> Result<(), Error> {
        let planned = &self.inputs[place.input];
        planned
            .source
            .decode(&planned.context, text, batch)
            .map_err(|_| self.changed(place))?;
        for trace in batch.traces_mut() {
            self.config.change_again(trace, planned.input.name());
        }
        Ok(())
    }
}
