//! Between index and groups: which candidates are paired, in which order, and on which side of a split.

use tracemill_curate::{Candidate, Choosing};
use tracemill_io::{GroupIndex, Groups, TemporaryFiles};

use super::Pairing;
use super::index::{Entry, Found};
use crate::error::Error;
use crate::ledger::Ledger;

/// The index of candidates, which may have to be chosen among first.
pub(super) struct Index<'c> {
    groups: GroupIndex<Entry>,
    held: Option<Held<'c>>,
}

/// Candidates that are not indexed before all of them are known: 128 bytes each, in memory.
struct Held<'c> {
    choosing: &'c Choosing,
    found: Vec<Found>,
    facts: Vec<Candidate>,
}

impl<'c> Index<'c> {
    pub(super) fn new(pairing: &Pairing, choosing: Option<&'c Choosing>) -> Self {
        Index {
            groups: GroupIndex::new(pairing.memory, TemporaryFiles::new()),
            held: choosing.map(|choosing| Held {
                choosing,
                found: Vec::new(),
                facts: Vec::new(),
            }),
        }
    }

    /// Adds candidates; `facts` of all of them, if there is something to choose.
    pub(super) fn push(&mut self, found: &[Found], facts: &[Candidate]) -> Result<(), Error> {
        if let Some(held) = &mut self.held {
            held.found.extend_from_slice(found);
            held.facts.extend_from_slice(facts);
            return Ok(());
        }
        self.groups.expect(found.iter().map(|found| found.group));
        for found in found {
            self.groups.push(found.group, &found.entry)?;
        }
        Ok(())
    }

    /// The groups of the candidates that stay, in the order that was chosen.
    pub(super) fn finish(mut self, ledger: &mut Ledger) -> Result<Groups<Entry>, Error> {
        if let Some(held) = self.held.take() {
            let chosen = held.choosing.choose(&held.facts).map_err(Error::config)?;
            for (code, dropped) in chosen.dropped() {
                ledger.traces.filtered.add_many(code, dropped);
            }
            for &index in chosen.order() {
                let found = &held.found[index as usize];
                let side = chosen.side(index) as u8;
                self.groups.push(found.group, &found.entry.on_side(side))?;
            }
        }
        Ok(self.groups.finish()?)
    }
}
