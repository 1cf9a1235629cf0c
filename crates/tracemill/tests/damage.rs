//! Damaged files: cut somewhere, a byte changed, a key taken out. Whatever is left, nothing panics, and every record and
//! every trace is accounted for.
//!
//! The files are the golden inputs of the sources; where `TRACEMILL_CORPORA` names a folder of recorded files, those too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::error::Category;
use serde_json::value::RawValue;
use tracemill::io::Input;
use tracemill::model::{Framing, Trace};
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

/// All files in a folder and its folders.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The golden inputs of all sources: the name of the source, and the file.
fn inputs() -> Vec<(String, PathBuf)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracemill-sources/tests/golden");
    let mut inputs = Vec::new();
    for source in tracemill::sources::sources() {
        let mut found = Vec::new();
        files(&golden.join(source.name()), &mut found);
        found.retain(|path| {
            path.file_stem().is_some_and(|stem| stem == "input")
                || path.ancestors().skip(1).any(|folder| folder.ends_with("input"))
        });
        inputs.extend(found.into_iter().map(|path| (source.name().to_owned(), path)));
    }
    inputs.sort();
    inputs
}

/// The recorded files, if there are any: the source that reads each, if one does, and the file.
fn recorded() -> Vec<(Option<String>, PathBuf)> {
    let mut found = Vec::new();
    if let Some(corpora) = std::env::var_os("TRACEMILL_CORPORA") {
        files(Path::new(&corpora), &mut found);
    }
    found.sort();
    let with_source = |path: PathBuf| {
        let encoded = mill(None).collect([Input::path(&path)]).ok();
        (
            encoded.map(|encoded| encoded.ledger.inputs[0].source.clone()),
            path,
        )
    };
    found.into_iter().map(with_source).collect()
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

/// What became of damaged copies.
#[derive(Debug, Default)]
struct Outcomes {
    refused: u64,
    /// Those of which nothing was rejected.
    whole: u64,
    partly: u64,
}

impl Outcomes {
    fn total(&self) -> u64 {
        self.refused + self.whole + self.partly
    }

    /// Damages an input so many times; every second copy is read as the source that is named, the others as what is
    /// detected.
    fn damage(&mut self, source: Option<&str>, path: &Path, input: &[u8], copies: usize) {
        let mut random = Random(seed(input));
        for copy in 0..copies {
            let bytes = damaged(input, &mut random);
            let name = format!("{} (copy {copy})", path.display());
            match rejected(&name, source.filter(|_| copy % 2 == 0), bytes) {
                None => self.refused += 1,
                Some(0) => self.whole += 1,
                Some(_) => self.partly += 1,
            }
        }
    }
}

/// Writes canonical traces of what a source reads, or of what is detected.
fn mill(source: Option<&str>) -> Mill {
    let mut builder = Mill::builder();
    builder.format("tracemill").expect("it is registered");
    builder.on_error(OnError::Skip).when_empty(WhenEmpty::Allow);
    if let Some(source) = source {
        builder.source_named(source).expect("it is registered");
    }
    builder.build().expect("it is configured")
}

/// How much was rejected of what was read; `None` if all was refused.
fn rejected(name: &str, source: Option<&str>, bytes: Vec<u8>) -> Option<u64> {
    let flaw = flaw(&bytes);
    let encoded = mill(source).collect([Input::bytes(name, bytes)]).ok()?;
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
    let is_flawed = match flaw {
        Some(Category::Eof) => true,
        // What is beside the array of the records is passed over.
        Some(_) => !ledger.inputs.iter().any(|input| is_within(&input.source)),
        None => false,
    };
    assert!(
        !is_flawed || ledger.rejected() > 0,
        "{name}: what is no JSON was not counted: {ledger:?}"
    );
    Some(ledger.rejected())
}

/// Why the bytes are not JSON values one after another, as another parser sees it.
fn flaw(bytes: &[u8]) -> Option<Category> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Box<RawValue>>();
    values
        .filter_map(Result::err)
        .map(|error| error.classify())
        .next()
}

/// Whether the records of a source may be within a document that says other things too.
fn is_within(source: &str) -> bool {
    let framings = tracemill::sources::source(source).map(|source| source.make().framings());
    framings
        .into_iter()
        .flatten()
        .any(|framing| matches!(framing, Framing::Elements(elements) if !elements.pointer().is_empty()))
}

#[test]
fn damaged_inputs_are_refused_or_accounted_for() {
    /// Enough for thousands over all inputs.
    const COPIES: usize = 60;
    let mut outcomes = Outcomes::default();
    let mut sources = BTreeSet::new();
    for (source, path) in &inputs() {
        let input = fs::read(path).expect("it is readable");
        if !input.is_empty() {
            sources.insert(source.clone());
            outcomes.damage(Some(source), path, &input, COPIES);
        }
    }
    assert_eq!(sources.len(), tracemill::sources::sources().len());
    assert_telling(&outcomes);
}

#[test]
fn damaged_recordings_are_refused_or_accounted_for() {
    /// The bytes that the copies of a file may have together, so that long files do not take all the time.
    const BYTES: usize = 6_000_000;
    let recorded = recorded();
    if recorded.is_empty() {
        return;
    }
    let mut outcomes = Outcomes::default();
    for (source, path) in &recorded {
        let input = fs::read(path).expect("it is readable");
        if !input.is_empty() {
            let copies = (BYTES / input.len()).clamp(6, 60);
            outcomes.damage(source.as_deref(), path, &input, copies);
        }
    }
    assert_telling(&outcomes);
}

/// Everything that can become of a copy became of some: else the damage does not reach what it should.
fn assert_telling(outcomes: &Outcomes) {
    assert!(
        outcomes.refused > 0 && outcomes.whole > 0 && outcomes.partly > 0,
        "{outcomes:?}"
    );
    assert!(outcomes.total() > 2000, "too few copies: {outcomes:?}");
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
