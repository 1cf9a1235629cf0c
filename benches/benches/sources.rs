//! Reading recorded traces in the shape of every source that is lines, beside reading the same traces in canonical form:
//! the whole way from bytes to traces, one thread, in memory, without writing anything.
//!
//! The records are the golden inputs of the sources, the longest without a bad record, over and over.

use std::fs;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracemill::formats::{EncodeError, Encoder, Scratch};
use tracemill::io::{Input, Threads};
use tracemill::model::{Example, Framing, Shape};
use tracemill::sources::{Source, sources};
use tracemill::{Chains, Mill, WhenEmpty};

const SIZE: usize = 4_000_000;

/// Takes everything and writes nothing.
#[derive(Debug)]
struct Nothing;

impl Encoder for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Conversation
    }

    fn encode(&self, example: &Example<'_>, _: &mut Scratch, _: &mut Vec<u8>) -> Result<(), EncodeError> {
        black_box(example);
        Ok(())
    }
}

fn mill() -> Mill {
    let mut builder = Mill::builder();
    builder
        .encoder(Nothing)
        .chains(Chains::All)
        .when_empty(WhenEmpty::Allow)
        .threads(Threads::exactly(NonZeroUsize::MIN));
    builder.build().expect("the options go together")
}

/// The canonical lines of a file that this source reads; none if a record is bad.
fn canonical(source: &str, path: &Path) -> Option<String> {
    let mut builder = Mill::builder();
    builder.format("tracemill").ok()?.chains(Chains::All);
    let encoded = builder.build().ok()?.collect([Input::path(path)]).ok()?;
    let is_read = encoded.ledger.inputs.iter().all(|input| input.source == source);
    is_read.then(|| String::from_utf8(encoded.bytes).ok()).flatten()
}

/// The longest golden input of a source without a bad record, and the same in canonical form.
fn sample(source: &dyn Source) -> Option<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/tracemill-sources/tests/golden")
        .join(source.name());
    let cases = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut files: Vec<PathBuf> = cases.map(|case| case.path().join("input.jsonl")).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| {
        let canonical = canonical(source.name(), path)?;
        Some((fs::read_to_string(path).ok()?, canonical))
    });
    texts.max_by_key(|(text, _)| text.len())
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("source");
    for source in sources() {
        let reader = source.make();
        // What is put together from many records would be one trace, over and over.
        if reader.assembles() || reader.framings().first() != Some(&Framing::Lines) {
            continue;
        }
        let Some((text, canonical)) = sample(&*reader) else {
            continue;
        };
        let times = SIZE / text.len();
        for (name, text) in [
            (source.name().to_owned(), text),
            (format!("{} in canonical form", source.name()), canonical),
        ] {
            let (mill, text) = (mill(), text.repeat(times));
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    mill.collect([Input::bytes("lines.jsonl", text.clone())])
                        .expect("no record is bad")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
