//! The first step: every record divided into pieces, and these indexed by the key of their trace.

use tracemill_io::{GroupIndex, Record, Spool};
use tracemill_model::Digester;
use tracemill_sources::{PieceKey, Pieces};

use super::entry::{Entry, Origin, SPOOL};
use crate::error::{Error, ErrorKind};
use crate::ledger::Ledger;
use crate::mill::Mill;
use crate::run::Open;
use crate::work::{Bad, Done, Numbered, Place, Work};

/// What comes of dividing all records.
#[derive(Debug)]
pub(crate) struct Divided {
    pub(crate) index: GroupIndex<Entry>,
    /// The pieces that are not where they can be read again.
    pub(crate) spool: Spool,
    /// The number that the gatherer gave to each input of which it can read ranges.
    pub(crate) places: Vec<Option<usize>>,
    /// Of each input, the place of the first record that was rejected.
    pub(crate) gaps: Vec<Option<String>>,
}

/// What comes of dividing a block.
#[derive(Debug, Default)]
struct Part {
    done: Done,
    found: Vec<(u128, Entry)>,
    /// The pieces that go to the spool; their entries count from the beginning of this.
    copied: Vec<u8>,
    gaps: Vec<(usize, String)>,
}

impl Mill {
    pub(super) fn divide(
        &self,
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
        divided: &mut Divided,
    ) -> Result<(), Error> {
        let planned = work.inputs;
        let which: Vec<usize> = (0..planned.len())
            .filter(|&input| planned[input].source.assembles())
            .collect();
        let inputs = which.iter().map(|&input| &planned[input]);
        let places = divided.places.clone();
        let step = Step {
            work,
            places: &places,
            which: &which,
        };
        let watch = open.watch;
        self.blocks(
            inputs,
            watch,
            |numbered: &Numbered, part: &mut Part| step.block(numbered, part),
            |part: &mut Part| {
                open.take_over(&mut part.done, ledger)?;
                let base = divided.spool.append(&part.copied)?;
                for (key, mut entry) in part.found.drain(..) {
                    if entry.keeper == SPOOL {
                        entry.byte += base;
                    }
                    divided.index.push(key, &entry)?;
                }
                for (input, place) in part.gaps.drain(..) {
                    divided.gaps[input].get_or_insert(place);
                }
                part.done.failure.take().map_or(Ok(()), Err)
            },
        )
    }
}

struct Step<'s> {
    work: &'s Work<'s>,
    places: &'s [Option<usize>],
    /// The inputs that are read, by their number among all.
    which: &'s [usize],
}

impl Step<'_> {
    fn block(&self, numbered: &Numbered, part: &mut Part) {
        part.done.clear();
        part.found.clear();
        part.copied.clear();
        part.gaps.clear();
        let mut pieces = Pieces::new();
        for record in numbered.block.records() {
            let input = self.which[record.input()];
            part.done.ledger.records.read += 1;
            part.done.count_input(input);
            pieces.clear();
            let result = match self.divide(input, &record, &mut pieces) {
                Ok(()) => self.take(input, &record, &pieces, part),
                Err(bad) => {
                    part.done.ledger.records.rejected.add(bad.code);
                    part.gaps.push((input, record.locator().to_string()));
                    self.work.reject(Place::of(&record), &bad, &mut part.done)
                }
            };
            if let Err(error) = result {
                part.done.failure = Some(error);
                break;
            }
        }
    }

    fn divide<'r>(&self, input: usize, record: &Record<'r>, pieces: &mut Pieces<'r>) -> Result<(), Bad> {
        let text = record
            .text()
            .map_err(|error| Bad::new(error.code(), error.to_string()))?;
        let planned = &self.work.inputs[input];
        let divided = planned.source.pieces(&planned.context, text, pieces);
        divided.map_err(|error| Bad::new(error.kind().code(), error.to_string()))
    }

    fn take(
        &self,
        input: usize,
        record: &Record<'_>,
        pieces: &Pieces<'_>,
        part: &mut Part,
    ) -> Result<(), Error> {
        for &(code, count) in pieces.notes() {
            part.done.ledger.notes.add_many(code, count);
        }
        if let Some(code) = pieces.skipped() {
            part.done.ledger.records.skipped.add(code);
            return Ok(());
        }
        part.done.ledger.records.decoded += 1;
        let locator = record.locator();
        let too_large = |what: &str| Error::new(ErrorKind::Limit, format!("{locator}: {what}"));
        let origin = Origin {
            input: u32::try_from(input).map_err(|_| too_large("more inputs than can be indexed"))?,
            line: locator.line_number(),
            byte: locator.byte(),
            index: locator.index(),
        };
        for piece in pieces.list() {
            let text = piece.text();
            let kept = self.places[input].filter(|_| piece.is_borrowed());
            let inside = kept.and_then(|keeper| Some((keeper, offset_in(record.bytes(), text)?)));
            let (keeper, byte) = if let Some((keeper, offset)) = inside {
                (keeper as u32, locator.byte() + offset)
            } else {
                let byte = part.copied.len() as u64;
                part.copied.extend_from_slice(text.as_bytes());
                (SPOOL, byte)
            };
            let entry = Entry {
                byte,
                length: u32::try_from(text.len())
                    .map_err(|_| too_large("a piece of a trace has 4 GiB or more"))?,
                keeper,
                origin,
            };
            let source = self.work.inputs[input].source.name();
            part.found.push((group(source, input, piece.key()), entry));
        }
        Ok(())
    }
}

/// Where `text` begins in the record that it is a part of.
fn offset_in(record: &[u8], text: &str) -> Option<u64> {
    let offset = (text.as_ptr() as usize).checked_sub(record.as_ptr() as usize)?;
    (offset + text.len() <= record.len()).then_some(offset as u64)
}

/// The key of a trace among those of all sources and inputs.
fn group(source: &str, input: usize, key: PieceKey) -> u128 {
    let mut digester = Digester::new();
    digester.field(b's', source.as_bytes());
    match key {
        PieceKey::Digest(digest) => digester.field(b'k', &digest.to_le_bytes()),
        _ => digester.field(b'i', &(input as u64).to_le_bytes()),
    }
    digester.finish()
}
