use std::fmt;
use std::hash::{Hash, Hasher};

use super::cursor::{Cursor, Kind};
use super::index::Node;
use super::{RawJson, Text, canonical, scan};

/// A JSON value that was checked and is canonical, as [`RawJson`] is, and that somebody else keeps: what is found in it borrows
/// from there.
///
/// ```
/// use tracemill_model::RawJson;
/// let record = RawJson::parse(r#"{"a": {"b": [1.0, "x"]}}"#)?;
/// let a = record.view().get("a").unwrap();
/// let [b, c] = a.pick(["b", "c"]);
/// assert!(c.is_none());
/// let text = b.unwrap().elements().find_map(|element| element.as_text());
/// assert_eq!(text.unwrap(), *"x");
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
///
/// Members and elements are searched for, unless the view is one of an [`IndexedJson`](super::IndexedJson) or was found in one.
#[derive(Clone, Copy)]
pub struct JsonView<'a> {
    text: &'a str,
    /// The value itself and all that is inside of it, if that is known.
    nodes: &'a [Node],
}

impl<'a> JsonView<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        JsonView { text, nodes: &[] }
    }

    pub(super) fn with_nodes(self, nodes: &'a [Node]) -> Self {
        JsonView { nodes, ..self }
    }

    /// The JSON text.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// The value as one that is kept.
    pub fn raw(self) -> RawJson<'a> {
        RawJson::from_canonical(self.text)
    }

    /// The value as one that is independent of who keeps it.
    pub fn into_owned(self) -> RawJson<'static> {
        self.raw().into_owned()
    }

    /// The type of the value.
    pub fn kind(self) -> Kind {
        self.text.bytes().next().and_then(Kind::of).unwrap_or(Kind::Null)
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value if it is a string.
    pub fn as_text(self) -> Option<Text<'a>> {
        let body = self.text.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::from_canonical(body))
    }

    /// The value if it is a string.
    ///
    /// # Errors
    /// Gives the value back if it is none.
    pub fn into_text(self) -> Result<Text<'a>, Self> {
        self.as_text().ok_or(self)
    }

    /// The value if it is `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        match self.text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The value if it is a number that is finite as a double.
    pub fn as_f64(self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| self.text.parse().ok())
            .flatten()
            .filter(|value: &f64| value.is_finite())
    }

    /// A cursor over the value, which was checked once and may be as deep as can be asked for.
    pub fn cursor(self) -> Cursor<'a> {
        Cursor::over(self.text, self.nodes)
    }

    /// The members of an object in order; nothing for other values.
    pub fn members(self) -> Members<'a> {
        Members(Walk::over(self, b'{'))
    }

    /// The elements of an array in order; nothing for other values.
    pub fn elements(self) -> Elements<'a> {
        Elements(Walk::over(self, b'['))
    }

    /// The member of an object. Looks at all members that stand before it: [`pick`](JsonView::pick) finds several at once.
    pub fn get(self, key: &str) -> Option<JsonView<'a>> {
        self.pick([key])[0]
    }

    /// The members of an object that have these keys, found in one go.
    pub fn pick<const N: usize>(self, keys: [&str; N]) -> [Option<JsonView<'a>>; N] {
        let (mut found, mut left) = ([None; N], N);
        let mut walk = Walk::over(self, b'{');
        while left > 0
            && let Some(name) = walk.key()
        {
            if let Some(at) = keys.iter().position(|key| canonical::decodes_to(name, key)) {
                found[at] = walk.value();
                left -= 1;
            } else {
                walk.pass();
            }
        }
        found
    }

    /// The value that a JSON pointer (RFC 6901) names; the whole for `""`.
    pub fn pointer(self, pointer: &str) -> Option<JsonView<'a>> {
        let (mut found, mut rest) = (self, pointer);
        while !rest.is_empty() {
            let steps = rest.strip_prefix('/')?;
            let end = steps.bytes().position(|byte| byte == b'/').unwrap_or(steps.len());
            found = found.step(&steps[..end])?;
            rest = &steps[end..];
        }
        Some(found)
    }

    /// The member or element that one step of a JSON pointer names.
    fn step(self, step: &str) -> Option<JsonView<'a>> {
        if self.kind() != Kind::Array {
            return if step.contains('~') {
                self.get(&step.replace("~1", "/").replace("~0", "~"))
            } else {
                self.get(step)
            };
        }
        let canonical = step == "0" || step.starts_with(|first: char| ('1'..='9').contains(&first));
        let index = step.parse().ok().filter(|_| canonical)?;
        self.elements().nth(index)
    }
}

impl<'v> From<&'v RawJson<'_>> for JsonView<'v> {
    fn from(value: &'v RawJson<'_>) -> Self {
        value.view()
    }
}

/// Views are the same if their texts are, wherever they stand.
impl PartialEq for JsonView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonView<'_> {}

impl Hash for JsonView<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for JsonView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Display for JsonView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// The members of an object; see [`JsonView::members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, JsonView<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.member()?;
        Some((Text::from_canonical(key), value))
    }
}

/// The elements of an array; see [`JsonView::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = JsonView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value()
    }
}

/// A walk over the keys and values right inside of a value that is known to be valid and compact.
#[derive(Clone, Debug)]
struct Walk<'a> {
    text: &'a str,
    inside: Inside<'a>,
}

/// What is left of it.
#[derive(Clone, Debug)]
enum Inside<'a> {
    /// From this offset on, to be searched.
    Unknown(usize),
    /// These nodes, whose text begins at that offset of what was indexed.
    Known(&'a [Node], usize),
}

impl<'a> Walk<'a> {
    fn over(value: JsonView<'a>, bracket: u8) -> Self {
        let text = value.text;
        let inside = match value.nodes {
            _ if text.as_bytes().first() != Some(&bracket) => Inside::Known(&[], 0),
            [] => Inside::Unknown(1),
            [node, inside @ ..] => Inside::Known(inside, node.start()),
        };
        Walk { text, inside }
    }

    /// The next key or value.
    #[inline]
    fn value(&mut self) -> Option<JsonView<'a>> {
        match &mut self.inside {
            Inside::Known(nodes, base) => {
                let node = nodes.first()?;
                let (of_value, rest) = nodes.split_at_checked(node.size())?;
                *nodes = rest;
                let text = self.text.get(node.start() - *base..node.end() - *base)?;
                Some(JsonView::of(text).with_nodes(of_value))
            }
            Inside::Unknown(at) => search(self.text, at).map(JsonView::of),
        }
    }

    /// The inside of the next key.
    #[inline]
    fn key(&mut self) -> Option<&'a str> {
        match &mut self.inside {
            Inside::Known(nodes, base) => {
                let (node, rest) = nodes.split_first()?;
                *nodes = rest;
                self.text.get(node.start() - *base + 1..node.end() - *base - 1)
            }
            Inside::Unknown(at) => {
                let key = search(self.text, at)?;
                Some(&key[1..key.len() - 1])
            }
        }
    }

    /// Passes over the value of a key.
    #[inline]
    fn pass(&mut self) {
        match &mut self.inside {
            Inside::Known(nodes, _) => {
                let size = nodes.first().map_or(0, |node| node.size());
                *nodes = nodes.get(size..).unwrap_or_default();
            }
            Inside::Unknown(at) => {
                search(self.text, at);
            }
        }
    }

    /// The next member: the inside of its key, and its value.
    #[inline]
    fn member(&mut self) -> Option<(&'a str, JsonView<'a>)> {
        Some((self.key()?, self.value()?))
    }
}

/// The next token from `at` on, which goes past the `,` or `:` behind it.
fn search<'a>(text: &'a str, at: &mut usize) -> Option<&'a str> {
    let start = *at;
    if start + 1 >= text.len() {
        return None;
    }
    let end = skip(text.as_bytes(), start);
    *at = end + 1;
    text.get(start..end)
}

/// The offset behind the valid, compact value at `at`.
fn skip(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            Some(b',' | b':') if depth > 0 => {
                at += 1;
                continue;
            }
            Some(b',' | b':' | b'}' | b']') | None => return at,
            Some(_) => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The offset behind the closing quote of the string whose inside begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = scan::special(bytes, at);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}
