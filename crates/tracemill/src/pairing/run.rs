//! The two passes of a pairing run.

use std::ops::Range;

use tracemill_io::{Fill, Ranges};
use tracemill_pairs::{PromptScratch, Sampler, ScoreValue, SeenPairs};

use super::account::{Account, Choice, nothing_paired};
use super::groups::{GroupWork, GroupsDone, Later};
use super::index::{Found, Groups, Index};
use super::{Duplicates, Pairing};
use crate::error::Error;
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::{Mill, WhenEmpty};
use crate::run::Open;
use crate::work::{Done, Numbered, Rejects, Work};

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
        let groups = self.index(pairing, planned, work, open, ledger)?;
        let ranges = planned
            .iter()
            .map(|planned| planned.input.ranges())
            .collect::<Result<Vec<_>, _>>()?;
        let mut choice = Choice::All;
        if let Some((pairs, seed)) = pairing.sample {
            choice = Choice::Draw(Sampler::new(pairs, seed).map_err(Error::config)?);
            let mut drawn = Ledger::default();
            let account = self.decide(
                pairing,
                planned,
                &ranges,
                &groups,
                choice,
                &mut drawn,
                None,
                work.rejects,
            )?;
            choice = match account.into_choice() {
                Choice::Draw(sampler) => Choice::Drawn(sampler.finish()),
                other => other,
            };
        }
        let account = self.decide(
            pairing,
            planned,
            &ranges,
            &groups,
            choice,
            ledger,
            Some(open),
            work.rejects,
        )?;
        if ledger.examples == 0 && self.config.empty == WhenEmpty::Fail {
            let explained = nothing_paired(ledger, account.different_scores, pairing.prompt.name());
            return explained.map_or(Ok(()), Err);
        }
        Ok(())
    }

    fn index(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<Groups, Error> {
        let mut index = Index::default();
        let find = |numbered: &Numbered, indexed: &mut Indexed| {
            indexed.found.clear();
            let (found, scratch) = (&mut indexed.found, &mut indexed.scratch);
            work.decode_block(numbered, &mut indexed.done, |record, which, trace, done| {
                let score = self.config.scores.score(trace)?;
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
                index.push(found, pairing.max_group)?;
            }
            indexed.done.failure.take().map_or(Ok(()), Err)
        })?;
        Ok(index.into_groups())
    }

    /// One pass over the groups; without an output it only draws.
    #[expect(clippy::too_many_arguments, reason = "a pass needs everything the run has")]
    fn decide(
        &self,
        pairing: &Pairing,
        planned: &[Planned],
        ranges: &[Ranges],
        groups: &Groups,
        choice: Choice,
        ledger: &mut Ledger,
        mut open: Option<&mut Open<'_>>,
        rejects: Rejects,
    ) -> Result<Account, Error> {
        let seen = (pairing.duplicates == Duplicates::Remove).then(SeenPairs::new);
        let later = if seen.is_some() || pairing.sample.is_some() {
            Later::MayDrop
        } else {
            Later::Stays
        };
        let work = GroupWork {
            config: &self.config,
            pairing,
            inputs: planned,
            ranges,
            groups,
            rejects,
            later,
        };
        let mut account = Account::new(seen, choice);
        let cancel = open
            .as_ref()
            .map_or_else(Default::default, |open| open.watch.cancel.clone());
        let mut next = 0;
        let read = |task: &mut Range<usize>| -> Result<Fill, Error> {
            *task = next..next;
            let mut weight = 0;
            while task.end < groups.len() && weight < TASK {
                weight += groups.weight(task.end);
                task.end += 1;
            }
            next = task.end;
            Ok(if task.start == task.end {
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
                account.settle(group, &done.bytes, &mut losses, &mut tally, ledger, &mut out);
            }
            drop(losses);
            tally.drain_into(ledger);
            done.settle(ledger);
            if let Some(open) = open.as_deref_mut() {
                open.write(&out, &done.rejects)?;
            }
            done.failure.take().map_or(Ok(()), Err)
        };
        tracemill_io::run(
            self.config.threads,
            &cancel,
            read,
            |task, done| work.groups(task, done),
            take,
        )?;
        Ok(account)
    }
}
