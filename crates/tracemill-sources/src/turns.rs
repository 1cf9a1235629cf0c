//! Turns as `ShareGPT` has them: `{"from": "human", "value": "…"}`.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Message, RawJson, Reasoning, Role, Text, ToolCall,
};

use crate::parts::{moved, said};
use crate::record::raw;

/// Reads a list of turns; those with a `role` are messages as they are.
pub(crate) fn read_turns<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    let mut turns = Vec::new();
    let limit = cursor.limits().messages();
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
    if cursor.has_ahead("from") {
        read_said(cursor)
    } else {
        Message::read(cursor)
    }
}

fn read_said<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    let start = cursor.offset();
    let (mut from, mut value, mut fields) = (None, None, Fields::new());
    cursor.object(|cursor, key| {
        // Two of one key are refused at the end of the object.
        match key.body() {
            "from" => from = Some(cursor.raw()?),
            "value" => value = Some(cursor.raw()?),
            _ => fields.read(cursor, key)?,
        }
        Ok(())
    })?;
    let text = |value: Option<RawJson<'a>>, key| {
        let missing = || cursor.error(DecodeErrorKind::MissingField, format!("a turn needs a `{key}`"));
        value.ok_or_else(missing)?.into_text().map_err(|value| {
            let message = format!("a turn is two strings, and this is {}", value.kind().noun());
            cursor.error(DecodeErrorKind::WrongType, message)
        })
    };
    let (from, value) = (text(from, "from")?, text(value, "value")?);
    let message = if from == *"function_call" {
        called(&value).map_err(|why| {
            let message = format!("the value of a `function_call` must be the JSON of calls: {why}");
            cursor.error(DecodeErrorKind::WrongValue, message).in_key("value")
        })?
    } else {
        said(role(from), value)
    };
    with_fields(message, &fields, cursor, start)
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
fn called(value: &Text<'_>) -> Result<Message<'static>, String> {
    let decoded = value.decode();
    let mut message = Message::new(Role::Assistant);
    message.set_content(Content::Null);
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
    let mut read = |cursor: &mut Cursor<'_>| {
        message.push_tool_call(ToolCall::read(cursor)?.into_owned());
        Ok(())
    };
    let result = match cursor.peek() {
        Ok(Kind::Array) => cursor.array(|cursor, _| read(cursor)),
        Ok(_) => read(&mut cursor),
        Err(error) => Err(error),
    };
    result
        .and_then(|()| cursor.finish())
        .map_err(|error| error.to_string())?;
    Ok(message)
}

/// The message with what else the turn says: marks, names and whatever a message does not know.
fn with_fields<'a>(
    mut message: Message<'a>,
    fields: &Fields<'_>,
    cursor: &Cursor<'_>,
    start: usize,
) -> Result<Message<'a>, DecodeError> {
    if fields.is_empty() {
        return Ok(message);
    }
    // A field may be one that messages have, such as `weight`: only reading says.
    let own = raw(*cursor.limits(), |w| {
        w.begin_object();
        w.key("role").text(&message.role().name());
        fields.write(w);
        w.end_object();
    })?;
    // Columns count from the turn: what was composed begins where it does.
    let read = Message::read(&mut own.cursor()).map_err(|error| moved(&error, start))?;
    let read = read.into_owned();
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
