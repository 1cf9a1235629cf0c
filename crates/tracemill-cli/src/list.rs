//! `tracemill formats` and `tracemill sources`: the registries, for people and for programs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use tracemill::formats::{self, Feature, Format, Holds, OtherName};
use tracemill::model::JsonWriter;
use tracemill::sources::{self, SourceInfo};

use crate::args::ListArgs;
use crate::failure::Failure;
use crate::names;

/// Prints to standard output; a closed pipe ends quietly.
pub(crate) fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(Failure::print)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn formats(args: &ListArgs) -> Result<ExitCode, Failure> {
    let (chosen, others) = chosen_formats(args.name.as_deref())?;
    let text = match (args.json, args.markdown, &args.name) {
        (true, ..) => {
            let listed = chosen.into_iter().map(Listed::Format);
            let listed: Vec<_> = listed.chain(others.into_iter().map(Listed::Other)).collect();
            json_list(&listed, Listed::write)
        }
        (_, true, _) => formats_markdown(&chosen) + &names::markdown(&others),
        (_, _, None) => formats_table(&chosen, &others),
        (_, _, Some(_)) => {
            let pages = chosen.iter().map(|format| format_page(format));
            pages
                .chain(others.iter().map(|other| names::page(other)))
                .collect()
        }
    };
    print(text.as_bytes())
}

/// All that is listed, or what has this name.
fn chosen_formats(name: Option<&str>) -> Result<(Vec<&'static Format>, Vec<&'static OtherName>), Failure> {
    let (all, others) = (formats::formats(), formats::other_names());
    let Some(name) = name else {
        return Ok((all.iter().collect(), others.iter().collect()));
    };
    let format: Vec<_> = all.iter().filter(|format| format.name() == name).collect();
    let other: Vec<_> = others.iter().filter(|other| other.name() == name).collect();
    if format.is_empty() && other.is_empty() {
        let known = all
            .iter()
            .map(Format::name)
            .chain(others.iter().map(OtherName::name));
        let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        let message = format!("there is no format `{name}`; known formats: {}", known.join(", "));
        return Err(Failure::Usage(message));
    }
    Ok((format, other))
}

/// An entry of `tracemill formats --json`.
enum Listed {
    Format(&'static Format),
    Other(&'static OtherName),
}

impl Listed {
    fn write(&self, w: &mut JsonWriter<'_>) {
        match self {
            Listed::Format(format) => format_json(format, w),
            Listed::Other(other) => names::json(other, w),
        }
    }
}

pub(crate) fn sources(args: &ListArgs) -> Result<ExitCode, Failure> {
    let chosen: Vec<&SourceInfo> = match &args.name {
        None => sources::sources().iter().collect(),
        Some(name) => vec![sources::source(name).ok_or_else(|| {
            let known: Vec<_> = sources::sources()
                .iter()
                .map(|info| format!("`{}`", info.name()))
                .collect();
            Failure::Usage(format!(
                "there is no source `{name}`; known sources: {}",
                known.join(", ")
            ))
        })?],
    };
    let text = match (args.json, args.markdown, &args.name) {
        (true, ..) => json_list(&chosen, |info, w| source_json(info, w)),
        (_, true, _) => sources_markdown(&chosen),
        (_, _, None) => sources_table(&chosen),
        (_, _, Some(_)) => chosen.iter().map(|info| source_page(info)).collect(),
    };
    print(text.as_bytes())
}

pub(crate) fn json_list<T>(items: &[T], write: impl Fn(&T, &mut JsonWriter<'_>)) -> String {
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_array();
    for item in items {
        write(item, &mut w);
    }
    w.end_array();
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

fn shapes(format: &Format) -> String {
    format
        .shapes()
        .iter()
        .map(|shape| shape.name())
        .collect::<Vec<_>>()
        .join(", ")
}

fn formats_table(formats: &[&Format], others: &[&OtherName]) -> String {
    let width = formats
        .iter()
        .map(|format| format.name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for format in formats {
        let _ = writeln!(text, "{:width$}  {}", format.name(), format.summary());
        for extension in format.extensions() {
            let sign = if extension.default { '-' } else { '+' };
            let _ = writeln!(
                text,
                "{:width$}    {sign}{}: {}",
                "", extension.name, extension.summary
            );
        }
    }
    text.push('\n');
    text.push_str(&capability_table(formats));
    text.push_str(&names::table(others));
    text.push_str("\n`tracemill formats NAME` says everything about one.\n");
    text
}

fn capability_table(formats: &[&Format]) -> String {
    let width = formats
        .iter()
        .map(|format| format.name().len())
        .max()
        .unwrap_or(0);
    let heads: Vec<_> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    let mut text = format!("{:width$}  {}\n", "holds", heads.join("  "));
    for format in formats {
        let cells = Feature::ALL.iter().map(|&feature| {
            let width = feature.name().len();
            format!("{:width$}", format.capability().get(feature).name())
        });
        let line = format!(
            "{:width$}  {}",
            format.name(),
            cells.collect::<Vec<_>>().join("  ")
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn format_page(format: &Format) -> String {
    let mut text = format!(
        "{}: {}\n\ntakes: {}\n",
        format.name(),
        format.summary(),
        shapes(format)
    );
    if !format.extensions().is_empty() {
        text.push_str("\nextensions:\n");
        for extension in format.extensions() {
            let state = if extension.default { "on" } else { "off" };
            let _ = writeln!(text, "  {} ({state}): {}", extension.name, extension.summary);
        }
    }
    text.push_str("\nholds:\n");
    for feature in Feature::ALL {
        let _ = writeln!(
            text,
            "  {}: {}",
            feature.name(),
            format.capability().get(feature).name()
        );
    }
    text.push_str("\nrules:\n");
    for rule in format.rules() {
        let _ = writeln!(text, "  {}: {} [{}]", rule.code, rule.text, rule.seen_in);
    }
    if !format.losses().is_empty() {
        text.push_str("\nlosses (refused unless allowed with --allow-loss):\n");
        for loss in format.losses() {
            let _ = writeln!(text, "  {}: {}", loss.code(), loss.summary());
        }
    }
    let _ = writeln!(text, "\nexample:\n  {}", format.example());
    text
}

fn format_json(format: &Format, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("name").str(format.name());
    w.key("summary").str(format.summary());
    w.key("shapes").begin_array();
    for shape in format.shapes() {
        w.str(shape.name());
    }
    w.end_array();
    w.key("extensions").begin_array();
    for extension in format.extensions() {
        w.begin_object();
        w.key("name").str(extension.name);
        w.key("default").boolean(extension.default);
        w.key("summary").str(extension.summary);
        w.end_object();
    }
    w.end_array();
    w.key("holds").begin_object();
    for feature in Feature::ALL {
        w.key(feature.name()).str(format.capability().get(feature).name());
    }
    w.end_object();
    w.key("rules").begin_array();
    for rule in format.rules() {
        w.begin_object();
        w.key("code").str(rule.code);
        w.key("text").str(rule.text);
        w.key("seen_in").str(rule.seen_in);
        w.end_object();
    }
    w.end_array();
    w.key("losses").begin_array();
    for loss in format.losses() {
        w.str(loss.code());
    }
    w.end_array();
    w.key("example").str(format.example());
    w.end_object();
}

fn formats_markdown(formats: &[&Format]) -> String {
    let heads: Vec<_> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    let mut text = format!(
        "| format | takes | {} |\n|---|---|{}\n",
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    for format in formats {
        let cells = Feature::ALL
            .iter()
            .map(|&feature| match format.capability().get(feature) {
                Holds::Yes => "yes",
                Holds::No => "–",
                other => other.name(),
            });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let _ = writeln!(
            text,
            "| [`{0}`](#{0}) | {1} | {cells} |",
            format.name(),
            shapes(format)
        );
    }
    for format in formats {
        text.push_str(&format_section(format));
    }
    text
}

fn format_section(format: &Format) -> String {
    let mut text = format!("\n### {}\n\n{}\n", format.name(), format.summary());
    if !format.extensions().is_empty() {
        text.push_str("\n| extension | default | what it does |\n|---|---|---|\n");
        for extension in format.extensions() {
            let state = if extension.default { "on" } else { "off" };
            let _ = writeln!(text, "| `{}` | {state} | {} |", extension.name, extension.summary);
        }
    }
    if !format.rules().is_empty() {
        text.push_str("\n| rule | what must hold | seen in |\n|---|---|---|\n");
        for rule in format.rules() {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                rule.code,
                cell(rule.text),
                rule.seen_in
            );
        }
    }
    if !format.losses().is_empty() {
        let codes: Vec<_> = format
            .losses()
            .iter()
            .map(|loss| format!("`{}`", loss.code()))
            .collect();
        let _ = writeln!(text, "\nMay lose, refused unless allowed: {}.", codes.join(", "));
    }
    let _ = writeln!(text, "\n```json\n{}\n```", format.example());
    text
}

/// A text in a cell of a table, where a bar would end the cell, within backticks too.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn sources_table(sources: &[&SourceInfo]) -> String {
    let width = sources.iter().map(|info| info.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for info in sources {
        let _ = writeln!(text, "{:width$}  {}", info.name(), info.summary());
    }
    text.push_str("\nThe source of an input is detected; `--from` names it. `tracemill sources NAME` says everything about one.\n");
    text
}

fn framings(info: &SourceInfo) -> String {
    info.make()
        .framings()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn source_page(info: &SourceInfo) -> String {
    let mut text = format!("{}: {}\n\n{}\n", info.name(), info.summary(), info.reads());
    let _ = writeln!(
        text,
        "\nframing: {}\nfiles: {}",
        framings(info),
        info.suffixes().join(", ")
    );
    if !info.skips().is_empty() {
        text.push_str("\nskips, counted by code:\n");
        for tracemill::sources::Skip { code, why, .. } in info.skips() {
            let _ = writeln!(text, "  {code}: {why}");
        }
    }
    source_details(info, &mut text);
    text
}

/// What a source counts inside of records, and the options it takes.
fn source_details(info: &SourceInfo, text: &mut String) {
    if !info.notes().is_empty() {
        text.push_str("\ncounts inside of records, by code:\n");
        for note in info.notes() {
            let _ = writeln!(text, "  {}: {}", note.code, note.why);
        }
    }
    if !info.options().is_empty() {
        text.push_str("\noptions:\n");
        for option in info.options() {
            let name = match option.name.strip_prefix("field.") {
                Some(field) => format!("--field {field}=KEY"),
                None => format!("--{}", option.name),
            };
            let _ = writeln!(text, "  {name}: {} ({})", option.what, option.usual);
        }
    }
}

fn source_json(info: &SourceInfo, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("name").str(info.name());
    w.key("summary").str(info.summary());
    w.key("reads").str(info.reads());
    w.key("framings").begin_array();
    for framing in info.make().framings() {
        w.str(&framing.to_string());
    }
    w.end_array();
    w.key("suffixes").begin_array();
    for suffix in info.suffixes() {
        w.str(suffix);
    }
    w.end_array();
    w.key("skips").begin_object();
    for tracemill::sources::Skip { code, why, .. } in info.skips() {
        w.key(code).str(why);
    }
    w.end_object();
    w.end_object();
}

fn sources_markdown(sources: &[&SourceInfo]) -> String {
    let mut text = "| source | what it is | framing | skips |\n|---|---|---|---|\n".to_owned();
    for info in sources {
        let skips: Vec<_> = info
            .skips()
            .iter()
            .map(|skip| format!("`{}`", skip.code))
            .collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            info.name(),
            info.summary(),
            framings(info),
            skips.join(", ")
        );
    }
    text
}
