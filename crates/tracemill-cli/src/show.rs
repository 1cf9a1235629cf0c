//! `tracemill show`: a trace as a conversation.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use tracemill::formats::{EncodeError, Encoder, Scratch};
use tracemill::io::{Digest, Output, Overwrite, Target, Threads};
use tracemill::model::{Arguments, Content, Example, Message, Part, Reasoning, Shape, Trace};
use tracemill::{Error, Mill, OnError, WhenEmpty};

use crate::args::ShowArgs;
use crate::failure::Failure;

const HEAD: Style = AnsiColor::Cyan.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let find = Find(Arc::new(Mutex::new(Found {
        wanted: Wanted::new(args.which.as_deref()),
        seen: 0,
        text: None,
    })));
    let mut builder = Mill::builder();
    // In order, as traces are counted.
    builder
        .threads(Threads::exactly(std::num::NonZeroUsize::MIN))
        .encoder(find.clone())
        .on_error(OnError::Skip)
        .when_empty(WhenEmpty::Allow);
    if let Some(from) = &args.from {
        builder.source_named(from)?;
    }
    let inputs = tracemill::io::expand(&[&args.file], |_| true).map_err(Error::from)?;
    let output = Output::create(&Target::Memory, Overwrite::Refuse, Digest::None).map_err(Error::from)?;
    builder.build()?.run(inputs, output)?;
    let found = find.0.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(text) = &found.text else {
        return Err(Failure::Usage(format!(
            "{}: there is no trace {}; the file has {}",
            args.file.display(),
            found.wanted.told(),
            found.seen
        )));
    };
    let mut out = anstream::stdout().lock();
    std::io::Write::write_all(&mut out, text.as_bytes()).map_err(Failure::print)?;
    Ok(ExitCode::SUCCESS)
}

/// Which trace is asked for.
#[derive(Debug)]
struct Wanted {
    number: Option<u64>,
    id: Option<String>,
}

impl Wanted {
    fn new(which: Option<&str>) -> Self {
        Wanted {
            number: which.map_or(Some(1), |which| which.parse().ok()),
            id: which.map(str::to_owned),
        }
    }

    /// An id goes before a number, and the first of several with one id before the others.
    fn is(&self, trace: &Trace<'_>, number: u64) -> Option<Match> {
        let has_id = trace.id().is_some_and(|id| Some(id.to_string()) == self.id);
        if has_id {
            Some(Match::Id)
        } else {
            (self.number == Some(number)).then_some(Match::Number)
        }
    }

    fn told(&self) -> String {
        match &self.id {
            Some(id) => format!("`{id}`, neither by id nor by number"),
            None => "1".to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Id,
    Number,
}

#[derive(Debug)]
struct Found {
    wanted: Wanted,
    seen: u64,
    text: Option<String>,
}

/// An encoder that looks for one trace.
#[derive(Clone, Debug)]
struct Find(Arc<Mutex<Found>>);

impl Encoder for Find {
    fn name(&self) -> &'static str {
        "show"
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Conversation
    }

    fn encode(&self, example: &Example<'_>, _: &mut Scratch, _: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Example::Conversation(conversation) = example else {
            return Ok(());
        };
        let trace = conversation.trace();
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.seen += 1;
        match found.wanted.is(trace, found.seen) {
            Some(Match::Id) => {
                found.text = Some(page(trace));
                // Later ones with the same id stay where they are.
                found.wanted.id = None;
                found.wanted.number = None;
            }
            Some(Match::Number) if found.text.is_none() => found.text = Some(page(trace)),
            _ => {}
        }
        Ok(())
    }
}

/// A trace as it is read: what it is, then turn by turn.
fn page(trace: &Trace<'_>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{ASIDE}{name}{ASIDE:#} {value}");
        }
    };
    line("id", trace.id().map(ToString::to_string));
    line("group", trace.group().map(|group| group.key().to_string()));
    line("trial", trace.trial().map(|trial| trial.to_string()));
    line("model", trace.model().map(ToString::to_string));
    line(
        "outcome",
        trace.outcome().map(|outcome| outcome.name().to_owned()),
    );
    for score in trace.scores() {
        let name = score.name().map_or("score".to_owned(), ToString::to_string);
        let value = score
            .number()
            .map_or("missing".to_owned(), |value| value.to_string());
        line(&name, Some(value));
    }
    for message in trace.messages() {
        turn(message, &mut text);
    }
    text
}

fn turn(message: &Message<'_>, text: &mut String) {
    let _ = write!(text, "\n{HEAD}{}{HEAD:#}", plain(&message.role().name().decode()));
    if let Some(name) = message.name() {
        let _ = write!(text, " {ASIDE}{}{ASIDE:#}", plain(&name.decode()));
    }
    text.push('\n');
    if let Some(Reasoning::Text(words)) = message.reasoning() {
        let _ = writeln!(text, "{ASIDE}{}{ASIDE:#}", plain(&words.decode()));
    }
    content(message.content(), text);
    for call in message.tool_calls() {
        let arguments = match call.arguments() {
            Arguments::Text(arguments) => arguments.decode().into_owned(),
            Arguments::Value(value) => value.to_string(),
            _ => String::new(),
        };
        let name = call.name().decode();
        let _ = writeln!(text, "→ {HEAD}{}{HEAD:#}({})", plain(&name), plain(&arguments));
    }
}

fn content(content: &Content<'_>, text: &mut String) {
    match content {
        Content::Text(words) => {
            let _ = writeln!(text, "{}", plain(&words.decode()));
        }
        Content::Other(object) => {
            let _ = writeln!(text, "{}", plain(object.as_str()));
        }
        content => {
            for part in content.parts() {
                let _ = match part {
                    Part::Text(part) => writeln!(text, "{}", plain(&part.text().decode())),
                    Part::Media(media) => writeln!(text, "{ASIDE}[{}]{ASIDE:#}", media.kind().name()),
                    _ => writeln!(text, "{ASIDE}[other part]{ASIDE:#}"),
                };
            }
        }
    }
}

/// Text without what could move the cursor or change colours.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}
