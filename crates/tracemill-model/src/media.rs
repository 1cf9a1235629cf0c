//! Parts of a message that are an image, sound, video or file.

use crate::content::Part;
use crate::error::DecodeError;
use crate::fields::Fields;
use crate::json::{Cursor, JsonWriter, Kind, RawJson, Text};

/// A part that is an image, sound, video or file.
///
/// ```
/// use tracemill_model::{Media, MediaKind, MediaSource, Part, Trace};
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"user","content":[
///         {"type":"image_url","image_url":{"url":"https://example.org/a.png","detail":"low"}}]}]}"#,
/// )?;
/// let Part::Media(image) = &trace.messages()[0].content().parts()[0] else { unreachable!() };
/// assert_eq!(image.kind(), MediaKind::Image);
/// assert_eq!(image.source(), &MediaSource::Url("https://example.org/a.png".into()));
/// assert_eq!(image.extra().get("detail").unwrap().as_str(), "\"low\"");
///
/// let sound = Media::new(MediaKind::Audio, MediaSource::Data("AAAA".into()));
/// assert_eq!(sound.with_media_type(Some("audio/wav".into())).media_type().unwrap(), "audio/wav");
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
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

    pub(crate) fn into_owned(self) -> Media<'static> {
        Media {
            kind: self.kind,
            source: self.source.into_owned(),
            media_type: self.media_type.map(Text::into_owned),
            name: self.name.map(Text::into_owned),
            extra: self.extra.into_owned(),
        }
    }

    /// Reads a part of this shape, or keeps it as it came if it is shaped otherwise after all.
    pub(crate) fn read_or_raw(cursor: &mut Cursor<'a>, shape: Shape) -> Result<Part<'a>, DecodeError> {
        let mark = cursor.mark();
        if let Some(media) = shape.read(cursor)? {
            return Ok(Part::Media(media));
        }
        cursor.rewind(mark);
        cursor.raw().map(Part::Other)
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
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

    /// Adds the fields of another form that this one does not name; `None` if they do not fit beside the named ones.
    fn with_rest(mut self, rest: impl Iterator<Item = (Text<'a>, RawJson<'a>)>) -> Option<Self> {
        for (key, value) in rest {
            let is_taken = NAMED.contains(&key.body()) || self.extra.get(&key.decode()).is_some();
            if is_taken {
                return None;
            }
            self.extra.insert(key, value);
        }
        Some(self)
    }
}

/// The fields of the canonical form, and `file`, which makes a part one of another form.
const NAMED: [&str; 7] = ["type", "url", "data", "id", "media_type", "name", "file"];

/// The ways in which records write a medium, by the `type` of the part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// `{"type":"image","url":…}`: the canonical form; or, for a file, `{"type":"file","file":{…}}`.
    Own(MediaKind),
    /// `{"type":"image_url","image_url":{"url":…,"detail":…}}`
    ImageUrl,
    /// `{"type":"input_audio","input_audio":{"data":…,"format":"wav"}}`
    InputAudio,
}

impl Shape {
    pub(crate) fn named(kind: &str) -> Option<Self> {
        match kind {
            "image_url" => Some(Shape::ImageUrl),
            "input_audio" => Some(Shape::InputAudio),
            _ => {
                let known = MediaKind::ALL.into_iter().find(|known| known.name() == kind);
                known.map(Shape::Own)
            }
        }
    }

    /// The key of the object inside which the other form has its fields.
    fn nest(self) -> &'static str {
        match self {
            Shape::Own(_) => "file",
            Shape::ImageUrl => "image_url",
            Shape::InputAudio => "input_audio",
        }
    }

    /// Reads the part that is next; `None` if it is shaped otherwise.
    fn read<'a>(self, cursor: &mut Cursor<'a>) -> Result<Option<Media<'a>>, DecodeError> {
        let mut outer = Fields::new();
        let mut inner = None;
        cursor.object(|cursor, key| match key.body() {
            "type" => cursor.skip(),
            nest if nest == self.nest() && cursor.peek()? == Kind::Object => {
                inner = Some(Fields::read_object(cursor)?);
                Ok(())
            }
            _ => outer.read(cursor, key),
        })?;
        Ok(match (self, inner) {
            (Shape::ImageUrl, None) => bare_image_url(outer),
            (Shape::ImageUrl, Some(inner)) => image_url(inner, outer),
            (Shape::InputAudio, Some(inner)) => input_audio(inner, outer),
            (Shape::Own(MediaKind::File), Some(inner)) => file(inner, outer),
            (Shape::Own(kind), None) => own(kind, outer),
            (Shape::InputAudio, None) | (Shape::Own(_), Some(_)) => None,
        })
    }
}

fn own(kind: MediaKind, mut fields: Fields<'_>) -> Option<Media<'_>> {
    let source = if let Some(url) = fields.remove_text("url") {
        MediaSource::Url(url)
    } else if let Some(data) = fields.remove_text("data") {
        MediaSource::Data(data)
    } else {
        MediaSource::Id(fields.remove_text("id")?)
    };
    Some(Media {
        kind,
        source,
        media_type: fields.remove_text("media_type"),
        name: fields.remove_text("name"),
        extra: fields,
    })
}

/// `{"type":"image_url","image_url":"https://…"}`: the address without an object around it.
fn bare_image_url(mut fields: Fields<'_>) -> Option<Media<'_>> {
    let url = fields.remove_text("image_url")?;
    Media::new(MediaKind::Image, MediaSource::Url(url)).with_rest(fields.into_iter())
}

fn image_url<'a>(mut inner: Fields<'a>, outer: Fields<'a>) -> Option<Media<'a>> {
    let url = inner.remove_text("url")?;
    Media::new(MediaKind::Image, MediaSource::Url(url)).with_rest(inner.into_iter().chain(outer))
}

fn input_audio<'a>(mut inner: Fields<'a>, outer: Fields<'a>) -> Option<Media<'a>> {
    let data = inner.remove_text("data")?;
    let format = inner.remove_text("format")?;
    let media_type = Text::from_canonical(format!("audio/{}", format.body()));
    Media::new(MediaKind::Audio, MediaSource::Data(data))
        .with_media_type(media_type)
        .with_rest(inner.into_iter().chain(outer))
}

fn file<'a>(mut inner: Fields<'a>, outer: Fields<'a>) -> Option<Media<'a>> {
    let source = match (inner.remove_text("file_id"), inner.remove_text("file_data")) {
        (Some(id), None) => MediaSource::Id(id),
        (None, Some(data)) => MediaSource::Data(data),
        _ => return None,
    };
    Media::new(MediaKind::File, source)
        .with_name(inner.remove_text("filename"))
        .with_rest(inner.into_iter().chain(outer))
}
