//! What every manifest states, and what lies beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::Result;
use crate::workspace::{Package, Workspace};

/// Fields that a published crate states; cargo finds the readme by itself.
const STATED: &[&str] = &["description", "license", "repository", "keywords", "categories"];

/// Files that a published crate takes with it.
const BESIDE: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// The folder of the crates that are published.
const CRATES: &str = "crates";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in workspace.packages() {
        let manifest = fs::read_to_string(workspace.root().join(package.manifest()))?;
        findings.extend(check_manifest(package, &manifest));
        findings.extend(check_place(package));
        findings.extend(check_files(workspace.root(), package)?);
    }
    let root = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    findings.extend(check_reasons(&root));
    Ok(findings)
}

fn check_manifest(package: &Package, manifest: &str) -> Vec<Finding> {
    let path = package.manifest();
    let lines = Lines::new(manifest);
    let mut findings = Vec::new();
    if !lines.contains("package", "version.workspace = true") {
        let message = "`version.workspace = true` is missing: versions move in lockstep";
        findings.push(Finding::new(&path, lines.of_key("version"), message));
    }
    if !lines.contains("lints", "workspace = true") {
        findings.push(Finding::new(
            &path,
            1,
            "`[lints]` with `workspace = true` is missing",
        ));
    }
    for line in lines.dependencies().filter(|line| !inherits(line.text)) {
        let message = format!(
            "`{}` is not from the workspace: write `workspace = true`",
            line.key()
        );
        findings.push(Finding::new(&path, line.number, message));
    }
    if package.publish {
        let missing = STATED
            .iter()
            .filter(|&&field| !package.stated.iter().any(|stated| stated == field));
        findings.extend(missing.map(|field| Finding::new(&path, 1, format!("`{field}` is missing"))));
    }
    findings
}

fn inherits(dependency: &str) -> bool {
    dependency.contains(".workspace = true") || dependency.contains("{ workspace = true")
}

/// Published crates lie in `crates/`, and nothing else does; every folder has the name of its crate.
fn check_place(package: &Package) -> Vec<Finding> {
    let path = package.manifest();
    let mut findings = Vec::new();
    let in_crates = package.folder.starts_with(CRATES);
    if in_crates && !package.publish {
        findings.push(Finding::new(
            &path,
            1,
            "what lies in `crates/` is published: remove `publish = false`",
        ));
    }
    if !in_crates && package.publish {
        findings.push(Finding::new(
            &path,
            1,
            "only what lies in `crates/` is published: add `publish = false`",
        ));
    }
    if !package.folder.ends_with(&package.name) {
        findings.push(Finding::new(
            &path,
            1,
            format!("the folder of `{}` has another name", package.name),
        ));
    }
    findings
}

fn check_files(root: &Path, package: &Package) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in BESIDE.iter().filter(|_| package.publish) {
        let path = package.folder.join(file);
        if !root.join(&path).exists() {
            findings.push(Finding::new(
                &path,
                1,
                "is missing: the crate's archive needs its own",
            ));
        } else if file.starts_with("LICENSE") && fs::read(root.join(&path))? != fs::read(root.join(file))? {
            findings.push(Finding::new(&path, 1, "differs from the one at the top"));
        }
    }
    Ok(findings)
}

/// Every dependency of the workspace has its reason above it; our own crates share one.
fn check_reasons(manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut explained = false;
    for line in Lines::new(manifest)
        .lines
        .iter()
        .filter(|line| line.section == "workspace.dependencies")
    {
        let is_own = line.text.contains("path = ");
        if line.text.starts_with('#') {
            explained = true;
        } else if !line.text.contains('=') {
            explained = false;
        } else {
            if !explained {
                let message = format!("`{}` has no comment above it that gives the reason", line.key());
                findings.push(Finding::new(&PathBuf::from("Cargo.toml"), line.number, message));
            }
            explained &= is_own;
        }
    }
    findings
}

/// The lines of a manifest with the sections that they stand in.
pub(super) struct Lines<'a> {
    lines: Vec<Line<'a>>,
}

struct Line<'a> {
    number: usize,
    section: &'a str,
    text: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn new(manifest: &'a str) -> Self {
        let mut section = "";
        let mut lines = Vec::new();
        for (index, text) in manifest.lines().enumerate() {
            let text = text.trim();
            if let Some(name) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
                section = name;
            } else {
                lines.push(Line {
                    number: index + 1,
                    section,
                    text,
                });
            }
        }
        Lines { lines }
    }

    /// The number of the first line with this key, or of the first line.
    pub(super) fn of_key(&self, key: &str) -> usize {
        self.lines
            .iter()
            .find(|line| line.key() == key)
            .map_or(1, |line| line.number)
    }

    fn contains(&self, section: &str, text: &str) -> bool {
        self.lines
            .iter()
            .any(|line| line.section == section && line.text == text)
    }

    /// The lines of every table of dependencies, those of tests and of single platforms included.
    fn dependencies(&self) -> impl Iterator<Item = &Line<'a>> {
        let is_entry = |line: &&Line<'_>| !line.text.is_empty() && !line.text.starts_with('#');
        self.lines
            .iter()
            .filter(|line| line.section.ends_with("dependencies"))
            .filter(is_entry)
    }
}

impl Line<'_> {
    fn key(&self) -> &str {
        self.text.split(['.', '=', ' ']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\n[lints]\nworkspace = true\n\n\
                        [dependencies]\nx.workspace = true\n# why\ny = { workspace = true, optional = true }\n";

    fn package() -> Package {
        Package {
            name: "a".to_owned(),
            folder: "crates/a".into(),
            publish: true,
            stated: STATED.iter().map(|&field| field.to_owned()).collect(),
            ..Package::default()
        }
    }

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_manifest_has_no_findings() {
        assert_eq!(messages(&check_manifest(&package(), GOOD)), [""; 0]);
        assert_eq!(messages(&check_place(&package())), [""; 0]);
    }

    #[test]
    fn own_versions_lints_and_dependencies_are_found() {
        let manifest = GOOD.replace("version.workspace = true", "version = \"1.0.0\"");
        assert_eq!(check_manifest(&package(), &manifest)[0].line, 3);
        let manifest = GOOD.replace("[lints]", "[lint]");
        assert_eq!(check_manifest(&package(), &manifest).len(), 1);
        let manifest = GOOD.replace("x.workspace = true", "x = \"1\"");
        assert_eq!(
            messages(&check_manifest(&package(), &manifest)),
            ["crates/a/Cargo.toml:9: `x` is not from the workspace: write `workspace = true`"]
        );
    }

    #[test]
    fn unstated_fields_are_found_where_they_count() {
        let mut package = package();
        package.stated.retain(|field| field != "keywords");
        assert_eq!(
            messages(&check_manifest(&package, GOOD)),
            ["crates/a/Cargo.toml:1: `keywords` is missing"]
        );
        package.publish = false;
        assert_eq!(messages(&check_manifest(&package, GOOD)), [""; 0]);
    }

    #[test]
    fn crates_lie_where_they_belong() {
        let check = |folder: &str, publish| {
            check_place(&Package {
                folder: folder.into(),
                publish,
                ..package()
            })
            .len()
        };
        assert_eq!(check("crates/a", false), 1);
        assert_eq!(check("a", true), 1);
        assert_eq!(check("a", false), 0);
        assert_eq!(check("crates/b", true), 1);
    }

    #[test]
    fn licences_are_those_at_the_top() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("crates/a")).unwrap();
        for file in BESIDE {
            fs::write(root.path().join(file), "text").unwrap();
            fs::write(root.path().join("crates/a").join(file), "text").unwrap();
        }
        assert_eq!(messages(&check_files(root.path(), &package()).unwrap()), [""; 0]);
        fs::write(root.path().join("crates/a/LICENSE-MIT"), "other").unwrap();
        fs::remove_file(root.path().join("crates/a/README.md")).unwrap();
        assert_eq!(check_files(root.path(), &package()).unwrap().len(), 2);
    }

    #[test]
    fn every_dependency_has_its_reason() {
        let manifest = "[workspace.dependencies]\n# ours\na = { path = \"a\" }\nb = { path = \"b\" }\n\n\
                        # bytes\nmemchr = \"2\"\nrayon = \"1\"\n\ntempfile = \"3\"\n";
        let lines: Vec<usize> = check_reasons(manifest)
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [8, 10]);
    }
}
