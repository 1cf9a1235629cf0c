//! `inspect`: evaluation logs of Inspect AI, as one JSON document or as an archive.

mod attachments;
mod message;
mod score;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Elements, Framing, Group, GroupKind, JsonView, Key, Limits, Members,
    Outcome, RawJson, Text, Tool, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{insert, step};
use crate::record::{Once, raw};
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};

use attachments::Attachments;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "inspect",
    summary: "evaluation logs of Inspect AI: each sample with its conversation and its scores",
    suffixes: &[".json", ".eval"],
    reads: "The document that `--log-format json` writes, and the archive (`.eval`) whose files are the samples, also of a \
            run that was cut short before it wrote its `header.json`: one trace a sample. `id` is the task, the sample and the epoch \
            (`arithmetic/7/1`), the group is the task and the sample, which keeps the type of its id, and `trial` is the \
            epoch. Each scorer is a score; `C`, `I`, `P` and `N` are 1, 0, 0.5 and 0, with the letter as `label`; of a \
            value with several parts each is a score of its own (`scorer/part`, `scorer/0`). A sample with an `error` is \
            `errored` and one that met a `limit` is `truncated`: their conversations stay; else the `stop_reason` of the \
            output decides. `model` is that of the output, else of the evaluation. Assistant messages whose `source` is \
            `input` are marked not to be trained on. Reasoning parts are the reasoning of their message. The tools are \
            those of the last model call among the `events`. Texts that are kept as `attachment://…` are put back into \
            messages and tools. Everything else of the sample is kept, `events` included, as is what the log says of \
            itself, under `eval`.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "the sample has no messages: it failed before anything was said",
    )],
    notes: &[Note::new(
        MISSING_ATTACHMENTS,
        "texts that are kept as attachments and are not among those of the sample: the reference stays",
    )],
    options: &[],
    make: |_| Box::new(Inspect),
};

const NO_CONVERSATION: &str = "no-conversation";
const MISSING_ATTACHMENTS: &str = "missing-attachments";

/// The files of an archive: the samples, what the log says of itself, and what it said when it was begun.
const SAMPLES: &str = "samples/*.json";
const HEADER: &str = "header.json";
const START: &str = "_journal/start.json";

/// What every sample needs of its log, and the name under which the trace keeps it.
const HEADERS: [(&str, &str); 7] = [
    ("/eval/eval_id", "eval_id"),
    ("/eval/run_id", "run_id"),
    ("/eval/created", "created"),
    ("/eval/task", "task"),
    ("/eval/task_id", "task_id"),
    ("/eval/model", "model"),
    ("/status", "status"),
];
const TASK: usize = 3;
const MODEL: usize = 5;

/// Evaluation logs of Inspect AI.
#[derive(Clone, Copy, Debug)]
struct Inspect;

impl Source for Inspect {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        let samples = HEADERS
            .iter()
            .fold(Elements::at("/samples"), |elements, (pointer, _)| {
                elements.with_header(*pointer)
            });
        let members = Members::matching(SAMPLES)
            .with_header_file(HEADER)
            .with_header_file(START);
        let members = HEADERS
            .iter()
            .fold(members, |members, (pointer, _)| members.with_header(*pointer));
        vec![Framing::Elements(samples), Framing::Members(members)]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let file = [HEADER, START]
            .into_iter()
            .find(|file| head.members().any(|name| name == *file));
        if let Some(file) = file.filter(|_| {
            head.members()
                .any(|name| name.starts_with("_journal/") || name.starts_with("samples/"))
        }) {
            return Some(Evidence::new(format!("`{file}` among its files")));
        }
        let task = head.has("/eval/task") && (head.has("/status") || head.has("/plan"));
        task.then(|| Evidence::keys(&["/eval/task", "/status"]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let sample = Sample::read(&mut cursor)?;
        cursor.finish()?;
        sample.deliver(context, batch)
    }
}

/// One sample, taken apart.
#[derive(Debug, Default)]
struct Sample<'a> {
    trace: Trace<'a>,
    id: Option<RawJson<'a>>,
    epoch: Option<u64>,
    messages: Option<RawJson<'a>>,
    scores: Option<RawJson<'a>>,
}

/// The keys that a sample has once, and those that have another meaning in a trace.
const KEYS: [&str; 6] = ["id", "epoch", "messages", "scores", "metadata", "score"];

impl<'a> Sample<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let mut sample = Sample::default();
        let mut once = Once::of(&KEYS);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            sample.read_field(cursor, key)
        })?;
        if once.has_seen("messages") {
            Ok(sample)
        } else {
            Err(cursor.error(DecodeErrorKind::MissingField, "a sample needs `messages`"))
        }
    }

    fn read_field(&mut self, cursor: &mut Cursor<'a>, key: &Text<'a>) -> Result<(), DecodeError> {
        match key.body() {
            "id" => self.id = Some(cursor.raw()?).filter(|id| !id.is_null()),
            "epoch" => self.epoch = Some(cursor.unsigned()?),
            "messages" => self.messages = Some(cursor.raw()?),
            "scores" | "score" if cursor.peek()? == Kind::Object => self.scores = Some(cursor.raw()?),
            "scores" | "score" if cursor.null()? => {}
            "scores" | "score" => return Err(cursor.expected("an object of scores")),
            "metadata" => drop(self.trace.set_metadata(Some(cursor.raw()?))),
            // These mean something else in a trace, and nothing in a sample.
            "tools" | "group" | "trial" | "outcome" | "model" => {
                let value = cursor.raw()?;
                insert(&mut self.trace, format!("sample.{}", key.decode()), value);
            }
            _ => self.trace.extra_mut().read(cursor, key)?,
        }
        Ok(())
    }

    fn deliver(mut self, context: &Context, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        let messages = self.messages.take().unwrap_or_else(|| RawJson::from(false));
        let own = self.trace.extra().get("attachments").map(RawJson::borrowed);
        let mut attachments = Attachments::of(own.as_ref().map(RawJson::view));
        let messages = attachments.resolve(messages.view())?;
        let tools = match self.trace.extra().get("events") {
            Some(events) => tools(events.view(), &mut attachments)?,
            None => None,
        };
        batch.note(MISSING_ATTACHMENTS, attachments.missing());
        let messages = message::read_list(messages.view(), context.limits())
            .map_err(|error| error.in_key("messages"))?;
        if messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        *self.trace.messages_mut() = messages;
        self.trace.set_tools(tools);
        if let Some(scores) = self.scores.take() {
            for (name, value) in scores.members() {
                score::push(&mut self.trace, &name, value).map_err(|error| error.in_key("scores"))?;
            }
        }
        self.conclude();
        self.name(context)?;
        batch.push(self.trace);
        Ok(())
    }

    /// How the run ended, and with which model.
    fn conclude(&mut self) {
        let extra = self.trace.extra();
        let is_set = |key: &str| extra.get(key).is_some_and(|value| !value.is_null());
        let output = extra.get("output");
        let reason = output.and_then(|output| output.pointer("/choices/0/stop_reason"));
        let reason = reason.and_then(JsonView::as_text);
        let outcome = if is_set("error") {
            Some(Outcome::Errored)
        } else if is_set("limit") {
            Some(Outcome::Truncated)
        } else {
            match reason.as_ref().map_or("", Text::body) {
                "stop" | "tool_calls" => Some(Outcome::Completed),
                "max_tokens" | "model_length" => Some(Outcome::Truncated),
                "content_filter" => Some(Outcome::Errored),
                "unknown" => Some(Outcome::Unknown),
                _ => None,
            }
        };
        let model = output
            .and_then(|output| output.get("model"))
            .and_then(tracemill_model::JsonView::as_text);
        let model = model.filter(|model| !model.is_empty()).map(Text::into_owned);
        self.trace.set_outcome(outcome);
        self.trace.set_model(model);
    }

    /// Its identity, out of what the log says of itself.
    fn name(&mut self, context: &Context) -> Result<(), DecodeError> {
        let header = |index: usize| context.header(index).and_then(|text| RawJson::parse(text).ok());
        let task = header(TASK)
            .filter(|task| !task.is_null())
            .map(RawJson::into_owned);
        let mut steps: Vec<String> = task.iter().map(RawJson::view).map(step).collect();
        if let Some(id) = self.id.take() {
            steps.push(step(id.view()));
            let key = raw(Limits::default(), |w| {
                w.begin_array();
                if let Some(task) = &task {
                    w.raw(task);
                }
                w.raw(&id);
                w.end_array();
            })?;
            self.trace.set_group(Group::new(Key::new(key), GroupKind::Task));
        }
        if let Some(epoch) = self.epoch {
            steps.push(epoch.to_string());
            self.trace.set_trial(epoch);
        }
        self.trace.set_id(Key::new(Text::new(steps.join("/")).into()));
        if self.trace.model().is_none() {
            let model = header(MODEL).and_then(|model| model.into_text().ok());
            self.trace.set_model(model.map(Text::into_owned));
        }
        let eval = raw(Limits::default(), |w| {
            w.begin_object();
            for (index, (_, name)) in HEADERS.iter().enumerate() {
                if let Some(value) = header(index) {
                    w.key(name).raw(&value);
                }
            }
            w.end_object();
        })?;
        if eval.as_str() != "{}" {
            insert(&mut self.trace, "eval", eval);
        }
        Ok(())
    }
}

/// The tools of the last model call that had any.
fn tools(
    events: JsonView<'_>,
    attachments: &mut Attachments<'_>,
) -> Result<Option<Vec<Tool<'static>>>, DecodeError> {
    let mut last = None;
    for event in events.elements() {
        let is_model = event
            .get("event")
            .is_some_and(|kind| kind.as_str() == "\"model\"");
        let tools = event
            .get("tools")
            .filter(|tools| is_model && tools.elements().next().is_some());
        if let Some(tools) = tools {
            last = Some(tools.into_owned());
        }
    }
    let Some(last) = last else { return Ok(None) };
    let resolved = attachments.resolve(last.view())?;
    let tools =
        Tool::read_list(&mut resolved.cursor()).map_err(|error| error.in_key("tools").in_key("events"))?;
    Ok(Some(tools.into_iter().map(Tool::into_owned).collect()))
}
