//! Where the prompt of a trace ends and its completion begins.

use std::ops::Range;

use tracemill_model::{Content, Message, Role, Text};

use super::mode::{Completion, PromptMode};

/// Which messages of a trace are prompt and which are completion.
///
/// The completion begins where the prompt ends, with an assistant turn. An assistant turn is a run of assistant
/// messages that are to be learnt: those marked otherwise (demonstrations, copied context) belong to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    at: usize,
    end: usize,
}

impl Split {
    /// The messages of the prompt; it may have none.
    pub fn prompt(self) -> Range<usize> {
        0..self.at
    }

    /// The messages of the completion; it has at least one. Messages behind it belong to neither.
    pub fn completion(self) -> Range<usize> {
        self.at..self.end
    }

    /// The split at an assistant turn, and what its completion is.
    pub(super) fn at(messages: &[Message<'_>], at: usize, completion: Completion) -> Split {
        let end = match completion {
            Completion::Turn => turn_end(messages, at),
            Completion::Rest => messages.len(),
        };
        Split { at, end }
    }

    /// The completion up to its last assistant message: what follows is nothing that could be learnt, and does not
    /// tell one completion from another.
    pub(super) fn learnt(self, messages: &[Message<'_>]) -> Range<usize> {
        let completion = &messages[self.completion()];
        let last = completion.iter().rposition(Message::is_target);
        self.at..self.at + last.map_or(0, |last| last + 1)
    }

    /// Whether the completion says anything that could be learnt.
    pub(super) fn says_something(self, messages: &[Message<'_>]) -> bool {
        messages[self.completion()].iter().any(says_something)
    }
}

impl PromptMode {
    /// Splits a conversation; `None` if it has no assistant turn that could be a completion.
    ///
    /// With [`PromptMode::CommonPrefix`] the prompt of a *pair* may reach further: here it is the shortest that a
    /// pair with this conversation can have, everything before the first assistant turn behind a user message.
    ///
    /// ```
    /// use tracemill_model::Trace;
    /// use tracemill_pairs::PromptMode;
    ///
    /// let trace = Trace::from_json(r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
    ///     {"role":"user","content":"c"},{"role":"assistant","content":"d"},{"role":"user","content":"bye"}]}"#)?;
    /// let exact = PromptMode::Exact.split(trace.messages()).ok_or("no assistant turn")?;
    /// assert_eq!((exact.prompt(), exact.completion()), (0..3, 3..4));
    /// let task = PromptMode::Task.split(trace.messages()).ok_or("no assistant turn")?;
    /// assert_eq!((task.prompt(), task.completion()), (0..1, 1..5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self, messages: &[Message<'_>]) -> Option<Split> {
        match self {
            PromptMode::Exact => {
                let last = messages.iter().rposition(Message::is_target)?;
                Some(Split::at(messages, turn_start(messages, last), Completion::Turn))
            }
            PromptMode::CommonPrefix(completion) => {
                let user = messages.iter().position(is_user)?;
                let first = messages[user..].iter().position(Message::is_target)?;
                Some(Split::at(messages, user + first, completion))
            }
            PromptMode::Task => {
                let first = messages.iter().position(Message::is_target)?;
                Some(Split::at(messages, first, Completion::Rest))
            }
        }
    }
}

pub(super) fn is_user(message: &Message<'_>) -> bool {
    *message.role() == Role::User
}

/// Whether an assistant turn begins at `at`.
pub(super) fn turn_begins(messages: &[Message<'_>], at: usize) -> bool {
    messages.get(at).is_some_and(Message::is_target) && turn_start(messages, at) == at
}

fn turn_start(messages: &[Message<'_>], at: usize) -> usize {
    let before = messages[..at].iter().rposition(|message| !message.is_target());
    before.map_or(0, |before| before + 1)
}

fn turn_end(messages: &[Message<'_>], at: usize) -> usize {
    let rest = &messages[at..];
    let length = rest.iter().position(|message| !message.is_target());
    at + length.unwrap_or(rest.len())
}

fn says_something(message: &Message<'_>) -> bool {
    message.is_target() && (!message.tool_calls().is_empty() || has_content(message.content()))
}

fn has_content(content: &Content<'_>) -> bool {
    match content {
        Content::Text(text) => !is_blank(text),
        Content::Parts(parts) => parts
            .iter()
            .any(|part| part.as_text().is_none_or(|text| !is_blank(text))),
        Content::Missing | Content::Null => false,
        _ => true,
    }
}

/// Whether a text is empty or white space alone; unlike [`Text::is_blank`], without decoding it.
fn is_blank(text: &Text<'_>) -> bool {
    let mut rest = text.body();
    loop {
        rest = rest.trim_start();
        let escape = BLANK_ESCAPES.iter().find_map(|escape| rest.strip_prefix(escape));
        match escape {
            Some(behind) => rest = behind,
            None => return rest.is_empty(),
        }
    }
}

/// White space that a canonical token escapes.
const BLANK_ESCAPES: [&str; 8] = [
    "\\n", "\\r", "\\t", "\\f", "\\u000b", "\\u0085", "\\u2028", "\\u2029",
];

#[cfg(test)]
mod tests {
    use tracemill_model::{Text, Trace};

    use super::*;

    /// A conversation of one message a letter: `s`ystem, `u`ser, `a`ssistant, `t`ool, `d`emonstration.
    fn conversation(letters: &str) -> Trace<'static> {
        let message = |letter: char| match letter {
            's' => r#"{"role":"system","content":"s"}"#,
            'u' => r#"{"role":"user","content":"u"}"#,
            'a' => r#"{"role":"assistant","content":"a"}"#,
            'd' => r#"{"role":"assistant","content":"d","train":false}"#,
            _ => r#"{"role":"tool","content":"t"}"#,
        };
        let messages: Vec<_> = letters.chars().map(message).collect();
        let json = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        Trace::from_json(&json).unwrap().into_owned()
    }

    #[test]
    fn prompts_and_completions_are_where_the_modes_say() {
        let prefix = PromptMode::CommonPrefix(Completion::Turn);
        let rest = PromptMode::CommonPrefix(Completion::Rest);
        let cases = [
            (PromptMode::Exact, "suaua", Some((4, 5))),
            (PromptMode::Exact, "suatau", Some((4, 5))),
            (PromptMode::Exact, "uaaa", Some((1, 4))),
            (PromptMode::Exact, "a", Some((0, 1))),
            (PromptMode::Exact, "uaud", Some((1, 2))),
            (PromptMode::Exact, "su", None),
            (PromptMode::Exact, "", None),
            (PromptMode::Task, "suauau", Some((2, 6))),
            (PromptMode::Task, "auau", Some((0, 4))),
            (PromptMode::Task, "udua", Some((3, 4))),
            (PromptMode::Task, "ud", None),
            (prefix, "saauaau", Some((4, 6))),
            (rest, "saauaau", Some((4, 7))),
            (prefix, "udaa", Some((2, 4))),
            (prefix, "sa", None),
            (prefix, "sau", None),
        ];
        for (mode, letters, expected) in cases {
            let trace = conversation(letters);
            let split = mode.split(trace.messages());
            let expected = expected.map(|(at, end)| Split { at, end });
            assert_eq!(split, expected, "{mode} {letters}");
        }
    }

    #[test]
    fn turns_begin_where_no_turn_goes_on() {
        let trace = conversation("uaauda");
        let begins: Vec<_> = (0..7).filter(|&at| turn_begins(trace.messages(), at)).collect();
        assert_eq!(begins, [1, 5]);
    }

    #[test]
    fn what_follows_the_last_assistant_message_is_not_learnt() {
        let trace = conversation("uatutu");
        let split = PromptMode::Task.split(trace.messages()).unwrap();
        assert_eq!(split.completion(), 1..6);
        assert_eq!(split.learnt(trace.messages()), 1..2);
    }

    #[test]
    fn texts_are_blank_as_their_characters_are() {
        for blank in ["", " ", "\n\n", "\u{85}\u{2028}\u{2029}\u{b}\u{c}\r\t \u{3000}"] {
            assert!(is_blank(&Text::new(blank)), "{blank:?}");
        }
        for said in ["x", "\n.", "\u{0}", "\\n", "\u{200b}", "\""] {
            assert!(!is_blank(&Text::new(said)), "{said:?}");
            assert!(!Text::new(said).is_blank(), "{said:?}");
        }
    }
}
