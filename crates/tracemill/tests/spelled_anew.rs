//! Records that are not canonical JSON, which traces cannot borrow from as they are: whatever is read, it comes out as if they
//! were.

use tracemill::io::{Input, Threads};
use tracemill::pairs::PairOptions;
use tracemill::{Encoded, GroupOrder, Mill, MillBuilder, Pairing};

const RECORDS: usize = 600;

/// A conversation in the words of Converse that ends in two ways; `space` stands wherever white space may.
fn line(number: usize, space: &str) -> String {
    let padding = "word ".repeat(20 + number * 31 % 200);
    let answer = |text: &str, label: &str| {
        format!(r#"{{"content":[{{"text":~"{text} {number} {padding}"}}],~"preferenceLabel":~"{label}"}}"#)
    };
    format!(
        r#"{{"system":~[{{"text":~"Be brief."}}],~"messages":~[{{"role":~"user",~"content":~[{{"text":~"question {number}"}}]}},~{{"role":~"assistant",~"candidates":~[{},~{}]}}],~"id":~{number}}}"#,
        answer("yes", "preferred"),
        answer("no", "non-preferred"),
    )
    .replace('~', space)
}

/// Every third record is canonical, the others have spaces in them, and each kind stands beside the other.
fn lines(space: &str) -> String {
    let space = |number: usize| if number.is_multiple_of(3) { "" } else { space };
    (0..RECORDS)
        .map(|number| line(number, space(number)) + "\n")
        .collect()
}

fn run(builder: &mut MillBuilder, text: String) -> Encoded {
    let mill = builder.build().unwrap();
    let encoded = mill.collect([Input::bytes("lines.jsonl", text)]).unwrap();
    assert!(encoded.ledger.balances());
    assert_eq!(encoded.ledger.records.decoded as usize, RECORDS);
    encoded
}

fn builder(format: &str) -> MillBuilder {
    let mut builder = Mill::builder();
    builder.format(format).unwrap();
    builder
}

#[test]
fn conversations_are_the_same() {
    let canonical = run(&mut builder("tracemill"), lines(""));
    assert_eq!(canonical.ledger.examples as usize, 2 * RECORDS);
    for threads in [1, 3] {
        let mut builder = builder("tracemill");
        builder.threads(Threads::exactly(threads.try_into().unwrap()));
        assert!(
            run(&mut builder, lines(" \t")).bytes == canonical.bytes,
            "{threads} threads"
        );
    }
}

#[test]
fn pairs_are_the_same_read_in_either_way() {
    let pairing = || Pairing::new(PairOptions::default());
    let canonical = run(builder("trl-preference").pairing(pairing()), lines(""));
    assert_eq!(canonical.ledger.examples as usize, RECORDS);
    let indexed = run(builder("trl-preference").pairing(pairing()), lines(" "));
    assert!(indexed.bytes == canonical.bytes);
    let grouped = pairing().with_order(GroupOrder::Grouped);
    let grouped = run(builder("trl-preference").pairing(grouped), lines(" "));
    assert!(grouped.bytes == canonical.bytes);
}
