//! `preference`: existing preference data, to convert from one dialect to another.

mod record;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing};

use crate::detect::Evidence;
use crate::head::Head;
use crate::registry::{JSON, Note, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

use record::Record;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "preference",
    summary: "existing preference data: chosen and rejected answers, or one answer with a label",
    suffixes: JSON,
    reads: "Records of TRL (`prompt`, `chosen`, `rejected` as texts or messages; `chosen` and `rejected` alone, each a whole \
            conversation; `prompt`, `completion`, `label`), of the OpenAI API (`input`, `preferred_output`, \
            `non_preferred_output`) and of LLaMA-Factory (`conversations` or `messages` with `chosen` and `rejected`, or \
            with `kto_tag` or `label`). A pair is two traces, first the chosen one, with the score `preference` 1 and 0, \
            in a group of their own: its key is a hash of both, so that the answers of two records with one prompt, \
            which nobody compared, do not compete. A labelled answer is one trace with the score `label`, grouped by a hash of \
            its prompt. Texts are read as one user message and one assistant message. `system` and `tools` beside \
            `conversations` are read; a `margin`, media columns and everything else is kept, a pair's own group and \
            trial under `preference.group` and `preference.trial`.",
    skips: &[],
    notes: &[
        Note::new(
            NO_PROMPT,
            "pairs with an empty prompt: nothing stands before their answers",
        ),
        Note::new(
            WHOLE,
            "pairs whose answers repeat the prompt: the prompt beside them is kept as a field",
        ),
    ],
    options: &[],
    make: |_| Box::new(Preferences),
};

const NO_PROMPT: &str = "no-prompt";
const WHOLE: &str = "whole-conversations";

/// Existing preference data.
#[derive(Clone, Copy, Debug)]
struct Preferences;

impl Source for Preferences {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        evidence(head)
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let limits = context.limits();
        let preference = batch.read(record, limits, |cursor| Record::read(record, cursor))?;
        preference.deliver(batch)
    }
}

/// What speaks for preference data. Also asked by `tracemill`: records with `messages` may have a label.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    pair(head)
        .or_else(|| labelled(head))
        .map(|keys| Evidence::keys(&keys))
}

fn pair(head: &Head) -> Option<Vec<&'static str>> {
    if head.kind("/input/messages") == Some(Kind::Array) {
        let outputs = ["/preferred_output", "/non_preferred_output"];
        return outputs
            .iter()
            .all(|output| head.kind(output) == Some(Kind::Array))
            .then(|| outputs.to_vec());
    }
    let sides = ["/chosen", "/rejected"];
    if !sides.iter().all(|side| head.has(side)) {
        return None;
    }
    let mut keys = sides.to_vec();
    let prompts = ["/prompt", "/conversations", "/messages"];
    let prompt = prompts
        .into_iter()
        .find(|key| matches!(head.kind(key), Some(Kind::String | Kind::Array)));
    match prompt {
        Some(prompt) => keys.insert(0, prompt),
        None if head.kind("/chosen") == Some(Kind::Array) => {}
        None => return None,
    }
    Some(keys)
}

fn labelled(head: &Head) -> Option<Vec<&'static str>> {
    let label = ["/kto_tag", "/label"]
        .into_iter()
        .find(|key| head.kind(key) == Some(Kind::Bool))?;
    if head.has("/prompt") && head.has("/completion") {
        return Some(vec!["/prompt", "/completion", label]);
    }
    ["/conversations", "/messages"]
        .into_iter()
        .find(|key| head.kind(key) == Some(Kind::Array))
        .map(|turns| vec![turns, label])
}
