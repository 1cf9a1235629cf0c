//! Escaping on any machine, in ordinary registers.

use super::super::scan;
use super::{ROOM, escape_tail};

/// Each lane is written whole, and what stands behind a quote or a backslash once more, a byte further on: that has no
/// branch but the one on how many there are.
pub(super) fn escape(stretch: &[u8], room: &mut [u8; ROOM]) -> usize {
    let mut end = 0;
    let (lanes, tail) = stretch.as_chunks();
    for &bytes in lanes {
        let lane = u64::from_le_bytes(bytes);
        let mut marks = scan::quote_or_backslash(lane);
        put(room, end, lane);
        while marks != 0 {
            let index = scan::first(marks);
            room[end + index] = b'\\';
            end += 1;
            put(room, end + index, lane >> (index * 8));
            marks &= marks - 1;
        }
        end += scan::LANE;
    }
    escape_tail(tail, room, end)
}

#[inline]
fn put(room: &mut [u8; ROOM], at: usize, lane: u64) {
    room[at..at + scan::LANE].copy_from_slice(&lane.to_le_bytes());
}
