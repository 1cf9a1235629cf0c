//! Compression, chosen by the suffix of a name.

use crate::error::{Error, ErrorKind};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;

/// Compressed bytes are read in pieces of this size: one system call for many frames.
#[cfg(any(feature = "gzip", feature = "zstd"))]
const READ_SIZE: usize = 128 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The compression that the suffix of `path` announces.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let suffix = path.extension()?;
        [(Compression::Gzip, "gz"), (Compression::Zstd, "zst")]
            .into_iter()
            .find_map(|(compression, name)| suffix.eq_ignore_ascii_case(name).then_some(compression))
    }

    /// The name without the suffix that announces compression.
    pub(crate) fn stem(name: &OsStr) -> &OsStr {
        let path = Path::new(name);
        match Compression::of(path) {
            Some(_) => path.file_stem().unwrap_or(name),
            None => name,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    #[cfg(not(all(feature = "gzip", feature = "zstd")))]
    fn missing(self, name: &str) -> Error {
        let feature = self.name();
        let message = format!("{feature} is not part of this build; it needs the cargo feature `{feature}`");
        Error::new(ErrorKind::Unsupported, message).in_file(name)
    }
}

/// Decompresses `raw`, the content of the input called `name`.
pub(crate) fn decoder(
    compression: Option<Compression>,
    raw: Box<dyn Read + Send>,
    name: &str,
) -> Result<Box<dyn Read + Send>, Error> {
    match compression {
        None => Ok(raw),
        #[cfg(feature = "gzip")]
        Some(Compression::Gzip) => {
            let raw = io::BufReader::with_capacity(READ_SIZE, raw);
            Ok(Box::new(flate2::bufread::MultiGzDecoder::new(raw)))
        }
        #[cfg(feature = "zstd")]
        Some(Compression::Zstd) => {
            let raw = io::BufReader::with_capacity(READ_SIZE, raw);
            let decoder = zstd::Decoder::with_buffer(raw).map_err(|source| Error::reading(name, source))?;
            Ok(Box::new(decoder))
        }
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        Some(missing) => Err(missing.missing(name)),
    }
}

/// What failed while a compressed input was read: the file itself, or what is in it.
pub(crate) fn read_error(compression: Option<Compression>, name: &str, source: io::Error) -> Error {
    match compression {
        // An error of the system carries its number; those of the decoders do not.
        Some(compression) if source.raw_os_error().is_none() => {
            let format = compression.name();
            let message = if source.kind() == io::ErrorKind::UnexpectedEof {
                format!("the {format} data ends early; was the file cut short?")
            } else {
                format!("damaged {format} data: {source}")
            };
            Error::new(ErrorKind::Decompress, message)
                .in_file(name)
                .caused_by(source)
        }
        _ => Error::reading(name, source),
    }
}

/// Compresses on the way to `W`.
pub(crate) enum Encoder<W: Write> {
    Plain(W),
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::write::GzEncoder<W>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(compression: Option<Compression>, to: W, name: &str) -> Result<Self, Error> {
        match compression {
            None => Ok(Encoder::Plain(to)),
            #[cfg(feature = "gzip")]
            Some(Compression::Gzip) => {
                // The header holds neither name nor time: the same input gives the same bytes.
                let encoder = flate2::write::GzEncoder::new(to, flate2::Compression::default());
                Ok(Encoder::Gzip(Box::new(encoder)))
            }
            #[cfg(feature = "zstd")]
            Some(Compression::Zstd) => zstd::Encoder::new(to, zstd::DEFAULT_COMPRESSION_LEVEL)
                .map(Encoder::Zstd)
                .map_err(|source| Error::writing(name, source)),
            #[cfg(not(all(feature = "gzip", feature = "zstd")))]
            Some(missing) => Err(missing.missing(name)),
        }
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Plain(to) => to.write_all(bytes),
            #[cfg(feature = "gzip")]
            Encoder::Gzip(to) => to.write_all(bytes),
            #[cfg(feature = "zstd")]
            Encoder::Zstd(to) => to.write_all(bytes),
        }
    }

    /// Ends the compressed stream and gives back what it was written to.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "zstd")),
        expect(clippy::unnecessary_wraps, reason = "only compression can fail here")
    )]
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Encoder::Plain(to) => Ok(to),
            #[cfg(feature = "gzip")]
            Encoder::Gzip(to) => to.finish(),
            #[cfg(feature = "zstd")]
            Encoder::Zstd(to) => to.finish(),
        }
    }
}
