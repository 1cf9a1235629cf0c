//! Turns in the manner of ShareGPT, in the order that LLaMA-Factory demands.

use std::borrow::Cow;

use tracemill_model::json::Kind;
use tracemill_model::{JsonView, Text};

use super::{Findings, MISSING};
use crate::registry::Rule;

/// The rules of ShareGPT turns, as a format names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversations {
    /// Odd places hold the sides of the user, even ones those of the assistant.
    pub(crate) order: Rule,
    /// How many turns there are.
    pub(crate) parity: Rule,
    /// Whether that is an even number.
    pub(crate) turns: Parity,
    /// What a `function_call` holds.
    pub(crate) function_call: Rule,
    /// What stands in the arguments of a call.
    pub(crate) arguments: Rule,
    /// What `tools` holds.
    pub(crate) tools: Rule,
}

/// Whether a number is even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    Even,
    Odd,
}

const USER: &[&str] = &["human", "observation"];
const ASSISTANT: &[&str] = &["gpt", "function_call"];

impl Conversations {
    /// Checks `conversations`, `system` and `tools` of a record.
    pub(crate) fn check(&self, record: JsonView<'_>, findings: &mut Findings) {
        findings.member(record, "conversations", |findings, turns| {
            self.turns(turns, findings);
        });
        findings.member_if_any(record, "system", |findings, system| {
            findings.text(system);
        });
        findings.member_if_any(record, "tools", |findings, tools| self.tools(tools, findings));
    }

    fn turns(&self, turns: JsonView<'_>, findings: &mut Findings) {
        // The system turn in front counts for nothing.
        let mut place = 0;
        findings.each(turns, |findings, index, turn| {
            if !findings.is(turn, Kind::Object) {
                return;
            }
            let from = self.turn(turn, findings);
            if index == 0 && from == "system" {
                return;
            }
            let sides = if place % 2 == 0 { USER } else { ASSISTANT };
            place += 1;
            if !sides.contains(&from.as_str()) {
                let text = format!(
                    "turn {place} is from `{from}`, and belongs to {}",
                    sides.join(" or ")
                );
                findings.note_at("from", &self.order, text);
            }
        });
        if turns.kind() == Kind::Array && (place % 2 == 0) != (self.turns == Parity::Even) {
            findings.note(&self.parity, format!("there are {place} turns"));
        }
        if turns.kind() == Kind::Array && place == 0 {
            findings.note(&MISSING, "there is no turn");
        }
    }

    /// Checks one turn, and gives whose it is.
    pub(crate) fn turn(&self, turn: JsonView<'_>, findings: &mut Findings) -> String {
        let mut from = String::new();
        findings.member(turn, "from", |findings, value| {
            from = findings
                .text(value)
                .map_or_else(String::new, |from| from.decode().into_owned());
        });
        findings.member(turn, "value", |findings, value| {
            let Some(value) = findings.text(value) else { return };
            if from == "function_call" {
                self.function_call(&value, findings);
            }
        });
        from
    }

    /// Checks an answer that stands beside the conversation.
    pub(crate) fn answer(&self, answer: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
        if answer.kind() != Kind::Object {
            let text = format!("the answer is {}, and has to be one turn", answer.kind().noun());
            return findings.note(rule, text);
        }
        let from = self.turn(answer, findings);
        if !ASSISTANT.contains(&from.as_str()) {
            findings.note_at("from", rule, format!("the answer is from `{from}`"));
        }
    }

    fn function_call(&self, value: &Text<'_>, findings: &mut Findings) {
        let decoded = value.decode();
        let json = Text::new(calls_within(&decoded));
        findings.embedded(&json, &self.function_call, |findings, value| match value.kind() {
            Kind::Object => self.call(value, findings),
            Kind::Array => value.elements().for_each(|call| self.call(call, findings)),
            kind => {
                let text = format!(
                    "the text holds {}, and should hold a call or a list of them",
                    kind.noun()
                );
                findings.note(&self.function_call, text);
            }
        });
    }

    fn call(&self, call: JsonView<'_>, findings: &mut Findings) {
        if call.get("name").is_none_or(|name| name.as_text().is_none()) {
            findings.note(&self.function_call, "a call has no `name`");
        }
        match call.get("arguments") {
            None => findings.note(&self.function_call, "a call has no `arguments`"),
            Some(arguments) if arguments.kind() != Kind::Object => {
                let text = format!(
                    "the arguments are {}, and should be an object",
                    arguments.kind().noun()
                );
                findings.note(&self.arguments, text);
            }
            Some(_) => {}
        }
    }

    fn tools(&self, tools: JsonView<'_>, findings: &mut Findings) {
        let Some(text) = tools.as_text() else {
            let text = format!("`tools` is {}, and should be JSON text", tools.kind().noun());
            return findings.note(&self.tools, text);
        };
        findings.embedded(&text, &self.tools, |findings, value| {
            if value.kind() != Kind::Array {
                findings.note(&self.tools, "the text holds no list");
            }
        });
    }
}

/// The calls of a `function_call`, as LLaMA-Factory 0.9.5 finds them (`FunctionFormatter` in `data/formatter.py`): between the
/// first marks of a call, or else what is left without the first reasoning.
fn calls_within(value: &str) -> Cow<'_, str> {
    if let Some((_, calls, _)) = between(value, "<tool_call>", "</tool_call>") {
        return calls.into();
    }
    match between(value, "<think>\n", "\n</think>\n\n") {
        Some(("", _, calls)) => calls.into(),
        Some((before, _, behind)) => format!("{before}{behind}").into(),
        None => value.into(),
    }
}

/// What stands before, between and behind the first `open` that has a `close` and that.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let (before, rest) = text.split_once(open)?;
    let (within, behind) = rest.split_once(close)?;
    Some((before, within, behind))
}
