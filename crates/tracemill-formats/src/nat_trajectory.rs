//! Trajectories as the preference trainers of NeMo Agent Toolkit take them.
//!
//! From NeMo Agent Toolkit 1.9.0: `Trajectory` and `DPOItem` (`data_models/finetuning.py`) as its
//! `dpo/trajectory_builder.py` makes them. A line is the list of trajectories of one example, an element of
//! `TrajectoryCollection.trajectories`: a pair gives a list of one, a ranking one for each two completions of which one
//! has the better score, largest difference first. The reward is the difference of the scores, or with
//! `+reward-chosen-score` the score of the better side; a pair without scores has none and is refused.
//!
//! An item holds roles and texts alone, so calls, tool definitions and reasoning are losses. `example_id` is the key of
//! the group; of a group of the kind `turn` whose key is a list of two, the first is `example_id` and the second
//! `turn_id`. With metadata included, that of both traces stands under `chosen_raw_metadata` and
//! `rejected_raw_metadata`, where NeMo Agent Toolkit has it.

use tracemill_model::json::Kind;
use tracemill_model::{Example, GroupKind, JsonView, JsonWriter, Preference, Ranked, Shape, Side, Trace};

use crate::capability::{Capability, Feature, Holds};
use crate::check::Findings;
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Loss, Losses, Omission};
use crate::nemo_dpo::check_item;
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Extension, Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{plain, tools};
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "nat-trajectory",
    summary: "trajectories of NeMo Agent Toolkit: for each example a list of pairs with reward and metadata",
    shapes: &[Shape::Preference, Shape::Ranked],
    extensions: &[Extension::off(
        REWARD_CHOSEN_SCORE,
        "the reward is the score of the better side, not the difference of both",
    )],
    capability: Capability::NONE
        .holding(&[Feature::System, Feature::Results, Feature::MultiTurn])
        .with(Feature::Metadata, Holds::Yes),
    losses: &[
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolCalls,
        Loss::DeveloperRole,
        Loss::OtherRole,
        Loss::SpeakerName,
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
    rules: &[ITEM, REWARD, METADATA],
    file_rules: &[],
    check,
    example: r#"[{"episode":[{"prompt":[{"role":"user","content":"U"}],"chosen_response":"good","rejected_response":"bad"}],"reward":0.7,"shaped_rewards":null,"metadata":{"dpo_type":"preference_pair","score_diff":0.7,"example_id":"e1","turn_id":"t1","chosen_score":0.9,"rejected_score":0.2,"chosen_index":0,"rejected_index":1,"num_candidates":2}}]"#,
    make,
};

const MODELS: &str = "NeMo Agent Toolkit 1.9.0, data_models/finetuning.py";
const BUILDER: &str = "NeMo Agent Toolkit 1.9.0, dpo/trajectory_builder.py";
const REWARD_CHOSEN_SCORE: &str = "reward-chosen-score";
const KEYS: [&str; 2] = ["chosen_response", "rejected_response"];

const ITEM: Rule = Rule::new(
    "item",
    "an item is `prompt` (text, or a list of `role` and `content`), `chosen_response` and `rejected_response`",
    MODELS,
);
const REWARD: Rule = Rule::new("reward", "`reward` is a number", MODELS);
const METADATA: Rule = Rule::new(
    "metadata",
    "`metadata` names the pair: scores, indices, example and turn",
    BUILDER,
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    findings.each(record, |findings, _, trajectory| {
        if !findings.is(trajectory, Kind::Object) {
            return;
        }
        findings.member(trajectory, "episode", |findings, episode| {
            findings.each(episode, |findings, _, item| {
                for key in ["prompt", "chosen_response", "rejected_response"] {
                    if item.get(key).is_none() {
                        findings.note(&ITEM, format!("`{key}` is missing"));
                    }
                }
                check_item(item, [&ITEM, &ITEM], findings);
            });
        });
        findings.member(trajectory, "reward", |findings, reward| {
            if reward.as_f64().is_none() {
                findings.note(&REWARD, format!("the reward is {}", reward.kind().noun()));
            }
        });
        findings.member_if_any(trajectory, "metadata", |findings, metadata| {
            if metadata.kind() != Kind::Object {
                findings.note(&METADATA, format!("the metadata is {}", metadata.kind().noun()));
            }
        });
    });
}

fn make(spec: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(NatTrajectory {
        reward: if spec.has(REWARD_CHOSEN_SCORE) {
            Reward::ChosenScore
        } else {
            Reward::ScoreDifference
        },
        reasoning: Placement::without_field(options.reasoning(), Placement::Lost, FORMAT.name)?,
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct NatTrajectory {
    reward: Reward,
    reasoning: Placement,
    metadata: MetadataMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reward {
    ScoreDifference,
    ChosenScore,
}

impl Encoder for NatTrajectory {
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
        w.begin_array();
        match example {
            Example::Ranked(ranked) => self.ranked(ranked, scratch, &mut w)?,
            example => {
                let pair = pair::preference(example)?;
                tools::note_lost(pair.prompt.trace(), &mut scratch.losses);
                self.account(&pair.chosen, &mut scratch.losses);
                self.account(&pair.rejected, &mut scratch.losses);
                self.trajectory(pair, None, scratch, &mut w)?;
            }
        }
        w.end_array();
        Ok(())
    }
}

impl NatTrajectory {
    fn ranked(
        &self,
        ranked: &Ranked<'_>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        pair::check_ranked(ranked)?;
        tools::note_lost(ranked.prompt.trace(), &mut scratch.losses);
        for side in &ranked.completions {
            self.account(side, &mut scratch.losses);
        }
        let mut pairs = std::mem::take(&mut scratch.pairs);
        collect_pairs(&ranked.completions, &mut pairs);
        let mut written = Ok(());
        for &(_, chosen, rejected) in &pairs {
            let pair = Preference {
                prompt: ranked.prompt,
                chosen: ranked.completions[chosen],
                rejected: ranked.completions[rejected],
            };
            written = self.trajectory(&pair, Some(ranked.completions.len()), scratch, w);
            if written.is_err() {
                break;
            }
        }
        let none = pairs.is_empty();
        scratch.pairs = pairs;
        if none {
            let text = "no completion has a better score than another";
            return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
        }
        written
    }

    fn trajectory(
        &self,
        pair: &Preference<'_>,
        candidates: Option<usize>,
        scratch: &mut Scratch,
        w: &mut JsonWriter<'_>,
    ) -> Result<(), EncodeError> {
        let Scratch { losses, links, .. } = scratch;
        let (Some(score), Some(difference)) = (
            pair.chosen.score,
            pair::score_difference(&pair.chosen, &pair.rejected),
        ) else {
            let text = "a trajectory needs a reward, and a score is missing";
            return Err(EncodeError::new(EncodeErrorKind::Content, text));
        };
        let prompt = Passage::prompt(pair.prompt, pair.chosen.completion);
        w.begin_object();
        w.key("episode").begin_array();
        w.begin_object();
        w.key("prompt");
        plain::list(prompt, self.reasoning, links, losses, w)?;
        plain::answers(pair, KEYS, self.reasoning, losses, w)?;
        w.end_object();
        w.end_array();
        w.key("reward").float(match self.reward {
            Reward::ScoreDifference => difference,
            Reward::ChosenScore => score,
        });
        w.key("shaped_rewards").null();
        w.key("metadata").begin_object();
        w.key("dpo_type").str("preference_pair");
        w.key("score_diff").float(difference);
        self.identity(pair, candidates, w);
        w.end_object();
        w.end_object();
        Ok(())
    }

    fn identity(&self, pair: &Preference<'_>, candidates: Option<usize>, w: &mut JsonWriter<'_>) {
        let sides = [("chosen", &pair.chosen), ("rejected", &pair.rejected)];
        example(pair.chosen.completion.trace(), w);
        for (key, (_, side)) in ["chosen_score", "rejected_score"].into_iter().zip(sides) {
            if let Some(score) = side.score {
                w.key(key).float(score);
            }
        }
        for (key, (_, side)) in ["chosen_index", "rejected_index"].into_iter().zip(sides) {
            if let Some(trial) = side.completion.trace().trial() {
                w.key(key).number(trial);
            }
        }
        if let Some(candidates) = candidates {
            w.key("num_candidates").number(candidates as u64);
        }
        if self.metadata == MetadataMode::Include {
            let keys = ["chosen_raw_metadata", "rejected_raw_metadata"];
            for (key, (_, side)) in keys.into_iter().zip(sides) {
                if let Some(metadata) = side.completion.trace().metadata() {
                    w.key(key).raw(metadata);
                }
            }
        }
    }

    /// Notes what is left out; group, trial and the score that decided have their place here in any case.
    fn account(&self, side: &Side<'_>, losses: &mut Losses) {
        let trace = side.completion.trace();
        pair::account_for(trace, MetadataMode::Include, &[], losses);
        if trace.id().is_some() {
            losses.omit(Omission::Id);
        }
        if trace.model().is_some() {
            losses.omit(Omission::Model);
        }
        if self.metadata == MetadataMode::Omit && trace.metadata().is_some() {
            losses.omit(Omission::Metadata);
        }
    }
}

/// The pairs of a ranking, largest difference first, then by rank.
fn collect_pairs(sides: &[Side<'_>], pairs: &mut Vec<(f64, usize, usize)>) {
    pairs.clear();
    for (chosen, better) in sides.iter().enumerate() {
        for (rejected, worse) in sides.iter().enumerate().skip(chosen + 1) {
            let difference = pair::score_difference(better, worse);
            if let Some(difference) = difference.filter(|difference| *difference > 0.0) {
                pairs.push((difference, chosen, rejected));
            }
        }
    }
    pairs.sort_unstable_by(|(a, i, j), (b, k, l)| b.total_cmp(a).then((i, j).cmp(&(k, l))));
}

/// Writes `example_id`, and `turn_id` if the group names one.
fn example(trace: &Trace<'_>, w: &mut JsonWriter<'_>) {
    let Some(group) = trace.group() else {
        return;
    };
    let key = group.key().as_json();
    let mut elements = key.elements();
    let turn = match (group.kind(), elements.next(), elements.next(), elements.next()) {
        (Some(GroupKind::Turn), Some(example), Some(turn), None) => Some((example, turn)),
        _ => None,
    };
    w.key("example_id");
    if let Some((example, turn)) = turn {
        string(example, w);
        w.key("turn_id");
        string(turn, w);
    } else {
        string(key.view(), w);
    }
}

/// A key as a string: text as it is, any other value as its JSON text.
fn string(value: JsonView<'_>, w: &mut JsonWriter<'_>) {
    match value.as_text() {
        Some(text) => {
            w.text(&text);
        }
        None => w.begin_string().json(&value.raw()).end(),
    }
}
