//! Pairs of real trials: the counts follow from the data, which plain JSON code counts on its own. `TRACEMILL_CORPORA` may
//! name the folder of the whole file, 50 tasks of 4 trials; the sample in the repository has 5.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracemill::io::Input;
use tracemill::pairs::{Completion, PairOptions, PromptMode};
use tracemill::{ErrorKind, Ledger, Mill, Pairing};

fn files() -> Vec<PathBuf> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples/tau-bench-airline.json");
    let corpora = std::env::var_os("TRACEMILL_CORPORA").map(PathBuf::from);
    let whole = corpora.map(|corpora| corpora.join("tau-bench/gpt-4o-airline.json"));
    [Some(sample), whole].into_iter().flatten().collect()
}

/// How many tasks have trials with different rewards, and how many pairs of such trials there are.
fn counted(path: &Path) -> (u64, u64) {
    let trials: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut tasks: BTreeMap<u64, [u64; 2]> = BTreeMap::new();
    for trial in trials {
        let good = usize::from(trial["reward"].as_f64().unwrap() > 0.5);
        tasks.entry(trial["task_id"].as_u64().unwrap()).or_default()[good] += 1;
    }
    let pairs = tasks
        .values()
        .map(|[bad, good]| bad * good)
        .filter(|&pairs| pairs > 0);
    (pairs.clone().count() as u64, pairs.sum())
}

fn paired(path: &Path, prompt: PromptMode) -> Result<Ledger, tracemill::Error> {
    let pairing = Pairing::new(PairOptions::default()).with_prompt(prompt);
    let mut builder = Mill::builder();
    builder.format("trl-preference")?.pairing(pairing);
    builder.allow_losses("prompt-differs".parse().unwrap());
    let run = builder.build()?.collect([Input::path(path)])?;
    Ok(run.ledger)
}

#[test]
fn trials_of_one_task_pair_when_their_rewards_differ() {
    for path in files() {
        let (tasks, pairs) = counted(&path);
        let ledger = paired(&path, PromptMode::Task).unwrap();
        assert_eq!(
            (ledger.groups.paired, ledger.pairs.written),
            (tasks, pairs),
            "{}",
            path.display()
        );
        assert!(ledger.balances());
    }
}

#[test]
fn no_two_trials_share_the_whole_prompt_and_the_error_says_so() {
    for path in files() {
        let error = paired(&path, PromptMode::Exact).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Empty);
        assert!(error.to_string().contains("`--prompt"), "{error}");
        assert!(error.ledger().is_some_and(Ledger::balances));
        let rest = paired(&path, PromptMode::CommonPrefix(Completion::Rest));
        let ledger = match &rest {
            Ok(ledger) => ledger,
            Err(error) => error.ledger().unwrap(),
        };
        assert!(ledger.balances() && ledger.pairs.written <= counted(&path).1);
    }
}
