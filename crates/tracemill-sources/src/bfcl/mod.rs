//! `bfcl`: questions of the Berkeley Function-Calling Leaderboard, with the answers that are accepted or those of models.

mod answer;
mod schema;

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, DecodeErrorKind, Framing, Group, GroupKind, JsonView, Message, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::pieces::{PieceError, Pieces};
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "bfcl",
    summary: "Berkeley Function-Calling Leaderboard: questions, possible answers and results, joined by `id`",
    suffixes: JSON,
    reads: "JSON Lines, whatever the name says. Give the files of questions together with those of possible answers or of \
            results: they are joined by `id`. The messages are those of all turns of `question` in order, the tools are `function`, \
            with the types `dict` and `float` as `object` and `number`. Each result is a trace: text is the answer, a list \
            of `{name: arguments}` its calls. Without results the possible answer is the answer, if it is one of calls: of each \
            argument the first accepted value, and none where leaving it out is accepted too (`\"\"`). Answers of several \
            turns, which are Python, and results of several turns are not read into turns: they are kept, as `ground_truth` \
            always is. A result that says `Error during inference` is errored. `id` and group are the id of the question. \
            Everything else is kept.",
    skips: &[Skip::new(
        NO_QUESTION,
        "answers and results whose question is in none of the files",
    )],
    notes: &[
        Note::new(
            NO_ANSWER,
            "questions without an answer that could be read into a turn",
        ),
        Note::new(
            EMPTY_TURNS,
            "turns in which nothing is said, because functions are added instead",
        ),
        Note::new(REFERENCE, "answers made of the first of the accepted values"),
    ],
    options: &[],
    make: |_| Box::new(Bfcl),
};

const NO_QUESTION: &str = "no-question";
const NO_ANSWER: &str = "no-answer";
const EMPTY_TURNS: &str = "empty-turns";
const REFERENCE: &str = "reference-answers";

/// Questions, possible answers and results of the leaderboard.
#[derive(Clone, Copy, Debug)]
struct Bfcl;

impl Source for Bfcl {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let candidates: [&[&str]; 5] = [
            &["/id", "/question/0/0/role"],
            &["/id", "/question", "/involved_classes"],
            &["/id", "/question", "/function"],
            &["/id", "/result", "/input_token_count"],
            &["/id", "/ground_truth"],
        ];
        let keys = candidates
            .into_iter()
            .find(|keys| keys.iter().all(|key| head.has(key)))?;
        // An id and a ground truth have many: possible answers have nothing else, and it is a list.
        let is_answer = head.record_keys().count() == 2 && head.kind("/ground_truth") == Some(Kind::Array);
        let other =
            head.has("/messages") || head.has("/history") || keys.contains(&"/ground_truth") && !is_answer;
        let list = !head.has("/question") || head.kind("/question") == Some(Kind::Array);
        (list && !other).then(|| Evidence::keys(keys))
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
        let id = walk::member(row, "id", Kind::String)?;
        if row.get("question").is_some() {
            let turns = walk::member(row, "question", Kind::Array)?;
            let count: usize = turns.elements().map(|turn| turn.elements().count()).sum();
            if count > context.limits().messages() {
                let message = format!("more than {} messages in one trace", context.limits().messages());
                return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message).in_key("question"));
            }
        } else if row.get("ground_truth").is_none() && row.get("result").is_none() {
            return Err(walk::missing("question"));
        }
        pieces.push(id.as_str().as_bytes(), record);
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
        let find = |key: &str| rows.iter().position(|row| row.get(key).is_some());
        let Some(question) = find("question") else {
            batch.skip(NO_QUESTION);
            return Ok(());
        };
        let truth = find("ground_truth").map(|index| (index, &rows[index]));
        let results: Vec<usize> = (0..rows.len())
            .filter(|&index| rows[index].get("result").is_some())
            .collect();
        let mut base = asked(rows[question], context, batch).map_err(at(question))?;
        if let Some((_, truth)) = truth.filter(|(index, _)| *index != question) {
            walk::keep_rest(&mut base, *truth, INFO.name, &["id"]);
        }
        if results.is_empty() {
            let target = match truth {
                Some((index, truth)) => answer::accepted(*truth).map_err(at(index))?,
                None => None,
            };
            batch.note(if target.is_some() { REFERENCE } else { NO_ANSWER }, 1);
            base.messages_mut().extend(target);
            batch.push_from(question, base);
            return Ok(());
        }
        for index in results {
            let trace = answered(&base, rows[index], batch).map_err(at(index))?;
            batch.push_from(index, trace);
        }
        Ok(())
    }
}

/// What the model was asked.
fn asked<'v>(row: JsonView<'v>, context: &Context, batch: &mut Batch<'v>) -> Result<Trace<'v>, DecodeError> {
    let turns = walk::member(row, "question", Kind::Array)?;
    let mut said = Said::new(context.limits());
    let mut empty = 0;
    for (number, turn) in turns.elements().enumerate() {
        let inside = |error: DecodeError| error.in_index(number).in_key("question");
        walk::expect(turn, Kind::Array).map_err(inside)?;
        empty += u64::from(turn.elements().next().is_none());
        for (index, message) in turn.elements().enumerate() {
            let message = walk::message(message).map_err(|error| inside(error.in_index(index)))?;
            said.push(message)?;
        }
    }
    batch.note(EMPTY_TURNS, empty);
    let mut trace = Trace::new();
    *trace.messages_mut() = said.messages;
    if let Some(functions) = walk::present(row, "/function") {
        let functions = batch.keep(schema::renamed(functions, context.limits())?);
        trace.set_tools(walk::tools(Some(functions)).map_err(|error| error.in_key("function"))?);
    }
    if let Some(id) = walk::text(row, "/id") {
        trace.set_id(walk::key(&id.decode()));
        trace.set_group(Group::new(walk::key(&id.decode()), GroupKind::Task));
    }
    walk::keep_rest(&mut trace, row, INFO.name, &["id", "question", "function"]);
    Ok(trace)
}

/// The trace of a result.
fn answered<'v>(
    base: &Trace<'v>,
    row: JsonView<'v>,
    batch: &mut Batch<'v>,
) -> Result<Trace<'v>, DecodeError> {
    let mut trace = base.clone();
    let mut taken = vec!["id"];
    let result = row.get("result").ok_or_else(|| walk::missing("result"))?;
    let failed = result
        .as_text()
        .is_some_and(|text| text.decode().starts_with("Error during inference"));
    if failed {
        trace.set_outcome(tracemill_model::Outcome::Errored);
    }
    let message: Option<Message<'static>> = if failed { None } else { answer::given(result)? };
    if message.is_some() {
        taken.push("result");
    } else {
        batch.note(NO_ANSWER, 1);
    }
    trace.messages_mut().extend(message);
    trace.set_model(walk::text(row, "/model_name"));
    walk::keep_rest(&mut trace, row, INFO.name, &taken);
    Ok(trace)
}

/// The name of a function as text.
fn named(key: &Text<'_>) -> Text<'static> {
    key.clone().into_owned()
}
