//! What became of groups, candidates and pairs, settled in the order of the groups.

use tracemill_pairs::{Fate, PairCounts, Sample, Sampler, SeenPairs, SkipReason, UnusedReason};

use tracemill_formats::Losses;

use crate::error::{Error, ErrorKind};
use crate::ledger::{Counts, Ledger, LossTally};

/// One pair that a worker made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) chosen: u32,
    pub(crate) rejected: u32,
    /// What the pair says, if somebody looks for duplicates.
    pub(crate) digest: u128,
    /// Where its record is in the block's bytes.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One group that a worker paired.
#[derive(Debug)]
pub(crate) struct Paired {
    /// Its number, in the order of first appearance.
    pub(crate) ordinal: u64,
    /// What became of each candidate, as far as pairing knows.
    pub(crate) fates: Vec<Fate>,
    pub(crate) counts: PairCounts,
    /// Pairs that were selected and turned out to be none.
    pub(crate) withdrawn: Vec<(SkipReason, [usize; 2])>,
    /// How many pairs the format refused.
    pub(crate) refused: u64,
    pub(crate) different_scores: bool,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) listed: Listed,
    /// The side of a split that it is on; 0 without.
    pub(crate) side: usize,
    /// Where its records end in the block's bytes.
    pub(crate) end: usize,
    /// How many further records its candidates come from, where the source counts that, and its code.
    pub(crate) continued: Option<(&'static str, u64)>,
}

/// What was made of whole prompt classes of a group, in place of pairs.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The candidates in a record that was made.
    pub(crate) members: Vec<u32>,
    /// The candidates that make no record though pairing would use them, and why.
    pub(crate) unused: Vec<(u32, UnusedReason)>,
    /// The records.
    pub(crate) records: u64,
    /// How many pairs the records stand for.
    pub(crate) pairs: u64,
}

/// Decides, in order, which pairs stay, and counts everything.
#[derive(Debug)]
pub(crate) struct Account {
    seen: Option<SeenPairs>,
    choice: Choice,
    /// Groups whose candidates do not all have the same score: what could have been paired.
    pub(crate) different_scores: u64,
    totals: Totals,
}

/// What is counted for each group, by the numbers of the reasons: the ledger looks its codes up.
#[derive(Debug, Default)]
struct Totals {
    pairs: PairCounts,
    refused: u64,
    written: u64,
    examples: u64,
    used: u64,
    /// Candidates that are in no pair for what pairing knows.
    unused: [u64; UnusedReason::ALL.len()],
    /// Candidates whose pairs all went later.
    late: [u64; SkipReason::ALL.len()],
    /// Candidates whose pairs the format refused.
    refused_traces: u64,
    groups: u64,
    paired: u64,
    notes: Counts,
}

/// Which pass this is, when only a sample of the pairs is wanted.
#[derive(Debug)]
pub(crate) enum Choice {
    /// All pairs stay.
    All,
    /// The first pass: draw.
    Draw(Sampler),
    /// The second pass: what was drawn stays.
    Drawn(Sample),
}

impl Account {
    pub(crate) fn new(seen: Option<SeenPairs>, choice: Choice) -> Self {
        Account {
            seen,
            choice,
            different_scores: 0,
            totals: Totals::default(),
        }
    }

    pub(crate) fn into_choice(self) -> Choice {
        self.choice
    }

    /// Settles one group: appends what stays of its records to `out`, unless all of them stay, and counts what those
    /// lost. Gives the number of its records that stay.
    pub(crate) fn settle(
        &mut self,
        group: &mut Paired,
        bytes: &[u8],
        losses: &mut impl Iterator<Item = Losses>,
        tally: &mut LossTally,
        out: &mut Vec<u8>,
    ) -> u64 {
        self.different_scores += u64::from(group.different_scores);
        let mut used = vec![false; group.fates.len()];
        let mut late = vec![None; group.fates.len()];
        for &(reason, sides) in &group.withdrawn {
            note(&mut late, sides, Some(reason));
        }
        for &(member, reason) in &group.listed.unused {
            group.fates[member as usize] = Fate::Unused(reason);
        }
        for &member in &group.listed.members {
            used[member as usize] = true;
        }
        if !self.may_drop() {
            for piece in &group.pieces {
                note(&mut used, [piece.chosen as usize, piece.rejected as usize], true);
            }
            let pairs = group.pieces.len() as u64;
            self.count(group, &used, &late, pairs + group.listed.pairs);
            let examples = pairs + group.listed.records;
            self.totals.examples += examples;
            return examples;
        }
        let mut written = 0;
        for piece in &group.pieces {
            let sides = [piece.chosen as usize, piece.rejected as usize];
            let lost = losses.next();
            if let Some(reason) = self.drops(group.ordinal, piece) {
                group.counts.withdraw(reason, 1);
                note(&mut late, sides, Some(reason));
                continue;
            }
            note(&mut used, sides, true);
            written += 1;
            if let Some(lost) = lost {
                tally.add(&lost);
            }
            out.extend_from_slice(&bytes[piece.start..piece.end]);
        }
        self.count(group, &used, &late, written);
        self.totals.examples += written;
        written
    }

    /// Whether pairs that were made may be left out; if not, `settle` leaves their bytes where they are.
    pub(crate) fn may_drop(&self) -> bool {
        self.seen.is_some() || !matches!(self.choice, Choice::All)
    }

    fn count(&mut self, group: &Paired, used: &[bool], late: &[Option<SkipReason>], written: u64) {
        if let Some((code, records)) = group.continued {
            self.totals.notes.add_many(code, records);
        }
        self.totals.count_traces(group, used, late);
        self.totals.groups += 1;
        self.totals.paired += u64::from(written > 0);
        self.totals.written += written;
        self.totals.pairs += group.counts;
        self.totals.refused += group.refused;
    }

    /// Moves everything counted into the ledger.
    pub(crate) fn drain_into(&mut self, ledger: &mut Ledger) {
        let totals = std::mem::take(&mut self.totals);
        for (code, count) in totals.notes.iter() {
            ledger.notes.add_many(code, count);
        }
        ledger.groups.read += totals.groups;
        ledger.groups.paired += totals.paired;
        ledger.examples += totals.examples;
        ledger.pairs.written += totals.written;
        ledger.pairs.possible += totals.pairs.possible();
        if totals.groups > 0 {
            totals.drain_reasons(ledger);
        }
    }

    fn drops(&mut self, ordinal: u64, piece: &Piece) -> Option<SkipReason> {
        if self.seen.as_mut().is_some_and(|seen| !seen.insert(piece.digest)) {
            return Some(SkipReason::Duplicate);
        }
        match &mut self.choice {
            Choice::All => None,
            Choice::Draw(sampler) => {
                sampler.offer(ordinal, piece.chosen, piece.rejected);
                None
            }
            Choice::Drawn(sample) if sample.keeps(ordinal, piece.chosen, piece.rejected) => None,
            Choice::Drawn(_) => Some(SkipReason::OverMaxPairs),
        }
    }
}

fn note<T: Copy>(notes: &mut [T], sides: [usize; 2], what: T) {
    for side in sides {
        notes[side] = what;
    }
}

impl Totals {
    /// A candidate is used if it is in a pair that stays; else the reason is that of its pair that came furthest.
    fn count_traces(&mut self, group: &Paired, used: &[bool], late: &[Option<SkipReason>]) {
        for (index, fate) in group.fates.iter().enumerate() {
            let count = match (used[index], late[index], fate) {
                (true, ..) => &mut self.used,
                (false, Some(reason), _) => &mut self.late[reason as usize],
                (false, None, Fate::Unused(reason)) => &mut self.unused[*reason as usize],
                (false, None, Fate::Used) => &mut self.refused_traces,
            };
            *count += 1;
        }
    }

    fn drain_reasons(&self, ledger: &mut Ledger) {
        let skipped = &mut ledger.pairs.skipped;
        skipped.add_many(REFUSED, self.refused);
        for reason in SkipReason::ALL {
            skipped.add_many(reason.code(), self.pairs.skipped(reason));
        }
        ledger.traces.used += self.used;
        let unused = UnusedReason::ALL
            .into_iter()
            .map(|reason| (reason.code(), self.unused[reason as usize]));
        let late = SkipReason::ALL
            .into_iter()
            .map(|reason| (reason.code(), self.late[reason as usize]));
        let refused = [(REFUSED, self.refused_traces)];
        for (code, count) in unused.chain(late).chain(refused).filter(|&(_, count)| count > 0) {
            ledger.traces.unused.add_many(code, count);
        }
    }
}

/// The code of what the format refused.
const REFUSED: &str = "refused";

/// The error for a run in which nothing paired: why, in numbers, and what would change it.
pub(crate) fn nothing_paired(ledger: &Ledger, different_scores: u64, mode: &str) -> Option<Error> {
    let skipped = &ledger.pairs.skipped;
    if ledger.groups.read == 0 {
        return None;
    }
    let mismatch = skipped.get(SkipReason::PromptMismatch.code());
    let hint = if ledger.pairs.possible == 0 {
        "every group has a single candidate; group traces with `--group-by`".to_owned()
    } else if skipped.get(SkipReason::NoScore.code()) == ledger.pairs.possible {
        "no two candidates of a group have scores; see `--score`".to_owned()
    } else if mismatch > 0 && mode == "exact" {
        "no pair with different scores shares a prompt; see `--prompt common-prefix` and `--prompt task`"
            .to_owned()
    } else if different_scores == 0 {
        "the candidates of every group have the same score, and nothing is better than its equal".to_owned()
    } else if mode == "common-prefix" && skipped.get(SkipReason::IdenticalCompletion.code()) > 0 {
        "where prompts are shared, the first answers are the same; see `--completion rest` and `--prompt task`".to_owned()
    } else if mismatch > 0 {
        "no pair with different scores shares a prompt; see `--prompt task`".to_owned()
    } else if skipped.get(SkipReason::BelowMinScoreDiff.code()) > 0 {
        "lower `--min-score-diff`".to_owned()
    } else {
        "see the reasons".to_owned()
    };
    let message = format!(
        "nothing paired: {} groups, {different_scores} with different scores, {} possible pairs, 0 written ({skipped}): {hint}",
        ledger.groups.read, ledger.pairs.possible
    );
    Some(Error::new(ErrorKind::Empty, message))
}
