//! What a message says, without the spellings that do not matter.

use tracemill_model::json::EmbeddedJson;
use tracemill_model::{
    Arguments, CallRef, Content, Links, Media, MediaSource, Message, Part, RawJson, Role, Text,
};

/// One thing that content holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'p> {
    Text(&'p Text<'p>),
    Media(&'p Media<'p>),
    /// A part of another kind.
    Part(&'p RawJson<'p>),
    /// An object in place of content.
    Object(&'p RawJson<'p>),
}

/// The pieces of content: text is one, empty texts are none.
pub(super) fn pieces<'p>(content: &'p Content<'p>) -> impl Iterator<Item = Piece<'p>> {
    let (single, parts): (Option<Piece<'p>>, &[Part<'p>]) = match content {
        Content::Text(text) => (Some(Piece::Text(text)), &[]),
        Content::Other(object) => (Some(Piece::Object(object)), &[]),
        other => (None, other.parts()),
    };
    let parts = parts.iter().filter_map(|part| match part {
        Part::Text(part) => Some(Piece::Text(part.text())),
        Part::Media(media) => Some(Piece::Media(media)),
        Part::Other(raw) => Some(Piece::Part(raw)),
        _ => None,
    });
    single
        .into_iter()
        .chain(parts)
        .filter(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()))
}

impl PartialEq for Piece<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Piece::Text(a), Piece::Text(b)) => a == b,
            (Piece::Media(a), Piece::Media(b)) => {
                (a.kind(), source(a)) == (b.kind(), source(b))
                    && a.media_type() == b.media_type()
                    && a.name() == b.name()
            }
            (Piece::Part(a), Piece::Part(b)) | (Piece::Object(a), Piece::Object(b)) => a == b,
            _ => false,
        }
    }
}

/// Where a medium is: what sort of place, and which.
pub(super) fn source<'m>(media: &'m Media<'_>) -> (u8, &'m str) {
    match media.source() {
        MediaSource::Url(url) => (b'u', url.body()),
        MediaSource::Data(data) => (b'd', data.body()),
        MediaSource::Id(id) => (b'i', id.body()),
        _ => (b'?', ""),
    }
}

/// Arguments as a JSON value; `None` for text that is none.
pub(super) fn value_of<'v>(
    arguments: &'v Arguments<'_>,
    embedded: &'v mut EmbeddedJson,
) -> Option<RawJson<'v>> {
    match arguments {
        Arguments::Value(value) => Some(value.borrowed()),
        Arguments::Text(text) if !text.is_empty() => embedded.read(text).ok(),
        _ => RawJson::parse("{}").ok(),
    }
}

/// Which call a message answers, by its distance: how many messages back, and which call there.
pub(super) fn answered(messages: &[Message<'_>], index: usize, links: &Links) -> Option<(usize, usize)> {
    if *messages.get(index)?.role() != Role::Tool {
        return None;
    }
    let CallRef { message, call } = links.call_of(index)?;
    Some((index - message, call))
}

/// Matches the calls and results of a conversation, if it has results.
pub(super) fn link(messages: &[Message<'_>], links: &mut Links) {
    let has_results = messages.iter().any(|message| *message.role() == Role::Tool);
    links.compute(if has_results { messages } else { &[] });
}
