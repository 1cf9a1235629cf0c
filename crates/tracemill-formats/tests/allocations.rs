//! Encoding allocates nothing once its buffers have grown.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracemill_formats::{EncodeOptions, FormatSpec, MetadataMode, ReasoningMode, Scratch, formats};
use tracemill_model::{Conversation, Example, Labelled, Preference, Ranked, Shape, Side, Span, Trace};

/// Counts what this thread allocates; the test harness has threads of its own.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a global allocator can be had in no other way")]
// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Records of all sorts: long text, escapes, calls in parallel with spaced arguments, missing ids, reasoning, parts.
const RECORDS: [&str; 5] = [
    r#"{"ground_truth":42,"id":1,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"line\nline \"quoted\" \u0001 é"},{"role":"assistant","content":"Yes."}],"score":1}"#,
    r#"{"messages":[{"role":"user","content":"Both."},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\": {\"b\": [1.0, \"x\\ny\"], \"c\": null}}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"b","name":"f","content":"two"},{"role":"tool","tool_call_id":"a","content":"one \\ \"1\""},{"role":"assistant","content":"Done."}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}}],"parallel_tool_calls":true}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","text":"What is shown?"}]},{"role":"assistant","content":"","reasoning":"Look.\nThen say.","tool_calls":[{"name":"look","arguments":{"at":"it"}}]},{"role":"tool","content":"a chart"},{"role":"assistant","content":"A chart.","train":true}]}"#,
    r#"{"id":"x","group":{"key":"g"},"messages":[{"role":"user","content":"Again."},{"role":"assistant","content":"Once."},{"role":"user","content":"Again."},{"role":"assistant","content":"Twice."}],"scores":[{"name":"a","value":0.5}],"model":"m","metadata":{"k":1},"extra":true}"#,
    r#"{"messages":[{"role":"user","content":"An object."},{"role":"assistant","content":"{\"a\": [1.0, \"x\\ny\"]}"}]}"#,
];

#[test]
fn encoders_allocate_nothing_in_the_long_run() {
    let options = EncodeOptions::default().with_reasoning(ReasoningMode::Inline);
    let conversations = formats()
        .iter()
        // Templates allocate: their values are trees.
        .filter(|format| format.shapes().contains(&Shape::Conversation) && format.name() != "text-template");
    for format in conversations {
        let mut specs = vec![FormatSpec::of(format)];
        specs.extend(format.extensions().iter().map(|extension| {
            let sign = if extension.default { '-' } else { '+' };
            format!("{}{sign}{}", format.name(), extension.name)
                .parse()
                .unwrap()
        }));
        for spec in specs {
            let options = if spec.encoder(&options).is_ok() {
                &options
            } else {
                &EncodeOptions::default()
            };
            assert_eq!(allocations(&spec, options), 0, "{spec}");
        }
    }
}

/// Two candidates and a third, for one prompt: with calls and results before the answers, and calls as answers.
const CANDIDATES: [[&str; 3]; 2] = [
    [
        r#"{"group":{"key":["e","t"],"kind":"turn"},"trial":0,"messages":[{"role":"system","content":"Be brief.\nBe exact."},{"role":"user","content":"Both?"},{"role":"assistant","content":null,"tool_calls":[{"name":"f","arguments":"{\"a\": 1.0}"},{"name":"f","arguments":{}}]},{"role":"tool","content":"one"},{"role":"tool","content":"two"},{"role":"assistant","content":"Both, \"one\" and two."}],"tools":[{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}],"score":0.9}"#,
        r#"{"group":{"key":["e","t"],"kind":"turn"},"trial":1,"messages":[{"role":"system","content":"Be brief.\nBe exact."},{"role":"user","content":"Both?"},{"role":"assistant","content":null,"tool_calls":[{"name":"f","arguments":"{\"a\": 1.0}"},{"name":"f","arguments":{}}]},{"role":"tool","content":"one"},{"role":"tool","content":"two"},{"role":"assistant","content":"None."}],"tools":[{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}],"score":0.2}"#,
        r#"{"group":{"key":["e","t"],"kind":"turn"},"trial":2,"messages":[{"role":"system","content":"Be brief.\nBe exact."},{"role":"user","content":"Both?"},{"role":"assistant","content":null,"tool_calls":[{"name":"f","arguments":"{\"a\": 1.0}"},{"name":"f","arguments":{}}]},{"role":"tool","content":"one"},{"role":"tool","content":"two"},{"role":"assistant","content":"One."}],"tools":[{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}],"score":-0.3}"#,
    ],
    [
        r#"{"messages":[{"role":"user","content":"Go."},{"role":"assistant","content":"I go.","reasoning":"Why not.","tool_calls":[{"id":"a","name":"f","arguments":{"b":[1,2]}}]}],"score":1}"#,
        r#"{"messages":[{"role":"user","content":"Go."},{"role":"assistant","content":"No."}],"score":0}"#,
        r#"{"messages":[{"role":"user","content":"Go."},{"role":"assistant","content":"Later."}],"score":0}"#,
    ],
];

#[test]
fn encoders_of_pairs_verdicts_and_rankings_allocate_nothing_in_the_long_run() {
    for format in formats() {
        let spec = FormatSpec::of(format);
        for metadata in [MetadataMode::Omit, MetadataMode::Include] {
            let options = EncodeOptions::default().with_metadata(metadata);
            if spec.encoder(&options).is_ok() && !format.shapes().contains(&Shape::Conversation) {
                assert_eq!(allocations_of_candidates(&spec, &options), 0, "{spec}");
            }
        }
    }
}

/// How often the second round over all candidates allocates.
fn allocations_of_candidates(spec: &FormatSpec, options: &EncodeOptions) -> usize {
    let encoder = spec.encoder(options).unwrap();
    let groups = CANDIDATES.map(|group| group.map(|trace| Trace::from_json(trace).unwrap()));
    let examples: Vec<_> = groups.iter().flat_map(examples).collect();
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let mut round = || {
        let before = COUNT.get();
        for example in examples.iter().filter(|example| encoder.accepts(example.shape())) {
            out.clear();
            scratch.clear();
            encoder.encode(example, &mut scratch, &mut out).unwrap();
        }
        COUNT.get() - before
    };
    assert!(
        round() > 0,
        "the buffers grow in the first round, or nothing is counted"
    );
    round()
}

fn examples<'e>(traces: &'e [Trace<'e>; 3]) -> [Example<'e>; 3] {
    let last = traces[0].messages().len() - 1;
    let side = |trace: &'e Trace<'e>| Side {
        completion: Span::new(trace, last..last + 1),
        score: trace.scores()[0].number(),
    };
    let [best, second, worst] = traces.each_ref().map(side);
    let prompt = Span::new(&traces[0], 0..last);
    [
        Example::Preference(Preference {
            prompt,
            chosen: best,
            rejected: second,
        }),
        Example::Labelled(Labelled {
            prompt,
            completion: best,
            label: true,
        }),
        Example::Ranked(Ranked {
            prompt,
            completions: vec![best, second, worst],
        }),
    ]
}

/// How often the second round over all records allocates.
fn allocations(spec: &FormatSpec, options: &EncodeOptions) -> usize {
    let encoder = spec.encoder(options).unwrap();
    let traces = RECORDS.map(|record| Trace::from_json(record).unwrap());
    let mut scratch = Scratch::new();
    let mut out = Vec::new();
    // What a format refuses costs a message, and is not what this is about.
    let is_accepted = |trace: &&Trace<'_>| {
        let example = Example::Conversation(Conversation::whole(trace));
        encoder
            .encode(&example, &mut Scratch::new(), &mut Vec::new())
            .is_ok()
    };
    let accepted: Vec<_> = traces.iter().filter(is_accepted).collect();
    assert!(!accepted.is_empty(), "{spec} takes none of the records");
    let mut round = || {
        let before = COUNT.get();
        for trace in &accepted {
            out.clear();
            scratch.clear();
            let example = Example::Conversation(Conversation::whole(trace));
            encoder.encode(&example, &mut scratch, &mut out).unwrap();
        }
        COUNT.get() - before
    };
    assert!(
        round() > 0,
        "the buffers grow in the first round, or nothing is counted"
    );
    round()
}
