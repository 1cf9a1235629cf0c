//! The last answer of tasks whose answers are objects.

use tracemill_model::RawJson;
use tracemill_model::json::Kind;

use super::{Findings, Form};
use crate::registry::Rule;

/// Checks that the last message holds the JSON text of an object.
pub(crate) fn json_answer(list: &RawJson<'_>, rule: &Rule, findings: &mut Findings) {
    last(list, findings, |findings, message| {
        let content = message.get("content");
        let Some(text) = content.as_ref().and_then(RawJson::as_text) else {
            return findings.note(rule, "the last answer is no text");
        };
        findings.embedded(&text, rule, |findings, value| {
            if value.kind() != Kind::Object {
                findings.note(
                    rule,
                    format!("the last answer is {}, not an object", value.kind().noun()),
                );
            }
        });
    });
}

/// Checks that the last message calls the tool that takes the answer, and nothing else.
pub(crate) fn called_answer(
    list: &RawJson<'_>,
    tool: &str,
    form: Form,
    rule: &Rule,
    findings: &mut Findings,
) {
    last(list, findings, |findings, message| {
        let calls = message.get("tool_calls");
        let mut calls = calls.iter().flat_map(RawJson::elements);
        let (Some(call), None) = (calls.next(), calls.next()) else {
            return findings.note(rule, "the last message is not one call");
        };
        let name = call.pointer("/function/name");
        if name
            .as_ref()
            .and_then(RawJson::as_text)
            .is_none_or(|name| name.body() != tool)
        {
            findings.note(rule, format!("the last message does not call `{tool}`"));
        }
        let kind = call
            .pointer("/function/arguments")
            .map(|arguments| arguments.kind());
        let wanted = if form == Form::Object {
            Kind::Object
        } else {
            Kind::String
        };
        if kind != Some(wanted) {
            findings.note(rule, format!("the answer is not {}", wanted.noun()));
        }
    });
}

fn last(list: &RawJson<'_>, findings: &mut Findings, check: impl Fn(&mut Findings, &RawJson<'_>)) {
    let count = list.elements().count();
    if list.kind() == Kind::Array {
        findings.each(list, |findings, index, message| {
            if index + 1 == count {
                check(findings, message);
            }
        });
    }
}
