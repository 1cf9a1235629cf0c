//! How the calls and results of a conversation hang together.

use std::ops::Range;

use tracemill_model::{CallRef, Links, Message, Role, ToolCall};

use crate::loss::{Loss, Losses};

/// The messages of a conversation with the links between its calls and results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread<'t> {
    messages: &'t [Message<'t>],
    links: &'t Links,
    last_assistant: Option<usize>,
}

impl<'t> Thread<'t> {
    /// The thread of `messages`, of which `links` were computed.
    pub(crate) fn new(messages: &'t [Message<'t>], links: &'t Links) -> Self {
        let is_assistant = |message: &Message<'_>| *message.role() == Role::Assistant;
        Thread {
            messages,
            links,
            last_assistant: messages.iter().rposition(is_assistant),
        }
    }

    /// The thread of `messages`, whose links are computed into `links`.
    pub(crate) fn linked(messages: &'t [Message<'t>], links: &'t mut Links) -> Self {
        links.compute(messages);
        Thread::new(messages, links)
    }

    /// The index of the last assistant message.
    pub(crate) fn last_assistant(&self) -> Option<usize> {
        self.last_assistant
    }

    /// The call of the assistant that the result at `index` answers.
    pub(crate) fn answered(&self, index: usize) -> Option<CallRef> {
        let call = self.links.call_of(index)?;
        (*self.messages[call.message].role() == Role::Assistant).then_some(call)
    }

    /// A call.
    pub(crate) fn call(&self, call: CallRef) -> &'t ToolCall<'t> {
        &self.messages[call.message].tool_calls()[call.call]
    }

    /// Whether nothing answers a call although the conversation went on. Calls of the last assistant message are
    /// never dangling: a conversation may end with them.
    pub(crate) fn is_dangling(&self, call: CallRef) -> bool {
        let open = self.links.unanswered();
        !open.is_empty() && Some(call.message) != self.last_assistant && open.contains(&call)
    }

    /// Notes the calls of the message at `index` that are left out because nothing answers them.
    pub(crate) fn note_dangling(&self, index: usize, losses: &mut Losses) {
        for call in 0..self.messages[index].tool_calls().len() {
            if self.is_dangling(CallRef { message: index, call }) {
                losses.note(Loss::UnansweredCall, index);
            }
        }
    }

    /// Whether nothing is left of the message at `index` without its dangling calls.
    pub(crate) fn is_spent(&self, index: usize) -> bool {
        let message = &self.messages[index];
        !message.tool_calls().is_empty()
            && message.content().is_empty()
            && self.kept_calls(index).next().is_none()
    }

    /// Whether the message at `index` has several calls that are not dangling.
    pub(crate) fn has_several_calls(&self, index: usize) -> bool {
        self.kept_calls(index).nth(1).is_some()
    }

    /// The result, among the messages of `range`, that answers a call.
    pub(crate) fn result_of(&self, call: CallRef, mut range: Range<usize>) -> Option<usize> {
        range.find(|&result| self.answered(result) == Some(call))
    }

    /// The calls of the message at `index` that are not dangling.
    pub(crate) fn kept_calls(&self, index: usize) -> impl Iterator<Item = CallRef> + use<'t> {
        let thread = *self;
        let calls = 0..self.messages[index].tool_calls().len();
        calls
            .map(move |call| CallRef { message: index, call })
            .filter(move |call| !thread.is_dangling(*call))
    }
}
