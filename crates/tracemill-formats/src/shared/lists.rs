//! Passages as lists of messages in the dialect of Hugging Face templates.

use tracemill_model::{JsonWriter, Message, Preference, Role};

use crate::encoder::{EncodeError, EncodeErrorKind, Scratch};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::Placement;
use crate::shared::templates::{STYLE, Turns};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;

/// Whether a passage is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Prompt,
    Completion,
}

/// Writes the prompt of a pair as a list of messages.
pub(crate) fn prompt(
    passage: Passage<'_>,
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    w.begin_array();
    let start = w.position();
    elements(passage, Part::Prompt, reasoning, scratch, w)?;
    pair::check_left(start..w.position())?;
    w.end_array();
    Ok(())
}

/// Checks that a prompt ends where a model can go on: TRL raises behind a system message.
pub(crate) fn check_asked(prompt: &[Message<'_>]) -> Result<(), EncodeError> {
    match prompt.last().map(Message::role) {
        Some(Role::System | Role::Developer) => {
            let text =
                "the prompt ends with a system message, and TRL wants a user, tool or assistant turn there";
            Err(EncodeError::at(prompt.len() - 1, EncodeErrorKind::Order, text))
        }
        _ => Ok(()),
    }
}

/// Writes a completion as a list of messages.
pub(crate) fn completion(
    passage: Passage<'_>,
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    w.begin_array();
    elements(passage, Part::Completion, reasoning, scratch, w)?;
    w.end_array();
    Ok(())
}

/// Writes the messages of a passage into the list that is open.
fn elements(
    passage: Passage<'_>,
    part: Part,
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let messages = passage.messages();
    let range = passage.range();
    let Scratch {
        losses,
        links,
        embedded,
        ..
    } = scratch;
    links.compute(messages);
    let mut turns = Turns {
        style: &STYLE,
        reasoning,
        messages,
        trained: Trained::From(match part {
            Part::Prompt => range.end,
            Part::Completion => range.start,
        }),
        thread: Thread::new(messages, links),
        embedded,
        losses,
    };
    turns.elements(range, w)
}

/// Writes `chosen` and `rejected`, each with the prompt before its completion: the same bytes in both, so that a
/// consumer finds it again as their common beginning.
pub(crate) fn whole_conversations(
    pair: &Preference<'_>,
    completions: [Passage<'_>; 2],
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let [chosen, rejected] = completions;
    let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
    w.key("chosen").begin_array();
    let start = w.position();
    elements(prompt, Part::Prompt, reasoning, scratch, w)?;
    let prompt = start..w.position();
    pair::check_left(prompt.clone())?;
    let start = w.position();
    elements(chosen, Part::Completion, reasoning, scratch, w)?;
    let chosen = start..w.position();
    w.end_array();
    w.key("rejected").begin_array().repeat(prompt);
    let start = w.position();
    elements(rejected, Part::Completion, reasoning, scratch, w).map_err(|error| error.of(REJECTED))?;
    let rejected = start..w.position();
    w.end_array();
    pair::check_distinct(w, chosen, rejected)
}

/// Writes the completions of a pair under two keys, as lists.
pub(crate) fn completions(
    pair: &Preference<'_>,
    [chosen_key, rejected_key]: [&'static str; 2],
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let mut side = |key, span, w: &mut JsonWriter<'_>| {
        w.key(key);
        let start = w.position();
        let passage = Passage::completion(span);
        completion(passage, reasoning, scratch, w).map(|()| start..w.position())
    };
    let chosen = side(chosen_key, pair.chosen.completion, w)?;
    let rejected = side(rejected_key, pair.rejected.completion, w).map_err(|error| error.of(REJECTED))?;
    pair::check_distinct(w, chosen, rejected)
}
