//! Pairing against its definition, spelled out pair by pair.

use proptest::prelude::*;
use tracemill_pairs::{
    Candidate, CompletionFact, Fate, Group, PairOptions, PairScratch, ScoreValue, SkipReason,
    Strategy as Choice, UnusedReason,
};

/// A candidate with its score in hundredths and its text as a number.
#[derive(Clone, Copy, Debug)]
struct Given {
    score: Option<i64>,
    trial: Option<u64>,
    class: u32,
    text: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    strategy: Choice,
    min_diff: Option<i64>,
    min_chosen: Option<i64>,
    max_rejected: Option<i64>,
    max_per_group: Option<usize>,
}

fn hundredths(value: i64) -> f64 {
    format!("{value}e-2").parse().unwrap()
}

impl Given {
    fn candidate(self) -> Candidate {
        let score = self
            .score
            .map(|score| ScoreValue::new(hundredths(score)).unwrap());
        // Two texts share each digest, so that collisions are the rule.
        let completion = self.text.map_or(CompletionFact::Empty, |text| {
            CompletionFact::Digest(u128::from(text / 2))
        });
        let candidate = Candidate::new(score)
            .with_prompt_class(self.class)
            .with_completion(completion);
        self.trial.map_or(candidate, |trial| candidate.with_trial(trial))
    }
}

impl Settings {
    fn options(self) -> PairOptions {
        let mut builder = PairOptions::builder();
        builder.strategy(self.strategy);
        self.min_diff
            .map(|minimum| builder.min_score_diff(hundredths(minimum)));
        self.min_chosen
            .map(|minimum| builder.min_chosen_score(hundredths(minimum)));
        self.max_rejected
            .map(|maximum| builder.max_rejected_score(hundredths(maximum)));
        self.max_per_group
            .map(|maximum| builder.max_pairs_per_group(maximum));
        builder.build().unwrap()
    }
}

/// The members of each class, best first, and the rank of each candidate in the group.
fn ranked(group: &[Given]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut order: Vec<usize> = (0..group.len())
        .filter(|&i| group[i].score.is_some() && group[i].text.is_some())
        .collect();
    order.sort_by_key(|&i| (-group[i].score.unwrap(), group[i].trial.unwrap_or(u64::MAX), i));
    let mut rank = vec![usize::MAX; group.len()];
    for (at, &index) in order.iter().enumerate() {
        rank[index] = at;
    }
    let mut classes: Vec<u32> = order.iter().map(|&i| group[i].class).collect();
    classes.sort_unstable();
    classes.dedup();
    let members = |class: u32| {
        order
            .iter()
            .copied()
            .filter(|&i| group[i].class == class)
            .collect()
    };
    (classes.into_iter().map(members).collect(), rank)
}

fn takes(strategy: Choice, class: &[usize], chosen: usize, rejected: usize) -> bool {
    let at = |index: usize| class.iter().position(|&member| member == index).unwrap();
    let (better, worse) = (at(chosen), at(rejected));
    match strategy {
        Choice::Exhaustive => true,
        Choice::BestVsWorst => better == 0 && worse == class.len() - 1,
        Choice::BestVsAll => better == 0,
        Choice::Adjacent => worse == better + 1,
        _ => unreachable!("drawn pairs have no definition of their own"),
    }
}

/// What becomes of a possible pair, before the maximum: a reason, or the pair in order.
fn judge(group: &[Given], settings: &Settings, a: usize, b: usize) -> Result<(usize, usize), SkipReason> {
    let (Some(score_a), Some(score_b)) = (group[a].score, group[b].score) else {
        return Err(SkipReason::NoScore);
    };
    let (Some(text_a), Some(text_b)) = (group[a].text, group[b].text) else {
        return Err(SkipReason::EmptyCompletion);
    };
    if group[a].class != group[b].class {
        return Err(SkipReason::PromptMismatch);
    }
    if score_a == score_b {
        return Err(SkipReason::Tie);
    }
    let (chosen, rejected) = if score_a > score_b { (a, b) } else { (b, a) };
    let (high, low) = (score_a.max(score_b), score_a.min(score_b));
    let (classes, _) = ranked(group);
    let class = classes.iter().find(|class| class.contains(&a)).unwrap();
    if settings.min_chosen.is_some_and(|minimum| high < minimum) {
        Err(SkipReason::BelowMinChosenScore)
    } else if settings.max_rejected.is_some_and(|maximum| low > maximum) {
        Err(SkipReason::AboveMaxRejectedScore)
    } else if settings.min_diff.is_some_and(|minimum| high - low < minimum) {
        Err(SkipReason::BelowMinScoreDiff)
    } else if !takes(settings.strategy, class, chosen, rejected) {
        Err(SkipReason::NotSelected)
    } else if text_a == text_b {
        Err(SkipReason::IdenticalCompletion)
    } else {
        Ok((chosen, rejected))
    }
}

fn came_so_far(reason: SkipReason) -> UnusedReason {
    match reason {
        SkipReason::BelowMinChosenScore => UnusedReason::BelowMinChosenScore,
        SkipReason::AboveMaxRejectedScore => UnusedReason::AboveMaxRejectedScore,
        SkipReason::BelowMinScoreDiff => UnusedReason::BelowMinScoreDiff,
        SkipReason::NotSelected => UnusedReason::NotSelected,
        SkipReason::IdenticalCompletion => UnusedReason::IdenticalCompletion,
        SkipReason::OverMaxPerGroup => UnusedReason::OverMaxPerGroup,
        _ => UnusedReason::Tie,
    }
}

struct Expected {
    pairs: Vec<(usize, usize)>,
    skipped: [u64; SkipReason::ALL.len()],
    fates: Vec<Fate>,
}

fn expected(group: &[Given], settings: &Settings) -> Expected {
    let (classes, rank) = ranked(group);
    let mut skipped = [0; SkipReason::ALL.len()];
    let mut fates: Vec<Fate> = group.iter().map(|_| Fate::Unused(UnusedReason::Tie)).collect();
    let mut pairs = Vec::new();
    let raise = |fates: &mut Vec<Fate>, pair: [usize; 2], fate: Fate| {
        for index in pair {
            fates[index] = fates[index].max(fate);
        }
    };
    for a in 0..group.len() {
        for b in a + 1..group.len() {
            match judge(group, settings, a, b) {
                Ok(pair) => pairs.push(pair),
                Err(reason) => {
                    skipped[reason as usize] += 1;
                    raise(&mut fates, [a, b], Fate::Unused(came_so_far(reason)));
                }
            }
        }
    }
    let difference =
        |&(chosen, rejected): &(usize, usize)| group[chosen].score.unwrap() - group[rejected].score.unwrap();
    pairs.sort_by_key(|pair| (-difference(pair), rank[pair.0], rank[pair.1]));
    let kept = settings.max_per_group.unwrap_or(usize::MAX).min(pairs.len());
    for &(chosen, rejected) in &pairs[kept..] {
        skipped[SkipReason::OverMaxPerGroup as usize] += 1;
        raise(
            &mut fates,
            [chosen, rejected],
            Fate::Unused(UnusedReason::OverMaxPerGroup),
        );
    }
    pairs.truncate(kept);
    for &(chosen, rejected) in &pairs {
        raise(&mut fates, [chosen, rejected], Fate::Used);
    }
    let ranked = classes.iter().map(Vec::len).sum::<usize>();
    for (index, given) in group.iter().enumerate() {
        let alone = classes.iter().any(|class| class == &[index]);
        if given.score.is_none() {
            fates[index] = Fate::Unused(UnusedReason::NoScore);
        } else if given.text.is_none() {
            fates[index] = Fate::Unused(UnusedReason::EmptyCompletion);
        } else if ranked == 1 {
            fates[index] = Fate::Unused(UnusedReason::SingleCandidate);
        } else if alone {
            fates[index] = Fate::Unused(UnusedReason::PromptMismatch);
        }
    }
    Expected {
        pairs,
        skipped,
        fates,
    }
}

fn given() -> impl Strategy<Value = Given> {
    let score = prop_oneof![1 => Just(None), 6 => (-5_i64..8).prop_map(|tens| Some(tens * 10)), 3 => (-50_i64..80).prop_map(Some)];
    let text = prop_oneof![1 => Just(None), 9 => (0_u8..9).prop_map(Some)];
    let class = prop_oneof![3 => Just(0_u32), 1 => 0_u32..4];
    (score, proptest::option::of(0_u64..4), class, text).prop_map(|(score, trial, class, text)| Given {
        score,
        trial,
        class,
        text,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let strategies = [
        Choice::Exhaustive,
        Choice::BestVsWorst,
        Choice::BestVsAll,
        Choice::Adjacent,
    ];
    let gate = || proptest::option::weighted(0.3, -50_i64..80);
    (
        proptest::sample::select(strategies.to_vec()),
        proptest::option::of((0_i64..6).prop_map(|tens| tens * 10)),
        gate(),
        gate(),
        proptest::option::weighted(0.4, 1_usize..12),
    )
        .prop_map(
            |(strategy, min_diff, min_chosen, max_rejected, max_per_group)| Settings {
                strategy,
                min_diff,
                min_chosen,
                max_rejected,
                max_per_group,
            },
        )
}

fn check(group: &[Given], settings: Settings, scratch: &mut PairScratch) {
    let expected = expected(group, &settings);
    let candidates: Vec<_> = group.iter().map(|given| given.candidate()).collect();
    let mut comparisons = 0;
    let mut same = |a: usize, b: usize| {
        comparisons += 1;
        group[a].text == group[b].text
    };
    let paired = settings
        .options()
        .pair_group(Group::new(&candidates).with_comparison(&mut same), scratch)
        .unwrap();
    let pairs: Vec<_> = paired
        .pairs()
        .map(|pair| (pair.chosen(), pair.rejected()))
        .collect();
    assert_eq!(pairs, expected.pairs);
    let counts = paired.counts();
    let skipped = SkipReason::ALL.map(|reason| counts.skipped(reason));
    assert_eq!(skipped, expected.skipped);
    assert_eq!(counts.selected(), pairs.len() as u64);
    let n = group.len() as u64;
    assert_eq!(counts.possible(), n * n.saturating_sub(1) / 2);
    assert_eq!(paired.fates(), expected.fates);
    assert_eq!(paired.candidate_counts().candidates(), n);
    assert_eq!(paired.refused(), 0);
    // Two texts share a digest here, so a class is compared with two others at most.
    assert!(comparisons <= 4 * group.len(), "{comparisons} comparisons");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn pairs_counts_and_fates_follow_the_definition(
        groups in proptest::collection::vec((proptest::collection::vec(given(), 0..14), settings()), 1..4),
    ) {
        // One scratch for all: nothing of a group may reach the next.
        let mut scratch = PairScratch::new();
        for (group, settings) in groups {
            check(&group, settings, &mut scratch);
        }
    }
}

#[test]
fn large_groups_follow_the_definition_too() {
    // More pairs than a batch holds, so that the maximum is applied several times.
    let group: Vec<_> = (0..450_i64)
        .map(|i| Given {
            score: Some(i * 7 % 431),
            trial: None,
            class: 0,
            text: u8::try_from(i % 251).ok(),
        })
        .collect();
    let candidates: Vec<_> = group.iter().map(|given| given.candidate()).collect();
    let run = |maximum: usize| {
        let options = PairOptions::builder()
            .max_pairs_per_group(maximum)
            .build()
            .unwrap();
        let mut same = |a: usize, b: usize| group[a].text == group[b].text;
        let mut scratch = PairScratch::new();
        let paired = options
            .pair_group(Group::new(&candidates).with_comparison(&mut same), &mut scratch)
            .unwrap();
        (
            paired.pairs().collect::<Vec<_>>(),
            paired.counts(),
            paired.candidate_counts(),
        )
    };
    let (all, all_counts, _) = run(usize::MAX);
    let (some, counts, candidate_counts) = run(1_000);
    assert!(all.len() > 1 << 16);
    assert_eq!(some, all[..1_000]);
    assert_eq!(
        counts.skipped(SkipReason::IdenticalCompletion),
        all_counts.skipped(SkipReason::IdenticalCompletion)
    );
    assert_eq!(
        counts.skipped(SkipReason::OverMaxPerGroup),
        all.len() as u64 - 1_000
    );
    assert_eq!(counts.possible(), 450 * 449 / 2);
    let unused = candidate_counts.unused(UnusedReason::OverMaxPerGroup);
    assert_eq!(candidate_counts.used() + unused, 450);
    assert!(unused > 0);
}
