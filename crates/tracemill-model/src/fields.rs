//! Fields that the trace does not name: kept verbatim, in order.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::json::{Cursor, JsonWriter, RawJson, Text};

/// Fields that the trace does not name, verbatim and in the order they came.
///
/// ```
/// use tracemill_model::Trace;
/// let trace = Trace::from_json(r#"{"messages":[],"run":"r7","seed":1.0}"#)?;
/// assert_eq!(trace.extra().get("seed").unwrap().as_str(), "1.0");
/// assert_eq!(trace.extra().iter().map(|(key, _)| key.decode()).collect::<Vec<_>>(), ["run", "seed"]);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a>(Vec<(Text<'a>, RawJson<'a>)>);

impl<'a> Fields<'a> {
    /// No fields.
    pub const fn new() -> Self {
        Fields(Vec::new())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&RawJson<'a>> {
        self.0
            .iter()
            .find(|(name, _)| *name == *key)
            .map(|(_, value)| value)
    }

    /// Takes a field out.
    pub fn remove(&mut self, key: &str) -> Option<RawJson<'a>> {
        let at = self.0.iter().position(|(name, _)| *name == *key)?;
        Some(self.0.remove(at).1)
    }

    /// Adds a field, replacing the value of one that is there.
    pub fn insert(&mut self, key: Text<'a>, value: RawJson<'a>) {
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text<'a>, &RawJson<'a>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The same fields, independent of the record they were read from.
    pub fn into_owned(self) -> Fields<'static> {
        Fields(
            self.0
                .into_iter()
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Reads the value of a field that the reader does not know.
    ///
    /// # Errors
    /// If the value is malformed or the field is there already.
    pub fn read(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        if self.0.iter().any(|(name, _)| name == key) {
            return Err(duplicate(cursor));
        }
        let value = cursor.raw()?;
        self.0.push((key.clone(), value));
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
        for (key, value) in &self.0 {
            w.text_key(key).raw(value);
        }
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Text<'a>, RawJson<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The error for a key that an object has twice.
#[cold]
pub(crate) fn duplicate(cursor: &Cursor<'_>) -> DecodeError {
    cursor.error(DecodeErrorKind::DuplicateKey, "this key stands here twice")
}

/// Remembers which of the known keys of an object were seen, to refuse the second.
#[derive(Default)]
pub(crate) struct Seen(u32);

impl Seen {
    /// Notes the known key with this number.
    pub(crate) fn once(&mut self, cursor: &Cursor<'_>, number: u32) -> Result<(), DecodeError> {
        let bit = 1 << number;
        if self.0 & bit != 0 {
            return Err(duplicate(cursor));
        }
        self.0 |= bit;
        Ok(())
    }

    /// Whether the known key with this number was seen.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }
}
