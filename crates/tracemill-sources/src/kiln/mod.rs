//! `kiln`: the project folder of Kiln, one small JSON file for each thing.
//!
//! Fields as in `libs/core/kiln_ai/datamodel` of Kiln-AI/Kiln: `task_run.py` at 66cbe9de1d94, `dataset_split.py` at
//! 164615fe51ae.

mod run;
mod task;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, JsonView, Text};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{DATASET, PART, SourceOption, SourceOptions};
use crate::pieces::{PieceError, Pieces};
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};

use task::Task;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "kiln",
    summary: "project folders of Kiln: the runs of tasks, with ratings, repairs and evaluations",
    suffixes: &[".kiln"],
    reads: "The folder of a project, or of a task: a trace is a `task_run`, put together with its task and its evaluations. \
            Its conversation is the recorded `trace` with all its turns, else the task's `instruction`, the `input` and the \
            output, with what was thought (`reasoning`, else `chain_of_thought`). A `repaired_output` takes the place of the \
            last assistant text; where pairs are made, the original is a second trace of the same group, and the score \
            `preference` is 1 for the repair and 0 for the original (`--score preference`). A rating is a score named by its type (`five_star`), \
            those of requirements are `requirement/ID`, and each score of an evaluation that ran on the recorded output has \
            the name that the evaluation gave it. `id` is the run's, the group its task and input, `model` that of the output's \
            source. Without `dataset`, runs that were made by evaluations and runs that another one continues are left out and \
            counted, as Kiln leaves them out. Everything else of the run is kept, tags included.",
    skips: &[
        Skip::new(
            OTHER_FILE,
            "the file is neither task, nor run, evaluation result or frozen dataset",
        ),
        Skip::new(NO_RUNS, "the task has no runs"),
    ],
    notes: &[
        Note::new(
            EVAL_GENERATED,
            "runs that were made by an evaluation (`eval_source`)",
        ),
        Note::new(
            CONTINUED,
            "runs that another run continues (`parent_task_run_id`)",
        ),
        Note::new(
            NOT_IN_DATASET,
            "runs that are not in the dataset, or the part of it, that was asked for",
        ),
    ],
    options: &[
        SourceOption::new(
            DATASET,
            "all runs",
            "the id or name of a frozen dataset: only its runs are wanted",
        ),
        SourceOption::new(
            PART,
            "all parts",
            "the name of a part of the dataset, such as `train`",
        ),
    ],
    make: |options| Box::new(Kiln::new(options)),
};

const OTHER_FILE: &str = "other-file";
const NO_RUNS: &str = "no-runs";
const EVAL_GENERATED: &str = "eval-generated";
const CONTINUED: &str = "continued";
const NOT_IN_DATASET: &str = "not-in-dataset";

/// The folder of a Kiln project.
#[derive(Clone, Debug)]
struct Kiln {
    dataset: Option<String>,
    part: Option<String>,
}

impl Kiln {
    fn new(options: &SourceOptions) -> Self {
        Kiln {
            dataset: options.dataset().map(str::to_owned),
            part: options.part().map(str::to_owned),
        }
    }
}

impl Source for Kiln {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Document]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let own = head.kind("/model_type") == Some(Kind::String) && head.has("/v") && head.has("/id");
        // Traces that came out of a project keep these.
        (own && !head.has("/messages")).then(|| Evidence::keys(&["/v", "/id", "/model_type"]))
    }

    fn assembles(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let file = cursor.raw()?;
        cursor.finish()?;
        let kind = file
            .get("model_type")
            .and_then(tracemill_model::JsonView::as_text);
        let kind = kind.ok_or_else(|| {
            DecodeError::new(
                DecodeErrorKind::MissingField,
                0,
                "a file of Kiln needs a `model_type`",
            )
        })?;
        match (kind.body(), task_folder(context.path())) {
            ("task" | "task_run" | "eval_run" | "dataset_split", Some(folder)) => {
                pieces.push(folder.as_bytes(), record);
            }
            // A run on its own, outside of its project.
            ("task_run", None) => pieces.push_to_input(record),
            _ => pieces.skip(OTHER_FILE),
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let task = Task::read(pieces)?;
        let wanted = match &self.dataset {
            Some(dataset) => Some(task.frozen(dataset, self.part.as_deref())?),
            None => None,
        };
        if task.runs.is_empty() {
            batch.skip(NO_RUNS);
            return Ok(());
        }
        for run in &task.runs {
            let out = match &wanted {
                Some(wanted) => (!wanted.contains(run.id.as_str())).then_some(NOT_IN_DATASET),
                None if run.is_set("eval_source") => Some(EVAL_GENERATED),
                None => task.continues(&run.id).then_some(CONTINUED),
            };
            match out {
                Some(code) => batch.note(code, 1),
                None => run
                    .deliver(&task, context, batch)
                    .map_err(|error| PieceError::new(run.piece, error))?,
            }
        }
        Ok(())
    }
}

/// The folder of the task in which a file is; `None` if it is in none.
fn task_folder(path: &str) -> Option<&str> {
    let is_separator = |c| c == '/' || c == '\\';
    let mut end = 0;
    let mut names = path.split(is_separator).map(|name| {
        let start = end;
        end += name.len() + 1;
        (start, name)
    });
    // `tasks/<id> - <name>/…`: the folder behind, unless it is the file itself.
    names.find(|(_, name)| *name == "tasks")?;
    let (start, name) = names.next()?;
    let folder = path.get(..start + name.len())?;
    (folder.len() < path.len()).then_some(folder)
}

/// A member that is text.
fn text(raw: JsonView<'_>, key: &str) -> Option<Text<'static>> {
    raw.get(key)?.as_text().map(Text::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_task_is_found_in_paths() {
        for (path, folder) in [
            ("p/tasks/1 - sum/runs/7/task_run.kiln", Some("p/tasks/1 - sum")),
            ("tasks/1/task.kiln", Some("tasks/1")),
            ("p\\tasks\\1\\task.kiln", Some("p\\tasks\\1")),
            ("p/project.kiln", None),
            ("p/tasks/task.kiln", None),
            ("", None),
        ] {
            assert_eq!(task_folder(path), folder, "{path}");
        }
    }
}
