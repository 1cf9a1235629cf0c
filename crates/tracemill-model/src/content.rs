//! What a message says: nothing, text, or parts.

use crate::error::DecodeError;
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};
use crate::media::{self, Media};

/// What a message says. Missing, `null`, empty and text are four different things, because real files tell them apart.
///
/// ```
/// use tracemill_model::{Content, Trace};
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"user"},{"role":"user","content":null},{"role":"user","content":""},
///         {"role":"user","content":[{"type":"text","text":"a"},{"type":"image","url":"b.png"}]}]}"#,
/// )?;
/// let content = |index: usize| trace.messages()[index].content();
/// assert_eq!(*content(0), Content::Missing);
/// assert_eq!(*content(1), Content::Null);
/// assert_eq!(content(2).as_text().unwrap(), "");
/// assert!(content(0).is_empty() && content(1).is_empty() && content(2).is_empty());
/// assert_eq!(content(3).parts()[0].as_text().unwrap(), "a");
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The message has no such field.
    #[default]
    Missing,
    /// `null`
    Null,
    /// Text, possibly empty.
    Text(Text<'a>),
    /// A list of parts, possibly empty.
    Parts(Vec<Part<'a>>),
    /// An object, kept as it came.
    Other(RawJson<'a>),
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part<'a> {
    /// Text.
    Text(TextPart<'a>),
    /// An image, sound, video or file.
    Media(Media<'a>),
    /// A part of another kind, as it came.
    Other(RawJson<'a>),
}

/// A part that is text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextPart<'a> {
    text: Text<'a>,
    extra: Fields<'a>,
}

impl<'a> TextPart<'a> {
    /// Reads a part of type `text`; some datasets write the text under `value`. `None` if it has neither: the cursor then
    /// stands where it stood.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, DecodeError> {
        let mark = cursor.mark();
        let mut text = None;
        let mut extra = Fields::new();
        cursor.object(|cursor, key| match key.body() {
            "type" => cursor.skip(),
            "text" => {
                text = Some(cursor.text()?);
                Ok(())
            }
            _ => extra.read(cursor, key),
        })?;
        if text.is_none()
            && extra
                .get("value")
                .is_some_and(|value| value.kind() == Kind::String)
        {
            text = extra.remove("value").and_then(|value| value.into_text().ok());
        }
        if text.is_none() {
            cursor.rewind(mark);
        }
        Ok(text.map(|text| TextPart { text, extra }))
    }

    fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str("text");
        w.key("text").text(&self.text);
        self.extra.write(w);
        w.end_object();
    }

    /// A part from its text.
    pub fn new(text: Text<'a>) -> Self {
        TextPart {
            text,
            extra: Fields::new(),
        }
    }

    /// The text.
    pub fn text(&self) -> &Text<'a> {
        &self.text
    }

    /// Fields of the part that the trace does not name.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }
}

impl<'a> Content<'a> {
    /// Whether there is nothing to read: missing, `null`, empty text, or no parts.
    pub fn is_empty(&self) -> bool {
        match self {
            Content::Missing | Content::Null => true,
            Content::Text(text) => text.is_empty(),
            Content::Parts(parts) => parts.is_empty(),
            Content::Other(_) => false,
        }
    }

    /// The text if the content is text and nothing else.
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match self {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The parts if the content is a list of them.
    pub fn parts(&self) -> &[Part<'a>] {
        match self {
            Content::Parts(parts) => parts,
            _ => &[],
        }
    }

    /// Reads content in any of its states.
    ///
    /// # Errors
    /// If the next value is a number or a boolean, or malformed.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(match cursor.peek()? {
            Kind::String => Content::Text(cursor.text()?),
            Kind::Null => {
                cursor.skip()?;
                Content::Null
            }
            Kind::Array => {
                let mut parts = Vec::new();
                cursor.array(|cursor, _| {
                    parts.push(Part::read(cursor)?);
                    Ok(())
                })?;
                Content::Parts(parts)
            }
            Kind::Object => Content::Other(cursor.raw()?),
            Kind::Number | Kind::Bool => return Err(cursor.expected("text, parts or null")),
        })
    }

    /// The same content, independent of the record it was read from.
    pub fn into_owned(self) -> Content<'static> {
        match self {
            Content::Missing => Content::Missing,
            Content::Null => Content::Null,
            Content::Text(text) => Content::Text(text.into_owned()),
            Content::Parts(parts) => Content::Parts(parts.into_iter().map(Part::into_owned).collect()),
            Content::Other(raw) => Content::Other(raw.into_owned()),
        }
    }

    /// Writes the field `content` into the object that is open; nothing if it is missing.
    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        match self {
            Content::Missing => {}
            Content::Null => {
                w.key("content").null();
            }
            Content::Text(text) => {
                w.key("content").text(text);
            }
            Content::Parts(parts) => {
                w.key("content").begin_array();
                for part in parts {
                    part.write(w);
                }
                w.end_array();
            }
            Content::Other(raw) => {
                w.key("content").raw(raw);
            }
        }
    }
}

impl<'a> From<Text<'a>> for Content<'a> {
    fn from(text: Text<'a>) -> Self {
        Content::Text(text)
    }
}

impl<'a> Part<'a> {
    /// Reads a part in the canonical form or in that of the `OpenAI` API; any other is kept as it came, and so is one
    /// with more in it than the canonical form has room for.
    ///
    /// # Errors
    /// If the part is malformed.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let kind = match cursor.peek()? {
            Kind::Object => cursor.type_ahead(),
            _ => None,
        };
        let kind = kind.as_ref().and_then(RawJson::as_text);
        match kind.as_ref().map_or("", Text::body) {
            "text" => match TextPart::read(cursor)? {
                Some(part) => Ok(Part::Text(part)),
                None => cursor.raw().map(Part::Other),
            },
            kind => match media::Shape::named(kind) {
                Some(shape) => Media::read_or_raw(cursor, shape),
                None => cursor.raw().map(Part::Other),
            },
        }
    }

    /// The text if the part is text.
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match self {
            Part::Text(part) => Some(&part.text),
            _ => None,
        }
    }

    /// The same part, independent of the record it was read from.
    pub fn into_owned(self) -> Part<'static> {
        match self {
            Part::Text(part) => Part::Text(TextPart {
                text: part.text.into_owned(),
                extra: part.extra.into_owned(),
            }),
            Part::Media(media) => Part::Media(media.into_owned()),
            Part::Other(raw) => Part::Other(raw.into_owned()),
        }
    }

    fn write(&self, w: &mut JsonWriter<'_>) {
        match self {
            Part::Text(part) => part.write(w),
            Part::Media(media) => media.write(w),
            Part::Other(raw) => drop(w.raw(raw)),
        }
    }
}
