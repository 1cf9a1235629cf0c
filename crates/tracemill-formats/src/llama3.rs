//! Llama 3: turns behind headers, as one text or in pieces.
//!
//! ```text
//! <|start_header_id|>user<|end_header_id|>
//!
//! Weather in Oslo?<|eot_id|><|start_header_id|>assistant<|end_header_id|>
//!
//! {"name": "get_weather", "parameters": {"city": "Oslo"}}<|eot_id|><|start_header_id|>ipython<|end_header_id|>
//!
//! "4 C"<|eot_id|>
//! ```
//!
//! The text is what the templates of Llama 3, 3.1 and 3.2 make, as TRL 1.16.0 ships them (`chat_templates/`), white space
//! of JSON included; but white space around what a message says stays. Definitions stand in the first turn of the user,
//! where the template puts them by default. It puts a head with fixed dates into the system turn as well: `+dates` writes
//! that, and nothing does without. Delivery is that of `chatml`; here too no token that begins a text is written.
//!
//! The template raises on two calls in a turn, and leaves out text beside one. So calls of one turn are written apart, each
//! with its result behind it (`parallel-calls`), and text beside them is a loss. Results are told by their place alone: one
//! that stands behind another call than its own is noted as `orphan-result`, and left out if it answers none.

mod text;

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Example, JsonView, JsonWriter, Shape, Text};

use crate::capability::{Capability, Feature, Holds};
use crate::check::{COLUMNS, Ends, Findings, LEARNT};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::reasoning::Placement;
use crate::shared::rendered::{Delivery, Plan, Script, WITH_PROMPT_COMPLETION, WITH_SEGMENTS, find_mark};
use crate::shared::thread::Thread;
use crate::shared::{self, account, metadata};
use crate::spec::{FormatSpec, SpecError};

use text::Rendering;

pub(crate) const FORMAT: Format = Format {
    name: "llama3",
    summary: "Llama 3 as rendered text: headers and `<|eot_id|>` around every turn, tools as Llama 3.1 reads them",
    shapes: &[Shape::Conversation],
    extensions: &[
        Extension::off(
            DATES,
            "the system turn begins with the environment and the fixed dates that the template of Llama 3.1 writes",
        ),
        WITH_PROMPT_COMPLETION,
        WITH_SEGMENTS,
    ],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::Results,
            Feature::Metadata,
            Feature::MultiTurn,
        ])
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ParallelCalls,
        Loss::TextBesideCall,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
        Loss::OrphanResult,
        Loss::UnansweredCall,
        Loss::ErrorMark,
        Loss::Images,
        Loss::Audio,
        Loss::Video,
        Loss::Files,
        Loss::OtherPart,
        Loss::JoinedParts,
        Loss::ObjectContent,
        Loss::TrainFlags,
    ],
    rules: &[
        COLUMNS, LEARNT, FRAMING, MARKS, ROLES, CALLS, ARGUMENTS, RESULTS, ENDS.rule, START,
    ],
    file_rules: &[],
    check,
    example: r#"{"text":"<|start_header_id|>user<|end_header_id|>\n\nCapital of Peru?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nLima.<|eot_id|>"}"#,
    make,
};

const DATES: &str = "dates";
const TEMPLATES: &str = "trl 1.16.0, chat_templates/llama3.jinja and llama3_1.jinja, rendered";

const FRAMING: Rule = Rule::new(
    "framing",
    "the text is a sequence of turns: `<|start_header_id|>`, a role, `<|end_header_id|>`, a blank line, the content, \
     `<|eot_id|>`",
    TEMPLATES,
);
const MARKS: Rule = Rule::new(
    "marks",
    "no content holds a special token of the tokenizer, such as `<|eot_id|>`, which is read as one wherever it stands",
    "meta-llama/llama-models, models/llama3/tokenizer.py",
);
const ROLES: Rule = Rule::new(
    "roles",
    "roles are system, user, assistant and ipython",
    TEMPLATES,
);
const CALLS: Rule = Rule::new(
    "calls",
    "a call is a turn that is one JSON object with `name` and `parameters`, not `arguments`",
    TEMPLATES,
);
const ARGUMENTS: Rule = Rule::new("arguments", "the `parameters` of a call are an object", TEMPLATES);
const RESULTS: Rule = Rule::new(
    "results",
    "what an ipython turn holds is JSON: a text has quotes",
    TEMPLATES,
);
const ENDS: Ends = Ends {
    rule: Rule::new(
        "end",
        "`text` and `completion` end with `<|eot_id|>`: TRL appends the token that ends a text to any other",
        "trl 1.16.0, trainer/sft_trainer.py",
    ),
    tokens: &[EOT],
};
const START: Rule = Rule::told(
    "start",
    "`<|begin_of_text|>` does not stand first: trainers have the tokenizer add it",
    "trl 1.16.0, trainer/sft_trainer.py",
);

const HEADER: &str = "<|start_header_id|>";
const HEADER_END: &str = "<|end_header_id|>\n\n";
const EOT: &str = "<|eot_id|>";
const TOKENS: &[&str] = &[
    HEADER,
    "<|end_header_id|>",
    EOT,
    "<|eom_id|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|python_tag|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|image|>",
    "<|reserved_special_token_",
];
const ENVIRONMENT: &str = "Environment: ipython\n";
const TODAY: &str = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
const TOOLS_HEAD: &str = "Given the following functions, please respond with a JSON for a function call with its \
                          proper arguments that best answers the given prompt.\n\nRespond in the format {\"name\": \
                          function name, \"parameters\": dictionary of argument name and its value}.Do not use \
                          variables.\n\n";

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    let Some(text) = ENDS.text(spec, record, findings) else {
        return;
    };
    let mut any = false;
    let (mut rest, mut number) = (text.as_str(), 1);
    while let Some((role, content, after)) = first_turn(rest) {
        if let Some(mark) = find_mark(content.as_bytes(), TOKENS) {
            findings.note(&MARKS, format!("turn {number} holds `{mark}`"));
        }
        match role {
            "system" | "user" => {}
            "assistant" => {
                any = true;
                check_said(content, findings);
            }
            "ipython" => findings.embedded(&Text::new(content), &RESULTS, |_, _| {}),
            _ => findings.note(&ROLES, format!("a turn has the role `{role}`")),
        }
        (rest, number) = (after, number + 1);
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() || number == 1 {
        findings.note(&FRAMING, format!("turn {number} does not begin or does not end"));
    }
    if !any {
        findings.note(&LEARNT, "there is no turn of the assistant");
    }
}

/// The role and the content of the turn that a text begins with, and what comes behind it.
fn first_turn(text: &str) -> Option<(&str, &str, &str)> {
    let (role, rest) = text.strip_prefix(HEADER)?.split_once(HEADER_END)?;
    let (content, after) = rest.split_once(EOT)?;
    Some((role, content, after))
}

/// A turn that is an object with a name is a call, or meant to be one.
fn check_said(content: &str, findings: &mut Findings) {
    let content = Text::new(content);
    let mut embedded = EmbeddedJson::new();
    let Ok(call) = embedded.read(&content) else {
        return;
    };
    if call.get("name").is_none_or(|name| name.kind() != Kind::String) {
        return;
    }
    match call.get("parameters") {
        Some(parameters) if parameters.kind() != Kind::Object => {
            findings.note(&ARGUMENTS, "the `parameters` of a call are no object");
        }
        None if call.get("arguments").is_some() => {
            findings.note(&CALLS, "a call has `arguments`, and should have `parameters`");
        }
        _ => {}
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Llama3 {
        delivery: Delivery::of(spec)?,
        head: if spec.has(DATES) { Head::Dates } else { Head::None },
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Llama3 {
    delivery: Delivery,
    head: Head,
    reasoning: Placement,
    metadata: MetadataMode,
}

/// What stands before the system message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    None,
    Dates,
}

impl Encoder for Llama3 {
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
        let messages = conversation.messages();
        let Scratch {
            losses,
            links,
            embedded,
            json,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let plan = Plan::new(conversation, self.delivery, losses);
        let mut text = Rendering {
            plan,
            head: self.head,
            reasoning: self.reasoning,
            messages,
            thread: Thread::linked(messages, links),
            script: Script::begin(self.delivery, &mut w),
            embedded,
            json,
            losses,
        };
        text.write(conversation.trace())?;
        text.script.end()?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
