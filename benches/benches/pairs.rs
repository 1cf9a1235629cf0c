//! Pairing on scores alone, one thread: groups of several sizes, cold decisions and warm buffers.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tracemill::pairs::{Candidate, Group, PairOptions, PairScratch, ScoreValue, Strategy};

/// Candidates that each measurement pairs, whatever the size of a group.
const CANDIDATES: usize = 65_536;

/// Scores with three decimals, some of them equal, in an order that no sort finds easy.
fn candidates() -> Vec<Candidate> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((state >> 16) % 1000) / 1000.0
    };
    (0..CANDIDATES)
        .map(|_| Candidate::new(ScoreValue::new(next()).ok()))
        .collect()
}

fn pairing(criterion: &mut Criterion) {
    let candidates = candidates();
    let mut group = criterion.benchmark_group("pairs");
    group.throughput(Throughput::Elements(CANDIDATES as u64));
    for strategy in [
        Strategy::BestVsWorst,
        Strategy::BestVsAll,
        Strategy::Adjacent,
        Strategy::Exhaustive,
    ] {
        let options = PairOptions::builder()
            .strategy(strategy)
            .build()
            .expect("no setting is wrong");
        for size in [4, 8, 64, 1024] {
            let mut scratch = PairScratch::new();
            let id = BenchmarkId::new(strategy.to_string(), size);
            group.bench_with_input(id, &size, |bencher, &size| {
                bencher.iter(|| {
                    let selected = candidates.chunks(size).map(|members| {
                        let paired = options.pair_group(Group::new(members), &mut scratch);
                        paired.map_or(0, |paired| paired.pairs().len())
                    });
                    black_box(selected.sum::<usize>())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pairing);
criterion_main!(benches);
