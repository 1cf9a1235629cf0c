//! The decisions that need all traces: duplicates, groups, samples, splits, order.

use std::str::FromStr;

use tracemill_model::{Trace, digest};

use crate::error::CurateError;
use crate::identity::{Scratch, group_of, prompt_of};
use crate::random::keyed_hash;
use crate::split::{Items, Shares, SplitBy, by_hash, by_units, numbered};

/// What decisions need of a trace: 48 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    /// What duplicates share; see [`Identity`](crate::Identity). Looked at only where duplicates are.
    pub identity: u128,
    /// The digest of its group, cut to 64 bits; 0 for none.
    pub group: u64,
    /// The digest of its prompt, cut to 64 bits.
    pub prompt: u64,
    /// The score that counts; NaN for none.
    pub score: f64,
    /// What a stratified sample is taken from in equal shares.
    pub stratum: u32,
    /// The caller's own number, which takes no room: no decision looks at it.
    pub own: u32,
}

impl Candidate {
    /// What is needed of a trace, but for the identity, which is only sometimes, and the stratum.
    pub fn of(trace: &Trace<'_>, score: Option<f64>, scratch: &mut Scratch) -> Self {
        let cut = |digest: u128| digest as u64;
        Candidate {
            identity: 0,
            // 0 stands for none.
            group: group_of(trace).map_or(0, |group| cut(group).max(1)),
            prompt: cut(prompt_of(trace, scratch)),
            score: score.unwrap_or(f64::NAN),
            stratum: 0,
            own: 0,
        }
    }

    /// The same, in the stratum that `value` names.
    #[must_use]
    pub fn in_stratum(mut self, value: &str) -> Self {
        self.stratum = digest(value.as_bytes()) as u32;
        self
    }

    /// What competes with it: its group, or the traces with its prompt.
    fn unit(&self) -> u64 {
        if self.group == 0 { self.prompt } else { self.group }
    }
}

/// Which of several duplicates stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// The first.
    #[default]
    First,
    /// The one with the best score, the first of equal ones; one without a score is worse than any with one.
    Best,
}

impl FromStr for Keep {
    type Err = CurateError;

    fn from_str(name: &str) -> Result<Self, CurateError> {
        match name {
            "first" => Ok(Keep::First),
            "best" => Ok(Keep::Best),
            _ => Err(CurateError::new("one of first, best")),
        }
    }
}

/// The order in which chosen traces come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As they came.
    #[default]
    Input,
    /// By keyed hash.
    Shuffled,
    /// By keyed hash of the group, or of the prompt where there is none: what belongs together stays together.
    ShuffledGroups,
    /// The easiest first: by the mean score of the group, falling; groups without scores last; else as they came.
    Curriculum,
}

/// Decisions over many traces, in this order: duplicates, group scores, traces a group, sample, limit, split, order.
#[derive(Clone, Debug, Default)]
pub struct Choosing {
    duplicates: Option<Keep>,
    group_scores: (Option<f64>, Option<f64>),
    per_group: Option<usize>,
    sample: Option<usize>,
    limit: Option<usize>,
    split: Option<(Shares, SplitBy)>,
    order: Order,
    seed: u64,
}

impl Choosing {
    /// Everything stays, as it came.
    pub fn new() -> Self {
        Choosing::default()
    }

    /// Leaves one of traces with the same identity.
    pub fn dedup(&mut self, keep: Keep) -> &mut Self {
        self.duplicates = Some(keep);
        self
    }

    /// Leaves out groups whose mean score is outside of these bounds, which are inclusive, and those without scores.
    pub fn group_scores(&mut self, least: Option<f64>, largest: Option<f64>) -> &mut Self {
        self.group_scores = (least, largest);
        self
    }

    /// Keeps so many traces of a group, the best of them; the first of equal ones.
    pub fn per_group(&mut self, traces: usize) -> &mut Self {
        self.per_group = Some(traces);
        self
    }

    /// Keeps so many traces, drawn by the seed; equal shares of every stratum.
    pub fn sample(&mut self, traces: usize) -> &mut Self {
        self.sample = Some(traces);
        self
    }

    /// Keeps the first so many traces.
    pub fn limit(&mut self, traces: usize) -> &mut Self {
        self.limit = Some(traces);
        self
    }

    /// Divides what stays.
    pub fn split(&mut self, shares: Shares, by: SplitBy) -> &mut Self {
        self.split = Some((shares, by));
        self
    }

    /// Sets the order.
    pub fn order(&mut self, order: Order) -> &mut Self {
        self.order = order;
        self
    }

    /// The same decisions, with a shuffle that keeps groups together.
    #[must_use]
    pub fn keeping_groups(mut self) -> Self {
        if self.order == Order::Shuffled {
            self.order = Order::ShuffledGroups;
        }
        self
    }

    /// Sets the seed of all that is drawn: 0, unless set.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = seed;
        self
    }

    /// The names of the sides, if there is a split.
    pub fn sides(&self) -> Option<&Shares> {
        self.split.as_ref().map(|(shares, _)| shares)
    }

    /// Whether a decision looks at identities.
    pub fn looks_at_identities(&self) -> bool {
        self.duplicates.is_some()
    }

    /// Whether a decision looks at groups and prompts.
    pub fn looks_at_units(&self) -> bool {
        self.group_scores != (None, None)
            || self.per_group.is_some()
            || self.split.is_some()
            || matches!(self.order, Order::ShuffledGroups | Order::Curriculum)
    }

    /// Whether a decision looks at scores.
    pub fn looks_at_scores(&self) -> bool {
        self.duplicates == Some(Keep::Best)
            || self.group_scores != (None, None)
            || self.per_group.is_some()
            || self.order == Order::Curriculum
    }

    /// Decides over the candidates, which come in the order of the input.
    ///
    /// # Errors
    /// If there are 2^32 candidates or more.
    pub fn choose(&self, candidates: &[Candidate]) -> Result<Chosen, CurateError> {
        if u32::try_from(candidates.len()).is_err() {
            return Err(CurateError::new(
                "4,294,967,296 traces or more cannot be compared; divide the input",
            ));
        }
        let mut chosen = Chosen {
            order: (0..candidates.len() as u32).collect(),
            sides: Vec::new(),
            dropped: Vec::new(),
        };
        if let Some(keep) = self.duplicates {
            chosen.retain("duplicate", &firsts(candidates, keep));
        }
        if self.group_scores != (None, None) {
            self.drop_groups(candidates, &mut chosen);
        }
        if let Some(most) = self.per_group {
            let keep = best_of_groups(candidates, &chosen.order, most);
            chosen.retain("per-group", &keep);
        }
        if let Some(most) = self.sample {
            let keep = self.drawn(candidates, &chosen.order, most);
            chosen.retain("sample", &keep);
        }
        if let Some(most) = self.limit.filter(|&most| most < chosen.order.len()) {
            chosen.dropped.push(("limit", (chosen.order.len() - most) as u64));
            chosen.order.truncate(most);
        }
        if let Some((shares, by)) = &self.split {
            self.divide(candidates, shares, *by, &mut chosen);
        }
        self.sort(candidates, &mut chosen);
        Ok(chosen)
    }

    fn drop_groups(&self, candidates: &[Candidate], chosen: &mut Chosen) {
        let (least, largest) = self.group_scores;
        let means = unit_means(candidates, &chosen.order);
        let keep = |test: &dyn Fn(f64) -> bool| {
            let mut keep = vec![false; candidates.len()];
            for (&index, &mean) in chosen.order.iter().zip(&means) {
                keep[index as usize] = test(mean);
            }
            keep
        };
        let scored = keep(&|mean| !mean.is_nan());
        let low = keep(&|mean| least.is_none_or(|least| mean >= least));
        let high = keep(&|mean| largest.is_none_or(|largest| mean <= largest));
        chosen.retain("no-group-score", &scored);
        chosen.retain("min-group-score", &low);
        chosen.retain("max-group-score", &high);
    }

    /// The smallest hashes of each stratum: what is appended later changes little of a sample.
    fn drawn(&self, candidates: &[Candidate], order: &[u32], most: usize) -> Vec<bool> {
        let mut ranked = order.to_vec();
        let rank = |&index: &u32| (keyed_hash(self.seed, u128::from(index)), index);
        ranked.sort_unstable_by_key(rank);
        let (strata, count) = numbered(candidates.len(), |index| {
            Some(u64::from(candidates[index].stratum))
        });
        let mut sizes = vec![0_usize; count];
        for &index in order {
            sizes[strata[index as usize] as usize] += 1;
        }
        let mut quotas = equal_shares(&sizes, most);
        let mut keep = vec![false; candidates.len()];
        for index in ranked {
            let quota = &mut quotas[strata[index as usize] as usize];
            keep[index as usize] = *quota > 0;
            *quota = quota.saturating_sub(1);
        }
        keep
    }

    fn divide(&self, candidates: &[Candidate], shares: &Shares, by: SplitBy, chosen: &mut Chosen) {
        let items = Items {
            candidates,
            chosen: &chosen.order,
        };
        let sides = match by {
            SplitBy::Hash => by_hash(shares, self.seed, items),
            SplitBy::Shuffled => by_units(shares, items, |unit| keyed_hash(self.seed, u128::from(unit))),
            SplitBy::Positional => by_units(shares, items, |unit| unit),
        };
        chosen.sides = vec![0; candidates.len()];
        let mut keep = vec![false; candidates.len()];
        for (&index, side) in chosen.order.iter().zip(&sides) {
            keep[index as usize] = side.is_some();
            chosen.sides[index as usize] = side.unwrap_or(0);
        }
        chosen.retain("on-two-sides", &keep);
    }

    fn sort(&self, candidates: &[Candidate], chosen: &mut Chosen) {
        match self.order {
            Order::Input => {}
            // Another key than that of samples, whose order would show through.
            Order::Shuffled => chosen
                .order
                .sort_unstable_by_key(|&index| (keyed_hash(!self.seed, u128::from(index)), index)),
            Order::ShuffledGroups => chosen.order.sort_unstable_by_key(|&index| {
                let unit = candidates[index as usize].unit();
                (keyed_hash(!self.seed, u128::from(unit)), unit, index)
            }),
            Order::Curriculum => {
                let means = unit_means(candidates, &chosen.order);
                let mut order: Vec<_> = chosen.order.iter().copied().zip(means).collect();
                // NaN, for none, becomes the least.
                let rank = |mean: f64| if mean.is_nan() { f64::NEG_INFINITY } else { mean };
                order.sort_by(|a, b| rank(b.1).total_cmp(&rank(a.1)));
                chosen.order = order.into_iter().map(|(index, _)| index).collect();
            }
        }
    }
}

/// What was chosen, in the order of the output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    order: Vec<u32>,
    sides: Vec<u8>,
    dropped: Vec<(&'static str, u64)>,
}

impl Chosen {
    /// The numbers of the candidates that stay, in the order of the output.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The side of a candidate; 0 without a split.
    pub fn side(&self, candidate: u32) -> usize {
        self.sides
            .get(candidate as usize)
            .map_or(0, |&side| usize::from(side))
    }

    /// How many did not stay, by the code of the decision; those that dropped none are named too.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.dropped.iter().copied()
    }

    fn retain(&mut self, code: &'static str, keep: &[bool]) {
        let before = self.order.len();
        self.order.retain(|&index| keep[index as usize]);
        self.dropped.push((code, (before - self.order.len()) as u64));
    }
}

/// Of candidates with one identity only the kept one.
fn firsts(candidates: &[Candidate], keep: Keep) -> Vec<bool> {
    let mut order: Vec<u32> = (0..candidates.len() as u32).collect();
    order.sort_unstable_by_key(|&index| (candidates[index as usize].identity, index));
    let mut kept = vec![false; candidates.len()];
    for same in order.chunk_by(|&a, &b| candidates[a as usize].identity == candidates[b as usize].identity) {
        let mut best = same[0];
        for &other in same.iter().filter(|_| keep == Keep::Best) {
            let (score, so_far) = (candidates[other as usize].score, candidates[best as usize].score);
            if score > so_far || (so_far.is_nan() && !score.is_nan()) {
                best = other;
            }
        }
        kept[best as usize] = true;
    }
    kept
}

/// For every candidate in `order` the mean score of its unit; NaN if nothing in it has one.
fn unit_means(candidates: &[Candidate], order: &[u32]) -> Vec<f64> {
    let (units, count) = numbered(order.len(), |at| Some(candidates[order[at] as usize].unit()));
    let mut sums = vec![(0.0, 0_u32); count];
    for (&index, &unit) in order.iter().zip(&units) {
        let score = candidates[index as usize].score;
        if !score.is_nan() {
            let (sum, scores) = &mut sums[unit as usize];
            *sum += score;
            *scores += 1;
        }
    }
    // Without scores this is 0 / 0, which is NaN.
    units
        .iter()
        .map(|&unit| sums[unit as usize].0 / f64::from(sums[unit as usize].1))
        .collect()
}

fn best_of_groups(candidates: &[Candidate], order: &[u32], most: usize) -> Vec<bool> {
    let score = |index: u32| {
        let score = candidates[index as usize].score;
        if score.is_nan() { f64::NEG_INFINITY } else { score }
    };
    let mut ranked = order.to_vec();
    ranked.sort_unstable_by(|&a, &b| {
        let unit = |index: u32| candidates[index as usize].unit();
        unit(a)
            .cmp(&unit(b))
            .then(score(b).total_cmp(&score(a)))
            .then(a.cmp(&b))
    });
    let mut keep = vec![false; candidates.len()];
    for group in ranked.chunk_by(|&a, &b| candidates[a as usize].unit() == candidates[b as usize].unit()) {
        for &index in group.iter().take(most) {
            keep[index as usize] = true;
        }
    }
    keep
}

/// Divides `total` among strata of these sizes as equally as sizes allow: what small ones leave goes to larger ones.
fn equal_shares(sizes: &[usize], total: usize) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|&stratum| sizes[stratum]);
    let mut left = total;
    let mut shares = vec![0; sizes.len()];
    for (position, &stratum) in by_size.iter().enumerate() {
        let strata_left = sizes.len() - position;
        shares[stratum] = sizes[stratum].min(left / strata_left);
        left -= shares[stratum];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(identity: u128, group: u64, score: f64) -> Candidate {
        Candidate {
            identity,
            group,
            prompt: identity as u64 + 1_000,
            score,
            ..Candidate::default()
        }
    }

    fn order(choosing: &Choosing, candidates: &[Candidate]) -> Vec<u32> {
        choosing.choose(candidates).unwrap().order().to_vec()
    }

    #[test]
    fn the_first_or_the_best_of_duplicates_stays() {
        let all = [
            candidate(1, 1, f64::NAN),
            candidate(1, 1, 0.5),
            candidate(2, 1, 0.1),
            candidate(1, 1, 0.9),
            candidate(1, 1, 0.9),
        ];
        assert_eq!(order(Choosing::new().dedup(Keep::First), &all), [0, 2]);
        assert_eq!(order(Choosing::new().dedup(Keep::Best), &all), [2, 3]);
        let chosen = Choosing::new().dedup(Keep::Best).choose(&all).unwrap();
        assert_eq!(chosen.dropped().collect::<Vec<_>>(), [("duplicate", 3)]);
    }

    #[test]
    fn groups_are_gated_thinned_and_ordered_by_their_means() {
        let all = [
            candidate(1, 1, 0.0),
            candidate(2, 2, 1.0),
            candidate(3, 1, 0.5),
            candidate(4, 3, f64::NAN),
            candidate(5, 2, 0.8),
        ];
        assert_eq!(
            order(Choosing::new().order(Order::Curriculum), &all),
            [1, 4, 0, 2, 3]
        );
        assert_eq!(
            order(Choosing::new().group_scores(Some(0.25), None), &all),
            [0, 1, 2, 4]
        );
        assert_eq!(
            order(Choosing::new().group_scores(None, Some(0.25)), &all),
            [0, 2]
        );
        assert_eq!(order(Choosing::new().per_group(1), &all), [1, 2, 3]);
    }

    #[test]
    fn samples_are_reproducible_and_stratified() {
        let mut all: Vec<_> = (0..100).map(|n| candidate(n, 0, 0.0)).collect();
        let once = order(Choosing::new().sample(10).seed(3), &all);
        assert_eq!(once.len(), 10);
        assert!(once.is_sorted());
        assert_eq!(once, order(Choosing::new().sample(10).seed(3), &all));
        assert_ne!(once, order(Choosing::new().sample(10).seed(4), &all));
        for candidate in &mut all[..20] {
            candidate.stratum = 1;
        }
        let stratified = order(Choosing::new().sample(10), &all);
        assert_eq!(stratified.iter().filter(|&&index| index < 20).count(), 5);
        assert_eq!(order(Choosing::new().sample(1_000), &all).len(), 100);
        assert_eq!(equal_shares(&[2, 100, 100], 10), [2, 4, 4]);
        assert_eq!(equal_shares(&[2, 2], 10), [2, 2]);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let all: Vec<_> = (0..50).map(|n| candidate(n, 0, 0.0)).collect();
        let mut shuffled = order(Choosing::new().order(Order::Shuffled), &all);
        assert!(!shuffled.is_sorted());
        shuffled.sort_unstable();
        assert_eq!(shuffled, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn whole_splits_are_exact() {
        let all: Vec<_> = (0..10).map(|n| candidate(n, 0, 0.0)).collect();
        for by in [SplitBy::Positional, SplitBy::Shuffled] {
            let mut choosing = Choosing::new();
            let chosen = choosing
                .split("train=0.8,test=0.2".parse().unwrap(), by)
                .choose(&all)
                .unwrap();
            let train = (0..10).filter(|&index| chosen.side(index) == 0).count();
            assert_eq!((train, chosen.order().len()), (8, 10));
        }
    }
}
