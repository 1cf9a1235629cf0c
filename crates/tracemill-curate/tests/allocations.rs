//! Screening allocates nothing where nothing is found.
#![expect(
    unsafe_code,
    reason = "an allocator that counts is the only way to see allocations"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracemill_curate::{Screen, Screening};
use tracemill_model::Trace;

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

#[test]
fn a_clean_trace_costs_no_allocation() {
    let clean = include_str!("screen/clean.txt");
    let messages: Vec<String> = clean
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!(r#"{{"role":"assistant","content":"{line}","reasoning":"{line}"}}"#))
        .collect();
    let json = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
    let mut trace = Trace::from_json(&json).unwrap();
    let screening = Screening::new(Screen::ALL);
    let before = ALLOCATIONS.get();
    assert!(!screening.is_in(&trace));
    screening.replace(&mut trace, |_| {}).unwrap();
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
