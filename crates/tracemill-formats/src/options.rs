//! How an encoder is to deal with what formats treat differently.

use std::str::FromStr;

use crate::template::ChatTemplate;

/// Options that every format understands or ignores; its dialects are extensions of its [spec](crate::FormatSpec).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    reasoning: ReasoningMode,
    metadata: MetadataMode,
    template: Option<ChatTemplate>,
}

impl EncodeOptions {
    /// Where reasoning goes.
    pub fn reasoning(&self) -> ReasoningMode {
        self.reasoning
    }

    /// Whether identity and scores go along.
    pub fn metadata(&self) -> MetadataMode {
        self.metadata
    }

    /// The chat template, for the one format that needs one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// Sets the chat template; other formats ignore it.
    #[must_use]
    pub fn with_template(mut self, template: ChatTemplate) -> Self {
        self.template = Some(template);
        self
    }

    /// Sets where reasoning goes.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: ReasoningMode) -> Self {
        self.reasoning = reasoning;
        self
    }

    /// Sets whether identity and scores go along.
    #[must_use]
    pub fn with_metadata(mut self, metadata: MetadataMode) -> Self {
        self.metadata = metadata;
        self
    }
}

/// Where reasoning goes.
///
/// ```
/// use tracemill_formats::ReasoningMode;
/// assert_eq!("inline".parse(), Ok(ReasoningMode::Inline));
/// assert!("think".parse::<ReasoningMode>().unwrap_err().contains("`auto`"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasoningMode {
    /// Into the format's own field if it has one; else it is a loss.
    #[default]
    Auto,
    /// Left out, on purpose: no loss.
    Drop,
    /// Before the text, as `<think>\n…\n</think>\n\n`.
    Inline,
    /// Into the format's own field; a format without one refuses to be made.
    Field,
}

impl ReasoningMode {
    /// Every mode.
    pub const ALL: [ReasoningMode; 4] = [
        ReasoningMode::Auto,
        ReasoningMode::Drop,
        ReasoningMode::Inline,
        ReasoningMode::Field,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ReasoningMode::Auto => "auto",
            ReasoningMode::Drop => "drop",
            ReasoningMode::Inline => "inline",
            ReasoningMode::Field => "field",
        }
    }
}

impl FromStr for ReasoningMode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        ReasoningMode::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| format!("reasoning can be `auto`, `drop`, `inline` or `field`, not `{name}`"))
    }
}

/// Whether identity and scores go along, under `metadata`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataMode {
    /// They are left out: what consumers are sure to accept.
    #[default]
    Omit,
    /// As `"metadata":{"id","group","score","model","turns"}`; a format that does not tolerate it refuses to be made.
    Include,
}
