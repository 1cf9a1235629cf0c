//! JSON pointers (RFC 6901).

use crate::error::{Error, ErrorKind};

/// A parsed JSON pointer: the keys and indexes on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    tokens: Vec<String>,
}

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix('/') else {
            if text.is_empty() {
                return Ok(Pointer {
                    text: String::new(),
                    tokens: Vec::new(),
                });
            }
            let message = format!("`{text}` is not a JSON pointer; it must begin with `/`");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        // The order matters: `~01` is `~1`, not `/`.
        let tokens = rest
            .split('/')
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect();
        Ok(Pointer {
            text: text.to_owned(),
            tokens,
        })
    }

    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// How a message calls the value that the first `depth` tokens lead to.
    pub(crate) fn above(&self, depth: usize) -> String {
        let end = self
            .text
            .match_indices('/')
            .nth(depth)
            .map_or(self.text.len(), |(at, _)| at);
        described(&self.text[..end])
    }

    /// How a message calls the value: the pointer in backticks, or the document.
    pub(crate) fn described(&self) -> String {
        described(&self.text)
    }
}

fn described(pointer: &str) -> String {
    if pointer.is_empty() {
        "the document".to_owned()
    } else {
        format!("`{pointer}`")
    }
}

/// The index that a token means inside an array.
pub(crate) fn index(token: &str) -> Option<u64> {
    let is_number =
        token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number { token.parse().ok() } else { None }
}

/// Whether the key written as `raw` between its quotes is `token`.
pub(crate) fn key_is(raw: &[u8], token: &str) -> bool {
    if memchr::memchr(b'\\', raw).is_none() {
        raw == token.as_bytes()
    } else {
        unescape(raw) == token
    }
}

/// The text of a key; what is not valid becomes U+FFFD, which is enough to compare and to show.
pub(crate) fn unescape(raw: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::new();
    let text = String::from_utf8_lossy(raw);
    let mut chars = text.chars();
    let mut pair = [0; 2];
    while let Some(char) = chars.next() {
        let char = if char == '\\' {
            chars.next().unwrap_or(char)
        } else {
            units.extend(&*char.encode_utf16(&mut pair));
            continue;
        };
        let unescaped = match char {
            'u' => {
                let digits: String = chars.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD));
                continue;
            }
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        };
        units.extend(&*unescaped.encode_utf16(&mut pair));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_unescaped() {
        let tokens = |text: &str| Pointer::parse(text).map(|pointer| pointer.tokens).ok();
        assert_eq!(tokens(""), Some(vec![]));
        assert_eq!(tokens("/"), Some(vec![String::new()]));
        assert_eq!(
            tokens("/a~1b/m~0n/~01"),
            Some(vec!["a/b".into(), "m~n".into(), "~1".into()])
        );
        assert_eq!(tokens("a"), None);
    }

    #[test]
    fn indexes_have_no_leading_zero() {
        assert_eq!(
            ["0", "10", "01", "", "-", "1e1", "+1"].map(index),
            [Some(0), Some(10), None, None, None, None, None]
        );
    }

    #[test]
    fn keys_are_compared_unescaped() {
        assert!(key_is(br"a", "a"));
        assert!(key_is(br"\u0061\n\ud83d\ude00\/", "a\n\u{1F600}/"));
        assert!(!key_is(br"\u0062", "a"));
        assert_eq!(unescape(b"\\"), "\\");
        assert_eq!(unescape(br"\u12"), "\u{12}");
    }
}
