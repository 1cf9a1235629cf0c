//! The one line that says what was done.

use tracemill::{Counts, Ledger};

use crate::progress::bytes;

/// Prints the account in one line, and a second where there is something to know.
#[expect(clippy::cast_precision_loss, reason = "shares are shown with two decimals")]
pub(crate) fn print(ledger: &Ledger) {
    let written: u64 = ledger.outputs.first().map_or(0, |output| output.bytes);
    let name = ledger.outputs.first().map_or("-", |output| output.path.as_str());
    let sources = sources(ledger);
    anstream::eprintln!(
        "{} records ({sources}), {} traces -> {} examples, {} in {}",
        ledger.records.read,
        ledger.traces.read,
        ledger.examples,
        bytes(written),
        if name == "-" { "standard output" } else { name }
    );
    let mut notes = Vec::new();
    if let Some(tokens) = &ledger.tokens {
        let longest = tokens.max().unwrap_or(0);
        notes.push(format!("{} tokens, at most {longest} an example", tokens.sum()));
    }
    for side in ledger.outputs.iter().take(ledger.sides) {
        let share = side.records as f64 / ledger.examples.max(1) as f64;
        notes.push(format!(
            "{} in {} ({:.2} %)",
            side.records,
            side.path,
            share * 100.0
        ));
    }
    if ledger.groups.read > 0 {
        notes.push(format!(
            "{} of {} groups paired, {} of {} possible pairs written",
            ledger.groups.paired, ledger.groups.read, ledger.pairs.written, ledger.pairs.possible
        ));
    }
    let mut note = |what: &str, counts: &Counts| {
        if !counts.is_empty() {
            notes.push(format!("{what} {counts}"));
        }
    };
    note("skipped", &ledger.records.skipped);
    note("noted", &ledger.notes);
    note("rejected", &ledger.records.rejected);
    note("filtered", &ledger.traces.filtered);
    note("refused", &ledger.traces.rejected);
    note("pairs left out:", &ledger.pairs.skipped);
    note("unused", &ledger.traces.unused);
    note("lost, as allowed:", &ledger.losses);
    note("changed", &ledger.adjusted);
    if let Some(screened) = ledger
        .screened
        .as_ref()
        .filter(|screened| !screened.found.is_empty())
    {
        let first = screened.located.first();
        let first = first.map_or(String::new(), |first| {
            format!(", the first at {} {}", first.place, first.pointer)
        });
        notes.push(format!("found {}{first}", screened.found));
    }
    if ledger.records.superseded > 0 {
        notes.push(format!("superseded {}", ledger.records.superseded));
    }
    if !notes.is_empty() {
        anstream::eprintln!("  {}", notes.join("; "));
    }
}

/// The sources the inputs were read as, each once, in order, with what they were detected by.
fn sources(ledger: &Ledger) -> String {
    let mut names: Vec<String> = Vec::new();
    for input in ledger.inputs.iter().filter(|input| !input.source.is_empty()) {
        let name = match &input.evidence {
            Some(evidence) => format!("`{}` by {evidence}", input.source),
            None => format!("`{}`", input.source),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        "empty".to_owned()
    } else {
        names.join("; ")
    }
}
