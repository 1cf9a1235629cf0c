//! The examples that users are told about, and the wrong usage they are told about.

use std::num::NonZeroU64;

use tracemill_pairs::{
    Candidate, Group, PairBuilder, PairError, PairOptions, PairScratch, ScoreValue, SkipReason, Strategy,
    UnusedReason, pairs_of,
};

fn pairs(scores: &[f64], configure: impl FnOnce(&mut PairBuilder)) -> Vec<(usize, usize)> {
    let mut builder = PairOptions::builder();
    configure(&mut builder);
    let pairs = pairs_of(scores, &builder.build().unwrap()).unwrap();
    pairs
        .iter()
        .map(|pair| (pair.chosen(), pair.rejected()))
        .collect()
}

#[test]
fn three_scores_under_each_strategy() {
    let scores = [0.9, 0.7, 0.5];
    let of = |strategy| pairs(&scores, |builder| _ = builder.strategy(strategy));
    assert_eq!(of(Strategy::Exhaustive), [(0, 2), (0, 1), (1, 2)]);
    assert_eq!(of(Strategy::BestVsWorst), [(0, 2)]);
    assert_eq!(of(Strategy::BestVsAll), [(0, 2), (0, 1)]);
    assert_eq!(of(Strategy::Adjacent), [(0, 1), (1, 2)]);
    assert_eq!(
        of(Strategy::Random(NonZeroU64::new(9).unwrap())),
        [(0, 2), (0, 1), (1, 2)]
    );
}

#[test]
fn a_minimum_difference_is_decimal_and_inclusive() {
    assert_eq!(
        pairs(&[0.9, 0.7, 0.5], |builder| _ = builder.min_score_diff(0.2)).len(),
        3
    );
    assert_eq!(
        pairs(&[0.9, 0.7, 0.5], |builder| _ =
            builder.min_score_diff(0.200_000_1))
        .len(),
        1
    );
    assert_eq!(
        pairs(&[0.3, 0.2], |builder| _ = builder.min_score_diff(0.1)).len(),
        1
    );
    assert_eq!(
        pairs(&[0.3, 0.3, 0.2], |builder| _ = builder.min_score_diff(0.0)).len(),
        2
    );
}

#[test]
fn equal_differences_come_in_rank_order() {
    // In floats 0.3 - 0.2 is less than 0.2 - 0.1.
    assert_eq!(pairs(&[0.1, 0.2, 0.3], |_| ()), [(2, 0), (2, 1), (1, 0)]);
    // The same with digits that fit no common grid.
    let third = 1.0 / 3.0;
    assert_eq!(
        pairs(&[0.1, 0.2, 0.3, -5e8, -5e8 - third], |_| ())[8..],
        [(2, 1), (1, 0)]
    );
}

#[test]
fn ten_candidates_keep_the_five_largest_differences() {
    let scores: Vec<f64> = (0..10).map(|tenth| f64::from(tenth) / 10.0).collect();
    let kept = pairs(&scores, |builder| _ = builder.max_pairs_per_group(5));
    assert_eq!(kept, [(9, 0), (9, 1), (8, 0), (9, 2), (8, 1)]);
}

#[test]
fn equal_scores_stand_by_trial_then_by_input() {
    let candidate = |score: f64, trial: Option<u64>| {
        let candidate = Candidate::new(ScoreValue::new(score).ok());
        trial.map_or(candidate, |trial| candidate.with_trial(trial))
    };
    let candidates = [
        candidate(1.0, None),
        candidate(1.0, Some(3)),
        candidate(0.0, Some(7)),
        candidate(1.0, Some(1)),
        candidate(0.0, None),
        candidate(0.0, None),
    ];
    let options = PairOptions::builder()
        .strategy(Strategy::BestVsWorst)
        .build()
        .unwrap();
    let mut scratch = PairScratch::new();
    let paired = options.pair_group(Group::new(&candidates), &mut scratch).unwrap();
    let pairs: Vec<_> = paired
        .pairs()
        .map(|pair| (pair.chosen(), pair.rejected()))
        .collect();
    assert_eq!(pairs, [(3, 5)]);
    assert_eq!(paired.counts().skipped(SkipReason::Tie), 6);
    assert_eq!(paired.counts().skipped(SkipReason::NotSelected), 8);
}

#[test]
fn ties_give_no_pair_and_say_so() {
    for strategy in [
        Strategy::Exhaustive,
        Strategy::BestVsWorst,
        Strategy::BestVsAll,
        Strategy::Adjacent,
    ] {
        let options = PairOptions::builder().strategy(strategy).build().unwrap();
        let candidates = [0.5; 4].map(|score| Candidate::new(ScoreValue::new(score).ok()));
        let mut scratch = PairScratch::new();
        let paired = options.pair_group(Group::new(&candidates), &mut scratch).unwrap();
        assert_eq!(paired.pairs().len(), 0);
        assert_eq!(
            (
                paired.counts().possible(),
                paired.counts().skipped(SkipReason::Tie)
            ),
            (6, 6)
        );
        assert_eq!(paired.candidate_counts().unused(UnusedReason::Tie), 4);
        assert!(!paired.has_different_scores());
    }
}

#[test]
fn zero_has_no_sign() {
    assert!(pairs(&[0.0, -0.0], |_| ()).is_empty());
    assert_eq!(ScoreValue::new(-0.0).unwrap().to_string(), "0");
}

#[test]
fn gates_never_remove_the_other_side() {
    assert_eq!(
        pairs(&[0.9, 0.2, 0.1], |builder| _ = builder.min_chosen_score(0.5)),
        [(0, 2), (0, 1)]
    );
    assert_eq!(
        pairs(&[0.9, 0.8, 0.1], |builder| _ = builder.max_rejected_score(0.5)),
        [(0, 2), (1, 2)]
    );
}

#[test]
fn groups_too_small_to_pair() {
    let mut scratch = PairScratch::new();
    let options = PairOptions::default();
    let empty = options.pair_group(Group::new(&[]), &mut scratch).unwrap();
    assert_eq!(
        (
            empty.pairs().len(),
            empty.counts().possible(),
            empty.fates().len()
        ),
        (0, 0, 0)
    );
    let alone = [Candidate::new(ScoreValue::new(1.0).ok()), Candidate::new(None)];
    let paired = options.pair_group(Group::new(&alone), &mut scratch).unwrap();
    assert_eq!(paired.counts().skipped(SkipReason::NoScore), 1);
    assert_eq!(paired.candidate_counts().unused(UnusedReason::SingleCandidate), 1);
    assert_eq!(paired.candidate_counts().unused(UnusedReason::NoScore), 1);
}

#[test]
fn wrong_settings_name_themselves_and_the_remedy() {
    let message = |configure: fn(&mut PairBuilder) -> &mut PairBuilder| {
        configure(&mut PairOptions::builder())
            .build()
            .unwrap_err()
            .to_string()
    };
    let remedy = "give a finite number, 0 or more";
    assert_eq!(
        message(|b| b.min_score_diff(-0.5)),
        format!("`min-score-diff` is `-0.5`: {remedy}")
    );
    assert_eq!(
        message(|b| b.min_score_diff(f64::NAN)),
        format!("`min-score-diff` is `NaN`: {remedy}")
    );
    assert!(message(|b| b.min_chosen_score(f64::INFINITY)).starts_with("`min-chosen-score` is `inf`: "));
    assert!(message(|b| b.max_rejected_score(f64::NAN)).starts_with("`max-rejected-score` is `NaN`: "));
    assert!(
        message(|b| b.max_pairs_per_group(0)).starts_with("`max-pairs-per-group` is `0`: keep at least 1")
    );
}

#[test]
fn strategy_names_round_trip_and_unknown_ones_are_refused() {
    for name in [
        "exhaustive",
        "best-vs-worst",
        "best-vs-all",
        "adjacent",
        "random:1",
        "random:4000",
    ] {
        assert_eq!(name.parse::<Strategy>().unwrap().to_string(), name);
    }
    let error = |name: &str| name.parse::<Strategy>().unwrap_err();
    assert_eq!(
        error("Best").to_string(),
        "unknown strategy `Best`: use `exhaustive`, `best-vs-worst`, `best-vs-all`, `adjacent` or `random:K`"
    );
    for name in ["random", "random:", "random:0", "random:-1", "random:x"] {
        assert!(
            matches!(
                error(name),
                PairError::InvalidSetting {
                    setting: "strategy",
                    ..
                }
            ),
            "{name}"
        );
    }
    assert!(matches!(error("randomly"), PairError::UnknownStrategy { .. }));
    assert!(matches!(error(""), PairError::UnknownStrategy { .. }));
}

#[test]
fn scores_that_are_no_numbers_are_refused() {
    let options = PairOptions::default();
    let error = pairs_of(&[0.1, f64::NAN], &options).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("score 1 is `NaN`, which is not finite: ")
    );
    assert!(matches!(
        "N/A".parse::<ScoreValue>(),
        Err(PairError::NotANumber { .. })
    ));
    for text in ["NaN", "inf", "-Infinity", "1e999"] {
        assert!(
            matches!(text.parse::<ScoreValue>(), Err(PairError::NotFinite { .. })),
            "{text}"
        );
    }
}
