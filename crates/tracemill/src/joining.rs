//! Records that go on with earlier ones and do not repeat them, such as those of the Responses API.
//!
//! One pass finds what each record is called and which one it goes on with: 48 bytes a record. From then on a source stands
//! in for the one of the input, and reads the earlier records again wherever a record is decoded.

use std::sync::Arc;

use tracemill_io::{Extent, Gatherer, RecordLimit};
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, Limits};
use tracemill_sources::{Batch, Context, Earlier, Evidence, Head, Reference, Source};

use crate::error::Error;
use crate::inputs::Planned;
use crate::mill::Mill;
use crate::run::Watch;
use crate::work::Numbered;

/// Whether a pass is needed to find references.
pub(crate) fn is_needed(planned: &[Planned]) -> bool {
    planned.iter().any(|planned| planned.source.refers_back())
}

impl Mill {
    /// Makes the sources of inputs that refer back read the earlier records, too; nothing changes if no record does.
    pub(crate) fn join(&self, planned: Vec<Planned>, watch: Watch<'_>) -> Result<Vec<Planned>, Error> {
        if !is_needed(&planned) {
            return Ok(planned);
        }
        let mut gatherer = Gatherer::new();
        let mut which = Vec::new();
        let seekable = planned.into_iter().enumerate().map(|(number, planned)| {
            if !planned.source.refers_back() {
                return Ok(planned);
            }
            let input = planned.input.seekable()?;
            gatherer.add(&input)?;
            which.push(number);
            Ok(Planned { input, ..planned })
        });
        let planned = seekable.collect::<Result<Vec<_>, Error>>()?;
        if !self.may_refer(&planned, &which, watch)? {
            return Ok(planned);
        }
        let mut index = Index::default();
        self.blocks(
            which.iter().map(|&number| &planned[number]),
            watch,
            |numbered, found: &mut Vec<Entry>| find(numbered, &planned, &which, found),
            |found| {
                index.entries.append(found);
                Ok(())
            },
        )?;
        if index.entries.iter().all(|entry| entry.previous == NONE) {
            return Ok(planned);
        }
        // Of two records with one name the first counts: sorting keeps the order of equals.
        index.entries.sort_by_key(|entry| entry.id);
        index.gatherer = gatherer;
        index.limit = self.config.record_limit;
        let index = Arc::new(index);
        let follow = |planned: Planned| {
            if !planned.source.refers_back() {
                return planned;
            }
            let source = Arc::new(Following {
                source: planned.source,
                index: Arc::clone(&index),
            });
            Planned { source, ..planned }
        };
        Ok(planned.into_iter().map(follow).collect())
    }

    /// Whether any record of these inputs may name an earlier one: a pass at a glance, which nearly always saves another.
    fn may_refer(&self, planned: &[Planned], which: &[usize], watch: Watch<'_>) -> Result<bool, Error> {
        let mut any = false;
        self.blocks(
            which.iter().map(|&number| &planned[number]),
            watch,
            |numbered, found: &mut bool| *found = refers(numbered, planned, which),
            |found| {
                any |= *found;
                Ok(())
            },
        )?;
        Ok(any)
    }
}

/// Whether a record of a block may name an earlier one.
fn refers(numbered: &Numbered, planned: &[Planned], which: &[usize]) -> bool {
    numbered.block.records().any(|record| {
        let source = &planned[which[record.input()]].source;
        record.text().is_ok_and(|text| source.may_refer(text))
    })
}

/// Notes the records of a block that have a name.
fn find(numbered: &Numbered, planned: &[Planned], which: &[usize], found: &mut Vec<Entry>) {
    found.clear();
    for record in numbered.block.records() {
        let planned = &planned[which[record.input()]];
        let reference = record
            .text()
            .ok()
            .and_then(|text| planned.source.reference(&planned.context, text));
        let Some(reference) = reference else { continue };
        let length = u32::try_from(record.bytes().len());
        let input = u32::try_from(record.input());
        if let (Some(id), Ok(length), Ok(input)) = (reference.id(), length, input) {
            found.push(Entry {
                id,
                previous: reference.previous().unwrap_or(NONE),
                byte: record.locator().byte(),
                input,
                length,
            });
        }
    }
}

/// No digest: a name with this one is not to be expected.
const NONE: u128 = 0;

/// A record that has a name.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u128,
    previous: u128,
    byte: u64,
    /// By its number in the gatherer.
    input: u32,
    length: u32,
}

/// All of them, by name.
#[derive(Debug, Default)]
struct Index {
    entries: Vec<Entry>,
    gatherer: Gatherer,
    /// How long the records that are put together may be.
    limit: RecordLimit,
}

impl Index {
    fn get(&self, id: u128) -> Option<&Entry> {
        let at = self.entries.partition_point(|entry| entry.id < id);
        self.entries.get(at).filter(|entry| entry.id == id)
    }

    /// The records up to the one of this name, oldest first, as far as they are there.
    fn chain(&self, name: &str, messages: usize) -> Result<Vec<&Entry>, DecodeError> {
        let refuse = |message: String| Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
        let (mut chain, mut bytes) = (Vec::new(), 0);
        let mut next = Reference::new(Some(name), None).id().and_then(|id| self.get(id));
        while let Some(entry) = next {
            bytes += entry.length as usize;
            if chain.len() == self.entries.len() {
                return refuse("the records before this one go round in a circle".to_owned());
            }
            if chain.len() == messages {
                return refuse(format!("more than {messages} records go before this one"));
            }
            if bytes > self.limit.bytes() {
                let message = "the records before this one are together longer than";
                return refuse(format!("{message} {}; raise it with `--max-record`", self.limit));
            }
            chain.push(entry);
            next = self.get(entry.previous);
        }
        chain.reverse();
        Ok(chain)
    }

    fn read(&self, entry: &Entry) -> Result<String, DecodeError> {
        let extent = Extent {
            input: entry.input as usize,
            byte: entry.byte,
            len: entry.length as usize,
        };
        let mut bytes = Vec::new();
        let wrong = |message| DecodeError::new(DecodeErrorKind::WrongValue, 0, message);
        let read = self.gatherer.read(extent, &mut bytes);
        read.map_err(|error| wrong(format!("an earlier record cannot be read again: {error}")))?;
        String::from_utf8(bytes)
            .map_err(|_| wrong("an earlier record has changed while it was read".to_owned()))
    }
}

impl Earlier for Index {
    fn until(&self, name: &str, limits: Limits) -> Result<Vec<String>, DecodeError> {
        let chain = self.chain(name, limits.messages())?;
        chain.into_iter().map(|entry| self.read(entry)).collect()
    }
}

/// A source that hands the earlier records over as well.
#[derive(Debug)]
struct Following {
    source: Arc<dyn Source>,
    index: Arc<Index>,
}

impl Source for Following {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn framings(&self) -> Vec<Framing> {
        self.source.framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        self.source.detect(head)
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        self.source.decode_after(context, &*self.index, record, batch)
    }

    fn repeats_history(&self) -> bool {
        self.source.repeats_history()
    }

    fn averages_scores(&self) -> bool {
        self.source.averages_scores()
    }

    fn continued_group(&self) -> Option<&'static str> {
        self.source.continued_group()
    }
}
