//! Where results go: files that appear whole or not at all, standard output, memory.

mod folder;
mod place;
mod sink;

pub use folder::OutputFolder;

use crate::compression::{Compression, Encoder};
use crate::error::Error;
use place::{CreatedFolders, Place};
use sink::{Raw, Sink};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// What an [`Output`] writes to.
///
/// ```
/// use std::path::PathBuf;
/// use tracemill_io::Target;
/// assert_eq!(Target::from_argument("-"), Target::Stdout);
/// assert_eq!(Target::from_argument("train.jsonl"), Target::Path(PathBuf::from("train.jsonl")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Standard output, without buffering by lines.
    Stdout,
    /// The file, device or pipe at this path.
    Path(PathBuf),
    /// A buffer, given back by [`Written::into_contents`].
    Memory,
}

impl Target {
    /// What an argument of a program means: `-` is standard output, anything else a path.
    pub fn from_argument(argument: impl Into<PathBuf>) -> Self {
        let path = argument.into();
        if path.as_os_str() == "-" {
            Target::Stdout
        } else {
            Target::Path(path)
        }
    }
}

/// Whether something that is there already may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse, with an error of kind [`ErrorKind::Exists`](crate::ErrorKind::Exists).
    #[default]
    Refuse,
    /// Replace it, at the moment of [`Output::commit`].
    Allow,
}

/// Which digest of the written bytes is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    /// None: it would cost time.
    #[default]
    None,
    /// SHA-256.
    Sha256,
}

/// One output, written from start to end.
///
/// A regular file is written under a hidden temporary name beside its target and takes its name in
/// [`commit`](Output::commit), after its bytes have reached the disk. Until then nothing is to be seen under the name,
/// and an output that is dropped leaves nothing behind, not even the folders that were made for it. A file that is
/// replaced keeps its permission bits; a link is followed, the file it points to is replaced. Devices, named pipes and
/// standard output are written directly. A name that ends in `.gz` or `.zst` is compressed.
///
/// ```
/// use tracemill_io::{Digest, Output, Overwrite, Target};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("new/train.jsonl");
/// let mut output = Output::create(&Target::Path(path.clone()), Overwrite::Refuse, Digest::Sha256)?;
/// output.append(b"{}\n")?;
/// assert!(!path.exists());
/// let written = output.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// assert_eq!(written.bytes(), 3);
/// assert!(written.sha256().is_some_and(|digest| digest.starts_with("ca3d163bab05")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Output {
    name: String,
    // Dropped before `created`, which removes the folders if they are empty.
    encoder: Encoder<Sink>,
    rename: Option<Rename>,
    created: CreatedFolders,
    /// Tells the folder it is in that it is not complete yet.
    within: Option<Arc<()>>,
}

/// What has to happen to a temporary file in the end.
struct Rename {
    target: PathBuf,
    overwrite: Overwrite,
    /// Those of the file it replaces.
    permissions: Option<fs::Permissions>,
}

impl Output {
    /// Begins an output. Missing parent folders are made.
    ///
    /// # Errors
    ///
    /// When the target is there and may not be overwritten, is a folder, or cannot be written; when its compression is
    /// not part of this build.
    pub fn create(target: &Target, overwrite: Overwrite, digest: Digest) -> Result<Self, Error> {
        match target {
            Target::Stdout => {
                let raw = Raw::stdout().map_err(|source| Error::writing(STDOUT, source))?;
                Output::direct(STDOUT.to_owned(), raw, None, digest)
            }
            Target::Memory => Output::direct("memory".to_owned(), Raw::Memory(Vec::new()), None, digest),
            Target::Path(path) => Output::at_path(path, overwrite, digest),
        }
    }

    fn at_path(path: &Path, overwrite: Overwrite, digest: Digest) -> Result<Self, Error> {
        let name = path.display().to_string();
        let compression = Compression::of(path);
        let failed = |source| Error::writing(&name, source);
        match Place::of(path, overwrite)? {
            Place::Stdout => {
                Output::direct(name.clone(), Raw::stdout().map_err(failed)?, compression, digest)
            }
            Place::Direct => {
                let file = File::options().write(true).open(path).map_err(failed)?;
                Output::direct(name, Raw::File(file), compression, digest)
            }
            Place::File { target, permissions } => Output::temporary(
                name,
                Rename {
                    target,
                    overwrite,
                    permissions,
                },
                digest,
            ),
        }
    }

    fn direct(
        name: String,
        raw: Raw,
        compression: Option<Compression>,
        digest: Digest,
    ) -> Result<Self, Error> {
        let encoder = Encoder::new(compression, Sink::new(raw, digest), &name)?;
        let created = CreatedFolders::default();
        Ok(Output {
            name,
            encoder,
            rename: None,
            created,
            within: None,
        })
    }

    /// A file that is renamed in the end; messages call it `name`.
    fn temporary(name: String, rename: Rename, digest: Digest) -> Result<Self, Error> {
        let failed = |source| Error::writing(&name, source);
        let folder = place::parent(&rename.target);
        let created = CreatedFolders::make(folder).map_err(failed)?;
        let file = place::temporary(0o666).tempfile_in(folder).map_err(failed)?;
        let sink = Sink::new(Raw::Temporary(file), digest);
        let encoder = Encoder::new(Compression::of(&rename.target), sink, &name)?;
        Ok(Output {
            name,
            encoder,
            rename: Some(rename),
            created,
            within: None,
        })
    }

    /// The path as it was given; `standard output` or `memory` for those.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds bytes. They are passed on at once, so larger pieces are better.
    ///
    /// # Errors
    ///
    /// When they cannot be written: [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace) if the disk is full, [`ErrorKind::ClosedPipe`](crate::ErrorKind::ClosedPipe) if the reader
    /// of a pipe went away.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.encoder
            .write_all(bytes)
            .map_err(|source| Error::writing(&self.name, source))
    }

    /// Completes the output: flushes it to the disk and gives it its name.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written, or when a file of that name has appeared meanwhile and may not be
    /// overwritten. Then nothing is left behind.
    pub fn commit(self) -> Result<Written, Error> {
        let Output {
            name,
            encoder,
            rename,
            created,
            within: _within,
        } = self;
        let failed = |source| Error::writing(&name, source);
        let Sink { raw, bytes, hash } = encoder.finish().map_err(failed)?;
        let contents = match (raw, rename) {
            (Raw::Memory(contents), _) => Some(contents),
            (Raw::Temporary(file), Some(rename)) => {
                rename.perform(file).map_err(failed)?;
                None
            }
            _ => None,
        };
        created.keep();
        let sha256 = hash.map(sink::hexadecimal);
        Ok(Written {
            name,
            bytes,
            sha256,
            contents,
        })
    }
}

const STDOUT: &str = "standard output";

impl Rename {
    fn perform(self, file: NamedTempFile) -> io::Result<()> {
        if let Some(permissions) = self.permissions {
            file.as_file().set_permissions(permissions)?;
        }
        file.as_file().sync_all()?;
        match self.overwrite {
            // The system checks and renames in one step: a file that appeared a moment ago is safe.
            Overwrite::Refuse => file.persist_noclobber(&self.target),
            Overwrite::Allow => file.persist(&self.target),
        }
        .map_err(|error| error.error)?;
        place::sync_folder(place::parent(&self.target));
        Ok(())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What was written: the account of a completed [`Output`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    name: String,
    bytes: u64,
    sha256: Option<String>,
    contents: Option<Vec<u8>>,
}

impl Written {
    /// The name of the output.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes were written, after compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The SHA-256 of the bytes as they were written, in hexadecimal, if it was asked for.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The bytes themselves, of an output in memory.
    pub fn into_contents(self) -> Option<Vec<u8>> {
        self.contents
    }
}
