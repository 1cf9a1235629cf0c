//! Choosing traces: filters of one trace in the workers, and decisions over all of them.

mod passes;
mod strata;

pub use strata::Strata;

use tracemill_curate::{
    Candidate, Choosing, Condition, Identity, Measured, NamedFilter, Scratch, TokenCounts, opening_of,
    tools_of,
};
use tracemill_model::{Trace, Turns};
use tracemill_pairs::PromptMode;
use tracemill_sources::Source;

use crate::adjust::Joined;
use crate::error::{Error, ErrorKind};
use crate::ledger::Counts;
use crate::mill::{Config, Examples};
use crate::select::ScoreFilter;
use crate::tokens::Tokens;

/// Whether traces with other tools than the first are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolSets {
    /// Each trace has its own.
    #[default]
    Any,
    /// All have the same, or the run fails.
    Same,
}

/// Which traces are trained on, in which order, and on which side of a split.
///
/// Filters are applied first. [`Choosing`] then decides over what is left; that reads the input twice, and keeps 64
/// bytes of every trace in memory.
///
/// ```
/// use tracemill::{Curation, Mill, curate::{Choosing, Identity, Keep}, io::Input};
/// let line = "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"},{\"role\":\"assistant\",\"content\":\"4\"}]}\n";
/// let mut choosing = Choosing::new();
/// choosing.dedup(Keep::First);
/// let curation = Curation::new()
///     .with_condition("messages>=2".parse()?)
///     .with_identity(Identity::Exact)
///     .with_choosing(choosing);
/// let mut builder = Mill::builder();
/// builder.format("openai")?.curation(curation);
/// let encoded = builder.build()?.collect([Input::bytes("runs.jsonl", line.repeat(3))])?;
/// assert_eq!(encoded.ledger.examples, 1);
/// assert_eq!(encoded.ledger.traces.filtered.get("duplicate"), 2);
/// assert!(encoded.ledger.balances());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Curation {
    conditions: Vec<Condition>,
    filters: Vec<NamedFilter>,
    tools: ToolSets,
    identity: Option<Identity>,
    strata: Option<Strata>,
    choosing: Option<Choosing>,
}

impl Curation {
    /// Everything stays.
    pub fn new() -> Self {
        Curation::default()
    }

    /// Leaves out traces that do not fulfil a condition.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Leaves out traces that a filter of Kiln leaves out.
    #[must_use]
    pub fn with_filter(mut self, filter: NamedFilter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Sets whether tools may differ.
    #[must_use]
    pub fn with_tools(mut self, tools: ToolSets) -> Self {
        self.tools = tools;
        self
    }

    /// Sets what duplicates share: everything, unless set.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Takes samples in equal shares from what divides traces.
    #[must_use]
    pub fn with_strata(mut self, strata: Strata) -> Self {
        self.strata = Some(strata);
        self
    }

    /// Decides over all traces.
    #[must_use]
    pub fn with_choosing(mut self, choosing: Choosing) -> Self {
        self.choosing = Some(choosing);
        self
    }

    /// The same decisions, with a shuffle that keeps groups together.
    pub(crate) fn keeping_groups(mut self) -> Self {
        self.choosing = self.choosing.map(Choosing::keeping_groups);
        self
    }

    /// Whether anything has to be decided over all traces.
    pub(crate) fn is_global(&self) -> bool {
        self.choosing.is_some() || self.tools == ToolSets::Same
    }

    /// Whether a condition asks for the number of tokens.
    pub(crate) fn looks_at_tokens(&self) -> bool {
        self.conditions.iter().any(Condition::looks_at_tokens)
    }

    /// The names of the sides; none without a split.
    pub(crate) fn sides(&self) -> usize {
        let sides = self.choosing.as_ref().and_then(Choosing::sides);
        sides.map_or(0, tracemill_curate::Shares::count)
    }

    /// Whether a trace stays; counts it if it does not, under the first filter that takes it out. Tokens that had to be counted for
    /// that are left in `counted`.
    pub(crate) fn keeps(
        &self,
        scores: &ScoreFilter,
        tokens: Option<&Tokens>,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        filtered: &mut Counts,
        counted: &mut Option<TokenCounts>,
    ) -> Result<bool, Error> {
        if self.conditions.is_empty() && self.filters.is_empty() {
            return Ok(true);
        }
        let looks = self.conditions.iter().any(Condition::looks_at_scores)
            || self.filters.iter().any(NamedFilter::looks_at_scores);
        let score = if looks { scores.score(trace, source)? } else { None };
        *counted = tokens
            .filter(|_| self.looks_at_tokens())
            .map(|tokens| tokens.of(trace));
        let measured = Measured {
            score,
            tokens: counted.as_ref().map(TokenCounts::total),
        };
        let condition = self
            .conditions
            .iter()
            .find(|condition| !condition.accepts(trace, measured));
        let filter = self.filters.iter().find(|filter| !filter.accepts(trace, score));
        let code = condition.map(Condition::code).or(filter.map(NamedFilter::code));
        if let Some(code) = code {
            filtered.add(code);
        }
        Ok(code.is_none())
    }

    /// The decisions over all traces, if there are any.
    pub(crate) fn choosing(&self) -> Option<&Choosing> {
        self.choosing.as_ref()
    }

    /// Fails at a trace with other tools than those before it, if they are to be the same.
    pub(crate) fn check_tools(
        &self,
        trace: &Trace<'_>,
        place: &dyn std::fmt::Display,
        seen: &mut SeenTools,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        if self.tools == ToolSets::Any {
            return Ok(());
        }
        seen.add(Some(tools_of(trace, scratch)), place)
    }

    fn candidate(
        &self,
        scores: &ScoreFilter,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        scratch: &mut Scratch,
    ) -> Result<Candidate, Error> {
        let Some(choosing) = &self.choosing else {
            return Ok(Candidate::default());
        };
        let by_score = self.strata.as_ref().is_some_and(Strata::looks_at_scores);
        let score = if by_score || choosing.looks_at_scores() {
            scores.score(trace, source)?
        } else {
            None
        };
        // Their digests cost as much as a good part of reading.
        let mut candidate = if choosing.looks_at_units() {
            Candidate::of(trace, score, scratch)
        } else {
            Candidate {
                score: score.unwrap_or(f64::NAN),
                ..Candidate::default()
            }
        };
        if choosing.looks_at_identities() {
            candidate.identity = self.identity.unwrap_or(Identity::Exact).of(trace, scratch);
        }
        let stratum = self.strata.as_ref().and_then(|strata| strata.of(trace, score));
        Ok(match stratum {
            Some(name) => candidate.in_stratum(&name),
            None => candidate,
        })
    }
}

/// The tools that all traces have, as far as somebody saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenTools(Option<u128>);

impl SeenTools {
    fn add(&mut self, tools: Option<u128>, place: &dyn std::fmt::Display) -> Result<(), Error> {
        match tools {
            Some(own) if *self.0.get_or_insert(own) != own => Err(mixed_tools(place)),
            _ => Ok(()),
        }
    }

    /// Takes over what was seen in a block, and leaves nothing there.
    pub(crate) fn take_over(&mut self, block: &mut SeenTools) -> Result<(), Error> {
        self.add(std::mem::take(block).0, &"one block of the input")
    }
}

impl Config {
    /// What the decisions over all traces need of one.
    pub(crate) fn candidate(
        &self,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        scratch: &mut Scratch,
    ) -> Result<Candidate, Error> {
        let mut candidate = self.curation.candidate(&self.scores, trace, source, scratch)?;
        if self.curation.sides() > 0 && self.makes_several_prompts() {
            // The digests of candidates have 64 bits.
            candidate.prompt = opening_of(trace, scratch) as u64;
        }
        Ok(candidate)
    }

    /// Whether one trace may come out under several prompts, of which a split must not put one on two sides.
    fn makes_several_prompts(&self) -> bool {
        match (&self.pairing, self.examples) {
            (Some(pairing), _) => pairing.prompt != PromptMode::Exact,
            (None, Examples::Conversations(turns)) => turns == Turns::Each,
            (None, Examples::Labelled { .. }) => false,
        }
    }

    /// Changes a trace that is read a second time: what was changed was counted the first time.
    pub(crate) fn change_again<'a>(&'a self, trace: &mut Trace<'a>, path: &str) {
        let (mut counted_already, mut joined) = (Counts::default(), Joined::default());
        self.adjustments
            .apply(trace, path, &mut counted_already, &mut joined);
        if let Some(screens) = &self.screens {
            screens.replace_again(trace);
        }
    }

    /// Whether the filters let a trace pass; counts it if they do not.
    pub(crate) fn admits(
        &self,
        trace: &Trace<'_>,
        source: Option<&dyn Source>,
        filtered: &mut Counts,
        counted: &mut Option<TokenCounts>,
    ) -> Result<bool, Error> {
        Ok(self.scores.keeps(trace, source, filtered)?
            && self.curation.keeps(
                &self.scores,
                self.tokens.as_ref(),
                trace,
                source,
                filtered,
                counted,
            )?)
    }
}

fn mixed_tools(place: &dyn std::fmt::Display) -> Error {
    let message = format!(
        "{place}: has other tools than the traces before it, and `--require-same-tools` is set; choose with `--where`"
    );
    Error::new(ErrorKind::Record, message).with_code("mixed-tools")
}
