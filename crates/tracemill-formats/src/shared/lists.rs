//! Passages as lists of messages in the dialect of Hugging Face templates.

use tracemill_model::{JsonWriter, Message, Preference, Role};

use crate::encoder::{EncodeError, EncodeErrorKind, Scratch};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::passages::PassageId;
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
#[inline]
fn elements(
    passage: Passage<'_>,
    part: Part,
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let id = PassageId::new(passage.messages(), &passage.range(), part == Part::Completion);
    if scratch.passages.write(id, w) {
        return Ok(());
    }
    new_elements(id, passage, part, reasoning, scratch, w)
}

/// Writes the messages of a passage that was not encoded before, and keeps them if they may be needed again.
#[inline(never)]
fn new_elements(
    id: PassageId,
    passage: Passage<'_>,
    part: Part,
    reasoning: Placement,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    let (messages, range) = (passage.messages(), passage.range());
    let Scratch {
        losses,
        links,
        embedded,
        passages,
        ..
    } = scratch;
    let start = w.position();
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
    turns.elements(range, w)?;
    // What was lost would have to be noted again.
    if losses.is_empty() {
        let elements = w.written(start..w.position());
        passages.keep(id, elements.strip_prefix(b",").unwrap_or(elements));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use tracemill_model::{Example, Preference, Side, Span, Trace};

    use crate::encoder::Scratch;
    use crate::loss::Loss;
    use crate::options::EncodeOptions;
    use crate::spec::FormatSpec;

    /// Three answers to one question, of which the last loses something.
    const TRACES: [&str; 3] = [
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a\nb"}]}"#,
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","name":"f"}]},
            {"role":"tool","tool_call_id":"c","content":"r"},{"role":"assistant","content":"b"}]}"#,
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"c","train":false}]}"#,
    ];

    /// Every pair of the traces, with what it loses.
    fn pairs(spec: &str, traces: &[Trace<'_>], scratch: &mut Scratch) -> Vec<(String, u32)> {
        let spec: FormatSpec = spec.parse().unwrap();
        let encoder = spec.encoder(&EncodeOptions::default()).unwrap();
        let mut records = Vec::new();
        for chosen in traces {
            for rejected in traces.iter().filter(|other| !std::ptr::eq(*other, chosen)) {
                let side = |trace: &'_ Trace<'_>| 1..trace.messages().len();
                let example = Example::Preference(Preference {
                    prompt: Span::new(chosen, 0..1),
                    chosen: Side {
                        completion: Span::new(chosen, side(chosen)),
                        score: None,
                    },
                    rejected: Side {
                        completion: Span::new(rejected, side(rejected)),
                        score: None,
                    },
                });
                let mut out = Vec::new();
                scratch.clear();
                encoder.encode(&example, scratch, &mut out).unwrap();
                records.push((
                    String::from_utf8(out).unwrap(),
                    scratch.losses.count(Loss::TrainFlags),
                ));
            }
        }
        records
    }

    #[test]
    fn records_of_held_traces_are_the_same_and_lose_the_same() {
        let traces = TRACES.map(|line| Trace::from_json(line).unwrap());
        for spec in ["trl-preference", "trl-preference+implicit-prompt", "trl-reward"] {
            let wanted = pairs(spec, &traces, &mut Scratch::new());
            assert_eq!(wanted.iter().map(|(_, losses)| losses).sum::<u32>(), 4, "{spec}");
            let mut scratch = Scratch::new();
            scratch.hold_traces();
            assert_eq!(pairs(spec, &traces, &mut scratch), wanted, "{spec}");
            assert_eq!(pairs(spec, &traces, &mut scratch), wanted, "{spec}");
        }
    }

    #[test]
    fn what_was_held_is_forgotten() {
        let mut trace = Trace::from_json(TRACES[0]).unwrap();
        let other = Trace::from_json(TRACES[1]).unwrap();
        let mut scratch = Scratch::new();
        scratch.hold_traces();
        let traces = [trace.clone(), other.clone()];
        let before = pairs("trl-preference", &traces, &mut scratch);
        scratch.release_traces();
        let [first, second] = &traces;
        assert_eq!(
            before,
            pairs("trl-preference", &[first.clone(), second.clone()], &mut scratch)
        );
        // The same place, and another trace in it.
        trace.messages_mut()[1].set_content(tracemill_model::Text::new("changed"));
        scratch.hold_traces();
        let changed = pairs("trl-preference", &[trace, other], &mut scratch);
        assert!(changed[0].0.contains("changed"), "{}", changed[0].0);
    }
}
