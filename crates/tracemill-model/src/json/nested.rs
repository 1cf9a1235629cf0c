//! JSON as the text of a string: quotes and backslashes escaped once more.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

/// As much is escaped in one go at the most; what comes out of it stays near on its way into the buffer.
const STRETCH: usize = 512;
/// What a stretch becomes at the most, and a place for the last step, which is written whole.
const ROOM: usize = 2 * STRETCH + 16;

/// Appends canonical JSON as it stands inside a string.
///
/// Canonical JSON holds no control characters and none of the three separators, so only quotes and backslashes need
/// an escape. It holds one of them in every other word, so searching for the next one and copying what is before it is
/// slow: both ways here take a fixed number of bytes at a time, whatever stands in them.
pub(super) fn escape_into(json: &[u8], out: &mut Vec<u8>) {
    let mut room = [0; ROOM];
    for stretch in json.chunks(STRETCH) {
        let length = escape(stretch, &mut room);
        out.extend_from_slice(&room[..length]);
    }
}

/// Escapes a stretch into `room`, and gives how much of that is filled.
#[inline]
fn escape(stretch: &[u8], room: &mut [u8; ROOM]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Some(length) = avx2::escape(stretch, room) {
        return length;
    }
    portable::escape(stretch, room)
}

/// Escapes the bytes that are left over, one by one, and gives the new end.
fn escape_tail(tail: &[u8], room: &mut [u8; ROOM], mut end: usize) -> usize {
    for &byte in tail {
        if matches!(byte, b'"' | b'\\') {
            room[end] = b'\\';
            end += 1;
        }
        room[end] = byte;
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every way to escape gives what the definition says.
    fn agree(json: &[u8]) {
        let mut wanted = Vec::new();
        for &byte in json {
            if matches!(byte, b'"' | b'\\') {
                wanted.push(b'\\');
            }
            wanted.push(byte);
        }
        let mut out = Vec::from(*b"before");
        escape_into(json, &mut out);
        assert_eq!(out.split_at(6), (&b"before"[..], &wanted[..]), "{json:x?}");
        let mut out = Vec::new();
        let mut room = [0; ROOM];
        for stretch in json.chunks(STRETCH) {
            let length = portable::escape(stretch, &mut room);
            out.extend_from_slice(&room[..length]);
        }
        assert_eq!(out, wanted, "{json:x?}");
    }

    #[test]
    fn every_set_of_marks_in_every_lane() {
        for marks in 0..=0xffff_u32 {
            let lanes: Vec<u8> = (0..16)
                .map(|bit| {
                    let marked = if bit % 3 == 0 { b'\\' } else { b'"' };
                    if marks >> bit & 1 == 1 { marked } else { 0x80 + bit }
                })
                .collect();
            agree(&lanes);
        }
    }

    #[test]
    fn every_byte_in_every_place() {
        for byte in 0..=255 {
            for at in 0..40 {
                let mut json = [b'a'; 40];
                json[at] = byte;
                agree(&json);
            }
        }
    }

    #[test]
    fn stretches_end_anywhere_and_may_be_all_quotes() {
        for length in (0..70).chain(STRETCH - 20..STRETCH + 20).chain([3 * STRETCH + 5]) {
            agree(&vec![b'"'; length]);
            agree(&vec![b'a'; length]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes(json in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), any::<u8>()], 0..3000)) {
            agree(&json);
        }
    }
}
