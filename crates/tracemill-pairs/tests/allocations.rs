//! Once its buffers have grown, pairing allocates nothing.
#![expect(
    unsafe_code,
    reason = "an allocator that counts is the only way to see allocations"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracemill_model::Trace;
use tracemill_pairs::{
    Candidate, Completion, CompletionFact, Group, PairOptions, PairScratch, PromptClasses, PromptMode,
    PromptScratch, ScoreSelection, ScoreValue,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; counting touches no memory of its own, because
// the cell is initialised at compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from the system allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A group with ties, empty and identical completions, two prompts, and scores of many digits.
fn group(of: u32) -> Vec<Candidate> {
    let candidate = |i: u32| {
        let score = if of.is_multiple_of(2) {
            f64::from(i % 11) / 10.0
        } else {
            f64::from(i).sqrt()
        };
        let completion = match i % 9 {
            8 => CompletionFact::Empty,
            text => CompletionFact::Digest(u128::from(text)),
        };
        let score = ScoreValue::new(score).ok().filter(|_| i % 7 != 6);
        Candidate::new(score)
            .with_prompt_class(i / 40)
            .with_completion(completion)
            .with_trial(u64::from(i % 3))
    };
    (0..of).map(candidate).collect()
}

#[test]
fn a_warm_scratch_allocates_nothing() {
    let groups: Vec<_> = [0, 1, 8, 61, 90].map(group).into_iter().collect();
    let options: Vec<_> = [
        "exhaustive",
        "best-vs-worst",
        "best-vs-all",
        "adjacent",
        "random:7",
        "random:999",
    ]
    .into_iter()
    .map(|strategy| {
        let mut builder = PairOptions::builder();
        builder
            .strategy(strategy.parse().unwrap())
            .min_score_diff(0.1)
            .max_pairs_per_group(20);
        builder.build().unwrap()
    })
    .collect();
    let mut scratch = PairScratch::new();
    let mut round = || {
        let mut pairs = 0.0;
        for (options, candidates) in options.iter().flat_map(|o| groups.iter().map(move |g| (o, g))) {
            let paired = options.pair_group(Group::new(candidates), &mut scratch).unwrap();
            pairs += paired.pairs().map(|pair| pair.difference()).sum::<f64>();
            assert_eq!(paired.candidate_counts().candidates(), candidates.len() as u64);
        }
        pairs
    };
    let first = round();
    let before = ALLOCATIONS.get();
    let second = round();
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(first > 0.0 && first.to_bits() == second.to_bits());
}

#[test]
fn selecting_a_score_allocates_nothing() {
    let selections: Vec<ScoreSelection> = ["mean", "min", "max", "b"]
        .map(|text| text.parse().unwrap())
        .into();
    let scores = [
        (Some("a"), Some(1.0 / 3.0)),
        (Some("b"), Some(0.1)),
        (None, Some(7.0)),
    ];
    let before = ALLOCATIONS.get();
    let sum: f64 = selections
        .iter()
        .filter_map(|s| s.apply(scores.into_iter()).ok())
        .map(ScoreValue::get)
        .sum();
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(sum > 9.0);
}

/// Traces with tools, calls, results, parts, escapes, several scores and blank beginnings.
fn trace(answer: u32) -> Trace<'static> {
    let json = format!(
        r#"{{"messages":[{{"role":"system","content":"be\nbrief"}},
        {{"role":"user","content":[{{"type":"text","text":"a"}},{{"type":"image","url":"http://x"}}]}},
        {{"role":"assistant","tool_calls":[{{"id":"c","name":"f","arguments":"{{\"a\": \"\u00e9\"}}"}},
            {{"id":"d","name":"f","arguments":{{"b":2}}}}]}},
        {{"role":"tool","tool_call_id":"d","content":"1"}},{{"role":"tool","tool_call_id":"c","content":"2"}},
        {{"role":"assistant","content":"\n\t {answer}","tool_calls":[{{"name":"g"}}]}}],
        "tools":[{{"name":"f","parameters":{{"type":"object"}},"strict":true}}],
        "scores":{{"a\"b":0.5,"c":{answer}}}}}"#
    );
    Trace::from_json(&json).unwrap().into_owned()
}

#[test]
fn a_warm_scratch_takes_facts_and_pairs_without_allocating() {
    let traces = [trace(1), trace(2)];
    let modes = [
        PromptMode::Exact,
        PromptMode::CommonPrefix(Completion::Turn),
        PromptMode::CommonPrefix(Completion::Rest),
        PromptMode::Task,
    ];
    let mut scratch = PromptScratch::new();
    let (mut facts, mut candidates) = (Vec::new(), Vec::new());
    let mut classes = PromptClasses::new();
    let mut work = || {
        for mode in modes {
            facts.clear();
            for trace in &traces {
                let score = ScoreSelection::Name("c".to_owned()).of(trace).ok();
                facts.push(mode.facts(trace, score, &mut scratch));
            }
            classes.fill(&facts, &mut candidates);
            assert_eq!(candidates[0].prompt_class(), candidates[1].prompt_class());
            let pair = mode.pair(&traces[1], &traces[0], &mut scratch).unwrap();
            assert_ne!(pair.digest(&mut scratch), 0);
        }
    };
    work();
    let before = ALLOCATIONS.get();
    work();
    // The name of the score, once for each trace and mode.
    assert_eq!(ALLOCATIONS.get() - before, 8);
}
