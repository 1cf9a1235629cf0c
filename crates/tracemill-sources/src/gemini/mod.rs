//! `gemini`: logs of requests and responses of the Gemini API, and lines that its models are tuned with.

mod tuning;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, JsonView, RawJson, Role, Text};

use crate::detect::Evidence;
use crate::exchange::{self, Answer, Dialect, Prompt, SILENT_NOTES, SKIPS};
use crate::gemini_contents::{self as contents, Contents, either};
use crate::head::Head;
use crate::parts::said;
use crate::registry::{JSON, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "gemini",
    summary: "logs of the Gemini API (`generateContent`), and tuning lines for its models: `contents`, or `text_input` and `output`",
    suffixes: JSON,
    reads: "`{request, response}`, one a record, the response whole, keys in camelCase or snake_case. \
            `systemInstruction` is the first message; one trace per candidate, in a group by the request's contents and \
            tools; `id` is `responseId`, `model` is `modelVersion`. Calls without an id get `call_0`, `call_1`, …, \
            and results those of the calls of their name, in order. `{\"output\": …}` and `{\"error\": …}` are the text of \
            a result, other objects stay. Thoughts are the reasoning. Types of schemas become lower case. `STOP` is \
            `completed`, `MAX_TOKENS` is `truncated`, what was blocked is `errored`. The rest of request and response \
            stays under `request` and `response`, that of a candidate under `candidate`, and thoughts that are signed under `thought_parts`; tools that the provider runs itself are kept under `hosted_tools`. \
            Also read are lines that models are tuned with: a request alone (`contents` and what goes with it), one trace in no group; \
            one with `completions`, a trace for each, in a group of their own, with the score `preference`; and `text_input` with \
            `output`. Other keys of theirs are kept.",
    skips: SKIPS,
    notes: SILENT_NOTES,
    options: &[],
    make: |_| Box::new(Gemini),
};

/// Logs of the Gemini API.
#[derive(Clone, Copy, Debug)]
struct Gemini;

impl Source for Gemini {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        if head.kind("/request/contents") != Some(Kind::Array) {
            return tuning::evidence(head);
        }
        let answered = [
            "/response/candidates",
            "/response/promptFeedback",
            "/response/error",
        ]
        .into_iter()
        .find(|pointer| head.has(pointer))?;
        Some(Evidence::keys(&["/request/contents", answered]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let record = walk::record(context, record, batch)?;
        if record.pick(["request", "response"]) == [None, None] {
            return tuning::decode(record, context, batch);
        }
        exchange::read::<Gemini>(record, context.limits(), batch)
    }

    fn repeats_history(&self) -> bool {
        true
    }
}

impl Dialect for Gemini {
    const ASKED: &'static [&'static str] = &["systemInstruction", "system_instruction", "contents", "tools"];
    const ANSWERED: &'static [&'static str] = &["candidates"];
    const NAMES: (&'static str, &'static str) = ("responseId", "modelVersion");

    fn prompt(request: JsonView<'_>) -> Result<Prompt<'_>, DecodeError> {
        let mut read = Contents::default();
        if let Some(system) = either(request, "systemInstruction", "system_instruction") {
            match system.as_text() {
                Some(words) => read.messages.push(said(Role::System, words)),
                None => read.content(Role::System, system)?,
            }
        }
        let list = request.get("contents").ok_or_else(|| walk::missing("contents"))?;
        read.list(list).map_err(|error| error.in_key("contents"))?;
        let mut prompt = Prompt {
            messages: read.messages,
            ..Prompt::default()
        };
        if let Some(tools) = request.get("tools").filter(|tools| !tools.is_null()) {
            contents::tools(tools, &mut prompt);
        }
        Ok(prompt)
    }

    fn answers(response: JsonView<'_>) -> Result<Vec<Answer<'_>>, DecodeError> {
        let candidates = response.get("candidates");
        let mut answers = Vec::new();
        for candidate in candidates.into_iter().flat_map(JsonView::elements) {
            let [content, reason, snake_reason] =
                candidate.pick(["content", "finishReason", "finish_reason"]);
            let mut read = Contents::default();
            if let Some(content) = content {
                read.content(Role::Assistant, content)?;
            }
            let reason = reason.or(snake_reason).and_then(JsonView::as_text);
            let mut rest = candidate
                .members()
                .filter(|(key, _)| key.body() != "content")
                .peekable();
            let has_more = rest.peek().is_some();
            answers.push(Answer {
                messages: read.messages,
                outcome: reason.as_ref().map(Text::body).and_then(contents::outcome),
                rest: has_more.then(|| RawJson::object(rest)),
            });
        }
        Ok(answers)
    }
}
