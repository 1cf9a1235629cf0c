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
