//! Passages that were encoded already: of one group, each completion goes into many pairs.

use tracemill_model::{JsonWriter, Message};

/// What was encoded of the traces that are [held](crate::Scratch::hold_traces), by where they are.
///
/// A table of few places, two for each address, in which a newer passage takes the place of the older one: finding costs
/// the same however large a group is, and the buffers stay.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    held: bool,
    /// Empty until traces are held; the newer one comes first.
    places: Vec<[Place; 2]>,
}

#[derive(Debug, Default)]
struct Place {
    of: Option<PassageId>,
    json: Vec<u8>,
}

/// Which messages, and as what. As the traces stay where they are, an address tells one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassageId {
    messages: usize,
    start: usize,
    end: usize,
    trained: bool,
}

/// A group of eight has at most sixteen passages, so that hardly ever three of them meet.
const PLACES: usize = 64;
/// Longer passages are encoded again: copying them is most of the work in any case.
const MAX_LENGTH: usize = 64 << 10;

impl PassageId {
    /// The messages of a range, as what is trained on or not.
    pub(crate) fn new(messages: &[Message<'_>], range: &std::ops::Range<usize>, trained: bool) -> Self {
        PassageId {
            messages: messages.as_ptr().addr(),
            start: range.start,
            end: range.end,
            trained,
        }
    }

    fn place(self) -> usize {
        /// 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = self.messages as u64 ^ (self.start as u64) << 1 ^ u64::from(self.trained);
        (mixed.wrapping_mul(SPREAD) >> 58) as usize
    }
}

impl Passages {
    /// Begins with traces that stay where they are until [`release`](Passages::release).
    pub(crate) fn hold(&mut self) {
        self.release();
        self.held = true;
        self.places.resize_with(PLACES, Default::default);
    }

    /// Forgets what was encoded.
    pub(crate) fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            for place in self.places.as_flattened_mut() {
                place.of = None;
            }
        }
    }

    /// Writes a passage as it was encoded before; says whether it was.
    #[inline]
    pub(crate) fn write(&self, id: PassageId, w: &mut JsonWriter<'_>) -> bool {
        let mut places = self.places.get(id.place()).into_iter().flatten();
        let place = places.find(|place| place.of == Some(id));
        if let Some(place) = place {
            w.paste(&place.json);
        }
        place.is_some()
    }

    /// Keeps a passage that was encoded without any loss.
    pub(crate) fn keep(&mut self, id: PassageId, json: &[u8]) {
        if !self.held || json.len() > MAX_LENGTH {
            return;
        }
        if let Some([newer, older]) = self.places.get_mut(id.place()) {
            std::mem::swap(newer, older);
            newer.of = Some(id);
            newer.json.clear();
            newer.json.extend_from_slice(json);
        }
    }
}
