//! Conversations with tools, in the OpenAI shape.

use std::io::Write;

use super::random::{Median, Random, Stream};
use super::text::{Nesting, Style, Text, Texts};

/// Trials of one case: the records that compete.
const TRIALS: u64 = 4;
/// No content is longer.
const LONGEST: usize = 20_000;
/// Tools that one conversation offers.
const TOOLS_OFFERED: usize = 2;

/// Appends one record, without a line end.
pub(super) fn write_record(out: &mut Vec<u8>, texts: &Texts, seed: u64, index: u64) {
    let mut chat = Chat {
        out,
        texts,
        random: Random::new(seed, Stream::Chat, index),
        calls: 0,
        first_tool: 0,
    };
    chat.record(index / TRIALS, index % TRIALS);
}

/// One conversation while it is written.
struct Chat<'a> {
    out: &'a mut Vec<u8>,
    texts: &'a Texts,
    random: Random,
    /// Tool calls so far.
    calls: usize,
    /// The first of the neighbouring [`TOOLS`] that are offered.
    first_tool: usize,
}

impl Chat<'_> {
    fn record(&mut self, case: u64, trial: u64) {
        self.first_tool = self.random.below(TOOLS.len());
        let score = self
            .random
            .pick(&["0.0", "0.0", "0.25", "0.5", "0.75", "1.0", "1.0"]);
        self.put(format_args!(
            r#"{{"id":"case-{case:07}/{trial}","case_id":"case-{case:07}","score":{score},"#
        ));
        self.raw(r#""messages":["#);
        self.messages();
        self.raw("]");
        if self.calls > 0 || self.random.percent(30) {
            self.tools();
        }
        let model = self.random.pick(&["agent-large", "agent-small", "agent-mini"]);
        let tokens = 500 + self.random.below(9_000);
        self.put(format_args!(
            r#","metadata":{{"model":"{model}","trial":{trial},"tokens":{tokens},"tags":["synthetic","seeded"]}}}}"#
        ));
    }

    /// Four to twelve messages: perhaps a system message, then rounds that each begin with the user and end with the
    /// assistant's text.
    fn messages(&mut self) {
        let total = 4 + self.random.below(9);
        // Four with a system message would leave three, which no rounds add up to.
        let system = total > 4 && self.random.percent(50);
        if system {
            self.text_message("system", Style::Prose);
            self.raw(",");
        }
        let mut left = total - usize::from(system);
        while left > 0 {
            left = self.round(left);
            if left > 0 {
                self.raw(",");
            }
        }
    }

    /// One round of at most `left` messages; gives how many are left after it: none, two, or more than three.
    fn round(&mut self, mut left: usize) -> usize {
        left -= 2;
        self.text_message("user", Style::Prose);
        self.raw(",");
        while let Some(calls) = self.parallel_calls(left) {
            self.call_message(calls);
            self.raw(",");
            left -= 1 + calls;
        }
        let style = if self.random.percent(70) {
            Style::Code
        } else {
            Style::Prose
        };
        self.text_message("assistant", style);
        left
    }

    /// How many tools the assistant calls at once, if it does; what is then left can always be filled.
    fn parallel_calls(&mut self, left: usize) -> Option<usize> {
        match left {
            0 => None,
            3 => Some(2),
            _ if self.random.percent(74) => None,
            _ => {
                let calls = *self.random.pick(&[&1, &1, &1, &1, &1, &1, &2, &2, &3]);
                let fits = calls < left && left != calls + 2;
                Some(if fits { calls } else { 1 })
            }
        }
    }

    fn text_message(&mut self, role: &str, style: Style) {
        self.put(format_args!(r#"{{"role":"{role}","content":""#));
        self.text(style);
        self.raw(r#""}"#);
    }

    /// An assistant message that calls `calls` tools, and their results in order.
    fn call_message(&mut self, calls: usize) {
        let ids: Vec<CallId> = (0..calls).map(|_| self.call_id()).collect();
        self.raw(r#"{"role":"assistant","content":null,"tool_calls":["#);
        for (number, id) in ids.iter().enumerate() {
            if number > 0 {
                self.raw(",");
            }
            self.call(id);
        }
        self.raw("]}");
        for id in &ids {
            self.raw(r#",{"role":"tool","tool_call_id":""#);
            self.out.extend_from_slice(id);
            self.raw(r#"","content":""#);
            self.text(Style::Code);
            self.raw(r#""}"#);
        }
    }

    fn call(&mut self, id: &CallId) {
        let tool = &TOOLS[(self.first_tool + self.random.below(TOOLS_OFFERED)) % TOOLS.len()];
        self.raw(r#"{"id":""#);
        self.out.extend_from_slice(id);
        self.put(format_args!(
            r#"","type":"function","function":{{"name":"{}","arguments":"{{"#,
            tool.name
        ));
        for (number, parameter) in tool.parameters.iter().enumerate() {
            if number > 0 {
                self.raw(", ");
            }
            self.put(format_args!(r#"\"{}\": "#, parameter.name));
            self.argument(parameter.kind);
        }
        self.raw(r#"}"}}"#);
    }

    fn argument(&mut self, kind: Argument) {
        match kind {
            Argument::Number => {
                let number = self.random.below(1_000);
                self.put(format_args!("{number}"));
            }
            Argument::Flag => {
                let flag = self.random.percent(50);
                self.put(format_args!("{flag}"));
            }
            Argument::Term => self.argument_text(Style::Prose, Median::TERM),
            Argument::Script => self.argument_text(Style::Code, Median::SCRIPT),
        }
    }

    fn argument_text(&mut self, style: Style, median: Median) {
        let chars = self.random.length(median, LONGEST);
        self.raw(r#"\""#);
        let text = Text {
            style,
            nesting: Nesting::JsonInString,
            chars,
        };
        self.texts.write(self.out, &mut self.random, text);
        self.raw(r#"\""#);
    }

    fn text(&mut self, style: Style) {
        let chars = self.random.length(Median::MESSAGE, LONGEST);
        self.texts.write(
            self.out,
            &mut self.random,
            Text {
                style,
                nesting: Nesting::String,
                chars,
            },
        );
    }

    fn tools(&mut self) {
        self.raw(r#","tools":["#);
        for number in 0..TOOLS_OFFERED {
            if number > 0 {
                self.raw(",");
            }
            self.tool(&TOOLS[(self.first_tool + number) % TOOLS.len()]);
        }
        self.raw("]");
    }

    fn tool(&mut self, tool: &Tool) {
        self.put(format_args!(
            r#"{{"type":"function","function":{{"name":"{}","description":"{}","parameters":{{"type":"object","properties":{{"#,
            tool.name, tool.description
        ));
        for (number, parameter) in tool.parameters.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            let kind = parameter.kind.json_type();
            self.put(format_args!(r#"{comma}"{}":{{"type":"{kind}"}}"#, parameter.name));
        }
        self.put(format_args!(
            r#"}},"required":["{}"]}}}}}}"#,
            tool.parameters[0].name
        ));
    }

    /// `call_` and 24 letters and digits, the last two of which number the calls of the conversation.
    fn call_id(&mut self) -> CallId {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh";
        let mut id = *b"call_0000000000000000000000..";
        for chunk in id[5..27].chunks_mut(11) {
            let mut bits = self.random.next();
            for character in chunk {
                *character = ALPHABET[bits as usize % ALPHABET.len()];
                bits >>= 5;
            }
        }
        id[27] = b'0' + (self.calls / 10) as u8;
        id[28] = b'0' + (self.calls % 10) as u8;
        self.calls += 1;
        id
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a vector takes every write");
    }
}

type CallId = [u8; 29];

struct Tool {
    name: &'static str,
    description: &'static str,
    /// The first one is required.
    parameters: &'static [Parameter],
}

struct Parameter {
    name: &'static str,
    kind: Argument,
}

#[derive(Clone, Copy)]
enum Argument {
    Term,
    Script,
    Number,
    Flag,
}

impl Argument {
    fn json_type(self) -> &'static str {
        match self {
            Argument::Term | Argument::Script => "string",
            Argument::Number => "integer",
            Argument::Flag => "boolean",
        }
    }
}

const fn parameter(name: &'static str, kind: Argument) -> Parameter {
    Parameter { name, kind }
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "search",
        description: "Searches the documents and gives the passages that fit best.",
        parameters: &[
            parameter("query", Argument::Term),
            parameter("limit", Argument::Number),
            parameter("exact", Argument::Flag),
        ],
    },
    Tool {
        name: "run_script",
        description: "Runs a script in a fresh container and gives what it printed. Takes at most a minute.",
        parameters: &[
            parameter("source", Argument::Script),
            parameter("timeout", Argument::Number),
        ],
    },
    Tool {
        name: "get_order",
        description: "Looks up one order of the customer by its number.",
        parameters: &[
            parameter("order_number", Argument::Number),
            parameter("customer", Argument::Term),
        ],
    },
    Tool {
        name: "write_file",
        description: "Replaces the contents of a file, and creates it if there is none.",
        parameters: &[
            parameter("path", Argument::Term),
            parameter("contents", Argument::Script),
            parameter("append", Argument::Flag),
        ],
    },
    Tool {
        name: "send_message",
        description: "Sends a message to a person of the team. Ask the user before sending to several people.",
        parameters: &[
            parameter("recipient", Argument::Term),
            parameter("text", Argument::Term),
        ],
    },
    Tool {
        name: "list_files",
        description: "Lists the files under a folder, the newest first.",
        parameters: &[
            parameter("folder", Argument::Term),
            parameter("depth", Argument::Number),
        ],
    },
];
