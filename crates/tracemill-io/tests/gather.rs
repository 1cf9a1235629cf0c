//! Records are read again as they were read first.

use proptest::prelude::*;
use std::fs;
use std::io::Read;
use std::path::Path;
use tracemill_io::{
    Block, BlockReader, BlockSize, ErrorKind, Extent, Fill, Gathered, Gatherer, Input, Spool, TemporaryFiles,
};
use tracemill_model::{Elements, Framing};

/// Reads everything, and keeps of each record its bytes and its extent.
fn index(inputs: Vec<(Input, Framing)>) -> Vec<(Extent, Vec<u8>)> {
    let mut reader = BlockReader::new(inputs).with_block_size(BlockSize::new(64));
    let mut block = Block::default();
    let mut records = Vec::new();
    while reader.fill(&mut block).unwrap() == Fill::Block {
        records.extend(block.records().map(|record| {
            let extent = Extent {
                input: record.input(),
                byte: record.locator().byte(),
                len: record.bytes().len(),
            };
            (extent, record.bytes().to_vec())
        }));
    }
    records
}

const LINES: &str = "\u{feff}{\"n\":1}\r\n\r\n  {\"é\":2}\t\n\n{\"n\":3}";
const ELEMENTS: &str = " {\"x\": [\n {\"n\": 1} , [\"é\", 2],\n3 ], \"y\": 4}";
const DOCUMENT: &str = "\n {\"n\": 1}\n ";

fn inputs(folder: &Path) -> Vec<(Input, Framing)> {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        Input::path(path)
    };
    let reader = Input::reader("-", std::io::Cursor::new(LINES.as_bytes().to_vec()));
    vec![
        (file("a.jsonl", LINES), Framing::Lines),
        (
            Input::bytes("b.json", ELEMENTS),
            Framing::Elements(Elements::at("/x")),
        ),
        (file("c.json", DOCUMENT), Framing::Document),
        (reader.spooled().unwrap(), Framing::Lines),
        (file("d.json", ELEMENTS), Framing::Elements(Elements::at("/x"))),
    ]
}

#[test]
fn what_every_framing_gives_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = inputs(folder.path());
    let mut gatherer = Gatherer::new();
    for (number, (input, _)) in inputs.iter().enumerate() {
        assert!(Gatherer::can_read(input));
        assert_eq!(gatherer.add(input).unwrap(), number);
    }
    let records = index(inputs);
    assert_eq!(records.len(), 13);
    let mut bytes = Vec::new();
    for (extent, expected) in records.iter().rev() {
        gatherer.read(*extent, &mut bytes).unwrap();
        assert_eq!(&bytes, expected);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (extents, expected): (Vec<_>, Vec<_>) = records.iter().rev().cloned().unzip();
                let mut found = Gathered::default();
                gatherer.gather(&extents, &mut found).unwrap();
                for (index, expected) in expected.iter().enumerate() {
                    assert_eq!(found.get(index), expected);
                    assert!(found.text(index).is_ok());
                }
            });
        }
    });
}

#[test]
fn what_is_read_once_is_copied_to_a_file_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = TemporaryFiles::inside(folder.path());
    let reader = Input::reader("-", std::io::Cursor::new(LINES.as_bytes().to_vec()));
    let copy = reader.seekable_in(&files).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(copy.byte_len(), Some(LINES.len() as u64));
    // Two readings at once do not disturb each other.
    let mut streams = [copy.open().unwrap(), copy.open().unwrap()];
    let mut texts = [String::new(), String::new()];
    for (stream, text) in streams.iter_mut().zip(&mut texts) {
        stream.take(5).read_to_string(text).unwrap();
    }
    for (stream, text) in streams.iter_mut().zip(&mut texts) {
        stream.read_to_string(text).unwrap();
        assert_eq!(text, LINES);
    }
    let mut bytes = Vec::new();
    copy.ranges().unwrap().read(3, 7, &mut bytes).unwrap();
    assert_eq!(bytes, b"{\"n\":1}");
    let nowhere = TemporaryFiles::inside(folder.path().join("nowhere"));
    assert!(Input::reader("-", std::io::empty()).spooled_in(&nowhere).is_err());
}

#[test]
fn more_files_than_stay_open_are_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut gatherer = Gatherer::new();
    for number in 0..100 {
        let path = folder.path().join(format!("{number}.jsonl"));
        fs::write(&path, format!("{number:03}")).unwrap();
        gatherer.add(&Input::path(path)).unwrap();
    }
    let extents: Vec<_> = (0..100)
        .map(|input| Extent {
            input,
            byte: 0,
            len: 3,
        })
        .collect();
    let mut found = Gathered::default();
    for _ in 0..2 {
        gatherer.gather(&extents, &mut found).unwrap();
        assert!((0..100).all(|number| found.get(number) == format!("{number:03}").as_bytes()));
    }
}

#[test]
fn what_has_no_order_of_its_own_is_refused() {
    let mut gatherer = Gatherer::new();
    let reader = Input::reader("-", std::io::empty());
    let compressed = Input::bytes("a.jsonl.gz", *b"");
    for input in [reader, compressed, Input::path("/dev/null")] {
        assert!(!Gatherer::can_read(&input));
        let error = gatherer.add(&input).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.path(), Some(input.name()));
    }
    let missing = gatherer.add(&Input::path("no/such/file")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_that_changes_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let changed = |gatherer: &Gatherer, len: usize| {
        let extent = Extent {
            input: 0,
            byte: 0,
            len,
        };
        let error = gatherer.read(extent, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("a.jsonl: changed while it was read"), "{error}");
    };
    fs::write(&path, "12345").unwrap();
    let mut gatherer = Gatherer::new();
    gatherer.add(&Input::path(&path)).unwrap();
    fs::write(&path, "1234").unwrap();
    changed(&gatherer, 3);

    // Once it is open, at least what is missing is noticed.
    let mut gatherer = Gatherer::new();
    gatherer.add(&Input::path(&path)).unwrap();
    gatherer
        .read(
            Extent {
                input: 0,
                byte: 1,
                len: 2,
            },
            &mut Vec::new(),
        )
        .unwrap();
    fs::write(&path, "12").unwrap();
    changed(&gatherer, 3);
    let bytes = Input::bytes("a.jsonl", *b"12");
    let mut gatherer = Gatherer::new();
    gatherer.add(&bytes).unwrap();
    changed(&gatherer, 3);
}

#[test]
fn spools_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let files = TemporaryFiles::inside(folder.path());
    let mut spool = Spool::create(&files).unwrap();
    let long = vec![b'x'; 1 << 20];
    let places = [b"one".as_slice(), b"", &long, b"two"].map(|record| {
        let byte = spool.append(record).unwrap();
        (
            Extent {
                input: 0,
                byte,
                len: record.len(),
            },
            record,
        )
    });
    assert_eq!(spool.byte_len(), (1 << 20) + 6);
    let mut gatherer = Gatherer::new();
    assert_eq!(gatherer.add_spool(spool).unwrap(), 0);
    let mut bytes = Vec::new();
    for (extent, record) in places {
        gatherer.read(extent, &mut bytes).unwrap();
        assert!(bytes == record);
    }
    // Not even while they are open.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let beyond = Extent {
        input: 0,
        byte: 1 << 21,
        len: 1,
    };
    assert!(gatherer.read(beyond, &mut bytes).is_err());
    let unknown = Extent {
        input: 1,
        byte: 0,
        len: 1,
    };
    assert!(gatherer.read(unknown, &mut bytes).is_err());
}

proptest! {
    /// Any ranges in any order, near or far, overlapping or repeated, come out as they were asked for.
    #[test]
    fn ranges_come_out_as_they_were_asked_for(
        wanted in prop::collection::vec((0..2_usize, 0..60_000_usize, 0..300_usize), 0..40),
        again in prop::collection::vec((0..2_usize, 0..60_000_usize, 0..300_usize), 0..4),
    ) {
        let texts = [7, 11].map(|step: usize| (0..60_300).map(|n| (n * step % 251) as u8).collect::<Vec<u8>>());
        let mut gatherer = Gatherer::new();
        for text in &texts {
            gatherer.add(&Input::bytes("x", text.clone())).unwrap();
        }
        let mut found = Gathered::default();
        for wanted in [wanted, again] {
            let extents: Vec<_> = wanted
                .iter()
                .map(|&(input, byte, len)| Extent { input, byte: byte as u64, len })
                .collect();
            gatherer.gather(&extents, &mut found).unwrap();
            prop_assert_eq!(found.len(), wanted.len());
            for (index, (input, byte, len)) in wanted.into_iter().enumerate() {
                prop_assert_eq!(found.get(index), &texts[input][byte..byte + len]);
            }
        }
    }
}
