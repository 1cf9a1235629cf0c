//! What a consumer would say of records that exist already.

mod answers;
mod chat;
mod conversations;
mod file;
mod findings;
mod outputs;
mod rendered;

pub(crate) use answers::{called_answer, json_answer};
pub(crate) use chat::{Chat, Demand, Form, tools};
pub(crate) use conversations::{Conversations, Parity};
pub use file::{FileFacts, FileRule};
pub use findings::{Finding, Findings};
pub(crate) use outputs::InputOutput;
pub(crate) use rendered::{COLUMNS, Ends, LEARNT};

use tracemill_model::JsonView;

use crate::registry::Rule;
use crate::spec::FormatSpec;

/// Checks one record of a format, extensions included: from the top of the record to its end, each value against the
/// same rules that the encoder keeps.
pub(crate) type Check = fn(&FormatSpec, JsonView<'_>, &mut Findings);

/// Values have the types that the consumer reads. Every format's rule.
pub(crate) const TYPE: Rule = Rule::new(
    "type",
    "values are of the types that the record's description gives",
    "every consumer",
);

/// What has to be there is there. Every format's rule.
pub(crate) const MISSING: Rule = Rule::new(
    "missing",
    "no value is missing that has to be there",
    "every consumer",
);

/// The rules that every format has beside its own: on types, and on what must not be missing.
pub fn common_rules() -> &'static [Rule] {
    static COMMON: [Rule; 2] = [TYPE, MISSING];
    &COMMON
}

impl FormatSpec {
    /// Checks one record that somebody else may have written, as the consumer of the format would, and notes in
    /// `findings` every rule that it breaks.
    ///
    /// ```
    /// use tracemill_formats::{Findings, FormatSpec};
    /// use tracemill_model::RawJson;
    ///
    /// let spec: FormatSpec = "openai".parse()?;
    /// let record = RawJson::parse(r#"{"messages":[{"role":"human","content":"hi"},{"role":"assistant","content":"ho"}]}"#)?;
    /// let mut findings = Findings::new();
    /// spec.check(record.view(), &mut findings);
    /// let found: Vec<_> = findings.iter().map(|finding| (finding.code(), finding.pointer())).collect();
    /// assert_eq!(found, [("roles", "/messages/0/role")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, record: JsonView<'_>, findings: &mut Findings) {
        (self.format().check)(self, record, findings);
    }

    /// The rules that hold for a whole file of the format with its extensions.
    pub fn file_rules(&self) -> &'static [FileRule] {
        let extensions = self.format().extensions().iter();
        extensions
            .filter(|extension| self.has(extension.name))
            .find_map(|extension| extension.file_rules)
            .unwrap_or(self.format().file_rules)
    }
}
