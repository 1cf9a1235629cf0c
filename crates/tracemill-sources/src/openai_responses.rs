//! `openai-responses`: logs of requests and responses of the Responses API of `OpenAI`.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Elements, Framing, Limits, Outcome, RawJson, Role, Text};

use crate::detect::Evidence;
use crate::exchange::{self, Answer, Dialect, NOTES, Prompt, SKIPS};
use crate::head::Head;
use crate::registry::{JSON, SourceInfo};
use crate::responses_items::{self as items, Items};
use crate::source::{Batch, Context, Source};
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
            `cancelled` are `errored`. After a `previous_response_id` or in a `conversation` the prompt is only the end of what \
            the model saw: the trace is `truncated`. The rest of request and response stays under `request` and `response`.",
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
        vec![
            Framing::Lines,
            Framing::Elements(Elements::at("")),
            Framing::Document,
        ]
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
}

impl Dialect for Responses {
    const ASKED: &'static [&'static str] = &["instructions", "input", "tools"];
    const ANSWERED: &'static [&'static str] = &["output"];
    const NAMES: (&'static str, &'static str) = ("id", "model");

    fn prompt(request: &RawJson<'_>) -> Result<Prompt, DecodeError> {
        let mut prompt = Prompt::default();
        let mut read = Items::new(Limits::default().with_messages(usize::MAX));
        for (key, speaker) in [("instructions", Role::System), ("input", Role::User)] {
            if let Some(said) = request.get(key) {
                read.list(&said, speaker).map_err(|error| error.in_key(key))?;
            }
        }
        prompt.messages = read.finish()?;
        if let Some(tools) = request.get("tools").filter(|tools| !tools.is_null()) {
            let tools = items::tools(&tools, &mut prompt.hosted).map_err(|error| error.in_key("tools"))?;
            prompt.tools = Some(tools);
        }
        let before = ["/previous_response_id", "/conversation"];
        prompt.before = before
            .iter()
            .find_map(|key| walk::present(request, key).map(RawJson::into_owned));
        Ok(prompt)
    }

    fn answers(response: &RawJson<'_>) -> Result<Vec<Answer>, DecodeError> {
        let Some(output) = response
            .get("output")
            .filter(|output| output.kind() == Kind::Array)
        else {
            return Ok(Vec::new());
        };
        let mut read = Items::new(Limits::default().with_messages(usize::MAX));
        read.list(&output, Role::Assistant)
            .map_err(|error| error.in_key("output"))?;
        let messages = read.finish()?;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Answer {
            messages,
            outcome: outcome(response),
        }])
    }
}

fn outcome(response: &RawJson<'_>) -> Option<Outcome> {
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
