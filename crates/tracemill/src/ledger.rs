//! The account of a run: every record, trace and example, by what became of it.

use std::fmt;

use tracemill_curate::Distribution;
use tracemill_formats::{Columns, Loss, Losses, Omission};
use tracemill_model::JsonWriter;

use crate::adjust::Joined;
use crate::screening::Screened;

/// How often each of some stable codes was met, in the order of the codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<(&'static str, u64)>);

impl Counts {
    /// Counts one more of `code`.
    pub fn add(&mut self, code: &'static str) {
        self.add_many(code, 1);
    }

    /// Counts `many` more of `code`; none is noted too, so that a report can say that it was looked for.
    pub fn add_many(&mut self, code: &'static str, many: u64) {
        match self.0.binary_search_by_key(&code, |&(known, _)| known) {
            Ok(at) => self.0[at].1 += many,
            Err(at) => self.0.insert(at, (code, many)),
        }
    }

    /// The number met of `code`.
    pub fn get(&self, code: &str) -> u64 {
        self.0
            .iter()
            .find(|(known, _)| *known == code)
            .map_or(0, |&(_, count)| count)
    }

    /// The sum over all codes.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|&(_, count)| count).sum()
    }

    /// Whether nothing was met.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The codes with their counts, in the order of the codes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }

    pub(crate) fn merge(&mut self, other: &Counts) {
        for (code, count) in other.iter() {
            self.add_many(code, count);
        }
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        for (code, count) in self.iter() {
            w.key(code).number(count);
        }
        w.end_object();
    }
}

/// Lists the codes with their counts: `` 3 `syntax`, 1 `utf-8` ``.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (code, count)) in self.iter().filter(|&(_, count)| count > 0).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} `{code}`")?;
        }
        Ok(())
    }
}

/// What became of the records of the inputs: `read = decoded + superseded + skipped + rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordCounts {
    /// All of them.
    pub read: u64,
    /// Those that were understood.
    pub decoded: u64,
    /// Those whose conversation another record continues.
    pub superseded: u64,
    /// Those that hold no trace, by the source's code.
    pub skipped: Counts,
    /// Those that could not be read, by code.
    pub rejected: Counts,
}

/// What became of the traces: `read = used + filtered + rejected + unused`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceCounts {
    /// All of them.
    pub read: u64,
    /// Those that made an example.
    pub used: u64,
    /// Those that a filter took out, by filter.
    pub filtered: Counts,
    /// Those that the format refused, by code.
    pub rejected: Counts,
    /// Those that made no example, by reason.
    pub unused: Counts,
}

/// What became of the groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupCounts {
    /// All of them.
    pub read: u64,
    /// Those of which a pair was written.
    pub paired: u64,
}

/// What became of the possible pairs: `possible = written + skipped`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairTotals {
    /// Every two candidates of one group.
    pub possible: u64,
    /// Those that were written.
    pub written: u64,
    /// Those that were not, by reason.
    pub skipped: Counts,
}

/// One input: how it was read and what it held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputEntry {
    /// The path as given, `-` for standard input.
    pub path: String,
    /// The name of the source.
    pub source: String,
    /// What it was detected by; `None` if it was named.
    pub evidence: Option<String>,
    /// Its records.
    pub records: u64,
    /// Its bytes, before decompression.
    pub bytes: u64,
}

/// One output that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputEntry {
    /// The path as given, `-` for standard output.
    pub path: String,
    /// Its records.
    pub records: u64,
    /// Its bytes, after compression.
    pub bytes: u64,
    /// The SHA-256 of its bytes, where it was asked for.
    pub sha256: Option<String>,
}

/// The account of a run.
///
/// Each stage balances alone, which [`balances`](Ledger::balances) checks. Written as JSON it is the same for the same
/// input and options: it holds no time of day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// What became of the records.
    pub records: RecordCounts,
    /// What became of the traces.
    pub traces: TraceCounts,
    /// What sources counted inside of records, by code: parts that are no trace, and readings to know of.
    pub notes: Counts,
    /// What became of the groups, where traces were paired.
    pub groups: GroupCounts,
    /// What became of the possible pairs, where traces were paired.
    pub pairs: PairTotals,
    /// What options changed in traces before they were encoded, by option.
    pub adjusted: Counts,
    /// What was found in texts, where they were screened.
    pub screened: Option<Screened>,
    /// How many examples were written.
    pub examples: u64,
    /// How many tokens they have, where they are conversations and somebody asked.
    pub tokens: Option<Distribution>,
    /// Training content that was lost, by code: allowed, or the run would have failed.
    pub losses: Counts,
    /// What was left out that is no training content: the number of examples it was missing from.
    pub omitted: Counts,
    /// The columns that some records have and others need not: what companion files are made from.
    pub columns: Columns,
    /// The inputs, in order.
    pub inputs: Vec<InputEntry>,
    /// The outputs that are complete.
    pub outputs: Vec<OutputEntry>,
    /// How many of the outputs, from the first on, are sides of a split.
    pub sides: usize,
    /// Which scores from elsewhere found a trace, until all are counted.
    pub(crate) joined: Joined,
}

impl Ledger {
    /// Whether every stage adds up.
    pub fn balances(&self) -> bool {
        let records = &self.records;
        let traces = &self.traces;
        records.read
            == records.decoded + records.superseded + records.skipped.total() + records.rejected.total()
            && traces.read
                == traces.used + traces.filtered.total() + traces.rejected.total() + traces.unused.total()
    }

    /// The number of records, traces and pairs that were rejected.
    pub fn rejected(&self) -> u64 {
        self.records.rejected.total() + self.traces.rejected.total() + self.pairs.skipped.get("refused")
    }

    /// Adds the account of one block, or of one part of a run.
    pub(crate) fn merge(&mut self, other: &Ledger) {
        self.records.read += other.records.read;
        self.records.decoded += other.records.decoded;
        self.records.superseded += other.records.superseded;
        self.records.skipped.merge(&other.records.skipped);
        self.records.rejected.merge(&other.records.rejected);
        self.traces.read += other.traces.read;
        self.traces.used += other.traces.used;
        self.traces.filtered.merge(&other.traces.filtered);
        self.traces.rejected.merge(&other.traces.rejected);
        self.traces.unused.merge(&other.traces.unused);
        self.notes.merge(&other.notes);
        self.columns |= other.columns;
        self.groups.read += other.groups.read;
        self.groups.paired += other.groups.paired;
        self.pairs.possible += other.pairs.possible;
        self.pairs.written += other.pairs.written;
        self.pairs.skipped.merge(&other.pairs.skipped);
        self.adjusted.merge(&other.adjusted);
        self.joined.merge(&other.joined);
        if let Some(other) = &other.screened {
            self.screened.get_or_insert_default().merge(other);
        }
        self.examples += other.examples;
        if let Some(other) = &other.tokens {
            self.tokens.get_or_insert_default().merge(other);
        }
        self.losses.merge(&other.losses);
        self.omitted.merge(&other.omitted);
    }

    /// Appends the ledger as JSON. `command` and `options` say what was run: the options as they took effect.
    pub fn write_json(&self, command: &str, options: &[(&str, String)], out: &mut Vec<u8>) {
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("tracemill").str(env!("CARGO_PKG_VERSION"));
        w.key("command").str(command);
        w.key("options").begin_object();
        for (name, value) in options {
            w.text_key(&(*name).into()).str(value);
        }
        w.end_object();
        self.write_stages(&mut w);
        self.write_files(&mut w);
        w.end_object();
        out.push(b'\n');
    }

    fn write_stages(&self, w: &mut JsonWriter<'_>) {
        w.key("records").begin_object();
        w.key("read").number(self.records.read);
        w.key("decoded").number(self.records.decoded);
        w.key("superseded").number(self.records.superseded);
        self.records.skipped.write(w.key("skipped"));
        self.records.rejected.write(w.key("rejected"));
        w.end_object();
        w.key("traces").begin_object();
        w.key("read").number(self.traces.read);
        w.key("used").number(self.traces.used);
        self.traces.filtered.write(w.key("filtered"));
        self.traces.rejected.write(w.key("rejected"));
        self.traces.unused.write(w.key("unused"));
        w.end_object();
        self.notes.write(w.key("notes"));
        w.key("groups").begin_object();
        w.key("read").number(self.groups.read);
        w.key("paired").number(self.groups.paired);
        w.end_object();
        w.key("pairs").begin_object();
        w.key("possible").number(self.pairs.possible);
        w.key("written").number(self.pairs.written);
        self.pairs.skipped.write(w.key("skipped"));
        w.end_object();
        self.adjusted.write(w.key("adjusted"));
        if let Some(screened) = &self.screened {
            screened.write(w.key("screened"));
        }
        w.key("examples").begin_object();
        w.key("written").number(self.examples);
        if let Some(tokens) = &self.tokens {
            w.key("tokens").begin_object();
            w.key("total").number(tokens.sum());
            w.key("longest").number(tokens.max().unwrap_or(0));
            w.end_object();
        }
        w.end_object();
        self.losses.write(w.key("losses"));
        self.omitted.write(w.key("omitted"));
    }

    fn write_files(&self, w: &mut JsonWriter<'_>) {
        w.key("inputs").begin_array();
        for input in &self.inputs {
            w.begin_object();
            w.key("path").str(&input.path);
            w.key("source").str(&input.source);
            if let Some(evidence) = &input.evidence {
                w.key("detected_by").str(evidence);
            }
            w.key("records").number(input.records);
            w.key("bytes").number(input.bytes);
            w.end_object();
        }
        w.end_array();
        w.key("outputs").begin_array();
        for output in &self.outputs {
            w.begin_object();
            w.key("path").str(&output.path);
            w.key("records").number(output.records);
            w.key("bytes").number(output.bytes);
            if let Some(sha256) = &output.sha256 {
                w.key("sha256").str(sha256);
            }
            w.end_object();
        }
        w.end_array();
    }
}

/// Losses and omissions of one block, in arrays: they are counted for every example.
#[derive(Clone, Debug)]
pub(crate) struct LossTally {
    losses: [u64; Loss::ALL.len()],
    omitted: [u64; Omission::ALL.len()],
}

// By hand: arrays of more than 32 elements have no default.
impl Default for LossTally {
    fn default() -> Self {
        LossTally {
            losses: [0; Loss::ALL.len()],
            omitted: [0; Omission::ALL.len()],
        }
    }
}

impl LossTally {
    /// Adds what one example lost.
    pub(crate) fn add(&mut self, losses: &Losses) {
        for omission in losses.omitted() {
            self.omitted[omission as usize] += 1;
        }
        if losses.is_empty() {
            return;
        }
        for (loss, count, _) in losses.iter() {
            self.losses[loss as usize] += u64::from(count);
        }
    }

    /// Moves everything counted into a ledger.
    pub(crate) fn drain_into(&mut self, ledger: &mut Ledger) {
        for (loss, count) in Loss::ALL
            .iter()
            .zip(&mut self.losses)
            .filter(|(_, count)| **count > 0)
        {
            ledger.losses.add_many(loss.code(), std::mem::take(count));
        }
        for (omission, count) in Omission::ALL
            .iter()
            .zip(&mut self.omitted)
            .filter(|(_, count)| **count > 0)
        {
            ledger.omitted.add_many(omission.code(), std::mem::take(count));
        }
    }
}
