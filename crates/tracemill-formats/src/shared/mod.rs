//! What several encoders need: small tools that write or note one thing each.
//!
//! How a record looks is said in the encoders alone, top to bottom. What several formats of one family write alike is
//! here: message lists, plain texts, the parts of a pair.

pub(crate) mod account;
pub(crate) mod alternate;
pub(crate) mod arguments;
pub(crate) mod blocks;
pub(crate) mod chat;
pub(crate) mod dataset_info;
pub(crate) mod decimal;
pub(crate) mod dumped;
pub(crate) mod exchanges;
pub(crate) mod ids;
pub(crate) mod input_output;
pub(crate) mod lists;
pub(crate) mod metadata;
pub(crate) mod pair;
pub(crate) mod passages;
pub(crate) mod plain;
pub(crate) mod reasoning;
pub(crate) mod rendered;
pub(crate) mod schema;
pub(crate) mod templates;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod tools;
pub(crate) mod trained;
pub(crate) mod typescript;

use tracemill_model::{Conversation, Example, Role};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses, Omission};

/// The conversation that an example is.
pub(crate) fn any_conversation<'e>(example: &Example<'e>) -> Result<Conversation<'e>, EncodeError> {
    match example {
        Example::Conversation(conversation) => Ok(*conversation),
        other => {
            let text = format!("this format takes conversations, not a {}", other.shape().name());
            Err(EncodeError::new(EncodeErrorKind::Shape, text))
        }
    }
}

/// The conversation that an example is, if there is something to learn in it.
pub(crate) fn conversation<'e>(example: &Example<'e>) -> Result<Conversation<'e>, EncodeError> {
    let conversation = any_conversation(example)?;
    let count = conversation.messages().len();
    if count == 0 {
        return Err(EncodeError::new(
            EncodeErrorKind::NoMessages,
            "there is no message",
        ));
    }
    if !(0..count).any(|index| conversation.is_target(index)) {
        let text = "there is no assistant turn to learn";
        return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
    }
    Ok(conversation)
}

/// Where the prompt of a conversation ends: before the first turn that is to be learnt, or behind all messages.
///
/// Notes the turns of others behind it, which nothing makes anew.
pub(crate) fn prompt_end(conversation: &Conversation<'_>, losses: &mut Losses) -> Result<usize, EncodeError> {
    let messages = conversation.messages();
    let targets = |index: &usize| conversation.is_target(*index);
    let end = (0..messages.len()).find(targets).unwrap_or(messages.len());
    if end == 0 {
        let text = "nothing comes before the first turn that is to be learnt, so there is no prompt";
        return Err(EncodeError::new(EncodeErrorKind::NoMessages, text));
    }
    if end < messages.len() {
        losses.omit(Omission::Completion);
    }
    for (index, message) in messages.iter().enumerate().skip(end) {
        if !matches!(message.role(), Role::Assistant | Role::Tool) {
            losses.note(Loss::TrailingTurns, index);
        }
    }
    Ok(end)
}
