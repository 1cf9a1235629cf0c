//! Ids for calls that have none.

use tracemill_model::{CallRef, Message, ToolCall};

use crate::encoder::{EncodeError, EncodeErrorKind};

/// Numbers for the calls of a record, from which missing ids are made: `call_0`, `call_1`, ….
///
/// Deterministic, and no id comes out twice: numbering starts behind the largest recorded id of that form.
#[derive(Debug, Default)]
pub(crate) struct CallIds {
    /// The number of the first call.
    first: u64,
    /// Per message, how many calls stand before it.
    before: Vec<u64>,
    /// Whether recorded ids give way to numbers.
    replaces: bool,
}

impl CallIds {
    /// Numbers the calls of a conversation if one of them has no id.
    pub(crate) fn compute(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.before.clear();
        self.replaces = false;
        let mut calls = messages.iter().flat_map(Message::tool_calls);
        if calls.all(|call| call.id().is_some()) {
            return Ok(());
        }
        self.number_all(messages)
    }

    /// Numbers the calls of a conversation if one has no id, an empty one, or one that stands twice: for consumers that
    /// want each once.
    /// In the second case no recorded id is used.
    pub(crate) fn compute_unique(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.compute(messages)?;
        let calls = || messages.iter().flat_map(Message::tool_calls);
        let twice = |(index, call): (usize, &ToolCall<'_>)| {
            call.id()
                .is_some_and(|id| id.is_empty() || calls().take(index).any(|other| other.id() == Some(id)))
        };
        if calls().enumerate().any(twice) {
            self.replaces = true;
            self.number_all(messages)?;
        }
        Ok(())
    }

    /// Whether numbers take the place of recorded ids too.
    pub(crate) fn replaces_recorded(&self) -> bool {
        self.replaces
    }

    fn number_all(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.before.clear();
        let mut total = 0;
        for message in messages {
            self.before.push(total);
            total += message.tool_calls().len() as u64;
        }
        self.first = first_free(messages, total)?;
        Ok(())
    }

    /// The number of a call. Only calls of the conversation that was computed, and only if one had no id.
    pub(crate) fn number(&self, call: CallRef) -> u64 {
        let before = self.before.get(call.message).copied().unwrap_or_default();
        self.first + before + call.call as u64
    }
}

/// The number behind the largest that a recorded id holds, with room for `total` more.
fn first_free(messages: &[Message<'_>], total: u64) -> Result<u64, EncodeError> {
    let calls = messages.iter().flat_map(Message::tool_calls);
    let numbers = calls.filter_map(|call| call.id()?.body().strip_prefix("call_")?.parse::<u64>().ok());
    let first = match numbers.max() {
        None => Some(0),
        Some(largest) => largest.checked_add(1),
    };
    first
        .filter(|first| first.checked_add(total).is_some())
        .ok_or_else(|| {
            let text = "calls without an id need one, but the recorded ids leave no number free; give every call an id";
            EncodeError::new(EncodeErrorKind::Limit, text)
        })
}

#[cfg(test)]
mod tests {
    use tracemill_model::{Arguments, Role, Text, ToolCall};

    use super::*;

    #[test]
    fn ids_that_stand_twice_give_way_to_numbers() {
        let mut ids = CallIds::default();
        ids.compute_unique(&[message(&[Some("a"), Some("b")]), message(&[Some("c")])])
            .unwrap();
        assert!(!ids.replaces_recorded());
        let twice = [message(&[Some("a"), Some("call_4")]), message(&[Some("a")])];
        ids.compute_unique(&twice).unwrap();
        assert!(ids.replaces_recorded());
        let at = |message, call| ids.number(CallRef { message, call });
        assert_eq!([at(0, 0), at(0, 1), at(1, 0)], [5, 6, 7]);
    }

    fn message(ids: &[Option<&'static str>]) -> Message<'static> {
        let mut message = Message::new(Role::Assistant);
        for id in ids {
            let call = ToolCall::new(Text::new("f"), Arguments::Missing);
            message.push_tool_call(call.with_id(id.map(Text::new)));
        }
        message
    }

    fn numbers(messages: &[Message<'_>]) -> Result<Vec<u64>, EncodeError> {
        let mut ids = CallIds::default();
        ids.compute(messages)?;
        let calls = messages
            .iter()
            .enumerate()
            .flat_map(|(message, it)| (0..it.tool_calls().len()).map(move |call| CallRef { message, call }));
        Ok(calls.map(|call| ids.number(call)).collect())
    }

    #[test]
    fn numbers_start_behind_the_recorded_ones() {
        let plain = [message(&[None, None]), message(&[]), message(&[None])];
        assert_eq!(numbers(&plain).unwrap(), [0, 1, 2]);
        let mixed = [
            message(&[Some("call_7"), None]),
            message(&[Some("call_x"), Some("c")]),
            message(&[None]),
        ];
        assert_eq!(numbers(&mixed).unwrap(), [8, 9, 10, 11, 12]);
    }

    #[test]
    fn a_number_that_leaves_no_room_is_refused() {
        let full = [message(&[Some("call_18446744073709551615"), None])];
        assert_eq!(numbers(&full).unwrap_err().kind(), EncodeErrorKind::Limit);
        let nearly = [message(&[Some("call_18446744073709551613"), None, None])];
        assert_eq!(numbers(&nearly).unwrap_err().kind(), EncodeErrorKind::Limit);
    }
}
