//! What readers of whole documents share: a record is checked once, as tokens, and then walked.

use tracemill_model::json::{Cursor, IndexedJson, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Fields, JsonView, Key, Limits, Message, RawJson, Role, Text, Tool, Trace,
};

use crate::parts::insert;
use crate::source::{Batch, Context};

/// The whole record, which must be an object.
pub(crate) fn object<'a>(context: &Context, record: &'a str) -> Result<IndexedJson<'a>, DecodeError> {
    let whole = value(context, record)?;
    expect(whole.view(), Kind::Object)?;
    Ok(whole)
}

/// The whole record, which must be an object, where traces can borrow from it.
pub(crate) fn record<'a>(
    context: &Context,
    record: &'a str,
    batch: &mut Batch<'a>,
) -> Result<JsonView<'a>, DecodeError> {
    let whole = batch.read(record, context.limits(), Cursor::indexed)?;
    let whole = batch.keep(whole);
    expect(whole, Kind::Object)?;
    Ok(whole)
}

/// The whole record, whatever it is.
pub(crate) fn value<'a>(context: &Context, record: &'a str) -> Result<IndexedJson<'a>, DecodeError> {
    let mut cursor = Cursor::with_limits(record, context.limits());
    let whole = cursor.indexed()?;
    cursor.finish()?;
    Ok(whole)
}

/// Requires a value of this type.
pub(crate) fn expect(value: JsonView<'_>, kind: Kind) -> Result<(), DecodeError> {
    if value.kind() == kind {
        return Ok(());
    }
    let message = format!("expected {}, found {}", kind.noun(), value.kind().noun());
    Err(DecodeError::new(DecodeErrorKind::WrongType, 0, message))
}

/// The member `key`, which must be there and of this type.
pub(crate) fn member<'v>(object: JsonView<'v>, key: &str, kind: Kind) -> Result<JsonView<'v>, DecodeError> {
    required(object.get(key), key, kind)
}

/// The same of a member that was looked for.
pub(crate) fn required<'v>(
    value: Option<JsonView<'v>>,
    key: &str,
    kind: Kind,
) -> Result<JsonView<'v>, DecodeError> {
    let value = value.ok_or_else(|| missing(key))?;
    expect(value, kind).map_err(|error| error.in_key(key))?;
    Ok(value)
}

/// The text of the member `key`, which was looked for and must be there.
pub(crate) fn text_of<'v>(value: Option<JsonView<'v>>, key: &str) -> Result<Text<'v>, DecodeError> {
    required(value, key, Kind::String).map(|value| value.as_text().unwrap_or_default())
}

/// The error for a member that is not there.
pub(crate) fn missing(key: &str) -> DecodeError {
    DecodeError::new(
        DecodeErrorKind::MissingField,
        0,
        format!("the record needs `{key}`"),
    )
}

/// The error for a value that says what it cannot.
pub(crate) fn wrong(message: impl Into<String>) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message)
}

/// The text at a pointer; `None` if there is none or it is something else.
pub(crate) fn text<'v>(value: JsonView<'v>, pointer: &str) -> Option<Text<'v>> {
    value.pointer(pointer)?.as_text()
}

/// The value at a pointer, unless it is `null`.
pub(crate) fn present<'v>(value: JsonView<'v>, pointer: &str) -> Option<JsonView<'v>> {
    given(value.pointer(pointer))
}

/// The value that was looked for, unless it is `null`.
pub(crate) fn given(value: Option<JsonView<'_>>) -> Option<JsonView<'_>> {
    value.filter(|value| !value.is_null())
}

/// Whether the value at a pointer is this text.
pub(crate) fn says(value: JsonView<'_>, pointer: &str, expected: &str) -> bool {
    text(value, pointer).is_some_and(|text| text == *expected)
}

/// Reads a message as the canonical form and the `OpenAI` API have it.
pub(crate) fn message(value: JsonView<'_>) -> Result<Message<'_>, DecodeError> {
    Message::read(&mut value.cursor())
}

/// Reads every element of a list into messages; errors name the element.
pub(crate) fn messages<'v>(
    list: JsonView<'v>,
    limits: Limits,
    mut read: impl FnMut(JsonView<'v>, &mut Said<'v>) -> Result<(), DecodeError>,
) -> Result<Vec<Message<'v>>, DecodeError> {
    let mut said = Said::new(limits);
    for (index, element) in list.elements().enumerate() {
        read(element, &mut said).map_err(|error| error.in_index(index))?;
    }
    Ok(said.messages)
}

/// A conversation as it is read, no longer than allowed.
#[derive(Debug)]
pub(crate) struct Said<'v> {
    pub(crate) messages: Vec<Message<'v>>,
    limit: usize,
}

impl<'v> Said<'v> {
    pub(crate) fn new(limits: Limits) -> Self {
        Said {
            messages: Vec::new(),
            limit: limits.messages(),
        }
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: Message<'v>) -> Result<(), DecodeError> {
        if self.messages.len() >= self.limit {
            let message = format!("more than {} messages in one trace", self.limit);
            return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
        }
        self.messages.push(message);
        Ok(())
    }
}

/// Reads tool definitions; `null` and nothing are none.
pub(crate) fn tools(list: Option<JsonView<'_>>) -> Result<Option<Vec<Tool<'_>>>, DecodeError> {
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return Ok(None);
    };
    let tools = Tool::read_list(&mut list.cursor())?;
    Ok(Some(tools))
}

/// What a record says of itself in the words of a trace.
pub(crate) fn identify<'v>(row: JsonView<'v>, trace: &mut Trace<'v>, taken: &mut Vec<&str>) {
    let [id, model] = row.pick(["id", "model"]);
    if let Some(id) = id.filter(|id| matches!(id.kind(), Kind::String | Kind::Number)) {
        trace.set_id(Key::new(id.raw()));
        taken.push("id");
    }
    if let Some(model) = model.and_then(JsonView::as_text) {
        trace.set_model(model);
        taken.push("model");
    }
}

/// The fields that a trace has itself.
const OF_TRACES: [&str; 9] = [
    "id", "group", "trial", "messages", "tools", "scores", "score", "outcome", "model",
];

/// Keeps the members of a record that were not taken. Those that a trace would read as its own get the name of the
/// source before theirs.
pub(crate) fn keep_rest<'v>(trace: &mut Trace<'v>, record: JsonView<'v>, source: &str, taken: &[&str]) {
    for (key, value) in record.members() {
        let name = key.decode();
        let value = value.raw();
        if taken.contains(&&*name) {
            continue;
        }
        if name == "metadata" && trace.metadata().is_none() {
            trace.set_metadata(value);
        } else if name == "metadata" || OF_TRACES.contains(&&*name) {
            insert(trace, format!("{source}.{name}"), value);
        } else {
            insert(trace, key, value);
        }
    }
}

/// The fields that a message has itself.
pub(crate) const OF_MESSAGES: [&str; 12] = [
    "role",
    "name",
    "content",
    "reasoning",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "is_error",
    "train",
    "weight",
    "loss_weight",
    "function_call",
];

/// Keeps the members of a turn that were not taken, as [`keep_rest`] does.
pub(crate) fn keep_in_message<'v>(message: &mut Message<'v>, turn: JsonView<'v>, taken: &[&str]) {
    for (key, value) in turn.members() {
        let name = key.decode();
        if taken.contains(&&*name) {
            continue;
        }
        let key = if OF_MESSAGES.contains(&&*name) {
            Text::new(format!("source.{name}"))
        } else {
            key
        };
        message.extra_mut().insert(key, value.raw());
    }
}

/// The fields that a call has itself.
pub(crate) const OF_CALLS: [&str; 6] = ["id", "type", "name", "arguments", "function", "custom"];

/// Keeps the members of an object that were not taken; those whose name means something else there with a prefix.
pub(crate) fn keep<'v>(
    fields: &mut Fields<'v>,
    item: JsonView<'v>,
    taken: &[&str],
    prefix: &str,
    own: &[&str],
) {
    let rest = item.members().filter(|(key, _)| !taken.contains(&&*key.decode()));
    keep_members(fields, rest, prefix, own);
}

/// The same of members that are to be kept.
pub(crate) fn keep_members<'v>(
    fields: &mut Fields<'v>,
    members: impl Iterator<Item = (Text<'v>, JsonView<'v>)>,
    prefix: &str,
    own: &[&str],
) {
    for (key, value) in members {
        let name = key.decode();
        let is_own = own.contains(&&*name);
        let name = if is_own {
            Text::new(format!("{prefix}{name}"))
        } else {
            key
        };
        put(fields, name, value.raw());
    }
}

/// Keeps a value under a name, or one like it if something else has taken it.
pub(crate) fn put<'v>(fields: &mut Fields<'v>, mut name: Text<'v>, value: RawJson<'v>) {
    while fields.get(&name.decode()).is_some() {
        name = Text::new(format!("{name}_"));
    }
    fields.insert(name, value);
}

/// A message of this role with this content, if there is any.
pub(crate) fn spoken<'v>(role: Role<'v>, content: Option<JsonView<'v>>) -> Result<Message<'v>, DecodeError> {
    let mut message = Message::new(role);
    if let Some(content) = content {
        let content = tracemill_model::Content::read(&mut content.cursor())?;
        message.set_content(content);
    }
    Ok(message)
}

/// The messages, independent of where they were read.
pub(crate) fn owned(messages: Vec<Message<'_>>) -> Vec<Message<'static>> {
    messages.into_iter().map(Message::into_owned).collect()
}

/// A text as an identity.
pub(crate) fn key(text: &str) -> Key<'static> {
    Key::new(Text::new(text.to_owned()).into())
}

/// The name of a file without its folders and its ending, if it ends so.
pub(crate) fn stem<'p>(path: &'p str, endings: &[&str]) -> Option<&'p str> {
    let name = path.rsplit(['/', '\\']).next()?;
    let plain = [".gz", ".zst"]
        .iter()
        .find_map(|packed| name.strip_suffix(packed))
        .unwrap_or(name);
    endings
        .iter()
        .find_map(|ending| plain.strip_suffix(ending))
        .filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    #[test]
    fn the_stem_of_a_path_is_what_names_an_instance() {
        assert_eq!(stem("runs/a__b-1.traj", &[".traj"]), Some("a__b-1"));
        assert_eq!(
            stem("a__b-1.traj.json.gz", &[".traj.json", ".traj"]),
            Some("a__b-1")
        );
        assert_eq!(stem("runs/.traj", &[".traj"]), None);
        assert_eq!(stem("runs/a.json", &[".traj"]), None);
    }

    #[test]
    fn fields_that_a_trace_would_take_for_its_own_are_kept_under_another_name() {
        let record = RawJson::parse(r#"{"id":1,"note":2,"metadata":{"a":1}}"#).unwrap();
        let mut trace = Trace::new();
        keep_rest(&mut trace, record.view(), "it", &[]);
        let mut out = Vec::new();
        trace.write_json(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"messages":[],"metadata":{"a":1},"it.id":1,"note":2}"#
        );
    }
}
