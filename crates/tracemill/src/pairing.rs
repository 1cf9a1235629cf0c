//! Preference pairs: from groups of scored traces to examples of a better and a worse completion.
//!
//! Three steps: *index* every candidate (one pass over the input, in parallel), *decide* group by group, *gather* the
//! chosen ones again by their place. Input need not be sorted, and no more than the index stays in memory; beyond a
//! budget not even that.

mod account;
mod choosing;
mod groups;
mod index;
mod lists;
mod making;
mod run;
mod stream;

use std::str::FromStr;

use tracemill_io::MemoryBudget;
use tracemill_model::Shape;
use tracemill_pairs::{PairOptions, PromptMode, Strategy};

use crate::error::Error;

/// How candidates become pairs.
///
/// ```
/// use tracemill::{Encoded, Mill, Pairing, io::Input, pairs::{PairOptions, Strategy}};
///
/// let candidates = concat!(
///     r#"{"group":"q1","messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"5"}],"score":0.0}"#, "\n",
///     r#"{"group":"q1","messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"score":1.0}"#, "\n",
/// );
/// let options = PairOptions::builder().strategy(Strategy::BestVsWorst).build()?;
/// let mill = Mill::builder().format("trl-preference")?.pairing(Pairing::new(options)).build()?;
/// let Encoded { bytes, ledger, .. } = mill.collect([Input::bytes("candidates.jsonl", candidates)])?;
/// assert_eq!((ledger.groups.paired, ledger.pairs.written), (1, 1));
/// assert!(ledger.balances());
/// let pair = r#"{"prompt":[{"role":"user","content":"2+2?"}],"chosen":[{"role":"assistant","content":"4"}],"rejected":[{"role":"assistant","content":"5"}]}"#;
/// assert_eq!(String::from_utf8(bytes)?, format!("{pair}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pairing {
    pub(crate) options: PairOptions,
    pub(crate) examples: GroupExamples,
    pub(crate) order: GroupOrder,
    pub(crate) prompt: PromptMode,
    pub(crate) duplicates: Duplicates,
    pub(crate) sample: Option<(usize, u64)>,
    pub(crate) max_group: usize,
    pub(crate) memory: MemoryBudget,
}

/// What becomes of a pair that says what an earlier one said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duplicates {
    /// It stays.
    #[default]
    Keep,
    /// It is left out and counted; the first one stays.
    Remove,
}

/// What a group becomes.
///
/// Lists and labels are made of a whole prompt class: its candidates with a score and a completion, of which two at the
/// least have different scores. Of candidates that say the same the best stays. The ledger counts as pairs what the
/// records say: each two candidates with different scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupExamples {
    /// Pairs of a better and a worse completion, as the strategy takes them.
    #[default]
    Pairs,
    /// One ranked list for each prompt class, best first; equal scores share a rank where the format has ranks.
    Ranked,
    /// One labelled completion for each candidate.
    Labelled(LabelBy),
}

/// When a candidate of a group is good.
///
/// ```
/// use tracemill::LabelBy;
/// assert_eq!("mean".parse(), Ok(LabelBy::Mean));
/// assert!("median".parse::<LabelBy>().unwrap_err().contains("`best`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelBy {
    /// When no candidate of its prompt class has a better score.
    Best,
    /// When its score is above the mean of its prompt class; one that has exactly the mean is left out as a tie.
    Mean,
}

impl LabelBy {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            LabelBy::Best => "best",
            LabelBy::Mean => "mean",
        }
    }
}

impl FromStr for LabelBy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = [LabelBy::Best, LabelBy::Mean]
            .into_iter()
            .find(|by| by.name() == name);
        found.ok_or_else(|| format!("labels go by `best` or `mean`, not by `{name}`"))
    }
}

/// In which order candidates come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupOrder {
    /// In any: the input is indexed first, then read again where it is needed.
    #[default]
    Any,
    /// Group by group, as whoever gives the input promises: it is read once, and no more than one group is held.
    ///
    /// What comes out is the same. A group that goes on after another one has begun ends the run. Of every group that is
    /// closed 16 bytes are kept, to notice that.
    Grouped,
}

impl Pairing {
    /// Pairs by these options, with the prompt taken exactly, duplicates kept and no limit on their number.
    pub fn new(options: PairOptions) -> Self {
        Pairing {
            options,
            examples: GroupExamples::Pairs,
            order: GroupOrder::Any,
            prompt: PromptMode::Exact,
            duplicates: Duplicates::Keep,
            sample: None,
            max_group: 100_000,
            memory: MemoryBudget::default(),
        }
    }

    /// Sets what a group becomes: pairs, unless set. For anything else the strategy and the thresholds of the options
    /// are to be left as they are.
    ///
    /// ```
    /// use tracemill::{Encoded, GroupExamples, Mill, Pairing, io::Input, pairs::PairOptions};
    ///
    /// let candidates = concat!(
    ///     r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"5"}],"score":0.2}"#, "\n",
    ///     r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"score":0.9}"#, "\n",
    ///     r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"6"}],"score":0.2}"#, "\n",
    /// );
    /// let pairing = Pairing::new(PairOptions::default()).with_examples(GroupExamples::Ranked);
    /// let mill = Mill::builder().format("nemo-rl")?.pairing(pairing).build()?;
    /// let Encoded { bytes, ledger, .. } = mill.collect([Input::bytes("candidates.jsonl", candidates)])?;
    /// assert_eq!((ledger.examples, ledger.pairs.written, ledger.pairs.skipped.get("tie")), (1, 2, 1));
    /// let list = String::from_utf8(bytes)?;
    /// assert_eq!(list.matches(r#""rank":0"#).count(), 1);
    /// assert_eq!(list.matches(r#""rank":1"#).count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_examples(mut self, examples: GroupExamples) -> Self {
        self.examples = examples;
        self
    }

    /// Sets in which order candidates come: in any, unless set.
    #[must_use]
    pub fn with_order(mut self, order: GroupOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets when two traces share a prompt.
    #[must_use]
    pub fn with_prompt(mut self, prompt: PromptMode) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets what becomes of duplicates.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Keeps so many pairs at the most, drawn from all of them with this seed, in their order. The input is then paired
    /// twice.
    ///
    /// # Errors
    /// Of kind `Config` if `pairs` is 0.
    pub fn with_sample(mut self, pairs: usize, seed: u64) -> Result<Self, Error> {
        if pairs == 0 {
            return Err(Error::config(
                "the largest number of pairs is 0; leave it out, or keep at least one",
            ));
        }
        self.sample = Some((pairs, seed));
        Ok(self)
    }

    /// Sets how much memory the index of candidates may take before it goes to disk; 256 MiB unless set.
    #[must_use]
    pub fn with_memory(mut self, memory: MemoryBudget) -> Self {
        self.memory = memory;
        self
    }

    /// Sets how many candidates a group may have; 100,000 unless set.
    #[must_use]
    pub fn with_max_group(mut self, candidates: usize) -> Self {
        self.max_group = candidates;
        self
    }

    /// The shape of the examples, and what people call them.
    pub(crate) fn shape(&self) -> (Shape, &'static str) {
        match self.examples {
            GroupExamples::Pairs => (Shape::Preference, "preference pairs"),
            GroupExamples::Ranked => (Shape::Ranked, "ranked lists"),
            GroupExamples::Labelled(_) => (Shape::Labelled, "labelled examples"),
        }
    }

    /// Refuses settings that contradict each other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.examples == GroupExamples::Pairs {
            return Ok(());
        }
        if matches!(self.prompt, PromptMode::CommonPrefix(_)) {
            return Err(Error::config(
                "a common prefix is a matter of two traces: for lists and labels use `--prompt exact` or `--prompt task`",
            ));
        }
        if self.sample.is_some() || self.duplicates == Duplicates::Remove || !self.options.takes_all_pairs() {
            return Err(Error::config(
                "lists and labels take whole groups: a strategy, thresholds, maxima and `--dedup-pairs` go with pairs alone",
            ));
        }
        Ok(())
    }

    /// Whether what a group gives depends on its number.
    fn is_seeded(&self) -> bool {
        !matches!(
            self.options.strategy(),
            Some(Strategy::Exhaustive | Strategy::BestVsWorst | Strategy::BestVsAll | Strategy::Adjacent)
        )
    }
}
