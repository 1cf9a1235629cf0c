//! What the tests over golden files share.

mod preference;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tracemill_formats::{
    ChatTemplate, EncodeOptions, Encoder, Format, FormatSpec, MetadataMode, Omission, Scratch, formats,
};
use tracemill_model::Example;

/// Compares the files of each case with what is written now, or rewrites them.
pub(crate) fn compare<'c>(cases: impl Iterator<Item = (&'c Path, BTreeMap<String, String>)>) {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (folder, expected) in cases {
        let found = found_files(folder);
        if update {
            rewrite(folder, &expected, &found);
            continue;
        }
        for name in expected.keys().chain(found.keys()) {
            if expected.get(name) != found.get(name) {
                wrong.push(folder.join(name).display().to_string());
            }
        }
    }
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "these differ from what is written now, are missing, or have no format; look at the difference after \
         UPDATE_GOLDEN=1:\n{}",
        wrong.join("\n")
    );
}

/// Every format of a kind as it is, and with each of its extensions switched.
pub(crate) fn specs(kind: impl Fn(&Format) -> bool) -> Vec<FormatSpec> {
    let mut specs = Vec::new();
    for format in formats().iter().filter(|format| is_built(format) && kind(format)) {
        specs.push(FormatSpec::of(format));
        for extension in format.extensions() {
            let sign = if extension.default { '-' } else { '+' };
            let spec = format!("{}{sign}{}", format.name(), extension.name);
            specs.push(spec.parse().unwrap());
        }
    }
    specs
}

/// The format that is there without the feature `template`, and cannot be made.
const TEMPLATE: &str = "text-template";

/// Whether encoders of a format can be made.
pub(crate) fn is_built(format: &Format) -> bool {
    cfg!(feature = "template") || format.name() != TEMPLATE
}

/// The options of a case that names none: what every format can be made with.
pub(crate) fn defaults() -> EncodeOptions {
    let template = include_str!("../templates/qwen3_instruct_2507.jinja");
    EncodeOptions::default().with_template(ChatTemplate::new(template))
}

/// The folders of the cases, in order.
pub(crate) fn folders(root: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut folders: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

/// The lines of `options.txt`, as name and value.
pub(crate) fn options(folder: &Path) -> Vec<(String, String)> {
    let options = fs::read_to_string(folder.join("options.txt")).unwrap_or_default();
    let split = |option: &str| {
        let (name, value) = option.split_once(' ').unwrap();
        (name.to_owned(), value.to_owned())
    };
    options.lines().map(split).collect()
}

/// The options with one more.
pub(crate) fn option(options: EncodeOptions, name: &str, value: &str) -> EncodeOptions {
    match (name, value) {
        ("reasoning", mode) => options.with_reasoning(mode.parse().unwrap()),
        ("metadata", "include") => options.with_metadata(MetadataMode::Include),
        _ => panic!("unknown option `{name} {value}`"),
    }
}

/// Encodes one example and adds to the account what came of it.
pub(crate) fn encode_one(
    spec: &FormatSpec,
    encoder: &dyn Encoder,
    example: &Example<'_>,
    scratch: &mut Scratch,
    records: &mut String,
    account: &mut String,
) {
    let mut out = Vec::new();
    scratch.clear();
    if let Err(error) = encoder.encode(example, scratch, &mut out) {
        writeln!(account, "refused: {}: {error}", error.kind().code()).unwrap();
        return;
    }
    assert_is_record(&out);
    records.push_str(std::str::from_utf8(&out).unwrap());
    records.push('\n');
    writeln!(account, "record {}", records.lines().count()).unwrap();
    for (loss, count, first) in scratch.losses.iter() {
        assert!(
            spec.format().losses().contains(&loss),
            "`{spec}` does not declare {loss:?}"
        );
        writeln!(
            account,
            "  loss: {} {count}x, first in message {first}",
            loss.code()
        )
        .unwrap();
    }
    let omitted: Vec<_> = scratch.losses.omitted().map(Omission::code).collect();
    if !omitted.is_empty() {
        writeln!(account, "  left out: {}", omitted.join(", ")).unwrap();
    }
}

/// One object, or list of objects, on one line, for readers that split at any line end Unicode knows.
pub(crate) fn assert_is_record(out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    let value: serde_json::Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let is_list = value
        .as_array()
        .is_some_and(|list| list.iter().all(serde_json::Value::is_object));
    assert!(value.is_object() || is_list, "{text}");
    let ends_line = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    assert!(!text.contains(ends_line), "{text:?}");
}

fn found_files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_built = cfg!(feature = "template") || !name.starts_with(TEMPLATE);
        if name != "input.jsonl" && name != "options.txt" && is_built {
            let text = fs::read_to_string(folder.join(&name)).unwrap();
            files.insert(name, text);
        }
    }
    files
}

fn rewrite(folder: &Path, expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, text) in expected {
        fs::write(folder.join(name), text).unwrap();
    }
}
