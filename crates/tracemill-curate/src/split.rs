//! On which side of a split a trace falls.

use std::fmt;
use std::str::FromStr;

use crate::choose::Candidate;
use crate::error::CurateError;
use crate::random::keyed_hash;

/// The sides of a split, in order, and the share of each: `train=0.9,test=0.1`.
///
/// Shares are positive and add up to 1 within 10⁻⁹; names are those of files, and differ.
///
/// ```
/// use tracemill_curate::Shares;
/// let shares: Shares = "train=0.8,validation=0.1,test=0.1".parse()?;
/// assert_eq!(shares.names().collect::<Vec<_>>(), ["train", "validation", "test"]);
/// assert_eq!(shares.divide(10), [8, 1, 1]);
/// assert!("train=0.8,test=0.3".parse::<Shares>().is_err());
/// # Ok::<(), tracemill_curate::CurateError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Shares(Vec<(String, f64)>);

/// Sides are indexed by a byte.
const MAX_SIDES: usize = 64;

impl Shares {
    /// The names of the sides.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The sides with their shares.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, share)| (name.as_str(), *share))
    }

    /// The number of sides.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many of `total` fall on each side: cumulative shares, rounded, so that the sum is exact and none is off by one or more.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are fewer than 2^53 traces, and shares are positive"
    )]
    pub fn divide(&self, total: usize) -> Vec<usize> {
        let mut upto = 0.0;
        let mut before = 0;
        let mut counts = Vec::new();
        for (index, (_, share)) in self.0.iter().enumerate() {
            upto += share;
            let end = if index + 1 == self.0.len() {
                total
            } else {
                ((total as f64 * upto + 1e-9).round() as usize).clamp(before, total)
            };
            counts.push(end - before);
            before = end;
        }
        counts
    }

    /// The side of a keyed hash.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn side(&self, hash: u64) -> u8 {
        // 53 bits, so that the fraction is exact.
        let at = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        let mut upto = 0.0;
        for (side, (_, share)) in self.0.iter().enumerate() {
            upto += share;
            if at < upto {
                return side as u8;
            }
        }
        (self.0.len() - 1) as u8
    }
}

impl FromStr for Shares {
    type Err = CurateError;

    fn from_str(text: &str) -> Result<Self, CurateError> {
        let mut shares: Vec<(String, f64)> = Vec::new();
        for piece in text.split(',') {
            let (name, share) = piece.split_once('=').ok_or_else(|| {
                CurateError::new(format!("`{piece}`: write NAME=SHARE, as in `train=0.9,test=0.1`"))
            })?;
            let name = name.trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(is_name) {
                let message = format!("`{name}` names no side: letters, digits, `-` and `_` make file names");
                return Err(CurateError::new(message));
            }
            if shares.iter().any(|(known, _)| known == name) {
                return Err(CurateError::new(format!("`{name}` is named twice")));
            }
            let share: f64 = share
                .trim()
                .parse()
                .map_err(|_| CurateError::new(format!("the share of `{name}` is no number: `{share}`")))?;
            if !(share > 0.0 && share <= 1.0) {
                return Err(CurateError::new(format!(
                    "the share of `{name}` is {share}; it must be above 0 and at most 1"
                )));
            }
            shares.push((name.to_owned(), share));
        }
        if shares.len() > MAX_SIDES {
            return Err(CurateError::new(format!("more than {MAX_SIDES} sides")));
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(CurateError::new(format!("the shares add up to {sum}, not to 1")));
        }
        Ok(Shares(shares))
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, share)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={share}")?;
        }
        Ok(())
    }
}

/// How the side is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitBy {
    /// By a keyed hash of group or prompt: shares are met on average, and appended data moves nothing.
    #[default]
    Hash,
    /// Whole groups in a seeded order, until each side has its share of the traces.
    Shuffled,
    /// Whole groups in the order of their first trace, until each side has its share of the traces.
    Positional,
}

impl SplitBy {
    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            SplitBy::Hash => "hash",
            SplitBy::Shuffled => "shuffled",
            SplitBy::Positional => "positional",
        }
    }
}

impl FromStr for SplitBy {
    type Err = CurateError;

    fn from_str(name: &str) -> Result<Self, CurateError> {
        [SplitBy::Hash, SplitBy::Shuffled, SplitBy::Positional]
            .into_iter()
            .find(|by| by.name() == name)
            .ok_or_else(|| CurateError::new("one of hash, shuffled, positional"))
    }
}

/// What is divided, without a copy of it: some of the candidates, in the order of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'c> {
    pub(crate) candidates: &'c [Candidate],
    pub(crate) chosen: &'c [u32],
}

impl Items<'_> {
    fn count(self) -> usize {
        self.chosen.len()
    }

    fn candidate(&self, item: usize) -> &Candidate {
        &self.candidates[self.chosen[item] as usize]
    }

    fn group(&self, item: usize) -> Option<u64> {
        let group = self.candidate(item).group;
        (group != 0).then_some(group)
    }

    fn prompt(&self, item: usize) -> u64 {
        self.candidate(item).prompt
    }
}

/// The side of every item by keyed hash, in the order of the input, from the digests of its group and prompt.
///
/// The side of a trace is that of its group, if an earlier trace decided it; else that of its prompt; else the hash
/// decides. So a decision never depends on what comes later. A trace whose group is on one side and whose prompt on
/// another can stay on neither without a leak: it has no side.
pub(crate) fn by_hash(shares: &Shares, seed: u64, items: Items<'_>) -> Vec<Option<u8>> {
    let (groups, group_count) = numbered(items.count(), |item| items.group(item));
    let (prompts, prompt_count) = numbered(items.count(), |item| Some(items.prompt(item)));
    let mut by_group = vec![None; group_count];
    let mut by_prompt = vec![None; prompt_count];
    let mut assign = |item: usize| {
        let (group, prompt) = (items.group(item), items.prompt(item));
        let group_side = group.and_then(|_| by_group[groups[item] as usize]);
        let prompt_side = by_prompt[prompts[item] as usize];
        let side = match (group_side, prompt_side) {
            (Some(one), Some(other)) if one != other => return None,
            (Some(side), _) | (None, Some(side)) => side,
            (None, None) => shares.side(keyed_hash(seed, u128::from(group.unwrap_or(prompt)))),
        };
        by_prompt[prompts[item] as usize] = Some(side);
        if group.is_some() {
            by_group[groups[item] as usize] = Some(side);
        }
        Some(side)
    };
    (0..items.count()).map(&mut assign).collect()
}

/// The side of every item in whole units: items that share a group or a prompt, directly or through others.
///
/// Units come in the order of their first item, or of `rank`; a side takes units until it has its share of the items.
pub(crate) fn by_units(shares: &Shares, items: Items<'_>, rank: impl Fn(u64) -> u64) -> Vec<Option<u8>> {
    let units = units(items);
    let mut sizes = vec![0_u32; items.count()];
    for &unit in &units {
        sizes[unit as usize] += 1;
    }
    let mut order: Vec<u32> = (0..items.count() as u32)
        .filter(|&unit| sizes[unit as usize] > 0)
        .collect();
    order.sort_unstable_by_key(|&unit| (rank(u64::from(unit)), unit));
    let counts = shares.divide(items.count());
    let (mut side, mut bound, mut at) = (0, counts.first().copied().unwrap_or(0), 0);
    let mut of_units = vec![0_u8; items.count()];
    for unit in order {
        while at >= bound && side + 1 < counts.len() {
            side += 1;
            bound += counts[side];
        }
        of_units[unit as usize] = side as u8;
        at += sizes[unit as usize] as usize;
    }
    units.iter().map(|&unit| Some(of_units[unit as usize])).collect()
}

/// For every item the first item that it is connected with through groups and prompts.
fn units(items: Items<'_>) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..items.count() as u32).collect();
    join_equal(&mut parent, |item| items.group(item));
    join_equal(&mut parent, |item| Some(items.prompt(item)));
    (0..items.count() as u32)
        .map(|index| root(&mut parent, index))
        .collect()
}

/// Connects the items with one key; those without stay alone.
fn join_equal(parent: &mut [u32], key: impl Fn(usize) -> Option<u64>) {
    let (numbers, count) = numbered(parent.len(), &key);
    let mut firsts = vec![None; count];
    for (item, &number) in numbers.iter().enumerate() {
        if key(item).is_some() {
            let first = *firsts[number as usize].get_or_insert(item as u32);
            join(parent, first, item as u32);
        }
    }
}

fn root(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}

/// The smaller root stays, so that a unit is named by its first item.
fn join(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b) as usize] = a.min(b);
}

/// Numbers the different keys of so many items from 0 by sorting, which takes less memory than a map; without a key the
/// number is 0.
pub(crate) fn numbered(items: usize, key: impl Fn(usize) -> Option<u64>) -> (Vec<u32>, usize) {
    let mut order: Vec<u32> = (0..items as u32)
        .filter(|&item| key(item as usize).is_some())
        .collect();
    order.sort_unstable_by_key(|&item| key(item as usize));
    let mut numbers = vec![0; items];
    let mut count = 0;
    let mut last = None;
    for item in order {
        let own = key(item as usize);
        if own != last {
            count += 1;
            last = own;
        }
        numbers[item as usize] = count - 1;
    }
    (numbers, count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_exact_and_wrong_ones_refused() {
        let shares: Shares = "train=0.8,test=0.2".parse().unwrap();
        assert_eq!(shares.divide(10), [8, 2]);
        assert_eq!(shares.divide(1), [1, 0]);
        assert_eq!(shares.divide(0), [0, 0]);
        for wrong in [
            "",
            "train",
            "train=x",
            "train=0.8",
            "train=0.5,test=0.6",
            "train=1.2,test=-0.2",
            "a=0,b=1",
            "a=0.5,a=0.5",
            "a/b=1",
            "=1",
            "a=nan,b=1",
        ] {
            assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_on_both_sides_and_appending_moves_nothing(
            traces in prop::collection::vec((prop::option::of(0..8_u64), 0..12_u64), 0..60),
            cut in 0..60_usize,
            seed in any::<u64>(),
        ) {
            let shares: Shares = "a=0.4,b=0.3,c=0.3".parse().unwrap();
            let candidate = |&(group, prompt): &(Option<u64>, u64)| Candidate {
                group: group.map_or(0, |group| group + 1),
                prompt,
                ..Candidate::default()
            };
            let candidates: Vec<_> = traces.iter().map(candidate).collect();
            let chosen: Vec<u32> = (0..traces.len() as u32).collect();
            let items = |count| Items { candidates: &candidates, chosen: &chosen[..count] };
            let all = by_hash(&shares, seed, items(traces.len()));
            let cut = cut.min(traces.len());
            prop_assert_eq!(&by_hash(&shares, seed, items(cut))[..], &all[..cut]);
            let whole = by_units(&shares, items(traces.len()), |unit| keyed_hash(seed, u128::from(unit)));
            for sides in [&all, &whole] {
                for (a, one) in traces.iter().zip(sides) {
                    for (b, other) in traces.iter().zip(sides) {
                        let related = a.1 == b.1 || (a.0.is_some() && a.0 == b.0);
                        if related && one.is_some() && other.is_some() {
                            prop_assert_eq!(one, other);
                        }
                    }
                }
            }
        }
    }
}
