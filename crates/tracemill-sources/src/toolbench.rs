//! `toolbench`: answers of `ToolBench`, a search tree and the conversation that came out of it.

use tracemill_model::json::Kind;
use tracemill_model::{
    DecodeError, Framing, JsonView, Limits, Message, Role, Score, ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::{insert, prompt_group};
use crate::record::raw;
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "toolbench",
    summary: "answers of ToolBench: one query, the tree that was searched, and the conversation that came out",
    suffixes: JSON,
    reads: "The conversation is the last list of `answer_generation.train_messages`; the lists before it are its \
            beginnings. One that is not makes a trace of its own. Calls are `function_call`, results have the role \
            `function`; the tools are `function`. `win` is the score of that name: whether the search came to an answer. \
            `id` is the name of the file, and the group is the prompt. The `tree` and everything else is kept.",
    skips: &[Skip::new(
        NO_CONVERSATION,
        "nothing came out of the search: `train_messages` is empty or not there",
    )],
    notes: &[Note::new(
        BEGINNINGS,
        "lists of messages with which a later one begins",
    )],
    options: &[],
    make: |_| Box::new(ToolBench),
};

const NO_CONVERSATION: &str = "no-conversation";
const BEGINNINGS: &str = "beginnings";

/// Answers of `ToolBench`.
#[derive(Clone, Copy, Debug)]
struct ToolBench;

impl Source for ToolBench {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        if head.has("/messages") {
            return None;
        }
        let candidates: [&[&str]; 2] = [&["/answer_generation/train_messages"], &["/win", "/tree/tree"]];
        let keys = candidates
            .into_iter()
            .find(|keys| keys.iter().all(|key| head.has(key)))?;
        Some(Evidence::keys(keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let answer = walk::record(context, record, batch)?;
        let lists = answer
            .pointer("/answer_generation/train_messages")
            .filter(|lists| !lists.is_null());
        let lists: Vec<_> = lists.into_iter().flat_map(JsonView::elements).collect();
        let inside = |error: DecodeError| error.in_key("train_messages").in_key("answer_generation");
        let tools = walk::tools(answer.pointer("/answer_generation/function"))
            .map_err(|error| error.in_key("function").in_key("answer_generation"))?;
        let mut beginnings = 0;
        for (index, list) in lists.iter().enumerate() {
            if lists[index + 1..].iter().any(|later| begins(*later, *list)) {
                beginnings += 1;
                continue;
            }
            let messages = read(*list, context.limits()).map_err(|error| inside(error.in_index(index)))?;
            if messages.is_empty() {
                continue;
            }
            let mut trace = Trace::new();
            trace.set_tools(tools.clone());
            let prompt = messages
                .iter()
                .position(|message| *message.role() == Role::Assistant);
            trace.set_group(prompt_group(
                &messages[..prompt.unwrap_or(messages.len())],
                tools.as_deref(),
            ));
            *trace.messages_mut() = messages;
            if let Some(stem) = walk::stem(context.path(), &[".json"]) {
                trace.set_id(walk::key(stem));
            }
            if let Some(win) = answer.get("win") {
                let value = ScoreValue::read(&mut win.cursor()).map_err(|error| error.in_key("win"))?;
                trace.push_score(Score::new(Some(Text::from("win")), value).into_owned());
            }
            keep(&mut trace, answer)?;
            batch.push(trace);
        }
        if batch.traces().is_empty() {
            batch.skip(NO_CONVERSATION);
        } else {
            batch.note(BEGINNINGS, beginnings);
        }
        Ok(())
    }
}

fn read(list: JsonView<'_>, limits: Limits) -> Result<Vec<Message<'_>>, DecodeError> {
    walk::expect(list, Kind::Array)?;
    walk::messages(list, limits, |turn, said| said.push(walk::message(turn)?))
}

/// Whether a list begins with all of another.
fn begins<'v>(list: JsonView<'v>, with: JsonView<'v>) -> bool {
    let mut elements = list.elements();
    with.elements()
        .all(|element| elements.next().is_some_and(|other| other == element))
}

/// Keeps everything but what became the conversation.
fn keep<'v>(trace: &mut Trace<'v>, answer: JsonView<'v>) -> Result<(), DecodeError> {
    walk::keep_rest(trace, answer, INFO.name, &["answer_generation", "win"]);
    let Some(generation) = answer.get("answer_generation") else {
        return Ok(());
    };
    let rest = raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_object();
        for (key, value) in generation.members() {
            if !matches!(key.body(), "train_messages" | "function") {
                w.text_key(&key).raw(value);
            }
        }
        w.end_object();
    })?;
    insert(trace, "answer_generation", rest);
    Ok(())
}
