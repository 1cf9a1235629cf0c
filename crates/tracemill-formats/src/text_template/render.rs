//! Rendering one record.

use std::ops::Range;

use minijinja::{Environment, Value};
use tracemill_model::{Conversation, Example, JsonWriter, RawJson, Role, Shape, Trace};

use super::drops::{Original, Probe};
use super::environment::{self, BEGIN, END, Generated};
use super::{ARGUMENTS_TEXT, FORMAT, ONE_CALL, value};
use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::Losses;
use crate::options::{EncodeOptions, MetadataMode};
use crate::shared::reasoning::Placement;
use crate::shared::rendered::{Delivery, Piece, Plan, Script, find_mark};
use crate::shared::templates::{ArgumentForm, Calls, STYLE, Style, Turns};
use crate::shared::thread::Thread;
use crate::shared::trained::Trained;
use crate::shared::{self, account, metadata, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::template::ChatTemplate;

/// A format that a template makes.
#[derive(Debug)]
pub(super) struct Rendered {
    environment: Environment<'static>,
    /// What the template is given beside messages and tools.
    variables: Vec<(String, Value)>,
    source: ChatTemplate,
    /// The tokens that the template writes.
    marks: Vec<String>,
    has_generation: bool,
    style: Style,
    delivery: Delivery,
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Rendered {
    pub(super) fn new(spec: &FormatSpec, options: &EncodeOptions) -> Result<Self, SpecError> {
        let conflict = |reason| SpecError::Conflict {
            format: FORMAT.name,
            reason,
        };
        let Some(template) = options.template() else {
            let reason =
                "it needs a chat template (`--template FILE`), such as the `chat_template.jinja` of a model";
            return Err(conflict(reason.to_owned()));
        };
        let delivery = Delivery::of(spec)?;
        let generated = match delivery {
            Delivery::Segments => Generated::Marked,
            _ => Generated::Plain,
        };
        let environment = environment::environment(template, generated)
            .map_err(|error| conflict(format!("the template cannot be read: {error}")))?;
        let mut variables = vec![("bos_token".to_owned(), Value::from(""))];
        for (name, json) in template.variables() {
            let value = RawJson::parse(json).map_err(|error| error.to_string());
            let value = value
                .and_then(|json| value::read(json.view()))
                .map_err(conflict)?;
            variables.push((name.to_owned(), value));
        }
        let is_given = |name: &str| variables.iter().any(|(given, _)| given == name);
        if environment::undeclared(&environment).contains(&"eos_token".to_owned()) && !is_given("eos_token") {
            let reason = "the template writes `eos_token`, and only its tokenizer says what that is; give it as a \
                          variable (`--template-var eos_token=TOKEN`)";
            return Err(conflict(reason.to_owned()));
        }
        let source = template.source();
        Ok(Rendered {
            environment,
            variables,
            marks: marks(source),
            has_generation: has_generation(source),
            style: style(spec, source),
            source: template.clone(),
            delivery,
            reasoning: Placement::with_field(options.reasoning()),
            metadata: options.metadata(),
        })
    }
}

/// The form of messages that a template reads.
fn style(spec: &FormatSpec, source: &str) -> Style {
    let keys = ["reasoning_content", "thinking", "reasoning"];
    Style {
        reasoning: keys
            .into_iter()
            .find(|key| source.contains(*key))
            .unwrap_or(STYLE.reasoning),
        arguments: if spec.has(ARGUMENTS_TEXT) {
            ArgumentForm::Text
        } else {
            ArgumentForm::Object
        },
        calls: if spec.has(ONE_CALL) {
            Calls::Apart
        } else {
            Calls::Together
        },
        train: None,
    }
}

/// The tokens of the form `<|…|>` that stand in a source.
fn marks(source: &str) -> Vec<String> {
    let mut marks = Vec::new();
    for (at, _) in source.match_indices("<|") {
        let inside = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let rest = &source[at + 2..];
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with("|>") {
            marks.push(source[at..at + end + 4].to_owned());
        }
    }
    // Neither may stand in a message: they mark what is generated.
    marks.extend([BEGIN.to_string(), END.to_string()]);
    marks.sort();
    marks.dedup();
    marks
}

fn has_generation(source: &str) -> bool {
    source.match_indices("endgeneration").any(|(at, _)| {
        source[..at]
            .trim_end_matches(['-', '+', ' ', '\n'])
            .ends_with("{%")
    })
}

impl Encoder for Rendered {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        FORMAT.shapes.contains(&shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let conversation = shared::conversation(example)?;
        account::trace(conversation.trace(), self.metadata, &[], &mut scratch.losses);
        let plan = Plan::new(conversation, self.delivery, &mut scratch.losses);
        let end = plan.written().end;
        let tools = self.tools(conversation.trace(), scratch)?;
        let messages = self.messages(conversation, 0..end, Notes::Kept, scratch)?;
        let whole = self.render(messages, tools.clone(), Prompt::None)?;
        self.note_drops(conversation, &plan, scratch)?;
        let pieces = self.pieces(conversation, &plan, &whole, &tools, scratch)?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let mut script = Script::begin(self.delivery, &mut w);
        for (piece, range) in pieces {
            let text = whole.get(range).unwrap_or_default().trim_matches([BEGIN, END]);
            if !text.is_empty() {
                script.piece(piece).push(text).end();
            }
        }
        script.end()?;
        if self.metadata == MetadataMode::Include {
            metadata::write(&conversation, &mut w);
        }
        w.end_object();
        Ok(())
    }

    fn companions(&self, file_name: &str, _: Columns) -> Vec<Companion> {
        let stem = file_name.split('.').next().unwrap_or(file_name);
        vec![Companion::new(
            format!("{stem}.chat_template.jinja"),
            self.source.source(),
        )]
    }
}

/// Whether what messages lose is noted; once is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notes {
    Kept,
    Dropped,
}

/// Whether the text ends where the model goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    None,
    Generation,
}

impl Rendered {
    fn render(&self, messages: Value, tools: Value, prompt: Prompt) -> Result<String, EncodeError> {
        let mut context = vec![
            ("messages".to_owned(), messages),
            ("tools".to_owned(), tools),
            ("documents".to_owned(), Value::from(())),
            (
                "add_generation_prompt".to_owned(),
                Value::from(prompt == Prompt::Generation),
            ),
        ];
        context.extend(self.variables.iter().cloned());
        environment::render(&self.environment, Value::from_iter(context)).map_err(|error| {
            let text = format!("the template refuses the conversation: {error}");
            EncodeError::new(EncodeErrorKind::Content, text)
        })
    }

    /// The messages of a range, as the template reads them.
    fn messages(
        &self,
        conversation: Conversation<'_>,
        range: Range<usize>,
        notes: Notes,
        scratch: &mut Scratch,
    ) -> Result<Value, EncodeError> {
        let Scratch {
            losses,
            links,
            embedded,
            json,
            ..
        } = scratch;
        let mut unheard = Losses::default();
        let thread = Thread::linked(conversation.messages(), links);
        let mut turns = Turns {
            style: &self.style,
            reasoning: self.reasoning,
            messages: conversation.messages(),
            trained: match self.delivery {
                Delivery::Text => Trained::Every(conversation),
                Delivery::PromptCompletion => Trained::Last(conversation),
                Delivery::Segments => Trained::From(usize::MAX),
            },
            thread,
            embedded,
            losses: if notes == Notes::Kept {
                losses
            } else {
                &mut unheard
            },
        };
        json.clear();
        turns.list(range, &mut JsonWriter::new(json))?;
        self.value(json)
    }

    /// The definitions, or nothing.
    fn tools(&self, trace: &Trace<'_>, scratch: &mut Scratch) -> Result<Value, EncodeError> {
        let Scratch { losses, json, .. } = scratch;
        json.clear();
        tools::nested(trace, &mut JsonWriter::new(json), losses);
        if json.is_empty() {
            return Ok(Value::from(()));
        }
        self.value(json)
    }

    fn value(&self, json: &[u8]) -> Result<Value, EncodeError> {
        if let Some(mark) = find_mark(json, &self.marks) {
            let text = format!(
                "a message holds `{}`, which would be read as a mark of the template; take it out, or write messages \
                 and let the trainer's tokenizer deal with it",
                mark.escape_debug()
            );
            return Err(EncodeError::new(EncodeErrorKind::Forbidden, text));
        }
        let failed = |text: String| EncodeError::new(EncodeErrorKind::Content, text);
        let text = std::str::from_utf8(json).map_err(|error| failed(error.to_string()))?;
        let json = RawJson::parse(text).map_err(|error| failed(error.to_string()))?;
        value::read(json.view()).map_err(failed)
    }

    /// Renders the conversation with other words, and notes which of them do not come out.
    fn note_drops(
        &self,
        conversation: Conversation<'_>,
        plan: &Plan<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let probe = Probe::new(&conversation);
        let other = Conversation::whole(&probe.trace);
        let mut unheard = Scratch::new();
        let tools = self.tools(&probe.trace, &mut unheard)?;
        let messages = self.messages(other, plan.written(), Notes::Dropped, &mut unheard)?;
        let rendered = self.render(messages, tools, Prompt::None)?;
        let Scratch { losses, links, .. } = scratch;
        let original = Original {
            conversation,
            thread: Thread::linked(conversation.messages(), links),
            plan: *plan,
            delivery: self.delivery,
            reasoning: self.reasoning,
        };
        original.note(&rendered, losses);
        Ok(())
    }

    /// What of the whole text is learnt, in order.
    fn pieces(
        &self,
        conversation: Conversation<'_>,
        plan: &Plan<'_>,
        whole: &str,
        tools: &Value,
        scratch: &mut Scratch,
    ) -> Result<Vec<(Piece, Range<usize>)>, EncodeError> {
        match self.delivery {
            Delivery::Text => Ok(vec![(Piece::Learnt, 0..whole.len())]),
            Delivery::Segments if self.has_generation => marked(conversation, plan, whole),
            _ => self.by_prefix(conversation, plan, whole, tools, scratch),
        }
    }

    /// The pieces of a text, each learnt one from where the messages before its turn end to where it ends.
    fn by_prefix(
        &self,
        conversation: Conversation<'_>,
        plan: &Plan<'_>,
        whole: &str,
        tools: &Value,
        scratch: &mut Scratch,
    ) -> Result<Vec<(Piece, Range<usize>)>, EncodeError> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for index in plan.written() {
            if *conversation.messages()[index].role() != Role::Assistant || plan.piece(index) == Piece::Heard
            {
                continue;
            }
            let mut length = |end, prompt| {
                let messages = self.messages(conversation, 0..end, Notes::Dropped, scratch)?;
                let prefix = self.render(messages, tools.clone(), prompt)?;
                if whole.starts_with(&prefix) {
                    return Ok(prefix.len());
                }
                let text = "the template renders what comes before this turn in another way once the turn is there; \
                            write one record per turn, or `text`";
                Err(EncodeError::at(index, EncodeErrorKind::Content, text))
            };
            let start = length(index, Prompt::Generation)?;
            let end = length(index + 1, Prompt::None)?;
            pieces.push((Piece::Heard, from..start.max(from)));
            pieces.push((Piece::Learnt, start..end));
            from = end;
        }
        if from < whole.len() {
            pieces.push((Piece::Heard, from..whole.len()));
        }
        Ok(pieces)
    }
}

/// The pieces of a text in which the template marks what is generated: a mark for each turn of the assistant.
fn marked(
    conversation: Conversation<'_>,
    plan: &Plan<'_>,
    whole: &str,
) -> Result<Vec<(Piece, Range<usize>)>, EncodeError> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let is_turn = |index: &usize| *conversation.messages()[*index].role() == Role::Assistant;
    let mut turns = plan.written().filter(is_turn);
    while let Some(begin) = whole[from..].find(BEGIN).map(|at| from + at) {
        let end = whole[begin..].find(END).map(|at| begin + at);
        let (Some(end), Some(turn)) = (end, turns.next()) else {
            return Err(uneven());
        };
        pieces.push((Piece::Heard, from..begin));
        pieces.push((plan.piece(turn), begin..end));
        from = end;
    }
    if turns.next().is_some() {
        return Err(uneven());
    }
    pieces.push((Piece::Heard, from..whole.len()));
    Ok(pieces)
}

#[cold]
fn uneven() -> EncodeError {
    let text = "the template marks another number of turns as generated than the assistant has";
    EncodeError::new(EncodeErrorKind::Content, text)
}
