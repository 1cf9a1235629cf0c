//! Encoding allocates nothing once its buffers have grown.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracemill_formats::{EncodeOptions, FormatSpec, ReasoningMode, Scratch};
use tracemill_model::{Conversation, Example, Trace};

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
const RECORDS: [&str; 4] = [
    r#"{"id":1,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"line\nline \"quoted\" \u0001 é"},{"role":"assistant","content":"Yes."}],"score":1}"#,
    r#"{"messages":[{"role":"user","content":"Both."},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\": {\"b\": [1.0, \"x\\ny\"], \"c\": null}}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"b","name":"f","content":"two"},{"role":"tool","tool_call_id":"a","content":"one \\ \"1\""},{"role":"assistant","content":"Done."}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}}],"parallel_tool_calls":true}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","text":"What is shown?"}]},{"role":"assistant","content":"","reasoning":"Look.\nThen say.","tool_calls":[{"name":"look","arguments":{"at":"it"}}]},{"role":"tool","content":"a chart"},{"role":"assistant","content":"A chart.","train":true}]}"#,
    r#"{"id":"x","group":{"key":"g"},"messages":[{"role":"user","content":"Again."},{"role":"assistant","content":"Once."},{"role":"user","content":"Again."},{"role":"assistant","content":"Twice."}],"scores":[{"name":"a","value":0.5}],"model":"m","metadata":{"k":1},"extra":true}"#,
];

#[test]
fn encoders_allocate_nothing_in_the_long_run() {
    let options = EncodeOptions::default().with_reasoning(ReasoningMode::Inline);
    for name in ["openai", "hf", "hf+prompt-completion", "sharegpt"] {
        let spec: FormatSpec = name.parse().unwrap();
        assert_eq!(allocations(&spec, &options), 0, "{name}");
    }
    let spec: FormatSpec = "tracemill".parse().unwrap();
    assert_eq!(allocations(&spec, &EncodeOptions::default()), 0, "tracemill");
}

/// How often the second round over all records allocates.
fn allocations(spec: &FormatSpec, options: &EncodeOptions) -> usize {
    let encoder = spec.encoder(options).unwrap();
    let traces = RECORDS.map(|record| Trace::from_json(record).unwrap());
    let mut scratch = Scratch::new();
    let mut out = Vec::new();
    let mut round = || {
        let before = COUNT.get();
        for trace in &traces {
            out.clear();
            scratch.clear();
            let example = Example::Conversation(Conversation::whole(trace));
            encoder.encode(&example, &mut scratch, &mut out).unwrap();
            assert!(
                scratch.losses.is_empty(),
                "{:?}",
                scratch.losses.iter().collect::<Vec<_>>()
            );
        }
        COUNT.get() - before
    };
    assert!(
        round() > 0,
        "the buffers grow in the first round, or nothing is counted"
    );
    round()
}
