use std::borrow::Cow;

use super::{RawJson, Text, canonical, scan};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Limits;

/// A place in a JSON text, moving forward: the pull parser under every reader.
///
/// Checks the whole grammar as it goes, refuses duplicate keys in raw values, lone surrogates and nesting beyond the
/// limit, and hands out tokens that borrow from the text.
///
/// ```
/// use tracemill_model::json::Cursor;
/// let mut cursor = Cursor::new(r#"{"name":"find","arguments":{"q": 1.0}}"#);
/// let (mut name, mut arguments) = (None, None);
/// cursor.object(|cursor, key| {
///     match key.body() {
///         "name" => name = Some(cursor.text()?),
///         _ => arguments = Some(cursor.raw()?),
///     }
///     Ok(())
/// })?;
/// cursor.finish()?;
/// assert_eq!(name.unwrap(), *"find");
/// assert_eq!(arguments.unwrap().as_str(), r#"{"q":1.0}"#);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// No U+2028, U+2029 or U+0085 anywhere, so that no string has to be looked at for them.
    clean: bool,
    depth: u16,
    limits: Limits,
    /// Spans of the keys of the raw objects that are open, innermost last: for finding duplicates.
    keys: Vec<(usize, usize)>,
}

/// The type of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Kind> {
        Some(match byte {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Bool,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            _ => return None,
        })
    }

    /// The name with its article, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

/// A string token as scanned: its inside, and whether that is already canonical.
struct Scanned<'a> {
    body: &'a str,
    canonical: bool,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Cursor<'a> {
    /// A cursor at the start of `text`, with the default limits.
    pub fn new(text: &'a str) -> Self {
        Cursor::with_limits(text, Limits::default())
    }

    /// A cursor at the start of `text`.
    pub fn with_limits(text: &'a str, limits: Limits) -> Self {
        let clean = !canonical::has_separator(text);
        Cursor {
            text,
            at: 0,
            clean,
            depth: 0,
            limits,
            keys: Vec::new(),
        }
    }

    /// A cursor that works in a buffer of a former one.
    pub(super) fn reusing(text: &'a str, mut keys: Vec<(usize, usize)>) -> Self {
        keys.clear();
        Cursor {
            keys,
            ..Cursor::new(text)
        }
    }

    /// The buffer, for the next cursor.
    pub(super) fn into_keys(self) -> Vec<(usize, usize)> {
        self.keys
    }

    /// The limits this cursor enforces.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The byte offset of the cursor.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The type of the next value.
    ///
    /// # Errors
    /// If no value begins here.
    pub fn peek(&mut self) -> Result<Kind> {
        self.space();
        self.byte()
            .and_then(Kind::of)
            .ok_or_else(|| self.unexpected("a value"))
    }

    /// An error at the place of the cursor.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind, message: impl Into<String>) -> DecodeError {
        DecodeError::new(kind, self.at, message)
    }

    /// The error for a next value of another type than `wanted` (a noun with its article).
    #[cold]
    pub fn expected(&mut self, wanted: &str) -> DecodeError {
        match self.peek() {
            Ok(found) => self.error(
                DecodeErrorKind::WrongType,
                format!("expected {wanted}, found {}", found.noun()),
            ),
            Err(error) => error,
        }
    }

    /// Requires that nothing but white space is left.
    ///
    /// # Errors
    /// If something is.
    pub fn finish(&mut self) -> Result<()> {
        self.space();
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(self.error(
                DecodeErrorKind::Syntax,
                "expected the end of the record, found more",
            )),
        }
    }

    /// Reads an object, calling `field` with each key; `field` must read the value.
    ///
    /// # Errors
    /// If the next value is no object, is malformed or nested too deep, or `field` fails; the path names the key.
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &Text<'a>) -> Result<()>) -> Result<()> {
        self.open(b'{', "an object")?;
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            if let Err(error) = field(self, &key) {
                return Err(error.in_key(&key.decode()));
            }
            if !self.another(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads an array, calling `element` with each index; `element` must read the value.
    ///
    /// # Errors
    /// If the next value is no array, is malformed or nested too deep, or `element` fails; the path names the index.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.open(b'[', "an array")?;
        if self.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            if let Err(error) = element(self, index) {
                return Err(error.in_index(index));
            }
            if !self.another(b']')? {
                break;
            }
        }
        Ok(())
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If the next value is no string, or holds a lone surrogate or a raw control character.
    pub fn text(&mut self) -> Result<Text<'a>> {
        self.space();
        if self.byte() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        let scanned = self.scan_string()?;
        Ok(Text::from_canonical(if scanned.canonical {
            Cow::Borrowed(scanned.body)
        } else {
            canonical::canonical_body(scanned.body)
        }))
    }

    /// Reads a string or `null`; `null` is `None`.
    ///
    /// # Errors
    /// As [`text`](Cursor::text).
    pub fn optional_text(&mut self) -> Result<Option<Text<'a>>> {
        if self.null()? {
            return Ok(None);
        }
        match self.peek()? {
            Kind::String => self.text().map(Some),
            _ => Err(self.expected("a string or null")),
        }
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// If the next value is neither.
    pub fn boolean(&mut self) -> Result<bool> {
        if self.peek()? != Kind::Bool {
            return Err(self.expected("true or false"));
        }
        let value = self.byte() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a number and gives its text.
    ///
    /// # Errors
    /// If the next value is no number.
    pub fn number(&mut self) -> Result<&'a str> {
        if self.peek()? != Kind::Number {
            return Err(self.expected("a number"));
        }
        let start = self.at;
        self.skip_number()?;
        Ok(&self.text[start..self.at])
    }

    /// Reads an integer that is not negative.
    ///
    /// # Errors
    /// If the next value is no such number, or does not fit 64 bits.
    pub fn unsigned(&mut self) -> Result<u64> {
        let start = self.at;
        let token = self.number()?;
        token.parse().map_err(|_| {
            let message = format!("expected an integer that is not negative, found `{token}`");
            DecodeError::new(DecodeErrorKind::WrongValue, start, message)
        })
    }

    /// Consumes `null` if it is next, and says whether it did.
    ///
    /// # Errors
    /// If a word begins like `null` and is another.
    pub fn null(&mut self) -> Result<bool> {
        self.space();
        if self.byte() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null").map(|()| true)
    }

    /// Reads any value and keeps it raw: order of keys and text of numbers stay, white space goes.
    ///
    /// # Errors
    /// If the value is malformed, nested too deep, or has a key twice in one object.
    pub fn raw(&mut self) -> Result<RawJson<'a>> {
        let (value, compact) = self.token()?;
        Ok(RawJson::from_canonical(if compact {
            Cow::Borrowed(value)
        } else {
            let mut canonical = String::with_capacity(value.len());
            canonical::canonical_value_into(value, &mut canonical);
            Cow::Owned(canonical)
        }))
    }

    /// Checks the next value and gives it as it was written, and whether that is the canonical form.
    pub(super) fn token(&mut self) -> Result<(&'a str, bool)> {
        self.space();
        let start = self.at;
        let mut compact = true;
        self.skip_value(&mut compact)?;
        Ok((&self.text[start..self.at], compact))
    }

    /// Checks the next value and passes over it.
    ///
    /// # Errors
    /// As [`raw`](Cursor::raw).
    pub fn skip(&mut self) -> Result<()> {
        self.space();
        self.skip_value(&mut true)
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space and says whether there was any.
    #[inline]
    fn space(&mut self) -> bool {
        let start = self.at;
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.at > start
    }

    fn open(&mut self, bracket: u8, noun: &str) -> Result<()> {
        self.space();
        if self.byte() != Some(bracket) {
            return Err(self.expected(noun));
        }
        self.descend()
    }

    /// Consumes an opening bracket and counts it.
    fn descend(&mut self) -> Result<()> {
        if self.depth >= self.limits.depth() {
            let message = format!("nested deeper than {} levels", self.limits.depth());
            return Err(self.error(DecodeErrorKind::TooDeep, message));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Consumes the closing bracket if it is next.
    #[inline]
    fn closes(&mut self, bracket: u8) -> bool {
        self.space();
        let closes = self.byte() == Some(bracket);
        if closes {
            self.at += 1;
            self.depth -= 1;
        }
        closes
    }

    /// After a member: a comma (true) or the closing bracket (false).
    #[inline]
    fn another(&mut self, bracket: u8) -> Result<bool> {
        if self.closes(bracket) {
            return Ok(false);
        }
        if self.byte() != Some(b',') {
            return Err(self.unexpected(if bracket == b'}' {
                "`,` or `}`"
            } else {
                "`,` or `]`"
            }));
        }
        self.at += 1;
        Ok(true)
    }

    fn key(&mut self) -> Result<Text<'a>> {
        self.space();
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        let key = self.text()?;
        self.colon()?;
        Ok(key)
    }

    #[inline]
    fn colon(&mut self) -> Result<()> {
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The error for a byte that cannot stand here.
    #[cold]
    fn unexpected(&self, wanted: &str) -> DecodeError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(found) = rest.chars().next() else {
            return self.error(
                DecodeErrorKind::Truncated,
                format!("expected {wanted}, but the record ends here"),
            );
        };
        for word in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(word) {
                let message = format!("`{word}` is not JSON; write null where there is no number");
                return self.error(DecodeErrorKind::NotFinite, message);
            }
        }
        let (kind, cut) = if "nulltruefalse".contains(rest) {
            (DecodeErrorKind::Truncated, ", and the record ends here")
        } else {
            (DecodeErrorKind::Syntax, "")
        };
        self.error(
            kind,
            format!("expected {wanted}, found `{}`{cut}", found.escape_debug()),
        )
    }

    /// Scans the string whose opening quote is next.
    #[inline]
    fn scan_string(&mut self) -> Result<Scanned<'a>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut canonical = true;
        loop {
            at = scan::special(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => match bytes.get(at + 1) {
                    Some(b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') => at += 2,
                    Some(b'/') => {
                        canonical = false;
                        at += 2;
                    }
                    Some(b'u') => {
                        canonical = false;
                        at += self.unicode_escape(at)?;
                    }
                    Some(_) => {
                        return Err(DecodeError::new(
                            DecodeErrorKind::Syntax,
                            at,
                            "no such escape in JSON",
                        ));
                    }
                    None => return Err(self.ends_in_string(at + 1)),
                },
                Some(_) => return Err(control_character(bytes[at], at)),
                None => return Err(self.ends_in_string(at)),
            }
        }
        self.at = at + 1;
        let body = &self.text[start..at];
        Ok(Scanned {
            body,
            canonical: canonical && (self.clean || !canonical::has_separator(body)),
        })
    }

    /// The length of the `\u` escape (or pair of them) at `at`.
    #[cold]
    fn unicode_escape(&self, at: usize) -> Result<usize> {
        let high = self.hex4(at)?;
        match high {
            0xd800..=0xdbff => {
                let pair = self.text.as_bytes().get(at + 6..at + 8) == Some(b"\\u");
                if pair && (0xdc00..=0xdfff).contains(&self.hex4(at + 6)?) {
                    return Ok(12);
                }
                Err(lone_surrogate(high, at))
            }
            0xdc00..=0xdfff => Err(lone_surrogate(high, at)),
            _ => Ok(6),
        }
    }

    /// The value of the four digits of the `\u` escape at `at`.
    fn hex4(&self, at: usize) -> Result<u32> {
        let bytes = self.text.as_bytes();
        let Some(digits) = bytes.get(at + 2..at + 6) else {
            return Err(self.ends_in_string(bytes.len()));
        };
        digits.iter().try_fold(0, |value, &digit| {
            let digit = char::from(digit).to_digit(16);
            digit.map(|digit| value * 16 + digit).ok_or_else(|| {
                DecodeError::new(DecodeErrorKind::Syntax, at, "`\\u` needs four hexadecimal digits")
            })
        })
    }

    #[cold]
    fn ends_in_string(&self, at: usize) -> DecodeError {
        let message = format!(
            "the record ends inside the string that begins in column {}",
            self.at + 1
        );
        DecodeError::new(DecodeErrorKind::Truncated, at.min(self.text.len()), message)
    }

    /// Checks a value without keeping it; clears `compact` if its bytes are not the canonical ones.
    fn skip_value(&mut self, compact: &mut bool) -> Result<()> {
        match self.peek()? {
            Kind::String => *compact &= self.scan_string()?.canonical,
            Kind::Number => self.skip_number()?,
            Kind::Object => self.skip_object(compact)?,
            Kind::Array => self.skip_array(compact)?,
            Kind::Null => self.literal("null")?,
            Kind::Bool => {
                let word = if self.byte() == Some(b't') {
                    "true"
                } else {
                    "false"
                };
                self.literal(word)?;
            }
        }
        Ok(())
    }

    fn skip_array(&mut self, compact: &mut bool) -> Result<()> {
        self.descend()?;
        *compact &= !self.space();
        if self.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            *compact &= !self.space();
            self.skip_value(compact).map_err(|error| error.in_index(index))?;
            *compact &= !self.space();
            if !self.another(b']')? {
                break;
            }
        }
        Ok(())
    }

    fn skip_object(&mut self, compact: &mut bool) -> Result<()> {
        self.descend()?;
        *compact &= !self.space();
        if self.closes(b'}') {
            return Ok(());
        }
        let first = self.keys.len();
        let mut plain = true;
        loop {
            *compact &= !self.space();
            let start = self.at;
            if self.byte() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let key = self.scan_string()?;
            plain &= key.canonical;
            self.keys.push((start + 1, self.at - 1));
            *compact &= !self.space();
            self.colon()?;
            *compact &= !self.space();
            if let Err(error) = self.skip_value(compact) {
                return Err(error.in_key(&Text::from_canonical(key.body).decode()));
            }
            *compact &= !self.space();
            if !self.another(b'}')? {
                break;
            }
        }
        *compact &= plain;
        self.refuse_duplicates(first, plain)?;
        self.keys.truncate(first);
        Ok(())
    }

    /// Refuses the object whose keys begin at `first` of the stack if one of them stands there twice.
    fn refuse_duplicates(&mut self, first: usize, plain: bool) -> Result<()> {
        /// Up to here comparing each with each is faster than sorting.
        const FEW: usize = 16;
        let text = self.text;
        let keys = &mut self.keys[first..];
        let duplicate = if !plain {
            let mut decoded: Vec<_> = keys
                .iter()
                .map(|&(from, to)| (canonical::canonical_body(&text[from..to]), from))
                .collect();
            decoded.sort();
            decoded
                .windows(2)
                .find(|pair| pair[0].0 == pair[1].0)
                .map(|pair| pair[1].1)
        } else if keys.len() <= FEW {
            (1..keys.len()).find_map(|i| {
                let (from, to) = keys[i];
                let same = |&(a, b): &(usize, usize)| b - a == to - from && text[a..b] == text[from..to];
                keys[..i].iter().any(same).then_some(from)
            })
        } else {
            keys.sort_unstable_by(|a, b| text[a.0..a.1].cmp(&text[b.0..b.1]).then(a.cmp(b)));
            let same = |pair: &&[(usize, usize)]| text[pair[0].0..pair[0].1] == text[pair[1].0..pair[1].1];
            keys.windows(2).find(same).map(|pair| pair[1].0)
        };
        match duplicate {
            Some(at) => Err(DecodeError::new(
                DecodeErrorKind::DuplicateKey,
                at - 1,
                "this key stands here twice",
            )),
            None => Ok(()),
        }
    }

    fn skip_number(&mut self) -> Result<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => {
                self.at -= usize::from(self.text[self.at..].starts_with("Infinity"));
                return Err(self.unexpected("a number"));
            }
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<()> {
        let start = self.at;
        self.digits();
        if self.at == start {
            Err(self.unexpected("a digit"))
        } else {
            Ok(())
        }
    }
}

#[cold]
fn control_character(byte: u8, at: usize) -> DecodeError {
    let message = format!("the control character U+{byte:04X} must be escaped inside a string");
    DecodeError::new(DecodeErrorKind::Syntax, at, message)
}

#[cold]
fn lone_surrogate(unit: u32, at: usize) -> DecodeError {
    let message = format!("`\\u{unit:04x}` is half of a surrogate pair, which no text can hold");
    DecodeError::new(DecodeErrorKind::LoneSurrogate, at, message)
}
