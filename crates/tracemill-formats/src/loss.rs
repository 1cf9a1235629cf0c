//! What a format could not hold: stable codes, counted, never silent.

/// Training content of a trace that a format cannot hold.
///
/// A loss is refused unless it is allowed by its code, and counted when it is. Identity, scores, metadata and unnamed
/// fields are no losses: see [`Omission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// Reasoning has no place and was left out.
    Reasoning,
    /// Encrypted or otherwise unreadable reasoning was left out.
    OpaqueReasoning,
    /// Tool definitions have no place and were left out.
    Tools,
    /// A tool that is not a function has no place among the definitions and was left out.
    ToolKind,
    /// Calls have no place and were left out.
    ToolCalls,
    /// A call that is not a call of a function was written as one, or left out.
    CallKind,
    /// Results have no place and were left out.
    ToolResults,
    /// Several calls in one turn were written as something else.
    ParallelCalls,
    /// Text beside a call has no place and was left out.
    TextBesideCall,
    /// Arguments that are no JSON were written as a string where an object belongs.
    UnparsableArguments,
    /// Arguments that are JSON but no object were written as they are where an object belongs.
    NonObjectArguments,
    /// Turns after the last assistant turn were left out.
    TrailingTurns,
    /// Turns before the first user turn were left out.
    LeadingTurns,
    /// Consecutive turns of one side were joined into one.
    MergedTurns,
    /// A system message in the middle was left out, moved, or written under another role.
    SystemMessage,
    /// The developer role was written as system.
    DeveloperRole,
    /// A role outside the usual five was written under another, or its message left out.
    OtherRole,
    /// The name of a speaker was left out.
    SpeakerName,
    /// A result that answers no call was left out, or written as something else.
    OrphanResult,
    /// A call that nothing answers was left out.
    UnansweredCall,
    /// The mark that a result is an error was left out.
    ErrorMark,
    /// Images were left out.
    Images,
    /// Sound was left out.
    Audio,
    /// Video was left out.
    Video,
    /// Files were left out.
    Files,
    /// A part of a kind that the format does not know was left out; so were the words of a refusal that stand beside the
    /// content.
    OtherPart,
    /// Text parts were joined into one text.
    JoinedParts,
    /// Content that is an object was written as its JSON text.
    ObjectContent,
    /// Marks of what is trained on, or the choice of one turn among several, have no place: the consumer trains on more,
    /// or on less.
    TrainFlags,
    /// Turns of a completion behind its first were left out, or only its last turn will be trained on.
    LongCompletion,
    /// Messages of a prompt before its last were left out.
    PromptHistory,
    /// The worse completion answered another prompt than the one that was written.
    PromptDiffers,
    /// A candidate's output that is an object was written as its JSON text.
    ObjectOutput,
    /// What the schema of a tool says, and the format cannot, was left out.
    ToolSchema,
    /// A chat template left out what a message says.
    MessageText,
    /// Messages behind a limit of tokens were left out.
    Truncated,
}

impl Loss {
    /// Every loss, in the order of the ledger.
    pub const ALL: [Loss; 36] = [
        Loss::Reasoning,
        Loss::OpaqueReasoning,
        Loss::Tools,
        Loss::ToolKind,
        Loss::ToolCalls,
        Loss::CallKind,
        Loss::ToolResults,
        Loss::ParallelCalls,
        Loss::TextBesideCall,
        Loss::UnparsableArguments,
        Loss::NonObjectArguments,
        Loss::TrailingTurns,
        Loss::LeadingTurns,
        Loss::MergedTurns,
        Loss::SystemMessage,
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
        Loss::LongCompletion,
        Loss::PromptHistory,
        Loss::PromptDiffers,
        Loss::ObjectOutput,
        Loss::ToolSchema,
        Loss::MessageText,
        Loss::Truncated,
    ];

    /// The stable code: what `--allow-loss` takes and the ledger counts under.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// What happened, in a few words.
    pub fn summary(self) -> &'static str {
        self.row().1
    }

    /// The loss of this code.
    pub fn from_code(code: &str) -> Option<Loss> {
        Loss::ALL.into_iter().find(|loss| loss.code() == code)
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Loss::Reasoning => ("reasoning", "reasoning has no place and is left out"),
            Loss::OpaqueReasoning => ("opaque-reasoning", "reasoning that cannot be read is left out"),
            Loss::Tools => ("tools", "tool definitions have no place and are left out"),
            Loss::ToolKind => ("tool-kind", "a tool that is not a function is left out"),
            Loss::ToolCalls => ("tool-calls", "tool calls have no place and are left out"),
            Loss::CallKind => (
                "call-kind",
                "a call that is not a function call is written as one",
            ),
            Loss::ToolResults => ("tool-results", "tool results have no place and are left out"),
            Loss::ParallelCalls => (
                "parallel-calls",
                "several calls in one turn are written as something else",
            ),
            Loss::TextBesideCall => ("text-beside-call", "text beside a tool call is left out"),
            Loss::UnparsableArguments => (
                "unparsable-arguments",
                "arguments that are not JSON are written as a string",
            ),
            Loss::NonObjectArguments => (
                "non-object-arguments",
                "arguments that are no object are written as they are",
            ),
            Loss::TrailingTurns => (
                "trailing-turns",
                "turns after the last assistant turn are left out",
            ),
            Loss::LeadingTurns => ("leading-turns", "turns before the first user turn are left out"),
            Loss::MergedTurns => ("merged-turns", "consecutive turns of one side are joined"),
            Loss::SystemMessage => (
                "system-message",
                "a system message is left out, moved, or given another role",
            ),
            Loss::DeveloperRole => ("developer-role", "the developer role is written as system"),
            Loss::OtherRole => (
                "other-role",
                "a role outside the usual five is written under another or left out",
            ),
            Loss::SpeakerName => ("speaker-name", "the name of a speaker is left out"),
            Loss::OrphanResult => (
                "orphan-result",
                "a result that answers no call is left out or rewritten",
            ),
            Loss::UnansweredCall => ("unanswered-call", "a call that nothing answers is left out"),
            Loss::ErrorMark => ("error-mark", "the mark that a result is an error is left out"),
            Loss::Images => ("images", "images are left out"),
            Loss::Audio => ("audio", "sound is left out"),
            Loss::Video => ("video", "video is left out"),
            Loss::Files => ("files", "files are left out"),
            Loss::OtherPart => ("other-part", "a part of an unknown kind is left out"),
            Loss::JoinedParts => ("joined-parts", "text parts are joined into one text"),
            Loss::ObjectContent => (
                "object-content",
                "content that is an object is written as JSON text",
            ),
            Loss::TrainFlags => (
                "train-flags",
                "marks of what is trained on have no place, and the consumer decides",
            ),
            Loss::LongCompletion => (
                "long-completion",
                "of a completion of several turns one alone is kept or trained on",
            ),
            Loss::PromptHistory => (
                "prompt-history",
                "messages of the prompt before its last are left out",
            ),
            Loss::PromptDiffers => (
                "prompt-differs",
                "the worse completion answered another prompt than the one written",
            ),
            Loss::ObjectOutput => (
                "object-output",
                "an output that is an object is written as JSON text",
            ),
            Loss::ToolSchema => (
                "tool-schema",
                "what a schema of a tool says and the format cannot is left out",
            ),
            Loss::MessageText => (
                "message-text",
                "what a message says is left out by the chat template",
            ),
            Loss::Truncated => ("truncated", "messages behind the limit of tokens are left out"),
        }
    }
}

/// What a format leaves out that is not training content: counted, never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Omission {
    /// The identity of the trace.
    Id,
    /// Group and trial.
    Group,
    /// Scores.
    Scores,
    /// How the run ended.
    Outcome,
    /// The model that spoke.
    Model,
    /// Metadata.
    Metadata,
    /// Fields of the trace that it does not name.
    Fields,
    /// Fields of messages, parts and calls that the trace does not name.
    MessageFields,
    /// What follows a prompt, in formats of prompts: the trainer has the model write it anew.
    Completion,
    /// The schema of the answer: the tool that takes the answer is declared to take any object.
    OutputSchema,
    /// Reasoning of turns that are not learnt, which the model is not shown again.
    EarlierReasoning,
}

impl Omission {
    /// Every omission, in the order of the ledger.
    pub const ALL: [Omission; 11] = [
        Omission::Id,
        Omission::Group,
        Omission::Scores,
        Omission::Outcome,
        Omission::Model,
        Omission::Metadata,
        Omission::Fields,
        Omission::MessageFields,
        Omission::Completion,
        Omission::OutputSchema,
        Omission::EarlierReasoning,
    ];

    /// The stable code under which the ledger counts.
    pub fn code(self) -> &'static str {
        match self {
            Omission::Id => "id",
            Omission::Group => "group",
            Omission::Scores => "scores",
            Omission::Outcome => "outcome",
            Omission::Model => "model",
            Omission::Metadata => "metadata",
            Omission::Fields => "fields",
            Omission::MessageFields => "message-fields",
            Omission::Completion => "completion",
            Omission::OutputSchema => "output-schema",
            Omission::EarlierReasoning => "earlier-reasoning",
        }
    }
}

/// The losses and omissions of one record.
#[derive(Clone, Debug)]
pub struct Losses {
    counts: [u32; Loss::ALL.len()],
    /// The message in which each loss was met first.
    first: [usize; Loss::ALL.len()],
    omitted: [bool; Omission::ALL.len()],
    any: bool,
}

// By hand: arrays of more than 32 elements have no default.
impl Default for Losses {
    fn default() -> Self {
        Losses {
            counts: [0; Loss::ALL.len()],
            first: [0; Loss::ALL.len()],
            omitted: [false; Omission::ALL.len()],
            any: false,
        }
    }
}

impl Losses {
    /// Notes a loss in the message at `index`.
    #[cold]
    pub fn note(&mut self, loss: Loss, index: usize) {
        let at = loss as usize;
        if self.counts[at] == 0 {
            self.first[at] = index;
        }
        self.counts[at] += 1;
        self.any = true;
    }

    /// Notes that something that is no training content was left out.
    #[inline]
    pub fn omit(&mut self, omission: Omission) {
        self.omitted[omission as usize] = true;
    }

    /// Takes back that something was left out: it has been written after all.
    pub(crate) fn keep(&mut self, omission: Omission) {
        self.omitted[omission as usize] = false;
    }

    /// Forgets everything, for the next record.
    pub fn clear(&mut self) {
        if self.any {
            *self = Losses::default();
        } else {
            self.omitted = [false; Omission::ALL.len()];
        }
    }

    /// Whether no training content was lost.
    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// How often a loss was met.
    pub fn count(&self, loss: Loss) -> u32 {
        self.counts[loss as usize]
    }

    /// Each loss that was met, how often, and in which message first.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u32, usize)> {
        let met = |loss: &Loss| self.counts[*loss as usize] > 0;
        Loss::ALL
            .into_iter()
            .filter(met)
            .map(|loss| (loss, self.count(loss), self.first[loss as usize]))
    }

    /// What was left out that is no training content.
    pub fn omitted(&self) -> impl Iterator<Item = Omission> {
        Omission::ALL
            .into_iter()
            .filter(|omission| self.omitted[*omission as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_the_order_of_declaration() {
        for (index, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, index, "{loss:?}");
            assert_eq!(Loss::from_code(loss.code()), Some(loss));
        }
        for (index, omission) in Omission::ALL.into_iter().enumerate() {
            assert_eq!(omission as usize, index, "{omission:?}");
        }
    }
}
