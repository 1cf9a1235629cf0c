//! Jinja as transformers sets it up (`utils/chat_template_utils.py` of 5.24.0).

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Value};
use minijinja_contrib::pycompat;

use super::python::{self, Dump};
use crate::template::{ChatTemplate, Day};

/// What stands before and behind what a template says the model generates. No text holds it: Unicode gives these two to
/// nobody.
pub(super) const BEGIN: char = '\u{fdd0}';
pub(super) const END: char = '\u{fdd1}';

const NAME: &str = "template";

/// Whether what a template says the model generates is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generated {
    Marked,
    Plain,
}

/// The environment in which a template is rendered.
pub(super) fn environment(
    template: &ChatTemplate,
    generated: Generated,
) -> Result<Environment<'static>, String> {
    let mut env = Environment::new();
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(print);
    env.set_unknown_method_callback(pycompat::unknown_method_callback);
    env.add_test("iterable", |value: &Value| is_iterable(value));
    env.add_test("sequence", |value: &Value| is_sequence(value));
    env.add_filter("tojson", to_json);
    env.add_filter("string", |value: &Value| python::text(value));
    env.add_filter("generation", move |text: &str| match generated {
        Generated::Marked => format!("{BEGIN}{text}{END}"),
        Generated::Plain => text.to_owned(),
    });
    env.add_function("raise_exception", raise_exception);
    match template.day() {
        Some(day) => env.add_function("strftime_now", move |format: &str| strftime(day, format)),
        None => env.add_function("strftime_now", no_day),
    }
    // Jinja reads all line ends as one.
    let source = template.source().replace("\r\n", "\n").replace('\r', "\n");
    let source = without_generation(&source);
    env.add_template_owned(NAME, source)
        .map_err(|error| explain(&error))?;
    Ok(env)
}

/// Renders the template of an environment.
pub(super) fn render(env: &Environment<'_>, context: Value) -> Result<String, String> {
    let template = env.get_template(NAME).map_err(|error| explain(&error))?;
    template.render(context).map_err(|error| explain(&error))
}

/// What a template names without saying what it is.
pub(super) fn undeclared(env: &Environment<'_>) -> Vec<String> {
    let template = env.get_template(NAME).ok();
    let names = template.map(|template| template.undeclared_variables(false));
    let mut names: Vec<_> = names.into_iter().flatten().collect();
    names.sort();
    names
}

fn explain(error: &Error) -> String {
    let line = error.line().map(|line| format!("line {line}: "));
    let what = match error.detail() {
        Some(detail) if error.kind() == ErrorKind::InvalidOperation => detail.to_owned(),
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    format!("{}{what}", line.unwrap_or_default())
}

fn print(out: &mut Output<'_>, _: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(text) => out.write_str(text),
        None => out.write_str(&python::text(value)),
    };
    Ok(written?)
}

/// Whether Python could iterate over a value: not over `None`.
fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || matches!(value.kind(), ValueKind::Iterable | ValueKind::Undefined)
}

/// Whether a value of Python has a length and items.
fn is_sequence(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Map
    )
}

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn to_json(value: &Value, indent: Option<&Value>, kwargs: Kwargs) -> Result<String, Error> {
    let mut dump = Dump::default();
    let indent = match indent {
        Some(indent) => Some(indent.clone()),
        None => kwargs.get("indent")?,
    };
    dump.indent = indent
        .filter(|indent| indent.kind() == ValueKind::Number)
        .map(usize::try_from)
        .transpose()?;
    dump.sort = kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or_default();
    dump.ascii = kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or_default();
    if let Some(separators) = kwargs.get::<Option<Vec<String>>>("separators")?
        && let [item, key] = &separators[..]
    {
        dump.item.clone_from(item);
        dump.key.clone_from(key);
    }
    kwargs.assert_all_used()?;
    let mut out = String::new();
    dump.append(value, 0, &mut out)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error))?;
    Ok(out)
}

fn no_day(_: &str) -> Result<Value, Error> {
    let text = "the template asks what day it is, and records must not depend on that; name a day";
    Err(Error::new(ErrorKind::InvalidOperation, text))
}

/// `strftime` of the midnight at which a day begins.
fn strftime(day: Day, format: &str) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let _ = match rest.next() {
            Some('%') => write!(out, "%"),
            Some('Y') => write!(out, "{:04}", day.year()),
            Some('y') => write!(out, "{:02}", day.year() % 100),
            Some('m') => write!(out, "{:02}", day.month()),
            Some('d') => write!(out, "{:02}", day.day()),
            Some('B') => write!(out, "{}", day.month_name()),
            Some('b') => write!(out, "{}", &day.month_name()[..3]),
            Some('A') => write!(out, "{}", day.weekday_name()),
            Some('a') => write!(out, "{}", &day.weekday_name()[..3]),
            Some('H' | 'M' | 'S') => write!(out, "00"),
            other => {
                let text = format!("`%{}` of `strftime_now` is not known here", other.unwrap_or(' '));
                return Err(Error::new(ErrorKind::InvalidOperation, text));
            }
        };
    }
    Ok(out)
}

/// The source with `{% generation %}` as a filter, which divides a text in the same way.
fn without_generation(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, block) = rest.split_at(at + 2);
        out.push_str(before);
        let trimmed = block.trim_start_matches(['-', '+']).trim_start();
        let head = &block[..block.len() - trimmed.len()];
        out.push_str(head);
        rest = trimmed;
        for (word, other) in [
            ("generation", "filter generation"),
            ("endgeneration", "endfilter"),
        ] {
            let Some(after) = trimmed.strip_prefix(word) else {
                continue;
            };
            if after
                .trim_start()
                .trim_start_matches(['-', '+'])
                .starts_with("%}")
            {
                out.push_str(other);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
