//! `cargo xtask bench`: how fast the encoders are, and how much the whole program uses.
//!
//! The whole program is measured in CPU seconds (user and system, all threads), because wall time says more about the
//! neighbours on the machine than about the program. All jobs run once per round, so that a slow minute hurts all of
//! them; output goes to the null device.

mod measure;

use std::path::PathBuf;

use benches::corpus::{Corpus, Kind};
use xshell::cmd;

use crate::Result;
use crate::args::{Args, parse_size};
use crate::corpus;
use crate::program::Program;
use crate::workspace::Workspace;

use measure::Sample;

/// One run of the whole program.
struct Job {
    name: &'static str,
    /// The command; the input follows it.
    command: &'static str,
    options: &'static [&'static str],
    input: Kind,
    /// The job that this one should beat in wall time.
    against: Option<&'static str>,
}

const JOBS: &[Job] = &[
    Job::convert("openai", &["--to", "openai", "--threads", "1"]),
    Job::convert("sharegpt", &["--to", "sharegpt", "--threads", "1"]),
    Job::convert("hf", &["--to", "hf", "--threads", "1"]),
    Job::convert("tracemill", &["--to", "tracemill", "--threads", "1"]),
    Job {
        input: Kind::ChatArray,
        ..Job::convert("openai, from an array", &["--to", "openai", "--threads", "1"])
    },
    Job::convert(
        "openai, chosen",
        &[
            "--to",
            "openai",
            "--threads",
            "1",
            "--where",
            "messages>=3",
            "--dedup",
            "exact",
            "--sample",
            "150000",
        ],
    ),
    Job::pairs("best-vs-worst, random order", Kind::Candidates, "best-vs-worst"),
    Job::pairs("best-vs-worst, grouped", Kind::Grouped, "best-vs-worst"),
    Job {
        options: &[
            "--to",
            "trl-preference",
            "--threads",
            "1",
            "--strategy",
            "best-vs-worst",
            "--grouped",
        ],
        ..Job::pairs("best-vs-worst, `--grouped`", Kind::Grouped, "best-vs-worst")
    },
    Job::pairs("exhaustive, random order", Kind::Candidates, "exhaustive"),
    Job {
        options: &["--to", "trl-preference", "--threads", "1", "--grouped"],
        ..Job::pairs("exhaustive, `--grouped`", Kind::Grouped, "exhaustive")
    },
    Job {
        against: Some("openai"),
        ..Job::convert("openai, two threads", &["--to", "openai", "--threads", "2"])
    },
];

impl Job {
    /// Pairs by one of the two strategies that the table names.
    const fn pairs(name: &'static str, input: Kind, strategy: &'static str) -> Job {
        Job {
            name,
            command: "pairs",
            options: match strategy.as_bytes() {
                b"exhaustive" => &["--to", "trl-preference", "--threads", "1"],
                _ => &[
                    "--to",
                    "trl-preference",
                    "--threads",
                    "1",
                    "--strategy",
                    "best-vs-worst",
                ],
            },
            input,
            against: None,
        }
    }

    const fn convert(name: &'static str, options: &'static [&'static str]) -> Job {
        Job {
            name,
            command: "convert",
            options,
            input: Kind::Chat,
            against: None,
        }
    }
}

/// What every job is given beside its own options: nothing but the work.
const COMMON: &[&str] = &["--quiet", "--progress", "never"];

/// A job on one input, with what was measured so far.
struct Trial<'a> {
    job: &'a Job,
    arguments: Vec<String>,
    input_bytes: u64,
    output_bytes: u64,
    samples: Vec<Sample>,
}

pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result {
    let only = args.option("--only")?;
    let filter = args.option("--filter")?.unwrap_or_default();
    let runs: usize = args
        .option("--runs")?
        .as_deref()
        .unwrap_or("5")
        .parse()
        .map_err(|_| "`--runs` wants a number")?;
    let sizes = args.option("--size")?.unwrap_or_else(|| "200MB,1GB".to_owned());
    let sizes: Vec<u64> = sizes.split(',').map(parse_size).collect::<Result<_>>()?;
    args.finish()?;

    let (criterion, program) = match only.as_deref() {
        None => (true, true),
        Some("criterion") => (true, false),
        Some("program") => (false, true),
        Some(other) => return Err(format!("`--only` is `criterion` or `program`, not `{other}`").into()),
    };
    if criterion {
        let shell = workspace.shell();
        let filter = (!filter.is_empty()).then_some(&filter);
        cmd!(shell, "cargo bench --package benches --locked -- {filter...}").run()?;
    }
    if program {
        whole_program(workspace, &filter, runs.max(1), &sizes)?;
    }
    Ok(())
}

fn whole_program(workspace: &Workspace, filter: &str, runs: usize, sizes: &[u64]) -> Result {
    let program = Program::build_release(workspace)?;
    let mut trials = Vec::new();
    for &size in sizes {
        for job in JOBS.iter().filter(|job| job.name.contains(filter)) {
            let input = corpus::cached(workspace, &Corpus::new(job.input, size, 1))?;
            trials.push(Trial::new(&program, job, input)?);
        }
    }
    if trials.is_empty() {
        return Err(format!("no job has `{filter}` in its name").into());
    }
    for round in 1..=runs {
        println!("round {round} of {runs}");
        for trial in &mut trials {
            trial
                .samples
                .push(measure::measure(program.path(), &trial.arguments)?);
        }
    }
    print!("\n{}", table(&trials));
    Ok(())
}

impl<'a> Trial<'a> {
    /// Runs the job once without measuring: the input is then in memory, and the size of the output known.
    fn new(program: &Program, job: &'a Job, input: PathBuf) -> Result<Self> {
        let input_bytes = input.metadata()?.len();
        let input = input
            .into_os_string()
            .into_string()
            .map_err(|_| "the target folder's name is not UTF-8")?;
        let options = job.options.iter().chain(COMMON).map(|&word| word.to_owned());
        let arguments: Vec<String> = [job.command.to_owned(), input]
            .into_iter()
            .chain(options)
            .collect();
        let output_bytes = measure::output_bytes(program.path(), &arguments)?;
        if output_bytes == 0 {
            return Err(format!("`tracemill {}` wrote nothing", arguments.join(" ")).into());
        }
        Ok(Trial {
            job,
            arguments,
            input_bytes,
            output_bytes,
            samples: Vec::new(),
        })
    }

    /// MB of input for each CPU second: the median, the slowest and the fastest run.
    fn throughput(&self) -> (f64, f64, f64) {
        let mut all: Vec<f64> = self
            .samples
            .iter()
            .map(|sample| megabytes(self.input_bytes) / sample.cpu)
            .collect();
        all.sort_by(f64::total_cmp);
        (median(&all), all[0], all[all.len() - 1])
    }

    fn wall(&self) -> f64 {
        let mut all: Vec<f64> = self.samples.iter().map(|sample| sample.wall).collect();
        all.sort_by(f64::total_cmp);
        median(&all)
    }

    fn peak(&self) -> String {
        let highest = self.samples.iter().max_by_key(|sample| sample.peak);
        highest.map_or_else(String::new, |sample| {
            let below = if sample.peak_is_seen { "" } else { "< " };
            format!("{below}{:.1}", megabytes(sample.peak))
        })
    }
}

fn table(trials: &[Trial<'_>]) -> String {
    let mut lines = vec![
        "| job | input MB | MB per CPU second (slowest–fastest) | peak MB | wall s | output MB |".to_owned(),
        "|---|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for trial in trials {
        let (middle, slowest, fastest) = trial.throughput();
        lines.push(format!(
            "| {} {} | {:.0} | {middle:.0} ({slowest:.0}–{fastest:.0}) | {} | {:.2} | {:.0} |",
            trial.job.command,
            trial.job.name,
            megabytes(trial.input_bytes),
            trial.peak(),
            trial.wall(),
            megabytes(trial.output_bytes),
        ));
    }
    lines.extend(trials.iter().filter_map(|trial| comparison(trial, trials)));
    lines.join("\n") + "\n"
}

/// How much sooner a job is done than the one it runs against.
fn comparison(trial: &Trial<'_>, trials: &[Trial<'_>]) -> Option<String> {
    let against = trial.job.against?;
    let same_input = |other: &&Trial<'_>| other.job.name == against && other.input_bytes == trial.input_bytes;
    let other = trials.iter().find(same_input)?;
    let (name, size) = (trial.job.name, megabytes(trial.input_bytes));
    Some(format!(
        "\n{name}: {:.2} times as fast as {against} in wall time ({size:.0} MB)",
        other.wall() / trial.wall()
    ))
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are printed with a few digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial<'a>(job: &'a Job, cpu: &[f64], wall: f64) -> Trial<'a> {
        let sample = |&cpu: &f64| Sample {
            cpu,
            wall,
            peak: 12_340_000,
            peak_is_seen: true,
        };
        let samples = cpu.iter().map(sample).collect();
        Trial {
            job,
            arguments: Vec::new(),
            input_bytes: 200_000_000,
            output_bytes: 190_000_000,
            samples,
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_job() {
        let trials = [
            trial(&JOBS[0], &[0.2, 0.1, 0.4], 0.5),
            trial(JOBS.last().unwrap(), &[0.2, 0.4], 0.25),
        ];
        assert_eq!(
            table(&trials),
            "| job | input MB | MB per CPU second (slowest–fastest) | peak MB | wall s | output MB |\n\
             |---|--:|--:|--:|--:|--:|\n\
             | convert openai | 200 | 1000 (500–2000) | 12.3 | 0.50 | 190 |\n\
             | convert openai, two threads | 200 | 750 (500–1000) | 12.3 | 0.25 | 190 |\n\
             \nopenai, two threads: 2.00 times as fast as openai in wall time (200 MB)\n"
        );
    }

    #[test]
    fn a_peak_below_the_floor_is_no_number() {
        let mut trial = trial(&JOBS[0], &[0.2], 0.5);
        trial.samples[0].peak_is_seen = false;
        assert_eq!(trial.peak(), "< 12.3");
    }

    #[test]
    fn jobs_have_names_of_their_own() {
        for (index, job) in JOBS.iter().enumerate() {
            assert!(
                JOBS[..index].iter().all(|other| other.name != job.name),
                "{}",
                job.name
            );
            assert!(
                job.against
                    .is_none_or(|against| JOBS.iter().any(|other| other.name == against))
            );
        }
    }
}
