//! The composed call: source, options, format, ledger.

use std::sync::Arc;

use tracemill_curate::{Choosing, Screening, Shares, Tokenizer};
use tracemill_formats::{Columns, Companion, EncodeOptions, Encoder, FormatSpec};
use tracemill_io::{MemoryBudget, RecordLimit, Threads};
use tracemill_model::{Limits, Shape, Tool, Turns};
use tracemill_pairs::ScoreSelection;
use tracemill_sources::{Source, SourceInfo, SourceOptions};

use crate::adjust::{Adjustments, GroupBy, SystemPrompt};
use crate::curating::Curation;
use crate::error::{Error, ErrorKind};
use crate::ledger::Ledger;
use crate::pairing::{GroupOrder, Pairing};
use crate::policy::{AllowedLosses, Chains, OnError};
use crate::scores::JoinedScores;
use crate::screening::{ScreenAction, Screens};
use crate::select::ScoreFilter;
use crate::thinking::Thinking;
use crate::tokens::Tokens;

/// A configured conversion: traces in, records of one format out, with an account of everything.
///
/// Immutable; one mill can run many times, also at once.
///
/// ```
/// use tracemill::{Mill, io::Input};
///
/// let lines = r#"{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"score":1.0}"#;
/// let mill = Mill::builder().format("openai")?.build()?;
/// let encoded = mill.collect([Input::bytes("runs.jsonl", lines)])?;
///
/// assert_eq!(encoded.ledger.examples, 1);
/// assert!(encoded.ledger.balances());
/// assert_eq!(
///     encoded.bytes,
///     b"{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"},{\"role\":\"assistant\",\"content\":\"4\"}]}\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mill {
    pub(crate) config: Arc<Config>,
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) source: SourceChoice,
    pub(crate) source_options: SourceOptions,
    pub(crate) examples: Examples,
    pub(crate) on_error: OnError,
    pub(crate) allowed: AllowedLosses,
    pub(crate) empty: WhenEmpty,
    pub(crate) chains: Chains,
    pub(crate) pairing: Option<Pairing>,
    pub(crate) curation: Curation,
    pub(crate) adjustments: Adjustments,
    pub(crate) thinking: Option<Thinking>,
    pub(crate) screens: Option<Screens>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) scores: ScoreFilter,
    pub(crate) threads: Threads,
    pub(crate) memory: MemoryBudget,
    pub(crate) record_limit: RecordLimit,
    pub(crate) limits: Limits,
}

/// Which source reads the inputs.
#[derive(Clone, Debug, Default)]
pub(crate) enum SourceChoice {
    /// Each input's is found from its beginning.
    #[default]
    Detect,
    /// One of the registry.
    Named(&'static SourceInfo),
    /// One of the user's own.
    Own(Arc<dyn Source>),
}

/// Which examples traces make, where they are not paired.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Examples {
    Conversations(Turns),
    Labelled { threshold: f64 },
}

impl Default for Examples {
    fn default() -> Self {
        Examples::Conversations(Turns::Whole)
    }
}

/// What it means that nothing is left to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenEmpty {
    /// The run fails and says what became of everything.
    #[default]
    Fail,
    /// An empty file is what was asked for.
    Allow,
}

/// Configures a [`Mill`].
///
/// ```
/// use tracemill::{Mill, OnError, Turns, formats::Loss};
/// let mut builder = Mill::builder();
/// builder.format("sharegpt")?.turns(Turns::Last).on_error(OnError::Skip);
/// builder.allow_loss(Loss::TextBesideCall);
/// assert!(builder.build().is_ok());
/// assert!(Mill::builder().build().is_err(), "a mill needs a format");
/// # Ok::<(), tracemill::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MillBuilder {
    encoder: Option<EncoderChoice>,
    options: EncodeOptions,
    source: SourceChoice,
    source_options: SourceOptions,
    examples: Examples,
    on_error: OnError,
    allowed: AllowedLosses,
    empty: WhenEmpty,
    chains: Chains,
    pairing: Option<Pairing>,
    curation: Curation,
    adjustments: Adjustments,
    thinking: Option<Thinking>,
    screens: Option<Screens>,
    tokenizer: Option<Arc<dyn Tokenizer>>,
    token_limit: Option<u64>,
    filter: ScoreFilter,
    threads: Threads,
    memory: MemoryBudget,
    record_limit: RecordLimit,
    limits: Limits,
}

#[derive(Clone, Debug)]
enum EncoderChoice {
    Spec(FormatSpec),
    Own(Arc<dyn Encoder>),
}

impl Mill {
    /// A builder with the default of every setting.
    pub fn builder() -> MillBuilder {
        MillBuilder::default()
    }

    /// The files that the consumer of the format needs beside the records that a run wrote to `file_name`; most need none.
    pub fn companions(&self, file_name: &str, ledger: &Ledger) -> Vec<Companion> {
        self.config.encoder.companions(file_name, ledger.columns)
    }
}

impl MillBuilder {
    /// Sets the format by its name and extensions, such as `hf+prompt-completion`.
    ///
    /// # Errors
    /// If there is no such format or extension; the message lists what there is.
    pub fn format(&mut self, spec: &str) -> Result<&mut Self, Error> {
        let spec = spec.parse().map_err(Error::config)?;
        Ok(self.format_spec(spec))
    }

    /// Sets the format.
    pub fn format_spec(&mut self, spec: FormatSpec) -> &mut Self {
        self.encoder = Some(EncoderChoice::Spec(spec));
        self
    }

    /// Sets what every format understands or ignores: where reasoning goes, whether metadata goes along.
    pub fn encode_options(&mut self, options: EncodeOptions) -> &mut Self {
        self.options = options;
        self
    }

    /// Sets an encoder of one's own.
    pub fn encoder(&mut self, encoder: impl Encoder + 'static) -> &mut Self {
        self.encoder = Some(EncoderChoice::Own(Arc::new(encoder)));
        self
    }

    /// Sets the source that reads every input. Unless set, each input's source is detected from its beginning.
    pub fn source(&mut self, source: impl Source + 'static) -> &mut Self {
        self.source = SourceChoice::Own(Arc::new(source));
        self
    }

    /// Sets the source by its name.
    ///
    /// # Errors
    /// If there is no such source; the message lists those there are.
    pub fn source_named(&mut self, name: &str) -> Result<&mut Self, Error> {
        let info = tracemill_sources::source(name).ok_or_else(|| {
            let known: Vec<_> = tracemill_sources::sources()
                .iter()
                .map(|info| format!("`{}`", info.name()))
                .collect();
            Error::config(format!(
                "there is no source `{name}`; known sources: {}",
                known.join(", ")
            ))
        })?;
        self.source = SourceChoice::Named(info);
        Ok(self)
    }

    /// Says of the input what its source cannot know: where things stand in it, and what is missing from it.
    pub fn source_options(&mut self, options: SourceOptions) -> &mut Self {
        self.source_options = options;
        self
    }

    /// Sets how many examples one trace makes: one, unless set.
    pub fn turns(&mut self, turns: Turns) -> &mut Self {
        self.examples = Examples::Conversations(turns);
        self
    }

    /// Makes a labelled example of each trace, for unpaired preferences: its last assistant turn is good if the score that
    /// counts is at least `threshold`.
    pub fn label(&mut self, threshold: f64) -> &mut Self {
        self.examples = Examples::Labelled { threshold };
        self
    }

    /// Sets what a bad record does to the run: it fails, unless set.
    pub fn on_error(&mut self, on_error: OnError) -> &mut Self {
        self.on_error = on_error;
        self
    }

    /// Allows one more loss.
    pub fn allow_loss(&mut self, loss: tracemill_formats::Loss) -> &mut Self {
        self.allowed = self.allowed.clone().with(loss);
        self
    }

    /// Sets which losses are allowed: none, unless set.
    pub fn allow_losses(&mut self, allowed: AllowedLosses) -> &mut Self {
        self.allowed = allowed;
        self
    }

    /// Sets what it means that nothing is left to write: failure, unless set.
    pub fn when_empty(&mut self, empty: WhenEmpty) -> &mut Self {
        self.empty = empty;
        self
    }

    /// Sets what is done with logs that repeat the conversation in every record: the last record of each is kept,
    /// unless set.
    pub fn chains(&mut self, chains: Chains) -> &mut Self {
        self.chains = chains;
        self
    }

    /// Makes preference pairs of groups of traces, instead of one or more examples of each trace.
    pub fn pairing(&mut self, pairing: Pairing) -> &mut Self {
        self.pairing = Some(pairing);
        self
    }

    /// Sets which traces are trained on: all of them, unless set.
    pub fn curation(&mut self, curation: Curation) -> &mut Self {
        self.curation = curation;
        self
    }

    /// Looks for what should not be in texts, such as secrets and addresses, and does something about it. Nothing is looked
    /// for unless set.
    pub fn screening(&mut self, screening: Screening, action: ScreenAction) -> &mut Self {
        self.screens = Some(Screens { screening, action });
        self
    }

    /// Sets what counts tokens: for conditions on them, for a limit, and for the account of what is written.
    pub fn tokenizer(&mut self, tokenizer: Arc<dyn Tokenizer>) -> &mut Self {
        self.tokenizer = Some(tokenizer);
        self
    }

    /// Cuts traces with more than `limit` tokens behind the last turn of the assistant that is within it, and counts what was cut
    /// off as the loss `truncated`, which is allowed by asking for it. Traces without such a turn are left out as
    /// `over-token-limit`. Conversations alone; needs a tokenizer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tracemill::{Mill, curate::Tokenizer, io::Input};
    ///
    /// #[derive(Debug)]
    /// struct Words;
    ///
    /// impl Tokenizer for Words {
    ///     fn name(&self) -> &str {
    ///         "words"
    ///     }
    ///
    ///     fn count(&self, text: &str) -> u64 {
    ///         text.split_whitespace().count() as u64
    ///     }
    /// }
    ///
    /// let turn = |role: &str, words: &str| format!(r#"{{"role":"{role}","content":"{words}"}}"#);
    /// let line = format!(
    ///     r#"{{"messages":[{},{},{},{}]}}"#,
    ///     turn("user", "one"), turn("assistant", "two three"), turn("user", "four five"), turn("assistant", "six")
    /// );
    /// let mut builder = Mill::builder();
    /// builder.format("openai")?.tokenizer(Arc::new(Words)).truncate_tokens(5);
    /// let encoded = builder.build()?.collect([Input::bytes("runs.jsonl", line)])?;
    /// assert_eq!(encoded.ledger.losses.get("truncated"), 2);
    /// assert_eq!(encoded.ledger.tokens.map(|tokens| tokens.sum()), Some(3));
    /// # Ok::<(), tracemill::Error>(())
    /// ```
    pub fn truncate_tokens(&mut self, limit: u64) -> &mut Self {
        self.token_limit = Some(limit);
        self
    }

    /// Sets which score counts where traces have several.
    pub fn score(&mut self, selection: ScoreSelection) -> &mut Self {
        self.filter.selection = Some(selection);
        self
    }

    /// Leaves out traces whose score is lower than `min`, and those without one.
    pub fn min_score(&mut self, min: f64) -> &mut Self {
        self.filter.min = Some(min);
        self
    }

    /// Sets what becomes of the system message: it stays, unless set.
    pub fn system(&mut self, prompt: SystemPrompt) -> &mut Self {
        self.adjustments.system = Some(prompt);
        self
    }

    /// Makes reasoning a part of the conversation. Conversations alone: it excludes labels and pairs, and reasoning
    /// anywhere else.
    pub fn thinking(&mut self, thinking: Thinking) -> &mut Self {
        self.thinking = Some(thinking);
        self
    }

    /// Sets tool definitions for traces that have none.
    pub fn tools(&mut self, tools: Vec<Tool<'static>>) -> &mut Self {
        self.adjustments.tools = Some(tools);
        self
    }

    /// Sets the model of traces that name none.
    pub fn model(&mut self, name: impl Into<String>) -> &mut Self {
        self.adjustments.model = Some(name.into());
        self
    }

    /// Joins scores that something else wrote to the traces with their ids. What matches nothing is counted.
    pub fn scores(&mut self, scores: JoinedScores) -> &mut Self {
        self.adjustments.scores = Some(scores);
        self
    }

    /// Groups traces by the value at a pointer.
    pub fn group_by(&mut self, pointer: GroupBy) -> &mut Self {
        self.adjustments.group_by = Some(pointer);
        self
    }

    /// Sets the worker threads: the current rayon pool, unless set.
    pub fn threads(&mut self, threads: Threads) -> &mut Self {
        self.threads = threads;
        self
    }

    /// Sets how much memory the index may take by which traces are put together from several records; beyond it a
    /// temporary file is used. 256 MiB unless set.
    pub fn memory(&mut self, memory: MemoryBudget) -> &mut Self {
        self.memory = memory;
        self
    }

    /// Sets the longest record that is read.
    pub fn record_limit(&mut self, limit: RecordLimit) -> &mut Self {
        self.record_limit = limit;
        self
    }

    /// Sets the limits inside a record.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// The mill.
    ///
    /// # Errors
    /// Of kind `Config` if no format was set, the format does not take conversations, or a threshold is no number.
    pub fn build(&self) -> Result<Mill, Error> {
        let encoder = self.make_encoder()?;
        self.check_shape(&*encoder)?;
        if self.filter.min.is_some_and(f64::is_nan) {
            return Err(Error::config("the minimum score is not a number"));
        }
        let is_streamed = |pairing: &Pairing| pairing.order == GroupOrder::Grouped;
        if self.pairing.as_ref().is_some_and(is_streamed) && self.curation.is_global() {
            return Err(Error::config(
                "`--grouped` reads the input once, and duplicates, samples, splits and orders are decided over all of it; leave out `--grouped`",
            ));
        }
        if matches!(self.examples, Examples::Labelled { threshold } if threshold.is_nan()) {
            return Err(Error::config("the threshold of labels is not a number"));
        }
        Ok(Mill {
            config: Arc::new(Config {
                encoder,
                source: self.source.clone(),
                source_options: self.source_options.clone(),
                examples: self.examples,
                on_error: self.on_error,
                allowed: self.allowed.clone(),
                empty: self.empty,
                chains: self.chains,
                pairing: self.pairing.clone(),
                curation: match self.pairing {
                    // A shuffle must not part what is to be paired.
                    Some(_) => self.curation.clone().keeping_groups(),
                    None => self.curation.clone(),
                },
                adjustments: self.adjustments.clone(),
                thinking: self.thinking.clone(),
                screens: self.screens.clone(),
                tokens: self.tokens()?,
                scores: self.filter.clone(),
                threads: self.threads,
                memory: self.memory,
                record_limit: self.record_limit,
                limits: self.limits,
            }),
        })
    }

    /// The shares of the split, if there is one.
    pub(crate) fn shares(&self) -> Option<&Shares> {
        self.curation.choosing().and_then(Choosing::sides)
    }

    fn tokens(&self) -> Result<Option<Tokens>, Error> {
        let needed = [
            (self.token_limit.is_some(), "`--truncate-tokens`"),
            (self.curation.looks_at_tokens(), "a condition on `tokens`"),
        ];
        match (&self.tokenizer, needed.iter().find(|(is_needed, _)| *is_needed)) {
            (None, Some((_, what))) => Err(Error::config(format!(
                "{what} needs something that counts tokens: name it with `--tokenizer`"
            ))),
            (tokenizer, _) => Ok(tokenizer.clone().map(|tokenizer| Tokens {
                tokenizer,
                limit: self.token_limit,
            })),
        }
    }

    fn check_shape(&self, encoder: &dyn Encoder) -> Result<(), Error> {
        if let Some(pairing) = &self.pairing {
            pairing.check()?;
        }
        let (shape, noun) = match (&self.pairing, self.examples) {
            (Some(pairing), _) => pairing.shape(),
            (None, Examples::Labelled { .. }) => (Shape::Labelled, "labelled examples"),
            (None, Examples::Conversations(_)) => (Shape::Conversation, "conversations"),
        };
        if self.thinking.is_some() && shape != Shape::Conversation {
            return Err(Error::config(
                "`--thinking` is for conversations, not for labels and pairs",
            ));
        }
        if self.token_limit.is_some() && shape != Shape::Conversation {
            return Err(Error::config(
                "`--truncate-tokens` is for conversations: of labels and pairs what is too long is left out, with `--where \
                 'tokens<=N'`",
            ));
        }
        if self.pairing.is_some() && self.filter.min.is_some() {
            return Err(Error::config(
                "`--min-score` would take candidates away before they are paired; use `--min-chosen-score` or \
                 `--max-rejected-score`",
            ));
        }
        if encoder.accepts(shape) {
            return Ok(());
        }
        let remedy = [
            (Shape::Conversation, "`tracemill convert` writes it"),
            (Shape::Preference, "`tracemill pairs` makes pairs for it"),
            (
                Shape::Labelled,
                "`tracemill convert --label-threshold` and `tracemill pairs --label-by` make labelled examples for it",
            ),
        ];
        let remedy = remedy
            .iter()
            .find(|(shape, _)| encoder.accepts(*shape))
            .map_or("", |(_, remedy)| remedy);
        Err(Error::config(format!(
            "format `{}` takes no {noun}; {remedy}",
            encoder.name()
        )))
    }

    fn make_encoder(&self) -> Result<Box<dyn Encoder>, Error> {
        match &self.encoder {
            None => Err(Error::config("no format was set")),
            Some(EncoderChoice::Spec(spec)) => spec.encoder(&self.options).map_err(Error::config),
            Some(EncoderChoice::Own(encoder)) => Ok(Box::new(Shared(Arc::clone(encoder)))),
        }
    }
}

/// An encoder of the user's own, shared between the builder and its mills.
#[derive(Debug)]
struct Shared(Arc<dyn Encoder>);

impl Encoder for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn accepts(&self, shape: Shape) -> bool {
        self.0.accepts(shape)
    }

    fn encode(
        &self,
        example: &tracemill_model::Example<'_>,
        scratch: &mut tracemill_formats::Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), tracemill_formats::EncodeError> {
        self.0.encode(example, scratch, out)
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        self.0.companions(file_name, columns)
    }
}

impl From<tracemill_io::Error> for Error {
    fn from(error: tracemill_io::Error) -> Self {
        use tracemill_io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::Exists | Io::Write | Io::NoSpace => ErrorKind::Output,
            Io::ClosedPipe => ErrorKind::ClosedPipe,
            Io::Cancelled => ErrorKind::Cancelled,
            Io::Panic | Io::Threads => ErrorKind::Internal,
            Io::RecordTooLong => ErrorKind::Limit,
            Io::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Input,
        };
        Error::new(kind, error.to_string())
    }
}
