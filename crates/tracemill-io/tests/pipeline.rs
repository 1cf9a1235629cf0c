//! The pipeline, against the same run on one thread.

use proptest::prelude::*;
use std::collections::HashSet;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracemill_io::{
    Block, BlockReader, BlockSize, Cancel, Error, ErrorKind, Fill, Input, RecordLimit, Threads, run,
};
use tracemill_model::{Elements, Framing};

/// An error of the one who calls, as a facade has it.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Read(usize),
    Drain(usize),
    Pipeline(ErrorKind, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Pipeline(error.kind(), error.to_string())
    }
}

/// What goes wrong, and at which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Read(usize),
    ReadPanics(usize),
    WorkPanics(usize),
    Drain(usize),
    DrainPanics(usize),
}

fn threads(count: usize) -> Threads {
    Threads::exactly(NonZeroUsize::new(count).expect("at least one"))
}

/// Runs `blocks` blocks with these faults; what was drained, and how it ended.
fn drained(
    threads: Threads,
    blocks: usize,
    faults: &[Fault],
    spin: bool,
) -> (Vec<usize>, Result<(), Failure>) {
    let mut number = 0;
    let mut seen = Vec::new();
    let result = run(
        threads,
        &Cancel::default(),
        |block: &mut usize| {
            *block = number;
            number += 1;
            if faults.contains(&Fault::Read(*block)) {
                return Err(Failure::Read(*block));
            }
            assert!(!faults.contains(&Fault::ReadPanics(*block)), "read {block}");
            Ok(if *block < blocks { Fill::Block } else { Fill::End })
        },
        |block, output: &mut usize| {
            if spin {
                // Uneven work, so that blocks finish out of order.
                std::thread::sleep(Duration::from_micros((*block as u64 * 7919) % 200));
            }
            assert!(!faults.contains(&Fault::WorkPanics(*block)), "work {block}");
            *output = *block;
        },
        |output| {
            if faults.contains(&Fault::Drain(*output)) {
                return Err(Failure::Drain(*output));
            }
            assert!(!faults.contains(&Fault::DrainPanics(*output)), "drain {output}");
            seen.push(*output);
            Ok(())
        },
    );
    (seen, result)
}

fn fault() -> impl Strategy<Value = Fault> {
    (0..60_usize, 0..5_u8).prop_map(|(block, kind)| match kind {
        0 => Fault::Read(block),
        1 => Fault::ReadPanics(block),
        2 => Fault::WorkPanics(block),
        3 => Fault::Drain(block),
        _ => Fault::DrainPanics(block),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_number_of_threads_drains_the_same(
        blocks in 0..60_usize,
        faults in prop::collection::vec(fault(), 0..4),
        count in 2..9_usize,
        spin in any::<bool>(),
    ) {
        let expected = drained(threads(1), blocks, &faults, false);
        prop_assert_eq!(&drained(threads(count), blocks, &faults, spin), &expected);
        prop_assert_eq!(&drained(Threads::default(), blocks, &faults, spin), &expected);
    }
}

/// Reads, numbers and writes these inputs; what was written, and how it ended.
fn copied(threads: Threads, block: usize, inputs: &[(Input, Framing)]) -> (Vec<u8>, Result<(), String>) {
    let mut reader = BlockReader::new(inputs.iter().cloned())
        .with_block_size(BlockSize::new(block))
        .with_record_limit(RecordLimit::new(40));
    let mut written = Vec::new();
    let result = run(
        threads,
        &Cancel::default(),
        |block: &mut Block| reader.fill(block),
        |block, lines: &mut String| {
            lines.clear();
            for record in block.records() {
                writeln!(lines, "{} {:?}", record.locator(), record.text()).expect("a string takes all");
            }
        },
        |lines| -> Result<(), Error> {
            written.extend_from_slice(lines.as_bytes());
            Ok(())
        },
    );
    (written, result.map_err(|error| error.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// From inputs to bytes: neither threads nor blocks are to be seen in the result, whole or broken.
    #[test]
    fn the_same_input_gives_the_same_bytes(
        files in prop::collection::vec(("[a-c\u{e9}\n]{0,200}", 0..3_u8, any::<bool>()), 0..6),
        count in 2..5_usize,
        block in 1..300_usize,
    ) {
        let inputs: Vec<(Input, Framing)> = files.iter().enumerate().map(|(at, (text, framing, cut))| {
            let framing = match framing {
                0 => Framing::Lines,
                1 => Framing::Document,
                _ => Framing::Elements(Elements::at("")),
            };
            let text = match framing {
                Framing::Elements(_) => format!("[{:?}{}", text.lines().collect::<Vec<_>>(), if *cut { "" } else { "]" }),
                _ => text.clone(),
            };
            (Input::bytes(format!("file{at}"), text), framing)
        }).collect();
        let expected = copied(threads(1), 1 << 18, &inputs);
        prop_assert_eq!(&copied(threads(1), block, &inputs), &expected);
        prop_assert_eq!(&copied(threads(count), block, &inputs), &expected);
    }
}

#[test]
fn the_first_failure_in_order_wins() {
    let faults = [Fault::Drain(9), Fault::WorkPanics(7), Fault::Read(12)];
    for count in [1, 2, 8] {
        let (seen, result) = drained(threads(count), 40, &faults, true);
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
        let message = "a worker panicked: work 7; this is a bug, please report it".to_owned();
        assert_eq!(result, Err(Failure::Pipeline(ErrorKind::Panic, message)));
    }
    let (seen, result) = drained(threads(4), 40, &[Fault::Read(12)], true);
    assert_eq!((seen.len(), result), (12, Err(Failure::Read(12))));
}

/// In a pool of one thread, the thread that waits for a free slot is the one that has to make it free.
#[test]
fn a_run_inside_a_small_pool_does_not_wait_for_itself() {
    for count in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .expect("threads");
        let (seen, result) = pool.install(|| drained(Threads::default(), 500, &[], false));
        assert_eq!((seen.len(), result), (500, Ok(())));
        let (seen, result) = pool.install(|| drained(threads(2), 500, &[], false));
        assert_eq!((seen.len(), result), (500, Ok(())));
        // Several at once, nested in each other as rayon pleases.
        pool.scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|_| assert_eq!(drained(Threads::default(), 100, &[], true).0.len(), 100));
            }
        });
    }
}

#[test]
fn buffers_are_made_once() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    struct Buffer(Vec<u8>);
    impl Default for Buffer {
        fn default() -> Self {
            MADE.fetch_add(1, Ordering::Relaxed);
            Buffer(Vec::new())
        }
    }
    let addresses = Mutex::new(HashSet::new());
    let mut left = 5000;
    let result = run(
        threads(3),
        &Cancel::default(),
        |block: &mut Buffer| -> Result<Fill, Error> {
            left -= 1;
            block.0.clear();
            block.0.resize(100, 1);
            Ok(if left == 0 { Fill::End } else { Fill::Block })
        },
        |block, output: &mut Buffer| {
            output.0.clear();
            output.0.extend_from_slice(&block.0);
            let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.extend([block.0.as_ptr().addr(), output.0.as_ptr().addr()]);
        },
        |_| Ok(()),
    );
    assert!(result.is_ok());
    let most = 2 * (2 * 3 + 2);
    assert!(MADE.load(Ordering::Relaxed) <= most, "{MADE:?} buffers");
    let addresses = addresses.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(addresses.len() <= most, "{} allocations", addresses.len());
}

#[test]
fn a_cancelled_run_ends_early_and_says_so() {
    for threads in [threads(1), threads(4), Threads::default()] {
        let cancel = Cancel::default();
        let mut drained = 0;
        let result = run(
            threads,
            &cancel,
            |(): &mut ()| Ok(Fill::Block), // for ever
            |(), (): &mut ()| {},
            |()| {
                drained += 1;
                if drained == 100 {
                    cancel.cancel();
                }
                Ok::<(), Error>(())
            },
        );
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
        assert!((100..200).contains(&drained), "{drained}");
    }
}

#[test]
fn a_run_cancelled_before_it_begins_does_nothing() {
    let cancel = Cancel::default();
    cancel.cancel();
    let read = |(): &mut ()| -> Result<Fill, Error> { panic!("nothing must be read") };
    for threads in [threads(1), threads(2)] {
        let result = run(threads, &cancel, read, |(), (): &mut ()| {}, |()| Ok(()));
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
    }
}
