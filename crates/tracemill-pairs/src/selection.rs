//! Which of a trace's scores counts.

use std::fmt;
use std::str::FromStr;

use tracemill_model::{Text, Trace};

use crate::decimal::{self, Decimal, ExactSum};
use crate::error::PairError;
use crate::score::ScoreValue;

/// How one score is made of the named scores of a trace.
///
/// `FromStr` reads `mean`, `min` and `max`, and takes anything else for a name; `name:mean` is the score that
/// happens to be called `mean`. `Display` gives the text that reads back as the same selection.
///
/// ```
/// use tracemill_pairs::ScoreSelection;
///
/// assert_eq!("mean".parse::<ScoreSelection>()?, ScoreSelection::Mean);
/// assert_eq!("reward".parse::<ScoreSelection>()?, ScoreSelection::Name("reward".into()));
/// assert_eq!("name:mean".parse::<ScoreSelection>()?, ScoreSelection::Name("mean".into()));
/// assert_eq!(ScoreSelection::Name("mean".into()).to_string(), "name:mean");
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreSelection {
    /// The score of this name.
    Name(String),
    /// The mean of all scores, exact before it is rounded: it does not depend on the order of the scores.
    Mean,
    /// The smallest of all scores.
    Min,
    /// The largest of all scores.
    Max,
}

/// Why a selection gives no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MissingScore {
    /// There are no scores at all.
    NoScores,
    /// No score has the name.
    NameAbsent,
    /// Several scores have the name, and nothing says which one is meant.
    NameRepeated,
    /// The score, or one of those to be combined, is there without a value.
    ValueMissing,
    /// The score, or one of those to be combined, is NaN or infinite.
    NotFinite,
}

impl MissingScore {
    /// All reasons, in the order of the enum.
    pub const ALL: [MissingScore; 5] = [
        MissingScore::NoScores,
        MissingScore::NameAbsent,
        MissingScore::NameRepeated,
        MissingScore::ValueMissing,
        MissingScore::NotFinite,
    ];

    /// The stable code, as it stands in reports.
    pub fn code(self) -> &'static str {
        match self {
            MissingScore::NoScores => "no-scores",
            MissingScore::NameAbsent => "name-absent",
            MissingScore::NameRepeated => "name-repeated",
            MissingScore::ValueMissing => "value-missing",
            MissingScore::NotFinite => "not-finite",
        }
    }
}

impl fmt::Display for MissingScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl ScoreSelection {
    /// Applies the selection to the scores of one trace: their names, where they have one, and their values,
    /// where they were judged.
    ///
    /// A missing value is never zero and never left out: a mean over the scores that happen to be there would
    /// compare traces by different measures, so one missing value makes the mean, minimum and maximum missing.
    /// A score without a name is part of these three, and is never found by name.
    ///
    /// The iterator is passed through again only for a mean of scores that differ by more than 10^20 in size.
    ///
    /// # Errors
    ///
    /// The reason why there is no score. What to do with such a trace is the caller's decision.
    ///
    /// ```
    /// use tracemill_pairs::{MissingScore, ScoreSelection};
    ///
    /// let scores = [(Some("a"), Some(0.1)), (Some("b"), Some(0.2)), (None, Some(0.3))];
    /// let mean = ScoreSelection::Mean.apply(scores.into_iter());
    /// assert_eq!(mean.map(|score| score.get()), Ok(0.2)); // in floats the sum is 0.6000000000000001
    ///
    /// let incomplete = [(Some("a"), Some(0.1)), (Some("b"), None)];
    /// assert_eq!(ScoreSelection::Mean.apply(incomplete.into_iter()), Err(MissingScore::ValueMissing));
    /// assert!(ScoreSelection::Name("a".into()).apply(incomplete.into_iter()).is_ok());
    /// assert_eq!(ScoreSelection::Name("c".into()).apply(incomplete.into_iter()), Err(MissingScore::NameAbsent));
    /// ```
    pub fn apply<'n>(
        &self,
        scores: impl Iterator<Item = (Option<&'n str>, Option<f64>)> + Clone,
    ) -> Result<ScoreValue, MissingScore> {
        let values = scores.clone().map(|(_, value)| value);
        match self {
            ScoreSelection::Name(name) => named(name, scores),
            ScoreSelection::Mean => mean(values),
            ScoreSelection::Min => best(values, ScoreValue::min),
            ScoreSelection::Max => best(values, ScoreValue::max),
        }
    }

    /// Applies the selection to the scores of a trace; a label counts as a missing value.
    ///
    /// # Errors
    ///
    /// As [`apply`](ScoreSelection::apply).
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::{MissingScore, ScoreSelection};
    ///
    /// let trace = Trace::from_json(r#"{"messages":[],"scores":{"reward":1.0,"style":0.5,"verdict":"good"}}"#)?;
    /// assert_eq!(ScoreSelection::Name("style".into()).of(&trace).map(|score| score.get()), Ok(0.5));
    /// assert_eq!(ScoreSelection::Mean.of(&trace), Err(MissingScore::ValueMissing));
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn of(&self, trace: &Trace<'_>) -> Result<ScoreValue, MissingScore> {
        // Names are compared as the tokens they are, so that none has to be decoded.
        let scores = trace
            .scores()
            .iter()
            .map(|score| (score.name().map(Text::body), score.number()));
        match self {
            ScoreSelection::Name(name) => named(Text::new(name.as_str()).body(), scores),
            ScoreSelection::Mean | ScoreSelection::Min | ScoreSelection::Max => self.apply(scores),
        }
    }
}

fn judged(value: Option<f64>) -> Result<ScoreValue, MissingScore> {
    let value = value.ok_or(MissingScore::ValueMissing)?;
    ScoreValue::new(value).map_err(|_| MissingScore::NotFinite)
}

fn named<'n>(
    name: &str,
    scores: impl Iterator<Item = (Option<&'n str>, Option<f64>)>,
) -> Result<ScoreValue, MissingScore> {
    let mut scores = scores.peekable();
    if scores.peek().is_none() {
        return Err(MissingScore::NoScores);
    }
    let mut matching = scores.filter(|(found, _)| *found == Some(name));
    let (_, value) = matching.next().ok_or(MissingScore::NameAbsent)?;
    if matching.next().is_some() {
        return Err(MissingScore::NameRepeated);
    }
    judged(value)
}

fn best(
    values: impl Iterator<Item = Option<f64>>,
    better: fn(ScoreValue, ScoreValue) -> ScoreValue,
) -> Result<ScoreValue, MissingScore> {
    let mut best = None;
    for value in values {
        let value = judged(value)?;
        best = Some(best.map_or(value, |best| better(best, value)));
    }
    best.ok_or(MissingScore::NoScores)
}

fn mean(values: impl Iterator<Item = Option<f64>> + Clone) -> Result<ScoreValue, MissingScore> {
    let mut count = 0_u32;
    let mut sum = Some(ExactSum::ZERO);
    for value in values.clone() {
        let value = judged(value)?;
        count = count.saturating_add(1);
        sum = sum.and_then(|sum| sum.plus(Decimal::shortest(value.get())));
    }
    if count == 0 {
        return Err(MissingScore::NoScores);
    }
    let mean = match sum {
        Some(ExactSum { sum, exponent }) => decimal::nearest_quotient(sum, exponent, count),
        None => wide_mean(values.flatten().collect(), count),
    };
    ScoreValue::new(mean).map_err(|_| MissingScore::NotFinite)
}

/// The mean of values too far apart to be summed exactly; still the same in any order.
fn wide_mean(mut values: Vec<f64>, count: u32) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.iter().map(|value| value / f64::from(count)).sum()
}

const ESCAPE: &str = "name:";

impl fmt::Display for ScoreSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScoreSelection::Name(name) => {
                let reserved = matches!(name.as_str(), "mean" | "min" | "max") || name.starts_with(ESCAPE);
                f.write_str(if reserved { ESCAPE } else { "" })?;
                f.write_str(name)
            }
            ScoreSelection::Mean => f.write_str("mean"),
            ScoreSelection::Min => f.write_str("min"),
            ScoreSelection::Max => f.write_str("max"),
        }
    }
}

impl FromStr for ScoreSelection {
    type Err = PairError;

    fn from_str(text: &str) -> Result<ScoreSelection, PairError> {
        match text {
            "mean" => Ok(ScoreSelection::Mean),
            "min" => Ok(ScoreSelection::Min),
            "max" => Ok(ScoreSelection::Max),
            _ => match text.strip_prefix(ESCAPE).unwrap_or(text) {
                "" => Err(PairError::InvalidSetting {
                    setting: "score",
                    value: text.to_owned(),
                    remedy: "name a score, or use `mean`, `min` or `max`",
                }),
                name => Ok(ScoreSelection::Name(name.to_owned())),
            },
        }
    }
}
