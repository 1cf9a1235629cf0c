//! The two passes of a pairing run.

use tracemill_io::{Fill, Gatherer, GroupIndex, Groups, TemporaryFiles};
use tracemill_pairs::{PromptScratch, Sampler, ScoreValue, SeenPairs};

use super::account::{Account, Choice, nothing_paired};
use super::groups::{GroupWork, GroupsDone, Later, Task};
use super::index::{Entry, Found};
use super::{Duplicates, GroupOrder, Pairing};
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::{Mill, WhenEmpty};
use crate::run::Open;
use crate::work::{Done, Numbered, Place, Rejects, Work};

/// How many bytes of records one task of the second pass gathers, about.
const TASK: usize = 256 * 1024;

/// What the first pass finds in a block.
#[derive(Debug, Default)]
struct Indexed {
    done: Done,
    found: Vec<Found>,
    scratch: PromptScratch,
}

impl Mill {
    /// Pairs what the inputs hold and appends the records to the output.
    pub(crate) fn pair(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        if pairing.order == GroupOrder::Grouped {
            return self.pair_grouped(pairing, planned, work, open, ledger);
        }
        let mut groups = self.index(pairing, planned, work, open, ledger)?;
        let mut gatherer = Gatherer::new();
        for planned in planned {
            gatherer.add(&planned.input)?;
        }
        let pass = Pass {
            pairing,
            planned,
            gatherer: &gatherer,
            rejects: work.rejects,
        };
        let mut choice = Choice::All;
        if let Some((pairs, seed)) = pairing.sample {
            let draw = Choice::Draw(Sampler::new(pairs, seed).map_err(Error::config)?);
            let account = self.decide(&pass, &mut groups, draw, &mut Ledger::default(), None)?;
            choice = match account.into_choice() {
                Choice::Draw(sampler) => Choice::Drawn(sampler.finish()),
                other => other,
            };
            groups.rewind()?;
        }
        let account = self.decide(&pass, &mut groups, choice, ledger, Some(open))?;
        nothing(self, pairing, &account, ledger)
    }

    fn index(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<Groups<Entry>, Error> {
        let mut index = GroupIndex::new(pairing.memory, TemporaryFiles::new());
        let find = |numbered: &Numbered, indexed: &mut Indexed| {
            indexed.found.clear();
            let (found, scratch) = (&mut indexed.found, &mut indexed.scratch);
            work.decode_block(numbered, &mut indexed.done, |record, which, trace, done| {
                let source = work.source(Place::of(record));
                if !work.admits(work.place(record), trace, done)? {
                    return Ok(());
                }
                let score = self.config.scores.score(trace, source)?;
                let score = score.and_then(|score| ScoreValue::new(score).ok());
                match Found::new(record, which, trace, score, pairing.prompt, scratch)? {
                    Some(candidate) => found.push(candidate),
                    None => done.ledger.traces.unused.add("no-group"),
                }
                Ok(())
            });
        };
        let watch = open.watch;
        self.blocks(planned, watch, find, |indexed: &mut Indexed| {
            open.take_over(&mut indexed.done, ledger)?;
            for found in indexed.found.drain(..) {
                index.push(found.group, &found.entry)?;
            }
            indexed.done.failure.take().map_or(Ok(()), Err)
        })?;
        Ok(index.finish()?)
    }

    /// One pass over the groups; without an output it only draws.
    fn decide(
        &self,
        pass: &Pass<'_>,
        groups: &mut Groups<Entry>,
        choice: Choice,
        ledger: &mut Ledger,
        mut open: Option<&mut Open<'_>>,
    ) -> Result<Account, Error> {
        let pairing = pass.pairing;
        let seen = (pairing.duplicates == Duplicates::Remove).then(SeenPairs::new);
        let later = if seen.is_some() || pairing.sample.is_some() {
            Later::MayDrop
        } else {
            Later::Stays
        };
        let work = GroupWork {
            config: &self.config,
            pairing,
            inputs: pass.planned,
            gatherer: Some(pass.gatherer),
            rejects: pass.rejects,
            later,
        };
        let mut account = Account::new(seen, choice);
        let cancel = open
            .as_ref()
            .map_or_else(Default::default, |open| open.watch.cancel.clone());
        let (mut next, mut members) = (0, Vec::new());
        let read = |task: &mut Task| -> Result<Fill, Error> {
            task.first = next;
            task.entries.clear();
            task.ends.clear();
            let mut weight = 0;
            while weight < TASK && groups.next_group(&mut members)? {
                if members.len() > pairing.max_group {
                    return Err(too_large(pairing.max_group));
                }
                weight += members.iter().map(|entry| entry.place().length).sum::<usize>();
                task.entries.append(&mut members);
                task.ends.push(task.entries.len());
            }
            next += task.ends.len() as u64;
            Ok(if task.ends.is_empty() {
                Fill::End
            } else {
                Fill::Block
            })
        };
        let mut out = Vec::new();
        let take = |done: &mut GroupsDone| -> Result<(), Error> {
            out.clear();
            let mut tally = LossTally::default();
            let mut losses = done.losses.drain(..);
            for group in &mut done.paired {
                account.settle(group, &done.bytes, &mut losses, &mut tally, &mut out);
            }
            drop(losses);
            tally.drain_into(ledger);
            done.settle(ledger);
            if let Some(open) = open.as_deref_mut() {
                let stays = if account.may_drop() { &out } else { &done.bytes };
                open.write(stays, &done.rejects)?;
            }
            done.failure.take().map_or(Ok(()), Err)
        };
        let worked = tracemill_io::run(
            self.config.threads,
            &cancel,
            read,
            |task, done| work.groups(task, done),
            take,
        );
        account.drain_into(ledger);
        worked?;
        Ok(account)
    }
}

/// What both passes over the groups read.
struct Pass<'p> {
    pairing: &'p Pairing,
    planned: &'p [Planned],
    gatherer: &'p Gatherer,
    rejects: Rejects,
}

/// Fails a run that wrote nothing, unless it may.
pub(super) fn nothing(
    mill: &Mill,
    pairing: &Pairing,
    account: &Account,
    ledger: &Ledger,
) -> Result<(), Error> {
    if ledger.examples > 0 || mill.config.empty == WhenEmpty::Allow {
        return Ok(());
    }
    let explained = nothing_paired(ledger, account.different_scores, pairing.prompt.name());
    explained.map_or(Ok(()), Err)
}

pub(super) fn too_large(max_group: usize) -> Error {
    let message = format!("a group has more than {max_group} candidates; raise `--max-group`");
    Error::new(ErrorKind::Limit, message)
}
