//! The account as a page in the terminal.

use std::fmt::Write as _;

use tracemill::curate::{Bucket, Distribution, Names, ScoreStatistics, Statistics};
use tracemill::{Counts, FormatFit, Inspected, Ledger, Side};

use super::Cost;

/// The width of the longest bar, in characters.
const BAR: u64 = 32;
/// As many names of a kind are shown.
const NAMES: usize = 10;
/// Scores are shown in so many bars at the most.
const BARS: usize = 10;

pub(super) fn text(inspected: &Inspected, cost: Option<Cost>) -> String {
    let mut text = String::new();
    let (statistics, ledger) = (inspected.statistics(), inspected.ledger());
    inputs(ledger, &mut text);
    overview(statistics, ledger, &mut text);
    names("messages by role", statistics.messages(), &mut text);
    names("calls by tool", statistics.calls(), &mut text);
    names("outcomes", statistics.outcomes(), &mut text);
    names("models", statistics.models(), &mut text);
    distribution("messages a trace", statistics.lengths(), &mut text);
    distribution("assistant turns a trace", statistics.turns(), &mut text);
    distribution("characters a trace", statistics.characters(), &mut text);
    if let Some(tokens) = &ledger.tokens {
        distribution("tokens a trace", tokens, &mut text);
        let _ = write!(text, "{} tokens in all", tokens.sum());
        if let Some(cost) = cost {
            if cost.epochs > 1 {
                let _ = write!(text, ", {} in {} epochs", cost.tokens, cost.epochs);
            }
            let _ = write!(text, ", estimated cost {:.2}", cost.sum);
        }
        text.push('\n');
    }
    for (name, score) in statistics.scores() {
        scores(&format!("score `{name}`"), score, &mut text);
    }
    if statistics.margins().count() > 0 {
        scores("best less worst of a group", &statistics.margins(), &mut text);
    }
    sides(inspected.sides(), &mut text);
    formats(inspected.fits(), &mut text);
    text
}

/// What a split puts on each side.
fn sides(sides: &[Side], text: &mut String) {
    if sides.is_empty() {
        return;
    }
    let names = sides.iter().map(|side| side.name().len());
    let width = names.max().unwrap_or(0).max("sides".len());
    let _ = writeln!(
        text,
        "\n{:<width$}  {:>9} {:>7} {:>7}  {:>10}  {:>15}",
        "sides",
        "traces",
        "share",
        "wanted",
        "mean score",
        "mean characters",
        width = width + 2
    );
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let none = || "-".to_owned();
    for side in sides {
        let _ = writeln!(
            text,
            "  {:<width$}  {:>9} {:>7} {:>7}  {:>10}  {:>15}",
            side.name(),
            side.traces(),
            side.share().map_or_else(none, percent),
            percent(side.wanted()),
            side.scores().mean().map_or_else(none, number),
            side.characters()
                .mean()
                .map_or_else(none, |mean| format!("{mean:.1}"))
        );
    }
}

/// What formats would hold, with what they would lose and why they refuse the rest.
fn formats(fits: &[FormatFit], text: &mut String) {
    if fits.is_empty() {
        return;
    }
    let names: Vec<_> = fits.iter().map(|fit| fit.format().to_string()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = width.max("what formats hold".len() - 2);
    let _ = writeln!(
        text,
        "\n{:<width$}  {:>9} {:>9} {:>9}",
        "what formats hold",
        "whole",
        "in part",
        "not",
        width = width + 2
    );
    for (fit, name) in fits.iter().zip(names) {
        let refused = fit.refused().total();
        let _ = writeln!(
            text,
            "  {name:<width$}  {:>9} {:>9} {refused:>9}",
            fit.whole(),
            fit.lossy()
        );
        for (what, counts) in [("lost", fit.losses()), ("refused", fit.refused())] {
            if !counts.is_empty() {
                let _ = writeln!(text, "    {what}: {counts}");
            }
        }
    }
}

fn inputs(ledger: &Ledger, text: &mut String) {
    for input in ledger.inputs.iter().take(NAMES) {
        let _ = writeln!(text, "{}  {}", input.path, input.source);
    }
    if ledger.inputs.len() > NAMES {
        let _ = writeln!(text, "… and {} more", ledger.inputs.len() - NAMES);
    }
}

fn overview(statistics: &Statistics, ledger: &Ledger, text: &mut String) {
    let mut rows = vec![
        ("records", ledger.records.read),
        ("traces", statistics.traces()),
        ("duplicates", statistics.duplicates()),
        ("with tools", statistics.with_tools()),
        ("with reasoning", statistics.with_reasoning()),
        ("with media", statistics.multimodal()),
        ("without a score", statistics.unscored()),
        ("with a trial", statistics.trials()),
        ("groups", statistics.groups()),
        ("groups in a tie", statistics.tied_groups()),
        ("superseded records", ledger.records.superseded),
    ];
    rows.retain(|&(name, count)| count > 0 || ["records", "traces"].contains(&name));
    text.push('\n');
    for (name, count) in rows {
        let _ = writeln!(text, "  {name:<20}{count:>12}");
    }
    let problems = [
        ("rejected", &ledger.records.rejected),
        ("rejected traces", &ledger.traces.rejected),
        ("skipped", &ledger.records.skipped),
        ("filtered", &ledger.traces.filtered),
        ("noted", &ledger.notes),
    ];
    for (name, counts) in problems
        .into_iter()
        .filter(|(_, counts)| !Counts::is_empty(counts))
    {
        let _ = writeln!(text, "  {name:<20}{counts}");
    }
}

fn names(title: &str, names: &Names, text: &mut String) {
    let by_count = names.by_count();
    let Some(&(_, most)) = by_count.first() else {
        return;
    };
    let _ = writeln!(text, "\n{title} ({})", names.total());
    let width = by_count.iter().take(NAMES).map(|(name, _)| name.chars().count());
    let width = width.max().unwrap_or(0).min(28);
    for &(name, count) in by_count.iter().take(NAMES) {
        bar(&format!("{:<width$}", shortened(name, width)), count, most, text);
    }
    if by_count.len() > NAMES {
        let _ = writeln!(text, "  … and {} more", by_count.len() - NAMES);
    }
}

fn shortened(name: &str, width: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    if name.chars().count() <= width {
        return name.chars().map(plain).collect();
    }
    let kept = name.chars().take(width.saturating_sub(1)).map(plain);
    kept.chain(['…']).collect()
}

fn distribution(title: &str, numbers: &Distribution, text: &mut String) {
    let (Some(min), Some(max), Some(mean), Some(median)) =
        (numbers.min(), numbers.max(), numbers.mean(), numbers.median())
    else {
        return;
    };
    let _ = writeln!(text, "\n{title}: {min} to {max}, median {median}, mean {mean:.1}");
    if min < max {
        buckets(&numbers.buckets(), text);
    }
}

fn scores(title: &str, scores: &ScoreStatistics, text: &mut String) {
    let _ = write!(text, "\n{title}: {} values", scores.count());
    if let (Some((min, max)), Some(mean)) = (scores.range(), scores.mean()) {
        let _ = write!(text, ", {min} to {max}, mean {}", number(mean));
    }
    if scores.missing() > 0 {
        let _ = write!(text, ", {} missing", scores.missing());
    }
    text.push('\n');
    buckets(&scores.buckets(BARS), text);
}

fn buckets(buckets: &[Bucket], text: &mut String) {
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let labels: Vec<_> = buckets.iter().map(label).collect();
    let width = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    for (bucket, label) in buckets.iter().zip(labels) {
        bar(&format!("{label:>width$}"), bucket.count, most, text);
    }
}

#[expect(clippy::float_cmp, reason = "a bucket of one value begins and ends with it")]
fn label(bucket: &Bucket) -> String {
    if bucket.from == bucket.to {
        number(bucket.from)
    } else {
        format!("{} – {}", number(bucket.from), number(bucket.to))
    }
}

/// A number with three decimals at the most.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bar(label: &str, count: u64, most: u64, text: &mut String) {
    let length = if count == 0 {
        0
    } else {
        (count * BAR).div_ceil(most.max(1))
    };
    let bar = "█".repeat(usize::try_from(length).unwrap_or(0));
    let line = format!("  {label}  {count:>9} {bar}");
    let _ = writeln!(text, "{}", line.trim_end());
}
