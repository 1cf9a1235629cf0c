//! Reading a trace, writing it in every registered format, and checking what was written: one thread, in memory.
//!
//! Formats come from the registry: a new one is measured without new code. The baseline is what a program without a
//! trace model would do: parse to a value tree.

use std::hint::black_box;

use benches::corpus::{Corpus, Kind};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracemill::Mill;
use tracemill::formats::{EncodeOptions, Encoder, Findings, Format, FormatSpec, Scratch, formats};
use tracemill::io::Input;
use tracemill::model::{
    Conversation, Example, Labelled, Preference, Ranked, RawJson, Score, Shape, Side, Span, Trace,
};

const SIZE: u64 = 4_000_000;

fn lines(kind: Kind) -> String {
    String::from_utf8(Corpus::new(kind, SIZE, 1).to_vec()).expect("the generator writes UTF-8")
}

fn read(criterion: &mut Criterion) {
    let text = lines(Kind::Chat);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("trace", |bencher| {
        bencher.iter(|| {
            text.lines()
                .filter(|line| black_box(Trace::from_json(line)).is_ok())
                .count()
        });
    });
    group.bench_function("serde_json::Value", |bencher| {
        bencher.iter(|| {
            let parses = |line: &&str| black_box(serde_json::from_str::<serde_json::Value>(line)).is_ok();
            text.lines().filter(parses).count()
        });
    });
    group.finish();
}

/// What a benchmark gives to a format: an example of the first shape that it takes.
struct Workload<'t> {
    shape: Shape,
    examples: Vec<Example<'t>>,
    bytes: usize,
}

/// Conversations first, so that every format that takes them is measured on the same text.
const SHAPES: [Shape; 4] = [
    Shape::Conversation,
    Shape::Preference,
    Shape::Labelled,
    Shape::Ranked,
];

/// The canonical form of candidates, which are no traces yet.
fn canonical(text: String) -> String {
    let mut builder = Mill::builder();
    let mill = builder.format("tracemill").and_then(|builder| builder.build());
    let encoded = mill.and_then(|mill| mill.collect([Input::bytes("candidates.jsonl", text)]));
    String::from_utf8(encoded.expect("a workload of ours").bytes).expect("canonical traces are UTF-8")
}

fn traces(text: &str) -> Vec<Trace<'_>> {
    text.lines()
        .map(|line| Trace::from_json(line).expect("a workload of ours"))
        .collect()
}

/// Conversations from the chats, everything else from the candidates of a turn, which stand together.
fn workloads<'t>(
    chats: &'t [Trace<'t>],
    candidates: &'t [Trace<'t>],
    bytes: [usize; 2],
) -> Vec<Workload<'t>> {
    SHAPES
        .into_iter()
        .map(|shape| match shape {
            Shape::Conversation => Workload {
                shape,
                examples: chats
                    .iter()
                    .map(Conversation::whole)
                    .map(Example::Conversation)
                    .collect(),
                bytes: bytes[0],
            },
            _ => Workload {
                shape,
                examples: candidates
                    .chunks_exact(8)
                    .flat_map(|turn| judged(shape, turn))
                    .collect(),
                bytes: bytes[1],
            },
        })
        .collect()
}

/// Every candidate of a turn in examples of one shape.
fn judged<'t>(shape: Shape, turn: &'t [Trace<'t>]) -> Vec<Example<'t>> {
    let prompt = |trace: &'t Trace<'t>| Span::new(trace, 0..trace.messages().len() - 1);
    let side = |trace: &'t Trace<'t>| Side {
        completion: Span::new(trace, trace.messages().len() - 1..trace.messages().len()),
        score: trace.scores().first().and_then(Score::number),
    };
    match shape {
        Shape::Preference => turn
            .chunks_exact(2)
            .map(|two| Preference {
                prompt: prompt(&two[0]),
                chosen: side(&two[0]),
                rejected: side(&two[1]),
            })
            .map(Example::Preference)
            .collect(),
        Shape::Labelled => turn
            .iter()
            .map(|trace| Labelled {
                prompt: prompt(trace),
                completion: side(trace),
                label: true,
            })
            .map(Example::Labelled)
            .collect(),
        _ => vec![Example::Ranked(Ranked {
            prompt: prompt(&turn[0]),
            completions: turn.iter().map(side).collect(),
        })],
    }
}

/// Calls `measure` with every format, what it is measured on, and its encoder. A template's speed is its own, and is left out.
fn every_format(measure: &mut dyn FnMut(&'static Format, &Workload<'_>, &dyn Encoder)) {
    let (chat, grouped) = (lines(Kind::Chat), canonical(lines(Kind::Grouped)));
    let (chats, candidates) = (traces(&chat), traces(&grouped));
    let workloads = workloads(&chats, &candidates, [chat.len(), grouped.len()]);
    for format in formats() {
        let Ok(encoder) = FormatSpec::of(format).encoder(&EncodeOptions::default()) else {
            continue;
        };
        let workload = workloads.iter().find(|workload| encoder.accepts(workload.shape));
        measure(
            format,
            workload.expect("a format takes a shape"),
            encoder.as_ref(),
        );
    }
}

/// Encodes what the format takes of a workload, one record a line.
fn write(encoder: &dyn Encoder, workload: &Workload<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
    out.clear();
    for example in &workload.examples {
        scratch.clear();
        let start = out.len();
        match encoder.encode(example, scratch, out) {
            Ok(()) => out.push(b'\n'),
            // A format that refuses some of the examples is measured on the others.
            Err(_) => out.truncate(start),
        }
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    every_format(&mut |format, workload, encoder| {
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        group.throughput(Throughput::Bytes(workload.bytes as u64));
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| {
                write(encoder, workload, &mut scratch, &mut out);
                black_box(out.len())
            });
        });
    });
    group.finish();
}

/// Parsing and checking what the encoder of each format writes.
fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    every_format(&mut |format, workload, encoder| {
        let mut out = Vec::new();
        write(encoder, workload, &mut Scratch::new(), &mut out);
        let records = String::from_utf8(out).expect("encoders write UTF-8");
        // Formats that need an answer to compare with refuse all of it.
        if records.is_empty() {
            return;
        }
        let (spec, mut findings) = (FormatSpec::of(format), Findings::new());
        group.throughput(Throughput::Bytes(records.len() as u64));
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| {
                let found = records.lines().map(|line| {
                    findings.clear();
                    spec.check(
                        RawJson::parse(line).expect("encoders write JSON").view(),
                        &mut findings,
                    );
                    findings.iter().count()
                });
                black_box(found.sum::<usize>())
            });
        });
    });
    group.finish();
}

criterion_group!(convert, read, encode, check);
criterion_main!(convert);
