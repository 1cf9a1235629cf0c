//! What `inspect` counts, against a count in plain JSON of the canonical traces; and, where `TRACEMILL_CORPORA` names a
//! folder, of every recorded file in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracemill::formats::{EncodeOptions, FormatSpec, formats};
use tracemill::io::{Input, Threads};
use tracemill::model::Shape;
use tracemill::{AllowedLosses, Error, Inspecting, Ledger, Mill, OnError, WhenEmpty};

/// Traces, messages by role, calls by tool, values by score, groups and distinct conversations.
#[derive(Debug, Default, PartialEq)]
struct Count {
    traces: u64,
    messages: BTreeMap<String, u64>,
    calls: BTreeMap<String, u64>,
    scores: BTreeMap<String, (u64, f64, f64)>,
    groups: u64,
    characters: u64,
}

fn inspected(path: &Path) -> Result<Count, Error> {
    let inspected = Inspecting::new(Mill::builder()).run([Input::path(path)])?;
    let statistics = inspected.statistics();
    let names = |names: &tracemill::curate::Names| {
        let names = names.by_count().into_iter();
        names.map(|(name, count)| (name.to_owned(), count)).collect()
    };
    let scores = statistics.scores().filter_map(|(name, score)| {
        let (min, max) = score.range()?;
        Some((name.to_owned(), (score.count(), min, max)))
    });
    assert!(inspected.ledger().balances());
    Ok(Count {
        traces: statistics.traces(),
        messages: names(statistics.messages()),
        calls: names(statistics.calls()),
        scores: scores.collect(),
        groups: statistics.groups(),
        characters: statistics.characters().max().unwrap_or(0),
    })
}

/// The same from the canonical traces, by other code.
fn counted(path: &Path) -> Result<Count, Error> {
    let mut builder = Mill::builder();
    builder.format("tracemill")?;
    builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
    let lines = builder.build()?.collect([Input::path(path)])?.bytes;
    let (mut count, mut groups) = (Count::default(), BTreeSet::new());
    for line in String::from_utf8(lines).unwrap().lines() {
        let trace: Value = serde_json::from_str(line).unwrap();
        count.traces += 1;
        let mut characters = 0;
        for message in trace["messages"].as_array().unwrap() {
            *count
                .messages
                .entry(message["role"].as_str().unwrap().to_owned())
                .or_default() += 1;
            characters += said(&message["content"]);
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                let name = call["function"]["name"]
                    .as_str()
                    .or(call["name"].as_str())
                    .unwrap();
                *count.calls.entry(name.to_owned()).or_default() += 1;
            }
        }
        count.characters = count.characters.max(characters);
        let scores = trace["scores"].as_array().into_iter().flatten().cloned();
        let lone = trace
            .get("score")
            .map(|value| serde_json::json!({ "value": value }));
        for score in scores.chain(lone) {
            let name = score["name"].as_str().unwrap_or("score").to_owned();
            let value = match &score["value"] {
                Value::Bool(value) => Some(f64::from(u8::from(*value))),
                value => value.as_f64(),
            };
            if let Some(value) = value {
                let entry = count.scores.entry(name).or_insert((0, value, value));
                *entry = (entry.0 + 1, entry.1.min(value), entry.2.max(value));
            }
        }
        groups.extend(
            trace
                .get("group")
                .map(|group| group.get("key").unwrap_or(group).to_string()),
        );
    }
    count.groups = groups.len() as u64;
    Ok(count)
}

fn said(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.chars().count() as u64,
        Value::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            texts.map(|part| said(&part["text"])).sum()
        }
        _ => 0,
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path
            .extension()
            .is_some_and(|suffix| suffix == "jsonl" || suffix == "json")
        {
            into.push(path);
        }
    }
    into.sort();
}

#[test]
fn the_counts_are_those_of_the_traces() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples");
    let mut paths = Vec::new();
    files(&samples, &mut paths);
    assert!(!paths.is_empty());
    if let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") {
        files(Path::new(&corpora), &mut paths);
    }
    let mut read = 0;
    for path in paths {
        // What no source knows, neither reads.
        let Ok(wanted) = counted(&path) else {
            assert!(inspected(&path).is_err(), "{}", path.display());
            continue;
        };
        assert_eq!(inspected(&path).unwrap(), wanted, "{}", path.display());
        read += 1;
    }
    assert!(read > 0);
}

/// What a conversion of the file makes of it, with these losses.
fn converted(path: &Path, format: &FormatSpec, allowed: AllowedLosses) -> Result<Ledger, Error> {
    let mut builder = Mill::builder();
    builder.format_spec(format.clone()).allow_losses(allowed);
    builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
    Ok(builder.build()?.collect([Input::path(path)])?.ledger)
}

#[test]
fn formats_hold_what_a_conversion_keeps() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples");
    let mut paths = Vec::new();
    files(&samples, &mut paths);
    if let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") {
        files(Path::new(&corpora), &mut paths);
    }
    let takes = |spec: &FormatSpec| {
        spec.format().shapes().contains(&Shape::Conversation)
            && spec.encoder(&EncodeOptions::default()).is_ok()
    };
    let all: Vec<_> = formats().iter().map(FormatSpec::of).filter(takes).collect();
    assert!(all.len() > 20);
    let (mut whole, mut lossy, mut refused) = (0, 0, 0);
    for path in paths {
        let inspecting = Inspecting::new(Mill::builder()).with_formats(all.clone());
        // What no source knows is looked at in another test.
        let Ok(inspected) = inspecting.run([Input::path(&path)]) else {
            continue;
        };
        assert_eq!(inspected.fits().len(), all.len());
        for (format, fit) in all.iter().zip(inspected.fits()) {
            let place = format!("{}: {format}", path.display());
            let strict = converted(&path, format, AllowedLosses::none()).unwrap();
            let lax = converted(&path, format, AllowedLosses::all()).unwrap();
            assert_eq!(fit.format(), format, "{place}");
            assert_eq!(fit.whole(), strict.traces.used, "{place}");
            assert_eq!(fit.whole() + fit.lossy(), lax.traces.used, "{place}");
            assert_eq!(*fit.refused(), lax.traces.rejected, "{place}");
            assert_eq!(*fit.losses(), lax.losses, "{place}");
            whole += fit.whole();
            lossy += fit.lossy();
            refused += fit.refused().total();
        }
    }
    assert!(whole > 0 && lossy > 0 && refused > 0, "{whole} {lossy} {refused}");
}

#[test]
fn a_format_that_takes_no_conversations_is_refused() {
    let inspecting = Inspecting::new(Mill::builder()).with_formats(["trl-reward".parse().unwrap()]);
    let error = inspecting.run([Input::bytes("a.jsonl", "")]).unwrap_err();
    assert!(error.to_string().contains("takes no conversations"), "{error}");
}

#[test]
fn samples_and_counts_do_not_depend_on_threads_and_order() {
    let line = |n: usize| {
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"q{n}\"}}],\"score\":{}}}\n",
            n % 7
        )
    };
    let lines: Vec<_> = (0..3000).map(line).collect();
    let reversed: String = lines.iter().rev().cloned().collect();
    let look = |text: String, threads: usize| {
        let mut builder = Mill::builder();
        builder.threads(Threads::exactly(threads.try_into().unwrap()));
        let inspecting = Inspecting::new(builder).with_samples(10);
        let inspected = inspecting.run([Input::bytes("a.jsonl", text)]).unwrap();
        let (_, score) = inspected.statistics().scores().next().unwrap();
        (inspected.samples().to_vec(), score.mean(), score.buckets(10))
    };
    let one = look(lines.concat(), 1);
    assert_eq!(one.0.len(), 10);
    assert_eq!(one, look(lines.concat(), 4));
    assert_eq!(one, look(reversed, 2));
}
