//! Where reasoning goes.

use tracemill_model::{JsonString, Message, Reasoning, Text};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::options::ReasoningMode;
use crate::spec::SpecError;

/// What an encoder does with reasoning, once its options are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// It has no place: a loss.
    Lost,
    /// It is left out on purpose.
    Dropped,
    /// It stands before the text.
    Inline,
    /// It has a field of its own.
    Field,
}

impl Placement {
    /// The placement in a format that has a field for reasoning.
    pub(crate) fn with_field(mode: ReasoningMode) -> Self {
        match mode {
            ReasoningMode::Auto | ReasoningMode::Field => Placement::Field,
            ReasoningMode::Drop => Placement::Dropped,
            ReasoningMode::Inline => Placement::Inline,
        }
    }

    /// The placement in a format without a field; `auto` is what it does when nobody asks for anything.
    pub(crate) fn without_field(
        mode: ReasoningMode,
        auto: Placement,
        format: &'static str,
    ) -> Result<Self, SpecError> {
        Ok(match mode {
            ReasoningMode::Auto => auto,
            ReasoningMode::Drop => Placement::Dropped,
            ReasoningMode::Inline => Placement::Inline,
            ReasoningMode::Field => {
                let reason = "it has no field for reasoning; use `inline` or `drop`".to_owned();
                return Err(SpecError::Conflict { format, reason });
            }
        })
    }

    /// The words of the reasoning of a message if they are to be written; notes what is lost.
    ///
    /// # Errors
    /// If the words go inline and hold `</think>`, which would end them early.
    pub(crate) fn words<'m>(
        self,
        message: &'m Message<'m>,
        index: usize,
        losses: &mut Losses,
    ) -> Result<Option<&'m Text<'m>>, EncodeError> {
        let text = match message.reasoning() {
            None => return Ok(None),
            Some(_) if self == Placement::Dropped => return Ok(None),
            Some(Reasoning::Text(text)) => text,
            Some(_) => {
                losses.note(Loss::OpaqueReasoning, index);
                return Ok(None);
            }
        };
        match self {
            Placement::Lost => {
                losses.note(Loss::Reasoning, index);
                Ok(None)
            }
            Placement::Inline if text.is_empty() => Ok(None),
            Placement::Inline if text.body().contains("</think>") => {
                let text = "the reasoning holds `</think>`, which would end it early; drop reasoning or use a \
                            format with a field for it";
                Err(EncodeError::at(index, EncodeErrorKind::Forbidden, text))
            }
            _ => Ok(Some(text)),
        }
    }
}

/// Appends reasoning as it stands before a text.
pub(crate) fn think(words: &Text<'_>, s: &mut JsonString<'_, '_>) {
    s.push("<think>\n").text(words).push("\n</think>\n\n");
}
