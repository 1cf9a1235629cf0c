//! `tracemill pairs`.

use std::process::ExitCode;

use tracemill::formats::FormatSpec;
use tracemill::io::MemoryBudget;
use tracemill::pairs::{PairError, PairOptions, PromptMode};
use tracemill::{Duplicates, GroupExamples, GroupOrder, Pairing};

use crate::args::{PairingArgs, PairsArgs, RewardArg};
use crate::failure::Failure;
use crate::job;

pub(crate) fn run(args: &PairsArgs) -> Result<ExitCode, Failure> {
    let mut builder = job::builder(&args.job)?;
    builder.format_spec(format(args)?);
    builder.pairing(pairing(&args.pairing, args.job.choose.seed, args.job.run.memory)?);
    job::run("pairs", &builder.build()?, &args.job, options(&args.pairing))
}

/// The format, with what `--reward` says, which is an extension of the one format that has rewards.
fn format(args: &PairsArgs) -> Result<FormatSpec, Failure> {
    let spec = &args.job.to;
    let sign = match args.pairing.reward {
        None => return Ok(spec.clone()),
        Some(RewardArg::ChosenScore) => '+',
        Some(RewardArg::ScoreDiff) => '-',
    };
    format!("{spec}{sign}reward-chosen-score").parse().map_err(|_| {
        Failure::Usage(format!(
            "`--reward` goes with `nat-trajectory` alone, and `{spec}` has no rewards"
        ))
    })
}

fn pairing(args: &PairingArgs, seed: u64, memory: MemoryBudget) -> Result<Pairing, Failure> {
    let usage = |error: PairError| Failure::Usage(error.to_string());
    let mut options = PairOptions::builder();
    options.strategy(args.strategy).seed(seed);
    if let Some(minimum) = args.min_score_diff {
        options.min_score_diff(minimum);
    }
    if let Some(minimum) = args.min_chosen_score {
        options.min_chosen_score(minimum);
    }
    if let Some(maximum) = args.max_rejected_score {
        options.max_rejected_score(maximum);
    }
    if let Some(maximum) = args.max_pairs_per_group {
        options.max_pairs_per_group(maximum);
    }
    let duplicates = if args.dedup_pairs {
        Duplicates::Remove
    } else {
        Duplicates::Keep
    };
    let pairing = Pairing::new(options.build().map_err(usage)?)
        .with_examples(examples(args))
        .with_order(if args.grouped {
            GroupOrder::Grouped
        } else {
            GroupOrder::Any
        })
        .with_prompt(prompt(args)?)
        .with_duplicates(duplicates)
        .with_memory(memory)
        .with_max_group(args.max_group);
    match args.max_pairs {
        Some(pairs) => Ok(pairing.with_sample(pairs, seed)?),
        None => Ok(pairing),
    }
}

fn examples(args: &PairingArgs) -> GroupExamples {
    match args.label_by {
        Some(by) => GroupExamples::Labelled(by),
        None if args.ranked => GroupExamples::Ranked,
        None => GroupExamples::Pairs,
    }
}

fn prompt(args: &PairingArgs) -> Result<PromptMode, Failure> {
    match (args.prompt, args.completion) {
        (PromptMode::CommonPrefix(_), Some(completion)) => Ok(PromptMode::CommonPrefix(completion)),
        (_, Some(_)) => Err(Failure::Usage(
            "`--completion` goes with `--prompt common-prefix` alone".to_owned(),
        )),
        (prompt, None) => Ok(prompt),
    }
}

/// The options as they took effect, for the report.
fn options(args: &PairingArgs) -> Vec<(&'static str, String)> {
    let mut options = vec![
        ("strategy", args.strategy.to_string()),
        ("prompt", args.prompt.to_string()),
        ("dedup-pairs", args.dedup_pairs.to_string()),
        ("grouped", args.grouped.to_string()),
        ("ranked", args.ranked.to_string()),
        ("max-group", args.max_group.to_string()),
    ];
    let mut given = |name, value: Option<String>| options.extend(value.map(|value| (name, value)));
    given(
        "completion",
        args.completion.map(|completion| completion.to_string()),
    );
    given(
        "min-score-diff",
        args.min_score_diff.map(|value| value.to_string()),
    );
    given(
        "min-chosen-score",
        args.min_chosen_score.map(|value| value.to_string()),
    );
    given(
        "max-rejected-score",
        args.max_rejected_score.map(|value| value.to_string()),
    );
    given(
        "max-pairs-per-group",
        args.max_pairs_per_group.map(|value| value.to_string()),
    );
    let reward = args.reward.map(|reward| match reward {
        RewardArg::ScoreDiff => "score-diff".to_owned(),
        RewardArg::ChosenScore => "chosen-score".to_owned(),
    });
    given("reward", reward);
    given("label-by", args.label_by.map(|by| by.name().to_owned()));
    given("max-pairs", args.max_pairs.map(|value| value.to_string()));
    options
}
