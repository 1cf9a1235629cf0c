//! Traces that are put together from several records, before anything else is done with them.
//!
//! Two steps: *divide* every record into pieces and index them by key (one pass over the input, in parallel), then
//! *gather* the pieces of each key and let the source make traces of them. The traces go to a temporary file as
//! canonical lines, in the place of the input in which their first piece stands; from there on they are read like any
//! other input, with the place of that piece in every message.

mod divide;
mod entry;
mod gather;
mod origin;

pub(crate) use origin::Origins;
use origin::{Canonical, Names};

use std::sync::Arc;

use tracemill_io::{Gatherer, GroupIndex, Input, Spool, TemporaryFiles};
use tracemill_model::{Framing, Limits};
use tracemill_sources::Context;

use crate::error::Error;
use crate::inputs::Planned;
use crate::ledger::Ledger;
use crate::mill::Mill;
use crate::run::Open;
use crate::work::{Rejects, Work};

use divide::Divided;
pub(crate) use gather::Assembled;

/// The code under which a trace with a hole is rejected.
const INCOMPLETE: &str = "incomplete";

/// The code of a trace whose pieces are together longer than a record may be.
const TOO_LONG: &str = "too-long";

impl Mill {
    /// Puts together the traces of the inputs whose sources do so; `None` if there is none.
    pub(crate) fn assemble(
        &self,
        planned: &[Planned],
        rejects: Rejects,
        open: &mut Open<'_>,
        ledger: &mut Ledger,
    ) -> Result<Option<Assembled>, Error> {
        if !planned.iter().any(|planned| planned.source.assembles()) {
            return Ok(None);
        }
        let mut gatherer = Gatherer::new();
        let mut places = Vec::new();
        for planned in planned {
            let readable = planned.source.assembles() && Gatherer::can_read(&planned.input);
            places.push(if readable {
                Some(gatherer.add(&planned.input)?)
            } else {
                None
            });
        }
        let files = TemporaryFiles::new();
        let mut divided = Divided {
            index: GroupIndex::new(self.config.memory, files.clone()),
            spool: Spool::create(&files)?,
            places,
            gaps: vec![None; planned.len()],
        };
        let work = Work {
            config: &self.config,
            inputs: planned,
            superseded: None,
            rejects,
        };
        self.divide(&work, open, ledger, &mut divided)?;
        let spooled = gatherer.add_spool(divided.spool)?;
        let mut assembled = Assembled {
            spool: Spool::create(&files)?,
            lengths: vec![0; planned.len()],
            origins: vec![Vec::new(); planned.len()],
        };
        let step = gather::Step {
            config: &self.config,
            planned,
            gatherer: &gatherer,
            spooled,
            gaps: &divided.gaps,
            rejects,
        };
        self.gather_all(&step, divided.index.finish()?, open, ledger, &mut assembled)?;
        Ok(Some(assembled))
    }

    /// Puts what was assembled in the place of what it came from.
    pub(crate) fn replace(&self, planned: Vec<Planned>, assembled: Assembled) -> Result<Vec<Planned>, Error> {
        let mut end = 0;
        let parts = planned.iter().zip(&assembled.lengths).map(|(planned, length)| {
            let start = end;
            end += length;
            (planned.input.name(), start..end)
        });
        let inputs: Vec<Input> = assembled.spool.into_inputs(parts)?;
        let names: Names = planned
            .iter()
            .map(|planned| {
                let pointer = origin::pointer(&planned.framing).map(str::to_owned);
                (planned.input.name().to_owned(), pointer)
            })
            .collect();
        let all = planned.into_iter().zip(inputs).zip(assembled.origins);
        let replaced = all.map(|((planned, input), origins)| {
            if !planned.source.assembles() {
                return planned;
            }
            Planned {
                input,
                origins: Some(Origins::new(&names, origins)),
                framing: Framing::Lines,
                source: Arc::new(Canonical),
                // What nests inside of pieces is one level deeper in a trace.
                context: Context::new(self.config.limits.with_depth(Limits::MAX_DEPTH)),
                continues: planned.continues,
                entry: planned.entry,
            }
        });
        Ok(replaced.collect())
    }
}
