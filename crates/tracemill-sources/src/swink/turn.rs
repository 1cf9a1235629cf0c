//! One turn: what the assistant said, and what came of its calls.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Arguments, Content, DecodeError, DecodeErrorKind, Fields, Limits, Media, MediaKind, MediaSource, Message,
    Part, RawJson, Reasoning, Role, Text, TextPart, ToolCall,
};

use crate::record::object;

/// One turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    index: u64,
    message: Message<'a>,
    results: Vec<Message<'a>>,
    other_calls: u64,
}

impl<'a> Turn<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let (mut index, mut message) = (None, None);
        let (mut ran, mut results, mut rest) = (Vec::new(), Vec::new(), Fields::new());
        let limits = *cursor.limits();
        cursor.object(|cursor, key| {
            match key.body() {
                "turn_index" => index = Some(cursor.unsigned()?),
                "assistant_message" => message = Some(read_assistant(cursor)?),
                "tool_calls" => cursor.array(|cursor, _| {
                    ran.push(ToolCall::read(cursor)?);
                    Ok(())
                })?,
                "tool_results" => cursor.array(|cursor, _| {
                    results.push(read_result(cursor)?);
                    Ok(())
                })?,
                _ => rest.read(cursor, key)?,
            }
            Ok(())
        })?;
        let missing = |key| {
            let message = format!("a turn needs its `{key}`");
            cursor.error(DecodeErrorKind::MissingField, message)
        };
        let index = index.ok_or_else(|| missing("turn_index"))?;
        let (mut message, mut calls) = message.ok_or_else(|| missing("assistant_message"))?;
        let other_calls = join(&mut calls, ran, limits)?;
        name_results(&mut results, &calls);
        for call in calls {
            message.push_tool_call(call);
        }
        if !rest.is_empty() {
            message
                .extra_mut()
                .insert(Text::new("turn"), object(&rest, limits)?);
        }
        Ok(Turn {
            index,
            message,
            results,
            other_calls,
        })
    }

    /// The place of the turn in the run.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// Whether the agent had nothing more to do.
    pub(super) fn is_final(&self) -> bool {
        self.message.tool_calls().is_empty()
    }

    /// The number of calls that were run otherwise than the model asked.
    pub(super) fn other_calls(&self) -> u64 {
        self.other_calls
    }

    pub(super) fn into_messages(self) -> impl Iterator<Item = Message<'a>> {
        std::iter::once(self.message).chain(self.results)
    }
}

/// Joins the calls that the model asked for with those that were run, by id and order; gives how many differ.
fn join<'a>(
    asked: &mut Vec<ToolCall<'a>>,
    ran: Vec<ToolCall<'a>>,
    limits: Limits,
) -> Result<u64, DecodeError> {
    let mut differ = 0;
    let mut open: Vec<bool> = vec![true; asked.len()];
    for call in ran {
        let matches = |(index, other): (usize, &ToolCall<'_>)| {
            open.get(index) == Some(&true) && other.id() == call.id()
        };
        let Some(place) = asked.iter().enumerate().position(matches) else {
            asked.push(call);
            continue;
        };
        open[place] = false;
        let same = asked[place].name() == call.name() && asked[place].arguments() == call.arguments();
        if !same {
            differ += 1;
            let mut fields = Fields::new();
            fields.insert(Text::new("name"), call.name().clone().into());
            if let Arguments::Value(arguments) = call.arguments() {
                fields.insert(Text::new("arguments"), arguments.clone());
            }
            asked[place]
                .extra_mut()
                .insert(Text::new("ran"), object(&fields, limits)?);
        }
    }
    Ok(differ)
}

/// Gives results the names of their calls, by id and order.
fn name_results<'a>(results: &mut [Message<'a>], calls: &[ToolCall<'a>]) {
    let mut open: Vec<&ToolCall<'a>> = calls.iter().collect();
    for result in results {
        let Some(place) = open.iter().position(|call| call.id() == result.tool_call_id()) else {
            continue;
        };
        result.set_name(open.remove(place).name().clone());
    }
}

/// Reads the message of the assistant and the calls in it.
fn read_assistant<'a>(cursor: &mut Cursor<'a>) -> Result<(Message<'a>, Vec<ToolCall<'a>>), DecodeError> {
    let mut message = Message::new(Role::Assistant);
    let mut blocks = Blocks::default();
    let limits = *cursor.limits();
    let mut rest = Fields::new();
    cursor.object(|cursor, key| match key.body() {
        "content" => blocks.read(cursor),
        _ => rest.read(cursor, key),
    })?;
    message.set_content(blocks.content());
    message.set_reasoning(blocks.reasoning(limits)?);
    if let [
        Thought {
            signature: Some(signature),
            ..
        },
    ] = blocks.thoughts.as_slice()
    {
        message
            .extra_mut()
            .insert(Text::new("signature"), signature.clone());
    }
    if !rest.is_empty() {
        message
            .extra_mut()
            .insert(Text::new("response"), object(&rest, limits)?);
    }
    Ok((message, blocks.calls))
}

/// Reads what a tool answered.
fn read_result<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    let mut message = Message::new(Role::Tool);
    let mut blocks = Blocks::default();
    let limits = *cursor.limits();
    let mut rest = Fields::new();
    cursor.object(|cursor, key| {
        match key.body() {
            "tool_call_id" => drop(message.set_tool_call_id(cursor.optional_text()?)),
            "content" => blocks.read(cursor)?,
            "is_error" if cursor.peek()? == Kind::Bool => drop(message.set_is_error(cursor.boolean()?)),
            "details" if cursor.null()? => {}
            _ => rest.read(cursor, key)?,
        }
        Ok(())
    })?;
    message.set_content(blocks.content());
    if !rest.is_empty() {
        message
            .extra_mut()
            .insert(Text::new("result"), object(&rest, limits)?);
    }
    Ok(message)
}

/// The blocks of a message, sorted.
#[derive(Debug, Default)]
struct Blocks<'a> {
    parts: Vec<Part<'a>>,
    thoughts: Vec<Thought<'a>>,
    calls: Vec<ToolCall<'a>>,
}

/// What was thought, and the whole block.
#[derive(Debug)]
struct Thought<'a> {
    text: Text<'a>,
    signature: Option<RawJson<'a>>,
    block: RawJson<'a>,
}

impl<'a> Blocks<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        let limits = *cursor.limits();
        cursor.array(|cursor, _| {
            let block = Fields::read_object(cursor)?;
            let kind = block.get("type").and_then(RawJson::as_text).map(Text::into_owned);
            match kind.as_ref().map(Text::body) {
                Some("text") => self.read_text(cursor, block, limits),
                Some("thinking") => self.read_thought(cursor, block, limits),
                Some("tool_call") => self.read_call(cursor, block),
                Some("image") => {
                    let image = image(&block);
                    self.push(image, &block, limits)
                }
                _ => self.push(None, &block, limits),
            }
        })
    }

    fn push(
        &mut self,
        part: Option<Part<'a>>,
        block: &Fields<'a>,
        limits: Limits,
    ) -> Result<(), DecodeError> {
        let part = match part {
            Some(part) => part,
            None => Part::Other(object(block, limits)?),
        };
        self.parts.push(part);
        Ok(())
    }

    fn read_text(
        &mut self,
        cursor: &Cursor<'_>,
        mut block: Fields<'a>,
        limits: Limits,
    ) -> Result<(), DecodeError> {
        if block.len() > 2 {
            return self.push(None, &block, limits);
        }
        let text = text(cursor, &mut block, "text")?;
        self.parts.push(Part::Text(TextPart::new(text)));
        Ok(())
    }

    fn read_thought(
        &mut self,
        cursor: &Cursor<'_>,
        mut block: Fields<'a>,
        limits: Limits,
    ) -> Result<(), DecodeError> {
        let whole = object(&block, limits)?;
        self.thoughts.push(Thought {
            text: text(cursor, &mut block, "thinking")?,
            signature: block.remove("signature").filter(|signature| !signature.is_null()),
            block: whole,
        });
        Ok(())
    }

    fn read_call(&mut self, cursor: &Cursor<'_>, mut block: Fields<'a>) -> Result<(), DecodeError> {
        block.remove("type");
        let name = text(cursor, &mut block, "name")?;
        let id = block.remove("id").and_then(|id| id.into_text().ok());
        let arguments = match block.remove("arguments") {
            Some(arguments) if arguments.is_null() => Arguments::Missing,
            Some(arguments) => arguments
                .into_text()
                .map_or_else(Arguments::Value, Arguments::Text),
            None => Arguments::Missing,
        };
        let mut call = ToolCall::new(name, arguments).with_id(id);
        for (key, value) in block {
            if !value.is_null() {
                call.extra_mut().insert(key, value);
            }
        }
        self.calls.push(call);
        Ok(())
    }

    /// Text alone is text; anything else is parts.
    fn content(&mut self) -> Content<'a> {
        let mut parts = std::mem::take(&mut self.parts);
        match parts.as_mut_slice() {
            [] => Content::Null,
            [Part::Text(text)] => Content::Text(text.text().clone()),
            _ => Content::Parts(parts),
        }
    }

    /// One thought is text; of several, with their signatures, the list is kept as it is.
    fn reasoning(&self, limits: Limits) -> Result<Option<Reasoning<'a>>, DecodeError> {
        match self.thoughts.as_slice() {
            [] => Ok(None),
            [thought] => Ok(Some(Reasoning::Text(thought.text.clone()))),
            several => {
                let blocks = crate::record::raw(limits, |w| {
                    w.begin_array();
                    for thought in several {
                        w.raw(&thought.block);
                    }
                    w.end_array();
                })?;
                Ok(Some(Reasoning::Opaque(blocks)))
            }
        }
    }
}

fn text<'a>(cursor: &Cursor<'_>, block: &mut Fields<'a>, key: &str) -> Result<Text<'a>, DecodeError> {
    if let Some(Ok(text)) = block.remove(key).map(RawJson::into_text) {
        return Ok(text);
    }
    let message = format!("the block needs a string under `{key}`");
    Err(cursor.error(DecodeErrorKind::WrongType, message))
}

/// An image that is here or at an address; `None` for one in a file of the machine that ran the evaluation.
fn image<'a>(block: &Fields<'a>) -> Option<Part<'a>> {
    let source = block.get("source").filter(|_| block.len() == 2)?;
    let text = |key| {
        source
            .get(key)
            .and_then(|value| Some(value.as_text()?.into_owned()))
    };
    let place = match text("type")?.body() {
        "base64" => MediaSource::Data(text("data")?),
        "url" => MediaSource::Url(text("url")?),
        _ => return None,
    };
    Some(Part::Media(
        Media::new(MediaKind::Image, place).with_media_type(text("media_type")),
    ))
}
