//! Noting what a record leaves out.

use tracemill_model::{Fields, MediaKind, MediaSource, Message, Part, RawJson, Role, ToolCall, Trace};

use crate::loss::{Loss, Losses, Omission};
use crate::options::MetadataMode;
use crate::shared::reasoning::Placement;

/// That every unnamed field of a trace has a place.
pub(crate) const ALL: &[&str] = &["*"];

/// Notes what of a trace is no training content and is left out; `carried` names the unnamed fields that are not.
pub(crate) fn trace(trace: &Trace<'_>, metadata: MetadataMode, carried: &[&str], losses: &mut Losses) {
    let identity = metadata == MetadataMode::Omit;
    let left_out = [
        (identity && trace.id().is_some(), Omission::Id),
        (
            (identity && trace.group().is_some()) || trace.trial().is_some(),
            Omission::Group,
        ),
        (identity && !trace.scores().is_empty(), Omission::Scores),
        (trace.outcome().is_some(), Omission::Outcome),
        (identity && trace.model().is_some(), Omission::Model),
        (trace.metadata().is_some(), Omission::Metadata),
        (
            carried != ALL && has_others(trace.extra(), carried),
            Omission::Fields,
        ),
    ];
    for (_, omission) in left_out.into_iter().filter(|(is, _)| *is) {
        losses.omit(omission);
    }
}

/// The unnamed fields that a format has a place for all the same.
#[derive(Clone, Copy, Default)]
pub(crate) struct Carried {
    /// Of a message.
    pub(crate) message: &'static [&'static str],
    /// Of an image.
    pub(crate) image: &'static [&'static str],
}

/// Notes which unnamed fields of a message, its calls and its parts are left out.
pub(crate) fn fields(message: &Message<'_>, index: usize, carried: Carried, losses: &mut Losses) {
    let extra = message.extra();
    if !extra.is_empty() {
        unnamed(extra, index, carried.message, losses);
    }
    let in_calls = message.tool_calls().iter().any(|call| !call.extra().is_empty());
    let stray_id = message.tool_call_id().is_some() && *message.role() != Role::Tool;
    if in_calls
        || stray_id
        || message
            .content()
            .parts()
            .iter()
            .any(|part| has_fields(part, carried))
    {
        losses.omit(Omission::MessageFields);
    }
}

/// Notes what only an assistant has a place for, in the message of another.
pub(crate) fn not_assistant(message: &Message<'_>, index: usize, reasoning: Placement, losses: &mut Losses) {
    if !message.tool_calls().is_empty() {
        losses.note(Loss::ToolCalls, index);
    }
    self::reasoning(message, index, reasoning, losses);
    if message.train() == Some(true) {
        losses.note(Loss::TrainFlags, index);
    }
}

/// Notes the reasoning of a message that is left out as a whole.
pub(crate) fn reasoning(message: &Message<'_>, index: usize, reasoning: Placement, losses: &mut Losses) {
    if message.reasoning().is_some() && reasoning != Placement::Dropped {
        losses.note(Loss::Reasoning, index);
    }
}

/// Notes that a result is marked as an error.
pub(crate) fn error_mark(message: &Message<'_>, index: usize, losses: &mut Losses) {
    if message.is_error() == Some(true) {
        losses.note(Loss::ErrorMark, index);
    }
}

/// Notes that the name of a speaker is left out. That of a result says nothing new when its call has the same.
pub(crate) fn name(message: &Message<'_>, index: usize, call: Option<&ToolCall<'_>>, losses: &mut Losses) {
    if message
        .name()
        .is_some_and(|name| call.is_none_or(|call| call.name() != name))
    {
        losses.note(Loss::SpeakerName, index);
    }
}

/// Notes a part that has no place.
#[cold]
pub(crate) fn part(part: &Part<'_>, index: usize, losses: &mut Losses) {
    let loss = match part {
        Part::Media(media) => match media.kind() {
            MediaKind::Image => Loss::Images,
            MediaKind::Audio => Loss::Audio,
            MediaKind::Video => Loss::Video,
            _ => Loss::Files,
        },
        _ => Loss::OtherPart,
    };
    losses.note(loss, index);
}

/// Two unnamed fields of a message are training content all the same: a weight that is neither 0 nor 1, and the words
/// in which the model refused.
#[cold]
fn unnamed(extra: &Fields<'_>, index: usize, carried: &[&str], losses: &mut Losses) {
    if extra.get("weight").is_some() {
        losses.note(Loss::TrainFlags, index);
    }
    let refusal = extra.get("refusal").and_then(RawJson::as_text);
    if refusal.is_some_and(|text| !text.is_empty()) && !carried.contains(&"refusal") {
        losses.note(Loss::OtherPart, index);
    }
    if has_others(extra, carried) {
        losses.omit(Omission::MessageFields);
    }
}

fn has_others(extra: &Fields<'_>, carried: &[&str]) -> bool {
    extra.iter().any(|(key, _)| !carried.contains(&key.body()))
}

fn has_fields(part: &Part<'_>, carried: Carried) -> bool {
    match part {
        Part::Text(text) => !text.extra().is_empty(),
        Part::Media(media) => {
            let is_data = matches!(media.source(), MediaSource::Data(_));
            let describes = media.name().is_some() || (media.media_type().is_some() && !is_data);
            describes || has_others(media.extra(), carried.image)
        }
        _ => false,
    }
}
