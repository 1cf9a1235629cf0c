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
