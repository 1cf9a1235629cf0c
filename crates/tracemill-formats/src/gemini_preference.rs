//! Pairs for the preference tuning of Gemini on Vertex AI: contents that end with the user, and two completions.
//!
//! From the guides "Prepare preference tuning data" and "About preference tuning", and `GeminiPreferenceExample` of
//! google-genai 3.4.0, which forbids other keys. Text only: calls, results, tool definitions, reasoning and media are
//! losses. System messages are parts of `system_instruction`. `score` is 1 for the better completion and 0 for the
//! worse one: it marks which is which, and is no measure.

use tracemill_model::json::Kind;
use tracemill_model::{Content, Example, JsonView, JsonWriter, Message, Part, Preference, Role, Shape, Text};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::account::{self, Carried};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::{self, Placement};
use crate::shared::{plain, text, tools};
use crate::spec::{self, FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "gemini-preference",
    summary: "pairs for preference tuning of Gemini on Vertex AI: `contents` and two `completions`, text alone",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE
        .holding(&[Feature::MultiTurn])
        .with(Feature::System, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolCalls,
        Loss::ToolResults,
        Loss::SystemMessage,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
        Loss::Images,
        Loss::Audio,
        Loss::Video,
        Loss::Files,
        Loss::OtherPart,
        Loss::ObjectContent,
        Loss::TrainFlags,
        Loss::LongCompletion,
        Loss::PromptDiffers,
    ],
    rules: &[LAST, COMPLETIONS, TEXT, KEYS],
    file_rules: &[],
    check,
    example: r#"{"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Capital of Peru?"}]}],"completions":[{"score":1,"completion":{"role":"model","parts":[{"text":"Lima."}]}},{"score":0,"completion":{"role":"model","parts":[{"text":"Cusco."}]}}]}"#,
    make,
};

const GUIDE: &str = "guide \"Prepare preference tuning data\" of Vertex AI";

const LAST: Rule = Rule::new("last", "`contents` ends with a user turn", GUIDE);
const COMPLETIONS: Rule = Rule::new(
    "completions",
    "there are two completions, of the role `model`, with the scores 1 and 0",
    GUIDE,
);
const TEXT: Rule = Rule::new("text", "parts are text", GUIDE);
const KEYS: Rule = Rule::new(
    "keys",
    "no other keys",
    "google-genai 3.4.0, types.GeminiPreferenceExample",
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.only_keys(
        record,
        &[
            "system_instruction",
            "systemInstruction",
            "contents",
            "completions",
        ],
        &KEYS,
    );
    for key in ["system_instruction", "systemInstruction"] {
        findings.member_if_any(record, key, check_content);
    }
    findings.member(record, "contents", |findings, contents| {
        findings.each(contents, |findings, _, content| check_content(findings, content));
        let last = contents.elements().last();
        if last.is_none_or(|content| content.get("role").is_none_or(|role| role.as_str() != "\"user\"")) {
            findings.note(&LAST, "the last of the contents is not the user's");
        }
    });
    findings.member(record, "completions", check_completions);
}

fn check_completions(findings: &mut Findings, completions: JsonView<'_>) {
    let mut scores = Vec::new();
    findings.each(completions, |findings, _, completion| {
        scores.push(
            completion
                .get("score")
                .and_then(tracemill_model::JsonView::as_f64),
        );
        findings.member(completion, "completion", |findings, content| {
            if content
                .get("role")
                .is_none_or(|role| role.as_str() != "\"model\"")
            {
                findings.note(&COMPLETIONS, "the completion is not of the role `model`");
            }
            check_content(findings, content);
        });
    });
    scores.sort_by(|a, b| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
    if scores != [Some(1.0), Some(0.0)] {
        findings.note(
            &COMPLETIONS,
            "there have to be two completions, with the scores 1 and 0",
        );
    }
}

fn check_content(findings: &mut Findings, content: JsonView<'_>) {
    if findings.is(content, Kind::Object) {
        findings.member(content, "parts", |findings, parts| {
            findings.each(parts, |findings, _, part| {
                if part.get("text").is_none_or(|text| text.kind() != Kind::String) {
                    findings.note(&TEXT, "the part holds no text");
                }
            });
        });
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    spec::no_metadata(FORMAT.name, "Vertex AI", options)?;
    Ok(Box::new(GeminiPreference {
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
    }))
}

#[derive(Debug)]
struct GeminiPreference {
    reasoning: Placement,
}

impl Encoder for GeminiPreference {
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
        let pair = pair::preference(example)?;
        let losses = &mut scratch.losses;
        pair::account(pair, MetadataMode::Omit, &[], losses);
        tools::note_lost(pair.prompt.trace(), losses);
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        self.instruction(prompt, losses, &mut w);
        self.contents(prompt, losses, &mut w)?;
        self.completions(pair, losses, &mut w)?;
        w.end_object();
        Ok(())
    }
}

fn is_system(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

impl GeminiPreference {
    /// What the system messages say; one that stands in the middle is moved, and noted.
    fn instruction(&self, prompt: Passage<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
        let messages = prompt.messages();
        if !prompt.range().any(|index| is_system(&messages[index])) {
            return;
        }
        w.key("system_instruction").begin_object();
        w.key("parts").begin_array();
        let mut leading = true;
        for index in prompt.range() {
            let message = &messages[index];
            leading &= is_system(message);
            if is_system(message) {
                if !leading {
                    losses.note(Loss::SystemMessage, index);
                }
                plain::role(message, index, losses);
                self.note_heard(message, index, losses);
                parts(message.content(), index, None, losses, w);
            }
        }
        w.end_array();
        w.end_object();
    }

    fn contents(
        &self,
        prompt: Passage<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let messages = prompt.messages();
        let mut last = None;
        w.key("contents").begin_array();
        for index in prompt.range() {
            let message = &messages[index];
            match message.role() {
                Role::System | Role::Developer => {}
                Role::Assistant if plain::is_call_alone(message) => {
                    plain::note_assistant(message, index, losses);
                    account::reasoning(message, index, self.reasoning, losses);
                    text::note_parts(message.content(), index, losses);
                }
                Role::Assistant => {
                    self.model(message, index, losses, w)?;
                    last = Some(Role::Assistant);
                }
                Role::Tool => {
                    account::fields(message, index, Carried::default(), losses);
                    losses.note(Loss::ToolResults, index);
                }
                _ => {
                    plain::role(message, index, losses);
                    self.note_heard(message, index, losses);
                    content("user", message.content(), index, None, losses, w);
                    last = Some(Role::User);
                }
            }
        }
        w.end_array();
        if last != Some(Role::User) {
            let text = "what is left of the prompt does not end with a user turn, which Vertex AI asks for";
            return Err(EncodeError::new(EncodeErrorKind::Order, text));
        }
        Ok(())
    }

    fn completions(
        &self,
        pair: &Preference<'_>,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        w.key("completions").begin_array();
        let mut side = |score, passage: Passage<'_>, w: &mut JsonWriter<'_>| {
            w.begin_object();
            w.key("score").number(score);
            w.key("completion");
            let start = w.position();
            if let Some((index, message)) = passage.first(losses).head() {
                plain::check_says(message, index)?;
                if !message.is_target() {
                    losses.note(Loss::TrainFlags, index);
                }
                self.model(message, index, losses, w)?;
            }
            let written = start..w.position();
            w.end_object();
            Ok::<_, EncodeError>(written)
        };
        let chosen = side(1, Passage::completion(pair.chosen.completion), w)?;
        let rejected = side(0, Passage::completion(pair.rejected.completion), w);
        pair::check_distinct(w, chosen, rejected.map_err(|error| error.of(REJECTED))?)?;
        w.end_array();
        Ok(())
    }

    fn model(
        &self,
        message: &Message<'_>,
        index: usize,
        losses: &mut Losses,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        plain::note_assistant(message, index, losses);
        let thoughts = self.reasoning.words(message, index, losses)?;
        content("model", message.content(), index, thoughts, losses, w);
        Ok(())
    }

    fn note_heard(&self, message: &Message<'_>, index: usize, losses: &mut Losses) {
        account::fields(message, index, Carried::default(), losses);
        account::not_assistant(message, index, self.reasoning, losses);
        account::name(message, index, None, losses);
    }
}

fn content(
    role: &'static str,
    content: &Content<'_>,
    index: usize,
    thoughts: Option<&Text<'_>>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    w.begin_object();
    w.key("role").str(role);
    w.key("parts").begin_array();
    parts(content, index, thoughts, losses, w);
    w.end_array();
    w.end_object();
}

/// Writes content as parts, one for each text.
fn parts(
    content: &Content<'_>,
    index: usize,
    thoughts: Option<&Text<'_>>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let texts = content.parts().iter().filter_map(Part::as_text);
    if thoughts.is_some() || texts.clone().next().is_none() {
        w.begin_object();
        let mut s = w.key("text").begin_string();
        if let Some(thoughts) = thoughts {
            reasoning::think(thoughts, &mut s);
        }
        if content.parts().is_empty() {
            text::append(content, index, &mut s, losses);
        }
        s.end();
        w.end_object();
    }
    text::note_parts(content, index, losses);
    for text in texts {
        w.begin_object();
        w.key("text").text(text);
        w.end_object();
    }
}
