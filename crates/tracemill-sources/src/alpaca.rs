//! `alpaca`: instructions and their outputs.

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, JsonView, Message, Role, Text, Trace};

use crate::detect::Evidence;
use crate::head::Head;
use crate::parts::said;
use crate::registry::{JSON, Note, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};
use crate::walk::{self, Said};

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "alpaca",
    summary: "Alpaca data: `instruction`, `input` and `output`, perhaps with `system` and `history`",
    suffixes: JSON,
    reads: "What the user says is the `instruction` and, if there is one, the `input` on a line of its own, as LLaMA-Factory joins \
            them; the `input` is kept beside, so that the two can be told apart. The `output` is the answer. The pairs of \
            `history` go before, and `system` before everything, unless it is empty. Everything else is kept.",
    skips: &[],
    notes: &[Note::new(
        INPUT,
        "records whose `input` was put behind the `instruction`",
    )],
    options: &[],
    make: |_| Box::new(Alpaca),
};

const INPUT: &str = "joined-input";

/// Alpaca data.
#[derive(Clone, Copy, Debug)]
struct Alpaca;

impl Source for Alpaca {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let keys = ["/instruction", "/output"];
        let others = [
            "/messages",
            "/generator",
            "/output_1",
            "/chosen",
            "/completions",
            "/conversations",
        ];
        let found = keys.iter().all(|key| head.kind(key) == Some(Kind::String));
        (found && !others.iter().any(|key| head.has(key))).then(|| Evidence::keys(&keys))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let row = walk::record(context, record, batch)?;
        let [instruction, output, system, history, input, tools] =
            row.pick(["instruction", "output", "system", "history", "input", "tools"]);
        let instruction = walk::text_of(instruction, "instruction")?;
        let output = walk::text_of(output, "output")?;
        let given = |value: Option<JsonView<'a>>| {
            let text = value.and_then(JsonView::as_text);
            text.filter(|text| !text.is_empty())
        };
        let mut trace = Trace::new();
        let mut conversation = Said::new(context.limits());
        if let Some(system) = given(system) {
            conversation.push(said(Role::System, system))?;
        }
        if let Some(history) = walk::given(history) {
            read_history(history, &mut conversation).map_err(|error| error.in_key("history"))?;
        }
        let mut taken = Vec::with_capacity(8);
        taken.extend(["instruction", "output", "history", "tools"]);
        let asked = match given(input) {
            Some(input) => {
                batch.note(INPUT, 1);
                Text::joined([instruction, input], "\n")
            }
            None => instruction,
        };
        if conversation
            .messages
            .first()
            .is_some_and(|first| *first.role() == Role::System)
        {
            taken.push("system");
        }
        conversation.push(said(Role::User, asked))?;
        conversation.push(said(Role::Assistant, output))?;
        *trace.messages_mut() = conversation.messages;
        trace.set_tools(walk::tools(tools).map_err(|error| error.in_key("tools"))?);
        walk::identify(row, &mut trace, &mut taken);
        walk::keep_rest(&mut trace, row, INFO.name, &taken);
        batch.push(trace);
        Ok(())
    }
}

/// Pairs of what was asked and what was answered.
pub(crate) fn read_history<'v>(
    history: JsonView<'v>,
    conversation: &mut Said<'v>,
) -> Result<(), DecodeError> {
    walk::expect(history, Kind::Array)?;
    for (index, pair) in history.elements().enumerate() {
        let pair: Vec<_> = pair.elements().filter_map(JsonView::as_text).collect();
        let [asked, answered] = <[Text<'_>; 2]>::try_from(pair)
            .map_err(|_| walk::wrong("a turn of the history is two strings").in_index(index))?;
        conversation.push(said(Role::User, asked))?;
        conversation.push(said(Role::Assistant, answered))?;
    }
    Ok(())
}

/// An answer to a prompt, for sources of the same family.
pub(crate) fn exchange<'v>(instruction: Text<'v>, output: Text<'v>) -> [Message<'v>; 2] {
    [said(Role::User, instruction), said(Role::Assistant, output)]
}
