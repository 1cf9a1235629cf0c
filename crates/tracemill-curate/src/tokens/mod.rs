//! How many tokens a trace is.

#[cfg(feature = "openai-encodings")]
mod encodings;
#[cfg(feature = "tokenizer-json")]
mod local;

use std::fmt;

use tracemill_model::{Message, Role, Tool, Trace};

use crate::text::{Said, texts};

#[cfg(feature = "openai-encodings")]
pub use encodings::OpenAiEncoding;
#[cfg(feature = "tokenizer-json")]
pub use local::LocalTokenizer;

/// Something that knows how many tokens a text is.
///
/// ```
/// use tracemill_curate::{Marks, TokenCounts, Tokenizer};
/// use tracemill_model::Trace;
///
/// /// A word is a token, and each message costs two more.
/// #[derive(Debug)]
/// struct Words;
///
/// impl Tokenizer for Words {
///     fn name(&self) -> &str {
///         "words"
///     }
///
///     fn count(&self, text: &str) -> u64 {
///         text.split_whitespace().count() as u64
///     }
///
///     fn marks(&self) -> Marks {
///         Marks { message: 2, ..Marks::default() }
///     }
/// }
///
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"user","content":"two words"},{"role":"assistant","content":"and three more"}]}"#,
/// )?;
/// let counts = TokenCounts::of(&trace, &Words);
/// assert_eq!((counts.up_to(1), counts.total()), (4, 9));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
pub trait Tokenizer: fmt::Debug + Send + Sync {
    /// The name in reports.
    fn name(&self) -> &str;

    /// How many tokens a text is, special tokens that a template puts around it not counted.
    fn count(&self, text: &str) -> u64;

    /// What a chat template puts around texts; nothing where no template is known.
    fn marks(&self) -> Marks {
        Marks::default()
    }
}

/// The tokens that a chat template puts around texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Around each message, its role included.
    pub message: u64,
    /// Beside the name of a speaker.
    pub name: u64,
    /// Once a conversation.
    pub conversation: u64,
}

/// How many tokens the messages of a trace are.
///
/// Counted are contents, reasoning, names of speakers, names and arguments of calls, and once the tool definitions as JSON,
/// with the [`Marks`] of the tokenizer. Images and other media are not: what they cost is up to each model. Providers write
/// tool definitions and calls in their own way, so that their count can differ a little where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCounts {
    /// What is not a message.
    around: u64,
    /// The sum up to each message.
    sums: Vec<u64>,
}

impl TokenCounts {
    /// Counts the tokens of a trace.
    pub fn of(trace: &Trace<'_>, tokenizer: &dyn Tokenizer) -> Self {
        let marks = tokenizer.marks();
        let mut text = String::new();
        let mut sum = 0;
        let sums = trace.messages().iter().map(|message| {
            sum += marks.message + of_message(message, tokenizer, &mut text);
            sum
        });
        TokenCounts {
            sums: sums.collect(),
            around: marks.conversation + of_tools(trace.tools(), tokenizer),
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.up_to(self.sums.len())
    }

    /// Those of the first so many messages, and of what stands around them.
    pub fn up_to(&self, messages: usize) -> u64 {
        let last = messages.min(self.sums.len()).checked_sub(1);
        self.around + last.map_or(0, |last| self.sums[last])
    }

    /// How many of the first messages stay below or at a limit: all of them if they do, else as many as end with a turn of
    /// the assistant; `None` if no such turn does.
    pub fn within(&self, limit: u64, messages: &[Message<'_>]) -> Option<usize> {
        if self.total() <= limit {
            return Some(messages.len());
        }
        let fits = self.sums.partition_point(|sum| self.around + sum <= limit);
        let is_turn = |message: &Message<'_>| *message.role() == Role::Assistant;
        let last = messages[..fits.min(messages.len())].iter().rposition(is_turn);
        last.map(|last| last + 1)
    }
}

fn of_message(message: &Message<'_>, tokenizer: &dyn Tokenizer, text: &mut String) -> u64 {
    let mut count = |said: &Said<'_>| {
        text.clear();
        said.decode_into(text);
        tokenizer.count(text)
    };
    let mut sum = 0;
    texts(message, |said| sum += count(&said));
    if let Some(name) = message.name() {
        sum += tokenizer.marks().name + count(&Said::Text(name.borrowed()));
    }
    for call in message.tool_calls() {
        sum += count(&Said::Text(call.name().borrowed()));
    }
    sum
}

fn of_tools(tools: Option<&[Tool<'_>]>, tokenizer: &dyn Tokenizer) -> u64 {
    let Some(tools) = tools.filter(|tools| !tools.is_empty()) else {
        return 0;
    };
    let mut json = Vec::new();
    let mut w = tracemill_model::JsonWriter::new(&mut json);
    w.begin_array();
    for tool in tools {
        tool.write(&mut w);
    }
    w.end_array();
    tokenizer.count(&String::from_utf8_lossy(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A character is a token; around it all are the marks.
    #[derive(Debug)]
    struct Characters;

    impl Tokenizer for Characters {
        fn name(&self) -> &'static str {
            "characters"
        }

        fn count(&self, text: &str) -> u64 {
            text.chars().count() as u64
        }

        fn marks(&self) -> Marks {
            Marks {
                message: 10,
                name: 100,
                conversation: 1_000,
            }
        }
    }

    fn counts(line: &str) -> TokenCounts {
        TokenCounts::of(&Trace::from_json(line).unwrap(), &Characters)
    }

    #[test]
    fn everything_that_a_model_reads_is_counted_and_decoded() {
        let line = r#"{"messages":[{"role":"user","name":"ab","content":"\u00e9\n"},{"role":"assistant","content":null,"reasoning":"xyz","tool_calls":[{"id":"never","type":"function","function":{"name":"f","arguments":"{}"}}]}]}"#;
        assert_eq!(
            counts(line).total(),
            1_000 + (10 + 100 + 2 + 2) + (10 + 3 + 1 + 2)
        );
        let with_tools = line.replacen(
            '{',
            r#"{"tools":[{"type":"function","function":{"name":"f"}}],"#,
            1,
        );
        let tools = r#"[{"name":"f"}]"#;
        assert_eq!(
            counts(&with_tools).total(),
            counts(line).total() + tools.len() as u64
        );
    }

    #[test]
    fn a_limit_ends_at_a_turn_of_the_assistant() {
        let line = r#"{"messages":[{"role":"user","content":"12345"},{"role":"assistant","content":"12345"},{"role":"user","content":"12345"},{"role":"assistant","content":"12345"},{"role":"user","content":"1"}]}"#;
        let (trace, counts) = (Trace::from_json(line).unwrap(), counts(line));
        let within = |limit: u64| counts.within(1_000 + limit, trace.messages());
        assert_eq!(counts.total(), 1_071);
        assert_eq!(within(71), Some(5));
        assert_eq!(within(70), Some(4));
        assert_eq!(within(60), Some(4));
        assert_eq!(within(59), Some(2));
        assert_eq!(within(29), None);
    }

    #[test]
    fn nothing_is_only_what_stands_around_it() {
        let counts = counts(r#"{"messages":[]}"#);
        assert_eq!((counts.total(), counts.up_to(3)), (1_000, 1_000));
        assert_eq!(counts.within(999, &[]), None);
    }
}
