//! What a format can hold, as a table that people and programs read.

/// What a format can hold.
///
/// ```
/// use tracemill_formats::{Capability, Feature, Holds};
/// let row = Capability::NONE.with(Feature::System, Holds::Yes).with(Feature::Images, Holds::Partly);
/// assert_eq!(row.get(Feature::System), Holds::Yes);
/// assert_eq!(row.get(Feature::Audio), Holds::No);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability([Holds; Feature::ALL.len()]);

/// Whether a format holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holds {
    /// It does not: meeting it is a loss.
    No,
    /// In part, or under conditions that the format's page names.
    Partly,
    /// It does.
    Yes,
}

/// What traces have that formats may or may not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// System messages.
    System,
    /// Tool definitions.
    Tools,
    /// Tool calls.
    Calls,
    /// Several calls in one turn.
    ParallelCalls,
    /// Tool results.
    Results,
    /// Text beside a call.
    TextBesideCall,
    /// Reasoning.
    Reasoning,
    /// Images.
    Images,
    /// Sound.
    Audio,
    /// Files.
    Files,
    /// Marks of what is trained on.
    Weights,
    /// Metadata beside the conversation.
    Metadata,
    /// More than one exchange.
    MultiTurn,
}

impl Feature {
    /// Every feature, in the order of the table.
    pub const ALL: [Feature; 13] = [
        Feature::System,
        Feature::Tools,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::Reasoning,
        Feature::Images,
        Feature::Audio,
        Feature::Files,
        Feature::Weights,
        Feature::Metadata,
        Feature::MultiTurn,
    ];

    /// The head of its column.
    pub fn name(self) -> &'static str {
        match self {
            Feature::System => "system",
            Feature::Tools => "tools",
            Feature::Calls => "calls",
            Feature::ParallelCalls => "parallel calls",
            Feature::Results => "results",
            Feature::TextBesideCall => "text beside call",
            Feature::Reasoning => "reasoning",
            Feature::Images => "images",
            Feature::Audio => "audio",
            Feature::Files => "files",
            Feature::Weights => "weights",
            Feature::Metadata => "metadata",
            Feature::MultiTurn => "multi-turn",
        }
    }
}

impl Holds {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Holds::No => "no",
            Holds::Partly => "partly",
            Holds::Yes => "yes",
        }
    }
}

impl Capability {
    /// A row that holds nothing.
    pub const NONE: Capability = Capability([Holds::No; Feature::ALL.len()]);

    /// The same row with another entry.
    #[must_use]
    pub const fn with(mut self, feature: Feature, holds: Holds) -> Self {
        self.0[feature as usize] = holds;
        self
    }

    /// The same row, holding all of these.
    #[must_use]
    pub const fn holding(mut self, features: &[Feature]) -> Self {
        let mut at = 0;
        while at < features.len() {
            self.0[features[at] as usize] = Holds::Yes;
            at += 1;
        }
        self
    }

    /// The entry of a feature.
    pub const fn get(&self, feature: Feature) -> Holds {
        self.0[feature as usize]
    }
}
