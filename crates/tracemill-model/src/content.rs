//! What a message says: nothing, text, or parts.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// What a message says. Missing, `null`, empty and text are four different things, because real files tell them apart.
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

/// A part that is an image, sound, video or file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "`media_type` is the name of the thing")]
pub struct Media<'a> {
    kind: MediaKind,
    source: MediaSource<'a>,
    media_type: Option<Text<'a>>,
    name: Option<Text<'a>>,
    extra: Fields<'a>,
}

/// What sort of medium a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document or any other file.
    File,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaSource<'a> {
    /// At an address; `data:` addresses hold the bytes themselves.
    Url(Text<'a>),
    /// Here, in Base64.
    Data(Text<'a>),
    /// With the provider, under an id.
    Id(Text<'a>),
}

impl MediaKind {
    const ALL: [MediaKind; 4] = [
        MediaKind::Image,
        MediaKind::Audio,
        MediaKind::Video,
        MediaKind::File,
    ];

    /// The name in the canonical form.
    pub fn name(self) -> &'static str {
        match self {
            MediaKind::Image => "image",
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
            MediaKind::File => "file",
        }
    }
}

impl MediaSource<'_> {
    fn key(&self) -> &'static str {
        match self {
            MediaSource::Url(_) => "url",
            MediaSource::Data(_) => "data",
            MediaSource::Id(_) => "id",
        }
    }

    fn value(&self) -> &Text<'_> {
        match self {
            MediaSource::Url(text) | MediaSource::Data(text) | MediaSource::Id(text) => text,
        }
    }

    fn into_owned(self) -> MediaSource<'static> {
        match self {
            MediaSource::Url(text) => MediaSource::Url(text.into_owned()),
            MediaSource::Data(text) => MediaSource::Data(text.into_owned()),
            MediaSource::Id(text) => MediaSource::Id(text.into_owned()),
        }
    }
}

impl<'a> TextPart<'a> {
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
}

impl<'a> Media<'a> {
    /// A medium from its kind and source.
    pub fn new(kind: MediaKind, source: MediaSource<'a>) -> Self {
        Media {
            kind,
            source,
            media_type: None,
            name: None,
            extra: Fields::new(),
        }
    }

    /// What sort of medium it is.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Where its bytes are.
    pub fn source(&self) -> &MediaSource<'a> {
        &self.source
    }

    /// The media type, such as `image/png`.
    pub fn media_type(&self) -> Option<&Text<'a>> {
        self.media_type.as_ref()
    }

    /// The name of the file.
    pub fn name(&self) -> Option<&Text<'a>> {
        self.name.as_ref()
    }

    /// Fields of the part that the trace does not name, such as `detail`.
    pub fn extra(&self) -> &Fields<'a> {
        &self.extra
    }

    /// The same fields, to change.
    pub fn extra_mut(&mut self) -> &mut Fields<'a> {
        &mut self.extra
    }

    /// Sets the media type.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<Option<Text<'a>>>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// Sets the name of the file.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Option<Text<'a>>>) -> Self {
        self.name = name.into();
        self
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
    /// Reads a part in the canonical form or in that of the `OpenAI` API; any other is kept as it came.
    ///
    /// # Errors
    /// If the part is malformed, or a known kind lacks what makes it one.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        if cursor.peek()? != Kind::Object {
            return cursor.raw().map(Part::Other);
        }
        let fields = Fields::read_object(cursor)?;
        let Some(kind) = fields
            .get("type")
            .and_then(RawJson::as_text)
            .map(|kind| kind.decode().into_owned())
        else {
            return Ok(Part::Other(crate::call::raw_object(&fields)));
        };
        match kind.as_str() {
            "text" => text_part(cursor, fields),
            "image_url" => Ok(image_url(&fields).unwrap_or_else(|| other(&fields))),
            "input_audio" => Ok(input_audio(&fields).unwrap_or_else(|| other(&fields))),
            name => match MediaKind::ALL.into_iter().find(|known| known.name() == name) {
                Some(kind) => Ok(media(kind, &fields).unwrap_or_else(|| other(&fields))),
                None => Ok(other(&fields)),
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
            Part::Media(media) => Part::Media(Media {
                kind: media.kind,
                source: media.source.into_owned(),
                media_type: media.media_type.map(Text::into_owned),
                name: media.name.map(Text::into_owned),
                extra: media.extra.into_owned(),
            }),
            Part::Other(raw) => Part::Other(raw.into_owned()),
        }
    }

    fn write(&self, w: &mut JsonWriter<'_>) {
        match self {
            Part::Text(part) => {
                w.begin_object();
                w.key("type").str("text");
                w.key("text").text(&part.text);
                part.extra.write(w);
                w.end_object();
            }
            Part::Media(media) => media.write(w),
            Part::Other(raw) => {
                w.raw(raw);
            }
        }
    }
}

impl Media<'_> {
    fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("type").str(self.kind.name());
        w.key(self.source.key()).text(self.source.value());
        if let Some(media_type) = &self.media_type {
            w.key("media_type").text(media_type);
        }
        if let Some(name) = &self.name {
            w.key("name").text(name);
        }
        self.extra.write(w);
        w.end_object();
    }
}

fn text_part<'a>(cursor: &Cursor<'a>, mut fields: Fields<'a>) -> Result<Part<'a>, DecodeError> {
    fields.remove("type");
    match fields.remove("text").map(RawJson::into_text) {
        Some(Ok(text)) => Ok(Part::Text(TextPart { text, extra: fields })),
        Some(Err(found)) => {
            let message = format!(
                "the `text` of a part must be a string, not {}",
                found.kind().noun()
            );
            Err(cursor.error(DecodeErrorKind::WrongType, message))
        }
        None => Err(cursor.error(
            DecodeErrorKind::MissingField,
            "a part of type `text` needs a `text`",
        )),
    }
}

fn other<'a>(fields: &Fields<'a>) -> Part<'a> {
    Part::Other(crate::call::raw_object(fields))
}

/// `{"type":"image_url","image_url":{"url":…,"detail":…}}`; `None` if it is shaped otherwise.
fn image_url<'a>(fields: &Fields<'a>) -> Option<Part<'a>> {
    let inner = fields.get("image_url")?.clone().into_owned();
    let url = match inner.as_text() {
        Some(url) => url.into_owned(),
        None => inner.get("url")?.as_text()?.into_owned(),
    };
    let mut media = Media::new(MediaKind::Image, MediaSource::Url(url));
    keep(&mut media, members(&inner), &["url"]);
    keep(&mut media, fields.clone(), &["type", "image_url"]);
    Some(Part::Media(media))
}

/// `{"type":"input_audio","input_audio":{"data":…,"format":"wav"}}`; `None` if it is shaped otherwise.
fn input_audio<'a>(fields: &Fields<'a>) -> Option<Part<'a>> {
    let inner = fields.get("input_audio")?.clone().into_owned();
    let data = inner.get("data")?.as_text()?.into_owned();
    let mut media = Media::new(MediaKind::Audio, MediaSource::Data(data));
    let format = inner.get("format")?.as_text()?.into_owned();
    media.media_type = Some(Text::new(format!("audio/{format}")));
    keep(&mut media, members(&inner), &["data", "format"]);
    keep(&mut media, fields.clone(), &["type", "input_audio"]);
    Some(Part::Media(media))
}

/// The canonical form, and `{"type":"file","file":{"file_id"|"file_data",…}}`; `None` if it is shaped otherwise.
fn media<'a>(kind: MediaKind, fields: &Fields<'a>) -> Option<Part<'a>> {
    if let Some(inner) = fields
        .get("file")
        .filter(|inner| kind == MediaKind::File && inner.kind() == Kind::Object)
    {
        return file(&members(&inner.clone().into_owned()), fields);
    }
    let text = |key: &str| fields.get(key).cloned().and_then(|value| value.into_text().ok());
    let source = None
        .or_else(|| text("url").map(MediaSource::Url))
        .or_else(|| text("data").map(MediaSource::Data))
        .or_else(|| text("id").map(MediaSource::Id))?;
    let mut media = Media::new(kind, source);
    media.media_type = text("media_type");
    media.name = text("name");
    let mut named = vec!["type", media.source.key()];
    named.extend(media.media_type.is_some().then_some("media_type"));
    named.extend(media.name.is_some().then_some("name"));
    keep(&mut media, fields.clone(), &named);
    Some(Part::Media(media))
}

fn file<'a>(inner: &Fields<'static>, fields: &Fields<'a>) -> Option<Part<'a>> {
    let text = |key: &str| inner.get(key).cloned().and_then(|value| value.into_text().ok());
    let source = text("file_id")
        .map(MediaSource::Id)
        .or_else(|| text("file_data").map(MediaSource::Data))?;
    let mut media = Media::new(MediaKind::File, source);
    media.name = text("filename");
    keep(&mut media, inner.clone(), &["file_id", "file_data", "filename"]);
    keep(&mut media, fields.clone(), &["type", "file"]);
    Some(Part::Media(media))
}

/// Keeps the fields that are not among `named`.
fn keep<'a>(media: &mut Media<'a>, fields: Fields<'a>, named: &[&str]) {
    for (key, value) in fields {
        if !named.contains(&&*key.decode()) {
            media.extra.insert(key, value);
        }
    }
}

fn members(raw: &RawJson<'_>) -> Fields<'static> {
    let mut fields = Fields::new();
    for (key, value) in raw.members() {
        fields.insert(key.into_owned(), value.into_owned());
    }
    fields
}
