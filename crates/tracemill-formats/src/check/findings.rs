//! Which rules a record breaks, and where.

use std::fmt::Write as _;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{JsonView, Text};

use super::{MISSING, TYPE};
use crate::registry::Rule;

/// One place where a record breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    code: &'static str,
    pointer: String,
    message: String,
}

impl Finding {
    /// The stable code of the rule, as in [`Format::rules`](crate::Format::rules); `type` and `missing` are every
    /// format's.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where in the record, as a JSON pointer (RFC 6901); `""` is the whole.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is there, and what belongs there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The rules that a record breaks, in the order of the record; serves one record after the other.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    path: Vec<Step>,
    embedded: EmbeddedJson,
}

#[derive(Debug)]
enum Step {
    Key(&'static str),
    Index(usize),
}

impl Findings {
    /// Nothing is found yet.
    pub fn new() -> Self {
        Findings::default()
    }

    /// Forgets the last record, keeping the buffers.
    pub fn clear(&mut self) {
        self.found.clear();
        self.path.clear();
    }

    /// Whether every rule was kept.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// Notes that a rule is broken here.
    #[cold]
    pub(crate) fn note(&mut self, rule: &Rule, message: impl Into<String>) {
        self.found.push(Finding {
            code: rule.code,
            pointer: self.pointer(),
            message: message.into(),
        });
    }

    /// Notes that a rule is broken in a member of what is here.
    #[cold]
    pub(crate) fn note_at(&mut self, key: &'static str, rule: &Rule, message: impl Into<String>) {
        self.within(Step::Key(key), |findings| findings.note(rule, message));
    }

    /// Checks the member `key` of an object, which has to be there.
    pub(crate) fn member(
        &mut self,
        object: JsonView<'_>,
        key: &'static str,
        check: impl FnOnce(&mut Self, JsonView<'_>),
    ) {
        match object.get(key) {
            Some(value) => self.within(Step::Key(key), |findings| check(findings, value)),
            None => self.note(&MISSING, format!("`{key}` is missing")),
        }
    }

    /// Checks the member `key` of an object if it is there.
    pub(crate) fn member_if_any(
        &mut self,
        object: JsonView<'_>,
        key: &'static str,
        check: impl FnOnce(&mut Self, JsonView<'_>),
    ) {
        if let Some(value) = object.get(key) {
            self.within(Step::Key(key), |findings| check(findings, value));
        }
    }

    /// Checks every element of a list; notes anything that is none.
    pub(crate) fn each(&mut self, list: JsonView<'_>, mut check: impl FnMut(&mut Self, usize, JsonView<'_>)) {
        if !self.is(list, Kind::Array) {
            return;
        }
        for (index, element) in list.elements().enumerate() {
            self.within(Step::Index(index), |findings| check(findings, index, element));
        }
    }

    /// Whether a value is of the kind that belongs here; notes any other.
    pub(crate) fn is(&mut self, value: JsonView<'_>, kind: Kind) -> bool {
        let is = value.kind() == kind;
        if !is {
            self.wrong_type(value, kind.noun());
        }
        is
    }

    /// The text that belongs here; notes anything else.
    pub(crate) fn text<'v>(&mut self, value: JsonView<'v>) -> Option<Text<'v>> {
        self.is(value, Kind::String).then(|| value.as_text()).flatten()
    }

    /// Notes a value of a type that does not belong here.
    #[cold]
    pub(crate) fn wrong_type(&mut self, found: JsonView<'_>, wanted: &str) {
        self.note(
            &TYPE,
            format!("this is {}, and should be {wanted}", found.kind().noun()),
        );
    }

    /// Notes every key of an object that is none of `known`.
    pub(crate) fn only_keys(&mut self, object: JsonView<'_>, known: &[&str], rule: &Rule) {
        for (key, _) in object.members() {
            if !known.iter().any(|known| key == *known) {
                self.note(rule, format!("`{key}` is no key that belongs here"));
            }
        }
    }

    /// Checks the JSON that a text should hold, with the same pointer as the text; notes under `rule` what is none.
    pub(crate) fn embedded(
        &mut self,
        text: &Text<'_>,
        rule: &Rule,
        check: impl FnOnce(&mut Self, JsonView<'_>),
    ) {
        let mut embedded = std::mem::take(&mut self.embedded);
        match embedded.read(text) {
            Ok(value) => check(self, value.view()),
            Err(error) => self.note(rule, format!("the text is no JSON: {error}")),
        }
        self.embedded = embedded;
    }

    fn within<R>(&mut self, step: Step, check: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(step);
        let result = check(self);
        self.path.pop();
        result
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            match step {
                // Keys are those of formats: none holds `~` or `/`.
                Step::Key(key) => pointer.extend(["/", key]),
                Step::Index(index) => {
                    let _ = write!(pointer, "/{index}");
                }
            }
        }
        pointer
    }
}
