//! What Python prints of values, and what `json.dumps` makes of them: templates are written for both.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

/// White space of `json.dumps`.
#[derive(Clone, Debug)]
pub(super) struct Dump {
    pub(super) indent: Option<usize>,
    pub(super) item: String,
    pub(super) key: String,
    pub(super) sort: bool,
    pub(super) ascii: bool,
}

impl Default for Dump {
    fn default() -> Self {
        Dump {
            indent: None,
            item: ", ".to_owned(),
            key: ": ".to_owned(),
            sort: false,
            ascii: false,
        }
    }
}

impl Dump {
    /// Appends a value as JSON.
    ///
    /// # Errors
    /// If the value is nothing that JSON has a form for.
    pub(super) fn append(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), String> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => number(value, out),
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth, out)?,
            ValueKind::Map => self.object(value, depth, out)?,
            other => return Err(format!("a value that is {other} cannot be written as JSON")),
        }
        Ok(())
    }

    fn list(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), String> {
        out.push('[');
        let mut any = false;
        for element in value.try_iter().map_err(|error| error.to_string())? {
            self.separate(any, depth + 1, out);
            self.append(&element, depth + 1, out)?;
            any = true;
        }
        self.close(any, depth, ']', out);
        Ok(())
    }

    fn object(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), String> {
        out.push('{');
        let mut keys: Vec<_> = value.try_iter().map_err(|error| error.to_string())?.collect();
        if self.sort {
            keys.sort();
        }
        let any = !keys.is_empty();
        for (index, key) in keys.iter().enumerate() {
            self.separate(index > 0, depth + 1, out);
            self.text(&text(key), out);
            out.push_str(&self.key);
            let member = value.get_item(key).map_err(|error| error.to_string())?;
            self.append(&member, depth + 1, out)?;
        }
        self.close(any, depth, '}', out);
        Ok(())
    }

    fn separate(&self, any: bool, depth: usize, out: &mut String) {
        match self.indent {
            Some(indent) => {
                // With an indent, Python leaves out the space behind a comma.
                out.push_str(if any { self.item.trim_end() } else { "" });
                line(indent * depth, out);
            }
            None => out.push_str(if any { &self.item } else { "" }),
        }
    }

    fn close(&self, any: bool, depth: usize, bracket: char, out: &mut String) {
        if let Some(indent) = self.indent.filter(|_| any) {
            line(indent * depth, out);
        }
        out.push(bracket);
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' => escape(u16::try_from(u32::from(c)).unwrap_or_default(), out),
                c if self.ascii && c > '\u{7e}' => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        escape(*unit, out);
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn escape(unit: u16, out: &mut String) {
    // A string takes whatever is written to it.
    let _ = write!(out, "\\u{unit:04x}");
}

fn line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// What `str` makes of a value.
pub(super) fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        _ => {
            let mut out = String::new();
            repr(value, &mut out);
            out
        }
    }
}

/// Appends what `repr` makes of a value.
fn repr(value: &Value, out: &mut String) {
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => number(value, out),
        ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq => {
            out.push('[');
            let elements = value.try_iter().into_iter().flatten();
            for (index, element) in elements.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                repr(&element, out);
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            let keys = value.try_iter().into_iter().flatten();
            for (index, key) in keys.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                repr(&key, out);
                out.push_str(": ");
                repr(&value.get_item(&key).unwrap_or_default(), out);
            }
            out.push('}');
        }
        _ => out.push_str(&value.to_string()),
    }
}

fn quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
}

fn number(value: &Value, out: &mut String) {
    match f64::try_from(value.clone()) {
        Ok(float) if !value.is_integer() => out.push_str(&float_text(float)),
        _ => out.push_str(&value.to_string()),
    }
}

/// The shortest text that reads back as the same number, in the form that Python gives it.
fn float_text(float: f64) -> String {
    if !float.is_finite() {
        return if float.is_nan() {
            "NaN".to_owned()
        } else if float > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        };
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        return format!("{float:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_python() {
        let cases = [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (100_000.0, "100000.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
        ];
        for (float, wanted) in cases {
            assert_eq!(float_text(float), wanted);
        }
    }

    #[test]
    fn values_are_dumped_as_in_python() {
        let value = Value::from_iter([
            (
                "b",
                Value::from_iter([Value::from(1), Value::from(true), Value::from(())]),
            ),
            ("a", Value::from("é \"q\"\n\u{1}")),
        ]);
        let dumped = |dump: Dump| {
            let mut out = String::new();
            dump.append(&value, 0, &mut out).unwrap();
            out
        };
        assert_eq!(
            dumped(Dump::default()),
            r#"{"b": [1, true, null], "a": "é \"q\"\n\u0001"}"#
        );
        let indented = Dump {
            indent: Some(2),
            sort: true,
            ascii: true,
            ..Dump::default()
        };
        assert_eq!(
            dumped(indented),
            "{\n  \"a\": \"\\u00e9 \\\"q\\\"\\n\\u0001\",\n  \"b\": [\n    1,\n    true,\n    null\n  ]\n}"
        );
        assert_eq!(text(&value), "{'b': [1, True, None], 'a': 'é \"q\"\\n\u{1}'}");
    }
}
