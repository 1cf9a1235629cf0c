//! Which completions of a group are the same.

use crate::candidate::{Candidate, CompletionFact, SameCompletion};
use crate::ranking::Entry;

/// Finds identical completions by digest, and has equal digests confirmed.
///
/// Few pairs are compared one by one. For many, the first equal digests lead to a table of classes, which is made
/// once for a group: confirming pair by pair would be quadratic exactly where all texts are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twins {
    ready: bool,
    /// For each rank, the best rank with the same completion.
    firsts: Vec<u32>,
    by_digest: Vec<(u128, u32)>,
}

/// The completions of a group: what is known of them, and how to compare two.
pub(crate) struct Completions<'c> {
    pub(crate) candidates: &'c [Candidate],
    /// What to ask; without it, equal digests are equal completions.
    pub(crate) same: Option<&'c mut SameCompletion<'c>>,
}

impl Completions<'_> {
    fn digest(&self, entry: &Entry) -> Option<u128> {
        match self.candidates[entry.index as usize].completion() {
            CompletionFact::Digest(digest) => Some(digest),
            CompletionFact::Unique | CompletionFact::Empty | CompletionFact::Compared => None,
        }
    }

    /// Whether nothing is known of a completion before it stands beside another.
    fn unknown(&self, entry: &Entry) -> bool {
        self.candidates[entry.index as usize].completion() == CompletionFact::Compared
    }

    fn same(&mut self, a: &Entry, b: &Entry) -> bool {
        let positions = (a.index as usize, b.index as usize);
        self.same
            .as_mut()
            .is_none_or(|same| same(positions.0, positions.1))
    }
}

/// How many pairs are going to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// No more than there are candidates.
    Few,
    /// More.
    Many,
}

impl Twins {
    pub(crate) fn clear(&mut self) {
        self.ready = false;
    }

    /// Whether the completions at two ranks are the same.
    pub(crate) fn identical(
        &mut self,
        (a, b): (usize, usize),
        entries: &[Entry],
        completions: &mut Completions<'_>,
        workload: Workload,
    ) -> bool {
        if completions.unknown(&entries[a]) || completions.unknown(&entries[b]) {
            return completions.same.is_some() && completions.same(&entries[a], &entries[b]);
        }
        if !self.ready {
            let digest = completions.digest(&entries[a]);
            if digest.is_none() || digest != completions.digest(&entries[b]) {
                return false;
            }
            if workload == Workload::Few {
                return completions.same(&entries[a], &entries[b]);
            }
            self.prepare(entries, completions);
        }
        self.firsts[a] == self.firsts[b]
    }

    /// Makes the table of classes.
    fn prepare(&mut self, entries: &[Entry], completions: &mut Completions<'_>) {
        self.ready = true;
        self.firsts.clear();
        self.firsts.extend(0..entries.len() as u32);
        self.by_digest.clear();
        let digests = (0..)
            .zip(entries)
            .filter_map(|(rank, entry)| Some((completions.digest(entry)?, rank)));
        self.by_digest.extend(digests);
        self.by_digest.sort_unstable();
        let Twins {
            firsts, by_digest, ..
        } = self;
        for run in by_digest.chunk_by(|a, b| a.0 == b.0) {
            for (at, &(_, rank)) in run.iter().enumerate() {
                // One comparison with each distinct text of the run: with one alone, unless digests collide.
                let mut distinct = run[..at]
                    .iter()
                    .map(|&(_, other)| other)
                    .filter(|&r| firsts[r as usize] == r);
                let entry = &entries[rank as usize];
                if let Some(first) = distinct.find(|&r| completions.same(&entries[r as usize], entry)) {
                    firsts[rank as usize] = first;
                }
            }
        }
    }
}
