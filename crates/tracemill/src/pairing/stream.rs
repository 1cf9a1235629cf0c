//! Pairing input that comes group by group: read once, in parallel, and no more than a group is held.
//!
//! A worker pairs the groups that begin and end inside of its block. The first and the last of a block may go on in its
//! neighbours: their records are handed on, and paired where blocks come back in order.

use std::collections::BTreeSet;

use tracemill_io::Record;
use tracemill_model::Trace;
use tracemill_pairs::{PromptScratch, Sampler, ScoreValue, SeenPairs};
use tracemill_sources::{Batch, Texts};

use super::account::{Account, Choice};
use super::groups::{GroupWork, GroupsDone, Later, Members};
use super::index::{Entry, Found, Place};
use super::run::{nothing, too_large};
use super::{Duplicates, Pairing};
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::Mill;
use crate::run::Open;
use crate::work::{Done, Numbered, Work};

/// What came of a block.
#[derive(Debug, Default)]
struct Streamed {
    done: Done,
    groups: GroupsDone,
    parts: Vec<Part>,
    prompts: PromptScratch,
}

/// Candidates of one group that stand together in a block.
#[derive(Debug)]
struct Part {
    key: u128,
    /// Its key as people know it, and where its first candidate is: for messages.
    name: Option<String>,
    input: usize,
    line: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The whole group, paired: its number among those of the block.
    Paired(usize),
    /// Records of a group that may begin before the block or end behind it.
    Records(Records),
}

/// Candidates with their records, on their own.
#[derive(Debug, Default)]
struct Records {
    entries: Vec<Entry>,
    lines: Vec<u64>,
    text: String,
    /// Where the record of each candidate is in `text`.
    places: Vec<(usize, usize)>,
}

impl Records {
    fn push(&mut self, entry: Entry, line: u64, record: &str) {
        // The traces of one record come one behind the other.
        let place = match self.places.last() {
            Some(&(start, length)) if self.entries.last().is_some_and(|last| last.same_record(&entry)) => {
                (start, length)
            }
            _ => {
                let start = self.text.len();
                self.text.push_str(record);
                (start, record.len())
            }
        };
        self.entries.push(entry);
        self.lines.push(line);
        self.places.push(place);
    }

    fn append(&mut self, more: &Records) {
        let behind = self.text.len();
        self.text.push_str(&more.text);
        self.entries.extend_from_slice(&more.entries);
        self.lines.extend_from_slice(&more.lines);
        let moved = more
            .places
            .iter()
            .map(|&(start, length)| (start + behind, length));
        self.places.extend(moved);
    }
}

/// The candidates of a group that a worker has before it, one behind the other.
struct Current {
    key: u128,
    name: Option<String>,
    input: usize,
    line: u64,
    entries: Vec<Entry>,
    lines: Vec<u64>,
    /// For each, which of the decoded records it is in.
    batches: Vec<usize>,
}

/// The records of a block that the current group needs.
struct Decoded<'b> {
    batches: Vec<Batch<'b>>,
    records: Vec<Record<'b>>,
}

impl Mill {
    /// Pairs inputs that come group by group.
    pub(crate) fn pair_grouped(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let mut choice = Choice::All;
        if let Some((pairs, seed)) = pairing.sample {
            let draw = Choice::Draw(Sampler::new(pairs, seed).map_err(Error::config)?);
            let account = self.stream(pairing, planned, work, draw, open, None)?;
            choice = match account.into_choice() {
                Choice::Draw(sampler) => Choice::Drawn(sampler.finish()),
                other => other,
            };
        }
        let account = self.stream(pairing, planned, work, choice, open, Some(ledger))?;
        nothing(self, pairing, &account, ledger)
    }

    /// One pass over the input; without a ledger it only draws.
    fn stream(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        work: &Work<'_>,
        choice: Choice,
        open: &mut Open<'_>,
        ledger: Option<&mut Ledger>,
    ) -> Result<Account, Error> {
        let seen = (pairing.duplicates == Duplicates::Remove).then(SeenPairs::new);
        let later = if seen.is_some() || pairing.sample.is_some() {
            Later::MayDrop
        } else {
            Later::Stays
        };
        let group_work = GroupWork {
            config: &self.config,
            pairing,
            inputs: planned,
            gatherer: None,
            rejects: work.rejects,
            later,
        };
        let watch = open.watch;
        let mut unused = Ledger::default();
        let (ledger, open) = match ledger {
            Some(ledger) => (ledger, Some(open)),
            None => (&mut unused, None),
        };
        let mut closing = Closing {
            work: &group_work,
            account: Account::new(seen, choice),
            ledger,
            open,
            closed: BTreeSet::new(),
            current: None,
            single: GroupsDone::default(),
            out: Vec::new(),
        };
        let visit = |numbered: &Numbered, streamed: &mut Streamed| {
            let Streamed {
                done,
                groups,
                parts,
                prompts,
            } = streamed;
            groups.clear();
            parts.clear();
            let mut block = BlockWork {
                work: &group_work,
                groups,
                parts,
                prompts,
            };
            if let Err(error) = block.run(work, numbered, done) {
                done.failure.get_or_insert(error);
            }
        };
        let worked = self
            .blocks(planned, watch, visit, |streamed: &mut Streamed| {
                closing.take(streamed)
            })
            .and_then(|()| closing.close());
        let Closing {
            mut account, ledger, ..
        } = closing;
        account.drain_into(ledger);
        worked?;
        Ok(account)
    }
}

/// What a worker does with one block.
struct BlockWork<'w, 'm> {
    work: &'w GroupWork<'m>,
    groups: &'w mut GroupsDone,
    parts: &'w mut Vec<Part>,
    prompts: &'w mut PromptScratch,
}

impl BlockWork<'_, '_> {
    fn run(&mut self, work: &Work<'_>, numbered: &Numbered, done: &mut Done) -> Result<(), Error> {
        let texts = Texts::new();
        let mut current: Option<Current> = None;
        let mut decoded = Decoded {
            batches: Vec::new(),
            records: Vec::new(),
        };
        let mut failure = None;
        work.decode_owned(numbered, &texts, done, |record, batch, done| {
            decoded.records.push(record);
            decoded.batches.push(batch);
            let last = decoded.batches.len() - 1;
            for which in 0..decoded.batches[last].traces().len() {
                let trace = &decoded.batches[last].traces()[which];
                if !work.admits(work.place(&record), trace, done)? {
                    continue;
                }
                let Some(found) = self.find(&record, which, trace, done)? else {
                    continue;
                };
                if current.as_ref().is_some_and(|current| current.key != found.group) {
                    let ended = current.take();
                    self.end(ended, &decoded, Ended::Inside)?;
                }
                let line = record.locator().line_number();
                let current = current.get_or_insert_with(|| Current {
                    key: found.group,
                    name: trace.group().map(|group| group.key().to_string()),
                    input: record.input(),
                    line,
                    entries: Vec::new(),
                    lines: Vec::new(),
                    batches: Vec::new(),
                });
                current.entries.push(found.entry);
                current.lines.push(line);
                current.batches.push(last);
            }
            decoded.forget(current.as_mut());
            Ok(())
        })
        .unwrap_or_else(|error| failure = Some(error));
        self.end(current, &decoded, Ended::WithBlock)?;
        failure.map_or(Ok(()), Err)
    }

    fn find(
        &mut self,
        record: &Record<'_>,
        which: usize,
        trace: &Trace<'_>,
        done: &mut Done,
    ) -> Result<Option<Found>, Error> {
        let source = &*self.work.inputs[record.input()].source;
        let score = self.work.config.scores.score(trace, Some(source))?;
        let score = score.and_then(|score| ScoreValue::new(score).ok());
        let found = Found::new(
            record,
            which,
            trace,
            score,
            self.work.pairing.prompt,
            self.prompts,
        )?;
        if found.is_none() {
            done.ledger.traces.unused.add("no-group");
        }
        Ok(found)
    }

    /// Pairs a group that is whole, or hands its records on.
    fn end(&mut self, current: Option<Current>, decoded: &Decoded<'_>, ended: Ended) -> Result<(), Error> {
        let Some(current) = current else { return Ok(()) };
        let is_whole = ended == Ended::Inside && !self.parts.is_empty() && !self.work.pairing.is_seeded();
        let content = if is_whole {
            let number = self.groups.paired.len();
            self.pair(&current, decoded)?;
            Content::Paired(number)
        } else {
            let mut records = Records::default();
            for ((entry, line), batch) in current.entries.iter().zip(&current.lines).zip(&current.batches) {
                // What was decoded is text.
                let text = decoded.records[*batch].text().unwrap_or_default();
                records.push(*entry, *line, text);
            }
            Content::Records(records)
        };
        self.parts.push(Part {
            key: current.key,
            name: current.name,
            input: current.input,
            line: current.line,
            content,
        });
        Ok(())
    }

    fn pair(&mut self, current: &Current, decoded: &Decoded<'_>) -> Result<(), Error> {
        if current.entries.len() > self.work.pairing.max_group {
            return Err(too_large(self.work.pairing.max_group));
        }
        // Its number is known only where blocks come back; nothing but what is seeded depends on it.
        let (choice, mut paired) = self.work.choose(0, &current.entries, self.groups)?;
        if !choice.is_empty() {
            let places: Vec<Place> = current.entries.iter().map(Entry::place).collect();
            let traces: Vec<_> = places
                .iter()
                .zip(&current.batches)
                .map(|(place, &batch)| decoded.batches[batch].traces().get(place.which))
                .collect();
            let members = Members {
                places: &places,
                traces: &traces,
                lines: Some(&current.lines),
            };
            self.work.make(&choice, &members, &mut paired, self.groups)?;
        }
        self.groups.paired.push(paired);
        Ok(())
    }
}

/// Where a group ends, as far as a worker knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Another one begins in the same block.
    Inside,
    /// With the block, or behind it.
    WithBlock,
}

impl Decoded<'_> {
    /// Forgets the records before those that the current group needs.
    fn forget(&mut self, current: Option<&mut Current>) {
        let Some(current) = current else {
            self.batches.clear();
            self.records.clear();
            return;
        };
        let first = current.batches.first().copied().unwrap_or(0);
        if first > 0 {
            self.batches.drain(..first);
            self.records.drain(..first);
            current.batches.iter_mut().for_each(|batch| *batch -= first);
        }
    }
}

/// Closes groups, in order.
struct Closing<'c, 'm, 'o> {
    work: &'c GroupWork<'m>,
    account: Account,
    ledger: &'c mut Ledger,
    open: Option<&'c mut Open<'o>>,
    closed: BTreeSet<u128>,
    current: Option<Part>,
    /// For groups that are paired here.
    single: GroupsDone,
    out: Vec<u8>,
}

impl Closing<'_, '_, '_> {
    /// Takes over what came of a block.
    fn take(&mut self, streamed: &mut Streamed) -> Result<(), Error> {
        let Streamed {
            done, groups, parts, ..
        } = streamed;
        match &mut self.open {
            Some(open) => open.take_over(done, self.ledger)?,
            None => done.settle_into(self.ledger),
        }
        let losses = std::mem::take(&mut groups.losses);
        let mut losses = losses.into_iter();
        let mut tally = LossTally::default();
        self.out.clear();
        for part in parts.drain(..) {
            if self.continues(&part) {
                self.join(&part)?;
                continue;
            }
            self.close()?;
            if self.closed.contains(&part.key) {
                return Err(self.returned(&part));
            }
            match part.content {
                Content::Paired(number) => {
                    let paired = &mut groups.paired[number];
                    paired.ordinal = self.closed.len() as u64;
                    self.closed.insert(part.key);
                    self.account
                        .settle(paired, &groups.bytes, &mut losses, &mut tally, &mut self.out);
                }
                Content::Records(_) => self.current = Some(part),
            }
        }
        // Behind what was closed above: only the first of a block can go on from before it, only the last behind it.
        self.write_block(groups)?;
        tally.drain_into(self.ledger);
        groups.settle(self.ledger);
        let failure = done.failure.take().or_else(|| groups.failure.take());
        failure.map_or(Ok(()), Err)
    }

    /// Writes what the whole groups of a block gave.
    fn write_block(&mut self, groups: &GroupsDone) -> Result<(), Error> {
        let stays = if self.account.may_drop() {
            &self.out
        } else {
            &groups.bytes
        };
        match &mut self.open {
            Some(open) => open.write(stays, &groups.rejects),
            None => Ok(()),
        }
    }

    fn continues(&self, part: &Part) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.key == part.key)
    }

    fn join(&mut self, part: &Part) -> Result<(), Error> {
        let max_group = self.work.pairing.max_group;
        if let (
            Some(Part {
                content: Content::Records(records),
                ..
            }),
            Content::Records(more),
        ) = (&mut self.current, &part.content)
        {
            records.append(more);
            if records.entries.len() > max_group {
                return Err(too_large(max_group));
            }
        }
        Ok(())
    }

    /// Pairs the group that is open, if there is one: nothing more of it comes.
    fn close(&mut self) -> Result<(), Error> {
        let Some(part) = self.current.take() else {
            return Ok(());
        };
        let ordinal = self.closed.len() as u64;
        self.closed.insert(part.key);
        let Content::Records(records) = &part.content else {
            return Ok(());
        };
        if records.entries.len() > self.work.pairing.max_group {
            return Err(too_large(self.work.pairing.max_group));
        }
        self.single.clear();
        let (choice, mut paired) = self.work.choose(ordinal, &records.entries, &mut self.single)?;
        if !choice.is_empty() {
            let places: Vec<Place> = records.entries.iter().map(Entry::place).collect();
            let wanted = choice.wanted(places.len());
            let texts: Vec<_> = records
                .places
                .iter()
                .zip(wanted)
                .map(|(&(start, length), wanted)| wanted.then(|| &records.text[start..start + length]))
                .collect();
            let lines = Some(records.lines.as_slice());
            self.work
                .decode_and_make(&places, &texts, lines, &choice, &mut paired, &mut self.single)?;
        }
        self.settle_single(&mut paired)
    }

    fn settle_single(&mut self, paired: &mut super::account::Paired) -> Result<(), Error> {
        let losses = std::mem::take(&mut self.single.losses);
        let mut tally = LossTally::default();
        let mut out = Vec::new();
        let bytes = &self.single.bytes;
        self.account
            .settle(paired, bytes, &mut losses.into_iter(), &mut tally, &mut out);
        tally.drain_into(self.ledger);
        self.single.settle(self.ledger);
        let stays = if self.account.may_drop() {
            &out
        } else {
            &self.single.bytes
        };
        match &mut self.open {
            Some(open) => open.write(stays, &self.single.rejects),
            None => Ok(()),
        }
    }

    fn returned(&self, part: &Part) -> Error {
        let path = self.work.inputs[part.input].input.name();
        let group = match &part.name {
            Some(name) => format!("group `{name}` goes on"),
            None => "a candidate for an earlier prompt comes".to_owned(),
        };
        let message = format!(
            "{path}:{}: {group} after another group has begun, which `--grouped` promised not to happen; leave it out, \
             or sort the input by group",
            part.line
        );
        Error::new(ErrorKind::Record, message)
    }
}
