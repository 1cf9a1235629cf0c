//! The account as JSON: the shape is part of the interface.

use tracemill::curate::{Bucket, Distribution, Names, ScoreStatistics};
use tracemill::model::JsonWriter;
use tracemill::{FormatFit, Inspected, Side};

use super::Cost;

/// Scores are shown in so many bars at the most.
pub(super) const BARS: usize = 20;

pub(super) fn text(inspected: &Inspected, cost: Option<Cost>) -> String {
    let mut out = Vec::new();
    write(inspected, cost, &mut JsonWriter::new(&mut out));
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) fn write(inspected: &Inspected, cost: Option<Cost>, w: &mut JsonWriter<'_>) {
    let (statistics, ledger) = (inspected.statistics(), inspected.ledger());
    w.begin_object();
    w.key("inputs").begin_array();
    for input in &ledger.inputs {
        w.begin_object();
        w.key("path").str(&input.path);
        w.key("source").str(&input.source);
        w.end_object();
    }
    w.end_array();
    w.key("records").begin_object();
    w.key("read").number(ledger.records.read);
    w.key("decoded").number(ledger.records.decoded);
    w.key("superseded").number(ledger.records.superseded);
    codes("skipped", ledger.records.skipped.iter(), w);
    codes("rejected", ledger.records.rejected.iter(), w);
    w.end_object();
    w.key("traces").number(statistics.traces());
    codes("filtered", ledger.traces.filtered.iter(), w);
    codes("rejected_traces", ledger.traces.rejected.iter(), w);
    codes("notes", ledger.notes.iter(), w);
    w.key("duplicates").number(statistics.duplicates());
    w.key("multimodal").number(statistics.multimodal());
    w.key("with_tools").number(statistics.with_tools());
    w.key("with_reasoning").number(statistics.with_reasoning());
    w.key("trials").number(statistics.trials());
    names("messages", statistics.messages(), w);
    names("calls", statistics.calls(), w);
    names("outcomes", statistics.outcomes(), w);
    names("models", statistics.models(), w);
    distribution("messages_per_trace", statistics.lengths(), w);
    distribution("turns_per_trace", statistics.turns(), w);
    distribution("characters_per_trace", statistics.characters(), w);
    if let Some(tokens) = &ledger.tokens {
        w.key("tokens").number(tokens.sum());
        distribution("tokens_per_trace", tokens, w);
    }
    if let Some(cost) = cost {
        w.key("cost").begin_object();
        w.key("epochs").number(u64::from(cost.epochs));
        w.key("tokens").number(cost.tokens);
        w.key("sum").float(cost.sum);
        w.end_object();
    }
    w.key("unscored").number(statistics.unscored());
    w.key("scores").begin_object();
    for (name, score) in statistics.scores() {
        w.text_key(&tracemill::model::Text::new(name));
        scores(score, w);
    }
    w.end_object();
    w.key("groups").begin_object();
    w.key("count").number(statistics.groups());
    w.key("tied").number(statistics.tied_groups());
    w.key("margins");
    scores(&statistics.margins(), w);
    w.end_object();
    w.key("formats").begin_array();
    for format in inspected.fits() {
        fit(format, w);
    }
    w.end_array();
    w.key("sides").begin_array();
    for one in inspected.sides() {
        side(one, w);
    }
    w.end_array();
    w.end_object();
}

fn side(side: &Side, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("name").str(side.name());
    w.key("wanted").float(side.wanted());
    w.key("traces").number(side.traces());
    if let Some(share) = side.share() {
        w.key("share").float(share);
    }
    if let Some(mean) = side.characters().mean() {
        w.key("mean_characters").float(mean);
    }
    w.key("unscored").number(side.scores().missing());
    if let Some(mean) = side.scores().mean() {
        w.key("mean_score").float(mean);
    }
    w.end_object();
}

fn fit(fit: &FormatFit, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("format").str(&fit.format().to_string());
    w.key("whole").number(fit.whole());
    w.key("lossy").number(fit.lossy());
    codes("losses", fit.losses().iter(), w);
    codes("refused", fit.refused().iter(), w);
    w.end_object();
}

fn codes(key: &'static str, counts: impl Iterator<Item = (&'static str, u64)>, w: &mut JsonWriter<'_>) {
    w.key(key).begin_object();
    for (code, count) in counts.filter(|&(_, count)| count > 0) {
        w.key(code).number(count);
    }
    w.end_object();
}

fn names(key: &'static str, names: &Names, w: &mut JsonWriter<'_>) {
    w.key(key).begin_object();
    for (name, count) in names.by_count() {
        w.text_key(&tracemill::model::Text::new(name)).number(count);
    }
    w.end_object();
}

fn distribution(key: &'static str, numbers: &Distribution, w: &mut JsonWriter<'_>) {
    w.key(key).begin_object();
    if let (Some(min), Some(max), Some(mean), Some(median)) =
        (numbers.min(), numbers.max(), numbers.mean(), numbers.median())
    {
        w.key("min").number(min);
        w.key("max").number(max);
        w.key("mean").float(mean);
        w.key("median").number(median);
    }
    buckets(&numbers.buckets(), w);
    w.end_object();
}

fn scores(scores: &ScoreStatistics, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("count").number(scores.count());
    w.key("missing").number(scores.missing());
    if let (Some((min, max)), Some(mean)) = (scores.range(), scores.mean()) {
        w.key("min").float(min);
        w.key("max").float(max);
        w.key("mean").float(mean);
    }
    buckets(&scores.buckets(BARS), w);
    w.end_object();
}

fn buckets(buckets: &[Bucket], w: &mut JsonWriter<'_>) {
    w.key("buckets").begin_array();
    for bucket in buckets {
        w.begin_object();
        w.key("from").float(bucket.from);
        w.key("to").float(bucket.to);
        w.key("count").number(bucket.count);
        w.end_object();
    }
    w.end_array();
}
