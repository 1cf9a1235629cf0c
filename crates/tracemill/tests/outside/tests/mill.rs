//! The mill takes a stranger's source and format without registration, with the same account and the same errors.

use outside::{QuestionAnswer, Tabs};
use std::num::NonZeroUsize;

use tracemill::io::{Input, Threads};
use tracemill::{Encoded, ErrorKind, Mill, OnError};

const LINES: &str = "# graded by hand\n2+2?\t4\t1.0\n2+3?\t\"5\"\t0.5\nbroken\n";

#[test]
fn own_source_and_own_format() {
    for threads in [1, 2, 4] {
        let mut builder = Mill::builder();
        builder
            .source(Tabs)
            .encoder(QuestionAnswer)
            .on_error(OnError::Skip)
            .threads(Threads::exactly(NonZeroUsize::new(threads).unwrap()));
        let Encoded { bytes, ledger, .. } = builder
            .build()
            .unwrap()
            .collect([Input::bytes("grades.tsv", LINES)])
            .unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "{\"q\":\"2+2?\",\"a\":\"4\"}\n{\"q\":\"2+3?\",\"a\":\"\\\"5\\\"\"}\n"
        );
        assert_eq!(ledger.records.skipped.get("comment"), 1);
        assert_eq!(ledger.records.rejected.get("missing-field"), 1);
        assert!(ledger.balances());
    }
}

#[test]
fn a_strict_run_names_the_line() {
    let mut builder = Mill::builder();
    builder.source(Tabs).encoder(QuestionAnswer);
    let error = builder
        .build()
        .unwrap()
        .collect([Input::bytes("grades.tsv", LINES)])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(error.to_string().starts_with("grades.tsv:4: "), "{error}");
}

#[test]
fn own_source_to_a_format_of_the_house() {
    let mut builder = Mill::builder();
    builder
        .source(Tabs)
        .format("openai")
        .unwrap()
        .min_score(0.9)
        .on_error(OnError::Skip);
    let ledger = builder
        .build()
        .unwrap()
        .collect([Input::bytes("grades.tsv", LINES)])
        .unwrap()
        .ledger;
    assert_eq!((ledger.examples, ledger.traces.filtered.get("min-score")), (1, 1));
}
