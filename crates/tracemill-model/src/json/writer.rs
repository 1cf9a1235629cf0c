use std::io::Write as _;
use std::ops::Range;

use super::{JsonView, RawJson, Text, canonical, nested, scan};

/// Appends JSON to a buffer: keys as literals in the order they are written, commas as needed.
///
/// The writer trusts its caller for the nesting (an encoder reads top to bottom as the record looks); it takes care
/// of separators and escapes, and allocates nothing but the growth of the buffer.
///
/// ```
/// use tracemill_model::{JsonWriter, Text};
/// let mut out = Vec::new();
/// let mut w = JsonWriter::new(&mut out);
/// w.begin_object();
/// w.key("role").str("assistant");
/// w.key("content").text(&Text::new("a \"quoted\" word"));
/// w.key("tags").begin_array();
/// w.str("x").number(3).end_array();
/// w.end_object();
/// assert_eq!(out, br#"{"role":"assistant","content":"a \"quoted\" word","tags":["x",3]}"#);
/// ```
#[derive(Debug)]
pub struct JsonWriter<'b> {
    out: &'b mut Vec<u8>,
    /// A value was written at this level, so that the next one needs a comma.
    comma: bool,
}

impl<'b> JsonWriter<'b> {
    /// A writer that appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        JsonWriter { out, comma: false }
    }

    /// Opens an object.
    pub fn begin_object(&mut self) -> &mut Self {
        self.open(b'{')
    }

    /// Closes an object.
    pub fn end_object(&mut self) -> &mut Self {
        self.close(b'}')
    }

    /// Opens an array.
    pub fn begin_array(&mut self) -> &mut Self {
        self.open(b'[')
    }

    /// Closes an array.
    pub fn end_array(&mut self) -> &mut Self {
        self.close(b']')
    }

    /// Writes a key that needs no escape: a literal of the format.
    #[inline]
    pub fn key(&mut self, key: &'static str) -> &mut Self {
        self.key_body(key)
    }

    /// Writes a key that came from a record.
    pub fn text_key(&mut self, key: &Text<'_>) -> &mut Self {
        self.key_body(key.body())
    }

    /// Writes a string: one copy.
    #[inline]
    pub fn text(&mut self, text: &Text<'_>) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(text.body().as_bytes());
        self.out.push(b'"');
        self.comma = true;
        self
    }

    /// Writes a string literal, escaping what needs it.
    #[inline]
    pub fn str(&mut self, text: &str) -> &mut Self {
        if scan::is_short_word(text.as_bytes()) {
            return self.text(&Text::from_canonical(text));
        }
        self.begin_string().push(text).end();
        self
    }

    /// Writes any value: one copy.
    #[inline]
    pub fn raw<'v>(&mut self, raw: impl Into<JsonView<'v>>) -> &mut Self {
        self.separate();
        self.out.extend_from_slice(raw.into().as_str().as_bytes());
        self.comma = true;
        self
    }

    /// Writes an integer.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.separate();
        push_number(number, self.out);
        self.comma = true;
        self
    }

    /// Writes a number in the shortest form that reads back as the same: `0.5`, `1.0`, `1e300`; one that is not
    /// finite, which JSON has no form for, as `null`.
    ///
    /// ```
    /// let mut out = Vec::new();
    /// let mut w = tracemill_model::JsonWriter::new(&mut out);
    /// w.begin_array().float(0.7).float(-2.0).float(f64::NAN).end_array();
    /// assert_eq!(out, b"[0.7,-2.0,null]");
    /// ```
    pub fn float(&mut self, value: f64) -> &mut Self {
        if !value.is_finite() {
            return self.null();
        }
        self.separate();
        // A vector takes whatever is written to it.
        let _ = write!(self.out, "{value:?}");
        self.comma = true;
        self
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.word(if value { b"true" } else { b"false" })
    }

    /// Writes `null`.
    pub fn null(&mut self) -> &mut Self {
        self.word(b"null")
    }

    /// How many bytes the buffer holds: a place to remember for [`written`](JsonWriter::written) and
    /// [`repeat`](JsonWriter::repeat).
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// What was written in a range of positions.
    pub fn written(&self, range: Range<usize>) -> &[u8] {
        self.out.get(range).unwrap_or_default()
    }

    /// Writes once more what stands between two positions: whole values or members, with the commas between them.
    ///
    /// ```
    /// let mut out = Vec::new();
    /// let mut w = tracemill_model::JsonWriter::new(&mut out);
    /// w.begin_object();
    /// w.key("chosen").begin_array();
    /// let start = w.position();
    /// w.str("question");
    /// let prompt = start..w.position();
    /// w.str("yes").end_array();
    /// w.key("rejected").begin_array().repeat(prompt).str("no").end_array();
    /// w.end_object();
    /// assert_eq!(out, br#"{"chosen":["question","yes"],"rejected":["question","no"]}"#);
    /// ```
    pub fn repeat(&mut self, range: Range<usize>) -> &mut Self {
        if range.start < range.end && range.end <= self.out.len() {
            self.separate();
            self.out.extend_from_within(range);
            self.comma = true;
        }
        self
    }

    /// Writes what another writer wrote: whole values or members, with the commas between them.
    ///
    /// ```
    /// let mut out = Vec::new();
    /// let mut w = tracemill_model::JsonWriter::new(&mut out);
    /// w.begin_array().str("a").paste(b"\"b\",2").number(3).end_array();
    /// assert_eq!(out, br#"["a","b",2,3]"#);
    /// ```
    pub fn paste(&mut self, written: &[u8]) -> &mut Self {
        if !written.is_empty() {
            self.separate();
            self.out.extend_from_slice(written);
            self.comma = true;
        }
        self
    }

    /// Begins a string that is composed from fragments; [`JsonString::end`] closes it.
    pub fn begin_string(&mut self) -> JsonString<'_, 'b> {
        self.separate();
        self.out.push(b'"');
        JsonString { writer: self }
    }

    /// Goes on with the string that was written last, so that one string can be composed in several places.
    ///
    /// ```
    /// let mut out = Vec::new();
    /// let mut w = tracemill_model::JsonWriter::new(&mut out);
    /// w.begin_string().push("one").end();
    /// w.resume_string().push(" and more").end();
    /// assert_eq!(out, br#""one and more""#);
    /// ```
    pub fn resume_string(&mut self) -> JsonString<'_, 'b> {
        if self.out.pop_if(|last| *last == b'"').is_none() {
            return self.begin_string();
        }
        JsonString { writer: self }
    }

    fn open(&mut self, bracket: u8) -> &mut Self {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
        self
    }

    fn close(&mut self, bracket: u8) -> &mut Self {
        self.out.push(bracket);
        self.comma = true;
        self
    }

    #[inline]
    fn key_body(&mut self, body: &str) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(body.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.comma = false;
        self
    }

    fn word(&mut self, word: &[u8]) -> &mut Self {
        self.separate();
        self.out.extend_from_slice(word);
        self.comma = true;
        self
    }

    #[inline]
    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
    }
}

/// One JSON string, composed from fragments without temporaries; [`end`](JsonString::end) closes it.
///
/// ```
/// use tracemill_model::{JsonWriter, RawJson, Text};
/// let mut out = Vec::new();
/// let mut w = JsonWriter::new(&mut out);
/// let mut s = w.begin_string();
/// s.text(&Text::new("let me see\n"));
/// s.push("<tool_call>\n");
/// s.json(&RawJson::parse(r#"{"name":"find"}"#)?);
/// s.end();
/// assert_eq!(out, br#""let me see\n<tool_call>\n{\"name\":\"find\"}""#);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct JsonString<'w, 'b> {
    writer: &'w mut JsonWriter<'b>,
}

impl JsonString<'_, '_> {
    /// Appends a text of the record: one copy.
    #[inline]
    pub fn text(&mut self, text: &Text<'_>) -> &mut Self {
        self.writer.out.extend_from_slice(text.body().as_bytes());
        self
    }

    /// Appends ordinary characters, escaping what needs it.
    pub fn push(&mut self, decoded: &str) -> &mut Self {
        canonical::escape_into(decoded, self.writer.out);
        self
    }

    /// Appends the digits of an integer.
    pub fn number(&mut self, number: u64) -> &mut Self {
        push_number(number, self.writer.out);
        self
    }

    /// Appends a JSON value as text: JSON inside a string.
    pub fn json(&mut self, raw: &RawJson<'_>) -> &mut Self {
        self.canonical_json(raw.as_str())
    }

    /// Appends a text as a JSON string inside this one: with quotes, escaped twice.
    pub fn quoted(&mut self, text: &Text<'_>) -> &mut Self {
        self.writer.out.extend_from_slice(b"\\\"");
        self.canonical_json(text.body());
        self.writer.out.extend_from_slice(b"\\\"");
        self
    }

    /// Appends JSON text that another writer has composed.
    ///
    /// `json` must be canonical JSON: what a [`JsonWriter`] writes is.
    pub fn written(&mut self, json: &[u8]) -> &mut Self {
        nested::escape_into(json, self.writer.out);
        self
    }

    /// Closes the string.
    pub fn end(&mut self) {
        self.writer.out.push(b'"');
        self.writer.comma = true;
    }

    fn canonical_json(&mut self, json: &str) -> &mut Self {
        nested::escape_into(json.as_bytes(), self.writer.out);
        self
    }
}

fn push_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}
