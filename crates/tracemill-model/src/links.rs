//! Which result answers which call.

use std::collections::HashMap;

use crate::call::ToolCall;
use crate::message::{Message, Role};

/// Which tool message answers which call, matched by id *and order*.
///
/// Ids repeat inside one trace in real files and are sometimes missing, so a result answers the **earliest call with
/// its id that has no answer yet**; a result without an id, or with one that no call has, answers nothing unless it
/// has no id at all: then it answers the earliest open call (of its name, if it has one).
///
/// The buffers are meant to be used again: [`compute`](Links::compute) starts over.
///
/// ```
/// use tracemill_model::{CallRef, Links, Trace};
/// let trace = Trace::from_json(r#"{"messages":[
///     {"role":"assistant","content":null,"tool_calls":[{"id":"c","name":"f"},{"id":"c","name":"g"}]},
///     {"role":"tool","tool_call_id":"c","content":"1"},
///     {"role":"tool","tool_call_id":"c","content":"2"},
///     {"role":"tool","tool_call_id":"other","content":"3"}]}"#)?;
/// let mut links = Links::new();
/// links.compute(trace.messages());
/// assert_eq!(links.call_of(1), Some(CallRef { message: 0, call: 0 }));
/// assert_eq!(links.call_of(2), Some(CallRef { message: 0, call: 1 }));
/// assert_eq!(links.call_of(3), None);
/// assert!(links.unanswered().is_empty());
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Per message: the call it answers.
    answers: Vec<Option<CallRef>>,
    /// Calls without an answer, in order.
    open: Vec<CallRef>,
}

/// A call by the index of its message and its index in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallRef {
    /// The index of the assistant message.
    pub message: usize,
    /// The index of the call in it.
    pub call: usize,
}

impl Links {
    /// Links of an empty conversation.
    pub fn new() -> Self {
        Links::default()
    }

    /// Matches the calls and results of a conversation.
    pub fn compute(&mut self, messages: &[Message<'_>]) {
        self.answers.clear();
        self.open.clear();
        let calls: usize = messages.iter().map(|message| message.tool_calls().len()).sum();
        if calls <= FEW {
            self.compute_few(messages);
        } else {
            self.compute_many(messages);
        }
    }

    fn compute_few(&mut self, messages: &[Message<'_>]) {
        for (index, message) in messages.iter().enumerate() {
            let answered = if *message.role() == Role::Tool {
                self.take(messages, message)
            } else {
                None
            };
            self.answers.push(answered);
            self.open
                .extend((0..message.tool_calls().len()).map(|call| CallRef { message: index, call }));
        }
    }

    /// The call that the message at `index` answers; `None` if it is no result or answers none.
    pub fn call_of(&self, index: usize) -> Option<CallRef> {
        self.answers.get(index).copied().flatten()
    }

    /// The calls that no result answers, in order.
    pub fn unanswered(&self) -> &[CallRef] {
        &self.open
    }

    fn take(&mut self, messages: &[Message<'_>], result: &Message<'_>) -> Option<CallRef> {
        let at = self.open.iter().position(|open| {
            let call = &messages[open.message].tool_calls()[open.call];
            match result.tool_call_id() {
                Some(id) => call.id() == Some(id),
                None => result.name().is_none_or(|name| name == call.name()),
            }
        })?;
        Some(self.open.remove(at))
    }

    /// The same in time proportional to the conversation.
    fn compute_many(&mut self, messages: &[Message<'_>]) {
        let mut queues = Queues::default();
        for (index, message) in messages.iter().enumerate() {
            let answered = match message.role() {
                Role::Tool => queues.take(message),
                _ => None,
            };
            self.answers.push(answered);
            for (call, tool_call) in message.tool_calls().iter().enumerate() {
                queues.push(CallRef { message: index, call }, tool_call);
            }
        }
        let calls = queues.calls.into_iter().zip(queues.answered);
        self.open
            .extend(calls.filter_map(|(call, answered)| (!answered).then_some(call)));
    }
}

/// Up to so many calls, looking at every open one is faster than keeping queues, and needs no memory.
const FEW: usize = 64;

/// The calls of a conversation, in order, and where to look for the next open one.
#[derive(Default)]
struct Queues<'m> {
    calls: Vec<CallRef>,
    answered: Vec<bool>,
    all: Queue,
    by_id: HashMap<&'m str, Queue>,
    by_name: HashMap<&'m str, Queue>,
}

/// Ordinals of calls, and how many of them are known to be answered.
#[derive(Default)]
struct Queue {
    ordinals: Vec<usize>,
    head: usize,
}

impl<'m> Queues<'m> {
    fn push(&mut self, call: CallRef, tool_call: &'m ToolCall<'m>) {
        let ordinal = self.calls.len();
        self.calls.push(call);
        self.answered.push(false);
        self.all.ordinals.push(ordinal);
        let named = self.by_name.entry(tool_call.name().body()).or_default();
        named.ordinals.push(ordinal);
        if let Some(id) = tool_call.id() {
            self.by_id.entry(id.body()).or_default().ordinals.push(ordinal);
        }
    }

    fn take(&mut self, result: &Message<'_>) -> Option<CallRef> {
        let queue = match (result.tool_call_id(), result.name()) {
            (Some(id), _) => self.by_id.get_mut(id.body())?,
            (None, Some(name)) => self.by_name.get_mut(name.body())?,
            (None, None) => &mut self.all,
        };
        let ordinal = queue.next(&self.answered)?;
        self.answered[ordinal] = true;
        Some(self.calls[ordinal])
    }
}

impl Queue {
    /// The first call in the queue that is still open.
    fn next(&mut self, answered: &[bool]) -> Option<usize> {
        let open = |ordinal: &&usize| !answered[**ordinal];
        let skipped = self.ordinals[self.head..]
            .iter()
            .take_while(|ordinal| !open(ordinal));
        self.head += skipped.count();
        self.ordinals.get(self.head).copied()
    }
}
