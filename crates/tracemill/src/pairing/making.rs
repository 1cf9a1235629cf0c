//! From chosen candidates to records.

use tracemill_formats::{Loss, Scratch};
use tracemill_io::Extent;
use tracemill_model::{Example, JsonWriter};
use tracemill_pairs::{ScoredPair, SkipReason, TracePair, TraceSides};

use super::account::{Paired, Piece};
use super::groups::{Choice, GroupWork, GroupsDone, Later, Members};
use super::index::Place;
use crate::error::{Error, ErrorKind};
use crate::policy::OnError;
use crate::work::{Bad, Rejects, refuse_losses};

impl GroupWork<'_> {
    /// Encodes what was chosen of a group.
    pub(crate) fn make(
        &self,
        choice: &Choice,
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        match choice {
            Choice::Pairs(pairs) => {
                // A single pair has nothing twice.
                if pairs.len() > 1 {
                    done.buffers.encoding.hold_traces();
                }
                paired.pieces.reserve_exact(pairs.len());
                let mut buffer = std::mem::take(&mut done.buffers.sides);
                let sides = self.pairing.prompt.sides(members.traces, &mut buffer);
                let mut sides = sides.with_facts(&done.buffers.facts);
                let mut pairs = pairs.iter();
                let made = pairs.try_for_each(|pair| self.pair(pair, &mut sides, members, paired, done));
                done.buffers.sides = buffer;
                done.buffers.encoding.release_traces();
                made
            }
            Choice::Lists(lists) => self.lists(lists, members, paired, done),
        }
    }

    fn pair(
        &self,
        pair: &ScoredPair,
        sides: &mut TraceSides<'_, '_>,
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let (chosen, rejected) = (pair.chosen(), pair.rejected());
        if members.trace(chosen).is_none() || members.trace(rejected).is_none() {
            return Err(self.changed(&members.places[chosen]));
        }
        match sides.pair(chosen, rejected, &mut done.buffers.prompts) {
            Ok(made) => self.encode(&made, pair, members, paired, done),
            Err(reason) => {
                paired.withdraw(reason, [chosen, rejected]);
                Ok(())
            }
        }
    }

    fn encode(
        &self,
        made: &TracePair<'_>,
        scored: &ScoredPair,
        members: &Members<'_>,
        paired: &mut Paired,
        done: &mut GroupsDone,
    ) -> Result<(), Error> {
        let start = done.bytes.len();
        let example = Example::Preference(made.preference(scored));
        let scratch = &mut done.buffers.encoding;
        if let Err(bad) = self.append(&example, made.prompts_differ(), scratch, &mut done.bytes) {
            done.bytes.truncate(start);
            paired.refused += 1;
            return self.reject(
                members,
                [scored.chosen(), scored.rejected()],
                &bad,
                &mut done.rejects,
            );
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

    /// Appends one record, unless the format or the policy refuses it.
    pub(crate) fn append(
        &self,
        example: &Example<'_>,
        prompts_differ: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Bad> {
        scratch.clear();
        if prompts_differ {
            scratch.lose(Loss::PromptDiffers, 0);
        }
        self.config
            .encoder
            .encode(example, scratch, out)
            .map_err(|error| Bad::encode(&error))?;
        refuse_losses(self.config, &scratch.losses)?;
        out.push(b'\n');
        Ok(())
    }

    /// Fails the run, or notes the pair and lets it go on.
    fn reject(
        &self,
        members: &Members<'_>,
        [chosen, rejected]: [usize; 2],
        bad: &Bad,
        rejects: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.config.on_error == OnError::Fail {
            let place = format!(
                "{} (chosen) and {} (rejected)",
                self.locate(members, chosen),
                self.locate(members, rejected)
            );
            return Err(bad.fail(&place));
        }
        let places = [chosen, rejected].map(|member| &members.places[member]);
        self.note_reject(places[0], Some(places[1]), bad, rejects);
        Ok(())
    }

    /// Writes a line of the reject file, if there is one.
    pub(crate) fn note_reject(&self, place: &Place, rejected: Option<&Place>, bad: &Bad, out: &mut Vec<u8>) {
        if self.rejects != Rejects::Keep {
            return;
        }
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("path").str(self.inputs[place.input].input.name());
        w.key("byte").number(place.byte);
        if let Some(rejected) = rejected {
            w.key("rejected_path")
                .str(self.inputs[rejected.input].input.name());
            w.key("rejected_byte").number(rejected.byte);
        }
        w.key("code").str(bad.code);
        w.key("error").str(&bad.message);
        w.end_object();
        out.push(b'\n');
    }

    /// `path:line`; unless it is known, the line is counted only now, when somebody has to be told.
    pub(crate) fn locate(&self, members: &Members<'_>, member: usize) -> String {
        let place = &members.places[member];
        match members.lines {
            Some(lines) => self.name(place.input, lines[member]),
            None => self.count_lines(place),
        }
    }

    fn count_lines(&self, place: &Place) -> String {
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
            let read = self.gatherer.map(|gatherer| gatherer.read(extent, &mut piece));
            if !matches!(read, Some(Ok(()))) {
                break;
            }
            line += piece.split(|&byte| byte == b'\n').count() - 1;
            at += length as u64;
        }
        self.name(place.input, line as u64)
    }

    /// A line of an input, or what stood there before traces were put together.
    fn name(&self, input: usize, line: u64) -> String {
        let input = &self.inputs[input];
        let name = input.input.name();
        match &input.origins {
            Some(origins) => origins.locate(name, line - 1).to_string(),
            None => format!("{name}:{line}"),
        }
    }

    pub(crate) fn changed(&self, place: &Place) -> Error {
        let message = format!("{}: has changed while it was read", self.count_lines(place));
        Error::new(ErrorKind::Input, message)
    }
}

impl Paired {
    /// Takes back a pair that was selected and is none.
    pub(crate) fn withdraw(&mut self, reason: SkipReason, sides: [usize; 2]) {
        self.counts.withdraw(reason, 1);
        self.withdrawn.push((reason, sides));
    }
}
