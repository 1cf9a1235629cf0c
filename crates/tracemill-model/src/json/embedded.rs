use super::{Cursor, CursorBuffers, RawJson, Text};
use crate::error::DecodeError;
use crate::limits::Limits;

/// Reads JSON out of texts that should hold it, such as the arguments of a call; its buffers are used again for each.
///
/// ```
/// use tracemill_model::{Text, json::EmbeddedJson};
/// let mut embedded = EmbeddedJson::new();
/// let arguments = embedded.read(&Text::new(r#"{"city": "Oslo", "days": 1.0}"#))?;
/// assert_eq!(arguments.as_str(), r#"{"city":"Oslo","days":1.0}"#);
/// assert!(embedded.read(&Text::new("{city: Oslo}")).is_err());
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct EmbeddedJson {
    decoded: String,
    canonical: String,
    buffers: CursorBuffers,
}

impl EmbeddedJson {
    /// Empty buffers.
    pub fn new() -> Self {
        EmbeddedJson::default()
    }

    /// The one JSON value that `text` is.
    ///
    /// # Errors
    /// If it is none, or has a key twice in one object, or is nested too deep; the column counts in the decoded text.
    pub fn read(&mut self, text: &Text<'_>) -> Result<RawJson<'_>, DecodeError> {
        self.decoded.clear();
        text.decode_into(&mut self.decoded);
        let mut cursor = Cursor::reusing(
            &self.decoded,
            Limits::default(),
            std::mem::take(&mut self.buffers),
        );
        let value = cursor
            .raw_in(&mut self.canonical)
            .and_then(|value| cursor.finish().map(|()| value));
        self.buffers = cursor.into_buffers();
        value
    }
}

/// What a cursor reads texts in that hold JSON themselves.
#[derive(Debug, Default)]
pub(super) struct Inside {
    decoded: String,
    buffers: CursorBuffers,
}

impl Inside {
    /// More is given back: one long text is no reason to keep as much for the rest of a run.
    const LARGE: usize = 64 << 10;

    fn read<T>(
        &mut self,
        text: &Text<'_>,
        limits: Limits,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.decoded.clear();
        self.decoded.reserve(text.body().len());
        text.decode_into(&mut self.decoded);
        let mut cursor = Cursor::reusing(&self.decoded, limits, std::mem::take(&mut self.buffers));
        let value = read(&mut cursor).and_then(|value| cursor.finish().map(|()| value));
        self.buffers = cursor.into_buffers();
        if self.decoded.capacity() > Inside::LARGE {
            self.decoded = String::new();
        }
        value
    }
}

impl Cursor<'_> {
    /// Reads the JSON that `text` is, all of it, in buffers that serve every such text of a record.
    ///
    /// ```
    /// use tracemill_model::{Limits, Text, ToolCall, json::Cursor};
    /// let mut cursor = Cursor::new(r#"["{\"name\":\"find\"}", "{}"]"#);
    /// let mut calls = Vec::new();
    /// let read = cursor.array(|cursor, _| {
    ///     let text = cursor.text()?;
    ///     let call = |inner: &mut Cursor<'_>| ToolCall::read(inner).map(ToolCall::into_owned);
    ///     calls.push(cursor.embedded(&text, Limits::default(), call)?);
    ///     Ok(())
    /// });
    /// assert_eq!(calls[0].name(), "find");
    /// assert_eq!(read.unwrap_err().message(), "a tool call needs a `name`");
    /// ```
    ///
    /// # Errors
    /// If `read` fails, or leaves something over; the column counts in the decoded text.
    pub fn embedded<T>(
        &mut self,
        text: &Text<'_>,
        limits: Limits,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut inside = self.buffers.inside.take().unwrap_or_default();
        let value = inside.read(text, limits, read);
        self.buffers.inside = Some(inside);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_carry_nothing_from_one_text_to_the_next() {
        let mut embedded = EmbeddedJson::new();
        let long = Text::new(r#"{"a":{"b":[1,2,{"c":"d"}]}, "\u00e9":"\/"}"#);
        assert_eq!(
            embedded.read(&long).unwrap().as_str(),
            r#"{"a":{"b":[1,2,{"c":"d"}]},"é":"/"}"#
        );
        for broken in ["", "{", r#"{"a":1,"a":2}"#, "{} {}", "{\"a\":{\"b\":"] {
            assert!(embedded.read(&Text::new(broken)).is_err(), "{broken}");
        }
        assert_eq!(embedded.read(&Text::new(" [ ] ")).unwrap().as_str(), "[]");
    }
}
