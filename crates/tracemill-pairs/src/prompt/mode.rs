//! The ways to tell prompt from completion, by their names.

use std::fmt;
use std::str::FromStr;

use crate::error::PairError;

/// When two traces share a prompt, and what their completions are.
///
/// `FromStr` reads `exact`, `common-prefix` and `task`; `common-prefix:rest` is the common prefix with whole rests
/// as completions. `Display` writes the text that reads back as the same mode.
///
/// ```
/// use tracemill_pairs::{Completion, PromptMode};
///
/// assert_eq!("common-prefix".parse::<PromptMode>()?, PromptMode::CommonPrefix(Completion::Turn));
/// assert_eq!(PromptMode::CommonPrefix(Completion::Rest).to_string(), "common-prefix:rest");
/// let error = "prefix".parse::<PromptMode>().unwrap_err().to_string();
/// assert_eq!(error, "`prompt` is `prefix`: use `exact`, `common-prefix` or `task`");
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptMode {
    /// `exact`: the prompt is everything before the final assistant turn, and that turn is the completion. The
    /// default.
    #[default]
    Exact,
    /// `common-prefix`: the prompt is the longest common beginning behind which both sides go on with an assistant
    /// turn, and which holds at least one user message.
    ///
    /// Where the two part at an assistant turn, that turn is the completion. Where they part elsewhere (another
    /// answer of the user or of a tool), the beginning is cut back to the assistant turn before, which both have:
    /// with [`Completion::Turn`] the completions are then identical and never pair.
    CommonPrefix(Completion),
    /// `task`: the group says that the prompts mean the same. The prompt is what the chosen side has before its
    /// first assistant turn, each completion is everything from its own first assistant turn on.
    Task,
}

/// What the completions are behind a common prefix.
///
/// ```
/// use tracemill_pairs::Completion;
/// assert_eq!("rest".parse::<Completion>()?, Completion::Rest);
/// assert_eq!(Completion::default().to_string(), "turn");
/// # Ok::<(), tracemill_pairs::PairError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// `turn`: the assistant turn in which the two sides differ. The default.
    #[default]
    Turn,
    /// `rest`: everything behind the prefix.
    Rest,
}

impl PromptMode {
    /// The name, without what the completions are.
    ///
    /// ```
    /// use tracemill_pairs::{Completion, PromptMode};
    /// assert_eq!(PromptMode::CommonPrefix(Completion::Rest).name(), "common-prefix");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            PromptMode::Exact => "exact",
            PromptMode::CommonPrefix(_) => "common-prefix",
            PromptMode::Task => "task",
        }
    }
}

impl Completion {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Completion::Turn => "turn",
            Completion::Rest => "rest",
        }
    }
}

impl fmt::Display for PromptMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            PromptMode::CommonPrefix(Completion::Rest) => write!(f, ":{}", Completion::Rest),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PromptMode {
    type Err = PairError;

    fn from_str(name: &str) -> Result<PromptMode, PairError> {
        match name {
            "exact" => Ok(PromptMode::Exact),
            "common-prefix" | "common-prefix:turn" => Ok(PromptMode::CommonPrefix(Completion::Turn)),
            "common-prefix:rest" => Ok(PromptMode::CommonPrefix(Completion::Rest)),
            "task" => Ok(PromptMode::Task),
            _ => Err(PairError::InvalidSetting {
                setting: "prompt",
                value: name.to_owned(),
                remedy: "use `exact`, `common-prefix` or `task`",
            }),
        }
    }
}

impl FromStr for Completion {
    type Err = PairError;

    fn from_str(name: &str) -> Result<Completion, PairError> {
        match name {
            "turn" => Ok(Completion::Turn),
            "rest" => Ok(Completion::Rest),
            _ => Err(PairError::InvalidSetting {
                setting: "completion",
                value: name.to_owned(),
                remedy: "use `turn` or `rest`",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Completion, PromptMode};

    #[test]
    fn every_mode_reads_back_as_itself() {
        let modes = [
            PromptMode::Exact,
            PromptMode::CommonPrefix(Completion::Turn),
            PromptMode::CommonPrefix(Completion::Rest),
            PromptMode::Task,
        ];
        for mode in modes {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for completion in [Completion::Turn, Completion::Rest] {
            assert_eq!(completion.to_string().parse(), Ok(completion));
        }
        for wrong in ["", "Exact", "common-prefix:", "task:rest"] {
            assert!(wrong.parse::<PromptMode>().is_err(), "{wrong}");
        }
    }
}
