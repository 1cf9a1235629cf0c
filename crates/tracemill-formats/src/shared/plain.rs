//! Messages of which a consumer keeps the role and the text alone.

use tracemill_model::{JsonWriter, Links, Message, Preference, Role};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::shared::account::{self, Carried};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::{self, Placement};
use crate::shared::text;
use crate::shared::thread::Thread;

/// Writes a passage as a list of `{"role","content"}`. Calls are lost, and with them turns that say nothing else;
/// results stay.
pub(crate) fn list(
    passage: Passage<'_>,
    placement: Placement,
    links: &mut Links,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let messages = passage.messages();
    links.compute(messages);
    let thread = Thread::new(messages, links);
    w.begin_array();
    let start = w.position();
    for index in passage.range() {
        let message = &messages[index];
        if *message.role() == Role::Assistant && is_call_alone(message) {
            note_assistant(message, index, losses);
            account::reasoning(message, index, placement, losses);
            text::note_parts(message.content(), index, losses);
            continue;
        }
        w.begin_object();
        w.key("role").str(role(message, index, losses));
        w.key("content");
        match message.role() {
            Role::Assistant => said(message, index, placement, losses, w)?,
            _ => heard(message, index, placement, &thread, losses, w),
        }
        w.end_object();
    }
    pair::check_left(start..w.position())?;
    w.end_array();
    Ok(())
}

/// Writes what an assistant turn says as one string.
pub(crate) fn said(
    message: &Message<'_>,
    index: usize,
    placement: Placement,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    note_assistant(message, index, losses);
    let thoughts = placement.words(message, index, losses)?;
    let mut s = w.begin_string();
    if let Some(thoughts) = thoughts {
        reasoning::think(thoughts, &mut s);
    }
    text::append(message.content(), index, &mut s, losses);
    s.end();
    Ok(())
}

/// Writes what an answer says as one string; refuses one of which nothing is left.
pub(crate) fn answer(
    passage: Passage<'_>,
    placement: Placement,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let Some((index, message)) = passage.first(losses).head() else {
        return Ok(());
    };
    check_says(message, index)?;
    if !message.is_target() {
        losses.note(Loss::TrainFlags, index);
    }
    said(message, index, placement, losses, w)
}

/// Writes the answers of a pair under two keys, as strings.
pub(crate) fn answers(
    pair: &Preference<'_>,
    [chosen_key, rejected_key]: [&'static str; 2],
    placement: Placement,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let mut side = |key, span, w: &mut JsonWriter<'_>| {
        w.key(key);
        let start = w.position();
        answer(Passage::completion(span), placement, losses, w).map(|()| start..w.position())
    };
    let chosen = side(chosen_key, pair.chosen.completion, w)?;
    let rejected = side(rejected_key, pair.rejected.completion, w).map_err(|error| error.of(REJECTED))?;
    pair::check_distinct(w, chosen, rejected)
}

/// Refuses an answer that says nothing once its calls are left out.
pub(crate) fn check_says(message: &Message<'_>, index: usize) -> Result<(), EncodeError> {
    if text::is_empty(message.content()) {
        let text = "the answer holds no text, without which nothing of it is left in this format";
        return Err(EncodeError::at(index, EncodeErrorKind::NoTarget, text));
    }
    Ok(())
}

/// Writes the text of a prompt that is one user message.
///
/// # Errors
/// If the prompt is anything else; `remedy` says what to do then.
pub(crate) fn lone_prompt(
    passage: Passage<'_>,
    placement: Placement,
    remedy: &str,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let range = passage.range();
    match passage.head() {
        Some((index, message)) if range.len() == 1 && *message.role() == Role::User => {
            account::fields(message, index, Carried::default(), losses);
            account::name(message, index, None, losses);
            account::not_assistant(message, index, placement, losses);
            let mut s = w.begin_string();
            text::append(message.content(), index, &mut s, losses);
            s.end();
            Ok(())
        }
        _ => {
            let text = format!("a prompt as text is one user message, and this is something else; {remedy}");
            Err(EncodeError::at(range.start, EncodeErrorKind::Content, text))
        }
    }
}

/// Writes what the last message of a prompt says as one string.
pub(crate) fn last(
    passage: Passage<'_>,
    placement: Placement,
    links: &mut Links,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let messages = passage.messages();
    links.compute(messages);
    let thread = Thread::new(messages, links);
    if let Some((index, message)) = messages.iter().enumerate().nth(passage.range().end - 1) {
        role(message, index, losses);
        heard(message, index, placement, &thread, losses, w);
    }
}

/// Whether a turn calls and says nothing.
pub(crate) fn is_call_alone(message: &Message<'_>) -> bool {
    !message.tool_calls().is_empty() && text::is_empty(message.content())
}

/// Notes what an assistant turn loses beside its text.
pub(crate) fn note_assistant(message: &Message<'_>, index: usize, losses: &mut Losses) {
    account::fields(message, index, Carried::default(), losses);
    account::name(message, index, None, losses);
    for _ in message.tool_calls() {
        losses.note(Loss::ToolCalls, index);
    }
}

/// Writes what a message of another than the assistant says.
fn heard(
    message: &Message<'_>,
    index: usize,
    placement: Placement,
    thread: &Thread<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    note_other(message, index, placement, thread, losses);
    let mut s = w.begin_string();
    text::append(message.content(), index, &mut s, losses);
    s.end();
}

/// Notes what a message of another than the assistant loses beside its text.
pub(crate) fn note_other(
    message: &Message<'_>,
    index: usize,
    placement: Placement,
    thread: &Thread<'_>,
    losses: &mut Losses,
) {
    account::fields(message, index, Carried::default(), losses);
    account::not_assistant(message, index, placement, losses);
    account::error_mark(message, index, losses);
    let call = thread.answered(index).map(|call| thread.call(call));
    account::name(message, index, call, losses);
}

/// The role under which a message is written.
pub(crate) fn role(message: &Message<'_>, index: usize, losses: &mut Losses) -> &'static str {
    match message.role() {
        Role::System => "system",
        Role::Developer => {
            losses.note(Loss::DeveloperRole, index);
            "system"
        }
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        _ => {
            losses.note(Loss::OtherRole, index);
            "user"
        }
    }
}
