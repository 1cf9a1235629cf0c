//! The options that choose traces.

use clap::{Args, ValueEnum};
use tracemill::curate::{
    Choosing, Condition, Identity, Keep, NamedFilter, Order, Screen, Screening, Shares, SplitBy,
};
use tracemill::{Curation, MillBuilder, ScreenAction, Strata, ToolSets};

use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Choosing")]
pub(crate) struct ChooseArgs {
    /// Keep traces that fulfil a condition, such as `messages>=4`, `!tools`, `tag=golden` or `/metadata/lang=en`; may be given several times
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true)]
    pub(crate) conditions: Vec<Condition>,

    /// Keep what a filter of Kiln keeps: all, `high_rating`, `thinking_model`, `thinking_model_high_rated`, `tag::NAME`, `multi_filter::A&B`
    #[arg(long = "filter", value_name = "NAME")]
    pub(crate) filters: Vec<NamedFilter>,

    /// Fail if not all traces have the same tools
    #[arg(long)]
    pub(crate) require_same_tools: bool,

    /// Look into texts for secrets, addresses, telephone and card numbers and special tokens: report, reject or replace what is found
    #[arg(long, value_name = "WHAT")]
    pub(crate) screen: Option<ScreenAction>,

    /// What is looked for: secret, email, phone, card, special-token, forbidden-nova, forbidden-claude; the first five unless given
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "screen")]
    pub(crate) screen_for: Vec<Screen>,

    /// Keep one of traces that are the same: exact, prompt or normalized (case, white space, Unicode)
    #[arg(long, value_name = "HOW")]
    pub(crate) dedup: Option<Identity>,

    /// Which duplicate stays: the first, or the one with the best score
    #[arg(long, value_name = "WHICH", requires = "dedup")]
    pub(crate) keep: Option<Keep>,

    /// Keep groups whose mean score is at least X
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) min_group_score: Option<f64>,

    /// Keep groups whose mean score is at most X
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) max_group_score: Option<f64>,

    /// Keep so many traces a group, the best ones
    #[arg(long, value_name = "N")]
    pub(crate) per_group: Option<usize>,

    /// Keep so many traces, drawn with --seed
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,

    /// Draw the sample in equal shares from the values at a JSON pointer, or from buckets of the score, as in score:0.25
    #[arg(long, value_name = "POINTER|score:WIDTH", requires = "sample")]
    pub(crate) stratify_by: Option<Strata>,

    /// Keep the first so many of the traces that are left, before they are put in another order
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Write traces in an order drawn with --seed
    #[arg(long, conflicts_with = "order")]
    pub(crate) shuffle: bool,

    /// Order of the traces
    #[arg(long, value_name = "HOW")]
    pub(crate) order: Option<OrderArg>,

    /// Write a folder with a file for each side, such as train=0.9,validation=0.05,test=0.05; no group and no prompt is on two
    #[arg(long, value_name = "NAME=SHARE,…")]
    pub(crate) split: Option<Shares>,

    /// How sides are decided: hash (adding traces moves none), shuffled or positional (shares are exact)
    #[arg(long, value_name = "HOW", requires = "split")]
    pub(crate) split_by: Option<SplitBy>,

    /// Seed of all that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OrderArg {
    /// As they came
    Input,
    /// The easiest groups first, by their mean score
    Curriculum,
}

/// What the options choose.
pub(crate) fn curation(args: &ChooseArgs) -> Result<Curation, Failure> {
    let mut curation = Curation::new();
    for condition in &args.conditions {
        curation = curation.with_condition(condition.clone());
    }
    for filter in &args.filters {
        curation = curation.with_filter(filter.clone());
    }
    if args.require_same_tools {
        curation = curation.with_tools(ToolSets::Same);
    }
    if let Some(identity) = args.dedup {
        curation = curation.with_identity(identity);
    }
    if let Some(strata) = &args.stratify_by {
        curation = curation.with_strata(strata.clone());
    }
    let bounds = [args.min_group_score, args.max_group_score];
    if bounds.iter().flatten().any(|bound| bound.is_nan()) {
        return Err(Failure::Usage(
            "a bound of group scores is not a number".to_owned(),
        ));
    }
    Ok(match choosing(args) {
        Some(choosing) => curation.with_choosing(choosing),
        None => curation,
    })
}

/// Screens texts, if that is asked for.
pub(crate) fn screen(builder: &mut MillBuilder, args: &ChooseArgs) {
    if let Some(action) = args.screen {
        builder.screening(Screening::new(screens(args)), action);
    }
}

fn screens(args: &ChooseArgs) -> Vec<Screen> {
    if args.screen_for.is_empty() {
        Screen::USUAL.to_vec()
    } else {
        args.screen_for.clone()
    }
}

/// The decisions over all traces; `None` if there is none to take.
fn choosing(args: &ChooseArgs) -> Option<Choosing> {
    let mut choosing = Choosing::new();
    choosing.seed(args.seed);
    let mut any = false;
    if args.dedup.is_some() {
        choosing.dedup(args.keep.unwrap_or_default());
        any = true;
    }
    if args.min_group_score.is_some() || args.max_group_score.is_some() {
        choosing.group_scores(args.min_group_score, args.max_group_score);
        any = true;
    }
    if let Some(traces) = args.per_group {
        choosing.per_group(traces);
        any = true;
    }
    if let Some(traces) = args.sample {
        choosing.sample(traces);
        any = true;
    }
    if let Some(traces) = args.limit {
        choosing.limit(traces);
        any = true;
    }
    if let Some(shares) = &args.split {
        choosing.split(shares.clone(), args.split_by.unwrap_or_default());
        any = true;
    }
    if args.shuffle {
        choosing.order(Order::Shuffled);
        any = true;
    }
    if let Some(OrderArg::Curriculum) = args.order {
        choosing.order(Order::Curriculum);
        any = true;
    }
    any.then_some(choosing)
}

/// The options as they took effect, for the report.
pub(crate) fn options(args: &ChooseArgs) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    let mut given =
        |name: &'static str, value: Option<String>| options.extend(value.map(|value| (name, value)));
    given("where", joined(&args.conditions));
    given("filter", joined(&args.filters));
    given(
        "require-same-tools",
        args.require_same_tools.then(|| "true".to_owned()),
    );
    given("screen", args.screen.map(|action| action.name().to_owned()));
    let names = |screen: &Screen| screen.name();
    let screens = args
        .screen
        .map(|_| screens(args).iter().map(names).collect::<Vec<_>>().join(","));
    given("screen-for", screens);
    given("dedup", args.dedup.map(|identity| identity.name().to_owned()));
    given("keep", args.keep.map(|keep| format!("{keep:?}").to_lowercase()));
    given(
        "min-group-score",
        args.min_group_score.map(|bound| bound.to_string()),
    );
    given(
        "max-group-score",
        args.max_group_score.map(|bound| bound.to_string()),
    );
    given("per-group", args.per_group.map(|traces| traces.to_string()));
    given("sample", args.sample.map(|traces| traces.to_string()));
    given("stratify-by", args.stratify_by.as_ref().map(ToString::to_string));
    given("limit", args.limit.map(|traces| traces.to_string()));
    given("shuffle", args.shuffle.then(|| "true".to_owned()));
    given(
        "order",
        args.order.map(|order| format!("{order:?}").to_lowercase()),
    );
    given("split", args.split.as_ref().map(ToString::to_string));
    let by = args.split.as_ref().map(|_| args.split_by.unwrap_or_default());
    given("split-by", by.map(|by| by.name().to_owned()));
    given("seed", Some(args.seed.to_string()));
    options
}

/// Several values of one option, `None` if there are none: a report has every option once.
fn joined<T: ToString>(values: &[T]) -> Option<String> {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| values.join(" and "))
}
