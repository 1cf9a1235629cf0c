//! What a sample is taken from in equal shares.

use std::fmt;
use std::str::FromStr;

use tracemill_model::Trace;

use crate::adjust::GroupBy;
use crate::error::Error;

/// What divides traces into strata: the value at a JSON pointer, or buckets of the score that counts.
///
/// Written as a pointer, such as `/metadata/lang`, or as `score:WIDTH`: buckets begin at the multiples of the width, which
/// belong to them. `score` alone has the width 0.1. What has no value, or no score, is a stratum of its own.
///
/// ```
/// use tracemill::Strata;
/// assert_eq!("score".parse::<Strata>()?.to_string(), "score:0.1");
/// assert!("/metadata/lang".parse::<Strata>().is_ok());
/// assert!("score:0".parse::<Strata>().unwrap_err().to_string().contains("above 0"));
/// assert!("lang".parse::<Strata>().is_err());
/// # Ok::<(), tracemill::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Strata {
    /// The values at a pointer.
    Value(GroupBy),
    /// Buckets of the score of this width, which is above 0.
    Score(f64),
}

/// A score that misses a bucket's begin by less than this part of its width, as `0.3 / 0.1` does, is in it.
const SLACK: f64 = 1e-9;

impl Strata {
    pub(crate) fn looks_at_scores(&self) -> bool {
        matches!(self, Strata::Score(_))
    }

    /// The name of the stratum of a trace; none for what has no value.
    pub(crate) fn of(&self, trace: &Trace<'_>, score: Option<f64>) -> Option<String> {
        match self {
            Strata::Value(pointer) => pointer.value(trace).map(|value| value.as_str().to_owned()),
            Strata::Score(width) => score.map(|score| format!("{}", bucket(score, *width))),
        }
    }
}

fn bucket(score: f64, width: f64) -> f64 {
    (score / width + SLACK).floor()
}

impl FromStr for Strata {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix("score") else {
            return text.parse().map(Strata::Value);
        };
        let width = match rest.strip_prefix(':') {
            Some(width) => width.parse().ok(),
            None if rest.is_empty() => Some(0.1),
            None => None,
        };
        match width {
            Some(width) if width > 0.0 && width < f64::INFINITY => Ok(Strata::Score(width)),
            _ => Err(Error::config(format!(
                "`{text}`: write `score:WIDTH` with a width above 0, as in `score:0.25`"
            ))),
        }
    }
}

impl fmt::Display for Strata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strata::Value(pointer) => pointer.fmt(f),
            Strata::Score(width) => write!(f, "score:{width}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_where_it_begins() {
        let number = |score, width| bucket(score, width).to_string();
        for (score, expected) in [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
            .into_iter()
            .zip(0..)
        {
            assert_eq!(number(score, 0.1), expected.to_string());
            assert_eq!(number(score + 0.05, 0.1), expected.to_string());
        }
        assert_eq!(number(-0.1, 0.25), "-1");
    }
}
