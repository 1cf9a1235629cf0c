//! Values outside the array of records that every record needs.

use super::Stream;
use crate::error::{Error, ErrorKind};
use crate::input::Input;
use crate::json::{Cursor, Discard, Keep, Kind, Nth, Pointer, index, key_is};
use crate::limit::RecordLimit;
use tracemill_model::Elements;

/// The JSON text of the header values that `elements` names, in its order; `None` for one that is not in the document.
///
/// A header may stand before or after the array of records. The document is read up to the last header, the array is
/// passed over without being stored. A value longer than `limit` is an error.
///
/// # Errors
///
/// When the input cannot be read or is not a document, when a header contains the array itself, and when the input can
/// be read only once: its records would be gone.
///
/// ```
/// use tracemill_io::{Input, RecordLimit, headers};
/// use tracemill_model::Elements;
///
/// let input = Input::bytes("run.json", *br#"{"info": {"model": "m"}, "runs": [1, 2], "seed": 7}"#);
/// let elements = Elements::at("/runs").with_header("/info/model").with_header("/seed").with_header("/x");
/// let values = headers(&input, &elements, RecordLimit::default())?;
/// assert_eq!(values, [Some("\"m\"".to_owned()), Some("7".to_owned()), None]);
/// # Ok::<(), tracemill_io::Error>(())
/// ```
pub fn headers(input: &Input, elements: &Elements, limit: RecordLimit) -> Result<Vec<Option<String>>, Error> {
    let wanted = parse(elements).map_err(|error| error.in_file(input.name()))?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if !input.is_rereadable() {
        let message = "can be read only once, but its header values and its records need two readings; save it to a \
                       file and name that";
        return Err(Error::new(ErrorKind::Unsupported, message).in_file(input.name()));
    }
    let stream = Stream::open(&input.unmetered())?;
    let mut search = Search {
        values: vec![None; wanted.len()],
        missing: wanted.len(),
        limit,
        name: input.name(),
    };
    let mut cursor = Cursor::new(stream, Vec::new());
    if cursor.token()?.is_some() {
        let all: Vec<Wanted<'_>> = wanted
            .iter()
            .enumerate()
            .map(|(at, pointer)| (at, pointer.tokens()))
            .collect();
        search.value(&mut cursor, &all)?;
    }
    Ok(search.values)
}

fn parse(elements: &Elements) -> Result<Vec<Pointer>, Error> {
    let array = Pointer::parse(elements.pointer())?;
    let mut wanted = Vec::new();
    for header in elements.headers() {
        let pointer = Pointer::parse(header)?;
        if array.tokens().starts_with(pointer.tokens()) {
            let message = format!("the header {} contains the records", pointer.described());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        wanted.push(pointer);
    }
    Ok(wanted)
}

/// A header that is looked for: its ordinal, and the way from here to it.
type Wanted<'a> = (usize, &'a [String]);

struct Search<'a> {
    values: Vec<Option<String>>,
    missing: usize,
    limit: RecordLimit,
    name: &'a str,
}

impl Search<'_> {
    /// Goes over the next value, in which (or which itself) `wanted` are. Recursion is as deep as the pointers are long.
    fn value(&mut self, cursor: &mut Cursor, wanted: &[Wanted<'_>]) -> Result<(), Error> {
        if wanted.is_empty() {
            return cursor.value(&mut Discard);
        }
        if wanted.iter().any(|(_, way)| way.is_empty()) {
            return self.keep(cursor, wanted);
        }
        match cursor.kind()? {
            Kind::Object => self.object(cursor, wanted),
            Kind::Array => self.array(cursor, wanted),
            Kind::String | Kind::Scalar => cursor.value(&mut Discard),
        }
    }

    fn object(&mut self, cursor: &mut Cursor, wanted: &[Wanted<'_>]) -> Result<(), Error> {
        let mut nth = Nth::First;
        cursor.enter();
        while self.missing > 0 && cursor.member(nth)? {
            let inside = step(wanted, |token| key_is(cursor.key(), token));
            self.value(cursor, &inside)?;
            nth = Nth::Later;
        }
        Ok(())
    }

    fn array(&mut self, cursor: &mut Cursor, wanted: &[Wanted<'_>]) -> Result<(), Error> {
        let (mut nth, mut count) = (Nth::First, 0);
        cursor.enter();
        while self.missing > 0 && cursor.element(nth)? {
            let inside = step(wanted, |token| index(token) == Some(count));
            self.value(cursor, &inside)?;
            (nth, count) = (Nth::Later, count + 1);
        }
        Ok(())
    }

    /// Keeps the next value, and looks in it for those that stand deeper.
    fn keep(&mut self, cursor: &mut Cursor, wanted: &[Wanted<'_>]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let (line, byte) = (cursor.line(), cursor.byte());
        let mut keep = Keep {
            bytes: &mut bytes,
            limit: self.limit.bytes(),
            size: 0,
        };
        cursor.value(&mut keep)?;
        let failed = |kind, message: String| Error::new(kind, message).in_file(self.name).at(line, byte);
        if keep.size > self.limit.bytes() as u64 {
            let message = format!(
                "a header value is longer than {}; raise it with `--max-record`",
                self.limit
            );
            return Err(failed(ErrorKind::RecordTooLong, message));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| failed(ErrorKind::Utf8, "a header value is not valid UTF-8".to_owned()))?;
        let (here, deeper): (Vec<Wanted<'_>>, Vec<Wanted<'_>>) =
            wanted.iter().partition(|(_, way)| way.is_empty());
        if !deeper.is_empty() {
            self.within(&text, &deeper)
                .map_err(|error| error.in_file(self.name).at(line, byte))?;
        }
        for (ordinal, _) in here {
            if self.values[ordinal].replace(text.clone()).is_some() {
                let message = "a key on the way to a header value comes twice".to_owned();
                return Err(Error::new(ErrorKind::Malformed, message)
                    .in_file(self.name)
                    .at(line, byte));
            }
            self.missing -= 1;
        }
        Ok(())
    }

    fn within(&mut self, text: &str, wanted: &[Wanted<'_>]) -> Result<(), Error> {
        let stream = Stream::open(&Input::bytes("header", text))?;
        self.value(&mut Cursor::new(stream, Vec::new()), wanted)
    }
}

/// Those of `wanted` whose first token `leads` on, without it.
fn step<'a>(wanted: &[Wanted<'a>], leads: impl Fn(&str) -> bool) -> Vec<Wanted<'a>> {
    let forward = wanted.iter().filter_map(|&(ordinal, way)| {
        let (first, rest) = way.split_first()?;
        leads(first).then_some((ordinal, rest))
    });
    forward.collect()
}
