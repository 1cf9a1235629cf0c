//! What a record may be at the most.

/// How deep a record may be nested and how many messages a trace may have.
///
/// Limits keep a hostile or damaged record from exhausting the stack or the memory; the defaults are far above
/// what real traces need.
///
/// ```
/// use tracemill_model::{DecodeErrorKind, Limits, Trace};
/// let limits = Limits::default().with_messages(1);
/// let two = r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#;
/// assert_eq!(Trace::from_json_with(two, limits).unwrap_err().kind(), DecodeErrorKind::OverLimit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    depth: u16,
    messages: usize,
}

impl Limits {
    /// The deepest nesting that can be asked for: beyond it the stack of a worker thread would be at risk.
    pub const MAX_DEPTH: u16 = 512;

    /// The number of brackets that may be open at once; 128 unless set.
    pub fn depth(&self) -> u16 {
        self.depth
    }

    /// The number of messages a trace may have; 100,000 unless set.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Sets the nesting depth; more than [`MAX_DEPTH`](Limits::MAX_DEPTH) is cut to it.
    #[must_use]
    pub fn with_depth(mut self, depth: u16) -> Self {
        self.depth = depth.min(Limits::MAX_DEPTH);
        self
    }

    /// Sets the number of messages.
    #[must_use]
    pub fn with_messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 128,
            messages: 100_000,
        }
    }
}
