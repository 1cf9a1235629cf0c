//! The last answer of tasks whose answers are objects.

use tracemill_model::JsonView;
use tracemill_model::json::Kind;

use super::{Findings, Form};
use crate::registry::Rule;

/// Checks that the last message holds the JSON text of an object.
pub(crate) fn json_answer(list: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    last(list, findings, |findings, message| {
        let content = message.get("content");
        let Some(text) = content.and_then(JsonView::as_text) else {
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
    list: JsonView<'_>,
    tool: &str,
    form: Form,
    rule: &Rule,
    findings: &mut Findings,
) {
    last(list, findings, |findings, message| {
        let calls = message.get("tool_calls");
        let mut calls = calls.into_iter().flat_map(JsonView::elements);
        let (Some(call), None) = (calls.next(), calls.next()) else {
            return findings.note(rule, "the last message is not one call");
        };
        let name = call.pointer("/function/name");
        if name
            .and_then(JsonView::as_text)
            .is_none_or(|name| name.body() != tool)
        {
            findings.note(rule, format!("the last message does not call `{tool}`"));
        }
        let kind = call
            .pointer("/function/arguments")
            .map(tracemill_model::JsonView::kind);
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

fn last(list: JsonView<'_>, findings: &mut Findings, check: impl Fn(&mut Findings, JsonView<'_>)) {
    let count = list.elements().count();
    if list.kind() == Kind::Array {
        findings.each(list, |findings, index, message| {
            if index + 1 == count {
                check(findings, message);
            }
        });
    }
}
