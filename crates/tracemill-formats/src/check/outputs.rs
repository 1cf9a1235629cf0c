//! Pairs in the manner of OpenAI: an input and two outputs.

use tracemill_model::JsonView;
use tracemill_model::json::Kind;

use super::{Chat, Findings, chat};
use crate::registry::Rule;

/// The rules of an input with two outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputOutput {
    /// Which keys there are.
    pub(crate) keys: Rule,
    /// What is demanded of the messages of the input.
    pub(crate) input: Chat,
    /// What is demanded of each output.
    pub(crate) output: Chat,
    /// What names of functions are made of, if the consumer cares.
    pub(crate) names: Option<Rule>,
}

const KEYS: [&str; 3] = ["input", "preferred_output", "non_preferred_output"];

impl InputOutput {
    /// Checks a record.
    pub(crate) fn check(&self, record: JsonView<'_>, findings: &mut Findings) {
        if !findings.is(record, Kind::Object) {
            return;
        }
        for key in KEYS.into_iter().filter(|key| record.get(key).is_none()) {
            findings.note(&self.keys, format!("`{key}` is missing"));
        }
        findings.member_if_any(record, "input", |findings, input| {
            if !findings.is(input, Kind::Object) {
                return;
            }
            findings.member(input, "messages", |findings, list| {
                self.input.check(list, findings);
            });
            findings.member_if_any(input, "tools", |findings, tools| {
                chat::tools(tools, self.names.as_ref(), findings);
            });
        });
        for output in ["preferred_output", "non_preferred_output"] {
            findings.member_if_any(record, output, |findings, list| self.output.check(list, findings));
        }
    }

    /// Notes every key of a record that is none of the three.
    pub(crate) fn no_other_key(&self, record: JsonView<'_>, findings: &mut Findings) {
        findings.only_keys(record, &KEYS, &self.keys);
    }
}
