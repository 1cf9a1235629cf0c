//! A source and a format of one's own, written against the public interface alone.
#![forbid(unsafe_code)]

use tracemill::formats::{EncodeError, EncodeErrorKind, Encoder, Loss, Scratch};
use tracemill::model::RawJson;
use tracemill::model::{
    DecodeError, DecodeErrorKind, Example, Framing, JsonWriter, Message, Role, Score, ScoreValue, Shape,
    Text, Trace,
};
use tracemill::sources::{Batch, Context, Evidence, Head, Source};

/// Questions, answers and grades with tabs between them, one a line.
#[derive(Debug)]
pub struct Tabs;

impl Source for Tabs {
    fn name(&self) -> &str {
        "tabs"
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, _head: &Head) -> Option<Evidence> {
        None
    }

    fn decode<'a>(
        &self,
        _context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        if record.starts_with('#') {
            batch.skip("comment");
            return Ok(());
        }
        let mut fields = record.split('\t');
        let (Some(question), Some(answer), Some(grade)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(DecodeError::new(
                DecodeErrorKind::MissingField,
                0,
                "a line needs three fields",
            ));
        };
        let grade = RawJson::parse(grade)?;
        let mut trace = Trace::new();
        for (role, text) in [(Role::User, question), (Role::Assistant, answer)] {
            let mut message = Message::new(role);
            message.set_content(Text::new(text));
            trace.push_message(message);
        }
        trace.push_score(Score::new(Some(Text::new("grade")), ScoreValue::Number(grade)));
        batch.push(trace);
        Ok(())
    }
}

/// `{"q":…,"a":…}`: single questions and answers only.
#[derive(Debug)]
pub struct QuestionAnswer;

impl Encoder for QuestionAnswer {
    fn name(&self) -> &str {
        "question-answer"
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Conversation
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Example::Conversation(conversation) = example else {
            return Err(EncodeError::new(EncodeErrorKind::Content, "not a conversation"));
        };
        let [question, answer] = conversation.messages() else {
            return Err(EncodeError::new(
                EncodeErrorKind::Order,
                "not one question and one answer",
            ));
        };
        if conversation.trace().tools().is_some() {
            scratch.lose(Loss::Tools, 0);
        }
        let empty = Text::default();
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("q").text(question.content().as_text().unwrap_or(&empty));
        w.key("a").text(answer.content().as_text().unwrap_or(&empty));
        w.end_object();
        Ok(())
    }
}
