//! Seeded workloads of any size: the same bytes for the same seed, on every platform.
//!
//! All arithmetic is on integers, so that no platform's floating-point library can change a byte; every record
//! is a function of the seed and its number alone.
//!
//! What the bytes look like (`tests/statistics.rs` holds the generator to it):
//!
//! * **chat**: one conversation a line, about 5 KB, 4 to 12 messages (8 on average), contents of log-normal length
//!   (median about 290 characters, one in a hundred over 3,600, none over 20,000). Text is prose and code: 2.9% of
//!   all bytes are backslashes, 0.12% start a `\u` escape, 0.8% are not ASCII. Tool calls have the OpenAI
//!   form, with arguments as JSON inside a string; calls are sometimes parallel, and every call is answered in
//!   order right after it. A conversation ends on an assistant's text, and nothing in it breaks the order that
//!   strict trainers insist on.
//! * **candidates**: one scored response a line, about 2.1 KB, eight for each turn, with the prompt repeated; in random
//!   order over the whole file, or grouped by turn.
//!
//! ```
//! use benches::corpus::{Corpus, Kind};
//! let corpus = Corpus::new(Kind::Chat, 50_000, 1);
//! let bytes = corpus.to_vec();
//! assert!(bytes.starts_with(br#"{"id":"case-0000000/0","case_id":"case-0000000","score":"#));
//! assert_eq!(bytes, corpus.to_vec());
//! ```

mod candidates;
mod chat;
mod random;
mod text;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use text::Texts;

/// Counts the changes of the generator's output, so that files made by an older one are not taken for current.
const REVISION: u32 = 1;

/// Bytes collected before each write.
const BLOCK: usize = 256 * 1024;

/// What one workload consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Conversations, one a line.
    Chat,
    /// The records of [`Kind::Chat`] as the members of one JSON array, one a line.
    ChatArray,
    /// Scored candidate responses, one a line, in random order.
    Candidates,
    /// The lines of [`Kind::Candidates`], the candidates of a turn next to each other.
    Grouped,
}

impl Kind {
    /// Every kind, in the order that messages list them.
    pub const ALL: &[Kind] = &[Kind::Chat, Kind::ChatArray, Kind::Candidates, Kind::Grouped];

    /// The name on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Chat => "chat",
            Kind::ChatArray => "chat-array",
            Kind::Candidates => "candidates",
            Kind::Grouped => "grouped",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Kind::ChatArray => "json",
            Kind::Chat | Kind::Candidates | Kind::Grouped => "jsonl",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind {
                name: name.to_owned(),
            })
    }
}

/// A name that is no [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    name: String,
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        write!(
            f,
            "no workload is called `{}`; there are {}",
            self.name,
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownKind {}

/// One workload: what it consists of, how large it is, and the seed it grows from.
#[derive(Clone, Debug)]
pub struct Corpus {
    kind: Kind,
    size: u64,
    seed: u64,
}

/// How much a run of the generator wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    bytes: u64,
    records: u64,
}

impl Written {
    /// Bytes written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records written.
    pub fn records(&self) -> u64 {
        self.records
    }
}

impl Corpus {
    /// A workload of about `size` bytes.
    ///
    /// Chat stops with the first record that reaches `size`; candidates have as many whole turns as fit in it on
    /// average, and always one.
    pub fn new(kind: Kind, size: u64, seed: u64) -> Self {
        Corpus { kind, size, seed }
    }

    /// A name for a file that holds exactly these bytes; a later revision of the generator gives another name.
    pub fn file_name(&self) -> String {
        format!(
            "{}-{}-seed{}-r{REVISION}.{}",
            self.kind,
            self.size,
            self.seed,
            self.kind.extension()
        )
    }

    /// Writes the workload in blocks of about 256 KB.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<Written> {
        let mut sink = Sink::new(out);
        match self.kind {
            Kind::Chat => self.write_chat(&mut sink, Layout::LINES)?,
            Kind::ChatArray => self.write_chat(&mut sink, Layout::ARRAY)?,
            Kind::Candidates => self.write_candidates(&mut sink, candidates::Order::Random)?,
            Kind::Grouped => self.write_candidates(&mut sink, candidates::Order::Grouped)?,
        }
        sink.finish()
    }

    /// The workload in memory, for benchmarks and tests.
    ///
    /// # Panics
    /// Never: a vector takes every write.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes).expect("a vector takes every write");
        bytes
    }

    fn write_chat(&self, sink: &mut Sink<'_>, layout: Layout) -> io::Result<()> {
        let texts = Texts::new();
        sink.block.extend_from_slice(layout.open);
        while sink.len() < self.size {
            let separator = if sink.written.records == 0 {
                b""
            } else {
                layout.separator
            };
            sink.block.extend_from_slice(separator);
            chat::write_record(&mut sink.block, &texts, self.seed, sink.written.records);
            sink.end_record()?;
        }
        sink.block.extend_from_slice(layout.close);
        Ok(())
    }

    fn write_candidates(&self, sink: &mut Sink<'_>, order: candidates::Order) -> io::Result<()> {
        let texts = Texts::new();
        for candidate in candidates::in_order(self.size, self.seed, order) {
            candidates::write_record(&mut sink.block, &texts, self.seed, candidate);
            sink.block.push(b'\n');
            sink.end_record()?;
        }
        Ok(())
    }
}

/// What stands around and between the records of a file.
#[derive(Clone, Copy)]
struct Layout {
    open: &'static [u8],
    separator: &'static [u8],
    close: &'static [u8],
}

impl Layout {
    const LINES: Layout = Layout {
        open: b"",
        separator: b"\n",
        close: b"\n",
    };
    const ARRAY: Layout = Layout {
        open: b"[",
        separator: b",\n",
        close: b"]\n",
    };
}

/// Collects records into blocks and counts them.
struct Sink<'a> {
    out: &'a mut dyn Write,
    block: Vec<u8>,
    written: Written,
}

impl<'a> Sink<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Sink {
            out,
            block: Vec::with_capacity(2 * BLOCK),
            written: Written::default(),
        }
    }

    fn len(&self) -> u64 {
        self.written.bytes + self.block.len() as u64
    }

    fn end_record(&mut self) -> io::Result<()> {
        self.written.records += 1;
        if self.block.len() >= BLOCK {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.block)?;
        self.written.bytes += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Written> {
        self.flush()?;
        self.out.flush()?;
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a: enough to notice that one byte changed.
    fn digest(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// A change of these numbers is a change of every published measurement: raise `REVISION` with it.
    #[test]
    fn same_seed_same_bytes_on_every_platform() {
        let digests: Vec<String> = Kind::ALL
            .iter()
            .map(|&kind| format!("{kind} {:016x}", digest(&Corpus::new(kind, 200_000, 1).to_vec())))
            .collect();
        assert_eq!(
            digests,
            [
                "chat 8d273a1521b23a3f",
                "chat-array e8c187a66f66ccdf",
                "candidates 739c0e181afe3f1f",
                "grouped a51eb7ddf136488d",
            ]
        );
    }

    #[test]
    fn another_seed_gives_other_bytes() {
        for &kind in Kind::ALL {
            assert_ne!(
                Corpus::new(kind, 20_000, 1).to_vec(),
                Corpus::new(kind, 20_000, 2).to_vec(),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_larger_chat_begins_with_the_smaller_one() {
        let small = Corpus::new(Kind::Chat, 100_000, 7).to_vec();
        assert!(Corpus::new(Kind::Chat, 300_000, 7).to_vec().starts_with(&small));
    }

    #[test]
    fn written_counts_what_was_written() {
        for &kind in Kind::ALL {
            let mut bytes = Vec::new();
            let written = Corpus::new(kind, 600_000, 3).write_to(&mut bytes).unwrap();
            assert_eq!(written.bytes(), bytes.len() as u64, "{kind}");
            let lines = bytes.split(|&byte| byte == b'\n').count() - 1;
            assert_eq!(written.records(), lines as u64, "{kind}");
        }
    }

    #[test]
    fn the_array_holds_the_lines() {
        let lines = String::from_utf8(Corpus::new(Kind::Chat, 60_000, 1).to_vec()).unwrap();
        let array = String::from_utf8(Corpus::new(Kind::ChatArray, 60_000, 1).to_vec()).unwrap();
        assert_eq!(array, format!("[{}]\n", lines.trim_end().replace('\n', ",\n")));
    }

    #[test]
    fn kinds_are_found_by_name_and_others_are_refused() {
        for &kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "chats".parse::<Kind>().unwrap_err().to_string();
        assert_eq!(
            error,
            "no workload is called `chats`; there are chat, chat-array, candidates, grouped"
        );
    }
}
