//! Finds the end of one array or object, whatever is in it.

use super::masks::{escaped, is_bracket, mask, parity, some};

/// Deeper nesting than any record has; keeps the memory of a hostile document bounded.
const MAX_DEPTH: usize = 1 << 20;

/// Follows the brackets of one array or object through any number of pieces of text.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// The bracket that closes each open one.
    open: Vec<u8>,
    /// All ones inside a string, else zero.
    in_string: u64,
    /// 1 if the next byte is escaped.
    escaped: u64,
}

/// What [`Structure::feed`] found; the numbers count bytes from the start of the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The value goes on after this piece.
    More,
    /// The value ends before this byte.
    End(usize),
    /// This byte closes a bracket of the other kind.
    Mismatch(usize),
    /// The bracket at this byte is nested too deep.
    TooDeep(usize),
}

impl Structure {
    /// Forgets everything: the next byte fed must be the opening bracket of a value.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.in_string = 0;
        self.escaped = 0;
    }

    pub(super) fn is_in_string(&self) -> bool {
        self.in_string != 0
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Step {
        let (chunks, rest) = bytes.as_chunks::<64>();
        for (i, chunk) in chunks.iter().enumerate() {
            if let Some(step) = self.chunk(chunk, 64) {
                return step.after(64 * i);
            }
        }
        if rest.is_empty() {
            return Step::More;
        }
        let mut chunk = [b' '; 64];
        chunk[..rest.len()].copy_from_slice(rest);
        self.chunk(&chunk, rest.len())
            .map_or(Step::More, |step| step.after(64 * chunks.len()))
    }

    /// Takes the first `length` bytes of `chunk`; the others are spaces.
    #[inline]
    fn chunk(&mut self, chunk: &[u8; 64], length: usize) -> Option<Step> {
        let quotes = mask(chunk, |byte| byte == b'"') & !self.escapes(chunk, length);
        let in_string = if quotes == 0 {
            self.in_string
        } else {
            parity(quotes) ^ self.in_string
        };
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };
        if in_string == u64::MAX {
            return None; // the middle of a long string: what most of a record is
        }
        let mut brackets = mask(chunk, is_bracket) & !in_string;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            brackets &= brackets - 1;
            if let Some(step) = self.bracket(chunk[at], at) {
                return Some(step);
            }
        }
        None
    }

    /// Which bytes a backslash escapes.
    #[inline]
    fn escapes(&mut self, chunk: &[u8; 64], length: usize) -> u64 {
        if self.escaped == 0 && !some(chunk, |byte| byte == b'\\') {
            return 0;
        }
        let escapes = escaped(mask(chunk, |byte| byte == b'\\'), &mut self.escaped);
        if length < 64 {
            // A backslash at the very end escapes the first byte of the next piece, not the padding.
            self.escaped = escapes >> length & 1;
        }
        escapes
    }

    #[inline]
    fn bracket(&mut self, byte: u8, at: usize) -> Option<Step> {
        if matches!(byte, b'[' | b'{') {
            if self.open.len() == MAX_DEPTH {
                return Some(Step::TooDeep(at));
            }
            self.open.push(byte + 2); // `]` and `}` come two after `[` and `{`
            return None;
        }
        if self.open.pop() != Some(byte) {
            return Some(Step::Mismatch(at));
        }
        self.open.is_empty().then_some(Step::End(at + 1))
    }
}

impl Step {
    fn after(self, offset: usize) -> Self {
        match self {
            Step::More => Step::More,
            Step::End(at) => Step::End(at + offset),
            Step::Mismatch(at) => Step::Mismatch(at + offset),
            Step::TooDeep(at) => Step::TooDeep(at + offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str, piece: usize) -> Step {
        let mut structure = Structure::default();
        let mut offset = 0;
        for bytes in text.as_bytes().chunks(piece) {
            match structure.feed(bytes) {
                Step::More => offset += bytes.len(),
                step => return step.after(offset),
            }
        }
        Step::More
    }

    #[test]
    fn the_end_is_found_in_pieces_of_any_size() {
        let filler = "x".repeat(150);
        let value = format!(
            r#"{{"a\\":"}}]\"}}","b":[[],{{"c":"{filler}\\\\\"]"}}],"\u007d":"\\","e":{{"{filler}":[1,2,"{{"]}}}}"#
        );
        let text = format!(r#"{value},{{"next":"}}"#);
        for piece in 1..=text.len() {
            assert_eq!(steps(&text, piece), Step::End(value.len()), "pieces of {piece}");
        }
    }

    #[test]
    fn brackets_must_match() {
        assert_eq!(steps(r#"{"a":[1}"#, 64), Step::Mismatch(7));
        assert_eq!(steps("[[]", 64), Step::More);
        assert_eq!(steps(&"[".repeat(MAX_DEPTH + 1), 4096), Step::TooDeep(MAX_DEPTH));
    }
}
