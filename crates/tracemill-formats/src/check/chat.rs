//! Lists of messages in the manner of OpenAI, whatever the consumer demands of them.

use tracemill_model::JsonView;
use tracemill_model::json::Kind;

use super::{Findings, MISSING, TYPE};
use crate::registry::Rule;

/// A kind of message list: what its consumer demands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat(pub(crate) &'static [Demand]);

#[allow(dead_code, reason = "formats to come use them all")]
/// One thing that a consumer demands of messages, and the rule that says so.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand {
    /// Roles are among these.
    Roles(Rule, &'static [&'static str]),
    /// Keys of messages are among these.
    MessageKeys(Rule, &'static [&'static str]),
    /// Every message has `content`; an assistant message with calls may lack it.
    Content(Rule),
    /// Every message has `content`, and it is text.
    TextContent(Rule),
    /// `content` is `null` on assistant messages alone.
    NullOnAssistant(Rule),
    /// `content` is never `null`.
    NoNullContent(Rule),
    /// An assistant message has either text or calls.
    TextOrCalls(Rule),
    /// Types of parts are among these.
    Parts(Rule, &'static [&'static str]),
    /// Images stand in user messages, so many at the most in a list.
    Images(Rule, usize),
    /// Arguments of calls have this form.
    Arguments(Rule, Form),
    /// `tool_calls` is absent rather than `null` or empty.
    NoNullCalls(Rule),
    /// A result names a call before it, and no call is answered twice.
    Results(Rule),
    /// Every call is answered before the next assistant message; the last message may leave calls open.
    Answered(Rule),
    /// A result has the name of its function.
    ResultName(Rule),
    /// Ids of calls and results pass.
    Ids(Rule, fn(&str) -> bool),
    /// Names of functions have 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`.
    FunctionNames(Rule),
    /// `weight` is the integer 0 or 1, on assistant messages alone.
    Weight(Rule),
    /// There is a message of the assistant that is trained on.
    Target(Rule),
    /// The last message has one of these roles.
    Last(Rule, &'static [&'static str]),
    /// The first message has one of these roles.
    First(Rule, &'static [&'static str]),
    /// A role may stand behind the role before it.
    Follows(Rule, fn(&str, &str) -> bool),
    /// Roles alternate between user and assistant, a system message in front aside.
    Alternate(Rule),
    /// There is one message exactly.
    One(Rule),
    /// Contents of all messages are text, or of all messages parts.
    Uniform(Rule),
}

#[allow(dead_code, reason = "formats to come use them all")]
/// The form of the arguments of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text, whatever it holds.
    Text,
    /// Text that is the JSON of an object.
    ObjectText,
    /// An object.
    Object,
    /// Either.
    Either,
}

/// What was seen of a list so far.
#[derive(Default)]
struct Seen {
    /// Ids of calls, and whether they were answered.
    calls: Vec<(String, bool)>,
    images: usize,
    targets: usize,
    texts: bool,
    parts: bool,
    last_role: String,
}

impl Chat {
    /// Checks a list of messages.
    pub(crate) fn check(&self, list: JsonView<'_>, findings: &mut Findings) {
        findings.each(list, |findings, _, message| {
            if findings.is(message, Kind::Object) {
                findings.member(message, "role", |findings, role| {
                    findings.text(role);
                });
                types(message, findings);
            }
        });
        if list.kind() == Kind::Array && list.elements().next().is_none() {
            findings.note(&MISSING, "there is no message");
        }
        self.more(list, findings);
    }

    /// Checks a list, of which something else was checked, against these demands too.
    pub(crate) fn more(&self, list: JsonView<'_>, findings: &mut Findings) {
        if list.kind() != Kind::Array {
            return;
        }
        let mut seen = Seen::default();
        findings.each(list, |findings, _, message| {
            if message.kind() == Kind::Object {
                self.message(message, &mut seen, findings);
            }
        });
        self.whole(list, &seen, findings);
    }

    fn message(&self, message: JsonView<'_>, seen: &mut Seen, findings: &mut Findings) {
        let has_calls = message
            .get("tool_calls")
            .is_some_and(|calls| calls.elements().next().is_some());
        let view = View {
            message,
            role: &id_of(message, "role"),
            has_calls,
        };
        for demand in self.0 {
            demand.of_message(&view, seen, findings);
        }
        seen.note(&view);
    }

    fn whole(&self, list: JsonView<'_>, seen: &Seen, findings: &mut Findings) {
        let count = list.elements().count();
        if count == 0 {
            return;
        }
        for demand in self.0 {
            demand.of_list(list, count, seen, findings);
        }
    }
}

/// A message under check.
struct View<'v> {
    message: JsonView<'v>,
    role: &'v str,
    has_calls: bool,
}

impl View<'_> {
    fn is_assistant(&self) -> bool {
        self.role == "assistant"
    }

    fn is_result(&self) -> bool {
        self.role == "tool"
    }
}

impl Seen {
    fn note(&mut self, view: &View<'_>) {
        let weightless = view
            .message
            .get("weight")
            .is_some_and(|weight| weight.as_str() == "0");
        self.targets += usize::from(view.is_assistant() && !weightless);
        match view.message.get("content").map(tracemill_model::JsonView::kind) {
            Some(Kind::String) => self.texts = true,
            Some(Kind::Array) => self.parts = true,
            _ => {}
        }
        if view.is_assistant() {
            self.calls.retain(|(_, answered)| !answered);
            let calls = view.message.get("tool_calls");
            let ids = calls.into_iter().flat_map(JsonView::elements);
            self.calls.extend(ids.map(|call| (id_of(call, "id"), false)));
        }
        view.role.clone_into(&mut self.last_role);
    }
}

fn id_of(value: JsonView<'_>, key: &str) -> String {
    let id = value.get(key);
    id.and_then(JsonView::as_text)
        .map_or_else(String::new, |id| id.decode().into_owned())
}

/// Types of what every message list holds.
fn types(message: JsonView<'_>, findings: &mut Findings) {
    findings.member_if_any(message, "content", |findings, content| match content.kind() {
        Kind::String | Kind::Null => {}
        Kind::Array => findings.each(content, |findings, _, part| {
            if findings.is(part, Kind::Object) {
                findings.member(part, "type", |findings, kind| {
                    findings.text(kind);
                });
            }
        }),
        _ => findings.wrong_type(content, "text, a list of parts, or null"),
    });
    findings.member_if_any(message, "tool_calls", |findings, calls| {
        if calls.is_null() {
            return;
        }
        findings.each(calls, |findings, _, call| {
            if !findings.is(call, Kind::Object) {
                return;
            }
            findings.member(call, "function", |findings, function| {
                if findings.is(function, Kind::Object) {
                    findings.member(function, "name", |findings, name| {
                        findings.text(name);
                    });
                }
            });
        });
    });
}

impl Demand {
    fn of_message(&self, view: &View<'_>, seen: &mut Seen, findings: &mut Findings) {
        let message = view.message;
        let content = message.get("content");
        match self {
            Demand::Roles(rule, roles) => {
                if !view.role.is_empty() && !roles.contains(&view.role) {
                    let known = roles.join(", ");
                    let text = format!("the role `{}` is none of {known}", view.role);
                    findings.note_at("role", rule, text);
                }
            }
            Demand::MessageKeys(rule, keys) => findings.only_keys(message, keys, rule),
            Demand::Content(rule) => {
                if content.is_none() && !(view.is_assistant() && view.has_calls) {
                    findings.note(
                        rule,
                        format!("a message of the role `{}` needs `content`", view.role),
                    );
                }
            }
            Demand::TextContent(rule) => match content {
                Some(content) if content.kind() == Kind::String => {}
                Some(content) => {
                    let text = format!("`content` is {}, and has to be text", content.kind().noun());
                    findings.note_at("content", rule, text);
                }
                None => findings.note(rule, "`content` is missing, and has to be text"),
            },
            Demand::NullOnAssistant(rule) => {
                if content.is_some_and(tracemill_model::JsonView::is_null) && !view.is_assistant() {
                    let text = format!("`content` is null in a message of the role `{}`", view.role);
                    findings.note_at("content", rule, text);
                }
            }
            Demand::NoNullContent(rule) => {
                if content.is_some_and(tracemill_model::JsonView::is_null) {
                    findings.note_at("content", rule, "`content` is null; leave it out or write text");
                }
            }
            Demand::TextOrCalls(rule) => text_or_calls(view, rule, findings),
            Demand::Parts(rule, kinds) => parts(message, kinds, rule, findings),
            Demand::Images(rule, most) => images(view, *most, rule, seen, findings),
            Demand::Arguments(rule, form) => arguments(message, *form, rule, findings),
            Demand::NoNullCalls(rule) => no_null_calls(message, rule, findings),
            Demand::Results(rule) => result(view, rule, seen, findings),
            Demand::Answered(rule) => answered(view, rule, seen, findings),
            Demand::ResultName(rule) => {
                if view.is_result() && message.get("name").is_none() {
                    findings.note(rule, "the result has no `name` of its function");
                }
            }
            Demand::Ids(rule, passes) => ids(view, *passes, rule, findings),
            Demand::FunctionNames(rule) => function_names(message, rule, findings),
            Demand::Weight(rule) => weight(view, rule, findings),
            Demand::Follows(rule, may) => {
                if !seen.last_role.is_empty() && !may(&seen.last_role, view.role) {
                    let text = format!("`{}` stands behind `{}`", view.role, seen.last_role);
                    findings.note_at("role", rule, text);
                }
            }
            Demand::Target(_)
            | Demand::Last(..)
            | Demand::First(..)
            | Demand::Alternate(_)
            | Demand::One(_)
            | Demand::Uniform(_) => {}
        }
    }

    fn of_list(&self, list: JsonView<'_>, count: usize, seen: &Seen, findings: &mut Findings) {
        match self {
            Demand::Target(rule) if seen.targets == 0 => {
                findings.note(rule, "there is no message of the assistant to train on");
            }
            Demand::Last(rule, roles) if !roles.contains(&seen.last_role.as_str()) => {
                let text = format!("the last message has the role `{}`", seen.last_role);
                findings.note(rule, text);
            }
            Demand::First(rule, roles) => {
                let first = list.elements().next().map(|message| id_of(message, "role"));
                let first = first.unwrap_or_default();
                if !roles.contains(&first.as_str()) {
                    findings.note(rule, format!("the first message has the role `{first}`"));
                }
            }
            Demand::Alternate(rule) => alternate(list, rule, findings),
            Demand::One(rule) if count != 1 => {
                findings.note(rule, format!("there are {count} messages, and one is wanted"));
            }
            Demand::Uniform(rule) if seen.texts && seen.parts => {
                findings.note(rule, "some contents are text, others are lists of parts");
            }
            _ => {}
        }
    }
}

fn text_or_calls(view: &View<'_>, rule: &Rule, findings: &mut Findings) {
    let content = view.message.get("content");
    let says = content.is_some_and(|content| !content.is_null() && content.as_str() != "\"\"");
    if view.is_assistant() && says == view.has_calls {
        let text = if says {
            "both text and calls"
        } else {
            "neither text nor calls"
        };
        findings.note(rule, format!("the assistant message has {text}"));
    }
}

fn parts(message: JsonView<'_>, kinds: &[&str], rule: &Rule, findings: &mut Findings) {
    findings.member_if_any(message, "content", |findings, content| {
        if content.kind() != Kind::Array {
            return;
        }
        findings.each(content, |findings, _, part| {
            let kind = id_of(part, "type");
            if !kind.is_empty() && !kinds.contains(&kind.as_str()) {
                let known = kinds.join(", ");
                findings.note_at("type", rule, format!("the part `{kind}` is none of {known}"));
            }
        });
    });
}

fn images(view: &View<'_>, most: usize, rule: &Rule, seen: &mut Seen, findings: &mut Findings) {
    let content = view.message.get("content");
    let parts = content.into_iter().flat_map(JsonView::elements);
    let count = parts.filter(|part| id_of(*part, "type") == "image_url").count();
    if count == 0 {
        return;
    }
    if view.role != "user" {
        findings.note_at(
            "content",
            rule,
            format!("images in a message of the role `{}`", view.role),
        );
    }
    let had_room = seen.images <= most;
    seen.images += count;
    if had_room && seen.images > most {
        findings.note_at("content", rule, format!("more than {most} images in one record"));
    }
}

fn arguments(message: JsonView<'_>, form: Form, rule: &Rule, findings: &mut Findings) {
    each_function(message, findings, |findings, function| {
        findings.member(function, "arguments", |findings, arguments| {
            match (arguments.kind(), form) {
                (Kind::String, Form::Text) | (Kind::Object, Form::Object | Form::Either) => {}
                (Kind::String, Form::ObjectText | Form::Either) => {
                    let Some(text) = arguments.as_text() else { return };
                    findings.embedded(&text, rule, |findings, value| {
                        if value.kind() != Kind::Object {
                            let text = format!("the text holds {}, not an object", value.kind().noun());
                            findings.note(rule, text);
                        }
                    });
                }
                (kind, form) => {
                    let wanted = match form {
                        Form::Text => "text",
                        Form::ObjectText => "the JSON text of an object",
                        Form::Object => "an object",
                        Form::Either => "an object or its JSON text",
                    };
                    let text = format!("the arguments are {}, and should be {wanted}", kind.noun());
                    findings.note(rule, text);
                }
            }
        });
    });
}

fn no_null_calls(message: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    findings.member_if_any(message, "tool_calls", |findings, calls| {
        if calls.is_null() {
            findings.note(rule, "`tool_calls` is null; leave it out");
        } else if calls.kind() == Kind::Array && calls.elements().next().is_none() {
            findings.note(rule, "`tool_calls` is empty; leave it out");
        }
    });
}

fn result(view: &View<'_>, rule: &Rule, seen: &mut Seen, findings: &mut Findings) {
    if !view.is_result() {
        return;
    }
    let Some(id) = view.message.get("tool_call_id") else {
        return findings.note(rule, "a result needs the `tool_call_id` of its call");
    };
    let id = id
        .as_text()
        .map_or_else(String::new, |id| id.decode().into_owned());
    // Ids may repeat: the first call that waits is meant.
    let waits = seen
        .calls
        .iter_mut()
        .find(|(call, answered)| *call == id && !answered);
    if let Some((_, answered)) = waits {
        *answered = true;
    } else {
        findings.note_at("tool_call_id", rule, format!("no call `{id}` waits for a result"));
    }
}

fn answered(view: &View<'_>, rule: &Rule, seen: &Seen, findings: &mut Findings) {
    let open = seen.calls.iter().filter(|(_, answered)| !answered).count();
    if open > 0 && !view.is_result() {
        findings.note(rule, format!("{open} calls before this message have no result"));
    }
}

fn ids(view: &View<'_>, passes: fn(&str) -> bool, rule: &Rule, findings: &mut Findings) {
    let check = |findings: &mut Findings, id: JsonView<'_>| {
        if let Some(id) = findings.text(id)
            && !passes(&id.decode())
        {
            findings.note(rule, format!("the id `{id}` has not the form that is wanted"));
        }
    };
    findings.member_if_any(view.message, "tool_calls", |findings, calls| {
        if calls.kind() == Kind::Array {
            findings.each(calls, |findings, _, call| findings.member(call, "id", check));
        }
    });
    if view.is_result() {
        findings.member_if_any(view.message, "tool_call_id", check);
    }
}

fn function_names(message: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    each_function(message, findings, |findings, function| {
        findings.member_if_any(function, "name", |findings, name| {
            function_name(name, rule, findings);
        });
    });
}

/// Checks the name of a function: 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`.
pub(crate) fn function_name(name: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    let Some(name) = findings.text(name) else { return };
    let name = name.body();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
        findings.note(rule, format!("`{name}` is no name for a function here"));
    }
}

fn weight(view: &View<'_>, rule: &Rule, findings: &mut Findings) {
    findings.member_if_any(view.message, "weight", |findings, weight| {
        if !matches!(weight.as_str(), "0" | "1") {
            findings.note(
                rule,
                format!("the weight is {weight}, and can be the integer 0 or 1"),
            );
        } else if !view.is_assistant() {
            findings.note(rule, "a weight stands on assistant messages alone");
        }
    });
}

fn alternate(list: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    let mut previous = String::new();
    findings.each(list, |findings, index, message| {
        let speaker = id_of(message, "role");
        let repeats = speaker == previous && (speaker == "user" || speaker == "assistant");
        if repeats || (speaker == "system" && index > 0) {
            findings.note(
                rule,
                format!("a message of the role `{speaker}` behind one of `{previous}`"),
            );
        }
        previous = speaker;
    });
}

/// Checks the `function` of every call of a message, as far as it is an object.
fn each_function(
    message: JsonView<'_>,
    findings: &mut Findings,
    mut check: impl FnMut(&mut Findings, JsonView<'_>),
) {
    findings.member_if_any(message, "tool_calls", |findings, calls| {
        if calls.kind() != Kind::Array {
            return;
        }
        findings.each(calls, |findings, _, call| {
            findings.member_if_any(call, "function", |findings, function| {
                if function.kind() == Kind::Object {
                    check(findings, function);
                }
            });
        });
    });
}

/// Checks tool definitions in the manner of OpenAI: `{"type":"function","function":{"name","description","parameters"}}`.
pub(crate) fn tools(tools: JsonView<'_>, names: Option<&Rule>, findings: &mut Findings) {
    findings.each(tools, |findings, _, tool| {
        if !findings.is(tool, Kind::Object) {
            return;
        }
        findings.member(tool, "type", |findings, kind| {
            if kind.as_str() != "\"function\"" {
                findings.note(&TYPE, "a tool is of the type `function`");
            }
        });
        findings.member(tool, "function", |findings, function| {
            if !findings.is(function, Kind::Object) {
                return;
            }
            findings.member(function, "name", |findings, name| match names {
                Some(rule) => function_name(name, rule, findings),
                None => {
                    findings.text(name);
                }
            });
            findings.member_if_any(function, "parameters", |findings, parameters| {
                findings.is(parameters, Kind::Object);
            });
        });
    });
}
