//! Where traces that were put together came from.

use std::sync::Arc;

use tracemill_model::{DecodeError, Framing, Locator, Trace};
use tracemill_sources::{Batch, Context, Evidence, Head, Source};

use super::entry::Origin;

/// The names of all inputs, and the arrays that their framings take apart.
pub(crate) type Names = Arc<[(String, Option<String>)]>;

/// The places of the traces of one input, in the order of the traces.
#[derive(Debug)]
pub(crate) struct Origins {
    names: Names,
    places: Vec<Origin>,
}

impl Origins {
    pub(crate) fn new(names: &Names, places: Vec<Origin>) -> Self {
        Origins {
            names: Arc::clone(names),
            places,
        }
    }

    /// The place of the trace with this number; in `path`, if it is not known.
    pub(crate) fn locate<'a>(&'a self, path: &'a str, number: u64) -> Locator<'a> {
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| self.places.get(number));
        let place = place.copied().unwrap_or_default();
        match self.names.get(place.input as usize) {
            Some((name, pointer)) => locate(name, pointer.as_deref(), &place),
            None => locate(path, None, &place),
        }
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
