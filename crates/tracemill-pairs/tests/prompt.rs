//! Prompt identity: what is the same, what is not, and what pairs come of it.

use proptest::prelude::*;
use tracemill_model::Trace;
use tracemill_pairs::{
    Candidate, Completion, CompletionFact, Group, PairCounts, PairOptions, PairScratch, PromptClasses,
    PromptMode, PromptScratch, ScoreSelection, SeenPairs, SkipReason,
};

const MODES: [PromptMode; 4] = [
    PromptMode::Exact,
    PromptMode::CommonPrefix(Completion::Turn),
    PromptMode::CommonPrefix(Completion::Rest),
    PromptMode::Task,
];

fn trace(json: &str) -> Trace<'static> {
    Trace::from_json(json).unwrap().into_owned()
}

/// A trace whose prompt holds one message with these fields.
fn prompt_of(fields: &str) -> Trace<'static> {
    let messages = format!(r#"{{"role":"user",{fields}}},{{"role":"assistant","content":"x"}}"#);
    trace(&format!(r#"{{"messages":[{messages}]}}"#))
}

/// A trace whose prompt holds a call with these fields, and its result with those.
fn call_of(call: &str, result: &str) -> Trace<'static> {
    let messages = [
        r#"{"role":"user","content":"u"}"#,
        &format!(r#"{{"role":"assistant","tool_calls":[{{{call}}}]}}"#),
        &format!(r#"{{"role":"tool",{result}}}"#),
        r#"{"role":"assistant","content":"x"}"#,
    ];
    trace(&format!(r#"{{"messages":[{}]}}"#, messages.join(",")))
}

fn digest(trace: &Trace<'_>) -> u128 {
    PromptMode::Exact
        .facts(trace, None, &mut PromptScratch::new())
        .prompt()
}

/// Whether the comparison and the digests agree that all of one list are the same, or all of it differ.
fn assert_prompts(traces: &[Trace<'_>], same: bool) {
    let mut scratch = PromptScratch::new();
    for (i, a) in traces.iter().enumerate() {
        for (j, b) in traces.iter().enumerate() {
            let expected = same || i == j;
            assert_eq!(
                PromptMode::Exact.same_prompt(a, b, &mut scratch),
                expected,
                "{i} {j}"
            );
            assert_eq!(digest(a) == digest(b), expected, "digests of {i} {j}");
        }
    }
}

#[test]
fn spellings_of_one_content_are_the_same() {
    assert_prompts(
        &[
            prompt_of(r#""content":null"#),
            prompt_of(r#""extra":1"#),
            prompt_of(r#""content":"""#),
            prompt_of(r#""content":[]"#),
            prompt_of(r#""content":[{"type":"text","text":""}]"#),
        ],
        true,
    );
    assert_prompts(
        &[
            prompt_of(r#""content":"é/\n""#),
            prompt_of(r#""content":"\u00e9\/\u000a""#),
            prompt_of(r#""content":[{"type":"text","text":"é/\n","cache":true}],"train":false,"id":"m1""#),
            prompt_of(r#""content":[{"type":"text","text":""},{"type":"text","text":"é/\n"}]"#),
        ],
        true,
    );
}

#[test]
fn different_contents_differ() {
    let image = r#""type":"image","url":"http://x""#;
    assert_prompts(
        &[
            prompt_of(r#""content":null"#),
            prompt_of(r#""content":" ""#),
            prompt_of(r#""content":"ab""#),
            prompt_of(r#""content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#),
            prompt_of(r#""content":"ab","name":"n""#),
            prompt_of(&format!(r#""content":[{{{image}}}]"#)),
            prompt_of(&format!(r#""content":[{{{image},"media_type":"image/png"}}]"#)),
            prompt_of(&format!(r#""content":[{{{image},"name":"a.png"}}]"#)),
            prompt_of(r#""content":[{"type":"image","id":"http://x"}]"#),
            prompt_of(r#""content":[{"type":"file","url":"http://x"}]"#),
            prompt_of(r#""content":{"type":"odd"}"#),
            prompt_of(r#""content":[{"type":"odd"}]"#),
        ],
        false,
    );
}

#[test]
fn calls_are_the_same_by_name_and_decoded_arguments() {
    let result = r#""content":"r","tool_call_id":"c""#;
    assert_prompts(
        &[
            call_of(r#""id":"c","name":"f","arguments":{"a":1.0}"#, result),
            call_of(r#""id":"c","name":"f","arguments":"{\"a\": 1.0 }""#, result),
            call_of(
                r#""id":"d","function":{"name":"f","arguments":"{\"a\":1.0}"}"#,
                r#""content":"r","tool_call_id":"d""#,
            ),
        ],
        true,
    );
    assert_prompts(
        &[
            call_of(r#""id":"c","name":"f""#, result),
            call_of(r#""id":"c","name":"f","arguments":"""#, result),
            call_of(r#""id":"c","name":"f","arguments":{ }"#, result),
        ],
        true,
    );
    assert_prompts(
        &[
            call_of(r#""id":"c","name":"f","arguments":{"a":1.0}"#, result),
            call_of(r#""id":"c","name":"g","arguments":{"a":1.0}"#, result),
            call_of(r#""id":"c","name":"f","arguments":{"a":1}"#, result),
            call_of(r#""id":"c","name":"f","arguments":"{a:1}""#, result),
            call_of(r#""id":"c","name":"f","arguments":"{a: 1}""#, result),
            call_of(r#""id":"c","name":"f","arguments":[]"#, result),
            call_of(
                r#""id":"c","name":"f","arguments":{"a":1.0}"#,
                r#""content":"r","tool_call_id":"other""#,
            ),
            call_of(
                r#""id":"c","name":"f","arguments":{"a":1.0}"#,
                r#""content":"s","tool_call_id":"c""#,
            ),
        ],
        false,
    );
}

#[test]
fn results_are_told_apart_by_the_call_they_answer() {
    let answer = |first: &str, second: &str| {
        trace(&format!(
            r#"{{"messages":[{{"role":"user","content":"u"}},
            {{"role":"assistant","tool_calls":[{{"id":"{first}","name":"f"}},{{"id":"{second}","name":"f"}}]}},
            {{"role":"tool","tool_call_id":"c","content":"r"}},{{"role":"assistant","content":"x"}}]}}"#
        ))
    };
    assert_prompts(&[answer("c", "d"), answer("d", "c")], false);
    // An id that stands twice: the first open call is the one that is answered.
    assert_prompts(&[answer("c", "c"), answer("c", "d")], true);
}

#[test]
fn tools_are_part_of_the_prompt() {
    let with = |tools: &str| {
        trace(&format!(
            r#"{{"messages":[{{"role":"user","content":"u"}},{{"role":"assistant","content":"x"}}]{tools}}}"#
        ))
    };
    let f = r#"{"name":"f","description":"d","parameters":{"type":"object"}}"#;
    let nested = format!(r#"{{"type":"function","function":{f}}}"#);
    assert_prompts(&[with(""), with(r#","tools":[]"#)], true);
    assert_prompts(
        &[
            with(&format!(r#","tools":[{f}]"#)),
            with(&format!(r#","tools":[ {nested} ]"#)),
        ],
        true,
    );
    assert_prompts(
        &[
            with(""),
            with(&format!(r#","tools":[{f}]"#)),
            with(&format!(r#","tools":[{f},{f}]"#)),
            with(r#","tools":[{"name":"f","description":"d"}]"#),
            with(r#","tools":[{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}]"#),
            with(r#","tools":[{"type":"web_search"}]"#),
        ],
        false,
    );
}

/// A message: `s`ystem, `u`ser, `a`ssistant or `t`ool, and a letter for what it says.
fn conversation(messages: &str, score: f64) -> Trace<'static> {
    let message = |text: &str| {
        let (role, content) = text.split_at(1);
        let role = match role {
            "s" => "system",
            "u" => "user",
            "a" => "assistant",
            _ => "tool",
        };
        format!(r#"{{"role":"{role}","content":"{content}"}}"#)
    };
    let messages: Vec<_> = messages.split(' ').map(message).collect();
    trace(&format!(
        r#"{{"messages":[{}],"score":{score}}}"#,
        messages.join(",")
    ))
}

/// Pairs a group as a whole program does: facts, classes, pairs, and then the traces themselves.
fn pairs_of(
    mode: PromptMode,
    traces: &[Trace<'static>],
    options: &PairOptions,
) -> (Vec<[usize; 2]>, PairCounts) {
    let mut scratch = PromptScratch::new();
    let facts: Vec<_> = traces
        .iter()
        .map(|trace| mode.facts(trace, ScoreSelection::Mean.of(trace).ok(), &mut scratch))
        .collect();
    let mut candidates = Vec::new();
    PromptClasses::new().fill(&facts, &mut candidates);
    let mut comparing = PromptScratch::new();
    let mut same = |a: usize, b: usize| mode.same_completion(&traces[a], &traces[b], &mut comparing);
    let mut pairing = PairScratch::new();
    let group = Group::new(&candidates).with_comparison(&mut same);
    let paired = options.pair_group(group, &mut pairing).unwrap();
    let mut counts = paired.counts();
    let mut pairs = Vec::new();
    for scored in paired.pairs() {
        match mode.pair(&traces[scored.chosen()], &traces[scored.rejected()], &mut scratch) {
            Ok(pair) => {
                let example = pair.preference(&scored);
                assert!(example.chosen.score > example.rejected.score);
                pairs.push([scored.chosen(), scored.rejected()]);
            }
            Err(reason) => counts.withdraw(reason, 1),
        }
    }
    assert_eq!(counts.selected(), pairs.len() as u64);
    (pairs, counts)
}

#[test]
fn trials_of_a_simulated_user_share_what_they_share() {
    // The shape of the tau-bench trials: one policy, a user who begins anew in most trials, and two trials that
    // have the first answer in common and part at the user's second message.
    let group = [
        conversation("sp ui ak um aok uSTOP", 1.0),
        conversation("sp ui ak un ano uSTOP", 0.0),
        conversation("sp uj ak um ano uSTOP", 0.0),
        conversation("sp ui aq um aok uSTOP", 0.0),
    ];
    let counted = |mode: PromptMode| {
        let (pairs, counts) = pairs_of(mode, &group, &PairOptions::default());
        let [mismatch, identical] = [SkipReason::PromptMismatch, SkipReason::IdenticalCompletion]
            .map(|reason| counts.skipped(reason));
        (pairs, mismatch, identical)
    };
    assert_eq!(counted(PromptMode::Exact), (vec![], 6, 0));
    // What parts trials 0 and 1 is the user: up to there the model did the same, and there is nothing to prefer.
    let turn = PromptMode::CommonPrefix(Completion::Turn);
    assert_eq!(counted(turn), (vec![[0, 3]], 3, 1));
    let rest = PromptMode::CommonPrefix(Completion::Rest);
    assert_eq!(counted(rest), (vec![[0, 1], [0, 3]], 3, 0));
    assert_eq!(counted(PromptMode::Task), (vec![[0, 1], [0, 2], [0, 3]], 0, 0));
}

#[test]
fn a_common_prefix_is_cut_back_to_where_both_go_on_with_the_model() {
    let mut scratch = PromptScratch::new();
    let mut prompt = |a: &str, b: &str, completion: Completion| {
        let (a, b) = (conversation(a, 1.0), conversation(b, 0.0));
        let mode = PromptMode::CommonPrefix(completion);
        let pair = mode.pair(&a, &b, &mut scratch)?;
        Ok((pair.prompt().end(), pair.chosen().end(), pair.rejected().end()))
    };
    assert_eq!(
        prompt("uq ax uy az", "uq ax uy aw uv", Completion::Turn),
        Ok((3, 4, 4))
    );
    assert_eq!(
        prompt("uq ax uy az", "uq ax uy aw uv", Completion::Rest),
        Ok((3, 4, 5))
    );
    assert_eq!(prompt("uq ax az", "uq ax aw aw", Completion::Turn), Ok((1, 3, 4)));
    assert_eq!(
        prompt("uq ax tr ay", "uq ax ts ay", Completion::Turn),
        Err(SkipReason::IdenticalCompletion)
    );
    assert_eq!(
        prompt("uq ax tr ay", "uq ax ts ay", Completion::Rest),
        Ok((1, 4, 4))
    );
    // A second result differs: the prompt must not end before it, for no side goes on with the model there.
    assert_eq!(
        prompt("uq ax tr tr ay", "uq ax tr ts ay", Completion::Rest),
        Ok((1, 5, 5))
    );
    assert_eq!(
        prompt("sp ax uq ay", "sp ax uq az", Completion::Turn),
        Ok((3, 4, 4))
    );
    assert_eq!(
        prompt("sp ax uq ay", "sp aw uq az", Completion::Turn),
        Err(SkipReason::PromptMismatch)
    );
    assert_eq!(
        prompt("uq ax", "uq uq ay", Completion::Turn),
        Err(SkipReason::PromptMismatch)
    );
    assert_eq!(prompt("uq ax uy az", "uq ax uy", Completion::Rest), Ok((1, 4, 3)));
    assert_eq!(
        prompt("uq ax", "uq ax uy", Completion::Rest),
        Err(SkipReason::IdenticalCompletion)
    );
    assert_eq!(
        prompt("uq ax", "uq a", Completion::Turn),
        Err(SkipReason::EmptyCompletion)
    );
    assert_eq!(
        prompt("uq ax", "uq", Completion::Turn),
        Err(SkipReason::EmptyCompletion)
    );
}

#[test]
fn a_limit_counts_pairs_that_are_pairs() {
    // The largest difference is between trials that part at the user: it does not use up the limit.
    let group = [
        conversation("ui ak um aok", 1.0),
        conversation("ui ak un ano", 0.0),
        conversation("ui aq um aok", 0.5),
    ];
    let options = PairOptions::builder().max_pairs_per_group(1).build().unwrap();
    let (pairs, counts) = pairs_of(PromptMode::CommonPrefix(Completion::Turn), &group, &options);
    assert_eq!(pairs, [[0, 2]]);
    assert_eq!(counts.skipped(SkipReason::IdenticalCompletion), 1);
    assert_eq!(counts.skipped(SkipReason::OverMaxPerGroup), 1);
}

#[test]
fn an_empty_first_turn_is_no_empty_candidate_where_later_turns_say_something() {
    let group = [conversation("uq a uq ax", 1.0), conversation("uq a uq ay", 0.0)];
    for completion in [Completion::Turn, Completion::Rest] {
        let mode = PromptMode::CommonPrefix(completion);
        let (pairs, counts) = pairs_of(mode, &group, &PairOptions::default());
        assert_eq!((pairs.as_slice(), counts.possible()), ([[0, 1]].as_slice(), 1));
    }
}

#[test]
fn what_is_compared_only_is_taken_to_differ_without_a_comparison() {
    let scores = [0.9, 0.1].map(|score| tracemill_pairs::ScoreValue::new(score).ok());
    let group = scores.map(|score| Candidate::new(score).with_completion(CompletionFact::Compared));
    let mut scratch = PairScratch::new();
    let options = PairOptions::default();
    let paired = options.pair_group(Group::new(&group), &mut scratch).unwrap();
    assert_eq!(paired.counts().selected(), 1);
    for answer in [true, false] {
        let mut same = |_, _| answer;
        let group = Group::new(&group).with_comparison(&mut same);
        let paired = options.pair_group(group, &mut scratch).unwrap();
        assert_eq!(
            paired.counts().skipped(SkipReason::IdenticalCompletion),
            u64::from(answer)
        );
    }
}

#[test]
fn tasks_report_prompts_that_differ() {
    let mut scratch = PromptScratch::new();
    let chosen = conversation("sp uq ax", 1.0);
    for (rejected, differ) in [
        ("sp uq ay ux", false),
        ("sp uz ay", true),
        ("uq ay", true),
        ("ay", true),
    ] {
        let rejected = conversation(rejected, 0.0);
        let pair = PromptMode::Task.pair(&chosen, &rejected, &mut scratch).unwrap();
        assert_eq!(pair.prompts_differ(), differ);
        assert_eq!(pair.prompt().messages().len(), 2);
    }
    // Completions are compared without what follows them.
    let same = conversation("uz ax ubye", 0.0);
    let refused = PromptMode::Task.pair(&chosen, &same, &mut scratch);
    assert_eq!(refused.err(), Some(SkipReason::IdenticalCompletion));
}

#[test]
fn pairs_that_repeat_have_the_digest_of_the_first() {
    let mut scratch = PromptScratch::new();
    let mut seen = SeenPairs::new();
    let mut first = |mode: PromptMode, chosen: &str, rejected: &str| {
        let (chosen, rejected) = (conversation(chosen, 1.0), conversation(rejected, 0.5));
        let digest = mode
            .pair(&chosen, &rejected, &mut scratch)
            .unwrap()
            .digest(&mut scratch);
        seen.insert(digest)
    };
    assert!(first(PromptMode::Exact, "uq ax", "uq ay"));
    assert!(!first(PromptMode::Exact, "uq ax ubye", "uq ay"));
    assert!(first(PromptMode::Exact, "uq ay", "uq ax"));
    assert!(first(PromptMode::Exact, "uq ax", "uq az"));
    assert!(first(PromptMode::Exact, "sp uq ax", "sp uq ay"));
    // The same record comes of another mode, and of a prompt that only the rejected side has.
    assert!(!first(PromptMode::Task, "uq ax", "uz ay"));
    // What one side says more is not what the other says less.
    assert!(first(PromptMode::Task, "uq ax ux ay", "uq az"));
    assert!(first(PromptMode::Task, "uq ax", "uq ay ux az"));
}

/// A message in one of several spellings, of which some say the same.
fn message() -> impl Strategy<Value = String> {
    let user = prop::sample::select(vec![
        r#"{"role":"user","content":"x"}"#,
        r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#,
        r#"{"role":"user","content":"y","name":"n"}"#,
        r#"{"role":"user","content":""}"#,
        r#"{"role":"user"}"#,
    ]);
    let assistant = prop::sample::select(vec![
        r#"{"role":"assistant","content":"x"}"#,
        r#"{"role":"assistant","content":"\u0078","reasoning":"hm"}"#,
        r#"{"role":"assistant","content":"x","train":false}"#,
        r#"{"role":"assistant","content":" \n"}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"1","name":"f","arguments":"{}"}]}"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"2","name":"f"},{"id":"1","name":"f"}]}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"1","name":"f","arguments":"{"}]}"#,
    ]);
    let tool = prop::sample::select(vec![
        r#"{"role":"tool","tool_call_id":"1","content":"x"}"#,
        r#"{"role":"tool","tool_call_id":"2","content":"x"}"#,
        r#"{"role":"tool","content":"x"}"#,
    ]);
    prop_oneof![user, assistant, tool].prop_map(str::to_owned)
}

/// Two traces that have a beginning in common more often than not.
fn traces() -> impl Strategy<Value = [Trace<'static>; 2]> {
    let list = || prop::collection::vec(message(), 0..5);
    let tools = prop::sample::select(vec!["", r#","tools":[]"#, r#","tools":[{"name":"f"}]"#]);
    (list(), list(), list(), tools.clone(), tools).prop_map(|(shared, a, b, tools_a, tools_b)| {
        let build = |rest: &[String], tools: &str| {
            let messages = [&shared, rest].concat().join(",");
            trace(&format!(r#"{{"messages":[{messages}]{tools}}}"#))
        };
        [build(&a, tools_a), build(&b, tools_b)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Digests say the same as the comparisons that verify them.
    #[test]
    fn digests_are_equal_exactly_where_traces_are_the_same([a, b] in traces()) {
        let mut scratch = PromptScratch::new();
        for mode in MODES {
            let [facts_a, facts_b] = [&a, &b].map(|trace| mode.facts(trace, None, &mut scratch));
            if [facts_a, facts_b].iter().any(|facts| facts.completion() == CompletionFact::Empty) {
                prop_assert!(mode.pair(&a, &b, &mut scratch).is_err());
                continue;
            }
            let same_prompt = mode.same_prompt(&a, &b, &mut scratch);
            let same_completion = mode.same_completion(&a, &b, &mut scratch);
            // Marks of what is learnt say where prompts end, not what they say.
            let unmarked = [&a, &b].iter().all(|trace| trace.messages().iter().all(|m| m.train().is_none()));
            if mode != PromptMode::Task && (unmarked || mode == PromptMode::Exact) {
                prop_assert_eq!(facts_a.prompt() == facts_b.prompt(), same_prompt, "{}", mode);
            } else if mode != PromptMode::Task && !same_prompt {
                prop_assert_ne!(facts_a.prompt(), facts_b.prompt(), "{}", mode);
            }
            let comparable = same_prompt || !matches!(mode, PromptMode::CommonPrefix(_));
            let digests = [facts_a.completion(), facts_b.completion()];
            if let ([CompletionFact::Digest(a), CompletionFact::Digest(b)], true) = (digests, comparable) {
                prop_assert_eq!(a == b, same_completion, "{}", mode);
            }
        }
    }

    /// Whatever two traces say: a pair has a prompt and two completions that differ, and reasons are symmetric.
    #[test]
    fn pairs_are_sound_and_refusals_symmetric([a, b] in traces()) {
        let mut scratch = PromptScratch::new();
        for mode in MODES {
            let there = mode.pair(&a, &b, &mut scratch);
            let back = mode.pair(&b, &a, &mut scratch);
            prop_assert_eq!(there.as_ref().err(), back.as_ref().err());
            prop_assert_eq!(mode.pair(&a, &a, &mut scratch).is_err(), true);
            let Ok(pair) = there else { continue };
            for side in [pair.chosen(), pair.rejected()] {
                prop_assert!(side.messages()[0].is_target());
                prop_assert!(side.start() == 0 || !side.trace().messages()[side.start() - 1].is_target());
            }
            prop_assert!(!mode.same_completion(&a, &b, &mut scratch));
            if mode != PromptMode::Task {
                prop_assert_eq!(pair.chosen().start(), pair.rejected().start());
                prop_assert!(!pair.prompts_differ());
            }
            if matches!(mode, PromptMode::CommonPrefix(_)) {
                prop_assert!(pair.prompt().messages().iter().any(|m| m.role().name().body() == "user"));
            }
        }
    }
}
