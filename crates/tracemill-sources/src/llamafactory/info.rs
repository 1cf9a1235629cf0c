//! `dataset_info.json`: which data sets there are beside it, and under which names their columns and speakers go.
//!
//! As LLaMA-Factory 0.9.5 reads it (`data/parser.py`): where an entry has `columns`, those that it does not name are not there,
//! and the same holds for `tags`; without them the usual names hold.

use std::fmt;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, RawJson};

use super::table::{Columns, Form, Table, Tags};
use crate::head::Head;
use crate::source::Source;
use crate::walk;

/// The data sets of LLaMA-Factory that a `dataset_info.json` describes.
///
/// ```
/// use tracemill_sources::{Batch, Context, DatasetInfo, Texts};
///
/// let info = DatasetInfo::from_json(
///     r#"{"capitals":{"file_name":"capitals.json","columns":{"prompt":"question","response":"answer"}},
///         "lima":{"hf_hub_url":"llamafactory/lima","formatting":"sharegpt"}}"#,
/// )?;
/// let dataset = info.get("capitals")?;
/// assert_eq!(dataset.file(), "capitals.json");
///
/// let texts = Texts::new();
/// let mut batch = Batch::new(&texts);
/// dataset.source().decode(&Context::default(), r#"{"question":"Peru?","answer":"Lima"}"#, &mut batch)?;
/// assert_eq!(batch.traces()[0].messages().len(), 2);
///
/// let unknown = info.get("capital").unwrap_err();
/// assert_eq!(unknown.to_string(), "there is no data set `capital`, only `capitals`, `lima`");
/// let remote = info.get("lima").unwrap_err();
/// assert!(remote.to_string().contains("`llamafactory/lima`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DatasetInfo {
    entries: Vec<(String, RawJson<'static>)>,
}

/// One data set, in a file or a folder beside its description.
#[derive(Clone, Debug)]
pub struct Dataset {
    file: String,
    table: Table,
}

/// A data set cannot be read: there is none of this name, it is not in a file, or its description is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetError(String);

impl fmt::Display for DatasetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatasetError {}

/// Where a data set may be instead of in a file, and what that is.
const ELSEWHERE: [(&str, &str); 5] = [
    ("hf_hub_url", "on the hub of Hugging Face"),
    ("ms_hub_url", "on the hub of ModelScope"),
    ("om_hub_url", "on the hub of Modelers"),
    ("script_url", "loaded by a script"),
    ("cloud_file_name", "in a cloud"),
];
const FILE: &str = "file_name";

impl DatasetInfo {
    /// Whether a file that begins so describes data sets.
    pub fn fits(head: &Head) -> bool {
        let mut keys = head.record_keys().map(|name| {
            let name = name.replace('~', "~0").replace('/', "~1");
            format!("/{name}")
        });
        let Some(first) = keys.next() else {
            return false;
        };
        let mut places = ELSEWHERE.iter().map(|(key, _)| *key).chain([FILE]);
        places.any(|place| head.kind(&format!("{first}/{place}")) == Some(Kind::String))
            && keys.all(|key| head.kind(&key).is_none_or(|kind| kind == Kind::Object))
    }

    /// Reads the description.
    ///
    /// # Errors
    /// If it is not JSON, or no object of objects.
    pub fn from_json(json: &str) -> Result<Self, DecodeError> {
        let whole = RawJson::parse(json)?;
        walk::expect(whole.view(), Kind::Object)?;
        let mut entries = Vec::new();
        for (name, entry) in whole.members() {
            let name = name.decode().into_owned();
            walk::expect(entry, Kind::Object).map_err(|error| error.in_key(&name))?;
            entries.push((name, entry.into_owned()));
        }
        Ok(DatasetInfo { entries })
    }

    /// The names of all data sets, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The data set of this name.
    ///
    /// # Errors
    /// If there is none, it is not in a file, or its description says what nobody can know.
    pub fn get(&self, name: &str) -> Result<Dataset, DatasetError> {
        let Some((_, entry)) = self.entries.iter().find(|(known, _)| known == name) else {
            let known: Vec<_> = self.names().map(|name| format!("`{name}`")).collect();
            return Err(DatasetError(format!(
                "there is no data set `{name}`, only {}",
                known.join(", ")
            )));
        };
        let Some(file) = word(entry.view(), FILE) else {
            return Err(DatasetError(format!(
                "the data set `{name}` {}",
                elsewhere(entry.view())
            )));
        };
        let form = match word(entry.view(), "formatting").as_deref() {
            None | Some("alpaca") => Form::Alpaca,
            Some("sharegpt") => Form::ShareGpt,
            Some("openai") => Form::OpenAi,
            Some(other) => {
                let known = "LLaMA-Factory knows `alpaca`, `sharegpt` and `openai`";
                return Err(DatasetError(format!(
                    "the data set `{name}` has the formatting `{other}`, and {known}"
                )));
            }
        };
        let ranking = entry.get("ranking").and_then(tracemill_model::JsonView::as_bool);
        Ok(Dataset {
            file,
            table: Table {
                form,
                ranks: ranking == Some(true),
                columns: columns(entry.view()),
                tags: tags(entry.view()),
            },
        })
    }
}

impl Dataset {
    /// The file, or the folder of files, relative to the folder of the description.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The source that reads its files.
    pub fn source(&self) -> Box<dyn Source> {
        Box::new(self.table.clone())
    }
}

/// Says where a data set is that is in no file.
fn elsewhere(entry: JsonView<'_>) -> String {
    let found = ELSEWHERE
        .iter()
        .find_map(|(key, what)| Some((word(entry, key)?, what)));
    match found {
        Some((place, what)) => format!("is {what} (`{place}`): download it, and give it a `{FILE}`"),
        None => format!("has no `{FILE}`"),
    }
}

fn word(entry: JsonView<'_>, key: &str) -> Option<String> {
    let value = entry.get(key)?;
    value.as_text().map(|text| text.decode().into_owned())
}

fn columns(entry: JsonView<'_>) -> Columns {
    let Some(named) = entry.get("columns") else {
        return Columns::default();
    };
    let of = |key| word(named, key);
    Columns {
        prompt: of("prompt"),
        query: of("query"),
        response: of("response"),
        history: of("history"),
        messages: of("messages"),
        system: of("system"),
        tools: of("tools"),
        chosen: of("chosen"),
        rejected: of("rejected"),
        label: of("kto_tag"),
    }
}

fn tags(entry: JsonView<'_>) -> Tags {
    let Some(named) = entry.get("tags") else {
        return Tags::default();
    };
    let of = |key| word(named, key);
    Tags {
        role: of("role_tag"),
        content: of("content_tag"),
        user: of("user_tag"),
        assistant: of("assistant_tag"),
        observation: of("observation_tag"),
        function: of("function_tag"),
        system: of("system_tag"),
    }
}
