//! Pairing for people who have scores and nothing else.

use crate::candidate::{Candidate, Group};
use crate::error::PairError;
use crate::group::{PairScratch, ScoredPair};
use crate::options::PairOptions;
use crate::score::ScoreValue;

/// Pairs the scores of one group: positions, both scores and their difference, largest difference first.
///
/// Where scores can be missing, or many groups are paired, use [`PairOptions::pair_group`].
///
/// # Errors
///
/// [`PairError::NotFiniteAt`] for the first score that is NaN or infinite; [`PairError::TooManyPairs`] as
/// [`PairOptions::pair_group`] says.
///
/// ```
/// use tracemill_pairs::{PairOptions, pairs_of};
///
/// let of = |options: &PairOptions| -> Result<Vec<_>, tracemill_pairs::PairError> {
///     let pairs = pairs_of(&[0.9, 0.7, 0.5], options)?;
///     Ok(pairs.iter().map(|pair| (pair.chosen(), pair.rejected(), pair.difference())).collect())
/// };
/// assert_eq!(of(&PairOptions::default())?, [(0, 2, 0.4), (0, 1, 0.2), (1, 2, 0.2)]);
/// assert_eq!(of(&PairOptions::builder().min_score_diff(0.2).build()?)?.len(), 3);
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
pub fn pairs_of(scores: &[f64], options: &PairOptions) -> Result<Vec<ScoredPair>, PairError> {
    let candidate = |(index, &score): (usize, &f64)| match ScoreValue::new(score) {
        Ok(score) => Ok(Candidate::new(Some(score))),
        Err(_) => Err(PairError::NotFiniteAt {
            index,
            text: score.to_string(),
        }),
    };
    let candidates = scores
        .iter()
        .enumerate()
        .map(candidate)
        .collect::<Result<Vec<_>, _>>()?;
    let mut scratch = PairScratch::new();
    Ok(options
        .pair_group(Group::new(&candidates), &mut scratch)?
        .pairs()
        .collect())
}
