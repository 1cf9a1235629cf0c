//! How fast the workloads are made: at 200 MB a second, a gigabyte takes five seconds.

use std::hint::black_box;

use benches::corpus::{Corpus, Kind};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Large enough that building the tables of fragments does not count.
const SIZE: u64 = 4_000_000;

fn generate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("corpus");
    group.throughput(Throughput::Bytes(SIZE));
    for &kind in Kind::ALL {
        let corpus = Corpus::new(kind, SIZE, 1);
        group.bench_function(kind.name(), |bencher| bencher.iter(|| black_box(corpus.to_vec())));
    }
    group.finish();
}

criterion_group!(corpus, generate);
criterion_main!(corpus);
