//! What Rust sources must and must not contain.

use std::fs;
use std::path::{Path, PathBuf};

use super::mask::{Masked, mask, without_tests};
use super::paths::{NamedPath, paths, words};
use super::rules::{self, Ban, Needle, UnsafeCode};
use super::{Finding, files, line_of};
use crate::Result;
use crate::workspace::{Package, Workspace};

/// Types that make a `static` shared state.
const SHARED: &[&str] = &["Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "Atomic"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in workspace.packages() {
        for path in files::with_extension(workspace.root(), &package.folder, "rs")? {
            let masked = mask(&fs::read_to_string(workspace.root().join(&path))?);
            findings.extend(unfinished(&path, &masked));
            if is_shipped(&path, package) {
                findings.extend(banned(&path, package, &without_tests(&masked.code)));
            }
        }
        findings.extend(unsafe_code(workspace.root(), package)?);
    }
    findings.extend(idle_exceptions(workspace));
    Ok(findings)
}

fn unfinished(path: &Path, masked: &Masked) -> Vec<Finding> {
    let mut findings = violations(path, &masked.code, &rules::UNFINISHED);
    findings.extend(violations(path, &masked.comments, &rules::UNFINISHED_COMMENTS));
    findings
}

/// Whether a file is part of what users compile, and not of a test that has its own file.
fn is_shipped(path: &Path, package: &Package) -> bool {
    let inside = path.strip_prefix(package.folder.join("src"));
    inside.is_ok_and(|inside| {
        !inside
            .with_extension("")
            .components()
            .any(|part| part.as_os_str() == "tests")
    })
}

fn banned(path: &Path, package: &Package, code: &str) -> Vec<Finding> {
    let rules = rules::CRATES.iter().find(|rules| rules.name == package.name);
    let bans = rules.map_or(&[][..], |rules| rules.bans);
    let mut findings: Vec<Finding> = bans.iter().flat_map(|ban| violations(path, code, ban)).collect();
    if package.publish && package.has_library() && !is_hash_exempt(path) {
        findings.extend(violations(path, code, &rules::HASHES));
    }
    findings
}

fn is_hash_exempt(path: &Path) -> bool {
    rules::HASHED.iter().any(|(file, _)| Path::new(file) == path)
}

/// Where `code` contains what `ban` names, one finding a line and needle.
fn violations(path: &Path, code: &str, ban: &Ban) -> Vec<Finding> {
    if ban
        .exempt
        .iter()
        .any(|exempt| path.with_extension("").starts_with(exempt))
    {
        return Vec::new();
    }
    let named = paths(code);
    let mut findings = Vec::new();
    for &needle in ban.what {
        let (label, offsets) = occurrences(code, &named, needle);
        let finding =
            |offset: &usize| Finding::new(path, line_of(code, *offset), format!("{label}: {}", ban.why));
        findings.extend(offsets.iter().map(finding));
    }
    findings.dedup();
    findings
}

fn occurrences(code: &str, named: &[NamedPath], needle: Needle) -> (String, Vec<usize>) {
    match needle {
        Needle::Word(word) => (format!("`{word}`"), words(code, word)),
        Needle::Path(path) => {
            let within = named.iter().filter(|named| named.is_within(path));
            (format!("`{path}`"), within.map(|named| named.offset).collect())
        }
        Needle::SharedStatic => ("a changing `static`".to_owned(), shared_statics(code)),
    }
}

/// `static mut`, and every `static` whose declaration names a type with shared mutability.
fn shared_statics(code: &str) -> Vec<usize> {
    let is_shared = |&offset: &usize| {
        let declaration = code[offset..].split(['=', ';']).next().unwrap_or_default();
        declaration.starts_with("static mut ") || SHARED.iter().any(|shared| declaration.contains(shared))
    };
    // A `'static` lifetime is no declaration.
    let is_item = |&offset: &usize| !code[..offset].ends_with('\'');
    words(code, "static")
        .into_iter()
        .filter(is_item)
        .filter(is_shared)
        .collect()
}

/// The roots of a package's libraries and programs say what they think of `unsafe`.
fn unsafe_code(root: &Path, package: &Package) -> Result<Vec<Finding>> {
    let rules = rules::CRATES.iter().find(|rules| rules.name == package.name);
    let policy = rules.map_or(UnsafeCode::Forbid, |rules| rules.unsafe_code);
    let mut findings = Vec::new();
    for target in package
        .targets
        .iter()
        .filter(|target| ["lib", "bin"].contains(&target.kind.as_str()))
    {
        let code = mask(&fs::read_to_string(root.join(&target.root))?).code;
        findings.extend(unsafe_finding(&target.root, &code, policy));
    }
    Ok(findings)
}

fn unsafe_finding(path: &Path, code: &str, policy: UnsafeCode) -> Option<Finding> {
    let forbids = code.contains("#![forbid(unsafe_code)]");
    let denies = code.contains("#![deny(unsafe_code)]");
    let (fulfilled, wanted) = match policy {
        UnsafeCode::Forbid => (forbids, "forbid"),
        UnsafeCode::Deny => (forbids || denies, "deny"),
    };
    (!fulfilled).then(|| Finding::new(path, 1, format!("`#![{wanted}(unsafe_code)]` is missing")))
}

/// Entries of the table of hash maps whose file uses none.
fn idle_exceptions(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _) in rules::HASHED {
        let path = PathBuf::from(file);
        let source = fs::read_to_string(workspace.root().join(&path)).unwrap_or_default();
        if violations(&path, &without_tests(&mask(&source).code), &rules::HASHES).is_empty() {
            findings.push(Finding::new(
                &path,
                1,
                "uses no hash map: remove it from `HASHED` of `cargo xtask tidy`",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        let library = crate::workspace::Target {
            kind: "lib".to_owned(),
            ..Default::default()
        };
        let folder = Path::new("crates").join(name);
        Package {
            name: name.to_owned(),
            folder,
            publish: true,
            targets: vec![library],
            ..Package::default()
        }
    }

    /// The lines of a file of `crate_name` that break a rule.
    fn lines(crate_name: &str, file: &str, source: &str) -> Vec<usize> {
        let path = Path::new("crates").join(crate_name).join(file);
        let code = without_tests(&mask(source).code);
        banned(&path, &package(crate_name), &code)
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn pure_crates_have_no_effects() {
        let source =
            "use std::{\n    fmt,\n    fs::File,\n};\n// std::env\nfn f() { std::thread::spawn(g); }\n";
        assert_eq!(lines("tracemill-pairs", "src/lib.rs", source), [3, 6]);
        assert_eq!(lines("tracemill-io", "src/lib.rs", source), [0; 0]);
    }

    #[test]
    fn statics_may_not_change() {
        let source = "static A: &'static str = \"static mut\";\nstatic mut B: u8 = 0;\n\
                      pub(crate) static C: OnceLock<u8> = OnceLock::new();\nstatic D: [u8; 2] = [0; 2];\n\
                      fn f(x: &'static Mutex<u8>) {}\n";
        assert_eq!(lines("tracemill-model", "src/lib.rs", source), [2, 3]);
    }

    #[test]
    fn only_the_program_prints() {
        let source = "fn f() {\n    println!(\"println!\");\n    std::process::exit(1)\n}\n";
        assert_eq!(lines("tracemill-io", "src/lib.rs", source), [2, 3]);
        assert_eq!(lines("tracemill-cli", "src/main.rs", source), [0; 0]);
    }

    #[test]
    fn value_trees_are_for_templates() {
        let source =
            "use serde_json::{Map, Value};\nlet x = serde_json::Value::Null;\nlet v = Value::of(1);\n";
        assert_eq!(lines("tracemill-formats", "src/openai.rs", source), [1, 2, 1]);
        assert_eq!(lines("tracemill-formats", "src/template.rs", source), [0; 0]);
        assert_eq!(
            lines("tracemill-formats", "src/template/jinja.rs", source),
            [0; 0]
        );
        assert_eq!(lines("tracemill", "src/mill.rs", source), [0; 0]);
    }

    #[test]
    fn hash_maps_need_a_reason() {
        assert_eq!(
            lines(
                "tracemill",
                "src/mill.rs",
                "use std::collections::{BTreeMap, HashMap};"
            ),
            [1]
        );
        assert_eq!(
            lines("tracemill", "src/mill.rs", "use std::collections::BTreeMap;"),
            [0; 0]
        );
    }

    #[test]
    fn tests_may_do_what_they_like() {
        let source = "#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn f() { println!(); }\n}\n";
        assert_eq!(lines("tracemill-model", "src/lib.rs", source), [0; 0]);
        let model = package("tracemill-model");
        let shipped = |path: &str| is_shipped(&Path::new("crates/tracemill-model").join(path), &model);
        assert!(shipped("src/text/raw.rs"));
        assert!(!shipped("src/text/tests.rs"));
        assert!(!shipped("src/tests/raw.rs"));
        assert!(!shipped("tests/golden.rs"));
        assert!(!shipped("examples/reporter.rs"));
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        let source = "fn f() { todo!() }\n// FIXME: later\nconst A: &str = \"XXX dbg!\";\n// see todo!()\n";
        let found: Vec<usize> = unfinished(Path::new("a.rs"), &mask(source))
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(found, [1, 2]);
    }

    #[test]
    fn roots_forbid_unsafe_code() {
        let finding = |code, policy| unsafe_finding(Path::new("lib.rs"), code, policy).is_some();
        assert!(finding("#![deny(unsafe_code)]", UnsafeCode::Forbid));
        assert!(!finding("#![deny(unsafe_code)]", UnsafeCode::Deny));
        assert!(!finding("#![forbid(unsafe_code)]", UnsafeCode::Deny));
        assert!(finding(
            "// #![forbid(unsafe_code)]".trim_start_matches("// #!"),
            UnsafeCode::Deny
        ));
    }
}
