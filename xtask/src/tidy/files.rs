//! The files of the repository, without what is generated or fetched.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// Folders that hold nothing written by hand.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__"];

/// The files under `folder` of the repository at `root` with this extension, relative to it, in order. Hidden folders
/// are left out.
pub(super) fn with_extension(root: &Path, folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                if !is_skipped(&name.to_string_lossy()) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_written_by_hand_are_found() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "b/x.rs",
            "a.rs",
            "a.md",
            "target/y.rs",
            ".git/z.rs",
            "b/tests/w.rs",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = with_extension(root.path(), Path::new(""), "rs").unwrap();
        assert_eq!(found, ["a.rs", "b/tests/w.rs", "b/x.rs"].map(PathBuf::from));
        assert!(
            with_extension(root.path(), Path::new("missing"), "rs")
                .unwrap()
                .is_empty()
        );
    }
}
