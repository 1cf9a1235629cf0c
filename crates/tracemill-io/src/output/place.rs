//! What a path means as a target, and the folders around it.

use super::Overwrite;
use crate::error::{Error, ErrorKind};
use std::fs::{self, File, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// More links than this in a row are a loop.
const MAX_LINKS: usize = 40;

pub(super) enum Place {
    /// Standard output under one of its names in the file system.
    Stdout,
    /// A device, pipe or socket.
    Direct,
    /// A regular file, there or not; links are resolved.
    File {
        target: PathBuf,
        permissions: Option<Permissions>,
    },
}

impl Place {
    pub(super) fn of(path: &Path, overwrite: Overwrite) -> Result<Self, Error> {
        let name = path.display().to_string();
        if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
            .into_iter()
            .any(|stdout| path == Path::new(stdout))
        {
            return Ok(Place::Stdout);
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(folder(&name)),
            Ok(metadata) if !metadata.is_file() || is_descriptor(path) => Ok(Place::Direct),
            Ok(_) if overwrite == Overwrite::Refuse => Err(Error::exists(&name)),
            Ok(metadata) => {
                let target = fs::canonicalize(path).map_err(|source| Error::writing(&name, source))?;
                Ok(Place::File {
                    target,
                    permissions: Some(metadata.permissions()),
                })
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                    return Err(folder(&name));
                }
                Ok(Place::File {
                    target: end_of_links(path),
                    permissions: None,
                })
            }
            Err(source) => Err(Error::writing(&name, source)),
        }
    }
}

fn folder(name: &str) -> Error {
    Error::new(ErrorKind::Write, "names a folder, not a file; add a file name").in_file(name)
}

/// An open file of this process, under its number: what it is was decided by who opened it.
fn is_descriptor(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stderr")
}

/// The file that a link to nowhere would create.
fn end_of_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = parent(&path).join(next),
            Err(_) => break,
        }
    }
    path
}

/// The folder a file is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes temporary files and folders with these permissions, less the umask, as other programs make theirs.
#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "permission bits are a Unix notion")
)]
pub(super) fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tracemill-").suffix(".tmp").rand_bytes(12);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(Permissions::from_mode(mode));
    }
    builder
}

/// Makes a rename durable. Not all file systems can, and the file is complete without it: failure is no error.
pub(super) fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// The folders that were made for an output; dropping it removes those that are empty.
#[derive(Debug, Default)]
pub(super) struct CreatedFolders(Vec<PathBuf>);

impl CreatedFolders {
    /// Makes `folder` and all above it that are missing.
    pub(super) fn make(folder: &Path) -> io::Result<Self> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|folder| *folder != Path::new("") && !folder.exists())
            .collect();
        let mut created = CreatedFolders::default();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Ok(()) => created.0.push(folder.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(created)
    }

    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for CreatedFolders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // One that is not empty any more is somebody else's now.
            let _ = fs::remove_dir(folder);
        }
    }
}
