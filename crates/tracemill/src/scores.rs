//! Scores from elsewhere, joined to traces by their ids.

use std::collections::BTreeMap;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, DecodeErrorKind, JsonView, Key, RawJson, Score, ScoreValue, Text, Trace};

/// Scores by the ids of traces, out of a file that something else wrote: a report, a table, a list of what passed.
///
/// Read are
/// - an object from id to score: a number, a boolean, a label, `null`, or an object of named scores;
/// - rows, as an array or one a line: an id under `id`, `instance_id`, `trace_id` or `span_id`, and a `score`, `scores`, a
///   boolean `resolved`, or an annotation's `name` and `result`;
/// - a list of ids, which are those that passed: every other trace failed;
/// - a report of SWE-bench: `resolved_ids` (or `resolved`) passed, `unresolved_ids`, `empty_patch_ids` and the rest of
///   `completed_ids` failed, and `error_ids` and `incomplete_ids` are not judged. If it lists nothing but what was
///   resolved, every other trace failed.
///
/// Ids in rows and lists keep their type; the keys of an object are text, and stand for numbers too. A trace is found by its
/// `id`, its fields `instance_id`, `span_id` and `trace_id`, or the name of its file up to the first dot.
///
/// ```
/// use tracemill::{JoinedScores, Mill, io::Input};
/// let scores = JoinedScores::from_json(r#"{"a": 1.0, "b": {"style": 0.5, "truth": true}, "c": 0}"#)?;
/// let lines = concat!(
///     r#"{"id":"a","messages":[{"role":"user","content":"hi"}]}"#, "\n",
///     r#"{"id":"b","messages":[{"role":"user","content":"ho"}]}"#, "\n",
/// );
/// let mut builder = Mill::builder();
/// builder.format("tracemill")?.scores(scores);
/// let encoded = builder.build()?.collect([Input::bytes("runs.jsonl", lines)])?;
/// assert_eq!(encoded.ledger.adjusted.get("scores"), 2);
/// assert_eq!(encoded.ledger.adjusted.get("scores-unmatched"), 1);
/// assert!(String::from_utf8(encoded.bytes)?.contains(r#""scores":[{"name":"score","value":1.0}]"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct JoinedScores {
    rows: Vec<Vec<Score<'static>>>,
    /// Rows by id as JSON: a string in its quotes, or a number.
    typed: BTreeMap<String, usize>,
    /// Rows by keys, which are text whatever they stand for.
    keys: BTreeMap<String, usize>,
    /// What every trace gets that has no row.
    others: Option<Score<'static>>,
}

/// The name of a score that has none.
const SCORE: &str = "score";
const RESOLVED: &str = "resolved";
const PASSED: &str = "passed";

const IDS: [&str; 4] = ["id", "instance_id", "trace_id", "span_id"];

impl JoinedScores {
    /// Reads a file: JSON, or JSON Lines.
    ///
    /// # Errors
    /// If it is neither, or something in it is no score.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let mut table = JoinedScores::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match RawJson::parse(text) {
            Ok(whole) => table.read(whole.view())?,
            Err(error) => {
                // One value that is broken is no lines.
                if text.lines().filter(|line| !line.trim().is_empty()).count() < 2 {
                    return Err(error);
                }
                table.read_lines(text)?;
            }
        }
        Ok(table)
    }

    fn read_lines(&mut self, text: &str) -> Result<(), DecodeError> {
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let read = RawJson::parse(line).and_then(|row| self.read_row(row.view()));
            read.map_err(|error| {
                let message = format!("line {}: {}", index + 1, error.message());
                DecodeError::new(error.kind(), error.column() - 1, message)
            })?;
        }
        Ok(())
    }

    fn read(&mut self, whole: JsonView<'_>) -> Result<(), DecodeError> {
        match whole.kind() {
            Kind::Array => {
                for (index, element) in whole.elements().enumerate() {
                    self.read_element(element)
                        .map_err(|error| error.in_index(index))?;
                }
                Ok(())
            }
            Kind::Object if is_row(whole) => self.read_row(whole),
            Kind::Object if is_report(whole) => {
                self.read_report(whole);
                Ok(())
            }
            Kind::Object => {
                for (id, value) in whole.members() {
                    let scores = scores(SCORE, value).map_err(|error| error.in_key(id.body()))?;
                    let row = self.push(scores);
                    self.keys.insert(id.decode().into_owned(), row);
                }
                Ok(())
            }
            kind => Err(wrong(format!("expected scores by id, found {}", kind.noun()))),
        }
    }

    /// An id that passed, or a row.
    fn read_element(&mut self, element: JsonView<'_>) -> Result<(), DecodeError> {
        match element.kind() {
            Kind::Object => self.read_row(element),
            Kind::String | Kind::Number => {
                self.judge(PASSED, element, ScoreValue::Bool(true));
                self.others = Some(Score::new(Some(Text::from(PASSED)), ScoreValue::Bool(false)));
                Ok(())
            }
            kind => Err(wrong(format!("expected an id or a row, found {}", kind.noun()))),
        }
    }

    fn read_row(&mut self, row: JsonView<'_>) -> Result<(), DecodeError> {
        let id = IDS.iter().find_map(|key| row.get(key).filter(|id| !id.is_null()));
        let id = id.ok_or_else(|| wrong(format!("a row needs an id under `{}`", IDS.join("`, `"))))?;
        let mut found = Vec::new();
        if let Some(value) = row.get("scores") {
            found.extend(scores(SCORE, value).map_err(|error| error.in_key("scores"))?);
        }
        if let Some(value) = row.get(SCORE) {
            found.extend(scores(SCORE, value).map_err(|error| error.in_key(SCORE))?);
        }
        if let Some(value) = row.get(RESOLVED) {
            found.extend(scores(RESOLVED, value).map_err(|error| error.in_key(RESOLVED))?);
        }
        if let Some(result) = row.get("result").filter(|result| result.kind() == Kind::Object) {
            found.push(annotation(row, result).map_err(|error| error.in_key("result"))?);
        }
        if found.is_empty() {
            return Err(wrong(
                "a row needs a `score`, `scores`, `resolved` or `result`".to_owned(),
            ));
        }
        // Rows of one id add up: each annotation is one.
        if let Some(&known) = self.typed.get(id.as_str()) {
            self.rows[known].append(&mut found);
        } else {
            let row = self.push(found);
            self.typed.insert(id.as_str().to_owned(), row);
        }
        Ok(())
    }

    fn read_report(&mut self, report: JsonView<'_>) {
        let missing = |why: &'static str| ScoreValue::Missing(Text::from(why));
        let lists: [(&[&str], ScoreValue<'static>); 4] = [
            (&["resolved_ids", RESOLVED], ScoreValue::Bool(true)),
            (&["error_ids"], missing("the evaluation failed")),
            (&["incomplete_ids"], missing("not evaluated")),
            (
                &[
                    "unresolved_ids",
                    "empty_patch_ids",
                    "completed_ids",
                    "applied",
                    "generated",
                    "no_generation",
                ],
                ScoreValue::Bool(false),
            ),
        ];
        let mut others = false;
        for (names, value) in lists {
            for name in names {
                let Some(list) = report.get(name) else { continue };
                others |= !matches!(*name, "resolved_ids" | RESOLVED);
                for id in list.elements() {
                    // The first list counts: what is resolved is also completed.
                    if !self.typed.contains_key(id.as_str()) {
                        self.judge(RESOLVED, id, value.clone());
                    }
                }
            }
        }
        if !others {
            self.others = Some(Score::new(Some(Text::from(RESOLVED)), ScoreValue::Bool(false)));
        }
    }

    fn judge(&mut self, name: &'static str, id: JsonView<'_>, value: ScoreValue<'static>) {
        let row = self.push(vec![Score::new(Some(Text::from(name)), value)]);
        self.typed.insert(id.as_str().to_owned(), row);
    }

    fn push(&mut self, scores: Vec<Score<'static>>) -> usize {
        self.rows.push(scores);
        self.rows.len() - 1
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a trace that was read from the file called `path`.
    fn row(&self, trace: &Trace<'_>, path: &str) -> Option<usize> {
        let fields = ["instance_id", "span_id", "trace_id"]
            .into_iter()
            .filter_map(|key| trace.extra().get(key));
        let own = trace.id().map(Key::as_json);
        for id in own.into_iter().chain(fields) {
            let row = self
                .typed
                .get(id.as_str())
                .or_else(|| self.keys.get(&Key::new(id.borrowed()).to_string()));
            if row.is_some() {
                return row.copied();
            }
        }
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let stem = file.split('.').next().unwrap_or(file);
        let quoted = RawJson::from(Text::new(stem));
        self.typed
            .get(quoted.as_str())
            .or_else(|| self.keys.get(stem))
            .copied()
    }

    /// Gives a trace its scores; which row they are from, and whether it got any.
    pub(crate) fn join(&self, trace: &mut Trace<'_>, path: &str) -> (Option<usize>, bool) {
        let row = self.row(trace, path);
        let found = match row {
            Some(row) => self.rows[row].as_slice(),
            None => self.others.as_slice(),
        };
        for score in found {
            trace.push_score(score.clone());
        }
        (row, !found.is_empty())
    }
}

/// Whether an object is one row, and no table.
fn is_row(object: JsonView<'_>) -> bool {
    let judged = [SCORE, "scores", RESOLVED, "result"]
        .iter()
        .any(|key| object.get(key).is_some());
    judged && IDS.iter().any(|key| object.get(key).is_some())
}

fn is_report(object: JsonView<'_>) -> bool {
    ["resolved_ids", RESOLVED]
        .iter()
        .any(|key| object.get(key).is_some_and(|list| list.kind() == Kind::Array))
}

/// What a value says: one score called `name`, or several with names of their own.
fn scores(name: &str, value: JsonView<'_>) -> Result<Vec<Score<'static>>, DecodeError> {
    let one = |name: Text<'static>, value: JsonView<'_>| {
        let value = ScoreValue::read(&mut value.cursor())?;
        Ok(Score::new(Some(name), value).into_owned())
    };
    if value.kind() != Kind::Object {
        return Ok(vec![one(Text::new(name.to_owned()), value)?]);
    }
    let named = value.members().map(|(name, value)| {
        one(name.clone().into_owned(), value).map_err(|error: DecodeError| error.in_key(name.body()))
    });
    named.collect()
}

/// An annotation as Phoenix gives it out.
fn annotation(row: JsonView<'_>, result: JsonView<'_>) -> Result<Score<'static>, DecodeError> {
    let name = row.get("name").and_then(|name| name.into_text().ok());
    let name = name.map_or(Text::from(SCORE), Text::into_owned);
    let judged = [SCORE, "label"]
        .iter()
        .find_map(|key| result.get(key).filter(|value| !value.is_null()));
    let mut score = match &judged {
        Some(value) => Score::new(Some(name), ScoreValue::read(&mut value.cursor())?).into_owned(),
        None => Score::new(Some(name), ScoreValue::Missing(Text::from("null"))),
    };
    if let Some(explanation) = result.get("explanation").filter(|value| !value.is_null()) {
        score
            .extra_mut()
            .insert(Text::from("explanation"), explanation.into_owned());
    }
    Ok(score)
}

fn wrong(message: String) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the trace with this id gets.
    fn joined(table: &str, id: &str) -> String {
        let table = JoinedScores::from_json(table).unwrap();
        let line = format!(r#"{{"id":{id},"messages":[]}}"#);
        let mut trace = Trace::from_json(&line).unwrap().into_owned();
        table.join(&mut trace, "runs/file-7.traj.json");
        let mut out = Vec::new();
        trace.write_json(&mut out);
        let out = String::from_utf8(out).unwrap();
        out.split_once(r#""scores":"#)
            .map_or(String::new(), |(_, rest)| rest[..rest.len() - 1].to_owned())
    }

    #[test]
    fn every_shape_of_table_is_read() {
        let cases = [
            (r#"{"a":0.50}"#, "\"a\"", r#"[{"name":"score","value":0.50}]"#),
            (r#"{"7":true}"#, "7", r#"[{"name":"score","value":true}]"#),
            (r#"{"a":null}"#, "\"a\"", r#"[{"name":"score","missing":"null"}]"#),
            (
                r#"{"a":{"x":1,"y":"good"}}"#,
                "\"a\"",
                r#"[{"name":"x","value":1},{"name":"y","value":"good"}]"#,
            ),
            (r#"{"a":1}"#, "\"b\"", ""),
            (r#"["a"]"#, "\"a\"", r#"[{"name":"passed","value":true}]"#),
            (r#"["a"]"#, "\"b\"", r#"[{"name":"passed","value":false}]"#),
            // Types count in lists.
            ("[7]", "\"7\"", r#"[{"name":"passed","value":false}]"#),
            (r#"[{"id":7,"score":1}]"#, "7", r#"[{"name":"score","value":1}]"#),
            (
                r#"{"id":"a","score":1}"#,
                "\"a\"",
                r#"[{"name":"score","value":1}]"#,
            ),
            (
                "{\"span_id\":\"a\",\"name\":\"tone\",\"result\":{\"score\":1,\"explanation\":\"so\"}}\n\n{\"span_id\":\"a\",\"name\":\"word\",\"result\":{\"score\":null,\"label\":\"ok\"}}\n",
                "\"a\"",
                r#"[{"name":"tone","value":1,"explanation":"so"},{"name":"word","value":"ok"}]"#,
            ),
            (
                r#"{"resolved_ids":["a"],"unresolved_ids":["b"],"error_ids":["c"]}"#,
                "\"a\"",
                r#"[{"name":"resolved","value":true}]"#,
            ),
            (
                r#"{"resolved_ids":["a"],"completed_ids":["a","b"],"error_ids":["c"]}"#,
                "\"b\"",
                r#"[{"name":"resolved","value":false}]"#,
            ),
            (
                r#"{"resolved_ids":["a"],"error_ids":["c"]}"#,
                "\"c\"",
                r#"[{"name":"resolved","missing":"the evaluation failed"}]"#,
            ),
            (r#"{"resolved_ids":["a"],"error_ids":["c"]}"#, "\"d\"", ""),
            (
                r#"{"resolved":["a"]}"#,
                "\"d\"",
                r#"[{"name":"resolved","value":false}]"#,
            ),
            // The name of the file, up to the first dot.
            (
                r#"{"resolved":["file-7"]}"#,
                "null",
                r#"[{"name":"resolved","value":true}]"#,
            ),
        ];
        for (table, id, expected) in cases {
            assert_eq!(joined(table, id), expected, "{table} {id}");
        }
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        for (table, message) in [
            ("7", "expected scores by id, found a number"),
            (
                r#"{"a":[1]}"#,
                "expected a number, a boolean, a label or null, found an array",
            ),
            (
                r#"[{"score":1}]"#,
                "a row needs an id under `id`, `instance_id`, `trace_id`, `span_id`",
            ),
            (
                r#"[{"id":1}]"#,
                "a row needs a `score`, `scores`, `resolved` or `result`",
            ),
            (
                "{\"id\":1,\"score\":1}\n{\"id\":2}\n",
                "line 2: a row needs a `score`, `scores`, `resolved` or `result`",
            ),
        ] {
            assert_eq!(
                JoinedScores::from_json(table).unwrap_err().message(),
                message,
                "{table}"
            );
        }
    }
}
