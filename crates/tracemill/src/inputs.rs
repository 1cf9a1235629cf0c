//! From inputs to what is needed to read them: source, framing, context.

use std::io::Read;
use std::sync::Arc;

use tracemill_io::{Archive, Cancel, Input, Record};
use tracemill_model::{DecodeError, Framing, Locator, Members, RawJson};
use tracemill_sources::{Context, Detection, Evidence, Head, HeadShape, Source, SourceInfo, framing_for};

use crate::assembly::Origins;
use crate::datasets;
use crate::error::{Error, ErrorKind};
use crate::ledger::InputEntry;
use crate::mill::{Config, SourceChoice};

/// How much of an input is looked at to know it.
const HEAD: usize = 256 * 1024;

/// An input with everything needed to read it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) input: Input,
    pub(crate) framing: Framing,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) context: Context,
    /// Where its traces came from, if they were put together before.
    pub(crate) origins: Option<Origins>,
    /// Whether it is another part of the same file as the one before.
    pub(crate) continues: bool,
    /// What the ledger says of it; its records are counted elsewhere.
    pub(crate) entry: InputEntry,
}

impl Planned {
    /// Where a record of this input stands: one that was put together, where its first piece does.
    pub(crate) fn locate<'a>(&'a self, record: &Record<'a>) -> Locator<'a> {
        match &self.origins {
            Some(origins) => origins.locate(self.input.name(), record.locator().index()),
            None => record.locator(),
        }
    }
}

/// Looks at the beginning of each input; empty ones are left out and given back on their own.
pub(crate) fn plan(
    inputs: impl IntoIterator<Item = Input>,
    config: &Config,
    cancel: &Cancel,
) -> Result<(Vec<Planned>, Vec<Input>), Error> {
    let mut planned = Vec::new();
    let mut empty = Vec::new();
    for input in inputs {
        let input = input.with_cancel(cancel);
        match Beginning::of(&input)? {
            Beginning::Empty => empty.push(input),
            Beginning::Archive => plan_archive(input, config, &mut planned, &mut empty)?,
            Beginning::Shown(head) if datasets::are_described(&head, config) => {
                for described in datasets::files(&input, config)? {
                    let file = described.file.with_cancel(cancel);
                    match Beginning::of(&file)? {
                        Beginning::Empty => empty.push(file),
                        Beginning::Archive => return Err(archived(&file, &*described.source)),
                        Beginning::Shown(head) => {
                            let chosen = (described.source, Some(described.evidence));
                            planned.push(plan_with(file, &head, chosen, config)?);
                        }
                    }
                }
            }
            Beginning::Shown(head) => {
                let chosen = choose_source(&input, &head, config)?;
                planned.push(plan_with(input, &head, chosen, config)?);
            }
        }
    }
    Ok((planned, empty))
}

/// What an input begins with.
enum Beginning {
    Empty,
    Archive,
    Shown(Head),
}

impl Beginning {
    fn of(input: &Input) -> Result<Self, Error> {
        let bytes = input.head(HEAD)?;
        let whole = bytes.len() < HEAD;
        if whole && bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Beginning::Empty);
        }
        if Archive::begins_with(&bytes) {
            return Ok(Beginning::Archive);
        }
        let mut head = Head::new(&bytes, whole);
        if !whole && input.is_rereadable() && head.shape() == HeadShape::Lines && !head.is_whole_record() {
            // A first line longer than the beginning is a long record, or all there is.
            if input.is_one_line()? {
                head = head.as_document();
            }
        }
        Ok(Beginning::Shown(head))
    }
}

fn archived(input: &Input, source: &dyn Source) -> Error {
    let message = format!(
        "{}: `{}` is not read from archives; unpack it",
        input.name(),
        source.name()
    );
    Error::new(ErrorKind::Input, message)
}

/// Plans the records of an archive: each a file, and an input of its own.
fn plan_archive(
    input: Input,
    config: &Config,
    planned: &mut Vec<Planned>,
    empty: &mut Vec<Input>,
) -> Result<(), Error> {
    let input = input.seekable()?;
    let archive = Archive::open(&input)?;
    let head = Head::of_archive(archive.names());
    let (source, evidence) = choose_source(&input, &head, config)?;
    let Some(Framing::Members(members)) = framing_for(&*source, &head) else {
        return Err(archived(&input, &*source));
    };
    let headers = archive_headers(&archive, &members, config)?;
    let context = base_context(config).with_headers(headers);
    let before = planned.len();
    for name in archive.names().filter(|name| members.takes(name)) {
        let Some(file) = archive.file(name) else { continue };
        planned.push(Planned {
            context: context.clone().with_path(file.name()),
            input: file,
            framing: Framing::Document,
            source: Arc::clone(&source),
            origins: None,
            continues: planned.len() > before,
            entry: InputEntry {
                path: input.name().to_owned(),
                source: source.name().to_owned(),
                evidence: evidence.clone(),
                records: 0,
                bytes: input.byte_len().unwrap_or(0),
            },
        });
    }
    if planned.len() == before {
        empty.push(input);
    }
    Ok(())
}

/// The values that every record of an archive needs, out of the first file that may hold them.
fn archive_headers(
    archive: &Archive,
    members: &Members,
    config: &Config,
) -> Result<Vec<Option<String>>, Error> {
    let Some(file) = members.header_files().iter().find_map(|name| archive.file(name)) else {
        return Ok(vec![None; members.headers().len()]);
    };
    let text = whole_text(&file, config)?;
    let failed = |error: DecodeError| Error::new(ErrorKind::Input, format!("{}: {error}", file.name()));
    let document = RawJson::parse(&text).map_err(failed)?;
    let header = |pointer: &String| document.pointer(pointer).map(|value| value.as_str().to_owned());
    Ok(members.headers().iter().map(header).collect())
}

/// The whole text of a file that is no longer than a record may be.
pub(crate) fn whole_text(file: &Input, config: &Config) -> Result<String, Error> {
    let failed = |message: String| Error::new(ErrorKind::Input, format!("{}: {message}", file.name()));
    let limit = config.record_limit.bytes() as u64;
    let mut text = String::new();
    let read = file.open()?.take(limit + 1).read_to_string(&mut text);
    read.map_err(|error| failed(format!("cannot be read: {error}")))?;
    if text.len() as u64 > limit {
        let message = format!(
            "is longer than {}; raise it with `--max-record`",
            config.record_limit
        );
        return Err(failed(message));
    }
    Ok(text)
}

fn choose_source(
    input: &Input,
    head: &Head,
    config: &Config,
) -> Result<(Arc<dyn Source>, Option<String>), Error> {
    Ok(match &config.source {
        SourceChoice::Own(source) => (Arc::clone(source), None),
        SourceChoice::Named(info) => (make(info, config)?, None),
        SourceChoice::Detect => {
            let (info, evidence) = detect(input, head, config)?;
            (make(info, config)?, Some(evidence.to_string()))
        }
    })
}

fn plan_with(
    input: Input,
    head: &Head,
    (source, evidence): (Arc<dyn Source>, Option<String>),
    config: &Config,
) -> Result<Planned, Error> {
    let framing = choose_framing(&input, &*source, head)?;
    let mut context = base_context(config).with_path(input.name());
    if let Framing::Elements(elements) = &framing
        && !elements.headers().is_empty()
    {
        context = context.with_headers(tracemill_io::headers(&input, elements, config.record_limit)?);
    }
    let entry = InputEntry {
        path: input.name().to_owned(),
        source: source.name().to_owned(),
        evidence,
        records: 0,
        bytes: input.byte_len().unwrap_or(0),
    };
    Ok(Planned {
        input,
        framing,
        source,
        context,
        origins: None,
        continues: false,
        entry,
    })
}

fn base_context(config: &Config) -> Context {
    let context = Context::new(config.limits);
    match config.pairing {
        Some(_) => context.for_pairs(),
        None => context,
    }
}

fn make(info: &SourceInfo, config: &Config) -> Result<Arc<dyn Source>, Error> {
    info.make_with(&config.source_options)
        .map(Arc::from)
        .map_err(Error::config)
}

/// The framing that fits the beginning of the file. A source with one framing is taken at its word: its records need not
/// be JSON.
fn choose_framing(input: &Input, source: &dyn Source, head: &Head) -> Result<Framing, Error> {
    let mut framings = source.framings();
    if framings.len() == 1 {
        return Ok(framings.remove(0));
    }
    framing_for(source, head).ok_or_else(|| {
        let framings: Vec<_> = framings.iter().map(ToString::to_string).collect();
        let message = format!(
            "{}: `{}` is read from {}, and this begins otherwise",
            input.name(),
            source.name(),
            framings.join(", or ")
        );
        Error::new(ErrorKind::Input, message)
    })
}

fn detect(input: &Input, head: &Head, config: &Config) -> Result<(&'static SourceInfo, Evidence), Error> {
    let message = match tracemill_sources::detect_with(head, &config.source_options) {
        Detection::One { info, evidence } => return Ok((info, evidence)),
        Detection::Several(matches) => {
            let matches: Vec<_> = matches
                .iter()
                .map(|(info, evidence)| format!("`{}` ({evidence})", info.name()))
                .collect();
            format!(
                "reads as several sources: {}; say which with `--from`",
                matches.join(", ")
            )
        }
        Detection::None { seen } => {
            format!("no known source ({seen}); name one with `--from`, see `tracemill sources`")
        }
        _ => "no known source; name one with `--from`, see `tracemill sources`".to_owned(),
    };
    Err(Error::new(
        ErrorKind::Input,
        format!("{}: {message}", input.name()),
    ))
}
