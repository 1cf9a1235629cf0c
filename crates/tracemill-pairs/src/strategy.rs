//! Which of the allowed pairs of a ranking are taken.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::choices::Choices;
use crate::error::PairError;
use crate::ranking::Ranking;

/// Takes pairs out of a ranking: the trait for strategies of your own.
///
/// A strategy is asked once for each prompt class of each group, and pushes ranks. It can only choose among
/// what is allowed: pushing a tie, a worse candidate as chosen, a rank beyond the last, or the same pair twice
/// takes nothing and is counted as [refused](crate::GroupPairs::refused); pushing a pair that a threshold rules
/// out takes nothing, because that pair is accounted for already. The order of pushes does not matter.
///
/// To stay reproducible, depend on nothing but the ranking; [`Ranking::seed`] gives randomness that is the same
/// in each run.
///
/// ```
/// use std::sync::Arc;
/// use tracemill_pairs::{Choices, PairOptions, PairStrategy, Ranking, pairs_of};
///
/// /// The best against the one in the middle.
/// #[derive(Debug)]
/// struct BestVsMedian;
///
/// impl PairStrategy for BestVsMedian {
///     fn choose(&self, ranking: &Ranking<'_>, choices: &mut Choices<'_>) {
///         choices.push(0, ranking.len() / 2);
///     }
/// }
///
/// let options = PairOptions::builder().custom_strategy(Arc::new(BestVsMedian)).build()?;
/// let pairs = pairs_of(&[0.9, 0.7, 0.5], &options)?;
/// assert_eq!((pairs[0].chosen(), pairs[0].rejected()), (0, 1));
/// assert!(pairs_of(&[0.7, 0.7, 0.5], &options)?.is_empty()); // a tie is refused, whoever chooses it
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
pub trait PairStrategy: fmt::Debug + Send + Sync {
    /// Pushes the pairs to take.
    fn choose(&self, ranking: &Ranking<'_>, choices: &mut Choices<'_>);
}

/// The strategies that have a name.
///
/// Each is applied inside each prompt class of a group. `Display` gives the name that `FromStr` reads.
///
/// ```
/// use tracemill_pairs::Strategy;
///
/// assert_eq!("best-vs-worst".parse::<Strategy>()?, Strategy::BestVsWorst);
/// assert_eq!("random:4".parse::<Strategy>()?.to_string(), "random:4");
/// let error = "best".parse::<Strategy>().unwrap_err().to_string();
/// assert!(error.starts_with("unknown strategy `best`: use `exhaustive`, "));
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// `exhaustive`: each candidate over every worse one. The default.
    #[default]
    Exhaustive,
    /// `best-vs-worst`: the first of the best over the last of the worst.
    BestVsWorst,
    /// `best-vs-all`: the first of the best over every worse one.
    BestVsAll,
    /// `adjacent`: each candidate over the next in rank, where that one is worse.
    Adjacent,
    /// `random:K`: up to K of the allowed pairs, drawn without replacement; all sets of K are equally likely.
    /// The draw depends on the seed, the group's ordinal and the number of allowed pairs, on no platform or
    /// version. A drawn pair whose completions prove identical is not replaced.
    Random(NonZeroU64),
}

impl PairStrategy for Strategy {
    fn choose(&self, ranking: &Ranking<'_>, choices: &mut Choices<'_>) {
        match self {
            Strategy::Exhaustive => {
                for chosen in 0..ranking.len() {
                    push_all(ranking, chosen, choices);
                }
            }
            Strategy::BestVsWorst => {
                if let Some(worst) = ranking.allowed(0).next_back() {
                    choices.push(0, worst);
                }
            }
            Strategy::BestVsAll => push_all(ranking, 0, choices),
            Strategy::Adjacent => {
                for next in 1..ranking.len() {
                    if ranking.allowed(next - 1).start == next {
                        choices.push(next - 1, next);
                    }
                }
            }
            Strategy::Random(pairs) => choices.draw(ranking, pairs.get()),
        }
    }
}

fn push_all(ranking: &Ranking<'_>, chosen: usize, choices: &mut Choices<'_>) {
    for rejected in ranking.allowed(chosen) {
        if choices.is_full() {
            return;
        }
        choices.push(chosen, rejected);
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strategy::Exhaustive => f.write_str("exhaustive"),
            Strategy::BestVsWorst => f.write_str("best-vs-worst"),
            Strategy::BestVsAll => f.write_str("best-vs-all"),
            Strategy::Adjacent => f.write_str("adjacent"),
            Strategy::Random(pairs) => write!(f, "random:{pairs}"),
        }
    }
}

impl FromStr for Strategy {
    type Err = PairError;

    fn from_str(name: &str) -> Result<Strategy, PairError> {
        match name {
            "exhaustive" => Ok(Strategy::Exhaustive),
            "best-vs-worst" => Ok(Strategy::BestVsWorst),
            "best-vs-all" => Ok(Strategy::BestVsAll),
            "adjacent" => Ok(Strategy::Adjacent),
            _ => match name.strip_prefix("random") {
                Some(rest) if rest.is_empty() || rest.starts_with(':') => random(name, rest),
                _ => Err(PairError::UnknownStrategy {
                    name: name.to_owned(),
                }),
            },
        }
    }
}

fn random(name: &str, rest: &str) -> Result<Strategy, PairError> {
    let pairs = rest.strip_prefix(':').and_then(|pairs| pairs.parse().ok());
    pairs
        .map(Strategy::Random)
        .ok_or_else(|| PairError::InvalidSetting {
            setting: "strategy",
            value: name.to_owned(),
            remedy: "say how many pairs to draw from each group, at least 1, as in `random:4`",
        })
}
