//! What can be wrong with options.

/// An option that makes no sense; the message says what would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CurateError(String);

impl CurateError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        CurateError(message.into())
    }
}
