//! `nat`: evaluation runs of the `NeMo` Agent Toolkit, whose test-time-compute steps are scored candidates.
//!
//! The toolkit's own builder of preference data works inside of a run. This reads what a run leaves behind: one item a
//! question, in it the steps of the run, among them one `TTC_END` step for every candidate.

mod step;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Elements, Fields, Framing, Limits, RawJson, Text};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{STEP, STEPS_KEY, SourceOption, SourceOptions};
use crate::registry::{JSON, Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};

use step::{Outline, candidate};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "nat",
    summary: "evaluation runs of the NeMo Agent Toolkit, whose test-time-compute steps are scored candidates",
    suffixes: JSON,
    reads: "`workflow_output.json`, an array of items with their steps under `intermediate_steps`, and an `EvalInput` \
            with its items under `eval_input_items` and their steps under `trajectory`; also one item a line. Every \
            step with the `event_type` `TTC_END` and the wanted name is one trace: its `input` (a string is one user \
            message, a list is messages, calls included) and its `output` as the assistant's answer. An output that is \
            `null` is an empty answer, an object stays an object. The group is the turn: its key is the \
            list of the item's `id` and the `turn_id`, each with its type, and it says the `example`. `trial` is the \
            `candidate_index`, and the one score has no name: a number, a boolean, or either as text; `NaN` and `N/A` \
            are missing scores. The metadata of the step are those of the trace; what else there is of the step, of \
            its `data` and of the item is kept in the fields `step`, `data` and `item`, except other steps and the \
            expected ones. Where the steps of *one item* have several names, somebody has to choose: that is an error \
            that lists them.",
    skips: &[Skip::new(NO_CANDIDATE, "no step of the item is a candidate")],
    notes: &[
        Note::new(
            OTHER_EVENT,
            "steps of another event type than `TTC_END`, passed over",
        ),
        Note::new(OTHER_STEP, "`TTC_END` steps of another name, passed over"),
        Note::new(
            REPEATED_ID,
            "groups that a further item with the same `id` adds candidates to, counted where groups are made",
        ),
        Note::new(NO_DATA, "candidates without `data`, passed over"),
        Note::new(
            NO_TURN_ID,
            "candidates without a `turn_id`, passed over: they compete with nothing",
        ),
        Note::new(NO_SCORE, "candidates without a `score`, passed over"),
        Note::new(
            NO_PROMPT,
            "candidates without an `input`: nothing stands before their answer",
        ),
        Note::new(
            OBJECT_OUTPUT,
            "answers that are an object, kept as one: a loss in formats of text",
        ),
    ],
    options: &[
        SourceOption::new(
            STEPS_KEY,
            "intermediate_steps or trajectory",
            "the key of an item under which its steps are",
        ),
        SourceOption::new(
            STEP,
            "the one name that the `TTC_END` steps of an item have",
            "the name of the steps that are candidates; may be given several times",
        ),
        SourceOption::new("field.id", "id", "the key of an item under which its identity is"),
    ],
    make: |options| Box::new(Nat::new(options)),
};

const NO_CANDIDATE: &str = "no-candidate";
const OTHER_EVENT: &str = "other-event";
const REPEATED_ID: &str = "repeated-id";
const OTHER_STEP: &str = "other-step";
const NO_DATA: &str = "no-data";
const NO_TURN_ID: &str = "no-turn-id";
const NO_SCORE: &str = "no-score";
const NO_PROMPT: &str = "no-prompt";
const OBJECT_OUTPUT: &str = "object-output";

/// Where steps are unless somebody says otherwise.
const STEPS_KEYS: [&str; 2] = ["intermediate_steps", "trajectory"];
/// The keys of the expected steps, which nobody took.
const EXPECTED: [&str; 2] = ["expected_intermediate_steps", "expected_trajectory"];

/// Evaluation runs of the `NeMo` Agent Toolkit.
#[derive(Clone, Debug)]
struct Nat {
    steps_keys: Vec<String>,
    id: String,
    wanted: Vec<String>,
}

impl Nat {
    fn new(options: &SourceOptions) -> Self {
        let steps_keys = match options.steps_key() {
            Some(key) => vec![key.to_owned()],
            None => STEPS_KEYS.map(str::to_owned).to_vec(),
        };
        Nat {
            steps_keys,
            id: options.key_of("id", "id"),
            wanted: options.steps().to_vec(),
        }
    }
}

impl Source for Nat {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![
            Framing::Elements(Elements::at("")),
            Framing::Elements(Elements::at("/eval_input_items")),
            Framing::Lines,
        ]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        self.steps_keys.iter().find_map(|key| {
            let key = key.replace('~', "~0").replace('/', "~1");
            ["", "/eval_input_items/0"]
                .iter()
                .find_map(|item| evidence(head, item, &format!("{item}/{key}")))
        })
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let item = self.read_item(record, &mut cursor)?;
        cursor.finish()?;
        self.deliver(&item, context.limits(), batch)
    }

    fn continued_group(&self) -> Option<&'static str> {
        Some(REPEATED_ID)
    }
}

/// What speaks for an item with its steps at this pointer.
fn evidence(head: &Head, item: &str, steps: &str) -> Option<Evidence> {
    if head.kind(steps) != Some(Kind::Array) {
        return None;
    }
    let event = format!("{steps}/0/payload/event_type");
    if head.has(&event) {
        return Some(Evidence::keys(&[&event]));
    }
    if head.has(&format!("{steps}/0")) {
        return None;
    }
    // An item may have no steps at all: then its other columns speak.
    let mut beside = EXPECTED.iter().map(|key| format!("{item}/{key}"));
    let beside = beside.find(|pointer| head.has(pointer))?;
    Some(Evidence::keys(&[steps, &beside]))
}

/// One question and the run that answered it.
#[derive(Debug)]
struct Item<'a> {
    id: RawJson<'a>,
    /// Which of the keys the steps were under.
    steps_key: usize,
    steps: Vec<Outline<'a>>,
    rest: Fields<'a>,
}

impl Nat {
    fn read_item<'a>(&self, record: &'a str, cursor: &mut Cursor<'a>) -> Result<Item<'a>, DecodeError> {
        let (mut id, mut found, mut rest) = (None, None, Fields::new());
        cursor.object(|cursor, key| {
            let name = &*key.decode();
            if name == self.id {
                once(cursor, id.is_some())?;
                id = Some(cursor.raw()?).filter(|id| !id.is_null());
            } else if let Some(number) = self.steps_keys.iter().position(|known| known == name) {
                let steps = self.read_steps(record, cursor)?;
                if let Some((other, _)) = found.replace((number, steps)) {
                    return Err(self.two_lists(cursor, other));
                }
            } else if EXPECTED.contains(&name) {
                cursor.skip()?;
            } else {
                rest.read(cursor, key)?;
            }
            Ok(())
        })?;
        let missing = |message| cursor.error(DecodeErrorKind::MissingField, message);
        let (steps_key, steps) = found.ok_or_else(|| {
            let keys: Vec<_> = self.steps_keys.iter().map(|key| format!("`{key}`")).collect();
            missing(format!(
                "an item needs its steps under {}: name another key with `{STEPS_KEY}`",
                keys.join(" or ")
            ))
        })?;
        let id = id.ok_or_else(|| {
            missing(format!(
                "an item needs its identity under `{}`: name another key with `field.id`",
                self.id
            ))
        })?;
        Ok(Item {
            id,
            steps_key,
            steps,
            rest,
        })
    }

    fn read_steps<'a>(
        &self,
        record: &'a str,
        cursor: &mut Cursor<'a>,
    ) -> Result<Vec<Outline<'a>>, DecodeError> {
        let mut steps = Vec::new();
        if !cursor.null()? {
            cursor.array(|cursor, _| {
                steps.push(Outline::read(record, cursor)?);
                Ok(())
            })?;
            self.check_names(cursor, &steps)?;
        }
        Ok(steps)
    }

    fn two_lists(&self, cursor: &Cursor<'_>, other: usize) -> DecodeError {
        let other = &self.steps_keys[other];
        let message = format!("the item has steps under `{other}` too: say which with `{STEPS_KEY}`");
        cursor.error(DecodeErrorKind::WrongValue, message)
    }

    /// Where no name is wanted, the candidates of an item have one.
    fn check_names(&self, cursor: &Cursor<'_>, steps: &[Outline<'_>]) -> Result<(), DecodeError> {
        if !self.wanted.is_empty() {
            return Ok(());
        }
        let mut names: Vec<(Option<&Text<'_>>, u64)> = Vec::new();
        for name in steps.iter().filter(|step| step.is_candidate()).map(Outline::name) {
            match names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => names.push((name, 1)),
            }
        }
        if names.len() < 2 {
            return Ok(());
        }
        let names: Vec<_> = names
            .iter()
            .map(|(name, count)| match name {
                Some(name) => format!("`{name}` ({count})"),
                None => format!("none ({count})"),
            })
            .collect();
        let message = format!(
            "the candidates of this item have several names: {}; choose with `{STEP}`",
            names.join(", ")
        );
        Err(cursor.error(DecodeErrorKind::WrongValue, message))
    }

    fn is_wanted(&self, name: Option<&Text<'_>>) -> bool {
        self.wanted.is_empty()
            || name.is_some_and(|name| {
                let name = name.decode();
                self.wanted.iter().any(|wanted| *wanted == *name)
            })
    }

    fn deliver<'a>(&self, item: &Item<'a>, limits: Limits, batch: &mut Batch<'a>) -> Result<(), DecodeError> {
        let mut found = false;
        for (index, step) in item.steps.iter().enumerate() {
            if !step.is_candidate() {
                batch.note(OTHER_EVENT, 1);
            } else if !self.is_wanted(step.name()) {
                batch.note(OTHER_STEP, 1);
            } else {
                let place =
                    |error: DecodeError| error.in_index(index).in_key(&self.steps_keys[item.steps_key]);
                found |= candidate(step, item, limits, batch).map_err(place)?;
            }
        }
        if !found {
            batch.skip(NO_CANDIDATE);
        }
        Ok(())
    }
}

fn once(cursor: &Cursor<'_>, seen: bool) -> Result<(), DecodeError> {
    if seen {
        return Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"));
    }
    Ok(())
}
