//! Checking files that exist already, as their consumer would.

use tracemill_formats::{FileFacts, FileRule, Finding, Findings, FormatSpec};
use tracemill_io::{Block, BlockReader, Cancel, Fill, Input, Record, RecordLimit, Threads};
use tracemill_model::{Elements, Framing, RawJson};
use tracemill_sources::{Head, HeadShape};

use crate::error::Error;
use crate::ledger::Counts;
use crate::run::Progress;

/// How much of a file is looked at to know whether it is lines or one array.
const HEAD: usize = 64 * 1024;

/// A configured check: files in, what their consumer would refuse out.
///
/// ```
/// use tracemill::{Checking, io::Input};
///
/// let lines = "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}]}\n{\"messages\":[\n";
/// let mut found = Vec::new();
/// let checked = Checking::new("openai".parse()?).run([Input::bytes("train.jsonl", lines)], |finding| {
///     found.push(format!("{}: {}", finding.place(), finding.code()));
///     Ok(())
/// })?;
/// assert_eq!(found, ["train.jsonl:1: target", "train.jsonl:2: truncated", "train.jsonl: at-least"]);
/// assert_eq!((checked.records, checked.findings.total()), (2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checking {
    spec: FormatSpec,
    threads: Threads,
    record_limit: RecordLimit,
    progress: Progress,
    cancel: Cancel,
}

/// What a file does against a rule, and where.
#[derive(Clone, Debug)]
pub struct Found {
    path: String,
    line: Option<u64>,
    place: String,
    code: &'static str,
    pointer: String,
    message: String,
}

impl Found {
    /// The name of the input.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line on which the record begins, from 1; none where the whole file is meant.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The file and the record in it, as messages show them.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The stable code of the rule, or of the error if the record is no JSON.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where in the record, as a JSON pointer; `""` is the whole.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is there, and what belongs there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The sum of a check.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Checked {
    /// The records that were looked at.
    pub records: u64,
    /// What was found, by code.
    pub findings: Counts,
}

/// What came of a block.
#[derive(Debug, Default)]
struct Looked {
    facts: FileFacts,
    records: u64,
    found: Vec<Found>,
    findings: Findings,
}

impl Checking {
    /// A check of files in this format.
    pub fn new(spec: FormatSpec) -> Self {
        Checking {
            spec,
            threads: Threads::default(),
            record_limit: RecordLimit::default(),
            progress: Progress::new(),
            cancel: Cancel::default(),
        }
    }

    /// Sets the worker threads: the current rayon pool, unless set.
    #[must_use]
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the longest record that is read.
    #[must_use]
    pub fn with_record_limit(mut self, limit: RecordLimit) -> Self {
        self.record_limit = limit;
        self
    }

    /// Lets another thread watch.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Lets another thread stop the check.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Checks files, one after the other, each in parallel; `visit` sees every finding in the order of the input.
    ///
    /// A record that is no JSON is a finding like any other; so is a file without records.
    ///
    /// # Errors
    /// If an input cannot be read, a record is longer than the limit, or `visit` fails.
    pub fn run(
        &self,
        inputs: impl IntoIterator<Item = Input>,
        mut visit: impl FnMut(&Found) -> Result<(), Error> + Send,
    ) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        let inputs: Vec<_> = inputs.into_iter().collect();
        self.progress.expect_bytes(&inputs);
        for input in inputs {
            self.file(input.with_cancel(&self.cancel), &mut checked, &mut visit)?;
        }
        Ok(checked)
    }

    fn file(
        &self,
        input: Input,
        checked: &mut Checked,
        visit: &mut (impl FnMut(&Found) -> Result<(), Error> + Send),
    ) -> Result<(), Error> {
        let name = input.name().to_owned();
        let framing = self.framing(&input)?;
        let input = input.metered(self.progress.meter());
        let mut reader = BlockReader::new([(input, framing)]).with_record_limit(self.record_limit);
        let mut facts = FileFacts::default();
        let rules = self.spec.file_rules();
        tracemill_io::run(
            self.threads,
            &self.cancel,
            |block: &mut Block| -> Result<Fill, Error> { Ok(reader.fill(block)?) },
            |block, looked: &mut Looked| self.block(block, looked),
            |looked: &mut Looked| {
                facts.merge(&looked.facts);
                checked.records += looked.records;
                self.progress.count(checked.records);
                for found in &looked.found {
                    checked.findings.add(found.code);
                    visit(found)?;
                }
                Ok(())
            },
        )?;
        for found in of_file(&name, rules, &facts) {
            checked.findings.add(found.code);
            visit(&found)?;
        }
        Ok(())
    }

    /// Lines, or the elements of one array. A format whose records are lists comes in lines alone.
    fn framing(&self, input: &Input) -> Result<Framing, Error> {
        let head = input.head(HEAD)?;
        let head = Head::new(&head, head.len() < HEAD);
        let lists = self.spec.format().example().starts_with('[');
        Ok(if head.shape() == HeadShape::Array && !lists {
            Framing::Elements(Elements::at(""))
        } else {
            Framing::Lines
        })
    }

    fn block(&self, block: &Block, looked: &mut Looked) {
        looked.facts = FileFacts::default();
        looked.found.clear();
        looked.records = 0;
        for record in block.records() {
            looked.records += 1;
            self.record(&record, looked);
        }
    }

    fn record(&self, record: &Record<'_>, looked: &mut Looked) {
        let mut bad = |code, message: String| looked.found.push(in_record(record, code, "", &message));
        let text = match record.text() {
            Ok(text) => text,
            Err(error) => return bad(error.code(), error.to_string()),
        };
        let value = match RawJson::parse(text) {
            Ok(value) => value,
            Err(error) => return bad(error.kind().code(), error.to_string()),
        };
        // The line end counts.
        let bytes = record.bytes().len() as u64 + 1;
        looked.facts.add(self.spec.file_rules(), value.view(), bytes);
        looked.findings.clear();
        self.spec.check(value.view(), &mut looked.findings);
        let found = looked.findings.iter();
        let found = found.map(|it: &Finding| in_record(record, it.code(), it.pointer(), it.message()));
        looked.found.extend(found);
    }
}

#[cold]
fn in_record(record: &Record<'_>, code: &'static str, pointer: &str, message: &str) -> Found {
    let locator = record.locator();
    Found {
        path: locator.path().to_owned(),
        line: Some(locator.line_number()),
        place: locator.to_string(),
        code,
        pointer: pointer.to_owned(),
        message: message.to_owned(),
    }
}

/// What a whole file does against the rules.
fn of_file<'r>(
    name: &'r str,
    rules: &'r [FileRule],
    facts: &'r FileFacts,
) -> impl Iterator<Item = Found> + 'r {
    let found = |code, message| Found {
        path: name.to_owned(),
        line: None,
        place: name.to_owned(),
        code,
        pointer: String::new(),
        message,
    };
    let empty = (facts.records() == 0).then(|| found("empty", "the file has no record".to_owned()));
    let broken = rules
        .iter()
        .enumerate()
        .filter_map(move |(index, rule)| Some(found(rule.rule().code, rule.broken(index, facts)?)));
    empty.into_iter().chain(broken)
}
