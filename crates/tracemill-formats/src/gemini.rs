//! Supervised tuning data for Gemini on Vertex AI: contents of parts.
//!
//! From the guides "Prepare supervised fine-tuning data for Gemini models" and "Tune function calling", and the types of
//! google-genai 3.4.0 (`Content`, `Part`, `FunctionCall`, `FunctionResponse`, `Schema`), which forbid other keys. Keys are
//! camelCase, as the supervised guide has them.
//!
//! Calls are `functionCall` parts with an object of arguments, in one content for all calls of a turn; all their results
//! are `functionResponse` parts of the one content behind it, in the order of the calls, because ids are not carried. A
//! result is an object: text stands under `output`, that of an error under `error`. System messages are parts of
//! `systemInstruction`. Reasoning has no place. Media stand in user turns by `gs://` or public address, with their type;
//! whether bytes are taken in tuning files is not known, so they are lost.
//!
//! Schemas of parameters are written in the subset of `OpenAPI` that `Schema` is: types in upper case, `null` among types or
//! alternatives as `nullable`. What that subset cannot say, `$ref` included, is the loss `tool-schema`.
//!
//! `+legacy` writes `{"text_input","output"}`, the `TuningExample` of the Gemini Developer API, for one question and one
//! answer; google-genai marks it as not supported on Vertex AI.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, Conversation, Example, Function, JsonView, JsonWriter, Media, MediaSource, Role, Shape, Text,
    ToolCall, Trace,
};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{Findings, MISSING};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::blocks::{self, Blocks, Given, Id, ResultOrder, Side, Spelling};
use crate::shared::reasoning::Placement;
use crate::shared::thread::Thread;
use crate::shared::{self, account, schema, text, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "gemini",
    summary: "supervised tuning of Gemini on Vertex AI: `contents` of parts, calls and results merged and named",
    shapes: &[Shape::Conversation],
    extensions: &[Extension::off(
        LEGACY,
        "writes `text_input` and `output`: for one question and one answer in text",
    )],
    capability: Capability::NONE
        .holding(&[
            Feature::Calls,
            Feature::ParallelCalls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::MultiTurn,
        ])
        .with(Feature::System, Holds::Partly)
        .with(Feature::Tools, Holds::Partly)
        .with(Feature::Images, Holds::Partly)
        .with(Feature::Audio, Holds::Partly)
        .with(Feature::Files, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::MergedTurns,
        Loss::SystemMessage,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
        Loss::OrphanResult,
        Loss::UnansweredCall,
        Loss::Images,
        Loss::Audio,
        Loss::Video,
        Loss::Files,
        Loss::OtherPart,
        Loss::JoinedParts,
        Loss::ObjectContent,
        Loss::TrainFlags,
        Loss::ToolSchema,
    ],
    rules: &[KEYS, ROLES, PARTS, ARGS, RESPONSE, RESULTS, SCHEMA, LEGACY_KEYS],
    file_rules: &[],
    check,
    example: r#"{"systemInstruction":{"parts":[{"text":"You are a travel desk."}]},"contents":[{"role":"user","parts":[{"text":"Weather in Oslo and Lyon?"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Oslo"}}},{"functionCall":{"name":"get_weather","args":{"city":"Lyon"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"output":"4 C"}}},{"functionResponse":{"name":"get_weather","response":{"output":"17 C"}}}]},{"role":"model","parts":[{"text":"Oslo 4 C, Lyon 17 C."}]}],"tools":[{"functionDeclarations":[{"name":"get_weather","description":"Current weather","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}},"required":["city"]}}]}]}"#,
    make,
};

const LEGACY: &str = "legacy";
const TYPES: &str = "google-genai 3.4.0, types.py";
const GUIDE: &str = "guide \"Prepare supervised fine-tuning data for Gemini models\"";

const KEYS: Rule = Rule::new(
    "keys",
    "a record has `contents`, and perhaps `systemInstruction` and `tools`; contents, parts, calls and results have the \
     keys of their types alone",
    TYPES,
);
const ROLES: Rule = Rule::new("roles", "the role of a content is `user` or `model`", GUIDE);
const PARTS: Rule = Rule::new(
    "parts",
    "a part is one of text, `fileData`, `functionCall` and `functionResponse`",
    GUIDE,
);
const ARGS: Rule = Rule::new("args", "`args` of a call is an object", TYPES);
const RESPONSE: Rule = Rule::new("response", "`response` of a result is an object", TYPES);
const RESULTS: Rule = Rule::new(
    "results",
    "the results of a content's calls stand in the one content behind it, as many as there are calls, by name and order",
    "guide \"Tune function calling\"; Kiln 2026-08, dataset_formatter.py",
);
const SCHEMA: Rule = Rule::new(
    "schema",
    "`parameters` uses the keywords of `Schema` alone, and one type at a time",
    TYPES,
);
const LEGACY_KEYS: Rule = Rule::told(
    "legacy",
    "`text_input` and `output` are texts; not supported on Vertex AI",
    "google-genai 3.4.0, types.TuningExample",
);

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Vertex AI", options)?;
    let reasoning = Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?;
    let form = if spec.has(LEGACY) {
        Form::Legacy
    } else {
        Form::Contents
    };
    Ok(Box::new(Gemini { reasoning, form }))
}

#[derive(Debug)]
struct Gemini {
    reasoning: Placement,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Contents,
    Legacy,
}

impl Encoder for Gemini {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        FORMAT.shapes.contains(&shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let conversation = shared::conversation(example)?;
        let trace = conversation.trace();
        account::trace(trace, MetadataMode::Omit, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        if self.form == Form::Legacy {
            return self.legacy(conversation, &mut scratch.losses, &mut w);
        }
        let messages = conversation.messages();
        scratch.links.compute(messages);
        scratch.ids.compute(messages)?;
        let mut blocks = Blocks {
            conversation,
            thread: Thread::new(messages, &scratch.links),
            ids: &scratch.ids,
            reasoning: self.reasoning,
            embedded: &mut scratch.embedded,
            losses: &mut scratch.losses,
        };
        w.begin_object();
        if blocks.has_instructions() {
            w.key("systemInstruction").begin_object();
            w.key("parts").begin_array();
            blocks.instructions::<Parts>(&mut w);
            w.end_array();
            w.end_object();
        }
        w.key("contents").begin_array();
        blocks.turns::<Parts>(0..messages.len(), &mut w)?;
        w.end_array();
        declarations(trace, &mut scratch.losses, &mut w);
        w.end_object();
        Ok(())
    }
}

impl Gemini {
    fn legacy(
        &self,
        conversation: Conversation<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        tools::note_lost(conversation.trace(), losses);
        w.begin_object();
        let mut wanted = [("text_input", Role::User), ("output", Role::Assistant)].into_iter();
        for (index, message) in conversation.messages().iter().enumerate() {
            account::fields(message, index, account::Carried::default(), losses);
            account::name(message, index, None, losses);
            if blocks::is_system(message) {
                losses.note(Loss::SystemMessage, index);
                continue;
            }
            let Some((key, _)) = wanted.next().filter(|(_, role)| role == message.role()) else {
                let text = "`+legacy` is for one question and one answer; leave it out for anything else";
                return Err(EncodeError::at(index, EncodeErrorKind::Content, text));
            };
            let thoughts = if *message.role() == Role::Assistant {
                for _ in message.tool_calls() {
                    losses.note(Loss::ToolCalls, index);
                }
                self.reasoning.words(message, index, losses)?
            } else {
                account::not_assistant(message, index, self.reasoning, losses);
                None
            };
            let mut s = w.key(key).begin_string();
            if let Some(thoughts) = thoughts {
                shared::reasoning::think(thoughts, &mut s);
            }
            text::append(message.content(), index, &mut s, losses);
            s.end();
        }
        if wanted.next().is_some() {
            let text = "`+legacy` wants a question and an answer";
            return Err(EncodeError::new(EncodeErrorKind::Content, text));
        }
        w.end_object();
        Ok(())
    }
}

/// The spelling of contents and parts.
struct Parts;

impl Spelling for Parts {
    const RESULTS: ResultOrder = ResultOrder::OfCalls;

    fn open(side: Side, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("role").str(match side {
            Side::User => "user",
            Side::Model => "model",
        });
        w.key("parts").begin_array();
    }

    fn open_text(w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("text");
    }

    fn thoughts(_: &Text<'_>, _: &mut JsonWriter<'_>) {}

    fn media(media: &Media<'_>, w: &mut JsonWriter<'_>) -> bool {
        let (MediaSource::Url(url), Some(kind)) = (media.source(), media.media_type()) else {
            return false;
        };
        let public = ["gs://", "https://", "http://"]
            .iter()
            .any(|start| url.body().starts_with(start));
        if public {
            w.begin_object();
            w.key("fileData").begin_object();
            w.key("mimeType").text(kind);
            w.key("fileUri").text(url);
            w.end_object();
            w.end_object();
        }
        public
    }

    fn open_call(call: &ToolCall<'_>, _: Id<'_>, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("functionCall").begin_object();
        w.key("name").text(call.name());
        w.key("args");
    }

    fn close_call(w: &mut JsonWriter<'_>) {
        w.end_object();
        w.end_object();
    }

    fn result(result: &Given<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        w.begin_object();
        w.key("functionResponse").begin_object();
        w.key("name").text(result.call.name());
        w.key("response");
        match result.message.content() {
            Content::Other(object) if object.kind() == Kind::Object => {
                w.raw(object);
                account::error_mark(result.message, result.index, losses);
            }
            content => {
                w.begin_object();
                let key = if result.message.is_error() == Some(true) {
                    "error"
                } else {
                    "output"
                };
                let mut s = w.key(key).begin_string();
                text::append(content, result.index, &mut s, losses);
                s.end();
                w.end_object();
            }
        }
        w.end_object();
        w.end_object();
    }
}

/// Writes `tools`, with the schemas that it can say; nothing if there is no function.
fn declarations(trace: &Trace<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let Some(functions) = tools::functions(trace, losses) else {
        return;
    };
    w.key("tools").begin_array();
    w.begin_object();
    w.key("functionDeclarations").begin_array();
    for function in functions {
        declaration(function, losses, w);
    }
    w.end_array();
    w.end_object();
    w.end_array();
}

fn declaration(function: &Function<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("name").text(function.name());
    if let Some(description) = function.description() {
        w.key("description").text(description);
    }
    if let Some(parameters) = function.parameters() {
        w.key("parameters");
        schema::gemini(parameters.view(), losses, w);
    }
    if !function.extra().is_empty() {
        losses.omit(Omission::Fields);
    }
    w.end_object();
}

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    if spec.has(LEGACY) {
        for key in ["text_input", "output"] {
            findings.member(record, key, |findings, value| {
                findings.text(value);
            });
        }
        return;
    }
    findings.only_keys(
        record,
        &["systemInstruction", "system_instruction", "contents", "tools"],
        &KEYS,
    );
    for key in ["systemInstruction", "system_instruction"] {
        findings.member_if_any(record, key, |findings, content| {
            check_content(content, findings);
        });
    }
    let mut calls = Vec::new();
    findings.member(record, "contents", |findings, contents| {
        findings.each(contents, |findings, _, content| {
            check_role(content, findings);
            let found = check_content(content, findings);
            if found.results != calls && (!found.results.is_empty() || !calls.is_empty()) {
                let text = format!(
                    "the content answers {:?}, and the one before it calls {calls:?}",
                    found.results
                );
                findings.note(&RESULTS, text);
            }
            calls = found.calls;
        });
        if contents.kind() == Kind::Array && contents.elements().next().is_none() {
            findings.note(&MISSING, "there is no content");
        }
    });
    findings.member_if_any(record, "tools", check_tools);
}

fn check_role(content: JsonView<'_>, findings: &mut Findings) {
    // Results may stand without a role.
    if let Some(role) = content.get("role")
        && !["\"user\"", "\"model\""].contains(&role.as_str())
    {
        findings.note_at("role", &ROLES, format!("the role is {role}"));
    }
}

/// The names of the functions that a content calls, and of those that it answers.
#[derive(Default)]
struct Named {
    calls: Vec<String>,
    results: Vec<String>,
}

fn check_content(content: JsonView<'_>, findings: &mut Findings) -> Named {
    let mut named = Named::default();
    if !findings.is(content, Kind::Object) {
        return named;
    }
    findings.only_keys(content, &["role", "parts"], &KEYS);
    findings.member(content, "parts", |findings, parts| {
        findings.each(parts, |findings, _, part| check_part(part, &mut named, findings));
    });
    named
}

fn check_part(part: JsonView<'_>, named: &mut Named, findings: &mut Findings) {
    const KINDS: [&str; 4] = ["text", "fileData", "functionCall", "functionResponse"];
    if !findings.is(part, Kind::Object) {
        return;
    }
    if part.members().count() != 1 || !KINDS.iter().any(|kind| part.get(kind).is_some()) {
        findings.note(&PARTS, format!("a part is one of {}", KINDS.join(", ")));
    }
    findings.member_if_any(part, "text", |findings, text| {
        findings.text(text);
    });
    for (key, object, rule) in [
        ("functionCall", "args", ARGS),
        ("functionResponse", "response", RESPONSE),
    ] {
        findings.member_if_any(part, key, |findings, value| {
            findings.only_keys(value, &["name", "id", object], &KEYS);
            findings.member(value, "name", |findings, name| {
                let Some(name) = findings.text(name) else { return };
                let list = if key == "functionCall" {
                    &mut named.calls
                } else {
                    &mut named.results
                };
                list.push(name.decode().into_owned());
            });
            if value.get(object).is_none_or(|value| value.kind() != Kind::Object) {
                findings.note(&rule, format!("`{object}` is no object"));
            }
        });
    }
}

fn check_tools(findings: &mut Findings, tools: JsonView<'_>) {
    findings.each(tools, |findings, _, tool| {
        findings.member(tool, "functionDeclarations", |findings, declarations| {
            findings.each(declarations, |findings, _, declaration| {
                findings.only_keys(
                    declaration,
                    &[
                        "name",
                        "description",
                        "parameters",
                        "parametersJsonSchema",
                        "response",
                        "behavior",
                    ],
                    &KEYS,
                );
                findings.member(declaration, "name", |findings, name| {
                    findings.text(name);
                });
                findings.member_if_any(declaration, "parameters", |findings, parameters| {
                    schema::check_gemini(parameters, &SCHEMA, findings);
                });
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::encode;

    #[test]
    fn results_stand_in_the_order_of_their_calls() {
        let line = r#"{"messages":[{"role":"user","content":"?"},
            {"role":"assistant","content":"Let me see.","tool_calls":[{"id":"a","name":"f","arguments":{}},{"id":"b","name":"g","arguments":"{\"x\":1.0}"}]},
            {"role":"tool","tool_call_id":"b","content":"2","is_error":true},{"role":"tool","tool_call_id":"a","content":"1"},
            {"role":"assistant","content":"done"}]}"#;
        let (record, losses) = encode("gemini", line).unwrap();
        assert!(losses.is_empty());
        assert_eq!(
            record,
            concat!(
                r#"{"contents":[{"role":"user","parts":[{"text":"?"}]},{"role":"model","parts":[{"text":"Let me see."},"#,
                r#"{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"g","args":{"x":1.0}}}]},"#,
                r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"1"}}},"#,
                r#"{"functionResponse":{"name":"g","response":{"error":"2"}}}]},{"role":"model","parts":[{"text":"done"}]}]}"#,
            )
        );
    }

    #[test]
    fn arguments_that_are_no_object_are_refused() {
        let line = r#"{"messages":[{"role":"user","content":"?"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","name":"f","arguments":"{x"}]}]}"#;
        assert_eq!(
            encode("gemini", line).unwrap_err().kind(),
            EncodeErrorKind::Arguments
        );
    }

    #[test]
    fn legacy_is_one_question_and_one_answer() {
        let line = r#"{"messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Lima."}]}"#;
        let wanted = r#"{"text_input":"Capital of Peru?","output":"Lima."}"#;
        assert_eq!(
            encode("gemini+legacy", line).unwrap(),
            (wanted.to_owned(), Vec::new())
        );
        let two = line.replace("]}", r#",{"role":"user","content":"And Chile?"}]}"#);
        assert_eq!(
            encode("gemini+legacy", &two).unwrap_err().kind(),
            EncodeErrorKind::Content
        );
    }
}
