//! Archives: each file in them is a record, and the archive one input.
#![cfg(all(feature = "gzip", feature = "zstd"))]

use std::io::Cursor;
use std::path::PathBuf;

use tracemill::io::{Archive, Input};
use tracemill::{Encoded, ErrorKind, Mill, MillBuilder, OnError, WhenEmpty};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(file(name)).expect("it is there")
}

fn builder() -> MillBuilder {
    let mut builder = Mill::builder();
    builder.format("tracemill").expect("it is there");
    builder
}

fn collect(input: Input) -> Encoded {
    let encoded = builder().build().unwrap().collect([input]).unwrap();
    assert!(encoded.ledger.balances());
    encoded
}

#[test]
fn samples_are_records_whatever_they_are_packed_with() {
    for name in ["streaming.eval", "zstd.eval"] {
        let Encoded {
            bytes: lines, ledger, ..
        } = collect(Input::path(file(name)));
        assert_eq!((ledger.records.read, ledger.traces.used), (4, 4), "{name}");
        assert_eq!(ledger.inputs.len(), 1, "{name}");
        assert_eq!(
            (ledger.inputs[0].records, &*ledger.inputs[0].source),
            (4, "inspect")
        );
        let lines = String::from_utf8(lines).unwrap();
        assert!(lines.lines().all(|line| line.contains("\"eval\":{\"")), "{name}");
        // From memory, and from a pipe.
        assert_eq!(collect(Input::bytes(name, bytes(name))).bytes, lines.as_bytes());
        assert_eq!(
            collect(Input::reader("-", Cursor::new(bytes(name)))).bytes,
            lines.as_bytes()
        );
    }
}

#[test]
fn a_message_names_the_file_in_the_archive() {
    let mut builder = builder();
    builder.format("sharegpt").unwrap();
    let error = builder
        .build()
        .unwrap()
        .collect([Input::path(file("zstd.eval"))])
        .unwrap_err();
    assert!(
        error.to_string().contains("zstd.eval/samples/a_epoch_2.json:1: "),
        "{error}"
    );
}

#[test]
fn a_run_that_was_cut_short_has_its_beginning() {
    // Without a header the same values are in the file that the run was begun with.
    let mut cut = bytes("streaming.eval");
    let name = b"header.json";
    let places: Vec<_> = (0..cut.len() - name.len())
        .filter(|&at| &cut[at..at + name.len()] == name)
        .collect();
    for at in places {
        cut[at..at + name.len()].copy_from_slice(b"footer.json");
    }
    let lines = String::from_utf8(collect(Input::bytes("cut.eval", cut)).bytes).unwrap();
    assert_eq!(lines.lines().count(), 4);
    assert!(lines.contains("\"eval\":{\"") && !lines.contains("\"status\":\"success\""));
}

#[test]
fn damaged_archives_are_errors() {
    for name in ["streaming.eval", "zstd.eval"] {
        let whole = bytes(name);
        let expected = collect(Input::bytes(name, whole.clone())).bytes;
        let mut skipping = builder();
        skipping.on_error(OnError::Skip);
        let mill = skipping.build().unwrap();
        let named = skipping
            .source_named("inspect")
            .unwrap()
            .when_empty(WhenEmpty::Allow)
            .build()
            .unwrap();
        for end in (0..whole.len()).step_by(97) {
            let cut = mill.collect([Input::bytes(name, &whole[..end])]);
            assert!(cut.is_err(), "{name} cut at {end}");
        }
        for at in (0..whole.len() - 200).step_by(997) {
            // The directory is no longer where its end says.
            let shorter = [&whole[..at], &whole[at + 20..]].concat();
            assert!(
                named.collect([Input::bytes(name, shorter)]).is_err(),
                "{name} without a part at {at}"
            );
        }
        for at in (0..whole.len()).step_by(61) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x55;
            // What is not noticed is nowhere that matters: times, rights, the copy of a name.
            if let Ok(encoded) = mill.collect([Input::bytes(name, flipped)])
                && encoded.ledger.rejected() == 0
                && encoded.ledger.records.read == 4
            {
                assert_eq!(encoded.bytes, expected, "{name} flipped at {at}");
            }
        }
    }
}

#[test]
fn an_archive_of_something_else_is_no_source() {
    let empty = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    assert!(Archive::begins_with(&empty));
    let error = builder()
        .build()
        .unwrap()
        .collect([Input::bytes("x.zip", empty)])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(
        error
            .to_string()
            .starts_with("x.zip: no known source (an archive"),
        "{error}"
    );
}
