//! Why a pair did not come out, and why a candidate is in no pair.

use std::fmt;

/// Why a possible pair of a group was not selected.
///
/// The variants stand in the order in which reasons are looked for, and the first that applies is the one that
/// is counted. The score reasons come before [`NotSelected`](SkipReason::NotSelected), so that each count says
/// what one option alone holds back: what is counted as not selected, another strategy could have paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// One side or both have no score.
    NoScore,
    /// One side or both have an empty completion.
    EmptyCompletion,
    /// The two sides answer different prompts.
    PromptMismatch,
    /// The two scores are equal.
    Tie,
    /// The better score is below the minimum for the chosen side.
    BelowMinChosenScore,
    /// The worse score is above the maximum for the rejected side.
    AboveMaxRejectedScore,
    /// The scores differ by less than the minimum.
    BelowMinScoreDiff,
    /// The pair was allowed, and the strategy passed it over.
    NotSelected,
    /// The strategy took the pair, and the two completions are the same.
    IdenticalCompletion,
    /// The group has enough pairs with larger or equal differences.
    OverMaxPerGroup,
    /// An equal pair came before; counted by the caller.
    Duplicate,
    /// The sample over all groups left the pair out; counted by the caller.
    OverMaxPairs,
}

impl SkipReason {
    /// All reasons, in the order of the enum.
    pub const ALL: [SkipReason; 12] = [
        SkipReason::NoScore,
        SkipReason::EmptyCompletion,
        SkipReason::PromptMismatch,
        SkipReason::Tie,
        SkipReason::BelowMinChosenScore,
        SkipReason::AboveMaxRejectedScore,
        SkipReason::BelowMinScoreDiff,
        SkipReason::NotSelected,
        SkipReason::IdenticalCompletion,
        SkipReason::OverMaxPerGroup,
        SkipReason::Duplicate,
        SkipReason::OverMaxPairs,
    ];

    /// The stable code, as it stands in reports.
    ///
    /// ```
    /// use tracemill_pairs::SkipReason;
    /// assert_eq!(SkipReason::BelowMinScoreDiff.code(), "below-min-score-diff");
    /// ```
    pub fn code(self) -> &'static str {
        match self {
            SkipReason::NoScore => "no-score",
            SkipReason::EmptyCompletion => "empty-completion",
            SkipReason::PromptMismatch => "prompt-mismatch",
            SkipReason::Tie => "tie",
            SkipReason::BelowMinChosenScore => "below-min-chosen-score",
            SkipReason::AboveMaxRejectedScore => "above-max-rejected-score",
            SkipReason::BelowMinScoreDiff => "below-min-score-diff",
            SkipReason::NotSelected => "not-selected",
            SkipReason::IdenticalCompletion => "identical-completion",
            SkipReason::OverMaxPerGroup => "over-max-per-group",
            SkipReason::Duplicate => "duplicate",
            SkipReason::OverMaxPairs => "over-max-pairs",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a candidate is in no selected pair.
///
/// The first four concern the candidate and its company. For every other candidate the reason is that of *the
/// pair that came furthest* among those it could have been part of: the last variant, in this order, that
/// applies to one of its pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UnusedReason {
    /// It has no score.
    NoScore,
    /// Its completion is empty.
    EmptyCompletion,
    /// No other candidate of the group has a score and a completion.
    SingleCandidate,
    /// No other candidate with a score and a completion answers the same prompt.
    PromptMismatch,
    /// All candidates for its prompt have the same score.
    Tie,
    /// It was good enough to be chosen over another, but not for the chosen side's minimum.
    BelowMinChosenScore,
    /// It was worse than another, but not for the rejected side's maximum.
    AboveMaxRejectedScore,
    /// Its score differs from every other by less than the minimum.
    BelowMinScoreDiff,
    /// It could have been in a pair, and the strategy passed it over.
    NotSelected,
    /// The strategy took it, and the other completion was the same.
    IdenticalCompletion,
    /// The group has enough pairs with larger or equal differences.
    OverMaxPerGroup,
    /// All its pairs repeat earlier ones; counted by the caller.
    Duplicate,
    /// The sample over all groups left all its pairs out; counted by the caller.
    OverMaxPairs,
}

impl UnusedReason {
    /// All reasons, in the order of the enum.
    pub const ALL: [UnusedReason; 13] = [
        UnusedReason::NoScore,
        UnusedReason::EmptyCompletion,
        UnusedReason::SingleCandidate,
        UnusedReason::PromptMismatch,
        UnusedReason::Tie,
        UnusedReason::BelowMinChosenScore,
        UnusedReason::AboveMaxRejectedScore,
        UnusedReason::BelowMinScoreDiff,
        UnusedReason::NotSelected,
        UnusedReason::IdenticalCompletion,
        UnusedReason::OverMaxPerGroup,
        UnusedReason::Duplicate,
        UnusedReason::OverMaxPairs,
    ];

    /// The stable code, as it stands in reports: that of the [`SkipReason`] of the same name where there is one.
    ///
    /// ```
    /// use tracemill_pairs::UnusedReason;
    /// assert_eq!(UnusedReason::SingleCandidate.code(), "single-candidate");
    /// ```
    pub fn code(self) -> &'static str {
        match self {
            UnusedReason::NoScore => SkipReason::NoScore.code(),
            UnusedReason::EmptyCompletion => SkipReason::EmptyCompletion.code(),
            UnusedReason::SingleCandidate => "single-candidate",
            UnusedReason::PromptMismatch => SkipReason::PromptMismatch.code(),
            UnusedReason::Tie => SkipReason::Tie.code(),
            UnusedReason::BelowMinChosenScore => SkipReason::BelowMinChosenScore.code(),
            UnusedReason::AboveMaxRejectedScore => SkipReason::AboveMaxRejectedScore.code(),
            UnusedReason::BelowMinScoreDiff => SkipReason::BelowMinScoreDiff.code(),
            UnusedReason::NotSelected => SkipReason::NotSelected.code(),
            UnusedReason::IdenticalCompletion => SkipReason::IdenticalCompletion.code(),
            UnusedReason::OverMaxPerGroup => SkipReason::OverMaxPerGroup.code(),
            UnusedReason::Duplicate => SkipReason::Duplicate.code(),
            UnusedReason::OverMaxPairs => SkipReason::OverMaxPairs.code(),
        }
    }
}

impl fmt::Display for UnusedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is in no selected pair, for this reason.
    Unused(UnusedReason),
    /// It is in at least one selected pair.
    Used,
}

#[cfg(test)]
mod tests {
    use super::{SkipReason, UnusedReason};

    #[test]
    fn all_lists_each_variant_at_its_own_index() {
        for (index, reason) in SkipReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, reason) in UnusedReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn codes_are_distinct_kebab_case() {
        let mut codes: Vec<_> = UnusedReason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(
            SkipReason::ALL
                .iter()
                .all(|reason| codes.contains(&reason.code()))
        );
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), UnusedReason::ALL.len());
    }
}
