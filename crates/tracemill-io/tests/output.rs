//! Outputs that appear whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tracemill_io::{Digest, ErrorKind, Output, OutputFolder, Overwrite, Target};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn at(path: &Path) -> Target {
    Target::Path(path.to_owned())
}

fn begin(path: &Path, overwrite: Overwrite) -> Output {
    Output::create(&at(path), overwrite, Digest::None).expect("it can be created")
}

fn refused(path: &Path, overwrite: Overwrite) -> (ErrorKind, String) {
    let error = Output::create(&at(path), overwrite, Digest::None).expect_err("it must be refused");
    assert_eq!(error.path(), Some(&*path.display().to_string()));
    (error.kind(), error.to_string())
}

/// Everything in a folder, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_when_it_is_complete() {
    let folder = scratch();
    let path = folder.path().join("a.jsonl");
    let mut output =
        Output::create(&at(&path), Overwrite::Refuse, Digest::Sha256).expect("it can be created");
    output.append(b"hello ").expect("it can be written");
    output.append(b"world").expect("it can be written");
    let [hidden] = &names(folder.path())[..] else {
        panic!("one temporary file")
    };
    assert!(hidden.starts_with('.'), "{hidden}");
    let written = output.commit().expect("it can be completed");
    assert_eq!(names(folder.path()), ["a.jsonl"]);
    assert_eq!(fs::read(&path).expect("a file"), b"hello world");
    assert_eq!(
        (written.name(), written.bytes()),
        (&*path.display().to_string(), 11)
    );
    let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    assert_eq!(written.sha256(), Some(digest));
    assert_eq!(written.into_contents(), None);
}

#[test]
fn an_output_that_is_dropped_leaves_nothing() {
    let folder = scratch();
    let mut output = begin(&folder.path().join("new/deeper/a.jsonl"), Overwrite::Refuse);
    output.append(b"half").expect("it can be written");
    assert_eq!(names(folder.path()), ["new"]);
    drop(output);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn folders_that_somebody_else_uses_meanwhile_stay() {
    let folder = scratch();
    let output = begin(&folder.path().join("new/deeper/a.jsonl"), Overwrite::Refuse);
    fs::write(folder.path().join("new/other"), "x").expect("it can be written");
    drop(output);
    assert_eq!(names(folder.path()), ["new"]);
    assert_eq!(names(&folder.path().join("new")), ["other"]);
}

#[test]
fn missing_folders_are_made() {
    let folder = scratch();
    let path = folder.path().join("new/deeper/a.jsonl");
    begin(&path, Overwrite::Refuse)
        .commit()
        .expect("it can be completed");
    assert_eq!(fs::read(&path).expect("a file"), b"");
}

#[test]
fn what_exists_is_not_overwritten_unless_told() {
    let folder = scratch();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "old").expect("it can be written");
    let (kind, message) = refused(&path, Overwrite::Refuse);
    assert_eq!(kind, ErrorKind::Exists);
    assert!(message.ends_with("is there already; choose another name or allow overwriting with `--force`"));

    let mut output = begin(&path, Overwrite::Allow);
    output.append(b"new").expect("it can be written");
    assert_eq!(fs::read(&path).expect("a file"), b"old");
    output.commit().expect("it can be completed");
    assert_eq!(fs::read(&path).expect("a file"), b"new");
    assert_eq!(names(folder.path()), ["a.jsonl"]);
}

#[test]
fn a_file_that_appears_meanwhile_is_safe() {
    let folder = scratch();
    let path = folder.path().join("a.jsonl");
    let mut output = begin(&path, Overwrite::Refuse);
    output.append(b"new").expect("it can be written");
    fs::write(&path, "old").expect("it can be written");
    let error = output.commit().expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(names(folder.path()), ["a.jsonl"]);
    assert_eq!(fs::read(&path).expect("a file"), b"old");
}

#[test]
fn a_folder_is_no_file() {
    let folder = scratch();
    for path in [
        folder.path().to_owned(),
        folder.path().join("new/"),
        PathBuf::from(".."),
    ] {
        let (kind, message) = refused(&path, Overwrite::Allow);
        assert_eq!(kind, ErrorKind::Write);
        assert!(
            message.ends_with("names a folder, not a file; add a file name"),
            "{message}"
        );
    }
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("it can be written");
    assert_eq!(
        refused(&file.join("a.jsonl"), Overwrite::Allow).0,
        ErrorKind::Write
    );
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn memory_gives_its_bytes_back() {
    let mut output =
        Output::create(&Target::Memory, Overwrite::Refuse, Digest::Sha256).expect("it can be created");
    output.append(b"abc").expect("it can be written");
    let written = output.commit().expect("it can be completed");
    assert!(
        written
            .sha256()
            .is_some_and(|digest| digest.starts_with("ba7816bf8f01cfea"))
    );
    assert_eq!((written.name(), written.bytes()), ("memory", 3));
    assert_eq!(written.into_contents().as_deref(), Some(&b"abc"[..]));
}

#[test]
fn a_folder_appears_as_one() {
    let place = scratch();
    let target = place.path().join("new/dataset");
    let folder = OutputFolder::create(&target, Overwrite::Refuse).expect("it can be created");
    let mut train = folder
        .output("data/train.jsonl", Digest::None)
        .expect("it can be created");
    train.append(b"{}\n").expect("it can be written");
    assert!(
        train.name().ends_with("new/dataset/data/train.jsonl"),
        "{}",
        train.name()
    );
    train.commit().expect("it can be completed");
    drop(
        folder
            .output("given-up.jsonl", Digest::None)
            .expect("it can be created"),
    );
    let error = folder
        .output("data/train.jsonl", Digest::None)
        .expect_err("it was written before");
    assert_eq!(error.kind(), ErrorKind::Exists);
    for outside in ["../a", "/a", "", "."] {
        let error = folder.output(outside, Digest::None).expect_err("it is outside");
        assert_eq!(error.kind(), ErrorKind::Write);
    }
    assert!(!target.exists());
    folder.commit().expect("it can be completed");
    assert_eq!(names(&place.path().join("new")), ["dataset"]);
    assert_eq!(
        (names(&target), names(&target.join("data"))),
        (vec!["data".into()], vec!["train.jsonl".into()])
    );
}

#[test]
fn a_folder_with_something_unfinished_in_it_is_not_complete() {
    let place = scratch();
    let folder = OutputFolder::create(&place.path().join("a"), Overwrite::Refuse).expect("it can be created");
    let output = folder.output("a.jsonl", Digest::None).expect("it can be created");
    assert_eq!(
        folder.commit().map_err(|error| error.kind()),
        Err(ErrorKind::Write)
    );
    assert!(output.commit().is_err());
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_folder_that_is_dropped_leaves_nothing() {
    let place = scratch();
    let folder = OutputFolder::create(&place.path().join("new/dataset"), Overwrite::Refuse)
        .expect("it can be created");
    folder
        .output("a", Digest::None)
        .expect("it can be created")
        .commit()
        .expect("it can be completed");
    drop(folder);
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_folder_replaces_another_only_when_told() {
    let place = scratch();
    let target = place.path().join("dataset");
    fs::create_dir(&target).expect("it can be made");
    let write = |overwrite, name: &str| {
        let folder = OutputFolder::create(&target, overwrite)?;
        folder.output(name, Digest::None)?.commit()?;
        folder.commit()
    };
    write(Overwrite::Refuse, "first").expect("an empty folder is no obstacle");
    let error = write(Overwrite::Refuse, "second").expect_err("it is there");
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(names(&target), ["first"]);
    write(Overwrite::Allow, "third").expect("it can be replaced");
    assert_eq!(
        (names(&target), names(place.path())),
        (vec!["third".into()], vec!["dataset".into()])
    );

    let file = place.path().join("file");
    fs::write(&file, "x").expect("it can be written");
    let error = OutputFolder::create(&file, Overwrite::Allow).expect_err("it is a file");
    assert_eq!(error.kind(), ErrorKind::Exists);
}

#[test]
fn a_folder_that_appears_meanwhile_is_safe() {
    let place = scratch();
    let target = place.path().join("dataset");
    let folder = OutputFolder::create(&target, Overwrite::Refuse).expect("it can be created");
    fs::create_dir(&target).expect("it can be made");
    fs::write(target.join("old"), "x").expect("it can be written");
    assert_eq!(
        folder.commit().map_err(|error| error.kind()),
        Err(ErrorKind::Exists)
    );
    assert_eq!(
        (names(&target), names(place.path())),
        (vec!["old".into()], vec!["dataset".into()])
    );
}

/// What only Unix has: links, permission bits, devices, pipes.
#[cfg(unix)]
mod unix {
    use super::{at, begin, names, refused, scratch};
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::path::Path;
    use std::process::Command;
    use tracemill_io::{Digest, ErrorKind, Output, OutputFolder, Overwrite};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn permissions_are_those_of_other_new_files_or_of_the_file_replaced() {
        let folder = scratch();
        let (usual, new) = (folder.path().join("usual"), folder.path().join("new"));
        fs::write(&usual, "").expect("it can be written");
        begin(&new, Overwrite::Refuse)
            .commit()
            .expect("it can be completed");
        assert_eq!(mode(&new), mode(&usual));

        fs::set_permissions(&new, fs::Permissions::from_mode(0o640)).expect("it can be set");
        begin(&new, Overwrite::Allow)
            .commit()
            .expect("it can be completed");
        assert_eq!(mode(&new), 0o640);

        let (usual, new) = (
            folder.path().join("usual folder"),
            folder.path().join("new folder"),
        );
        fs::create_dir(&usual).expect("it can be made");
        let folder = OutputFolder::create(&new, Overwrite::Refuse).expect("it can be created");
        folder.commit().expect("it can be completed");
        assert_eq!(mode(&new), mode(&usual));
    }

    #[test]
    fn links_are_followed() {
        let folder = scratch();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(folder.path().join("sub")).expect("it can be made");
        let file = folder.path().join("sub/file");
        fs::write(&file, "old").expect("it can be written");
        symlink("sub/file", &real).expect("it can be linked");
        symlink("real", &link).expect("it can be linked");
        assert_eq!(refused(&link, Overwrite::Refuse).0, ErrorKind::Exists);
        let mut output = begin(&link, Overwrite::Allow);
        output.append(b"new").expect("it can be written");
        output.commit().expect("it can be completed");
        assert!(fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_symlink()));
        assert_eq!(fs::read(&file).expect("a file"), b"new");

        let dangling = folder.path().join("dangling");
        symlink("sub/created", &dangling).expect("it can be linked");
        begin(&dangling, Overwrite::Refuse)
            .commit()
            .expect("it can be completed");
        assert!(fs::symlink_metadata(&dangling).is_ok_and(|metadata| metadata.is_symlink()));
        assert_eq!(names(&folder.path().join("sub")), ["created", "file"]);
    }

    #[test]
    fn devices_are_written_directly() {
        let mut output = begin(Path::new("/dev/null"), Overwrite::Refuse);
        output.append(b"gone").expect("it can be written");
        assert_eq!(output.commit().expect("it can be completed").bytes(), 4);
        let metadata = fs::metadata("/dev/null").expect("it is there");
        assert!(metadata.file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_plainly() {
        let mut output = begin(Path::new("/dev/full"), Overwrite::Refuse);
        let error = output.append(b"x").expect_err("it is full");
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        let message = "/dev/full: no space left on the device; make room or write somewhere else";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_pipe_is_written_directly_and_its_end_noticed() {
        let folder = scratch();
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut start = [0; 5];
                fs::File::open(pipe)
                    .and_then(|mut pipe| pipe.read_exact(&mut start))
                    .map(|()| start)
            }
        });
        let mut output = begin(&pipe, Overwrite::Refuse);
        output.append(b"start").expect("it can be written");
        let start = reader.join().expect("no panic").expect("it can be read");
        assert_eq!(&start, b"start");
        let error = output
            .append(b"nobody reads this")
            .expect_err("the reader is gone");
        assert_eq!(error.kind(), ErrorKind::ClosedPipe);
        assert!(fs::metadata(&pipe).is_ok_and(|metadata| metadata.file_type().is_fifo()));
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_told() {
        let folder = scratch();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).expect("it can be made");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).expect("it can be set");
        if fs::write(closed.join("probe"), "").is_ok() {
            return; // the superuser may write everywhere
        }
        assert_eq!(
            refused(&closed.join("a"), Overwrite::Refuse).0,
            ErrorKind::Permission
        );
        assert_eq!(
            refused(&closed.join("sub/a"), Overwrite::Refuse).0,
            ErrorKind::Permission
        );
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).expect("it can be set");
    }

    #[test]
    fn the_names_of_standard_output_are_not_replaced() {
        for name in ["/dev/stdout", "/dev/fd/1"] {
            let output = Output::create(&at(Path::new(name)), Overwrite::Refuse, Digest::None);
            let written = output.and_then(Output::commit).expect("it can be completed");
            assert_eq!((written.name(), written.bytes()), (name, 0));
        }
    }
}
