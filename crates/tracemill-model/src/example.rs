//! What an encoder takes: one or more traces, by reference, and which of their messages.

use std::ops::Range;

use crate::message::{Message, Role};
use crate::trace::Trace;

/// What an encoder turns into one record. Holds references and ranges: no message is cloned to make one.
///
/// ```
/// use tracemill_model::{Example, Preference, Shape, Side, Span, Trace};
/// let better = Trace::from_json(
///     r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]}"#,
/// )?;
/// let worse = Trace::from_json(
///     r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"5"}]}"#,
/// )?;
/// let example = Example::Preference(Preference {
///     prompt: Span::new(&better, 0..1),
///     chosen: Side { completion: Span::new(&better, 1..2), score: Some(1.0) },
///     rejected: Side { completion: Span::new(&worse, 1..2), score: Some(0.0) },
/// });
/// assert_eq!(example.shape(), Shape::Preference);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Example<'e> {
    /// A conversation, some of whose assistant turns are to be learnt.
    Conversation(Conversation<'e>),
    /// A prompt with a better and a worse completion.
    Preference(Preference<'e>),
    /// A prompt with a completion that is good or bad.
    Labelled(Labelled<'e>),
    /// A prompt with completions from best to worst.
    Ranked(Ranked<'e>),
    /// A prompt alone.
    Prompt(Span<'e>),
}

/// The kind of an [`Example`], which a format declares to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Shape {
    /// [`Example::Conversation`]
    Conversation,
    /// [`Example::Preference`]
    Preference,
    /// [`Example::Labelled`]
    Labelled,
    /// [`Example::Ranked`]
    Ranked,
    /// [`Example::Prompt`]
    Prompt,
}

impl Shape {
    /// The name in tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Conversation => "conversation",
            Shape::Preference => "preference",
            Shape::Labelled => "labelled",
            Shape::Ranked => "ranked",
            Shape::Prompt => "prompt",
        }
    }
}

impl Example<'_> {
    /// The kind of the example.
    pub fn shape(&self) -> Shape {
        match self {
            Example::Conversation(_) => Shape::Conversation,
            Example::Preference(_) => Shape::Preference,
            Example::Labelled(_) => Shape::Labelled,
            Example::Ranked(_) => Shape::Ranked,
            Example::Prompt(_) => Shape::Prompt,
        }
    }
}

/// Consecutive messages of one trace.
#[derive(Clone, Copy, Debug)]
pub struct Span<'e> {
    trace: &'e Trace<'e>,
    start: usize,
    end: usize,
}

impl<'e> Span<'e> {
    /// The messages `range` of `trace`; what lies beyond the last message is cut off.
    pub fn new(trace: &'e Trace<'e>, range: Range<usize>) -> Self {
        let end = range.end.min(trace.messages().len());
        Span {
            trace,
            start: range.start.min(end),
            end,
        }
    }

    /// The trace.
    pub fn trace(&self) -> &'e Trace<'e> {
        self.trace
    }

    /// The messages.
    pub fn messages(&self) -> &'e [Message<'e>] {
        &self.trace.messages()[self.start..self.end]
    }

    /// The index of the first message in its trace.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The index behind the last message in its trace.
    pub fn end(&self) -> usize {
        self.end
    }
}

/// The beginning of a trace, up to some message, and which of its assistant turns are to be learnt.
///
/// ```
/// use tracemill_model::{Conversation, Trace};
/// let trace = Trace::from_json(r#"{"messages":[
///     {"role":"user","content":"a"},{"role":"assistant","content":"b","train":false},
///     {"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#)?;
/// let targets = |c: Conversation| (0..4).filter(|&index| c.is_target(index)).collect::<Vec<_>>();
/// assert_eq!(targets(Conversation::whole(&trace)), [3]);
/// assert_eq!(targets(Conversation::turn(&trace, 3)), [3]);
/// assert_eq!(targets(Conversation::turn(&trace, 1)), []);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'e> {
    span: Span<'e>,
    target: Target,
}

/// Which assistant turns of a conversation are to be learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// All that the trace does not mark otherwise.
    All,
    /// The last message alone.
    Last,
}

impl<'e> Conversation<'e> {
    /// The whole trace.
    pub fn whole(trace: &'e Trace<'e>) -> Self {
        Conversation {
            span: Span::new(trace, 0..trace.messages().len()),
            target: Target::All,
        }
    }

    /// The trace up to and including the assistant turn at `index`, of which only that turn is to be learnt.
    pub fn turn(trace: &'e Trace<'e>, index: usize) -> Self {
        Conversation {
            span: Span::new(trace, 0..index.saturating_add(1)),
            target: Target::Last,
        }
    }

    /// The trace.
    pub fn trace(&self) -> &'e Trace<'e> {
        self.span.trace
    }

    /// The messages.
    pub fn messages(&self) -> &'e [Message<'e>] {
        self.span.messages()
    }

    /// Which turns are to be learnt.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Whether the message at `index` is to be learnt.
    pub fn is_target(&self, index: usize) -> bool {
        let messages = self.messages();
        let last = index + 1 == messages.len();
        messages.get(index).is_some_and(Message::is_target) && (self.target == Target::All || last)
    }

    /// Appends the canonical form of the trace as this conversation sees it: its messages alone, and `train` false on
    /// the assistant turns that are not to be learnt.
    ///
    /// ```
    /// use tracemill_model::{Conversation, Trace};
    /// let trace = Trace::from_json(r#"{"id":1,"messages":[{"role":"user","content":"a"},
    ///     {"role":"assistant","content":"b"},{"role":"assistant","content":"c"},{"role":"user","content":"d"}]}"#)?;
    /// let mut out = Vec::new();
    /// Conversation::turn(&trace, 2).write_json(&mut out);
    /// assert_eq!(out, br#"{"id":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","train":false},{"role":"assistant","content":"c"}]}"#);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let messages = self.messages().iter().enumerate();
        let marked = messages.map(|(index, message)| (message, self.mark(index, message)));
        self.trace().write_with(marked, out);
    }

    fn mark(&self, index: usize, message: &Message<'_>) -> Option<bool> {
        if *message.role() == Role::Assistant && !self.is_target(index) {
            Some(false)
        } else {
            message.train()
        }
    }
}

/// How many examples one trace makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turns {
    /// One, with every turn.
    #[default]
    Whole,
    /// One for each assistant turn that is to be learnt: what came before, and that turn.
    Each,
    /// One, up to the last assistant turn that is to be learnt, which alone is learnt.
    Last,
}

impl Turns {
    /// The examples that `trace` makes.
    ///
    /// ```
    /// use tracemill_model::{Trace, Turns};
    /// let trace = Trace::from_json(r#"{"messages":[
    ///     {"role":"user","content":"a"},{"role":"assistant","content":"b"},
    ///     {"role":"user","content":"c"},{"role":"assistant","content":"d"},{"role":"user","content":"bye"}]}"#)?;
    /// let lengths = |turns: Turns| turns.of(&trace).map(|c| c.messages().len()).collect::<Vec<_>>();
    /// assert_eq!(lengths(Turns::Whole), [5]);
    /// assert_eq!(lengths(Turns::Each), [2, 4]);
    /// assert_eq!(lengths(Turns::Last), [4]);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn of<'e>(self, trace: &'e Trace<'e>) -> impl Iterator<Item = Conversation<'e>> {
        let messages = trace.messages();
        let targets = move |from: usize| (from..messages.len()).filter(|&index| messages[index].is_target());
        let last = if self == Turns::Last {
            targets(0).next_back()
        } else {
            None
        };
        let from = match self {
            Turns::Whole => messages.len(),
            Turns::Each => 0,
            Turns::Last => last.unwrap_or(messages.len()),
        };
        let whole = (self == Turns::Whole).then(|| Conversation::whole(trace));
        whole
            .into_iter()
            .chain(targets(from).map(move |index| Conversation::turn(trace, index)))
    }
}

/// A prompt with a better and a worse completion.
#[derive(Clone, Debug)]
pub struct Preference<'e> {
    /// What both completions answer.
    pub prompt: Span<'e>,
    /// The strictly better completion.
    pub chosen: Side<'e>,
    /// The worse completion.
    pub rejected: Side<'e>,
}

/// One completion of a prompt, and its judgement.
#[derive(Clone, Copy, Debug)]
pub struct Side<'e> {
    /// The messages of the completion.
    pub completion: Span<'e>,
    /// The score it was chosen by, if there is one.
    pub score: Option<f64>,
}

/// A prompt with a completion that is good or bad.
#[derive(Clone, Debug)]
pub struct Labelled<'e> {
    /// What the completion answers.
    pub prompt: Span<'e>,
    /// The completion.
    pub completion: Side<'e>,
    /// Whether it is good.
    pub label: bool,
}

/// A prompt with completions from best to worst.
#[derive(Clone, Debug)]
pub struct Ranked<'e> {
    /// What the completions answer.
    pub prompt: Span<'e>,
    /// The completions, best first.
    pub completions: Vec<Side<'e>>,
}

/// The index of the first assistant turn, which ends the prompt of a whole completion.
pub fn first_assistant(messages: &[Message<'_>]) -> Option<usize> {
    messages
        .iter()
        .position(|message| *message.role() == Role::Assistant)
}
