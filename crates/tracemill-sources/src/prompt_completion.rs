//! `prompt-completion`: a prompt and what follows it, as TRL and older fine-tuning data have them.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Framing, Message, Role, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{read_prompt, read_response, refuse_messages};
use crate::preference;
use crate::record::Once;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "prompt-completion",
    summary: "a `prompt` and its `completion`, texts or lists of messages, as TRL has them",
    suffixes: JSON,
    reads: "A prompt that is text is a user message, a completion that is text an assistant message; lists are messages. Only \
            the completion is trained on: assistant messages of the prompt are marked not to be. Everything else is that of a \
            trace (`tools`, `model`, `metadata`) or kept. Records with a `label` are read by `preference`.",
    skips: &[],
    notes: &[],
    options: &[],
    make: |_| Box::new(PromptCompletion),
};

/// Prompts and completions.
#[derive(Clone, Copy, Debug)]
struct PromptCompletion;

impl Source for PromptCompletion {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/prompt", "/completion"];
        let is_said = |key: &&str| matches!(head.kind(key), Some(Kind::String | Kind::Array));
        let other = head.has("/messages") || preference::evidence(head).is_some();
        (keys.iter().all(is_said) && !other).then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let trace = batch.read(record, context.limits(), read)?;
        batch.push(trace);
        Ok(())
    }
}

/// The keys that a record has once.
const KEYS: [&str; 11] = [
    "prompt",
    "completion",
    "tools",
    "id",
    "metadata",
    "group",
    "trial",
    "model",
    "outcome",
    "score",
    "scores",
];

fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Trace<'a>, DecodeError> {
    let mut trace = Trace::new();
    let (mut prompt, mut completion) = (None, None);
    let mut once = Once::of(&KEYS);
    cursor.object(|cursor, key: &Text<'a>| {
        once.note(cursor, key)?;
        match key.body() {
            "prompt" => prompt = Some(read_prompt(cursor)?),
            "completion" => completion = Some(read_response(cursor)?),
            _ => trace.read_field(cursor, key)?,
        }
        Ok(())
    })?;
    let missing = |key| cursor.error(DecodeErrorKind::MissingField, format!("the record needs `{key}`"));
    let mut messages: Vec<Message<'a>> = prompt.ok_or_else(|| missing("prompt"))?;
    let completion = completion.ok_or_else(|| missing("completion"))?;
    refuse_messages(&trace, "`prompt` and `completion`")?;
    for message in messages
        .iter_mut()
        .filter(|message| *message.role() == Role::Assistant)
    {
        message.set_train(false);
    }
    let limit = cursor.limits().messages();
    if messages.len() + completion.len() > limit {
        let message = format!("more than {limit} messages in one trace");
        return Err(DecodeError::new(DecodeErrorKind::OverLimit, 0, message));
    }
    messages.extend(completion);
    *trace.messages_mut() = messages;
    Ok(trace)
}
