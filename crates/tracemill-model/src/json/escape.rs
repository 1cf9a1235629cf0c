//! Escapes: reading those of JSON, writing the canonical ones.

use super::canonical::Sink;

/// The value of each hexadecimal digit; of any other byte, [`NO_DIGIT`].
const DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        table[HEX[digit as usize] as usize] = digit;
        table[HEX[digit as usize].to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    table
};
const HEX: &[u8; 16] = b"0123456789abcdef";
const NO_DIGIT: u8 = 0xff;

/// The number that four hexadecimal digits stand for; `None` if one of them is none.
#[inline]
pub(super) fn hex4(digits: [u8; 4]) -> Option<u32> {
    let values = digits.map(|digit| DIGITS[usize::from(digit)]);
    let number = values
        .iter()
        .fold(0, |number, &value| number << 4 | u32::from(value & 0xf));
    (values.iter().all(|&value| value != NO_DIGIT)).then_some(number)
}

/// The character behind a pair of surrogates; `None` if they are not a high and a low one.
#[inline]
pub(super) fn pair(high: u32, low: u32) -> Option<char> {
    let (high, low) = (high.wrapping_sub(0xd800), low.wrapping_sub(0xdc00));
    if high < 0x400 && low < 0x400 {
        char::from_u32(0x1_0000 + (high << 10) + low)
    } else {
        None
    }
}

/// Whether `\uXXXX` is how the canonical form spells the character: in lower case, and there is no shorter way.
#[inline]
pub(super) fn is_canonical(character: char, digits: [u8; 4]) -> bool {
    let escaped = match character {
        '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => false,
        '\0'..' ' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
        _ => false,
    };
    escaped && !digits.iter().any(u8::is_ascii_uppercase)
}

/// Appends the escape of a quote, a backslash or a control character.
pub(super) fn put_special(byte: u8, out: &mut impl Sink) {
    let short = match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x8 => "\\b",
        0xc => "\\f",
        _ => return put_unicode(byte, out),
    };
    out.put(short);
}

fn put_unicode(byte: u8, out: &mut impl Sink) {
    let digit = |value: u8| char::from(HEX[usize::from(value & 0xf)]);
    let mut buffer = [0; 2];
    out.put("\\u00");
    out.put(digit(byte >> 4).encode_utf8(&mut buffer));
    out.put(digit(byte).encode_utf8(&mut buffer));
}

/// Appends the canonical spelling of one character.
pub(super) fn put_character(character: char, out: &mut String) {
    match character {
        '"' | '\\' | '\0'..' ' => put_special(character as u8, out),
        '\u{85}' => out.push_str("\\u0085"),
        '\u{2028}' => out.push_str("\\u2028"),
        '\u{2029}' => out.push_str("\\u2029"),
        _ => out.push(character),
    }
}

/// What a string body is made of, decoded.
pub(super) enum Piece<'a> {
    /// Characters without an escape.
    Run(&'a str),
    /// A character that was escaped.
    Character(char),
}

/// The pieces of a *validated* string body, in order.
///
/// Bodies are checked when they are read, so nothing can fail here; a malformed escape, which cannot occur, would
/// come out as U+FFFD rather than panic.
pub(super) fn pieces(body: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let piece = match memchr::memchr(b'\\', rest.as_bytes()) {
            _ if rest.is_empty() => return None,
            Some(0) => {
                let (character, length) = first(rest);
                rest = rest.get(length..).unwrap_or_default();
                return Some(Piece::Character(character));
            }
            found => rest.split_at(found.unwrap_or(rest.len())),
        };
        rest = piece.1;
        Some(Piece::Run(piece.0))
    })
}

/// The character of the escape with which `text` begins, and how many bytes it takes.
pub(super) fn first(text: &str) -> (char, usize) {
    let character = match text.as_bytes().get(1) {
        Some(b'u') => return first_unicode(text.as_bytes()),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&other) if other.is_ascii() => char::from(other),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (character, 2)
}

fn first_unicode(text: &[u8]) -> (char, usize) {
    let number = |at: usize| text.get(at..)?.first_chunk().copied().and_then(hex4);
    let Some(high) = number(2) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    match char::from_u32(high) {
        Some(character) => (character, 6),
        None => match number(8).and_then(|low| pair(high, low)) {
            Some(character) => (character, 12),
            None => (char::REPLACEMENT_CHARACTER, 6),
        },
    }
}
