//! `JsonWriter` and `JsonString`: what is composed means what its pieces mean.

use proptest::collection::vec;
use proptest::prelude::*;
use tracemill_model::{JsonWriter, RawJson, Text};

use crate::strategies::{dice, string, tree};
use crate::tree::{Tree, canonical_string};

/// A piece of a composed string.
#[derive(Clone, Debug)]
enum Fragment {
    Text(String),
    Push(String),
    Quoted(String),
    Json(Tree),
    Written(Tree),
}

impl Fragment {
    /// The characters that it adds to the string.
    fn meaning(&self) -> String {
        match self {
            Fragment::Text(text) | Fragment::Push(text) => text.clone(),
            Fragment::Quoted(text) => canonical_string(text),
            Fragment::Json(tree) | Fragment::Written(tree) => tree.canonical(),
        }
    }
}

fn fragment() -> impl Strategy<Value = Fragment> {
    prop_oneof![
        string().prop_map(Fragment::Text),
        string().prop_map(Fragment::Push),
        string().prop_map(Fragment::Quoted),
        tree().prop_map(Fragment::Json),
        tree().prop_map(Fragment::Written),
    ]
}

/// Writes a tree by the calls an encoder would make.
fn write(tree: &Tree, w: &mut JsonWriter<'_>) {
    match tree {
        Tree::Bare(token) => match token.as_str() {
            "null" => drop(w.null()),
            "true" => drop(w.boolean(true)),
            "false" => drop(w.boolean(false)),
            token => match token.parse::<u64>() {
                Ok(number) if number.to_string() == token => drop(w.number(number)),
                _ => drop(w.raw(&RawJson::parse(token).unwrap())),
            },
        },
        Tree::Text(text) if text.len() % 2 == 0 => drop(w.str(text)),
        Tree::Text(text) => drop(w.text(&Text::new(text.as_str()))),
        Tree::List(items) => {
            w.begin_array();
            for item in items {
                write(item, w);
            }
            w.end_array();
        }
        Tree::Map(members) => {
            w.begin_object();
            for (key, value) in members {
                w.text_key(&Text::new(key.as_str()));
                write(value, w);
            }
            w.end_object();
        }
    }
}

proptest! {
    #[test]
    fn a_composed_string_decodes_to_its_fragments(fragments in vec(fragment(), 0..8)) {
        let mut out = Vec::new();
        let mut scratch = Vec::new();
        let mut w = JsonWriter::new(&mut out);
        let mut s = w.begin_string();
        for fragment in &fragments {
            match fragment {
                Fragment::Text(text) => s.text(&Text::new(text.as_str())),
                Fragment::Push(text) => s.push(text),
                Fragment::Quoted(text) => s.quoted(&Text::new(text.as_str())),
                Fragment::Json(tree) => s.json(&RawJson::parse(&tree.canonical()).unwrap()),
                Fragment::Written(tree) => {
                    scratch.clear();
                    write(tree, &mut JsonWriter::new(&mut scratch));
                    s.written(&scratch)
                }
            };
        }
        s.end();
        let meaning: String = fragments.iter().map(Fragment::meaning).collect();
        prop_assert_eq!(String::from_utf8(out).unwrap(), canonical_string(&meaning));
    }

    #[test]
    fn what_is_written_call_by_call_is_the_canonical_form(tree in tree()) {
        let mut out = Vec::new();
        write(&tree, &mut JsonWriter::new(&mut out));
        prop_assert_eq!(String::from_utf8(out).unwrap(), tree.canonical());
    }

    #[test]
    fn json_inside_a_string_is_the_same_json(tree in tree(), mut dice in dice()) {
        let spelled = tree.spelled(&mut dice);
        let raw = RawJson::parse(&spelled).unwrap();
        let mut out = Vec::new();
        let mut w = JsonWriter::new(&mut out);
        w.begin_string().json(&raw).end();
        let outer = String::from_utf8(out).unwrap();
        let inner = RawJson::parse(&outer).unwrap().into_text().unwrap().decode().into_owned();
        prop_assert_eq!(inner, raw.as_str());
    }

    #[test]
    fn any_number_is_written_in_full(number: u64) {
        let mut out = Vec::new();
        JsonWriter::new(&mut out).number(number);
        prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
    }
}

#[test]
fn commas_stand_between_values_and_nowhere_else() {
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_array();
    w.begin_object().end_object();
    w.begin_array().end_array();
    w.begin_string().end();
    w.begin_string().push("x").end();
    w.null().boolean(true).number(0).str("").raw(&7.into());
    w.begin_object();
    w.key("a").begin_object().end_object();
    w.key("b").begin_string().end();
    w.key("c").begin_array();
    w.number(1).number(2).end_array();
    w.end_object();
    w.end_array();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"[{},[],"","x",null,true,0,"",7,{"a":{},"b":"","c":[1,2]}]"#
    );
}

#[test]
fn a_text_is_quoted_inside_a_string_by_escaping_it_twice() {
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_string()
        .push("name = ")
        .quoted(&Text::new("a\"b\\c\nd"))
        .end();
    assert_eq!(String::from_utf8(out).unwrap(), r#""name = \"a\\\"b\\\\c\\nd\"""#);
}
