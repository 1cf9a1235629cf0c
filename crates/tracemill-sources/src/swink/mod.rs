//! `swink`: results of evaluations by `swink-agent-eval`, with the invocation of every case.
//!
//! The types are those of the crate, 0.12 and 0.14. Two files carry the name: the store writes results with their
//! invocations, which are read; the reporter writes a summary with scores alone, which is refused.

mod case;
mod turn;

use std::sync::Arc;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Elements, Framing, RawJson, Text};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{PROMPTS, SourceOption, SourceOptions};
use crate::parts::Span;
use crate::prompts::Prompts;
use crate::registry::{JSON, Note, SourceInfo};
use crate::source::{Batch, Context, Source};

use case::Case;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "swink",
    summary: "results of swink-agent-eval: one invocation a case, with metrics and a verdict",
    suffixes: JSON,
    reads: "`EvalSetResult`, one file a run, and single `EvalCaseResult`s; the types of 0.12 and of 0.14. One trace per case: \
            system prompt, what the user says, and the turns in the order of their `turn_index` with their calls, the \
            results of these and what was thought. The first user message goes first; the file does not say where the \
            others belong: each goes before a turn that follows a final answer, and those for which there is no such turn \
            go first too. 0.12 writes neither system prompt nor user messages: they come from the evaluation set, given as \
            `prompts`. Every metric is a score with its `threshold`, the verdict is the score `verdict`. `stop_reason` is the \
            outcome: `stop` and `transfer` are `completed`, `length`, `tool_use` and `aborted` are `truncated`, `error` is \
            `errored`. `final_response` fills the last answer if that is empty, follows calls and results as an answer of \
            its own, and is kept in the field `final_response` if it says something else. `id` is the case and the \
            timestamp of the run, the group is the case of its set. What else there is of the invocation is kept in \
            the field `invocation`, of a message in the message.",
    skips: &[],
    notes: &[
        Note::new(
            NO_PROMPT,
            "cases without system prompt and user messages: nothing stands before the first answer",
        ),
        Note::new(
            PLACED_USERS,
            "user messages beside the first, of which the file does not say where they belong",
        ),
        Note::new(
            FINAL_DIFFERS,
            "cases whose `final_response` is not what the last answer says: kept as a field",
        ),
        Note::new(
            OTHER_CALL,
            "calls that were run otherwise than the model asked: what was run is kept with the call",
        ),
    ],
    options: &[SourceOption::new(
        PROMPTS,
        "none",
        "the definition of the evaluation set, for results that do not say what was asked",
    )],
    make: |options| Box::new(Swink::new(options)),
};

const NO_PROMPT: &str = "no-prompt";
const PLACED_USERS: &str = "placed-users";
const FINAL_DIFFERS: &str = "final-response-differs";
const OTHER_CALL: &str = "other-call";

/// Results of evaluations by `swink-agent-eval`.
#[derive(Clone, Debug)]
struct Swink {
    prompts: Option<Arc<Prompts>>,
}

impl Swink {
    fn new(options: &SourceOptions) -> Self {
        Swink {
            prompts: options.shared_prompts(),
        }
    }
}

impl Source for Swink {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        let cases = Elements::at("/case_results")
            .with_header("/eval_set_id")
            .with_header("/timestamp");
        vec![
            Framing::Elements(cases),
            Framing::Elements(Elements::at("")),
            Framing::Lines,
            Framing::Document,
        ]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let is_set = head.has("/eval_set_id") && head.kind("/case_results") == Some(Kind::Array);
        let is_case = head.has("/case_id") && head.kind("/invocation/turns") == Some(Kind::Array);
        let is_report = head.text("/schema_version") == Some(REPORT) && head.has("/eval_set");
        if is_set {
            Some(Evidence::keys(&["/eval_set_id", "/case_results"]))
        } else if is_case {
            Some(Evidence::keys(&["/case_id", "/invocation/turns"]))
        } else {
            is_report.then(|| Evidence::new(format!("schema version `{REPORT}`")))
        }
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let read = Record::read(record, &mut cursor)?;
        cursor.finish()?;
        let run = match read.run {
            Some(run) => run,
            None => Run::of_file(context)?,
        };
        for case in read.cases {
            case.deliver(&run, self.prompts.as_deref(), context.limits(), batch)?;
        }
        Ok(())
    }

    /// A case has one score for each metric, and one for the verdict.
    fn averages_scores(&self) -> bool {
        true
    }
}

/// The version of what the reporter writes.
const REPORT: &str = "043";

/// Which run of which evaluation set cases belong to.
#[derive(Clone, Debug, Default)]
struct Run<'a> {
    set: Option<Text<'a>>,
    timestamp: Option<RawJson<'a>>,
}

impl Run<'static> {
    /// What the file says beside its cases.
    fn of_file(context: &Context) -> Result<Self, DecodeError> {
        let header = |index| context.header(index).map(RawJson::parse).transpose();
        let set = header(0)?.and_then(|set| set.into_text().ok());
        Ok(Run {
            set: set.map(Text::into_owned),
            timestamp: header(1)?.filter(|time| !time.is_null()).map(RawJson::into_owned),
        })
    }
}

/// One case, or a whole result in one record.
#[derive(Debug)]
struct Record<'a> {
    run: Option<Run<'a>>,
    cases: Vec<Case<'a>>,
}

impl<'a> Record<'a> {
    fn read(record: &'a str, cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let span = Span::skip(record, cursor)?;
        if span.has("schema_version") && span.has("cases") {
            let message = "this is the summary that the reporter writes, scores without messages: read the result that \
                           the store writes, `results/SET/TIMESTAMP.json`";
            return Err(span.error(DecodeErrorKind::WrongValue, message));
        }
        if !span.has("case_results") {
            let case = span.read(Case::read)?;
            return Ok(Record {
                run: None,
                cases: vec![case],
            });
        }
        let (mut run, mut cases) = (Run::default(), Vec::new());
        span.read(|cursor| {
            cursor.object(|cursor, key| {
                match key.body() {
                    "eval_set_id" => run.set = cursor.optional_text()?,
                    "timestamp" => run.timestamp = Some(cursor.raw()?).filter(|time| !time.is_null()),
                    "case_results" => cursor.array(|cursor, _| {
                        cases.push(Case::read(cursor)?);
                        Ok(())
                    })?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })
        })?;
        Ok(Record {
            run: Some(run),
            cases,
        })
    }
}
