//! Looking at traces instead of converting them.

mod fits;
mod sides;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use tracemill_curate::{Added, Identity, Scratch as Digests, Statistics};
use tracemill_formats::{EncodeError, Encoder, FormatSpec, Scratch};
use tracemill_io::{Cancel, Input};
use tracemill_model::{Example, Shape, Trace};

use crate::error::Error;
use crate::ledger::Ledger;
use crate::mill::{MillBuilder, WhenEmpty};
use crate::policy::OnError;
use crate::run::{Progress, Run};

pub use fits::FormatFit;
use fits::Trials;
pub use sides::Side;

/// What is in some inputs, found in one pass.
///
/// ```
/// use tracemill::{Inspecting, Mill, io::Input};
/// let lines = "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}],\"score\":1}\n{\"messages\":[\n";
/// let inspected = Inspecting::new(Mill::builder()).run([Input::bytes("runs.jsonl", lines)])?;
/// assert_eq!(inspected.statistics().messages().get("user"), 1);
/// assert_eq!(inspected.ledger().records.rejected.get("truncated"), 1);
/// # Ok::<(), tracemill::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inspecting {
    builder: MillBuilder,
    samples: usize,
    formats: Vec<FormatSpec>,
    progress: Progress,
    cancel: Cancel,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Inspected {
    statistics: Statistics,
    ledger: Ledger,
    samples: Vec<String>,
    fits: Vec<FormatFit>,
    sides: Vec<Side>,
}

impl Inspecting {
    /// Looks at what a mill with these settings would read: sources, filters and changes count, the format does not. If they
    /// decide over all traces, as a split does, the inputs are read twice.
    pub fn new(builder: MillBuilder) -> Self {
        Inspecting {
            builder,
            samples: 0,
            formats: Vec::new(),
            progress: Progress::new(),
            cancel: Cancel::default(),
        }
    }

    /// Keeps so many traces in their canonical form: the same ones whatever the order of the inputs.
    #[must_use]
    pub fn with_samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Tries what formats would make of the traces, by encoding each without writing it.
    ///
    /// ```
    /// use tracemill::{Inspecting, Mill, io::Input};
    /// let line = "{\"messages\":[{\"role\":\"assistant\",\"content\":\"Hi.\"},{\"role\":\"user\",\"content\":\"2+2?\"},{\"role\":\"assistant\",\"content\":\"4\"}]}\n";
    /// let inspected = Inspecting::new(Mill::builder())
    ///     .with_formats(["openai".parse()?, "sharegpt".parse()?])
    ///     .run([Input::bytes("runs.jsonl", line)])?;
    /// let [openai, sharegpt] = inspected.fits() else { unreachable!("one for each format") };
    /// assert_eq!((openai.whole(), openai.lossy()), (1, 0));
    /// assert_eq!((sharegpt.lossy(), sharegpt.losses().get("leading-turns")), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_formats(mut self, formats: impl IntoIterator<Item = FormatSpec>) -> Self {
        self.formats.extend(formats);
        self
    }

    /// Lets another thread watch.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Lets another thread stop it.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Looks at inputs. Bad records are counted and passed over.
    ///
    /// # Errors
    /// If an input cannot be read, its source is not known, an option does not go with it, or a format that is to be tried takes
    /// no conversations.
    pub fn run(&self, inputs: impl IntoIterator<Item = Input>) -> Result<Inspected, Error> {
        let shares = self.builder.shares().cloned();
        let look = Look(Arc::new(Looking {
            shards: Shards::new(self.samples),
            trials: Trials::new(&self.builder, &self.formats)?,
            is_split: shares.is_some(),
        }));
        let mut builder = self.builder.clone();
        builder
            .encoder(look.clone())
            .on_error(OnError::Skip)
            .when_empty(WhenEmpty::Allow);
        let mill = builder.build()?;
        // One line end a trace is all that is written, and a few bytes if traces have sides.
        let run = Run::into_memory(inputs, shares.as_ref())?
            .with_progress(&self.progress)
            .with_cancel(&self.cancel);
        let (mut ledger, contents) = mill.execute_in_memory(run)?;
        ledger.outputs.clear();
        let (statistics, samples) = look.0.shards.sum();
        Ok(Inspected {
            statistics,
            ledger,
            samples,
            fits: look.0.trials.sum(),
            sides: shares.map_or_else(Vec::new, |shares| sides::read(&shares, &contents)),
        })
    }
}

impl Inspected {
    /// What the traces are like.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// What was read, and what could not be.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Some traces in their canonical form, in an order that says nothing.
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    /// What each format that was tried would make of the traces, in the order in which they were named.
    pub fn fits(&self) -> &[FormatFit] {
        &self.fits
    }

    /// What a split puts on each side, in the order of the sides; nothing without a split. A trace that can be on neither side
    /// is counted as filtered, and not looked at.
    pub fn sides(&self) -> &[Side] {
        &self.sides
    }
}

/// An encoder that looks, and writes next to nothing: so traces come here by the way of all others.
#[derive(Clone, Debug)]
struct Look(Arc<Looking>);

/// What all threads look with.
#[derive(Debug)]
struct Looking {
    shards: Shards,
    trials: Trials,
    is_split: bool,
}

impl Encoder for Look {
    fn name(&self) -> &'static str {
        "inspect"
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Conversation
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if let Example::Conversation(conversation) = example {
            let added = self.0.shards.add(conversation.trace());
            self.0.trials.add(example, scratch, out);
            if self.0.is_split {
                sides::write(added, out);
            }
        }
        Ok(())
    }
}

/// Several places to count in, so that threads seldom wait for each other.
#[derive(Debug)]
struct Shards {
    list: Vec<Mutex<Shard>>,
    samples: usize,
}

#[derive(Debug, Default)]
struct Shard {
    statistics: Statistics,
    digests: Digests,
    /// Those with the least digests: a sample that does not depend on the order of work.
    samples: BTreeMap<u128, String>,
}

const SHARDS: usize = 16;

impl Shards {
    fn new(samples: usize) -> Self {
        Shards {
            list: (0..SHARDS).map(|_| Mutex::default()).collect(),
            samples,
        }
    }

    fn add(&self, trace: &Trace<'_>) -> Added {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let shard = &self.list[hasher.finish() as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Shard {
            statistics,
            digests,
            samples,
        } = &mut *shard;
        let added = statistics.add(trace, digests);
        if self.samples > 0 {
            self.sample(trace, Identity::Exact.of(trace, digests), samples);
        }
        added
    }

    /// Keeps the trace, if it is among those with the least digests.
    fn sample(&self, trace: &Trace<'_>, digest: u128, samples: &mut BTreeMap<u128, String>) {
        let is_full = samples.len() >= self.samples;
        if is_full && samples.last_key_value().is_some_and(|(&last, _)| digest >= last) {
            return;
        }
        let mut json = Vec::new();
        trace.write_json(&mut json);
        samples.insert(digest, String::from_utf8(json).unwrap_or_default());
        if samples.len() > self.samples {
            samples.pop_last();
        }
    }

    fn sum(&self) -> (Statistics, Vec<String>) {
        let (mut statistics, mut samples) = (Statistics::new(), BTreeMap::new());
        for shard in &self.list {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            statistics.merge(std::mem::take(&mut shard.statistics));
            samples.append(&mut shard.samples);
        }
        (statistics, samples.into_values().take(self.samples).collect())
    }
}
