//! From inputs to what is needed to read them: source, framing, context.

use std::fmt::Write as _;
use std::sync::Arc;

use tracemill_io::{Input, RecordLimit};
use tracemill_model::{Elements, Framing, Limits};
use tracemill_sources::{Context, Detection, Head, Source, framing_for};

use crate::error::{Error, ErrorKind};

/// How much of an input is looked at to know it.
const HEAD: usize = 256 * 1024;

/// An input with everything needed to read it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) input: Input,
    pub(crate) framing: Framing,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) context: Context,
    /// What decided, if the source was detected.
    pub(crate) evidence: Option<String>,
}

/// Looks at the beginning of each input; empty ones are left out, with their names.
pub(crate) fn plan(
    inputs: impl IntoIterator<Item = Input>,
    source: Option<&Arc<dyn Source>>,
    limits: Limits,
    longest: RecordLimit,
) -> Result<(Vec<Planned>, Vec<Input>), Error> {
    let mut planned = Vec::new();
    let mut empty = Vec::new();
    for input in inputs {
        let head = input.head(HEAD)?;
        if head.iter().all(u8::is_ascii_whitespace) && head.len() < HEAD {
            empty.push(input);
            continue;
        }
        planned.push(plan_one(
            input,
            &Head::new(&head, head.len() < HEAD),
            source,
            limits,
            longest,
        )?);
    }
    Ok((planned, empty))
}

fn plan_one(
    input: Input,
    head: &Head,
    source: Option<&Arc<dyn Source>>,
    limits: Limits,
    longest: RecordLimit,
) -> Result<Planned, Error> {
    let (source, evidence) = match source {
        Some(source) => (Arc::clone(source), None),
        None => detect(&input, head)?,
    };
    let framing = choose_framing(&input, &*source, head)?;
    let mut context = Context::new(limits);
    if let Framing::Elements(elements) = &framing {
        context = with_headers(context, &input, elements, longest)?;
    }
    Ok(Planned {
        input,
        framing,
        source,
        context,
        evidence,
    })
}

fn with_headers(
    context: Context,
    input: &Input,
    elements: &Elements,
    longest: RecordLimit,
) -> Result<Context, Error> {
    if elements.headers().is_empty() {
        return Ok(context);
    }
    Ok(context.with_headers(tracemill_io::headers(input, elements, longest)?))
}

/// The framing that fits the beginning of the file. A source with one framing is taken at its word: its records need not
/// be JSON.
fn choose_framing(input: &Input, source: &dyn Source, head: &Head) -> Result<Framing, Error> {
    let mut framings = source.framings();
    if framings.len() == 1 {
        return Ok(framings.remove(0));
    }
    framing_for(source, head).ok_or_else(|| {
        let framings: Vec<_> = framings.iter().map(ToString::to_string).collect();
        let message = format!(
            "{}: `{}` is read from {}, and this begins otherwise",
            input.name(),
            source.name(),
            framings.join(", or ")
        );
        Error::new(ErrorKind::Input, message)
    })
}

fn detect(input: &Input, head: &Head) -> Result<(Arc<dyn Source>, Option<String>), Error> {
    match tracemill_sources::detect(head) {
        Detection::One { info, evidence } => Ok((Arc::from(info.make()), Some(evidence.to_string()))),
        Detection::Several(matches) => {
            let mut message = format!("{}: reads as several sources:", input.name());
            for (info, evidence) in matches {
                let _ = write!(message, " `{}` ({evidence})", info.name());
            }
            message.push_str("; say which with `--from`");
            Err(Error::new(ErrorKind::Input, message))
        }
        Detection::None { seen } => {
            let message = format!(
                "{}: no known source ({seen}); name one with `--from`, see `tracemill sources`",
                input.name()
            );
            Err(Error::new(ErrorKind::Input, message))
        }
        _ => Err(Error::new(
            ErrorKind::Input,
            format!("{}: no known source", input.name()),
        )),
    }
}
