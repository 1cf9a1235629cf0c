//! The paths that a piece of Rust code names, and its words.

/// A path such as `std::fs::File`, and where it stands; one of a group is given in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedPath {
    pub(super) offset: usize,
    pub(super) path: String,
}

impl NamedPath {
    /// Whether this path is `ancestor` or leads through it.
    pub(super) fn is_within(&self, ancestor: &str) -> bool {
        let rest = self.path.strip_prefix(ancestor);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// Every path of `code`, in which comments and strings are blank. Groups of `use` are taken apart.
pub(super) fn paths(code: &str) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find(is_word).map(|found| at + found) {
        let path = path_at(&code[start..]);
        at = start + path.len();
        // `use<'a>` in a return type imports nothing.
        if path == "use" && !code[at..].starts_with('<') {
            let end = code[at..].find(';').map_or(code.len(), |found| at + found);
            import("", code, at, end, &mut found);
            at = end;
        } else {
            found.push(NamedPath {
                offset: start,
                path: path.to_owned(),
            });
        }
    }
    found
}

/// Offsets of `word`, where neither side continues a word.
pub(super) fn words(code: &str, word: &str) -> Vec<usize> {
    let matches = code.match_indices(word).map(|(offset, _)| offset);
    let stands_alone = |&offset: &usize| {
        let continues = word.ends_with(is_word) && code[offset + word.len()..].starts_with(is_word);
        !code[..offset].ends_with(is_word) && !continues
    };
    matches.filter(stands_alone).collect()
}

/// Takes the tree of a `use` apart, which stands in `code[start..end]`.
fn import(prefix: &str, code: &str, start: usize, end: usize, found: &mut Vec<NamedPath>) {
    for (start, end) in members(code, start, end) {
        let tree = code[start..end].trim_start();
        let offset = end - tree.len();
        let path = path_at(tree.trim_start_matches(':'));
        let full = if prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{prefix}::{path}")
        };
        match tree.split_once('{') {
            Some((before, group)) => {
                let start = offset + before.len() + 1;
                let length = group.rfind('}').unwrap_or(group.len());
                let full = if path.is_empty() { prefix.to_owned() } else { full };
                import(&full, code, start, start + length, found);
            }
            None if tree.trim_end().is_empty() => {}
            None => found.push(NamedPath {
                offset,
                path: full.trim_end_matches("::self").to_owned(),
            }),
        }
    }
}

/// The parts of a list, split at the commas that stand in no inner group.
fn members(code: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut depth, mut part) = (0_usize, start);
    for (at, byte) in code.bytes().enumerate().take(end).skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push((part, at));
                part = at + 1;
            }
            _ => {}
        }
    }
    parts.push((part, end));
    parts
}

/// The path that `code` starts with: words joined by `::`.
fn path_at(code: &str) -> &str {
    let mut length = 0;
    loop {
        length += code[length..]
            .find(|c| !is_word(c))
            .unwrap_or(code.len() - length);
        match code[length..].strip_prefix("::") {
            Some(rest) if rest.starts_with(is_word) => length += 2,
            _ => return &code[..length],
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<String> {
        paths(code).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn plain_paths_are_whole() {
        assert_eq!(
            names("let x = std::fs::read(y);"),
            ["let", "x", "std::fs::read", "y"]
        );
        assert_eq!(names("Vec::<u8>::new()"), ["Vec", "u8", "new"]);
        assert_eq!(
            names("-> impl X + use<'_> { std::env }"),
            ["impl", "X", "use", "_", "std::env"]
        );
    }

    #[test]
    fn groups_are_taken_apart() {
        assert_eq!(names("use std::fs;"), ["std::fs"]);
        assert_eq!(
            names("pub use std::{fmt, fs::{self, File}, io::{Read as _, Write}};\nx"),
            [
                "pub",
                "std::fmt",
                "std::fs",
                "std::fs::File",
                "std::io::Read",
                "std::io::Write",
                "x"
            ]
        );
        assert_eq!(names("use ::std::{\n    env,\n};"), ["std::env"]);
        assert_eq!(names("use {std::env, a::*};"), ["std::env", "a"]);
    }

    #[test]
    fn offsets_point_at_the_member() {
        let code = "use std::{fmt,\n    fs};";
        let found = paths(code);
        assert_eq!(&code[found[1].offset..found[1].offset + 2], "fs");
    }

    #[test]
    fn ancestors_are_whole_segments() {
        let path = |path: &str| NamedPath {
            offset: 0,
            path: path.to_owned(),
        };
        assert!(path("std::fs").is_within("std::fs"));
        assert!(path("std::fs::File").is_within("std::fs"));
        assert!(!path("std::fsx").is_within("std::fs"));
        assert!(!path("my::std::fs").is_within("std::fs"));
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("eprintln!(); println!(); my_println!()", "println!"), [13]);
        assert_eq!(words("XXX uXXXX XXX", "XXX"), [0, 10]);
    }
}
