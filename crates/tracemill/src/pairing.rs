//! Preference pairs: from groups of scored traces to examples of a better and a worse completion.
//!
//! Three steps: *index* every candidate (one pass over the input, in parallel), *decide* group by group, *gather* the
//! chosen ones again by their place. Input need not be sorted, and no more than the index stays in memory; beyond a
//! budget not even that.

mod account;
mod groups;
mod index;
mod run;

use tracemill_io::MemoryBudget;
use tracemill_pairs::{PairOptions, PromptMode};

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

impl Pairing {
    /// Pairs by these options, with the prompt taken exactly, duplicates kept and no limit on their number.
    pub fn new(options: PairOptions) -> Self {
        Pairing {
            options,
            prompt: PromptMode::Exact,
            duplicates: Duplicates::Keep,
            sample: None,
            max_group: 100_000,
            memory: MemoryBudget::default(),
        }
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
}
