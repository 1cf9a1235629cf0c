//! What a template leaves out.
//!
//! Templates drop calls, results, reasoning and text without an error (transformers issue 45419). So each record is
//! rendered a second time with a word of its own in every place, and what is not found again was dropped.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{
    Arguments, Conversation, Function, Message, RawJson, Reasoning, Role, Text, Tool, ToolCall, Trace,
};

use crate::loss::{Loss, Losses, Omission};
use crate::shared::reasoning::Placement;
use crate::shared::rendered::{Delivery, Piece, Plan};
use crate::shared::text;
use crate::shared::thread::Thread;

/// The same conversation with words in place of what it says.
pub(super) struct Probe {
    pub(super) trace: Trace<'static>,
}

/// Where a word stands.
#[derive(Clone, Copy)]
enum Place {
    Content,
    Reasoning,
    Name,
    Call(usize),
    Argument(usize),
    Definition,
}

/// The word of a place. None is the beginning of another.
fn word(index: usize, place: Place) -> String {
    let (kind, number) = match place {
        Place::Content => ("content", 0),
        Place::Reasoning => ("reasoning", 0),
        Place::Name => ("name", 0),
        Place::Call(call) => ("call", call),
        Place::Argument(call) => ("argument", call),
        Place::Definition => ("tool", 0),
    };
    format!("{kind}x{index}x{number}x")
}

impl Probe {
    /// The probe of a conversation.
    pub(super) fn new(conversation: &Conversation<'_>) -> Self {
        let mut trace = Trace::new();
        for (index, message) in conversation.messages().iter().enumerate() {
            trace.push_message(probe_of(message, index));
        }
        if let Some(tools) = conversation.trace().tools() {
            let tools = tools
                .iter()
                .enumerate()
                .map(|(index, tool)| match tool.as_function() {
                    Some(function) => {
                        let mut probe = Function::new(Text::new(word(index, Place::Definition)))
                            .with_parameters(function.parameters().cloned().map(RawJson::into_owned));
                        if function.description().is_some() {
                            probe = probe.with_description(Text::new("A description."));
                        }
                        Tool::Function(probe)
                    }
                    None => tool.clone().into_owned(),
                });
            trace.set_tools(tools.collect::<Vec<_>>());
        }
        Probe { trace }
    }
}

/// The conversation of which a probe was rendered.
pub(super) struct Original<'o> {
    pub(super) conversation: Conversation<'o>,
    pub(super) thread: Thread<'o>,
    pub(super) plan: Plan<'o>,
    pub(super) delivery: Delivery,
    pub(super) reasoning: Placement,
}

impl Original<'_> {
    /// Notes what is missing in the rendered probe.
    pub(super) fn note(&self, rendered: &str, losses: &mut Losses) {
        let holds = |index, place| rendered.contains(&word(index, place));
        let messages = self.conversation.messages();
        for (index, message) in messages[self.plan.written()].iter().enumerate() {
            let is_tool = *message.role() == Role::Tool;
            if is_tool && message.name().is_none() && self.thread.answered(index).is_none() {
                // It was left out before the template saw it.
                continue;
            }
            if !text::is_empty(message.content()) && !holds(index, Place::Content) {
                losses.note(content_loss(message), index);
            }
            if message.name().is_some() && !is_tool && !holds(index, Place::Name) {
                losses.note(Loss::SpeakerName, index);
            }
            if *message.role() == Role::Assistant {
                self.note_turn(index, message, &holds, losses);
            }
        }
        let tools = self.conversation.trace().tools().unwrap_or_default();
        for (index, tool) in tools.iter().enumerate() {
            if tool.as_function().is_some() && !holds(index, Place::Definition) {
                losses.note(Loss::Tools, 0);
            }
        }
    }

    fn note_turn(
        &self,
        index: usize,
        message: &Message<'_>,
        holds: &impl Fn(usize, Place) -> bool,
        losses: &mut Losses,
    ) {
        let thinks = matches!(message.reasoning(), Some(Reasoning::Text(text)) if !text.is_empty());
        if thinks && self.reasoning != Placement::Dropped && !holds(index, Place::Reasoning) {
            if self.delivery == Delivery::Text || self.plan.piece(index) == Piece::Learnt {
                losses.note(Loss::Reasoning, index);
            } else {
                losses.omit(Omission::EarlierReasoning);
            }
        }
        for (number, call) in message.tool_calls().iter().enumerate() {
            let has_arguments = !matches!(call.arguments(), Arguments::Missing);
            let is_whole = !has_arguments || holds(index, Place::Argument(number));
            if !is_whole || !holds(index, Place::Call(number)) {
                losses.note(Loss::ToolCalls, index);
            }
        }
    }
}

fn content_loss(message: &Message<'_>) -> Loss {
    match message.role() {
        Role::System | Role::Developer => Loss::SystemMessage,
        Role::Tool => Loss::ToolResults,
        Role::Assistant if !message.tool_calls().is_empty() => Loss::TextBesideCall,
        _ => Loss::MessageText,
    }
}

fn probe_of(message: &Message<'_>, index: usize) -> Message<'static> {
    let mut probe = Message::new(match message.role() {
        Role::System => Role::System,
        Role::Developer => Role::Developer,
        Role::Assistant => Role::Assistant,
        Role::Tool => Role::Tool,
        _ => Role::User,
    });
    if !text::is_empty(message.content()) {
        probe.set_content(Text::new(word(index, Place::Content)));
    }
    if let Some(Reasoning::Text(text)) = message.reasoning() {
        let text = if text.is_empty() {
            String::new()
        } else {
            word(index, Place::Reasoning)
        };
        probe.set_reasoning(Reasoning::Text(Text::new(text)));
    }
    if message.name().is_some() {
        probe.set_name(Text::new(word(index, Place::Name)));
    }
    probe.set_tool_call_id(message.tool_call_id().cloned().map(Text::into_owned));
    for (number, call) in message.tool_calls().iter().enumerate() {
        let arguments = arguments(call.arguments(), &word(index, Place::Argument(number)));
        let name = Text::new(word(index, Place::Call(number)));
        let id = call.id().cloned().map(Text::into_owned);
        probe.push_tool_call(ToolCall::new(name, arguments).with_id(id));
    }
    probe
}

/// Arguments of the same kind that say one word: templates raise on another kind.
fn arguments(arguments: &Arguments<'_>, word: &str) -> Arguments<'static> {
    let mut embedded = EmbeddedJson::new();
    let kind = match arguments {
        Arguments::Value(value) => Some(value.kind()),
        Arguments::Text(text) => embedded.read(text).ok().map(|value| value.kind()),
        _ => return Arguments::Missing,
    };
    Arguments::Text(Text::new(match kind {
        Some(Kind::Object) => format!("{{\"value\":\"{word}\"}}"),
        Some(Kind::Array) => format!("[\"{word}\"]"),
        Some(_) => format!("\"{word}\""),
        None => format!("{{{word}"),
    }))
}
