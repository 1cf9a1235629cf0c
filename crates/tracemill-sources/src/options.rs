//! What a user may say of a file that its source cannot know.

use std::fmt;
use std::sync::Arc;

use crate::prompts::Prompts;

/// What a user says of the files that a source reads: where things stand in them, and what is missing from them.
///
/// Which options a source takes is in its [`SourceInfo::options`](crate::SourceInfo::options); others are refused
/// when the source is made.
///
/// ```
/// use tracemill_sources::{SourceOptions, source};
///
/// let options = SourceOptions::new().with_steps_key("steps").with_step("draft");
/// assert!(source("nat").unwrap().make_with(&options).is_ok());
/// let error = source("tau-bench").unwrap().make_with(&options).unwrap_err();
/// assert_eq!(error.to_string(), "`tau-bench` takes no option `steps-key`");
/// ```
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    steps_key: Option<String>,
    steps: Vec<String>,
    fields: Vec<(String, String)>,
    prompts: Option<Arc<Prompts>>,
    dataset: Option<String>,
    part: Option<String>,
}

impl SourceOptions {
    /// Nothing is said.
    pub fn new() -> Self {
        SourceOptions::default()
    }

    /// The steps of a run stand under this key (option `steps-key`).
    #[must_use]
    pub fn with_steps_key(mut self, key: impl Into<String>) -> Self {
        self.steps_key = Some(key.into());
        self
    }

    /// Steps of this name are wanted, beside those named before (option `step`).
    #[must_use]
    pub fn with_step(mut self, name: impl Into<String>) -> Self {
        self.steps.push(name.into());
        self
    }

    /// What the source calls `field` stands under the key `key` (option `field`, once for each field).
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, key: impl Into<String>) -> Self {
        let field = field.into();
        self.fields.retain(|(name, _)| *name != field);
        self.fields.push((field, key.into()));
        self
    }

    /// The prompts, which are not in the files themselves (option `prompts`).
    #[must_use]
    pub fn with_prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = Some(Arc::new(prompts));
        self
    }

    /// Only the runs in this frozen dataset are wanted (option `dataset`).
    #[must_use]
    pub fn with_dataset(mut self, name: impl Into<String>) -> Self {
        self.dataset = Some(name.into());
        self
    }

    /// Only this part of the dataset is wanted (option `part`).
    #[must_use]
    pub fn with_part(mut self, name: impl Into<String>) -> Self {
        self.part = Some(name.into());
        self
    }

    /// The dataset, if one was named.
    pub fn dataset(&self) -> Option<&str> {
        self.dataset.as_deref()
    }

    /// The part of the dataset, if one was named.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// The key of the steps, if it was named.
    pub fn steps_key(&self) -> Option<&str> {
        self.steps_key.as_deref()
    }

    /// The names of the steps that are wanted; none if none was named.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The key of a field, if it was named.
    pub fn field(&self, field: &str) -> Option<&str> {
        let named = self.fields.iter().find(|(name, _)| name == field);
        named.map(|(_, key)| key.as_str())
    }

    /// The prompts, if there are any.
    pub fn prompts(&self) -> Option<&Prompts> {
        self.prompts.as_deref()
    }

    /// The same prompts, to keep.
    pub(crate) fn shared_prompts(&self) -> Option<Arc<Prompts>> {
        self.prompts.clone()
    }

    /// The key of a field, named or usual.
    pub(crate) fn key_of(&self, field: &str, usual: &str) -> String {
        self.field(field).unwrap_or(usual).to_owned()
    }

    /// The names of the options that were given; fields as `field.NAME`.
    pub(crate) fn given(&self) -> Vec<String> {
        let mut given = Vec::new();
        given.extend(self.steps_key.is_some().then(|| STEPS_KEY.to_owned()));
        given.extend((!self.steps.is_empty()).then(|| STEP.to_owned()));
        given.extend(self.fields.iter().map(|(name, _)| format!("{FIELD}{name}")));
        given.extend(self.prompts.is_some().then(|| PROMPTS.to_owned()));
        given.extend(self.dataset.is_some().then(|| DATASET.to_owned()));
        given.extend(self.part.is_some().then(|| PART.to_owned()));
        given
    }
}

/// The name of the option for the key of steps.
pub(crate) const STEPS_KEY: &str = "steps-key";
/// The name of the option for wanted steps.
pub(crate) const STEP: &str = "step";
/// The name of the option for prompts from elsewhere.
pub(crate) const PROMPTS: &str = "prompts";
/// The name of the option for a frozen dataset.
pub(crate) const DATASET: &str = "dataset";
/// The name of the option for a part of it.
pub(crate) const PART: &str = "part";
/// How the names of fields begin among those of options.
pub(crate) const FIELD: &str = "field.";

/// An option that a source takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceOption {
    /// `steps-key`, `step`, `prompts`, `dataset`, `part`, or `field.` and the name of a field.
    pub name: &'static str,
    /// What holds when it is not given.
    pub usual: &'static str,
    /// What it says.
    pub what: &'static str,
}

impl SourceOption {
    pub(crate) const fn new(name: &'static str, usual: &'static str, what: &'static str) -> Self {
        SourceOption { name, usual, what }
    }
}

/// An option was given to a source that does not take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError(String);

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptionError {}

impl OptionError {
    /// Refuses `given`, the name of an option, for a source that takes others.
    pub(crate) fn unknown(source: &str, given: &str, taken: &[SourceOption]) -> Self {
        let Some(field) = given.strip_prefix(FIELD) else {
            return OptionError(format!("`{source}` takes no option `{given}`"));
        };
        let fields: Vec<_> = taken
            .iter()
            .filter_map(|option| option.name.strip_prefix(FIELD))
            .map(|name| format!("`{name}`"))
            .collect();
        OptionError(if fields.is_empty() {
            format!("the fields of `{source}` cannot be renamed")
        } else {
            format!("`{source}` has no field `{field}`, only {}", fields.join(", "))
        })
    }
}
