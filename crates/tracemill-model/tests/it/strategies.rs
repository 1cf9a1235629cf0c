//! What the property tests are made of.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::tree::{Dice, Tree};

/// Strings of characters that are hard on readers: escapes, separators and their neighbours, all lengths of UTF-8.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '"',
        '\\',
        '/',
        '\n',
        '\r',
        '\t',
        '\u{8}',
        '\u{c}',
        '\0',
        '\u{1b}',
        '\u{1f}',
        ' ',
        '\u{7f}',
        '\u{80}',
        '\u{84}',
        '\u{85}',
        '\u{86}',
        '\u{a0}',
        '\u{2027}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{feff}',
        '\u{ffff}',
        '\u{10000}',
        '\u{1f680}',
        '\u{10ffff}',
    ]);
    let character = prop_oneof![6 => prop::char::range('a', 'z'), 4 => odd, 1 => any::<char>()];
    prop_oneof![
        8 => vec(character.clone(), 0..24),
        1 => vec(character, 40..90),
    ]
    .prop_map(String::from_iter)
}

/// Numbers as text, in every shape of the grammar.
pub(crate) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "7",
            "1.0",
            "1.50",
            "-0.0",
            "1e5",
            "1E+5",
            "-1.5e-10",
            "0e0",
            "12345678901234567890123",
            "1e-400",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:?}")),
    ]
}

fn scalar() -> impl Strategy<Value = Tree> {
    prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(|word| Tree::Bare(word.to_owned())),
        number().prop_map(Tree::Bare),
        string().prop_map(Tree::Text),
    ]
}

/// Values without a key that stands twice in one object.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Tree::List),
            vec((string(), inner), 0..6).prop_map(|members| Tree::Map(without_duplicates(members))),
        ]
    })
}

/// Keeps the first member of every key.
pub(crate) fn without_duplicates<T>(members: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |(key, _): &(String, T)| seen.insert(key.clone());
    members.into_iter().filter(first).collect()
}

/// Choices for spelling a value.
pub(crate) fn dice() -> impl Strategy<Value = Dice> {
    vec(any::<u8>(), 1..60).prop_map(Dice::new)
}

/// One change to the bytes of a record: where (as a share of its length), what, and which byte.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    place: u16,
    kind: u8,
    byte: u8,
}

/// Small changes, mostly of bytes that mean something in JSON.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let telling = prop::sample::select(br#"{}[]",:\/u0123456789.eE+-tfnNI "#.to_vec());
    let byte = prop_oneof![4 => telling, 1 => any::<u8>()];
    let edit = (any::<u16>(), 0..4u8, byte).prop_map(|(place, kind, byte)| Edit { place, kind, byte });
    vec(edit, 1..4)
}

/// The bytes after the changes.
pub(crate) fn edited(record: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = record.as_bytes().to_vec();
    for edit in edits {
        let at = usize::from(edit.place) * bytes.len() / (usize::from(u16::MAX) + 1);
        match edit.kind {
            0 if at < bytes.len() => bytes[at] = edit.byte,
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, edit.byte),
        }
    }
    bytes
}
