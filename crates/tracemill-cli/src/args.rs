//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use tracemill::curate::{Shares, SplitBy};
use tracemill::formats::{Day, FormatSpec, ReasoningMode, SpecError};
use tracemill::io::{MemoryBudget, RecordLimit};
use tracemill::pairs::{Completion, PromptMode, Strategy};
use tracemill::{AllowedLosses, GroupBy, LabelBy, ThinkingStrategy};

use crate::choose::ChooseArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Scored agent traces in, fine-tuning datasets out.
#[derive(Debug, Parser)]
#[command(name = "tracemill", version, styles = STYLES, propagate_version = true, after_help = ROOT_EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const ROOT_EXAMPLES: &str = "\
Examples:
  tracemill convert runs.jsonl --to openai -o train.jsonl
  tracemill convert results/ --to sharegpt --allow-loss trailing-turns -o train.jsonl
  tracemill pairs candidates.jsonl --to trl-preference --min-score-diff 0.2 -o pairs.jsonl
  tracemill check train.jsonl --as openai
  tracemill formats sharegpt

Exit status: 0 done · 1 failed · 2 wrong usage · 3 done, but records were rejected";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert traces to a training format
    Convert(Box<ConvertArgs>),
    /// Make preference pairs of scored traces that compete
    Pairs(Box<PairsArgs>),
    /// Check whether files are what a consumer accepts
    Check(CheckArgs),
    /// Say what is in some files: traces, scores, lengths, tools, problems
    Inspect(Box<InspectArgs>),
    /// Show a trace as a conversation
    Show(ShowArgs),
    /// List the formats, or say everything about one
    Formats(ListArgs),
    /// List what formats cannot hold, by code, or name the formats that have one loss
    Losses(ListArgs),
    /// List the sources, or say everything about one
    Sources(ListArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  # What was recorded is detected; what is written is named
  tracemill convert runs.jsonl --to openai -o train.jsonl

  # From a pipe, compressed on the way out
  zcat logs.jsonl.gz | tracemill convert --to hf -o train.jsonl.zst

  # Go on past bad records, and keep them with their reasons
  tracemill convert logs/ --to openai --on-error skip --rejects bad.jsonl -o train.jsonl

  # Accept by name what the format cannot hold, and keep the account
  tracemill convert runs.json --to sharegpt --allow-loss trailing-turns,text-beside-call --report report.json -o train.jsonl

  # One record for each assistant turn
  tracemill convert runs.jsonl --to openai --turns each -o train.jsonl

  # What is too long for the model is left out, or cut at a turn
  tracemill convert runs.jsonl --to openai --tokenizer gpt-4o --where 'tokens<=65536' -o train.jsonl
  tracemill convert runs.jsonl --to hf --tokenizer model/tokenizer.json --truncate-tokens 8192 -o train.jsonl";

#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    #[command(flatten)]
    pub(crate) thinking: ThinkingArgs,

    /// How many records one trace makes
    #[arg(long, value_name = "HOW", default_value = "whole", help_heading = "Records")]
    pub(crate) turns: TurnsArg,

    /// Cut conversations of more than N tokens: what follows the last turn of the assistant within them is left out, and counted as
    /// the loss `truncated`
    #[arg(
        long,
        value_name = "N",
        requires = "tokenizer",
        conflicts_with = "label_threshold",
        help_heading = "Tokens"
    )]
    pub(crate) truncate_tokens: Option<u64>,

    /// For formats of unpaired preferences: an answer is good if its score is at least X
    #[arg(
        long,
        value_name = "X",
        allow_negative_numbers = true,
        conflicts_with = "turns",
        help_heading = "Records"
    )]
    pub(crate) label_threshold: Option<f64>,
}

const PAIRS_EXAMPLES: &str = "\
Examples:
  # Every candidate against every worse one of its group
  tracemill pairs candidates.jsonl --to trl-preference -o pairs.jsonl

  # The best against the worst, if they are far enough apart
  tracemill pairs runs.jsonl --to openai-preference --strategy best-vs-worst --min-score-diff 0.3 -o pairs.jsonl

  # Trials of one task, whose conversations part on the way
  tracemill pairs results.json --to trl-preference --prompt task --allow-loss prompt-differs -o pairs.jsonl

  # Ranked lists, from a file in which the candidates of a prompt stand together
  tracemill pairs candidates.jsonl --to nemo-rl --ranked --grouped -o ranked.jsonl

  # At most 3 a group, 10,000 in all, none twice
  tracemill pairs runs.jsonl --to trl-preference --max-pairs-per-group 3 --max-pairs 10000 --seed 7 --dedup-pairs -o pairs.jsonl";

#[derive(Debug, Args)]
#[command(after_help = PAIRS_EXAMPLES)]
pub(crate) struct PairsArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    #[command(flatten)]
    pub(crate) pairing: PairingArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  # Everything that OpenAI would refuse, with its place
  tracemill check train.jsonl --as openai

  # For a program: one JSON object a finding
  tracemill check data/ --as sharegpt --json

Exit status: 0 clean · 1 something was found · 2 a file cannot be read";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    /// Files, folders (searched in name order) or `-` for standard input; `.gz` and `.zst` are read by suffix
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,

    /// Format that they should be in: NAME[+extension][-extension]; see `tracemill formats`
    #[arg(long = "as", value_name = "FORMAT")]
    pub(crate) format: FormatSpec,

    /// Print one JSON object a finding
    #[arg(long)]
    pub(crate) json: bool,

    /// Longest record that is read
    #[arg(long, value_name = "SIZE", default_value_t)]
    pub(crate) max_record: RecordLimit,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What every run has: from where, to what, and how.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Format to write: NAME[+extension][-extension]; see `tracemill formats`
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) to: FormatSpec,

    /// Where reasoning goes: auto, drop, inline or field
    #[arg(long, value_name = "WHERE", default_value = "auto", help_heading = "Records")]
    pub(crate) reasoning: ReasoningMode,

    /// Write identity, scores and metadata along, where the format tolerates it
    #[arg(long, help_heading = "Records")]
    pub(crate) metadata: bool,

    /// Chat template that `text-template` renders, such as the `chat_template.jinja` of a model
    #[arg(long, value_name = "FILE", help_heading = "Records", value_hint = ValueHint::FilePath)]
    pub(crate) template: Option<PathBuf>,

    /// Variable of the template, as JSON or else as text: `eos_token=</s>`, `enable_thinking=false`
    #[arg(long, value_name = "NAME=VALUE", value_parser = field, requires = "template", help_heading = "Records")]
    pub(crate) template_var: Vec<(String, String)>,

    /// What day it is for a template that asks
    #[arg(
        long,
        value_name = "YYYY-MM-DD",
        requires = "template",
        help_heading = "Records"
    )]
    pub(crate) template_day: Option<Day>,

    #[command(flatten)]
    pub(crate) traces: TraceArgs,

    #[command(flatten)]
    pub(crate) choose: ChooseArgs,

    #[command(flatten)]
    pub(crate) tokens: TokenArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) errors: ErrorArgs,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pairs")]
pub(crate) struct PairingArgs {
    /// Which candidates of a group pair: exhaustive, best-vs-worst, best-vs-all, adjacent or random:K
    #[arg(long, value_name = "HOW", default_value = "exhaustive")]
    pub(crate) strategy: Strategy,

    /// When two candidates share a prompt: exact, common-prefix or task
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub(crate) prompt: PromptMode,

    /// With --prompt common-prefix, the completions: the turn in which they part, or the rest
    #[arg(long, value_name = "WHAT")]
    pub(crate) completion: Option<Completion>,

    /// Least difference of the scores, inclusive; decimals are compared exactly
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) min_score_diff: Option<f64>,

    /// Least score of the chosen side
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) min_chosen_score: Option<f64>,

    /// Largest score of the rejected side
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) max_rejected_score: Option<f64>,

    /// Keep so many pairs a group, those with the largest differences
    #[arg(long, value_name = "N")]
    pub(crate) max_pairs_per_group: Option<usize>,

    /// Keep so many pairs in all, drawn with --seed
    #[arg(long, value_name = "N")]
    pub(crate) max_pairs: Option<usize>,

    /// Leave out pairs that say what an earlier one said
    #[arg(long)]
    pub(crate) dedup_pairs: bool,

    /// Promise that candidates come group by group: the input is read once, and one group is held at a time
    #[arg(long)]
    pub(crate) grouped: bool,

    /// In place of pairs: one ranked list for each prompt of a group, best first
    #[arg(long, conflicts_with_all = ["label_by", "strategy"])]
    pub(crate) ranked: bool,

    /// In place of pairs: a labelled example of each candidate, good if it is the best of its prompt, or above the mean
    #[arg(long, value_name = "best|mean", conflicts_with = "strategy")]
    pub(crate) label_by: Option<LabelBy>,

    /// Reward of each trajectory that `nat-trajectory` writes
    #[arg(long, value_name = "WHAT")]
    pub(crate) reward: Option<RewardArg>,

    /// Most candidates a group may have
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) max_group: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Files, folders (searched in name order) or `-` for standard input; `.gz` and `.zst` are read by suffix
    #[arg(value_name = "INPUT", default_value = "-", value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,

    /// Source to read the input as; detected from its beginning unless given; see `tracemill sources`
    #[arg(short, long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,

    /// Logs that repeat the conversation in every record: keep the last record of each, or all
    #[arg(long, value_name = "WHICH", default_value = "last")]
    pub(crate) chains: ChainsArg,

    /// Where the source finds a field: FIELD=KEY, once for each; see `tracemill sources NAME`
    #[arg(long, value_name = "FIELD=KEY", value_parser = field)]
    pub(crate) field: Vec<(String, String)>,

    /// Key under which the steps of a run stand
    #[arg(long, value_name = "KEY")]
    pub(crate) steps_key: Option<String>,

    /// Name of the steps that are candidates; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Vec<String>,

    /// Prompts for results that lack them, such as an evaluation set
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) prompts: Option<PathBuf>,

    /// What is wanted of several: a frozen dataset of Kiln, by id or name; data sets of a `dataset_info.json` of LLaMA-Factory, by
    /// name, with commas between them
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) dataset: Option<String>,

    /// Part of the dataset, such as train
    #[arg(long, value_name = "NAME", requires = "dataset")]
    pub(crate) part: Option<String>,

    /// Longest record that is read
    #[arg(long, value_name = "SIZE", default_value_t)]
    pub(crate) max_record: RecordLimit,

    /// Deepest nesting of brackets in a record
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) max_depth: u16,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Traces")]
pub(crate) struct TraceArgs {
    /// Score that counts, if traces have several: NAME, mean, min or max
    #[arg(long, value_name = "NAME")]
    pub(crate) score: Option<String>,

    /// Leave out traces whose score is lower, and those without one
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f64>,

    /// System message that replaces all others: TEXT or @FILE
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "default_system")]
    pub(crate) system: Option<String>,

    /// System message for traces that have none: TEXT or @FILE
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) default_system: Option<String>,

    /// Tool definitions (a JSON list) for traces that have none
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tools: Option<PathBuf>,

    /// Scores by id, to join to traces: a JSON object, rows, a list of ids that passed, or a report of SWE-bench
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) scores: Option<PathBuf>,

    /// Model of traces that name none
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Group traces by the value at this JSON pointer, such as /metadata/task
    #[arg(long, value_name = "POINTER")]
    pub(crate) group_by: Option<GroupBy>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tokens")]
pub(crate) struct TokenArgs {
    /// Count tokens, for `tokens` in --where and for the account: an encoding of OpenAI (`o200k_base`, `cl100k_base`), a model of theirs
    /// (`gpt-4o`), or the path of a `tokenizer.json`
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tokenizer: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// File to write, or with --split the folder; `-` is standard output; `.gz` and `.zst` are written by suffix
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Overwrite files that exist
    #[arg(long)]
    pub(crate) force: bool,

    /// Write the files that the consumer needs beside the records, such as `dataset_info.json`, to the same folder
    #[arg(long)]
    pub(crate) companions: bool,

    /// Write the account of the run as JSON, also when it fails
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Errors and losses")]
pub(crate) struct ErrorArgs {
    /// At a bad record: fail, or skip it and go on
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(crate) on_error: OnErrorArg,

    /// Write skipped records here, each with its place, code and reason
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) rejects: Option<PathBuf>,

    /// Accept what the format cannot hold, by code, or `all`; see `tracemill formats NAME`
    #[arg(long, value_name = "CODE,…")]
    pub(crate) allow_loss: Vec<AllowedLosses>,

    /// Succeed even if nothing is left to write
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Worker threads; as many as there are processors unless given
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Memory for the index of what is compared or put together; beyond it a temporary file is used
    #[arg(long, value_name = "SIZE", default_value_t)]
    pub(crate) memory: MemoryBudget,

    /// Show progress: auto is on a terminal only
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,

    /// Print no summary and no progress, only errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Reasoning as a part of the conversation.
#[derive(Debug, Args)]
#[command(next_help_heading = "Records")]
pub(crate) struct ThinkingArgs {
    /// Make reasoning a part of the conversation: none, two-message, legacy, legacy-system or r1
    #[arg(long, value_name = "STRATEGY", conflicts_with = "reasoning")]
    pub(crate) thinking: Option<ThinkingStrategy>,

    /// What tells the model to think first (two-message, legacy, legacy-system); `@FILE` reads a file
    #[arg(long, value_name = "TEXT", requires = "thinking")]
    pub(crate) thinking_instructions: Option<String>,

    /// What the user says between reasoning and answer [default: "Considering the above, return a final result."]
    #[arg(long, value_name = "TEXT", requires = "thinking")]
    pub(crate) final_answer_prompt: Option<String>,
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  tracemill inspect runs.jsonl
  tracemill inspect logs/ --json | jq .scores
  tracemill inspect runs.jsonl --to openai,sharegpt,anthropic
  tracemill inspect runs.jsonl --split train=0.9,test=0.1
  tracemill inspect results/ --html report.html
  tracemill inspect train.jsonl --tokenizer gpt-4o --price 25 --epochs 3";

#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) traces: TraceArgs,

    /// Formats to try, or `all`: what each would hold, lose and refuse; with --html five common ones unless given
    #[arg(
        short,
        long,
        value_name = "FORMAT,…",
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub(crate) to: Vec<TrialArg>,

    /// What `convert --split` would put on each side, such as train=0.9,test=0.1
    #[arg(long, value_name = "NAME=SHARE,…", help_heading = "Output")]
    pub(crate) split: Option<Shares>,

    /// How sides are decided: hash, shuffled or positional
    #[arg(long, value_name = "HOW", requires = "split", help_heading = "Output")]
    pub(crate) split_by: Option<SplitBy>,

    /// Seed of the split
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "split",
        help_heading = "Output"
    )]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) tokens: TokenArgs,

    /// What a million tokens cost to train on, for an estimate
    #[arg(long, value_name = "X", requires = "tokenizer", value_parser = price, help_heading = "Tokens")]
    pub(crate) price: Option<f64>,

    /// How often every token is trained on
    #[arg(
        long,
        value_name = "N",
        requires = "price",
        default_value_t = 1,
        help_heading = "Tokens"
    )]
    pub(crate) epochs: u32,

    /// Print JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Write one HTML page with charts and a sample of traces, which needs no network
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,

    /// Replace the page if it is there already
    #[arg(long, requires = "html", help_heading = "Output")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  tracemill show runs.jsonl
  tracemill show runs.jsonl 17
  tracemill show runs.jsonl geo-2/1";

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// File, or `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Id of the trace, or its number in the file, from 1
    #[arg(value_name = "ID|N")]
    pub(crate) which: Option<String>,

    /// Source to read the file as; detected unless given
    #[arg(short, long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Name of one
    pub(crate) name: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print Markdown, as in the documentation
    #[arg(long, conflicts_with = "json", hide = true)]
    pub(crate) markdown: bool,
}

/// Which formats are tried.
#[derive(Clone, Debug)]
pub(crate) enum TrialArg {
    /// Each that takes conversations and needs no file of the user's.
    All,
    /// One.
    One(FormatSpec),
}

impl FromStr for TrialArg {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Ok(match text {
            "all" => TrialArg::All,
            spec => TrialArg::One(spec.parse()?),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RewardArg {
    /// By how much the chosen side is better
    ScoreDiff,
    /// The score of the chosen side
    ChosenScore,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TurnsArg {
    /// One record with every turn
    Whole,
    /// One record for each assistant turn: what came before, and that turn
    Each,
    /// One record, for the last assistant turn
    Last,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ChainsArg {
    /// The last record of each conversation; the input is read twice
    Last,
    /// Every record
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OnErrorArg {
    /// Fail at the first bad record
    Fail,
    /// Count it, keep it in the reject file if there is one, and go on
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn price(text: &str) -> Result<f64, String> {
    let price = text
        .parse()
        .ok()
        .filter(|price: &f64| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "a price is a number that is not negative".to_owned())
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, key)) if !field.is_empty() && !key.is_empty() => Ok((field.to_owned(), key.to_owned())),
        _ => Err("write FIELD=KEY, as in `score=rating`".to_owned()),
    }
}
