//! What readers of whole documents share: a record is checked once, as tokens, and then walked.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Key, Limits, Message, RawJson, Role, Text, Tool, Trace};

use crate::parts::insert;
use crate::source::Context;

/// The whole record, which must be an object.
pub(crate) fn object<'a>(context: &Context, record: &'a str) -> Result<RawJson<'a>, DecodeError> {
    let whole = value(context, record)?;
    expect(&whole, Kind::Object)?;
    Ok(whole)
}

/// The whole record, whatever it is.
pub(crate) fn value<'a>(context: &Context, record: &'a str) -> Result<RawJson<'a>, DecodeError> {
    let mut cursor = Cursor::with_limits(record, context.limits());
    let whole = cursor.raw()?;
    cursor.finish()?;
    Ok(whole)
}

/// Requires a value of this type.
pub(crate) fn expect(value: &RawJson<'_>, kind: Kind) -> Result<(), DecodeError> {
    if value.kind() == kind {
        return Ok(());
    }
    let message = format!("expected {}, found {}", kind.noun(), value.kind().noun());
    Err(DecodeError::new(DecodeErrorKind::WrongType, 0, message))
}

/// The member `key`, which must be there and of this type.
pub(crate) fn member<'v>(object: &'v RawJson<'_>, key: &str, kind: Kind) -> Result<RawJson<'v>, DecodeError> {
    let value = object.get(key).ok_or_else(|| missing(key))?;
    expect(&value, kind).map_err(|error| error.in_key(key))?;
    Ok(value)
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
pub(crate) fn text(value: &RawJson<'_>, pointer: &str) -> Option<Text<'static>> {
    value.pointer(pointer)?.as_text().map(Text::into_owned)
}

/// The value at a pointer, unless it is `null`.
pub(crate) fn present<'v>(value: &'v RawJson<'_>, pointer: &str) -> Option<RawJson<'v>> {
    value.pointer(pointer).filter(|value| !value.is_null())
}

/// Whether the value at a pointer is this text.
pub(crate) fn says(value: &RawJson<'_>, pointer: &str, expected: &str) -> bool {
    text(value, pointer).is_some_and(|text| text == *expected)
}

/// Reads a message as the canonical form and the `OpenAI` API have it.
pub(crate) fn message(value: &RawJson<'_>) -> Result<Message<'static>, DecodeError> {
    Message::read(&mut value.cursor()).map(Message::into_owned)
}

/// Reads every element of a list into messages; errors name the element.
pub(crate) fn messages(
    list: &RawJson<'_>,
    limits: Limits,
    mut read: impl FnMut(&RawJson<'_>, &mut Said) -> Result<(), DecodeError>,
) -> Result<Vec<Message<'static>>, DecodeError> {
    let mut said = Said::new(limits);
    for (index, element) in list.elements().enumerate() {
        read(&element, &mut said).map_err(|error| error.in_index(index))?;
    }
    Ok(said.messages)
}

/// A conversation as it is read, no longer than allowed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) messages: Vec<Message<'static>>,
    limit: usize,
}

impl Said {
    pub(crate) fn new(limits: Limits) -> Self {
        Said {
            messages: Vec::new(),
            limit: limits.messages(),
        }
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: Message<'static>) -> Result<(), DecodeError> {
        if self.messages.len() >= self.limit {
            let message = format!("more than {} messages in one trace", self.limit);
            return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
        }
        self.messages.push(message);
        Ok(())
    }
}

/// Reads tool definitions; `null` and nothing are none.
pub(crate) fn tools(list: Option<RawJson<'_>>) -> Result<Option<Vec<Tool<'static>>>, DecodeError> {
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return Ok(None);
    };
    let tools = Tool::read_list(&mut list.cursor())?;
    Ok(Some(tools.into_iter().map(Tool::into_owned).collect()))
}

/// What a record says of itself in the words of a trace.
pub(crate) fn identify(row: &RawJson<'_>, trace: &mut Trace<'_>, taken: &mut Vec<&str>) {
    let id = row
        .get("id")
        .filter(|id| matches!(id.kind(), Kind::String | Kind::Number));
    if let Some(id) = id {
        trace.set_id(Key::new(id.into_owned()));
        taken.push("id");
    }
    if let Some(model) = text(row, "/model") {
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
pub(crate) fn keep_rest(trace: &mut Trace<'_>, record: &RawJson<'_>, source: &str, taken: &[&str]) {
    for (key, value) in record.members() {
        let name = key.decode();
        let value = value.into_owned();
        if taken.contains(&&*name) {
            continue;
        }
        if name == "metadata" && trace.metadata().is_none() {
            trace.set_metadata(value);
        } else if name == "metadata" || OF_TRACES.contains(&&*name) {
            insert(trace, &format!("{source}.{name}"), value);
        } else {
            insert(trace, &name, value);
        }
    }
}

/// The fields that a message has itself.
const OF_MESSAGES: [&str; 12] = [
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
pub(crate) fn keep_in_message(message: &mut Message<'_>, turn: &RawJson<'_>, taken: &[&str]) {
    for (key, value) in turn.members() {
        let name = key.decode();
        if taken.contains(&&*name) {
            continue;
        }
        let key = if OF_MESSAGES.contains(&&*name) {
            format!("source.{name}")
        } else {
            name.into_owned()
        };
        message.extra_mut().insert(Text::new(key), value.into_owned());
    }
}

/// A message of this role with this content, if there is any.
pub(crate) fn spoken(
    role: Role<'static>,
    content: Option<RawJson<'_>>,
) -> Result<Message<'static>, DecodeError> {
    let mut message = Message::new(role);
    if let Some(content) = content {
        let content = tracemill_model::Content::read(&mut content.cursor())?;
        message.set_content(content.into_owned());
    }
    Ok(message)
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
        keep_rest(&mut trace, &record, "it", &[]);
        let mut out = Vec::new();
        trace.write_json(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"messages":[],"metadata":{"a":1},"it.id":1,"note":2}"#
        );
    }
}
