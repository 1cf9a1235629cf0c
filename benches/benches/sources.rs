//! Reading recorded traces in the shape of every source that is lines, beside reading the same traces in canonical form:
//! the whole way from bytes to traces, one thread, in memory, without writing anything.
//!
//! The records are the golden inputs of the sources, the longest without a bad record, over and over. As those were made to
//! show what a format can hold, most of their texts are a word or two: they are read as they are, and with texts as long as
//! those of the workload (`cargo xtask corpus`), which is what people have.
//!
//! With `--ratios` both forms are read by turns, so that a machine that is slow now and fast then is so to both, and what is
//! printed is how fast a source reads its own form, as a part of how fast the same traces are read in canonical form.

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use benches::corpus::{Corpus, Kind};
use criterion::{Criterion, Throughput, criterion_group};
use serde_json::Value;
use tracemill::formats::{EncodeError, Encoder, Scratch};
use tracemill::io::{Input, Threads};
use tracemill::model::{Example, Framing, Shape};
use tracemill::sources::{Source, sources};
use tracemill::{Chains, Encoded, Mill, MillBuilder, WhenEmpty};

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

/// A mill that need not find out what it reads, which takes the same time however long a file is.
fn builder(source: &str) -> MillBuilder {
    let mut builder = Mill::builder();
    builder
        .source_named(source)
        .expect("the source is registered")
        .chains(Chains::All)
        .threads(Threads::exactly(NonZeroUsize::MIN));
    builder
}

/// Lines of a source, and the same traces in canonical form.
struct Sample {
    own: String,
    canonical: String,
}

impl Sample {
    /// None if a record is bad.
    fn of(source: &str, own: String) -> Option<Self> {
        let mut builder = builder(source);
        builder.format("tracemill").ok()?;
        let input = Input::bytes("lines.jsonl", own.clone());
        let encoded = builder.build().ok()?.collect([input]).ok()?;
        let canonical = String::from_utf8(encoded.bytes).ok()?;
        (!canonical.is_empty()).then_some(Sample { own, canonical })
    }

    /// The longest golden input of a source without a bad record.
    fn golden(source: &dyn Source) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates/tracemill-sources/tests/golden")
            .join(source.name());
        let cases = fs::read_dir(folder).ok()?.filter_map(Result::ok);
        let mut files: Vec<PathBuf> = cases.map(|case| case.path().join("input.jsonl")).collect();
        files.sort();
        let samples = files
            .iter()
            .filter_map(|path| Sample::of(source.name(), fs::read_to_string(path).ok()?));
        samples.max_by_key(|sample| sample.own.len())
    }

    /// The same with other words for what its messages say: each text becomes one of those of the workload.
    fn with_long_texts(&self, source: &str) -> Option<Self> {
        let said = texts_of_messages(&self.canonical);
        // A text may have become a part of another; a word alone may also be the name of something.
        let is_part = |text: &str| text.contains(' ') && said.iter().any(|said| said.contains(text));
        let is_said = |text: &&String| said.contains(*text) || is_part(text);
        let held = strings(&self.own);
        let mut short: Vec<_> = held.iter().filter(is_said).collect();
        // Some stand inside of others.
        short.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let long = long_texts();
        let own = short
            .iter()
            .zip(long.iter().cycle())
            .fold(self.own.clone(), |own, (short, long)| {
                own.replace(&token(short), &token(long))
            });
        Sample::of(source, own)
    }
}

fn token(text: &str) -> String {
    Value::from(text).to_string()
}

/// What is said in some chats of the workload, those of different speakers mixed.
fn long_texts() -> Vec<String> {
    let chats = Corpus::new(Kind::Chat, 400_000, 1).to_vec();
    let chats = String::from_utf8(chats).expect("the workload is text");
    let texts = texts_of_messages(&chats);
    // In no order of length or beginning.
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by_key(|text| {
        text.bytes()
            .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    texts
}

/// The contents and the reasoning of all messages of canonical traces.
fn texts_of_messages(traces: &str) -> BTreeSet<String> {
    let traces = traces.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut texts = BTreeSet::new();
    for trace in traces {
        let trace: Value = trace;
        for message in trace["messages"].as_array().into_iter().flatten() {
            collect(&message["content"], &mut texts);
            collect(&message["reasoning"], &mut texts);
        }
    }
    texts.remove("");
    texts
}

/// All strings that stand as values in some lines.
fn strings(lines: &str) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for value in lines.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        collect(&value, &mut texts);
    }
    texts
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(object) => object.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

/// Calls `visit` with the samples of every source that is lines, and what is special about them.
fn samples(mut visit: impl FnMut(&'static str, &Sample, &str)) {
    for source in sources() {
        let reader = source.make();
        // What is put together from many records would be one trace, over and over.
        if reader.assembles() || reader.framings().first() != Some(&Framing::Lines) {
            continue;
        }
        let Some(sample) = Sample::golden(&*reader) else {
            continue;
        };
        if let Some(long) = sample.with_long_texts(source.name()) {
            visit(source.name(), &long, "");
        }
        visit(source.name(), &sample, ", short texts");
    }
}

/// A mill for one form, and what it is to read.
struct Job {
    mill: Mill,
    input: Input,
    bytes: usize,
}

impl Job {
    fn new(source: &str, lines: &str) -> Self {
        let mut builder = builder(source);
        builder.encoder(Nothing).when_empty(WhenEmpty::Allow);
        let text = lines.repeat(SIZE / lines.len() + 1);
        Job {
            mill: builder.build().expect("the options go together"),
            bytes: text.len(),
            input: Input::bytes("lines.jsonl", text),
        }
    }

    fn run(&self) -> Encoded {
        self.mill.collect([self.input.clone()]).expect("no record is bad")
    }

    /// Megabytes a second, once.
    fn speed(&self) -> f64 {
        let start = Instant::now();
        black_box(self.run());
        lossless(self.bytes) / 1e6 / start.elapsed().as_secs_f64()
    }
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("source");
    samples(|source, sample, which| {
        let jobs = [
            (format!("{source}{which}"), Job::new(source, &sample.own)),
            (
                format!("{source} in canonical form{which}"),
                Job::new("tracemill", &sample.canonical),
            ),
        ];
        for (name, job) in jobs {
            group.throughput(Throughput::Bytes(job.bytes as u64));
            group.bench_function(name, |bencher| bencher.iter(|| job.run()));
        }
    });
    group.finish();
}

/// A length as a number to divide by.
fn lossless(length: usize) -> f64 {
    u32::try_from(length).map_or(f64::INFINITY, f64::from)
}

/// Prints how fast each source reads its own form, as a part of the canonical form's speed: the median of some rounds, by
/// byte and by trace.
#[expect(clippy::print_stdout, reason = "it is what this was started for")]
fn ratios() {
    const ROUNDS: usize = 21;
    samples(|source, sample, which| {
        let (own, canonical) = (
            Job::new(source, &sample.own),
            Job::new("tracemill", &sample.canonical),
        );
        let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| own.speed() / canonical.speed()).collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ROUNDS / 2];
        let of_a_trace = ratio * lossless(sample.canonical.len()) / lossless(sample.own.len());
        println!("{source}{which}: {ratio:.2} by byte, {of_a_trace:.2} by trace");
    });
}

criterion_group!(benches, read);

fn main() {
    if std::env::args().any(|argument| argument == "--ratios") {
        ratios();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
