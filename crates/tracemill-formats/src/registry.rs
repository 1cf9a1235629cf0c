//! The one list of formats. Tables, help, golden coverage and benchmarks are made from it.

use std::fmt;

use tracemill_model::Shape;

use crate::capability::Capability;
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::spec::{FormatSpec, SpecError};
use crate::{hf, openai, sharegpt, tracemill};

/// Makes an encoder from a valid spec; fails only where an option asks for what the format has no place for.
pub(crate) type Make = fn(&FormatSpec, &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError>;

/// Everything the registry knows of one format.
pub struct Format {
    /// The short name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// What it takes.
    pub(crate) shapes: &'static [Shape],
    /// Its dialects.
    pub(crate) extensions: &'static [Extension],
    /// What it can hold.
    pub(crate) capability: Capability,
    /// What it may lose.
    pub(crate) losses: &'static [Loss],
    /// The rules its records keep, each with the consumer and version it was seen in.
    pub(crate) rules: &'static [Rule],
    /// One record.
    pub(crate) example: &'static str,
    /// Makes the encoder.
    pub(crate) make: Make,
}

/// A switch of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// The name, as in `format+name`.
    pub name: &'static str,
    /// What it does when it is on.
    pub summary: &'static str,
    /// Whether it is on unless switched off.
    pub default: bool,
}

/// A rule that the records of a format keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// What must hold.
    pub text: &'static str,
    /// Who says so: consumer and version.
    pub seen_in: &'static str,
}

impl Extension {
    /// A switch that is off unless switched on.
    pub(crate) const fn off(name: &'static str, summary: &'static str) -> Self {
        Extension {
            name,
            summary,
            default: false,
        }
    }
}

impl Rule {
    /// A rule with its evidence.
    pub(crate) const fn new(code: &'static str, text: &'static str, seen_in: &'static str) -> Self {
        Rule { code, text, seen_in }
    }
}

impl Format {
    /// The short name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One sentence on what it is and who reads it.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The shapes of examples it takes.
    pub fn shapes(&self) -> &'static [Shape] {
        self.shapes
    }

    /// Its dialects.
    pub fn extensions(&self) -> &'static [Extension] {
        self.extensions
    }

    /// What it can hold.
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// What it may lose.
    pub fn losses(&self) -> &'static [Loss] {
        self.losses
    }

    /// The rules its records keep.
    pub fn rules(&self) -> &'static [Rule] {
        self.rules
    }

    /// One record, as JSON.
    pub fn example(&self) -> &'static str {
        self.example
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Format").field(&self.name).finish()
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl FormatSpec {
    /// The encoder of this format.
    ///
    /// # Errors
    /// If an option asks for what the format has no place for.
    pub fn encoder(&self, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
        (self.format().make)(self, options)
    }
}

/// Every format, in the order of tables. A new one is one line here and one file beside this.
pub fn formats() -> &'static [Format] {
    static FORMATS: [Format; 4] = [openai::FORMAT, hf::FORMAT, sharegpt::FORMAT, tracemill::FORMAT];
    &FORMATS
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    formats().iter().find(|format| format.name == name)
}
