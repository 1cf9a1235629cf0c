//! Which candidates of a group become preference pairs.
//!
//! Give it the scores of candidates that compete for one prompt, and it says which of them pair, which side is
//! chosen, and in which order the pairs come. It works on positions and numbers alone: what the candidates said
//! stays where it is, and is copied nowhere. Where candidates are traces, it also says which of them share a prompt.
//!
//! # What it promises
//!
//! * *Strictness.* The chosen side is strictly better. Never paired are: a tie, a missing score, an empty
//!   completion, two identical completions, two prompts. No strategy can break this, yours included.
//! * *Exactness.* A minimum difference is inclusive and compares the decimals that people wrote: 0.3 over 0.2
//!   meets 0.1.
//! * *Accounts that balance.* Every possible pair is selected or skipped for one reason, every candidate is used
//!   or unused for one reason; both sums are exact for any input.
//! * *The same everywhere.* No clock, no hash seed, no platform: the result follows from candidates and options.
//! * *Small cost.* Time for ranking and for the pairs that are taken; what is skipped is counted by runs, not one
//!   by one. A warm [`PairScratch`] allocates nothing.
//!
//! # What it is not
//!
//! It reads no files, writes no records and knows no formats. It does not decide which candidates form a group, and
//! it does not judge them: a missing score stays missing.
//!
//! # The main types
//!
//! [`PairOptions`], made by [`PairBuilder`], hold a [`Strategy`] or your own [`PairStrategy`], thresholds and
//! maxima. [`pairs_of`] applies them to a slice of scores. [`PairOptions::pair_group`] applies them to a [`Group`]
//! of [`Candidate`]s, which may lack scores, differ in prompts and repeat completions, and lends [`GroupPairs`]:
//! the pairs, [`PairCounts`] by [`SkipReason`], and the [`Fate`] of each candidate. Over all groups, [`Sampler`]
//! keeps a seeded sample. [`ScoreSelection`] makes one [`ScoreValue`] of several named scores.
//!
//! For traces, [`PromptMode`] says what is prompt and what is completion. [`PromptMode::facts`] takes from a trace
//! the [`CandidateFacts`] that pairing needs, some 80 bytes; [`PromptClasses`] makes candidates of the facts of a
//! group; and [`PromptMode::pair`] makes of two traces that were taken a [`TracePair`], having compared what digests
//! had vouched for. [`SeenPairs`] finds pairs that repeat.
//!
//! # From traces to pairs
//!
//! ```
//! use tracemill_model::Trace;
//! use tracemill_pairs::{
//!     Group, PairOptions, PairScratch, PromptClasses, PromptMode, PromptScratch, ScoreSelection, SkipReason,
//! };
//!
//! let line = |prompt: &str, answer: &str, score: f64| format!(
//!     r#"{{"messages":[{{"role":"user","content":"{prompt}"}},{{"role":"assistant","content":"{answer}"}}],"score":{score}}}"#
//! );
//! let lines = [line("2+2?", "5", 0.1), line("2+2?", "4", 1.0), line("3+3?", "7", 0.0)];
//! let traces = lines.iter().map(|line| Trace::from_json(line)).collect::<Result<Vec<_>, _>>()?;
//!
//! let mode = PromptMode::Exact;
//! let mut scratch = PromptScratch::new();
//! let facts: Vec<_> = traces
//!     .iter()
//!     .map(|trace| mode.facts(trace, ScoreSelection::Mean.of(trace).ok(), &mut scratch))
//!     .collect();
//! let mut candidates = Vec::new();
//! PromptClasses::new().fill(&facts, &mut candidates);
//!
//! let mut comparing = PromptScratch::new();
//! let mut same = |a: usize, b: usize| mode.same_completion(&traces[a], &traces[b], &mut comparing);
//! let group = Group::new(&candidates).with_comparison(&mut same);
//! let mut pairing = PairScratch::new();
//! let paired = PairOptions::default().pair_group(group, &mut pairing)?;
//! assert_eq!(paired.counts().skipped(SkipReason::PromptMismatch), 2);
//! for scored in paired.pairs() {
//!     let pair = mode.pair(&traces[scored.chosen()], &traces[scored.rejected()], &mut scratch);
//!     let example = pair.map_err(SkipReason::code)?.preference(&scored);
//!     assert_eq!(example.chosen.completion.messages()[0].content().as_text().map(|t| t.body()), Some("4"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An account of everything
//!
//! Two groups, at most one pair from each and one in all; and where the rest went:
//!
//! ```
//! use tracemill_pairs::{
//!     Candidate, CandidateCounts, CompletionFact, Group, PairCounts, PairOptions, PairScratch, Sampler,
//!     ScoreValue, SkipReason, Strategy, UnusedReason,
//! };
//!
//! let texts = [["4", "5", "four"], ["yes", "yes", ""]];
//! let scores = [[Some(1.0), Some(0.25), None], [Some(0.9), Some(0.4), Some(0.1)]];
//! # fn digest(text: &str) -> u128 { text.bytes().fold(0, |hash, byte| hash * 257 + u128::from(byte)) }
//!
//! let options = PairOptions::builder().strategy(Strategy::BestVsWorst).min_score_diff(0.5).build()?;
//! let mut scratch = PairScratch::new();
//! let (mut pairs, mut candidates) = (PairCounts::default(), CandidateCounts::default());
//! let mut sampler = Sampler::new(1, 42)?;
//! for (ordinal, (texts, scores)) in (0..).zip(texts.iter().zip(&scores)) {
//!     let group: Vec<Candidate> = texts
//!         .iter()
//!         .zip(scores)
//!         .map(|(text, &score)| {
//!             let score = score.and_then(|score| ScoreValue::new(score).ok());
//!             let completion = match *text {
//!                 "" => CompletionFact::Empty,
//!                 text => CompletionFact::Digest(digest(text)),
//!             };
//!             Candidate::new(score).with_completion(completion)
//!         })
//!         .collect();
//!     let mut same = |a: usize, b: usize| texts[a] == texts[b];
//!     let group = Group::new(&group).with_ordinal(ordinal).with_comparison(&mut same);
//!     let paired = options.pair_group(group, &mut scratch)?;
//!     for pair in paired.pairs() {
//!         sampler.offer(ordinal, pair.chosen() as u32, pair.rejected() as u32);
//!     }
//!     pairs += paired.counts();
//!     candidates += paired.candidate_counts();
//! }
//! let sample = sampler.finish();
//! pairs.withdraw(SkipReason::OverMaxPairs, sample.dropped());
//!
//! let kept: Vec<_> = sample.pairs().map(|pair| (pair.group(), pair.chosen(), pair.rejected())).collect();
//! assert_eq!(kept, [(0, 0, 1)]);
//! assert_eq!((pairs.possible(), pairs.selected()), (6, 1));
//! assert_eq!(pairs.skipped(SkipReason::NoScore), 2);
//! assert_eq!(pairs.skipped(SkipReason::EmptyCompletion), 2);
//! assert_eq!(pairs.skipped(SkipReason::IdenticalCompletion), 1);
//! assert_eq!((candidates.candidates(), candidates.used()), (6, 2));
//! assert_eq!(candidates.unused(UnusedReason::IdenticalCompletion), 2);
//! # Ok::<(), tracemill_pairs::PairError>(())
//! ```
#![forbid(unsafe_code)]

mod candidate;
mod choices;
mod counts;
mod decimal;
mod error;
mod group;
mod options;
mod prompt;
mod random;
mod ranking;
mod reason;
mod sampler;
mod score;
mod selection;
mod slice;
mod strategy;
mod twins;

pub use candidate::{Candidate, CompletionFact, Group, SameCompletion};
pub use choices::Choices;
pub use counts::{CandidateCounts, PairCounts};
pub use error::PairError;
pub use group::{GroupPairs, PairScratch, RankedClass, ScoredPair};
pub use options::{PairBuilder, PairOptions};
pub use prompt::{
    CandidateFacts, Completion, PairSides, PromptClasses, PromptMode, PromptScratch, SeenPairs, Split,
    TracePair, TraceSides,
};
pub use random::pair_hash;
pub use ranking::Ranking;
pub use reason::{Fate, SkipReason, UnusedReason};
pub use sampler::{Sample, SampledPair, Sampler};
pub use score::ScoreValue;
pub use selection::{MissingScore, ScoreSelection};
pub use slice::pairs_of;
pub use strategy::{PairStrategy, Strategy};
