//! Input that comes group by group gives what any other order gives, in one reading.

use std::collections::BTreeSet;

use tracemill::io::{Input, Threads};
use tracemill::pairs::{PairOptions, PromptMode, Strategy};
use tracemill::{Duplicates, Encoded, ErrorKind, GroupExamples, GroupOrder, LabelBy, Mill, OnError, Pairing};

/// A candidate of a group, with a text long enough that a few hundred fill a block.
fn line(group: usize, trial: usize) -> String {
    let score = (group * 7 + trial * 3) % 5;
    let padding = "word ".repeat(100 + (group * 31 + trial * 17) % 300);
    format!(
        r#"{{"group":"g{group}","trial":{trial},"messages":[{{"role":"user","content":"question {group}"}},{{"role":"assistant","content":"answer {} {padding}"}}],"score":0.{score}}}"#,
        trial % 5
    )
}

fn lines(groups: usize, candidates: impl Fn(usize) -> usize) -> Vec<String> {
    (0..groups)
        .flat_map(|group| (0..candidates(group)).map(move |trial| line(group, trial)))
        .collect()
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| line.clone() + "\n").collect()
}

fn options(strategy: &str) -> PairOptions {
    let strategy: Strategy = strategy.parse().unwrap();
    PairOptions::builder()
        .strategy(strategy)
        .seed(11)
        .build()
        .unwrap()
}

fn run(pairing: &Pairing, format: &str, threads: usize, text: &str) -> Encoded {
    let mut builder = Mill::builder();
    builder.format(format).unwrap().pairing(pairing.clone());
    builder.threads(Threads::exactly(threads.try_into().unwrap()));
    let mill = builder.build().unwrap();
    mill.collect([Input::bytes("c.jsonl", text)]).unwrap()
}

/// Runs both ways, and with two numbers of threads; gives what all of them gave.
fn same(pairing: &Pairing, format: &str, text: &str) -> Encoded {
    let indexed = run(pairing, format, 1, text);
    assert!(indexed.ledger.balances());
    for threads in [1, 3] {
        let grouped = run(
            &pairing.clone().with_order(GroupOrder::Grouped),
            format,
            threads,
            text,
        );
        assert!(grouped.bytes == indexed.bytes, "{threads} threads");
        assert_eq!(grouped.ledger.traces, indexed.ledger.traces);
        assert_eq!(grouped.ledger.pairs, indexed.ledger.pairs);
        assert_eq!(grouped.ledger.groups, indexed.ledger.groups);
        assert_eq!(grouped.ledger.losses, indexed.ledger.losses);
        assert_eq!(grouped.ledger.examples, indexed.ledger.examples);
    }
    indexed
}

#[test]
fn every_strategy_gives_the_same_bytes_grouped_as_indexed() {
    let text = text(&lines(300, |group| 1 + group % 9));
    assert!(text.len() > 2_000_000, "several blocks: {}", text.len());
    for strategy in [
        "exhaustive",
        "best-vs-worst",
        "best-vs-all",
        "adjacent",
        "random:2",
    ] {
        let all = same(&Pairing::new(options(strategy)), "trl-preference", &text);
        assert!(all.ledger.groups.paired > 200);
    }
}

#[test]
fn what_is_decided_over_all_groups_is_the_same_too() {
    let text = text(&lines(300, |group| 1 + group % 9));
    let pairing = Pairing::new(options("exhaustive")).with_sample(100, 5).unwrap();
    assert_eq!(same(&pairing, "trl-preference", &text).ledger.examples, 100);
    // The same groups once more, under other keys.
    let again = text.replace(r#""group":"g"#, r#""group":"again-"#);
    let doubled = Pairing::new(options("exhaustive")).with_duplicates(Duplicates::Remove);
    let ledger = same(&doubled, "trl-preference", &(text + &again)).ledger;
    assert!(ledger.pairs.written > 0);
    assert_eq!(ledger.pairs.skipped.get("duplicate"), ledger.pairs.written);
}

#[test]
fn lists_and_labels_are_the_same_too() {
    let text = text(&lines(200, |group| 1 + group % 9));
    let of = |examples| Pairing::new(PairOptions::default()).with_examples(examples);
    same(&of(GroupExamples::Ranked), "nemo-rl", &text);
    same(&of(GroupExamples::Labelled(LabelBy::Mean)), "trl-kto", &text);
    same(&of(GroupExamples::Labelled(LabelBy::Best)), "trl-kto", &text);
}

#[test]
fn a_group_may_be_larger_than_a_block_and_stand_alone() {
    for groups in [1, 3] {
        let text = text(&lines(groups, |_| 700));
        assert!(text.len() > groups * 700_000);
        same(&Pairing::new(options("best-vs-all")), "trl-preference", &text);
    }
}

#[test]
fn any_order_gives_the_same_set_of_lines_as_the_grouped_file() {
    let grouped = lines(120, |_| 8);
    let count = grouped.len();
    // 7,919 is prime and does not divide the number of lines.
    let shuffled: Vec<_> = (0..count).map(|at| grouped[at * 7_919 % count].clone()).collect();
    let pairing = Pairing::new(options("exhaustive"));
    let one = run(&pairing, "trl-preference", 2, &text(&shuffled)).bytes;
    let streamed = pairing.with_order(GroupOrder::Grouped);
    let other = run(&streamed, "trl-preference", 2, &text(&grouped)).bytes;
    let set =
        |bytes: &[u8]| -> BTreeSet<Vec<u8>> { bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect() };
    assert!(one != other);
    assert_eq!(one.len(), other.len());
    assert!(set(&one) == set(&other));
}

#[test]
fn traces_without_a_group_compete_by_their_prompts() {
    let line = |question: usize, answer: usize| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"q{question}"}},{{"role":"assistant","content":"a{answer}"}}],"score":{answer}}}"#
        )
    };
    let lines: Vec<_> = (0..40)
        .flat_map(|question| (0..3).map(move |answer| line(question, answer)))
        .collect();
    let all = same(
        &Pairing::new(options("exhaustive")),
        "trl-preference",
        &text(&lines),
    );
    assert_eq!(all.ledger.pairs.written, 120);
    let task = Pairing::new(options("exhaustive")).with_prompt(PromptMode::Task);
    let mut builder = Mill::builder();
    builder.format("trl-preference").unwrap();
    builder.pairing(task.with_order(GroupOrder::Grouped));
    let error = builder
        .build()
        .unwrap()
        .collect([Input::bytes("c.jsonl", text(&lines))])
        .unwrap_err();
    let ledger = error.ledger().unwrap();
    assert_eq!(ledger.traces.unused.get("no-group"), 120);
}

#[test]
fn several_traces_of_one_record_may_belong_to_several_groups() {
    let lines: Vec<_> = (0..50)
        .map(|id| {
            format!(
                r#"{{"prompt":"question {id}","completions":[{{"response":"a","overall_score":1}},{{"response":"b","overall_score":2}},{{"response":"c","overall_score":0}}]}}"#
            )
        })
        .collect();
    let pairing = Pairing::new(options("exhaustive"));
    assert_eq!(
        same(&pairing, "trl-preference", &text(&lines))
            .ledger
            .pairs
            .written,
        150
    );
}

#[test]
fn bad_records_are_skipped_inside_of_groups_too() {
    let mut lines = lines(60, |_| 8);
    for at in [1, 5, 200, 479] {
        lines[at] = "{oops".to_owned();
    }
    let text = text(&lines);
    let skipping = |order| {
        let mut builder = Mill::builder();
        builder.format("trl-preference").unwrap().on_error(OnError::Skip);
        builder.pairing(Pairing::new(options("exhaustive")).with_order(order));
        builder
            .build()
            .unwrap()
            .collect([Input::bytes("c.jsonl", text.clone())])
            .unwrap()
    };
    let (indexed, grouped) = (skipping(GroupOrder::Any), skipping(GroupOrder::Grouped));
    assert_eq!(grouped.ledger.records.rejected.get("syntax"), 4);
    assert_eq!(grouped.ledger, indexed.ledger);
    assert!(grouped.bytes == indexed.bytes);
}

#[test]
fn a_group_that_returns_is_an_error_with_its_line() {
    for far in [3, 300] {
        let mut lines = lines(far, |_| 4);
        lines.push(line(1, 9));
        let number = lines.len();
        let mut builder = Mill::builder();
        builder.format("trl-preference").unwrap();
        builder.pairing(Pairing::new(options("exhaustive")).with_order(GroupOrder::Grouped));
        let error = builder
            .build()
            .unwrap()
            .collect([Input::bytes("c.jsonl", text(&lines))])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Record);
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("c.jsonl:{number}: group `g1` goes on")),
            "{message}"
        );
        assert!(message.contains("`--grouped`"), "{message}");
    }
}
