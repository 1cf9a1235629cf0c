//! What can be wrong with a score, a setting or a group.

/// The names of strategies, as messages list them.
const STRATEGIES: &str = "`exhaustive`, `best-vs-worst`, `best-vs-all`, `adjacent` or `random:K`";

/// Why a score, a setting or a group was refused.
///
/// Every message names the thing and the remedy, and knows nothing of files: the caller adds the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// The text of a score or threshold is not a number.
    #[error("`{text}` is not a number: write a score as a decimal, such as `0.75`")]
    NotANumber {
        /// The text as it was given.
        text: String,
    },
    /// A score is NaN or infinite.
    #[error("score `{text}` is not finite: leave out the score of what was not judged")]
    NotFinite {
        /// The value as it was given.
        text: String,
    },
    /// A score in a slice is NaN or infinite.
    #[error(
        "score {index} is `{text}`, which is not finite: use candidates without a score for what was not judged"
    )]
    NotFiniteAt {
        /// The position in the slice, from 0.
        index: usize,
        /// The value found there.
        text: String,
    },
    /// No strategy has this name.
    #[error("unknown strategy `{name}`: use {}", STRATEGIES)]
    UnknownStrategy {
        /// The name as it was given.
        name: String,
    },
    /// A setting has a value that it cannot have.
    #[error("`{setting}` is `{value}`: {remedy}")]
    InvalidSetting {
        /// The setting, spelled as the option of the command line without its dashes.
        setting: &'static str,
        /// The value as it was given.
        value: String,
        /// What to give instead.
        remedy: &'static str,
    },
    /// More pairs of one group were taken than can be kept.
    #[error(
        "a group of {candidates} candidates gives more than {limit} pairs: set `max-pairs-per-group`, or choose a \
         strategy that takes fewer, such as `best-vs-worst`"
    )]
    TooManyPairs {
        /// How many candidates the group has.
        candidates: usize,
        /// How many pairs of one group are kept at most.
        limit: usize,
    },
}
