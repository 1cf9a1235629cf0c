//! `candidates`: one line per candidate, whatever its fields are called.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Framing, Group, GroupKind, JsonView, Key, Limits, Message, RawJson, Score,
    ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{SourceOption, SourceOptions};
use crate::parts::{ordinal, path_key, read_prompt, read_response, read_score, refuse_messages};
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
        let mut cursor = Cursor::with_limits(record, context.limits());
        let candidate = self.read(record, &mut cursor)?;
        cursor.finish()?;
        batch.note(NO_PROMPT, u64::from(candidate.prompt.is_empty()));
        batch.push(self.trace(candidate, context.limits())?);
        Ok(())
    }
}

/// One candidate, taken apart.
#[derive(Debug, Default)]
struct Candidate<'a> {
    own: Trace<'a>,
    example: Option<RawJson<'a>>,
    turn: Option<RawJson<'a>>,
    index: Option<RawJson<'a>>,
    prompt: Vec<Message<'a>>,
    response: Vec<Message<'a>>,
    score: Option<ScoreValue<'a>>,
}

impl Candidates {
    fn read<'a>(&self, record: &'a str, cursor: &mut Cursor<'a>) -> Result<Candidate<'a>, DecodeError> {
        let mut candidate = Candidate::default();
        let mut seen = [false; Field::ALL.len()];
        let mut expected = 0;
        cursor.object(|cursor, key| {
            let field = self.field(key, expected);
            expected = field.map_or(0, |field| field as usize + 1);
            let Some(field) = field else {
                return candidate.own.read_field(cursor, key);
            };
            if std::mem::replace(&mut seen[field as usize], true) {
                return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"));
            }
            candidate.read_field(record, cursor, field)
        })?;
        let needed = [Field::Example, Field::Prompt, Field::Response];
        match needed.into_iter().find(|field| !seen[*field as usize]) {
            None => Ok(candidate),
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

    fn trace<'a>(&self, candidate: Candidate<'a>, limits: Limits) -> Result<Trace<'a>, DecodeError> {
        let Candidate {
            own: mut trace,
            example,
            turn,
            index,
            prompt,
            response,
            score,
        } = candidate;
        refuse_messages(&trace, "a prompt and a response")?;
        *trace.messages_mut() = prompt;
        trace.messages_mut().extend(response);
        if let Some(score) = score {
            let key = self.key(Field::Score);
            let name = (key.body() != "score").then(|| key.clone());
            trace.push_score(Score::new(name, score));
        }
        self.identify(&mut trace, [example, turn, index], limits)?;
        Ok(trace)
    }

    /// Says which candidate of what the trace is; what the record says of itself goes first.
    fn identify<'a>(
        &self,
        trace: &mut Trace<'a>,
        [example, turn, index]: [Option<RawJson<'a>>; 3],
        limits: Limits,
    ) -> Result<(), DecodeError> {
        if trace.id().is_none() && example.is_some() {
            trace.set_id(path_key(
                [&example, &turn, &index].into_iter().flatten().map(RawJson::view),
            ));
        }
        match index.as_ref().map(RawJson::view).and_then(ordinal) {
            Some(trial) if trace.trial().is_none() => drop(trace.set_trial(trial)),
            _ => self.keep(trace, Field::Index, index),
        }
        match example {
            Some(example) if trace.group().is_none() => {
                trace.set_group(group(example, turn, limits)?);
            }
            example => {
                self.keep(trace, Field::Example, example);
                self.keep(trace, Field::Turn, turn);
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
}

/// The group of a turn, or that of an example without turns.
fn group<'a>(
    example: RawJson<'a>,
    turn: Option<RawJson<'a>>,
    limits: Limits,
) -> Result<Group<'a>, DecodeError> {
    let (key, kind) = match turn {
        Some(turn) => (turn_key(example.view(), turn.view(), limits)?, GroupKind::Turn),
        None => (example.clone(), GroupKind::Prompt),
    };
    let mut group = Group::new(Key::new(key), kind);
    group.extra_mut().insert(Text::new("example"), example);
    Ok(group)
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
    fn read_field(
        &mut self,
        record: &'a str,
        cursor: &mut Cursor<'a>,
        field: Field,
    ) -> Result<(), DecodeError> {
        let given = |value: RawJson<'a>| Some(value).filter(|value| !value.is_null());
        match field {
            Field::Example => self.example = given(cursor.raw()?),
            Field::Turn => self.turn = given(cursor.raw()?),
            Field::Index => self.index = given(cursor.raw()?),
            Field::Prompt => self.prompt = read_prompt(cursor)?,
            Field::Response => self.response = read_response(record, cursor)?,
            Field::Score => self.score = Some(read_score(cursor)?),
        }
        Ok(())
    }
}
