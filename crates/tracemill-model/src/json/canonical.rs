//! One spelling for every string.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::escape::{self, Piece, pieces};
use super::scan;

/// Characters that some line readers take for line ends although JSON lets them stand unescaped: NEXT LINE,
/// LINE SEPARATOR, PARAGRAPH SEPARATOR. (Python's `str.splitlines`, and with it `ray.data.read_text`, splits there.)
const SEPARATORS: [(&str, &str); 3] = [
    ("\u{85}", "\\u0085"),
    ("\u{2028}", "\\u2028"),
    ("\u{2029}", "\\u2029"),
];

/// The first bytes of the separators.
const LEADS: (u8, u8) = (0xc2, 0xe2);

/// The separator at the beginning of `text`, with its escape.
fn separator(text: &[u8]) -> Option<(&'static str, &'static str)> {
    SEPARATORS
        .into_iter()
        .find(|(raw, _)| text.starts_with(raw.as_bytes()))
}

/// The offset of the first of the three characters at or after `from`; the length of `text` if there is none.
pub(super) fn next_separator(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let found = memchr::memchr2_iter(LEADS.0, LEADS.1, rest).find(|&at| separator(&rest[at..]).is_some());
    found.map_or(text.len(), |at| from + at)
}

/// Where the canonical spelling goes: a `String`, or the bytes of a record.
pub(super) trait Sink {
    fn put(&mut self, text: &str);
}

impl Sink for String {
    #[inline]
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Appends the canonical spelling of `decoded` as the inside of a JSON string.
pub(super) fn escape_into(decoded: &str, out: &mut impl Sink) {
    let mut clean = 0;
    let mut separator = next_separator(decoded, 0);
    loop {
        let at = scan::special(decoded.as_bytes(), clean);
        while separator < at {
            clean = put_separator(decoded, clean, separator, out);
            separator = next_separator(decoded, clean);
        }
        out.put(&decoded[clean..at]);
        let Some(&byte) = decoded.as_bytes().get(at) else {
            return;
        };
        escape::put_special(byte, out);
        clean = at + 1;
    }
}

/// Appends what stands from `clean` to the separator at `at`, and that escaped; gives the offset behind it.
#[cold]
fn put_separator(text: &str, clean: usize, at: usize, out: &mut impl Sink) -> usize {
    out.put(&text[clean..at]);
    let Some((raw, escaped)) = separator(&text.as_bytes()[at..]) else {
        return at;
    };
    out.put(escaped);
    at + raw.len()
}

/// The canonical inside of a JSON string that decodes to `decoded`; borrowed when nothing needs an escape.
pub(super) fn escape(decoded: Cow<'_, str>) -> Cow<'_, str> {
    let length = decoded.len();
    if scan::special(decoded.as_bytes(), 0) == length && next_separator(&decoded, 0) == length {
        return decoded;
    }
    let mut body = String::with_capacity(length + length / 16 + 8);
    escape_into(&decoded, &mut body);
    Cow::Owned(body)
}

/// The canonical form of a body that lacks it only where it holds separators.
pub(super) fn escape_separators(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 16);
    let (mut clean, mut at) = (0, next_separator(body, 0));
    while at < body.len() {
        clean = put_separator(body, clean, at, &mut out);
        at = next_separator(body, clean);
    }
    out.push_str(&body[clean..]);
    out
}

/// Appends what a validated string body decodes to.
///
/// Escapes stand close together in JSON that became a string, so they are searched for lane by lane: a call for each run costs
/// more than it finds.
pub(super) fn decode_into(body: &str, out: &mut String) {
    let mut clean = 0;
    loop {
        // A body holds neither bare quotes nor control characters: what is special is a backslash.
        let at = scan::special(body.as_bytes(), clean);
        out.push_str(&body[clean..at]);
        if at >= body.len() {
            return;
        }
        let (character, length) = escape::first(&body[at..]);
        out.push(character);
        clean = at + length;
    }
}

/// Whether a validated string body decodes to `text`.
#[inline]
pub(super) fn decodes_to(body: &str, text: &str) -> bool {
    // An escape is longer than what it stands for.
    match body.len().cmp(&text.len()) {
        Ordering::Less => false,
        Ordering::Equal => body == text && !body.contains('\\'),
        Ordering::Greater => {
            // Where the two part there must be an escape, and nearly always that is at once.
            let mut pairs = body.bytes().zip(text.bytes());
            let same = pairs.position(|(a, b)| a != b).unwrap_or(text.len());
            body.as_bytes()[same] == b'\\' && decodes_to_escaped(body, text)
        }
    }
}

fn decodes_to_escaped(body: &str, text: &str) -> bool {
    let mut rest = text;
    let matches = pieces(body).all(|piece| {
        let left = match piece {
            Piece::Run(run) => rest.strip_prefix(run),
            Piece::Character(character) => rest.strip_prefix(character),
        };
        rest = left.unwrap_or_default();
        left.is_some()
    });
    matches && rest.is_empty()
}
