//! What a consumer trains on, against which the marks of a trace are held.

use tracemill_model::{Conversation, Message, Target};

/// The assistant turns that a consumer trains on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trained<'r> {
    /// All of a conversation.
    Every(Conversation<'r>),
    /// The last of a conversation that is to be learnt.
    Last(Conversation<'r>),
    /// All from this message on: those of a completion.
    From(usize),
}

impl Trained<'_> {
    /// Whether the assistant turn at `index` will be trained on against its mark, or will not be.
    pub(crate) fn is_against(
        self,
        index: usize,
        message: &Message<'_>,
        last_assistant: Option<usize>,
    ) -> bool {
        match self {
            Trained::Every(conversation) => !conversation.is_target(index),
            Trained::Last(conversation) => {
                let later = conversation.target() == Target::All && last_assistant != Some(index);
                later && message.train() == Some(true)
            }
            // That a prompt is not trained on is what whoever asks for pairs wants, whatever its marks say.
            Trained::From(start) => index >= start && !message.is_target(),
        }
    }
}
