//! The script that a trace is written in: most of what is cheap to know of its language.

use tracemill_model::Trace;
use unicode_script::{Script, UnicodeScript};

use crate::error::CurateError;
use crate::text::texts;

/// Reads the name of a script, such as `cyrillic`: Unicode's, whatever the case of its letters.
pub(crate) fn named(name: &str) -> Result<Script, CurateError> {
    let mut start = true;
    // `old_italic` is `Old_Italic`.
    let capital = |c: char| {
        let letter = if std::mem::replace(&mut start, c == '_') {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        };
        Some(letter)
    };
    let full: String = name.chars().filter_map(capital).collect();
    Script::from_full_name(&full).ok_or_else(|| {
        CurateError::new(format!(
            "there is no script `{name}`; names are Unicode's, such as latin, cyrillic, arabic, devanagari, han, hiragana, hangul"
        ))
    })
}

/// The script that most letters of the texts are of, the first met of equal ones; `None` without letters.
pub(crate) fn of(trace: &Trace<'_>) -> Option<Script> {
    let mut counts: Vec<(Script, usize)> = Vec::new();
    let mut text = String::new();
    for message in trace.messages() {
        texts(message, |said| {
            text.clear();
            said.decode_into(&mut text);
            for script in text
                .chars()
                .map(|c| c.script())
                .filter(|&script| is_known(script))
            {
                match counts.iter_mut().find(|(known, _)| *known == script) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((script, 1)),
                }
            }
        });
    }
    let most = counts.iter().map(|&(_, count)| count).max()?;
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map(|&(script, _)| script)
}

/// Digits, signs and spaces belong to every script.
fn is_known(script: Script) -> bool {
    !matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_most_letters_counts() {
        let script = |text: &str| {
            let line = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
            of(&Trace::from_json(&line).unwrap())
        };
        assert_eq!(script("Wie geht es? 12, 34!"), Some(Script::Latin));
        assert_eq!(script("Функция print() печатает строку"), Some(Script::Cyrillic));
        assert_eq!(
            script("今日は良い天気ですね、散歩しませんか"),
            Some(Script::Hiragana)
        );
        assert_eq!(script("12 + 34 = 46 \\n"), None);
        assert_eq!(script("\\u0416"), Some(Script::Cyrillic));
    }

    #[test]
    fn names_are_those_of_unicode() {
        assert_eq!(named("han").unwrap(), Script::Han);
        assert_eq!(named("OLD_italic").unwrap(), Script::Old_Italic);
        assert!(named("klingon").is_err());
    }
}
