//! Names of formats with their dialects: `sharegpt+tools-system`.

use std::fmt;
use std::str::FromStr;

use crate::names::{self, OtherName, Standing};
use crate::options::{EncodeOptions, MetadataMode};
use crate::preset::MetadataKeys;
use crate::registry::{self, Format};

/// A format and the extensions that are on: valid once parsed, so that making its encoder needs no second check.
///
/// Written as in pandoc: the name, then `+extension` to switch one on and `-extension` to switch one off.
///
/// ```
/// use tracemill_formats::FormatSpec;
/// let spec: FormatSpec = "hf+prompt-completion".parse()?;
/// assert_eq!(spec.format().name(), "hf");
/// assert!(spec.has("prompt-completion"));
/// assert_eq!(spec.to_string(), "hf+prompt-completion");
/// let error = "hf+weights".parse::<FormatSpec>().unwrap_err();
/// assert!(error.to_string().contains("prompt-completion"));
/// # Ok::<(), tracemill_formats::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatSpec {
    format: &'static Format,
    /// Parallel to the extensions of the format.
    on: Vec<bool>,
    /// Under which keys a preset writes identity and scores.
    metadata: Option<MetadataKeys>,
}

/// Why a text names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no such format.
    #[error("there is no format `{name}`; known formats: {known}")]
    UnknownFormat {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The name is known, and there is nothing to write.
    #[error("`{name}` is not written: {reason}")]
    Declined {
        /// What was asked for.
        name: &'static str,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// The format has no such extension.
    #[error("format `{format}` has no extension `{name}`; {known}")]
    UnknownExtension {
        /// The format.
        format: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Two extensions exclude each other, or an option excludes one.
    #[error("format `{format}`: {reason}")]
    Conflict {
        /// The format.
        format: &'static str,
        /// What excludes what, and what to do.
        reason: String,
    },
}

impl FormatSpec {
    /// The format with its default extensions.
    pub fn of(format: &'static Format) -> Self {
        FormatSpec {
            format,
            on: format
                .extensions()
                .iter()
                .map(|extension| extension.default)
                .collect(),
            metadata: None,
        }
    }

    /// The format.
    pub fn format(&self) -> &'static Format {
        self.format
    }

    /// Whether an extension is on.
    pub fn has(&self, name: &str) -> bool {
        self.format
            .extensions()
            .iter()
            .zip(&self.on)
            .any(|(extension, &on)| on && extension.name == name)
    }

    /// Switches as `+extension` and `-extension` say, one behind the other.
    fn switch_all(&mut self, mut rest: &str) -> Result<(), SpecError> {
        while let Some(sign) = rest.chars().next() {
            let name = &rest[1..];
            // An extension may itself hold hyphens: a hyphen ends the name only where a known one ends.
            let end = extension_end(self.format, name);
            self.switch(&name[..end], sign == '+')?;
            rest = &name[end..];
        }
        Ok(())
    }

    /// The keys under which identity and scores are written, if the spec came from a preset that has its own.
    pub(crate) fn metadata_keys(&self) -> Option<MetadataKeys> {
        self.metadata
    }

    fn switch(&mut self, name: &str, on: bool) -> Result<(), SpecError> {
        let known = self
            .format
            .extensions()
            .iter()
            .position(|extension| extension.name == name);
        let at = known.ok_or_else(|| SpecError::UnknownExtension {
            format: self.format.name(),
            name: name.to_owned(),
            known: known_extensions(self.format),
        })?;
        self.on[at] = on;
        Ok(())
    }
}

fn known_extensions(format: &Format) -> String {
    let names: Vec<_> = format
        .extensions()
        .iter()
        .map(|extension| format!("`{}`", extension.name))
        .collect();
    if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", names.join(", "))
    }
}

impl FromStr for FormatSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, rest) = split_name(text)?;
        let mut spec = match name {
            Named::Format(format) => FormatSpec::of(format),
            Named::Other(other) => of_other(other)?,
        };
        spec.switch_all(rest)?;
        Ok(spec)
    }
}

/// What a name means.
enum Named {
    Format(&'static Format),
    Other(&'static OtherName),
}

/// The format behind another name.
fn of_other(other: &'static OtherName) -> Result<FormatSpec, SpecError> {
    match *other.standing() {
        Standing::Declined { reason } => Err(SpecError::Declined {
            name: other.name(),
            reason,
        }),
        Standing::ServedBy { spec, .. } => spec.parse(),
        Standing::Preset { spec, metadata, .. } => {
            let mut spec: FormatSpec = spec.parse()?;
            spec.metadata = metadata;
            Ok(spec)
        }
    }
}

/// The name that `text` begins with, and the rest. Names hold hyphens too, so the longest known name wins.
fn split_name(text: &str) -> Result<(Named, &str), SpecError> {
    let ends_name = |rest: &str| rest.is_empty() || rest.starts_with(['+', '-']);
    let begins = |name: &str| text.strip_prefix(name).is_some_and(ends_name);
    let formats = registry::formats().iter();
    let formats = formats.map(|format| (format.name(), Named::Format(format)));
    let others = names::other_names().iter();
    let others = others.map(|other| (other.name(), Named::Other(other)));
    let matching = formats.chain(others).filter(|(name, _)| begins(name));
    match matching.max_by_key(|(name, _)| name.len()) {
        Some((name, named)) => Ok((named, &text[name.len()..])),
        None => Err(SpecError::UnknownFormat {
            name: text.split('+').next().unwrap_or(text).to_owned(),
            known: registry::formats()
                .iter()
                .map(|format| format!("`{}`", format.name()))
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

fn extension_end(format: &Format, name: &str) -> usize {
    let ends = |extension: &str| {
        let rest = name.strip_prefix(extension)?;
        (rest.is_empty() || rest.starts_with(['+', '-'])).then_some(extension.len())
    };
    let known = format
        .extensions()
        .iter()
        .filter_map(|extension| ends(extension.name))
        .max();
    known.unwrap_or_else(|| name.find('+').unwrap_or(name.len()))
}

/// Gives back what was parsed: the name, then what differs from the defaults.
impl fmt::Display for FormatSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.format.name())?;
        for (extension, &on) in self.format.extensions().iter().zip(&self.on) {
            if on != extension.default {
                write!(f, "{}{}", if on { '+' } else { '-' }, extension.name)?;
            }
        }
        Ok(())
    }
}

/// Refuses metadata for a format whose consumer is not known to accept it.
pub(crate) fn no_metadata(
    format: &'static str,
    consumer: &str,
    options: &EncodeOptions,
) -> Result<(), SpecError> {
    if options.metadata() == MetadataMode::Omit {
        return Ok(());
    }
    let reason = format!(
        "{consumer} is not known to accept a column `metadata`, so it is not written; convert to `tracemill` as well to \
         keep identity and scores"
    );
    Err(SpecError::Conflict { format, reason })
}
