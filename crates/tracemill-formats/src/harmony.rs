//! Harmony, the text that gpt-oss reads: messages with headers and channels, as one text or in pieces.
//!
//! ```text
//! <|start|>developer<|message|># Instructions
//!
//! Use tools.<|end|><|start|>user<|message|>Weather in Oslo?<|end|><|start|>assistant<|channel|>analysis<|message|>Need a
//! lookup.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Oslo"}
//! <|call|><|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>4 C<|end|>
//! ```
//!
//! After `docs/format.md` of openai-harmony 0.0.8, which also parses every record back (see the conformance suite). System
//! messages are those of the *developer*, where the definitions stand as well; `+system` writes the system message of the
//! library before them, without a date. Reasoning goes to the channel `analysis`, text beside a call to `commentary`, an
//! answer to `final`. The recipient of a call stands in the channel section of its header. Arguments stay as recorded.
//!
//! A model never sees the analysis of an answer again. So analysis before an earlier answer is left out: it is the loss
//! `reasoning` where the turn is trained on, else it counts as left out; one record per turn (`--turns each`) keeps all of
//! it. The last answer ends with `<|return|>` if it is learnt, all before it with `<|end|>`. Calls of one turn are written
//! one after the other, each with its result behind it (`parallel-calls`). Delivery is that of `chatml`.

mod text;

use tracemill_model::json::Kind;
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

use text::{Rendering, earlier_answer};

pub(crate) const FORMAT: Format = Format {
    name: "harmony",
    summary: "Harmony as rendered text, for gpt-oss: channels for reasoning, calls and answers",
    shapes: &[Shape::Conversation],
    extensions: &[
        WITH_PROMPT_COMPLETION,
        WITH_SEGMENTS,
        Extension::off(
            SYSTEM,
            "begins with the system message of openai-harmony: identity, effort and channels, without a date",
        ),
    ],
    capability: Capability::NONE
        .holding(&[
            Feature::System,
            Feature::Tools,
            Feature::Calls,
            Feature::Results,
            Feature::TextBesideCall,
            Feature::Metadata,
            Feature::MultiTurn,
        ])
        .with(Feature::Reasoning, Holds::Partly)
        .with(Feature::Weights, Holds::Partly),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ParallelCalls,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
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
        Loss::ToolSchema,
    ],
    rules: &[
        COLUMNS, LEARNT, FRAMING, MARKS, ROLES, CHANNELS, CALLS, ARGUMENTS, RETURN, ENDS.rule, SEEN,
    ],
    file_rules: &[],
    check,
    example: r#"{"text":"<|start|>user<|message|>Capital of Peru?<|end|><|start|>assistant<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>Lima.<|return|>"}"#,
    make,
};

const SYSTEM: &str = "system";
const DOCUMENT: &str = "openai-harmony 0.0.8, docs/format.md";
const LIBRARY: &str = "openai-harmony 0.0.8, encoding.rs and tiktoken_ext";

const FRAMING: Rule = Rule::new(
    "framing",
    "the text is a sequence of messages: `<|start|>`, a header, `<|message|>`, the content, and `<|end|>`, `<|call|>` or \
     `<|return|>`",
    DOCUMENT,
);
const MARKS: Rule = Rule::new(
    "marks",
    "no content holds a special token such as `<|end|>`, which is read as one wherever it stands",
    LIBRARY,
);
const ROLES: Rule = Rule::new(
    "roles",
    "a header begins with system, developer, user, assistant, or the name of a tool that speaks to the assistant",
    DOCUMENT,
);
const CHANNELS: Rule = Rule::new(
    "channels",
    "a message of the assistant has the channel analysis, commentary or final",
    DOCUMENT,
);
const CALLS: Rule = Rule::new(
    "calls",
    "a message of the assistant that has a recipient ends with `<|call|>`, and no other does",
    LIBRARY,
);
const ARGUMENTS: Rule = Rule::new(
    "arguments",
    "what a call says behind `<|constrain|>json` is a JSON object",
    DOCUMENT,
);
const RETURN: Rule = Rule::new(
    "return",
    "`<|return|>` ends the last message alone, which is an answer",
    DOCUMENT,
);
const SEEN: Rule = Rule::told(
    "analysis",
    "analysis before an earlier answer is not shown to the model again",
    DOCUMENT,
);
const ENDS: Ends = Ends {
    rule: Rule::new(
        "end",
        "`text` and `completion` end with the token that ends a message",
        "trl 1.16.0, trainer/sft_trainer.py",
    ),
    tokens: &[END, CALL, RETURN_TOKEN],
};

const START: &str = "<|start|>";
const MESSAGE: &str = "<|message|>";
const CHANNEL: &str = "<|channel|>";
const CONSTRAIN: &str = "<|constrain|>";
const END: &str = "<|end|>";
const CALL: &str = "<|call|>";
const RETURN_TOKEN: &str = "<|return|>";
const TOKENS: &[&str] = &[
    START,
    MESSAGE,
    CHANNEL,
    CONSTRAIN,
    END,
    CALL,
    RETURN_TOKEN,
    "<|startoftext|>",
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|reserved_",
];
/// The system message that openai-harmony makes without being told anything.
const SYSTEM_MESSAGE: &str = "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: \
                              2024-06\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, final. Channel \
                              must be included for every message.";
const SYSTEM_TOOLS: &str = "\nCalls to these tools must go to the commentary channel: 'functions'.";

fn check(spec: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    let Some(text) = ENDS.text(spec, record, findings) else {
        return;
    };
    let mut any = false;
    let (mut rest, mut number) = (text.as_str(), 1);
    while let Some((header, content, end, after)) = first_message(rest) {
        if let Some(mark) = find_mark(content.as_bytes(), TOKENS) {
            findings.note(&MARKS, format!("message {number} holds `{mark}`"));
        }
        any |= header.role == "assistant";
        header.check(content, end, findings);
        if end == RETURN_TOKEN && (!after.is_empty() || header.channel != Some("final")) {
            findings.note(
                &RETURN,
                format!("message {number} ends with `{RETURN_TOKEN}` and is not the last answer"),
            );
        }
        (rest, number) = (after, number + 1);
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() || number == 1 {
        findings.note(
            &FRAMING,
            format!("message {number} does not begin or does not end"),
        );
    }
    if !any {
        findings.note(&LEARNT, "there is no message of the assistant");
    }
}

/// The header of a message, in its parts.
struct Header<'t> {
    role: &'t str,
    recipient: Option<&'t str>,
    channel: Option<&'t str>,
    is_json: bool,
}

/// The message that a text begins with: header, content and end, and what comes behind it.
fn first_message(text: &str) -> Option<(Header<'_>, &str, &'static str, &str)> {
    let (header, rest) = text.strip_prefix(START)?.split_once(MESSAGE)?;
    let ends = [END, CALL, RETURN_TOKEN];
    let (at, end) = ends
        .into_iter()
        .filter_map(|end| Some((rest.find(end)?, end)))
        .min()?;
    Some((Header::parse(header), &rest[..at], end, &rest[at + end.len()..]))
}

impl<'t> Header<'t> {
    fn parse(header: &'t str) -> Self {
        let (header, is_json) = match header.split_once(CONSTRAIN) {
            Some((header, kind)) => (header, kind.trim() == "json"),
            None => (header, false),
        };
        let (author, channel) = match header.split_once(CHANNEL) {
            Some((author, channel)) => (author, Some(channel)),
            None => (header, None),
        };
        let recipient = |section: &'t str| {
            let mut words = section.split_whitespace();
            words.find_map(|word| word.strip_prefix("to="))
        };
        let first = |section: &'t str| section.split_whitespace().next().unwrap_or_default();
        Header {
            role: first(author),
            recipient: recipient(author).or(channel.and_then(recipient)),
            channel: channel.map(first),
            is_json,
        }
    }

    fn check(&self, content: &str, end: &str, findings: &mut Findings) {
        match self.role {
            "system" | "developer" | "user" => {}
            "assistant" => {
                if !matches!(self.channel, Some("analysis" | "commentary" | "final")) {
                    findings.note(
                        &CHANNELS,
                        format!("the channel is `{}`", self.channel.unwrap_or("")),
                    );
                }
                if self.recipient.is_some() != (end == CALL) {
                    findings.note(&CALLS, format!("a message ends with `{end}`"));
                }
            }
            _ if self.recipient == Some("assistant") => {}
            role => findings.note(&ROLES, format!("a message is from `{role}`")),
        }
        if self.is_json {
            findings.embedded(&Text::new(content), &ARGUMENTS, |findings, arguments| {
                if arguments.kind() != Kind::Object {
                    findings.note(&ARGUMENTS, "the arguments are no object");
                }
            });
        }
    }
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(Harmony {
        delivery: Delivery::of(spec)?,
        head: if spec.has(SYSTEM) {
            Head::System
        } else {
            Head::None
        },
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct Harmony {
    delivery: Delivery,
    head: Head,
    reasoning: Placement,
    metadata: MetadataMode,
}

/// What stands before the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    None,
    System,
}

impl Encoder for Harmony {
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
            words,
            ..
        } = scratch;
        account::trace(conversation.trace(), self.metadata, &[], losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let plan = Plan::new(conversation, self.delivery, losses);
        let mut text = Rendering {
            plan,
            delivery: self.delivery,
            reasoning: self.reasoning,
            messages,
            thread: Thread::linked(messages, links),
            answered: earlier_answer(&messages[plan.written()]),
            script: Script::begin(self.delivery, &mut w),
            embedded,
            words,
            losses,
        };
        text.write(conversation.trace(), self.head)?;
        text.script.end()?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
