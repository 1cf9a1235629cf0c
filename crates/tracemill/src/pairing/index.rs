//! The first step: what pairing needs to know of every candidate, in less than 80 bytes each.

use std::collections::HashMap;

use tracemill_io::Record;
use tracemill_model::{Trace, digest};
use tracemill_pairs::{CandidateFacts, CompletionFact, PromptMode, PromptScratch, ScoreValue};

use crate::error::{Error, ErrorKind};

/// One candidate: which group, where its record is, and the facts. Packed, because there is one for every trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    prompt: [u64; 2],
    completion: [u64; 2],
    byte: u64,
    /// NaN stands for none.
    score: f64,
    group: u32,
    input: u32,
    length: u32,
    trial: u32,
    /// Which of the traces of its record it is.
    which: u16,
    flags: u16,
}

const HAS_TRIAL: u16 = 1;
const UNIQUE: u16 = 2;
const EMPTY: u16 = 4;
const COMPARED: u16 = 8;

/// Where the record of a candidate is, and which of its traces it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) input: usize,
    pub(crate) byte: u64,
    pub(crate) length: usize,
    pub(crate) which: usize,
}

/// A candidate as a worker finds it: the digest of its group's key stands for the group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    group: u128,
    entry: Entry,
}

impl Found {
    /// The candidate of a trace; `None` if nothing says which group it belongs to.
    pub(crate) fn new(
        record: &Record<'_>,
        which: usize,
        trace: &Trace<'_>,
        score: Option<ScoreValue>,
        mode: PromptMode,
        scratch: &mut PromptScratch,
    ) -> Result<Option<Found>, Error> {
        let facts = mode.facts(trace, score, scratch);
        let group = match trace.group() {
            Some(group) => digest(group.key().as_json().as_str().as_bytes()),
            // Traces with the same prompt compete, whether somebody gave that a name or not.
            None if mode == PromptMode::Exact => facts.prompt(),
            None => return Ok(None),
        };
        let too_large = |what: &str| Error::new(ErrorKind::Limit, format!("{}: {what}", record.locator()));
        let entry = Entry {
            prompt: halves(facts.prompt()),
            completion: match facts.completion() {
                CompletionFact::Digest(digest) => halves(digest),
                _ => [0; 2],
            },
            byte: record.locator().byte(),
            score: score.map_or(f64::NAN, ScoreValue::get),
            group: 0,
            input: u32::try_from(record.input()).map_err(|_| too_large("more inputs than can be indexed"))?,
            length: u32::try_from(record.bytes().len())
                .map_err(|_| too_large("a record of 4 GiB or more cannot be paired"))?,
            // Trials only order equal scores; beyond 2^32 they are equal.
            trial: facts
                .trial()
                .map_or(0, |trial| u32::try_from(trial).unwrap_or(u32::MAX)),
            which: u16::try_from(which).map_err(|_| too_large("more than 65,535 traces in one record"))?,
            flags: flags(&facts),
        };
        Ok(Some(Found { group, entry }))
    }
}

fn flags(facts: &CandidateFacts) -> u16 {
    let trial = if facts.trial().is_some() { HAS_TRIAL } else { 0 };
    trial
        | match facts.completion() {
            CompletionFact::Unique => UNIQUE,
            CompletionFact::Empty => EMPTY,
            CompletionFact::Digest(_) => 0,
            _ => COMPARED,
        }
}

fn halves(digest: u128) -> [u64; 2] {
    [(digest >> 64) as u64, digest as u64]
}

fn joined([high, low]: [u64; 2]) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

impl Entry {
    pub(crate) fn place(&self) -> Place {
        Place {
            input: self.input as usize,
            byte: self.byte,
            length: self.length as usize,
            which: usize::from(self.which),
        }
    }

    pub(crate) fn facts(&self) -> CandidateFacts {
        let completion = match self.flags & (UNIQUE | EMPTY | COMPARED) {
            UNIQUE => CompletionFact::Unique,
            EMPTY => CompletionFact::Empty,
            COMPARED => CompletionFact::Compared,
            _ => CompletionFact::Digest(joined(self.completion)),
        };
        let trial = (self.flags & HAS_TRIAL != 0).then_some(u64::from(self.trial));
        CandidateFacts::new(
            ScoreValue::new(self.score).ok(),
            trial,
            joined(self.prompt),
            completion,
        )
    }
}

/// Entries in the order of the input, in pieces: growing copies nothing.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pieces: Vec<Vec<Entry>>,
    // Asked, never gone over: groups are numbered in the order of their first candidates.
    groups: HashMap<u128, u32>,
    sizes: Vec<u32>,
}

const PIECE: usize = 1 << 14;

impl Index {
    /// Adds a candidate; called in the order of the input.
    pub(crate) fn push(&mut self, found: Found, max_group: usize) -> Result<(), Error> {
        let next = self.sizes.len() as u32;
        let group = *self.groups.entry(found.group).or_insert(next);
        if group == next {
            self.sizes.push(0);
        }
        let size = &mut self.sizes[group as usize];
        *size += 1;
        if *size as usize > max_group {
            let message = format!("a group has more than {max_group} candidates; raise `--max-group`");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(Entry { group, ..found.entry });
        }
        Ok(())
    }

    /// The groups in the order of their first candidates.
    pub(crate) fn into_groups(self) -> Groups {
        let Index {
            pieces,
            groups,
            sizes,
        } = self;
        drop(groups);
        let mut ends: Vec<u32> = sizes
            .iter()
            .scan(0, |end, size| {
                let start = *end;
                *end += size;
                Some(start)
            })
            .collect();
        let mut order = vec![0; pieces.iter().map(Vec::len).sum()];
        for (number, entry) in (0u32..).zip(pieces.iter().flatten()) {
            let end = &mut ends[entry.group as usize];
            order[*end as usize] = number;
            *end += 1;
        }
        Groups { pieces, order, ends }
    }
}

/// The candidates by group: groups in the order of their first candidates, candidates in the order of the input.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pieces: Vec<Vec<Entry>>,
    order: Vec<u32>,
    /// Where the candidates of each group end in `order`.
    ends: Vec<u32>,
}

impl Groups {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn candidates(&self, group: usize) -> impl ExactSizeIterator<Item = &Entry> {
        let start = group
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        self.order[start..self.ends[group] as usize]
            .iter()
            .map(|&number| {
                let number = number as usize;
                &self.pieces[number / PIECE][number % PIECE]
            })
    }

    /// The size of a group's records in bytes.
    pub(crate) fn weight(&self, group: usize) -> usize {
        self.candidates(group).map(|entry| entry.length as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small_and_keeps_its_facts() {
        assert_eq!(size_of::<Entry>(), 72);
        for completion in [
            CompletionFact::Unique,
            CompletionFact::Empty,
            CompletionFact::Compared,
            CompletionFact::Digest(1 << 70),
        ] {
            for score in [None, ScoreValue::new(0.25).ok()] {
                let facts = CandidateFacts::new(score, Some(7), u128::MAX - 5, completion);
                let entry = Entry {
                    prompt: halves(facts.prompt()),
                    completion: halves(if completion == CompletionFact::Digest(1 << 70) {
                        1 << 70
                    } else {
                        0
                    }),
                    byte: 0,
                    score: score.map_or(f64::NAN, ScoreValue::get),
                    group: 0,
                    input: 0,
                    length: 0,
                    trial: 7,
                    which: 0,
                    flags: flags(&facts),
                };
                assert_eq!(entry.facts(), facts);
            }
        }
    }

    #[test]
    fn groups_come_in_the_order_of_their_first_candidates() {
        let mut index = Index::default();
        for (byte, group) in [9u128, 4, 9, 7, 4, 9].into_iter().enumerate() {
            let entry = Entry {
                prompt: [0; 2],
                completion: [0; 2],
                byte: byte as u64,
                score: 0.0,
                group: 0,
                input: 0,
                length: 1,
                trial: 0,
                which: 0,
                flags: UNIQUE,
            };
            index.push(Found { group, entry }, 10).unwrap();
        }
        let groups = index.into_groups();
        let bytes = |group| {
            groups
                .candidates(group)
                .map(|entry| entry.byte)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (groups.len(), bytes(0), bytes(1), bytes(2)),
            (3, vec![0, 2, 5], vec![1, 4], vec![3])
        );
    }
}
