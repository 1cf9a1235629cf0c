//! What the tests share: the golden cases, and a plain framing (the real one belongs to the I/O crate).

#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, Limits};
use tracemill_sources::{
    Batch, Context, Head, Piece, Pieces, Prompts, Source, SourceInfo, SourceOptions, Texts, framing_for,
    sources,
};

/// One folder below `tests/golden/<source>`.
pub(crate) struct Case {
    pub(crate) source: &'static SourceInfo,
    pub(crate) folder: PathBuf,
    /// The file, or the first of the folder `input`.
    pub(crate) input: Vec<u8>,
    /// Every file, with its path below the folder `input`.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) options: SourceOptions,
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

    /// The source as the case wants it.
    pub(crate) fn make(&self) -> Box<dyn Source> {
        let made = self.source.make_with(&self.options);
        made.unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    /// The framing and the records of the first file.
    pub(crate) fn records(&self) -> (Framing, Vec<String>) {
        self.records_of(&self.input)
    }

    /// The framing and the records of one of the files.
    pub(crate) fn records_of(&self, input: &[u8]) -> (Framing, Vec<String>) {
        let framing = framing_for(&*self.make(), &Head::new(input, true));
        let framing = framing.unwrap_or_else(|| panic!("{}: no framing fits", self.name()));
        let records = records(&framing, input);
        (framing, records)
    }

    /// What reads the records of the first file.
    pub(crate) fn reader(&self) -> Reader {
        let (path, input) = &self.files[0];
        self.reader_of(path, input)
    }

    /// What reads the records of one of the files.
    pub(crate) fn reader_of(&self, path: &str, input: &[u8]) -> Reader {
        let (framing, _) = self.records_of(input);
        Reader {
            source: self.make(),
            context: if self.folder.join("pairs").exists() {
                context(&framing, input).with_path(path).for_pairs()
            } else {
                context(&framing, input).with_path(path)
            },
        }
    }
}

/// What every record of a file needs besides itself.
fn context(framing: &Framing, input: &[u8]) -> Context {
    let context = Context::new(Limits::default());
    let Framing::Elements(elements) = framing else {
        return context;
    };
    let text = std::str::from_utf8(input).expect("goldens are UTF-8");
    let header = |pointer: &String| Some(member(text, pointer)?.get().to_owned());
    context.with_headers(elements.headers().iter().map(header).collect())
}

/// A source and what it needs for the records of one file.
pub(crate) struct Reader {
    pub(crate) source: Box<dyn Source>,
    pub(crate) context: Context,
}

impl Reader {
    /// Reads one record.
    pub(crate) fn decode<'a>(&self, record: &'a str, texts: &'a Texts) -> Result<Batch<'a>, DecodeError> {
        let mut batch = Batch::new(texts);
        self.source.decode(&self.context, record, &mut batch)?;
        Ok(batch)
    }

    /// Reads one record as if there were no other; the number of traces.
    pub(crate) fn read_alone(&self, record: &str) -> Result<usize, DecodeErrorKind> {
        read_alone(&*self.source, &self.context, record)
    }
}

/// Reads one record as if there were no other; the number of traces.
pub(crate) fn read_alone(
    source: &dyn Source,
    context: &Context,
    record: &str,
) -> Result<usize, DecodeErrorKind> {
    let kept = Texts::new();
    let mut batch = Batch::new(&kept);
    if !source.assembles() {
        let decoded = source.decode(context, record, &mut batch);
        return decoded
            .map(|()| batch.traces().len())
            .map_err(|error| error.kind());
    }
    let mut pieces = Pieces::new();
    source
        .pieces(context, record, &mut pieces)
        .map_err(|error| error.kind())?;
    let texts: Vec<_> = pieces.list().iter().map(Piece::text).collect();
    if texts.is_empty() {
        return Ok(0);
    }
    source
        .assemble(context, &texts, &mut batch)
        .map_err(|error| error.error().kind())?;
    Ok(batch.traces().len())
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
    let file = |name: &str| Some((name.to_owned(), read(name)?));
    let mut files: Vec<_> = file("input.jsonl")
        .or_else(|| file("input.json"))
        .into_iter()
        .collect();
    collect_files(&folder.join("input"), "", &mut files);
    let input = files.first().map(|(_, bytes)| bytes.clone());
    let input = input.unwrap_or_else(|| panic!("{} has no input", folder.display()));
    let text = |name: &str| read(name).map(|bytes| String::from_utf8(bytes).expect("goldens are UTF-8"));
    let mut options = options(&text("options.txt").unwrap_or_default());
    if let Some(prompts) = text("prompts.json") {
        options = options.with_prompts(Prompts::from_json(&prompts).expect("prompts"));
    }
    Case {
        source,
        folder,
        input,
        files,
        options,
    }
}

/// The files of a folder, as a search would find them.
fn collect_files(folder: &Path, path: &str, files: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let path = if path.is_empty() {
            name.into_owned()
        } else {
            format!("{path}/{name}")
        };
        if entry.is_dir() {
            collect_files(&entry, &path, files);
        } else {
            files.push((path, fs::read(&entry).expect("goldens are readable")));
        }
    }
}

/// One option a line: `steps-key=KEY`, `step=NAME`, `field.NAME=KEY`.
fn options(text: &str) -> SourceOptions {
    text.lines().fold(SourceOptions::new(), |options, line| {
        let (name, value) = line.split_once('=').expect("name=value");
        match name.strip_prefix("field.") {
            Some(field) => options.with_field(field, value),
            None if name == "steps-key" => options.with_steps_key(value),
            None if name == "step" => options.with_step(value),
            None if name == "dataset" => options.with_dataset(value),
            None if name == "part" => options.with_part(value),
            None => panic!("no option {name}"),
        }
    })
}

/// Reads one record.
pub(crate) fn decode<'a>(
    source: &dyn Source,
    record: &'a str,
    texts: &'a Texts,
) -> Result<Batch<'a>, DecodeError> {
    let mut batch = Batch::new(texts);
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
            let array = member(text, elements.pointer()).expect("the framing fits");
            let elements: Vec<&RawValue> = serde_json::from_str(array.get()).expect("an array");
            elements.iter().map(|element| element.get().to_owned()).collect()
        }
        other => panic!("goldens of {other} need a framing here"),
    }
}

/// The value at a pointer of keys, as it is written.
fn member<'a>(text: &'a str, pointer: &str) -> Option<&'a RawValue> {
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    pointer.split('/').skip(1).try_fold(whole, |value, key| {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
        members.get(key).copied()
    })
}
