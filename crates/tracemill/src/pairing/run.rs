//! The two passes of a pairing run.

use tracemill_curate::Candidate;
use tracemill_io::{Fill, Gatherer, Groups, Record};
use tracemill_model::Trace;
use tracemill_pairs::{PromptMode, PromptScratch, Sampler, ScoreValue, SeenPairs};
use tracemill_sources::Source;

use super::account::{Account, Choice, nothing_paired};
use super::choosing::Index;
use super::groups::{GroupWork, GroupsDone, Later, Task};
use super::index::{Entry, Found};
use super::{Duplicates, GroupOrder, Pairing};
use crate::curating::SeenTools;
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::{Ledger, LossTally};
use crate::mill::{Config, Mill, WhenEmpty};
use crate::run::{Open, Piece};
use crate::work::{Done, Numbered, Place, Rejects, Work};

/// How many bytes of records one task of the second pass gathers, about.
const TASK: usize = 64 * 1024;

/// What the first pass finds in a block.
#[derive(Debug, Default)]
struct Indexed {
    done: Done,
    found: Vec<Found>,
    /// What choosing needs of each of them, if there is anything to choose.
    facts: Vec<Candidate>,
    tools: SeenTools,
    scratch: PromptScratch,
    digests: tracemill_curate::Scratch,
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
        let mut index = Index::new(pairing, self.config.curation.choosing());
        let mut tools = SeenTools::default();
        let find = |numbered: &Numbered, indexed: &mut Indexed| {
            let Indexed {
                done,
                found,
                facts,
                tools,
                scratch,
                digests,
            } = indexed;
            found.clear();
            facts.clear();
            let mut finder = Finder {
                config: &self.config,
                mode: pairing.prompt,
                found,
                facts,
                tools,
                scratch,
                digests,
            };
            work.decode_block(numbered, done, |record, which, trace, done| {
                if !work.admits(work.place(record), trace, done)? {
                    return Ok(());
                }
                finder.find(record, which, trace, work.source(Place::of(record)), done)
            });
        };
        let watch = open.watch;
        self.blocks(planned, watch, find, |indexed: &mut Indexed| {
            open.take_over(&mut indexed.done, ledger)?;
            tools.take_over(&mut indexed.tools)?;
            index.push(&indexed.found, &indexed.facts)?;
            indexed.done.failure.take().map_or(Ok(()), Err)
        })?;
        index.finish(ledger)
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
        let chosen = self.config.curation.choosing().is_some();
        let (mut next, mut members) = (0, Vec::new());
        let read = |task: &mut Task| -> Result<Fill, Error> {
            task.first = next;
            task.entries.clear();
            task.ends.clear();
            let mut weight = 0;
            while weight < TASK && groups.next_group(&mut members)? {
                if chosen {
                    // Whatever the order of the groups, that of the candidates in one is that of the input.
                    members.sort_unstable_by_key(Entry::position);
                }
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
        let (mut out, mut pieces) = (Vec::new(), Vec::new());
        let take = |done: &mut GroupsDone| -> Result<(), Error> {
            out.clear();
            pieces.clear();
            let mut tally = LossTally::default();
            let mut losses = done.losses.drain(..);
            let may_drop = account.may_drop();
            for group in &mut done.paired {
                let examples = account.settle(group, &done.bytes, &mut losses, &mut tally, &mut out);
                pieces.push(Piece {
                    side: group.side,
                    end: if may_drop { out.len() } else { group.end },
                    examples,
                });
            }
            drop(losses);
            tally.drain_into(ledger);
            done.settle(ledger);
            if let Some(open) = open.as_deref_mut() {
                open.write(&[], &done.rejects)?;
                open.write_pieces(if may_drop { &out } else { &done.bytes }, &pieces)?;
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

/// Finds the candidates of a block.
struct Finder<'f> {
    config: &'f Config,
    mode: PromptMode,
    found: &'f mut Vec<Found>,
    facts: &'f mut Vec<Candidate>,
    tools: &'f mut SeenTools,
    scratch: &'f mut PromptScratch,
    digests: &'f mut tracemill_curate::Scratch,
}

impl Finder<'_> {
    fn find(
        &mut self,
        record: &Record<'_>,
        which: usize,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        done: &mut Done,
    ) -> Result<(), Error> {
        let curation = &self.config.curation;
        curation.check_tools(trace, &record.locator(), self.tools, self.digests)?;
        let score = self.config.scores.score(trace, source)?;
        let score = score.and_then(|score| ScoreValue::new(score).ok());
        let Some(found) = Found::new(record, which, trace, score, self.mode, self.scratch)? else {
            done.ledger.traces.unused.add("no-group");
            return Ok(());
        };
        if curation.choosing().is_some() {
            self.facts
                .push(self.config.candidate(trace, source, self.digests)?);
        }
        self.found.push(found);
        Ok(())
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
