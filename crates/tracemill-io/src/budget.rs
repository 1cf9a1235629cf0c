//! How much memory an index may take, and where it goes beyond that.

use crate::error::Error;
use crate::limit::{Size, parse_size};
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;

/// How much memory a job that compares records may take for its index before it uses the disk.
///
/// The default is 256 MiB. What comes out is the same with any budget; a small one takes longer.
///
/// ```
/// use tracemill_io::MemoryBudget;
/// assert_eq!(MemoryBudget::default().to_string(), "256 MiB");
/// assert_eq!("1GiB".parse(), Ok(MemoryBudget::new(1 << 30)));
/// assert!("0".parse::<MemoryBudget>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryBudget(usize);

impl MemoryBudget {
    /// A budget of so many bytes; 0 counts as 1.
    pub fn new(bytes: usize) -> Self {
        MemoryBudget(bytes.max(1))
    }

    /// The budget in bytes.
    pub fn bytes(self) -> usize {
        self.0
    }

    /// A part of it: so many quarters.
    pub(crate) fn quarters(self, quarters: usize) -> Self {
        MemoryBudget::new(self.0 / 4 * quarters)
    }
}

impl Default for MemoryBudget {
    fn default() -> Self {
        MemoryBudget(256 << 20)
    }
}

/// Reads a number of bytes, or a number with a unit: `64MiB`, `1 GiB`, `500kB`.
impl FromStr for MemoryBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = parse_size(text)?;
        if bytes == 0 {
            return Err("some memory is needed; write for example `64MiB`".to_owned());
        }
        // More than there can be is as good as all of it.
        Ok(MemoryBudget(usize::try_from(bytes).unwrap_or(usize::MAX)))
    }
}

impl fmt::Display for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Size(self.0 as u64).fmt(f)
    }
}

/// Where temporary files are made: the system's folder for them, or another one.
///
/// The files have no name: the system frees them when the process ends, in whatever way it ends, so that no run
/// leaves anything for the next one to find. (Where a file system knows no files without a name, they lose it right
/// after they are made.) While a run is on they take room that `df` shows and `du` does not.
///
/// ```
/// use tracemill_io::TemporaryFiles;
/// assert_eq!(TemporaryFiles::inside("/data/tmp").folder(), std::path::Path::new("/data/tmp"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemporaryFiles {
    folder: Option<PathBuf>,
}

impl TemporaryFiles {
    /// In the folder that the system has for temporary files (`TMPDIR` on Unix).
    pub fn new() -> Self {
        TemporaryFiles::default()
    }

    /// In this folder, which must be there.
    pub fn inside(folder: impl Into<PathBuf>) -> Self {
        TemporaryFiles {
            folder: Some(folder.into()),
        }
    }

    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(std::env::temp_dir)
    }

    pub(crate) fn create(&self) -> Result<File, Error> {
        tempfile::tempfile_in(self.folder()).map_err(|source| Error::writing(&self.name(), source))
    }

    /// What messages call such a file.
    pub(crate) fn name(&self) -> String {
        format!(
            "a temporary file in {} (the variable `TMPDIR` names another folder)",
            self.folder().display()
        )
    }
}
