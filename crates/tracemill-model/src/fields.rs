//! Fields that the trace does not name: kept verbatim, in order.

use std::collections::HashMap;
use std::fmt;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// Fields that the trace does not name, verbatim and in the order they came.
///
/// ```
/// use tracemill_model::Trace;
/// let trace = Trace::from_json(r#"{"messages":[],"run":"r7","seed":1.0}"#)?;
/// assert_eq!(trace.extra().get("seed").unwrap().as_str(), "1.0");
/// assert_eq!(trace.extra().iter().map(|(key, _)| key.decode()).collect::<Vec<_>>(), ["run", "seed"]);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
///
/// Fields that the trace *does* name do not belong here: written beside the named ones they would stand there twice.
#[derive(Clone, Default)]
pub struct Fields<'a> {
    entries: Vec<(Text<'a>, RawJson<'a>)>,
    /// Where each key is, once there are many.
    #[expect(
        clippy::box_collection,
        reason = "rare, and every message, call and part has fields"
    )]
    index: Option<Box<HashMap<Text<'a>, usize>>>,
}

/// Up to here looking at every key is fast enough.
const FEW: usize = 32;

impl<'a> Fields<'a> {
    /// No fields.
    pub const fn new() -> Self {
        Fields {
            entries: Vec::new(),
            index: None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&RawJson<'a>> {
        let at = self.find(key)?;
        Some(&self.entries[at].1)
    }

    /// Takes a field out; those behind it move up.
    pub fn remove(&mut self, key: &str) -> Option<RawJson<'a>> {
        let at = self.find(key)?;
        self.index = None;
        Some(self.entries.remove(at).1)
    }

    /// Adds a field, replacing the value of one that is there.
    pub fn insert(&mut self, key: Text<'a>, value: RawJson<'a>) {
        match self.position(&key) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(key, value),
        }
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text<'a>, &RawJson<'a>)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The same fields, independent of the record they were read from.
    pub fn into_owned(self) -> Fields<'static> {
        let owned = |(key, value): (Text<'a>, RawJson<'a>)| (key.into_owned(), value.into_owned());
        Fields {
            entries: self.entries.into_iter().map(owned).collect(),
            index: None,
        }
    }

    /// Reads the value of a field that the reader does not know.
    ///
    /// # Errors
    /// If the value is malformed or the field is there already.
    pub fn read(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        if self.position(key).is_some() {
            return Err(cursor.duplicate_key());
        }
        let value = cursor.raw()?;
        self.push(key.clone(), value);
        Ok(())
    }

    /// Reads a whole object as fields.
    ///
    /// # Errors
    /// If the next value is no object, or is malformed.
    pub fn read_object(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut fields = Fields::new();
        cursor.object(|cursor, key| fields.read(cursor, key))?;
        Ok(fields)
    }

    /// Writes the fields as members of the object that is open.
    pub fn write(&self, w: &mut JsonWriter<'_>) {
        for (key, value) in &self.entries {
            w.text_key(key).raw(value);
        }
    }

    /// Takes a field out if it is there and text.
    pub(crate) fn remove_text(&mut self, key: &str) -> Option<Text<'a>> {
        let is_text = self.get(key).is_some_and(|value| value.kind() == Kind::String);
        let value = if is_text { self.remove(key) } else { None };
        value.and_then(|value| value.into_text().ok())
    }

    /// The fields as one object.
    pub fn to_raw(&self) -> RawJson<'static> {
        RawJson::written(|w| {
            w.begin_object();
            self.write(w);
            w.end_object();
        })
    }

    fn find(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&Text::new(key)).copied(),
            None => self.entries.iter().position(|(name, _)| *name == *key),
        }
    }

    /// As [`find`](Fields::find), but quick among many from now on.
    fn position(&mut self, key: &Text<'a>) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|(name, _)| name == key);
        }
        self.index().get(key).copied()
    }

    fn push(&mut self, key: Text<'a>, value: RawJson<'a>) {
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
    }

    /// The index, made if it is missing.
    fn index(&mut self) -> &HashMap<Text<'a>, usize> {
        let entries = &self.entries;
        self.index.get_or_insert_with(|| {
            let keys = entries.iter().map(|(key, _)| key.clone());
            Box::new(keys.zip(0..).collect())
        })
    }
}

/// The order counts: it is part of the record.
impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Text<'a>, RawJson<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Sets a field that may stand on two levels, if they agree.
pub(crate) fn once<T: PartialEq>(
    slot: &mut Option<T>,
    value: Option<T>,
    cursor: &Cursor<'_>,
) -> Result<(), DecodeError> {
    match (&slot, value) {
        (Some(known), Some(value)) if *known != value => Err(two_values(cursor)),
        (None, value) => {
            *slot = value;
            Ok(())
        }
        (Some(_), _) => Ok(()),
    }
}

/// The error for a field that stands on two levels, which do not agree.
#[cold]
pub(crate) fn two_values(cursor: &Cursor<'_>) -> DecodeError {
    cursor.error_at_key(
        DecodeErrorKind::DuplicateKey,
        "this field has two different values",
    )
}
