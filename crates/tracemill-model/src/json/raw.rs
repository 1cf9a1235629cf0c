use std::borrow::Cow;
use std::fmt;

use super::cursor::{Cursor, Kind};
use super::{Elements, JsonView, JsonWriter, Members, Text, canonical};
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
    /// let values = [RawJson::parse("\"a\"")?, RawJson::parse("1.0")?];
    /// let list = RawJson::list(values.iter().map(RawJson::view));
    /// assert_eq!(list.as_str(), r#"["a",1.0]"#);
    /// assert_eq!(RawJson::list([]).as_str(), "[]");
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn list<'v>(values: impl IntoIterator<Item = JsonView<'v>>) -> RawJson<'static> {
        // Room for a key of several parts, which is what most lists are made for.
        let mut text = String::with_capacity(64);
        text.push('[');
        for value in values {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(value.as_str());
        }
        text.push(']');
        RawJson(text.into())
    }

    /// A string of these values with `/` between them, made in one go: there is one for every candidate.
    pub(crate) fn path<'v>(steps: impl IntoIterator<Item = JsonView<'v>>) -> RawJson<'static> {
        let mut token = String::with_capacity(64);
        token.push('"');
        for (index, step) in steps.into_iter().enumerate() {
            if index > 0 {
                token.push('/');
            }
            match (step.as_text(), step.kind()) {
                (Some(text), _) => token.push_str(text.body()),
                (None, Kind::Array | Kind::Object) => canonical::escape_into(step.as_str(), &mut token),
                // Words and numbers hold nothing to escape.
                (None, _) => token.push_str(step.as_str()),
            }
        }
        token.push('"');
        RawJson(token.into())
    }

    /// An object of these members, whose keys must differ, as those of another object do.
    ///
    /// ```
    /// use tracemill_model::RawJson;
    /// let whole = RawJson::parse(r#"{"a": 1, "b": [2], "c": 3}"#)?;
    /// let rest = RawJson::object(whole.members().filter(|(key, _)| *key != *"a"));
    /// assert_eq!(rest.as_str(), r#"{"b":[2],"c":3}"#);
    /// assert_eq!(RawJson::object([]).as_str(), "{}");
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn object<'v>(members: impl IntoIterator<Item = (Text<'v>, JsonView<'v>)>) -> RawJson<'static> {
        let mut text = String::with_capacity(64);
        text.push('{');
        for (key, value) in members {
            text.push_str(if text.len() > 1 { ",\"" } else { "\"" });
            text.push_str(key.body());
            text.push_str("\":");
            text.push_str(value.as_str());
        }
        text.push('}');
        RawJson(text.into())
    }

    /// The value that `write` writes: exactly one, and no key twice in one of its objects.
    ///
    /// It is taken as it was written, because reading it again would cost more than writing it did; a debug build does so.
    ///
    /// ```
    /// use tracemill_model::RawJson;
    /// let mark = RawJson::parse("[1.0]")?;
    /// let made = RawJson::written(|w| {
    ///     w.begin_object();
    ///     w.key("mark").raw(&mark);
    ///     w.end_object();
    /// });
    /// assert_eq!(made.as_str(), r#"{"mark":[1.0]}"#);
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn written(write: impl FnOnce(&mut JsonWriter<'_>)) -> RawJson<'static> {
        let mut out = Vec::new();
        write(&mut JsonWriter::new(&mut out));
        // A writer puts one text behind the other.
        let text = String::from_utf8(out).unwrap_or_default();
        debug_assert!(
            RawJson::of(&text).is_some_and(|read| *read.0 == *text),
            "no value, or not a canonical one: {text}"
        );
        RawJson(text.into())
    }

    /// A value as deep as can be asked for; nothing if it is none.
    fn of(text: &'a str) -> Option<Self> {
        let limits = Limits::default().with_depth(Limits::MAX_DEPTH);
        let mut cursor = Cursor::with_limits(text, limits);
        let raw = cursor.raw().ok()?;
        cursor.finish().ok()?;
        Some(raw)
    }

    /// The text, if it does not borrow from a record.
    pub(super) fn into_owned_text(self) -> Option<String> {
        match self.0 {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        }
    }

    pub(crate) fn from_canonical(text: impl Into<Cow<'a, str>>) -> Self {
        RawJson(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value to look into.
    pub fn view(&self) -> JsonView<'_> {
        JsonView::of(&self.0)
    }

    /// The value to look into, keeping the lifetime of the record.
    ///
    /// # Errors
    /// Gives the value back if it does not borrow from one.
    pub fn into_view(self) -> Result<JsonView<'a>, RawJson<'static>> {
        match self.0 {
            Cow::Borrowed(text) => Ok(JsonView::of(text)),
            Cow::Owned(text) => Err(RawJson(Cow::Owned(text))),
        }
    }

    /// The type of the value.
    pub fn kind(&self) -> Kind {
        self.view().kind()
    }

    /// The value if it is a string.
    pub fn as_text(&self) -> Option<Text<'_>> {
        self.view().as_text()
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
        self.view().as_bool()
    }

    /// The value if it is a number that is finite as a double.
    pub fn as_f64(&self) -> Option<f64> {
        self.view().as_f64()
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// A cursor over the value, which was checked once and may be as deep as can be asked for.
    pub fn cursor(&self) -> Cursor<'_> {
        self.view().cursor()
    }

    /// The members of an object in order; nothing for other values.
    pub fn members(&self) -> Members<'_> {
        self.view().members()
    }

    /// The elements of an array in order; nothing for other values.
    pub fn elements(&self) -> Elements<'_> {
        self.view().elements()
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<JsonView<'_>> {
        self.view().get(key)
    }

    /// The value that a JSON pointer (RFC 6901) names; the whole for `""`.
    pub fn pointer(&self, pointer: &str) -> Option<JsonView<'_>> {
        self.view().pointer(pointer)
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
