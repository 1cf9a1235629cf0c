//! One line in, one record out: for the unit tests of encoders.

use tracemill_model::{Conversation, Example, Trace, Turns};

use crate::encoder::{EncodeError, Scratch};
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::spec::{FormatSpec, SpecError};

/// The record of a whole trace, and its losses with the message that each was met in first.
pub(crate) fn encode(spec: &str, line: &str) -> Result<(String, Vec<(Loss, usize)>), EncodeError> {
    let trace = Trace::from_json(line).expect("a test writes valid traces");
    encode_conversation(spec, Conversation::whole(&trace))
}

/// The records of every turn of a trace.
pub(crate) fn encode_each(spec: &str, line: &str) -> Vec<(String, Vec<(Loss, usize)>)> {
    let trace = Trace::from_json(line).expect("a test writes valid traces");
    let turns = Turns::Each.of(&trace);
    turns
        .map(|turn| encode_conversation(spec, turn).expect("a test that expects records"))
        .collect()
}

/// What a format says to options that it cannot follow.
pub(crate) fn conflict(spec: &str, options: &EncodeOptions) -> SpecError {
    let spec: FormatSpec = spec.parse().expect("a test names known formats");
    spec.encoder(options)
        .map(|_| ())
        .expect_err("a test that expects a refusal")
}

fn encode_conversation(
    spec: &str,
    conversation: Conversation<'_>,
) -> Result<(String, Vec<(Loss, usize)>), EncodeError> {
    let spec: FormatSpec = spec.parse().expect("a test names known formats");
    let encoder = spec
        .encoder(&EncodeOptions::default())
        .expect("default options are no conflict");
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    encoder.encode(&Example::Conversation(conversation), &mut scratch, &mut out)?;
    let losses = scratch
        .losses
        .iter()
        .map(|(loss, _, first)| (loss, first))
        .collect();
    Ok((String::from_utf8(out).expect("records are UTF-8"), losses))
}
