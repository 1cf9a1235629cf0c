//! Other names of formats in `tracemill formats`, for people and for programs.

use std::fmt::Write as _;

use tracemill::formats::{OtherName, Standing};
use tracemill::model::JsonWriter;

/// The part of the list that all names of a kind have in common.
pub(crate) fn table(others: &[&OtherName]) -> String {
    let width = others.iter().map(|other| other.name().len()).max().unwrap_or(0);
    let mut text = "\nother names:\n".to_owned();
    for other in others {
        let _ = writeln!(text, "{:width$}  {}", other.name(), short(other));
    }
    text
}

fn short(other: &OtherName) -> String {
    match other.standing() {
        Standing::Preset { spec, .. } => format!("writes `{spec}`: {}", other.summary()),
        Standing::ServedBy { spec, .. } => format!("reads `{spec}`: {}", other.summary()),
        Standing::Declined { reason, .. } => format!("not written: {reason}"),
        _ => other.summary().to_owned(),
    }
}

/// All about one.
pub(crate) fn page(other: &OtherName) -> String {
    let mut text = format!("{}: {}\n\n", other.name(), other.summary());
    let _ = match other.standing() {
        Standing::Preset { spec, differs, .. } => writeln!(
            text,
            "writes: {spec}\ndiffers: {differs}\n\n`tracemill formats {}` says everything about the format.",
            format_of(spec)
        ),
        Standing::ServedBy { spec, note, .. } => writeln!(
            text,
            "reads: {spec}\nnote: {note}\n\n`tracemill formats {}` says everything about the format.",
            format_of(spec)
        ),
        Standing::Declined { reason, .. } => writeln!(text, "not written: {reason}"),
        _ => Ok(()),
    };
    text
}

/// The format of a spec, without its extensions.
fn format_of(spec: &str) -> &str {
    spec.split('+').next().unwrap_or(spec)
}

/// One entry of `--json`.
pub(crate) fn json(other: &OtherName, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("name").str(other.name());
    w.key("summary").str(other.summary());
    match other.standing() {
        Standing::Preset { spec, differs, .. } => {
            w.key("writes").str(spec);
            w.key("differs").str(differs);
        }
        Standing::ServedBy { spec, note, .. } => {
            w.key("reads").str(spec);
            w.key("note").str(note);
        }
        Standing::Declined { reason, .. } => {
            w.key("declined").str(reason);
        }
        _ => {}
    }
    w.end_object();
}

/// The section of the documentation.
pub(crate) fn markdown(others: &[&OtherName]) -> String {
    let mut text = "\n## Other names\n\nWhat other tools write, under a name for each: the format of this crate that takes its place, and \
                    what comes out otherwise. Trainers that read a format of this crate, and what is not written.\n\n\
                    | name | what it is | format | what differs, what to know |\n|---|---|---|---|\n"
        .to_owned();
    for other in others {
        let (spec, told) = match other.standing() {
            Standing::Preset { spec, differs, .. } => (format!("writes `{spec}`"), *differs),
            Standing::ServedBy { spec, note, .. } => (format!("reads `{spec}`"), *note),
            Standing::Declined { reason, .. } => ("–".to_owned(), *reason),
            _ => continue,
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {spec} | {told} |",
            other.name(),
            other.summary()
        );
    }
    text
}
