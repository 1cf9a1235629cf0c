//! The ordered parallel pipeline: read in order, work in parallel, drain in order.

mod ring;

use crate::error::{Error, ErrorKind};
use crate::reader::Fill;
use ring::Ring;
use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many threads work.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tracemill_io::Threads;
/// let ambient = Threads::default(); // the rayon pool that the caller is in, or the global one
/// let own = Threads::exactly(NonZeroUsize::MIN); // everything on the calling thread
/// assert_ne!(ambient, own);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threads(Option<NonZeroUsize>);

impl Threads {
    /// So many: one means that everything happens on the calling thread; more get a pool of their own for the run.
    pub fn exactly(count: NonZeroUsize) -> Self {
        Threads(Some(count))
    }
}

/// Ends a run from outside: from another thread, or from a signal handler's thread.
///
/// Clones share one state, which stays cancelled.
///
/// ```
/// use tracemill_io::Cancel;
/// let cancel = Cancel::default();
/// let seen_by_the_run = cancel.clone();
/// cancel.cancel();
/// assert!(seen_by_the_run.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks all runs with this token to end with an error of kind [`ErrorKind::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads blocks, works on them in parallel, and drains the results in the order of the blocks.
///
/// - `read` fills a block, on the calling thread, one after the other.
/// - `work` turns a block into an output, on any thread, several at once.
/// - `drain` takes the outputs strictly in order, one at a time, on whichever thread completed the next one. It leaves
///   the output ready for its next use.
///
/// Blocks and outputs are made once and used again and again; at most two per thread and two more exist. Which sequence
/// `drain` sees depends neither on the number of threads nor on chance. No thread waits inside a task of the pool, so
/// a run may be started from within a rayon pool, even one of a single thread.
///
/// # Errors
///
/// The first error in the order of the blocks, from `drain` or `read`; a panic in any of the three counts as an error of
/// kind [`ErrorKind::Panic`] at its place. After it nothing is drained, reading stops, and running work is awaited. When
/// the run was cancelled before its end, the error has the kind [`ErrorKind::Cancelled`].
///
/// ```
/// use tracemill_io::{Cancel, Error, Fill, Threads, run};
///
/// let mut numbers = 1..=5_u32;
/// let mut squares = Vec::new();
/// run(
///     Threads::default(),
///     &Cancel::default(),
///     |block: &mut u32| -> Result<Fill, Error> {
///         Ok(numbers.next().map_or(Fill::End, |number| {
///             *block = number;
///             Fill::Block
///         }))
///     },
///     |block, output: &mut u32| *output = *block * *block,
///     |output| {
///         squares.push(*output);
///         Ok(())
///     },
/// )?;
/// assert_eq!(squares, [1, 4, 9, 16, 25]);
/// # Ok::<(), Error>(())
/// ```
pub fn run<B, O, E>(
    threads: Threads,
    cancel: &Cancel,
    read: impl FnMut(&mut B) -> Result<Fill, E>,
    work: impl Fn(&mut B, &mut O) + Sync,
    drain: impl FnMut(&mut O) -> Result<(), E> + Send,
) -> Result<(), E>
where
    B: Default + Send,
    O: Default + Send,
    E: From<Error> + Send,
{
    match threads.0.map(NonZeroUsize::get) {
        Some(1) => run_inline(cancel, read, work, drain),
        Some(count) => {
            let pool = private_pool(count)?;
            let ring = Ring::new(count, cancel, work, drain);
            let failure = pool.in_place_scope_fifo(|scope| ring.feed(scope, read));
            ring.into_result(failure)
        }
        None => {
            let ring = Ring::new(rayon::current_num_threads(), cancel, work, drain);
            let failure = rayon::in_place_scope_fifo(|scope| ring.feed(scope, read));
            ring.into_result(failure)
        }
    }
}

fn private_pool(count: usize) -> Result<rayon::ThreadPool, Error> {
    let name = |index| format!("tracemill-{index}");
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(name)
        .build()
        .map_err(|error| {
            let message = format!("{count} threads cannot be started: {error}; use fewer with `--threads`");
            Error::new(ErrorKind::Threads, message)
        })
}

fn run_inline<B, O, E>(
    cancel: &Cancel,
    mut read: impl FnMut(&mut B) -> Result<Fill, E>,
    work: impl Fn(&mut B, &mut O),
    mut drain: impl FnMut(&mut O) -> Result<(), E>,
) -> Result<(), E>
where
    B: Default,
    O: Default,
    E: From<Error>,
{
    let (mut block, mut output) = (B::default(), O::default());
    while !cancel.is_cancelled() {
        match caught(|| read(&mut block))?? {
            Fill::Block => {}
            Fill::End => return Ok(()),
        }
        caught(|| work(&mut block, &mut output))?;
        caught(|| drain(&mut output))??;
    }
    Err(Error::cancelled().into())
}

/// Calls `f`; a panic becomes an error.
///
/// What `f` changes may be left half done by the panic, but nothing looks at it again: the run is over.
fn caught<T>(f: impl FnOnce() -> T) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Error::panic(panic_message(&*payload)))
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(no message)")
}
