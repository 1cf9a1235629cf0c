//! `tracemill losses`: what formats cannot hold, by code.

use std::fmt::Write as _;
use std::process::ExitCode;

use tracemill::formats::{self, Format, Loss, Omission};
use tracemill::model::JsonWriter;

use crate::args::ListArgs;
use crate::failure::Failure;
use crate::list::{json_list, print};

pub(crate) fn losses(args: &ListArgs) -> Result<ExitCode, Failure> {
    let chosen = match &args.name {
        None => Loss::ALL.to_vec(),
        Some(code) => vec![Loss::from_code(code).ok_or_else(|| {
            let known = Loss::ALL.map(|loss| format!("`{}`", loss.code()));
            Failure::Usage(format!(
                "there is no loss `{code}`; known losses: {}",
                known.join(", ")
            ))
        })?],
    };
    let text = match (args.json, args.markdown, &args.name) {
        (true, ..) => json_list(&chosen, |&loss, w| json(loss, w)),
        (_, true, _) => markdown(&chosen),
        (_, _, None) => table(&chosen),
        (_, _, Some(_)) => chosen.iter().map(|&loss| page(loss)).collect(),
    };
    print(text.as_bytes())
}

/// The formats that may lose this.
fn losing(loss: Loss) -> Vec<&'static str> {
    let formats = formats::formats().iter();
    let losing = formats.filter(|format| format.losses().contains(&loss));
    losing.map(Format::name).collect()
}

fn table(losses: &[Loss]) -> String {
    let width = losses.iter().map(|loss| loss.code().len()).max().unwrap_or(0);
    let mut text = String::new();
    for loss in losses {
        let _ = writeln!(text, "{:width$}  {}", loss.code(), loss.summary());
    }
    text.push_str(
        "\nEach is refused unless `--allow-loss CODE` allows it. `tracemill losses CODE` names the formats that have it.\n",
    );
    text
}

fn page(loss: Loss) -> String {
    format!(
        "{0}: {1}\n\nformats: {2}\nallow it with: --allow-loss {0}\n",
        loss.code(),
        loss.summary(),
        losing(loss).join(", ")
    )
}

fn json(loss: Loss, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("code").str(loss.code());
    w.key("summary").str(loss.summary());
    w.key("formats").begin_array();
    for format in losing(loss) {
        w.str(format);
    }
    w.end_array();
    w.end_object();
}

fn markdown(losses: &[Loss]) -> String {
    let mut text = "| loss | what happens | formats |\n|---|---|---|\n".to_owned();
    for loss in losses {
        let formats = losing(*loss)
            .into_iter()
            .map(|name| format!("[`{name}`](formats.md#{name})"));
        let formats: Vec<_> = formats.collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            loss.code(),
            loss.summary(),
            formats.join(", ")
        );
    }
    let omissions = Omission::ALL.map(|omission| format!("`{}`", omission.code()));
    let _ = writeln!(
        text,
        "\nNo training content, so never refused, but counted under `omitted` where a format has no place for it: {}.",
        omissions.join(", ")
    );
    text
}
