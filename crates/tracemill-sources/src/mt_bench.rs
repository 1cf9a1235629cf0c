//! `mt-bench`: questions of two turns, and the answers of models, joined by the number of the question.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, Group, GroupKind, JsonView, Key, Role, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::said;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "mt-bench",
    summary: "MT-bench: questions of several turns and the answers of models, joined by `question_id`",
    suffixes: JSON,
    reads: "Give the file of questions together with those of answers: they are joined by `question_id`. Each of the `choices` of an \
            answer is a trace, in which the `turns` of the question and those of the choice alternate. `id` is `answer_id` \
            (`…/1` for a further choice), the group is the question, `model` is `model_id` and `trial` the index of the \
            choice. A question without answers is a trace of what the user says. What else question and answer have is kept.",
    skips: &[Skip::new(
        NO_QUESTION,
        "an answer whose question is in none of the files",
    )],
    notes: &[Note::new(
        NO_ANSWER,
        "questions to which there is no answer in the files",
    )],
    options: &[],
    make: |_| Box::new(MtBench),
};

const NO_QUESTION: &str = "no-question";
const NO_ANSWER: &str = "no-answer";

/// Questions and answers of MT-bench.
#[derive(Clone, Copy, Debug)]
struct MtBench;

impl Source for MtBench {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let candidates: [&[&str]; 2] = [
            &["/question_id", "/turns/0"],
            &["/question_id", "/choices/0/turns"],
        ];
        let keys = candidates
            .into_iter()
            .find(|keys| keys.iter().all(|key| head.has(key)))?;
        (!head.has("/messages")).then(|| Evidence::keys(keys))
    }

    fn assembles(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let row = walk::object(context, record)?;
        let row = row.view();
        let question = walk::present(row, "/question_id").ok_or_else(|| walk::missing("question_id"))?;
        if row.get("turns").is_none() && row.get("choices").is_none() {
            return Err(walk::missing("turns"));
        }
        let list = if row.get("turns").is_some() {
            "turns"
        } else {
            "choices"
        };
        let list = walk::member(row, list, Kind::Array)?;
        if list.elements().count() > context.limits().messages() {
            let message = format!("more than {} messages in one trace", context.limits().messages());
            return Err(DecodeError::new(
                tracemill_model::DecodeErrorKind::OverLimit,
                0,
                message,
            ));
        }
        pieces.push(question.as_str().as_bytes(), record);
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let at = |index: usize| move |error: DecodeError| PieceError::new(index, error);
        let mut rows = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            rows.push(walk::record(context, piece, batch).map_err(at(index))?);
        }
        let Some(question) = rows.iter().position(|row| row.get("turns").is_some()) else {
            batch.skip(NO_QUESTION);
            return Ok(());
        };
        let mut answered = false;
        for (index, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.get("choices").is_some())
        {
            answered = true;
            answer(rows[question], *row, index, context, batch).map_err(at(index))?;
        }
        if !answered {
            let trace = make(rows[question], None, context).map_err(at(question))?;
            batch.note(NO_ANSWER, 1);
            batch.push_from(question, trace);
        }
        Ok(())
    }
}

/// The traces of one answer.
fn answer<'v>(
    question: JsonView<'v>,
    row: JsonView<'v>,
    piece: usize,
    context: &Context,
    batch: &mut Batch<'v>,
) -> Result<(), DecodeError> {
    let choices = walk::member(row, "choices", Kind::Array)?;
    for (number, choice) in choices.elements().enumerate() {
        let inside = |error: DecodeError| error.in_index(number).in_key("choices");
        let mut trace = make(question, Some(choice), context).map_err(inside)?;
        if let Some(id) = walk::text(row, "/answer_id") {
            let id = id.decode().into_owned();
            trace.set_id(walk::key(&if number == 0 {
                id
            } else {
                format!("{id}/{number}")
            }));
        }
        trace.set_trial(number as u64);
        trace.set_model(walk::text(row, "/model_id"));
        walk::keep_rest(
            &mut trace,
            row,
            INFO.name,
            &["question_id", "answer_id", "model_id", "choices"],
        );
        batch.push_from(piece, trace);
    }
    Ok(())
}

/// The turns of a question, with those of a choice between them.
fn make<'v>(
    question: JsonView<'v>,
    choice: Option<JsonView<'v>>,
    context: &Context,
) -> Result<Trace<'v>, DecodeError> {
    let mut conversation = Said::new(context.limits());
    let asked = texts(walk::member(question, "turns", Kind::Array)?)?;
    let mut answers = Vec::new();
    if let Some(choice) = choice {
        answers =
            texts(walk::member(choice, "turns", Kind::Array)?).map_err(|error| error.in_key("turns"))?;
        if answers.len() > asked.len() {
            return Err(walk::wrong("the answer has more turns than the question").in_key("turns"));
        }
    }
    let mut answers = answers.into_iter();
    for text in asked {
        conversation.push(said(Role::User, text))?;
        if let Some(text) = answers.next() {
            conversation.push(said(Role::Assistant, text))?;
        }
    }
    let mut trace = Trace::new();
    *trace.messages_mut() = conversation.messages;
    if let Some(id) = question.get("question_id") {
        let key = Key::new(id.into_owned());
        if choice.is_none() {
            trace.set_id(key.clone());
        }
        trace.set_group(Group::new(key, GroupKind::Task));
    }
    walk::keep_rest(&mut trace, question, INFO.name, &["question_id", "turns"]);
    if let Some(choice) = choice {
        walk::keep_rest(&mut trace, choice, "choice", &["index", "turns"]);
    }
    Ok(trace)
}

fn texts(list: JsonView<'_>) -> Result<Vec<Text<'static>>, DecodeError> {
    let mut texts = Vec::new();
    for (index, turn) in list.elements().enumerate() {
        walk::expect(turn, Kind::String).map_err(|error| error.in_index(index))?;
        texts.push(turn.as_text().unwrap_or_default().into_owned());
    }
    Ok(texts)
}
