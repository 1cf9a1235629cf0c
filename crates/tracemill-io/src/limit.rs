//! Sizes with a meaning: how long a record may be, how large a block is.

use std::fmt;

/// The longest record that is read, in bytes; a longer one is a [`RecordError`](crate::RecordError).
///
/// It is what keeps memory bounded whatever the input holds. The default is 256 MiB.
///
/// ```
/// use tracemill_io::RecordLimit;
/// assert_eq!(RecordLimit::default().to_string(), "256 MiB");
/// assert_eq!(RecordLimit::new(1500).bytes(), 1500);
/// assert_eq!(RecordLimit::new(1500).to_string(), "1500 bytes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordLimit(usize);

impl RecordLimit {
    /// A limit of so many bytes; 0 counts as 1.
    pub fn new(bytes: usize) -> Self {
        RecordLimit(bytes.max(1))
    }

    /// The limit in bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

/// Reads a number of bytes, or a number with a unit: `64MiB`, `1 GiB`, `500kB`.
impl std::str::FromStr for RecordLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = usize::try_from(parse_size(text)?)
            .map_err(|_| format!("`{text}` is too large for this machine"))?;
        if bytes == 0 {
            Err("a record has at least one byte".to_owned())
        } else {
            Ok(RecordLimit(bytes))
        }
    }
}

/// The number of bytes that a size as people write it stands for; units of 1024 (`KiB`) and of 1000 (`kB`).
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(format!("`{text}` is no size; write for example `64MiB`")),
    };
    let number: Option<u64> = text[..digits].parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("`{text}` is no size; write for example `64MiB`"))
}

impl Default for RecordLimit {
    fn default() -> Self {
        RecordLimit(256 << 20)
    }
}

impl fmt::Display for RecordLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Size(self.0 as u64).fmt(f)
    }
}

/// How many bytes of records a block holds before the next one is begun.
///
/// A record that is larger than a block gets a block of its own size. Small blocks cost hand-overs between threads,
/// large ones fall out of the processor's cache; 256 KiB, the default, was the best in measurements.
///
/// ```
/// use tracemill_io::BlockSize;
/// assert_eq!(BlockSize::default().bytes(), 256 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(usize);

impl BlockSize {
    /// A block of so many bytes; 0 counts as 1.
    pub fn new(bytes: usize) -> Self {
        BlockSize(bytes.max(1))
    }

    /// The size in bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl Default for BlockSize {
    fn default() -> Self {
        BlockSize(256 << 10)
    }
}

/// Writes a number of bytes exactly, in the largest unit that divides it.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (unit, name) in UNITS {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{} {name}", self.0 / unit);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("1", 1),
            ("64MiB", 64 << 20),
            ("1 GiB", 1 << 30),
            ("500kB", 500_000),
            ("2k", 2048),
        ] {
            assert_eq!(text.parse(), Ok(RecordLimit(bytes)), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "0", "7 parsecs", "99999999999GiB"] {
            assert!(text.parse::<RecordLimit>().is_err(), "{text}");
        }
        let default = RecordLimit::default();
        assert_eq!(default.to_string().parse(), Ok(default));
    }

    #[test]
    fn sizes_are_exact() {
        let written: Vec<String> = [0, 1023, 1024, 1025, 1 << 20, 3 << 30]
            .map(|n| Size(n).to_string())
            .into();
        assert_eq!(
            written,
            ["0 bytes", "1023 bytes", "1 KiB", "1025 bytes", "1 MiB", "3 GiB"]
        );
    }
}
