//! Files that a consumer needs beside the records.

use std::ops::{BitOr, BitOrAssign};

/// A file that belongs beside the records.
///
/// ```
/// use tracemill_formats::{Columns, EncodeOptions, FormatSpec};
/// let spec: FormatSpec = "sharegpt-preference".parse()?;
/// let encoder = spec.encoder(&EncodeOptions::default())?;
/// let companions = encoder.companions("pairs.jsonl", Columns::TOOLS);
/// assert_eq!(companions[0].name(), "dataset_info.json");
/// assert!(companions[0].contents().contains("\"file_name\": \"pairs.jsonl\""));
/// # Ok::<(), tracemill_formats::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    name: String,
    contents: String,
}

impl Companion {
    /// A file of this name, with these contents.
    pub fn new(name: impl Into<String>, contents: impl Into<String>) -> Self {
        Companion {
            name: name.into(),
            contents: contents.into(),
        }
    }

    /// Its name, without a folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands in it.
    pub fn contents(&self) -> &str {
        &self.contents
    }
}

/// The columns that some records of a format have and others have not.
///
/// Consumers that are told the columns of a file fail on one that no record has.
///
/// ```
/// use tracemill_formats::Columns;
/// let mut seen = Columns::NONE;
/// seen |= Columns::TOOLS;
/// assert!(seen.contains(Columns::TOOLS) && !seen.contains(Columns::SYSTEM));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns(u8);

impl Columns {
    /// None of them.
    pub const NONE: Columns = Columns(0);
    /// `system`
    pub const SYSTEM: Columns = Columns(1);
    /// `tools`
    pub const TOOLS: Columns = Columns(2);
    /// `history`
    pub const HISTORY: Columns = Columns(4);

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Columns) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Columns {
    type Output = Columns;

    fn bitor(self, other: Columns) -> Columns {
        Columns(self.0 | other.0)
    }
}

impl BitOrAssign for Columns {
    fn bitor_assign(&mut self, other: Columns) {
        *self = *self | other;
    }
}
