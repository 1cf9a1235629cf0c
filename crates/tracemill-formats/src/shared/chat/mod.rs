//! Message lists as hosted trainers read them: OpenAI's, and those who followed.
//!
//! One encoder for all of them; what a consumer does differently is a [`Dialect`]. Arguments are a JSON *string*:
//! recorded text goes out byte for byte, also when it is no JSON. Calls without an id get one, and so do their results.
//! Calls in the middle that nothing answers, and results that answer nothing, are left out.

mod answer;
mod content;
mod turns;

use tracemill_model::{Example, Function, JsonWriter, Media, MediaSource, Shape, Trace};

pub(crate) use answer::{Answer, OUTPUT_SCHEMA, RESPONSE_TOOL, Response, list as response_tools};
pub(crate) use turns::Turns;

use crate::encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
use crate::loss::{Losses, Omission};
use crate::options::MetadataMode;
use crate::shared::reasoning::Placement;
use crate::shared::{self, account, tools};

/// What the consumers of message lists do differently.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The name of the format.
    pub(crate) name: &'static str,
    /// Who reads it, as messages say it.
    pub(crate) consumer: &'static str,
    /// Which forms content has.
    pub(crate) content: ContentForm,
    /// What stands for the text of a turn that only calls.
    pub(crate) silence: Silence,
    /// What becomes of text beside calls.
    pub(crate) beside: Beside,
    /// Which images have a place.
    pub(crate) images: Images,
    /// Where reasoning has its own place.
    pub(crate) thoughts: Thoughts,
    /// Whether the names of speakers have a place.
    pub(crate) names: Names,
    /// Whether the words of a refusal have a place.
    pub(crate) refusals: Refusals,
    /// How the developer role is written.
    pub(crate) developer: Developer,
    /// Where system messages may stand.
    pub(crate) system: System,
    /// What ids look like.
    pub(crate) ids: Ids,
    /// What may stand behind the last assistant turn.
    pub(crate) end: End,
    /// Whether results stand directly behind their calls.
    pub(crate) results: Results,
    /// How the functions are written.
    pub(crate) functions: Functions,
    /// Whether the record says that several calls may stand in one turn.
    pub(crate) parallel: Parallel,
    /// What is trained on.
    pub(crate) trained: TrainedBy,
}

/// Which forms content has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentForm {
    /// Text or parts, message by message.
    TextOrParts,
    /// Text; or parts in all messages of the record if one of them holds an image.
    TextUnlessImages,
}

/// What stands for the text of a turn that only calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// What was recorded: `null`, nothing, or `""`.
    Recorded,
    /// Nothing: the field is left out, unless `""` was recorded.
    Absent,
    /// `""`
    Empty,
}

/// What becomes of text beside calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Kept,
    /// A turn is text or calls, and never empty.
    Lost,
}

/// Which images have a place in a message of the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Images {
    /// So many in one record at the most.
    pub(crate) most: usize,
    pub(crate) holds: fn(&Media<'_>) -> bool,
}

/// Where reasoning has its own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thoughts {
    Nowhere,
    /// Under this key of an assistant message.
    Key(&'static str),
    /// In a part of the content.
    Part,
}

/// Whether the names of speakers have a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Kept,
    Lost,
}

/// Whether the words of a refusal have a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusals {
    Kept,
    Lost,
}

/// How the developer role is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Developer {
    Kept,
    AsSystem,
}

/// Where system messages may stand; one that stands elsewhere is written as the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Anywhere,
    /// In front.
    First,
    /// Not behind an assistant turn or a result.
    BeforeAnswers,
    /// Nowhere: they are the developer's.
    AsDeveloper,
}

/// What ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    Recorded,
    /// Nine letters and digits.
    Nine,
}

/// What may stand behind the last assistant turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Anything,
    Nothing,
}

/// Whether results stand directly behind their calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    Anywhere,
    Behind,
}

/// How the functions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Functions {
    /// As recorded, under any name.
    AnyName,
    /// As recorded, under names that pass.
    Named,
    /// With the keys of mistral-common alone, under names that pass.
    Mistral,
}

/// Whether the record says that several calls may stand in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parallel {
    Kept,
    Lost,
}

/// What is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrainedBy {
    /// Assistant messages, as `weight` says.
    Weight,
    /// The same, but the last alone where there are tools.
    LastBesideTools,
    /// Nothing: the messages are a prompt.
    Nothing,
}

/// An encoder of chat lines in one dialect.
#[derive(Debug)]
pub(crate) struct ChatLines {
    pub(crate) dialect: &'static Dialect,
    pub(crate) reasoning: Placement,
    pub(crate) answer: Answer,
}

impl Encoder for ChatLines {
    fn name(&self) -> &str {
        self.dialect.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == Shape::Conversation
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let conversation = shared::conversation(example)?;
        let trace = conversation.trace();
        let carried = match (self.dialect.parallel, self.answer) {
            (Parallel::Lost, _) => &[][..],
            (Parallel::Kept, Answer::ToolCall) => &["parallel_tool_calls", OUTPUT_SCHEMA],
            (Parallel::Kept, _) => &["parallel_tool_calls"],
        };
        account::trace(trace, MetadataMode::Omit, carried, &mut scratch.losses);
        let mut turns = Turns::new(self, conversation, scratch)?;
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("messages").begin_array();
        let count = conversation.messages().len();
        turns.list(0..count, &mut w)?;
        turns.check_alone()?;
        w.end_array();
        write_tools(self.dialect, self.answer, trace, scratch, &mut w)?;
        if self.dialect.parallel == Parallel::Kept {
            parallel_tool_calls(trace, &mut scratch.losses, &mut w);
        }
        w.end_object();
        Ok(())
    }
}

/// Writes the field `tools`, if there is any function.
pub(crate) fn write_tools(
    dialect: &Dialect,
    answer: Answer,
    trace: &Trace<'_>,
    scratch: &mut Scratch,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    if dialect.functions != Functions::AnyName {
        check_tool_names(trace, dialect.consumer)?;
    }
    if answer == Answer::ToolCall {
        return answer::tools(trace, scratch, w);
    }
    let losses = &mut scratch.losses;
    if dialect.functions != Functions::Mistral {
        tools::nested_list(trace, w, losses);
        return Ok(());
    }
    let Some(functions) = tools::functions(trace, losses) else {
        return Ok(());
    };
    w.key("tools").begin_array();
    for function in functions {
        w.begin_object();
        w.key("type").str("function");
        w.key("function").begin_object();
        mistral_function(function, losses, w)?;
        w.end_object();
        w.end_object();
    }
    w.end_array();
    Ok(())
}

/// The members that mistral-common has, with what its `Function.from_openai` takes for those that are missing.
fn mistral_function(
    function: &Function<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) -> Result<(), EncodeError> {
    w.key("name").text(function.name());
    w.key("description");
    match function.description() {
        Some(description) => w.text(description),
        None => w.str(""),
    };
    w.key("parameters");
    match function.parameters() {
        Some(parameters) if parameters.as_str().starts_with('{') => {
            w.raw(parameters);
        }
        None => {
            w.begin_object().end_object();
        }
        Some(_) => {
            let text = format!(
                "the parameters of `{}` are no object, which Mistral refuses",
                function.name()
            );
            return Err(EncodeError::new(EncodeErrorKind::Content, text));
        }
    }
    for (key, value) in function.extra().iter() {
        match value.as_bool().filter(|_| key == "strict") {
            Some(strict) => {
                w.key("strict").boolean(strict);
            }
            None => losses.omit(Omission::Fields),
        }
    }
    Ok(())
}

/// Writes whether several calls may stand in one turn, if the trace says so.
pub(crate) fn parallel_tool_calls(trace: &Trace<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    if let Some(parallel) = trace.extra().get("parallel_tool_calls") {
        match parallel.as_bool() {
            Some(parallel) => {
                w.key("parallel_tool_calls").boolean(parallel);
            }
            None => losses.omit(Omission::Fields),
        }
    }
}

/// `FunctionObject.name` of OpenAI; mistral-common asks for the same.
const MAX_NAME: usize = 64;

/// Refuses functions whose name the consumer refuses.
pub(crate) fn check_tool_names(trace: &Trace<'_>, consumer: &str) -> Result<(), EncodeError> {
    let tools = trace.tools().unwrap_or_default().iter();
    for function in tools.filter_map(tracemill_model::Tool::as_function) {
        check_name(function.name(), consumer, EncodeError::new)?;
    }
    Ok(())
}

/// Refuses the name of a function that the consumer refuses.
fn check_name(
    name: &tracemill_model::Text<'_>,
    consumer: &str,
    error: impl FnOnce(EncodeErrorKind, String) -> EncodeError,
) -> Result<(), EncodeError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.body().len() > MAX_NAME || !name.body().bytes().all(allowed) {
        let text = format!(
            "{consumer} refuses the tool name `{name}`: 1 to {MAX_NAME} of `A-Z`, `a-z`, `0-9`, `_` and `-`; rename it"
        );
        return Err(error(EncodeErrorKind::Forbidden, text));
    }
    Ok(())
}

/// Whether an image has an address, or data of a type that is known.
pub(crate) fn any_image(media: &Media<'_>) -> bool {
    match media.source() {
        MediaSource::Url(_) => true,
        MediaSource::Data(_) => media.media_type().is_some(),
        _ => false,
    }
}

/// Whether an image is the bytes themselves, of one of these types.
pub(crate) fn data_of(types: &[&str], media: &Media<'_>) -> bool {
    match media.source() {
        MediaSource::Url(url) => {
            let rest = url.body().strip_prefix("data:");
            let media_type = rest.and_then(|rest| rest.split_once(";base64,"));
            media_type.is_some_and(|(media_type, _)| types.contains(&media_type))
        }
        MediaSource::Data(_) => media.media_type().is_some_and(|it| types.contains(&it.body())),
        _ => false,
    }
}
