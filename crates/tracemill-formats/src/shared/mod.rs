//! What several encoders need: small tools that write or note one thing each.
//!
//! How a record looks is said in the encoders alone, top to bottom. What several formats of one family write alike is
//! here: message lists, plain texts, the parts of a pair.

pub(crate) mod account;
pub(crate) mod alternate;
pub(crate) mod arguments;
pub(crate) mod blocks;
pub(crate) mod dataset_info;
pub(crate) mod decimal;
pub(crate) mod ids;
pub(crate) mod input_output;
pub(crate) mod lists;
pub(crate) mod metadata;
pub(crate) mod pair;
pub(crate) mod plain;
pub(crate) mod reasoning;
pub(crate) mod schema;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod tools;
pub(crate) mod trained;

use tracemill_model::{Conversation, Example};

use crate::encoder::{EncodeError, EncodeErrorKind};

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
