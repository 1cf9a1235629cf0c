//! Every case under `tests/golden-preference` against every format that takes pairs, verdicts or rankings.
//!
//! A line of `input.jsonl` is `{"prompt":N,"chosen":{…},"rejected":{…}}`: two traces, of which the first `N` messages are
//! the prompt, or of the worse one `rejected_prompt`; their first scores decide. With `"worse":[{…}]` it is a ranking as
//! well. A format gets of each line what it takes: the pair, both sides with a verdict, the ranking. The files are those of
//! `tests/golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tracemill-formats --test golden` rewrites them; read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use tracemill_formats::{EncodeOptions, Encoder, FormatSpec, Scratch};
use tracemill_model::{
    Example, JsonView, Labelled, Preference, Ranked, RawJson, Score, Shape, Side, Span, Trace,
};

use super::{assert_is_record, encode_one};

struct Case {
    folder: PathBuf,
    input: String,
    options: EncodeOptions,
}

/// A line of input, its traces in canonical form.
struct Line {
    prompt: usize,
    rejected_prompt: usize,
    chosen: String,
    rejected: String,
    worse: Vec<String>,
}

#[test]
fn golden_files_are_what_the_formats_write() {
    super::compare(
        cases()
            .iter()
            .map(|case| (case.folder.as_path(), expected_files(case))),
    );
}

#[test]
fn every_format_of_pairs_verdicts_or_rankings_writes_records() {
    for spec in specs() {
        let writes = |case: &Case| expected_files(case).contains_key(&format!("{spec}.jsonl"));
        assert!(cases().iter().any(writes), "`{spec}` refuses every case");
    }
}

/// The example of the registry has no key that the encoder does not write.
#[test]
fn examples_have_the_keys_of_records() {
    for spec in specs() {
        let records: Vec<_> = cases()
            .iter()
            .filter_map(|case| expected_files(case).remove(&format!("{}.jsonl", spec.format().name())))
            .collect();
        let mut known = BTreeSet::new();
        for record in records.iter().flat_map(|records| records.lines()) {
            collect_keys(RawJson::parse(record).unwrap().view(), &mut known);
        }
        let mut shown = BTreeSet::new();
        collect_keys(
            RawJson::parse(spec.format().example()).unwrap().view(),
            &mut shown,
        );
        assert!(
            shown.is_subset(&known),
            "`{spec}`: {:?}",
            shown.difference(&known)
        );
    }
}

/// The keys of all objects, at every level.
fn collect_keys(value: JsonView<'_>, keys: &mut BTreeSet<String>) {
    for (key, value) in value.members() {
        keys.insert(key.decode().into_owned());
        collect_keys(value, keys);
    }
    for value in value.elements() {
        collect_keys(value, keys);
    }
}

/// Cuts a trace of the input after each of its messages, moves the prompt through it, and cuts the text at every byte.
#[test]
fn no_cut_of_an_input_panics() {
    let options = EncodeOptions::default();
    let specs = specs();
    let encoders: Vec<_> = specs.iter().map(|spec| spec.encoder(&options).unwrap()).collect();
    for case in cases() {
        for text in case.input.lines() {
            for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
                assert!(Trace::from_json(&text[..end]).is_err(), "{}", &text[..end]);
            }
            let line = Line::read(text);
            let (chosen, rejected) = (Trace::from_json(&line.chosen), Trace::from_json(&line.rejected));
            let (chosen, rejected) = (chosen.unwrap(), rejected.unwrap());
            for end in 0..=chosen.messages().len().max(rejected.messages().len()) {
                for prompt in 0..=end {
                    let side = |trace| Side {
                        completion: Span::new(trace, prompt..end),
                        score: Some(0.5),
                    };
                    let examples = examples(
                        Span::new(&chosen, 0..prompt),
                        vec![side(&chosen), side(&rejected)],
                    );
                    for encoder in &encoders {
                        encode_all(encoder.as_ref(), &examples);
                    }
                }
            }
        }
    }
}

fn encode_all(encoder: &dyn Encoder, examples: &[(&str, Example<'_>)]) {
    let mut scratch = Scratch::new();
    for (_, example) in examples
        .iter()
        .filter(|(_, example)| encoder.accepts(example.shape()))
    {
        let mut out = Vec::new();
        scratch.clear();
        if encoder.encode(example, &mut scratch, &mut out).is_ok() {
            assert_is_record(&out);
        }
    }
}

/// Every format that takes anything but conversations, with each of its extensions.
fn specs() -> Vec<FormatSpec> {
    super::specs(|format| {
        let shapes = [Shape::Preference, Shape::Labelled, Shape::Ranked];
        format.shapes().iter().any(|shape| shapes.contains(shape))
    })
}

fn cases() -> Vec<Case> {
    let read = |folder: PathBuf| Case {
        input: fs::read_to_string(folder.join("input.jsonl")).unwrap(),
        options: super::options(&folder)
            .iter()
            .fold(EncodeOptions::default(), |options, (name, value)| {
                super::option(options, name, value)
            }),
        folder,
    };
    super::folders("tests/golden-preference")
        .into_iter()
        .map(read)
        .collect()
}

impl Line {
    fn read(text: &str) -> Line {
        let line = RawJson::parse(text).unwrap();
        let number = |key| {
            line.get(key)
                .map(|value| value.as_str().parse::<usize>().unwrap())
        };
        let trace = |key| line.get(key).unwrap().as_str().to_owned();
        let worse = line.get("worse");
        let worse = worse.into_iter().flat_map(JsonView::elements);
        Line {
            prompt: number("prompt").unwrap(),
            rejected_prompt: number("rejected_prompt").or(number("prompt")).unwrap(),
            chosen: trace("chosen"),
            rejected: trace("rejected"),
            worse: worse.map(|trace| trace.as_str().to_owned()).collect(),
        }
    }
}

fn expected_files(case: &Case) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for spec in specs() {
        let mut records = String::new();
        let account = match spec.encoder(&case.options) {
            Ok(encoder) => encode_case(case, &spec, encoder.as_ref(), &mut records),
            Err(error) => format!("{error}\n"),
        };
        files.insert(format!("{spec}.txt"), account);
        if !records.is_empty() {
            files.insert(format!("{spec}.jsonl"), records);
        }
    }
    files
}

/// Encodes every line; gives the account.
fn encode_case(case: &Case, spec: &FormatSpec, encoder: &dyn Encoder, records: &mut String) -> String {
    let mut account = String::new();
    let mut scratch = Scratch::new();
    for (number, text) in case.input.lines().enumerate() {
        let line = Line::read(text);
        let traces: Vec<_> = [&line.chosen, &line.rejected]
            .into_iter()
            .chain(&line.worse)
            .map(|trace| Trace::from_json(trace).unwrap())
            .collect();
        let sides = traces.iter().enumerate().map(|(index, trace)| {
            let start = if index == 0 {
                line.prompt
            } else {
                line.rejected_prompt
            };
            Side {
                completion: Span::new(trace, start..trace.messages().len()),
                score: trace.scores().first().and_then(Score::number),
            }
        });
        let prompt = Span::new(&traces[0], 0..line.prompt);
        let examples = examples(prompt, sides.collect());
        for (what, example) in examples
            .iter()
            .filter(|(_, example)| encoder.accepts(example.shape()))
        {
            write!(account, "line {}, {what}: ", number + 1).unwrap();
            encode_one(spec, encoder, example, &mut scratch, records, &mut account);
        }
    }
    account
}

/// What a line holds for formats to take.
fn examples<'e>(prompt: Span<'e>, sides: Vec<Side<'e>>) -> Vec<(&'static str, Example<'e>)> {
    let (chosen, rejected) = (sides[0], sides[1]);
    let labelled = |side: Side<'e>, label| {
        let completion = side.completion;
        Example::Labelled(Labelled {
            prompt: Span::new(completion.trace(), 0..completion.start()),
            completion: side,
            label,
        })
    };
    let pair = Example::Preference(Preference {
        prompt,
        chosen,
        rejected,
    });
    let mut examples = vec![
        ("pair", pair),
        ("good", labelled(chosen, true)),
        ("bad", labelled(rejected, false)),
    ];
    if sides.len() > 2 {
        let completions = sides;
        examples.push(("ranking", Example::Ranked(Ranked { prompt, completions })));
    }
    examples
}
