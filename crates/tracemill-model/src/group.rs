//! Identity: typed keys, and the groups whose members compete.

use std::fmt;

use crate::error::{DecodeError, DecodeErrorKind, excerpt};
use crate::fields::Fields;
use crate::json::{Cursor, JsonView, JsonWriter, Kind, RawJson, Text};

/// An identity with its type: the number `1` and the string `"1"` are two keys.
///
/// ```
/// use tracemill_model::Key;
/// assert_ne!(Key::from(1), Key::from("1"));
/// assert_eq!(Key::from("a/7").to_string(), "a/7");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key<'a>(RawJson<'a>);

impl<'a> Key<'a> {
    /// A key from any JSON value.
    pub fn new(value: RawJson<'a>) -> Self {
        Key(value)
    }

    /// A text made of these values, with `/` between them: strings without their quotes, anything else as its JSON.
    ///
    /// ```
    /// use tracemill_model::{Key, RawJson};
    /// let steps = [RawJson::parse("\"a\"")?, RawJson::parse("[\"b\",1]")?, RawJson::parse("7")?];
    /// assert_eq!(Key::path(steps.iter().map(RawJson::view)), Key::from(r#"a/["b",1]/7"#));
    /// # Ok::<(), tracemill_model::DecodeError>(())
    /// ```
    pub fn path<'v>(steps: impl IntoIterator<Item = JsonView<'v>>) -> Key<'static> {
        Key(RawJson::path(steps))
    }

    /// The key as JSON: equal bytes are equal keys.
    pub fn as_json(&self) -> &RawJson<'a> {
        &self.0
    }

    /// The same key, independent of the record it was read from.
    pub fn into_owned(self) -> Key<'static> {
        Key(self.0.into_owned())
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Key(Text::new(text).into())
    }
}

impl From<u64> for Key<'_> {
    fn from(number: u64) -> Self {
        Key(number.into())
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Writes a string key as its characters and any other as JSON.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_text() {
            Some(text) => fmt::Display::fmt(&text, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

/// The traces that compete: which, and in what sense they are the same.
///
/// ```
/// use tracemill_model::{Group, GroupKind, Key, Trace};
/// let line = r#"{"group":{"key":"airline-12","kind":"task"},"messages":[]}"#;
/// let trace = Trace::from_json(line)?;
/// assert_eq!(trace.group(), Some(&Group::new(Key::from("airline-12"), GroupKind::Task)));
///
/// let bare = Trace::from_json(r#"{"group":12,"messages":[]}"#)?;
/// assert_eq!(bare.group().unwrap().key(), &Key::from(12));
/// assert_eq!(bare.group().unwrap().kind(), None);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    key: Key<'a>,
    kind: Option<GroupKind>,
    extra: Fields<'a>,
}

/// In what sense the traces of a group are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupKind {
    /// The same task; what the model saw may differ.
    Task,
    /// The same prompt.
    Prompt,
    /// The same turn of the same run.
    Turn,
}

impl GroupKind {
    const ALL: [GroupKind; 3] = [GroupKind::Task, GroupKind::Prompt, GroupKind::Turn];

    /// The name in the canonical form.
    pub fn name(self) -> &'static str {
        match self {
            GroupKind::Task => "task",
            GroupKind::Prompt => "prompt",
            GroupKind::Turn => "turn",
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Option<Self>, DecodeError> {
        let start = cursor.start();
        let Some(name) = cursor.optional_text()? else {
            return Ok(None);
        };
        let found = GroupKind::ALL.into_iter().find(|kind| kind.name() == name.body());
        if found.is_none() {
            let name = excerpt(name.body());
            let message = format!("a group is of kind `task`, `prompt` or `turn`, not `{name}`");
            return Err(DecodeError::new(DecodeErrorKind::WrongValue, start, message));
        }
        Ok(found)
    }
}

impl<'a> Group<'a> {
    /// A group of traces that share `key`.
    pub fn new(key: Key<'a>, kind: GroupKind) -> Self {
        Group {
            key,
            kind: Some(kind),
            extra: Fields::new(),
        }
    }

    /// The key: typed, compared whole.
    pub fn key(&self) -> &Key<'a> {
        &self.key
    }

    /// In what sense the traces are the same, if the record says so.
    pub fn kind(&self) -> Option<GroupKind> {
        self.kind
    }

    /// Fields of the group that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// The same group, independent of the record it was read from.
    pub fn into_owned(self) -> Group<'static> {
        Group {
            key: self.key.into_owned(),
            kind: self.kind,
            extra: self.extra.into_owned(),
        }
    }

    /// Reads `{"key":…,"kind":…}`, or a bare key.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let start = cursor.start();
        let (mut key, mut kind, mut extra) = (None, None, Fields::new());
        if cursor.peek()? == Kind::Object {
            cursor.object(|cursor, name| {
                match name.body() {
                    "key" if cursor.null()? => {}
                    "key" => key = Some(Key(cursor.raw()?)),
                    "kind" => kind = GroupKind::read(cursor)?,
                    _ => extra.read(cursor, name)?,
                }
                Ok(())
            })?;
        } else {
            key = Some(Key(cursor.raw()?));
        }
        let key = key.ok_or_else(|| DecodeError::missing(start, "a group needs a `key`"))?;
        Ok(Group { key, kind, extra })
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("key").raw(&self.key.0);
        if let Some(kind) = self.kind {
            w.key("kind").str(kind.name());
        }
        self.extra.write(w);
        w.end_object();
    }
}
