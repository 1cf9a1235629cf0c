//! The spans of one trace: who is whose child, and what came first.

use std::collections::BTreeMap;

use tracemill_model::DecodeError;

use super::Span;
use crate::pieces::PieceError;

/// The spans of one trace in the order in which they began, and the events that logs hold of them.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    spans: Vec<Span<'a>>,
    logs: Vec<Span<'a>>,
    index: BTreeMap<String, usize>,
    /// How many spans were there twice.
    pub(crate) repeated: u64,
}

impl<'a> Tree<'a> {
    pub(crate) fn read(pieces: &[&'a str]) -> Result<Self, PieceError> {
        let read = |(index, piece): (usize, &&'a str)| {
            Span::read(piece).map_err(|error: DecodeError| PieceError::new(index, error))
        };
        let all: Vec<Span<'a>> = pieces.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let (logs, spans): (Vec<_>, Vec<_>) = all.into_iter().partition(|span| span.event.is_some());
        Ok(Tree::of(spans, logs))
    }

    /// The tree of these spans.
    pub(crate) fn of(mut spans: Vec<Span<'a>>, logs: Vec<Span<'a>>) -> Self {
        // A span that is exported twice is one; the sort keeps the order of those that began together.
        let before = spans.len();
        let mut seen = std::collections::BTreeSet::new();
        spans.retain(|span| seen.insert(span.id.clone()));
        let repeated = (before - spans.len()) as u64;
        spans.sort_by(|a, b| a.order().cmp(&b.order()));
        let index = spans
            .iter()
            .enumerate()
            .map(|(at, span)| (span.id.clone(), at))
            .collect();
        Tree {
            spans,
            logs,
            index,
            repeated,
        }
    }

    pub(crate) fn spans(&self) -> &[Span<'a>] {
        &self.spans
    }

    /// The events that logs hold, in input order.
    pub(crate) fn logs(&self) -> &[Span<'a>] {
        &self.logs
    }

    /// The position of the span with this id.
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Whether a span is inside of another one.
    pub(crate) fn is_inside(&self, inner: usize, outer: usize) -> bool {
        let above = self.spans[inner]
            .parent
            .as_deref()
            .and_then(|id| self.position(id));
        let id = &self.spans[outer].id;
        inner != outer && above.is_some_and(|above| self.above(above, |span| span.id == *id).is_some())
    }

    /// The nearest span above for which `wanted` holds, or the one itself.
    pub(crate) fn above(&self, from: usize, wanted: impl Fn(&Span<'_>) -> bool) -> Option<usize> {
        let mut at = from;
        // A chain is no longer than there are spans, unless it is a ring.
        for _ in 0..=self.spans.len() {
            if wanted(&self.spans[at]) {
                return Some(at);
            }
            at = self.position(self.spans[at].parent.as_deref()?)?;
        }
        None
    }
}
