//! Turns as `ShareGPT` has them: `{"from": "human", "value": "…"}`.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Limits, Message, RawJson, Reasoning, Role, Text, ToolCall,
};

use crate::parts::said;
use crate::record::raw;

/// Reads a list of turns; those with a `role` are messages as they are.
pub(crate) fn read_turns<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    let limit = cursor.limits().messages();
    let mut turns = Vec::new();
    cursor.array(|cursor, _| {
        if turns.len() >= limit {
            let message = format!("more than {limit} messages in one trace");
            return Err(cursor.error(DecodeErrorKind::OverLimit, message));
        }
        turns.push(read_turn(cursor)?);
        Ok(())
    })?;
    Ok(turns)
}

/// Reads one turn.
pub(crate) fn read_turn<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    // Whether there is a `from` decides. Most turns begin with it; and few messages, which begin with their role, have one.
    let is_message = cursor.key_ahead().is_some_and(|first| first.body() == "role");
    let message = if is_message {
        cursor.attempt(read_message).ok()
    } else {
        None
    };
    match message {
        Some(message) => Ok(message),
        None if cursor.has_ahead("from") => Turn::read(cursor)?.into_message(cursor),
        None => Message::read(cursor),
    }
}

/// Reads a message that is no turn.
fn read_message<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    let message = Message::read(cursor)?;
    if message.extra().get("from").is_some() {
        return Err(cursor.error(DecodeErrorKind::WrongValue, "this is a turn"));
    }
    Ok(message)
}

/// One turn, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Turn<'a> {
    from: Option<Words<'a>>,
    value: Option<Words<'a>>,
    rest: Fields<'a>,
}

/// A string, or the type of what stands in its place.
type Words<'a> = Result<Text<'a>, Kind>;

impl<'a> Turn<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut turn = Turn::default();
        cursor.object(|cursor, key| {
            match key.body() {
                "from" => turn.from = Some(words(cursor)?),
                "value" => turn.value = Some(words(cursor)?),
                _ => turn.rest.read(cursor, key)?,
            }
            Ok(())
        })?;
        Ok(turn)
    }

    /// A turn of fields that were read already.
    pub(crate) fn of(mut fields: Fields<'a>) -> Self {
        let words = |value: RawJson<'a>| value.into_text().map_err(|value| value.kind());
        Turn {
            from: fields.remove("from").map(words),
            value: fields.remove("value").map(words),
            rest: fields,
        }
    }

    /// The message that the turn is; `cursor` is behind it.
    pub(crate) fn into_message(self, cursor: &mut Cursor<'_>) -> Result<Message<'a>, DecodeError> {
        let missing = |key| cursor.error(DecodeErrorKind::MissingField, format!("a turn needs a `{key}`"));
        let from = self.from.ok_or_else(|| missing("from"))?;
        let value = self.value.ok_or_else(|| missing("value"))?;
        let wrong = |found: Kind| {
            let message = format!("a turn is two strings, and this is {}", found.noun());
            cursor.error(DecodeErrorKind::WrongType, message)
        };
        let (from, value) = (from.map_err(wrong)?, value.map_err(wrong)?);
        let message = if from.body() == "function_call" {
            called(cursor, &value).map_err(|why| {
                let message = format!("the value of a `function_call` must be the JSON of calls: {why}");
                cursor.error(DecodeErrorKind::WrongValue, message).in_key("value")
            })?
        } else {
            said(role(from), value)
        };
        if self.rest.is_empty() {
            Ok(message)
        } else {
            with_fields(message, &self.rest, cursor)
        }
    }
}

fn words<'a>(cursor: &mut Cursor<'a>) -> Result<Words<'a>, DecodeError> {
    match cursor.peek()? {
        Kind::String => cursor.text().map(Ok),
        other => cursor.skip().map(|()| Err(other)),
    }
}

fn role(from: Text<'_>) -> Role<'_> {
    match from.body() {
        "human" => Role::User,
        "gpt" => Role::Assistant,
        "observation" => Role::Tool,
        _ => Role::named(from),
    }
}

/// A message that makes the calls in `value`: one or a list, perhaps after what was thought.
fn called(cursor: &mut Cursor<'_>, value: &Text<'_>) -> Result<Message<'static>, DecodeError> {
    let mut message = Message::new(Role::Assistant);
    message.set_content(Content::Null);
    if value.body().starts_with(['{', '[']) && value.body().ends_with(['}', ']']) {
        cursor.embedded(value, Limits::default(), |cursor| {
            read_calls(cursor, &mut message)
        })?;
        return Ok(message);
    }
    let decoded = value.decode();
    let mut json = decoded.trim();
    if let Some((thought, rest)) = json
        .strip_prefix("<think>")
        .and_then(|rest| rest.split_once("</think>"))
    {
        let thought = Text::new(thought.trim_matches('\n').to_owned());
        message.set_reasoning(Reasoning::Text(thought));
        json = rest.trim();
    }
    let mut cursor = Cursor::new(json);
    read_calls(&mut cursor, &mut message)?;
    cursor.finish()?;
    Ok(message)
}

fn read_calls(cursor: &mut Cursor<'_>, message: &mut Message<'static>) -> Result<(), DecodeError> {
    let mut read = |cursor: &mut Cursor<'_>| {
        message.push_tool_call(ToolCall::read(cursor)?.into_owned());
        Ok(())
    };
    match cursor.peek()? {
        Kind::Array => cursor.array(|cursor, _| read(cursor)),
        _ => read(cursor),
    }
}

/// The message with what else the turn says: marks, names and whatever a message does not know.
fn with_fields<'a>(
    mut message: Message<'a>,
    fields: &Fields<'_>,
    cursor: &Cursor<'_>,
) -> Result<Message<'a>, DecodeError> {
    // A field may be one that messages have, such as `weight`: only reading says.
    let own = raw(*cursor.limits(), |w| {
        w.begin_object();
        w.key("role").text(&message.role().name());
        fields.write(w);
        w.end_object();
    })?;
    let read = Message::read(&mut own.cursor())?.into_owned();
    let clash = !read.content().is_empty() || !read.tool_calls().is_empty();
    if clash {
        let text = "a turn says what it says in `value`, not in the fields of a message too";
        return Err(cursor.error(DecodeErrorKind::WrongValue, text));
    }
    message
        .set_name(read.name().cloned())
        .set_tool_call_id(read.tool_call_id().cloned())
        .set_is_error(read.is_error())
        .set_train(read.train());
    if message.reasoning().is_none() {
        message.set_reasoning(read.reasoning().cloned());
    }
    *message.extra_mut() = read.extra().clone();
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(json: &str) -> Result<String, DecodeError> {
        let message = read_turn(&mut Cursor::new(json))?;
        let mut trace = tracemill_model::Trace::new();
        trace.push_message(message);
        let mut out = Vec::new();
        trace.write_json(&mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn roles_have_their_usual_names() {
        for (from, role) in [
            ("human", "user"),
            ("gpt", "assistant"),
            ("system", "system"),
            ("observation", "tool"),
            ("tool", "tool"),
            ("narrator", "narrator"),
        ] {
            let json = format!(r#"{{"from":"{from}","value":"hi"}}"#);
            let expected = format!(r#"{{"messages":[{{"role":"{role}","content":"hi"}}]}}"#);
            assert_eq!(turn(&json).unwrap(), expected);
        }
    }

    #[test]
    fn a_from_makes_a_turn_wherever_it_stands() {
        let expected = r#"{"messages":[{"role":"assistant","content":"hi"}]}"#;
        for json in [
            r#"{"from":"gpt","value":"hi"}"#,
            r#"{"value":"hi","from":"gpt"}"#,
            r#" { "value" : "hi" , "\u0066rom" : "gpt" } "#,
            r#"{"role":"assistant","content":"hi"}"#,
            r#"{"content":"hi","role":"assistant"}"#,
        ] {
            assert_eq!(turn(json).unwrap(), expected, "{json}");
        }
        let both = turn(r#"{"role":"user","from":"gpt"}"#).unwrap_err();
        assert_eq!(both.message(), "a turn needs a `value`");
        let neither = turn(r#"{"value":"hi"}"#).unwrap_err();
        assert_eq!(neither.message(), "a message needs a `role`");
        let twice = turn(r#"{"from":"gpt","value":"hi","from":7}"#).unwrap_err();
        assert_eq!(
            (twice.kind(), twice.column()),
            (DecodeErrorKind::DuplicateKey, 28)
        );
    }

    #[test]
    fn white_space_around_calls_is_none_of_them() {
        let calls = |around: &str| {
            let json = format!(r#"{{"from":"function_call","value":"{around}{{\"name\":\"f\"}}{around}"}}"#);
            turn(&json)
        };
        let expected = r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"name":"f"}]}]}"#;
        for around in ["", " ", "\\n", "\u{3000}"] {
            assert_eq!(calls(around).unwrap(), expected, "{around:?}");
        }
    }

    #[test]
    fn calls_are_read_out_of_their_text() {
        let json = r#"{"from":"function_call","value":"<think>\nhm\n</think>\n[{\"name\":\"f\",\"arguments\":{\"a\":1.0}},{\"name\":\"g\",\"arguments\":{}}]"}"#;
        assert_eq!(
            turn(json).unwrap(),
            r#"{"messages":[{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"name":"f","arguments":{"a":1.0}},{"name":"g","arguments":{}}]}]}"#
        );
        let error = turn(r#"{"from":"function_call","value":"f(1)"}"#).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::WrongValue);
        assert_eq!(error.path(), "value");
    }

    #[test]
    fn other_fields_of_a_turn_are_those_of_a_message() {
        assert_eq!(
            turn(r#"{"from":"gpt","value":"hi","weight":0,"mood":"fine"}"#).unwrap(),
            r#"{"messages":[{"role":"assistant","content":"hi","train":false,"mood":"fine"}]}"#
        );
        assert!(turn(r#"{"from":"gpt","value":"hi","content":"ho"}"#).is_err());
        assert!(turn(r#"{"from":"gpt","value":null}"#).is_err());
        assert!(turn(r#"{"from":"gpt"}"#).is_err());
    }
}
