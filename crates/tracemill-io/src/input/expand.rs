//! Folders become the files in them.

use super::Input;
use crate::compression::Compression;
use crate::error::{Error, ErrorKind};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The inputs that a user's arguments mean.
///
/// `-` is standard input, a file is itself whatever its name, and a folder is searched with all its subfolders for
/// the files whose name `wanted` accepts. The name is shown to `wanted` without `.gz` or `.zst`. Hidden files and folders
/// are passed over, links are followed. The files of a folder come in the byte order of their paths, so that the order
/// is the same on every system.
///
/// # Errors
///
/// When something named is not there, a folder cannot be read, or a folder holds no wanted file.
///
/// ```
/// use tracemill_io::expand;
/// let inputs = expand(&["-"], |name| name.ends_with(".jsonl"))?;
/// assert_eq!(inputs[0].name(), "-");
/// # Ok::<(), tracemill_io::Error>(())
/// ```
pub fn expand<P: AsRef<Path>>(paths: &[P], wanted: impl Fn(&str) -> bool) -> Result<Vec<Input>, Error> {
    let mut inputs = Vec::new();
    let stdin = Input::stdin();
    for path in paths {
        let path = path.as_ref();
        if path == Path::new("-") {
            inputs.push(stdin.clone());
        } else if is_folder(path)? {
            inputs.extend(files_in(path, &wanted)?.into_iter().map(Input::path));
        } else {
            inputs.push(Input::path(path));
        }
    }
    Ok(inputs)
}

fn is_folder(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(source) => Err(reading(path, source)),
    }
}

fn files_in(folder: &Path, wanted: &impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    search(folder, wanted, &mut Vec::new(), &mut files)?;
    if files.is_empty() {
        let message = "the folder holds no file with a fitting name; name the files themselves";
        return Err(Error::new(ErrorKind::NotFound, message).in_file(&folder.display().to_string()));
    }
    files.sort_by(|a, b| {
        a.as_os_str()
            .as_encoded_bytes()
            .cmp(b.as_os_str().as_encoded_bytes())
    });
    Ok(files)
}

/// Collects the wanted files below `folder`; `above` are the real paths of the folders on the way to it.
fn search(
    folder: &Path,
    wanted: &impl Fn(&str) -> bool,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let real = fs::canonicalize(folder).map_err(|source| reading(folder, source))?;
    if above.contains(&real) {
        return Ok(()); // a link back up: its files are found where they are
    }
    above.push(real);
    for entry in fs::read_dir(folder).map_err(|source| reading(folder, source))? {
        let entry = entry.map_err(|source| reading(folder, source))?;
        let (name, path) = (entry.file_name(), entry.path());
        if is_hidden(&name) {
            continue;
        }
        let is_wanted = wanted(&Compression::stem(&name).to_string_lossy());
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => search(&path, wanted, above, files)?,
            Ok(metadata) if metadata.is_file() && is_wanted => files.push(path),
            // A link to nowhere is nobody's concern unless its file is wanted.
            Err(source) if is_wanted => return Err(reading(&path, source)),
            _ => {}
        }
    }
    above.pop();
    Ok(())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

fn reading(path: &Path, source: std::io::Error) -> Error {
    Error::reading(&path.display().to_string(), source)
}
