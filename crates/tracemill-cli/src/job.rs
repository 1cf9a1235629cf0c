//! What the commands that read traces and write records have in common.

use std::path::Path;
use std::process::ExitCode;

use tracemill::formats::{ChatTemplate, Companion, EncodeOptions, MetadataMode};
use tracemill::io::{Cancel, Digest, Input, Output, OutputFolder, Overwrite, Target, Threads};
use tracemill::model::json::Cursor;
use tracemill::model::{Limits, Text, Tool};
use tracemill::pairs::ScoreSelection;
use tracemill::sources::{Prompts, SourceOptions};
use tracemill::{
    AllowedLosses, Chains, Error, JoinedScores, Ledger, Mill, MillBuilder, OnError, Run, SystemPrompt,
    WhenEmpty, sources,
};

use crate::args::{ChainsArg, ErrorArgs, InputArgs, JobArgs, OnErrorArg, OutputArgs, TraceArgs};
use crate::choose;
use crate::failure::{Failure, REJECTED};
use crate::progress::Bar;
use crate::summary;
use crate::tokens;

/// Options by name, as they took effect, for the report.
type Options = Vec<(&'static str, String)>;

/// Runs a mill from and to where the arguments say. `own` are the options of the command itself.
pub(crate) fn run(command: &str, mill: &Mill, args: &JobArgs, own: Options) -> Result<ExitCode, Failure> {
    let companions = open_companions(mill, &args.output)?;
    let inputs = inputs(&args.input)?;
    let overwrite = overwrite(&args.output);
    // Outputs are opened before any work: that one exists already should not be found out after an hour.
    let open = |path: &Path| output(path, overwrite, Digest::None);
    let report = args.output.report.as_deref().map(open).transpose()?;
    // Digests cost about as much as encoding: only a report asks for them.
    let digest = if report.is_some() {
        Digest::Sha256
    } else {
        Digest::None
    };
    let mut run = match &args.choose.split {
        Some(shares) => Run::into_folder(inputs, folder(&args.output, overwrite)?, shares, digest)?,
        None => Run::new(inputs, output(&args.output.output, overwrite, digest)?),
    };
    if let Some(rejects) = &args.errors.rejects {
        run = run.with_rejects(output(rejects, overwrite, Digest::None)?);
    }
    let cancel = Cancel::default();
    stop_on_signals(&cancel)?;
    let bar = Bar::start(args.run.progress, args.run.quiet);
    let result = mill.execute(run.with_cancel(&cancel).with_progress(bar.progress()));
    bar.finish();
    if let Some(report) = report {
        let options = [options(args), own].concat();
        write_report(report, command, &options, &result)?;
    }
    let ledger = result?;
    write_companions(mill, &ledger, &args.output, companions)?;
    if !args.run.quiet {
        summary::print(&ledger);
    }
    Ok(if ledger.rejected() > 0 {
        ExitCode::from(REJECTED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Opens the files that belong beside the records, before any work; none unless they were asked for.
fn open_companions(mill: &Mill, args: &OutputArgs) -> Result<Vec<Output>, Failure> {
    if !args.companions {
        return Ok(Vec::new());
    }
    let Some(file) = companion_of(args) else {
        return Err(Failure::Usage(
            "`--companions` needs a file to stand beside: name it with `-o`".to_owned(),
        ));
    };
    let companions = mill.companions(&file, &Ledger::default());
    let open = |companion: &Companion| {
        let path = args.output.with_file_name(companion.name());
        output(&path, overwrite(args), Digest::None)
    };
    companions.iter().map(open).collect()
}

/// Writes what belongs beside the records into what was opened for it.
fn write_companions(
    mill: &Mill,
    ledger: &Ledger,
    args: &OutputArgs,
    opened: Vec<Output>,
) -> Result<(), Failure> {
    let file = companion_of(args).unwrap_or_default();
    for (mut output, companion) in opened.into_iter().zip(mill.companions(&file, ledger)) {
        output
            .append(companion.contents().as_bytes())
            .map_err(Error::from)?;
        output.commit().map_err(Error::from)?;
    }
    Ok(())
}

/// The name of the file that companions stand beside; standard output has none.
fn companion_of(args: &OutputArgs) -> Option<String> {
    let name = args.output.file_name().filter(|name| *name != "-")?;
    Some(name.to_string_lossy().into_owned())
}

/// Writes the account, also of a run that failed.
fn write_report(
    mut report: Output,
    command: &str,
    options: &Options,
    result: &Result<Ledger, Error>,
) -> Result<(), Failure> {
    let ledger = match result {
        Ok(ledger) => Some(ledger),
        Err(error) => error.ledger(),
    };
    if let Some(ledger) = ledger {
        let mut json = Vec::new();
        ledger.write_json(command, options, &mut json);
        report.append(&json).map_err(Error::from)?;
        report.commit().map_err(Error::from)?;
    }
    Ok(())
}

/// A mill's builder with everything set that all commands share.
pub(crate) fn builder(args: &JobArgs) -> Result<MillBuilder, Failure> {
    let mut builder = Mill::builder();
    let metadata = if args.metadata {
        MetadataMode::Include
    } else {
        MetadataMode::Omit
    };
    builder
        .format_spec(args.to.clone())
        .encode_options(encode_options(args, metadata)?)
        .threads(args.run.threads.map_or(Threads::default(), Threads::exactly))
        .memory(args.run.memory);
    apply_input(&mut builder, &args.input)?;
    apply_traces(&mut builder, &args.traces)?;
    builder.curation(choose::curation(&args.choose)?);
    choose::screen(&mut builder, &args.choose);
    if let Some(tokenizer) = tokens::tokenizer(&args.tokens)? {
        builder.tokenizer(tokenizer);
    }
    apply_errors(&mut builder, &args.errors);
    Ok(builder)
}

fn encode_options(args: &JobArgs, metadata: MetadataMode) -> Result<EncodeOptions, Failure> {
    let options = EncodeOptions::default()
        .with_reasoning(args.reasoning)
        .with_metadata(metadata);
    let Some(path) = &args.template else {
        return Ok(options);
    };
    let mut template = ChatTemplate::new(read("--template", path)?);
    for (name, value) in &args.template_var {
        // What is no JSON is a text, so that tokens need no quotes.
        let text = Text::new(value.as_str());
        let as_text = format!("\"{}\"", text.body());
        template = template
            .clone()
            .with_variable(name, value)
            .or_else(|_| template.with_variable(name, &as_text))
            .map_err(|error| Failure::Usage(format!("--template-var: {error}")))?;
    }
    if let Some(day) = args.template_day {
        template = template.with_day(day);
    }
    Ok(options.with_template(template))
}

pub(crate) fn apply_input(builder: &mut MillBuilder, args: &InputArgs) -> Result<(), Failure> {
    if let Some(name) = &args.from {
        builder.source_named(name)?;
    }
    builder.source_options(source_options(args)?);
    builder
        .chains(match args.chains {
            ChainsArg::Last => Chains::Last,
            ChainsArg::All => Chains::All,
        })
        .record_limit(args.max_record)
        .limits(Limits::default().with_depth(args.max_depth));
    Ok(())
}

fn source_options(args: &InputArgs) -> Result<SourceOptions, Failure> {
    let mut options = SourceOptions::new();
    if let Some(key) = &args.steps_key {
        options = options.with_steps_key(key);
    }
    for step in &args.step {
        options = options.with_step(step);
    }
    for (field, key) in &args.field {
        options = options.with_field(field, key);
    }
    if let Some(dataset) = &args.dataset {
        options = options.with_dataset(dataset);
    }
    if let Some(part) = &args.part {
        options = options.with_part(part);
    }
    if let Some(path) = &args.prompts {
        let prompts = Prompts::from_json(&read("--prompts", path)?);
        let named = |error| Failure::Usage(format!("--prompts: {}: {error}", path.display()));
        options = options.with_prompts(prompts.map_err(named)?);
    }
    Ok(options)
}

pub(crate) fn apply_traces(builder: &mut MillBuilder, args: &TraceArgs) -> Result<(), Failure> {
    if let Some(score) = &args.score {
        let selection: ScoreSelection = score
            .parse()
            .map_err(|error| Failure::Usage(format!("--score: {error}")))?;
        builder.score(selection);
    }
    if let Some(min) = args.min_score {
        builder.min_score(min);
    }
    if let Some(system) = &args.system {
        builder.system(SystemPrompt::Replace(text_or_file("--system", system)?));
    }
    if let Some(system) = &args.default_system {
        builder.system(SystemPrompt::Default(text_or_file("--default-system", system)?));
    }
    if let Some(path) = &args.tools {
        builder.tools(read_tools(path)?);
    }
    if let Some(path) = &args.scores {
        let scores = JoinedScores::from_json(&read("--scores", path)?);
        let named = |error| Failure::Usage(format!("--scores: {}: {error}", path.display()));
        builder.scores(scores.map_err(named)?);
    }
    if let Some(model) = &args.model {
        builder.model(model);
    }
    if let Some(pointer) = &args.group_by {
        builder.group_by(pointer.clone());
    }
    Ok(())
}

fn apply_errors(builder: &mut MillBuilder, args: &ErrorArgs) {
    builder
        .on_error(match args.on_error {
            OnErrorArg::Fail => OnError::Fail,
            OnErrorArg::Skip => OnError::Skip,
        })
        .allow_losses(
            args.allow_loss
                .iter()
                .fold(AllowedLosses::none(), AllowedLosses::union),
        )
        .when_empty(if args.allow_empty {
            WhenEmpty::Allow
        } else {
            WhenEmpty::Fail
        });
}

/// The files that arguments name; folders are searched for what some source reads.
pub(crate) fn inputs(args: &InputArgs) -> Result<Vec<Input>, Failure> {
    let wanted = |name: &str| {
        let info = args.from.as_deref().and_then(sources::source);
        match info {
            Some(info) => info.takes(name),
            None => sources::sources().iter().any(|info| info.takes(name)),
        }
    };
    Ok(tracemill::io::expand(&args.inputs, wanted).map_err(Error::from)?)
}

fn overwrite(args: &OutputArgs) -> Overwrite {
    if args.force {
        Overwrite::Allow
    } else {
        Overwrite::Refuse
    }
}

pub(crate) fn output(path: &Path, overwrite: Overwrite, digest: Digest) -> Result<Output, Failure> {
    Ok(Output::create(&Target::from_argument(path), overwrite, digest).map_err(Error::from)?)
}

fn folder(args: &OutputArgs, overwrite: Overwrite) -> Result<OutputFolder, Failure> {
    if args.output == Path::new("-") {
        return Err(Failure::Usage(
            "`--split` writes a folder: name it with `-o DIR`".to_owned(),
        ));
    }
    if args.companions {
        return Err(Failure::Usage(
            "`--companions` goes with one file, not with `--split`".to_owned(),
        ));
    }
    Ok(OutputFolder::create(&args.output, overwrite).map_err(Error::from)?)
}

pub(crate) fn stop_on_signals(cancel: &Cancel) -> Result<(), Failure> {
    let cancel = cancel.clone();
    ctrlc::set_handler(move || cancel.cancel())
        .map_err(|error| Failure::Usage(format!("cannot watch for Ctrl-C: {error}")))
}

pub(crate) fn text_or_file(option: &str, value: &str) -> Result<String, Failure> {
    match value.strip_prefix('@') {
        Some(path) => read(option, Path::new(path)),
        None => Ok(value.to_owned()),
    }
}

fn read_tools(path: &Path) -> Result<Vec<Tool<'static>>, Failure> {
    let json = read("--tools", path)?;
    let mut cursor = Cursor::new(&json);
    let tools = Tool::read_list(&mut cursor).and_then(|tools| cursor.finish().map(|()| tools));
    let tools = tools.map_err(|error| Failure::Usage(format!("--tools: {}: {error}", path.display())))?;
    Ok(tools.into_iter().map(Tool::into_owned).collect())
}

pub(crate) fn read(option: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{option}: {}: {error}", path.display())))
}

fn options(args: &JobArgs) -> Options {
    let from = args.input.from.clone().unwrap_or_else(|| "detect".to_owned());
    let allowed = args
        .errors
        .allow_loss
        .iter()
        .fold(AllowedLosses::none(), AllowedLosses::union);
    let mut options = vec![
        ("to", args.to.to_string()),
        ("from", from),
        ("reasoning", args.reasoning.name().to_owned()),
        ("metadata", args.metadata.to_string()),
        ("chains", format!("{:?}", args.input.chains).to_lowercase()),
        ("max-record", args.input.max_record.to_string()),
        ("max-depth", args.input.max_depth.to_string()),
        ("on-error", format!("{:?}", args.errors.on_error).to_lowercase()),
        ("allow-loss", allowed.codes().collect::<Vec<_>>().join(",")),
        ("allow-empty", args.errors.allow_empty.to_string()),
        ("memory", args.run.memory.to_string()),
    ];
    options.extend(choose::options(&args.choose));
    let mut given = |name, value: Option<String>| options.extend(value.map(|value| (name, value)));
    given("score", args.traces.score.clone());
    given("min-score", args.traces.min_score.map(|min| min.to_string()));
    given("system", args.traces.system.clone());
    given("default-system", args.traces.default_system.clone());
    given(
        "template",
        args.template.as_ref().map(|path| path.display().to_string()),
    );
    given("template-day", args.template_day.map(|day| day.to_string()));
    let variables = args
        .template_var
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let variables: Vec<_> = variables.collect();
    given(
        "template-var",
        (!variables.is_empty()).then(|| variables.join(",")),
    );
    given(
        "tools",
        args.traces.tools.as_ref().map(|path| path.display().to_string()),
    );
    given(
        "scores",
        args.traces.scores.as_ref().map(|path| path.display().to_string()),
    );
    given("model", args.traces.model.clone());
    given("tokenizer", args.tokens.tokenizer.clone());
    given("dataset", args.input.dataset.clone());
    given("part", args.input.part.clone());
    given("group-by", args.traces.group_by.as_ref().map(ToString::to_string));
    options
}
