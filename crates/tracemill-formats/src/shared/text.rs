//! Content as one text.

use tracemill_model::{Content, JsonString, Part, Text};

use crate::loss::{Loss, Losses};
use crate::shared::account;

/// Appends what `content` says as one text, and notes what has no place in a text.
///
/// Text parts are joined with a line break; content that is an object is appended as its JSON text.
pub(crate) fn append(content: &Content<'_>, index: usize, s: &mut JsonString<'_, '_>, losses: &mut Losses) {
    match content {
        Content::Text(text) => {
            s.text(text);
        }
        Content::Parts(parts) => append_parts(parts, index, s, losses),
        Content::Other(raw) => {
            losses.note(Loss::ObjectContent, index);
            s.json(raw);
        }
        // Missing or null: nothing is said.
        _ => {}
    }
}

fn append_parts(parts: &[Part<'_>], index: usize, s: &mut JsonString<'_, '_>, losses: &mut Losses) {
    let mut first = true;
    for part in parts {
        let Some(text) = part.as_text() else {
            account::part(part, index, losses);
            continue;
        };
        if !first {
            losses.note(Loss::JoinedParts, index);
            s.push("\n");
        }
        s.text(text);
        first = false;
    }
}

/// Whether [`append`] would append nothing.
pub(crate) fn is_empty(content: &Content<'_>) -> bool {
    match content {
        Content::Parts(parts) => parts.iter().filter_map(Part::as_text).all(Text::is_empty),
        other => other.is_empty(),
    }
}

/// Notes the parts that are left out together with the text beside them.
pub(crate) fn note_parts(content: &Content<'_>, index: usize, losses: &mut Losses) {
    for part in content.parts().iter().filter(|part| part.as_text().is_none()) {
        account::part(part, index, losses);
    }
}
