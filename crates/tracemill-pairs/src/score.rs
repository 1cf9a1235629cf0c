//! A score as a number: finite, totally ordered, and exact in its decimals.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::decimal;
use crate::error::PairError;

/// A finite score, compared as the *shortest decimal* that reads back as the same 64-bit float.
///
/// That decimal is what people and JSON writers see: the score `0.3` is three tenths, not
/// `0.299999999999999988897…`. So a difference of scores meets a minimum exactly when the written decimals say
/// so, also when another program wrote all the digits of the float:
///
/// ```
/// use tracemill_pairs::ScoreValue;
///
/// let score = |text: &str| text.parse::<ScoreValue>();
/// assert!(0.3 - 0.2 < 0.1); // in floats
/// assert!(score("0.3")?.exceeds(score("0.2")?, score("0.1")?));
/// assert!(score("0.69999999999999995559")?.exceeds(score("0.6")?, score("0.1")?));
/// assert_eq!(score("0.9")?.difference(score("0.7")?), 0.2);
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
///
/// Two texts that name the same float are equal scores, as they are to every trainer that reads them. Zero has
/// no sign. `Display` writes the shortest decimal.
#[derive(Clone, Copy, PartialEq)]
pub struct ScoreValue(f64);

impl ScoreValue {
    pub(crate) const ZERO: ScoreValue = ScoreValue(0.0);

    /// A score from a float.
    ///
    /// # Errors
    ///
    /// [`PairError::NotFinite`] for NaN and the infinities: a missing score is `None`, never a number.
    ///
    /// ```
    /// use tracemill_pairs::ScoreValue;
    /// assert_eq!(ScoreValue::new(0.5)?.get(), 0.5);
    /// assert!(ScoreValue::new(f64::NAN).is_err());
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    pub fn new(value: f64) -> Result<ScoreValue, PairError> {
        if value.is_finite() {
            // Adding zero turns -0 into 0 and changes nothing else.
            Ok(ScoreValue(value + 0.0))
        } else {
            Err(PairError::NotFinite {
                text: value.to_string(),
            })
        }
    }

    /// The score as a float.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether this score is better than `other` by at least `minimum`, which is inclusive and decimal-exact.
    ///
    /// With a minimum of 0 or less a tie passes; the pairing itself never pairs ties.
    pub fn exceeds(self, other: ScoreValue, minimum: ScoreValue) -> bool {
        let largest = self.0.abs().max(other.0.abs()).max(minimum.0.abs());
        let slack = decimal::slack(largest);
        decimal::compare_differences(self.0, other.0, minimum.0, 0.0, slack) != Ordering::Less
    }

    /// How much better this score is than `other`: the float nearest to the difference of the decimals.
    ///
    /// `0.9 - 0.7` is `0.2`, not `0.20000000000000007`. A difference beyond the largest float is that float.
    pub fn difference(self, other: ScoreValue) -> f64 {
        decimal::difference(self.0, other.0)
    }
}

impl TryFrom<f64> for ScoreValue {
    type Error = PairError;

    fn try_from(value: f64) -> Result<ScoreValue, PairError> {
        ScoreValue::new(value)
    }
}

impl FromStr for ScoreValue {
    type Err = PairError;

    /// Reads a number token as the nearest 64-bit float.
    fn from_str(text: &str) -> Result<ScoreValue, PairError> {
        let value: f64 = text.parse().map_err(|_| PairError::NotANumber {
            text: text.to_owned(),
        })?;
        ScoreValue::new(value).map_err(|_| PairError::NotFinite {
            text: text.to_owned(),
        })
    }
}

impl Eq for ScoreValue {}

impl PartialOrd for ScoreValue {
    fn partial_cmp(&self, other: &ScoreValue) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ScoreValue {
    /// Shortest decimals keep the order of their floats, so the floats decide.
    fn cmp(&self, other: &ScoreValue) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for ScoreValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for ScoreValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ScoreValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScoreValue({})", self.0)
    }
}
