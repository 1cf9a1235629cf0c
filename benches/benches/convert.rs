//! Reading a trace, and writing it in every registered format, one thread, in memory.
//!
//! Formats come from the registry: a new one is measured without new code. The baseline is what a program without a
//! trace model would do: parse to a value tree.

use std::hint::black_box;

use benches::corpus::{Corpus, Kind};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracemill::formats::{EncodeOptions, FormatSpec, Scratch, formats};
use tracemill::model::{Conversation, Example, Shape, Trace};

const SIZE: u64 = 4_000_000;

fn lines() -> String {
    String::from_utf8(Corpus::new(Kind::Chat, SIZE, 1).to_vec()).expect("the generator writes UTF-8")
}

fn read(criterion: &mut Criterion) {
    let text = lines();
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

fn encode(criterion: &mut Criterion) {
    let text = lines();
    let traces: Vec<_> = text
        .lines()
        .map(|line| Trace::from_json(line).expect("a workload of ours"))
        .collect();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for format in formats()
        .iter()
        // The speed of a template is its own.
        .filter(|format| format.shapes().contains(&Shape::Conversation) && format.name() != "text-template")
    {
        let encoder = FormatSpec::of(format)
            .encoder(&EncodeOptions::default())
            .expect("defaults fit each other");
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| {
                out.clear();
                for trace in &traces {
                    scratch.clear();
                    let example = Example::Conversation(Conversation::whole(trace));
                    // A format that refuses some of the traces is measured on what it does until then.
                    let _ = black_box(encoder.encode(&example, &mut scratch, &mut out));
                }
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(convert, read, encode);
criterion_main!(convert);
