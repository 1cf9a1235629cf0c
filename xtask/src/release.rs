//! `cargo xtask release`: all crates together, in one version.

use std::fs;

use xshell::cmd;

use crate::Result;
use crate::args::Args;
use crate::workspace::{Package, Workspace};

/// Files that every archive holds.
const IN_ARCHIVE: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Everything that must hold before a release, which ends with every crate built from its own archive.
pub(crate) fn check(workspace: &Workspace, mut args: Args) -> Result {
    let dirty: &[&str] = if args.flag("--allow-dirty") {
        &["--allow-dirty"]
    } else {
        &[]
    };
    args.finish()?;
    let version = prepared(workspace)?;
    check_archives(workspace, dirty)?;

    // Cargo builds in the order of the dependencies, and takes what is not published yet from the archives before.
    let shell = workspace.shell();
    let excluded = excluded(workspace);
    cmd!(
        shell,
        "cargo package --workspace {excluded...} --all-features --locked {dirty...}"
    )
    .run()?;
    println!("{version} is ready for `cargo xtask release publish`");
    Ok(())
}

/// Uploads every crate, or goes through all of it but the upload.
pub(crate) fn publish(workspace: &Workspace, mut args: Args) -> Result {
    let rehearsal: &[&str] = if args.flag("--execute") {
        &[]
    } else {
        &["--dry-run"]
    };
    args.finish()?;
    prepared(workspace)?;
    check_archives(workspace, &[])?;

    let shell = workspace.shell();
    let excluded = excluded(workspace);
    cmd!(
        shell,
        "cargo publish --workspace {excluded...} --all-features --locked {rehearsal...}"
    )
    .run()?;
    if !rehearsal.is_empty() {
        println!("nothing was uploaded; with `--execute` it would have been");
    }
    Ok(())
}

/// Checks what needs no build, and gives the version.
fn prepared(workspace: &Workspace) -> Result<String> {
    let packages: Vec<&Package> = workspace.published().collect();
    let version = common_version(&packages)?;
    let changelog = fs::read_to_string(workspace.root().join("CHANGELOG.md"))
        .map_err(|error| format!("CHANGELOG.md: {error}"))?;
    if !has_notes(&changelog, version) {
        return Err(format!("CHANGELOG.md has no notes under a heading `## {version}`").into());
    }
    Ok(version.to_owned())
}

/// The version of all `packages`, which is also what each wants of the others.
fn common_version<'a>(packages: &[&'a Package]) -> Result<&'a str> {
    let Some(first) = packages.first() else {
        return Err("no package is to be published".into());
    };
    for package in packages {
        if package.version != first.version {
            let (a, b) = (&first, &package);
            return Err(format!("`{}` is {} but `{}` is {}", a.name, a.version, b.name, b.version).into());
        }
        let is_member = |name: &str| packages.iter().any(|package| package.name == name);
        let wanted = format!("^{}", first.version);
        let of_members = package
            .dependencies
            .iter()
            .filter(|dependency| is_member(&dependency.name));
        if let Some(other) = of_members
            .into_iter()
            .find(|dependency| dependency.requirement != wanted)
        {
            return Err(format!("`{}` wants `{}` {}", package.name, other.name, other.requirement).into());
        }
    }
    Ok(&first.version)
}

/// Whether a heading of the second level names `version`, and something stands under it.
fn has_notes(changelog: &str, version: &str) -> bool {
    let is_heading = |line: &&str| line.starts_with("## ");
    let names_version = |line: &&str| {
        let heading = line
            .trim_start_matches("## ")
            .split([' ', ']'])
            .next()
            .unwrap_or_default();
        is_heading(line) && heading.trim_start_matches('[') == version
    };
    let after = changelog.lines().skip_while(|line| !names_version(line)).skip(1);
    after
        .take_while(|line| !is_heading(line))
        .any(|line| !line.is_empty() && !line.starts_with('#'))
}

fn check_archives(workspace: &Workspace, dirty: &[&str]) -> Result {
    let shell = workspace.shell();
    for package in workspace.published() {
        let name = &package.name;
        let files = cmd!(shell, "cargo package --list --package {name} {dirty...}")
            .quiet()
            .read()?;
        if let Some(missing) = IN_ARCHIVE
            .iter()
            .find(|&&file| !files.lines().any(|line| line == file))
        {
            return Err(format!("the archive of `{name}` lacks {missing}").into());
        }
    }
    Ok(())
}

fn excluded(workspace: &Workspace) -> Vec<String> {
    let unpublished = workspace.packages().iter().filter(|package| !package.publish);
    unpublished
        .flat_map(|package| ["--exclude".to_owned(), package.name.clone()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[test]
    fn notes_stand_under_their_version() {
        let changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-01\n\n### Added\n\n- x\n\n\
                         ## 0.1.0\n\n- first\n\n## 0.0.9\n\n### Added\n";
        assert!(has_notes(changelog, "0.2.0"));
        assert!(has_notes(changelog, "0.1.0"));
        assert!(!has_notes(changelog, "0.0.9"), "a heading is no note");
        assert!(!has_notes(changelog, "Unreleased"));
        assert!(!has_notes(changelog, "0.1"));
        assert!(!has_notes(changelog, "1.0.0"));
    }

    fn package(name: &str, version: &str, wants: &str) -> Package {
        let dependency = Dependency {
            name: "a".to_owned(),
            requirement: wants.to_owned(),
            ..Default::default()
        };
        let (name, version) = (name.to_owned(), version.to_owned());
        Package {
            name,
            version,
            publish: true,
            dependencies: vec![dependency],
            ..Package::default()
        }
    }

    #[test]
    fn versions_move_together() {
        let a = package("a", "0.1.0", "^0.1.0");
        assert_eq!(
            common_version(&[&a, &package("b", "0.1.0", "^0.1.0")]).unwrap(),
            "0.1.0"
        );
        assert!(common_version(&[&a, &package("b", "0.2.0", "^0.1.0")]).is_err());
        assert!(common_version(&[&a, &package("b", "0.1.0", "^0.0.9")]).is_err());
        assert!(common_version(&[]).is_err());
    }
}
