//! Examples of whole prompt classes: ranked lists, and labels that compare.

use tracemill::io::Input;
use tracemill::pairs::{PairOptions, PromptMode};
use tracemill::{Encoded, GroupExamples, LabelBy, Mill, OnError, Pairing};

fn line(group: &str, prompt: &str, answer: &str, score: &str) -> String {
    format!(
        r#"{{"group":"{group}","messages":[{{"role":"user","content":"{prompt}"}},{{"role":"assistant","content":"{answer}"}}],"score":{score}}}"#
    )
}

fn run(examples: GroupExamples, prompt: PromptMode, format: &str, lines: &[String]) -> Encoded {
    let text: String = lines.iter().map(|line| line.clone() + "\n").collect();
    let pairing = Pairing::new(PairOptions::default())
        .with_examples(examples)
        .with_prompt(prompt);
    let mut builder = Mill::builder();
    builder.format(format).unwrap().pairing(pairing);
    builder.on_error(OnError::Skip);
    let mill = builder.build().unwrap();
    let encoded = mill.collect([Input::bytes("c.jsonl", text)]).unwrap();
    let ledger = &encoded.ledger;
    assert!(ledger.balances());
    assert_eq!(
        ledger.pairs.possible,
        ledger.pairs.written + ledger.pairs.skipped.total()
    );
    encoded
}

/// Each completion with its rank, such as `0A`, one text for each record.
fn ranks(encoded: &Encoded) -> Vec<String> {
    let text = std::str::from_utf8(&encoded.bytes).unwrap();
    let list = |line: &str| -> String {
        let parts = line.split(r#"{"rank":"#).skip(1);
        let said = parts.map(|part| {
            let answer = part
                .split(r#""content":""#)
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            format!("{}{} ", &part[..1], answer.unwrap())
        });
        said.collect()
    };
    text.lines().map(list).collect()
}

#[test]
fn a_list_holds_a_prompt_class_with_its_ties_on_one_rank() {
    let lines = [
        line("g", "q", "A", "0.5"),
        line("g", "q", "B", "0.9"),
        line("g", "q", "C", "0.5"),
        line("g", "q", "D", "null"),
        line("g", "q", "E", "-1"),
        line("g", "another", "F", "0.3"),
        line("h", "tied", "G", "1"),
        line("h", "tied", "H", "1"),
        line("i", "lone", "I", "1"),
    ];
    let encoded = run(GroupExamples::Ranked, PromptMode::Exact, "nemo-rl", &lines);
    assert_eq!(ranks(&encoded), ["0B 1A 1C 2E "]);
    let ledger = &encoded.ledger;
    assert_eq!(
        (ledger.examples, ledger.groups.read, ledger.groups.paired),
        (1, 3, 1)
    );
    assert_eq!((ledger.pairs.possible, ledger.pairs.written), (16, 5));
    let skipped = &ledger.pairs.skipped;
    assert_eq!((skipped.get("tie"), skipped.get("no-score")), (2, 5));
    assert_eq!(skipped.get("prompt-mismatch"), 4);
    let unused = &ledger.traces.unused;
    assert_eq!(ledger.traces.used, 4);
    assert_eq!((unused.get("no-score"), unused.get("prompt-mismatch")), (1, 1));
    assert_eq!((unused.get("tie"), unused.get("single-candidate")), (2, 1));
}

#[test]
fn of_candidates_that_say_the_same_the_best_stays() {
    let lines = [
        line("g", "q", "A", "0.1"),
        line("g", "q", "B", "0.5"),
        line("g", "q", "A", "0.9"),
        line("h", "r", "C", "0.9"),
        line("h", "r", "C", "0.1"),
    ];
    let encoded = run(GroupExamples::Ranked, PromptMode::Exact, "nemo-rl", &lines);
    assert_eq!(ranks(&encoded), ["0A 1B "]);
    let ledger = &encoded.ledger;
    assert_eq!(
        (
            ledger.pairs.written,
            ledger.pairs.skipped.get("identical-completion")
        ),
        (1, 3)
    );
    assert_eq!(
        (
            ledger.traces.used,
            ledger.traces.unused.get("identical-completion")
        ),
        (2, 3)
    );
}

#[test]
fn a_list_that_is_refused_takes_its_pairs_with_it() {
    let lines = [
        line("g", "q", "A", "0.9"),
        line("g", "other", "B", "0.5"),
        line("h", "r", "C", "0.9"),
        line("h", "r", "D", "0.5"),
    ];
    let encoded = run(GroupExamples::Ranked, PromptMode::Task, "nemo-rl", &lines);
    assert_eq!(ranks(&encoded), ["0C 1D "]);
    let ledger = &encoded.ledger;
    assert_eq!(
        (
            ledger.pairs.skipped.get("refused"),
            ledger.traces.unused.get("refused")
        ),
        (1, 2)
    );
}

#[test]
fn labels_compare_with_the_best_or_with_the_mean() {
    let lines = [
        line("g", "q", "A", "0.3"),
        line("g", "q", "B", "0.2"),
        line("g", "q", "C", "0.1"),
        line("g", "q", "D", "null"),
    ];
    let labels = |by: LabelBy| {
        let encoded = run(GroupExamples::Labelled(by), PromptMode::Exact, "trl-kto", &lines);
        let text = String::from_utf8(encoded.bytes.clone()).unwrap();
        let label = |line: &str| {
            let answer = line
                .split(r#""content":""#)
                .nth(2)
                .and_then(|rest| rest.chars().next());
            format!("{} {}", answer.unwrap(), line.contains(r#""label":true"#))
        };
        (text.lines().map(label).collect::<Vec<_>>(), encoded.ledger)
    };
    let (best, ledger) = labels(LabelBy::Best);
    assert_eq!(best, ["A true", "B false", "C false"]);
    assert_eq!(
        (ledger.pairs.written, ledger.pairs.skipped.get("not-selected")),
        (2, 1)
    );
    let (mean, ledger) = labels(LabelBy::Mean);
    assert_eq!(mean, ["A true", "C false"]);
    assert_eq!(
        (ledger.pairs.written, ledger.pairs.skipped.get("not-selected")),
        (1, 2)
    );
    assert_eq!((ledger.traces.used, ledger.traces.unused.get("tie")), (2, 1));
}

#[test]
fn a_list_of_trajectories_is_one_line() {
    let lines = [
        line("g", "q", "A", "0.9"),
        line("g", "q", "B", "0.5"),
        line("g", "q", "C", "0.1"),
    ];
    let encoded = run(GroupExamples::Ranked, PromptMode::Exact, "nat-trajectory", &lines);
    let text = String::from_utf8(encoded.bytes).unwrap();
    assert_eq!(
        (text.lines().count(), text.matches(r#""reward":"#).count()),
        (1, 3)
    );
}

#[test]
fn the_mean_of_the_metrics_of_swink_counts_unless_something_is_asked_for() {
    let case = |answer: &str, quality: &str, speed: &str| {
        format!(
            r#"{{"group":1,"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":"{answer}"}}],"scores":[{{"name":"quality","value":{quality}}},{{"name":"speed","value":{speed}}}]}}"#
        )
    };
    let text = case("A", "0.2", "0.9") + "\n" + &case("B", "0.4", "0.1") + "\n";
    let mut builder = Mill::builder();
    builder.format("trl-preference").unwrap().source(Metrics);
    builder.pairing(Pairing::new(PairOptions::default()));
    let mean = builder
        .build()
        .unwrap()
        .collect([Input::bytes("c.jsonl", text.clone())]);
    let chosen = |encoded: &Encoded| {
        String::from_utf8_lossy(&encoded.bytes).contains(r#""chosen":[{"role":"assistant","content":"A""#)
    };
    assert!(chosen(&mean.unwrap()));
    builder.score("quality".parse().unwrap());
    let quality = builder.build().unwrap().collect([Input::bytes("c.jsonl", text)]);
    assert!(!chosen(&quality.unwrap()));
    assert!(
        tracemill::sources::source("swink")
            .unwrap()
            .make()
            .averages_scores()
    );
}

/// Canonical traces whose scores are metrics of one judgement, as those of swink are.
#[derive(Debug)]
struct Metrics;

impl tracemill::sources::Source for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn framings(&self) -> Vec<tracemill::model::Framing> {
        vec![tracemill::model::Framing::Lines]
    }

    fn detect(&self, _: &tracemill::sources::Head) -> Option<tracemill::sources::Evidence> {
        None
    }

    fn decode<'a>(
        &self,
        _: &tracemill::sources::Context,
        record: &'a str,
        batch: &mut tracemill::sources::Batch<'a>,
    ) -> Result<(), tracemill::model::DecodeError> {
        batch.push(tracemill::Trace::from_json(record)?);
        Ok(())
    }

    fn averages_scores(&self) -> bool {
        true
    }
}
