//! Which of a trace's scores counts.

use tracemill_model::{Score, Text, Trace};
use tracemill_pairs::{ScoreSelection, ScoreValue};
use tracemill_sources::Source;

use crate::error::Error;
use crate::ledger::Counts;

/// Leaves out traces whose score is too low.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScoreFilter {
    pub(crate) selection: Option<ScoreSelection>,
    pub(crate) min: Option<f64>,
}

/// The filters' codes in the ledger.
const MIN_SCORE: &str = "min-score";
const NO_SCORE: &str = "no-score";

impl ScoreFilter {
    /// Whether the trace stays; counts it if it does not.
    ///
    /// # Errors
    /// If the trace has several scores and nothing says which counts.
    pub(crate) fn keeps(
        &self,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        filtered: &mut Counts,
    ) -> Result<bool, Error> {
        let Some(min) = self.min else { return Ok(true) };
        match self.score(trace, source)? {
            Some(score) if score >= min => return Ok(true),
            Some(_) => filtered.add(MIN_SCORE),
            None => filtered.add(NO_SCORE),
        }
        Ok(false)
    }

    /// The score that counts; `None` if it is missing. Where nothing was asked for, the source may know what counts.
    pub(crate) fn score(&self, trace: &Trace<'_>, source: Option<&dyn Source>) -> Result<Option<f64>, Error> {
        let usual = source
            .is_some_and(Source::averages_scores)
            .then_some(&ScoreSelection::Mean);
        match (self.selection.as_ref().or(usual), trace.scores()) {
            (_, []) => Ok(None),
            (None, [only]) => Ok(only.number()),
            (None, several) => Err(ambiguous(several)),
            (Some(selection), scores) => Ok(selected(selection, scores)),
        }
    }
}

fn selected(selection: &ScoreSelection, scores: &[Score<'_>]) -> Option<f64> {
    let decoded: Vec<_> = scores
        .iter()
        .map(|score| score.name().map(Text::decode))
        .collect();
    let named = decoded
        .iter()
        .zip(scores)
        .map(|(name, score)| (name.as_deref(), score.number()));
    selection.apply(named).ok().map(ScoreValue::get)
}

fn ambiguous(scores: &[Score<'_>]) -> Error {
    let name = |score: &Score<'_>| {
        score
            .name()
            .map_or("(unnamed)".to_owned(), |name| format!("`{name}`"))
    };
    let names: Vec<_> = scores.iter().map(name).collect();
    Error::config(format!(
        "traces have several scores ({}); say which counts with `--score NAME`, or `--score mean`, `min` or `max`",
        names.join(", ")
    ))
}
