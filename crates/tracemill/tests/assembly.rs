//! Traces that are put together from several records: whatever the threads, the memory and the inputs, they are the same.

use proptest::prelude::*;
use tracemill::io::{Input, MemoryBudget, RecordLimit, Threads};
use tracemill::model::json::Cursor;
use tracemill::model::{DecodeError, Framing, Message, RawJson, Trace};
use tracemill::pairs::PairOptions;
use tracemill::sources::{Batch, Context, Evidence, Head, PieceError, Pieces, Source};
use tracemill::{Encoded, ErrorKind, Mill, MillBuilder, OnError, Pairing};

/// Lines such as `{"run":"a","score":1,"message":{…}}`, those of several runs mixed. A piece is the line, or a copy of it.
#[derive(Clone, Copy, Debug)]
struct Chatter {
    copies: bool,
    gaps: bool,
}

const PLAIN: Chatter = Chatter {
    copies: false,
    gaps: false,
};

impl Source for Chatter {
    fn name(&self) -> &'static str {
        "chatter"
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, _: &Head) -> Option<Evidence> {
        None
    }

    fn assembles(&self) -> bool {
        true
    }

    fn survives_gaps(&self) -> bool {
        self.gaps
    }

    fn pieces<'a>(&self, _: &Context, record: &'a str, pieces: &mut Pieces<'a>) -> Result<(), DecodeError> {
        let line = RawJson::parse(record)?;
        match line.get("run") {
            None => pieces.skip("no-run"),
            Some(run) if run.is_null() => pieces.push_to_input(record),
            Some(run) if self.copies => pieces.push(run.as_str().as_bytes(), record.to_owned()),
            Some(run) => pieces.push(run.as_str().as_bytes(), record),
        }
        Ok(())
    }

    fn assemble<'a>(&self, _: &Context, pieces: &[&'a str], batch: &mut Batch<'a>) -> Result<(), PieceError> {
        let mut trace = Trace::new();
        for (index, piece) in pieces.iter().enumerate() {
            let read = Cursor::new(piece).object(|cursor, key| match key.body() {
                "message" => Message::read(cursor).map(|message| {
                    trace.push_message(message);
                }),
                "run" => cursor.skip(),
                _ => trace.read_field(cursor, key),
            });
            read.map_err(|error| PieceError::new(index, error))?;
        }
        if trace.messages().is_empty() {
            batch.skip("nothing-said");
        } else {
            batch.push(trace);
        }
        Ok(())
    }
}

fn builder(source: Chatter) -> MillBuilder {
    let mut builder = Mill::builder();
    builder.source(source).format("tracemill").expect("it is there");
    builder
}

fn collect(builder: &MillBuilder, inputs: impl IntoIterator<Item = Input>) -> Encoded {
    let encoded = builder.build().expect("a mill").collect(inputs).expect("a run");
    assert!(encoded.ledger.balances(), "{:?}", encoded.ledger);
    encoded
}

fn line(run: &str, text: &str) -> String {
    format!("{{\"run\":{run},\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n")
}

/// What comes out, by the plainest way there is.
fn expected(lines: &[(u8, String)]) -> String {
    let mut runs: Vec<(u8, Vec<&str>)> = Vec::new();
    for (run, text) in lines {
        match runs.iter_mut().find(|(known, _)| known == run) {
            Some((_, texts)) => texts.push(text),
            None => runs.push((*run, vec![text])),
        }
    }
    let message = |text: &&str| format!(r#"{{"role":"user","content":"{text}"}}"#);
    let trace = |(_, texts): &(u8, Vec<&str>)| {
        let messages: Vec<_> = texts.iter().map(message).collect();
        format!("{{\"messages\":[{}]}}\n", messages.join(","))
    };
    runs.iter().map(trace).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn threads_memory_and_division_change_nothing(
        lines in prop::collection::vec((0_u8..12, "[a-z]{0,200}"), 1..200),
        cut in 0_usize..200,
        threads in 1_usize..4,
        memory in prop::sample::select(vec![1, 1000, 1 << 28]),
        copies: bool,
        once: bool,
    ) {
        let cut = cut.min(lines.len());
        let text = |lines: &[(u8, String)]| -> String {
            lines.iter().map(|(run, text)| line(&run.to_string(), text)).collect()
        };
        let (first, second) = (text(&lines[..cut]), text(&lines[cut..]));
        let first = if once {
            Input::reader("a", std::io::Cursor::new(first))
        } else {
            Input::bytes("a", first)
        };
        let mut builder = builder(Chatter { copies, gaps: false });
        builder.threads(Threads::exactly(threads.try_into()?)).memory(MemoryBudget::new(memory));
        let encoded = collect(&builder, [first, Input::bytes("b", second)]);
        prop_assert_eq!(String::from_utf8(encoded.bytes)?, expected(&lines));
        prop_assert_eq!(encoded.ledger.records.decoded, lines.len() as u64);
    }
}

#[test]
fn records_and_traces_are_counted_apart() {
    let text = [
        line("1", "a"),
        "{\"note\":1}\n".to_owned(),
        line("2", "b"),
        line("1", "c"),
        "{\"run\":3}\n".to_owned(),
    ];
    let Encoded { ledger, .. } = collect(&builder(PLAIN), [Input::bytes("a", text.concat())]);
    assert_eq!((ledger.records.read, ledger.records.decoded), (5, 4));
    assert_eq!(ledger.records.skipped.get("no-run"), 1);
    assert_eq!((ledger.traces.read, ledger.traces.used), (3, 2));
    assert_eq!(ledger.traces.unused.get("nothing-said"), 1);
    assert_eq!(ledger.inputs[0].records, 5);
    assert_eq!(ledger.inputs[0].source, "chatter");
}

#[test]
fn pieces_without_a_key_belong_to_their_input() {
    let text = [line("null", "a"), line("null", "b")].concat();
    let inputs = [Input::bytes("a", text.clone()), Input::bytes("b", text)];
    assert_eq!(collect(&builder(PLAIN), inputs).ledger.traces.read, 2);
}

#[test]
fn an_error_names_the_place_of_the_piece() {
    let text = [
        line("1", "a"),
        line("2", "b"),
        "{\"run\":1,\"message\":7}\n".to_owned(),
    ];
    let input = || Input::bytes("a.jsonl", text.concat());
    let error = builder(PLAIN).build().unwrap().collect([input()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(error.to_string().starts_with("a.jsonl:3: "), "{error}");

    let mut skipping = builder(PLAIN);
    skipping.on_error(OnError::Skip);
    let Encoded { ledger, .. } = collect(&skipping, [input()]);
    assert_eq!(ledger.records.decoded, 3);
    assert_eq!((ledger.traces.read, ledger.traces.rejected.total()), (2, 1));
}

#[test]
fn what_a_format_refuses_is_found_at_the_first_piece() {
    let text = ["\n".to_owned(), line("1", "a"), line("1", "b")].concat();
    let mut builder = builder(PLAIN);
    builder.format("sharegpt").unwrap();
    let error = builder
        .build()
        .unwrap()
        .collect([Input::bytes("a.jsonl", text)])
        .unwrap_err();
    assert!(error.to_string().starts_with("a.jsonl:2: "), "{error}");
}

#[test]
fn a_rejected_record_leaves_holes_unless_the_source_knows_better() {
    let text = [line("1", "a"), "{oops\n".to_owned(), line("1", "b")].concat();
    let inputs = || [Input::bytes("a", text.clone()), Input::bytes("b", line("2", "c"))];
    let error = builder(PLAIN).build().unwrap().collect(inputs()).unwrap_err();
    assert!(error.to_string().starts_with("a:2: "), "{error}");

    let mut builder = builder(PLAIN);
    builder.on_error(OnError::Skip);
    let Encoded { ledger, .. } = collect(&builder, inputs());
    assert_eq!(ledger.records.rejected.get("syntax"), 1);
    assert_eq!(ledger.traces.rejected.get("incomplete"), 1);
    assert_eq!(ledger.traces.used, 1);

    builder.source(Chatter { gaps: true, ..PLAIN });
    let Encoded { ledger, .. } = collect(&builder, inputs());
    assert_eq!((ledger.traces.rejected.total(), ledger.traces.used), (0, 2));
}

#[test]
fn a_trace_is_no_longer_than_a_record_may_be() {
    let text: String = (0..100).map(|_| line("1", "abc")).collect();
    let mut builder = builder(PLAIN);
    builder.record_limit(RecordLimit::new(1000));
    let error = builder
        .build()
        .unwrap()
        .collect([Input::bytes("a", text)])
        .unwrap_err();
    assert_eq!(error.code(), Some("too-long"));
    assert!(error.to_string().contains("`--max-record`"), "{error}");
}

#[test]
fn what_was_put_together_pairs() {
    let turn = |run: u8, rest: &str| format!("{{\"run\":{run},{rest}}}\n");
    let say = |role: &str, text: &str| format!(r#""message":{{"role":"{role}","content":"{text}"}}"#);
    let text = [
        turn(1, &say("user", "2+2?")),
        turn(2, &say("user", "2+2?")),
        turn(1, &format!("{},\"score\":1", say("assistant", "4"))),
        turn(2, &format!("{},\"score\":0", say("assistant", "5"))),
    ];
    let mut builder = builder(PLAIN);
    builder.format("trl-preference").unwrap();
    builder.pairing(Pairing::new(PairOptions::builder().build().unwrap()));
    let Encoded { bytes, ledger, .. } = collect(&builder, [Input::bytes("a", text.concat())]);
    assert_eq!((ledger.pairs.written, ledger.traces.used), (1, 2));
    let pair = r#"{"prompt":[{"role":"user","content":"2+2?"}],"chosen":[{"role":"assistant","content":"4"}],"rejected":[{"role":"assistant","content":"5"}]}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), format!("{pair}\n"));
}

#[test]
fn a_long_document_on_one_line_is_taken_apart() {
    let text = "x".repeat(200);
    let span = |number: u32| {
        let said = format!(
            r#"{{"key":"gen_ai.input.messages","value":{{"stringValue":"[{{\"role\":\"user\",\"parts\":[{{\"type\":\"text\",\"content\":\"{text}\"}}]}}]"}}}},{{"key":"gen_ai.output.messages","value":{{"stringValue":"[{{\"role\":\"assistant\",\"parts\":[{{\"type\":\"text\",\"content\":\"{number}\"}}]}}]"}}}}"#
        );
        format!(
            r#"{{"scopeSpans":[{{"spans":[{{"traceId":"{number:032x}","spanId":"{number:016x}","attributes":[{said}]}}]}}]}}"#
        )
    };
    let spans: Vec<String> = (0..1000).map(span).collect();
    let document = format!("{{\"resourceSpans\":[{}]}}", spans.join(","));
    let lines: Vec<String> = spans
        .iter()
        .map(|span| format!("{{\"resourceSpans\":[{span}]}}"))
        .collect();
    let mut builder = Mill::builder();
    builder.format("openai").unwrap();
    let one = collect(&builder, [Input::bytes("one.json", document)]);
    let many = collect(&builder, [Input::bytes("many.jsonl", lines.join("\n"))]);
    assert_eq!((one.ledger.records.read, one.ledger.examples), (1000, 1000));
    assert_eq!(one.bytes, many.bytes);
}
