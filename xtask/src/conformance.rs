//! `cargo xtask conformance`: what the real consumers say of the golden files.
//!
//! The checkers are Python programs in `conformance/`, because the consumers are. Each group of packages gets a virtual
//! environment under `target/`, made once for each version of its list.

use std::fs;
use std::path::PathBuf;

use xshell::cmd;

use crate::Result;
use crate::args::Args;
use crate::workspace::Workspace;

/// Groups that install in seconds: continuous integration runs them.
const LIGHT: &[&str] = &["light", "legacy"];
/// Groups that take long: continuous integration only compares the digests of the files with those that were judged.
const HEAVY: &[&str] = &["frames", "frames-old", "trl", "llamafactory", "tuners"];

pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result {
    let heavy = args.flag("--heavy");
    let write = args.flag("--write");
    let only = args.option("--group")?;
    args.finish()?;
    let groups = match &only {
        Some(group) => vec![group.as_str()],
        None if heavy => [LIGHT, HEAVY].concat(),
        None => LIGHT.to_vec(),
    };
    let flags: &[&str] = if write { &["--write"] } else { &[] };
    groups.iter().try_for_each(|group| judge(workspace, group, flags))
}

/// What continuous integration runs.
pub(crate) fn check(workspace: &Workspace) -> Result {
    LIGHT.iter().try_for_each(|group| judge(workspace, group, &[]))?;
    let shell = workspace.shell();
    for group in HEAVY {
        cmd!(shell, "python3 conformance/run.py {group} --stale").run()?;
    }
    Ok(())
}

fn judge(workspace: &Workspace, group: &str, flags: &[&str]) -> Result {
    let python = environment(workspace, group)?;
    let shell = workspace.shell();
    Ok(cmd!(shell, "{python} conformance/run.py {group} {flags...}").run()?)
}

/// The Python of the group's virtual environment, which is made if it is not there or a list changed. What the list
/// `GROUP.bare.txt` names, if there is one, is installed without what it asks for.
fn environment(workspace: &Workspace, group: &str) -> Result<PathBuf> {
    let list = workspace.root().join(format!("conformance/{group}.txt"));
    let bare = workspace.root().join(format!("conformance/{group}.bare.txt"));
    let mut wanted = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    if bare.exists() {
        wanted += &fs::read_to_string(&bare)?;
    }
    let folder = workspace.target().join("conformance").join(group);
    let stamp = folder.join("installed.txt");
    let python = folder.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let shell = workspace.shell();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    cmd!(shell, "python3 -m venv {folder}").run()?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    cmd!(shell, "{python} {install...} --requirement {list}").run()?;
    if bare.exists() {
        cmd!(shell, "{python} {install...} --no-deps --requirement {bare}").run()?;
    }
    fs::write(stamp, wanted)?;
    Ok(python)
}
