//! What encoders of preference data have in common: the parts of an example, and what stands beside them.

use std::ops::Range;

use tracemill_model::{
    Example, JsonWriter, Labelled, Message, Preference, Ranked, Role, Side, Span, ToolCall, Trace,
};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses, Omission};
use crate::options::MetadataMode;
use crate::shared::{account, decimal};

/// Messages that become part of a record, and those before them, which their links reach into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'e> {
    span: Span<'e>,
    reach: usize,
}

impl<'e> Passage<'e> {
    /// The prompt of a completion. Where the completion follows it in the same trace, links reach to its end, so that
    /// a call is known to be unanswered.
    pub(crate) fn prompt(prompt: Span<'e>, completion: Span<'e>) -> Self {
        let same = std::ptr::eq(prompt.trace(), completion.trace());
        Passage {
            span: prompt,
            reach: if same {
                completion.end().max(prompt.end())
            } else {
                prompt.end()
            },
        }
    }

    /// A completion.
    pub(crate) fn completion(completion: Span<'e>) -> Self {
        Passage {
            span: completion,
            reach: completion.end(),
        }
    }

    /// All messages that matter, from the first of the trace.
    pub(crate) fn messages(&self) -> &'e [Message<'e>] {
        &self.span.trace().messages()[..self.reach]
    }

    /// Which of them become part of the record.
    pub(crate) fn range(&self) -> Range<usize> {
        self.span.start()..self.span.end()
    }

    /// The first message alone, for formats whose answers are one message; notes that there are more.
    pub(crate) fn first(mut self, losses: &mut Losses) -> Self {
        let first = self.span.start();
        if self.span.end() > first + 1 {
            losses.note(Loss::LongCompletion, first + 1);
        }
        self.span = Span::new(self.span.trace(), first..first + 1);
        self.reach = self.span.end();
        self
    }

    /// The first message with its index.
    pub(crate) fn head(&self) -> Option<(usize, &'e Message<'e>)> {
        let message = self.span.messages().first()?;
        Some((self.span.start(), message))
    }
}

/// The pair that an example is, if both sides can be learnt.
pub(crate) fn preference<'p, 'e>(example: &'p Example<'e>) -> Result<&'p Preference<'e>, EncodeError> {
    let Example::Preference(pair) = example else {
        return Err(wrong_shape("pairs", example));
    };
    check_prompt(pair.prompt)?;
    check_completion(pair.chosen.completion)?;
    check_completion(pair.rejected.completion).map_err(|error| error.of(REJECTED))?;
    Ok(pair)
}

/// The completion with a verdict that an example is, if it can be learnt.
pub(crate) fn labelled<'p, 'e>(example: &'p Example<'e>) -> Result<&'p Labelled<'e>, EncodeError> {
    let Example::Labelled(labelled) = example else {
        return Err(wrong_shape("labelled completions", example));
    };
    check_prompt(labelled.prompt)?;
    check_completion(labelled.completion.completion)?;
    Ok(labelled)
}

/// Checks a list of ranked completions.
pub(crate) fn check_ranked(ranked: &Ranked<'_>) -> Result<(), EncodeError> {
    check_prompt(ranked.prompt)?;
    if ranked.completions.len() < 2 {
        let text = "a ranking needs two completions";
        return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
    }
    let mut sides = ranked.completions.iter();
    sides.try_for_each(|side| check_completion(side.completion))
}

/// What the worse side is called in messages.
pub(crate) const REJECTED: &str = "rejected";

/// An error about an example of a shape that the format does not take.
#[cold]
pub(crate) fn wrong_shape(wanted: &str, found: &Example<'_>) -> EncodeError {
    let text = format!("this format takes {wanted}, not a {}", found.shape().name());
    EncodeError::new(EncodeErrorKind::Shape, text)
}

fn check_prompt(prompt: Span<'_>) -> Result<(), EncodeError> {
    if prompt.messages().is_empty() {
        let text = "the prompt holds no message";
        return Err(EncodeError::new(EncodeErrorKind::NoMessages, text));
    }
    Ok(())
}

/// A completion is what a model said, so its first message is an assistant turn.
fn check_completion(completion: Span<'_>) -> Result<(), EncodeError> {
    match completion.messages().first().map(Message::role) {
        Some(Role::Assistant) => Ok(()),
        Some(_) => {
            let text = "a completion begins with an assistant turn, and this one does not; choose another `--prompt`";
            Err(EncodeError::at(completion.start(), EncodeErrorKind::Order, text))
        }
        None => {
            let text = "a completion holds no message";
            Err(EncodeError::new(EncodeErrorKind::NoTarget, text))
        }
    }
}

/// Checks that a prompt is everything before its completion, for formats that write both as one conversation.
pub(crate) fn check_adjacent(prompt: Span<'_>, completion: Span<'_>) -> Result<(), EncodeError> {
    let same = std::ptr::eq(prompt.trace(), completion.trace());
    if !same || prompt.start() != 0 || prompt.end() != completion.start() {
        let text = "this format wants the prompt to be all that stands before the completion in its trace";
        return Err(EncodeError::new(EncodeErrorKind::Order, text));
    }
    Ok(())
}

/// Refuses a prompt of which nothing was written.
pub(crate) fn check_left(written: Range<usize>) -> Result<(), EncodeError> {
    if written.is_empty() {
        let text = "nothing is left of the prompt";
        return Err(EncodeError::new(EncodeErrorKind::NoMessages, text));
    }
    Ok(())
}

/// Refuses a pair whose sides were written as the same bytes.
pub(crate) fn check_distinct(
    w: &JsonWriter<'_>,
    chosen: Range<usize>,
    rejected: Range<usize>,
) -> Result<(), EncodeError> {
    if w.written(chosen) == w.written(rejected) {
        return Err(identical());
    }
    Ok(())
}

/// Refuses a pair whose answers are one message each that says and calls the same: ids do not count.
///
/// Only the first messages of completions that differ further on come here the same.
pub(crate) fn check_answers(
    pair: &Preference<'_>,
    chosen: Passage<'_>,
    rejected: Passage<'_>,
) -> Result<(), EncodeError> {
    let is_cut = |side: &Side<'_>| side.completion.messages().len() > 1;
    if !is_cut(&pair.chosen) && !is_cut(&pair.rejected) {
        return Ok(());
    }
    let (Some((_, a)), Some((_, b))) = (chosen.head(), rejected.head()) else {
        return Ok(());
    };
    let same_call =
        |(a, b): (&ToolCall<'_>, &ToolCall<'_>)| a.name() == b.name() && a.arguments() == b.arguments();
    let same_calls = a.tool_calls().len() == b.tool_calls().len()
        && a.tool_calls().iter().zip(b.tool_calls()).all(same_call);
    if same_calls && a.content() == b.content() {
        return Err(identical());
    }
    Ok(())
}

#[cold]
fn identical() -> EncodeError {
    let text = "both completions come out the same in this format, and teach nothing";
    EncodeError::new(EncodeErrorKind::Identical, text)
}

/// Notes what of the two traces of a pair is no training content and is left out.
pub(crate) fn account(pair: &Preference<'_>, metadata: MetadataMode, carried: &[&str], losses: &mut Losses) {
    let (chosen, rejected) = (pair.chosen.completion.trace(), pair.rejected.completion.trace());
    account_for(chosen, metadata, carried, losses);
    if !std::ptr::eq(chosen, rejected) {
        account_for(rejected, metadata, carried, losses);
    }
}

/// Notes what of one trace is no training content and is left out.
pub(crate) fn account_for(trace: &Trace<'_>, metadata: MetadataMode, carried: &[&str], losses: &mut Losses) {
    if metadata == MetadataMode::Omit {
        account::trace(trace, metadata, carried, losses);
        return;
    }
    let others = trace
        .extra()
        .iter()
        .any(|(key, _)| !carried.contains(&key.body()));
    let left_out = [
        // Only the score that decided goes along.
        (trace.scores().len() > 1, Omission::Scores),
        (trace.outcome().is_some(), Omission::Outcome),
        (others, Omission::Fields),
    ];
    for (_, omission) in left_out.into_iter().filter(|(is, _)| *is) {
        losses.omit(omission);
    }
}

/// By how much the chosen side is better, in decimals; `None` if a score is missing.
pub(crate) fn score_difference(chosen: &Side<'_>, rejected: &Side<'_>) -> Option<f64> {
    Some(decimal::difference(chosen.score?, rejected.score?))
}

/// Writes `"metadata":{"group","score_diff","chosen":{…},"rejected":{…}}`, each if it is known; a side is
/// `{"id","trial","score","model","metadata"}`.
pub(crate) fn metadata(pair: &Preference<'_>, w: &mut JsonWriter<'_>) {
    w.key("metadata").begin_object();
    group(pair.chosen.completion.trace(), w);
    if let Some(difference) = score_difference(&pair.chosen, &pair.rejected) {
        w.key("score_diff").float(difference);
    }
    for (key, side) in [("chosen", &pair.chosen), ("rejected", &pair.rejected)] {
        w.key(key).begin_object();
        side_members(side, w);
        w.end_object();
    }
    w.end_object();
}

/// Writes `"metadata":{"group","id","trial","score","model","metadata"}`, each if it is known.
pub(crate) fn side_metadata(side: &Side<'_>, w: &mut JsonWriter<'_>) {
    w.key("metadata").begin_object();
    group(side.completion.trace(), w);
    side_members(side, w);
    w.end_object();
}

/// Writes the member `group`: the key of the group.
pub(crate) fn group(trace: &Trace<'_>, w: &mut JsonWriter<'_>) {
    if let Some(group) = trace.group() {
        w.key("group").raw(group.key().as_json());
    }
}

/// Writes what is known of one side: `"id","trial","score","model","metadata"`.
pub(crate) fn side_members(side: &Side<'_>, w: &mut JsonWriter<'_>) {
    let trace = side.completion.trace();
    if let Some(id) = trace.id() {
        w.key("id").raw(id.as_json());
    }
    if let Some(trial) = trace.trial() {
        w.key("trial").number(trial);
    }
    if let Some(score) = side.score {
        w.key("score").float(score);
    }
    if let Some(model) = trace.model() {
        w.key("model").text(model);
    }
    if let Some(metadata) = trace.metadata() {
        w.key("metadata").raw(metadata);
    }
}
