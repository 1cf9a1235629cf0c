//! Rust sources with everything blanked out that a rule must not look at.
//!
//! Blanks replace bytes one for one and line ends stay, so offsets and line numbers are those of the file.

/// The two readings of a source file.
pub(super) struct Masked {
    /// Without comments, and without the contents of strings and characters.
    pub(super) code: String,
    /// Nothing but comments.
    pub(super) comments: String,
}

/// Separates code from comments.
pub(super) fn mask(source: &str) -> Masked {
    let mut masker = Masker {
        source: source.as_bytes(),
        at: 0,
        code: Vec::new(),
        comments: Vec::new(),
    };
    masker.run();
    let text = |bytes| String::from_utf8(bytes).expect("blanks replace whole characters");
    Masked {
        code: text(masker.code),
        comments: text(masker.comments),
    }
}

struct Masker<'a> {
    source: &'a [u8],
    at: usize,
    code: Vec<u8>,
    comments: Vec<u8>,
}

/// Where a byte belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Comment,
    Literal,
}

impl Masker<'_> {
    fn run(&mut self) {
        while self.at < self.source.len() {
            if self.rest().starts_with(b"//") {
                let end = self
                    .rest()
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .unwrap_or(self.rest().len());
                self.take(end, Place::Comment);
            } else if self.rest().starts_with(b"/*") {
                let end = block_comment(self.rest());
                self.take(end, Place::Comment);
            } else if let Some(hashes) = self.raw_string() {
                self.take_raw_string(hashes);
            } else if self.rest()[0] == b'"' {
                self.take_quoted(quoted(self.rest(), b'"'));
            } else if let Some(end) = character(self.rest()) {
                self.take_quoted(end);
            } else {
                self.take(1, Place::Code);
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.source[self.at..]
    }

    fn take(&mut self, length: usize, place: Place) {
        for &byte in &self.source[self.at..self.at + length] {
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            self.code.push(if place == Place::Code { byte } else { blank });
            self.comments
                .push(if place == Place::Comment { byte } else { blank });
        }
        self.at += length;
    }

    /// A literal between two quotes, which stay.
    fn take_quoted(&mut self, length: usize) {
        self.take(1, Place::Code);
        self.take(length.saturating_sub(2), Place::Literal);
        self.take(1.min(self.rest().len()), Place::Code);
    }

    /// The number of hashes of the raw string that starts here; its prefix may be `r`, `br` or `cr`.
    fn raw_string(&self) -> Option<usize> {
        let after = self.rest().strip_prefix(b"r")?;
        let before = &self.source[..self.at];
        let before = before
            .strip_suffix(b"b")
            .or(before.strip_suffix(b"c"))
            .unwrap_or(before);
        let hashes = after.iter().take_while(|&&byte| byte == b'#').count();
        let starts_word = !before.last().is_some_and(|&byte| is_word(byte));
        (starts_word && after.get(hashes) == Some(&b'"')).then_some(hashes)
    }

    fn take_raw_string(&mut self, hashes: usize) {
        self.take(1 + hashes, Place::Code);
        let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let body = &self.rest()[1..];
        let length = body
            .windows(end.len())
            .position(|window| window == end)
            .unwrap_or(body.len());
        self.take(1, Place::Code);
        self.take(length, Place::Literal);
        self.take(end.len().min(self.rest().len()), Place::Code);
    }
}

/// The length of the block comment that `rest` starts with; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal with escapes, its quotes included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of the character literal that `rest` starts with; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    let after = rest.strip_prefix(b"'")?;
    if after.first() == Some(&b'\\') {
        return Some(quoted(rest, b'\''));
    }
    let length = std::str::from_utf8(&after[..after.len().min(4)]).map_or_else(
        // Four bytes may end within a character; what comes before is what counts.
        |error| {
            std::str::from_utf8(&after[..error.valid_up_to()])
                .ok()?
                .chars()
                .next()
        },
        |text| text.chars().next(),
    )?;
    let length = length.len_utf8();
    (after.get(length) == Some(&b'\'')).then_some(length + 2)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Blanks what only tests compile: items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, and whole files that begin so.
pub(super) fn without_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    if code.contains("#![cfg(test)]") {
        blank(&mut bytes);
    }
    let mut at = 0;
    while let Some(found) = code[at..].find("#[cfg(") {
        let start = at + found;
        at = start + "#[cfg(".len();
        if is_test(&code[at..]) {
            let end = item_end(code, start);
            blank(&mut bytes[start..end]);
            at = end;
        }
    }
    String::from_utf8(bytes).expect("blanks replace whole characters")
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn is_test(condition: &str) -> bool {
    let condition = condition.strip_prefix("all(").unwrap_or(condition);
    condition
        .strip_prefix("test")
        .is_some_and(|rest| rest.starts_with([')', ',']))
}

/// Where the item ends whose attributes start at `start`: after its `;` or its closing brace.
fn item_end(code: &str, start: usize) -> usize {
    let bytes = code.as_bytes();
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        let ends = brackets == 0 && braces == 0 && matches!(byte, b';' | b'}');
        if ends {
            return at + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, code: &str, comments: &str) {
        let masked = mask(source);
        assert_eq!(masked.code.trim_end(), code);
        assert_eq!(masked.comments.trim(), comments);
        assert_eq!(
            (masked.code.len(), masked.comments.len()),
            (source.len(), source.len())
        );
    }

    #[test]
    fn comments_and_code_part() {
        check("a // b\nc", "a     \nc", "// b");
        check("/// d\nfn f() {}", "     \nfn f() {}", "/// d");
        check(
            "a /* b /* c */ d\n */ e",
            "a               \n    e",
            "/* b /* c */ d\n */",
        );
        check("a /* never", "a", "/* never");
    }

    #[test]
    fn strings_are_blank() {
        check(r#"f("a // b")"#, r#"f("      ")"#, "");
        check(r#"f("\"", 'x')"#, r#"f("  ", ' ')"#, "");
        check("b\"é\" + c", "b\"  \" + c", "");
    }

    #[test]
    fn raw_strings_end_at_their_hashes() {
        check("r#\"a\"b\"# // c", "r#\"   \"#", "// c");
        check("br\"\\\" + x", "br\" \" + x", "");
        check("var\"a\"", "var\" \"", "");
        check("r#type + 1", "r#type + 1", "");
    }

    #[test]
    fn lifetimes_are_not_characters() {
        check(
            "fn f<'a>(x: &'a str) -> char { '\\'' }",
            "fn f<'a>(x: &'a str) -> char { '  ' }",
            "",
        );
        check("['\"', 'é', '漢'] // x", "[' ', '  ', '   ']", "// x");
    }

    #[test]
    fn every_line_keeps_its_number() {
        let source = include_str!("mask.rs");
        let masked = mask(source);
        assert_eq!(masked.code.len(), source.len());
        assert_eq!(masked.code.lines().count(), source.lines().count());
        assert_eq!(masked.comments.lines().count(), source.lines().count());
    }

    #[test]
    fn tests_are_blank() {
        let code =
            without_tests("fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn b() { c() } }\nfn d() {}");
        assert!(code.contains("fn a") && code.contains("fn d"), "{code}");
        assert!(!code.contains("mod") && !code.contains('c'), "{code}");
        assert_eq!(code.lines().count(), 5);
    }

    #[test]
    fn other_conditions_stay() {
        let source = "#[cfg(feature = \"\")] use a; #[cfg(testing)] use b; #[cfg(not(test))] use c;";
        assert_eq!(without_tests(source), source);
        let code = without_tests("#[cfg(all(test, unix))] use a; use b; #[cfg(test)] use c;");
        assert_eq!(code.trim(), "use b;");
        assert_eq!(without_tests("#![cfg(test)]\nuse a;").trim(), "");
    }
}
