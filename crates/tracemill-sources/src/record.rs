//! What readers of envelopes share.

use tracemill_model::json::Cursor;
use tracemill_model::{DecodeError, DecodeErrorKind, Fields, JsonWriter, Limits, RawJson, Text};

/// Refuses the second appearance of the keys that a reader knows. (Keys it does not know are fields, which refuse
/// it themselves.)
#[derive(Debug)]
pub(crate) struct Once {
    keys: &'static [&'static str],
    seen: u32,
}

impl Once {
    /// Watches over these keys, 32 at the most.
    pub(crate) const fn of(keys: &'static [&'static str]) -> Self {
        assert!(keys.len() <= 32, "one bit a key");
        Once { keys, seen: 0 }
    }

    /// Notes a key.
    pub(crate) fn note(&mut self, cursor: &Cursor<'_>, key: &Text<'_>) -> Result<(), DecodeError> {
        let Some(number) = self.keys.iter().position(|known| *known == key.body()) else {
            return Ok(());
        };
        let bit = 1 << number;
        if self.seen & bit != 0 {
            return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"));
        }
        self.seen |= bit;
        Ok(())
    }

    /// Whether one of the keys was seen.
    pub(crate) fn has_seen(&self, key: &str) -> bool {
        let number = self.keys.iter().position(|known| *known == key);
        number.is_some_and(|number| self.seen & 1 << number != 0)
    }
}

/// Fields as one object again.
pub(crate) fn object(fields: &Fields<'_>, limits: Limits) -> Result<RawJson<'static>, DecodeError> {
    let object = fields.to_raw();
    // It is one level more than they are, which is too deep only where so many brackets open.
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    if object.as_str().bytes().filter(opens).count() <= usize::from(limits.depth()) {
        return Ok(object);
    }
    Cursor::with_limits(object.as_str(), limits)
        .raw()
        .map(RawJson::into_owned)
}

/// The limits of values that are made out of what was checked before, and may be nested once more.
pub(crate) fn deepest() -> Limits {
    Limits::default().with_depth(Limits::MAX_DEPTH)
}

/// What `write` writes, as one value.
pub(crate) fn raw(
    limits: Limits,
    write: impl FnOnce(&mut JsonWriter<'_>),
) -> Result<RawJson<'static>, DecodeError> {
    let mut out = Vec::new();
    write(&mut JsonWriter::new(&mut out));
    let text = String::from_utf8(out).unwrap_or_default();
    Cursor::with_limits(&text, limits).raw().map(RawJson::into_owned)
}
