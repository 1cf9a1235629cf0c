//! What `inspect` counts, against a count in plain JSON of the canonical traces; and, where `TRACEMILL_CORPORA` names a
//! folder, of every recorded file in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracemill::curate::{Choosing, Shares, SplitBy};
use tracemill::formats::{EncodeOptions, FormatSpec, formats};
use tracemill::io::{Digest, Input, OutputFolder, Overwrite, Threads};
use tracemill::model::Shape;
use tracemill::{
    AllowedLosses, Curation, Error, Inspecting, Ledger, Mill, MillBuilder, OnError, Run, WhenEmpty,
};

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
            // Pieces from which no trace can be put together are rejected before any format sees them.
            let mut rejected = fit.refused().clone();
            for (code, count) in inspected.ledger().traces.rejected.iter() {
                rejected.add_many(code, count);
            }
            assert_eq!(rejected, lax.traces.rejected, "{place}");
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

/// Traces of several groups, of which some share prompts across groups, some have no score, and some no group.
fn mixed(count: usize) -> String {
    let line = |n: usize| {
        let score = if n.is_multiple_of(11) {
            "null".to_owned()
        } else {
            (n % 7).to_string()
        };
        let group = if n.is_multiple_of(3) {
            String::new()
        } else {
            format!(r#","group":{{"key":{}}}"#, n % 300)
        };
        let prompt = if n.is_multiple_of(29) { n % 7 } else { n % 600 };
        let answer = "a".repeat(n % 13);
        format!(
            r#"{{"messages":[{{"role":"user","content":"q{prompt}"}},{{"role":"assistant","content":"{answer}"}}]{group},"score":{score}}}"#
        ) + "\n"
    };
    (0..count).map(line).collect()
}

fn splitting(shares: &Shares, by: SplitBy, seed: u64) -> MillBuilder {
    let mut choosing = Choosing::new();
    choosing.split(shares.clone(), by).seed(seed);
    let mut builder = Mill::builder();
    builder
        .curation(Curation::new().with_choosing(choosing))
        .threads(Threads::exactly(2.try_into().unwrap()));
    builder
}

/// One side of a split that was written to a file, counted in plain JSON.
#[derive(Debug, Default)]
struct File {
    traces: u32,
    characters: u32,
    scored: u32,
    score: f64,
}

impl File {
    fn count(lines: &str) -> Self {
        let mut file = File::default();
        for line in lines.lines() {
            let trace: Value = serde_json::from_str(line).unwrap();
            file.traces += 1;
            for message in trace["messages"].as_array().unwrap() {
                file.characters += u32::try_from(said(&message["content"])).unwrap();
            }
            let lists = trace["scores"].as_array().into_iter().flatten();
            let values = lists.map(|score| &score["value"]).chain([&trace["score"]]);
            for value in values.filter_map(Value::as_f64) {
                file.scored += 1;
                file.score += value;
            }
        }
        file
    }
}

fn written(mut builder: MillBuilder, shares: &Shares, text: &str) -> Vec<File> {
    let place = std::env::temp_dir().join(format!("tracemill-inspected-{}", std::process::id()));
    let folder = OutputFolder::create(&place, Overwrite::Allow).unwrap();
    let input = [Input::bytes("a.jsonl", text.to_owned())];
    let run = Run::into_folder(input, folder, shares, Digest::None).unwrap();
    builder.format("tracemill").unwrap();
    builder.build().unwrap().execute(run).unwrap();
    let read = |name: &str| std::fs::read_to_string(place.join(format!("{name}.jsonl"))).unwrap();
    let sides = shares.names().map(|name| File::count(&read(name))).collect();
    std::fs::remove_dir_all(&place).unwrap();
    sides
}

#[test]
fn sides_are_those_that_a_conversion_writes() {
    let shares: Shares = "train=0.7,validation=0.1,test=0.2".parse().unwrap();
    let text = mixed(3_000);
    for by in [SplitBy::Hash, SplitBy::Shuffled, SplitBy::Positional] {
        for seed in [0, 7] {
            let builder = splitting(&shares, by, seed);
            let files = written(builder.clone(), &shares, &text);
            let input = [Input::bytes("a.jsonl", text.clone())];
            let inspected = Inspecting::new(builder).run(input).unwrap();
            let traces: u32 = files.iter().map(|file| file.traces).sum();
            assert!(inspected.ledger().balances());
            assert_eq!(inspected.statistics().traces(), u64::from(traces));
            let on_two_sides = inspected.ledger().traces.filtered.get("on-two-sides");
            assert_eq!(on_two_sides, u64::from(3_000 - traces));
            assert_eq!(on_two_sides > 0, by == SplitBy::Hash);
            assert_eq!(inspected.sides().len(), files.len());
            for ((side, file), (name, share)) in inspected.sides().iter().zip(files).zip(shares.iter()) {
                let part = |of: u32, total: u32| Some(f64::from(of) / f64::from(total));
                assert_eq!((side.name(), side.wanted()), (name, share));
                assert_eq!(
                    side.traces(),
                    u64::from(file.traces),
                    "{name}, {}, {seed}",
                    by.name()
                );
                assert_eq!(side.share(), part(file.traces, traces));
                assert_eq!(side.characters().mean(), part(file.characters, file.traces));
                assert_eq!(side.scores().count(), u64::from(file.scored));
                assert_eq!(side.scores().missing(), u64::from(file.traces - file.scored));
                let mean = file.score / f64::from(file.scored);
                assert!((side.scores().mean().unwrap() - mean).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn sides_of_nothing_are_empty_and_without_a_split_there_are_none() {
    let shares: Shares = "train=0.5,test=0.5".parse().unwrap();
    let look = |builder| {
        Inspecting::new(builder)
            .run([Input::bytes("a.jsonl", "")])
            .unwrap()
    };
    let inspected = look(splitting(&shares, SplitBy::Hash, 0));
    assert_eq!(inspected.sides().len(), 2);
    for side in inspected.sides() {
        assert_eq!(
            (
                side.traces(),
                side.share(),
                side.scores().mean(),
                side.characters().mean()
            ),
            (0, None, None, None)
        );
    }
    assert!(look(Mill::builder()).sides().is_empty());
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
