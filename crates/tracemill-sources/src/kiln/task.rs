//! A task with its runs, evaluations and frozen datasets.

use std::collections::BTreeSet;

use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, RawJson};

use super::run::Run;
use super::text;
use crate::pieces::PieceError;

/// The files of one task, taken apart.
#[derive(Debug, Default)]
pub(super) struct Task<'a> {
    pub(super) file: Option<RawJson<'a>>,
    pub(super) runs: Vec<Run<'a>>,
    /// The results of evaluations.
    pub(super) evaluations: Vec<RawJson<'a>>,
    datasets: Vec<RawJson<'a>>,
    /// The runs that another one continues.
    parents: BTreeSet<String>,
}

impl<'a> Task<'a> {
    pub(super) fn read(pieces: &[&'a str]) -> Result<Self, PieceError> {
        let mut task = Task::default();
        for (index, piece) in pieces.iter().enumerate() {
            let failed = |error| PieceError::new(index, error);
            let mut cursor = tracemill_model::json::Cursor::with_limits(
                piece,
                tracemill_model::Limits::default().with_depth(tracemill_model::Limits::MAX_DEPTH),
            );
            let file = cursor.raw().map_err(failed)?;
            let kind = text(file.view(), "model_type");
            match kind.as_ref().map_or("", |kind| kind.body()) {
                "task" => task.file = Some(file),
                "task_run" => {
                    let run = Run::new(file, index).map_err(failed)?;
                    task.parents.extend(run.parent());
                    task.runs.push(run);
                }
                "eval_run" => task.evaluations.push(file),
                _ => task.datasets.push(file),
            }
        }
        Ok(task)
    }

    /// Whether another run continues the one with this id.
    pub(super) fn continues(&self, id: &str) -> bool {
        self.parents.contains(id)
    }

    /// The ids of the runs in a frozen dataset, or in a part of it.
    pub(super) fn frozen(&self, dataset: &str, part: Option<&str>) -> Result<BTreeSet<String>, DecodeError> {
        let named = |file: &&RawJson<'_>| {
            ["id", "name"]
                .iter()
                .any(|key| text(file.view(), key).is_some_and(|text| text == *dataset))
        };
        let file = self.datasets.iter().find(named).ok_or_else(|| {
            let titles = self.datasets.iter().filter_map(|file| text(file.view(), "name"));
            let known = listed(titles.map(|name| name.decode().into_owned()));
            wrong(format!(
                "the task has no dataset `{dataset}`; it has {known} (of a project with several tasks, read the folder \
                 of the one that has it)"
            ))
        })?;
        let contents = file.get("split_contents");
        let parts: Vec<_> = contents.into_iter().flat_map(JsonView::members).collect();
        if let Some(part) = part.filter(|part| parts.iter().all(|(name, _)| *name != **part)) {
            let known = listed(parts.iter().map(|(name, _)| name.decode().into_owned()));
            return Err(wrong(format!(
                "the dataset `{dataset}` has no part `{part}`; it has {known}"
            )));
        }
        let wanted = parts
            .iter()
            .filter(|(name, _)| part.is_none_or(|part| *name == *part));
        let ids = wanted.flat_map(|(_, ids)| ids.elements().map(JsonView::into_owned).collect::<Vec<_>>());
        let ids: BTreeSet<String> = ids
            .filter_map(|id| Some(id.as_text()?.decode().into_owned()))
            .collect();
        match ids.iter().find(|id| self.runs.iter().all(|run| run.id != **id)) {
            Some(lost) => Err(wrong(format!(
                "the dataset `{dataset}` has the run `{lost}`, which is not there"
            ))),
            None => Ok(ids),
        }
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn wrong(message: String) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
}
