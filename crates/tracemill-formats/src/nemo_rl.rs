//! Ranked completions for NeMo-RL: a context, and completions with ranks from best to worst.
//!
//! Read by NeMo-RL (`nemo_rl/data/datasets/preference_datasets`, 2026-08). Its DPO and reward trainers take exactly two
//! completions and raise when their ranks are equal; a pair has the ranks 0 and 1. Of a ranking, completions with equal
//! scores share a rank: nobody has preferred one to the other. Messages look as in the format `hf`. Tool definitions are
//! not passed to the template for preference data, so they are a loss. Identity and scores stand under `metadata`.

use std::ops::Range;

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Preference, Ranked, Shape, Side, Span};

use crate::capability::{Capability, Feature};
use crate::check::{Chat, Demand, Findings, Form};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Loss;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage, REJECTED};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ARGUMENTS, CONTENT};

pub(crate) const FORMAT: Format = Format {
    name: "nemo-rl",
    summary: "pairs and rankings for NeMo-RL: `context` and `completions` with ranks",
    shapes: &[Shape::Preference, Shape::Ranked],
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
        Loss::PromptDiffers,
    ],
    rules: &[RANKS, TWO, NO_TOOLS, ARGUMENTS, CONTENT],
    file_rules: &[],
    check,
    example: r#"{"context":[{"role":"user","content":"Capital of Peru?"}],"completions":[{"rank":0,"completion":[{"role":"assistant","content":"Lima."}]},{"rank":1,"completion":[{"role":"assistant","content":"Cusco."}]}]}"#,
    make,
};

const NEMO_RL: &str = "NeMo-RL 2026-08, nemo_rl/data/processors.py and datasets/preference_datasets";

const RANKS: Rule = Rule::new(
    "ranks",
    "a lower rank is better; DPO and reward models raise on equal ones",
    NEMO_RL,
);
const TWO: Rule = Rule::told(
    "two",
    "DPO and reward models take exactly two completions",
    NEMO_RL,
);
const NO_TOOLS: Rule = Rule::told(
    "no-tools",
    "tool definitions are not passed to the template",
    NEMO_RL,
);

const LISTS: Chat = Chat(&[
    Demand::TextContent(CONTENT),
    Demand::Arguments(ARGUMENTS, Form::Object),
]);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    findings.member(record, "context", |findings, list| LISTS.check(list, findings));
    findings.member(record, "completions", |findings, completions| {
        let is_pair = completions.elements().count() == 2;
        let mut ranks = Vec::new();
        findings.each(completions, |findings, _, completion| {
            findings.member(completion, "completion", |findings, list| {
                LISTS.check(list, findings);
            });
            findings.member(completion, "rank", |findings, rank| {
                match rank.as_str().parse::<u64>() {
                    Ok(number) if is_pair && ranks.contains(&number) => {
                        findings.note(&RANKS, format!("the rank {number} stands twice"));
                    }
                    Ok(number) => ranks.push(number),
                    Err(_) => findings.note(&RANKS, format!("the rank {rank} is no whole number from 0 on")),
                }
            });
        });
    });
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(NemoRl {
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct NemoRl {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for NemoRl {
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
        let mut w = JsonWriter::new(out);
        match example {
            Example::Ranked(ranked) => self.ranked(ranked, scratch, &mut w),
            example => self.pair(pair::preference(example)?, scratch, &mut w),
        }
    }
}

impl NemoRl {
    fn pair(
        &self,
        pair: &Preference<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        w.begin_object();
        self.context(pair.prompt, pair.chosen.completion, scratch, w)?;
        w.key("completions").begin_array();
        let chosen = self.completion(0, &pair.chosen, scratch, w)?;
        let rejected = self.completion(1, &pair.rejected, scratch, w);
        let rejected = rejected.map_err(|error| error.of(REJECTED))?;
        pair::check_distinct(w, chosen, rejected)?;
        w.end_array();
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, w);
        }
        w.end_object();
        Ok(())
    }

    fn ranked(
        &self,
        ranked: &Ranked<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        pair::check_ranked(ranked)?;
        let sides = &ranked.completions;
        for side in sides {
            pair::account_for(side.completion.trace(), self.metadata, &[], &mut scratch.losses);
        }
        w.begin_object();
        self.context(ranked.prompt, sides[0].completion, scratch, w)?;
        w.key("completions").begin_array();
        let (mut rank, mut before) = (0, None);
        for (place, side) in sides.iter().enumerate() {
            let ties = before.is_some() && before == side.score;
            rank += u64::from(place > 0 && !ties);
            before = side.score;
            self.completion(rank, side, scratch, w)?;
        }
        w.end_array();
        if self.metadata == MetadataMode::Include {
            w.key("metadata").begin_object();
            pair::group(sides[0].completion.trace(), w);
            w.key("completions").begin_array();
            for side in sides {
                w.begin_object();
                pair::side_members(side, w);
                w.end_object();
            }
            w.end_array();
            w.end_object();
        }
        w.end_object();
        Ok(())
    }

    fn context(
        &self,
        prompt: Span<'_>,
        completion: Span<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        tools::note_lost(prompt.trace(), &mut scratch.losses);
        w.key("context");
        lists::prompt(Passage::prompt(prompt, completion), self.reasoning, scratch, w)
    }

    /// Writes a completion; gives the place of its messages.
    fn completion(
        &self,
        rank: u64,
        side: &Side<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<Range<usize>, EncodeError> {
        w.begin_object();
        w.key("rank").number(rank);
        w.key("completion");
        let start = w.position();
        lists::completion(Passage::completion(side.completion), self.reasoning, scratch, w)?;
        let written = start..w.position();
        w.end_object();
        Ok(written)
    }
}
