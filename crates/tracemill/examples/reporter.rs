//! An evaluation framework's reporter: scored traces in, a target path and its bytes out.
//!
//! Frameworks that run agents have results in memory and a place where reports go. This is all it takes to add
//! fine-tuning data to them: build traces, encode, hand over bytes. Run with
//! `cargo run -p tracemill --example reporter`.

use std::path::PathBuf;

use tracemill::model::{Arguments, Message, RawJson, Role, Score, ScoreValue, Text, ToolCall, Trace};
use tracemill::{Encoded, Error, Mill};

/// What the framework knows of one run.
struct Case {
    id: &'static str,
    question: &'static str,
    city: &'static str,
    tool_answer: &'static str,
    answer: &'static str,
    passed: bool,
}

/// What the framework's reporters give back: where something belongs, and what.
struct Artifact {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Turns passed runs into training data of one format.
struct FineTuningReporter {
    mill: Mill,
    format: &'static str,
}

impl FineTuningReporter {
    fn new(format: &'static str) -> Result<Self, Error> {
        let mill = Mill::builder().format(format)?.min_score(1.0).build()?;
        Ok(FineTuningReporter { mill, format })
    }

    fn report(&self, cases: &[Case]) -> Result<Artifact, Error> {
        let traces: Vec<_> = cases.iter().map(trace).collect();
        let Encoded { bytes, ledger, .. } = self.mill.encode(&traces)?;
        assert!(ledger.balances());
        Ok(Artifact {
            path: PathBuf::from(format!("fine-tuning/{}.jsonl", self.format)),
            bytes,
        })
    }
}

fn trace(case: &Case) -> Trace<'_> {
    let mut question = Message::new(Role::User);
    question.set_content(Text::new(case.question));

    let arguments = format!("{{\"city\":\"{}\"}}", case.city);
    // The arguments are ours and valid; a framework that has recorded text keeps it with `Arguments::Text`.
    let arguments =
        RawJson::parse(&arguments).map_or(Arguments::Missing, |raw| Arguments::Value(raw.into_owned()));
    let mut call = Message::new(Role::Assistant);
    call.push_tool_call(ToolCall::new(Text::new("weather"), arguments).with_id(Text::new("c1")));

    let mut result = Message::new(Role::Tool);
    result
        .set_tool_call_id(Text::new("c1"))
        .set_content(Text::new(case.tool_answer));

    let mut answer = Message::new(Role::Assistant);
    answer.set_content(Text::new(case.answer));

    let mut trace = Trace::new();
    trace.set_id(tracemill::model::Key::from(case.id));
    for message in [question, call, result, answer] {
        trace.push_message(message);
    }
    trace.push_score(Score::new(
        Some(Text::new("passed")),
        ScoreValue::Bool(case.passed),
    ));
    trace
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cases = [
        Case {
            id: "oslo",
            question: "Weather in Oslo?",
            city: "Oslo",
            tool_answer: "4 C",
            answer: "It is 4 C in Oslo.",
            passed: true,
        },
        Case {
            id: "lyon",
            question: "Weather in Lyon?",
            city: "Lyon",
            tool_answer: "17 C",
            answer: "It is 40 C in Lyon.",
            passed: false,
        },
    ];
    let artifact = FineTuningReporter::new("openai")?.report(&cases)?;
    assert_eq!(artifact.path, PathBuf::from("fine-tuning/openai.jsonl"));
    let text = String::from_utf8(artifact.bytes)?;
    assert_eq!(text.lines().count(), 1, "only the passed run is trained on");
    assert!(text.contains("It is 4 C in Oslo."));
    #[expect(clippy::print_stdout, reason = "an example shows its result")]
    {
        println!("{}\n{text}", artifact.path.display());
    }
    Ok(())
}
