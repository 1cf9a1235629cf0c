//! Which result answers which call.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use tracemill_model::{Arguments, CallRef, Links, Message, Role, Text, ToolCall};

/// One message in short: what an assistant calls (id, name), or a result (id, name).
#[derive(Clone, Debug)]
enum Turn {
    Calls(Vec<(Option<u8>, u8)>),
    Result(Option<u8>, Option<u8>),
    User,
}

fn calls(count: Range<usize>) -> impl Strategy<Value = Vec<(Option<u8>, u8)>> {
    vec((prop::option::weighted(0.7, 0..4u8), 0..3u8), count)
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let id = prop::option::weighted(0.7, 0..4u8);
    let turn = prop_oneof![
        3 => calls(0..4).prop_map(Turn::Calls),
        4 => (id, prop::option::of(0..3u8)).prop_map(|(id, name)| Turn::Result(id, name)),
        1 => Just(Turn::User),
    ];
    vec(turn, 0..14)
}

fn id(number: u8) -> Text<'static> {
    Text::new(format!("call-{number}"))
}

fn name(number: u8) -> Text<'static> {
    Text::new(format!("tool \"{number}\""))
}

fn message(turn: &Turn) -> Message<'static> {
    match turn {
        Turn::Calls(calls) => {
            let mut message = Message::new(Role::Assistant);
            for &(number, tool) in calls {
                let call = ToolCall::new(name(tool), Arguments::Missing);
                message.push_tool_call(call.with_id(number.map(id)));
            }
            message
        }
        Turn::Result(number, tool) => {
            let mut message = Message::new(Role::Tool);
            message.set_tool_call_id(number.map(id)).set_name(tool.map(name));
            message
        }
        Turn::User => Message::new(Role::User),
    }
}

/// The rule as the documentation states it, in the plainest way.
fn expected(turns: &[Turn]) -> (Vec<Option<CallRef>>, Vec<CallRef>) {
    let mut open: Vec<(CallRef, Option<u8>, u8)> = Vec::new();
    let mut answers = Vec::new();
    for (message, turn) in turns.iter().enumerate() {
        let mut answer = None;
        match turn {
            Turn::User => {}
            Turn::Calls(calls) => {
                for (call, &(id, name)) in calls.iter().enumerate() {
                    open.push((CallRef { message, call }, id, name));
                }
            }
            Turn::Result(id, name) => {
                let answered = open.iter().position(|(_, open_id, open_name)| match id {
                    Some(_) => open_id == id,
                    None => name.is_none_or(|name| name == *open_name),
                });
                answer = answered.map(|at| open.remove(at).0);
            }
        }
        answers.push(answer);
    }
    (answers, open.into_iter().map(|(call, ..)| call).collect())
}

proptest! {
    #[test]
    fn links_follow_the_rule(first in turns(), second in turns(), many in calls(60..80)) {
        let mut long = vec![Turn::Calls(many)];
        long.extend(first.clone());
        // The buffers of one conversation must not show through in the next.
        let mut links = Links::new();
        for turns in [first, long, second] {
            let messages: Vec<_> = turns.iter().map(message).collect();
            links.compute(&messages);
            let (answers, open) = expected(&turns);
            for (index, answer) in answers.into_iter().enumerate() {
                prop_assert_eq!(links.call_of(index), answer, "message {}", index);
            }
            prop_assert_eq!(links.call_of(messages.len()), None);
            prop_assert_eq!(links.unanswered(), open);
        }
    }

    #[test]
    fn every_call_is_answered_once_or_open(turns in turns()) {
        let messages: Vec<_> = turns.iter().map(message).collect();
        let mut links = Links::new();
        links.compute(&messages);
        let mut seen: Vec<_> = (0..messages.len()).filter_map(|index| links.call_of(index)).collect();
        seen.extend(links.unanswered());
        seen.sort();
        let calls = messages.iter().enumerate().flat_map(|(message, found)| {
            (0..found.tool_calls().len()).map(move |call| CallRef { message, call })
        });
        prop_assert_eq!(seen, calls.collect::<Vec<_>>());
    }
}

/// Ids that repeat across turns, as in recorded runs: each result belongs to the call before it.
#[test]
fn a_repeated_id_is_answered_in_order() {
    let call = || Turn::Calls(vec![(Some(1), 0)]);
    let result = || Turn::Result(Some(1), None);
    let messages: Vec<_> = [call(), result(), call(), result(), result()]
        .iter()
        .map(message)
        .collect();
    let mut links = Links::new();
    links.compute(&messages);
    assert_eq!(links.call_of(1), Some(CallRef { message: 0, call: 0 }));
    assert_eq!(links.call_of(3), Some(CallRef { message: 2, call: 0 }));
    assert_eq!(links.call_of(4), None);
}

/// Many open calls and results that answer none of them must not take time in their product.
#[test]
fn a_hostile_conversation_is_linked_in_reasonable_time() {
    const MANY: usize = 100_000;
    let mut calls = Message::new(Role::Assistant);
    for number in 0..MANY {
        let call = ToolCall::new(Text::new("f"), Arguments::Missing);
        calls.push_tool_call(call.with_id(Text::new(number.to_string())));
    }
    let mut messages = vec![calls];
    for number in 0..MANY {
        let mut result = Message::new(Role::Tool);
        // The last call first, and every other result is a stranger.
        let number = if number % 2 == 0 {
            MANY - 1 - number
        } else {
            MANY + number
        };
        result.set_tool_call_id(Text::new(number.to_string()));
        messages.push(result);
    }
    let mut links = Links::new();
    links.compute(&messages);
    assert_eq!(
        links.call_of(1),
        Some(CallRef {
            message: 0,
            call: MANY - 1
        })
    );
    assert_eq!(links.call_of(2), None);
    assert_eq!(links.unanswered().len(), MANY / 2);
}
