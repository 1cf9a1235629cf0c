//! A run: what was asked, answered, rated and repaired.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Group, GroupKind, JsonView, Key, Message, RawJson, Reasoning,
    Role, Score, ScoreValue, Text, Trace, digest,
};

use super::task::Task;
use super::text;
use crate::parts::said;
use crate::source::{Batch, Context};

/// A `task_run` file.
#[derive(Debug)]
pub(super) struct Run<'a> {
    file: RawJson<'a>,
    pub(super) id: String,
    /// Which of the pieces it is.
    pub(super) piece: usize,
}

/// The score that tells a repair from what it repairs.
const PREFERENCE: &str = "preference";

impl<'a> Run<'a> {
    pub(super) fn new(file: RawJson<'a>, piece: usize) -> Result<Self, DecodeError> {
        let id = text(file.view(), "id").ok_or_else(|| missing("a run needs an `id`"))?;
        let id = id.decode().into_owned();
        Ok(Run { file, id, piece })
    }

    /// The run that it continues.
    pub(super) fn parent(&self) -> Option<String> {
        text(self.file.view(), "parent_task_run_id").map(|id| id.decode().into_owned())
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.file.get(key).is_some_and(|value| !value.is_null())
    }

    /// Pushes its trace; and where pairs are made, the original of a repair.
    pub(super) fn deliver(
        &self,
        task: &Task<'_>,
        context: &Context,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut trace = self.trace(task, context)?;
        let repair = self
            .file
            .pointer("/repaired_output/output")
            .and_then(tracemill_model::JsonView::as_text);
        let Some(repair) = repair.map(Text::into_owned) else {
            self.rate(task, &mut trace)?;
            batch.push_from(self.piece, trace);
            return Ok(());
        };
        let mut original = trace.clone();
        let last = trace
            .messages()
            .iter()
            .rposition(|message| *message.role() == Role::Assistant);
        let last = last.ok_or_else(|| missing("a repair needs an answer to repair"))?;
        let message = &mut trace.messages_mut()[last];
        message.set_content(repair);
        if !context.makes_pairs() {
            batch.push_from(self.piece, trace);
            return Ok(());
        }
        self.rate(task, &mut original)?;
        let preference = |value: &str| {
            let value = RawJson::parse(value).map(RawJson::into_owned)?;
            Ok::<_, DecodeError>(Score::new(
                Some(Text::from(PREFERENCE)),
                ScoreValue::Number(value),
            ))
        };
        trace.push_score(preference("1")?);
        original.push_score(preference("0")?);
        original.set_id(Key::new(Text::new(format!("{}/original", self.id)).into()));
        batch.push_from(self.piece, trace);
        batch.push_from(self.piece, original);
        Ok(())
    }

    fn trace(&self, task: &Task<'_>, context: &Context) -> Result<Trace<'static>, DecodeError> {
        let mut trace = Trace::new();
        match self.file.get("trace").filter(|trace| trace.kind() == Kind::Array) {
            Some(recorded) => {
                let mut read = Trace::new();
                let mut cursor =
                    tracemill_model::json::Cursor::with_limits(recorded.as_str(), context.limits());
                read.read_messages(&mut cursor)
                    .map_err(|error| error.in_key("trace"))?;
                trace
                    .messages_mut()
                    .extend(read.into_owned().messages().iter().cloned());
            }
            None => trace.messages_mut().extend(self.plain(task)?),
        }
        trace.set_id(Key::new(Text::new(self.id.clone()).into()));
        let task_id = task.file.as_ref().and_then(|task| text(task.view(), "id"));
        let input = self.file.get("input");
        let mut key = task_id.map(|id| id.body().to_owned()).unwrap_or_default();
        key.push('\n');
        key.push_str(input.as_ref().map_or("", |input| input.as_str()));
        let key = Text::new(format!("{:032x}", digest(key.as_bytes())));
        trace.set_group(Group::new(Key::new(key.into()), GroupKind::Task));
        let model = self.file.pointer("/output/source/properties/model_name");
        trace.set_model(
            model
                .and_then(tracemill_model::JsonView::as_text)
                .map(Text::into_owned),
        );
        for (name, value) in self.file.members() {
            match name.body() {
                "id" | "trace" => {}
                // These have another meaning in a trace.
                "messages" | "tools" | "scores" | "score" | "group" | "trial" | "outcome" | "model"
                | "metadata" => {
                    let name = Text::new(format!("run.{}", name.decode()));
                    trace.extra_mut().insert(name, value.into_owned());
                }
                _ => trace.extra_mut().insert(name.into_owned(), value.into_owned()),
            }
        }
        Ok(trace)
    }

    /// The conversation of a run without a recorded one, as older versions wrote them.
    fn plain(&self, task: &Task<'_>) -> Result<Vec<Message<'static>>, DecodeError> {
        let input =
            text(self.file.view(), "input").ok_or_else(|| missing("a run needs a `trace`, or an `input`"))?;
        let output = self
            .file
            .pointer("/output/output")
            .and_then(tracemill_model::JsonView::as_text);
        let output = output.ok_or_else(|| missing("a run needs a `trace`, or an `output`"))?;
        let instruction = task
            .file
            .as_ref()
            .and_then(|task| text(task.view(), "instruction"));
        let mut messages: Vec<_> = instruction
            .map(|text| said(Role::System, text))
            .into_iter()
            .collect();
        messages.push(said(Role::User, input));
        let mut answer = Message::new(Role::Assistant);
        answer.set_content(Content::Text(output.into_owned()));
        let thought = self.file.get("intermediate_outputs").and_then(|thoughts| {
            // Reasoning of the model goes before what it was asked to write down.
            let thought = ["reasoning", "chain_of_thought"]
                .iter()
                .find_map(|key| text(thoughts, key));
            thought.filter(|thought| !thought.is_blank())
        });
        answer.set_reasoning(thought.map(Reasoning::Text));
        messages.push(answer);
        Ok(messages)
    }

    /// Adds what people and evaluations said of the recorded output.
    fn rate(&self, task: &Task<'_>, trace: &mut Trace<'static>) -> Result<(), DecodeError> {
        if let Some(rating) = self
            .file
            .pointer("/output/rating")
            .filter(|rating| !rating.is_null())
        {
            if let Some(value) = rating.get("value").filter(|value| !value.is_null()) {
                let name = text(rating, "type").unwrap_or_else(|| Text::from("rating"));
                trace.push_score(score(name, value)?);
            }
            let requirements = rating.get("requirement_ratings");
            for (id, requirement) in requirements.into_iter().flat_map(JsonView::members) {
                if let Some(value) = requirement.get("value").filter(|value| !value.is_null()) {
                    trace.push_score(score(Text::new(format!("requirement/{}", id.decode())), value)?);
                }
            }
        }
        let id = RawJson::from(Text::new(self.id.clone()));
        for evaluation in &task.evaluations {
            // An evaluation of a run configuration made an answer of its own, which is another run.
            let own = evaluation.get("dataset_id").is_some_and(|run| run == id.view());
            let of_recorded = evaluation
                .get("task_run_config_id")
                .is_none_or(tracemill_model::JsonView::is_null);
            if own && of_recorded {
                let scores = evaluation.get("scores");
                for (name, value) in scores.into_iter().flat_map(JsonView::members) {
                    trace.push_score(score(name.clone().into_owned(), value)?);
                }
            }
        }
        Ok(())
    }
}

fn score(name: Text<'static>, value: JsonView<'_>) -> Result<Score<'static>, DecodeError> {
    Ok(Score::new(Some(name), ScoreValue::read(&mut value.cursor())?).into_owned())
}

fn missing(message: &str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::MissingField, 0, message)
}
