//! Inputs: heads, readings, folders.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use tracemill_io::{ErrorKind, Input, Meter, expand};

fn all(input: &Input) -> Vec<u8> {
    let mut bytes = Vec::new();
    input
        .open()
        .expect("it can be opened")
        .read_to_end(&mut bytes)
        .expect("it can be read");
    bytes
}

#[test]
fn the_head_of_a_file_does_not_use_it_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "0123456789").expect("it can be written");
    let input = Input::path(&path);
    assert_eq!(input.head(4).expect("a head"), b"0123");
    assert_eq!(input.head(99).expect("a head"), b"0123456789");
    assert_eq!(
        (all(&input), all(&input)),
        (b"0123456789".to_vec(), b"0123456789".to_vec())
    );
    assert_eq!((input.byte_len(), input.is_rereadable()), (Some(10), true));
    assert_eq!(input.as_path(), Some(&*path));
}

#[test]
fn the_head_of_a_pipe_comes_again() {
    let input = Input::reader("-", &b"0123456789"[..]);
    assert!(!input.is_rereadable());
    assert_eq!(input.head(4).expect("a head"), b"0123");
    assert_eq!(input.head(2).expect("a head"), b"01");
    assert_eq!(input.clone().head(6).expect("a head"), b"012345");
    assert_eq!(all(&input), b"0123456789");
    let error = input.open().expect_err("it was read");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "-: can be read only once; save it to a file and name that"
    );
    assert_eq!(
        input.head(1).map_err(|error| error.kind()),
        Err(ErrorKind::Unsupported)
    );
}

#[test]
fn a_failure_in_the_head_of_a_pipe_comes_in_its_place() {
    struct Breaks(bool);
    impl Read for Breaks {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("broken"));
            }
            (&b"abc"[..]).read(buf)
        }
    }
    let input = Input::reader("-", Breaks(false));
    assert_eq!(input.head(10).expect("what came before the failure"), b"abc");
    let mut bytes = Vec::new();
    let error = input
        .open()
        .expect("it can be opened")
        .read_to_end(&mut bytes)
        .expect_err("it is broken");
    assert_eq!((bytes, error.to_string()), (b"abc".to_vec(), "broken".to_owned()));
}

#[test]
fn the_head_of_a_damaged_file_is_what_can_be_read() {
    if cfg!(feature = "gzip") {
        // A stored block that announces five bytes and holds three.
        let cut = *b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x05\0\xfa\xffabc";
        assert_eq!(
            Input::bytes("a.gz", cut)
                .head(10)
                .expect("what comes before the cut"),
            b"abc"
        );
        let error = Input::bytes("a.gz", *b"\x1f\x8b")
            .head(10)
            .expect_err("there is nothing to see");
        assert_eq!(error.kind(), ErrorKind::Decompress);
    }
}

#[test]
fn standard_input_is_one_input_however_often_it_is_named() {
    let inputs = expand(&["-", "-"], |_| true).expect("nothing is looked for");
    inputs[0].open().expect("the first may read it");
    assert_eq!(
        inputs[1].open().map_err(|error| error.kind()).err(),
        Some(ErrorKind::Unsupported)
    );
}

#[test]
fn a_meter_counts_what_is_read() {
    let meter = Meter::default();
    let first = Input::bytes("a", *b"12345").metered(&meter);
    let second = Input::reader("-", &b"123"[..]).metered(&meter);
    first.head(3).expect("a head");
    assert_eq!(meter.bytes(), 0, "a look at the head is no progress");
    all(&first);
    all(&second);
    assert_eq!(meter.bytes(), 8);
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = Input::path(folder.path().join("missing"))
        .open()
        .expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with("missing: no such file or folder"));
    assert!(std::error::Error::source(&error).is_some());
    let error = Input::path(folder.path()).head(1).expect_err("it is a folder");
    #[cfg(unix)]
    assert!(error.to_string().ends_with("is a folder, not a file"), "{error}");
    assert_eq!(Input::path(folder.path()).byte_len(), None);
}

fn is_jsonl(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "jsonl")
}

fn touch(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("it can be made");
        fs::write(path, "").expect("it can be written");
    }
}

fn found(folder: &Path, names: &[&str]) -> Vec<String> {
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    let inputs = expand(&paths, is_jsonl).expect("something is found");
    let below = |input: &Input| {
        let path = input
            .as_path()
            .expect("a path")
            .strip_prefix(folder)
            .expect("it is below");
        path.display().to_string()
    };
    inputs.iter().map(below).collect()
}

#[test]
fn folders_become_their_files_in_the_order_of_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names = [
        "d/b.jsonl",
        "d/a.jsonl.gz",
        "d/a.jsonl",
        "d/B.jsonl.zst",
        "d/a-b/x.jsonl",
        "d/a/x.jsonl",
        "d/notes.txt",
        "d/.hidden.jsonl",
        "d/.git/x.jsonl",
        "e/z.jsonl",
        "named.txt",
    ];
    touch(folder.path(), &names);
    let expected = [
        "e/z.jsonl",
        "named.txt",
        "d/B.jsonl.zst",
        "d/a-b/x.jsonl",
        "d/a.jsonl",
        "d/a.jsonl.gz",
        "d/a/x.jsonl",
        "d/b.jsonl",
    ];
    assert_eq!(found(folder.path(), &["e", "named.txt", "d"]), expected);
}

#[test]
fn a_folder_without_fitting_files_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    touch(folder.path(), &["a.txt"]);
    let error = expand(&[folder.path()], is_jsonl).expect_err("nothing fits");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("holds no file with a fitting name"),
        "{error}"
    );
    let error = expand(&[folder.path().join("missing")], |_| true).expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn links_in_folders_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a temporary folder");
    touch(folder.path(), &["d/a.jsonl", "elsewhere/b.jsonl"]);
    let d = folder.path().join("d");
    symlink("../elsewhere", d.join("linked")).expect("it can be linked");
    symlink("..", d.join("up")).expect("it can be linked");
    symlink("nowhere.txt", d.join("broken.txt")).expect("it can be linked");
    assert_eq!(
        found(folder.path(), &["d"]),
        ["d/a.jsonl", "d/linked/b.jsonl", "d/up/elsewhere/b.jsonl"]
    );
    symlink("nowhere.jsonl", d.join("broken.jsonl")).expect("it can be linked");
    let error = expand(&[&d], is_jsonl).expect_err("a wanted file is not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_document_on_one_line_is_told_from_lines() {
    let long = "x".repeat(600 * 1024);
    for (text, one) in [
        (String::new(), true),
        (format!("{{\"a\":\"{long}\"}}"), true),
        (format!("{{\"a\":\"{long}\"}}\r\n \n\n"), true),
        (format!("{{\"a\":\"{long}\"}}\n{{}}"), false),
        (format!("{{}}\n{}{{}}", " \n".repeat(400 * 1024)), false),
    ] {
        let input = tracemill_io::Input::bytes("a.json", text);
        assert_eq!(input.is_one_line().unwrap(), one);
    }
}
