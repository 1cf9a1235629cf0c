//! How a file divides into records, and where in it a record stands.
//!
//! A source *declares* its framing as data; the I/O crate implements it. Neither knows the other: both know
//! this module.

use std::fmt;

/// How the bytes of one input divide into records.
///
/// ```
/// use tracemill_model::{Elements, Framing};
/// assert_eq!(Framing::Lines.to_string(), "lines");
/// assert_eq!(Framing::Elements(Elements::at("/simulations")).to_string(), "elements of /simulations");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// One record a line (JSON Lines). Blank lines, CR before LF, a byte order mark and a missing final newline
    /// are accepted.
    Lines,
    /// The members of one array inside one JSON document.
    Elements(Elements),
    /// The whole input is one record.
    Document,
    /// Each of some files in an archive is one record.
    Members(Members),
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Framing::Lines => f.write_str("lines"),
            Framing::Elements(elements) if elements.pointer().is_empty() => f.write_str("elements"),
            Framing::Elements(elements) => write!(f, "elements of {}", elements.pointer()),
            Framing::Document => f.write_str("document"),
            Framing::Members(members) => write!(f, "members {}", members.pattern()),
        }
    }
}

/// Which array of a document holds the records, and which values outside it every record needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elements {
    pointer: String,
    headers: Vec<String>,
}

impl Elements {
    /// The members of the array that the JSON pointer (RFC 6901) names; `""` is the document itself.
    pub fn at(pointer: impl Into<String>) -> Self {
        Elements {
            pointer: pointer.into(),
            headers: Vec::new(),
        }
    }

    /// Adds the pointer of a value outside the array that the source wants before the first record.
    #[must_use]
    pub fn with_header(mut self, pointer: impl Into<String>) -> Self {
        self.headers.push(pointer.into());
        self
    }

    /// The JSON pointer of the array.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The JSON pointers of the header values, in the order they were added.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }
}

/// Which files of an archive are records, and which values in another file every record needs.
///
/// ```
/// use tracemill_model::Members;
/// let members = Members::matching("samples/*.json");
/// assert!(members.takes("samples/1_epoch_1.json"));
/// assert!(!members.takes("header.json") && !members.takes("samples/a/b.json"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    pattern: String,
    header_files: Vec<String>,
    headers: Vec<String>,
}

impl Members {
    /// The files whose names match a pattern, in which one `*` may stand for anything but a `/`.
    pub fn matching(pattern: impl Into<String>) -> Self {
        Members {
            pattern: pattern.into(),
            header_files: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Names a file that holds the header values; of several the first one that is there is taken.
    #[must_use]
    pub fn with_header_file(mut self, name: impl Into<String>) -> Self {
        self.header_files.push(name.into());
        self
    }

    /// Adds the pointer of a value, in the file with the headers, that the source wants before the first record.
    #[must_use]
    pub fn with_header(mut self, pointer: impl Into<String>) -> Self {
        self.headers.push(pointer.into());
        self
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The names of the files that may hold header values, the first choice first.
    pub fn header_files(&self) -> &[String] {
        &self.header_files
    }

    /// The JSON pointers of the header values, in the order they were added.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Whether the file of this name is a record.
    pub fn takes(&self, name: &str) -> bool {
        let Some((before, behind)) = self.pattern.split_once('*') else {
            return name == self.pattern;
        };
        let inside = name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(behind));
        inside.is_some_and(|inside| !inside.is_empty() && !inside.contains('/'))
    }
}

/// Where a record stands: everything a message needs to send a person to the place.
///
/// Displays as `path:line` for lines and as `path: pointer[index]` for the elements of an array.
///
/// ```
/// use tracemill_model::Locator;
/// let line = Locator::line("runs.jsonl", 214, 88_120);
/// assert_eq!(line.to_string(), "runs.jsonl:214");
/// let element = Locator::element("runs.json", "/samples", 13, 400, 9_001);
/// assert_eq!(element.to_string(), "runs.json: samples[13]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locator<'a> {
    path: &'a str,
    pointer: Option<&'a str>,
    index: u64,
    line: u64,
    byte: u64,
}

impl<'a> Locator<'a> {
    /// A record that is one line: `line` counts from 1, `byte` is the offset of its first byte.
    pub fn line(path: &'a str, line: u64, byte: u64) -> Self {
        Locator {
            path,
            pointer: None,
            index: line.saturating_sub(1),
            line,
            byte,
        }
    }

    /// A record that is element `index` (from 0) of the array at `pointer` and begins on `line` at offset `byte`.
    pub fn element(path: &'a str, pointer: &'a str, index: u64, line: u64, byte: u64) -> Self {
        Locator {
            path,
            pointer: Some(pointer),
            index,
            line,
            byte,
        }
    }

    /// The name of the input.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The number of the line on which the record begins, from 1.
    pub fn line_number(&self) -> u64 {
        self.line
    }

    /// The offset of the first byte of the record in the (decompressed) input.
    pub fn byte(&self) -> u64 {
        self.byte
    }

    /// The ordinal of the record in its array, from 0; for lines, the line number less one.
    pub fn index(&self) -> u64 {
        self.index
    }
}

impl fmt::Display for Locator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer {
            None => write!(f, "{}:{}", self.path, self.line),
            Some(pointer) => {
                let place = pointer.trim_start_matches('/').replace('/', ".");
                write!(f, "{}: {place}[{}]", self.path, self.index)
            }
        }
    }
}
