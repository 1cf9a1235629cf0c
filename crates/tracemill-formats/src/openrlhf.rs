//! Pairs for OpenRLHF: two whole conversations that differ in their last message.
//!
//! Read by OpenRLHF 0.11.2 (`datasets/reward_dataset.py`) for reward models and, without a prompt key, for DPO, where it
//! takes `chosen[:-1]` as the prompt of *both* sides. So the prompt stands in both in the same bytes, and each
//! completion is one message: turns behind its first are the loss `long-completion`. Tool definitions never reach the
//! template. `margin` is the difference of the scores. Identity and scores stand under `metadata`, which is removed.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::capability::{Capability, Feature};
use crate::check::{Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ARGUMENTS, CONTENT};
use crate::trl_reward::check_margin;

pub(crate) const FORMAT: Format = Format {
    name: "openrlhf",
    summary: "pairs for OpenRLHF: `chosen` and `rejected` that differ in their last message, `margin`",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: Capability::NONE.holding(&[
        Feature::System,
        Feature::Calls,
        Feature::ParallelCalls,
        Feature::Results,
        Feature::TextBesideCall,
        Feature::Reasoning,
        Feature::Metadata,
        Feature::MultiTurn,
    ]),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
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
        Loss::LongCompletion,
        Loss::PromptDiffers,
    ],
    rules: &[PROMPT, MARGIN, NO_TOOLS, ARGUMENTS, CONTENT],
    file_rules: &[],
    check,
    example: r#"{"chosen":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Lima."}],"rejected":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Cusco."}],"margin":0.8}"#,
    make,
};

const OPENRLHF: &str = "OpenRLHF 0.11.2, datasets/reward_dataset.py";

const PROMPT: Rule = Rule::new(
    "prompt",
    "both sides are the same up to their last message, the answer",
    OPENRLHF,
);
const MARGIN: Rule = Rule::new("margin", "`margin` is a number, or absent", OPENRLHF);
const NO_TOOLS: Rule = Rule::told(
    "no-tools",
    "tool definitions are not passed to the template",
    OPENRLHF,
);

const LISTS: Chat = Chat(&[
    Demand::TextContent(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Object),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    for key in ["chosen", "rejected"] {
        findings.member(record, key, |findings, list| LISTS.check(list, findings));
    }
    let prompt = |key| -> Vec<String> {
        let list = record.get(key);
        let mut messages: Vec<_> = list
            .into_iter()
            .flat_map(JsonView::elements)
            .map(|message| message.to_string())
            .collect();
        messages.pop();
        messages
    };
    if prompt("chosen") != prompt("rejected") {
        findings.note(&PROMPT, "the two sides differ before their last message");
    }
    check_margin(record, &MARGIN, findings);
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(OpenRlhf {
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct OpenRlhf {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for OpenRlhf {
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
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        tools::note_lost(pair.prompt.trace(), &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let completions = [&pair.chosen, &pair.rejected]
            .map(|side| Passage::completion(side.completion).first(&mut scratch.losses));
        pair::check_answers(pair, completions[0], completions[1])?;
        lists::whole_conversations(pair, completions, self.reasoning, scratch, &mut w)?;
        if let Some(margin) = pair::score_difference(&pair.chosen, &pair.rejected) {
            w.key("margin").float(margin);
        }
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
