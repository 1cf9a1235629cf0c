//! Encoding traces that are in memory, without files.

use rayon::prelude::*;
use tracemill_model::Trace;

use crate::error::Error;
use crate::ledger::Ledger;
use crate::mill::{Mill, WhenEmpty};
use crate::run::nothing_left;
use crate::screening::Screens;
use crate::work::{Done, Place, Rejects, Work};

/// Traces a task encodes before its output is joined with the others'.
const CHUNK: usize = 64;

/// Records of the format, and the account of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Encoded {
    /// The records, one a line.
    pub bytes: Vec<u8>,
    /// What became of every trace.
    pub ledger: Ledger,
}

impl Mill {
    /// Encodes traces that are in memory, in parallel on the current rayon pool, in order.
    ///
    /// ```
    /// use tracemill::{Mill, model::Trace};
    /// let line = r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]}"#;
    /// let traces = [Trace::from_json(line)?, Trace::from_json(line)?];
    /// let encoded = Mill::builder().format("sharegpt")?.build()?.encode(&traces)?;
    /// assert_eq!(encoded.ledger.examples, 2);
    /// assert_eq!(encoded.bytes.iter().filter(|&&byte| byte == b'\n').count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Mill::run), less what concerns files; a bad trace is named by its index.
    pub fn encode(&self, traces: &[Trace<'_>]) -> Result<Encoded, Error> {
        if self.config.curation.is_global() {
            return Err(Error::config(
                "traces in memory are not chosen by duplicates, samples and splits",
            ));
        }
        let work = Work {
            config: &self.config,
            inputs: &[],
            superseded: None,
            rejects: Rejects::Count,
        };
        let parts: Vec<_> = traces
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(part, chunk)| {
                let mut done = Done::default();
                let failure = encode_chunk(&work, part * CHUNK, chunk, &mut done).err();
                done.settle();
                (done.bytes, done.ledger, failure)
            })
            .collect();
        let mut encoded = Encoded::default();
        for (bytes, ledger, failure) in parts {
            encoded.ledger.merge(&ledger);
            encoded.bytes.extend_from_slice(&bytes);
            if let Some(error) = failure {
                return Err(error.with_ledger(encoded.ledger));
            }
        }
        let joined = std::mem::take(&mut encoded.ledger.joined);
        self.config
            .adjustments
            .settle(&joined, &mut encoded.ledger.adjusted);
        if encoded.ledger.examples == 0 && self.config.empty == WhenEmpty::Fail {
            return Err(nothing_left(&encoded.ledger).with_ledger(encoded.ledger));
        }
        Ok(encoded)
    }
}

fn encode_chunk(work: &Work<'_>, first: usize, chunk: &[Trace<'_>], done: &mut Done) -> Result<(), Error> {
    for (index, trace) in (first..).zip(chunk) {
        done.ledger.traces.read += 1;
        let replaces = work.config.screens.as_ref().is_some_and(Screens::replaces);
        done.unfit = false;
        if work.config.adjustments.is_empty() && !replaces {
            work.trace(Place::Index(index), trace, done)?;
        } else {
            let mut adjusted = trace.clone();
            let ledger = &mut done.ledger;
            let adjustments = &work.config.adjustments;
            adjustments.apply(&mut adjusted, "", &mut ledger.adjusted, &mut ledger.joined);
            work.replace(Place::Index(index), &mut adjusted, done);
            work.trace(Place::Index(index), &adjusted, done)?;
        }
    }
    Ok(())
}
