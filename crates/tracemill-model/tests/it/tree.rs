//! A JSON value in the plainest form, with an independent spelling and an independent reading: what the tests trust
//! instead of the code under test.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Numbers are their text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// `null`, `true`, `false` or a number, as its text.
    Bare(String),
    /// A string, decoded.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// An object, in order.
    Map(Vec<(String, Tree)>),
}

/// What some reader of lines takes for the end of one.
pub(crate) const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// The canonical token of a string, by way of `serde_json` and the three characters that it does not escape.
pub(crate) fn canonical_string(decoded: &str) -> String {
    serde_json::to_string(decoded)
        .unwrap()
        .replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

impl Tree {
    /// The canonical form.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Tree::Bare(token) => token.clone(),
            Tree::Text(text) => canonical_string(text),
            Tree::List(items) => {
                let items: Vec<_> = items.iter().map(Tree::canonical).collect();
                format!("[{}]", items.join(","))
            }
            Tree::Map(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{}:{}", canonical_string(key), value.canonical()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// Some spelling of the value, as the dice fall: white space, escapes.
    pub(crate) fn spelled(&self, dice: &mut Dice) -> String {
        let mut out = String::new();
        self.spell(dice, &mut out);
        out
    }

    fn spell(&self, dice: &mut Dice, out: &mut String) {
        dice.space(out);
        match self {
            Tree::Bare(token) => out.push_str(token),
            Tree::Text(text) => spell_string(text, dice, out),
            Tree::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.spell(dice, out);
                }
                dice.space(out);
                out.push(']');
            }
            Tree::Map(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    dice.space(out);
                    spell_string(key, dice, out);
                    dice.space(out);
                    out.push(':');
                    value.spell(dice, out);
                }
                dice.space(out);
                out.push('}');
            }
        }
        dice.space(out);
    }

    /// Whether an object in it has a key twice.
    pub(crate) fn has_duplicate(&self) -> bool {
        match self {
            Tree::Bare(_) | Tree::Text(_) => false,
            Tree::List(items) => items.iter().any(Tree::has_duplicate),
            Tree::Map(members) => {
                let keys: BTreeSet<_> = members.iter().map(|(key, _)| key).collect();
                keys.len() < members.len() || members.iter().any(|(_, value)| value.has_duplicate())
            }
        }
    }
}

/// Some spelling of a string, quotes included.
pub(crate) fn spell_string(text: &str, dice: &mut Dice, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let short = match character {
            '"' => Some('"'),
            '\\' => Some('\\'),
            '/' => Some('/'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        let must = character < ' ' || character == '"' || character == '\\';
        match (dice.roll(8), short) {
            (0..5, _) if !must => out.push(character),
            (0..7, Some(short)) => out.extend(['\\', short]),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let lower = format!("\\u{unit:04x}");
                    let upper = format!("\\u{unit:04X}");
                    out.push_str(if dice.roll(2) == 0 { &lower } else { &upper });
                }
            }
        }
    }
    out.push('"');
}

/// Choices that a property test makes and shrinks: a list of bytes, used over and over.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    faces: Vec<u8>,
    at: usize,
}

impl Dice {
    /// Dice that fall as `faces` say; without any, always on 0.
    pub(crate) fn new(faces: Vec<u8>) -> Self {
        Dice { faces, at: 0 }
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.at += 1;
        let face = self
            .faces
            .get(self.at % self.faces.len().max(1))
            .copied()
            .unwrap_or(0);
        usize::from(face) % sides
    }

    fn space(&mut self, out: &mut String) {
        match self.roll(12) {
            0 => out.push(' '),
            1 => out.push_str("\n\t"),
            2 => out.push_str("\r "),
            _ => {}
        }
    }
}

/// Reads by `serde_json`, keeping duplicates and order; numbers become what `serde_json` makes of them.
impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bare("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Bare(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Bare(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Map(members))
    }
}
