//! `openai-responses`: logs of requests and responses of the Responses API of `OpenAI`.

use memchr::memmem;
use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, Framing, JsonView, Limits, Outcome, Role, Text};

use crate::detect::Evidence;
use crate::exchange::{self, Answer, Dialect, NOTES, Prompt, SKIPS};
use crate::head::Head;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::responses_items::{self as items, Items};
use crate::source::{Batch, Context, Earlier, Reference, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "openai-responses",
    summary: "logs of requests and responses of the Responses API of OpenAI",
    suffixes: JSON,
    reads: "`{request, response}`, one a record, the response whole; one trace each, in a group by the request's messages and \
            tools. `instructions` are the first message. `reasoning`, `message` and call items that follow each other are one \
            assistant message, texts before calls; results are tool messages, by `call_id`. The content of reasoning, or else \
            its summary, is the reasoning, and its items are kept in `reasoning_items`; encrypted items without words are \
            opaque. `custom_tool_call` and the calls of shells and patches have their kind; what the provider ran itself stays \
            a part as it is, and its tools are kept under `hosted_tools`. Of a message of one text the text is the content, \
            and the rest of its part (`annotations`) is kept beside it; items of unknown types are messages of that role. \
            `completed` is `completed`, `incomplete` is `truncated` (`errored` if content was filtered), `failed` and \
            `cancelled` are `errored`. Before the input of a request with a \
            `previous_response_id` goes what was said in the exchanges before it, if they are in the inputs, in whichever order; \
            instructions and tools are those of the request itself, for the API carries none over. Where one is missing, or in a \
            `conversation`, the prompt is only the end of what the model saw: the trace is `truncated`. The rest of request and response stays under `request` and `response`.",
    skips: SKIPS,
    notes: NOTES,
    options: &[],
    make: |_| Box::new(Responses),
};

/// Logs of the Responses API.
#[derive(Clone, Copy, Debug)]
struct Responses;

impl Source for Responses {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let asked = "/request/input";
        if !head.has(asked) {
            return None;
        }
        let object = head.text("/response/object") == Some("response");
        let answered = if object {
            "/response/object"
        } else {
            ["/response/output", "/response/error"]
                .into_iter()
                .find(|key| head.has(key))?
        };
        Some(Evidence::keys(&[asked, answered]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        exchange::decode::<Responses>(record, context.limits(), batch)
    }

    fn repeats_history(&self) -> bool {
        true
    }

    fn refers_back(&self) -> bool {
        true
    }

    fn may_refer(&self, record: &str) -> bool {
        let bytes = record.as_bytes();
        let behind = |at: usize| bytes.get(at + PREVIOUS.len()..).unwrap_or_default();
        let named = memmem::find_iter(bytes, PREVIOUS).any(|at| !is_null_behind(behind(at)));
        // The letters of a key may be escaped, which nobody does.
        let is_letter = |at: usize| matches!(bytes.get(at + 4), Some(b'5'..=b'7'));
        named || memmem::find_iter(bytes, "\\u00").any(is_letter)
    }

    fn reference(&self, context: &Context, record: &str) -> Option<Reference> {
        let mut cursor = Cursor::with_limits(record, context.limits());
        let (mut id, mut previous) = (None, None);
        let read = cursor.object(|cursor, key| {
            match key.body() {
                "request" => previous = text_in(cursor, PREVIOUS)?,
                "response" => id = text_in(cursor, "id")?,
                _ => cursor.skip()?,
            }
            Ok(())
        });
        read.ok()?;
        Some(Reference::new(
            id.as_ref().map(Text::body),
            previous.as_ref().map(Text::body),
        ))
    }

    fn decode_after<'a>(
        &self,
        context: &Context,
        earlier: &dyn Earlier,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let whole = walk::record(context, record, batch)?;
        let previous = whole.get("request").and_then(|request| request.get(PREVIOUS));
        let earlier = match previous.and_then(JsonView::as_text) {
            Some(previous) => earlier.until(previous.body(), context.limits())?,
            None => Vec::new(),
        };
        let earlier = earlier
            .iter()
            .map(|record| Ok(batch.keep(walk::object(context, record)?.into_owned())));
        let earlier = earlier.collect::<Result<Vec<_>, DecodeError>>()?;
        let prompt = |request| prompt(request, &earlier);
        exchange::read_with::<Responses>(whole, prompt, context.limits(), batch)
    }
}

/// The key under which a request names the response that it goes on with.
const PREVIOUS: &str = "previous_response_id";

/// Whether `null` stands behind the name of a key.
fn is_null_behind(rest: &[u8]) -> bool {
    let value = rest
        .strip_prefix(b"\"")
        .and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}

/// The text under a key of the next value, if that is an object and has one.
fn text_in<'a>(cursor: &mut Cursor<'a>, wanted: &str) -> Result<Option<Text<'a>>, DecodeError> {
    let mut found = None;
    if cursor.peek()? != Kind::Object {
        cursor.skip()?;
        return Ok(found);
    }
    cursor.object(|cursor, key| {
        if key.body() == wanted && cursor.peek()? == Kind::String {
            found = Some(cursor.text()?);
            Ok(())
        } else {
            cursor.skip()
        }
    })?;
    Ok(found)
}

/// What the model was asked: its instructions are those of this request alone (`response_create_params.py` of openai 3.52.0), and
/// before the input goes what was said in earlier exchanges.
fn prompt<'v>(request: JsonView<'v>, earlier: &[JsonView<'v>]) -> Result<Prompt<'v>, DecodeError> {
    let mut prompt = Prompt::default();
    let mut read = Items::new(Limits::default().with_messages(usize::MAX));
    let mut say = |from: JsonView<'v>, key: &str, speaker| {
        let said = from.get(key);
        let said = said.map_or(Ok(()), |said| read.list(said, speaker));
        said.map_err(|error| error.in_key(key))
    };
    say(request, "instructions", Role::System)?;
    for exchange in earlier {
        for (side, key, speaker) in [
            ("request", "input", Role::User),
            ("response", "output", Role::Assistant),
        ] {
            let said = exchange.get(side);
            said.map_or(Ok(()), |side| say(side, key, speaker))
                .map_err(|error| {
                    let message = format!("an earlier record is wrong: {error}");
                    DecodeError::new(error.kind(), 0, message)
                })?;
        }
    }
    say(request, "input", Role::User)?;
    prompt.messages = read.finish()?;
    if let Some(tools) = request.get("tools").filter(|tools| !tools.is_null()) {
        let tools = items::tools(tools, &mut prompt.hosted).map_err(|error| error.in_key("tools"))?;
        prompt.tools = Some(tools);
    }
    let first = earlier.first().and_then(|exchange| exchange.get("request"));
    let first = first.unwrap_or(request);
    prompt.before = [
        (first, "/previous_response_id"),
        (first, "/conversation"),
        (request, "/conversation"),
    ]
    .into_iter()
    .find_map(|(from, key)| walk::present(from, key).map(JsonView::raw));
    Ok(prompt)
}

impl Dialect for Responses {
    const ASKED: &'static [&'static str] = &["instructions", "input", "tools"];
    const ANSWERED: &'static [&'static str] = &["output"];
    const NAMES: (&'static str, &'static str) = ("id", "model");

    fn prompt(request: JsonView<'_>) -> Result<Prompt<'_>, DecodeError> {
        prompt(request, &[])
    }

    fn answers(response: JsonView<'_>) -> Result<Vec<Answer<'_>>, DecodeError> {
        let Some(output) = response
            .get("output")
            .filter(|output| output.kind() == Kind::Array)
        else {
            return Ok(Vec::new());
        };
        let mut read = Items::new(Limits::default().with_messages(usize::MAX));
        read.list(output, Role::Assistant)
            .map_err(|error| error.in_key("output"))?;
        let messages = read.finish()?;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Answer {
            messages,
            outcome: outcome(response),
            rest: None,
        }])
    }
}

fn outcome(response: JsonView<'_>) -> Option<Outcome> {
    let status = walk::text(response, "/status");
    match status.as_ref().map(Text::body)? {
        "completed" => Some(Outcome::Completed),
        "incomplete" if walk::says(response, "/incomplete_details/reason", "content_filter") => {
            Some(Outcome::Errored)
        }
        "incomplete" => Some(Outcome::Truncated),
        "failed" | "cancelled" => Some(Outcome::Errored),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_names_another_is_never_taken_for_one_that_does_not() {
        for record in [
            r#"{"request":{"previous_response_id":"r"}}"#,
            r#"{"request":{"previous_response_id" :  "r"}}"#,
            r#"{"request":{"previous\u005fresponse_id":"r"}}"#,
            r#"{"request":{"\u0070revious_response_id":"r"}}"#,
            r#"{"response":{"previous_response_id":null},"request":{"previous_response_id":"r"}}"#,
        ] {
            assert!(Responses.may_refer(record), "{record}");
            let reference = Responses.reference(&Context::default(), record);
            assert!(
                reference.is_some_and(|reference| reference.previous().is_some()),
                "{record}"
            );
        }
    }

    #[test]
    fn most_records_name_none() {
        for record in [
            r#"{"request":{"input":"caf\u00e9"}}"#,
            r#"{"request":{},"response":{"previous_response_id":null}}"#,
            r#"{"request":{},"response":{"previous_response_id" : null, "id":"r"}}"#,
        ] {
            assert!(!Responses.may_refer(record), "{record}");
        }
    }
}
