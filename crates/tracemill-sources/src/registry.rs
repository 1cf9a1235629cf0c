//! The one list of sources. Detection, tables, help, golden coverage and benchmarks are made from it.

use std::fmt;

use tracemill_model::{Elements, Framing};

use crate::options::{OptionError, SourceOption, SourceOptions};
use crate::source::Source;
use crate::{
    alpaca, alpaca_eval, anthropic, arena_hard, atif, bedrock_converse, bfcl, candidates, claude_code, codex,
    codex_exec, completions, gemini, gemini_cli, google_adk, inspect, kiln, langfuse, langsmith,
    llamafactory, mini_swe_agent, mlflow, mt_bench, nat, openai_chat, openai_responses, openhands,
    openinference, otel_genai, preference, prompt_completion, sharegpt, swe_agent, swink, tau_bench,
    tau2_bench, terminal_bench, toolbench, tracemill, who_and_when,
};

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
    /// What it counts inside of records.
    pub(crate) notes: &'static [Note],
    /// What a user may say of its files.
    pub(crate) options: &'static [SourceOption],
    /// Makes the source; options that it does not take were refused before.
    pub(crate) make: fn(&SourceOptions) -> Box<dyn Source>,
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

/// Something inside of records that a source counts: a part that is no trace, or one that was read in a way somebody
/// may want to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The stable code under which the ledger counts it.
    pub code: &'static str,
    /// What it is, and what became of it.
    pub why: &'static str,
}

impl Note {
    pub(crate) const fn new(code: &'static str, why: &'static str) -> Self {
        Note { code, why }
    }
}

/// The endings of most files: JSON and JSON Lines.
pub(crate) const JSON: &[&str] = &[".jsonl", ".ndjson", ".json"];

/// The ways in which most files hold their records: one a line, the elements of an array, or one document.
pub(crate) fn json_framings() -> Vec<Framing> {
    vec![
        Framing::Lines,
        Framing::Elements(Elements::at("")),
        Framing::Document,
    ]
}

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

    /// What it counts inside of records, by code.
    pub fn notes(&self) -> &'static [Note] {
        self.notes
    }

    /// The options it takes.
    pub fn options(&self) -> &'static [SourceOption] {
        self.options
    }

    /// Makes the source as it is usual.
    pub fn make(&self) -> Box<dyn Source> {
        (self.make)(&SourceOptions::new())
    }

    /// Makes the source for files of which something is said.
    ///
    /// # Errors
    /// If an option is given that the source does not take.
    pub fn make_with(&self, options: &SourceOptions) -> Result<Box<dyn Source>, OptionError> {
        let given = options.given();
        let unknown = given
            .iter()
            .find(|given| self.options.iter().all(|option| option.name != **given));
        match unknown {
            Some(given) => Err(OptionError::unknown(self.name, given, self.options)),
            None => Ok((self.make)(options)),
        }
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
    static SOURCES: &[SourceInfo] = &[
        tracemill::INFO,
        openai_chat::INFO,
        openai_responses::INFO,
        gemini::INFO,
        tau_bench::INFO,
        nat::INFO,
        swink::INFO,
        candidates::INFO,
        completions::INFO,
        preference::INFO,
        otel_genai::INFO,
        openinference::INFO,
        inspect::INFO,
        kiln::INFO,
        anthropic::INFO,
        bedrock_converse::INFO,
        langsmith::INFO,
        langfuse::INFO,
        mlflow::INFO,
        tau2_bench::INFO,
        swe_agent::INFO,
        mini_swe_agent::INFO,
        openhands::INFO,
        atif::INFO,
        claude_code::INFO,
        codex::INFO,
        codex_exec::INFO,
        gemini_cli::INFO,
        google_adk::INFO,
        toolbench::INFO,
        who_and_when::INFO,
        terminal_bench::INFO,
        bfcl::INFO,
        arena_hard::INFO,
        mt_bench::INFO,
        alpaca_eval::INFO,
        sharegpt::INFO,
        alpaca::INFO,
        llamafactory::INFO,
        prompt_completion::INFO,
    ];
    SOURCES
}

/// The source of this name.
pub fn source(name: &str) -> Option<&'static SourceInfo> {
    sources().iter().find(|info| info.name == name)
}
