//! What many traces are like: counts, and how scores and lengths are distributed.

mod distribution;
mod names;
mod scores;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use tracemill_model::{Content, Message, Part, Role, Score, Trace, digest};

pub use distribution::{Bucket, Distribution};
pub use names::Names;
pub use scores::ScoreStatistics;

use crate::identity::{Identity, Scratch};

/// Statistics of the traces that were added, in whatever order.
///
/// Memory grows by the digest of each trace and each group, about 50 bytes a trace; everything else is bounded.
///
/// ```
/// use tracemill_curate::{Scratch, Statistics};
/// use tracemill_model::Trace;
/// let lines = [
///     r#"{"group":{"key":"a"},"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"score":1.0}"#,
///     r#"{"group":{"key":"a"},"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"5"}],"score":0.5}"#,
/// ];
/// let (mut statistics, mut scratch) = (Statistics::new(), Scratch::new());
/// for line in lines {
///     statistics.add(&Trace::from_json(line)?, &mut scratch);
/// }
/// assert_eq!((statistics.traces(), statistics.messages().total(), statistics.duplicates()), (2, 4, 0));
/// assert_eq!((statistics.groups(), statistics.tied_groups()), (1, 0));
/// let (name, score) = statistics.scores().next().unwrap();
/// assert_eq!((name, score.mean()), ("score", Some(0.75)));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    traces: u64,
    messages: Names,
    calls: Names,
    outcomes: Names,
    models: Names,
    multimodal: u64,
    with_tools: u64,
    with_reasoning: u64,
    unscored: u64,
    trials: u64,
    scores: BTreeMap<String, ScoreStatistics>,
    lengths: Distribution,
    turns: Distribution,
    characters: Distribution,
    groups: HashMap<u128, Range>,
    seen: HashSet<u128>,
}

/// What was found of a trace that was added.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Added {
    /// The number of characters in its contents.
    pub characters: u64,
    /// Its score; the mean, where it has several.
    pub score: Option<f64>,
}

/// The scores of a group.
#[derive(Clone, Copy, Debug)]
struct Range {
    scored: u32,
    min: f64,
    max: f64,
}

impl Range {
    const NONE: Range = Range {
        scored: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    fn merge(&mut self, other: Range) {
        self.scored = self.scored.saturating_add(other.scored);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Statistics {
    /// Statistics of nothing.
    pub fn new() -> Self {
        Statistics::default()
    }

    /// Adds a trace, and says what was found of it alone.
    pub fn add(&mut self, trace: &Trace<'_>, scratch: &mut Scratch) -> Added {
        self.traces += 1;
        self.seen.insert(Identity::Exact.of(trace, scratch));
        self.trials += u64::from(trace.trial().is_some());
        self.with_tools += u64::from(trace.tools().is_some_and(|tools| !tools.is_empty()));
        if let Some(outcome) = trace.outcome() {
            self.outcomes.add(outcome.name());
        }
        if let Some(model) = trace.model() {
            self.models.add(&model.decode());
        }
        Added {
            characters: self.add_messages(trace.messages()),
            score: self.add_scores(trace),
        }
    }

    /// Adds messages, and gives the number of characters in them.
    fn add_messages(&mut self, messages: &[Message<'_>]) -> u64 {
        let (mut characters, mut turns) = (0, 0);
        for message in messages {
            self.messages.add(&message.role().name().decode());
            turns += u64::from(*message.role() == Role::Assistant);
            characters += length(message.content());
            for call in message.tool_calls() {
                self.calls.add(&call.name().decode());
            }
        }
        let is_medium = |part: &Part<'_>| matches!(part, Part::Media(_));
        let has_medium = |message: &Message<'_>| message.content().parts().iter().any(is_medium);
        self.multimodal += u64::from(messages.iter().any(has_medium));
        let has_reasoning = |message: &Message<'_>| message.reasoning().is_some();
        self.with_reasoning += u64::from(messages.iter().any(has_reasoning));
        self.lengths.add(messages.len() as u64);
        self.turns.add(turns);
        self.characters.add(characters);
        characters
    }

    /// Adds the scores of a trace, and gives their mean.
    fn add_scores(&mut self, trace: &Trace<'_>) -> Option<f64> {
        for score in trace.scores() {
            let name = score.name().map_or("score".into(), |name| name.decode());
            self.scores
                .entry(name.into_owned())
                .or_default()
                .add(score.number());
        }
        let numbers = trace.scores().iter().filter_map(Score::number);
        let (count, sum) = numbers.fold((0_u32, 0.0), |(count, sum), number| (count + 1, sum + number));
        self.unscored += u64::from(count == 0);
        let mean = (count > 0).then(|| sum / f64::from(count));
        if let Some(group) = trace.group() {
            let of_one = |mean| Range {
                scored: 1,
                min: mean,
                max: mean,
            };
            let range = mean.map_or(Range::NONE, of_one);
            self.add_group(digest(group.key().as_json().as_str().as_bytes()), range);
        }
        mean
    }

    fn add_group(&mut self, key: u128, range: Range) {
        match self.groups.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().merge(range),
            Entry::Vacant(place) => {
                place.insert(range);
            }
        }
    }

    /// Adds what another part of the run counted.
    pub fn merge(&mut self, other: Statistics) {
        self.traces += other.traces;
        self.messages.merge(&other.messages);
        self.calls.merge(&other.calls);
        self.outcomes.merge(&other.outcomes);
        self.models.merge(&other.models);
        self.multimodal += other.multimodal;
        self.with_tools += other.with_tools;
        self.with_reasoning += other.with_reasoning;
        self.unscored += other.unscored;
        self.trials += other.trials;
        for (name, scores) in other.scores {
            self.scores.entry(name).or_default().merge(&scores);
        }
        self.lengths.merge(&other.lengths);
        self.turns.merge(&other.turns);
        self.characters.merge(&other.characters);
        for (key, range) in other.groups {
            self.add_group(key, range);
        }
        self.seen.extend(other.seen);
    }

    /// How many traces there are.
    pub fn traces(&self) -> u64 {
        self.traces
    }

    /// The messages by role.
    pub fn messages(&self) -> &Names {
        &self.messages
    }

    /// The calls by the name of the tool.
    pub fn calls(&self) -> &Names {
        &self.calls
    }

    /// The traces by how they ended, of those that say.
    pub fn outcomes(&self) -> &Names {
        &self.outcomes
    }

    /// The traces by model, of those that say.
    pub fn models(&self) -> &Names {
        &self.models
    }

    /// How many traces hold an image, sound, video or file.
    pub fn multimodal(&self) -> u64 {
        self.multimodal
    }

    /// How many traces declare tools.
    pub fn with_tools(&self) -> u64 {
        self.with_tools
    }

    /// How many traces hold reasoning.
    pub fn with_reasoning(&self) -> u64 {
        self.with_reasoning
    }

    /// How many traces have no score that is a number.
    pub fn unscored(&self) -> u64 {
        self.unscored
    }

    /// How many traces say which trial they are.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// How many traces say what another one says.
    pub fn duplicates(&self) -> u64 {
        self.traces - self.seen.len() as u64
    }

    /// Every score by name, in the order of the names; one without a name is called `score`.
    pub fn scores(&self) -> impl Iterator<Item = (&str, &ScoreStatistics)> {
        self.scores.iter().map(|(name, scores)| (name.as_str(), scores))
    }

    /// The number of messages of a trace.
    pub fn lengths(&self) -> &Distribution {
        &self.lengths
    }

    /// The number of assistant turns of a trace.
    pub fn turns(&self) -> &Distribution {
        &self.turns
    }

    /// The number of characters in the contents of a trace.
    pub fn characters(&self) -> &Distribution {
        &self.characters
    }

    /// How many groups there are.
    pub fn groups(&self) -> u64 {
        self.groups.len() as u64
    }

    /// How many groups hold two scored traces or more, all with the same score (the mean, where a trace has several).
    pub fn tied_groups(&self) -> u64 {
        let tied = |range: &&Range| range.scored > 1 && range.max <= range.min;
        self.groups.values().filter(tied).count() as u64
    }

    /// By how much the best trace of a group is better than the worst, of the groups in which one is.
    pub fn margins(&self) -> ScoreStatistics {
        let mut margins = ScoreStatistics::default();
        for range in self.groups.values().filter(|range| range.max > range.min) {
            margins.add(Some(range.max - range.min));
        }
        margins
    }
}

/// How many characters content holds.
fn length(content: &Content<'_>) -> u64 {
    let of = |text: &tracemill_model::Text<'_>| text.decode().chars().count() as u64;
    match content {
        Content::Text(text) => of(text),
        content => content.parts().iter().filter_map(Part::as_text).map(of).sum(),
    }
}
