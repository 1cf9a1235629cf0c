//! One spelling for every string.

use std::borrow::Cow;

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

/// Whether `text` holds one of the three characters that the canonical form escapes and JSON does not.
pub(super) fn has_separator(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(LEADS.0, LEADS.1, bytes).any(|at| separator(&bytes[at..]).is_some())
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
    loop {
        let stop = scan::special(decoded.as_bytes(), clean);
        put_run(&decoded[clean..stop.at], stop.ascii, out);
        let Some(&byte) = decoded.as_bytes().get(stop.at) else {
            return;
        };
        escape::put_special(byte, out);
        clean = stop.at + 1;
    }
}

/// Appends characters of which none but the separators needs an escape.
#[inline]
fn put_run(run: &str, ascii: bool, out: &mut impl Sink) {
    if ascii {
        out.put(run);
    } else {
        put_non_ascii(run, out);
    }
}

fn put_non_ascii(run: &str, out: &mut impl Sink) {
    let mut clean = 0;
    for at in memchr::memchr2_iter(LEADS.0, LEADS.1, run.as_bytes()) {
        if let Some((raw, escaped)) = separator(&run.as_bytes()[at..]) {
            out.put(&run[clean..at]);
            out.put(escaped);
            clean = at + raw.len();
        }
    }
    out.put(&run[clean..]);
}

/// The canonical inside of a JSON string that decodes to `decoded`; borrowed when nothing needs an escape.
pub(super) fn escape(decoded: Cow<'_, str>) -> Cow<'_, str> {
    let stop = scan::special(decoded.as_bytes(), 0);
    if stop.at == decoded.len() && (stop.ascii || !has_separator(&decoded)) {
        return decoded;
    }
    let mut body = String::with_capacity(decoded.len() + decoded.len() / 16 + 8);
    escape_into(&decoded, &mut body);
    Cow::Owned(body)
}

/// Appends the canonical spelling of a *validated* string body: what is canonical already is copied in runs, the rest
/// is spelled anew.
pub(super) fn respell_into(body: &str, out: &mut String) {
    let (mut clean, mut at) = (0, 0);
    while let Some(found) = next_suspect(body.as_bytes(), at) {
        let (length, spelling) = suspect(&body[found..]);
        at = found + length;
        if let Some(spelling) = spelling {
            out.push_str(&body[clean..found]);
            escape::put_character(spelling, out);
            clean = at;
        }
    }
    out.push_str(&body[clean..]);
}

/// The length of the escape or character with which `text` begins, and what it stands for if it may have to be
/// spelled anew.
#[inline]
fn suspect(text: &str) -> (usize, Option<char>) {
    match text.as_bytes() {
        [b'\\', b'u' | b'/', ..] => {
            let (character, length) = escape::first(text);
            (length, Some(character))
        }
        [b'\\', ..] => (2, None),
        bytes => {
            let character = text.chars().next().filter(|_| separator(bytes).is_some());
            (character.map_or(1, char::len_utf8), character)
        }
    }
}

/// The offset of the next byte at or after `at` with which an odd spelling may begin.
#[inline]
fn next_suspect(bytes: &[u8], at: usize) -> Option<usize> {
    // Texts in other scripts, written in ASCII, are one escape behind another.
    if bytes.get(at) == Some(&b'\\') {
        return Some(at);
    }
    let rest = bytes.get(at..)?;
    memchr::memchr3(b'\\', LEADS.0, LEADS.1, rest).map(|found| at + found)
}

/// The canonical spelling of a validated string body that is not canonical as it is.
#[cold]
#[inline(never)]
pub(super) fn respell(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    respell_into(body, &mut out);
    out
}

/// Appends what a validated string body decodes to.
pub(super) fn decode_into(body: &str, out: &mut String) {
    for piece in pieces(body) {
        match piece {
            Piece::Run(run) => out.push_str(run),
            Piece::Character(character) => out.push(character),
        }
    }
}

/// Whether a validated string body decodes to `text`.
pub(super) fn decodes_to(body: &str, text: &str) -> bool {
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
