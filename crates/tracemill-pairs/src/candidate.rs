//! What pairing knows of a candidate, and what makes a group.

use std::fmt;

use crate::score::ScoreValue;

/// What pairing knows of a completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompletionFact {
    /// Not empty, and like no other completion of the group. The default, for callers who only have scores.
    #[default]
    Unique,
    /// Nothing that could be trained on: such a candidate never pairs.
    Empty,
    /// Known only beside another completion: the [comparison](Group::with_comparison) of the group is asked for each
    /// pair that is taken. Without one they are taken to differ, and whoever gets the pairs compares, as
    /// [`PromptMode::pair`](crate::PromptMode::pair) does; then an identical pair may stand in the place of another
    /// where a group has a maximum.
    Compared,
    /// A digest of the completion. Completions with different digests differ; when digests are equal, the
    /// [comparison](Group::with_comparison) of the group decides.
    Digest(u128),
}

/// One candidate of a group: four facts, and none of the messages.
///
/// ```
/// use tracemill_pairs::{Candidate, CompletionFact, ScoreValue};
///
/// let candidate = Candidate::new(ScoreValue::new(0.75).ok())
///     .with_trial(2)
///     .with_prompt_class(1)
///     .with_completion(CompletionFact::Digest(0x5eed));
/// assert_eq!(candidate.score().map(ScoreValue::get), Some(0.75));
/// assert_eq!(candidate.trial(), Some(2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    score: Option<ScoreValue>,
    trial: Option<u64>,
    prompt_class: u32,
    completion: CompletionFact,
}

impl Candidate {
    /// A candidate with this score, or none: no trial, prompt class 0, and a completion like no other.
    pub fn new(score: Option<ScoreValue>) -> Candidate {
        Candidate {
            score,
            ..Candidate::default()
        }
    }

    /// Sets the trial, which orders candidates of equal scores; those without one come last.
    #[must_use]
    pub fn with_trial(mut self, trial: u64) -> Candidate {
        self.trial = Some(trial);
        self
    }

    /// Sets the prompt class: within a group, candidates pair when their classes are equal. Default 0.
    #[must_use]
    pub fn with_prompt_class(mut self, class: u32) -> Candidate {
        self.prompt_class = class;
        self
    }

    /// Sets what is known of the completion. Default [`CompletionFact::Unique`].
    #[must_use]
    pub fn with_completion(mut self, completion: CompletionFact) -> Candidate {
        self.completion = completion;
        self
    }

    /// The score, if it was judged.
    pub fn score(&self) -> Option<ScoreValue> {
        self.score
    }

    /// The trial, if it is known.
    pub fn trial(&self) -> Option<u64> {
        self.trial
    }

    /// The prompt class.
    pub fn prompt_class(&self) -> u32 {
        self.prompt_class
    }

    /// What is known of the completion.
    pub fn completion(&self) -> CompletionFact {
        self.completion
    }
}

/// Whether the completions of two candidates, given by their positions in the group, are the same.
pub type SameCompletion<'a> = dyn FnMut(usize, usize) -> bool + 'a;

/// The candidates that compete with one another, in input order.
pub struct Group<'a> {
    pub(crate) ordinal: u64,
    pub(crate) candidates: &'a [Candidate],
    pub(crate) same: Option<&'a mut SameCompletion<'a>>,
}

impl<'a> Group<'a> {
    /// A group with ordinal 0, which takes equal digests for equal completions.
    pub fn new(candidates: &'a [Candidate]) -> Group<'a> {
        Group {
            ordinal: 0,
            candidates,
            same: None,
        }
    }

    /// Sets the ordinal of the group, from which seeded strategies derive their randomness. Default 0.
    #[must_use]
    pub fn with_ordinal(mut self, ordinal: u64) -> Group<'a> {
        self.ordinal = ordinal;
        self
    }

    /// Sets the comparison that is asked when two digests are equal, so that a collision never drops a pair.
    ///
    /// It is given positions in the slice of candidates. As long as digests do not collide it is asked at most twice
    /// for each candidate, however many pairs are taken; [`CompletionFact::Compared`] asks once for each pair.
    ///
    /// ```
    /// use tracemill_pairs::{Candidate, CompletionFact, Group, PairOptions, PairScratch, ScoreValue};
    ///
    /// let texts = ["yes", "no"];
    /// let colliding = CompletionFact::Digest(7);
    /// let candidates = [0.9, 0.1].map(|s| Candidate::new(ScoreValue::new(s).ok()).with_completion(colliding));
    /// let mut same = |a: usize, b: usize| texts[a] == texts[b];
    /// let group = Group::new(&candidates).with_comparison(&mut same);
    /// let mut scratch = PairScratch::new();
    /// assert_eq!(PairOptions::default().pair_group(group, &mut scratch)?.counts().selected(), 1);
    /// # Ok::<(), tracemill_pairs::PairError>(())
    /// ```
    #[must_use]
    pub fn with_comparison(mut self, same: &'a mut SameCompletion<'a>) -> Group<'a> {
        self.same = Some(same);
        self
    }
}

impl fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("ordinal", &self.ordinal)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}
