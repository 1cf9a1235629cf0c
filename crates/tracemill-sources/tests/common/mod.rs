//! What the tests share: the golden cases, and a plain framing (the real one belongs to the I/O crate).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use tracemill_model::{DecodeError, Framing, Limits};
use tracemill_sources::{Batch, Context, Head, Source, SourceInfo, framing_for, sources};

/// One folder below `tests/golden/<source>`.
pub(crate) struct Case {
    pub(crate) source: &'static SourceInfo,
    pub(crate) folder: PathBuf,
    pub(crate) input: Vec<u8>,
}

impl Case {
    /// The folder, for messages.
    pub(crate) fn name(&self) -> String {
        let folder = self.folder.file_name().unwrap_or_default();
        format!("{}/{}", self.source.name(), folder.display())
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(&self.input, true)
    }

    /// The framing and the records.
    pub(crate) fn records(&self) -> (Framing, Vec<String>) {
        let framing = framing_for(&*self.source.make(), &self.head());
        let framing = framing.unwrap_or_else(|| panic!("{}: no framing fits", self.name()));
        let records = records(&framing, &self.input);
        (framing, records)
    }
}

/// Every case of every registered source, in order.
pub(crate) fn cases() -> Vec<Case> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = Vec::new();
    for source in sources() {
        let folder = golden.join(source.name());
        let mut folders: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{} has no goldens: {error}", source.name()))
            .map(|entry| entry.unwrap().path())
            .collect();
        folders.sort();
        assert!(!folders.is_empty(), "{} has no goldens", source.name());
        cases.extend(folders.into_iter().map(|folder| case(source, folder)));
    }
    cases
}

fn case(source: &'static SourceInfo, folder: PathBuf) -> Case {
    let read = |name: &str| fs::read(folder.join(name)).ok();
    let input = read("input.jsonl").or_else(|| read("input.json"));
    let input = input.unwrap_or_else(|| panic!("{} has no input", folder.display()));
    Case {
        source,
        folder,
        input,
    }
}

/// Reads one record.
pub(crate) fn decode<'a>(source: &dyn Source, record: &'a str) -> Result<Batch<'a>, DecodeError> {
    let mut batch = Batch::new();
    source.decode(&Context::new(Limits::default()), record, &mut batch)?;
    Ok(batch)
}

fn records(framing: &Framing, input: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(input).expect("goldens are UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match framing {
        Framing::Lines => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        Framing::Document => vec![text.to_owned()],
        Framing::Elements(elements) => {
            assert_eq!(
                elements.pointer(),
                "",
                "goldens of nested arrays need a framing here"
            );
            let elements: Vec<&RawValue> = serde_json::from_str(text).expect("an array");
            elements.iter().map(|element| element.get().to_owned()).collect()
        }
        other => panic!("goldens of {other} need a framing here"),
    }
}
