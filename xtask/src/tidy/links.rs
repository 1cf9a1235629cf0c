//! Links between Markdown files lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Finding, files};
use crate::Result;
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let root = workspace.root();
    let mut findings = Vec::new();
    for path in files::with_extension(root, Path::new(""), "md")? {
        // What lies among tests is data.
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = fs::read_to_string(root.join(&path))?;
        for link in links(&text) {
            let target = resolve(&path, &link.target);
            if target.is_some_and(|target| !root.join(target).exists()) {
                findings.push(Finding::new(
                    &path,
                    link.line,
                    format!("`{}` leads nowhere", link.target),
                ));
            }
        }
    }
    Ok(findings)
}

#[derive(Debug, PartialEq, Eq)]
struct Link {
    line: usize,
    target: String,
}

/// The targets of inline links, images, reference definitions and the tags of HTML, outside code.
fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut fence = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| start.starts_with(marker));
        match (fence, marker) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(opened), Some(found)) if opened == found => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let targets = line_targets(&without_code(line));
                links.extend(targets.into_iter().map(|target| Link {
                    line: index + 1,
                    target,
                }));
            }
        }
    }
    links
}

/// The line with what stands between backticks removed.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

fn line_targets(line: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for (at, opening) in line.match_indices("](") {
        targets.push(destination(in_parentheses(&line[at + opening.len()..])));
    }
    for attribute in ["src=\"", "href=\""] {
        let values = line
            .match_indices(attribute)
            .map(|(at, _)| line[at + attribute.len()..].split('"').next());
        targets.extend(values.flatten().map(str::to_owned));
    }
    let definition = line
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    targets.extend(definition.map(|(_, target)| destination(target)));
    targets
}

/// What stands before the parenthesis that closes one opened earlier.
fn in_parentheses(rest: &str) -> &str {
    let mut depth = 1;
    for (at, character) in rest.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[..at];
        }
    }
    rest
}

/// A target without its title and its angle brackets.
fn destination(target: &str) -> String {
    let target = target.trim();
    let bracketed = target.strip_prefix('<').and_then(|target| target.split_once('>'));
    let target = bracketed.map_or_else(
        || target.split_whitespace().next().unwrap_or_default(),
        |(inside, _)| inside,
    );
    target.to_owned()
}

/// The file that a link in `page` leads to, relative to the repository; nothing for the web and for places in the page.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let file = target
        .split(['#', '?'])
        .next()
        .unwrap_or_default()
        .replace("%20", " ");
    let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
    if file.is_empty() || is_elsewhere {
        return None;
    }
    match file.strip_prefix('/') {
        Some(from_root) => Some(from_root.into()),
        None => Some(page.parent().unwrap_or(Path::new("")).join(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<String> {
        links(text).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn every_kind_of_link_is_found() {
        let text = "See [a](a.md#part \"title\") and ![b](<b c.png>).\n\n[c]: ../c.md\n<img src=\"d.svg\"> [e](e(1).md)";
        assert_eq!(
            targets(text),
            ["a.md#part", "b c.png", "../c.md", "e(1).md", "d.svg"]
        );
        assert_eq!(links(text)[2].line, 3);
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(
            targets("`[a](a.md)` [b](b.md)\n```\n[c](c.md)\n```\n[d](d.md)"),
            ["b.md", "d.md"]
        );
        assert_eq!(targets("~~~\n```\n[c](c.md)\n~~~\n[d](d.md)"), ["d.md"]);
    }

    #[test]
    fn targets_lead_to_files() {
        let page = Path::new("docs/page.md");
        assert_eq!(resolve(page, "a.md#b"), Some("docs/a.md".into()));
        assert_eq!(resolve(page, "/README.md"), Some("README.md".into()));
        for elsewhere in ["#part", "https://example.org/a.md", "mailto:a@example.org", ""] {
            assert_eq!(resolve(page, elsewhere), None, "{elsewhere}");
        }
    }
}
