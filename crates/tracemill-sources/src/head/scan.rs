//! A tolerant look at one JSON value that may be cut or broken anywhere.

use tracemill_model::RawJson;
use tracemill_model::json::Kind;

/// How deep pointers are recorded: enough for `/response/choices/0/message/tool_calls/0`.
const MAX_DEPTH: usize = 6;
/// How many pointers are recorded: a first record has dozens.
const MAX_NODES: usize = 2048;
/// How long a pointer may be: a hostile key would be in the pointers of all its members.
const MAX_POINTER: usize = 512;
/// How long a string may be to be kept: names and markers are short.
const MAX_TEXT: usize = 128;

/// Every word that is a value or is taken for one.
const LITERALS: [&[u8]; 6] = [b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity"];

/// One value that was seen.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) pointer: String,
    pub(super) kind: Kind,
    pub(super) text: Option<String>,
}

/// Why the look ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end here.
    End,
    /// This is no JSON.
    Broken,
}

/// A place in the bytes, and what was seen before it.
#[derive(Debug)]
pub(super) struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    pub(super) keys: Vec<String>,
    pub(super) nodes: Vec<Node>,
}

impl<'b> Scan<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Scan {
            bytes,
            at,
            keys: Vec::new(),
            nodes: Vec::new(),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space.
    pub(super) fn next_byte(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.byte()
    }

    /// Whether the line ends here.
    pub(super) fn at_line_end(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        matches!(next, None | Some(b'\n'))
    }

    /// Whether the line ends here and another value follows.
    pub(super) fn more_lines(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at_line_end() && !rest.iter().all(u8::is_ascii_whitespace)
    }

    /// Whether the value looked at is an array or an object.
    pub(super) fn is_container(&self) -> bool {
        let kind = self.nodes.first().map(|root| root.kind);
        matches!(kind, Some(Kind::Array | Kind::Object))
    }

    /// Looks at the record that begins here.
    pub(super) fn record(&mut self) -> Result<(), Stop> {
        self.value(&mut String::new(), 0)
    }

    /// Passes over a value without recording it: brackets and strings count, the rest of the grammar does not.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 0usize;
        loop {
            match self.next_byte().ok_or(Stop::End)? {
                b'"' => drop(self.string()?),
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1).ok_or(Stop::Broken)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => self.word()?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self, pointer: &mut String, depth: usize) -> Result<(), Stop> {
        let kind = kind_of(self.next_byte().ok_or(Stop::End)?).ok_or(Stop::Broken)?;
        if depth > MAX_DEPTH || self.nodes.len() >= MAX_NODES || pointer.len() > MAX_POINTER {
            return self.skip();
        }
        let index = self.nodes.len();
        self.nodes.push(Node {
            pointer: pointer.clone(),
            kind,
            text: None,
        });
        match kind {
            Kind::Object => self.object(pointer, depth),
            Kind::Array => self.array(pointer, depth),
            Kind::String => {
                let body = self.string()?;
                self.nodes[index].text = (body.len() <= MAX_TEXT).then(|| decode(body));
                Ok(())
            }
            _ => self.word(),
        }
    }

    fn object(&mut self, pointer: &mut String, depth: usize) -> Result<(), Stop> {
        self.at += 1;
        if self.next_byte().ok_or(Stop::End)? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.expect(b'"', 0)?;
            let key = decode(self.string()?);
            self.expect(b':', 1)?;
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            if depth == 0 && self.keys.len() < MAX_NODES {
                self.keys.push(key);
            }
            let result = self.value(pointer, depth + 1);
            pointer.truncate(length);
            result?;
            if self.closes(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, pointer: &mut String, depth: usize) -> Result<(), Stop> {
        self.at += 1;
        if self.next_byte().ok_or(Stop::End)? == b']' {
            self.at += 1;
            return Ok(());
        }
        let length = pointer.len();
        pointer.push_str("/0");
        let first = self.value(pointer, depth + 1);
        pointer.truncate(length);
        first?;
        while !self.closes(b']')? {
            self.skip()?;
        }
        Ok(())
    }

    /// After a member: the closing bracket (true) or a comma (false).
    fn closes(&mut self, bracket: u8) -> Result<bool, Stop> {
        let byte = self.next_byte().ok_or(Stop::End)?;
        if byte != bracket && byte != b',' {
            return Err(Stop::Broken);
        }
        self.at += 1;
        Ok(byte == bracket)
    }

    /// Requires `wanted` next, and passes over `length` bytes of it.
    fn expect(&mut self, wanted: u8, length: usize) -> Result<(), Stop> {
        if self.next_byte().ok_or(Stop::End)? != wanted {
            return Err(Stop::Broken);
        }
        self.at += length;
        Ok(())
    }

    /// The inside of the string that begins here. A line break inside means that the line was cut: the look ends
    /// before it.
    fn string(&mut self) -> Result<&'b [u8], Stop> {
        let start = self.at + 1;
        let mut at = start;
        let (end, stop) = loop {
            match self.bytes.get(at) {
                Some(b'"') => break (at + 1, None),
                Some(b'\\') => at += 2,
                Some(b'\n') => break (at, Some(Stop::Broken)),
                Some(_) => at += 1,
                None => break (self.bytes.len(), Some(Stop::End)),
            }
        };
        self.at = end;
        match stop {
            Some(stop) => Err(stop),
            None => Ok(&self.bytes[start..at]),
        }
    }

    /// Passes over a number or a literal, `NaN` and its like and literals that are cut included.
    fn word(&mut self) -> Result<(), Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        let (word, cut) = (&rest[..length], length == rest.len());
        let literal = LITERALS
            .iter()
            .any(|literal| word == *literal || cut && literal.starts_with(word));
        let number = matches!(word, [b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..]);
        if !literal && !number {
            return Err(Stop::Broken);
        }
        self.at += length;
        Ok(())
    }
}

fn kind_of(byte: u8) -> Option<Kind> {
    Some(match byte {
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        b'"' => Kind::String,
        b't' | b'f' => Kind::Bool,
        b'n' => Kind::Null,
        b'-' | b'0'..=b'9' | b'N' | b'I' => Kind::Number,
        _ => return None,
    })
}

/// The characters of a string; those of its token where it does not decode.
fn decode(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    if !body.contains('\\') {
        return body.into_owned();
    }
    let token = format!("\"{body}\"");
    let decoded = RawJson::parse(&token)
        .ok()
        .and_then(|raw| raw.as_text().map(|text| text.decode().into_owned()));
    decoded.unwrap_or_else(|| body.into_owned())
}
