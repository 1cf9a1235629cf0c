//! Where the strings of a text end, found for many strings at once.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

/// As many bytes make one mask.
const BLOCK: usize = 64;
/// As much is looked at in one go at the most: more than most records have, and little enough to stay near.
const STRETCH: usize = 128 * BLOCK;

/// The stops of a text: the bytes at which a string ends, or where it needs a closer look.
///
/// A stop is a quote that no backslash escapes; a control character; or a character that is escaped, unless the canonical
/// form escapes it in the same way. Nearly every string has its closing quote as its only stop, however many `\n` and
/// `\"` it holds, so that finding it is finding the next bit that is set.
///
/// One pass over a stretch of text sets a bit for each stop, at about one instruction a byte and without a branch that
/// depends on the text: searching string by string costs three times as much, most of it for branches that nobody can foresee.
/// What stands outside of strings is looked at in vain, but that is little.
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// One bit for each byte of the stretch, the lowest for the first.
    masks: Vec<u64>,
    /// Where the stretch begins.
    start: usize,
    /// How many bytes of it are known.
    known: usize,
    separators: bool,
}

impl Stops {
    /// Forgets the text, keeping the buffer.
    pub(super) fn clear(&mut self) {
        self.known = 0;
        self.separators = false;
    }

    /// Whether there may be, in all that was looked at, one of the characters that the canonical form escapes and JSON
    /// does not.
    #[inline]
    pub(super) fn separators(&self) -> bool {
        self.separators
    }

    /// The offset of the first stop at or after `from`, which must not stand inside an escape, if that is in the same
    /// block and known; so it is for most strings, which are short.
    #[inline]
    pub(super) fn near(&self, from: usize) -> Option<usize> {
        let offset = from.wrapping_sub(self.start);
        if offset >= self.known {
            return None;
        }
        let mask = self.masks.get(offset / BLOCK)? >> (offset % BLOCK);
        (mask != 0).then(|| from + mask.trailing_zeros() as usize)
    }

    /// The offset of the first stop at or after `from`, which must not stand inside an escape; the length of `bytes`
    /// if there is none.
    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8], from: usize) -> usize {
        match self.near(from) {
            Some(stop) => stop,
            None => self.next_beyond(bytes, from),
        }
    }

    /// The first stop behind the block in which `from` stands.
    fn next_beyond(&mut self, bytes: &[u8], mut from: usize) -> usize {
        let offset = from.wrapping_sub(self.start);
        if offset < self.known {
            let first = offset / BLOCK + 1;
            if let Some(stop) = self.first_in(first) {
                return stop;
            }
            from = self.start + self.known;
        }
        while from < bytes.len() {
            self.look(bytes, from);
            if let Some(stop) = self.first_in(0) {
                return stop.min(bytes.len());
            }
            from = self.start + self.known;
        }
        bytes.len()
    }

    /// The first stop in the blocks of the stretch from `first` on.
    #[inline]
    fn first_in(&self, first: usize) -> Option<usize> {
        let masks = self.masks.get(first..)?;
        let found = masks.iter().position(|&mask| mask != 0)?;
        let bit = masks[found].trailing_zeros() as usize;
        Some(self.start + (first + found) * BLOCK + bit)
    }

    /// Finds the stops of the stretch that begins at `from`.
    #[inline(never)]
    fn look(&mut self, bytes: &[u8], from: usize) {
        let rest = bytes.get(from..).unwrap_or_default();
        let stretch = &rest[..rest.len().min(STRETCH)];
        let (blocks, tail) = stretch.as_chunks::<BLOCK>();
        let mut state = State::behind(&bytes[..from]);
        self.masks.clear();
        self.masks.resize(stretch.len().div_ceil(BLOCK), 0);
        let (whole, last) = self.masks.split_at_mut(blocks.len());
        find(blocks, &mut state, whole);
        if !tail.is_empty() {
            // Zeros are control characters: they stop whatever runs past the end.
            let mut block = [0; BLOCK];
            block[..tail.len()].copy_from_slice(tail);
            find(&[block], &mut state, last);
        }
        self.start = from;
        // A backslash at the very end is left to the next stretch, together with what it escapes.
        self.known = stretch.len() - usize::from(tail.is_empty() && state.escapes_next == 1);
        self.separators |= state.separators;
    }
}

/// What goes from one block to the next.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// 1 if a backslash escapes the first byte of the next block.
    escapes_next: u64,
    /// The last byte, if it is not ASCII.
    last: u8,
    /// Whether a separator may have been among the blocks.
    separators: bool,
}

impl State {
    /// The state behind these bytes, which do not end in a backslash that escapes what follows.
    fn behind(bytes: &[u8]) -> Self {
        State {
            last: bytes.last().copied().unwrap_or_default(),
            ..State::default()
        }
    }

    /// Which bytes of the next block a backslash escapes.
    ///
    /// A backslash escapes what follows it unless it is escaped itself. Subtracting the backslashes from the odd
    /// positions lets the borrow run along each run of them and leaves the parity of its length at its end.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let escaping = backslashes & !self.escapes_next;
        let followers = (escaping << 1) | ODD;
        let ends = followers.wrapping_sub(escaping) ^ ODD;
        let escaped = ends ^ (backslashes | self.escapes_next);
        self.escapes_next = (ends & backslashes) >> 63;
        escaped
    }

    /// Whether a separator may end in the next block, which is not all ASCII: U+0085 is C2 85, and U+2028 and U+2029 are
    /// E2 80 A8 and E2 80 A9, of which the last two bytes are looked for.
    #[inline]
    fn separator(&self, bytes: &Separating) -> bool {
        let behind = |bits: u64, byte: u8| bits << 1 | u64::from(self.last == byte);
        (behind(bytes.c2, 0xc2) & bytes.x85) | (behind(bytes.x80, 0x80) & bytes.a8_a9) != 0
    }
}

/// Where the bytes stand that separators are made of.
struct Separating {
    c2: u64,
    x85: u64,
    x80: u64,
    a8_a9: u64,
}

/// Puts the stops of each block into its mask.
#[inline]
fn find(blocks: &[[u8; BLOCK]], state: &mut State, masks: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::find(blocks, state, masks) {
        return;
    }
    portable::find(blocks, state, masks);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The stops of a text, by the definition.
    fn plainly(bytes: &[u8]) -> Vec<usize> {
        let mut escaped = false;
        let mut is_stop = |byte: u8| {
            let was_escaped = escaped;
            escaped = byte == b'\\' && !was_escaped;
            if was_escaped {
                !br#""\nrtbf"#.contains(&byte)
            } else {
                byte == b'"' || byte < b' '
            }
        };
        let at = bytes.iter().enumerate();
        at.filter_map(|(at, &byte)| is_stop(byte).then_some(at)).collect()
    }

    /// The same from masks.
    fn from_masks(
        find: impl Fn(&[[u8; BLOCK]], &mut State, &mut [u64]),
        bytes: &[u8],
    ) -> (Vec<usize>, State) {
        let mut state = State::default();
        let (blocks, _) = bytes.as_chunks();
        let mut masks = vec![0; blocks.len()];
        find(blocks, &mut state, &mut masks);
        let is_stop = |at: &usize| masks[at / BLOCK] >> (at % BLOCK) & 1 == 1;
        ((0..bytes.len()).filter(is_stop).collect(), state)
    }

    /// Every way to find the stops of whole blocks gives what the definition says.
    fn agree(bytes: &[u8]) {
        let wanted = plainly(bytes);
        let (portable, portable_state) = from_masks(portable::find, bytes);
        assert_eq!(portable, wanted, "{bytes:x?}");
        let separators = bytes
            .windows(2)
            .any(|two| matches!(two, [0xc2, 0x85] | [0x80, 0xa8 | 0xa9]));
        assert_eq!(portable_state.separators, separators, "{bytes:x?}");
        let (fast, fast_state) = from_masks(super::find, bytes);
        assert_eq!(fast, wanted, "{bytes:x?}");
        assert_eq!(fast_state, portable_state, "{bytes:x?}");
    }

    /// Asking for one stop after the other, as the cursor does, gives all of them.
    fn one_by_one(bytes: &[u8]) {
        let mut stops = Stops::default();
        let (mut found, mut from) = (Vec::new(), 0);
        while from < bytes.len() {
            let stop = stops.next(bytes, from);
            if stop == bytes.len() {
                break;
            }
            found.push(stop);
            from = stop + 1;
        }
        assert_eq!(found, plainly(bytes), "{bytes:x?}");
        assert_eq!(stops.next(bytes, bytes.len()), bytes.len());
        let separators = ["\u{85}", "\u{2028}", "\u{2029}"];
        let held = separators
            .iter()
            .any(|raw| bytes.windows(raw.len()).any(|bytes| bytes == raw.as_bytes()));
        assert!(stops.separators() || !held, "{bytes:x?}");
    }

    #[test]
    fn every_byte_in_every_place_escaped_or_not() {
        for byte in 0..=255 {
            for at in 0..2 * BLOCK {
                for backslashes in 0..4.min(at + 1) {
                    let mut bytes = [b'a'; 2 * BLOCK];
                    bytes[at] = byte;
                    bytes[at - backslashes..at].fill(b'\\');
                    agree(&bytes);
                }
            }
        }
    }

    #[test]
    fn texts_longer_than_a_stretch_and_backslashes_at_its_end() {
        for length in [
            STRETCH - 1,
            STRETCH,
            STRETCH + 1,
            STRETCH + 70,
            2 * STRETCH,
            3 * STRETCH + 5,
        ] {
            for backslashes in 0..4 {
                for place in [STRETCH - 2, STRETCH - 1, STRETCH, STRETCH + 1, length - 1] {
                    let mut bytes = vec![b'a'; length];
                    let end = (place + 1).min(length);
                    bytes[end - backslashes..end].fill(b'\\');
                    if let Some(byte) = bytes.get_mut(end) {
                        *byte = b'"';
                    }
                    one_by_one(&bytes);
                }
            }
        }
    }

    #[test]
    fn separators_are_suspected_wherever_they_stand() {
        for separator in ["\u{85}", "\u{2028}", "\u{2029}"] {
            for place in (0..200).chain(STRETCH - 4..STRETCH + 4) {
                let text = format!("{}{separator}é…\"", "a".repeat(place));
                let mut stops = Stops::default();
                assert_eq!(stops.next(text.as_bytes(), 0), text.len() - 1);
                assert!(stops.separators(), "{place}");
                let other = text.replace(separator, "…é ™\u{2027}\u{a0}\u{86}");
                let mut stops = Stops::default();
                assert_eq!(stops.next(other.as_bytes(), 0), other.len() - 1);
                assert!(!stops.separators(), "{place}");
            }
        }
    }

    #[test]
    fn going_back_finds_the_same_again() {
        let bytes = br#"{"type":"a\u0041b","#.repeat(STRETCH / 8);
        let mut stops = Stops::default();
        let end = stops.next(&bytes, bytes.len() - 3);
        assert_eq!(stops.next(&bytes, 0), 1);
        assert_eq!(stops.next(&bytes, bytes.len() - 3), end);
        stops.clear();
        assert_eq!(stops.next(b"a\"", 0), 1);
    }

    fn telling() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => prop::sample::select(br#"\\\\\"nrtbfu/"#.to_vec()),
            2 => any::<u8>(),
            2 => prop::sample::select(b"\xc2\x85\xe2\x80\xa8\xa9".to_vec()),
            1 => Just(b'a'),
        ];
        proptest::collection::vec(byte, 0..6 * BLOCK)
    }

    proptest! {
        #[test]
        fn telling_bytes(bytes in telling()) {
            let whole = bytes.len() / BLOCK * BLOCK;
            agree(&bytes[..whole]);
            one_by_one(&bytes);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4 * BLOCK)) {
            let whole = bytes.len() / BLOCK * BLOCK;
            agree(&bytes[..whole]);
            one_by_one(&bytes);
        }
    }
}
