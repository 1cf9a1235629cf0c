use super::{JsonView, RawJson};

/// A JSON value with the places of all that is inside of it, so that looking for a member costs nothing for what stands
/// before it.
///
/// [`Cursor::indexed`](super::Cursor::indexed) makes one while it checks the value. The places take twelve bytes for each key and
/// value.
///
/// ```
/// use tracemill_model::json::Cursor;
/// let record = Cursor::new(r#"{"a": [1, {"b": "x"}], "c": true}"#).indexed()?;
/// assert_eq!(record.view().pointer("/a/1/b").unwrap().as_str(), "\"x\"");
/// assert_eq!(record.view().get("c").unwrap().as_bool(), Some(true));
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IndexedJson<'a> {
    json: RawJson<'a>,
    index: JsonIndex,
}

impl<'a> IndexedJson<'a> {
    pub(super) fn new(json: RawJson<'a>, nodes: Vec<Node>) -> Self {
        // Places are kept in four bytes: what is longer is looked into without.
        let fits = u32::try_from(json.as_str().len()).is_ok();
        let index = JsonIndex(if fits { nodes } else { Vec::new() });
        IndexedJson { json, index }
    }

    /// The value to look into.
    pub fn view(&self) -> JsonView<'_> {
        self.index.of(self.json.view())
    }

    /// The same value, independent of the record it was read from.
    pub fn into_owned(self) -> IndexedJson<'static> {
        IndexedJson {
            json: self.json.into_owned(),
            index: self.index,
        }
    }

    /// The value and its places, which can be kept apart and come together again in [`JsonIndex::of`].
    pub fn into_parts(self) -> (RawJson<'a>, JsonIndex) {
        (self.json, self.index)
    }
}

/// A value whose places are not known: it is searched.
impl<'a> From<RawJson<'a>> for IndexedJson<'a> {
    fn from(json: RawJson<'a>) -> Self {
        IndexedJson {
            json,
            index: JsonIndex::default(),
        }
    }
}

/// The places of all that is inside of one value.
#[derive(Clone, Debug, Default)]
pub struct JsonIndex(Vec<Node>);

impl JsonIndex {
    /// Whether no place is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.0
    }

    /// The value that was indexed, to look into with these places. (With those of another value nothing in it is found, or
    /// something else.)
    pub fn of<'v>(&'v self, value: JsonView<'v>) -> JsonView<'v> {
        value.with_nodes(&self.0)
    }
}

/// Where a key or value stands in the text that was indexed, and how many nodes it has together with all that is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    start: u32,
    end: u32,
    size: u32,
}

impl Node {
    /// A token with nothing inside of it. (Offsets beyond four bytes are wrong, and such an index is thrown away.)
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Self {
        Node {
            start: start as u32,
            end: end as u32,
            size: 1,
        }
    }

    /// An array or object ends here, and has so many nodes.
    #[inline]
    pub(super) fn close(&mut self, end: usize, size: usize) {
        self.end = end as u32;
        self.size = size as u32;
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    pub(super) fn size(self) -> usize {
        self.size as usize
    }
}
