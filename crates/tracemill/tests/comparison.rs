//! What `docs/comparison.md` says of pairing: each row of its table names a test of this file.

use tracemill::io::Input;
use tracemill::pairs::{PairBuilder, PairOptions, Strategy};
use tracemill::{Duplicates, Encoded, ErrorKind, Ledger, Mill, Pairing};

fn candidate(group: &str, prompt: &str, answer: &str, score: &str) -> String {
    format!(
        r#"{{"group":{group},"messages":[{{"role":"user","content":"{prompt}"}},{{"role":"assistant","content":"{answer}"}}],"score":{score}}}"#
    )
}

fn collect(pairing: Pairing, lines: &[String]) -> Result<Encoded, tracemill::Error> {
    let text: String = lines.iter().map(|line| line.clone() + "\n").collect();
    let mut builder = Mill::builder();
    builder.format("trl-preference")?.pairing(pairing);
    builder.build()?.collect([Input::bytes("c.jsonl", text)])
}

fn options(set: impl FnOnce(&mut PairBuilder) -> &mut PairBuilder) -> PairOptions {
    let mut builder = PairOptions::builder();
    set(&mut builder).build().unwrap()
}

/// The answers of each pair, such as `A>C`, in the order of the records.
fn pairs(encoded: &Encoded) -> Vec<String> {
    let text = std::str::from_utf8(&encoded.bytes).unwrap();
    let answer = |line: &str, side: &str| {
        let behind = line.split_once(&format!(r#""{side}":[{{"role":"assistant","content":""#));
        behind
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap()
            .to_owned()
    };
    text.lines()
        .map(|line| format!("{}>{}", answer(line, "chosen"), answer(line, "rejected")))
        .collect()
}

/// Pairs answers `A`, `B`, `C`, … with these scores; nothing written is no failure here.
fn by_scores(options: PairOptions, scores: &[&str]) -> (Vec<String>, Ledger) {
    let lines: Vec<_> = ('A'..)
        .zip(scores)
        .map(|(answer, score)| candidate("1", "q", &answer.to_string(), score))
        .collect();
    match collect(Pairing::new(options), &lines) {
        Ok(encoded) => (pairs(&encoded), encoded.ledger),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Empty, "{error}");
            (Vec::new(), error.ledger().unwrap().clone())
        }
    }
}

fn best_vs_worst() -> PairOptions {
    options(|builder| builder.strategy(Strategy::BestVsWorst))
}

#[test]
fn strategies_pair_three_scores_as_expected() {
    let scores = ["0.9", "0.7", "0.5"];
    assert_eq!(
        by_scores(PairOptions::default(), &scores).0,
        ["A>C", "A>B", "B>C"]
    );
    assert_eq!(by_scores(best_vs_worst(), &scores).0, ["A>C"]);
}

#[test]
fn ties_never_pair() {
    for options in [PairOptions::default(), best_vs_worst()] {
        let (pairs, ledger) = by_scores(options, &["0.5", "0.5", "0.5"]);
        assert!(pairs.is_empty());
        assert_eq!(ledger.pairs.skipped.get("tie"), 3);
    }
    let zero = options(|builder| builder.min_score_diff(0.0));
    assert_eq!(by_scores(zero, &["0.5", "0.5", "0.1"]).0, ["A>C", "B>C"]);
}

#[test]
fn a_run_of_ties_says_so() {
    let lines = ["A", "B"].map(|answer| candidate("1", "q", answer, "0.5"));
    let error = collect(Pairing::new(PairOptions::default()), &lines).unwrap_err();
    assert!(error.to_string().contains("1 `tie`"), "{error}");
    assert!(
        error.to_string().contains("nothing is better than its equal"),
        "{error}"
    );
}

#[test]
fn missing_and_nan_scores_are_no_scores() {
    let lines = [
        r#"{"example_id":"e","candidate_index":0,"prompt":"q","response":"A","score":"NaN"}"#,
        r#"{"example_id":"e","candidate_index":1,"prompt":"q","response":"B","score":0.5}"#,
        r#"{"example_id":"e","candidate_index":2,"prompt":"q","response":"C","score":-1}"#,
        r#"{"example_id":"e","candidate_index":3,"prompt":"q","response":"D","score":null}"#,
        r#"{"example_id":"e","candidate_index":4,"prompt":"q","response":"E"}"#,
    ]
    .map(str::to_owned);
    let encoded = collect(Pairing::new(PairOptions::default()), &lines).unwrap();
    assert_eq!(pairs(&encoded), ["B>C"]);
    assert_eq!(encoded.ledger.pairs.skipped.get("no-score"), 9);
    assert_eq!(encoded.ledger.traces.unused.get("no-score"), 3);
}

#[test]
fn a_minimum_difference_is_inclusive_in_decimals() {
    let fifth = options(|builder| builder.min_score_diff(0.2));
    assert_eq!(by_scores(fifth, &["0.9", "0.7", "0.5"]).0, ["A>C", "A>B", "B>C"]);
    let tenth = options(|builder| builder.min_score_diff(0.1));
    assert_eq!(by_scores(tenth, &["0.3", "0.2"]).0, ["A>B"]);
    for wrong in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(PairOptions::builder().min_score_diff(wrong).build().is_err());
    }
}

#[test]
fn a_quality_gate_leaves_the_rejected_side_alone() {
    let gate = options(|builder| builder.min_chosen_score(0.8));
    assert_eq!(by_scores(gate, &["0.9", "0.1"]).0, ["A>B"]);
}

#[test]
fn a_maximum_keeps_the_largest_differences() {
    let scores: Vec<String> = (0..10).map(|tenths| format!("0.{tenths}")).collect();
    let scores: Vec<&str> = scores.iter().map(String::as_str).collect();
    let five = options(|builder| builder.max_pairs_per_group(5));
    let (pairs, ledger) = by_scores(five, &scores);
    assert_eq!(pairs, ["J>A", "J>B", "I>A", "J>C", "I>B"]);
    assert_eq!(ledger.pairs.skipped.get("over-max-per-group"), 40);
    assert!(PairOptions::builder().max_pairs_per_group(0).build().is_err());
    assert!(Pairing::new(PairOptions::default()).with_sample(0, 1).is_err());
}

#[test]
fn answers_to_other_prompts_do_not_pair() {
    let lines = [
        candidate("1", "q", "A", "0.9"),
        candidate("1", "q", "B", "0.5"),
        candidate("1", "another", "C", "0.1"),
    ];
    let encoded = collect(Pairing::new(PairOptions::default()), &lines).unwrap();
    assert_eq!(pairs(&encoded), ["A>B"]);
    assert_eq!(encoded.ledger.pairs.skipped.get("prompt-mismatch"), 2);
}

#[test]
fn identical_and_empty_answers_do_not_pair() {
    let lines = [
        candidate("1", "q", "A", "0.9"),
        candidate("1", "q", "A", "0.5"),
        candidate("1", "q", "", "0.1"),
        candidate("1", "q", "B", "0.2"),
    ];
    let encoded = collect(Pairing::new(PairOptions::default()), &lines).unwrap();
    assert_eq!(pairs(&encoded), ["A>B", "A>B"]);
    let skipped = &encoded.ledger.pairs.skipped;
    assert_eq!(
        (
            skipped.get("identical-completion"),
            skipped.get("empty-completion")
        ),
        (1, 3)
    );
}

#[test]
fn the_order_follows_the_input_alone() {
    let lines: Vec<_> = ["\"z\"", "\"a\"", "7"]
        .iter()
        .flat_map(|group| {
            [("A", "0.9"), ("B", "0.1")]
                .map(|(answer, score)| candidate(group, group.trim_matches('"'), answer, score))
        })
        .collect();
    let once = collect(Pairing::new(best_vs_worst()), &lines).unwrap();
    let prompts: Vec<_> = std::str::from_utf8(&once.bytes)
        .unwrap()
        .lines()
        .map(|line| line[37..].split('"').next().unwrap())
        .collect();
    assert_eq!(prompts, ["z", "a", "7"]);
    for _ in 0..5 {
        assert_eq!(
            collect(Pairing::new(best_vs_worst()), &lines).unwrap().bytes,
            once.bytes
        );
    }
}

#[test]
fn duplicates_go_when_asked() {
    let lines: Vec<_> = ["1", "2"]
        .iter()
        .flat_map(|group| {
            [("A", "0.9"), ("B", "0.1")].map(|(answer, score)| candidate(group, "q", answer, score))
        })
        .collect();
    let kept = collect(Pairing::new(PairOptions::default()), &lines).unwrap();
    assert_eq!(pairs(&kept), ["A>B", "A>B"]);
    let removing = Pairing::new(PairOptions::default()).with_duplicates(Duplicates::Remove);
    let removed = collect(removing, &lines).unwrap();
    assert_eq!(pairs(&removed), ["A>B"]);
    assert_eq!(removed.ledger.pairs.skipped.get("duplicate"), 1);
}

#[test]
fn keys_are_typed_and_compared_whole() {
    for [one, other] in [
        ["1", "\"1\""],
        [r#"["a","b::c"]"#, r#"["a::b","c"]"#],
        ["1", "1.0"],
    ] {
        let lines = [candidate(one, "q", "A", "0.9"), candidate(other, "q", "B", "0.1")];
        let error = collect(Pairing::new(PairOptions::default()), &lines).unwrap_err();
        assert_eq!(error.ledger().unwrap().groups.read, 2, "{one} {other}");
    }
}

#[test]
fn calls_in_a_prompt_are_kept_and_compared() {
    let line = |argument: &str, answer: &str, score: &str| {
        format!(
            r#"{{"group":1,"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"c{score}","name":"find","arguments":{{"q":"{argument}"}}}}]}},{{"role":"tool","tool_call_id":"c{score}","content":"found"}},{{"role":"assistant","content":"{answer}"}}],"score":{score}}}"#
        )
    };
    let lines = [
        line("x", "A", "0.9"),
        line("x", "B", "0.5"),
        line("y", "C", "0.1"),
    ];
    let encoded = collect(Pairing::new(PairOptions::default()), &lines).unwrap();
    assert_eq!(pairs(&encoded), ["A>B"]);
    assert_eq!(encoded.ledger.pairs.skipped.get("prompt-mismatch"), 2);
    let text = String::from_utf8(encoded.bytes).unwrap();
    assert!(
        text.contains(r#""arguments":{"q":"x"}"#) && text.contains(r#""content":"found""#),
        "{text}"
    );
}

#[test]
fn a_sample_is_seeded() {
    let lines: Vec<_> = (0..60)
        .flat_map(|group| {
            [("A", "0.9"), ("B", "0.1")]
                .map(|(answer, score)| candidate(&group.to_string(), &format!("q{group}"), answer, score))
        })
        .collect();
    let sample = |seed| {
        let pairing = Pairing::new(PairOptions::default())
            .with_sample(20, seed)
            .unwrap();
        collect(pairing, &lines).unwrap()
    };
    assert_eq!(sample(1).ledger.pairs.written, 20);
    assert_eq!(sample(1).bytes, sample(1).bytes);
    assert_ne!(sample(1).bytes, sample(2).bytes);
}

#[test]
fn items_with_the_same_id_join_one_group_and_are_counted() {
    let item = |index: usize, score: &str| {
        format!(
            r#"{{"id":"x","intermediate_steps":[{{"payload":{{"event_type":"TTC_END","name":"c","data":{{"turn_id":"t","candidate_index":{index},"score":{score},"input":"hi","output":"answer {index}"}}}}}}]}}"#
        )
    };
    let encoded = collect(
        Pairing::new(PairOptions::default()),
        &[item(0, "0.9"), item(1, "0.5"), item(2, "0.1")],
    )
    .unwrap();
    assert_eq!((encoded.ledger.groups.read, encoded.ledger.pairs.written), (1, 3));
    assert_eq!(encoded.ledger.notes.get("repeated-id"), 2);
}

#[test]
fn what_was_left_out_is_counted_by_reason() {
    let (_, ledger) = by_scores(best_vs_worst(), &["0.9", "0.7", "0.7", "null"]);
    assert_eq!(ledger.pairs.possible, 6);
    assert_eq!(ledger.pairs.written + ledger.pairs.skipped.total(), 6);
    assert!(ledger.balances());
}

#[test]
fn every_row_of_the_table_names_a_test_of_this_file() {
    let page = include_str!("../../../docs/comparison.md");
    let tests = include_str!("comparison.rs");
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(rows.len() > 10);
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit('`').nth(1).unwrap();
        assert!(tests.contains(&format!("fn {name}()")), "{row}");
    }
}
