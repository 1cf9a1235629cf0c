//! Compressed inputs and outputs, by suffix.

mod common;

use common::{Event, NO_LIMIT, Seen, failure, read, texts};
use std::path::Path;
use tracemill_io::{Digest, ErrorKind, Input, Output, Overwrite, Target};
use tracemill_model::{Elements, Framing};

const SUFFIXES: [(&str, bool); 2] = [("gz", cfg!(feature = "gzip")), ("zst", cfg!(feature = "zstd"))];

fn on() -> impl Iterator<Item = &'static str> {
    SUFFIXES.iter().filter(|(_, on)| *on).map(|(suffix, _)| *suffix)
}

fn lines() -> String {
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", n * n))
        .collect();
    lines.concat()
}

/// Writes `text` to a file of this suffix and gives its bytes.
fn compressed(text: &str, suffix: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(format!("a.jsonl.{suffix}"));
    let mut output = Output::create(&Target::Path(path.clone()), Overwrite::Refuse, Digest::Sha256)
        .expect("it can be created");
    for piece in text.as_bytes().chunks(70_000) {
        output.append(piece).expect("it can be written");
    }
    let written = output.commit().expect("it can be completed");
    let bytes = std::fs::read(&path).expect("a file");
    assert_eq!(written.bytes(), bytes.len() as u64);
    assert_eq!(written.sha256(), Some(&*sha256(&bytes)));
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    let mut output =
        Output::create(&Target::Memory, Overwrite::Refuse, Digest::Sha256).expect("it can be created");
    output.append(bytes).expect("it can be written");
    output
        .commit()
        .expect("it can be completed")
        .sha256()
        .expect("it was asked for")
        .to_owned()
}

fn read_named(name: &str, bytes: &[u8], framing: Framing) -> Vec<Event> {
    read(vec![(Input::bytes(name, bytes), framing)], 64 << 10, NO_LIMIT)
}

#[test]
fn what_is_written_is_read() {
    let text = lines();
    for suffix in on() {
        let bytes = compressed(&text, suffix);
        assert!(bytes.len() < text.len() / 3, "{suffix}: {}", bytes.len());
        assert_eq!(
            bytes,
            compressed(&text, suffix),
            "the same input gives the same bytes"
        );
        let events = read_named(&format!("a.{suffix}"), &bytes, Framing::Lines);
        assert_eq!(texts(&events), text.lines().collect::<Vec<_>>());
        let input = Input::bytes(format!("A.{}", suffix.to_uppercase()), bytes);
        assert_eq!(input.head(8).expect("a head"), &text.as_bytes()[..8]);
        assert!(input.is_compressed());
    }
}

#[test]
fn several_members_are_one_input() {
    let (first, second) = ("1\n2\n3", "4\n5\n");
    for suffix in on() {
        let bytes = [
            compressed(first, suffix),
            compressed("", suffix),
            compressed(second, suffix),
        ]
        .concat();
        let events = read_named(&format!("a.{suffix}"), &bytes, Framing::Lines);
        assert_eq!(texts(&events), ["1", "2", "34", "5"]);
    }
}

#[test]
fn a_pipe_is_decompressed_by_its_name_too() {
    for suffix in on() {
        let bytes = compressed("1\n2\n", suffix);
        let input = Input::reader(format!("-.{suffix}"), std::io::Cursor::new(bytes));
        assert_eq!(input.head(3).expect("a head"), b"1\n2");
        assert_eq!(
            texts(&read(vec![(input, Framing::Lines)], 1 << 10, NO_LIMIT)),
            ["1", "2"]
        );
    }
}

#[test]
fn a_file_cut_anywhere_gives_its_lines_and_then_a_failure() {
    let text = &lines()[..60_000];
    for suffix in on() {
        let bytes = compressed(text, suffix);
        let whole = read_named(&format!("a.{suffix}"), &bytes, Framing::Lines);
        for end in (0..bytes.len())
            .step_by(41)
            .chain([bytes.len() - 1])
            .filter(|&end| end > 0)
        {
            let mut events = read_named(&format!("a.{suffix}"), &bytes[..end], Framing::Lines);
            let complete = events.len() - 1;
            assert!(
                failure(&events).starts_with(&format!("a.{suffix}:")),
                "{suffix} {end}: {}",
                failure(&events)
            );
            assert!(
                failure(&events).contains("ends early"),
                "{suffix} {end}: {}",
                failure(&events)
            );
            events.pop();
            assert_eq!(events, whole[..complete]);
        }
    }
}

#[test]
fn a_failure_says_which_line_it_cut_off() {
    for suffix in on() {
        let text = lines();
        let bytes = compressed(&text, suffix);
        let events = read_named(&format!("a.{suffix}"), &bytes[..bytes.len() / 2], Framing::Lines);
        let complete = events.len() - 1;
        assert!(complete > 100);
        assert!(
            failure(&events).starts_with(&format!("a.{suffix}:{}: ", complete + 1)),
            "{}",
            failure(&events)
        );
        let Event::Record(Seen { text: Ok(last), .. }) = &events[complete - 1] else {
            panic!("a record")
        };
        assert_eq!(Some(&**last), text.lines().nth(complete - 1));
    }
}

#[test]
fn damage_is_told() {
    for suffix in on() {
        let mut bytes = compressed(&lines(), suffix);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0x5a);
        let events = read_named(&format!("a.{suffix}"), &bytes, Framing::Lines);
        assert!(
            events.iter().any(|event| matches!(event, Event::Failure(_))),
            "{suffix}"
        );
        let not_compressed = read_named(&format!("a.{suffix}"), b"{\"plain\": \"text\"}\n", Framing::Lines);
        assert!(
            failure(&not_compressed).contains("damaged"),
            "{}",
            failure(&not_compressed)
        );
    }
}

#[test]
fn elements_are_read_from_compressed_documents() {
    for suffix in on() {
        let bytes = compressed("{\"runs\": [1, {\"a\": 2}]}", suffix);
        let framing = Framing::Elements(Elements::at("/runs"));
        assert_eq!(
            texts(&read_named(&format!("a.json.{suffix}"), &bytes, framing)),
            ["1", "{\"a\": 2}"]
        );
    }
}

#[test]
fn a_build_without_a_compression_names_its_feature() {
    for (suffix, _) in SUFFIXES.iter().filter(|(_, on)| !on) {
        let feature = if *suffix == "gz" { "gzip" } else { "zstd" };
        let error = Input::bytes(format!("a.{suffix}"), *b"")
            .open()
            .expect_err("it is not there");
        let expected = format!(
            "a.{suffix}: {feature} is not part of this build; it needs the cargo feature `{feature}`"
        );
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Unsupported, expected)
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = Target::Path(folder.path().join(Path::new("a").with_extension(suffix)));
        let error = Output::create(&target, Overwrite::Refuse, Digest::None).expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
