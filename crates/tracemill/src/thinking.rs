//! Reasoning as turns of the conversation, or inside of the answer: the strategies of Kiln, for any source.

use std::str::FromStr;

use tracemill_model::{Content, Message, Part, Reasoning, Role, Text, TextPart, Trace};

use crate::error::Error;
use crate::work::Bad;

/// What becomes of the reasoning of the last answer.
///
/// The names are ours, the messages those of Kiln (`kiln-ai` 1.2.0, `adapters/chat/chat_formatter.py` and
/// `adapters/fine_tune/dataset_formatter.py`); `legacy` is what its earlier versions wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThinkingStrategy {
    /// There is none: every reasoning is left out, on purpose.
    None,
    /// The input is wrapped in `<user_input>` with the instructions behind it; the reasoning is a turn, a request for the
    /// final answer follows it, and then the answer.
    TwoMessage,
    /// As two messages, with the input as it is and the instructions as a second user turn.
    Legacy,
    /// As two messages, with the input as it is and the instructions as a system message behind it.
    LegacySystem,
    /// At the head of the answer, as `<think>\n…\n</think>\n\n`.
    R1,
}

impl ThinkingStrategy {
    /// Every strategy.
    pub const ALL: [ThinkingStrategy; 5] = [
        ThinkingStrategy::None,
        ThinkingStrategy::TwoMessage,
        ThinkingStrategy::Legacy,
        ThinkingStrategy::LegacySystem,
        ThinkingStrategy::R1,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ThinkingStrategy::None => "none",
            ThinkingStrategy::TwoMessage => "two-message",
            ThinkingStrategy::Legacy => "legacy",
            ThinkingStrategy::LegacySystem => "legacy-system",
            ThinkingStrategy::R1 => "r1",
        }
    }

    fn has_instructions(self) -> bool {
        !matches!(self, ThinkingStrategy::None | ThinkingStrategy::R1)
    }
}

impl FromStr for ThinkingStrategy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = ThinkingStrategy::ALL.map(|strategy| format!("`{}`", strategy.name()));
        ThinkingStrategy::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name)
            .ok_or_else(|| {
                format!(
                    "there is no strategy `{name}`; known strategies: {}",
                    known.join(", ")
                )
            })
    }
}

/// How reasoning becomes part of the conversation.
///
/// ```
/// use tracemill::{Mill, Thinking, ThinkingStrategy, Trace};
/// let line = r#"{"messages":[{"role":"user","content":"7*6?"},{"role":"assistant","content":"42","reasoning":"7+7=14, …"}]}"#;
/// let thinking = Thinking::new(ThinkingStrategy::R1, None)?;
/// let mill = Mill::builder().format("openai")?.thinking(thinking).build()?;
/// let encoded = mill.encode(&[Trace::from_json(line)?])?;
/// let record = std::str::from_utf8(&encoded.bytes)?;
/// assert!(record.contains(r#""content":"<think>\n7+7=14, …\n</think>\n\n42""#), "{record}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Thinking {
    strategy: ThinkingStrategy,
    instructions: String,
    final_answer: String,
}

impl Thinking {
    /// What Kiln asks behind the reasoning, unless told otherwise.
    pub const FINAL_ANSWER_PROMPT: &'static str = "Considering the above, return a final result.";

    /// A strategy with its instructions: what tells the model to think first.
    ///
    /// # Errors
    /// If the strategy needs instructions and there are none, or has no use for them.
    pub fn new(strategy: ThinkingStrategy, instructions: Option<String>) -> Result<Self, Error> {
        let name = strategy.name();
        if strategy.has_instructions() && instructions.is_none() {
            return Err(Error::config(format!(
                "`--thinking {name}` needs `--thinking-instructions`: what tells the model to think first"
            )));
        }
        if !strategy.has_instructions() && instructions.is_some() {
            return Err(Error::config(format!(
                "`--thinking {name}` has no use for `--thinking-instructions`; leave them out"
            )));
        }
        Ok(Thinking {
            strategy,
            instructions: instructions.unwrap_or_default(),
            final_answer: Thinking::FINAL_ANSWER_PROMPT.to_owned(),
        })
    }

    /// Sets what the user says between reasoning and answer.
    #[must_use]
    pub fn with_final_answer_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.final_answer = prompt.into();
        self
    }

    /// The trace with its reasoning where the strategy has it.
    pub(crate) fn apply<'t>(&'t self, trace: &Trace<'t>) -> Result<Trace<'t>, Bad> {
        let mut trace = trace.clone();
        let messages = trace.messages_mut();
        match self.strategy {
            ThinkingStrategy::None => messages.iter_mut().for_each(|message| {
                message.set_reasoning(None);
            }),
            ThinkingStrategy::R1 => {
                let answer = last_answer(messages)?;
                let words = take_words(&mut messages[answer])?;
                let words = [Text::new("<think>\n"), words, Text::new("\n</think>\n\n")];
                let head = Text::joined(words, "");
                surround(&mut messages[answer], Some(head), None);
            }
            _ => self.divide(messages)?,
        }
        Ok(trace)
    }

    /// Makes two turns of the last answer: what was thought, and what was said.
    fn divide<'t>(&'t self, messages: &mut Vec<Message<'t>>) -> Result<(), Bad> {
        let answer = last_answer(messages)?;
        let words = take_words(&mut messages[answer])?;
        let is_user = |message: &Message<'_>| *message.role() == Role::User;
        let Some(input) = messages[..answer].iter().rposition(is_user) else {
            let text = "no message of the user stands before the answer, so there is no input to think about";
            return Err(Bad::new("no-input", text.to_owned()));
        };
        let mut thought = Message::new(Role::Assistant);
        thought.set_content(words).set_train(messages[answer].train());
        messages.splice(answer..answer, [thought, said(Role::User, &self.final_answer)]);
        match self.strategy {
            ThinkingStrategy::Legacy => messages.insert(input + 1, said(Role::User, &self.instructions)),
            ThinkingStrategy::LegacySystem => {
                messages.insert(input + 1, said(Role::System, &self.instructions));
            }
            _ => self.wrap(&mut messages[input]),
        }
        Ok(())
    }

    /// Marks the input as such, and puts the instructions behind it. Kiln leaves the marks out around a conversation that
    /// is the input of a judge.
    fn wrap(&self, input: &mut Message<'_>) {
        let is_conversation = |text: &Text<'_>| text.body().contains("<conversation_history>");
        let (head, tail) = if input.content().as_text().is_some_and(is_conversation) {
            (None, "\n\n")
        } else {
            let head = "The input is:\n<user_input>\n";
            (Some(Text::new(head)), "\n</user_input>\n\n")
        };
        let tail = Text::joined([Text::new(tail), Text::new(self.instructions.as_str())], "");
        surround(input, head, Some(tail));
    }
}

/// The index of the last answer: a message of the assistant in words, behind which nothing of the assistant comes.
fn last_answer(messages: &[Message<'_>]) -> Result<usize, Bad> {
    let last = messages
        .iter()
        .rposition(|message| *message.role() == Role::Assistant);
    let answers =
        |&index: &usize| messages[index].tool_calls().is_empty() && !messages[index].content().is_empty();
    last.filter(answers).ok_or_else(|| {
        let text = "the trace does not end with an answer in words, of which `--thinking` could be";
        Bad::new("no-answer", text.to_owned())
    })
}

/// Takes the reasoning out of a message; white space alone is none.
fn take_words<'t>(message: &mut Message<'t>) -> Result<Text<'t>, Bad> {
    let words = match message.reasoning() {
        Some(Reasoning::Text(text)) if !text.is_blank() => text.clone(),
        _ => {
            let text = "the last answer has no reasoning, and `--thinking` asks for it; `--filter thinking_model` keeps the \
                        traces that have it";
            return Err(Bad::new("no-reasoning", text.to_owned()));
        }
    };
    message.set_reasoning(None);
    Ok(words)
}

fn said<'t>(role: Role<'t>, text: &'t str) -> Message<'t> {
    let mut message = Message::new(role);
    message.set_content(Text::new(text));
    message
}

/// Puts text before and behind what a message says: into its text, or as parts beside its parts.
fn surround(message: &mut Message<'_>, head: Option<Text<'static>>, tail: Option<Text<'static>>) {
    let content = match message.content() {
        Content::Text(text) => {
            let texts = head.into_iter().chain([text.clone().into_owned()]).chain(tail);
            Content::Text(Text::joined(texts, ""))
        }
        content => {
            let part = |text: Text<'static>| Part::Text(TextPart::new(text));
            let parts = content.parts().iter().cloned().map(Part::into_owned);
            let head = head.map(part);
            let tail = tail.map(part);
            Content::Parts(head.into_iter().chain(parts).chain(tail).collect())
        }
    };
    message.set_content(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"I"},
        {"role":"assistant","content":null,"reasoning":"Look.","tool_calls":[{"id":"c","name":"f","arguments":{}}]},
        {"role":"tool","tool_call_id":"c","content":"r"},
        {"role":"assistant","content":"A","reasoning":"T"}]}"#;

    fn applied(strategy: ThinkingStrategy, line: &str) -> Result<String, &'static str> {
        let instructions = strategy.has_instructions().then(|| "Think.".to_owned());
        let thinking = Thinking::new(strategy, instructions).unwrap();
        let trace = Trace::from_json(line).unwrap();
        let mut out = Vec::new();
        thinking
            .apply(&trace)
            .map_err(|bad| bad.code)?
            .write_json(&mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    /// The messages of the strategy around those of the tool, as Kiln 1.2.0 has them.
    fn expect(strategy: ThinkingStrategy, before: &str, behind: &str) {
        let calls = r#"{"role":"assistant","content":null,"reasoning":"Look.","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":{}}}]},{"role":"tool","content":"r","tool_call_id":"c"}"#;
        let calls = match strategy {
            ThinkingStrategy::None => calls.replace(r#""reasoning":"Look.","#, ""),
            _ => calls.to_owned(),
        };
        let wanted =
            format!(r#"{{"messages":[{{"role":"system","content":"S"}},{before},{calls},{behind}]}}"#);
        let parsed = Trace::from_json(&wanted).unwrap();
        let mut canonical = Vec::new();
        parsed.write_json(&mut canonical);
        assert_eq!(
            applied(strategy, TRACE),
            Ok(String::from_utf8(canonical).unwrap()),
            "{strategy:?}"
        );
    }

    #[test]
    fn the_messages_are_those_of_kiln() {
        let input = r#"{"role":"user","content":"I"}"#;
        let behind = r#"{"role":"assistant","content":"T"},{"role":"user","content":"Considering the above, return a final result."},{"role":"assistant","content":"A"}"#;
        expect(
            ThinkingStrategy::None,
            input,
            r#"{"role":"assistant","content":"A"}"#,
        );
        expect(
            ThinkingStrategy::TwoMessage,
            r#"{"role":"user","content":"The input is:\n<user_input>\nI\n</user_input>\n\nThink."}"#,
            behind,
        );
        let two = format!(r#"{input},{{"role":"user","content":"Think."}}"#);
        expect(ThinkingStrategy::Legacy, &two, behind);
        let system = format!(r#"{input},{{"role":"system","content":"Think."}}"#);
        expect(ThinkingStrategy::LegacySystem, &system, behind);
        expect(
            ThinkingStrategy::R1,
            input,
            r#"{"role":"assistant","content":"<think>\nT\n</think>\n\nA"}"#,
        );
    }

    #[test]
    fn what_has_no_reasoning_or_no_answer_is_refused() {
        let line = |reasoning: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":"I"}},{{"role":"assistant","content":"A"{reasoning}}}]}}"#
            )
        };
        for absent in ["", r#","reasoning":" \n\t""#, r#","reasoning":{"opaque":1}"#] {
            assert_eq!(applied(ThinkingStrategy::R1, &line(absent)), Err("no-reasoning"));
        }
        let call = r#"{"messages":[{"role":"user","content":"I"},{"role":"assistant","content":"A","reasoning":"T","tool_calls":[{"name":"f"}]}]}"#;
        assert_eq!(applied(ThinkingStrategy::TwoMessage, call), Err("no-answer"));
        let alone = r#"{"messages":[{"role":"assistant","content":"A","reasoning":"T"}]}"#;
        assert_eq!(applied(ThinkingStrategy::Legacy, alone), Err("no-input"));
    }

    #[test]
    fn parts_stay_parts_and_a_conversation_to_judge_is_not_wrapped() {
        let line = r#"{"messages":[{"role":"user","content":[{"type":"image","url":"u"}]},{"role":"assistant","content":"A","reasoning":"T"}]}"#;
        let out = applied(ThinkingStrategy::TwoMessage, line).unwrap();
        assert!(
            out.contains(r#"{"type":"text","text":"The input is:\n<user_input>\n"}"#),
            "{out}"
        );
        assert!(
            out.contains(r#"{"type":"text","text":"\n</user_input>\n\nThink."}"#),
            "{out}"
        );
        let line = r#"{"messages":[{"role":"user","content":"<conversation_history>x"},{"role":"assistant","content":"A","reasoning":"T"}]}"#;
        let out = applied(ThinkingStrategy::TwoMessage, line).unwrap();
        assert!(
            out.contains(r#""content":"<conversation_history>x\n\nThink.""#),
            "{out}"
        );
    }

    #[test]
    fn instructions_are_asked_for_where_they_are_used() {
        for strategy in ThinkingStrategy::ALL {
            let given = Thinking::new(strategy, Some("Think.".into()));
            assert_eq!(given.is_ok(), strategy.has_instructions(), "{strategy:?}");
            assert_eq!(
                Thinking::new(strategy, None).is_ok(),
                !strategy.has_instructions()
            );
            assert_eq!(strategy.name().parse(), Ok(strategy));
        }
    }
}
