//! What a split would put on each side.

use tracemill_curate::{Added, Distribution, ScoreStatistics, Shares};

/// One side of a split: what `convert` would write there, and what it is like.
#[derive(Clone, Debug)]
pub struct Side {
    name: String,
    wanted: f64,
    traces: u64,
    /// Traces on all sides.
    total: u64,
    scores: ScoreStatistics,
    characters: Distribution,
}

impl Side {
    /// The name of the side.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which part of the traces it was to have.
    pub fn wanted(&self) -> f64 {
        self.wanted
    }

    /// How many traces it has.
    pub fn traces(&self) -> u64 {
        self.traces
    }

    /// Which part of the traces it has; none if there are no traces.
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with a few digits")]
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| self.traces as f64 / self.total as f64)
    }

    /// The scores of its traces: of each the mean, where it has several.
    pub fn scores(&self) -> &ScoreStatistics {
        &self.scores
    }

    /// The number of characters in the contents of its traces.
    pub fn characters(&self) -> &Distribution {
        &self.characters
    }
}

/// A record that the run writes for each trace: its characters, its score, and the line end that every record gets.
const RECORD: usize = 17;

/// Appends the record of a trace, which the run brings to its side as it would bring the trace.
pub(super) fn write(added: Added, out: &mut Vec<u8>) {
    out.extend_from_slice(&added.characters.to_le_bytes());
    // No score is NaN, which is free to stand for none.
    out.extend_from_slice(&added.score.unwrap_or(f64::NAN).to_le_bytes());
}

/// The sides, from the records that came to each.
pub(super) fn read(shares: &Shares, contents: &[Vec<u8>]) -> Vec<Side> {
    let traces = |records: &Vec<u8>| (records.len() / RECORD) as u64;
    let total = contents.iter().map(traces).sum();
    let side = |((name, wanted), records): ((&str, f64), &Vec<u8>)| {
        let mut side = Side {
            name: name.to_owned(),
            wanted,
            traces: traces(records),
            total,
            scores: ScoreStatistics::default(),
            characters: Distribution::default(),
        };
        for record in records.chunks_exact(RECORD) {
            let number = |at: usize| record[at..].first_chunk().copied().unwrap_or_default();
            side.characters.add(u64::from_le_bytes(number(0)));
            let score = f64::from_le_bytes(number(8));
            side.scores.add((!score.is_nan()).then_some(score));
        }
        side
    };
    shares.iter().zip(contents).map(side).collect()
}
