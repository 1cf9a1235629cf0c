//! A folder that appears whole or not at all.

use super::place::{self, CreatedFolders};
use super::{Digest, Output, Overwrite, Rename};
use crate::error::{Error, ErrorKind};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder of outputs, written beside its target under a hidden temporary name and renamed as one.
///
/// Dropped without [`commit`](OutputFolder::commit), it leaves nothing behind.
///
/// ```
/// use tracemill_io::{Digest, OutputFolder, Overwrite};
///
/// let place = tempfile::tempdir()?;
/// let target = place.path().join("dataset");
/// let folder = OutputFolder::create(&target, Overwrite::Refuse)?;
/// let mut train = folder.output("train.jsonl", Digest::None)?;
/// train.append(b"{}\n")?;
/// train.commit()?;
/// assert!(!target.exists());
/// folder.commit()?;
/// assert_eq!(std::fs::read(target.join("train.jsonl"))?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OutputFolder {
    name: String,
    target: PathBuf,
    overwrite: Overwrite,
    // Dropped before `created`, which removes the folders if they are empty.
    temporary: TempDir,
    created: CreatedFolders,
    /// Shared with every output that is not complete yet.
    incomplete: Arc<()>,
}

impl OutputFolder {
    /// Begins a folder. Missing parent folders are made; an empty folder of that name is no obstacle.
    ///
    /// # Errors
    ///
    /// When there is a file of that name, or a folder with something in it that may not be overwritten, or when the
    /// place cannot be written.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed = |source| Error::writing(&name, source);
        if path.file_name().is_none() {
            return Err(Error::new(ErrorKind::Write, "is not the name of a new folder").in_file(&name));
        }
        // A link is followed: what it points to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if occupied(&target).map_err(failed)? && overwrite == Overwrite::Refuse {
            return Err(Error::exists(&name));
        }
        let above = place::parent(&target);
        let created = CreatedFolders::make(above).map_err(failed)?;
        let temporary = place::temporary(0o777).tempdir_in(above).map_err(failed)?;
        Ok(OutputFolder {
            name,
            target,
            overwrite,
            temporary,
            created,
            incomplete: Arc::new(()),
        })
    }

    /// Begins a file in the folder; `file` may name subfolders.
    ///
    /// # Errors
    ///
    /// When `file` leads out of the folder, was written before, or cannot be written.
    pub fn output(&self, file: impl AsRef<Path>, digest: Digest) -> Result<Output, Error> {
        let file = file.as_ref();
        let name = Path::new(&self.name).join(file).display().to_string();
        if file.file_name().is_none() || !file.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::new(ErrorKind::Write, "leads out of the output folder").in_file(&name));
        }
        let target = self.temporary.path().join(file);
        if target.exists() {
            return Err(Error::exists(&name));
        }
        let rename = Rename {
            target,
            overwrite: Overwrite::Refuse,
            permissions: None,
        };
        let mut output = Output::temporary(name, rename, digest)?;
        output.within = Some(Arc::clone(&self.incomplete));
        Ok(output)
    }

    /// Gives the folder its name. All its outputs must be committed, or dropped, before.
    ///
    /// Where a folder is replaced there is a moment in which neither the old nor the new one has the name: no system
    /// call that is available everywhere exchanges two folders.
    ///
    /// # Errors
    ///
    /// When an output in it is not complete, when a folder of that name has appeared meanwhile, or when it cannot be
    /// renamed. Then nothing is left behind, and what was there before stays.
    pub fn commit(self) -> Result<(), Error> {
        let OutputFolder {
            name,
            target,
            overwrite,
            temporary,
            created,
            incomplete,
        } = self;
        let failed = |source| Error::writing(&name, source);
        if Arc::strong_count(&incomplete) > 1 {
            let message = "an output in the folder was not completed before the folder was";
            return Err(Error::new(ErrorKind::Write, message).in_file(&name));
        }
        place::sync_folder(temporary.path());
        if occupied(&target).map_err(failed)? {
            if overwrite == Overwrite::Refuse {
                return Err(Error::exists(&name));
            }
            replace(temporary.path(), &target).map_err(failed)?;
        } else {
            // Renaming over an empty folder works only on Unix.
            let _ = fs::remove_dir(&target);
            fs::rename(temporary.path(), &target).map_err(failed)?;
        }
        place::sync_folder(place::parent(&target));
        // The temporary name is gone; there is nothing left to remove under it.
        let _ = temporary.keep();
        created.keep();
        Ok(())
    }
}

/// Puts the folder `new` in the place of the folder `old`, which comes back if that fails.
fn replace(new: &Path, old: &Path) -> io::Result<()> {
    let aside = place::temporary(0o777).tempdir_in(place::parent(old))?;
    let kept = aside.path().join("replaced");
    fs::rename(old, &kept)?;
    if let Err(error) = fs::rename(new, old) {
        if fs::rename(&kept, old).is_err() {
            let _ = aside.keep(); // better under a strange name than lost
        }
        return Err(error);
    }
    Ok(())
}

/// Whether there is a folder with something in it. A file is an error.
fn occupied(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(io::Error::from(io::ErrorKind::AlreadyExists))
        }
        Err(error) => Err(error),
    }
}
