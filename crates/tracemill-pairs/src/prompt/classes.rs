//! The candidates of a group, divided by their prompts.

use super::facts::CandidateFacts;
use crate::candidate::Candidate;

/// Turns the facts of a group into candidates: those with the same digest of the prompt are of one class.
///
/// This is right for each [`PromptMode`](crate::PromptMode), also for a common prefix, which is a matter of two
/// traces: two traces share a valid prefix exactly when they agree up to the first assistant turn behind a user
/// message, which is what the digest covers, so sharing one divides the group into classes like any other prompt.
/// How far a prefix reaches is found for each pair that is taken.
///
/// The buffer is reused from group to group.
///
/// ```
/// use tracemill_pairs::{CandidateFacts, CompletionFact, PromptClasses};
///
/// let facts = [7, 9, 7].map(|prompt| CandidateFacts::new(None, None, prompt, CompletionFact::Unique));
/// let mut candidates = Vec::new();
/// PromptClasses::new().fill(&facts, &mut candidates);
/// let classes: Vec<_> = candidates.iter().map(|candidate| candidate.prompt_class()).collect();
/// assert_eq!(classes, [0, 1, 0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct PromptClasses {
    by_prompt: Vec<(u128, u32)>,
}

impl PromptClasses {
    /// An empty buffer.
    pub fn new() -> PromptClasses {
        PromptClasses::default()
    }

    /// Fills `candidates` anew with one candidate for each of `facts`, in the same order.
    ///
    /// A class has the position of its first member as its number.
    pub fn fill(&mut self, facts: &[CandidateFacts], candidates: &mut Vec<Candidate>) {
        candidates.clear();
        candidates.extend(facts.iter().map(candidate));
        let Some(first) = facts.first() else { return };
        if facts.iter().all(|facts| facts.prompt() == first.prompt()) {
            return;
        }
        self.by_prompt.clear();
        self.by_prompt
            .extend(facts.iter().map(CandidateFacts::prompt).zip(0..));
        self.by_prompt.sort_unstable();
        for class in self.by_prompt.chunk_by(|a, b| a.0 == b.0) {
            let number = class.first().map_or(0, |&(_, index)| index);
            for &(_, index) in class {
                let candidate = &mut candidates[index as usize];
                *candidate = candidate.with_prompt_class(number);
            }
        }
    }
}

fn candidate(facts: &CandidateFacts) -> Candidate {
    let candidate = Candidate::new(facts.score()).with_completion(facts.completion());
    match facts.trial() {
        Some(trial) => candidate.with_trial(trial),
        None => candidate,
    }
}
