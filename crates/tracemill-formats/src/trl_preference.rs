//! Preference data for TRL: a prompt, a better and a worse completion.
//!
//! Read by the DPO trainer and its relatives in TRL 1.16.0 (`trainer/dpo_trainer.py`, `data_utils.py`). Messages look as
//! in the format `hf`: arguments are objects, content is text, results carry the name of their function. A completion is
//! a list, so calls, their results and the final answer may stand in one; TRL trains on all of it.
//!
//! With `+implicit-prompt` both sides hold the whole conversation, the prompt in the same bytes, because TRL finds it as
//! the common beginning. With `+standard` everything is text: for a prompt that is one user message, and answers that
//! are one text each. Identity and scores stand under `metadata`, a column that TRL removes.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Preference, Shape};

use crate::capability::{Capability, Feature};
use crate::check::{self, Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, plain, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "trl-preference",
    summary: "pairs for TRL's DPO: `prompt`, `chosen` and `rejected` as message lists, arguments as objects",
    shapes: &[Shape::Preference],
    extensions: &[
        Extension::off(
            IMPLICIT_PROMPT,
            "`chosen` and `rejected` hold the whole conversation, and there is no `prompt`",
        ),
        Extension::off(
            STANDARD,
            "everything is text: for prompts of one user message and answers of one text",
        ),
    ],
    capability: CAPABILITY,
    losses: LOSSES,
    rules: &[COLUMNS, ONE_KIND, ARGUMENTS, CONTENT, RESULT_NAME, TOOLS, ASKED],
    file_rules: &[],
    check,
    example: r#"{"prompt":[{"role":"system","content":"Use tools."},{"role":"user","content":"Weather in Oslo?"}],"chosen":[{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"get_weather","arguments":{"city":"Oslo"}}}]}],"rejected":[{"role":"assistant","content":"Sunny!"}],"tools":[{"type":"function","function":{"name":"get_weather","description":"Current weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}"#,
    make,
};

/// What lists of messages for TRL hold.
pub(crate) const CAPABILITY: Capability = Capability::NONE.holding(&[
    Feature::System,
    Feature::Tools,
    Feature::Calls,
    Feature::ParallelCalls,
    Feature::Results,
    Feature::TextBesideCall,
    Feature::Reasoning,
    Feature::Metadata,
    Feature::MultiTurn,
]);

/// What lists of messages for TRL may lose.
pub(crate) const LIST_LOSSES: &[Loss] = &[
    Loss::Reasoning,
    Loss::OpaqueReasoning,
    Loss::ToolKind,
    Loss::ToolCalls,
    Loss::CallKind,
    Loss::UnparsableArguments,
    Loss::NonObjectArguments,
    Loss::DeveloperRole,
    Loss::OtherRole,
    Loss::OrphanResult,
    Loss::ErrorMark,
    Loss::Images,
    Loss::Audio,
    Loss::Video,
    Loss::Files,
    Loss::OtherPart,
    Loss::JoinedParts,
    Loss::ObjectContent,
    Loss::TrainFlags,
    Loss::PromptDiffers,
];

/// With those of plain text.
const LOSSES: &[Loss] = &[
    Loss::Reasoning,
    Loss::OpaqueReasoning,
    Loss::Tools,
    Loss::ToolKind,
    Loss::ToolCalls,
    Loss::CallKind,
    Loss::UnparsableArguments,
    Loss::NonObjectArguments,
    Loss::DeveloperRole,
    Loss::OtherRole,
    Loss::SpeakerName,
    Loss::OrphanResult,
    Loss::ErrorMark,
    Loss::Images,
    Loss::Audio,
    Loss::Video,
    Loss::Files,
    Loss::OtherPart,
    Loss::JoinedParts,
    Loss::ObjectContent,
    Loss::TrainFlags,
    Loss::LongCompletion,
    Loss::PromptDiffers,
];

pub(crate) const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "the arguments of a call are an object: text raises in some templates and is encoded twice by others",
    TEMPLATES,
);
pub(crate) const CONTENT: Rule = Rule::new(
    "content",
    "`content` is text and never `null`, on which several templates fail",
    TEMPLATES,
);
pub(crate) const RESULT_NAME: Rule = Rule::new(
    "result-name",
    "a result carries the name of its function, which the template of gpt-oss needs",
    TEMPLATES,
);
pub(crate) const TEMPLATES: &str = "chat templates as shipped in trl 1.16.0, rendered";
const TRL: &str = "trl 1.16.0, data_utils.py and docs/source/dataset_formats.md";
const IMPLICIT_PROMPT: &str = "implicit-prompt";
const STANDARD: &str = "standard";

const COLUMNS: Rule = Rule::new(
    "columns",
    "either `prompt`, `chosen` and `rejected`, or `chosen` and `rejected` that begin with the same messages",
    TRL,
);
const ONE_KIND: Rule = Rule::new(
    "one-kind",
    "all three are lists of messages, or all three are text",
    TRL,
);
const TOOLS: Rule = Rule::new("tools", "`tools` is a list of definitions or its JSON text", TRL);

pub(crate) const ASKED: Rule = Rule::new(
    "prompt-last",
    "the prompt ends with a user, tool or assistant turn",
    "trl 1.16.0, data_utils.py",
);

/// Checks that a prompt that is a list ends where a model can go on.
pub(crate) fn check_asked(record: JsonView<'_>, findings: &mut Findings) {
    findings.member_if_any(record, "prompt", |findings, prompt| {
        let last = prompt.elements().last();
        let role = last.as_ref().and_then(|message| message.get("role"));
        if role.is_some_and(|role| ["\"system\"", "\"developer\""].contains(&role.as_str())) {
            findings.note(&ASKED, "the last message of the prompt is a system message");
        }
    });
}

/// What templates demand of the messages of TRL's preference data.
pub(crate) const LISTS: Chat = Chat(&[
    Demand::TextContent(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Object),
    Demand::ResultName(RESULT_NAME),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    for key in ["chosen", "rejected"]
        .into_iter()
        .filter(|key| record.get(key).is_none())
    {
        findings.note(&COLUMNS, format!("`{key}` is missing"));
    }
    let parts = ["prompt", "chosen", "rejected"];
    let is_text = |key: &&str| record.get(key).is_some_and(|value| value.kind() == Kind::String);
    let is_list = |key: &&str| record.get(key).is_some_and(|value| value.kind() == Kind::Array);
    if parts.iter().any(is_text) && parts.iter().any(is_list) {
        findings.note(
            &ONE_KIND,
            "some of the parts are text, others are lists of messages",
        );
    }
    for key in parts.into_iter().filter(|key| !is_text(key)) {
        findings.member_if_any(record, key, |findings, list| LISTS.check(list, findings));
    }
    check_asked(record, findings);
    check_tools(record, &TOOLS, findings);
}

/// Checks `tools` as TRL takes them: a list of definitions, or its JSON text.
pub(crate) fn check_tools(record: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    findings.member_if_any(record, "tools", |findings, tools| {
        match (tools.kind(), tools.as_text()) {
            (Kind::Array, _) => check::tools(tools, None, findings),
            (_, Some(text)) => {
                findings.embedded(&text, rule, |findings, tools| check::tools(tools, None, findings));
            }
            (kind, _) => findings.note(rule, format!("`tools` is {}", kind.noun())),
        }
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    let columns = match (spec.has(IMPLICIT_PROMPT), spec.has(STANDARD)) {
        (false, false) => Columns::Explicit,
        (true, false) => Columns::Implicit,
        (false, true) => Columns::Standard,
        (true, true) => {
            let reason = "text has no messages in which an implicit prompt could be found; use one of \
                          `implicit-prompt` and `standard`";
            return Err(SpecError::Conflict {
                format: FORMAT.name,
                reason: reason.to_owned(),
            });
        }
    };
    let reasoning = match columns {
        Columns::Standard => Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
        _ => Placement::with_field(options.reasoning()),
    };
    Ok(Box::new(TrlPreference {
        columns,
        reasoning,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct TrlPreference {
    columns: Columns,
    reasoning: Placement,
    metadata: MetadataMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    Explicit,
    Implicit,
    Standard,
}

impl Encoder for TrlPreference {
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
        lists::check_asked(pair.prompt.messages())?;
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        match self.columns {
            Columns::Explicit => self.explicit(pair, scratch, &mut w)?,
            Columns::Implicit => {
                let completions =
                    [&pair.chosen, &pair.rejected].map(|side| Passage::completion(side.completion));
                lists::whole_conversations(pair, completions, self.reasoning, scratch, &mut w)?;
            }
            Columns::Standard => self.standard(pair, scratch, &mut w)?,
        }
        if self.columns == Columns::Standard {
            tools::note_lost(pair.prompt.trace(), &mut scratch.losses);
        } else {
            tools::nested_list(pair.prompt.trace(), &mut w, &mut scratch.losses);
        }
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

impl TrlPreference {
    fn explicit(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        w.key("prompt");
        lists::prompt(prompt, self.reasoning, scratch, w)?;
        lists::completions(pair, ["chosen", "rejected"], self.reasoning, scratch, w)
    }

    fn standard(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        let remedy = "use `trl-preference` without `standard`";
        w.key("prompt");
        plain::lone_prompt(prompt, self.reasoning, remedy, &mut scratch.losses, w)?;
        plain::answers(
            pair,
            ["chosen", "rejected"],
            self.reasoning,
            &mut scratch.losses,
            w,
        )
    }
}
