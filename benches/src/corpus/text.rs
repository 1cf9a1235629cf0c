//! Text as the inside of a JSON string, made of weighted fragments.
//!
//! Fragments are escaped once when the tables are built, so that writing text is drawing and copying.

use std::fmt::Write;

use super::random::Random;

/// Draws come from tables of this many slots: a fragment that fills `n` of them is drawn `n` times in 1,024.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 10;
/// Fragments drawn for one random number.
const DRAWS: u32 = u64::BITS / SLOT_BITS;

/// How a text reads.
#[derive(Clone, Copy)]
pub(super) enum Style {
    /// Sentences and paragraphs.
    Prose,
    /// Source code and the output of programs: many line ends and quotes.
    Code,
}

/// How deep in strings a text stands.
#[derive(Clone, Copy)]
pub(super) enum Nesting {
    /// In a string of the record.
    String,
    /// In a string of JSON text that is itself in a string of the record.
    JsonInString,
}

/// What text is wanted.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) style: Style,
    pub(super) nesting: Nesting,
    /// The least number of characters, counted as a reader of the text would.
    pub(super) chars: usize,
}

/// The tables that texts are drawn from.
pub(super) struct Texts {
    prose: Table,
    code: Table,
}

impl Texts {
    pub(super) fn new() -> Self {
        Texts {
            prose: prose(),
            code: code(),
        }
    }

    /// Appends a text, which ends with the fragment that reaches its number of characters.
    pub(super) fn write(&self, out: &mut Vec<u8>, random: &mut Random, text: Text) {
        let table = match text.style {
            Style::Prose => &self.prose,
            Style::Code => &self.code,
        };
        let mut left = text.chars;
        loop {
            let mut bits = random.next();
            for _ in 0..DRAWS {
                let fragment = table.fragment(bits);
                out.extend_from_slice(fragment.at(text.nesting));
                if fragment.chars >= left {
                    return;
                }
                left -= fragment.chars;
                bits >>= SLOT_BITS;
            }
        }
    }
}

struct Table {
    fragments: Vec<Fragment>,
    slots: Vec<u16>,
}

struct Fragment {
    once: Box<[u8]>,
    twice: Box<[u8]>,
    chars: usize,
}

impl Fragment {
    fn at(&self, nesting: Nesting) -> &[u8] {
        match nesting {
            Nesting::String => &self.once,
            Nesting::JsonInString => &self.twice,
        }
    }
}

impl Table {
    fn new() -> Self {
        Table {
            fragments: Vec::new(),
            slots: Vec::with_capacity(SLOTS),
        }
    }

    fn fragment(&self, bits: u64) -> &Fragment {
        &self.fragments[usize::from(self.slots[bits as usize % SLOTS])]
    }

    /// Text that is escaped where JSON requires it.
    fn plain(&mut self, text: &str, slots: usize) {
        self.push(&escape(text), text.chars().count(), slots);
    }

    /// Text that its writer has escaped further than needed: `once` stands for `chars` characters.
    fn escaped(&mut self, once: &str, chars: usize, slots: usize) {
        self.push(once, chars, slots);
    }

    fn push(&mut self, once: &str, chars: usize, slots: usize) {
        let number = u16::try_from(self.fragments.len()).expect("no more fragments than slots");
        let twice = escape(once).into_bytes().into();
        self.fragments.push(Fragment {
            once: once.as_bytes().into(),
            twice,
            chars,
        });
        self.slots.extend(std::iter::repeat_n(number, slots));
    }

    /// Gives `slots` slots to as many words, each between `before` and `after`.
    fn words(&mut self, before: &str, after: &str, slots: usize) {
        let first = self.slots.len();
        for number in first..first + slots {
            self.plain(&format!("{before}{}{after}", WORDS[number % WORDS.len()]), 1);
        }
    }

    /// The slots that are not yet given to a fragment.
    fn left(&self) -> usize {
        SLOTS - self.slots.len()
    }
}

fn prose() -> Table {
    let mut table = Table::new();
    table.words("", ". ", 80);
    table.words("", ", ", 50);
    table.words("", ".\n\n", 12);
    table.words("", ":\n- ", 10);
    table.words("", "\n", 20);
    table.words("", "? ", 6);
    table.words("\"", "\" ", 24);
    table.words("`", "` ", 12);
    rarities(&mut table);
    table.words("", " ", table.left());
    table
}

fn code() -> Table {
    let mut table = Table::new();
    for &(fragment, slots) in CODE {
        table.plain(fragment, slots);
    }
    rarities(&mut table);
    table.words("", "_", 90);
    table.words("", ".", 70);
    table.words("", "(", 50);
    table.words("", ", ", 50);
    table.words("", " ", table.left());
    table
}

/// What is not ASCII, and what its writer has escaped without need.
fn rarities(table: &mut Table) {
    for fragment in NON_ASCII {
        table.plain(fragment, 1);
    }
    for &(fragment, chars) in ESCAPED {
        table.escaped(fragment, chars, 1);
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            control if control < ' ' => {
                write!(escaped, "\\u{:04x}", u32::from(control)).expect("a string takes every write");
            }
            other => escaped.push(other),
        }
    }
    escaped
}

const NON_ASCII: &[&str] = &[
    "café ",
    "naïve ",
    "Zürich ",
    "señor ",
    "façade ",
    "— ",
    "… ",
    "→ ",
    "≥ ",
    "“good” ",
    "don’t ",
    "東京 ",
    "数据 ",
    "🚀 ",
    "привет ",
    "✅ ",
    "• ",
];

/// Each with the number of characters that it stands for.
const ESCAPED: &[(&str, usize)] = &[
    (r"caf\u00e9 ", 5),
    (r"it\u2019s ", 5),
    (r"\u201cyes\u201d ", 6),
    (r"\u2014 ", 2),
    (r"\u001b[0m", 4),
    (r"\ud83d\ude80 ", 2),
    (r"a \u003c b ", 6),
    (r"10\u00a0km ", 6),
];

const CODE: &[(&str, usize)] = &[
    ("\n", 40),
    ("\n    ", 36),
    ("\n        ", 24),
    ("\n\n", 8),
    (";\n    ", 16),
    (" {\n        ", 10),
    ("}\n", 10),
    ("):\n    ", 10),
    ("\t", 6),
    ("\"", 40),
    ("\": \"", 12),
    ("\", \"", 10),
    ("\\n", 4),
    ("C:\\\\data\\\\", 1),
    (" = ", 40),
    (" == ", 12),
    (" += 1", 8),
    ("(", 24),
    (")", 24),
    ("[0]", 12),
    ("self.", 24),
    ("return ", 16),
    ("if ", 16),
    ("for ", 12),
    (" in ", 12),
    ("def ", 8),
    ("let mut ", 8),
    ("fn ", 8),
    (" -> ", 8),
    ("import ", 8),
    ("# ", 8),
    ("    ", 16),
    ("0.5", 8),
    ("1024", 8),
    ("200 OK ", 4),
    ("ERROR ", 4),
    ("None", 8),
    ("true", 8),
];

/// Words of programs, offices and shops, roughly by length.
const WORDS: &[&str] = &[
    "a",
    "the",
    "of",
    "to",
    "in",
    "is",
    "it",
    "on",
    "we",
    "be",
    "as",
    "by",
    "or",
    "for",
    "and",
    "not",
    "you",
    "can",
    "has",
    "was",
    "are",
    "all",
    "but",
    "use",
    "new",
    "one",
    "two",
    "set",
    "run",
    "key",
    "log",
    "that",
    "this",
    "with",
    "from",
    "will",
    "have",
    "your",
    "when",
    "then",
    "call",
    "code",
    "data",
    "file",
    "flag",
    "hash",
    "item",
    "line",
    "list",
    "load",
    "node",
    "page",
    "path",
    "plan",
    "port",
    "read",
    "rule",
    "seat",
    "send",
    "size",
    "sort",
    "step",
    "task",
    "test",
    "text",
    "time",
    "tool",
    "tree",
    "type",
    "unit",
    "user",
    "wait",
    "word",
    "work",
    "about",
    "after",
    "agent",
    "allow",
    "apply",
    "array",
    "batch",
    "block",
    "build",
    "cache",
    "change",
    "check",
    "clear",
    "close",
    "count",
    "error",
    "event",
    "fetch",
    "field",
    "first",
    "flight",
    "found",
    "group",
    "guest",
    "image",
    "index",
    "input",
    "large",
    "later",
    "limit",
    "local",
    "match",
    "model",
    "month",
    "order",
    "other",
    "parse",
    "patch",
    "point",
    "price",
    "query",
    "queue",
    "reply",
    "retry",
    "right",
    "route",
    "score",
    "shell",
    "short",
    "since",
    "small",
    "stack",
    "start",
    "state",
    "still",
    "store",
    "table",
    "ticket",
    "token",
    "total",
    "trace",
    "under",
    "value",
    "where",
    "which",
    "write",
    "account",
    "address",
    "airport",
    "already",
    "because",
    "between",
    "booking",
    "branch",
    "budget",
    "buffer",
    "client",
    "commit",
    "config",
    "create",
    "current",
    "default",
    "deliver",
    "example",
    "explain",
    "failure",
    "feature",
    "filter",
    "finally",
    "format",
    "handle",
    "however",
    "include",
    "invoice",
    "library",
    "message",
    "missing",
    "network",
    "nothing",
    "number",
    "object",
    "option",
    "output",
    "package",
    "passenger",
    "payment",
    "pointer",
    "problem",
    "process",
    "product",
    "program",
    "project",
    "provide",
    "quality",
    "reason",
    "receive",
    "record",
    "refund",
    "release",
    "remove",
    "replace",
    "request",
    "reserve",
    "resolve",
    "response",
    "result",
    "return",
    "schedule",
    "search",
    "second",
    "section",
    "service",
    "session",
    "several",
    "should",
    "simple",
    "source",
    "special",
    "standard",
    "storage",
    "string",
    "summary",
    "support",
    "system",
    "terminal",
    "therefore",
    "through",
    "timeout",
    "together",
    "traveller",
    "update",
    "usually",
    "validate",
    "variable",
    "version",
    "warning",
    "without",
    "workspace",
    "certificate",
    "confirmation",
    "environment",
    "implementation",
    "information",
    "performance",
    "reservation",
    "understand",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::random::Stream;

    #[test]
    fn every_slot_is_filled() {
        let texts = Texts::new();
        assert_eq!(texts.prose.slots.len(), SLOTS);
        assert_eq!(texts.code.slots.len(), SLOTS);
    }

    #[test]
    fn text_has_the_characters_that_were_asked_for() {
        let texts = Texts::new();
        let longest = texts
            .code
            .fragments
            .iter()
            .chain(&texts.prose.fragments)
            .map(|f| f.chars)
            .max()
            .unwrap();
        for style in [Style::Prose, Style::Code] {
            for (nesting, depth) in [(Nesting::String, 1), (Nesting::JsonInString, 2)] {
                let mut json = Vec::new();
                let text = Text {
                    style,
                    nesting,
                    chars: 2_000,
                };
                texts.write(&mut json, &mut Random::new(5, Stream::Chat, 0), text);
                let mut decoded = String::from_utf8(json).unwrap();
                for _ in 0..depth {
                    decoded = serde_json::from_str(&format!("\"{decoded}\"")).unwrap();
                }
                let chars = decoded.chars().count();
                assert!((2_000..2_000 + longest).contains(&chars), "{chars}");
            }
        }
    }

    #[test]
    fn escapes_are_those_of_json() {
        assert_eq!(escape("a\"\\\n\t\u{1b}é"), "a\\\"\\\\\\n\\t\\u001bé");
    }
}
