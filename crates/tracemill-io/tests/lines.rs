//! The framing by lines, against a reading of the whole at once.

mod common;

use common::{Event, NO_LIMIT, Seen, failure, read, read_one, texts};
use proptest::prelude::*;
use tracemill_io::{Input, RecordError, RecordLimit};
use tracemill_model::Framing;

/// What the lines of these files are, found the plain way.
fn expected(files: &[Vec<u8>], limit: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for (input, bytes) in files.iter().enumerate() {
        let start = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let (mut byte, mut line) = (start, 1);
        for text in bytes[start..].split(|&byte| byte == b'\n') {
            let content = text.strip_suffix(b"\r").unwrap_or(text);
            if !content.iter().all(u8::is_ascii_whitespace) {
                events.push(Event::Record(Seen {
                    text: judged(content, limit),
                    place: format!("file{input}:{line}"),
                    line,
                    byte: byte as u64,
                    input,
                }));
            }
            byte += text.len() + 1;
            line += 1;
        }
    }
    events
}

fn judged(content: &[u8], limit: usize) -> Result<String, String> {
    let error = if content.len() > limit {
        RecordError::TooLong {
            size: content.len() as u64,
            limit: RecordLimit::new(limit),
        }
    } else {
        match std::str::from_utf8(content) {
            Ok(text) => return Ok(text.to_owned()),
            Err(error) => RecordError::Utf8 {
                offset: error.valid_up_to() as u64,
            },
        }
    };
    Err(error.to_string())
}

fn named(files: &[Vec<u8>]) -> Vec<(Input, Framing)> {
    let inputs = files.iter().enumerate();
    inputs
        .map(|(at, bytes)| {
            (
                Input::bytes(format!("file{at}"), bytes.as_slice()),
                Framing::Lines,
            )
        })
        .collect()
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-c]{0,9}".prop_map(String::into_bytes),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b" \t".to_vec()),
        1 => Just("\u{e9}\u{1F600}".as_bytes().to_vec()),
        1 => Just(b"\xff".to_vec()),
        1 => Just(b"\xc3".to_vec()),
        1 => Just(b"\xa9".to_vec()),
        1 => Just(b"\xEF\xBB\xBF".to_vec()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_block_size_gives_the_same(
        files in prop::collection::vec(file(), 1..4),
        block in 1..80_usize,
        limit in prop_oneof![Just(NO_LIMIT), 1..12_usize],
    ) {
        prop_assert_eq!(read(named(&files), block, limit), expected(&files, limit));
    }
}

#[test]
fn what_files_really_look_like_is_accepted() {
    let bytes = b"\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \n{\"b\":\r}\n{\"c\":2}";
    assert_eq!(
        texts(&read_one(bytes, Framing::Lines)),
        ["{\"a\":1}", "{\"b\":\r}", "{\"c\":2}"]
    );
}

#[test]
fn nothing_holds_no_record() {
    for bytes in [&b""[..], b"\n", b"\r\n\r\n", b"\xEF\xBB\xBF", b"   "] {
        assert_eq!(read_one(bytes, Framing::Lines), []);
    }
}

#[test]
fn one_bad_line_spoils_one_line() {
    let events = read_one(b"good\nb\xc3\nalso good\n", Framing::Lines);
    assert_eq!(texts(&events[..1]), ["good"]);
    let Event::Record(bad) = &events[1] else {
        panic!("a record")
    };
    let message = "the record is not valid UTF-8 at its byte 1; convert the file to UTF-8";
    assert_eq!(
        (bad.text.clone(), bad.line, bad.byte),
        (Err(message.to_owned()), 2, 5)
    );
    assert_eq!(texts(&events[2..]), ["also good"]);
}

#[test]
fn files_of_another_kind_are_refused_as_a_whole() {
    for (bytes, expected) in [
        (
            &b"\x1f\x8b\x08\0"[..],
            "x: is gzip data; decompress it, or let its name end in `.gz`",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "x: is zstd data; decompress it, or let its name end in `.zst`",
        ),
        (b"\xff\xfe{\0}\0\n\0", "x: is UTF-16 text; convert it to UTF-8"),
    ] {
        assert_eq!(
            read_one(bytes, Framing::Lines),
            [Event::Failure(expected.to_owned())]
        );
    }
}

#[test]
fn a_character_is_not_put_together_from_two_files() {
    let events = read(named(&[b"a\xc3".to_vec(), b"\xa9b".to_vec()]), 1 << 10, NO_LIMIT);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, Event::Record(Seen { text: Err(_), .. }))),
        "{events:?}"
    );
}

#[test]
fn a_line_beyond_the_limit_is_passed_over() {
    let long = "x".repeat(5000);
    let bytes = format!("first\n{long}\r\nlast\n");
    for block in [1, 10, 4999, 5000, 5001, 5002, 1 << 20] {
        let events = read(named(&[bytes.clone().into_bytes()]), block, 4999);
        let Event::Record(bad) = &events[1] else {
            panic!("a record")
        };
        let message = "the record has 5000 bytes, the limit is 4999 bytes; raise it with `--max-record`";
        assert_eq!(
            (bad.text.clone(), bad.line, bad.byte),
            (Err(message.to_owned()), 2, 6)
        );
        assert_eq!(
            (texts(&events[..1]), texts(&events[2..])),
            (vec!["first"], vec!["last"])
        );
        assert_eq!(
            texts(&read(named(&[bytes.clone().into_bytes()]), block, 5000)).len(),
            3
        );
    }
}

#[test]
fn a_line_that_never_ends_takes_bounded_memory() {
    use std::io::Read;
    let endless = std::io::repeat(b'x').take(64 << 20);
    let input = Input::reader("-", endless);
    let mut reader = tracemill_io::BlockReader::new([(input, Framing::Lines)])
        .with_block_size(tracemill_io::BlockSize::new(1 << 10))
        .with_record_limit(RecordLimit::new(1 << 16));
    let mut block = tracemill_io::Block::default();
    assert_eq!(reader.fill(&mut block).ok(), Some(tracemill_io::Fill::Block));
    let errors: Vec<_> = block.records().map(|record| record.text()).collect();
    let error = RecordError::TooLong {
        size: 64 << 20,
        limit: RecordLimit::new(1 << 16),
    };
    assert_eq!(errors, [Err(error)]);
    assert_eq!(block.byte_len(), 0);
}

#[test]
fn a_file_that_is_not_there_comes_after_the_records_before_it() {
    let inputs = vec![
        (Input::bytes("a", *b"1\n2\n"), Framing::Lines),
        (Input::path("no/such/file"), Framing::Lines),
        (Input::bytes("b", *b"3"), Framing::Lines),
    ];
    let events = read(inputs, 1 << 10, NO_LIMIT);
    assert_eq!(texts(&events[..2]), ["1", "2"]);
    assert_eq!(failure(&events[..3]), "no/such/file: no such file or folder");
    assert_eq!(texts(&events[3..]), ["3"]);
    let Event::Record(last) = &events[3] else {
        panic!("a record")
    };
    assert_eq!((last.input, last.place.as_str()), (2, "b:1"));
}

#[test]
fn a_failure_while_reading_stands_at_the_line_it_cut_off() {
    struct Breaks(u32);
    impl std::io::Read for Breaks {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => (&b"one\ntwo\nthr"[..]).read(buf),
                2 => Err(std::io::ErrorKind::Interrupted.into()),
                _ => Err(std::io::Error::other("the disk is on fire")),
            }
        }
    }
    // The look for a byte order mark takes three bytes, so the reader is asked several times for the first text.
    let input = Input::reader("-", std::io::BufReader::new(Breaks(0)));
    let events = read(vec![(input, Framing::Lines)], 1 << 10, NO_LIMIT);
    assert_eq!(texts(&events[..2]), ["one", "two"]);
    assert_eq!(failure(&events), "-:3: cannot be read: the disk is on fire");
}
