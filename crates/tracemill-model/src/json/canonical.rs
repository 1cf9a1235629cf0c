//! One spelling for every string and every value: the slow path for what did not arrive in it.

use std::borrow::Cow;

/// Characters that some line readers take for line ends although JSON lets them stand unescaped: NEXT LINE,
/// LINE SEPARATOR, PARAGRAPH SEPARATOR. (Python's `str.splitlines`, and with it `ray.data.read_text`, splits there.)
const SEPARATORS: [&str; 3] = ["\u{85}", "\u{2028}", "\u{2029}"];

/// Whether `text` holds one of the three characters that the canonical form escapes and JSON does not.
pub(super) fn has_separator(text: &str) -> bool {
    // All three begin with one of two bytes; text without them (nearly all English text) is answered in one pass.
    memchr::memchr2(0xc2, 0xe2, text.as_bytes()).is_some_and(|first| {
        let rest = &text.as_bytes()[first..];
        SEPARATORS
            .iter()
            .any(|separator| memchr::memmem::find(rest, separator.as_bytes()).is_some())
    })
}

/// Appends the canonical spelling of `decoded` as the inside of a JSON string.
pub(super) fn escape_into(decoded: &str, out: &mut String) {
    escape_each(decoded, |piece| out.push_str(piece));
}

/// The same, into bytes.
pub(super) fn escape_into_bytes(decoded: &str, out: &mut Vec<u8>) {
    escape_each(decoded, |piece| out.extend_from_slice(piece.as_bytes()));
}

/// Calls `put` with the pieces of the canonical spelling, in order.
fn escape_each(decoded: &str, mut put: impl FnMut(&str)) {
    let mut clean = 0;
    for (at, character) in decoded.char_indices() {
        let Some([escape, digit]) = escape_of(character) else {
            continue;
        };
        put(&decoded[clean..at]);
        put(escape);
        put(digit);
        clean = at + character.len_utf8();
    }
    put(&decoded[clean..]);
}

/// The canonical inside of a JSON string that decodes to `decoded`; borrowed when nothing needs an escape.
pub(super) fn escape(decoded: Cow<'_, str>) -> Cow<'_, str> {
    if !needs_escape(&decoded) {
        return decoded;
    }
    let mut body = String::with_capacity(decoded.len() + decoded.len() / 16 + 8);
    escape_into(&decoded, &mut body);
    Cow::Owned(body)
}

fn needs_escape(decoded: &str) -> bool {
    super::scan::special(decoded.as_bytes(), 0) < decoded.len() || has_separator(decoded)
}

/// The escape of a character that cannot stand for itself, in two pieces: the second is the last digit, if any.
fn escape_of(character: char) -> Option<[&'static str; 2]> {
    const DIGITS: &str = "0123456789abcdef";
    let short = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\u{85}' => "\\u0085",
        '\u{2028}' => "\\u2028",
        '\u{2029}' => "\\u2029",
        control if control < ' ' => {
            let (high, low) = (control as usize / 16, control as usize % 16);
            let start = if high == 0 { "\\u000" } else { "\\u001" };
            return Some([start, &DIGITS[low..=low]]);
        }
        _ => return None,
    };
    Some([short, ""])
}

/// Appends what a *validated* string body decodes to.
///
/// Bodies are checked when they are read, so nothing can fail here; a malformed escape, which cannot occur, would
/// come out as U+FFFD rather than panic.
pub(super) fn unescape_into(body: &str, out: &mut String) {
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (character, used) = unescape_one(rest);
        out.push(character);
        rest = rest.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// The character of one escape whose backslash is already consumed, and how many bytes it took.
fn unescape_one(rest: &str) -> (char, usize) {
    match rest.as_bytes().first() {
        Some(b'n') => ('\n', 1),
        Some(b't') => ('\t', 1),
        Some(b'r') => ('\r', 1),
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'u') => unescape_unicode(rest),
        Some(&other) if other.is_ascii() => (char::from(other), 1),
        _ => (char::REPLACEMENT_CHARACTER, 0),
    }
}

fn unescape_unicode(rest: &str) -> (char, usize) {
    let unit = |at: usize| {
        rest.get(at..at + 4)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    let Some(high) = unit(1) else {
        return (char::REPLACEMENT_CHARACTER, 1);
    };
    if let Some(character) = char::from_u32(high) {
        return (character, 5);
    }
    let pair = unit(7).map(|low| 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff));
    (
        pair.and_then(char::from_u32)
            .unwrap_or(char::REPLACEMENT_CHARACTER),
        11,
    )
}

/// The canonical spelling of a validated string body.
pub(super) fn canonical_body(body: &str) -> Cow<'_, str> {
    if is_canonical(body) {
        return Cow::Borrowed(body);
    }
    let mut canonical = String::with_capacity(body.len());
    respell_into(body, &mut canonical);
    Cow::Owned(canonical)
}

/// Whether a validated string body is spelled canonically: only short escapes, no separators.
///
/// A `\u` escape counts as not canonical although a control character has no other: writing it again gives the same.
fn is_canonical(body: &str) -> bool {
    let bytes = body.as_bytes();
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &bytes[at..]) {
        if matches!(bytes.get(at + backslash + 1), Some(b'u' | b'/')) {
            return false;
        }
        at = (at + backslash + 2).min(bytes.len());
    }
    !has_separator(body)
}

/// Appends the canonical spelling of a validated string body.
fn respell_into(body: &str, out: &mut String) {
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        escape_into(&rest[..at], out);
        rest = &rest[at + 1..];
        let (character, used) = unescape_one(rest);
        escape_into(character.encode_utf8(&mut [0; 4]), out);
        rest = rest.get(used..).unwrap_or_default();
    }
    escape_into(rest, out);
}

/// Appends the canonical spelling of a validated JSON value: no white space between tokens, canonical strings,
/// numbers as they were written.
pub(super) fn canonical_value_into(value: &str, out: &mut String) {
    let mut at = 0;
    while let Some(&byte) = value.as_bytes().get(at) {
        if byte == b'"' {
            let end = string_end(value, at + 1);
            let body = &value[at + 1..end];
            out.push('"');
            if is_canonical(body) {
                out.push_str(body);
            } else {
                respell_into(body, out);
            }
            out.push('"');
            at = end + 1;
        } else {
            // Outside strings a valid value is ASCII, so runs between quotes can be copied without the white space.
            let run = memchr::memchr(b'"', &value.as_bytes()[at..]).map_or(value.len(), |n| at + n);
            out.extend(value[at..run].chars().filter(|c| !c.is_ascii_whitespace()));
            at = run;
        }
    }
}

fn string_end(value: &str, mut at: usize) -> usize {
    let bytes = value.as_bytes();
    loop {
        at = super::scan::special(bytes, at);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            _ => return at.min(bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn every_spelling_of_a_character_becomes_the_canonical_one() {
        for code in (0..0x300).chain(0x2020..0x2030).chain(0x1f600..0x1f604) {
            let character = char::from_u32(code).unwrap();
            let mut canonical = String::new();
            escape_into(&format!("a{character}b"), &mut canonical);
            assert_eq!(
                serde_json::from_str::<String>(&format!("\"{canonical}\"")).unwrap(),
                format!("a{character}b")
            );
            let mut escapes = String::new();
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escapes, "\\u{unit:04X}").unwrap();
            }
            assert_eq!(canonical_body(&format!("a{escapes}b")), canonical, "U+{code:04X}");
            assert_eq!(canonical_body(&canonical), canonical);
        }
    }

    #[test]
    fn values_lose_white_space_between_tokens_alone() {
        let mut out = String::new();
        canonical_value_into("{ \"a \\u0041\" :\t[ 1.0 , \"\\/ \\\" ,\" ,null ]\n}", &mut out);
        assert_eq!(out, "{\"a A\":[1.0,\"/ \\\" ,\",null]}");
    }
}
