//! The canonical form: what tracemill itself reads and writes, and the only format that loses nothing.
//!
//! Read by the source `tracemill`. The record is [`Conversation::write_json`](tracemill_model::Conversation::write_json): for a whole trace, the trace as it is;
//! for one turn of it, its messages up to that turn, with `"train":false` on the earlier assistant turns.

use tracemill_model::{Example, JsonView, Shape, Trace};

use crate::capability::{Capability, Feature};
use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::options::{EncodeOptions, ReasoningMode};
use crate::registry::{Format, Rule};
use crate::shared;
use crate::spec::{FormatSpec, SpecError};

pub(crate) const FORMAT: Format = Format {
    name: "tracemill",
    summary: "the canonical trace: everything that was read, in one form",
    shapes: &[Shape::Conversation],
    extensions: &[],
    capability: Capability::NONE.holding(&Feature::ALL),
    losses: &[],
    rules: &[CANONICAL],
    file_rules: &[],
    check,
    example: r#"{"id":"airline-12/0","group":{"key":"airline-12","kind":"task"},"trial":0,"messages":[{"role":"user","content":"Weather in Oslo?"},{"role":"assistant","content":null,"reasoning":"Need a lookup.","tool_calls":[{"id":"c1","name":"get_weather","arguments":{"city":"Oslo"}}]},{"role":"tool","tool_call_id":"c1","content":"4 C"},{"role":"assistant","content":"4 C."}],"tools":[{"name":"get_weather","parameters":{"type":"object"}}],"scores":[{"name":"reward","value":1.0}],"outcome":"completed"}"#,
    make,
};

const CANONICAL: Rule = Rule::new(
    "canonical",
    "a record reads as a trace, and writing it again gives the same bytes",
    concat!("tracemill ", env!("CARGO_PKG_VERSION")),
);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    match Trace::from_json(record.as_str()) {
        Err(error) => findings.note(&CANONICAL, error.to_string()),
        Ok(trace) => {
            let mut written = Vec::new();
            trace.write_json(&mut written);
            if written != record.as_str().as_bytes() {
                findings.note(&CANONICAL, "the record is read, and written in another way");
            }
        }
    }
}

fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    match options.reasoning() {
        ReasoningMode::Auto | ReasoningMode::Field => Ok(Box::new(Tracemill)),
        mode => Err(SpecError::Conflict {
            format: FORMAT.name,
            reason: format!(
                "it keeps reasoning where it is, so `{}` has no meaning; leave reasoning at `auto`",
                mode.name()
            ),
        }),
    }
}

#[derive(Debug)]
struct Tracemill;

impl Encoder for Tracemill {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        FORMAT.shapes.contains(&shape)
    }

    fn encode(&self, example: &Example<'_>, _: &mut Scratch, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // A trace without messages, or with nothing to learn, is a trace all the same.
        shared::any_conversation(example)?.write_json(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{conflict, encode, encode_each};

    #[test]
    fn canonical_records_come_out_as_they_are() {
        let line = FORMAT.example;
        assert_eq!(encode("tracemill", line).unwrap(), (line.to_owned(), Vec::new()));
    }

    #[test]
    fn one_turn_alone_is_learnt_by_marks() {
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"assistant","content":"c"}]}"#;
        let marked = line.replace(r#""b"}"#, r#""b","train":false}"#);
        assert_eq!(encode_each("tracemill", line)[1].0, marked);
    }

    #[test]
    fn reasoning_cannot_be_moved() {
        for mode in [ReasoningMode::Drop, ReasoningMode::Inline] {
            let options = EncodeOptions::default().with_reasoning(mode);
            assert!(conflict("tracemill", &options).to_string().contains(mode.name()));
        }
    }
}
