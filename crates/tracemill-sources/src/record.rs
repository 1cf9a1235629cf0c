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
    let write = |w: &mut JsonWriter<'_>| {
        w.begin_object();
        fields.write(w);
        w.end_object();
    };
    // The object around them is one level more, which is too deep only where there are as many brackets.
    let brackets = |(_, value): (&Text<'_>, &RawJson<'_>)| brackets(value.as_str());
    if fields.iter().map(brackets).sum::<usize>() < usize::from(limits.depth()) {
        return Ok(RawJson::written(write));
    }
    raw(limits, write)
}

/// How many brackets open in a text, at the most.
fn brackets(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count()
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
