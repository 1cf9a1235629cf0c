//! What should not be in a text that a model is trained on.

use tracemill_model::Trace;

use crate::text::texts;

/// What is looked for inside of texts: contents, reasoning, and arguments of calls.
///
/// ```
/// use tracemill_curate::Screen;
/// assert_eq!(Screen::SpecialToken.find("a <|im_end|> b"), Some(2..12));
/// assert_eq!(Screen::Email.find("write to ana@firm.io."), Some(9..20));
/// assert_eq!(Screen::Secret.find("sk-learn is no key"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Screen {
    /// A key in a well-known shape: AWS, GitHub, Google, Hugging Face, OpenAI and Anthropic, Slack, Stripe, and private keys in PEM.
    Secret,
    /// An e-mail address; those of reserved domains (RFC 2606), such as `example.com`, are nobody's.
    Email,
    /// A token that divides turns in the template of some model, such as `<|im_end|>`.
    SpecialToken,
}

impl Screen {
    /// Where it first is in a text, in bytes.
    pub fn find(self, text: &str) -> Option<std::ops::Range<usize>> {
        match self {
            Screen::Secret => secret(text),
            Screen::Email => email(text),
            Screen::SpecialToken => special_token(text),
        }
    }

    /// Whether it is anywhere in a trace.
    pub fn is_in(self, trace: &Trace<'_>) -> bool {
        let mut text = String::new();
        trace.messages().iter().any(|message| {
            let mut found = false;
            texts(message, |said| {
                // Without a backslash the text stands for itself.
                found = found
                    || if said.body().contains('\\') {
                        text.clear();
                        said.decode_into(&mut text);
                        self.find(&text).is_some()
                    } else {
                        self.find(said.body()).is_some()
                    };
            });
            found
        })
    }
}

/// How a key begins, which bytes follow, and how many at the least and at the most.
struct Shape {
    prefix: &'static str,
    body: fn(u8) -> bool,
    least: usize,
    most: usize,
}

const fn shape(prefix: &'static str, body: fn(u8) -> bool, least: usize, most: usize) -> Shape {
    Shape {
        prefix,
        body,
        least,
        most,
    }
}

const ANY: usize = usize::MAX;

const SHAPES: [Shape; 15] = [
    shape("AKIA", upper_or_digit, 16, 16),
    shape("ASIA", upper_or_digit, 16, 16),
    shape("ghp_", alphanumeric, 36, ANY),
    shape("gho_", alphanumeric, 36, ANY),
    shape("ghu_", alphanumeric, 36, ANY),
    shape("ghs_", alphanumeric, 36, ANY),
    shape("ghr_", alphanumeric, 36, ANY),
    shape("github_pat_", word, 22, ANY),
    shape("AIza", word, 35, 35),
    shape("hf_", alphanumeric, 34, ANY),
    shape("sk-", word, 32, ANY),
    shape("sk_live_", alphanumeric, 24, ANY),
    shape("rk_live_", alphanumeric, 24, ANY),
    shape("xoxb-", word, 20, ANY),
    shape("xoxp-", word, 20, ANY),
];

fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn secret(text: &str) -> Option<std::ops::Range<usize>> {
    let shaped = SHAPES.iter().filter_map(|shape| shape.find(text));
    shaped.chain(private_key(text)).min_by_key(|range| range.start)
}

impl Shape {
    fn find(&self, text: &str) -> Option<std::ops::Range<usize>> {
        let bytes = text.as_bytes();
        text.match_indices(self.prefix).find_map(|(start, _)| {
            let begins = start == 0 || !word(bytes[start - 1]);
            let body = &bytes[start + self.prefix.len()..];
            let length = body.iter().take_while(|&&byte| (self.body)(byte)).count();
            let body = &body[..length];
            // Words joined by hyphens look like keys, but have no digits; keys without letters are numbers.
            let mixed = body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic);
            let fits = begins && mixed && (self.least..=self.most).contains(&length);
            fits.then(|| start..start + self.prefix.len() + length)
        })
    }
}

fn private_key(text: &str) -> Option<std::ops::Range<usize>> {
    text.match_indices("-----BEGIN ").find_map(|(start, begin)| {
        let rest = &text[start + begin.len()..];
        let end = rest.find("-----")?;
        let is_key = rest[..end].ends_with("PRIVATE KEY") && rest[end + 5..].trim_start().len() > 40;
        is_key.then(|| start..start + begin.len() + end + 5)
    })
}

/// Endings of files, which stand behind an `@` in names such as `icon@2x.png`.
const FILES: [&str; 6] = ["png", "jpg", "jpeg", "gif", "svg", "webp"];

/// RFC 2606: nobody has these.
const RESERVED: [&str; 7] = [
    "example.com",
    "example.org",
    "example.net",
    ".example",
    ".test",
    ".invalid",
    ".localhost",
];

fn email(text: &str) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let local = |byte: u8| word(byte) || b".+%".contains(&byte);
    let host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    text.match_indices('@').find_map(|(at, _)| {
        let start = at - bytes[..at].iter().rev().take_while(|&&byte| local(byte)).count();
        let length = bytes[at + 1..].iter().take_while(|&&byte| host(byte)).count();
        let domain = text[at + 1..at + 1 + length].trim_end_matches(['.', '-']);
        let (name, top) = domain.rsplit_once('.')?;
        let lower = domain.to_ascii_lowercase();
        let nobody = RESERVED.iter().any(|reserved| lower.ends_with(reserved));
        let is_domain = !name.is_empty()
            && !name.starts_with(['.', '-'])
            && !domain.contains("..")
            && top.len() >= 2
            && top.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !FILES.contains(&top);
        // `git@host` is how repositories are named.
        let somebody = start < at && &text[start..at] != "git" && bytes[start] != b'.';
        (somebody && is_domain && !nobody).then(|| start..at + 1 + domain.len())
    })
}

const TOKENS: [&str; 16] = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
];

fn special_token(text: &str) -> Option<std::ops::Range<usize>> {
    let found = TOKENS
        .iter()
        .filter_map(|token| text.find(token).map(|start| start..start + token.len()));
    found.min_by_key(|range| range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Put together here, so that nobody's scanner takes this file for a leak.
    fn key(prefix: &str, length: usize) -> String {
        prefix
            .chars()
            .chain("a1B2c3D4e5F6".chars().cycle().take(length))
            .collect()
    }

    #[test]
    fn keys_are_found() {
        for (prefix, length) in [
            ("ghp_", 36),
            ("AIza", 35),
            ("hf_", 34),
            ("sk-", 48),
            ("sk-ant-api03-", 40),
            ("sk_live_", 24),
            ("xoxb-", 30),
        ] {
            let key = key(prefix, length);
            let text = format!("export KEY={key}.");
            assert_eq!(Screen::Secret.find(&text), Some(11..11 + key.len()), "{prefix}");
        }
        assert!(
            Screen::Secret
                .find(&format!("{}{}", "AKIA", "1B2C3D4E5F6G7H8I"))
                .is_some()
        );
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{}", "Ab1/".repeat(20));
        assert_eq!(Screen::Secret.find(&pem), Some(0..31));
    }

    #[test]
    fn what_only_looks_like_a_key_is_not() {
        let long = format!("task-{}", "a1".repeat(30));
        for text in [
            "risk-averse-and-otherwise-well-informed-investors",
            "sk-this-is-a-name-of-words-joined-by-hyphens-only",
            "ghp_short1",
            "AKIAabc",
            "-----BEGIN PUBLIC KEY-----\nMIIB",
            "-----BEGIN PRIVATE KEY----- begins a key",
            "sk-12345678901234567890123456789012",
            &long,
        ] {
            assert_eq!(Screen::Secret.find(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_found_and_others_are_not() {
        for text in [
            "ana@firm.io",
            "<first.last+tag@mail.firm.co.uk>",
            "é ana@firm.io",
            "@x ana@firm.io",
        ] {
            assert!(Screen::Email.find(text).is_some(), "{text}");
        }
        for text in [
            "@decorator",
            "icon@2x.png",
            "ana@example.com",
            "a@b.test",
            "git@github.com:a/b",
            "numpy@1.2.3",
            "ana@localhost",
            "a @ b.io",
            "é@",
            "x@..io",
        ] {
            assert_eq!(Screen::Email.find(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_are_found_in_every_text_of_a_trace() {
        let with = |field: &str| format!(r#"{{"messages":[{{"role":"assistant",{field}}}]}}"#);
        let found = |field: &str| Screen::SpecialToken.is_in(&Trace::from_json(&with(field)).unwrap());
        assert!(found(r#""content":"a\n<|im_end|>""#));
        assert!(found(r#""content":"\u003c|im_end|>""#));
        assert!(found(r#""content":"a","reasoning":"[INST] x""#));
        assert!(found(
            r#""tool_calls":[{"name":"f","arguments":{"q":"<|eot_id|>"}}]"#
        ));
        assert!(!found(r#""content":"a < b | c > d <s>struck</s> <|other|>""#));
    }
}
