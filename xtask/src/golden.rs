//! `cargo xtask golden`: the golden files as the code now writes them.

use xshell::cmd;

use crate::Result;
use crate::args::Args;
use crate::workspace::Workspace;

/// The name of the integration test that compares with golden files, and of their folders.
pub(crate) const NAME: &str = "golden";

pub(crate) fn run(workspace: &Workspace, args: Args) -> Result {
    args.finish()?;
    let has_goldens = |package: &crate::workspace::Package| {
        package
            .targets
            .iter()
            .any(|target| target.kind == "test" && target.name == NAME)
    };
    if !workspace.packages().iter().any(has_goldens) {
        println!("no package has a test called `{NAME}` yet");
        return Ok(());
    }
    let shell = workspace.shell();
    cmd!(shell, "cargo test --workspace --all-features --test {NAME}")
        .env("UPDATE_GOLDEN", "1")
        .run()?;

    let changed = cmd!(shell, "git status --short -- :(glob)**/{NAME}*/**")
        .quiet()
        .read()?;
    if changed.is_empty() {
        println!("no golden file changed");
    } else {
        println!("read each change before committing it:\n{changed}");
    }
    Ok(())
}
