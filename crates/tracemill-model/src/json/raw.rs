use std::borrow::Cow;
use std::fmt;

use super::cursor::{Cursor, Kind};
use super::{Text, canonical, scan};
use crate::error::DecodeError;
use crate::limits::Limits;

/// Any JSON value, kept as it was written: order of keys and text of numbers; white space between tokens is gone and
/// strings are canonical.
///
/// ```
/// use tracemill_model::RawJson;
/// let raw = RawJson::parse(r#"{ "a": [1.50, {"b/c": null}] }"#)?;
/// assert_eq!(raw.as_str(), r#"{"a":[1.50,{"b/c":null}]}"#);
/// assert_eq!(raw.pointer("/a/0").unwrap().as_str(), "1.50");
/// assert_eq!(raw.pointer("/a/1/b~1c").unwrap().as_str(), "null");
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson<'a>(Cow<'a, str>);

impl<'a> RawJson<'a> {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// If it is not exactly one JSON value, or has a key twice in one object, or is nested too deep.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(text);
        let raw = cursor.raw()?;
        cursor.finish()?;
        Ok(raw)
    }

    /// An array of these values.
    ///
    /// ```
    /// use tracemill_model::RawJson;
    /// let list = RawJson::list(&[RawJson::parse("\"a\"")?, RawJson::parse("1.0")?]);
    /// assert_eq!(list.as_str(), r#"["a",1.0]"#);
    /// assert_eq!(RawJson::list(&[]).as_str(), "[]");
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn list(values: &[RawJson<'_>]) -> RawJson<'static> {
        let length: usize = values.iter().map(|value| value.as_str().len() + 1).sum();
        let mut text = String::with_capacity(length + 2);
        text.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(value.as_str());
        }
        text.push(']');
        RawJson(text.into())
    }

    pub(crate) fn from_canonical(text: impl Into<Cow<'a, str>>) -> Self {
        RawJson(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type of the value.
    pub fn kind(&self) -> Kind {
        self.0.bytes().next().and_then(Kind::of).unwrap_or(Kind::Null)
    }

    /// The value if it is a string.
    pub fn as_text(&self) -> Option<Text<'_>> {
        let body = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::from_canonical(body))
    }

    /// The value if it is a string, keeping the lifetime of the record.
    ///
    /// # Errors
    /// Gives the value back if it is none.
    pub fn into_text(self) -> Result<Text<'a>, Self> {
        if self.kind() != Kind::String {
            return Err(self);
        }
        Ok(Text::from_canonical(match self.0 {
            Cow::Borrowed(token) => Cow::Borrowed(&token[1..token.len() - 1]),
            Cow::Owned(token) => Cow::Owned(token[1..token.len() - 1].to_owned()),
        }))
    }

    /// The value if it is `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The value if it is a number that is finite as a double.
    pub fn as_f64(&self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| self.0.parse().ok())
            .flatten()
            .filter(|value: &f64| value.is_finite())
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// A cursor over the value, which was checked once and may be as deep as can be asked for.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::with_limits(&self.0, Limits::default().with_depth(Limits::MAX_DEPTH))
    }

    /// The members of an object in order; nothing for other values.
    pub fn members(&self) -> Members<'_> {
        Members(Walk::over(&self.0, b'{'))
    }

    /// The elements of an array in order; nothing for other values.
    pub fn elements(&self) -> Elements<'_> {
        Elements(Walk::over(&self.0, b'['))
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<RawJson<'_>> {
        member(&self.0, key).map(|value| RawJson(Cow::Borrowed(value)))
    }

    /// The value that a JSON pointer (RFC 6901) names; the whole for `""`.
    pub fn pointer(&self, pointer: &str) -> Option<RawJson<'_>> {
        let mut steps = pointer.split('/');
        if steps.next() != Some("") {
            return None;
        }
        let value = steps.try_fold(&*self.0, step)?;
        Some(RawJson(Cow::Borrowed(value)))
    }

    /// The same value, borrowing from this one.
    pub fn borrowed(&self) -> RawJson<'_> {
        RawJson(Cow::Borrowed(&self.0))
    }

    /// The same value, independent of the record it was read from.
    pub fn into_owned(self) -> RawJson<'static> {
        RawJson(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Debug for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<Text<'a>> for RawJson<'a> {
    fn from(text: Text<'a>) -> Self {
        // Every trace has an identity that goes this way: `format!` takes several times as long.
        let mut token = match text.into_body() {
            Cow::Owned(mut body) => {
                body.insert(0, '"');
                body
            }
            Cow::Borrowed(body) => {
                let mut token = String::with_capacity(body.len() + 2);
                token.push('"');
                token.push_str(body);
                token
            }
        };
        token.push('"');
        RawJson(token.into())
    }
}

impl From<u64> for RawJson<'_> {
    fn from(number: u64) -> Self {
        RawJson(Cow::Owned(number.to_string()))
    }
}

impl From<bool> for RawJson<'_> {
    fn from(value: bool) -> Self {
        RawJson(Cow::Borrowed(if value { "true" } else { "false" }))
    }
}

/// The members of an object; see [`RawJson::members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, RawJson<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.member()?;
        Some((Text::from_canonical(key), RawJson(Cow::Borrowed(value))))
    }
}

/// The elements of an array; see [`RawJson::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = RawJson<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value().map(|value| RawJson(Cow::Borrowed(value)))
    }
}

/// A walk over the tokens of a value that is known to be valid and compact.
#[derive(Clone, Debug)]
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn over(text: &'a str, bracket: u8) -> Self {
        let text = if text.as_bytes().first() == Some(&bracket) {
            text
        } else {
            ""
        };
        Walk { text, at: 1 }
    }

    /// The next value, and past the `,` or `:` behind it.
    fn value(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if start + 1 >= bytes.len() {
            return None;
        }
        let end = skip(bytes, start);
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// The next member: the inside of its key, and its value.
    fn member(&mut self) -> Option<(&'a str, &'a str)> {
        let key = self.value()?;
        let value = self.value()?;
        Some((&key[1..key.len() - 1], value))
    }
}

/// The member of an object; `None` for other values.
fn member<'v>(value: &'v str, key: &str) -> Option<&'v str> {
    let mut walk = Walk::over(value, b'{');
    loop {
        let (name, value) = walk.member()?;
        if canonical::decodes_to(name, key) {
            return Some(value);
        }
    }
}

/// The member or element that one step of a JSON pointer names.
fn step<'v>(value: &'v str, step: &str) -> Option<&'v str> {
    if !value.starts_with('[') {
        return member(value, &step.replace("~1", "/").replace("~0", "~"));
    }
    let canonical = step == "0" || step.starts_with(|first: char| ('1'..='9').contains(&first));
    let index = step.parse().ok().filter(|_| canonical)?;
    let mut walk = Walk::over(value, b'[');
    std::iter::from_fn(|| walk.value()).nth(index)
}

/// The offset behind the valid, compact value at `at`.
fn skip(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            Some(b',' | b':') if depth > 0 => {
                at += 1;
                continue;
            }
            Some(b',' | b':' | b'}' | b']') | None => return at,
            Some(_) => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The offset behind the closing quote of the string whose inside begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = scan::special(bytes, at);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}
