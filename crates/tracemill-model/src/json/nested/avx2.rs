//! Escaping with vectors of 16 bytes.
//!
//! The other of two places with unsafe code: as for [`Stops`](super::super::stops), the compiler cannot know whether the
//! processor has the instructions, and all in the functions themselves is safe. With it `convert` to `sharegpt`, which
//! holds tools and calls as JSON inside strings, takes a tenth less time than with the portable way, and the tests beside
//! it hold the two against each other and against the definition.

use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_cvtsi128_si64, _mm_extract_epi64,
    _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8,
    _mm_unpackhi_epi64,
};

use super::{ROOM, escape_tail};

/// As many bytes are looked at together; each half of them becomes at most as many.
const VECTOR: usize = 16;
const HALF: usize = VECTOR / 2;

/// Escapes a stretch into `room` and gives how much of that is filled, if the processor can.
#[inline]
#[allow(
    unsafe_code,
    reason = "the compiler cannot know what the processor was asked for"
)]
pub(super) fn escape(stretch: &[u8], room: &mut [u8; ROOM]) -> Option<usize> {
    let can = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt");
    // SAFETY: the processor has what the function needs: it was asked just above.
    can.then(|| unsafe { escape_with_avx2(stretch, room) })
}

#[target_feature(enable = "avx2,popcnt")]
fn escape_with_avx2(stretch: &[u8], room: &mut [u8; ROOM]) -> usize {
    let (vectors, tail) = stretch.as_chunks();
    let mut end = 0;
    for bytes in vectors {
        let vector = load(bytes);
        let marks = marks(vector);
        end = put(vector, marks & 0xff, room, end);
        end = put(_mm_unpackhi_epi64(vector, vector), marks >> 8, room, end);
    }
    escape_tail(tail, room, end)
}

/// Writes the lower half of a vector with a backslash before every byte that is marked, and gives the new end.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn put(half: __m128i, marks: usize, room: &mut [u8; ROOM], end: usize) -> usize {
    let places = load(&PLACES[marks % PLACES.len()]);
    let gaps = _mm_cmpgt_epi8(_mm_setzero_si128(), places);
    let backslashes = _mm_and_si128(gaps, _mm_set1_epi8(b'\\'.cast_signed()));
    let escaped = _mm_or_si128(_mm_shuffle_epi8(half, places), backslashes);
    let place = &mut room[end..end + VECTOR];
    place[..HALF].copy_from_slice(&_mm_cvtsi128_si64(escaped).to_le_bytes());
    place[HALF..].copy_from_slice(&_mm_extract_epi64::<1>(escaped).to_le_bytes());
    end + HALF + marks.count_ones() as usize
}

/// One bit for each quote and each backslash, the lowest for the first byte.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn marks(vector: __m128i) -> usize {
    let is = |byte: u8| _mm_cmpeq_epi8(vector, _mm_set1_epi8(byte.cast_signed()));
    let marked = _mm_or_si128(is(b'"'), is(b'\\'));
    _mm_movemask_epi8(marked).cast_unsigned() as usize
}

/// Compilers make one load of it.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load(bytes: &[u8; VECTOR]) -> __m128i {
    let half = |at: usize| {
        let mut half = [0; HALF];
        half.copy_from_slice(&bytes[at..at + HALF]);
        i64::from_le_bytes(half)
    };
    _mm_set_epi64x(half(HALF), half(0))
}

/// For every set of marks among eight bytes: from which byte each place is filled, or [`GAP`] for a backslash.
static PLACES: [[u8; VECTOR]; 256] = {
    let mut table = [[0; VECTOR]; 256];
    let mut marks = 0;
    while marks < table.len() {
        let (mut byte, mut place) = (0, 0);
        while byte < HALF {
            if marks >> byte & 1 == 1 {
                table[marks][place] = GAP;
                place += 1;
            }
            table[marks][place] = byte as u8;
            place += 1;
            byte += 1;
        }
        marks += 1;
    }
    table
};
/// Shuffles fill such a place with zero.
const GAP: u8 = 0x80;
