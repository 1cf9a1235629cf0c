//! Traces for property tests: built through the API, and as JSON that is shaped like a trace, more or less.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use tracemill_model::{
    Arguments, Content, Fields, Function, Group, GroupKind, Key, Media, MediaKind, MediaSource, Message,
    Outcome, Part, RawJson, Reasoning, Role, Score, ScoreValue, Text, TextPart, Tool, ToolCall, Trace,
};

use crate::strategies::{number, string, tree, without_duplicates};
use crate::tree::Tree;

fn text() -> impl Strategy<Value = Text<'static>> {
    string().prop_map(Text::new)
}

fn some_text() -> impl Strategy<Value = Option<Text<'static>>> {
    option::of(text())
}

fn raw(tree: &Tree) -> RawJson<'static> {
    RawJson::parse(&tree.canonical()).unwrap().into_owned()
}

fn any_raw() -> impl Strategy<Value = RawJson<'static>> {
    tree().prop_map(|tree| raw(&tree))
}

fn raw_object() -> impl Strategy<Value = RawJson<'static>> {
    any_raw().prop_map(|value| {
        let object = format!("{{\"inside\":{value}}}");
        RawJson::parse(&object).unwrap().into_owned()
    })
}

/// Every key that some level of a trace names; unknown fields are called otherwise.
const NAMED: &[&str] = &[
    "id",
    "group",
    "key",
    "kind",
    "trial",
    "messages",
    "role",
    "name",
    "content",
    "type",
    "text",
    "url",
    "data",
    "media_type",
    "file",
    "reasoning",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "function",
    "custom",
    "arguments",
    "is_error",
    "train",
    "weight",
    "function_call",
    "tools",
    "description",
    "parameters",
    "score",
    "scores",
    "value",
    "missing",
    "outcome",
    "model",
    "metadata",
];

fn extra() -> impl Strategy<Value = Fields<'static>> {
    let members = vec((string(), any_raw()), 0..3);
    prop_oneof![3 => Just(Vec::new()), 1 => members].prop_map(|members| {
        let mut fields = Fields::new();
        for (key, value) in members {
            if !NAMED.contains(&key.as_str()) {
                fields.insert(Text::new(key), value);
            }
        }
        fields
    })
}

fn set_extra(extra: Fields<'static>, into: &mut Fields<'static>) {
    for (key, value) in extra {
        into.insert(key, value);
    }
}

fn role() -> impl Strategy<Value = Role<'static>> {
    prop_oneof![
        1 => Just(Role::System),
        1 => Just(Role::Developer),
        1 => Just(Role::User),
        3 => Just(Role::Assistant),
        1 => Just(Role::Tool),
        1 => text().prop_map(Role::named),
    ]
}

fn part() -> impl Strategy<Value = Part<'static>> {
    let text_part = (text(), extra()).prop_map(|(text, extra)| {
        let mut part = TextPart::new(text);
        set_extra(extra, part.extra_mut());
        Part::Text(part)
    });
    let kind = prop::sample::select(vec![
        MediaKind::Image,
        MediaKind::Audio,
        MediaKind::Video,
        MediaKind::File,
    ]);
    let source = (0..3, text()).prop_map(|(kind, text)| match kind {
        0 => MediaSource::Url(text),
        1 => MediaSource::Data(text),
        _ => MediaSource::Id(text),
    });
    let media = (kind, source, some_text(), some_text(), extra()).prop_map(
        |(kind, source, media_type, name, extra)| {
            let mut media = Media::new(kind, source)
                .with_media_type(media_type)
                .with_name(name);
            set_extra(extra, media.extra_mut());
            Part::Media(media)
        },
    );
    prop_oneof![3 => text_part, 2 => media, 1 => any_raw().prop_map(Part::Other)]
}

fn content() -> impl Strategy<Value = Content<'static>> {
    prop_oneof![
        1 => Just(Content::Missing),
        1 => Just(Content::Null),
        4 => text().prop_map(Content::Text),
        2 => vec(part(), 0..4).prop_map(Content::Parts),
        1 => raw_object().prop_map(Content::Other),
    ]
}

fn arguments() -> impl Strategy<Value = Arguments<'static>> {
    prop_oneof![
        Just(Arguments::Missing),
        text().prop_map(Arguments::Text),
        tree().prop_map(|tree| Arguments::Text(Text::new(tree.canonical()))),
        raw_object().prop_map(Arguments::Value),
        vec(number(), 0..3).prop_map(|numbers| Arguments::Value(raw(&Tree::List(
            numbers.into_iter().map(Tree::Bare).collect()
        )))),
    ]
}

fn tool_call() -> impl Strategy<Value = ToolCall<'static>> {
    let kind = option::weighted(
        0.2,
        text().prop_filter("not a function", |kind| *kind != *"function"),
    );
    (some_text(), kind, text(), arguments(), extra()).prop_map(|(id, kind, name, arguments, extra)| {
        let mut call = ToolCall::new(name, arguments).with_id(id);
        if let Some(kind) = kind {
            call = call.with_kind(kind);
        }
        set_extra(extra, call.extra_mut());
        call
    })
}

fn reasoning() -> impl Strategy<Value = Reasoning<'static>> {
    prop_oneof![
        text().prop_map(Reasoning::Text),
        raw_object().prop_map(Reasoning::Opaque)
    ]
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let who = (role(), some_text());
    let said = (content(), option::weighted(0.2, reasoning()));
    let calls = prop_oneof![2 => Just(Vec::new()), 1 => vec(tool_call(), 0..3)];
    let marks = (
        some_text(),
        option::weighted(0.2, any::<bool>()),
        option::weighted(0.2, any::<bool>()),
    );
    (who, said, calls, marks, extra()).prop_map(
        |((role, name), (content, reasoning), calls, (answers, is_error, train), extra)| {
            let mut message = Message::new(role);
            message
                .set_name(name)
                .set_content(content)
                .set_reasoning(reasoning)
                .set_tool_call_id(answers)
                .set_is_error(is_error)
                .set_train(train);
            for call in calls {
                message.push_tool_call(call);
            }
            set_extra(extra, message.extra_mut());
            message
        },
    )
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    let function = (text(), some_text(), option::of(raw_object()), extra());
    let function = function.prop_map(|(name, description, parameters, extra)| {
        let mut function = Function::new(name)
            .with_description(description)
            .with_parameters(parameters);
        set_extra(extra, function.extra_mut());
        Tool::Function(function)
    });
    let other = (string(), any_raw()).prop_map(|(kind, value)| {
        let mut members = vec![("kept".to_owned(), value.to_string())];
        members.push((
            "type".to_owned(),
            crate::tree::canonical_string(&format!("hosted {kind}")),
        ));
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("\"{key}\":{value}"))
            .collect();
        let object = format!("{{{}}}", members.join(","));
        Tool::Other(RawJson::parse(&object).unwrap().into_owned())
    });
    prop_oneof![3 => function, 1 => other]
}

fn score() -> impl Strategy<Value = Score<'static>> {
    let value = prop_oneof![
        number().prop_map(|token| ScoreValue::Number(RawJson::parse(&token).unwrap().into_owned())),
        any::<bool>().prop_map(ScoreValue::Bool),
        text().prop_map(ScoreValue::Label),
        text().prop_map(ScoreValue::Missing),
    ];
    (some_text(), value, extra()).prop_map(|(name, value, extra)| {
        let mut score = Score::new(name, value);
        set_extra(extra, score.extra_mut());
        score
    })
}

fn key() -> impl Strategy<Value = Key<'static>> {
    prop_oneof![
        text().prop_map(|text| Key::new(text.into())),
        number().prop_map(|token| Key::new(RawJson::parse(&token).unwrap().into_owned())),
    ]
}

fn group() -> impl Strategy<Value = Group<'static>> {
    let kind = prop::sample::select(vec![GroupKind::Task, GroupKind::Prompt, GroupKind::Turn]);
    (key(), kind, extra()).prop_map(|(key, kind, extra)| {
        let mut group = Group::new(key, kind);
        set_extra(extra, group.extra_mut());
        group
    })
}

/// Traces with everything that a trace can have.
pub(crate) fn trace() -> impl Strategy<Value = Trace<'static>> {
    let outcome = prop::sample::select(vec![
        Outcome::Completed,
        Outcome::Truncated,
        Outcome::Errored,
        Outcome::Unknown,
    ]);
    let identity = (option::of(key()), option::of(group()), option::of(any::<u64>()));
    let said = (vec(message(), 0..5), option::of(vec(tool(), 0..3)));
    let judged = (vec(score(), 0..3), option::of(outcome));
    let about = (some_text(), option::of(raw_object()), extra());
    (identity, said, judged, about).prop_map(
        |((id, group, trial), (messages, tools), (scores, outcome), (model, metadata, extra))| {
            let mut trace = Trace::new();
            trace
                .set_id(id)
                .set_group(group)
                .set_trial(trial)
                .set_tools(tools)
                .set_outcome(outcome)
                .set_model(model)
                .set_metadata(metadata);
            for message in messages {
                trace.push_message(message);
            }
            for score in scores {
                trace.push_score(score);
            }
            set_extra(extra, trace.extra_mut());
            trace
        },
    )
}

type Trees = BoxedStrategy<Tree>;

fn word(words: &'static [&'static str]) -> Trees {
    prop::sample::select(words)
        .prop_map(|word| Tree::Text(word.to_owned()))
        .boxed()
}

fn bare(tokens: &'static [&'static str]) -> Trees {
    prop::sample::select(tokens)
        .prop_map(|token| Tree::Bare(token.to_owned()))
        .boxed()
}

/// A string that [`mark`] makes unlike every other.
fn leaf() -> Trees {
    Just(Tree::Text("?".to_owned())).boxed()
}

/// A string or a number that [`mark`] makes unlike every other.
fn string_or_number() -> Trees {
    prop_oneof![leaf(), Just(Tree::Bare("7".to_owned()))].boxed()
}

/// What stands where anything may stand.
fn anything() -> Trees {
    let null = bare(&["null", "true", "false", "0", "1"]);
    let list = vec(leaf(), 0..3).prop_map(Tree::List);
    let map = vec((odd_key(), leaf()), 0..3).prop_map(|members| Tree::Map(without_duplicates(members)));
    prop_oneof![4 => string_or_number(), 1 => null, 1 => list, 1 => map].boxed()
}

/// Keys that mean something on some level of a trace, though perhaps not on this one.
fn odd_key() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec!["x", "y", "format", "detail", "file_id", "input", "strict"]);
    prop_oneof![prop::sample::select(NAMED), odd].prop_map(str::to_owned)
}

/// Mostly the right thing.
fn mostly(right: Trees) -> Trees {
    prop_oneof![30 => right, 1 => anything()].boxed()
}

/// Objects that mostly have the members in `needed`, and some of the others, in any order.
fn object(needed: Vec<(&'static str, Trees)>, optional: Vec<(&'static str, Trees)>) -> Trees {
    let member = |(key, value): (&'static str, Trees)| {
        mostly(value)
            .prop_map(move |value| (key.to_owned(), value))
            .boxed()
    };
    let mut choices: Vec<BoxedStrategy<(String, Tree)>> = optional.into_iter().map(member).collect();
    choices.push((odd_key(), anything()).boxed());
    let needed: Vec<_> = needed.into_iter().map(member).collect();
    let optional = vec(Union::new(choices), 0..4);
    (needed, optional, 0..20u8)
        .prop_map(|(mut members, optional, luck)| {
            members.extend(optional);
            if luck == 0 {
                members.pop();
            }
            if luck != 1 {
                members = without_duplicates(members);
            }
            (members, luck)
        })
        .prop_flat_map(|(members, luck)| match luck {
            // A needed member may have to be read after the ones that depend on it.
            2..12 => Just(members).prop_shuffle().boxed(),
            _ => Just(members).boxed(),
        })
        .prop_map(Tree::Map)
        .boxed()
}

fn list(of: Trees, most: usize) -> Trees {
    vec(of, 0..most).prop_map(Tree::List).boxed()
}

fn shaped_part() -> Trees {
    let some = leaf;
    let kind = word(&[
        "image",
        "audio",
        "video",
        "file",
        "image_url",
        "input_audio",
        "text",
        "refusal",
    ]);
    let image = object(
        vec![("url", some())],
        vec![("detail", some()), ("type", some()), ("name", some())],
    );
    let audio = object(vec![("data", some()), ("format", some())], vec![("url", some())]);
    let file = object(
        vec![],
        vec![
            ("file_id", some()),
            ("file_data", some()),
            ("filename", some()),
            ("url", some()),
        ],
    );
    prop_oneof![
        object(
            vec![("type", word(&["text"])), ("text", some())],
            vec![("x", some()), ("value", some())]
        ),
        object(
            vec![("type", word(&["text"])), ("value", some())],
            vec![("text", some()), ("x", some())]
        ),
        object(
            vec![("type", kind)],
            vec![
                ("url", some()),
                ("data", some()),
                ("id", some()),
                ("media_type", some()),
                ("name", some()),
                ("image_url", image.clone()),
                ("input_audio", audio.clone()),
                ("file", file.clone()),
            ],
        ),
        object(
            vec![
                ("type", word(&["image_url"])),
                ("image_url", prop_oneof![3 => image, 1 => some()].boxed())
            ],
            vec![("detail", some())],
        ),
        object(
            vec![("type", word(&["input_audio"])), ("input_audio", audio)],
            vec![("name", some())]
        ),
        object(
            vec![("type", word(&["file"])), ("file", file)],
            vec![("id", some())]
        ),
        anything(),
    ]
    .boxed()
}

fn shaped_call() -> Trees {
    let some = leaf;
    let arguments = || prop_oneof![leaf(), anything()].boxed();
    let kind = || word(&["function", "custom", "other"]);
    let function = object(
        vec![("name", some()), ("arguments", arguments())],
        vec![("x", some())],
    );
    let custom = object(
        vec![("name", some()), ("input", arguments())],
        vec![("x", some())],
    );
    prop_oneof![
        object(
            vec![("name", some())],
            vec![
                ("id", some()),
                ("type", kind()),
                ("arguments", arguments()),
                ("input", some())
            ],
        ),
        object(
            vec![("function", function)],
            vec![("id", some()), ("type", kind())]
        ),
        object(vec![("custom", custom)], vec![("id", some()), ("type", kind())]),
    ]
    .boxed()
}

fn shaped_message() -> Trees {
    let some = leaf;
    let content = prop_oneof![
        4 => some(),
        2 => list(shaped_part(), 4),
        1 => bare(&["null"]),
        1 => object(vec![], vec![("x", some())]),
    ]
    .boxed();
    let thought = || prop_oneof![3 => leaf(), 1 => anything()].boxed();
    let flag = || bare(&["true", "false", "null"]);
    object(
        vec![
            (
                "role",
                word(&[
                    "system",
                    "developer",
                    "user",
                    "assistant",
                    "tool",
                    "function",
                    "critic",
                ]),
            ),
            ("content", content),
        ],
        vec![
            ("name", some()),
            ("reasoning", thought()),
            ("reasoning_content", thought()),
            ("tool_calls", list(shaped_call(), 3)),
            ("tool_call_id", some()),
            ("is_error", flag()),
            ("train", flag()),
            ("weight", bare(&["0", "1", "0.0", "1.0", "0.5", "null"])),
            (
                "function_call",
                prop_oneof![shaped_call(), bare(&["null"]), some()].boxed(),
            ),
        ],
    )
}

fn shaped_tool() -> Trees {
    let some = leaf;
    let schema = || {
        object(
            vec![],
            vec![("type", word(&["object"])), ("properties", anything())],
        )
    };
    let kind = || word(&["function", "hosted"]);
    let function = object(
        vec![("name", some())],
        vec![
            ("description", some()),
            ("parameters", schema()),
            ("strict", some()),
        ],
    );
    prop_oneof![
        object(
            vec![("type", kind()), ("function", function)],
            vec![("cache", some()), ("name", some()), ("description", some())],
        ),
        object(
            vec![("name", some())],
            vec![
                ("type", kind()),
                ("description", some()),
                ("parameters", schema())
            ],
        ),
        object(vec![("type", kind())], vec![("function", some()), ("x", some())]),
    ]
    .boxed()
}

fn shaped_scores() -> Trees {
    let value = || prop_oneof![3 => string_or_number(), 1 => bare(&["true", "null", "0", "1e5"])].boxed();
    let score = object(
        vec![("value", value())],
        vec![("name", leaf()), ("missing", leaf()), ("by", leaf())],
    );
    let missing = object(
        vec![("missing", leaf())],
        vec![("name", leaf()), ("value", bare(&["null"]))],
    );
    let map = vec(("[a-c]", value()), 0..4).prop_map(|members| Tree::Map(without_duplicates(members)));
    prop_oneof![4 => list(prop_oneof![score, missing].boxed(), 3), 1 => map].boxed()
}

/// JSON that is shaped like a record, with mistakes: wrong types, missing and repeated fields, other people's keys.
/// Its strings and numbers are unlike one another, so that a lost one is missed.
pub(crate) fn shaped_record() -> impl Strategy<Value = Tree> {
    let group = object(
        vec![("key", string_or_number())],
        vec![("kind", word(&["task", "prompt", "turn"])), ("seed", leaf())],
    );
    let tools = list(shaped_tool(), 3);
    let tools_text = tools.clone().prop_map(|mut tools| {
        mark(&mut tools, &mut 500);
        Tree::Text(tools.canonical())
    });
    let record = object(
        vec![("messages", list(shaped_message(), 4))],
        vec![
            ("id", string_or_number()),
            ("group", prop_oneof![3 => group, 1 => leaf()].boxed()),
            ("trial", bare(&["0", "1", "7", "null"])),
            ("tools", prop_oneof![4 => tools, 1 => tools_text].boxed()),
            ("score", string_or_number()),
            ("scores", shaped_scores()),
            ("outcome", word(&["completed", "truncated", "errored", "unknown"])),
            ("model", leaf()),
            ("metadata", anything()),
        ],
    );
    record.prop_map(|mut record| {
        mark(&mut record, &mut 0);
        record
    })
}

/// Makes every `"?"` and `7` in a value unlike the others: `"<12>"`, `70013`.
fn mark(tree: &mut Tree, next: &mut u32) {
    match tree {
        Tree::Bare(token) if token == "7" => {
            *token = format!("{}", 70_000 + *next);
            *next += 1;
        }
        Tree::Text(text) if text == "?" => {
            *text = format!("<{next}>");
            *next += 1;
        }
        Tree::Bare(_) | Tree::Text(_) => {}
        Tree::List(items) => items.iter_mut().for_each(|item| mark(item, next)),
        Tree::Map(members) => members.iter_mut().for_each(|(_, value)| mark(value, next)),
    }
}

/// The marked leaves of a value, as they stand in its JSON.
pub(crate) fn marks(tree: &Tree, into: &mut Vec<String>) {
    match tree {
        Tree::Bare(token) if token.starts_with("700") => into.push(token.clone()),
        Tree::Text(text) if text.starts_with('<') => into.push(text.clone()),
        Tree::Text(text) if text.starts_with('[') => {
            if let Ok(inner) = serde_json::from_str(text) {
                marks(&inner, into);
            }
        }
        Tree::Bare(_) | Tree::Text(_) => {}
        Tree::List(items) => items.iter().for_each(|item| marks(item, into)),
        Tree::Map(members) => members.iter().for_each(|(_, value)| marks(value, into)),
    }
}
