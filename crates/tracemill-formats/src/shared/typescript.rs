//! Definitions of functions in the manner of TypeScript, as openai-harmony 0.0.8 writes them (`encoding.rs`,
//! `template_tools_section` and `json_schema_to_typescript`).

use tracemill_model::json::Kind;
use tracemill_model::{Function, JsonView, Text};

use crate::loss::{Loss, Losses, Omission};

/// Keywords that say nothing about values, or what a type with these properties says anyway.
const SILENT: [&str; 3] = ["$schema", "$id", "$comment"];

/// Appends the definitions as the namespace `functions`.
pub(crate) fn namespace<'t>(
    functions: impl Iterator<Item = &'t Function<'t>>,
    losses: &mut Losses,
    out: &mut String,
) {
    out.push_str("# Tools\n\n## functions\n\nnamespace functions {\n\n");
    for function in functions {
        declaration(function, losses, out);
    }
    out.push_str("} // namespace functions");
}

fn declaration(function: &Function<'_>, losses: &mut Losses, out: &mut String) {
    if !function.extra().is_empty() {
        losses.omit(Omission::Fields);
    }
    if let Some(description) = function.description() {
        for line in description.decode().lines() {
            out.extend(["// ", line, "\n"]);
        }
    }
    out.push_str("type ");
    function.name().decode_into(out);
    match function.parameters() {
        Some(parameters) => {
            out.push_str(" = (_: ");
            let mut types = Types { losses, out };
            types.append(parameters.view(), 0);
            out.push_str(") => any;\n\n");
        }
        None => out.push_str(" = () => any;\n\n"),
    }
}

/// How the default of an enumeration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Enum {
    Quoted,
    Bare,
}

/// A member of a schema that is a list.
fn list<'s>(schema: JsonView<'s>, key: &str) -> Option<JsonView<'s>> {
    schema.get(key).filter(|value| value.kind() == Kind::Array)
}

/// A member of a schema that is a text.
fn text<'s>(schema: JsonView<'s>, key: &str) -> Option<Text<'s>> {
    schema.get(key)?.into_text().ok()
}

/// Appends types to a text.
struct Types<'l, 'o> {
    losses: &'l mut Losses,
    out: &'o mut String,
}

impl Types<'_, '_> {
    /// Appends the type that a schema describes.
    fn append(&mut self, schema: JsonView<'_>, indent: usize) {
        self.note_unsaid(schema);
        if let Some(variants) = list(schema, "oneOf") {
            for variant in variants.elements() {
                self.out.push('\n');
                self.indent(indent);
                self.out.push_str(" | ");
                self.variant(variant, indent + 3);
                let description = text(variant, "description");
                self.comments(description.as_ref(), variant, Enum::Quoted);
            }
            return;
        }
        match schema.get("type") {
            Some(kinds) if kinds.kind() == Kind::Array => self.several(kinds),
            Some(kind) => self.one(schema, kind, indent),
            None => self.out.push_str("any"),
        }
    }

    fn several(&mut self, kinds: JsonView<'_>) {
        let mut separator = "";
        for kind in kinds.elements().filter(|kind| kind.kind() == Kind::String) {
            self.out.push_str(separator);
            match kind.as_str() {
                "\"integer\"" => self.out.push_str("number"),
                _ => self.push_text(kind),
            }
            separator = " | ";
        }
        if separator.is_empty() {
            self.out.push_str("any");
        }
    }

    fn one(&mut self, schema: JsonView<'_>, kind: JsonView<'_>, indent: usize) {
        match kind.as_str() {
            "\"object\"" => self.object(schema, indent),
            "\"string\"" => self.string(schema),
            "\"number\"" | "\"integer\"" => self.out.push_str("number"),
            "\"boolean\"" => self.out.push_str("boolean"),
            "\"array\"" => match schema.get("items") {
                Some(items) => {
                    let is_object = items
                        .get("type")
                        .is_some_and(|kind| kind.as_str() == "\"object\"");
                    if items.get("default").is_some() || (!is_object && items.get("description").is_some()) {
                        self.losses.note(Loss::ToolSchema, 0);
                    }
                    self.append(items, indent);
                    self.out.push_str("[]");
                }
                None => self.out.push_str("Array<any>"),
            },
            _ => self.out.push_str("any"),
        }
    }

    fn string(&mut self, schema: JsonView<'_>) {
        let mut separator = "";
        if let Some(values) = list(schema, "enum") {
            for value in values.elements().filter(|value| value.kind() == Kind::String) {
                self.out.extend([separator, "\""]);
                self.push_text(value);
                self.out.push('"');
                separator = " | ";
            }
        }
        if separator.is_empty() {
            self.out.push_str("string");
        }
    }

    fn object(&mut self, schema: JsonView<'_>, indent: usize) {
        if let Some(description) = text(schema, "description") {
            self.comment(&description, indent);
        }
        self.out.push_str("{\n");
        if let Some(properties) = schema.get("properties") {
            for (key, property) in properties.members() {
                let is_required = list(schema, "required").is_some_and(|required| {
                    required
                        .elements()
                        .any(|name| name.as_text().is_some_and(|name| name == key))
                });
                let mark = if is_required { "" } else { "?" };
                self.heading(property, indent);
                if let Some(variants) = list(property, "oneOf") {
                    self.choice(&key.decode(), mark, property, variants, indent);
                    continue;
                }
                self.indent(indent);
                key.decode_into(self.out);
                self.out.extend([mark, ": "]);
                self.variant(property, indent + 4);
                self.out.push(',');
                if property.get("default").is_some() {
                    self.comments(None, property, Enum::Bare);
                }
                self.out.push('\n');
            }
        }
        self.indent(indent);
        self.out.push('}');
    }

    /// Appends what is said of a property above it.
    fn heading(&mut self, property: JsonView<'_>, indent: usize) {
        if let Some(title) = text(property, "title") {
            self.comment(&title, indent);
            self.indent(indent);
            self.out.push_str("//\n");
        }
        if property.get("oneOf").is_none()
            && let Some(description) = text(property, "description")
        {
            self.comment(&description, indent);
        }
        if let Some(examples) = list(property, "examples") {
            let mut any = false;
            for example in examples.elements() {
                if !any {
                    self.indent(indent);
                    self.out.push_str("// Examples:\n");
                }
                any = true;
                if example.kind() == Kind::String {
                    self.indent(indent);
                    self.out.push_str("// - \"");
                    self.push_text(example);
                    self.out.push_str("\"\n");
                } else {
                    self.losses.note(Loss::ToolSchema, 0);
                }
            }
        }
    }

    /// Appends a property that is one of several types, each on a line.
    fn choice(
        &mut self,
        key: &str,
        mark: &str,
        property: JsonView<'_>,
        variants: JsonView<'_>,
        indent: usize,
    ) {
        let description = text(property, "description");
        let first = variants.elements().next();
        let first = first.as_ref().and_then(|first| text(*first, "description"));
        let above = description.filter(|description| Some(description) != first.as_ref());
        if let Some(above) = &above {
            self.comment(above, indent);
        }
        if let Some(default) = property.get("default") {
            self.indent(indent);
            self.out.push_str("// ");
            self.default(property, default, Enum::Bare);
            self.out.push('\n');
        }
        self.indent(indent);
        self.out.extend([key, mark, ":\n"]);
        let whole = text(property, "description");
        for (index, variant) in variants.elements().enumerate() {
            self.indent(indent);
            self.out.push_str(" | ");
            self.variant(variant, indent + 3);
            let own = text(variant, "description");
            let own = own.filter(|own| !(index == 0 && above.is_some()) && Some(own) != whole.as_ref());
            self.comments(own.as_ref(), variant, Enum::Bare);
            self.out.push('\n');
        }
        self.indent(indent);
        self.out.push_str(",\n");
    }

    /// Appends a type, with `null` if it may be that.
    fn variant(&mut self, schema: JsonView<'_>, indent: usize) {
        let start = self.out.len();
        self.append(schema, indent);
        let nullable = schema
            .get("nullable")
            .and_then(tracemill_model::JsonView::as_bool)
            == Some(true);
        if nullable && !self.out[start..].contains("null") {
            self.out.push_str(" | null");
        }
    }

    /// Appends what is said behind a type, on its line.
    fn comments(&mut self, description: Option<&Text<'_>>, schema: JsonView<'_>, of_enum: Enum) {
        let default = schema.get("default");
        if description.is_none() && default.is_none() {
            return;
        }
        self.out.push_str(" //");
        if let Some(description) = description {
            self.out.push(' ');
            description.decode_into(self.out);
        }
        if let Some(default) = default {
            self.out.push(' ');
            self.default(schema, default, of_enum);
        }
    }

    fn default(&mut self, schema: JsonView<'_>, default: JsonView<'_>, of_enum: Enum) {
        self.out.push_str("default: ");
        let is_enum = list(schema, "enum").is_some_and(|values| values.elements().next().is_some());
        match default.as_text() {
            Some(text) if !is_enum => {
                self.out.push('"');
                text.decode_into(self.out);
                self.out.push('"');
            }
            Some(text) if of_enum == Enum::Bare => text.decode_into(self.out),
            _ => self.out.push_str(default.as_str()),
        }
    }

    /// Notes what a schema says and the type does not.
    fn note_unsaid(&mut self, schema: JsonView<'_>) {
        let is_string = schema
            .get("type")
            .is_some_and(|kind| kind.as_str() == "\"string\"");
        for (key, value) in schema.members() {
            let said = match key.body() {
                "type" | "properties" | "required" | "items" | "oneOf" | "nullable" | "description"
                | "title" | "examples" | "default" => true,
                "enum" => is_string && value.elements().all(|value| value.kind() == Kind::String),
                "additionalProperties" => value.as_bool().is_some(),
                other => SILENT.contains(&other),
            };
            if !said {
                self.losses.note(Loss::ToolSchema, 0);
            }
        }
    }

    fn comment(&mut self, text: &Text<'_>, indent: usize) {
        self.indent(indent);
        self.out.push_str("// ");
        text.decode_into(self.out);
        self.out.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        for _ in 0..indent {
            self.out.push(' ');
        }
    }

    fn push_text(&mut self, value: JsonView<'_>) {
        if let Some(text) = value.as_text() {
            text.decode_into(self.out);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    /// The text is what openai-harmony 0.0.8 made of the same functions.
    #[test]
    fn functions_look_as_the_library_writes_them() {
        let schema = RawJson::parse(include_str!("../../tests/typescript/schema.json")).unwrap();
        let functions = [
            Function::new(Text::new("f"))
                .with_description(Text::new("Does it.\nWell."))
                .with_parameters(schema),
            Function::new(Text::new("g")).with_description(Text::new("No arguments.")),
            Function::new(Text::new("h"))
                .with_parameters(RawJson::parse(r#"{"type":"object","properties":{}}"#).unwrap()),
        ];
        let (mut losses, mut out) = (Losses::default(), String::new());
        namespace(functions.iter(), &mut losses, &mut out);
        assert_eq!(out, include_str!("../../tests/typescript/functions.txt"));
        // `anyOf` of one property, which the library does not know.
        assert_eq!(losses.iter().collect::<Vec<_>>(), [(Loss::ToolSchema, 1, 0)]);
    }
}
