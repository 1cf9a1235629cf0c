//! Schemas of parameters in the subset of `OpenAPI` that Gemini takes.

use tracemill_model::json::Kind;
use tracemill_model::{JsonView, JsonWriter, Text};

use crate::check::Findings;
use crate::loss::{Loss, Losses, Omission};
use crate::registry::Rule;

/// Keywords that are written as they are; from `Schema` of google-genai 3.4.0.
const PLAIN: [&str; 16] = [
    "title",
    "description",
    "format",
    "pattern",
    "default",
    "example",
    "required",
    "propertyOrdering",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
];
/// Keywords that say nothing about values.
const SILENT: [&str; 3] = ["$schema", "$id", "$comment"];
const TYPES: [(&str, &str); 6] = [
    ("string", "STRING"),
    ("number", "NUMBER"),
    ("integer", "INTEGER"),
    ("boolean", "BOOLEAN"),
    ("array", "ARRAY"),
    ("object", "OBJECT"),
];

/// Writes a schema; notes what it says and the subset cannot.
pub(crate) fn gemini(schema: JsonView<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    w.begin_object();
    if schema.kind() != Kind::Object {
        losses.note(Loss::ToolSchema, 0);
    }
    let mut nullable = schema
        .get("nullable")
        .is_some_and(|nullable| nullable.as_bool() == Some(true));
    for (key, value) in schema.members() {
        match key.body() {
            "type" => nullable |= types(schema, value, losses, w),
            "anyOf" => nullable |= alternatives(value, losses, w),
            "properties" => properties(value, losses, w),
            "items" if value.kind() == Kind::Object => {
                w.key("items");
                gemini(value, losses, w);
            }
            "enum" if value.elements().all(|value| value.kind() == Kind::String) => {
                w.key("enum").raw(value);
            }
            "additionalProperties" if value.as_bool().is_some() => {
                w.key("additionalProperties").raw(value);
            }
            "nullable" if value.as_bool().is_some() => {}
            plain if PLAIN.contains(&plain) => {
                w.text_key(&key).raw(value);
            }
            silent if SILENT.contains(&silent) => losses.omit(Omission::Fields),
            _ => losses.note(Loss::ToolSchema, 0),
        }
    }
    if nullable {
        w.key("nullable").boolean(true);
    }
    w.end_object();
}

/// Writes the type, or several as alternatives; says whether `null` was among them.
fn types(schema: JsonView<'_>, value: JsonView<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) -> bool {
    if let Some(name) = value.as_text() {
        return write_type(&name, losses, w);
    }
    let others = || value.elements().filter(|name| name.as_str() != "\"null\"");
    let is_null = value.elements().count() > others().count();
    match others().count() {
        1 => {
            for name in others().filter_map(|name| name.into_text().ok()) {
                write_type(&name, losses, w);
            }
        }
        0 => losses.note(Loss::ToolSchema, 0),
        _ if schema.get("anyOf").is_some() => losses.note(Loss::ToolSchema, 0),
        _ => {
            w.key("anyOf").begin_array();
            for name in others().filter_map(|name| name.into_text().ok()) {
                w.begin_object();
                write_type(&name, losses, w);
                w.end_object();
            }
            w.end_array();
        }
    }
    is_null
}

/// Writes one type; says whether it is `null`, which is none.
fn write_type(name: &Text<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) -> bool {
    let is = |known: &str| known.eq_ignore_ascii_case(name.body());
    match TYPES.iter().find(|(known, _)| is(known)) {
        Some((_, upper)) => {
            w.key("type").str(upper);
        }
        None if is("null") => return true,
        None => losses.note(Loss::ToolSchema, 0),
    }
    false
}

/// Writes alternatives less `null`; says whether it was among them.
fn alternatives(value: JsonView<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) -> bool {
    let is_null = |schema: JsonView<'_>| {
        schema.members().count() == 1 && schema.get("type").is_some_and(|name| name.as_str() == "\"null\"")
    };
    w.key("anyOf").begin_array();
    for alternative in value.elements().filter(|schema| !is_null(*schema)) {
        gemini(alternative, losses, w);
    }
    w.end_array();
    value.elements().any(is_null)
}

fn properties(value: JsonView<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    w.key("properties").begin_object();
    for (name, schema) in value.members() {
        w.text_key(&name);
        gemini(schema, losses, w);
    }
    w.end_object();
}

/// Checks that a schema says nothing that the subset cannot.
pub(crate) fn check_gemini(schema: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    if !findings.is(schema, Kind::Object) {
        return;
    }
    for (key, value) in schema.members() {
        let known = match key.body() {
            "type" => value.as_text().is_some_and(|name| {
                let lower = name.body().to_ascii_lowercase();
                lower == "null" || TYPES.iter().any(|(known, _)| *known == lower)
            }),
            "enum" => value.elements().all(|value| value.kind() == Kind::String),
            "properties" | "items" | "anyOf" | "nullable" | "additionalProperties" => true,
            plain => PLAIN.contains(&plain),
        };
        if !known {
            findings.note(rule, format!("the schema cannot say `{key}` in this way"));
        }
    }
    findings.member_if_any(schema, "items", |findings, items| {
        check_gemini(items, rule, findings);
    });
    findings.member_if_any(schema, "anyOf", |findings, list| {
        findings.each(list, |findings, _, schema| check_gemini(schema, rule, findings));
    });
    findings.member_if_any(schema, "properties", |findings, properties| {
        // The pointer of a finding ends here: names of properties are the user's.
        for (_, schema) in properties.members() {
            check_gemini(schema, rule, findings);
        }
    });
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    fn written(schema: &str) -> (String, u32) {
        let (mut out, mut losses) = (Vec::new(), Losses::default());
        gemini(
            RawJson::parse(schema).unwrap().view(),
            &mut losses,
            &mut JsonWriter::new(&mut out),
        );
        (String::from_utf8(out).unwrap(), losses.count(Loss::ToolSchema))
    }

    #[test]
    fn what_the_subset_can_say_is_said() {
        for (schema, wanted) in [
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
                r#"{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}"#,
            ),
            (
                r#"{"type":["integer","null"],"minimum":0}"#,
                r#"{"type":"INTEGER","minimum":0,"nullable":true}"#,
            ),
            (
                r#"{"type":["integer","string"]}"#,
                r#"{"anyOf":[{"type":"INTEGER"},{"type":"STRING"}]}"#,
            ),
            (
                r#"{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}"#,
                r#"{"anyOf":[{"type":"STRING"}],"default":null,"nullable":true}"#,
            ),
            (
                r#"{"$schema":"x","type":"ARRAY","items":{"enum":["a"]}}"#,
                r#"{"type":"ARRAY","items":{"enum":["a"]}}"#,
            ),
        ] {
            assert_eq!(written(schema), (wanted.to_owned(), 0), "{schema}");
        }
    }

    #[test]
    fn what_it_cannot_say_is_lost_and_counted() {
        for (schema, wanted) in [
            (r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##, 2),
            (r#"{"oneOf":[{"type":"string"}]}"#, 1),
            (r#"{"enum":[1,2]}"#, 1),
            (r#"{"const":"a","exclusiveMinimum":1}"#, 2),
            ("true", 1),
        ] {
            assert_eq!(written(schema).1, wanted, "{schema}");
        }
    }
}
