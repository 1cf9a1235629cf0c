//! `tracemill convert`.

use std::process::ExitCode;

use tracemill::{Thinking, Turns};

use crate::args::{ConvertArgs, ThinkingArgs, TurnsArg};
use crate::failure::Failure;
use crate::job;

pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode, Failure> {
    let mut builder = job::builder(&args.job)?;
    builder.turns(match args.turns {
        TurnsArg::Whole => Turns::Whole,
        TurnsArg::Each => Turns::Each,
        TurnsArg::Last => Turns::Last,
    });
    if let Some(threshold) = args.label_threshold {
        builder.label(threshold);
    }
    if let Some(thinking) = thinking(&args.thinking)? {
        builder.thinking(thinking);
    }
    if let Some(limit) = args.truncate_tokens {
        builder.truncate_tokens(limit);
    }
    let turns = format!("{:?}", args.turns).to_lowercase();
    let mut own = vec![("turns", turns)];
    own.extend(
        args.label_threshold
            .map(|threshold| ("label-threshold", threshold.to_string())),
    );
    own.extend(
        args.truncate_tokens
            .map(|limit| ("truncate-tokens", limit.to_string())),
    );
    own.extend(thinking_options(&args.thinking));
    job::run("convert", &builder.build()?, &args.job, own)
}

fn thinking(args: &ThinkingArgs) -> Result<Option<Thinking>, Failure> {
    let Some(strategy) = args.thinking else {
        return Ok(None);
    };
    let text = |option: &str, value: &Option<String>| {
        let value = value.as_ref();
        value.map(|value| job::text_or_file(option, value)).transpose()
    };
    let instructions = text("--thinking-instructions", &args.thinking_instructions)?;
    let thinking = Thinking::new(strategy, instructions)?;
    let prompt = text("--final-answer-prompt", &args.final_answer_prompt)?;
    Ok(Some(match prompt {
        Some(prompt) => thinking.with_final_answer_prompt(prompt),
        None => thinking,
    }))
}

fn thinking_options(args: &ThinkingArgs) -> impl Iterator<Item = (&'static str, String)> {
    let strategy = args.thinking.map(|strategy| strategy.name().to_owned());
    [
        ("thinking", strategy),
        ("thinking-instructions", args.thinking_instructions.clone()),
        ("final-answer-prompt", args.final_answer_prompt.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}
