//! Damaged files: cut somewhere, a byte changed, a key taken out. Whatever is left, nothing panics, and every record and
//! every trace is accounted for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tracemill::io::Input;
use tracemill::model::Trace;
use tracemill::{Mill, OnError, WhenEmpty};

/// A small generator of numbers, the same on every machine.
struct Random(u64);

impl Random {
    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("below a length")
    }
}

/// Where the numbers for an input begin: other inputs change nothing about it.
fn seed(input: &[u8]) -> u64 {
    let mix = |seed: u64, byte: &u8| (seed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    input.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1
}

/// The golden inputs of all sources: the name of the source, and the file.
fn inputs() -> Vec<(String, PathBuf)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracemill-sources/tests/golden");
    let mut inputs = Vec::new();
    for source in tracemill::sources::sources() {
        let mut folders = vec![golden.join(source.name())];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("it has goldens") {
                let path = entry.expect("it is readable").path();
                let is_input = path.file_stem().is_some_and(|stem| stem == "input")
                    || path.ancestors().skip(1).any(|folder| folder.ends_with("input"));
                if path.is_dir() {
                    folders.push(path);
                } else if is_input {
                    inputs.push((source.name().to_owned(), path));
                }
            }
        }
    }
    inputs.sort();
    inputs
}

/// One damaged copy.
fn damaged(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    match random.below(3) {
        0 => bytes.truncate(random.below(input.len())),
        1 => bytes[random.below(input.len())] ^= 1 << random.below(8),
        _ => without_key(&mut bytes, random),
    }
    bytes
}

/// Takes a key and its value out; changes a byte if there is no key.
fn without_key(bytes: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(bytes.len());
    let colon = (from..bytes.len().saturating_sub(1)).find(|&at| bytes[at] == b'"' && bytes[at + 1] == b':');
    let Some(end) = colon else {
        bytes[from] = b'}';
        return;
    };
    let start = bytes[..end].iter().rposition(|&byte| byte == b'"').unwrap_or(end);
    let mut at = end + 2;
    let (mut depth, mut in_text) = (0_usize, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text && depth == 0 => break,
            b'}' | b']' if !in_text => depth -= 1,
            b',' if !in_text && depth == 0 => {
                at += 1;
                break;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.drain(start..at.min(bytes.len()));
}

/// What a run over damaged bytes came to.
enum Came {
    Refused,
    Read { rejected: u64 },
}

/// Reads the bytes as the source that is named, or as the one that is detected.
fn run(name: &str, source: Option<&str>, bytes: Vec<u8>) -> Came {
    let mut builder = Mill::builder();
    builder.format("tracemill").expect("it is registered");
    builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
    if let Some(source) = source {
        builder.source_named(source).expect("it is registered");
    }
    let mill = builder.build().expect("it is configured");
    let Ok(encoded) = mill.collect([Input::bytes(name, bytes)]) else {
        return Came::Refused;
    };
    let ledger = &encoded.ledger;
    assert!(ledger.balances(), "{name}: {ledger:?}");
    let lines = String::from_utf8(encoded.bytes).expect("lines are UTF-8");
    assert_eq!(lines.lines().count() as u64, ledger.traces.used, "{name}: lines");
    for line in lines.lines() {
        let trace = Trace::from_json(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        let mut again = Vec::new();
        trace.write_json(&mut again);
        assert_eq!(again, line.as_bytes(), "{name}: a trace that is not canonical");
    }
    Came::Read {
        rejected: ledger.rejected(),
    }
}

#[test]
fn damaged_inputs_are_refused_or_accounted_for() {
    /// Enough for thousands over all inputs.
    const COPIES: usize = 60;
    let (mut refused, mut whole, mut partly) = (0, 0, 0);
    let mut sources = BTreeSet::new();
    for (source, path) in &inputs() {
        let input = fs::read(path).expect("it is readable");
        if input.is_empty() {
            continue;
        }
        sources.insert(source.clone());
        let mut random = Random(seed(&input));
        for copy in 0..COPIES {
            let bytes = damaged(&input, &mut random);
            let name = format!("{} (copy {copy})", path.display());
            let named = (copy % 2 == 0).then_some(source.as_str());
            match run(&name, named, bytes) {
                Came::Refused => refused += 1,
                Came::Read { rejected: 0 } => whole += 1,
                Came::Read { .. } => partly += 1,
            }
        }
    }
    assert_eq!(sources.len(), tracemill::sources::sources().len());
    // All three happen: else the damage does not reach what it should.
    assert!(
        refused > 0 && whole > 0 && partly > 0,
        "{refused} refused, {whole} whole, {partly} partly"
    );
    assert!(refused + whole + partly > 2000, "too few copies");
}

#[test]
fn a_key_is_taken_out_with_its_value() {
    let text = |json: &str, seed| {
        let mut bytes = json.as_bytes().to_vec();
        without_key(&mut bytes, &mut Random(seed));
        String::from_utf8(bytes).expect("ASCII")
    };
    let outcomes: BTreeSet<_> = (1..40).map(|seed| text(r#"{"a":[1,"}"],"b":2}"#, seed)).collect();
    assert!(
        outcomes.contains(r#"{"b":2}"#) && outcomes.contains(r#"{"a":[1,"}"],}"#),
        "{outcomes:?}"
    );
}
