//! The two passes of decisions over all traces: what is there, and what is written.

use tracemill_curate::{Candidate, Chosen, CurateError, Scratch};
use tracemill_io::{Extent, Fill, Gathered, Gatherer};
use tracemill_sources::{Batch, Texts};

use super::SeenTools;
use crate::error::{Error, ErrorKind};
use crate::inputs::Planned;
use crate::ledger::Ledger;
use crate::mill::Mill;
use crate::run::{Open, Piece};
use crate::work::{Done, Numbered, Place, Work};

/// How many bytes of records one task of the second pass gathers, about.
const TASK: usize = 256 * 1024;

/// Where the record of a trace is. Which of its traces it is stands in its candidate, where there is room.
#[derive(Clone, Copy, Debug)]
struct Spot {
    byte: u64,
    length: u32,
    input: u32,
}

impl Spot {
    fn extent(&self) -> Extent {
        Extent {
            input: self.input as usize,
            byte: self.byte,
            len: self.length as usize,
        }
    }
}

/// What the first pass finds in a block.
#[derive(Debug, Default)]
struct Surveyed {
    done: Done,
    found: Vec<(Candidate, Spot)>,
    tools: SeenTools,
    scratch: Scratch,
}

/// One piece of the second pass: chosen traces, in the order of the output.
#[derive(Debug, Default)]
struct Task {
    chosen: Vec<Picked>,
}

#[derive(Clone, Copy, Debug)]
struct Picked {
    spot: Spot,
    which: u32,
    side: usize,
}

/// What came of a piece: bytes, and whose they are.
#[derive(Debug, Default)]
struct Made {
    done: Done,
    pieces: Vec<Piece>,
    gathered: Gathered,
}

impl Mill {
    /// Decides which traces are converted, and converts them.
    pub(crate) fn curate(
        &self,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let mut gatherer = Gatherer::new();
        for planned in planned {
            gatherer.add(&planned.input)?;
        }
        let (candidates, spots) = self.survey(planned, work, open, ledger)?;
        let choosing = self.config.curation.choosing.clone().unwrap_or_default();
        let chosen = choosing
            .choose(&candidates)
            .map_err(|error: CurateError| Error::config(error))?;
        for (code, dropped) in chosen.dropped() {
            ledger.traces.filtered.add_many(code, dropped);
        }
        self.write_chosen(
            &Second {
                work,
                gatherer: &gatherer,
                candidates: &candidates,
                spots: &spots,
                chosen: &chosen,
            },
            open,
            ledger,
        )
    }

    /// The first pass: what decisions need, of every trace that the filters leave.
    fn survey(
        &self,
        planned: &[Planned],
        work: &Work<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(Vec<Candidate>, Vec<Spot>), Error> {
        let config = &*self.config;
        let find = |numbered: &Numbered, surveyed: &mut Surveyed| {
            surveyed.found.clear();
            let Surveyed {
                done,
                found,
                tools,
                scratch,
            } = surveyed;
            work.decode_block(numbered, done, |record, which, trace, done| {
                let source = work.source(crate::work::Place::of(record));
                if !work.admits(work.place(record), trace, done)? {
                    return Ok(());
                }
                config
                    .curation
                    .check_tools(trace, &record.locator(), tools, scratch)?;
                let too_large = || {
                    Error::new(
                        ErrorKind::Limit,
                        format!("{}: a record of 4 GiB", record.locator()),
                    )
                };
                let spot = Spot {
                    byte: record.locator().byte(),
                    length: u32::try_from(record.bytes().len()).map_err(|_| too_large())?,
                    input: record.input() as u32,
                };
                let mut candidate = config.candidate(trace, source, scratch)?;
                candidate.own = which as u32;
                found.push((candidate, spot));
                Ok(())
            });
        };
        let (mut candidates, mut spots, mut tools) = (Vec::new(), Vec::new(), SeenTools::default());
        let watch = open.watch;
        self.blocks(planned, watch, find, |surveyed: &mut Surveyed| {
            open.take_over(&mut surveyed.done, ledger)?;
            tools.take_over(&mut surveyed.tools)?;
            for (candidate, spot) in surveyed.found.drain(..) {
                candidates.push(candidate);
                spots.push(spot);
            }
            surveyed.done.failure.take().map_or(Ok(()), Err)
        })?;
        Ok((candidates, spots))
    }

    /// The second pass: reads what was chosen again, and encodes it.
    fn write_chosen(
        &self,
        second: &Second<'_>,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let cancel = open.watch.cancel.clone();
        let mut order = second.chosen.order().iter().copied();
        let read = |task: &mut Task| -> Result<Fill, Error> {
            task.chosen.clear();
            let mut weight = 0;
            while weight < TASK {
                let Some(index) = order.next() else { break };
                let spot = second.spots[index as usize];
                weight += spot.length as usize;
                task.chosen.push(Picked {
                    spot,
                    which: second.candidates[index as usize].own,
                    side: second.chosen.side(index),
                });
            }
            Ok(if task.chosen.is_empty() {
                Fill::End
            } else {
                Fill::Block
            })
        };
        let take = |made: &mut Made| -> Result<(), Error> {
            ledger.merge(&made.done.ledger);
            open.write(&[], &made.done.rejects)?;
            open.write_pieces(&made.done.bytes, &made.pieces)?;
            made.done.failure.take().map_or(Ok(()), Err)
        };
        tracemill_io::run(
            self.config.threads,
            &cancel,
            read,
            |task, made| second.task(task, made),
            take,
        )
    }
}

/// What the second pass reads.
struct Second<'s> {
    work: &'s Work<'s>,
    gatherer: &'s Gatherer,
    candidates: &'s [Candidate],
    spots: &'s [Spot],
    chosen: &'s Chosen,
}

impl Second<'_> {
    fn task(&self, task: &Task, made: &mut Made) {
        made.done.clear();
        made.pieces.clear();
        if let Err(error) = self.encode(task, made) {
            made.done.failure = Some(error);
        }
        made.done.settle();
    }

    fn encode(&self, task: &Task, made: &mut Made) -> Result<(), Error> {
        let extents: Vec<Extent> = task.chosen.iter().map(|picked| picked.spot.extent()).collect();
        let Made {
            done,
            pieces,
            gathered,
        } = made;
        self.gatherer.gather(&extents, gathered)?;
        let texts = Texts::new();
        let mut batch = Batch::new(&texts);
        let mut decoded = None;
        for (index, Picked { spot, which, side }) in task.chosen.iter().enumerate() {
            let place = Place::Gathered {
                name: self.work.inputs[spot.input as usize].input.name(),
                gatherer: self.gatherer,
                extent: spot.extent(),
                record: gathered.get(index),
            };
            // Neighbours are often traces of one record.
            if decoded != Some(spot.extent()) {
                let text = gathered.text(index).map_err(|_| changed(&place))?;
                self.decode(spot, text, &mut batch, &place)?;
                decoded = Some(spot.extent());
            }
            let trace = batch
                .traces()
                .get(*which as usize)
                .ok_or_else(|| changed(&place))?;
            let before = done.ledger.examples;
            self.work.make(place, trace, done)?;
            pieces.push(Piece {
                side: *side,
                end: done.bytes.len(),
                examples: done.ledger.examples - before,
            });
        }
        Ok(())
    }

    fn decode<'r>(
        &'r self,
        spot: &Spot,
        text: &'r str,
        batch: &mut Batch<'r>,
        place: &Place<'_>,
    ) -> Result<(), Error> {
        batch.clear();
        let planned = &self.work.inputs[spot.input as usize];
        planned
            .source
            .decode(&planned.context, text, batch)
            .map_err(|_| changed(place))?;
        for trace in batch.traces_mut() {
            self.work.config.change_again(trace, planned.input.name());
        }
        Ok(())
    }
}

fn changed(place: &Place<'_>) -> Error {
    Error::new(
        ErrorKind::Input,
        format!("{place}: has changed while it was read"),
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use tracemill_curate::{Choosing, Keep, Order, SplitBy};
    use tracemill_io::{Digest, Input, OutputFolder, Overwrite, Threads};
    use tracemill_model::Trace;

    use super::*;
    use crate::curating::Curation;
    use crate::run::Run;

    /// Traces of several groups, of which some share prompts across groups and some repeat.
    fn lines(count: usize) -> String {
        let line = |n: usize| {
            format!(
                "{{\"messages\":[{{\"role\":\"user\",\"content\":\"q{}\"}},{{\"role\":\"assistant\",\"content\":\"a{}\"}}],\"group\":{{\"key\":{}}},\"score\":{}}}\n",
                n % 701,
                n % 1_999,
                n % 97,
                n % 7
            )
        };
        (0..count).map(line).collect()
    }

    fn mill(choosing: &Choosing, threads: usize) -> Mill {
        let mut builder = Mill::builder();
        builder
            .format("tracemill")
            .unwrap()
            .curation(Curation::new().with_choosing(choosing.clone()))
            .threads(Threads::exactly(NonZeroUsize::new(threads).unwrap()));
        builder.build().unwrap()
    }

    #[test]
    fn threads_change_no_byte_and_the_account_adds_up() {
        let mut choosing = Choosing::new();
        choosing
            .dedup(Keep::Best)
            .sample(1_500)
            .order(Order::Shuffled)
            .seed(5);
        let run = |threads| {
            mill(&choosing, threads)
                .collect([Input::bytes("a.jsonl", lines(20_000))])
                .unwrap()
        };
        let (one, four) = (run(1), run(4));
        assert_eq!(one.bytes, four.bytes);
        assert_eq!(one.ledger, four.ledger);
        assert_eq!(one.ledger.examples, 1_500);
        assert!(one.ledger.balances());
    }

    #[test]
    fn several_inputs_are_one() {
        let mut choosing = Choosing::new();
        choosing.dedup(Keep::First);
        let input = || Input::bytes("a.jsonl", lines(50));
        let ledger = mill(&choosing, 2).collect([input(), input()]).unwrap().ledger;
        assert_eq!(
            (ledger.examples, ledger.traces.filtered.get("duplicate")),
            (50, 50)
        );
    }

    /// The sides as sets of lines, in a folder written by a split of the first `count` lines.
    fn sides(count: usize, by: SplitBy) -> Vec<Vec<String>> {
        let mut choosing = Choosing::new();
        choosing.split("train=0.8,test=0.2".parse().unwrap(), by);
        let place = std::env::temp_dir().join(format!(
            "tracemill-split-{}-{count}-{}",
            std::process::id(),
            by.name()
        ));
        let folder = OutputFolder::create(&place, Overwrite::Allow).unwrap();
        let input = [Input::bytes("a.jsonl", lines(count))];
        let run = Run::into_folder(input, folder, choosing.sides().unwrap(), Digest::None).unwrap();
        let ledger = mill(&choosing, 2).execute(run).unwrap();
        assert!(ledger.balances());
        let read = |name| {
            let text = std::fs::read_to_string(place.join(name)).unwrap();
            text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let sides = vec![read("train.jsonl"), read("test.jsonl")];
        assert_eq!(ledger.sides, 2);
        for (side, output) in sides.iter().zip(&ledger.outputs) {
            assert_eq!(side.len() as u64, output.records);
        }
        std::fs::remove_dir_all(&place).unwrap();
        sides
    }

    #[test]
    fn no_group_and_no_prompt_is_on_both_sides() {
        for by in [SplitBy::Hash, SplitBy::Positional, SplitBy::Shuffled] {
            let sides = sides(600, by);
            assert!(!sides[0].is_empty(), "{}", by.name());
            let keys = |side: &[String]| {
                let mut keys = Vec::new();
                for line in side {
                    let trace = Trace::from_json(line).unwrap();
                    keys.push(trace.group().unwrap().key().as_json().as_str().to_owned());
                    keys.push(trace.messages()[0].content().as_text().unwrap().body().to_owned());
                }
                keys
            };
            let (train, test) = (keys(&sides[0]), keys(&sides[1]));
            assert!(test.iter().all(|key| !train.contains(key)), "{}", by.name());
        }
    }

    #[test]
    fn what_is_appended_moves_nothing() {
        let (before, after) = (sides(300, SplitBy::Hash), sides(900, SplitBy::Hash));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before[..], after[..before.len()]);
        }
    }

    #[test]
    fn pairs_and_memory_refuse_what_needs_all_traces() {
        let mut choosing = Choosing::new();
        choosing.limit(1);
        let line = lines(1);
        let trace = Trace::from_json(&line).unwrap();
        let error = mill(&choosing, 1).encode(&[trace]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        choosing.split("a=0.5,b=0.5".parse().unwrap(), SplitBy::Hash);
        let error = mill(&choosing, 1)
            .collect([Input::bytes("a.jsonl", line.clone())])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
