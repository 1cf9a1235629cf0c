//! What items say: content, reasoning, and the fields that a trace has no name for.

use tracemill_model::json::Kind;
use tracemill_model::{
    Content, DecodeError, Fields, JsonView, Message, Part, RawJson, Reasoning, Text, TextPart,
};

use crate::record::{deepest, raw};
use crate::walk::{self, keep, put};

/// Content as a list of parts, so that more can follow.
pub(super) fn into_parts(content: Content<'_>) -> Vec<Part<'_>> {
    match content {
        Content::Text(text) => vec![Part::Text(TextPart::new(text))],
        Content::Parts(parts) => parts,
        Content::Other(object) => vec![Part::Other(object)],
        _ => Vec::new(),
    }
}

/// Reads content. Of one text the trace keeps the text; what else its part says goes to `rest`.
pub(super) fn said<'v>(content: JsonView<'v>, rest: &mut Fields<'v>) -> Result<Content<'v>, DecodeError> {
    if content.kind() != Kind::Array {
        return Content::read(&mut content.cursor());
    }
    let mut parts = Vec::new();
    for (index, part) in content.elements().enumerate() {
        parts.push(read_part(part).map_err(|error| error.in_index(index))?);
    }
    if let [Part::Text(only)] = parts.as_slice() {
        for (key, value) in only.extra().iter() {
            let name = key.decode();
            let own = OF_MESSAGES.contains(&&*name);
            let name = if own {
                Text::new(format!("source.{name}"))
            } else {
                key.clone()
            };
            put(rest, name, value.clone());
        }
        return Ok(Content::Text(only.text().clone()));
    }
    Ok(Content::Parts(parts))
}

/// Reads a part: texts and images in the names of this API, others as they are.
fn read_part(part: JsonView<'_>) -> Result<Part<'_>, DecodeError> {
    let [kind, words] = part.pick(["type", "text"]);
    let kind = kind.and_then(JsonView::as_text);
    match kind.as_ref().map_or("", Text::body) {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            let Some(words) = words.and_then(JsonView::as_text) else {
                return Ok(Part::Other(part.raw()));
            };
            let mut made = TextPart::new(words);
            keep(made.extra_mut(), part, &["type", "text"], "", &[]);
            Ok(Part::Text(made))
        }
        "input_image"
            if part
                .get("image_url")
                .is_some_and(|url| url.kind() == Kind::String) =>
        {
            // The chat API has the same part under another name; nothing in a file id's place is nothing.
            let shaped = raw(deepest(), |w| {
                w.begin_object();
                w.key("type").str("image_url");
                for (key, value) in part.members() {
                    let is_named = key.body() == "type" || key.body() == "file_id" && value.is_null();
                    if !is_named {
                        w.text_key(&key).raw(value);
                    }
                }
                w.end_object();
            })?;
            Ok(Part::read(&mut shaped.cursor())?.into_owned())
        }
        "input_audio" => Ok(Part::read(&mut part.cursor())?),
        _ => Ok(Part::Other(part.raw())),
    }
}

/// Reasoning is the words: the content if it is readable, and else the summary. Items that hold more than words are kept as
/// they are beside them; what is encrypted, and has no words, is opaque.
pub(super) fn think<'v>(message: &mut Message<'v>, items: &[RawJson<'v>]) {
    if items.is_empty() {
        return;
    }
    let words: Vec<_> = items.iter().map(RawJson::view).filter_map(thought).collect();
    let is_encrypted = |item: JsonView<'_>| walk::present(item, "/encrypted_content").is_some();
    let list = RawJson::list(items.iter().map(RawJson::view));
    if words.is_empty() && items.iter().map(RawJson::view).any(is_encrypted) {
        message.set_reasoning(Reasoning::Opaque(list));
        return;
    }
    if !words.is_empty() {
        message.set_reasoning(Reasoning::Text(Text::new(words.join("\n\n"))));
    }
    message.extra_mut().insert(Text::new("reasoning_items"), list);
}

fn thought(item: JsonView<'_>) -> Option<String> {
    let texts = |key| {
        let list = item.get(key)?;
        let texts: Vec<_> = list
            .elements()
            .filter_map(|part| Some(part.get("text")?.as_text()?.decode().into_owned()))
            .filter(|text| !text.is_empty())
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    };
    texts("content").or_else(|| texts("summary"))
}

/// The fields that a message has itself, or that mean something to those who read it.
pub(super) const OF_MESSAGES: [&str; 13] = [
    "role",
    "name",
    "content",
    "reasoning",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "is_error",
    "train",
    "weight",
    "loss_weight",
    "function_call",
    "refusal",
];
