//! The beginning of a file, and what it shows.

mod scan;

use memchr::memmem;
use tracemill_model::json::Kind;

use scan::{Node, Scan, Stop};

/// The beginning of a file and what it shows: how the file is laid out, and which keys its first record has.
///
/// Pointers (RFC 6901) are relative to the *first record*: the first element of an array, or the first line. Of a
/// file that is one object they are relative to that object, whether it is the record or only holds the records. Of
/// nested arrays the first element is looked at: `/messages/0/role`.
///
/// The bytes may end anywhere, even inside a character, and may hold errors: what was seen before stands. Nothing is
/// judged here; that is for the reader of the records, who knows the place.
///
/// ```
/// use tracemill_model::json::Kind;
/// use tracemill_sources::{Head, HeadShape};
///
/// let head = Head::new(br#"[{"task_id": 7, "traj": [{"role": "sys"#, false);
/// assert_eq!(head.shape(), HeadShape::Array);
/// assert_eq!(head.kind("/traj"), Some(Kind::Array));
/// assert!(head.has("/traj/0/role") && !head.has("/reward"));
/// assert_eq!(head.record_keys().collect::<Vec<_>>(), ["task_id", "traj"]);
/// ```
#[derive(Clone, Debug)]
pub struct Head {
    shape: HeadShape,
    /// The first record ends within the bytes.
    ended: bool,
    /// No second value follows the first one, as far as can be seen.
    single: bool,
    magic: Option<&'static str>,
    keys: Vec<String>,
    nodes: Vec<Node>,
    bytes: Vec<u8>,
    members: Vec<String>,
}

/// How a file is laid out, as far as its beginning shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeadShape {
    /// One JSON array.
    Array,
    /// One JSON value a line. A file that is one object on one line is the shortest such file; and an object that
    /// goes on beyond the beginning without a line break is taken for a long first line.
    Lines,
    /// One JSON object over several lines.
    Document,
    /// An archive of files.
    Archive,
    /// White space or nothing.
    Empty,
    /// Something else.
    NotJson,
}

impl HeadShape {
    /// What it is, in words with an article.
    pub fn noun(self) -> &'static str {
        match self {
            HeadShape::Array => "an array",
            HeadShape::Lines => "JSON Lines",
            HeadShape::Document => "an object",
            HeadShape::Archive => "an archive",
            HeadShape::Empty => "an empty file",
            HeadShape::NotJson => "no JSON",
        }
    }
}

impl Head {
    /// How many bytes of a file are worth handing over: a first record is rarely longer.
    pub const LENGTH: usize = 256 * 1024;

    /// Looks at the beginning of a file, decompressed; `complete` says that it is the whole file.
    pub fn new(bytes: &[u8], complete: bool) -> Self {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let start = text
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .unwrap_or(text.len());
        let mut head = match text.get(start) {
            None => Head::without_record(HeadShape::Empty),
            Some(b'[') => Head::of_array(text, start, complete),
            Some(_) => Head::of_value(text, start, complete),
        };
        if head.shape == HeadShape::NotJson {
            head.magic = magic(bytes);
        }
        head.bytes = bytes.to_vec();
        head
    }

    /// What an archive shows: the names of the files in it.
    ///
    /// ```
    /// use tracemill_sources::{Detection, Head, detect};
    /// let head = Head::of_archive(["header.json", "samples/1_epoch_1.json"]);
    /// assert!(matches!(detect(&head), Detection::One { info, .. } if info.name() == "inspect"));
    /// ```
    pub fn of_archive<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut head = Head::without_record(HeadShape::Archive);
        head.members = names.into_iter().map(Into::into).collect();
        head
    }

    /// The names of the files in an archive.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    /// How the file is laid out.
    pub fn shape(&self) -> HeadShape {
        self.shape
    }

    /// Whether the first record has this JSON pointer.
    pub fn has(&self, pointer: &str) -> bool {
        self.kind(pointer).is_some()
    }

    /// The type of the value at this JSON pointer of the first record; `""` is the record.
    pub fn kind(&self, pointer: &str) -> Option<Kind> {
        self.node(pointer).map(|node| node.kind)
    }

    /// The string at this JSON pointer of the first record, if it is a short one.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.node(pointer)?.text.as_deref()
    }

    /// Whether these characters stand somewhere in the beginning: for names that are values, deep in lists.
    pub fn mentions(&self, needle: &str) -> bool {
        !needle.is_empty() && memmem::find(&self.bytes, needle.as_bytes()).is_some()
    }

    /// Takes what looks like a long first line for what it is: one object, of which no other line follows.
    #[must_use]
    pub fn as_document(mut self) -> Self {
        if self.shape == HeadShape::Lines {
            self.shape = HeadShape::Document;
            self.single = true;
        }
        self
    }

    /// The keys of the first record, in order.
    pub fn record_keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// Whether the first record ends within the beginning, so that what was not seen is not there.
    pub fn is_whole_record(&self) -> bool {
        self.ended
    }

    /// Whether the file may be one single value.
    pub(crate) fn is_single(&self) -> bool {
        self.single
    }

    /// What the bytes are known to be if they are not JSON.
    pub(crate) fn magic(&self) -> Option<&'static str> {
        self.magic
    }

    fn node(&self, pointer: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.pointer == pointer)
    }

    fn without_record(shape: HeadShape) -> Self {
        Head {
            shape,
            ended: true,
            single: true,
            magic: None,
            keys: Vec::new(),
            nodes: Vec::new(),
            bytes: Vec::new(),
            members: Vec::new(),
        }
    }

    /// An array is one document of records, unless it is only the first line.
    fn of_array(text: &[u8], start: usize, complete: bool) -> Self {
        let mut whole = Scan::new(text, start);
        if whole.skip().is_ok() && whole.more_lines() {
            return Head::of_value(text, start, complete);
        }
        let mut scan = Scan::new(text, start + 1);
        if scan.next_byte() == Some(b']') {
            return Head::without_record(HeadShape::Array);
        }
        let result = scan.record();
        if result == Err(Stop::Broken) && scan.nodes.is_empty() {
            return Head::without_record(HeadShape::NotJson);
        }
        Head::from_scan(HeadShape::Array, scan, result.is_ok(), true)
    }

    /// Anything but an array: one line of many, or a document.
    fn of_value(text: &[u8], start: usize, complete: bool) -> Self {
        let mut scan = Scan::new(text, start);
        let result = scan.record();
        let broken = result == Err(Stop::Broken);
        if broken && scan.nodes.len() < 2 || !scan.at_line_end() && !scan.is_container() {
            return Head::without_record(HeadShape::NotJson);
        }
        let one_line = !text[start..scan.at()].contains(&b'\n');
        let shape = if one_line {
            HeadShape::Lines
        } else {
            HeadShape::Document
        };
        let single = result.is_err() || complete && !scan.more_lines();
        Head::from_scan(shape, scan, result.is_ok(), single)
    }

    fn from_scan(shape: HeadShape, scan: Scan<'_>, ended: bool, single: bool) -> Self {
        Head {
            shape,
            ended,
            single,
            magic: None,
            keys: scan.keys,
            nodes: scan.nodes,
            bytes: Vec::new(),
            members: Vec::new(),
        }
    }
}

/// Files that are met where JSON is expected, by their first bytes, and what to do about each.
const MAGIC: [(&[u8], &str); 7] = [
    (
        b"\x1f\x8b",
        "it is compressed with gzip: its name must end in `.gz`",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "it is compressed with Zstandard: its name must end in `.zst`",
    ),
    (b"PK\x03\x04", "it is a ZIP archive: unpack it first"),
    (b"PAR1", "it is a Parquet file: write it as JSON Lines first"),
    (
        b"SQLite format 3",
        "it is an SQLite database: export it as JSON Lines first",
    ),
    (b"\xff\xfe", "it is UTF-16: write it as UTF-8 first"),
    (b"\xfe\xff", "it is UTF-16: write it as UTF-8 first"),
];

fn magic(bytes: &[u8]) -> Option<&'static str> {
    MAGIC
        .iter()
        .find(|(prefix, _)| bytes.starts_with(prefix))
        .map(|&(_, what)| what)
}
