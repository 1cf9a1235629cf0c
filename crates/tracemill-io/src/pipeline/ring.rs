//! Numbered slots between the reading thread, the workers and the drain.

use super::{Cancel, caught};
use crate::error::Error;
use crate::reader::Fill;
use rayon::ScopeFifo;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the reading thread sleeps when it is a worker of a pool that has nothing for it to do.
const NAP: Duration = Duration::from_micros(500);

/// The buffers of one block; boxed, so that handing them over moves a pointer.
struct Slot<B, O> {
    block: B,
    output: O,
}

/// A block that was worked on, or why not.
struct Done<B, O> {
    slot: Box<Slot<B, O>>,
    result: Result<(), Error>,
}

/// What the three parties of a run share.
pub(super) struct Ring<'a, B, O, E, W, D> {
    work: W,
    /// Locked only by the one who drains: never contended.
    drain: Mutex<D>,
    state: Mutex<State<B, O, E>>,
    freed: Condvar,
    /// Set with `State::failure`, to be looked at without a lock.
    failed: AtomicBool,
    capacity: usize,
    cancel: &'a Cancel,
}

struct State<B, O, E> {
    free: Vec<Box<Slot<B, O>>>,
    /// How many slots there are at all.
    made: usize,
    /// The blocks that are not drained yet, from number `next` on; `None` while one is being worked on.
    done: VecDeque<Option<Done<B, O>>>,
    next: u64,
    draining: bool,
    /// Whether the reading thread sleeps.
    waiting: bool,
    /// The first failure in the order of the blocks.
    failure: Option<E>,
}

impl<'a, B, O, E, W, D> Ring<'a, B, O, E, W, D>
where
    B: Default + Send,
    O: Default + Send,
    E: From<Error> + Send,
    W: Fn(&mut B, &mut O) + Sync,
    D: FnMut(&mut O) -> Result<(), E> + Send,
{
    pub(super) fn new(threads: usize, cancel: &'a Cancel, work: W, drain: D) -> Self {
        let capacity = 2 * threads + 2;
        let state = State {
            free: Vec::with_capacity(capacity),
            made: 0,
            done: VecDeque::with_capacity(capacity),
            next: 0,
            draining: false,
            waiting: false,
            failure: None,
        };
        Ring {
            work,
            drain: Mutex::new(drain),
            state: Mutex::new(state),
            freed: Condvar::new(),
            failed: AtomicBool::new(false),
            capacity,
            cancel,
        }
    }

    /// The reading thread: fills slots and hands them to the pool. Returns the failure that ended reading.
    pub(super) fn feed<'scope>(
        &'scope self,
        scope: &ScopeFifo<'scope>,
        mut read: impl FnMut(&mut B) -> Result<Fill, E>,
    ) -> Option<E> {
        for number in 0.. {
            if self.cancel.is_cancelled() {
                return Some(Error::cancelled().into());
            }
            let mut slot = self.free_slot()?;
            match caught(|| read(&mut slot.block)) {
                Ok(Ok(Fill::Block)) => scope.spawn_fifo(move |_| self.work_on(number, slot)),
                Ok(Ok(Fill::End)) => return None,
                Ok(Err(failure)) => return Some(failure),
                Err(panic) => return Some(panic.into()),
            }
        }
        None
    }

    /// After all work: the failure of the blocks, else that of reading, which came after them.
    pub(super) fn into_result(self, reading: Option<E>) -> Result<(), E> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.failure.or(reading).map_or(Ok(()), Err)
    }

    /// A slot to read into; `None` after a failure.
    fn free_slot(&self) -> Option<Box<Slot<B, O>>> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some(slot) = state.free.pop() {
                return Some(slot);
            }
            if state.made < self.capacity {
                state.made += 1;
                return Some(Box::new(Slot {
                    block: B::default(),
                    output: O::default(),
                }));
            }
            state = self.wait(state);
        }
    }

    /// Waits until some slots are free. A worker of a pool helps out meanwhile: the blocks may wait for this very thread.
    fn wait<'s>(&'s self, mut state: MutexGuard<'s, State<B, O, E>>) -> MutexGuard<'s, State<B, O, E>> {
        state.waiting = true;
        if rayon::current_thread_index().is_none() {
            return self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let found = rayon::yield_now();
        let state = self.lock();
        if found == Some(rayon::Yield::Executed) || !state.free.is_empty() || state.failure.is_some() {
            return state;
        }
        self.freed
            .wait_timeout(state, NAP)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// A task of the pool: one block. It never waits for another.
    fn work_on(&self, number: u64, mut slot: Box<Slot<B, O>>) {
        let result = if self.cancel.is_cancelled() {
            Err(Error::cancelled())
        } else if self.failed.load(Ordering::Relaxed) {
            Ok(()) // nobody will drain it
        } else {
            caught(|| (self.work)(&mut slot.block, &mut slot.output))
        };
        self.deliver(number, Done { slot, result });
    }

    /// Puts a block in its place; then, unless somebody else is at it, drains all that are next in order.
    fn deliver(&self, number: u64, done: Done<B, O>) {
        let mut state = self.lock();
        let place = (number - state.next) as usize;
        if state.done.len() <= place {
            state.done.resize_with(place + 1, || None);
        }
        state.done[place] = Some(done);
        if state.draining {
            return;
        }
        state.draining = true;
        while let Some(Some(_)) = state.done.front() {
            let Some(Some(mut done)) = state.done.pop_front() else {
                break;
            };
            state.next += 1;
            if state.failure.is_none() {
                drop(state);
                let drained = self.drain(&mut done);
                state = self.lock();
                state.failure = drained.err();
            }
            self.recycle(&mut state, done.slot);
        }
        state.draining = false;
    }

    fn drain(&self, done: &mut Done<B, O>) -> Result<(), E> {
        std::mem::replace(&mut done.result, Ok(()))?;
        let mut drain = self.drain.lock().unwrap_or_else(PoisonError::into_inner);
        caught(|| drain(&mut done.slot.output))?
    }

    fn recycle(&self, state: &mut State<B, O, E>, slot: Box<Slot<B, O>>) {
        state.free.push(slot);
        let failed = state.failure.is_some();
        self.failed.store(failed, Ordering::Relaxed);
        // Waking the reader for every slot would cost a context switch a block; half of the slots still keep the
        // workers busy while it reads on.
        if state.waiting && (failed || state.free.len() >= self.capacity / 2) {
            state.waiting = false;
            self.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<B, O, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
