//! Model calls, whatever conventions their spans follow: which of them hold whole conversations, and the traces of those.

use std::collections::{BTreeMap, BTreeSet};

use tracemill_model::{
    DecodeError, DecodeErrorKind, JsonView, JsonWriter, Key, Limits, Message, Outcome, RawJson, Role, Text,
    Tool, Trace,
};

use super::{Span, Tree};
use crate::parts::prompt_group;
use crate::record::raw;
use crate::registry::{Note, Skip};
use crate::source::Batch;

pub(crate) const NO_CONTENT: &str = "no-content";
pub(crate) const NO_ANSWER: &str = "no-answer";
pub(crate) const OTHER_SPANS: &str = "other-spans";
pub(crate) const EARLIER_CALLS: &str = "earlier-calls";
pub(crate) const REPEATED_SPANS: &str = "repeated-spans";
pub(crate) const WRAPPERS: &str = "wrappers";

/// What sources of spans say of these in their descriptions.
pub(crate) const UNANSWERED_SKIP: Skip = Skip::new(
    NO_ANSWER,
    "no model call was answered, so there is nothing to learn",
);
pub(crate) const EARLIER_CALLS_NOTE: Note = Note::new(
    EARLIER_CALLS,
    "model calls whose conversation a later call continues",
);
pub(crate) const UNANSWERED_NOTE: Note = Note::new(
    NO_ANSWER,
    "model calls without an answer, beside others that have one",
);
pub(crate) const WRAPPERS_NOTE: Note = Note::new(
    WRAPPERS,
    "model calls that hand on the answer of a call inside of them",
);

/// The words of some conventions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Whether a span is that of an agent.
    pub(crate) is_agent: fn(&Span<'_>) -> bool,
    /// The attribute with its name.
    pub(crate) agent_name: &'static str,
    /// The field of the trace under which the rest of a span is kept.
    pub(crate) kept: &'static str,
    /// Writes the rest of a span as one object: what is not in the conversation.
    pub(crate) keep: fn(&Span<'_>, &mut JsonWriter<'_>),
}

/// Writes the attributes of a span but those that hold what is in the conversation.
pub(crate) fn attributes_but(span: &Span<'_>, is_content: fn(&str) -> bool, w: &mut JsonWriter<'_>) {
    w.begin_object();
    for (key, value) in span.attributes().into_iter().flat_map(JsonView::members) {
        if !is_content(key.body()) {
            w.text_key(&key).raw(value);
        }
    }
    w.end_object();
}

/// One model call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its span; none if only a log tells of it.
    pub(crate) at: Option<usize>,
    /// Its log, if it has no span.
    pub(crate) log: usize,
    /// The span of the agent that made it, if there is one.
    pub(crate) agent: Option<usize>,
    pub(crate) input: Vec<Message<'static>>,
    pub(crate) output: Vec<Answer>,
    pub(crate) tools: Option<Vec<Tool<'static>>>,
    pub(crate) model: Option<Text<'static>>,
    pub(crate) response: Option<String>,
}

/// One candidate.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) message: Message<'static>,
    pub(crate) outcome: Option<Outcome>,
}

impl Call {
    /// The span, or the log in its place.
    pub(crate) fn span<'t, 'a>(&self, tree: &'t Tree<'a>) -> &'t Span<'a> {
        match self.at {
            Some(at) => &tree.spans()[at],
            None => &tree.logs()[self.log],
        }
    }

    /// Whether this call goes on where `other` ended.
    fn continues(&self, other: &Call) -> bool {
        let next = self.input.get(other.input.len());
        self.agent == other.agent
            && next.is_some_and(|next| *next.role() == Role::Assistant)
            && self.input.starts_with(&other.input)
    }
}

/// What the calls of one trace make.
#[derive(Debug)]
pub(crate) struct Made {
    /// The calls that were answered.
    pub(crate) calls: Vec<Call>,
    /// Of each the call that holds its whole conversation.
    pub(crate) heads: Vec<usize>,
    /// The traces, each with its call.
    pub(crate) traces: Vec<(usize, Trace<'static>)>,
    /// The call whose conversation is that of the whole, and has its name.
    pub(crate) main: Option<usize>,
}

impl Made {
    /// The traces of a call.
    pub(crate) fn of_call(&mut self, call: usize) -> impl Iterator<Item = &mut Trace<'static>> {
        let traces = self.traces.iter_mut().filter(move |(at, _)| *at == call);
        traces.map(|(_, trace)| trace)
    }

    /// The call that what is said of a span is about: the conversation it belongs to, or the last one inside of it.
    pub(crate) fn judged(&self, tree: &Tree<'_>, span: &str) -> Option<usize> {
        let at = tree.position(span)?;
        let is_it = |call: &Call| call.at == Some(at);
        let inside = |call: &Call| call.at.is_some_and(|call| tree.is_inside(call, at));
        let found = self.calls.iter().position(is_it);
        let found = found.or_else(|| self.calls.iter().rposition(inside))?;
        Some(self.heads[found])
    }
}

/// Drops calls that give the answer of a call inside of them: a frame that hands on what it got. The number of those.
pub(crate) fn drop_wrappers(tree: &Tree<'_>, calls: &mut Vec<Call>) -> u64 {
    let by_span: BTreeMap<usize, usize> = calls
        .iter()
        .enumerate()
        .filter_map(|(index, call)| Some((call.at?, index)))
        .collect();
    let same = |outer: &Call, inner: &Call| {
        let said = |call: &Call| call.output.len();
        said(outer) > 0
            && said(outer) == said(inner)
            && (outer.output.iter().zip(&inner.output)).all(|(outer, inner)| outer.message == inner.message)
    };
    let mut wrappers = BTreeSet::new();
    for inner in calls.iter() {
        let parent = inner.at.and_then(|at| tree.spans()[at].parent.as_deref());
        let Some(above) = parent.and_then(|id| tree.position(id)) else {
            continue;
        };
        let wraps = |span: &Span<'_>| {
            let outer = tree.position(&span.id).and_then(|at| by_span.get(&at));
            outer.is_some_and(|outer| calls[*outer].at != inner.at && same(&calls[*outer], inner))
        };
        wrappers.extend(tree.above(above, wraps));
    }
    calls.retain(|call| call.at.is_none_or(|at| !wrappers.contains(&at)));
    wrappers.len() as u64
}

/// Makes the traces of all calls, counting what makes none; nothing if there is none, and the batch says why.
pub(crate) fn make_traces(
    tree: &Tree<'_>,
    terms: &Terms,
    mut calls: Vec<Call>,
    limits: Limits,
    batch: &mut Batch<'_>,
) -> Result<Option<Made>, DecodeError> {
    batch.note(REPEATED_SPANS, tree.repeated);
    if calls.iter().any(|call| call.input.len() > limits.messages()) {
        let message = format!("more than {} messages in one trace", limits.messages());
        return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
    }
    if calls.is_empty() {
        batch.skip(NO_CONTENT);
        return Ok(None);
    }
    let speaking: BTreeSet<_> = calls.iter().filter_map(|call| call.at).collect();
    batch.note(OTHER_SPANS, (tree.spans().len() - speaking.len()) as u64);
    let all = calls.len();
    calls.retain(|call| !call.output.is_empty());
    if calls.is_empty() {
        batch.skip(NO_ANSWER);
        return Ok(None);
    }
    batch.note(NO_ANSWER, (all - calls.len()) as u64);
    let heads = heads(&calls);
    let earlier = heads.iter().enumerate().filter(|(at, head)| at != *head).count();
    batch.note(EARLIER_CALLS, earlier as u64);
    let main = main_call(tree, terms, &calls, &heads);
    let traces = make(tree, terms, &calls, &heads, main, limits)?;
    Ok(Some(Made {
        calls,
        heads,
        traces,
        main,
    }))
}

/// The nearest agent above, or the span itself if it is one.
pub(crate) fn agent_of(tree: &Tree<'_>, at: usize, is_agent: fn(&Span<'_>) -> bool) -> Option<usize> {
    tree.above(at, is_agent)
}

/// Of each call the last that goes on where it, or one that goes on where it ended, ended.
fn heads(calls: &[Call]) -> Vec<usize> {
    let mut heads: Vec<usize> = (0..calls.len()).collect();
    for at in (0..calls.len()).rev() {
        let next = (at + 1..calls.len()).find(|&later| calls[later].continues(&calls[at]));
        if let Some(next) = next {
            heads[at] = heads[next];
        }
    }
    heads
}

/// The call that has the name of the whole: of those of the outermost agents the one that ended last.
fn main_call(tree: &Tree<'_>, terms: &Terms, calls: &[Call], heads: &[usize]) -> Option<usize> {
    let depth = |call: &Call| {
        let parent = |agent: &usize| parent_agent(tree, *agent, terms.is_agent);
        // A chain is no longer than there are spans, unless it is a ring.
        std::iter::successors(call.agent, parent)
            .take(tree.spans().len())
            .count()
    };
    let last = (0..calls.len()).filter(|&at| heads[at] == at);
    last.min_by_key(|&at| (depth(&calls[at]), std::cmp::Reverse(at)))
}

/// The traces of the calls that no other continues, each with the index of its call.
fn make(
    tree: &Tree<'_>,
    terms: &Terms,
    calls: &[Call],
    heads: &[usize],
    main: Option<usize>,
    limits: Limits,
) -> Result<Vec<(usize, Trace<'static>)>, DecodeError> {
    let mut made = Vec::new();
    for (at, call) in calls.iter().enumerate().filter(|(at, _)| heads[*at] == *at) {
        let own = call.span(tree);
        let id = if Some(at) == main {
            own.trace.clone()
        } else {
            format!("{}/{}", own.trace, own.id)
        };
        let several = call.output.len() > 1;
        for (index, answer) in call.output.iter().enumerate() {
            let mut trace = Trace::new();
            trace.messages_mut().extend(call.input.iter().cloned());
            trace.set_tools(call.tools.clone());
            let key = if several {
                format!("{id}/{index}")
            } else {
                id.clone()
            };
            trace.set_id(Key::new(Text::new(key).into()));
            if several {
                trace.set_group(prompt_group(&call.input, call.tools.as_deref()));
                trace.set_trial(index as u64);
            }
            trace.push_message(answer.message.clone());
            let failed = own.failed || own.attribute("error.type").is_some();
            trace.set_outcome(if failed {
                Some(Outcome::Errored)
            } else {
                answer.outcome
            });
            trace.set_model(call.model.clone());
            describe(tree, terms, call, &mut trace, limits)?;
            made.push((at, trace));
        }
    }
    Ok(made)
}

/// What the trace keeps of its span beside the conversation.
fn describe(
    tree: &Tree<'_>,
    terms: &Terms,
    call: &Call,
    trace: &mut Trace<'static>,
    limits: Limits,
) -> Result<(), DecodeError> {
    let own = call.span(tree);
    let text = |text: &str| RawJson::from(Text::new(text.to_owned()));
    let extra = trace.extra_mut();
    let mut put = |key: &'static str, value: RawJson<'static>| extra.insert(Text::from(key), value);
    put("trace_id", text(&own.trace));
    if !own.id.is_empty() {
        put("span_id", text(&own.id));
    }
    let agent = call.agent.map(|at| &tree.spans()[at]);
    if let Some(name) = agent.and_then(|span| span.text(terms.agent_name)) {
        put("agent", text(&name));
    }
    if let Some(parent) = call
        .agent
        .and_then(|agent| parent_agent(tree, agent, terms.is_agent))
    {
        let parent = &tree.spans()[parent];
        put(
            "parent",
            raw(limits, |w| {
                w.begin_object();
                w.key("trace_id").str(&parent.trace);
                w.key("span_id").str(&parent.id);
                w.end_object();
            })?,
        );
    }
    put(terms.kept, raw(limits, |w| (terms.keep)(own, w))?);
    if let Some(resource) = own.resource() {
        put("resource", resource.into_owned());
    }
    Ok(())
}

/// The agent that called this one.
pub(crate) fn parent_agent(tree: &Tree<'_>, agent: usize, is_agent: fn(&Span<'_>) -> bool) -> Option<usize> {
    let above = tree.position(tree.spans()[agent].parent.as_deref()?)?;
    tree.above(above, is_agent)
}
