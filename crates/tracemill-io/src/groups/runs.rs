//! Sorted records on disk, and their merging.

use crate::budget::{MemoryBudget, TemporaryFiles};
use crate::error::Error;
use crate::positional::PositionalFile;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;

/// The longest key by which records are sorted.
pub(super) const MAX_KEY: usize = 24;

/// What records are sorted by: their first bytes, and zeroes where these are fewer.
type SortKey = [u8; MAX_KEY];

/// Runs of sorted records, one behind the other in one temporary file.
pub(super) struct Runs {
    file: BufWriter<File>,
    name: String,
    record: usize,
    /// Where each run lies, in records.
    bounds: Vec<Range<u64>>,
    written: u64,
}

impl Runs {
    pub(super) fn create(record: usize, files: &TemporaryFiles) -> Result<Self, Error> {
        Ok(Runs {
            file: BufWriter::with_capacity(256 << 10, files.create()?),
            name: files.name(),
            record,
            bounds: Vec::new(),
            written: 0,
        })
    }

    /// The records in it.
    pub(super) fn len(&self) -> u64 {
        self.written
    }

    /// Writes the next record of the run that is being written.
    pub(super) fn write(&mut self, record: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(record)
            .map_err(|source| Error::writing(&self.name, source))?;
        self.written += 1;
        Ok(())
    }

    /// Ends a run; what is written next begins another one.
    pub(super) fn end_run(&mut self) {
        let start = self.bounds.last().map_or(0, |run| run.end);
        self.bounds.push(start..self.written);
    }

    /// Merges the runs by the first `key` bytes of their records.
    pub(super) fn merge(self, key: usize, budget: MemoryBudget) -> Result<Merge, Error> {
        let Runs {
            file,
            name,
            record,
            bounds,
            ..
        } = self;
        let file = file
            .into_inner()
            .map_err(|error| Error::writing(&name, error.into_error()))?;
        let share = budget.bytes() / bounds.len().max(1);
        let file = RecordFile {
            file: PositionalFile::new(file),
            name,
            record,
            buffered: (share.min(MAX_BUFFER) / record).max(1),
        };
        let mut merge = Merge {
            heads: BinaryHeap::with_capacity(bounds.len()),
            cursors: bounds.iter().cloned().map(Cursor::new).collect(),
            bounds,
            file,
            key,
        };
        merge.rewind()?;
        Ok(merge)
    }
}

/// Reading more at a time is no faster.
const MAX_BUFFER: usize = 1 << 20;

struct RecordFile {
    file: PositionalFile,
    name: String,
    record: usize,
    /// How many records are read at a time.
    buffered: usize,
}

/// Where the merging stands in one run.
struct Cursor {
    /// The records that are not in the buffer yet.
    rest: Range<u64>,
    buffer: Vec<u8>,
    /// The offset of the current record in the buffer.
    at: usize,
}

impl Cursor {
    fn new(rest: Range<u64>) -> Self {
        Cursor {
            rest,
            buffer: Vec::new(),
            at: 0,
        }
    }

    fn reset(&mut self, rest: Range<u64>) {
        self.rest = rest;
        self.buffer.clear();
        self.at = 0;
    }

    /// Reads on if the buffer is used up; whether there is a current record.
    fn fill(&mut self, file: &RecordFile) -> Result<bool, Error> {
        if self.at < self.buffer.len() {
            return Ok(true);
        }
        let count = (self.rest.end - self.rest.start).min(file.buffered as u64);
        self.at = 0;
        self.buffer.resize(count as usize * file.record, 0);
        file.file
            .read_exact_at(&mut self.buffer, self.rest.start * file.record as u64)
            .map_err(|source| Error::reading(&file.name, source))?;
        self.rest.start += count;
        Ok(count > 0)
    }
}

/// The records of all runs, in the order of their keys.
pub(super) struct Merge {
    /// The key of the current record of each run that is not used up, smallest first.
    heads: BinaryHeap<Reverse<(SortKey, usize)>>,
    cursors: Vec<Cursor>,
    bounds: Vec<Range<u64>>,
    file: RecordFile,
    key: usize,
}

impl Merge {
    /// Begins again with the first record.
    pub(super) fn rewind(&mut self) -> Result<(), Error> {
        self.heads.clear();
        for run in 0..self.cursors.len() {
            self.cursors[run].reset(self.bounds[run].clone());
            self.enter(run)?;
        }
        Ok(())
    }

    /// The record that comes next.
    pub(super) fn peek(&self) -> Option<&[u8]> {
        let Reverse((_, run)) = self.heads.peek()?;
        let cursor = &self.cursors[*run];
        cursor.buffer.get(cursor.at..cursor.at + self.file.record)
    }

    /// Goes on to the record behind it.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        let Some(Reverse((_, run))) = self.heads.pop() else {
            return Ok(());
        };
        self.cursors[run].at += self.file.record;
        self.enter(run)
    }

    /// Lets the current record of a run compete, if there is one.
    fn enter(&mut self, run: usize) -> Result<(), Error> {
        let cursor = &mut self.cursors[run];
        if cursor.fill(&self.file)? {
            let mut key = [0; MAX_KEY];
            key[..self.key].copy_from_slice(&cursor.buffer[cursor.at..cursor.at + self.key]);
            self.heads.push(Reverse((key, run)));
        }
        Ok(())
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge")
            .field("runs", &self.cursors.len())
            .finish_non_exhaustive()
    }
}
