//! `cargo xtask ci`: what continuous integration runs, no more and no less.
//!
//! The bulk is one feature set (all features of all crates) in one profile, so that dependencies are compiled once
//! for the tests and once for the checks of clippy and rustdoc. Only the crates that have features are compiled
//! again, alone: tested with none of them, checked with each and with all.

use std::time::{Duration, Instant};

use xshell::cmd;

use crate::args::Args;
use crate::workspace::{Package, Workspace};
use crate::{Result, conformance, docs, tidy};

struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result,
}

const STEPS: &[Step] = &[
    Step {
        name: "toolchain",
        run: toolchain,
    },
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "tidy",
        run: tidy::check,
    },
    Step {
        name: "tests",
        run: tests,
    },
    Step {
        name: "each crate alone",
        run: alone,
    },
    Step {
        name: "a crate from outside",
        run: outside,
    },
    Step {
        name: "conformance",
        run: conformance::check,
    },
    Step {
        name: "documentation",
        run: documentation,
    },
    Step {
        name: "generated documentation",
        run: docs::check,
    },
];

pub(crate) fn run(workspace: &Workspace, args: Args) -> Result {
    args.finish()?;
    let mut elapsed = Vec::new();
    for step in STEPS {
        println!("\n=== {} ===", step.name);
        let start = Instant::now();
        let outcome = (step.run)(workspace);
        elapsed.push((step.name, start.elapsed()));
        if let Err(error) = outcome {
            print_times(&elapsed);
            return Err(format!("{} failed: {error}", step.name).into());
        }
    }
    print_times(&elapsed);
    Ok(())
}

fn print_times(elapsed: &[(&str, Duration)]) {
    println!();
    for (name, time) in elapsed {
        println!("{name:<24} {:>7.1} s", time.as_secs_f64());
    }
    let total: Duration = elapsed.iter().map(|(_, time)| *time).sum();
    println!("{:<24} {:>7.1} s", "total", total.as_secs_f64());
}

/// Names what has to be installed, before an hour of work fails for want of it.
fn toolchain(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let found = cmd!(shell, "cargo {command} --version")
            .quiet()
            .ignore_stderr()
            .read();
        let version =
            found.map_err(|_| format!("{component} is missing: `rustup component add {component}`"))?;
        println!("{version}");
    }
    Ok(())
}

fn format(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    Ok(cmd!(shell, "cargo fmt --all --check").run()?)
}

fn clippy(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    Ok(cmd!(
        shell,
        "cargo clippy --workspace --all-targets --all-features --locked -- -D warnings"
    )
    .run()?)
}

fn tests(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    Ok(cmd!(shell, "cargo test --workspace --all-features --locked").run()?)
}

/// Tests a user's crate, which is no member: own sources and formats need no private door.
fn outside(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    let manifest = "crates/tracemill/tests/outside/Cargo.toml";
    Ok(cmd!(
        shell,
        "cargo test --manifest-path {manifest} --target-dir target/outside --locked"
    )
    .run()?)
}

fn documentation(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    let doc = cmd!(shell, "cargo doc --workspace --no-deps --all-features --locked");
    Ok(doc.env("RUSTDOCFLAGS", "-D warnings").run()?)
}

/// Compiles every published crate as a user does who takes no other: what it needs must come from its own manifest.
fn alone(workspace: &Workspace) -> Result {
    let shell = workspace.shell();
    for package in workspace.published() {
        let name = &package.name;
        if package.has_library() && !package.features.is_empty() {
            cmd!(
                shell,
                "cargo test --package {name} --no-default-features --locked"
            )
            .run()?;
        }
        for features in feature_sets(package) {
            cmd!(
                shell,
                "cargo clippy --package {name} --locked {features...} -- -D warnings"
            )
            .run()?;
        }
    }
    Ok(())
}

/// None, each and all of the features of a package; one set if it has none.
fn feature_sets(package: &Package) -> Vec<Vec<String>> {
    let set = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let named: Vec<&String> = package
        .features
        .iter()
        .filter(|&feature| feature != "default")
        .collect();
    if named.is_empty() {
        return vec![Vec::new()];
    }
    let mut sets = vec![set(&["--no-default-features"])];
    if named.len() > 1 {
        sets.extend(
            named
                .iter()
                .map(|feature| set(&["--no-default-features", "--features", feature])),
        );
    }
    sets.push(set(&["--all-features"]));
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(features: &[&str]) -> Vec<String> {
        let features = features.iter().map(|&feature| feature.to_owned()).collect();
        let package = Package {
            features,
            ..Package::default()
        };
        feature_sets(&package).iter().map(|set| set.join(" ")).collect()
    }

    #[test]
    fn crates_are_built_with_none_each_and_all_of_their_features() {
        assert_eq!(sets(&[]), [""]);
        assert_eq!(sets(&["gzip"]), ["--no-default-features", "--all-features"]);
        assert_eq!(
            sets(&["default", "gzip", "zstd"]),
            [
                "--no-default-features",
                "--no-default-features --features gzip",
                "--no-default-features --features zstd",
                "--all-features",
            ]
        );
    }
}
