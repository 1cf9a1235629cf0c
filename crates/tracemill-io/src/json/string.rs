//! Finds the end of a string.

/// Where the string that `bytes` are inside of ends: past its closing quote. `None` if it goes on after them.
///
/// `escaped` says whether a backslash before `bytes` escapes the first of them; after `None` it says so of the byte that
/// follows them.
///
/// It searches for quotes alone, the rarer of the two, and looks back for backslashes from there: long strings go by at
/// the speed of memory.
pub(super) fn string_end(bytes: &[u8], escaped: &mut bool) -> Option<usize> {
    let mut start = usize::from(std::mem::take(escaped));
    while let Some(at) = bytes.get(start..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let quote = start + at;
        if !ends_in_escape(&bytes[start..quote]) {
            return Some(quote + 1);
        }
        start = quote + 1;
    }
    *escaped = bytes.get(start..).is_some_and(ends_in_escape);
    None
}

/// Whether the last backslash of a text is not itself escaped. Each backslash is looked at once: a quote ends a run.
fn ends_in_escape(text: &[u8]) -> bool {
    text.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(text: &[u8]) -> Option<usize> {
        let mut escaped = false;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Some(at + 1),
                _ => {}
            }
        }
        None
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_find_the_same_end(
            text in prop::collection::vec(prop::sample::select(b"\\\\\\\"a".to_vec()), 0..40),
            piece in 1..12_usize,
        ) {
            let (mut escaped, mut before, mut found) = (false, 0, None);
            for bytes in text.chunks(piece) {
                found = string_end(bytes, &mut escaped).map(|end| before + end);
                if found.is_some() {
                    break;
                }
                before += bytes.len();
            }
            prop_assert_eq!(found, naive(&text));
        }
    }
}
