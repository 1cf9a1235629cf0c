//! What options change in a trace before it is encoded. Every change is counted.

use tracemill_model::json::Cursor;
use tracemill_model::{
    Content, Group, GroupKind, JsonView, Key, Limits, Message, RawJson, Role, Text, Tool, Trace,
};

use crate::error::Error;
use crate::ledger::Counts;
use crate::scores::JoinedScores;

/// Changes to every trace, applied when it is decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjustments {
    pub(crate) system: Option<SystemPrompt>,
    pub(crate) tools: Option<Vec<Tool<'static>>>,
    pub(crate) group_by: Option<GroupBy>,
    pub(crate) model: Option<String>,
    pub(crate) scores: Option<JoinedScores>,
}

/// Which rows of a table of scores found a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Joined(Vec<u64>);

impl Joined {
    fn note(&mut self, row: usize) {
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        self.0[row / 64] |= 1 << (row % 64);
    }

    /// Adds those that another part of the run found.
    pub(crate) fn merge(&mut self, other: &Joined) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// What becomes of the system message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemPrompt {
    /// This one replaces all that a trace has.
    Replace(String),
    /// This one is put before traces that have none.
    Default(String),
}

/// A JSON pointer into the canonical form of a trace, whose value groups the traces.
///
/// ```
/// use tracemill::GroupBy;
/// assert!("/metadata/task".parse::<GroupBy>().is_ok());
/// assert!("task".parse::<GroupBy>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBy {
    field: String,
    rest: String,
}

impl std::fmt::Display for GroupBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "/{}{}",
            self.field.replace('~', "~0").replace('/', "~1"),
            self.rest
        )
    }
}

impl std::str::FromStr for GroupBy {
    type Err = Error;

    fn from_str(pointer: &str) -> Result<Self, Error> {
        let Some(path) = pointer.strip_prefix('/') else {
            return Err(Error::config(format!(
                "`{pointer}` is no JSON pointer: it begins with `/`, as in `/metadata/task`"
            )));
        };
        let (field, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        Ok(GroupBy {
            field: field.replace("~1", "/").replace("~0", "~"),
            rest: rest.to_owned(),
        })
    }
}

impl GroupBy {
    /// The value in `trace`; `None` if it is not there.
    pub(crate) fn value(&self, trace: &Trace<'_>) -> Option<RawJson<'static>> {
        let field = match self.field.as_str() {
            "id" => trace.id()?.as_json().borrowed(),
            "model" => RawJson::from(trace.model()?.borrowed()),
            "trial" => RawJson::from(trace.trial()?),
            "metadata" => trace.metadata()?.borrowed(),
            "messages" | "tools" | "scores" | "outcome" | "group" => return self.look_up(trace),
            name => trace.extra().get(name)?.borrowed(),
        };
        let value = field.pointer(&self.rest).filter(|value| !value.is_null());
        value.map(JsonView::into_owned)
    }

    /// The value in the whole canonical form, which is written for it.
    fn look_up(&self, trace: &Trace<'_>) -> Option<RawJson<'static>> {
        let mut canonical = Vec::new();
        trace.write_json(&mut canonical);
        let canonical = String::from_utf8(canonical).ok()?;
        let deepest = Limits::default().with_depth(Limits::MAX_DEPTH);
        let whole = Cursor::with_limits(&canonical, deepest).raw().ok()?;
        let value = whole.pointer(&self.to_string()).filter(|value| !value.is_null());
        value.map(JsonView::into_owned)
    }
}

impl Adjustments {
    /// Whether there is nothing to do, which is the usual case.
    pub(crate) fn is_empty(&self) -> bool {
        self.system.is_none()
            && self.tools.is_none()
            && self.group_by.is_none()
            && self.model.is_none()
            && self.scores.is_none()
    }

    /// Changes `trace`, which was read from the file called `path`, and counts what was changed.
    pub(crate) fn apply<'a>(
        &'a self,
        trace: &mut Trace<'a>,
        path: &str,
        adjusted: &mut Counts,
        joined: &mut Joined,
    ) {
        if let Some(scores) = &self.scores {
            let (row, scored) = scores.join(trace, path);
            if let Some(row) = row {
                joined.note(row);
            }
            adjusted.add(if scored { "scores" } else { "no-scores" });
        }
        if let Some(model) = self.model.as_ref().filter(|_| trace.model().is_none()) {
            trace.set_model(Text::new(model.as_str()));
            adjusted.add("model");
        }
        match &self.system {
            Some(SystemPrompt::Replace(prompt)) => {
                trace.messages_mut().retain(|message| !is_system(message));
                trace.messages_mut().insert(0, system_message(prompt));
                adjusted.add("system");
            }
            Some(SystemPrompt::Default(prompt)) if !trace.messages().iter().any(is_system) => {
                trace.messages_mut().insert(0, system_message(prompt));
                adjusted.add("default-system");
            }
            _ => {}
        }
        if let Some(tools) = self.tools.as_ref().filter(|_| trace.tools().is_none()) {
            trace.set_tools(tools.clone());
            adjusted.add("tools");
        }
        if let Some(pointer) = &self.group_by {
            let key = pointer.value(trace);
            adjusted.add(if key.is_some() { "group-by" } else { "no-group-by" });
            if let Some(key) = key {
                trace.set_group(Group::new(Key::new(key), GroupKind::Task));
            }
        }
    }
}

impl Adjustments {
    /// Counts, at the end of a run, the ids of scores that no trace had.
    pub(crate) fn settle(&self, joined: &Joined, adjusted: &mut Counts) {
        if let Some(scores) = &self.scores {
            adjusted.add_many(
                "scores-unmatched",
                (scores.len() as u64).saturating_sub(joined.len()),
            );
        }
    }
}

fn is_system(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

fn system_message(prompt: &str) -> Message<'_> {
    let mut message = Message::new(Role::System);
    message.set_content(Content::Text(Text::new(prompt)));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(trace: &Trace<'_>) -> String {
        let mut out = Vec::new();
        trace.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn adjusted(adjustments: &Adjustments, line: &str) -> (String, Counts) {
        let mut trace = Trace::from_json(line).unwrap().into_owned();
        let mut counts = Counts::default();
        adjustments.apply(&mut trace, "", &mut counts, &mut Joined::default());
        (canonical(&trace), counts)
    }

    #[test]
    fn replacing_the_system_prompt_takes_out_every_other_one() {
        let adjustments = Adjustments {
            system: Some(SystemPrompt::Replace("new".into())),
            ..Adjustments::default()
        };
        let line = r#"{"messages":[{"role":"system","content":"old"},{"role":"user","content":"u"},{"role":"developer","content":"d"}]}"#;
        let (out, counts) = adjusted(&adjustments, line);
        let wanted = r#"{"messages":[{"role":"system","content":"new"},{"role":"user","content":"u"}]}"#;
        assert_eq!((out.as_str(), counts.get("system")), (wanted, 1));
    }

    #[test]
    fn the_default_system_prompt_fills_absence_only() {
        let adjustments = Adjustments {
            system: Some(SystemPrompt::Default("s".into())),
            ..Adjustments::default()
        };
        let has = r#"{"messages":[{"role":"system","content":"old"}]}"#;
        assert_eq!(adjusted(&adjustments, has), (has.to_owned(), Counts::default()));
        let (out, counts) = adjusted(&adjustments, r#"{"messages":[]}"#);
        assert_eq!(out, r#"{"messages":[{"role":"system","content":"s"}]}"#);
        assert_eq!(counts.get("default-system"), 1);
    }

    #[test]
    fn grouping_keeps_the_type_of_the_key() {
        let by = |pointer: &str| Adjustments {
            group_by: Some(pointer.parse().unwrap()),
            ..Adjustments::default()
        };
        let line = r#"{"messages":[],"metadata":{"a/b":["x",7]}}"#;
        let (out, _) = adjusted(&by("/metadata/a~1b/1"), line);
        assert!(out.starts_with(r#"{"group":{"key":7,"kind":"task"}"#), "{out}");
        let (out, counts) = adjusted(&by("/metadata/none"), line);
        assert_eq!((out.as_str(), counts.get("no-group-by")), (line, 1));
        let line = r#"{"messages":[{"role":"user","content":"hi","a/b":null}]}"#;
        assert!(
            adjusted(&by("/messages/0/content"), line)
                .0
                .starts_with(r#"{"group":{"key":"hi","#)
        );
        assert_eq!(adjusted(&by("/messages/0/a~1b"), line).0, line);
    }
}
