//! `Text`: one spelling for every string.

use proptest::prelude::*;
use tracemill_model::json::Cursor;
use tracemill_model::{DecodeErrorKind, RawJson, Text};

use crate::strategies::{dice, string};
use crate::tree::{LINE_ENDS, canonical_string, spell_string};

proptest! {
    #[test]
    fn what_is_decoded_is_what_was_put_in(string in string()) {
        let text = Text::new(string.as_str());
        prop_assert_eq!(text.decode(), string.as_str());
        prop_assert_eq!(text.to_string(), string.as_str());
        let mut appended = String::from("before ");
        text.decode_into(&mut appended);
        prop_assert_eq!(appended, format!("before {string}"));
        prop_assert_eq!(&text, &*string);
        prop_assert_eq!(text.is_empty(), string.is_empty());
        prop_assert_eq!(text.is_blank(), string.trim().is_empty());
        prop_assert_eq!(&text.borrowed(), &text);
        prop_assert_eq!(&text.clone().into_owned(), &text);
        prop_assert_eq!(&Text::new(string.clone()), &text);
    }

    #[test]
    fn the_body_is_the_canonical_spelling(string in string()) {
        let text = Text::new(string.as_str());
        prop_assert_eq!(format!("\"{}\"", text.body()), canonical_string(&string));
        prop_assert!(!text.body().contains(LINE_ENDS));
    }

    #[test]
    fn any_spelling_of_a_string_is_read_as_the_same_bytes(string in string(), mut dice in dice()) {
        let mut token = String::new();
        spell_string(&string, &mut dice, &mut token);
        let read = Cursor::new(&token).text().unwrap();
        prop_assert_eq!(&read, &Text::new(string.as_str()));
        let raw = RawJson::parse(&token).unwrap();
        prop_assert_eq!(raw.as_text(), Some(read.borrowed()));
        prop_assert_eq!(raw.into_text(), Ok(read.clone()));
        prop_assert_eq!(RawJson::from(read).to_string(), canonical_string(&string));
    }

    #[test]
    fn different_strings_are_different_texts(a in string(), b in string()) {
        let (left, right) = (Text::new(a.as_str()), Text::new(b.as_str()));
        prop_assert_eq!(a == b, left == right);
        prop_assert_eq!(a == b, left == *b);
        prop_assert_eq!(a == b, left.body() == right.body());
    }

    /// Comparing with a string must not be fooled by the bytes of the body, which look like another string.
    #[test]
    fn a_text_is_not_equal_to_its_own_escapes(string in string()) {
        let text = Text::new(string.as_str());
        let body = text.body().to_owned();
        prop_assert_eq!(text == *body, body == string);
    }
}

#[test]
fn each_character_has_one_spelling() {
    for (character, body) in [
        ('"', r#"\""#),
        ('\\', r"\\"),
        ('/', "/"),
        ('\u{8}', r"\b"),
        ('\t', r"\t"),
        ('\n', r"\n"),
        ('\u{c}', r"\f"),
        ('\r', r"\r"),
        ('\0', r"\u0000"),
        ('\u{b}', r"\u000b"),
        ('\u{1f}', r"\u001f"),
        (' ', " "),
        ('\u{7f}', "\u{7f}"),
        ('\u{84}', "\u{84}"),
        ('\u{85}', r"\u0085"),
        ('\u{86}', "\u{86}"),
        ('\u{2027}', "\u{2027}"),
        ('\u{2028}', r"\u2028"),
        ('\u{2029}', r"\u2029"),
        ('\u{202a}', "\u{202a}"),
        ('\u{1f680}', "\u{1f680}"),
    ] {
        assert_eq!(Text::new(character.to_string()).body(), body);
        assert_eq!(
            Text::new(format!("ab{character}cd")).body(),
            format!("ab{body}cd")
        );
    }
}

/// Both halves of a pair must be there, in order.
#[test]
fn half_a_surrogate_pair_is_refused() {
    for token in [
        r#""\ud800""#,
        r#""\udfff""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ud83d\ud83d""#,
        r#""\ude80\ud83d""#,
        r#""ok \ud83d\ude80 \ude80""#,
    ] {
        let error = Cursor::new(token).text().unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::LoneSurrogate, "{token}");
        let key = format!("{{{token}:1}}");
        let error = RawJson::parse(&key).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::LoneSurrogate, "{key}");
    }
}

/// A record that ends in the middle of a pair was cut; it does not hold half a pair.
#[test]
fn a_record_cut_inside_an_escape_is_truncated() {
    let token = r#""\ud83d\ude80\n\u00e9""#;
    for cut in 1..token.len() {
        let error = Cursor::new(&token[..cut]).text().unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Truncated, "{}", &token[..cut]);
    }
}

#[test]
fn debug_shows_the_token() {
    assert_eq!(format!("{:?}", Text::new("a\"b\n")), r#""a\"b\n""#);
}
