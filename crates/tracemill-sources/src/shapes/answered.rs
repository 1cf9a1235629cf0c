//! What a model answered.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, Limits, Message, Outcome, RawJson, Role, Text, Tool};

use super::list::{self, Shape, messages};
use super::{aisdk, message, outcome, present, refuse_rendered, unknown, unwrapped};
use crate::gemini_contents::Contents;
use crate::responses_items::{self, Items};
use crate::spans::calls::Answer;
use crate::{langchain, walk};

/// An answer, in whatever shape it was recorded.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// What was said before the answer, where the whole of it was recorded.
    pub(crate) before: Vec<Message<'static>>,
    /// The candidates.
    pub(crate) answers: Vec<Answer>,
    /// The instructions that the provider repeats.
    pub(crate) system: Option<Message<'static>>,
    pub(crate) tools: Option<Vec<Tool<'static>>>,
    pub(crate) model: Option<Text<'static>>,
}

impl Answered {
    /// The keys of a response that are read.
    pub(crate) const TAKEN: [&'static str; 19] = [
        "choices",
        "output",
        "candidates",
        "generations",
        "content",
        "role",
        "message",
        "messages",
        "tool_calls",
        "text",
        "instructions",
        "parts",
        "name",
        "reasoning",
        "reasoning_content",
        "refusal",
        "tools",
        "model",
        "lc",
    ];

    fn of(answers: Vec<Answer>) -> Self {
        Answered {
            answers,
            ..Answered::default()
        }
    }

    fn one(message: Message<'static>, outcome: Option<Outcome>) -> Self {
        let outcome = outcome.or_else(|| langchain::outcome(&message));
        let model = langchain::model(&message);
        Answered {
            answers: vec![Answer { message, outcome }],
            model,
            ..Answered::default()
        }
    }

    /// What was said in turn: the last message is the answer, if it is the assistant's.
    fn in_turn(mut said: Vec<Message<'static>>, outcome: Option<Outcome>) -> Self {
        let answers = said.last().is_some_and(|last| *last.role() == Role::Assistant);
        let Some(last) = said.pop_if(|_| answers) else {
            return Answered {
                before: said,
                ..Answered::default()
            };
        };
        Answered {
            before: said,
            ..Answered::one(last, outcome)
        }
    }
}

/// Reads an answer: a response, messages, or text.
pub(crate) fn answered(value: JsonView<'_>) -> Result<Answered, DecodeError> {
    let value = unwrapped(value);
    match value.kind() {
        Kind::Null => Ok(Answered::default()),
        Kind::Object => object(value.view()),
        Kind::Array => array(value.view()),
        Kind::String => {
            refuse_rendered(&value.as_text().unwrap_or_default())?;
            Ok(Answered::one(message(Role::Assistant, value.view())?, None))
        }
        _ => Err(unknown(value.view())),
    }
}

fn array(value: JsonView<'_>) -> Result<Answered, DecodeError> {
    if aisdk::is_calls(value) {
        return Ok(Answered::one(aisdk::calls(value)?, None));
    }
    let mut elements = value.elements().peekable();
    if elements.peek().is_none() {
        return Ok(Answered::default());
    }
    // Choices without the response that they came in.
    if value
        .elements()
        .all(|choice| choice.get("message").is_some() && choice.get("role").is_none())
    {
        return choices(value);
    }
    let shape = list::shape(value);
    let said = messages(value, Role::Assistant)?;
    // Messages made of parts are candidates, unless others speak between them.
    let candidates = shape == Some(Shape::GenAi) && said.iter().all(|said| *said.role() == Role::Assistant);
    if candidates {
        return Ok(Answered::of(said.into_iter().map(with_reason).collect()));
    }
    Ok(Answered::in_turn(said, None))
}

/// The reason why a message ended is a property of the run.
fn with_reason(mut message: Message<'static>) -> Answer {
    let reason = message.extra().get("finish_reason").and_then(RawJson::as_text);
    let outcome = reason.and_then(|reason| outcome(&reason.decode()));
    if outcome.is_some() {
        message.extra_mut().remove("finish_reason");
    }
    Answer { message, outcome }
}

fn object(value: JsonView<'_>) -> Result<Answered, DecodeError> {
    if langchain::is_one(value) {
        return Ok(Answered::one(langchain::message(value)?, None));
    }
    let list = |key| present(value, key).filter(|list| list.kind() == Kind::Array);
    let mut read = if let Some(list) = list("choices") {
        choices(list).map_err(|error| error.in_key("choices"))?
    } else if let Some(items) = list("output").filter(|_| is_response(value)) {
        responses(value, items)?
    } else if let Some(list) = list("candidates") {
        candidates(list)?
    } else if let Some(list) = list("generations") {
        generations(list).map_err(|error| error.in_key("generations"))?
    } else if value.pointer("/content/parts").is_some() {
        Answered::of(vec![candidate(value)?])
    } else if value.get("role").is_some() {
        let said = messages(RawJson::list([value]).view(), Role::Assistant)?;
        Answered::in_turn(said, reason(value))
    } else if let Some(message) = present(value, "message") {
        let mut read = answered(message).map_err(|error| error.in_key("message"))?;
        for answer in &mut read.answers {
            answer.outcome = answer.outcome.or_else(|| reason(value));
        }
        read
    } else if let Some(list) = list("messages") {
        let said = messages(list, Role::Assistant).map_err(|error| error.in_key("messages"))?;
        Answered::in_turn(said, None)
    } else if let Some(output) = present(value, "output") {
        answered(output).map_err(|error| error.in_key("output"))?
    } else {
        return Err(unknown(value));
    };
    let model = ["/model", "/modelVersion", "/model_version"]
        .iter()
        .find_map(|pointer| walk::text(value, pointer).map(Text::into_owned));
    read.model = model.or(read.model);
    Ok(read)
}

/// Why an answer ended, by whichever name.
fn reason(value: JsonView<'_>) -> Option<Outcome> {
    let keys = ["/finish_reason", "/finishReason", "/stop_reason", "/done_reason"];
    let reason = keys.iter().find_map(|pointer| walk::text(value, pointer))?;
    outcome(&reason.decode())
}

/// Choices of a chat completion, or of one of text.
fn choices(list: JsonView<'_>) -> Result<Answered, DecodeError> {
    let mut answers = Vec::new();
    for (index, choice) in list.elements().enumerate() {
        let read = match (present(choice, "message"), present(choice, "text")) {
            (Some(said), _) => walk::message(said).map_err(|error| error.in_key("message")),
            (None, Some(text)) => message(Role::Assistant, text),
            (None, None) => Err(unknown(choice)),
        };
        answers.push(Answer {
            message: read.map_err(|error| error.in_index(index))?.into_owned(),
            outcome: reason(choice),
        });
    }
    Ok(Answered::of(answers))
}

fn is_response(value: JsonView<'_>) -> bool {
    walk::says(value, "/object", "response") || value.get("status").is_some()
}

/// A response of the Responses API, which repeats the instructions and the tools.
fn responses(value: JsonView<'_>, items: JsonView<'_>) -> Result<Answered, DecodeError> {
    let mut read = Items::new(Limits::default().with_messages(usize::MAX));
    read.list(items, Role::Assistant)
        .map_err(|error| error.in_key("output"))?;
    let status = walk::text(value, "/status");
    let ended = match status.as_ref().map_or("", Text::body) {
        "completed" => Some(Outcome::Completed),
        "incomplete" => Some(Outcome::Truncated),
        "failed" | "cancelled" => Some(Outcome::Errored),
        _ => None,
    };
    let mut answered = Answered::in_turn(walk::owned(read.finish()?), ended);
    if let Some(instructions) = present(value, "instructions").filter(|text| text.kind() == Kind::String) {
        answered.system = Some(message(Role::System, instructions)?);
    }
    if let Some(list) = present(value, "tools").filter(|list| list.kind() == Kind::Array) {
        let tools = responses_items::tools(list, &mut Vec::new()).map_err(|error| error.in_key("tools"))?;
        answered.tools = (!tools.is_empty()).then(|| tools.into_iter().map(Tool::into_owned).collect());
    }
    Ok(answered)
}

/// Candidates of the Gemini API; those that were blocked say nothing.
fn candidates(list: JsonView<'_>) -> Result<Answered, DecodeError> {
    let spoken = list.elements().filter(|candidate| {
        candidate
            .pointer("/content/parts")
            .is_some_and(|parts| !parts.is_null())
    });
    let read = spoken.map(|candidate| self::candidate(candidate));
    Ok(Answered::of(read.collect::<Result<_, _>>()?))
}

fn candidate(candidate: JsonView<'_>) -> Result<Answer, DecodeError> {
    let mut read = Contents::default();
    let content = candidate.get("content").ok_or_else(|| unknown(candidate))?;
    read.content(Role::Assistant, content)?;
    let message = read.messages.pop().ok_or_else(|| unknown(candidate))?;
    Ok(Answer {
        message: message.into_owned(),
        outcome: reason(candidate),
    })
}

/// What a model of `LangChain` gave: lists of candidates, one list for each prompt.
fn generations(list: JsonView<'_>) -> Result<Answered, DecodeError> {
    let mut lists = list.elements();
    let inner = match (lists.next(), lists.next()) {
        (None, _) => return Ok(Answered::default()),
        (Some(first), None) if first.kind() == Kind::Array => first.into_owned(),
        (Some(first), _) if first.kind() == Kind::Object => list.into_owned(),
        _ => return Err(unknown(list)),
    };
    let mut answered = Answered::default();
    for (index, generation) in inner.elements().enumerate() {
        let read = match (present(generation, "message"), present(generation, "text")) {
            (Some(said), _) if langchain::is_one(said) => langchain::message(said),
            (Some(said), _) => walk::message(said),
            (None, Some(text)) => message(Role::Assistant, text),
            (None, None) => Err(unknown(generation)),
        };
        let message = read.map_err(|error| error.in_index(index))?.into_owned();
        let info = generation.get("generation_info");
        let outcome = langchain::outcome(&message).or_else(|| info.and_then(reason));
        answered.model = answered.model.or_else(|| langchain::model(&message));
        answered.answers.push(Answer { message, outcome });
    }
    Ok(answered)
}
