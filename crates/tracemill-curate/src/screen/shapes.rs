//! The shapes of keys that services hand out.

use super::{Found, Screen};

/// How a key begins, which bytes follow, and how many at the least and at the most.
///
/// Prefixes, alphabets and lengths are those of the plugins of detect-secrets 1.5.0, and for those it has no plugin for, of
/// the services' documentation; GitHub's may be longer than they are today, as it announced.
#[derive(Debug)]
pub(super) struct Shape {
    code: &'static str,
    pub(super) prefix: &'static str,
    body: fn(u8) -> bool,
    least: usize,
    most: usize,
}

const fn shape(
    code: &'static str,
    prefix: &'static str,
    body: fn(u8) -> bool,
    least: usize,
    most: usize,
) -> Shape {
    Shape {
        code,
        prefix,
        body,
        least,
        most,
    }
}

const ANY: usize = usize::MAX;

pub(super) const SHAPES: [Shape; 26] = [
    shape("aws-key", "AKIA", upper_or_digit, 16, 16),
    shape("aws-key", "ASIA", upper_or_digit, 16, 16),
    shape("github-token", "ghp_", alphanumeric, 36, ANY),
    shape("github-token", "gho_", alphanumeric, 36, ANY),
    shape("github-token", "ghu_", alphanumeric, 36, ANY),
    shape("github-token", "ghs_", alphanumeric, 36, ANY),
    shape("github-token", "ghr_", alphanumeric, 36, ANY),
    shape("github-token", "github_pat_", word, 22, ANY),
    shape("gitlab-token", "glpat-", word, 20, 50),
    shape("google-key", "AIza", word, 35, 35),
    shape("hugging-face-token", "hf_", alphanumeric, 34, ANY),
    // The longer prefix first: of those that begin at one place the first counts.
    shape("anthropic-key", "sk-ant-", word, 32, ANY),
    shape("openai-key", "sk-", word, 32, ANY),
    shape("stripe-key", "sk_live_", alphanumeric, 24, ANY),
    shape("stripe-key", "rk_live_", alphanumeric, 24, ANY),
    shape("slack-token", "xoxa-", word, 20, ANY),
    shape("slack-token", "xoxb-", word, 20, ANY),
    shape("slack-token", "xoxo-", word, 20, ANY),
    shape("slack-token", "xoxp-", word, 20, ANY),
    shape("slack-token", "xoxr-", word, 20, ANY),
    shape("slack-token", "xoxs-", word, 20, ANY),
    shape("slack-webhook", "hooks.slack.com/services/T", path, 20, ANY),
    shape("npm-token", "npm_", alphanumeric, 36, 36),
    shape("pypi-token", "pypi-AgEIcHlwaS5vcmc", word, 70, ANY),
    shape("sendgrid-key", "SG.", dotted, 66, 66),
    shape("square-key", "sq0csp-", word, 43, 43),
];

fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// Whether a key can begin at `start`: not inside of a word. The byte behind a backslash belongs to an escape, not to a word.
pub(super) fn begins(bytes: &[u8], start: usize) -> bool {
    let before = |back: usize| start.checked_sub(back).map(|at| bytes[at]);
    match before(1) {
        None => true,
        Some(byte) if !word(byte) => true,
        Some(b'n' | b't' | b'r' | b'b' | b'f') => before(2) == Some(b'\\'),
        Some(_) => false,
    }
}

fn count(bytes: &[u8], is: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| is(byte)).count()
}

impl Shape {
    /// The key whose prefix begins at `start`, if it is one.
    pub(super) fn at(&self, text: &str, start: usize) -> Option<Found> {
        let bytes = text.as_bytes();
        let body = &bytes[start + self.prefix.len()..];
        let length = count(body, self.body);
        let body = &body[..length];
        // Words joined by hyphens look like keys, but have no digits; keys without letters are numbers.
        let mixed = body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic);
        // A host name stands behind `//`, which begins a word anyway.
        let fits = begins(bytes, start) && mixed && (self.least..=self.most).contains(&length);
        fits.then(|| {
            Found::new(
                Screen::Secret,
                self.code,
                start..start + self.prefix.len() + length,
            )
        })
    }
}

pub(super) const PEM: &str = "-----BEGIN ";

/// A private key in PEM: to its end, or as far as it goes.
pub(super) fn private_key(text: &str, start: usize) -> Option<Found> {
    const DASHES: &str = "-----";
    let label = start + PEM.len();
    let end = label + text[label..].find(DASHES)?;
    let body = end + DASHES.len();
    // PGP says `PRIVATE KEY BLOCK`.
    let name = text[label..end].trim_end_matches(" BLOCK");
    if !name.ends_with("PRIVATE KEY") || text[body..].trim_start().len() <= 40 {
        return None;
    }
    let rest = &text[body..];
    let closes = rest.find("-----END ").and_then(|at| {
        let from = at + "-----END ".len();
        Some(from + rest[from..].find(DASHES)? + DASHES.len())
    });
    // One that is cut off ends with its letters, line ends and their escapes.
    let cut = || {
        let part = |byte: u8| base64(byte) || b"=\\ \r\n".contains(&byte);
        let length = rest.bytes().take_while(|&byte| part(byte)).count();
        // A backslash at the end escapes what comes behind it.
        rest[..length].trim_end_matches('\\').len()
    };
    let length = closes.unwrap_or_else(cut);
    (length > 40).then(|| Found::new(Screen::Secret, "private-key", start..body + length))
}

pub(super) const JWT: &str = "eyJ";

/// A JSON web token: three parts in the URL's base64, of which two begin as JSON objects do.
pub(super) fn web_token(text: &str, start: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut part = |dot: bool, begins: &[u8]| {
        let own = bytes[at..].strip_prefix(begins)?;
        let length = begins.len() + count(own, word);
        at += length;
        if dot && bytes.get(at) != Some(&b'.') || length < 10 {
            return None;
        }
        at += usize::from(dot);
        Some(())
    };
    part(true, JWT.as_bytes())?;
    part(true, JWT.as_bytes())?;
    part(false, b"")?;
    begins(bytes, start).then(|| Found::new(Screen::Secret, "web-token", start..at))
}

pub(super) const AWS: [&str; 2] = ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"];

/// A secret key of AWS, which has no shape of its own: forty letters behind its name.
pub(super) fn aws_secret(text: &str, start: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let name = start + AWS[0].len();
    let between = count(&bytes[name..], |byte| b"=:\"'\\ \t".contains(&byte));
    let key = name + between;
    let length = count(&bytes[key..], base64);
    let fits = (1..=8).contains(&between) && length == 40;
    fits.then(|| Found::new(Screen::Secret, "aws-secret", key..key + length))
}
