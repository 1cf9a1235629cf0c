//! The one list of sources. Detection, tables, help, golden coverage and benchmarks are made from it.

use std::fmt;

use crate::source::Source;
use crate::{openai_chat, tau_bench, tracemill};

/// Everything the registry knows of one source.
pub struct SourceInfo {
    /// The short name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// File name endings, for searching folders.
    pub(crate) suffixes: &'static [&'static str],
    /// What it reads, in Markdown.
    pub(crate) reads: &'static str,
    /// The records it passes over.
    pub(crate) skips: &'static [Skip],
    /// Makes the source.
    pub(crate) make: fn() -> Box<dyn Source>,
}

/// A kind of record that a source passes over, because it holds no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// The stable code under which the ledger counts it.
    pub code: &'static str,
    /// What it is, and why it holds no trace.
    pub why: &'static str,
}

impl Skip {
    pub(crate) const fn new(code: &'static str, why: &'static str) -> Self {
        Skip { code, why }
    }
}

/// The endings of most files: JSON and JSON Lines.
pub(crate) const JSON: &[&str] = &[".jsonl", ".ndjson", ".json"];

impl SourceInfo {
    /// The short name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One sentence on what it is and who writes it.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The endings of the names of its files, with their dots; each may be followed by `.gz` or `.zst`.
    pub fn suffixes(&self) -> &'static [&'static str] {
        self.suffixes
    }

    /// What it reads and what becomes of it, in Markdown.
    pub fn reads(&self) -> &'static str {
        self.reads
    }

    /// The records it passes over, by code.
    pub fn skips(&self) -> &'static [Skip] {
        self.skips
    }

    /// Makes the source.
    pub fn make(&self) -> Box<dyn Source> {
        (self.make)()
    }

    /// Whether a file of this name is picked up when a folder is searched.
    ///
    /// ```
    /// let info = tracemill_sources::source("tracemill").unwrap();
    /// assert!(info.takes("runs.jsonl") && info.takes("runs.json.gz"));
    /// assert!(!info.takes("notes.md") && !info.takes(".jsonl"));
    /// ```
    pub fn takes(&self, file_name: &str) -> bool {
        let plain = [".gz", ".zst"]
            .iter()
            .find_map(|packed| file_name.strip_suffix(packed))
            .unwrap_or(file_name);
        self.suffixes
            .iter()
            .filter_map(|suffix| plain.strip_suffix(suffix))
            .any(|stem| !stem.is_empty())
    }
}

impl fmt::Debug for SourceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceInfo").field(&self.name).finish()
    }
}

impl PartialEq for SourceInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SourceInfo {}

/// Every source, in the order of tables. A new one is one line here and one file beside this.
pub fn sources() -> &'static [SourceInfo] {
    static SOURCES: [SourceInfo; 3] = [tracemill::INFO, openai_chat::INFO, tau_bench::INFO];
    &SOURCES
}

/// The source of this name.
pub fn source(name: &str) -> Option<&'static SourceInfo> {
    sources().iter().find(|info| info.name == name)
}
