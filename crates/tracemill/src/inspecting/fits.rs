//! Which formats would hold the traces, found by encoding them without writing anything.

use std::sync::{Mutex, PoisonError};

use tracemill_formats::{EncodeError, FormatSpec, Losses, Scratch};
use tracemill_model::Example;

use crate::error::Error;
use crate::ledger::Counts;
use crate::mill::{Mill, MillBuilder};

/// What one format would make of the traces: every trace is held whole, held with losses, or refused.
///
/// The counts are those of a run that [skips](crate::OnError::Skip) what is refused and allows every loss.
#[derive(Clone, Debug)]
pub struct FormatFit {
    format: FormatSpec,
    whole: u64,
    lossy: u64,
    refused: Counts,
    losses: Counts,
}

impl FormatFit {
    fn new(format: FormatSpec) -> Self {
        FormatFit {
            format,
            whole: 0,
            lossy: 0,
            refused: Counts::default(),
            losses: Counts::default(),
        }
    }

    /// The format, with its extensions.
    pub fn format(&self) -> &FormatSpec {
        &self.format
    }

    /// How many traces it holds without a loss.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// How many traces it holds if losses are allowed.
    pub fn lossy(&self) -> u64 {
        self.lossy
    }

    /// How many traces it refuses whatever may be lost, by code.
    pub fn refused(&self) -> &Counts {
        &self.refused
    }

    /// What would be lost of the traces that it holds, by code: as often as it happens, which may be several times a trace.
    pub fn losses(&self) -> &Counts {
        &self.losses
    }

    fn add(&mut self, encoded: &Result<(), EncodeError>, losses: &Losses) {
        match encoded {
            Err(error) => self.refused.add(error.kind().code()),
            Ok(()) if losses.is_empty() => self.whole += 1,
            Ok(()) => {
                self.lossy += 1;
                for (loss, count, _) in losses.iter() {
                    self.losses.add_many(loss.code(), u64::from(count));
                }
            }
        }
    }
}

/// The formats that are tried. Each has a lock of its own, which is held for the count and not for the encoding.
#[derive(Debug, Default)]
pub(super) struct Trials(Vec<Trial>);

#[derive(Debug)]
struct Trial {
    mill: Mill,
    fit: Mutex<FormatFit>,
}

impl Trials {
    /// The trials of a mill with these settings.
    pub(super) fn new(builder: &MillBuilder, formats: &[FormatSpec]) -> Result<Self, Error> {
        let trial = |format: &FormatSpec| {
            let mill = builder.clone().format_spec(format.clone()).build()?;
            let fit = Mutex::new(FormatFit::new(format.clone()));
            Ok(Trial { mill, fit })
        };
        formats
            .iter()
            .map(trial)
            .collect::<Result<_, Error>>()
            .map(Trials)
    }

    /// Tries every format, and leaves `scratch` and `out` as a record without losses would.
    pub(super) fn add(&self, example: &Example<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
        let start = out.len();
        for trial in &self.0 {
            scratch.clear();
            let encoded = trial.mill.config.encoder.encode(example, scratch, out);
            out.truncate(start);
            let mut fit = trial.fit.lock().unwrap_or_else(PoisonError::into_inner);
            fit.add(&encoded, &scratch.losses);
        }
        scratch.clear();
    }

    /// What was counted, in the order of the formats.
    pub(super) fn sum(&self) -> Vec<FormatFit> {
        let fit = |trial: &Trial| trial.fit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.0.iter().map(fit).collect()
    }
}
