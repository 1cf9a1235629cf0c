//! Conversations as the very text that a model reads: one text, or its pieces by whether they are learnt.
//!
//! A format says how the text looks; here is how it is delivered, what of it is learnt, and that nothing a message says
//! may be taken for the marks between messages.

use std::ops::Range;

use tracemill_model::{Conversation, JsonString, JsonWriter, Message};

use crate::encoder::{EncodeError, EncodeErrorKind};
use crate::loss::{Loss, Losses};
use crate::registry::Extension;
use crate::shared::trained::Trained;
use crate::spec::{FormatSpec, SpecError};

pub(crate) const PROMPT_COMPLETION: &str = "prompt-completion";
pub(crate) const SEGMENTS: &str = "segments";

pub(crate) const WITH_PROMPT_COMPLETION: Extension = Extension::off(
    PROMPT_COMPLETION,
    "writes `prompt` and `completion`, so that the last turn to be learnt is the only one trained on",
);
pub(crate) const WITH_SEGMENTS: Extension = Extension::off(
    SEGMENTS,
    "writes `segments` for axolotl's `input_output`: each `text` with a `label` that says whether it is learnt",
);

/// In what a rendered text is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// `text`, all of which is trained on.
    Text,
    /// `prompt` and `completion`.
    PromptCompletion,
    /// `segments`, each with its label.
    Segments,
}

/// Whether a piece of text is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Heard,
    Learnt,
}

impl Delivery {
    pub(crate) fn of(spec: &FormatSpec) -> Result<Self, SpecError> {
        match (spec.has(PROMPT_COMPLETION), spec.has(SEGMENTS)) {
            (true, true) => Err(SpecError::Conflict {
                format: spec.format().name(),
                reason: format!("`{PROMPT_COMPLETION}` and `{SEGMENTS}` exclude each other"),
            }),
            (true, false) => Ok(Delivery::PromptCompletion),
            (false, true) => Ok(Delivery::Segments),
            (false, false) => Ok(Delivery::Text),
        }
    }
}

/// Which messages are written, and which of them are learnt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'r> {
    conversation: Conversation<'r>,
    delivery: Delivery,
    /// How many messages are written.
    end: usize,
}

impl<'r> Plan<'r> {
    /// The plan for a conversation that has something to learn; notes the turns behind the completion.
    pub(crate) fn new(conversation: Conversation<'r>, delivery: Delivery, losses: &mut Losses) -> Self {
        let count = conversation.messages().len();
        let mut end = count;
        if delivery == Delivery::PromptCompletion {
            let target = (0..count).rposition(|index| conversation.is_target(index));
            end = target.map_or(count, |target| target + 1);
        }
        for index in end..count {
            losses.note(Loss::TrailingTurns, index);
        }
        Plan {
            conversation,
            delivery,
            end,
        }
    }

    /// The indices of the messages that are written.
    pub(crate) fn written(&self) -> Range<usize> {
        0..self.end
    }

    /// Whether the message at `index` is learnt.
    pub(crate) fn piece(&self, index: usize) -> Piece {
        let learnt = match self.delivery {
            Delivery::PromptCompletion => index + 1 == self.end,
            _ => self.conversation.is_target(index),
        };
        if learnt { Piece::Learnt } else { Piece::Heard }
    }

    /// Notes that a turn of the assistant will be trained on, or will not be, against its mark.
    pub(crate) fn note_flag(
        &self,
        index: usize,
        message: &Message<'_>,
        last_assistant: Option<usize>,
        losses: &mut Losses,
    ) {
        let trained = match self.delivery {
            Delivery::Text => Trained::Every(self.conversation),
            Delivery::PromptCompletion => Trained::Last(self.conversation),
            Delivery::Segments => return,
        };
        if trained.is_against(index, message, last_assistant) {
            losses.note(Loss::TrainFlags, index);
        }
    }
}

/// The text of one record, as it is written.
pub(crate) struct Script<'s, 'b> {
    w: &'s mut JsonWriter<'b>,
    delivery: Delivery,
    /// What the piece is that was written last.
    open: Option<Piece>,
    learnt: bool,
}

impl<'s, 'b> Script<'s, 'b> {
    /// Begins the text in the object that is open.
    pub(crate) fn begin(delivery: Delivery, w: &'s mut JsonWriter<'b>) -> Self {
        match delivery {
            Delivery::Text => {
                w.key("text").str("");
            }
            Delivery::PromptCompletion => {
                w.key("prompt").str("");
            }
            Delivery::Segments => {
                w.key("segments").begin_array();
            }
        }
        Script {
            w,
            delivery,
            open: None,
            learnt: false,
        }
    }

    /// Goes on with a piece of the text.
    pub(crate) fn piece(&mut self, piece: Piece) -> JsonString<'_, 'b> {
        let is_in_completion = self.learnt && self.delivery == Delivery::PromptCompletion;
        let before = self.open.replace(piece);
        self.learnt |= piece == Piece::Learnt;
        // A completion is one text: what its turns are headed with belongs to it.
        if before == Some(piece) || is_in_completion {
            return self.w.resume_string();
        }
        match (self.delivery, piece) {
            (Delivery::PromptCompletion, Piece::Learnt) => self.w.key("completion").begin_string(),
            (Delivery::Segments, piece) => {
                if before.is_some() {
                    self.w.end_object();
                }
                self.w.begin_object();
                self.w.key("label").boolean(piece == Piece::Learnt);
                self.w.key("text").begin_string()
            }
            _ => self.w.resume_string(),
        }
    }

    /// How much was written: a place to remember for [`check`](Script::check).
    pub(crate) fn position(&self) -> usize {
        self.w.position()
    }

    /// Whether anything was written.
    pub(crate) fn has_begun(&self) -> bool {
        self.open.is_some()
    }

    /// Refuses what was written from `start` on in the message at `index` if it holds one of `marks`.
    pub(crate) fn check(&self, start: usize, index: usize, marks: &[&str]) -> Result<(), EncodeError> {
        match find_mark(self.w.written(start..self.w.position()), marks) {
            Some(mark) => Err(refusal(index, mark)),
            None => Ok(()),
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// If nothing in it is learnt.
    pub(crate) fn end(self) -> Result<(), EncodeError> {
        if !self.learnt {
            let text = "nothing that is to be learnt is left in this format";
            return Err(EncodeError::new(EncodeErrorKind::NoTarget, text));
        }
        if self.delivery == Delivery::Segments {
            self.w.end_object();
            self.w.end_array();
        }
        Ok(())
    }
}

#[cold]
fn refusal(index: usize, mark: &str) -> EncodeError {
    let text = format!(
        "the message holds `{mark}`, which would be read as a mark between messages; take it out, or write messages \
         and let the trainer's tokenizer deal with it"
    );
    EncodeError::at(index, EncodeErrorKind::Forbidden, text)
}

/// The first of `marks`, each of which begins with `<` and needs no escape in JSON, that stands in `bytes`.
pub(crate) fn find_mark<'m, M: AsRef<str>>(bytes: &[u8], marks: &'m [M]) -> Option<&'m str> {
    const LANE: usize = 64;
    for (lane, part) in bytes.chunks(LANE).enumerate() {
        // A fold without a way out is made of vector instructions; nearly every lane ends here.
        if part.iter().fold(0, |any, byte| any | u8::from(*byte == b'<')) == 0 {
            continue;
        }
        for (offset, _) in part.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
            let rest = &bytes[lane * LANE + offset..];
            let found = marks.iter().map(AsRef::as_ref);
            if let Some(mark) = found.into_iter().find(|mark| rest.starts_with(mark.as_bytes())) {
                return Some(mark);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_stand() {
        let marks = ["<|end|>", "<call>"];
        for before in 0..130 {
            let text = format!("{}<|end|>", "<".repeat(before));
            assert_eq!(find_mark(text.as_bytes(), &marks), Some("<|end|>"));
            let cut = &text[..text.len() - 1];
            assert_eq!(find_mark(cut.as_bytes(), &marks), None);
        }
        assert_eq!(find_mark(b"a <call> and <|end|>", &marks), Some("<call>"));
    }

    #[test]
    fn a_completion_is_one_text() {
        let mut out = Vec::new();
        let mut w = JsonWriter::new(&mut out);
        w.begin_object();
        let mut script = Script::begin(Delivery::PromptCompletion, &mut w);
        for piece in [Piece::Heard, Piece::Learnt, Piece::Heard, Piece::Learnt] {
            script.piece(piece).push("a").end();
        }
        script.end().unwrap();
        w.end_object();
        assert_eq!(
            std::str::from_utf8(&out).unwrap(),
            r#"{"prompt":"a","completion":"aaa"}"#
        );
    }

    #[test]
    fn segments_change_where_the_label_does() {
        let mut out = Vec::new();
        let mut w = JsonWriter::new(&mut out);
        w.begin_object();
        let mut script = Script::begin(Delivery::Segments, &mut w);
        script.piece(Piece::Heard).push("a").end();
        script.piece(Piece::Heard).push("\"").end();
        script.piece(Piece::Learnt).push("c").end();
        script.end().unwrap();
        w.end_object();
        assert_eq!(
            std::str::from_utf8(&out).unwrap(),
            r#"{"segments":[{"label":false,"text":"a\""},{"label":true,"text":"c"}]}"#
        );
    }
}
