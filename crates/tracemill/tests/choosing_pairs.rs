//! Choosing candidates before they are paired: splits, orders, duplicates.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use tracemill::curate::{Choosing, Keep, Order, SplitBy};
use tracemill::io::{Digest, Input, MemoryBudget, OutputFolder, Overwrite, Threads};
use tracemill::model::Trace;
use tracemill::pairs::PairOptions;
use tracemill::{Curation, Encoded, GroupOrder, Mill, MillBuilder, Pairing, Run};

/// Candidates for 40 prompts, in mixed order: of every third prompt those without a group, of the others those of two
/// groups.
fn candidates(count: usize) -> String {
    let line = |n: usize| {
        let (prompt, round) = (n * 7 % 40, n / 40);
        let score = round % 5;
        let group = if prompt % 3 == 0 {
            String::new()
        } else {
            format!("\"group\":{{\"key\":[{prompt},{}]}},", round / 5 % 2)
        };
        format!(
            "{{{group}\"messages\":[{{\"role\":\"user\",\"content\":\"q{prompt}\"}},{{\"role\":\"assistant\",\"content\":\"a{n}\"}}],\"score\":{score}}}\n"
        )
    };
    (0..count).map(line).collect()
}

fn builder(choosing: &Choosing) -> MillBuilder {
    let mut builder = Mill::builder();
    builder
        .format("trl-preference")
        .unwrap()
        .pairing(Pairing::new(PairOptions::default()))
        .curation(Curation::new().with_choosing(choosing.clone()));
    builder
}

fn collect(builder: &MillBuilder, text: String) -> Encoded {
    let encoded = builder
        .build()
        .unwrap()
        .collect([Input::bytes("c.jsonl", text)])
        .unwrap();
    assert!(encoded.ledger.balances());
    encoded
}

fn lines(bytes: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

/// The prompt of a pair, as it is written.
fn prompt(line: &str) -> &str {
    line.split(",\"chosen\"").next().unwrap()
}

fn split(count: usize, by: SplitBy) -> Vec<Vec<String>> {
    let mut choosing = Choosing::new();
    choosing.split("train=0.7,test=0.3".parse().unwrap(), by).seed(3);
    let folder = std::env::temp_dir().join(format!(
        "tracemill-pairs-{}-{count}-{}",
        std::process::id(),
        by.name()
    ));
    let output = OutputFolder::create(&folder, Overwrite::Allow).unwrap();
    let input = [Input::bytes("c.jsonl", candidates(count))];
    let run = Run::into_folder(input, output, choosing.sides().unwrap(), Digest::None).unwrap();
    let ledger = builder(&choosing).build().unwrap().execute(run).unwrap();
    assert!(ledger.balances());
    let read = |name| lines(std::fs::read(folder.join(name)).unwrap());
    let sides = vec![read("train.jsonl"), read("test.jsonl")];
    for (side, output) in sides.iter().zip(&ledger.outputs) {
        assert_eq!(side.len() as u64, output.records);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    sides
}

#[test]
fn pairs_of_one_prompt_are_on_one_side_and_none_is_lost() {
    let whole = lines(collect(&builder(&Choosing::new()), candidates(600)).bytes);
    for by in [SplitBy::Hash, SplitBy::Shuffled, SplitBy::Positional] {
        let sides = split(600, by);
        let prompts = |side: &[String]| {
            side.iter()
                .map(|line| prompt(line).to_owned())
                .collect::<BTreeSet<_>>()
        };
        let (train, test) = (prompts(&sides[0]), prompts(&sides[1]));
        assert!(!train.is_empty() && !test.is_empty(), "{}", by.name());
        assert!(train.is_disjoint(&test), "{}", by.name());
        // The order of a side is that of the whole.
        let mut rest = [sides[0].iter(), sides[1].iter()];
        for line in &whole {
            let side = usize::from(test.contains(prompt(line)));
            let next = rest[side].next();
            // A group with prompts on both sides has none of them; here each group has one prompt.
            assert_eq!(next, Some(line), "{}", by.name());
        }
    }
}

#[test]
fn a_prompt_is_on_the_side_where_converting_puts_it() {
    let mut choosing = Choosing::new();
    choosing
        .split("train=0.7,test=0.3".parse().unwrap(), SplitBy::Hash)
        .seed(3);
    let folder = std::env::temp_dir().join(format!("tracemill-both-{}", std::process::id()));
    let mut convert = Mill::builder();
    convert
        .format("tracemill")
        .unwrap()
        .curation(Curation::new().with_choosing(choosing.clone()));
    let output = OutputFolder::create(&folder, Overwrite::Allow).unwrap();
    let input = [Input::bytes("c.jsonl", candidates(600))];
    let run = Run::into_folder(input, output, choosing.sides().unwrap(), Digest::None).unwrap();
    convert.build().unwrap().execute(run).unwrap();
    let sides = split(600, SplitBy::Hash);
    for (name, pairs) in ["train.jsonl", "test.jsonl"].into_iter().zip(sides) {
        let traces = std::fs::read_to_string(folder.join(name)).unwrap();
        let said = |line: &str| {
            let trace = Trace::from_json(line).unwrap();
            trace.messages()[0].content().as_text().unwrap().body().to_owned()
        };
        let prompts: BTreeSet<String> = traces.lines().map(said).collect();
        for line in pairs {
            assert!(
                prompts
                    .iter()
                    .any(|text| prompt(&line).contains(&format!("\"{text}\"")))
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn candidates_that_are_appended_move_no_prompt() {
    let (before, after) = (split(300, SplitBy::Hash), split(900, SplitBy::Hash));
    for (before, after) in before.iter().zip(&after) {
        let later: BTreeSet<&str> = after.iter().map(|line| prompt(line)).collect();
        assert!(before.iter().all(|line| later.contains(prompt(line))));
    }
}

#[test]
fn a_shuffle_moves_groups_and_changes_no_pair() {
    let whole = lines(collect(&builder(&Choosing::new()), candidates(600)).bytes);
    let mut choosing = Choosing::new();
    choosing.order(Order::Shuffled);
    let shuffled = lines(collect(&builder(&choosing), candidates(600)).bytes);
    assert_ne!(whole, shuffled);
    let sorted = |mut lines: Vec<String>| {
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(whole), sorted(shuffled));
}

#[test]
fn the_easiest_groups_come_first() {
    let group = |key: &str, scores: [f64; 2]| {
        let line = |score: f64| {
            format!(
                "{{\"group\":\"{key}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{key}\"}},{{\"role\":\"assistant\",\"content\":\"{score}\"}}],\"score\":{score}}}\n"
            )
        };
        scores.map(line).concat()
    };
    let mut choosing = Choosing::new();
    choosing.order(Order::Curriculum).group_scores(Some(0.2), None);
    let text = [
        group("hard", [0.3, 0.4]),
        group("easy", [0.8, 1.0]),
        group("hopeless", [0.0, 0.1]),
    ]
    .concat();
    let encoded = collect(&builder(&choosing), text);
    let order: Vec<bool> = lines(encoded.bytes)
        .iter()
        .map(|line| line.contains("easy"))
        .collect();
    assert_eq!(order, [true, false]);
    assert_eq!(encoded.ledger.traces.filtered.get("min-group-score"), 2);
}

#[test]
fn duplicates_and_the_worst_of_a_group_go_before_pairing() {
    let mut choosing = Choosing::new();
    choosing.dedup(Keep::First).per_group(2);
    let mut builder = builder(&choosing);
    builder.curation(
        Curation::new()
            .with_identity(tracemill::curate::Identity::Exact)
            .with_choosing(choosing),
    );
    let encoded = collect(&builder, candidates(100).repeat(2));
    assert_eq!(encoded.ledger.traces.filtered.get("duplicate"), 100);
    let groups = encoded.ledger.groups.read;
    assert!(
        encoded.ledger.pairs.possible <= groups,
        "{:?}",
        encoded.ledger.pairs
    );
    assert!(encoded.ledger.pairs.written > 0);
}

#[test]
fn threads_and_memory_change_no_byte() {
    let mut choosing = Choosing::new();
    choosing.order(Order::Shuffled).limit(1_500);
    let run = |threads, memory| {
        let mut builder = builder(&choosing);
        let pairing = Pairing::new(PairOptions::default()).with_memory(MemoryBudget::new(memory));
        builder
            .pairing(pairing)
            .threads(Threads::exactly(NonZeroUsize::new(threads).unwrap()));
        collect(&builder, candidates(2_000))
    };
    let (one, small) = (run(1, 1 << 28), run(3, 1));
    assert_eq!(one.bytes, small.bytes);
    assert_eq!(one.ledger, small.ledger);
    assert_eq!(one.ledger.traces.filtered.get("limit"), 500);
}

#[test]
fn input_that_is_read_once_is_not_chosen_from() {
    let mut choosing = Choosing::new();
    choosing.limit(1);
    let mut builder = builder(&choosing);
    builder.pairing(Pairing::new(PairOptions::default()).with_order(GroupOrder::Grouped));
    let error = builder.build().unwrap_err();
    assert!(error.to_string().contains("leave out `--grouped`"), "{error}");
}

/// The lines of both sides of a split by hash.
fn sides(builder: &mut MillBuilder, name: &str, text: String) -> [Vec<String>; 2] {
    let mut choosing = Choosing::new();
    choosing.split("train=0.5,test=0.5".parse().unwrap(), SplitBy::Hash);
    builder.curation(Curation::new().with_choosing(choosing.clone()));
    let folder = std::env::temp_dir().join(format!("tracemill-sides-{}-{name}", std::process::id()));
    let output = OutputFolder::create(&folder, Overwrite::Allow).unwrap();
    let input = [Input::bytes("c.jsonl", text)];
    let run = Run::into_folder(input, output, choosing.sides().unwrap(), Digest::None).unwrap();
    let ledger = builder.build().unwrap().execute(run).unwrap();
    assert!(ledger.balances());
    let sides = ["train.jsonl", "test.jsonl"].map(|name| lines(std::fs::read(folder.join(name)).unwrap()));
    std::fs::remove_dir_all(&folder).unwrap();
    sides
}

/// Conversations of two turns that begin with one of ten questions, and part behind the first answer.
fn parting(groups: usize) -> String {
    let line = |n: usize| {
        let (group, question) = (n / 2, n / 2 % 10);
        format!(
            "{{\"group\":{group},\"messages\":[{{\"role\":\"user\",\"content\":\"q{question}\"}},{{\"role\":\"assistant\",\"content\":\"a{n}\"}},{{\"role\":\"user\",\"content\":\"then{n}\"}},{{\"role\":\"assistant\",\"content\":\"b{n}\"}}],\"score\":{}}}\n",
            n % 2
        )
    };
    (0..2 * groups).map(line).collect()
}

#[test]
fn prompts_that_pairs_share_are_on_one_side() {
    use tracemill::pairs::{Completion, PromptMode};
    let mut builder = builder(&Choosing::new());
    let pairing = Pairing::new(PairOptions::default());
    builder.pairing(pairing.with_prompt(PromptMode::CommonPrefix(Completion::Turn)));
    let [train, test] = sides(&mut builder, "prefix", parting(200));
    let prompts = |side: &[String]| {
        side.iter()
            .map(|line| prompt(line).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert!(!train.is_empty() && !test.is_empty());
    assert!(prompts(&train).is_disjoint(&prompts(&test)));
}

#[test]
fn prompts_of_single_turns_are_on_one_side() {
    let mut builder = Mill::builder();
    builder.format("openai").unwrap().turns(tracemill::Turns::Each);
    let [train, test] = sides(&mut builder, "turns", parting(200));
    let prompts = |side: &[String]| {
        let cut = |line: &String| line.rsplit_once(r#",{"role":"assistant""#).unwrap().0.to_owned();
        side.iter().map(cut).collect::<BTreeSet<_>>()
    };
    assert!(!train.is_empty() && !test.is_empty());
    assert!(prompts(&train).is_disjoint(&prompts(&test)));
}
