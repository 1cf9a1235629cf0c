//! One score out of several.

use proptest::prelude::*;
use tracemill_pairs::{MissingScore, PairError, ScoreSelection};

type Named = (Option<&'static str>, Option<f64>);

fn apply(selection: &str, scores: &[Named]) -> Result<f64, MissingScore> {
    let selection: ScoreSelection = selection.parse().unwrap();
    selection
        .apply(scores.iter().copied())
        .map(tracemill_pairs::ScoreValue::get)
}

#[test]
fn names_means_and_extremes() {
    let scores = [(Some("a"), Some(0.1)), (Some("b"), Some(0.7)), (None, Some(0.4))];
    assert_eq!(apply("a", &scores), Ok(0.1));
    assert_eq!(apply("name:b", &scores), Ok(0.7));
    assert_eq!(apply("mean", &scores), Ok(0.4));
    assert_eq!(apply("min", &scores), Ok(0.1));
    assert_eq!(apply("max", &scores), Ok(0.7));
}

#[test]
fn missing_is_never_zero_and_never_left_out() {
    let scores = [(Some("a"), Some(0.5)), (Some("b"), None)];
    for all in ["mean", "min", "max", "b"] {
        assert_eq!(apply(all, &scores), Err(MissingScore::ValueMissing), "{all}");
    }
    assert_eq!(apply("a", &scores), Ok(0.5));
    assert_eq!(apply("c", &scores), Err(MissingScore::NameAbsent));
    for any in ["mean", "min", "max", "a"] {
        assert_eq!(apply(any, &[]), Err(MissingScore::NoScores), "{any}");
        assert_eq!(
            apply(any, &[(Some("a"), Some(f64::NAN))]),
            Err(MissingScore::NotFinite),
            "{any}"
        );
    }
    let repeated = [(Some("a"), Some(0.5)), (Some("a"), Some(0.6))];
    assert_eq!(apply("a", &repeated), Err(MissingScore::NameRepeated));
}

#[test]
fn texts_round_trip() {
    for text in [
        "mean",
        "min",
        "max",
        "reward",
        "name:mean",
        "name:name:x",
        "a b",
        "Mean",
    ] {
        assert_eq!(text.parse::<ScoreSelection>().unwrap().to_string(), text);
    }
    for text in ["", "name:"] {
        assert!(matches!(
            text.parse::<ScoreSelection>(),
            Err(PairError::InvalidSetting { setting: "score", .. })
        ));
    }
}

#[test]
fn codes_are_listed_in_order() {
    for (index, reason) in MissingScore::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
        assert_eq!(reason.to_string(), reason.code());
    }
}

proptest! {
    #[test]
    fn a_mean_is_the_same_in_any_order(
        (values, shuffled) in proptest::collection::vec(
            prop_oneof![proptest::num::f64::NORMAL, (0_i32..100).prop_map(|n| f64::from(n) / 10.0)], 1..12,
        ).prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
    ) {
        let mean = |values: &[f64]| ScoreSelection::Mean.apply(values.iter().map(|&value| (None, Some(value))));
        let (mean, again) = (mean(&values), mean(&shuffled));
        prop_assert_eq!(mean, again);
        let mean = mean.unwrap().get();
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(l, m), &v| (v.min(l), v.max(m)));
        prop_assert!(least <= mean && mean <= most);
    }

    #[test]
    fn a_mean_of_decimals_is_the_decimal(tenths in proptest::collection::vec(-100_i32..100, 1..9)) {
        let scores = tenths.iter().map(|&n| (None, Some(f64::from(n) / 10.0)));
        let expected = f64::from(tenths.iter().sum::<i32>()) / f64::from(10 * u32::try_from(tenths.len()).unwrap());
        let expected = tracemill_pairs::ScoreValue::new(expected).unwrap();
        prop_assert_eq!(ScoreSelection::Mean.apply(scores), Ok(expected));
    }
}
