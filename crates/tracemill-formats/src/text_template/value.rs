//! Records as values of templates.

use minijinja::Value;
use tracemill_model::JsonView;
use tracemill_model::json::Kind;

/// A value of JSON as Python would read it.
///
/// # Errors
/// If a number has more digits than can be kept.
pub(super) fn read(json: JsonView<'_>) -> Result<Value, String> {
    Ok(match json.kind() {
        Kind::Object => {
            let members = json
                .members()
                .map(|(key, value)| Ok((key.decode().into_owned(), read(value)?)));
            Value::from_iter(members.collect::<Result<Vec<_>, String>>()?)
        }
        Kind::Array => {
            let elements = json.elements().map(|element| read(element));
            Value::from(elements.collect::<Result<Vec<_>, String>>()?)
        }
        Kind::String => json
            .as_text()
            .map(|text| Value::from(text.decode()))
            .unwrap_or_default(),
        Kind::Bool => Value::from(json.as_bool().unwrap_or_default()),
        Kind::Number => number(json.as_str())?,
        _ => Value::from(()),
    })
}

fn number(token: &str) -> Result<Value, String> {
    if token.contains(['.', 'e', 'E']) {
        let float: f64 = token.parse().map_err(|_| format!("`{token}` is no number"))?;
        return Ok(Value::from(float));
    }
    if let Ok(small) = token.parse::<i64>() {
        return Ok(Value::from(small));
    }
    token
        .parse::<i128>()
        .map(Value::from)
        .map_err(|_| format!("a template cannot be given the number {token}, which has too many digits"))
}
