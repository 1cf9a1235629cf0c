//! The texts of a trace, one after the other.

use tracemill_model::{Arguments, Content, Message, Part, Reasoning, Text};

/// Calls `visit` with every text of a message: content, reasoning, and arguments of calls as they were written.
pub(crate) fn texts<'m>(message: &'m Message<'_>, mut visit: impl FnMut(Said<'m>)) {
    contents(message.content(), &mut visit);
    if let Some(text) = message.reasoning().and_then(Reasoning::as_text) {
        visit(Said::Text(text.borrowed()));
    }
    for call in message.tool_calls() {
        match call.arguments() {
            Arguments::Text(text) => visit(Said::Text(text.borrowed())),
            Arguments::Value(raw) => visit(Said::Raw(raw.as_str())),
            _ => {}
        }
    }
}

/// Calls `visit` with every text of a content.
pub(crate) fn contents<'m>(content: &'m Content<'_>, visit: &mut impl FnMut(Said<'m>)) {
    match content {
        Content::Text(text) => visit(Said::Text(text.borrowed())),
        Content::Parts(parts) => {
            for text in parts.iter().filter_map(Part::as_text) {
                visit(Said::Text(text.borrowed()));
            }
        }
        Content::Other(raw) => visit(Said::Raw(raw.as_str())),
        _ => {}
    }
}

/// A text, or a JSON value in its place.
#[derive(Clone, Debug)]
pub(crate) enum Said<'t> {
    /// A string.
    Text(Text<'t>),
    /// JSON.
    Raw(&'t str),
}

impl Said<'_> {
    /// The bytes as they stand in the record.
    pub(crate) fn body(&self) -> &str {
        match self {
            Said::Text(text) => text.body(),
            Said::Raw(raw) => raw,
        }
    }

    /// The characters it stands for.
    pub(crate) fn decode_into(&self, out: &mut String) {
        match self {
            Said::Text(text) => text.decode_into(out),
            Said::Raw(raw) => out.push_str(raw),
        }
    }
}
