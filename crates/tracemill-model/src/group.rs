//! Identity: typed keys, and the groups whose members compete.

use std::fmt;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

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
        if cursor.peek()? != Kind::Object {
            return Ok(Group {
                key: Key(cursor.raw()?),
                kind: None,
                extra: Fields::new(),
            });
        }
        let mut fields = Fields::read_object(cursor)?;
        let Some(key) = fields.remove("key") else {
            return Err(cursor.error(DecodeErrorKind::MissingField, "a group needs a `key`"));
        };
        let kind = fields.remove("kind").filter(|kind| !kind.is_null());
        let kind = kind.map(|kind| group_kind(cursor, &kind)).transpose()?;
        Ok(Group {
            key: Key(key),
            kind,
            extra: fields,
        })
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

fn group_kind(cursor: &Cursor<'_>, kind: &RawJson<'_>) -> Result<GroupKind, DecodeError> {
    let found = GroupKind::ALL
        .into_iter()
        .find(|known| kind.as_text().is_some_and(|text| text == *known.name()));
    found.ok_or_else(|| {
        let message = format!("a group is of kind `task`, `prompt` or `turn`, not {kind}");
        cursor.error(DecodeErrorKind::WrongValue, message)
    })
}
