//! The framing in which a whole input is one record.

mod common;

use common::{Event, NO_LIMIT, Seen, read, read_one};
use proptest::prelude::*;
use tracemill_io::{Input, RecordError, RecordLimit};
use tracemill_model::Framing;

fn expected(files: &[Vec<u8>], limit: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for (input, bytes) in files.iter().enumerate() {
        let start = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let blanks = bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let text = bytes[start..].trim_ascii();
        if text.is_empty() {
            continue;
        }
        let line = 1 + bytes[start..start + blanks]
            .split(|&byte| byte == b'\n')
            .skip(1)
            .count() as u64;
        let size = text.len() as u64;
        let text = if text.len() > limit {
            Err(RecordError::TooLong {
                size,
                limit: RecordLimit::new(limit),
            }
            .to_string())
        } else {
            Ok(String::from_utf8(text.to_vec()).expect("the generator makes text"))
        };
        let (place, byte) = (format!("file{input}:{line}"), (start + blanks) as u64);
        events.push(Event::Record(Seen {
            text,
            place,
            line,
            byte,
            input,
        }));
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_block_size_gives_the_same(
        files in prop::collection::vec("(\u{feff})?[ \n\r\t]{0,30}[a-b\u{e9} \n]{0,40}[ \n\r\t]{0,30}", 1..5),
        block in 1..80_usize,
        limit in prop_oneof![Just(NO_LIMIT), 1..50_usize],
    ) {
        let files: Vec<Vec<u8>> = files.into_iter().map(String::into_bytes).collect();
        let inputs = files.iter().enumerate();
        let inputs =
            inputs.map(|(at, bytes)| (Input::bytes(format!("file{at}"), bytes.as_slice()), Framing::Document));
        prop_assert_eq!(read(inputs.collect(), block, limit), expected(&files, limit));
    }
}

#[test]
fn a_document_is_one_record() {
    let events = read_one(b"\n {\n  \"a\": 1\n}\n\n", Framing::Document);
    let text = Ok("{\n  \"a\": 1\n}".to_owned());
    let seen = Seen {
        text,
        place: "x:2".to_owned(),
        line: 2,
        byte: 2,
        input: 0,
    };
    assert_eq!(events, [Event::Record(seen)]);
}
