//! Files that come with a turn.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracemill_model::{Media, MediaKind, MediaSource, Part, RawJson, Text, TextPart};

use crate::error::{Error, ErrorKind};

/// A file that comes with a turn: a picture, sound, film, document, text, or anything else.
///
/// What it is, its first bytes say, never its name: PNG, JPEG, GIF, WebP, HEIC and AVIF are pictures, WAV, MP3 and M4A
/// sound, MP4 and `QuickTime` films, PDF a document; what is UTF-8 without control characters other than white space is text, and becomes a text part; the rest is a file of
/// type `application/octet-stream`. A document is never read as text, whatever its bytes are.
///
/// ```
/// use tracemill::build::Attachment;
/// assert_eq!(Attachment::from_bytes(b"%PDF-1.7 ...").media_type(), "application/pdf");
/// assert_eq!(Attachment::from_bytes("a,b\n1,2\n".as_bytes()).media_type(), "text/plain");
/// assert_eq!(Attachment::from_bytes([0, 159, 146]).media_type(), "application/octet-stream");
/// let jpeg = Attachment::from_bytes([0xff, 0xd8, 0xff, 0xe0]).named("photo.jpg");
/// assert_eq!((jpeg.media_type(), jpeg.name()), ("image/jpeg", Some("photo.jpg")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    bytes: Vec<u8>,
    media_type: String,
    name: Option<String>,
}

const TEXT: &str = "text/plain";
const UNKNOWN: &str = "application/octet-stream";

impl Attachment {
    /// A file from its bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Attachment {
            media_type: detect(&bytes).to_owned(),
            bytes,
            name: None,
        }
    }

    /// A file from its place, with its name.
    ///
    /// # Errors
    /// Of kind `Input` if it cannot be read; the message names it.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path)
            .map_err(|error| Error::new(ErrorKind::Input, format!("{}: {error}", path.display())))?;
        let attachment = Attachment::from_bytes(bytes);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(match name {
            Some(name) => attachment.named(name),
            None => attachment,
        })
    }

    /// The same file under a name, which formats that have names write.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same file as of a type that its bytes do not tell, such as `application/zip`.
    #[must_use]
    pub fn typed(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// The media type: what the bytes say, unless it was set.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn into_part(self) -> Part<'static> {
        let is_text = self.media_type.starts_with("text/");
        let bytes = match String::from_utf8(self.bytes) {
            Ok(text) if is_text => return text_part(text, self.name),
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let kind = match self.media_type.split('/').next() {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            Some("video") => MediaKind::Video,
            _ => MediaKind::File,
        };
        let data = Text::new(STANDARD.encode(bytes));
        let media = Media::new(kind, MediaSource::Data(data))
            .with_media_type(Text::new(self.media_type))
            .with_name(self.name.map(Text::new));
        Part::Media(media)
    }
}

/// A text keeps the name of its file as a field, which formats without such a field count.
fn text_part(text: String, name: Option<String>) -> Part<'static> {
    let mut part = TextPart::new(Text::new(text));
    if let Some(name) = name {
        let name = RawJson::from(Text::new(name));
        part.extra_mut().insert(Text::new("name"), name);
    }
    Part::Text(part)
}

/// The media type of a file in the container of MP4, which pictures and sound use as well, by its brand.
fn of_brand(brand: &[u8]) -> &'static str {
    match brand {
        b"heic" | b"heix" => "image/heic",
        b"avif" => "image/avif",
        b"M4A " => "audio/mp4",
        b"qt  " => "video/quicktime",
        b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"M4V " => {
            "video/mp4"
        }
        _ => UNKNOWN,
    }
}

/// The media type of some bytes, by how they begin.
fn detect(bytes: &[u8]) -> &'static str {
    let holds = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    match bytes {
        _ if holds(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if holds(0, b"\xff\xd8\xff") => "image/jpeg",
        _ if holds(0, b"GIF87a") || holds(0, b"GIF89a") => "image/gif",
        _ if holds(0, b"RIFF") && holds(8, b"WEBP") => "image/webp",
        _ if holds(0, b"RIFF") && holds(8, b"WAVE") => "audio/wav",
        _ if holds(0, b"ID3") || holds(0, b"\xff\xfb") => "audio/mpeg",
        _ if holds(4, b"ftyp") => of_brand(bytes.get(8..12).unwrap_or_default()),
        _ if holds(0, b"%PDF-") => "application/pdf",
        _ if is_text(bytes) => TEXT,
        _ => UNKNOWN,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let is_strange = |c: char| c.is_control() && !c.is_whitespace();
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(is_strange))
}
