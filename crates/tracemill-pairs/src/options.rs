//! How to pair: options that are valid once built.

use std::sync::Arc;

use crate::error::PairError;
use crate::score::ScoreValue;
use crate::strategy::{PairStrategy, Strategy};

/// How the candidates of a group are paired: validated, immutable, cheap to clone, shared by threads.
///
/// The default pairs exhaustively, with no threshold and no maximum.
///
/// ```
/// use tracemill_pairs::{PairOptions, Strategy, pairs_of};
///
/// let options = PairOptions::builder().strategy(Strategy::Adjacent).min_score_diff(0.2).build()?;
/// assert_eq!(pairs_of(&[0.9, 0.7, 0.6], &options)?.len(), 1);
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PairOptions {
    pub(crate) selector: Selector,
    pub(crate) thresholds: Thresholds,
    pub(crate) max_per_group: Option<usize>,
    pub(crate) seed: u64,
}

/// Which strategy takes the pairs.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    Named(Strategy),
    Custom(Arc<dyn PairStrategy>),
}

impl Default for Selector {
    fn default() -> Selector {
        Selector::Named(Strategy::default())
    }
}

/// What a pair must satisfy before the strategy sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Thresholds {
    /// Never zero: a minimum of zero asks no more than strictness does.
    pub(crate) min_diff: Option<ScoreValue>,
    pub(crate) min_chosen: Option<ScoreValue>,
    pub(crate) max_rejected: Option<ScoreValue>,
}

impl PairOptions {
    /// Starts from the defaults.
    pub fn builder() -> PairBuilder {
        PairBuilder::default()
    }

    /// The strategy, if it is one with a name.
    pub fn strategy(&self) -> Option<Strategy> {
        match self.selector {
            Selector::Named(strategy) => Some(strategy),
            Selector::Custom(_) => None,
        }
    }

    /// Whether every pair is taken that strictness allows: exhaustive, without thresholds and without a maximum.
    ///
    /// ```
    /// use tracemill_pairs::PairOptions;
    /// assert!(PairOptions::default().takes_all_pairs());
    /// assert!(!PairOptions::builder().max_pairs_per_group(3).build()?.takes_all_pairs());
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn takes_all_pairs(&self) -> bool {
        let Thresholds {
            min_diff,
            min_chosen,
            max_rejected,
        } = self.thresholds;
        self.strategy() == Some(Strategy::Exhaustive)
            && self.max_per_group.is_none()
            && [min_diff, min_chosen, max_rejected].iter().all(Option::is_none)
    }
}

/// Collects [`PairOptions`].
#[derive(Clone, Debug, Default)]
pub struct PairBuilder {
    selector: Selector,
    min_score_diff: Option<f64>,
    min_chosen_score: Option<f64>,
    max_rejected_score: Option<f64>,
    max_pairs_per_group: Option<usize>,
    seed: u64,
}

impl PairBuilder {
    /// Sets a strategy by name. Default [`Strategy::Exhaustive`].
    pub fn strategy(&mut self, strategy: Strategy) -> &mut PairBuilder {
        self.selector = Selector::Named(strategy);
        self
    }

    /// Sets a strategy of your own.
    pub fn custom_strategy(&mut self, strategy: Arc<dyn PairStrategy>) -> &mut PairBuilder {
        self.selector = Selector::Custom(strategy);
        self
    }

    /// Sets by how much the scores of a pair must differ at least: inclusive, and decimal-exact. Default none.
    ///
    /// With 0 ties still never pair.
    ///
    /// ```
    /// use tracemill_pairs::{PairOptions, pairs_of};
    /// let options = PairOptions::builder().min_score_diff(0.1).build()?;
    /// assert_eq!(pairs_of(&[0.3, 0.2], &options)?.len(), 1);
    /// assert!(PairOptions::builder().min_score_diff(-1.0).build().is_err());
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn min_score_diff(&mut self, minimum: f64) -> &mut PairBuilder {
        self.min_score_diff = Some(minimum);
        self
    }

    /// Sets the score that the chosen side must have at least. Default none.
    ///
    /// Candidates below it can still be rejected.
    ///
    /// ```
    /// use tracemill_pairs::{PairOptions, pairs_of};
    /// let options = PairOptions::builder().min_chosen_score(0.8).build()?;
    /// let pairs = pairs_of(&[0.9, 0.7, 0.5], &options)?;
    /// assert!(pairs.iter().all(|pair| pair.chosen() == 0));
    /// assert_eq!(pairs.len(), 2);
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn min_chosen_score(&mut self, minimum: f64) -> &mut PairBuilder {
        self.min_chosen_score = Some(minimum);
        self
    }

    /// Sets the score that the rejected side may have at most. Default none.
    ///
    /// Candidates above it can still be chosen.
    ///
    /// ```
    /// use tracemill_pairs::{PairOptions, pairs_of};
    /// let options = PairOptions::builder().max_rejected_score(0.5).build()?;
    /// assert_eq!(pairs_of(&[0.9, 0.7, 0.5], &options)?.len(), 2);
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn max_rejected_score(&mut self, maximum: f64) -> &mut PairBuilder {
        self.max_rejected_score = Some(maximum);
        self
    }

    /// Sets how many pairs a group gives at most: those with the largest differences. Default no limit.
    ///
    /// ```
    /// use tracemill_pairs::{PairOptions, pairs_of};
    /// let options = PairOptions::builder().max_pairs_per_group(1).build()?;
    /// let pairs = pairs_of(&[0.7, 0.9, 0.5], &options)?;
    /// assert_eq!((pairs[0].chosen(), pairs[0].rejected(), pairs.len()), (1, 2, 1));
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn max_pairs_per_group(&mut self, maximum: usize) -> &mut PairBuilder {
        self.max_pairs_per_group = Some(maximum);
        self
    }

    /// Sets the seed of strategies that draw. Default 0.
    pub fn seed(&mut self, seed: u64) -> &mut PairBuilder {
        self.seed = seed;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`PairError::InvalidSetting`], naming the setting: a difference that is negative or not finite, a gate that
    /// is not finite, a maximum of 0.
    ///
    /// ```
    /// use tracemill_pairs::PairOptions;
    /// let error = PairOptions::builder().max_pairs_per_group(0).build().unwrap_err().to_string();
    /// assert!(error.starts_with("`max-pairs-per-group` is `0`: "));
    /// ```
    pub fn build(&self) -> Result<PairOptions, PairError> {
        let min_diff = finite("min-score-diff", self.min_score_diff, DIFFERENCE_REMEDY)?;
        if let Some(negative) = min_diff.filter(|&minimum| minimum < ScoreValue::ZERO) {
            return Err(invalid("min-score-diff", negative.to_string(), DIFFERENCE_REMEDY));
        }
        if self.max_pairs_per_group == Some(0) {
            let remedy = "keep at least 1 pair, or leave the setting out to keep all";
            return Err(invalid("max-pairs-per-group", 0.to_string(), remedy));
        }
        Ok(PairOptions {
            selector: self.selector.clone(),
            thresholds: Thresholds {
                min_diff: min_diff.filter(|&minimum| minimum > ScoreValue::ZERO),
                min_chosen: finite("min-chosen-score", self.min_chosen_score, GATE_REMEDY)?,
                max_rejected: finite("max-rejected-score", self.max_rejected_score, GATE_REMEDY)?,
            },
            max_per_group: self.max_pairs_per_group,
            seed: self.seed,
        })
    }
}

const DIFFERENCE_REMEDY: &str = "give a finite number, 0 or more";
const GATE_REMEDY: &str = "give a finite number, or leave the setting out for no limit";

fn finite(
    setting: &'static str,
    value: Option<f64>,
    remedy: &'static str,
) -> Result<Option<ScoreValue>, PairError> {
    value
        .map(|value| ScoreValue::new(value).map_err(|_| invalid(setting, value.to_string(), remedy)))
        .transpose()
}

fn invalid(setting: &'static str, value: String, remedy: &'static str) -> PairError {
    PairError::InvalidSetting {
        setting,
        value,
        remedy,
    }
}
