//! `who-and-when`: conversations of several agents, with the step at which they went wrong.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, Group, GroupKind, JsonView, Score, ScoreValue, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::registry::{JSON, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "who-and-when",
    summary: "conversations of several agents from Who&When, with the step at which they went wrong",
    suffixes: JSON,
    reads: "One conversation a document. The messages are `history`; their roles stay what they are: in hand-made files \
            the speaker (`Orchestrator (thought)`), in generated ones `user` or `assistant` with the speaker as `name`. \
            Whose turns are to be learned is for the conversion to say. `is_correct`, or `is_corrected`, is the score \
            `correct`. `id` and group are `question_ID`. `mistake_agent`, `mistake_step` (the index of a message, as text), \
            `mistake_reason`, the system prompts of the agents and everything else is kept.",
    skips: &[Skip::new(NO_CONVERSATION, "the `history` is empty")],
    notes: &[],
    options: &[],
    make: |_| Box::new(WhoAndWhen),
};

const NO_CONVERSATION: &str = "no-conversation";

/// Conversations of Who&When.
#[derive(Clone, Copy, Debug)]
struct WhoAndWhen;

impl Source for WhoAndWhen {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/history/0/role", "/question_ID"];
        let others = head.has("/history/0/agent") || head.has("/messages");
        (keys.iter().all(|key| head.has(key)) && !others).then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let case = walk::record(context, record, batch)?;
        let history = walk::member(case, "history", Kind::Array)?;
        let messages = walk::messages(history, context.limits(), |turn, said| {
            said.push(walk::message(turn)?)
        })
        .map_err(|error| error.in_key("history"))?;
        if messages.is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        let mut trace = Trace::new();
        *trace.messages_mut() = messages;
        if let Some(question) = walk::text(case, "/question_ID") {
            trace.set_id(walk::key(&question.decode()));
            trace.set_group(Group::new(walk::key(&question.decode()), GroupKind::Task));
        }
        let mut taken = vec!["history", "question_ID"];
        if let Some((key, verdict)) = verdict(case) {
            taken.push(key);
            trace.push_score(Score::new(Some(Text::from("correct")), verdict));
        }
        walk::keep_rest(&mut trace, case, INFO.name, &taken);
        batch.push(trace);
        Ok(())
    }
}

/// Whether the agents came to the right answer; anything but a boolean is kept as it is.
fn verdict(case: JsonView<'_>) -> Option<(&'static str, ScoreValue<'_>)> {
    ["is_correct", "is_corrected"]
        .into_iter()
        .find_map(|key| Some((key, ScoreValue::Bool(case.get(key)?.as_bool()?))))
}
