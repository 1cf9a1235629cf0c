//! Rendered text, as one text or in pieces.

use tracemill_model::JsonView;
use tracemill_model::json::Kind;

use super::Findings;
use crate::registry::Rule;
use crate::shared::rendered::{PROMPT_COMPLETION, SEGMENTS};
use crate::spec::FormatSpec;

const READERS: &str = "trl 1.16.0, trainer/sft_trainer.py; axolotl 0.19.0, prompt_strategies/input_output.py";

pub(crate) const COLUMNS: Rule = Rule::new(
    "columns",
    "a record has `text`; with `+prompt-completion` it has `prompt` and `completion`, with `+segments` it has `segments`",
    READERS,
);
pub(crate) const LEARNT: Rule = Rule::new(
    "learnt",
    "something is learnt: a turn of the assistant, in a completion, or in a segment whose `label` is true",
    READERS,
);

/// How a text has to end.
pub(crate) struct Ends {
    /// The rule.
    pub(crate) rule: Rule,
    /// The tokens that may stand last.
    pub(crate) tokens: &'static [&'static str],
}

impl Ends {
    /// Checks the columns of a record; gives the whole text if it can be had.
    pub(crate) fn text(
        &self,
        spec: &FormatSpec,
        record: JsonView<'_>,
        findings: &mut Findings,
    ) -> Option<String> {
        if !findings.is(record, Kind::Object) {
            return None;
        }
        let columns: &[_] = if spec.has(PROMPT_COMPLETION) {
            &["prompt", "completion"]
        } else if spec.has(SEGMENTS) {
            &["segments"]
        } else {
            &["text"]
        };
        if columns.iter().any(|column| record.get(column).is_none()) {
            findings.note(&COLUMNS, format!("`{}` is missing", columns.join("` or `")));
            return None;
        }
        let mut whole = String::new();
        if spec.has(SEGMENTS) {
            findings.member(record, "segments", |findings, list| {
                segments(list, &mut whole, findings);
            });
            return Some(whole);
        }
        for column in columns {
            findings.member(record, column, |findings, value| {
                let Some(text) = findings.text(value) else {
                    return;
                };
                text.decode_into(&mut whole);
                if *column == "completion" && text.is_empty() {
                    findings.note(&LEARNT, "the completion is empty");
                }
                if *column != "prompt" && !self.tokens.iter().any(|token| whole.ends_with(token)) {
                    findings.note(
                        &self.rule,
                        format!("the text ends with none of `{}`", self.tokens.join("`, `")),
                    );
                }
            });
        }
        Some(whole)
    }
}

fn segments(list: JsonView<'_>, whole: &mut String, findings: &mut Findings) {
    let mut learnt = false;
    findings.each(list, |findings, _, segment| {
        if !findings.is(segment, Kind::Object) {
            return;
        }
        let mut label = false;
        findings.member(segment, "label", |findings, value| {
            findings.is(value, Kind::Bool);
            label = value.as_str() == "true";
        });
        findings.member(segment, "text", |findings, value| {
            if let Some(text) = findings.text(value) {
                text.decode_into(whole);
                learnt |= label && !text.is_empty();
            }
        });
    });
    if !learnt {
        findings.note(&LEARNT, "no segment has a text and a label that is true");
    }
}
