//! The types of parameters, which have names of Python.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, JsonWriter, Limits, RawJson};

use crate::record::raw;

/// Functions with the types of JSON Schema: `dict` is `object` and `float` is `number`.
pub(super) fn renamed(functions: JsonView<'_>, limits: Limits) -> Result<RawJson<'static>, DecodeError> {
    raw(limits, |w| write(functions, w))
}

fn write(value: JsonView<'_>, w: &mut JsonWriter<'_>) {
    match value.kind() {
        Kind::Object => {
            w.begin_object();
            for (key, member) in value.members() {
                w.text_key(&key);
                match (key.body(), member.as_str()) {
                    ("type", "\"dict\"") => drop(w.str("object")),
                    ("type", "\"float\"") => drop(w.str("number")),
                    // Values, not schemas.
                    ("default" | "enum" | "example", _) => drop(w.raw(member)),
                    _ => write(member, w),
                }
            }
            w.end_object();
        }
        Kind::Array => {
            w.begin_array();
            for element in value.elements() {
                write(element, w);
            }
            w.end_array();
        }
        _ => drop(w.raw(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_python_are_those_of_json_schema() {
        let functions = r#"[{"name":"a.b","parameters":{"type":"dict","properties":{"type":{"type":"float","default":{"type":"dict"}}}}}]"#;
        let functions = RawJson::parse(functions).unwrap();
        assert_eq!(
            renamed(functions.view(), Limits::default()).unwrap().as_str(),
            r#"[{"name":"a.b","parameters":{"type":"object","properties":{"type":{"type":"number","default":{"type":"dict"}}}}}]"#
        );
    }
}
