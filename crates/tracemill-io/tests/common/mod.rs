//! What the tests share: reading everything, in a form that can be compared.

#![allow(dead_code, reason = "each test program uses its own part")]

use tracemill_io::{Block, BlockReader, BlockSize, Fill, Input, RecordLimit};
use tracemill_model::Framing;

/// One thing that came out of a reader, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Record(Seen),
    Failure(String),
}

/// A record with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) text: Result<String, String>,
    pub(crate) place: String,
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) input: usize,
}

pub(crate) fn read(inputs: Vec<(Input, Framing)>, block: usize, limit: usize) -> Vec<Event> {
    let mut reader = BlockReader::new(inputs)
        .with_block_size(BlockSize::new(block))
        .with_record_limit(RecordLimit::new(limit));
    let mut block = Block::default();
    let mut events = Vec::new();
    loop {
        match reader.fill(&mut block) {
            Ok(Fill::Block) => events.extend(block.records().map(|record| {
                let locator = record.locator();
                Event::Record(Seen {
                    text: record
                        .text()
                        .map(str::to_owned)
                        .map_err(|error| error.to_string()),
                    place: locator.to_string(),
                    line: locator.line_number(),
                    byte: locator.byte(),
                    input: record.input(),
                })
            })),
            Ok(Fill::End) => return events,
            Err(error) => events.push(Event::Failure(error.to_string())),
        }
    }
}

pub(crate) const NO_LIMIT: usize = 1 << 30;

/// Reads one input with the usual block size.
pub(crate) fn read_one(bytes: &[u8], framing: Framing) -> Vec<Event> {
    read(vec![(Input::bytes("x", bytes), framing)], 256 << 10, NO_LIMIT)
}

/// The texts of records that are all good.
pub(crate) fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().map(text_of).collect()
}

fn text_of(event: &Event) -> &str {
    match event {
        Event::Record(Seen { text: Ok(text), .. }) => text,
        other => panic!("not a good record: {other:?}"),
    }
}

/// The failure that came last.
pub(crate) fn failure(events: &[Event]) -> &str {
    match events.last() {
        Some(Event::Failure(failure)) => failure,
        other => panic!("no failure at the end: {other:?}"),
    }
}
