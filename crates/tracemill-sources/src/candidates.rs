//! `candidates`: one line per candidate, whatever its fields are called.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Framing, Group, GroupKind, JsonView, Key, Limits, Message, RawJson, Score,
    ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{SourceOption, SourceOptions};
use crate::parts::{ordinal, read_prompt, read_response, read_score, refuse_messages};
use crate::record::raw;
use crate::registry::{JSON, Note, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "candidates",
    summary: "one line per candidate: example, turn, index, prompt, response and score, under keys of your own",
    suffixes: JSON,
    reads: "`{\"example_id\", \"turn_id\", \"candidate_index\", \"prompt\", \"response\", \"score\"}`; every key has an \
            option. The prompt is a string (one user message) or a list of messages; the response is text, content, a \
            message or a list of messages. The group is the turn: its key is the list of example and turn, each with \
            its type, and it says the `example`. Without a turn it is the prompt of the example. `trial` is the index, \
            `id` the three joined by `/`. A score is a number, a boolean, or either as text; `NaN` and `N/A` are \
            missing. It has no name as `score` and its own under another key. Other fields are those of a trace \
            (`tools`, `model`, `metadata`) or kept.",
    skips: &[],
    notes: &[Note::new(
        NO_PROMPT,
        "candidates whose prompt is `null`: nothing stands before their response",
    )],
    options: &[
        SourceOption::new(
            "field.example",
            "example_id",
            "the key of what the candidate is for",
        ),
        SourceOption::new("field.turn", "turn_id", "the key of the turn within the example"),
        SourceOption::new(
            "field.index",
            "candidate_index",
            "the key of the ordinal within the turn",
        ),
        SourceOption::new("field.prompt", "prompt", "the key of what the model saw"),
        SourceOption::new("field.response", "response", "the key of what it answered"),
        SourceOption::new("field.score", "score", "the key of how good that is"),
    ],
    make: |options| Box::new(Candidates::new(options)),
};

const NO_PROMPT: &str = "no-prompt";

/// One line per candidate.
#[derive(Clone, Debug)]
struct Candidates {
    /// The keys of the fields, in the order of [`Field`].
    keys: [Text<'static>; 6],
    /// What the group calls its example.
    example: Text<'static>,
}

/// What a candidate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Example,
    Turn,
    Index,
    Prompt,
    Response,
    Score,
}

impl Field {
    const ALL: [(Field, &str, &str); 6] = [
        (Field::Example, "example", "example_id"),
        (Field::Turn, "turn", "turn_id"),
        (Field::Index, "index", "candidate_index"),
        (Field::Prompt, "prompt", "prompt"),
        (Field::Response, "response", "response"),
        (Field::Score, "score", "score"),
    ];
}

impl Candidates {
    fn new(options: &SourceOptions) -> Self {
        Candidates {
            keys: Field::ALL.map(|(_, field, usual)| Text::new(options.key_of(field, usual))),
            example: Text::new("example"),
        }
    }

    fn key(&self, field: Field) -> &Text<'static> {
        &self.keys[field as usize]
    }

    /// Which field a key names; `expected` is looked at first, as most files have their fields in one order.
    fn field(&self, key: &Text<'_>, expected: usize) -> Option<Field> {
        let is_key = |number: usize| self.keys[number].body() == key.body();
        if expected < self.keys.len() && is_key(expected) {
            return Some(Field::ALL[expected].0);
        }
        let number = (0..self.keys.len()).find(|&number| is_key(number))?;
        Some(Field::ALL[number].0)
    }
}

impl Source for Candidates {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let pointer = |field| {
            format!(
                "/{}",
                self.key(field).decode().replace('~', "~0").replace('/', "~1")
            )
        };
        let [example, prompt, response] = [Field::Example, Field::Prompt, Field::Response].map(pointer);
        let is_prompt = matches!(head.kind(&prompt)?, Kind::String | Kind::Array | Kind::Null);
        let found = is_prompt && head.has(&response) && head.has(&example) && !head.has("/messages");
        found.then(|| Evidence::keys(&[&example, &prompt, &response]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut candidate = Candidate::default();
        batch.read(record, context.limits(), |cursor| {
            self.read(cursor, &mut candidate)
        })?;
        batch.note(NO_PROMPT, u64::from(!candidate.prompted));
        self.finish(&mut candidate, context.limits())?;
        batch.push(candidate.trace);
        Ok(())
    }
}

/// One candidate: the trace that it becomes, and what the record says beside.
#[derive(Debug, Default)]
struct Candidate<'a> {
    trace: Trace<'a>,
    example: Option<RawJson<'a>>,
    turn: Option<RawJson<'a>>,
    index: Option<RawJson<'a>>,
    /// Prompt and response; the trace has its own messages, which a candidate must not.
    messages: Vec<Message<'a>>,
    /// Whether there is a prompt among them.
    prompted: bool,
    score: Option<ScoreValue<'a>>,
}

impl Candidates {
    fn read<'a>(&self, cursor: &mut Cursor<'a>, candidate: &mut Candidate<'a>) -> Result<(), DecodeError> {
        let mut seen = [false; Field::ALL.len()];
        let mut expected = 0;
        cursor.object(|cursor, key| {
            let field = self.field(key, expected);
            expected = field.map_or(0, |field| field as usize + 1);
            let Some(field) = field else {
                return candidate.trace.read_field(cursor, key);
            };
            if std::mem::replace(&mut seen[field as usize], true) {
                return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"));
            }
            candidate.read_field(cursor, field)
        })?;
        let needed = [Field::Example, Field::Prompt, Field::Response];
        match needed.into_iter().find(|field| !seen[*field as usize]) {
            None => Ok(()),
            Some(field) => {
                let (_, name, _) = Field::ALL[field as usize];
                let message = format!(
                    "a candidate needs `{}`: name another key with `field.{name}`",
                    self.key(field)
                );
                Err(cursor.error(DecodeErrorKind::MissingField, message))
            }
        }
    }

    /// Makes the trace whole.
    fn finish(&self, candidate: &mut Candidate<'_>, limits: Limits) -> Result<(), DecodeError> {
        refuse_messages(&candidate.trace, "a prompt and a response")?;
        *candidate.trace.messages_mut() = std::mem::take(&mut candidate.messages);
        if let Some(score) = candidate.score.take() {
            let key = self.key(Field::Score);
            let name = (key.body() != "score").then(|| key.clone());
            candidate.trace.push_score(Score::new(name, score));
        }
        self.identify(candidate, limits)
    }

    /// Says which candidate of what the trace is; what the record says of itself goes first.
    fn identify(&self, candidate: &mut Candidate<'_>, limits: Limits) -> Result<(), DecodeError> {
        let Candidate {
            trace,
            example,
            turn,
            index,
            ..
        } = candidate;
        if trace.id().is_none() && example.is_some() {
            let steps = [&*example, &*turn, &*index].into_iter().flatten();
            trace.set_id(Key::path(steps.map(RawJson::view)));
        }
        match index.as_ref().map(RawJson::view).and_then(ordinal) {
            Some(trial) if trace.trial().is_none() => drop(trace.set_trial(trial)),
            _ => self.keep(trace, Field::Index, index.take()),
        }
        match example.take() {
            Some(example) if trace.group().is_none() => {
                trace.set_group(self.group(example, turn.take(), limits)?);
            }
            example => {
                self.keep(trace, Field::Example, example);
                self.keep(trace, Field::Turn, turn.take());
            }
        }
        Ok(())
    }

    /// Keeps a field that did not become a part of the trace.
    fn keep<'a>(&self, trace: &mut Trace<'a>, field: Field, value: Option<RawJson<'a>>) {
        if let Some(value) = value {
            trace.extra_mut().insert(self.key(field).clone(), value);
        }
    }

    /// The group of a turn, or that of an example without turns.
    fn group<'a>(
        &self,
        example: RawJson<'a>,
        turn: Option<RawJson<'a>>,
        limits: Limits,
    ) -> Result<Group<'a>, DecodeError> {
        let (key, kind) = match turn {
            Some(turn) => (turn_key(example.view(), turn.view(), limits)?, GroupKind::Turn),
            None => (example.clone(), GroupKind::Prompt),
        };
        let mut group = Group::new(Key::new(key), kind);
        group.extra_mut().insert(self.example.clone(), example);
        Ok(group)
    }
}

/// The key of a turn: the list of example and turn.
fn turn_key(
    example: JsonView<'_>,
    turn: JsonView<'_>,
    limits: Limits,
) -> Result<RawJson<'static>, DecodeError> {
    let is_flat = |value: JsonView<'_>| !matches!(value.kind(), Kind::Array | Kind::Object);
    if is_flat(example) && is_flat(turn) {
        return Ok(RawJson::list([example, turn]));
    }
    // A list around them may be too deep.
    raw(limits, |w| {
        w.begin_array().raw(example).raw(turn).end_array();
    })
}

impl<'a> Candidate<'a> {
    fn read_field(&mut self, cursor: &mut Cursor<'a>, field: Field) -> Result<(), DecodeError> {
        let given = |value: RawJson<'a>| Some(value).filter(|value| !value.is_null());
        match field {
            Field::Example => self.example = given(cursor.raw()?),
            Field::Turn => self.turn = given(cursor.raw()?),
            Field::Index => self.index = given(cursor.raw()?),
            Field::Prompt => self.ask(read_prompt(cursor)?),
            Field::Response => self.messages.extend(read_response(cursor)?),
            Field::Score => self.score = Some(read_score(cursor)?),
        }
        Ok(())
    }

    /// Puts the prompt before the response, which may have come first.
    fn ask(&mut self, prompt: Vec<Message<'a>>) {
        self.prompted = !prompt.is_empty();
        let response = std::mem::replace(&mut self.messages, prompt);
        self.messages.extend(response);
    }
}
