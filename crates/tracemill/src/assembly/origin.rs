//! Where traces that were put together came from.

use tracemill_model::{DecodeError, Framing, Locator, Trace};
use tracemill_sources::{Batch, Context, Evidence, Head, Source};

use super::entry::Origin;

/// The places of the first pieces of the traces of one input, in the order of the traces.
#[derive(Debug)]
pub(crate) struct Origins {
    pointer: Option<String>,
    places: Vec<Origin>,
}

impl Origins {
    /// The places in an input that was divided by this framing.
    pub(crate) fn new(framing: &Framing, places: Vec<Origin>) -> Self {
        Origins {
            pointer: pointer(framing).map(str::to_owned),
            places,
        }
    }

    /// The place of the trace with this number, in the input called `path`.
    pub(crate) fn locate<'a>(&'a self, path: &'a str, number: u64) -> Locator<'a> {
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| self.places.get(number));
        locate(path, self.pointer.as_deref(), &place.copied().unwrap_or_default())
    }
}

/// The array that a framing takes apart.
pub(crate) fn pointer(framing: &Framing) -> Option<&str> {
    match framing {
        Framing::Elements(elements) => Some(elements.pointer()),
        _ => None,
    }
}

/// The place of a record.
pub(crate) fn locate<'a>(path: &'a str, pointer: Option<&'a str>, origin: &Origin) -> Locator<'a> {
    match pointer {
        Some(pointer) => Locator::element(path, pointer, origin.index, origin.line, origin.byte),
        None => Locator::line(path, origin.line, origin.byte),
    }
}

/// Reads the canonical lines that traces were put aside as.
#[derive(Debug)]
pub(crate) struct Canonical;

impl Source for Canonical {
    fn name(&self) -> &'static str {
        "tracemill"
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, _: &Head) -> Option<Evidence> {
        None
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        batch.push(Trace::from_json_with(record, context.limits())?);
        Ok(())
    }
}
