//! Answers as assistant messages.

use tracemill_model::json::Kind;
use tracemill_model::{
    Arguments, Content, DecodeError, JsonView, JsonWriter, Limits, Message, Role, Text, ToolCall,
};

use super::named;
use crate::record::raw;

/// The answer that is accepted, if it is one of calls: `[{"name": {"argument": [values]}}]`.
pub(super) fn accepted(row: JsonView<'_>) -> Result<Option<Message<'static>>, DecodeError> {
    let Some(truth) = row.get("ground_truth") else {
        return Ok(None);
    };
    let calls: Vec<_> = truth.elements().collect();
    let is_call = |call: JsonView<'_>| {
        let mut members = call.members();
        let only = members.next().filter(|_| members.next().is_none());
        only.is_some_and(|(_, arguments)| {
            arguments.kind() == Kind::Object
                && arguments
                    .members()
                    .all(|(_, values)| values.kind() == Kind::Array)
        })
    };
    if calls.is_empty() || !calls.iter().all(|call| is_call(*call)) {
        return Ok(None);
    }
    let mut message = Message::new(Role::Assistant);
    message.set_content(Content::Null);
    for call in &calls {
        for (name, arguments) in call.members() {
            let arguments = raw(deep(), |w| write_chosen(arguments, w))?;
            message.push_tool_call(ToolCall::new(named(&name), Arguments::Value(arguments)));
        }
    }
    Ok(Some(message))
}

fn deep() -> Limits {
    Limits::default().with_depth(Limits::MAX_DEPTH)
}

/// Writes an object of alternatives with the first of each; those that may be left out are.
fn write_chosen(alternatives: JsonView<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    for (name, values) in alternatives.members() {
        let may_be_left_out = values.elements().any(|value| value.as_str() == "\"\"");
        match values.elements().next() {
            Some(first) if !may_be_left_out => {
                w.text_key(&name);
                write_value(first, w);
            }
            // What has no list of values is a value.
            None if values.kind() != Kind::Array => drop(w.text_key(&name).raw(values)),
            _ => {}
        }
    }
    w.end_object();
}

/// Writes a value; the members of an object are alternatives again.
fn write_value(value: JsonView<'_>, w: &mut JsonWriter<'_>) {
    match value.kind() {
        Kind::Object => write_chosen(value, w),
        Kind::Array => {
            w.begin_array();
            for element in value.elements() {
                write_value(element, w);
            }
            w.end_array();
        }
        _ => drop(w.raw(value)),
    }
}

/// What a model answered, if it is one turn: text, or calls as `[{"name": "arguments"}]`.
pub(super) fn given(result: JsonView<'_>) -> Result<Option<Message<'static>>, DecodeError> {
    let mut message = Message::new(Role::Assistant);
    if let Some(text) = result.as_text() {
        message.set_content(text.into_owned());
        return Ok(Some(message));
    }
    let calls: Vec<_> = result.elements().collect();
    if calls.is_empty() || calls.iter().any(|call| call.kind() != Kind::Object) {
        return Ok(None);
    }
    message.set_content(Content::Null);
    for (index, call) in calls.iter().enumerate() {
        for (name, arguments) in call.members() {
            let arguments = Arguments::read(&mut arguments.cursor())
                .map_err(|error| error.in_index(index).in_key("result"))?;
            message.push_tool_call(ToolCall::new(Text::into_owned(name), arguments.into_owned()));
        }
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    fn chosen(truth: &str) -> Option<String> {
        let row = format!(r#"{{"ground_truth":{truth}}}"#);
        let message = accepted(RawJson::parse(&row).unwrap().view()).unwrap()?;
        let calls = message.tool_calls().iter().map(|call| match call.arguments() {
            Arguments::Value(value) => format!("{}{value}", call.name().decode()),
            other => format!("{other:?}"),
        });
        Some(calls.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_first_accepted_value_of_each_argument_is_the_answer() {
        let call = r#"[{"f":{"a":[7890,1.0],"b":["","x"],"c":[[3,5]],"d":[{"e":["y","z"],"g":[""]}]}}]"#;
        assert_eq!(chosen(call).unwrap(), r#"f{"a":7890,"c":[3,5],"d":{"e":"y"}}"#);
        assert_eq!(
            chosen(r#"[{"f":{}},{"g":{"a":[1]}}]"#).unwrap(),
            r#"f{} g{"a":1}"#
        );
        assert_eq!(chosen(r#"[["cd(folder='a')"],[]]"#), None);
        assert_eq!(chosen("[]"), None);
    }
}
