//! Identity and scores beside a record, for formats that tolerate it.

use tracemill_model::{Conversation, JsonWriter, Message, Role, Score, ScoreValue};

/// Writes `"metadata":{"id","group","score","model","turns"}`, each if the trace has it.
///
/// `group` is the key of the group, `turns` counts the assistant turns of the record. Several scores stand as a list
/// under `scores`, because one of them is not *the* score.
pub(crate) fn write(conversation: &Conversation<'_>, w: &mut JsonWriter<'_>) {
    let trace = conversation.trace();
    w.key("metadata").begin_object();
    if let Some(id) = trace.id() {
        w.key("id").raw(id.as_json());
    }
    if let Some(group) = trace.group() {
        w.key("group").raw(group.key().as_json());
    }
    match trace.scores() {
        [] => {}
        [one] => {
            w.key("score");
            value(one, w);
        }
        several => {
            w.key("scores").begin_array();
            for score in several {
                w.begin_object();
                if let Some(name) = score.name() {
                    w.key("name").text(name);
                }
                w.key("value");
                value(score, w);
                w.end_object();
            }
            w.end_array();
        }
    }
    if let Some(model) = trace.model() {
        w.key("model").text(model);
    }
    let is_turn = |message: &&Message<'_>| *message.role() == Role::Assistant;
    let turns = conversation.messages().iter().filter(is_turn).count();
    w.key("turns").number(turns as u64);
    w.end_object();
}

/// A missing judgement is `null` here: a column needs one type, and `null` says that nobody judged.
pub(crate) fn value(score: &Score<'_>, w: &mut JsonWriter<'_>) {
    match score.value() {
        ScoreValue::Number(token) => w.raw(token),
        ScoreValue::Bool(value) => w.boolean(*value),
        ScoreValue::Label(label) => w.text(label),
        _ => w.null(),
    };
}
