//! The first step: what pairing needs to know of every candidate, in 64 bytes each.

use tracemill_io::{Extent, IndexEntry, Record};
use tracemill_model::{Trace, digest};
use tracemill_pairs::{CandidateFacts, CompletionFact, PromptMode, PromptScratch, ScoreValue};

use crate::error::{Error, ErrorKind};

/// One candidate: which group, where its record is, and the facts. Packed, because there is one for every trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    prompt: u128,
    completion: u128,
    byte: u64,
    /// NaN stands for none.
    score: f64,
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
/// The side of a split is in the upper half of the flags.
const SIDE: u32 = 8;

/// Where the record of a candidate is, and which of its traces it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) input: usize,
    pub(crate) byte: u64,
    pub(crate) length: usize,
    pub(crate) which: usize,
}

impl Place {
    /// The bytes of the record, for the gatherer, which numbers inputs as the run does.
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            input: self.input,
            byte: self.byte,
            len: self.length,
        }
    }
}

/// A candidate as a worker finds it: the digest of its group's key stands for the group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) group: u128,
    pub(crate) entry: Entry,
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
            prompt: facts.prompt(),
            completion: match facts.completion() {
                CompletionFact::Digest(digest) => digest,
                _ => 0,
            },
            byte: record.locator().byte(),
            score: score.map_or(f64::NAN, ScoreValue::get),
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

impl Entry {
    /// The same, on a side of a split.
    pub(crate) fn on_side(mut self, side: u8) -> Self {
        self.flags |= u16::from(side) << SIDE;
        self
    }

    /// The side of a split; 0 without.
    pub(crate) fn side(&self) -> usize {
        usize::from(self.flags >> SIDE)
    }

    /// Where it stands in the input: as a key to sort by.
    pub(crate) fn position(&self) -> (u32, u64, u16) {
        (self.input, self.byte, self.which)
    }

    /// Whether another candidate is of the same record.
    pub(crate) fn same_record(&self, other: &Entry) -> bool {
        (self.input, self.byte) == (other.input, other.byte)
    }

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
            _ => CompletionFact::Digest(self.completion),
        };
        let trial = (self.flags & HAS_TRIAL != 0).then_some(u64::from(self.trial));
        CandidateFacts::new(ScoreValue::new(self.score).ok(), trial, self.prompt, completion)
    }
}

impl IndexEntry for Entry {
    const SIZE: usize = 64;

    fn write_to(&self, bytes: &mut [u8]) {
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&self.prompt.to_le_bytes());
        put(&self.completion.to_le_bytes());
        put(&self.byte.to_le_bytes());
        put(&self.score.to_le_bytes());
        put(&self.input.to_le_bytes());
        put(&self.length.to_le_bytes());
        put(&self.trial.to_le_bytes());
        put(&self.which.to_le_bytes());
        put(&self.flags.to_le_bytes());
    }

    fn read_from(bytes: &[u8]) -> Self {
        Entry {
            prompt: u128::from_le_bytes(field(bytes, 0)),
            completion: u128::from_le_bytes(field(bytes, 16)),
            byte: u64::from_le_bytes(field(bytes, 32)),
            score: f64::from_le_bytes(field(bytes, 40)),
            input: u32::from_le_bytes(field(bytes, 48)),
            length: u32::from_le_bytes(field(bytes, 52)),
            trial: u32::from_le_bytes(field(bytes, 56)),
            which: u16::from_le_bytes(field(bytes, 60)),
            flags: u16::from_le_bytes(field(bytes, 62)),
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small_and_keeps_its_facts() {
        for completion in [
            CompletionFact::Unique,
            CompletionFact::Empty,
            CompletionFact::Compared,
            CompletionFact::Digest(1 << 70),
        ] {
            for score in [None, ScoreValue::new(0.25).ok()] {
                let facts = CandidateFacts::new(score, Some(7), u128::MAX - 5, completion);
                let entry = Entry {
                    prompt: facts.prompt(),
                    completion: if completion == CompletionFact::Digest(1 << 70) {
                        1 << 70
                    } else {
                        0
                    },
                    byte: 0,
                    score: score.map_or(f64::NAN, ScoreValue::get),
                    input: 0,
                    length: 0,
                    trial: 7,
                    which: 0,
                    flags: flags(&facts),
                }
                .on_side(63);
                assert_eq!((entry.facts(), entry.side()), (facts, 63));
                let mut bytes = [0xff; Entry::SIZE];
                entry.write_to(&mut bytes);
                assert_eq!(Entry::read_from(&bytes).facts(), facts);
                assert_eq!(Entry::read_from(&bytes).place(), entry.place());
            }
        }
    }
}
