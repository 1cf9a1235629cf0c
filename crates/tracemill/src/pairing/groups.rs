//! The second step: decide which candidates of a group pair, gather those, and encode.

use tracemill_formats::{Columns, Loss, Losses, Scratch};
use tracemill_io::{Extent, Gathered, Gatherer};
use tracemill_model::{Example, JsonWriter};
use tracemill_pairs::{
    Candidate, CandidateFacts, Group, PairScratch, PromptClasses, PromptScratch, ScoredPair, SkipReason,
    TracePair,
};
use tracemill_sources::Batch;

use super::Pairing;
use super::account::{Paired, Piece};
use super::index::{Entry, Place};
use crate::adjust::Joined;
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::{Counts, Ledger, LossTally};
use crate::mill::Config;
use crate::policy::OnError;
use crate::work::{Bad, Rejects, refuse_losses};

/// What all workers of the second step share.
#[derive(Debug)]
pub(crate) struct GroupWork<'m> {
    pub(crate) config: &'m Config,
    pub(crate) pairing: &'m Pairing,
    pub(crate) inputs: &'m [Planned],
    pub(crate) gatherer: &'m Gatherer,
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
    columns: Columns,
    tally: LossTally,
    buffers: Buffers,
}

#[derive(Debug, Default)]
struct Buffers {
    gathered: Gathered,
    facts: Vec<CandidateFacts>,
    candidates: Vec<Candidate>,
    classes: PromptClasses,
    pairing: PairScratch,
    prompts: PromptScratch,
    encoding: Scratch,
}

impl GroupsDone {
    /// Moves the counts of losses into the ledger.
    pub(crate) fn settle(&mut self, ledger: &mut Ledger) {
        self.tally.drain_into(ledger);
        ledger.columns |= std::mem::take(&mut self.columns);
    }
}

impl GroupWork<'_> {
    /// Works some groups; stops at the first pair that ends the run.
    pub(crate) fn groups(&self, task: &Task, done: &mut GroupsDone) {
        done.bytes.clear();
        done.rejects.clear();
        done.paired.clear();
        done.losses.clear();
        done.failure = None;
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
        let pairs: Vec<ScoredPair> = selected.pairs().collect();
        let mut paired = Paired {
            ordinal,
            fates: selected.fates().to_vec(),
            counts: selected.counts(),
            withdrawn: Vec::new(),
            refused: 0,
            different_scores: selected.has_different_scores(),
            pieces: Vec::new(),
        };
        if !pairs.is_empty() {
            self.gather(entries, &pairs, &mut paired, done)?;
        }
        done.paired.push(paired);
        Ok(())
    }

    /// Reads the candidates of the pairs again, and encodes the pairs.
    fn gather(
        &self,
        entries: &[Entry],
        pairs: &[ScoredPair],
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let places: Vec<Place> = entries.iter().map(Entry::place).collect();
        let mut wanted = vec![None; places.len()];
        for pair in pairs {
            wanted[pair.chosen()] = Some(0);
            wanted[pair.rejected()] = Some(0);
        }
        let mut extents = Vec::new();
        for (place, position) in places
            .iter()
            .zip(&mut wanted)
            .filter(|(_, wanted)| wanted.is_some())
        {
            *position = Some(extents.len());
            extents.push(place.extent());
        }
        let mut gathered = std::mem::take(&mut done.buffers.gathered);
        self.gatherer.gather(&extents, &mut gathered)?;
        let mut batches: Vec<Batch<'_>> = Vec::new();
        for (place, position) in places.iter().zip(&wanted) {
            let mut batch = Batch::new();
            if let &Some(position) = position {
                self.decode(place, gathered.get(position), &mut batch)?;
            }
            batches.push(batch);
        }
        for pair in pairs {
            let (chosen, rejected) = (pair.chosen(), pair.rejected());
            let sides = [chosen, rejected].map(|side| batches[side].traces().get(places[side].which));
            let [Some(chosen_trace), Some(rejected_trace)] = sides else {
                return Err(self.changed(&places[chosen]));
            };
            let prompt = self.pairing.prompt;
            match prompt.pair(chosen_trace, rejected_trace, &mut done.buffers.prompts) {
                Ok(made) => self.encode(&made, pair, [&places[chosen], &places[rejected]], paired, done)?,
                Err(reason) => paired.withdraw(reason, [chosen, rejected]),
            }
        }
        drop(batches);
        done.buffers.gathered = gathered;
        Ok(())
    }

    fn decode<'r>(&'r self, place: &Place, bytes: &'r [u8], batch: &mut Batch<'r>) -> Result<(), Error> {
        let planned = &self.inputs[place.input];
        let text = std::str::from_utf8(bytes).map_err(|_| self.changed(place))?;
        planned
            .source
            .decode(&planned.context, text, batch)
            .map_err(|_| self.changed(place))?;
        let (mut counted_already, mut joined) = (Counts::default(), Joined::default());
        let path = planned.input.name();
        for trace in batch.traces_mut() {
            let adjustments = &self.config.adjustments;
            adjustments.apply(trace, path, &mut counted_already, &mut joined);
        }
        Ok(())
    }

    fn encode(
        &self,
        made: &TracePair<'_>,
        scored: &ScoredPair,
        places: [&Place; 2],
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let start = done.bytes.len();
        if let Err(bad) = self.append(made, scored, &mut done.buffers.encoding, &mut done.bytes) {
            done.bytes.truncate(start);
            paired.refused += 1;
            return self.reject(places, &bad, &mut done.rejects);
        }
        done.columns |= done.buffers.encoding.columns;
        let digest = match self.later {
            Later::MayDrop => {
                done.losses.push(done.buffers.encoding.losses.clone());
                made.digest(&mut done.buffers.prompts)
            }
            Later::Stays => {
                done.tally.add(&done.buffers.encoding.losses);
                0
            }
        };
        paired.pieces.push(Piece {
            chosen: scored.chosen() as u32,
            rejected: scored.rejected() as u32,
            digest,
            start,
            end: done.bytes.len(),
        });
        Ok(())
    }

    fn append(
        &self,
        made: &TracePair<'_>,
        scored: &ScoredPair,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Bad> {
        scratch.clear();
        if made.prompts_differ() {
            scratch.lose(Loss::PromptDiffers, 0);
        }
        let example = Example::Preference(made.preference(scored));
        self.config
            .encoder
            .encode(&example, scratch, out)
            .map_err(|error| Bad::encode(&error))?;
        refuse_losses(self.config, &scratch.losses)?;
        out.push(b'\n');
        Ok(())
    }

    /// Fails the run, or notes the pair and lets it go on.
    fn reject(&self, [chosen, rejected]: [&Place; 2], bad: &Bad, rejects: &mut Vec<u8>) -> Result<(), Error> {
        let place = format!(
            "{} (chosen) and {} (rejected)",
            self.locate(chosen),
            self.locate(rejected)
        );
        if self.config.on_error == OnError::Fail {
            return Err(bad.fail(&place));
        }
        if self.rejects == Rejects::Keep {
            let mut w = JsonWriter::new(rejects);
            w.begin_object();
            w.key("path").str(self.inputs[chosen.input].input.name());
            w.key("byte").number(chosen.byte);
            w.key("rejected_path")
                .str(self.inputs[rejected.input].input.name());
            w.key("rejected_byte").number(rejected.byte);
            w.key("code").str(bad.code);
            w.key("error").str(&bad.message);
            w.end_object();
            rejects.push(b'\n');
        }
        Ok(())
    }

    /// `path:line`; the line is counted only now, when somebody has to be told.
    fn locate(&self, place: &Place) -> String {
        let input = &self.inputs[place.input];
        let name = input.input.name();
        let (mut line, mut at) = (1, 0);
        let mut piece = Vec::new();
        while at < place.byte {
            piece.clear();
            let length = (place.byte - at).min(1 << 20) as usize;
            let extent = Extent {
                input: place.input,
                byte: at,
                len: length,
            };
            if self.gatherer.read(extent, &mut piece).is_err() {
                break;
            }
            line += piece.split(|&byte| byte == b'\n').count() - 1;
            at += length as u64;
        }
        match &input.origins {
            Some(origins) => origins.locate(name, line as u64 - 1).to_string(),
            None => format!("{name}:{line}"),
        }
    }

    fn changed(&self, place: &Place) -> Error {
        let message = format!("{}: has changed while it was read", self.locate(place));
        Error::new(ErrorKind::Input, message)
    }
}

impl Paired {
    /// Takes back a pair that was selected and is none.
    fn withdraw(&mut self, reason: SkipReason, sides: [usize; 2]) {
        self.counts.withdraw(reason, 1);
        self.withdrawn.push((reason, sides));
    }
}
