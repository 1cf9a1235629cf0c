//! What is screened for, what happens then, and the account of it.

use std::str::FromStr;

use tracemill_curate::{Finding, Screening};
use tracemill_model::{JsonWriter, Trace};

use crate::error::Error;
use crate::ledger::Counts;
use crate::work::{Bad, Done, Place, Work};

/// What is done with what screening finds.
///
/// ```
/// use tracemill::{Mill, ScreenAction, curate::{Screen, Screening}, io::Input};
/// let line = r#"{"messages":[{"role":"user","content":"ask ana@firm.io"},{"role":"assistant","content":"yes"}]}"#;
/// let mut builder = Mill::builder();
/// builder.format("openai")?.screening(Screening::new(Screen::USUAL), ScreenAction::Replace);
/// let encoded = builder.build()?.collect([Input::bytes("runs.jsonl", line)])?;
///
/// assert!(String::from_utf8(encoded.bytes)?.contains("ask [EMAIL]"));
/// let screened = encoded.ledger.screened.expect("an account of what was screened");
/// assert_eq!(screened.found.get("email"), 1);
/// assert_eq!(screened.located[0].place, "runs.jsonl:1");
/// assert_eq!(screened.located[0].pointer, "/messages/0/content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScreenAction {
    /// It is counted, and its place is noted.
    Report,
    /// The trace is rejected under the code of the first finding: the run fails, or goes on without it.
    Reject,
    /// Something else takes its place, before filters and decisions see the trace; counted and noted for every trace that
    /// was read.
    Replace,
}

impl ScreenAction {
    const ALL: [ScreenAction; 3] = [ScreenAction::Report, ScreenAction::Reject, ScreenAction::Replace];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ScreenAction::Report => "report",
            ScreenAction::Reject => "reject",
            ScreenAction::Replace => "replace",
        }
    }
}

/// By its name.
impl FromStr for ScreenAction {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = ScreenAction::ALL.into_iter().find(|action| action.name() == name);
        found.ok_or_else(|| format!("what is found is for `report`, `reject` or `replace`, not for `{name}`"))
    }
}

/// What screening found, where traces were screened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Screened {
    /// How often, by code.
    pub found: Counts,
    /// Where the first 1,000 are, in the order of the input. What they say is not repeated.
    pub located: Vec<LocatedFinding>,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocatedFinding {
    /// What it is, such as `github-token`.
    pub code: &'static str,
    /// The record: `path:line`, or `trace N` for one in memory.
    pub place: String,
    /// The text, as a JSON pointer into the canonical form of the trace.
    pub pointer: String,
}

/// How many findings are kept with their places: enough to look them up, and bounded.
const LOCATED: usize = 1_000;

impl Screened {
    fn note(&mut self, finding: &Finding, place: Place<'_>) {
        self.found.add(finding.code());
        if self.located.len() < LOCATED {
            self.located.push(LocatedFinding {
                code: finding.code(),
                place: place.to_string(),
                pointer: finding.pointer().to_string(),
            });
        }
    }

    pub(crate) fn merge(&mut self, other: &Screened) {
        self.found.merge(&other.found);
        let room = LOCATED - self.located.len();
        self.located.extend(other.located.iter().take(room).cloned());
    }

    pub(crate) fn write(&self, w: &mut JsonWriter<'_>) {
        w.begin_object();
        self.found.write(w.key("found"));
        w.key("located").begin_array();
        for located in &self.located {
            w.begin_object();
            w.key("code").str(located.code);
            w.key("place").str(&located.place);
            w.key("pointer").str(&located.pointer);
            w.end_object();
        }
        w.end_array();
        w.end_object();
    }
}

/// The setting.
#[derive(Clone, Debug)]
pub(crate) struct Screens {
    pub(crate) screening: Screening,
    pub(crate) action: ScreenAction,
}

impl Screens {
    /// Whether traces are changed by it.
    pub(crate) fn replaces(&self) -> bool {
        self.action == ScreenAction::Replace
    }

    /// Replaces again what was replaced, and counted, when the trace was first read.
    pub(crate) fn replace_again(&self, trace: &mut Trace<'_>) {
        if self.replaces() {
            // What does not fit was rejected then: nobody asks for it again.
            let _ = self.screening.replace(trace, |_| {});
        }
    }
}

impl Work<'_> {
    /// Replaces what is found in a trace, if that is wanted.
    pub(crate) fn replace(&self, place: Place<'_>, trace: &mut Trace<'_>, done: &mut Done) {
        let Some(screens) = self.config.screens.as_ref().filter(|screens| screens.replaces()) else {
            return;
        };
        let screened = done.ledger.screened.get_or_insert_default();
        let replaced = screens
            .screening
            .replace(trace, |finding| screened.note(&finding, place));
        done.unfit |= replaced.is_err();
    }

    /// Whether a trace goes on: no filter takes it out, and screening does not reject it. Counts it if it does not.
    pub(crate) fn admits(&self, place: Place<'_>, trace: &Trace<'_>, done: &mut Done) -> Result<bool, Error> {
        let source = self.source(place);
        let filtered = &mut done.ledger.traces.filtered;
        done.tokens = None;
        if !self.config.admits(trace, source, filtered, &mut done.tokens)? {
            return Ok(false);
        }
        match &self.config.screens {
            Some(screens) => self.passes(screens, place, trace, done),
            None => Ok(true),
        }
    }

    fn passes(
        &self,
        screens: &Screens,
        place: Place<'_>,
        trace: &Trace<'_>,
        done: &mut Done,
    ) -> Result<bool, Error> {
        let mut first = None;
        match screens.action {
            // One of the traces of a record could not be replaced: this one, if something is still in it.
            ScreenAction::Replace if !done.unfit => return Ok(true),
            ScreenAction::Replace => screens.screening.screen(trace, |finding| {
                first.get_or_insert(finding);
            }),
            ScreenAction::Report => {
                let screened = done.ledger.screened.get_or_insert_default();
                screens
                    .screening
                    .screen(trace, |finding| screened.note(&finding, place));
            }
            ScreenAction::Reject => {
                let screened = done.ledger.screened.get_or_insert_default();
                screens.screening.screen(trace, |finding| {
                    screened.note(&finding, place);
                    first.get_or_insert(finding);
                });
            }
        }
        let Some(finding) = first else { return Ok(true) };
        let bad = bad(&finding, screens.action);
        done.ledger.traces.rejected.add(bad.code);
        self.reject(place, &bad, done).map(|()| false)
    }
}

#[cold]
fn bad(finding: &Finding, action: ScreenAction) -> Bad {
    let what = finding.screen().summary();
    let (code, pointer) = (finding.code(), finding.pointer());
    if action == ScreenAction::Replace {
        let message = format!(
            "`{pointer}` holds {what} (`{code}`) that cannot be replaced: what is left would be no JSON"
        );
        return Bad::new(code, message);
    }
    let message = format!("`{pointer}` holds {what} (`{code}`)");
    Bad::new(code, message).with_remedy("take out what was found with `--screen replace`")
}
