//! The arrows between crates, and what each takes from outside.

use std::fs;

use super::Finding;
use super::manifests::Lines;
use super::rules::{self, Crate, ThirdParty};
use crate::Result;
use crate::workspace::{Dependency, Package, Workspace};

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let members: Vec<&str> = workspace
        .packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for package in workspace.packages() {
        let manifest = fs::read_to_string(workspace.root().join(package.manifest()))?;
        findings.extend(check_package(package, &members, &manifest));
    }
    Ok(findings)
}

fn check_package(package: &Package, members: &[&str], manifest: &str) -> Vec<Finding> {
    let path = package.manifest();
    let Some(rules) = rules::CRATES.iter().find(|rules| rules.name == package.name) else {
        let message = format!(
            "`{}` is not in the table of crates of `cargo xtask tidy`",
            package.name
        );
        return vec![Finding::new(&path, 1, message)];
    };
    let lines = Lines::new(manifest);
    let complaint = |dependency: &Dependency| {
        let message = complain(rules, members, dependency)?;
        Some(Finding::new(&path, lines.of_key(&dependency.name), message))
    };
    package.shipped_dependencies().filter_map(complaint).collect()
}

/// Why `rules` do not allow a dependency, if so.
fn complain(rules: &Crate, members: &[&str], dependency: &Dependency) -> Option<String> {
    let (user, name) = (rules.name, dependency.name.as_str());
    if members.contains(&name) {
        let allowed = rules.siblings.contains(&name);
        return (!allowed)
            .then(|| format!("no arrow leads from `{user}` to `{name}`; see docs/architecture.md"));
    }
    let is_named = |entry: &&ThirdParty| match **entry {
        ThirdParty::Always(allowed) | ThirdParty::Feature(allowed) => allowed == name,
    };
    match rules.third_party.iter().find(is_named) {
        None => Some(format!(
            "`{user}` does not take `{name}`: enter it in the table of crates, with the reason in review"
        )),
        Some(ThirdParty::Feature(_)) if !dependency.optional => Some(format!(
            "`{user}` takes `{name}` behind a feature only: make it optional"
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::workspace::DependencyKind;

    const MEMBERS: &[&str] = &[
        "tracemill",
        "tracemill-model",
        "tracemill-io",
        "tracemill-formats",
    ];

    fn findings(name: &str, dependencies: &[Dependency]) -> Vec<String> {
        let package = Package {
            name: name.to_owned(),
            folder: Path::new("crates").join(name),
            dependencies: dependencies.to_vec(),
            ..Package::default()
        };
        let manifest =
            "[package]\n\n[dependencies]\ntracemill-io.workspace = true\nflate2 = { workspace = true }\n";
        check_package(&package, MEMBERS, manifest)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn dependency(name: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            ..Dependency::default()
        }
    }

    #[test]
    fn siblings_do_not_know_each_other() {
        assert_eq!(
            findings(
                "tracemill-formats",
                &[dependency("tracemill-model"), dependency("tracemill-io")]
            ),
            [
                "crates/tracemill-formats/Cargo.toml:4: no arrow leads from `tracemill-formats` to `tracemill-io`; \
              see docs/architecture.md"
            ]
        );
        assert_eq!(findings("tracemill", &[dependency("tracemill-io")]), [""; 0]);
        assert_eq!(
            findings("tracemill-cli", &[dependency("tracemill-model")]).len(),
            1
        );
        assert_eq!(
            findings("tracemill-model", &[dependency("tracemill-formats")]).len(),
            1
        );
    }

    #[test]
    fn strangers_need_an_entry() {
        assert_eq!(findings("tracemill-formats", &[dependency("thiserror")]), [""; 0]);
        assert_eq!(findings("tracemill-formats", &[dependency("regex")]).len(), 1);
        let test = Dependency {
            kind: DependencyKind::Development,
            ..dependency("regex")
        };
        assert_eq!(findings("tracemill-formats", &[test]), [""; 0]);
        let build = Dependency {
            kind: DependencyKind::Build,
            ..dependency("regex")
        };
        assert_eq!(findings("tracemill-formats", &[build]).len(), 1);
    }

    #[test]
    fn heavy_strangers_are_optional() {
        assert_eq!(
            findings("tracemill-io", &[dependency("flate2")]),
            [
                "crates/tracemill-io/Cargo.toml:5: `tracemill-io` takes `flate2` behind a feature only: make it optional"
            ]
        );
        let optional = Dependency {
            optional: true,
            ..dependency("flate2")
        };
        assert_eq!(findings("tracemill-io", &[optional]), [""; 0]);
    }

    #[test]
    fn unknown_crates_are_found() {
        assert_eq!(findings("tracemill-extra", &[]).len(), 1);
    }

    #[test]
    fn siblings_are_in_the_table() {
        for rules in rules::CRATES {
            for sibling in rules.siblings {
                assert!(
                    rules::CRATES.iter().any(|known| known.name == *sibling),
                    "{sibling} of {}",
                    rules.name
                );
            }
        }
    }
}
