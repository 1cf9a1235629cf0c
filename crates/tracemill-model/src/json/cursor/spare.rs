//! Buffers for tokens that are spelled anew.

use super::CursorBuffers;
use crate::json::index::Node;
use crate::json::{JsonIndex, RawJson};
use crate::trace::Trace;

/// Texts that nobody needs any more, to be filled again: a large one costs more to be had and to be given back than to be
/// filled.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<String>);

/// So many are kept, of at most this capacity.
const MANY: usize = 32;
const LARGE: usize = 64 << 10;

impl Spare {
    /// An empty buffer; with [`room`].
    pub(super) fn take(&mut self, left: usize, passed: usize) -> String {
        let Some(mut text) = self.0.pop() else {
            return String::with_capacity(room(left, passed));
        };
        text.clear();
        text.reserve(room(left, passed));
        text
    }

    fn keep(&mut self, text: String) {
        if self.0.len() < MANY && (1..=LARGE).contains(&text.capacity()) {
            self.0.push(text);
        }
    }
}

/// The capacity for the canonical spelling of a token that has `left` bytes at the most, of which `passed` need no change.
/// Such tokens tend to be long, and room is cheaper than moving what is there as it grows: near the end of a record there is room
/// for all of the rest. A long record may have thousands of them, of which none is given more than it is likely to need.
pub(super) fn room(left: usize, passed: usize) -> usize {
    /// As much as that is always given.
    const SHORT: usize = 8 << 10;
    if left <= SHORT {
        left
    } else {
        left.min(2 * passed + 1536)
    }
}

/// What a whole record is spelled anew in, and its places.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) nodes: Vec<Node>,
}

/// So large a text and so many places are kept for the next record.
const LARGE_TEXT: usize = 1 << 20;
const MANY_NODES: usize = 1 << 16;

impl Whole {
    /// Buffers for a record of so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Whole {
        let mut taken = std::mem::take(self);
        if taken.nodes.capacity() == 0 {
            // What short tokens come to, up to a thousand, because long records tend to hold long texts.
            taken.nodes.reserve((bytes / 16 + 8).min(1024));
        }
        taken
    }

    pub(super) fn keep_text(&mut self, mut text: String) {
        if text.capacity() > self.text.capacity() && text.capacity() <= LARGE_TEXT {
            text.clear();
            self.text = text;
        }
    }

    fn keep_nodes(&mut self, mut nodes: Vec<Node>) {
        if nodes.capacity() > self.nodes.capacity() && nodes.capacity() <= MANY_NODES {
            nodes.clear();
            self.nodes = nodes;
        }
    }
}

impl CursorBuffers {
    /// Takes what an indexed record was kept in and nobody looks into any more: the next one goes there.
    pub fn reclaim_indexed(&mut self, json: Option<RawJson<'static>>, index: Option<JsonIndex>) {
        if let Some(text) = json.and_then(RawJson::into_owned_text) {
            self.whole.keep_text(text);
        }
        if let Some(index) = index {
            self.whole.keep_nodes(index.into_nodes());
        }
    }

    /// Takes a trace that nobody needs any more, and keeps the texts for the next one that were made for its messages.
    pub fn reclaim(&mut self, mut trace: Trace<'_>) {
        for message in trace.messages_mut() {
            if let Some(text) = message.take_owned_text() {
                self.spare.keep(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Cursor;
    use crate::limits::Limits;

    #[test]
    fn texts_that_were_made_are_filled_again() {
        let record = |text: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":"\u0041{text}"}},{{"role":"user","content":"kept"}}]}}"#
            )
        };
        let mut buffers = CursorBuffers::default();
        let (long, short) = (record(&"long ".repeat(100)), record("short"));
        for text in [&long, &short, &long] {
            let mut cursor = Cursor::reusing(text, Limits::default(), buffers);
            let trace = Trace::read(&mut cursor).unwrap();
            assert_eq!(trace, Trace::from_json(text).unwrap());
            buffers = cursor.into_buffers();
            assert!(buffers.spare.0.is_empty());
            buffers.reclaim(trace);
            // What borrows from the record is not kept.
            assert_eq!(buffers.spare.0.len(), 1);
        }
    }

    #[test]
    fn no_more_is_kept_than_is_worth_keeping() {
        let mut spare = Spare::default();
        spare.keep(String::new());
        spare.keep(String::with_capacity(LARGE + 1));
        assert!(spare.0.is_empty());
        for _ in 0..2 * MANY {
            spare.keep(String::with_capacity(1));
        }
        assert_eq!(spare.0.len(), MANY);
        assert!(spare.take(100, 0).capacity() >= 100);
    }

    #[test]
    fn many_texts_of_a_long_record_take_no_more_room_than_short_ones_need() {
        assert_eq!(room(4000, 0), 4000);
        assert_eq!(room(1 << 20, 0), 1536);
        assert_eq!(room(1 << 20, 10_000), 21_536);
    }
}
