//! Data sets that a `dataset_info.json` of LLaMA-Factory describes: the file as input stands for the files it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracemill_io::Input;
use tracemill_sources::{Dataset, DatasetInfo, Head, Source};

use crate::error::{Error, ErrorKind};
use crate::inputs::whole_text;
use crate::mill::{Config, SourceChoice};

/// A file of a data set.
pub(crate) struct Described {
    pub(crate) file: Input,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) evidence: String,
}

/// The source under whose name the description may be read.
const SOURCE: &str = "llamafactory";

/// Whether an input that begins so describes data sets, and is to be read as that.
pub(crate) fn are_described(head: &Head, config: &Config) -> bool {
    let is_wanted = match &config.source {
        SourceChoice::Detect => true,
        SourceChoice::Named(info) => info.name() == SOURCE,
        SourceChoice::Own(_) => false,
    };
    is_wanted && DatasetInfo::fits(head)
}

/// The files of the data sets that are asked for, in the order of their names.
pub(crate) fn files(input: &Input, config: &Config) -> Result<Vec<Described>, Error> {
    let failed = |message: &str| Error::new(ErrorKind::Input, format!("{}: {message}", input.name()));
    let text = whole_text(input, config)?;
    let info = DatasetInfo::from_json(&text).map_err(|error| failed(&error.to_string()))?;
    let Some(wanted) = config.source_options.dataset() else {
        return Err(failed(&unasked(&info)));
    };
    if config.source_options.part().is_some() {
        return Err(failed(
            "data sets of LLaMA-Factory have no parts; leave out `--part`",
        ));
    }
    let Some(path) = input.as_path() else {
        return Err(failed(
            "the data sets stand beside this file: give its path, not its contents",
        ));
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    for name in wanted.split(',').map(str::trim) {
        let dataset = info.get(name).map_err(|error| failed(&error.to_string()))?;
        let source: Arc<dyn Source> = Arc::from(dataset.source());
        let opened = opened(&dataset, folder).map_err(|error| {
            let message = format!("{}: data set `{name}`: {error}", input.name());
            Error::new(error.kind(), message)
        });
        for file in opened? {
            files.push(Described {
                file,
                source: Arc::clone(&source),
                evidence: format!("data set `{name}` of {}", input.name()),
            });
        }
    }
    Ok(files)
}

/// What somebody has to know who did not say which data set is wanted.
fn unasked(info: &DatasetInfo) -> String {
    let here = info.names().filter(|name| info.get(name).is_ok());
    let here: Vec<_> = here.map(|name| format!("`{name}`")).collect();
    let others = info.names().count() - here.len();
    let named = if here.is_empty() {
        "none is in a file".to_owned()
    } else {
        format!("in files are {}", here.join(", "))
    };
    format!("this describes data sets: say which with `--dataset NAME`; {named}; {others} others are not")
}

/// The endings of files that LLaMA-Factory 0.9.5 reads (`extras/constants.py`), and tracemill does not.
const UNREAD: [&str; 4] = [".arrow", ".csv", ".parquet", ".txt"];

fn opened(dataset: &Dataset, folder: &Path) -> Result<Vec<Input>, Error> {
    let ends = |endings: &[&str], name: &str| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&UNREAD, dataset.file()) {
        let message = format!(
            "`{}` is not read: write it as JSON Lines first, and name that",
            dataset.file()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let path: PathBuf = folder.join(dataset.file());
    Ok(tracemill_io::expand(&[path], |name| {
        ends(&[".json", ".jsonl"], name)
    })?)
}
